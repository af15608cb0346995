"""Why a document was refused, written where people see it: Precoro's own field for that."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, PrecoroError, QuotaSpent
from precoro_api.fields import unwrap

from target_precoro.records.equality import is_empty
from target_precoro.records.form_keys import EXTERNAL_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Client, Resource

    from target_precoro.engine import Engine
    from target_precoro.records.outcome import Outcome, Pending

__all__ = ["Annotations"]

logger = logging.getLogger(__name__)

_LOG = "externalIntegrationLog"
_LONGEST = 250
_IN_PLACE = ("created", "updated", "linked", "unchanged", "existing")


@dataclass
class _Told:
    """What the records of one document came to; `said` is a log that a record has brought."""

    row: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    in_place: bool = False
    said: bool = False


class Annotations:
    """Sets the log of a document if a record of it was refused, and clears it if none was.

    Several records may be about one document, such as the payments of an invoice: it is written
    once, when all are known.
    """

    def __init__(self, client: Client, engine: Engine) -> None:
        self._client = client
        self._engine = engine
        self._documents: dict[tuple[str, str], _Told] = {}

    def tell(self, each: Pending, outcome: Outcome) -> None:
        """Hear what became of a record."""
        resource, row = self._document_of(each, outcome)
        number = row.get("idn") or each.wanted.idn
        if resource is None or not number:
            return
        refused = outcome.action == "rejected"
        said = not refused and _LOG in each.wanted.values
        in_place = outcome.action in _IN_PLACE
        if not refused and not said and not (in_place and not is_empty(row.get(_LOG))):
            return
        told = self._documents.setdefault((resource.name, str(number)), _Told())
        told.row = row if row.get("idn") and (said or not told.said) else told.row
        told.reason = told.reason or (outcome.reason[:_LONGEST] if refused else "")
        told.in_place = told.in_place or in_place
        told.said = told.said or said

    def finish(self, *, whole: bool = True) -> None:
        """Write what differs; a failure only warns. Nothing is cleared unless all is known."""
        documents, self._documents = self._documents, {}
        for (name, number), told in documents.items():
            if not told.reason and (told.said or not told.in_place or not whole):
                continue
            try:
                self._settle(BY_NAME[name], number, told)
            except PrecoroError as problem:
                logger.warning("external_integration_log: %s", problem)
                if isinstance(problem, QuotaSpent):
                    return

    def _document_of(
        self, each: Pending, outcome: Outcome
    ) -> tuple[Resource | None, Mapping[str, Any]]:
        resource = each.route.resource
        if resource.name == "payments":
            invoice = self._engine.payments.invoice_of(each.wanted)
            return BY_NAME["invoices"], invoice or {}
        if resource.patch is None or _LOG not in resource.patch.keys:
            return None, {}
        return resource, outcome.row

    def _settle(self, resource: Resource, number: str, told: _Told) -> None:
        row = told.row or self._client.detail(resource, number)
        if (row.get(_LOG) or "") != told.reason:
            self._write(resource, row, told.reason)

    def _write(self, resource: Resource, row: Mapping[str, Any], text: str) -> None:
        assert resource.patch is not None  # noqa: S101 - asked before
        form = {EXTERNAL_ID: row.get(EXTERNAL_ID), _LOG: text}  # together, as the guides have it
        form = {name: value for name, value in form.items() if name == _LOG or not is_empty(value)}
        path = {resource.addressed_by: unwrap(row.get(resource.addressed_by))}
        self._client.write(resource, resource.patch, form, path=path, record_key=str(row["idn"]))
