"""Documents whole, and their lines: one request a document, shared by both streams.

First the list, then the changed documents in ascending order of the listed `updateDate`: so an
ordinary bookmark is a true point to resume from after every document.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_api import NotFound
from precoro_api.fields import Field, Kind, unwrap
from typing_extensions import override

from tap_precoro.streams import PrecoroStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from precoro_api import Resource
    from singer_sdk.helpers.types import Context, Record

    from tap_precoro.tap import TapPrecoro

__all__ = ["DetailStream", "LineStream", "Listing"]


class Listed(NamedTuple):
    """One listed document; sorts by its update date."""

    changed: str
    idn: str


@dataclass
class Listing:
    """What one pass over a document's list saw, for the streams that fetch from it."""

    readers: list[DocumentStream] = field(default_factory=list)
    seen: list[Listed] = field(default_factory=list)
    complete: bool = False

    def earliest(self, since: datetime | None) -> datetime | None:
        """The earliest beginning that any reader of the list needs; None is the very first."""
        beginnings = [since, *(reader.beginning() for reader in self.readers)]
        known = [moment for moment in beginnings if moment is not None]
        return min(known) if len(known) == len(beginnings) else None

    def note(self, record: Mapping[str, Any]) -> None:
        """Remember a listed document."""
        if record.get("idn") is not None:
            self.seen.append(Listed(record.get("updateDate") or "", str(record["idn"])))


class DocumentStream(PrecoroStream):
    """A stream that is fed from details; its bookmark is the last document's listed date."""

    selected_by_default = False  # a document costs a request: the user decides
    STATE_MSG_FREQUENCY = sys.maxsize  # state goes out at the end of each document instead

    @property
    @override
    def is_sorted(self) -> bool:
        """Documents come in the order of their listed dates."""
        return True

    def beginning(self) -> datetime | None:
        """Where this stream goes on; may be asked before it is its turn."""
        self._write_starting_replication_value(None)
        return self.since()

    def advance(self, changed: str) -> None:
        """Move the bookmark to a document that is fetched; never back."""
        if self.replication_method != "INCREMENTAL" or not changed:
            return
        state = self.get_context_state(None)
        if changed > (state.get("replication_key_value") or ""):
            state["replication_key"] = self.replication_key
            state["replication_key_value"] = changed
        self.state_manager.is_flushed = False

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Nothing: a record's own date may be newer than that of documents not yet fetched."""


class LineStream(DocumentStream):
    """The lines of documents. Beside the line, each record says which document it is from."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        known = (
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
        super().__init__(
            tap,
            resource,
            name=f"{resource.name}_{resource.lines}",
            fields=known,
            replication_key="documentUpdateDate",
        )
        # Nothing says that a line has an id of its own: without one its place stands in.
        self.primary_keys = ("documentId", "lineKey")
        self.details: DetailStream | None = None

    def lines_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        """The lines of a document's detail as records."""
        lines = unwrap(document.get(str(self.resource.lines)))
        for place, line in enumerate(lines if isinstance(lines, list) else (), start=1):
            own = line if isinstance(line, dict) else {"line": line}
            yield self.read(
                {
                    **own,
                    "documentId": document.get("id"),
                    "lineKey": str(own.get("id") or f"#{place}"),
                    "documentIdn": listed.idn,
                    "documentUpdateDate": listed.changed or None,
                }
            )

    def emit(self, document: Mapping[str, Any], listed: Listed) -> None:
        """Write the lines of a document that the details' stream has fetched."""
        for record in self.lines_of(document, listed):
            self._write_record_message(record)

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        assert self.details is not None  # noqa: S101 - both are made together
        if self.details.selected:
            return  # written there already, document by document
        for listed, document in self.details.fetch(self.since()):
            yield from self.lines_of(document, listed)
            self.advance(listed.changed)
            self._write_state_message()


class DetailStream(DocumentStream):
    """Whole documents, each by its idn."""

    def __init__(self, tap: TapPrecoro, resource: Resource, lines: LineStream) -> None:
        super().__init__(
            tap,
            resource,
            name=f"{resource.name}_details",
            fields=(*resource.fields, *resource.general_fields),
            replication_key=resource.replication_key,
        )
        self.lines = lines
        lines.details = self
        tap.listings[resource.name] = Listing()

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        lines = self.lines if self.lines.selected else None
        if lines:
            lines._write_schema_message()  # noqa: SLF001 - the SDK has no other way to lead
        since = Listing([lines] if lines else []).earliest(self.since())
        for listed, document in self.fetch(since):
            if lines:
                lines.emit(document, listed)
                lines.advance(listed.changed)
            yield self.read(document)
            self.advance(listed.changed)
            self._write_state_message()

    def fetch(self, since: datetime | None) -> Iterator[tuple[Listed, dict[str, Any]]]:
        """Documents changed since then, oldest change first, each with its listed row."""
        due = self._due(since)
        documents = self.client.details(self.resource, (listed.idn for listed in due))
        for number, (listed, document) in enumerate(zip(due, documents, strict=True), start=1):
            if isinstance(document, NotFound):
                self.logger.warning("Listed, but gone when it was fetched: %s", document)
                continue
            if number % 50 == 0:
                self.logger.info("%s: %d of %d documents.", self.name, number, len(due))
            yield listed, document

    def _due(self, since: datetime | None) -> list[Listed]:
        listing = self.precoro.listings[self.resource.name]
        testing = self.ABORT_AT_RECORD_COUNT is not None  # the connection: one document will do
        if not listing.complete and not (testing and listing.seen):
            listing.seen.clear()
            for page in self.client.pages(self.resource, since=since):
                for row in page.rows:
                    listing.note(self.read(row))
                if testing:
                    break
        edge = since.isoformat() if since else ""
        # The children of a split invoice share their parent's idn: one request serves them all.
        once = {each.idn: each for each in sorted(listing.seen)}
        return sorted(each for each in once.values() if each.changed >= edge or not each.changed)
