"""The tap: its settings, its client, one stream for all that the API lists, and how a run ends."""

from __future__ import annotations

import signal
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precoro_api import (
    RESOURCES,
    BadCredentials,
    QuotaSpent,
    SettingsError,
    client_from,
)
from precoro_api.profile import profile_of
from precoro_api.settings import Setting, json_schema, unknown_settings
from typing_extensions import override

from tap_precoro.command import COULD_NOT_WORK, Command
from tap_precoro.custom_fields import CUSTOM_FIELDS, Catalogue
from tap_precoro.filters.filters import FILTERS, ListFilter, filters_of
from tap_precoro.filters.obeying import Obedience, SiftedReading, each_once
from tap_precoro.streams.attachments import ATTACHMENT_MAX_MB, ATTACHMENTS_PATH, AttachmentStream
from tap_precoro.streams.documents import DETAIL_LIMIT, DETAIL_ORDER, DetailStream, LineStream
from tap_precoro.streams.listing import Listing
from tap_precoro.streams.lists import PAYMENTS_WINDOW, ListStream
from tap_precoro.streams.nested import OptionStream, StockStream
from tap_precoro.streams.pushed import (
    RECONCILE_HOURS,
    WEBHOOK_SPOOL,
    Pushed,
    Way,
    pushed_of,
    spool_of,
)
from tap_precoro.streams.stream import COMPANY, PrecoroStream, Stopped, read_start
from tap_precoro.streams.values import ValueStream
from tap_precoro.telling.drift import STRICT_SCHEMA
from tap_precoro.telling.output import Interrupted, Output, OutputGone
from tap_precoro.telling.progress import Progress
from tap_precoro.telling.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import FrameType

    from precoro_api import Client, Reading, Resource

    from tap_precoro.streams.documents import DocumentStream

__all__ = ["TapPrecoro"]

_TEN_YEARS = 315_360_000
START_DATE = Setting(
    "start_date",
    "string",
    "Start date",
    "Records changed before this moment are left out of a first run; a bookmark goes before it.",
    format="date-time",
)
OVERLAP = Setting(
    "overlap_seconds",
    "integer",
    "Overlap",
    "How far before its bookmark an incremental stream reads again, so that nothing that was "
    "stored late is missed; rows may come twice.",
    default=300,
    least=0,
    most=_TEN_YEARS,
)
_FAILED_STREAM = 1


class TapPrecoro(Command):
    """Singer tap for Precoro."""

    name = "tap-precoro"
    package_name = "tap-precoro"
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(
        START_DATE,
        OVERLAP,
        FILTERS,
        DETAIL_LIMIT,
        DETAIL_ORDER,
        PAYMENTS_WINDOW,
        CUSTOM_FIELDS,
        STRICT_SCHEMA,
        ATTACHMENTS_PATH,
        ATTACHMENT_MAX_MB,
        WEBHOOK_SPOOL,
        RECONCILE_HOURS,
        COMPANY,
    )

    message_writer_class = Output

    _checked = False
    _spent: QuotaSpent | None = None
    """The budget's end, where it came while columns were named: nothing can be read then."""

    @cached_property
    def client(self) -> Client:
        """The one client of all streams: they share its budget of requests.

        Settings are checked first, so that nothing is sent with wrong ones.
        """
        self.check()
        return client_from(self.config, f"tap-precoro/{self.plugin_version}")

    @cached_property
    def tally(self) -> Tally:
        """What this run did."""
        return Tally()

    @cached_property
    def progress(self) -> Progress:
        """Where this run is."""
        return Progress(self.logger, self.client)

    # What streams share, so that nothing is asked twice

    @cached_property
    def filters(self) -> dict[str, ListFilter]:
        """The filters of the settings, by resource."""
        return filters_of(self.config)

    @cached_property
    def parents(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of small resources whose children are read one by one; each list is read once."""
        return {}

    @cached_property
    def catalogue(self) -> Catalogue:
        """The custom fields of the account."""
        filtered = {name for name, chosen in self.filters.items() if chosen.params}
        return Catalogue(self.client, self.parents, filtered)

    @property
    def custom_field_columns(self) -> bool:
        """Whether custom fields are columns of their own."""
        return self._spent is None and self.config.get(CUSTOM_FIELDS.name) == "columns"

    @cached_property
    def _obedience(self) -> dict[str, Obedience]:
        return {}

    @cached_property
    def _listings(self) -> dict[str, Listing]:
        return {}

    def reading(
        self,
        resource: Resource,
        since: datetime | None,
        more: Iterable[tuple[str, str]] = (),
        path: Mapping[str, object] | None = None,
    ) -> Reading:
        """A reading of a list, with the filters of the settings; its rows obey them."""
        chosen = self.filters.get(resource.name, ListFilter())
        obedience = self._obedience.setdefault(
            resource.name, Obedience(resource, chosen, self.logger)
        )
        params = (*chosen.params, *more)
        return SiftedReading(self.client, resource, since, params, path, obedience=obedience)

    def parent_rows(self, resource: Resource) -> list[dict[str, Any]]:
        """All rows of a small resource, read once a run."""
        if resource.name not in self.parents:
            self.parents[resource.name] = each_once(self.reading(resource, None))
        return self.parents[resource.name]

    def readers_of(self, resource: Resource) -> tuple[DocumentStream, ...]:
        """The selected streams that are fed from the details of a document, the leader first."""
        names = (f"{resource.name}_details", f"{resource.name}_{resource.lines}")
        streams = (self.streams[name] for name in names if name in self.streams)
        return tuple(s for s in streams if s.selected and isinstance(s, (DetailStream, LineStream)))

    @property
    def sources(self) -> dict[str, str]:
        """The selected streams, each by the stream whose requests bring its records."""
        found: dict[str, str] = {}
        for name, stream in self.streams.items():
            values = getattr(stream, "values", None)
            if isinstance(stream, (DetailStream, LineStream)) and stream.selected:
                found[name] = self.readers_of(stream.resource)[0].name
            elif isinstance(stream, AttachmentStream):
                found[name] = "the details of documents"
            else:
                found.setdefault(name, name)
            if values is not None:
                found[values.name] = name
        return {name: found[name] for name, stream in self.streams.items() if stream.selected}

    @property
    def fetching(self) -> int:
        """How many selected streams are fed from details."""
        return sum(
            stream.selected and isinstance(stream, (DetailStream, LineStream))
            for stream in self.streams.values()
        )

    @property
    def attachments(self) -> AttachmentStream | None:
        """The stream of files, if it is selected."""
        stream = self.streams.get("attachments")
        return stream if isinstance(stream, AttachmentStream) and stream.selected else None

    def listing(self, resource: Resource) -> Listing | None:
        """What is listed of a document in this run, if a selected stream fetches from it."""
        readers = self.readers_of(resource) if resource.lines else ()
        if not readers:
            return None
        return self._listings.setdefault(resource.name, Listing(resource, readers))

    @cached_property
    def pushed(self) -> Pushed | None:
        """What webhooks told."""
        return pushed_of(self)

    def records_of(self, stream: PrecoroStream) -> Iterator[dict[str, Any]]:
        """The records of a stream, in the way that this run has for it."""
        way = self.pushed.way(stream) if self.pushed else Way.LIST
        if way is Way.LIST:
            yield from stream.rows()
            if self.pushed:
                self.pushed.list_read(stream)
        elif self.pushed and way is Way.EVENTS:
            yield from self.pushed.records(stream)

    # Discovery

    @override
    def discover_streams(self) -> Sequence[PrecoroStream]:
        """A stream for each resource that can be listed, and more for each document."""
        try:
            found = [stream for resource in RESOURCES for stream in self._streams_of(resource)]
        except QuotaSpent as problem:
            self._spent = problem  # a run says so at its end; here it would look like a failure
            found = [stream for resource in RESOURCES for stream in self._streams_of(resource)]
        found.append(AttachmentStream(self))
        absent = profile_of(self.config).absent
        for stream in found:
            if stream.resource.name in absent:
                stream.selected_by_default = False  # this account does not have it
        return found

    def _streams_of(self, resource: Resource) -> list[PrecoroStream]:
        if resource.embedding:
            return [OptionStream(self, resource)]
        if resource.list is None:
            return []
        if resource.parent:
            return [StockStream(self, resource)]
        listed = ListStream(self, resource)
        streams: list[PrecoroStream] = [listed]
        if resource.lines:
            lines = LineStream(self, resource)
            streams += [DetailStream(self, resource), lines]
            streams += self._values(lines, lines.name, "dataItemCustomFields")
        return streams + self._values(listed, listed.name, listed.custom_fields)

    def _values(
        self, source: ListStream | LineStream, name: str, holder: str | None
    ) -> list[PrecoroStream]:
        if holder is None or self.config.get(CUSTOM_FIELDS.name) != "values":
            return []
        lines = isinstance(source, LineStream)
        source.values = ValueStream(self, source.resource, name, holder, lines=lines)
        return [source.values]

    # Running

    @override
    def setup_mapper(self) -> None:
        if self._config.get("stream_maps", ...) is None:
            self._config.pop("stream_maps", None)  # the SDK would take a null for a map
        super().setup_mapper()

    def check(self) -> None:
        """Raise SettingsError for what is wrong, before the first request."""
        if self._checked:
            return
        told = unknown_settings(self.config, self.config_jsonschema)
        for each in told:
            self.logger.warning("%s", each)
        given = self.config.get(START_DATE.name)
        if given and read_start(given) is None:
            raise SettingsError(f"{START_DATE.name} must be an ISO 8601 date, not {given!r:.80}.")
        self.filters  # noqa: B018 - read, so that a wrong one is told
        spool_of(self.config)
        self._checked = True

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at once, or after the message that is being written."""
        self.output.interrupt(signum)

    @property
    def output(self) -> Output:
        """What writes our messages."""
        assert isinstance(self.message_writer, Output)  # noqa: S101 - of the class below
        return self.message_writer

    def run(self) -> int:
        """Read everything that is selected, and return an exit code that tells the truth.

        0: all read, or the budget is spent and the next run goes on; 1: some streams failed, the
        others are read, or all were skipped; 2: could not work (settings, credentials); 128 and
        the signal's number: interrupted, the state of what is done kept.
        """
        code = 0
        try:
            self.check()
            self.tally.expect(self.sources)
            self._stop_if_spent()
            if self.pushed:
                self.pushed.forget()
            self.sync_all()
        except Interrupted:
            number, self.output.signal = self.output.signal or signal.SIGTERM, None
            self.state_writer.write_state(self.state)
            told = signal.Signals(number).name
            self.logger.warning("Interrupted by %s; what was read is kept.", told)
            code = 128 + number
        except OutputGone as problem:
            self.logger.error("Stopped: the output of this tap cannot be written (%s).", problem)
            code = _FAILED_STREAM
        except Stopped as stopped:
            self.logger.warning("%s", " ".join(filter(None, (str(stopped), self.tally.ahead))))
            code = stopped.reason.exit_code
        except (SettingsError, BadCredentials) as problem:
            self.logger.error("%s", problem)
            code = COULD_NOT_WORK
        finally:
            self.finish(tell=True)
        failed = self.tally.failed or self.tally.read_nothing
        return code or (_FAILED_STREAM if failed else 0)

    def check_named(self) -> None:
        """Raise QuotaSpent where the budget did not reach for the names of columns."""
        self.streams  # noqa: B018 - read, so that they are named
        if self._spent:
            raise self._spent

    def _stop_if_spent(self) -> None:
        """Raise Stopped where no columns could be named; the state goes out as it came."""
        if self._spent:
            if self.state:
                self.state_writer.write_state(self.state)
            raise Stopped(self._spent)

    @override
    def run_discovery(self) -> str:
        """The catalog; none where columns could not be named."""
        self.check_named()
        return super().run_discovery()

    def finish(self, *, tell: bool = False) -> None:
        """Let go of terminal and client; `tell` what was done. Without a client nothing was."""
        if "client" in self.__dict__:
            self.progress.close()
            if self.__dict__.get("pushed"):
                self.__dict__["pushed"].close()
            if tell:
                self.tally.report(self.logger, self.client)
            self.client.close()
