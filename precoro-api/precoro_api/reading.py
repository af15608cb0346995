"""Lists, read so that no row that stood unchanged meanwhile is missed.

Pages are counted by offset, so a row that is deleted, or moves, between two requests shifts the
rows behind it, and one of them may slip past unread. A list of one page is read at one moment. Of
longer ones a reading is *proven* from its own rows, or the list is read again:

- Where the API tells the total of N rows, the reading is whole when it holds N different rows
  that were in the list when its first page was read, as their dates say. Then none is missing.
- Where it does not, the pages are read back from the last to the first. Rows then slip towards
  pages that are still to come, unless something was put in before them, which is seen: a row that
  the reading before did not hold, or that changed since.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api.errors import UnexpectedAnswer
from precoro_api.fields import Misfit, read_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from precoro_api.client import Client
    from precoro_api.paging import Page
    from precoro_api.resource import Resource

__all__ = ["Reading"]

logger = logging.getLogger(__name__)

_MOST_READINGS = 12
_BORN = ("createDate", "uploadDate")


@dataclass
class Reading:
    """One list, read until it is proven whole.

    `asked_at` is the server's clock when the first page was read, cut to a second; `whole` says
    whether all of it was handed out; `readings` how often it was begun.
    """

    client: Client
    resource: Resource
    since: datetime | None = None
    filters: Sequence[tuple[str, str]] = ()
    path: Mapping[str, object] | None = None
    asked_at: datetime | None = None
    whole: bool = False
    readings: int = 0
    ids: set[Any] = field(default_factory=set, repr=False)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of `pages`."""
        for page in self.pages():
            yield from page.rows

    def pages(self) -> Iterator[Page]:
        """The pages; from the second reading on only rows that are new or changed.

        Raises UnexpectedAnswer when the list moved under every reading.
        """
        back_from: int | None = None
        while self.readings < _MOST_READINGS:
            self.readings += 1
            look = _Look(self, first=self.readings == 1, backwards=back_from is not None)
            last = 1
            for page in look.pages(back_from):
                if self.asked_at is None and page.asked_at is not None:
                    self.asked_at = page.asked_at.replace(microsecond=0)
                last = max(last, page.number)
                yield page
            back_from = last if look.total is None else None
            if look.proves_whole():
                self.whole = True
                return
            logger.info(
                "%s: rows moved while their %d pages were read; reading them again.",
                self.resource.name,
                last,
            )
        raise UnexpectedAnswer(
            f"its rows moved under each of {_MOST_READINGS} readings, so one may be missing",
            resource=self.resource.name,
        )


class _Look:
    """One pass over the list, and what it proves."""

    def __init__(self, reading: Reading, *, first: bool, backwards: bool) -> None:
        self._reading = reading
        self._first = first
        self._backwards = backwards
        self._before = frozenset(reading.ids)
        self._pages = 0
        self._stood: set[Any] = set()
        self._unsure = False
        self._dated = True
        self._began: str | None = None
        self.total: int | None = None

    def pages(self, last: int | None) -> Iterator[Page]:
        """The pages; of a later look, only with rows that are new or may have changed."""
        reading = self._reading
        read = reading.client.pages(
            reading.resource,
            filters=reading.filters,
            since=reading.since,
            path=reading.path,
            back_from=last,
        )
        for page in read:
            if self._pages == 0:
                self.total = page.total
                if page.asked_at is not None:
                    self._began = page.asked_at.replace(microsecond=0).isoformat()
            self._pages += 1
            fresh = [row for row in page.rows if self._take(row)]
            yield page if self._first else page.holding(fresh)

    def _take(self, row: Mapping[str, Any]) -> bool:
        """Note a row; whether it is to be handed out."""
        key = row.get(self._reading.resource.primary_key)
        new, stood = key not in self._before, self._was_there(row)
        if stood:
            self._stood.add(key)
        self._unsure |= new or not stood
        self._reading.ids.add(key)
        return new or not stood or not self._dated

    def _was_there(self, row: Mapping[str, Any]) -> bool:
        """Whether the row was in the list when this look began; where no date tells, it may be."""
        changed = _moment(row.get(self._reading.resource.replication_key or "updateDate"))
        born = next((moment for name in _BORN if (moment := _moment(row.get(name)))), None)
        if self._began is None or not (changed or born):
            self._dated = False
            return True
        if changed and changed < self._began:
            return True
        narrowed = self._reading.since is not None or bool(self._reading.filters)
        return bool(born and born < self._began and not narrowed)

    def proves_whole(self) -> bool:
        """Whether no row that stood unchanged can be missing."""
        if self._pages <= 1:
            return True  # read at one moment
        if self._backwards:
            return not self._unsure
        if self.total is None or len(self._stood) != self.total:
            return False
        # Without dates a new row may stand in for one that slipped by: the same rows twice prove.
        return self._dated or self._before == self._stood


def _moment(value: object) -> str | None:
    try:
        return read_moment(value)
    except Misfit:
        return None
