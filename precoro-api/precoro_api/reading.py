"""Lists, read so that no row that stood unchanged meanwhile is missed.

Pages are counted by offset, so a row that is deleted, or moves, between two requests shifts the
rows behind it, and one of them may slip past unread. A list that fits on a page is read at one
moment. Of longer ones a reading is *proven* by counting, or the list is read again: it is whole
when it holds as many different rows that were in the list at its first answer as there were then.

- How many there were the API tells as the total. Where it tells none, the pages are read back
  from the last one, whose number and rows say it as well.
- Which rows were there their dates say; or else an earlier reading, which held them, too.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api.encoding import filter_moment
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
_NEVER_CHANGES = "createDate["
"""How filters begin by which no row can leave a list and come back."""


@dataclass
class Reading:
    """One list, read until it is proven whole.

    `asked_at` is the server's clock when the first page was read, cut to a second; `whole` says
    whether all of it was handed out; `readings` how often it was begun. Of earlier readings, `ids`
    are all that were seen, `dates` the changes of those whose dates proved nothing, and
    `fullest` counts the rows of a full page.
    """

    client: Client
    resource: Resource
    since: datetime | None = None
    filters: Sequence[tuple[str, str]] = ()
    path: Mapping[str, object] | None = None
    asked_at: datetime | None = None
    whole: bool = False
    readings: int = 0
    fullest: int = field(default=0, repr=False)
    ids: set[Any] = field(default_factory=set, repr=False)
    dates: dict[Any, str | None] = field(default_factory=dict, repr=False)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of `pages`."""
        for page in self.pages():
            yield from page.rows

    def pages(self) -> Iterator[Page]:
        """The pages; from the second reading on only rows that are new or may have changed.

        Raises UnexpectedAnswer when the list moved under every reading.
        """
        back_from: int | None = None
        while self.readings < _MOST_READINGS:
            self.readings += 1
            look = _Look(self, back_from)
            for page in look.pages():
                if self.asked_at is None and page.asked_at is not None:
                    self.asked_at = page.asked_at.replace(microsecond=0)
                fresh = self.readings == 1
                yield page if fresh else page.holding(filter(self._may_be_fresh, page.rows))
            if look.proves_whole:
                self.whole = True
                return
            back_from = look.end
            self.ids |= look.ids
            logger.info(
                "%s: rows moved, or may have, while its pages were read; reading them again.",
                self.resource.name,
            )
        raise UnexpectedAnswer(
            f"its rows moved under each of {_MOST_READINGS} readings, so one may be missing",
            resource=self.resource.name,
        )

    def _may_be_fresh(self, row: Mapping[str, Any]) -> bool:
        changed = self.changed(row)
        known = self.key(row) in self.ids
        if not known or changed is None or self.asked_at is None:
            return True
        return changed >= self.asked_at.isoformat()

    def key(self, row: Mapping[str, Any]) -> Any:
        """What tells a row from all others; what is no such thing, as a text."""
        key = row.get(self.resource.primary_key)
        return key if isinstance(key, (int, str)) else repr(key)

    def changed(self, row: Mapping[str, Any]) -> str | None:
        """When a row was last changed, as far as it says so."""
        return _moment(row.get(self.resource.replication_key or "updateDate"))

    @property
    def may_return(self) -> bool:
        """Whether rows can leave this list, and come back, as they change."""
        return any(not name.startswith(_NEVER_CHANGES) for name, _ in self.filters)


class _Look:
    """One pass over the list, from its first page or back from a later one, and what it proves.

    `end` is the page from which the next look must go back: None where the total is told, or
    where the list has grown beyond it.
    """

    def __init__(self, reading: Reading, back_from: int | None) -> None:
        self._reading = reading
        self._back_from = back_from
        self._stood = 0
        self._total: int | None = None
        self._at_once = False
        self._begun = False
        self._began: str | None = None
        self._since = ""
        if reading.since is not None:
            self._since = f"{filter_moment(reading.since)}+00:00"
        self._may_return = reading.may_return
        self.ids: set[Any] = set()
        self.end: int | None = None

    def pages(self) -> Iterator[Page]:
        """The pages, as they are."""
        reading = self._reading
        for page in reading.client.pages(
            reading.resource,
            filters=reading.filters,
            since=reading.since,
            path=reading.path,
            back_from=self._back_from,
        ):
            reading.fullest = max(reading.fullest, len(page.rows))
            if not self._begun:
                self._begin(page)
            for row in page.rows:
                self._count(row)
            self._at_once = page.number == 1 and not page.has_next
            if self._back_from is None and page.total is None:
                self.end = page.number
            yield page
            if self._back_from is not None and self._begun and self.end is None:
                return  # there are pages behind; the next look finds the last one

    def _begin(self, page: Page) -> None:
        """Note how many rows there are, and when this is so."""
        if self._back_from is None:
            self._total = page.total
        elif not page.rows:
            return  # the list has shrunk; its last page comes before
        elif not page.has_next:
            self.end = page.number
            self._total = (page.number - 1) * self._reading.fullest + len(page.rows)
        self._begun = True
        if page.asked_at is not None:
            self._began = page.asked_at.replace(microsecond=0).isoformat()

    def _count(self, row: Mapping[str, Any]) -> None:
        key = self._reading.key(row)
        if key not in self.ids:
            self.ids.add(key)
            self._stood += self._was_there(key, row)

    def _was_there(self, key: Any, row: Mapping[str, Any]) -> bool:
        """Whether the row was in the list when this look began."""
        changed = self._reading.changed(row)
        if self._began is not None:
            if changed is not None and changed < self._began:
                return True
            if not self._may_return and self._since < _born(row) < self._began:
                return True
        return self._was_seen(key, changed)

    def _was_seen(self, key: Any, changed: str | None) -> bool:
        """Whether an earlier look saw it, so that it was there all the time."""
        reading = self._reading
        if not self._may_return:
            return key in reading.ids
        stood = key in reading.ids and reading.dates.get(key) == changed
        reading.dates[key] = changed
        return stood

    @property
    def proves_whole(self) -> bool:
        """Whether no row that stood unchanged can be missing."""
        return self._at_once or self._stood == self._total


def _born(row: Mapping[str, Any]) -> str:
    return next((moment for name in _BORN if (moment := _moment(row.get(name)))), "")


def _moment(value: object) -> str | None:
    try:
        return read_moment(value)
    except Misfit:
        return None
