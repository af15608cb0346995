"""The target: messages in, records to the engine, and state that never runs ahead of data."""

from __future__ import annotations

import signal
import sys
import time
from collections import deque
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

from precoro_api import BadCredentials, PrecoroError, QuotaSpent, SettingsError, client_from
from precoro_api.connection import state_folder
from precoro_api.profile import Profile, profile_of
from precoro_api.quota import token_digest
from precoro_api.settings import json_schema
from singer_sdk import Sink, Target
from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

from target_precoro.annotations import Annotations
from target_precoro.applying import Applying
from target_precoro.approvals import ApprovalSink
from target_precoro.custom_values import ValueSink
from target_precoro.engine import Engine, key_of
from target_precoro.journal import Journal
from target_precoro.limit import FailureLimit, TooManyFailures
from target_precoro.missing import Missing
from target_precoro.outcome import Outcome, Pending
from target_precoro.plan_file import PlanWriter, read_plan
from target_precoro.preview import Preview
from target_precoro.rehearsal import PlannedDirectories, unchanged_journal
from target_precoro.report import Links, Rejects, Report
from target_precoro.routes import (
    ACCEPTED,
    APPROVALS,
    VALUES,
    Route,
    check_streams,
    goes_to,
    route_of,
)
from target_precoro.settings import OWN_SETTINGS
from target_precoro.sinks import GatheringSink, PrecoroSink
from target_precoro.tally import Tally
from target_precoro.wanted import wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType

    from precoro_api import Client

    from target_precoro.wanted import Wanted

__all__ = ["TargetPrecoro"]

_FAILED_ROWS = 1
_COULD_NOT_WORK = 2
_MOST_HELD_STATES = 1000
_RELEASE_EVERY = 1.0
"""Seconds between states while a long batch is written."""
_WORD_EVERY = 15.0
"""Seconds between words on how far a long run is."""


class Interrupted(BaseException):
    """A signal asked to stop, and no record is half written."""


class TargetPrecoro(Target):
    """Singer target for Precoro."""

    name = "target-precoro"
    package_name = "target-precoro"
    default_sink_class = PrecoroSink
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(*OWN_SETTINGS)
    capabilities: ClassVar[list[Any]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        TargetCapabilities.VALIDATE_RECORDS,
    ]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.max_parallelism = 1  # one budget of requests, and records in their order
        self.tally = Tally()
        self.rejects = Rejects(self.config.get("rejects_path"))
        self.report = Report(self.config.get("report_path"))
        self.links = Links(self.config.get("links_path"))
        self.missing = Missing()
        self.limit = FailureLimit.of(self.config.get("max_failures"))
        self.place = 0
        self._replayed = False
        self._open: dict[int, None] = {}
        self._held: deque[tuple[int, Any]] = deque()
        self._signal: int | None = None
        self._writing = False
        self._next_release = 0.0
        self._next_word = time.monotonic() + _WORD_EVERY
        check_streams(self.config)

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Only the SDK's settings that mean something here: there is one way to load."""
        loaded: dict[str, Any] = {"properties": {}}
        super().append_builtin_config(loaded)
        for name in ("load_method", "batch_size_rows", "add_record_metadata"):
            loaded["properties"].pop(name, None)
        for name, schema in loaded["properties"].items():
            config_jsonschema["properties"].setdefault(name, schema)
        PluginBase.append_builtin_config.__func__(cls, config_jsonschema)  # type: ignore[attr-defined]

    # What all streams share

    @cached_property
    def client(self) -> Client:
        """The one client of all sinks: they share its budget of requests."""
        return client_from(self.config, f"target-precoro/{self.plugin_version}", priority=1)

    @cached_property
    def profile(self) -> Profile:
        """What is known of this account."""
        return profile_of(self.config)

    @cached_property
    def journal(self) -> Journal:
        """What was being written, and what waits."""
        kind = unchanged_journal if self.dry else Journal
        return kind(self._journal_path, now=self.client.quota.server_now)

    @property
    def _journal_path(self) -> Path | None:
        given = self.config.get("journal_path")
        if given == "memory":
            return None
        if given:
            return Path(given).expanduser()
        if self.config.get("clock_speed") not in (None, 1):
            return None  # a sandbox whose time passes faster: nothing is to outlive it
        digest = token_digest(self.config["auth_token"].strip())
        return state_folder() / f"journal-{digest}.sqlite3"

    @property
    def dry(self) -> bool:
        """Whether nothing is to be written."""
        return bool(self.config.get("dry_run"))

    @cached_property
    def preview(self) -> Preview:
        """What a dry run would do."""
        path, now = self.config.get("plan_path"), self.client.quota.server_now()
        return Preview(self.client, PlanWriter(path, self.config, now) if path else None)

    @cached_property
    def engine(self) -> Engine:
        """What writes records."""
        kind = Applying if self.config.get("apply_plan") else Engine
        engine = kind(
            self.client,
            self.journal,
            self.profile,
            update_method=self.config["update_method"],
            route_of=lambda stream: route_of(stream, self.config),
            settle=self.settle,
            wanted_still=lambda: self._signal is None and not self.limit.reached,
            directories=PlannedDirectories(self.client) if self.dry else None,
        )
        engine.preview = self.preview if self.dry else None
        return engine

    @cached_property
    def annotations(self) -> Annotations:
        """Where people see why a document was refused."""
        return Annotations(self.client, self.engine)

    # Records

    @override
    def get_sink_class(self, stream_name: str) -> type[Sink]:
        special: dict[str, type[Sink]] = {APPROVALS: ApprovalSink, VALUES: ValueSink}
        return special.get(goes_to(stream_name, self.config), PrecoroSink)

    def route_of(self, stream: str, schema: Mapping[str, Any]) -> Route:
        """The rules of a stream. Raises SettingsError where the API does not offer what it asks."""
        route = route_of(stream, self.config)
        route.check_schema(schema)
        self.missing.watch(route)
        return route

    def take(self, sink: Sink, record: Mapping[str, Any], wanted: Wanted, route: Route) -> Pending:
        """A record of the input as one that waits to be written."""
        self._open[self.place] = None
        self.missing.note(route.stream, wanted.external_id)
        keys = tuple(sink.key_properties)
        return Pending(
            self.place, route, record, wanted, sink.original_schema, keys, self._replayed
        )

    def write(self, batch: list[Pending]) -> None:
        """Write a batch, after what its records may refer to."""
        refers = {name for each in batch for name in each.route.resource.refers.values()}
        for sink in self._in_order(refers):
            if sink.pending and sink.pending is not batch:
                self.drain_one(sink)
        with self.writing():
            self.engine.write(batch)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within it a signal waits: records in flight are written to their end."""
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
        self._stop_if_asked()

    def _in_order(self, resources: set[str] | None = None) -> list[PrecoroSink]:
        """The sinks, what is referred to before what refers; of some resources, or of all."""
        sinks = [sink for sink in self._sinks_active.values() if isinstance(sink, PrecoroSink)]
        chosen = [s for s in sinks if resources is None or s.route.resource.name in resources]
        return sorted(chosen, key=lambda sink: ACCEPTED.index(sink.route.resource.name))

    def settle(self, each: Pending, outcome: Outcome) -> None:
        """Tell what became of a record; from then on states that follow it may go out."""
        stream, key = each.route.stream, key_of(each)
        self.tally.count(stream, outcome.action)
        self.report.add(each, key, outcome)
        if self.dry:
            self.preview.show(each, key, outcome, self.engine.writer_of(each.route.resource))
        else:
            self.links.add(each, outcome)
        if outcome.action == "rejected":
            self._reject(each, key, outcome.reason)
        elif outcome.action == "skipped":
            self.logger.debug("%s %s: %s", stream, key, outcome.reason)
        elif outcome.action == "stale":
            self.logger.warning("%s %s is left as it is: %s.", stream, key, outcome.reason)
        annotated = not self.dry and outcome.action != "stale"
        if self.config.get("external_integration_log") and annotated:
            self.annotations.tell(each, outcome)
        self._open.pop(each.place, None)
        self.limit.note(self.tally)
        now = time.monotonic()
        if self._held and now >= self._next_release:
            self._next_release = now + _RELEASE_EVERY
            self._release_states()
        if now >= self._next_word:
            self._next_word = now + _WORD_EVERY
            sent = self.client.requests_by_method.total()
            self.logger.info("%s: %d records done, %d requests.", stream, self.tally.records, sent)

    def _reject(self, each: Pending, key: str, reason: str) -> None:
        stream = each.route.stream
        who = f"{stream} {key}" if key else f"{stream}, record {each.place} of the input"
        told = reason if reason.startswith(f"{each.route.resource.name} ") else f"{who}: {reason}"
        if not self.dry:  # it is in the preview
            self.logger.error("%s", told)
        self.rejects.add(stream, each.schema, each.key_properties, each.record, told)

    # Messages

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self.place += 1
        self._replayed = "reason" in message_dict  # as the file of refused rows has it
        try:
            super()._process_record_message(message_dict)
        except (InvalidRecord, MissingKeyPropertiesError) as problem:
            sink = cast("GatheringSink", self.get_sink(str(message_dict.get("stream"))))
            record = message_dict.get("record") or {}
            pending = self.take(sink, record, wanted_of(sink.route, record), sink.route)
            reason = str(problem).splitlines()[0]
            self.settle(pending, Outcome("rejected", reason=reason, error="data"))
        self._release_states()

    @override
    def _handle_max_record_age(self) -> None:
        super()._handle_max_record_age()
        self._release_states()

    @override
    def process_endofpipe(self) -> None:
        for sink in self._in_order():
            self.drain_one(sink)
        super().process_endofpipe()
        with self.writing():
            self.engine.finish()
        self.missing.finish(self)
        self._release_states()

    # State

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Hold the state until every record before it is written."""
        self._assert_line_requires(message_dict, requires={"value"})
        if self._held and self._held[-1][0] == self.place:
            self._held.pop()
        self._held.append((self.place, message_dict["value"]))
        if len(self._held) > _MOST_HELD_STATES:
            self.drain_all()
            self._thin_out()
        self._release_states()

    def _thin_out(self) -> None:
        """Keep every other state that must wait still: the newest one is what counts."""
        if len(self._held) > _MOST_HELD_STATES:
            self._held = deque([*list(self._held)[:-1:2], self._held[-1]])

    def _release_states(self) -> None:
        """Let the newest state out whose records are all written, and forget older ones."""
        first_open = next(iter(self._open), self.place + 1)
        released = None
        if self.dry:
            self._held.clear()  # else the next run would skip what was only planned
        while self._held and self._held[0][0] < first_open:
            released = self._held.popleft()[1]
        if released is not None:
            sys.stdout.write(serialize_json(released) + "\n")
            sys.stdout.flush()

    # Stopping

    def _stop_if_asked(self) -> None:
        if self._signal is not None:
            raise Interrupted
        if self.limit.reached:
            raise TooManyFailures(self.limit.told)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop before the next record; records in flight are finished first."""
        self._signal = signum
        if not self._writing:
            raise Interrupted

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read to the end, say what was done, and return an exit code that tells the truth.

        0: all in place; 1: some rows failed or wait, or Precoro stopped answering, the rest is in
        place; 2: could not work (settings, credentials); 128 and the signal's number: interrupted.
        """
        code = 0
        try:
            self._work(file_input)
        except Interrupted:
            number = self._signal or signal.SIGTERM
            self.logger.warning(
                "Interrupted by %s; what was written is kept.", signal.Signals(number).name
            )
            code = 128 + number
        except TooManyFailures as problem:
            self.logger.error("Stopped: %s", problem)
            code = _FAILED_ROWS
        except (SettingsError, BadCredentials) as problem:
            self.logger.error("%s", problem)
            code = _COULD_NOT_WORK
        except QuotaSpent as problem:
            self.logger.warning("Stopped: %s", problem)
            code = problem.exit_code
            # Whoever writes to us is not to fail for our limits; it comes again, from our state.
            for _ in (file_input or sys.stdin) if not self.config.get("apply_plan") else ():
                pass
        except PrecoroError as problem:
            self.logger.error("Stopped: %s", problem)
            code = _FAILED_ROWS
        finally:
            self._close()
        failing = ("rejected",) if self.dry else ("rejected", "waiting", "stale")
        failed = sum(self.tally.total(action) for action in failing)
        return code or (_FAILED_ROWS if failed else 0)

    def _work(self, file_input: IO[str] | None) -> None:
        if self.config.get("apply_plan"):
            if self.dry:
                raise SettingsError("apply_plan and dry_run exclude each other.")
            steps = read_plan(self.config["apply_plan"], self.config)
            self._hear_out(file_input or (() if sys.stdin.isatty() else sys.stdin))
            with self.writing():
                cast("Applying", self.engine).apply(steps)
            return
        if self.dry:
            _ = self.preview  # a plan that cannot be saved is told before anything is asked
        self.listen(file_input)
        if self.dry:
            self.preview.finish(self.tally.lines())

    def _hear_out(self, lines: Iterable[str]) -> None:
        """Read the input to its end: a plan needs none, but whoever writes to us is not to fail."""
        records = sum('"RECORD"' in line for line in lines)
        if records:
            self.logger.warning(
                "apply_plan is set, so the input's %d records are ignored: only the plan in %s is "
                "carried out.",
                records,
                self.config["apply_plan"],
            )

    def _close(self) -> None:
        self._release_states()
        for file in (self.rejects, self.report, self.links):
            file.close()
        if "preview" in self.__dict__:
            self.preview.close()
        self._summarise()
        for name in ("engine", "journal", "client"):
            if name in self.__dict__:
                getattr(self, name).close()

    def _summarise(self) -> None:
        for line in self.tally.lines() if not self.dry else ():
            self.logger.info("%s", line)
        methods = self.client.requests_by_method if "client" in self.__dict__ else {}
        told = ", ".join(f"{many} {method}" for method, many in sorted(methods.items())) or "none"
        self.logger.info("Requests: %s.", told)
        rejected, waiting = self.tally.total("rejected"), self.tally.total("waiting")
        if rejected:
            self.logger.error("%d records were rejected, see above.", rejected)
        if waiting:
            self.logger.warning("%d records wait for what they refer to.", waiting)

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own target narrows it
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run as a command; a setting that cannot be used ends in one sentence."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        given = config.config if config else {}
        try:
            target = cls(
                config=given,
                validate_config=True,
                parse_env_config=bool(config and config.parse_env),
            )
            code = target.run(file_input)
        except SettingsError as problem:
            cls.logger.error("%s", problem)
            code = _COULD_NOT_WORK
        sys.exit(code)
