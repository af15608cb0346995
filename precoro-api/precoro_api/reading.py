"""Lists, read so that no row that stood unchanged meanwhile is missed.

Pages are counted by offset, so a row that is deleted, or moves, between two requests shifts the
rows behind it, and one of them may slip past unread. A list that fits on a page is read at one
moment. Of longer ones a reading is *proven* by counting, or the list is read again: it is whole
when it holds as many different rows that were in the list at its first answer as there were then.

- How many there were the API tells as the total. Where it tells none, the pages are read back
  from the last one, whose number and rows say it as well.
- Which rows were there their dates say; or else an earlier reading, which held them, too.

A list whose total is wrong, or that holds a row twice, can never be counted so. It is whole, with a
warning, when two readings in a row show the very same pages, and nothing in them dates from after
the first of them began: no row that was shown has gone or moved meanwhile, so one that slipped by
was pushed back by a row that no page shows, and drawn forth as that one went. Such a push shows a
row again at the head of a page. Where one stands there, the same pages must come a third time.
"""

from __future__ import annotations

import hashlib
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
_ALIKE, _ALIKE_WHERE_PUSHED = 2, 3
"""How many readings in a row must show the same, where rows cannot be counted."""
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
        before, alike = None, 1
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
            alike = alike + 1 if before is not None and look.repeats(before) else 1
            if alike >= look.must_be_alike:
                self.whole = True
                logger.warning(
                    "%s: %s; %d readings showed the same, so it is taken as whole.",
                    self.resource.name,
                    look.oddity,
                    alike,
                )
                return
            back_from, before = look.end, look
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

    def is_dated(self, row: Mapping[str, Any]) -> bool:
        """Whether the dates of a row can tell that it was in the list all the time."""
        return bool(self.changed(row)) or (not self.may_return and bool(_born(row)))

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
        self._ended = False
        self._shown: dict[int, bytes] = {}
        self._totals: set[int | None] = set()
        self._rows = 0
        self._last = 0
        self._heads: set[Any] = set()
        self._twice: dict[Any, None] = {}
        self._newest = ""

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
            self._note(page)
            self._at_once = page.number == 1 and not page.has_next
            if self._back_from is None and page.total is None:
                self.end = page.number
            yield page
            if self._back_from is not None and self._begun and self.end is None:
                return  # there are pages behind; the next look finds the last one
        self._ended = True

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
        if key in self.ids:
            self._twice[key] = None
            return
        self.ids.add(key)
        self._stood += self._was_there(key, row)

    def _note(self, page: Page) -> None:
        """Note what a page shows, to be compared with what another look shows there."""
        if not page.rows:
            return
        reading, shown = self._reading, hashlib.blake2b(digest_size=16)
        for row in page.rows:
            changed, born = reading.changed(row) or "", _born(row)
            self._newest = max(self._newest, changed, born)
            shown.update(repr((reading.key(row), changed, born)).encode())
        self._shown[page.number] = shown.digest()
        self._totals.add(page.total)
        self._rows += len(page.rows)
        if page.number == max(self._shown):
            self._last = len(page.rows)
        if page.number > 1:
            self._heads.add(reading.key(page.rows[0]))

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

    def repeats(self, before: _Look) -> bool:
        """Whether this look shows just what the one before did, and neither saw a change."""
        return (
            self._is_of_all
            and before._is_of_all
            and self._shown == before._shown
            and self._totals == before._totals
            and before._began is not None
            and self._newest < before._began
        )

    @property
    def _is_of_all(self) -> bool:
        """Whether it went over all pages, and they tell one total.

        A total that is too small may hide rows behind a last page that is full.
        """
        told = next(iter(self._totals), None)
        at_end = told is None or self._rows <= told or self._last < self._reading.fullest
        return self._ended and self._begun and len(self._totals) == 1 and at_end

    @property
    def must_be_alike(self) -> int:
        """How many looks in a row must show the same before the list counts as quiet."""
        pushed = not self._heads.isdisjoint(self._twice)
        return _ALIKE_WHERE_PUSHED if pushed else _ALIKE

    @property
    def oddity(self) -> str:
        """Why the rows of a quiet list cannot be counted, in words."""
        if self._twice:
            key, *others = self._twice
            more = f", and {len(others)} others are" if others else ""
            return f"{self._reading.resource.primary_key} {key} is listed twice{more}"
        return f"its total does not match its rows ({self._total} and {self._rows})"


def _born(row: Mapping[str, Any]) -> str:
    return next((moment for name in _BORN if (moment := _moment(row.get(name)))), "")


def _moment(value: object) -> str | None:
    try:
        return read_moment(value)
    except Misfit:
        return None
