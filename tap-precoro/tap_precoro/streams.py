"""A stream for a list of the API, and what all streams of this tap share."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from precoro_api import Confidence, NotAllowed, NotFound, QuotaSpent
from precoro_api.fields import Field, Kind, read_row
from singer_sdk import Stream
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from precoro_api import Client, Resource
    from singer_sdk.helpers.types import Context

    from tap_precoro.tap import TapPrecoro

__all__ = ["EXTRA", "ListStream", "PrecoroStream", "Stopped", "schema_of"]

EXTRA = "_extra"
"""The column that keeps what no declared column can hold."""


def schema_of(fields: Iterable[Field]) -> dict[str, Any]:
    """JSON Schema of records with these fields, and the column for everything else."""
    properties = {field.name: field.json_schema for field in fields}
    properties[EXTRA] = Field(EXTRA, Kind.OBJECT).json_schema
    return {"type": "object", "properties": properties}


class Stopped(BaseException):
    """The budget is spent. No failure: what was read is out, its state too, and the rest can wait.

    It is no Exception, as a stream that merely ended would have its bookmark moved past what it
    did not read.
    """

    def __init__(self, reason: QuotaSpent) -> None:
        super().__init__(str(reason))
        self.reason = reason


class PrecoroStream(Stream):
    """A stream of one resource. A resource that this account cannot read is skipped, aloud."""

    # The table's fields read every value into their one type already.
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE

    def __init__(
        self,
        tap: TapPrecoro,
        resource: Resource,
        *,
        name: str,
        fields: Iterable[Field],
        replication_key: str | None = None,
    ) -> None:
        self.columns = {field.name: field for field in fields}
        self._blank: dict[str, Any] = dict.fromkeys(self.columns)
        super().__init__(tap, name=name, schema=schema_of(self.columns.values()))
        self.precoro = tap
        self.resource = resource
        self.primary_keys = (resource.primary_key,)
        self.replication_key = replication_key
        self._unknown: dict[str, str] = {}

    @property
    def client(self) -> Client:
        """The tap's client."""
        return self.precoro.client

    @abstractmethod
    def rows(self) -> Iterator[dict[str, Any]]:
        """The records of this stream, in their columns' types."""

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, Any]]:
        """The records; a summary when they end, a warning where the account has no access."""
        before = self.client.requests_by_method.total()
        records = 0
        try:
            for record in self.rows():
                records += 1
                yield record
        except (NotAllowed, NotFound) as problem:
            self.logger.warning(
                "Stream %s is skipped, its bookmark stays: %s "
                "Deselect it if the company does not use it.",
                self.name,
                problem,
            )
        except QuotaSpent as problem:
            raise Stopped(problem) from None
        sent = self.client.requests_by_method.total() - before
        self.logger.info("%s: %d records, %d requests.", self.name, records, sent)
        if self._unknown:
            told = ", ".join(f"{key} ({kind})" for key, kind in sorted(self._unknown.items()))
            self.logger.warning("%s: kept in %s, not in a column: %s.", self.name, EXTRA, told)

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the API as a record of this stream, with every column."""
        record, extra = read_row(self.columns, row)
        for key, value in extra.items():
            self._unknown.setdefault(key, type(value).__name__)
        return {**self._blank, **record, EXTRA: extra or None}

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """A bookmark goes before the start date: a later start date would skip changes."""
        return value

    def since(self) -> datetime | None:
        """Where to begin reading: the bookmark less the overlap, or the start date, or None."""
        if not self.replication_key:
            return None
        bookmark = self.get_starting_timestamp(None)
        if bookmark is None:
            return None
        if bookmark.tzinfo is None:
            bookmark = bookmark.replace(tzinfo=timezone.utc)
        overlap = self.config.get("overlap_seconds")
        return bookmark - timedelta(seconds=300 if overlap is None else overlap)

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None at the start: the signpost is the server's clock, known with its first answer."""
        return

    def put_signpost(self) -> None:
        """Let the bookmark not pass the moment of the server's first answer to this stream."""
        moment = self.client.server_now or datetime.fromtimestamp(
            self.client.clock.now(), timezone.utc
        )
        self._write_replication_key_signpost(None, moment)


class ListStream(PrecoroStream):
    """The rows of a list: since the bookmark where the API can tell changes, else all."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        columns = (*resource.fields, *resource.general_fields)
        super().__init__(
            tap,
            resource,
            name=resource.name,
            fields=(field for field in columns if field.name != resource.lines),
            replication_key=resource.replication_key if resource.modified_since else None,
        )
        # Not what is only a guess, nor what another stream holds already.
        self.selected_by_default = (
            resource.confidence > Confidence.GUESS and resource.alias_of is None
        )

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        if self.resource.name in self.precoro.parents:
            yield from map(self.read, self.precoro.parents[self.resource.name])
            return
        since = self.since()
        listing = self.precoro.listing(self.resource)
        reach = listing.earliest(since) if listing else since
        first = True
        for page in self.client.pages(self.resource, since=reach):
            if first and self.replication_key:
                self.put_signpost()
                first = False
            for row in page.rows:
                record = self.read(row)
                if listing:
                    listing.note(record)
                if reach == since or self._is_due(record, since):
                    yield record
        if listing:
            listing.complete = True

    def _is_due(self, record: Mapping[str, Any], since: datetime | None) -> bool:
        changed = record.get(str(self.replication_key))
        return since is None or changed is None or changed >= since.isoformat()
