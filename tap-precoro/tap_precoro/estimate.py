"""What a sync would cost, before it runs: one small request a list tells how many rows it has.

It asks what the sync would ask, filters and bookmarks included, for the first ten rows. Where
these are all that there is, even the documents that the sync would fetch are known one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from precoro_api import BadCredentials, NotAllowed, NotFound, PrecoroError, QuotaSpent
from precoro_api.resources import CUSTOM_VALUES

from tap_precoro.custom_fields import FieldKind
from tap_precoro.filters.obeying import sifted
from tap_precoro.invoices import is_invoice
from tap_precoro.streams.attachments import AttachmentStream
from tap_precoro.streams.documents import DETAIL_LIMIT, DocumentStream
from tap_precoro.streams.listing import Listing
from tap_precoro.streams.lists import ListStream
from tap_precoro.streams.nested import NestedStream, StockStream
from tap_precoro.streams.pushed import Way
from tap_precoro.streams.values import ValueStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Reading, Resource
    from precoro_api.paging import Page

    from tap_precoro.streams.pushed import Pushed
    from tap_precoro.streams.resume import Listed
    from tap_precoro.streams.stream import PrecoroStream
    from tap_precoro.tap import TapPrecoro

__all__ = ["AT_LEAST", "UP_TO", "Need", "needs_of"]

UP_TO, AT_LEAST = "up to", "at least"
_NO_TOTAL = "unknown (the API tells no total)"


@dataclass(frozen=True)
class Need:
    """What a stream needs. `rows` are None where nothing tells, `requests` where nothing can.

    `bound` says whether the sync may send fewer requests (`up to`) or more (`at least`).
    """

    stream: str
    rows: int | None = None
    requests: int | None = 0
    bound: str = ""
    note: str = ""


def needs_of(tap: TapPrecoro) -> list[Need]:
    """What each selected stream needs, in the order of a sync.

    Raises BadCredentials and QuotaSpent; any other refusal is noted with its stream.
    """
    return _Asking(tap).needs()


class _Asking:
    """Asks each list once, and knows what a sync would have read already."""

    def __init__(self, tap: TapPrecoro) -> None:
        self._tap = tap
        streams = cast("Mapping[str, PrecoroStream]", tap.streams)
        self._streams = {name: stream for name, stream in streams.items() if stream.selected}
        self._answers: dict[tuple[object, ...], Page | PrecoroError] = {}
        self._parents: dict[str, int] = {}

    def needs(self) -> list[Need]:
        """What each selected stream needs, and what names of custom fields cost beside."""
        return [*map(self._told, self._streams.values()), *self._names_of_custom_fields()]

    def _told(self, stream: PrecoroStream) -> Need:
        try:
            return self._of(stream)
        except (NotAllowed, NotFound) as problem:
            why = "is not allowed" if isinstance(problem, NotAllowed) else "is not there"
            note = f"skipped: {problem.resource} {why} ({problem.status})"
            return Need(stream.name, requests=1, note=note)
        except (BadCredentials, QuotaSpent):
            raise
        except PrecoroError as problem:
            return Need(stream.name, requests=None, note=f"fails: {problem}")

    def _of(self, stream: PrecoroStream) -> Need:
        if self._tap.pushed and self._way(stream) is not Way.LIST:
            return self._of_events(self._tap.pushed, stream)
        if isinstance(stream, ListStream):
            return self._of_list(stream)
        if isinstance(stream, DocumentStream):
            return self._of_documents(stream)
        if isinstance(stream, NestedStream):
            return self._of_children(stream)
        if isinstance(stream, AttachmentStream) and stream.folder is not None:
            return Need(stream.name, requests=None, note="unknown: one per file that is new")
        return Need(stream.name, note=f"comes with {self._tap.sources[stream.name]}")

    def _source(self, stream: PrecoroStream) -> PrecoroStream:
        return self._streams.get(self._tap.sources[stream.name], stream)

    def _way(self, stream: PrecoroStream) -> Way:
        return self._tap.pushed.way(self._source(stream)) if self._tap.pushed else Way.LIST

    # Asking

    def _peek(self, reading: Reading) -> Page:
        """The first rows of what a reading would read; asked once, even if it is refused."""
        asked = (
            reading.resource.name,
            reading.since,
            tuple(reading.filters),
            *(reading.path or {}).values(),
        )
        if asked not in self._answers:
            try:
                self._answers[asked] = self._tap.client.peek(
                    reading.resource,
                    filters=reading.filters,
                    since=reading.since,
                    path=reading.path,
                )
            except PrecoroError as problem:
                self._answers[asked] = problem
        answer = self._answers[asked]
        if isinstance(answer, PrecoroError):
            raise answer
        return answer

    def _listed(self, stream: str, reading: Reading) -> Need:
        """What it takes to read a list whole."""
        page = self._peek(reading)
        rows = _total(page)
        if rows is None:
            return Need(stream, requests=None, note=_NO_TOTAL)
        size = self._tap.client.page_size
        pages = max(1, math.ceil(rows / size)) if reading.resource.paged else 1
        # Rows whose dates prove nothing are read twice: a second reading must find the same.
        twice = pages > 1 and not all(map(reading.is_dated, page.rows))
        return Need(stream, rows, 2 * pages if twice else pages)

    # Kinds of streams

    def _of_events(self, pushed: Pushed, stream: PrecoroStream) -> Need:
        if self._way(stream) is Way.NOT_AT_ALL:
            return Need(stream.name, 0, note="no event tells of it, and its list is not due")
        leader = pushed.leader_of(self._source(stream))
        if leader is not stream:
            return Need(stream.name, note=f"comes with {leader.name}")
        return self._fetched(stream.name, pushed.documents_of(stream), note="events tell of them")

    def _fetched(
        self, stream: str, many: int, *, pages: int = 0, bound: str = "", note: str = ""
    ) -> Need:
        """What it takes to fetch documents, as far as `detail_limit` lets them."""
        limit = self._tap.config.get(DETAIL_LIMIT.name)
        now = many if limit is None else min(limit, many)
        if now < many:
            note = " ".join((DETAIL_LIMIT.name, "leaves", *bound.split(), f"{many - now:,}"))
        return Need(stream, many, pages + now, bound, note)

    def _of_list(self, stream: ListStream) -> Need:
        resource = stream.resource
        if resource.name in self._parents:
            return Need(stream.name, self._parents[resource.name], note="read with its children")
        since, listing = stream.since(), self._tap.listing(resource)
        reach = listing.earliest(since) if listing else since
        reading = self._tap.reading(resource, reach, [*stream.window.items()])
        return self._listed(stream.name, reading)

    def _of_children(self, stream: NestedStream) -> Need:
        parent = stream.parent
        reading = self._tap.reading(parent, None)
        listed = self._listed(stream.name, reading)
        if listed.rows is None or listed.requests is None:
            return listed
        own = 0 if parent.name in self._parents else listed.requests
        self._parents[parent.name] = listed.rows
        if isinstance(stream, StockStream):
            return self._of_stock(stream, self._peek(reading), listed.rows, own)
        note = f"one per row of {parent.name}"
        return Need(stream.name, requests=own + listed.rows, note=note)

    def _of_stock(self, stream: StockStream, warehouses: Page, many: int, own: int) -> Need:
        stock = stream.resource
        paths = ({"id": row["id"]} for row in warehouses.rows)
        readings = [self._tap.reading(stock, None, path=path) for path in paths]
        each = [self._listed(stream.name, reading) for reading in readings]
        unknown = next((need for need in each if need.requests is None), None)
        if unknown is not None:
            return unknown
        rows, requests = (sum(n.rows or 0 for n in each), sum(n.requests or 0 for n in each))
        unseen = many - len(each)
        if unseen:
            return Need(stream.name, None, own + requests + unseen, AT_LEAST)
        return Need(stream.name, rows, own + requests)

    def _of_documents(self, stream: DocumentStream) -> Need:
        tap, resource = self._tap, stream.resource
        listing, readers = tap.listing(resource), tap.readers_of(resource)
        if listing is None or readers[0] is not stream:
            return Need(stream.name, note=f"comes with {readers[0].name}")
        own, pages = listing.earliest(), 0
        whole_list = self._streams.get(resource.name)
        reach = listing.earliest(whole_list.since()) if whole_list else own
        reading = tap.reading(resource, reach)
        page = self._peek(reading)
        if whole_list is None:
            pages = self._listed(stream.name, reading).requests or 0
        if reach != own and not _is_whole(page):
            page = self._peek(tap.reading(resource, own))
        many, bound = _total(page), ""
        if many is None:
            return Need(stream.name, requests=None, note=_NO_TOTAL)
        if _is_whole(page):
            many = len(_due(resource, readers, page))
        elif is_invoice(resource) or any(reader.memory.settled for reader in readers):
            bound = UP_TO  # rows may share a document, or be known from the last run
        return self._fetched(stream.name, many, pages=pages, bound=bound)

    def _names_of_custom_fields(self) -> list[Need]:
        """Where custom values get names: their lists, and the options of fields in use."""
        holders = {
            each.source_holder if isinstance(each, ValueStream) else each.holder
            for each in self._streams.values()
            if self._way(each) is not Way.NOT_AT_ALL
        }
        families: dict[str, int] = {}
        for holder in sorted(filter(None, holders)):
            fields = self._tap.catalogue.fields_of(holder)
            families[CUSTOM_VALUES[holder]] = sum(
                each.kind is not FieldKind.PLAIN for each in fields
            )
        most = len(families)
        for family, many in families.items():
            most += 0 if f"{family.removesuffix('s')}_options" in self._streams else many
        return [Need("(custom fields)", None, most, UP_TO, "their names")] if families else []


def _total(page: Page) -> int | None:
    """How many rows a list has, as its first page tells."""
    if page.total is not None:
        return page.total
    return None if page.has_next else len(page.rows)


def _is_whole(page: Page) -> bool:
    return _total(page) == len(page.rows)


def _due(resource: Resource, readers: tuple[DocumentStream, ...], page: Page) -> set[Listed]:
    """The documents that a sync would fetch of a list that this page holds whole."""
    listing = Listing(resource)
    for row in sifted(resource, page.rows):
        listing.note(row)
    due: set[Listed] = set()
    for reader in readers:
        memory = replace(reader.memory)
        due |= reader.unknown(memory.due(listing.documents, "", reader.overlap))
    return due
