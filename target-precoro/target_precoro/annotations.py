"""Why a document was refused, written where people see it: Precoro's own field for that."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, PrecoroError
from precoro_api.fields import unwrap

from target_precoro.equality import is_empty
from target_precoro.form_keys import EXTERNAL_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Client, Resource

    from target_precoro.engine import Engine
    from target_precoro.outcome import Outcome, Pending

__all__ = ["Annotations"]

logger = logging.getLogger(__name__)

_LOG = "externalIntegrationLog"
_LONGEST = 250


class Annotations:
    """Sets the log of a document whose record was refused, and clears it on success."""

    def __init__(self, client: Client, engine: Engine) -> None:
        self._client = client
        self._engine = engine

    def tell(self, each: Pending, outcome: Outcome) -> None:
        """Write a record's reason to its document, or clear an older one; a failure only warns."""
        try:
            found = self._document_of(each, outcome)
            if found is None:
                return
            resource, row = found
            before = row.get(_LOG)
            if outcome.action == "rejected":
                text = outcome.reason[:_LONGEST]
            elif is_empty(before) or _LOG in each.wanted.values:
                return
            else:
                text = ""
            if (before or "") != text:
                self._write(resource, row, text)
        except PrecoroError as problem:
            logger.warning("external_integration_log: %s", problem)

    def _document_of(
        self, each: Pending, outcome: Outcome
    ) -> tuple[Resource, Mapping[str, Any]] | None:
        resource, row = each.route.resource, outcome.row
        if resource.name == "payments":
            invoice = self._engine.payments.invoice_of(each.wanted)
            return None if invoice is None else (BY_NAME["invoices"], invoice)
        if resource.patch is None or _LOG not in resource.patch.keys:
            return None
        if not row.get("idn") and each.wanted.idn:
            row = self._client.detail(resource, each.wanted.idn)
        return (resource, row) if row.get("idn") else None

    def _write(self, resource: Resource, row: Mapping[str, Any], text: str) -> None:
        assert resource.patch is not None  # noqa: S101 - asked before
        form = {EXTERNAL_ID: row.get(EXTERNAL_ID), _LOG: text}  # together, as the guides have it
        form = {name: value for name, value in form.items() if name == _LOG or not is_empty(value)}
        path = {resource.addressed_by: unwrap(row.get(resource.addressed_by))}
        self._client.write(resource, resource.patch, form, path=path, record_key=str(row["idn"]))
