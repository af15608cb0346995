"""Rows of a list, found by their fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_precoro.records.equality import folded, is_empty, reference_id
from target_precoro.records.form_keys import EXTERNAL_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IndexedRows", "Row", "indexed_as"]

Row = dict[str, Any]


def indexed_as(name: str, value: Any) -> str:
    """A value as rows are found by it."""
    if name != EXTERNAL_ID:
        return reference_id(value) if isinstance(value, dict) else folded(value)
    # The API may answer `007` as the number 7: as text it is another id, as number the same.
    return f"#{value}" if isinstance(value, int) else str(value).strip()


class IndexedRows:
    """Rows by what names them; by another field once they are asked for by it.

    For one thread at a time.
    """

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = dict(rows)
        self._indexes: dict[str, dict[str, list[Row]]] = {}

    @property
    def all(self) -> dict[str, Row]:
        """Them all, by what names them."""
        return self._rows

    def by(self, name: str, value: str) -> list[Row]:
        """The rows with this value of a field, as it is indexed."""
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = {}
            for row in self._rows.values():
                if not is_empty(row.get(name)):
                    index.setdefault(indexed_as(name, row[name]), []).append(row)
        return index.get(value, [])

    def put(self, key: str, row: Row) -> None:
        """A row in place of the one of that name."""
        before = self._rows.get(key)
        self._rows[key] = row
        for name, index in self._indexes.items():
            if before is not None:
                same = index.get(indexed_as(name, before.get(name)), [])
                same[:] = [each for each in same if each is not before]
            if not is_empty(row.get(name)):
                index.setdefault(indexed_as(name, row[name]), []).append(row)
