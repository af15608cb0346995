"""A list that was asked for, its rows, and the order that these are in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Misfit, read_moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_api.probe.asking import Reply
    from precoro_api.resource import Resource

__all__ = [
    "Listing",
    "Row",
    "belongs_among",
    "moment_of",
    "order_of",
    "whole_number",
    "would_stand_among",
]

Row = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """A list that was asked for, the filters among its parameters, and its reply."""

    resource: Resource
    params: tuple[tuple[str, str], ...]
    reply: Reply

    @property
    def rows(self) -> list[Row]:
        """The rows that came; none where the list was refused."""
        return self.reply.rows or []

    @property
    def plain(self) -> bool:
        """Whether no filter was asked for."""
        return all(name in ("page", "per_page") for name, _ in self.params)

    @property
    def whole(self) -> bool:
        """Whether the rows are all that there are."""
        paging = self.reply.pagination
        if paging is None:
            return self.reply.ok
        if isinstance(paging.get("has_next_page"), bool):
            return not paging["has_next_page"]
        pages = whole_number(paging.get("total_pages"))
        return pages is not None and pages <= 1


def whole_number(value: object) -> int | None:
    """A count, however it is written."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else None


def moment_of(row: Row, name: str) -> datetime | None:
    """A moment of a row; None where it has none that can be read."""
    try:
        read = read_moment(row.get(name))
    except Misfit:
        return None
    return None if read is None else datetime.fromisoformat(read)


# Order


_ORDERS: dict[str, tuple[str, bool]] = {
    "id_desc": ("id", True),
    "id_asc": ("id", False),
    "updated": ("updateDate", False),
    "updated_desc": ("updateDate", True),
    "created": ("createDate", False),
    "created_desc": ("createDate", True),
}


def _place_of(row: Row, name: str) -> Any:
    return whole_number(row.get("id")) if name == "id" else moment_of(row, name)


def order_of(rows: Sequence[Row]) -> set[str]:
    """The orders in which these rows may have been put."""
    fits = set()
    for name, (key, falling) in _ORDERS.items():
        values = [_place_of(row, key) for row in rows]
        known: list[Any] = [value for value in values if value is not None]
        if len(known) == len(rows) and known == sorted(known, reverse=falling):
            fits.add(name)
    # An order by date is told from one by id only where the dates break the ids' order.
    by_id = fits & {"id_desc", "id_asc"}
    return by_id or fits


def would_stand_among(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a row would be on this first page of a list, if it were in the list at all."""
    for order in order_of(rows):
        name, falling = _ORDERS[order]
        last, mine = _place_of(rows[-1], name), _place_of(row, name)
        if mine is not None and (mine >= last if falling else mine <= last):
            return True
    return False


def belongs_among(notes: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Whether one of the notes would stand among these rows in every order of lists."""

    def within(value: Any, values: list[Any]) -> bool:
        return value is not None and bool(values) and min(values) <= value <= max(values)

    ids = [number for row in rows if (number := whole_number(row.get("id"))) is not None]
    changes = [moment for row in rows if (moment := moment_of(row, "updateDate")) is not None]
    return any(
        within(whole_number(note.get("id")), ids) and within(moment_of(note, "updateDate"), changes)
        for note in notes
    )
