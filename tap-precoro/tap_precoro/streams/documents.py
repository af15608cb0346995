"""Documents whole, and their lines: one request a document, shared by all streams of it.

First the list, then the changed documents in ascending order of the listed `updateDate`: so an
ordinary bookmark is a true point to resume from after every document.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from precoro_api import NotFound, PrecoroError, UnexpectedAnswer
from precoro_api.fields import Field, Kind, Misfit, rows_in
from precoro_api.settings import Setting
from typing_extensions import override

from tap_precoro.invoices import MARKS, is_invoice, marks_of
from tap_precoro.streams.listing import changed_of
from tap_precoro.streams.lists import pages_of
from tap_precoro.streams.refusals import Refusals
from tap_precoro.streams.resume import Listed, Memory
from tap_precoro.streams.stream import PrecoroStream, in_state, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from precoro_api import Resource

    from tap_precoro.streams.listing import Listing
    from tap_precoro.streams.values import ValueStream
    from tap_precoro.tap import TapPrecoro

__all__ = [
    "DETAIL_LIMIT",
    "DETAIL_ORDER",
    "DetailStream",
    "DocumentStream",
    "LineStream",
    "hand_out",
]

DETAIL_LIMIT = Setting(
    "detail_limit",
    "integer",
    "Most details",
    "Documents that each stream of details fetches in one run at most; the next run goes on.",
    least=0,
)
DETAIL_ORDER = Setting(
    "detail_order",
    "string",
    "Order of details",
    "`oldest`: the oldest change first, so that the bookmark moves with every document; `newest`: "
    "the newest first, so that a long first load is useful on its first day.",
    default="oldest",
    options=("oldest", "newest"),
)
_DIGESTS_IN_ALL = 100
"""Remembered rows in one STATE message, whatever streams are selected: less than 1 KB."""


class DocumentStream(PrecoroStream):
    """A stream that is fed from details. Its bookmark is the last document's listed date."""

    selected_by_default = False  # a document costs a request: the user decides
    STATE_MSG_FREQUENCY = sys.maxsize  # state goes out at the end of each document instead

    _memory: Memory | None = None

    @property
    def memory(self) -> Memory:
        """What was fetched in earlier runs and in this one."""
        if self._memory is None:
            state = self.stream_state if self.replication_method == "INCREMENTAL" else {}
            with in_state(self.name):
                self._memory = Memory.of(state, utc_text(self.start), self.overlap)
        return self._memory

    @override
    def since(self) -> datetime | None:
        return self.memory.since()

    def remember(self) -> None:
        """Put what is fetched into the state, which goes out with the next STATE message."""
        if self.replication_method == "INCREMENTAL":
            most = _DIGESTS_IN_ALL // max(1, self.precoro.fetching)
            self.memory.write(self.stream_state, str(self.replication_key), most=most)
            self.state_manager.is_flushed = False

    def refuse(self, idn: str, *, refused: bool) -> None:
        """Remember whether a document that an event told of must be asked for again."""
        if refused or idn in self.memory.refused:
            self.memory.answered(idn, refused=refused)
            self.remember()

    def unknown(self, due: Iterable[Listed]) -> set[Listed]:
        """Those that no event has made be fetched as they are."""
        pushed = self.precoro.pushed
        known = pushed.fetched(self) if pushed else {}
        return {each for each in due if not each.changed or known.get(each.idn) != each.changed}

    @abstractmethod
    @override
    def records_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        """The records of one document."""

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        fetch = Fetch(self.precoro, self.resource)
        if fetch.leader is not self:
            return  # written there already, document by document
        yield from fetch.run()


class LineStream(DocumentStream):
    """The lines of documents. Beside the line, each record says which document it is from."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        known: tuple[Field, ...] = (
            Field("documentId", Kind.ID),
            Field("lineKey", Kind.TEXT),
            Field("documentIdn", Kind.TEXT),
            Field("documentUpdateDate", Kind.MOMENT),
            Field("id", Kind.INTEGER),
            Field("name", Kind.TEXT),
            Field("sku", Kind.TEXT),
            Field("quantity", Kind.NUMBER),
            Field("price", Kind.NUMBER),
            Field("dataItemCustomFields", Kind.ARRAY),
        )
        self._of_invoices = is_invoice(resource)
        if self._of_invoices:
            known += MARKS
        super().__init__(
            tap,
            resource,
            name=f"{resource.name}_{resource.lines}",
            fields=known,
            replication_key="documentUpdateDate",
            holder="dataItemCustomFields",
        )
        # Nothing says that a line has an id of its own: without one its place stands in.
        self.primary_keys = ("documentId", "lineKey")
        self.values: ValueStream | None = None

    @override
    def records_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        try:
            lines = rows_in(document.get(str(self.resource.lines)))
        except Misfit as problem:
            raise UnexpectedAnswer(
                f"its {self.resource.lines} cannot be read, {problem}",
                resource=self.resource.name,
                key=listed.idn,
            ) from None
        marks = marks_of(document) if self._of_invoices else {}
        for place, line in enumerate(lines, start=1):
            own = line if isinstance(line, dict) else {"line": line}
            self.keys.look(self.client.quota, (own,))
            record = self.read(
                {
                    **own,
                    "documentId": document.get("id"),
                    "lineKey": str(own.get("id") or f"#{place}"),
                    "documentIdn": listed.idn,
                    "documentUpdateDate": listed.changed or None,
                    **marks,
                }
            )
            if self.values is None or not self.values.selected:
                yield record
            else:
                yield dict(record)  # what is not selected is taken out of it
                self.values.emit(record, own)


class DetailStream(DocumentStream):
    """Whole documents, each by its idn."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(
            tap,
            resource,
            name=f"{resource.name}_details",
            fields=(*resource.fields, *resource.general_fields),
            replication_key=resource.replication_key,
            holder="dataDocumentCustomFields",
        )

    @override
    def records_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        self.keys.look(self.client.quota, (document,))
        yield self.read(document)


class Fetch:
    """One run over the documents of a list, for all streams that want them."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        self._tap = tap
        self._resource = resource
        self.readers: tuple[DocumentStream, ...] = tap.readers_of(resource)
        self.leader = self.readers[0]
        self._newest = self.leader.config.get("detail_order") == "newest"

    def run(self) -> Iterator[dict[str, Any]]:
        """The leader's records; those of the others are written on the way, each document whole."""
        listing = self._listed()
        due = {reader.name: self._due(reader, listing) for reader in self.readers}
        wanted = self._in_order({each for many in due.values() for each in many})
        limit = self._limit
        now = wanted if limit is None else wanted[:limit]
        self.leader.tally.left = len(wanted)
        client = self._tap.client
        documents = client.details(self._resource, (listed.idn for listed in now))
        refusals = Refusals(self.leader, len(self._refused))
        for number, (listed, document) in enumerate(zip(now, documents, strict=True), start=1):
            takers = [reader for reader in self.readers if listed in due[reader.name]]
            refused = isinstance(document, PrecoroError) and not isinstance(document, NotFound)
            if isinstance(document, NotFound):
                self.leader.logger.warning("Listed, but gone when it was fetched: %s", document)
            elif isinstance(document, PrecoroError):
                again = all(listed.idn in reader.memory.refused for reader in takers)
                refusals.note(listed.idn, document, again=again)
            else:
                refusals.passed()
                yield from hand_out(
                    self._tap, self._resource, self.leader, takers, document, listed
                )
            following = wanted[number] if number < len(wanted) else None
            for reader in self.readers:
                missed = refused and (reader in takers or listed.idn in reader.memory.refused)
                reader.memory.took(listed, following, newest=self._newest, refused=missed)
                reader.remember()
            self.leader.tally.left = len(wanted) - number
            self._tap.progress.at(self.leader.name, "document", number, len(now))
            self.leader._write_state_message()  # noqa: SLF001 - a document is done
        if not wanted:
            for reader in self.readers:
                reader.memory.finish()
                reader.remember()
        refusals.tell()

    def _in_order(self, due: Iterable[Listed]) -> list[Listed]:
        """The documents as they are to be fetched; last those that were refused before."""
        ordered = sorted(due, reverse=self._newest)
        again = {each for each in due if not each.changed and each.idn in self._refused}
        return [*(each for each in ordered if each not in again), *sorted(again)]

    @property
    def _refused(self) -> set[str]:
        return {idn for reader in self.readers for idn in reader.memory.refused}

    def _due(self, reader: DocumentStream, listing: Listing) -> set[Listed]:
        asked_at = utc_text(listing.asked_at)
        return reader.unknown(reader.memory.due(listing.documents, asked_at, reader.overlap))

    @property
    def _limit(self) -> int | None:
        if self.leader.testing:
            return 1
        limit: int | None = self.leader.config.get(DETAIL_LIMIT.name)
        return limit

    def _listed(self) -> Listing:
        listing = self._tap.listing(self._resource)
        assert listing is not None  # noqa: S101 - a stream of details is selected: this one
        if listing.whole or (self.leader.testing and listing.begun):
            return listing
        reading = self._tap.reading(self._resource, listing.earliest())
        for number, page in enumerate(pages_of(self.leader, reading), start=1):
            self._tap.progress.at(self.leader.name, "page", number, page.total_pages)
            for row in page.rows:
                listing.note(row)
            if self.leader.testing:
                return listing
        listing.complete(reading.asked_at)
        return listing


def hand_out(
    tap: TapPrecoro,
    resource: Resource,
    leader: PrecoroStream,
    takers: Iterable[PrecoroStream],
    document: Mapping[str, Any],
    listed: Listed,
) -> Iterator[dict[str, Any]]:
    """The leader's records of a document; those of the other takers are written, and its files."""
    if not _has_key(resource, document):
        raise UnexpectedAnswer(
            f"the detail has no {resource.primary_key}", resource=resource.name, key=listed.idn
        )
    if tap.attachments is not None:
        tap.attachments.emit(resource, listed.idn, document)
    if not listed.changed:
        listed = Listed(changed_of(resource, document), listed.idn)
    leads = False
    for taker in takers:
        leads = leads or taker is leader
        if taker is not leader:
            for record in taker.records_of(document, listed):
                taker.write(record)
    if leads:
        yield from leader.records_of(document, listed)


def _has_key(resource: Resource, document: Mapping[str, Any]) -> bool:
    key = resource.primary_key
    try:
        return resource.by_name[key].read(document.get(key)) is not None
    except Misfit:
        return False
