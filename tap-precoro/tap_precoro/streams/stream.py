"""What all streams of this tap share: columns of one type, bookmarks, and failing alone."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from precoro_api import (
    BadCredentials,
    NotAllowed,
    NotFound,
    PrecoroError,
    QuotaSpent,
    SettingsError,
    UnexpectedAnswer,
)
from precoro_api.fields import Field, Kind, plain, read_row
from precoro_api.quota import LedgerError
from precoro_api.settings import Setting
from singer_sdk import Stream
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.conform import TypeConformanceLevel
from typing_extensions import override

from tap_precoro.invoices import MARKS, is_invoice, marks_of
from tap_precoro.telling.drift import Keys, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from precoro_api import Client, Resource
    from singer_sdk.helpers.types import Context, Record

    from tap_precoro.streams.resume import Listed
    from tap_precoro.tap import TapPrecoro
    from tap_precoro.telling.tally import StreamTally

__all__ = [
    "COMPANY",
    "EXTRA",
    "PrecoroStream",
    "Stopped",
    "in_state",
    "read_start",
    "schema_of",
    "utc_text",
]

EXTRA = "_extra"
"""The column that keeps what no declared column can hold."""

COMPANY = Setting(
    "company",
    "string",
    "Company",
    "A name that becomes the column `company` of all records, and the first of their keys: for "
    "the companies of several tokens in one warehouse.",
)
_LEAST_OVERLAP = 1
"""Seconds: stamps have whole ones, and `modifiedSince` may exclude its own."""


def schema_of(fields: Iterable[Field]) -> dict[str, Any]:
    """JSON Schema of records with these fields, and the column for everything else."""
    properties = {field.name: field.json_schema for field in fields}
    properties[EXTRA] = Field(EXTRA, Kind.OBJECT).json_schema
    return {"type": "object", "properties": properties}


def utc_text(moment: datetime | None) -> str:
    """A moment as records carry it: `2025-05-05T23:59:59+00:00`; "" for None."""
    if moment is None:
        return ""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).replace(microsecond=0).isoformat()


def read_start(given: str) -> datetime | None:
    """The start date of the settings, in UTC where it names no zone; None where it is none."""
    try:
        return _moment(given.strip())
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return read if read.tzinfo else read.replace(tzinfo=timezone.utc)


@contextmanager
def in_state(stream: str) -> Iterator[None]:
    """Within it a date that cannot be read is one of the state's entry for a stream."""
    try:
        yield
    except ValueError as problem:
        raise SettingsError(
            f"state: the entry of {stream} holds no date ({problem}); mend its bookmark, or take "
            "the entry out to read the stream from its beginning."
        ) from None


class Stopped(BaseException):
    """The budget is spent. No failure: what was read is out, its state too, and the rest can wait.

    It is no Exception, as a stream that merely ended would count as read to its end.
    """

    def __init__(self, reason: QuotaSpent) -> None:
        super().__init__(str(reason))
        self.reason = reason


class PrecoroStream(Stream):
    """A stream of one resource.

    It fails alone: a resource that this account cannot read is skipped, aloud; any other failure
    is told at the end, leaves this stream's bookmark where it was, and lets the others go on.
    """

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
        holder: str | None = None,
    ) -> None:
        self.columns = {field.name: field for field in fields}
        self.marked = is_invoice(resource) and "parentData" in self.columns
        self.holder = holder if tap.custom_field_columns else None
        ours = list(MARKS) if self.marked else []
        if self.holder is not None:
            ours += tap.catalogue.columns_of(self.holder).values()
        columns = [*self.columns.values(), *ours]
        self._blank: dict[str, Any] = {column.name: None for column in columns}
        self._company: str | None = tap.config.get(COMPANY.name)
        if self._company is not None:
            columns.insert(0, Field(COMPANY.name, Kind.TEXT))
            self._blank[COMPANY.name] = self._company
        super().__init__(tap, name=name, schema=schema_of(columns))
        self.precoro = tap
        self.resource = resource
        self.primary_keys = (resource.primary_key,)
        self.replication_key = replication_key
        self.keys = Keys(name, self.columns, strict=bool(self.config.get("strict_schema")))
        self._introduced = False
        self._unmapped = ""

    @property
    @override
    def primary_keys(self) -> Sequence[str]:
        """The columns that name a record; with the company's name where that is a column."""
        keys = tuple(self._primary_keys or ())
        return keys if self._company is None else (COMPANY.name, *keys)

    @primary_keys.setter
    def primary_keys(self, keys: Sequence[str]) -> None:
        # A catalog hands back what it was told.
        self._primary_keys = tuple(key for key in keys if key != COMPANY.name)

    @property
    def client(self) -> Client:
        """The tap's client."""
        return self.precoro.client

    @property
    def tally(self) -> StreamTally:
        """What this run did for this stream."""
        return self.precoro.tally.of(self.name)

    @property
    def testing(self) -> bool:
        """Whether only the connection is tested, where one record will do."""
        return self.ABORT_AT_RECORD_COUNT is not None

    @override
    def _write_schema_message(self) -> None:
        """Write it once, before the first record, whichever stream that comes with."""
        if not self._introduced:
            self._introduced = True
            super()._write_schema_message()

    @override
    def _write_record_message(self, record: Record) -> None:
        try:
            super()._write_record_message(record)
        except MappingError as problem:
            raise SettingsError(f"stream_maps: {problem}") from None
        except Exception as problem:
            if self._can_be_mapped(record):
                raise
            # The SDK would end the whole run here: the stream itself fails, and nothing else.
            key = ", ".join(f"{name} {record.get(name)}" for name in self.primary_keys)
            self._unmapped = (
                f"stream_maps: an expression for {self.name} raises {type(problem).__name__} at "
                f"the record with {key}. Let it allow for what this record holds, and run again."
            )

    def _can_be_mapped(self, record: Record) -> bool:
        try:
            for each in self.stream_maps:
                each.transform(dict(record))
        except Exception:  # noqa: BLE001 - an expression may raise anything
            return False
        return True

    def _check_mapped(self) -> None:
        """Raise SettingsError where the last record could not be mapped."""
        if self._unmapped:
            raise SettingsError(self._unmapped)

    def write(self, record: dict[str, Any]) -> None:
        """Write a record that came on the way of another stream."""
        self._write_schema_message()
        self._write_record_message(record)
        self._check_mapped()
        self.tally.records += 1

    @abstractmethod
    def rows(self) -> Iterator[dict[str, Any]]:
        """The records of this stream, in their columns' types."""

    def records_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        """The records of this stream that come of one whole document."""
        raise NotImplementedError

    @override
    def get_records(self, context: Context | None) -> Iterator[dict[str, Any]]:
        """The records; what goes wrong with them is told and counted, and stays here."""
        with self.precoro.tally.counting(self.name, self.client) as tally:
            try:
                keyless = 0
                for record in self.precoro.records_of(self):
                    if self.is_keyless(record):
                        keyless += 1
                        continue
                    yield record
                    self._check_mapped()
                    tally.records += 1
                self.check_keys(keyless)
            except (NotAllowed, NotFound) as problem:
                tally.skipped = str(problem)
                self.logger.warning(
                    "Stream %s is skipped, its bookmark stays: %s "
                    "Deselect it if the company does not use it.",
                    self.name,
                    problem,
                )
            except QuotaSpent as problem:
                raise Stopped(problem) from None
            except (BadCredentials, LedgerError):
                raise  # nothing else will succeed either
            except Exception as problem:
                if self.testing:
                    raise
                tally.failed = str(problem) or type(problem).__name__
                known = isinstance(problem, (PrecoroError, SettingsError))
                self.logger.error(
                    "Stream %s failed, its bookmark stays, the others go on: %s",
                    self.name,
                    tally.failed,
                    exc_info=None if known else problem,
                )
            finally:
                self._report_keys()

    def is_keyless(self, record: Mapping[str, Any]) -> bool:
        """Whether nothing tells the record from others, so that no warehouse could keep it."""
        return any(record.get(key) is None for key in self.primary_keys)

    def check_keys(self, keyless: int) -> None:
        """Raise UnexpectedAnswer where records were left out; those beside them came."""
        if keyless:
            keys = ", ".join(self.primary_keys)
            told = f"{keyless} records came without {keys} and are left out"
            raise UnexpectedAnswer(told, resource=self.resource.name)

    def _report_keys(self) -> None:
        tally, keys = self.tally, self.keys
        tally.unknown, tally.vanished = dict(keys.unknown), keys.vanished
        if keys.unknown:
            self.logger.warning(
                "%s: kept in %s, as no column knows them: %s.", self.name, EXTRA, told(keys.unknown)
            )
        if keys.vanished:
            self.logger.warning(
                "%s: Precoro used to send %s, and no row of this run has it.",
                self.name,
                ", ".join(keys.vanished),
            )
        if not tally.failed and not self.testing:
            keys.keep(self.client.quota)

    def read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the API as a record of this stream, with every column."""
        record, extra = read_row(self.columns, row)
        if extra:
            self._note_misfits(extra)
        if self.marked:
            record |= marks_of(row)
        if self.holder is not None:
            read = self.precoro.catalogue.columns(self.holder, row)
            record |= read.columns
            extra |= read.unknown
        return {**self._blank, **record, EXTRA: plain(extra) or None if extra else None}

    def _note_misfits(self, extra: Mapping[str, Any]) -> None:
        for key in extra.keys() & self.columns.keys():
            if key not in self.keys.misfits:
                self.keys.misfits[key] = type(extra[key]).__name__
                self.logger.warning(
                    "%s: a value of %s is no %s; such values are kept in %s.",
                    self.name,
                    key,
                    self.columns[key].kind.value,
                    EXTRA,
                )

    # Bookmarks: they move when a list was read whole, not record by record

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Nothing: a record's own date may be newer than that of rows not yet read."""

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: bookmarks follow the server's clock, which its answers tell."""
        return

    @override
    def compare_start_date(self, value: str, start_date_value: str) -> str:
        """A bookmark goes before the start date: a later start date would skip changes."""
        return value

    @property
    def overlap(self) -> timedelta:
        """How far before what is known an incremental stream reads again."""
        given = self.config.get("overlap_seconds")
        return timedelta(seconds=max(_LEAST_OVERLAP, 300 if given is None else given))

    @property
    def start(self) -> datetime | None:
        """The start date of the settings."""
        given = self.config.get("start_date")
        return read_start(given) if given else None

    def since(self) -> datetime | None:
        """Where to begin reading: the bookmark less the overlap, or the start date, or None."""
        if not self.replication_key:
            return None
        bookmark = self.stream_state.get("replication_key_value")
        if not bookmark or self.replication_method != "INCREMENTAL":
            return self.start
        with in_state(self.name):
            return _moment(str(bookmark)) - self.overlap

    def reached(self, newest: str, asked_at: datetime | None) -> None:
        """Move the bookmark to the newest date seen, never past the server's clock, never back."""
        if self.replication_method != "INCREMENTAL":
            return
        edge = min(newest, utc_text(asked_at) or newest)
        state = self.stream_state
        if edge > (state.get("replication_key_value") or ""):
            state["replication_key"] = self.replication_key
            state["replication_key_value"] = edge
        self.state_manager.is_flushed = False
