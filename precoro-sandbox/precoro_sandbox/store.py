"""One company's records, in memory."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from precoro_api.enums import WebhookAction
from precoro_api.resources import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from precoro_sandbox.clock import SandboxClock

__all__ = ["Row", "Store"]

Row = dict[str, Any]

_FIRST_ID = 100_001


class Store:
    """Rows by resource and id. Keys that begin with `_`, and `field_id`, are the store's own.

    `tell`, where one is set, is called with each row that is added or changed.
    """

    def __init__(
        self, clock: SandboxClock, rows: Mapping[str, Iterable[Row]] | None = None
    ) -> None:
        self.clock = clock
        self.tables: dict[str, dict[int, Row]] = {name: {} for name in BY_NAME}
        self._last_id: defaultdict[str, int] = defaultdict(lambda: _FIRST_ID - 1)
        self._last_idn: defaultdict[str, int] = defaultdict(int)
        self._sorted: dict[tuple[str, str], list[Row]] = {}
        self.version = 0
        self.tell: Callable[[str, Row, WebhookAction], None] | None = None
        for resource, many in (rows or {}).items():
            for row in many:
                self._keep(resource, row)

    def rows(self, resource: str) -> dict[int, Row]:
        """The rows of a resource by id, in the order of their making."""
        return self.tables[resource]

    def ordered(self, resource: str, order: str) -> list[Row]:
        """All rows in one of the orders that a list may have; not to be changed."""
        known = self._sorted.get((resource, order))
        if known is None:
            rows = list(self.tables[resource].values())
            if order == "updated":
                rows.sort(key=lambda row: (row.get("updateDate") or "", row["id"]))
            else:
                rows.sort(key=lambda row: row["id"], reverse=order == "id_desc")
            known = self._sorted[resource, order] = rows
        return known

    def by_key(self, resource: str, key: str, value: str) -> Row | None:
        """The row that a path names by `id` or `idn`; of several with one idn, the parent."""
        if key == "id":
            return self.tables[resource].get(int(value)) if value.isdecimal() else None
        found = [
            row
            for row in self.tables[resource].values()
            if value in (row.get("idn"), row.get("_own_idn"))
        ]
        return min(found, key=lambda row: row["id"]) if found else None

    def add(self, resource: str, values: Row) -> Row:
        """A new row with its id, its idn where the resource has one, and its dates."""
        row = dict(values)
        row["id"] = self._last_id[resource] + 1
        known = BY_NAME[resource]
        if known.number:
            row["idn"] = str(self._last_idn[resource] + 1)
        stamp = self.clock.stamp()
        for date in ("createDate", "updateDate"):
            if date in known.by_name or date == "updateDate":
                row[date] = stamp
        self._keep(resource, row)
        if self.tell is not None:
            self.tell(resource, row, WebhookAction.CREATE)
        return row

    def change(self, resource: str, row: Row, values: Row, *, touch: bool = True) -> Row:
        """Set some of a row's values and, unless told otherwise, its update date."""
        row.update(values)
        if touch:
            row["updateDate"] = self.clock.stamp()
        self._forget_order(resource)
        if self.tell is not None:
            self.tell(resource, row, WebhookAction.UPDATE)
        return row

    def remove(self, resource: str, row_id: int) -> None:
        """Take a row away, as people do in the application; the API itself has no such call."""
        del self.tables[resource][row_id]
        self._forget_order(resource)

    def _keep(self, resource: str, row: Row) -> None:
        self.tables[resource][row["id"]] = row
        self._last_id[resource] = max(self._last_id[resource], row["id"])
        for idn in (row.get("idn"), row.get("_own_idn")):
            if idn is not None and str(idn).isdigit():
                self._last_idn[resource] = max(self._last_idn[resource], int(idn))
        self._forget_order(resource)

    def _forget_order(self, resource: str) -> None:
        self.version += 1
        if self._sorted:
            for order in [known for known in self._sorted if known[0] == resource]:
                del self._sorted[order]
