"""Details of records, read where their list shows less than is to be compared."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from target_precoro.records.form_keys import form_keys
from target_precoro.records.upsert import unseen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_api import Client

    from target_precoro.records.outcome import Pending

__all__ = ["Details"]

logger = logging.getLogger(__name__)


class Details:
    """Completes rows; what even a detail does not show is told once a stream."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: set[tuple[str, str]] = set()

    def whole(
        self, each: Pending, row: Mapping[str, Any], names: Iterable[str]
    ) -> Mapping[str, Any]:
        """A row that shows the fields of these form keys, read again where it does not."""
        resource = each.route.resource
        shown = {key.shown_as for key in form_keys(resource).values() if key.key in set(names)}
        if shown <= row.keys() or resource.detail is None:
            return row
        return {**row, **self._client.detail(resource, row[resource.addressed_by])}

    def seen(self, each: Pending, row: Mapping[str, Any], *, planned: bool) -> Mapping[str, Any]:
        """A row that shows all that is to be compared; the list may show less than the detail.

        A `planned` row may say what a dry run is about to do, and the detail what is there still.
        """
        resource = each.route.resource
        if not unseen(resource, each.wanted, row) or resource.detail is None:
            return row
        if each.route.mode in ("insert", "link"):
            return row
        detail = self._client.detail(resource, row[resource.addressed_by])
        row = {**detail, **row} if planned else {**row, **detail}
        hidden = {
            name
            for name in unseen(resource, each.wanted, row)
            if (each.route.stream, name) not in self._told
        }
        if hidden:
            self._told |= {(each.route.stream, name) for name in hidden}
            logger.warning(
                "%s: Precoro does not show %s of existing records, so they cannot be compared and "
                "are sent with new records only.",
                each.route.stream,
                ", ".join(sorted(hidden)),
            )
        return row
