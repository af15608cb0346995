"""What one pass over a document's list saw, for the streams that fetch from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from precoro_api.fields import Misfit, read_moment

from tap_precoro.streams.resume import Listed, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from precoro_api import Resource

__all__ = ["Listing", "Reader", "changed_of"]


class Reader(Protocol):
    """A stream that fetches from the list."""

    def since(self) -> datetime | None:
        """Where it needs the list to begin; None for the very first row."""


@dataclass
class Listing:
    """The rows of one list that this run read; `asked_at` once it was read whole."""

    resource: Resource
    readers: tuple[Reader, ...] = ()
    asked_at: datetime | None = None
    whole: bool = False
    _rows: dict[Any, Listed] = field(default_factory=dict)

    def earliest(self, *more: datetime | None) -> datetime | None:
        """The earliest beginning that anyone needs; None is the very first row."""
        beginnings = [*more, *(reader.since() for reader in self.readers)]
        known = [moment for moment in beginnings if moment is not None]
        return min(known) if known and len(known) == len(beginnings) else None

    def note(self, row: Mapping[str, Any]) -> None:
        """Remember a listed row, the newest reading of each."""
        idn = row.get(self.resource.addressed_by)
        if idn in (None, ""):
            return
        listed = Listed(changed_of(self.resource, row), str(idn), digest_of(row))
        self._rows[row.get(self.resource.primary_key)] = listed

    def complete(self, asked_at: datetime | None) -> None:
        """The list was read whole."""
        self.asked_at, self.whole = asked_at, True

    @property
    def begun(self) -> bool:
        """Whether any row was seen."""
        return bool(self._rows)

    @property
    def documents(self) -> Iterable[Listed]:
        """Each document once: the children of a split invoice share their parent's idn."""
        together: dict[str, list[Listed]] = {}
        for listed in self._rows.values():
            together.setdefault(listed.idn, []).append(listed)
        return [_joined(rows) for rows in together.values()]


def changed_of(resource: Resource, row: Mapping[str, Any]) -> str:
    """When a record changed last, by its own word; "" where it tells no date."""
    try:
        return read_moment(row.get(str(resource.replication_key))) or ""
    except Misfit:
        return ""


def _joined(rows: list[Listed]) -> Listed:
    """The rows of one document as one, whatever their order."""
    if len(rows) == 1:
        return rows[0]
    digest = digest_of({"rows": sorted(each.digest for each in rows)})
    return Listed(max(each.changed for each in rows), rows[0].idn, digest)
