"""The target: messages in, records to the engine, and state that never runs ahead of data."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar, cast

from precoro_api import QuotaSpent, SettingsError, client_from
from precoro_api.profile import Profile, keep_learned, profile_of
from precoro_api.settings import json_schema, unknown_settings
from singer_sdk.exceptions import MappingError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.mapper import SameRecordTransform
from typing_extensions import override

from target_precoro.annotations import Annotations
from target_precoro.command import Command
from target_precoro.ending import ENDINGS, FAILED_ROWS, Interrupted, exit_code
from target_precoro.engine import Engine
from target_precoro.journal.journal import Journal
from target_precoro.messages.faults import fault_of
from target_precoro.messages.held_states import HeldStates
from target_precoro.messages.reader import Reader, lines_of
from target_precoro.missing import Missing
from target_precoro.plans.applying import Applying
from target_precoro.plans.file import PlanWriter
from target_precoro.plans.preview import Preview
from target_precoro.plans.rehearsal import PlannedDirectories, unchanged_journal
from target_precoro.plans.run import apply_plan
from target_precoro.records.identity import key_of
from target_precoro.records.outcome import Came, Outcome, Pending
from target_precoro.records.routes import (
    ACCEPTED,
    APPROVALS,
    VALUES,
    Route,
    check_streams,
    goes_to,
    route_of,
)
from target_precoro.records.wanted import wanted_of
from target_precoro.settings import OWN_SETTINGS, journal_path
from target_precoro.sinks import GatheringSink, PrecoroSink
from target_precoro.special_streams.approvals import ApprovalSink
from target_precoro.special_streams.custom_values import Values, ValueSink
from target_precoro.telling.limit import FailureLimit, TooManyFailures
from target_precoro.telling.telling import Telling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import FrameType

    from precoro_api import Client
    from singer_sdk import Sink

    from target_precoro.records.wanted import Wanted

__all__ = ["TargetPrecoro"]

_RELEASE_EVERY = 1.0
"""Seconds between states while a long batch is written."""
_MOST_TOLD = 20
"""Lines that are told one by one where they cannot be read."""


class TargetPrecoro(Command):
    """Singer target for Precoro."""

    name = "target-precoro"
    package_name = "target-precoro"
    default_sink_class = PrecoroSink
    message_reader_class = Reader
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
        self.telling = Telling(self.config, self.logger)
        self.tally = self.telling.tally
        self.missing = Missing(on=self.config.get("on_missing") not in (None, "", "ignore"))
        self.limit = FailureLimit.of(self.config.get("max_failures"))
        self.place = 0
        self.unreadable = 0
        self._replayed = False
        self._states = HeldStates()
        self._came: Came | None = None
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._streams_seen: set[str] = set()
        self._special: dict[str, bool] = {}
        self._signal: int | None = None
        self._writing = False
        self._next_release = 0.0
        check_streams(self.config)
        for each in unknown_settings(self.config, self.config_jsonschema):
            self.logger.warning("%s", each)
        cast("Reader", self.message_reader).told = self._pass_over

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
        return kind(journal_path(self.config), now=self.client.quota.server_now)

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
            keep_in_profile=lambda learned: keep_learned(self.config, learned),
            wanted_still=lambda: self._signal is None and not self.limit.reached,
            directories=PlannedDirectories(self.client) if self.dry else None,
        )
        engine.preview = self.preview if self.dry else None
        return engine

    @cached_property
    def annotations(self) -> Annotations:
        """Where people see why a document was refused."""
        return Annotations(self.client, self.engine)

    @cached_property
    def values(self) -> Values:
        """What writes the custom values of suppliers."""
        return Values(self)

    # Records

    @property
    def _streams(self) -> set[str]:
        """The streams of the input, so far."""
        return {sink.stream_name for sink in self._sinks_active.values()}

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
        self._states.open(self.place)
        keys = tuple(sink.key_properties)
        return Pending(
            self.place,
            route,
            record,
            wanted,
            sink.original_schema,
            keys,
            self._replayed,
            came=self._came,
        )

    def write(self, batch: list[Pending]) -> None:
        """Write a batch, after what its records may refer to."""
        self.drain_before({name for each in batch for name in each.route.resource.refers.values()})
        with self.writing():
            self.engine.write(batch)

    def drain_before(self, resources: set[str]) -> None:
        """Write what waits of these resources, as something refers to them."""
        for sink in self._in_order(resources):
            if sink.pending:
                self.drain_one(sink)

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
        key = key_of(each)
        self.telling.tell(each, key, outcome)
        if not self._is_special(each.route.stream):
            self.missing.note(each, outcome)
        if self.dry:
            self.preview.show(each, key, outcome, self.engine.writer_of(each.route.resource))
        elif self.config.get("external_integration_log") and outcome.action != "stale":
            self.annotations.tell(each, outcome)
        self._states.close(each.place)
        self.limit.note(self.tally)
        now = time.monotonic()
        if self._states and now >= self._next_release:
            self._next_release = now + _RELEASE_EVERY
            self._release_states()
        self.telling.say_how_far(each.route.stream, self.client.requests_by_method.total())

    def _is_special(self, stream: str) -> bool:
        """Whether its records are no records of Precoro, but speak of one."""
        known = self._special.get(stream)
        if known is None:
            known = self._special[stream] = goes_to(stream, self.config) in (APPROVALS, VALUES)
        return known

    # Messages

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self.place += 1
        self._replayed = "reason" in message_dict  # as the file of refused rows has it
        self._came = self._came_of(message_dict)
        self._streams_seen.add(message_dict["stream"])
        try:
            super()._process_record_message(message_dict)
        except Exception as problem:
            maps = self.mapper.stream_maps.get(message_dict["stream"], ())
            reason = fault_of(message_dict["record"], problem, maps)
            if not reason and isinstance(problem, MappingError):
                raise SettingsError(f"stream_maps: {problem}") from None
            if not reason:
                raise
            self._refuse(message_dict, reason)
        self._release_states()

    def _came_of(self, message: Mapping[str, Any]) -> Came | None:
        """What a record was before its stream was mapped; None where it is not mapped."""
        stream = message["stream"]
        maps = self.mapper.stream_maps.get(stream, ())
        if all(isinstance(m, SameRecordTransform) and not m.flattening_enabled for m in maps):
            return None
        came = self._schemas[stream]
        keys = tuple(came.get("key_properties") or ())
        return Came(stream, came["schema"], keys, message["record"])

    def _refuse(self, message: Mapping[str, Any], reason: str) -> None:
        """Settle a record that no sink has taken."""
        stream, record = message["stream"], message["record"]
        maps = self.mapper.stream_maps.get(stream) or ()
        sinks = [self._sinks_active.get(each.stream_alias) for each in maps]
        sink = next((each for each in sinks if isinstance(each, GatheringSink)), None)
        if sink is not None:
            pending = self.take(sink, record, wanted_of(sink.route, record), sink.route)
        else:
            route = route_of("suppliers" if self._is_special(stream) else stream, self.config)
            route = replace(route, stream=stream)
            self._states.open(self.place)
            schema: dict[str, Any] = {"properties": {}}
            wanted = wanted_of(route, record)
            pending = Pending(
                self.place, route, record, wanted, schema, (), self._replayed, came=self._came
            )
        self.settle(pending, Outcome("rejected", reason=reason, error="data"))

    def _pass_over(self, number: int, reason: str) -> None:
        """Tell of a line that is no message: its records may be lost, so no state may pass it."""
        self.unreadable += 1
        self._states.end()
        self.missing.not_whole()
        if self.unreadable <= _MOST_TOLD:
            self.logger.error("line %d of the input %s. See what wrote it.", number, reason)

    @override
    def setup_mapper(self) -> None:
        if self._config.get("stream_maps", ...) is None:
            del self._config["stream_maps"]  # the SDK would take a null for a map
        super().setup_mapper()

    @override
    def _process_schema_message(self, message_dict: dict[str, Any]) -> None:
        stream = message_dict["stream"]
        self._streams_seen.add(stream)
        if self.config.get("stream_maps") or self.config.get("flattening_enabled"):
            self._schemas[stream] = deepcopy(message_dict)  # as it came: maps write into it
        try:
            super()._process_schema_message(message_dict)
        except MappingError as problem:
            raise SettingsError(f"stream_maps: {problem}") from None
        # Records under an older schema go before newer ones of the same stream.
        while self._sinks_to_clear:
            self.drain_one(self._sinks_to_clear.pop(0))

    @override
    def _process_activate_version_message(self, message_dict: dict[str, Any]) -> None:
        stream = message_dict["stream"]
        self.logger.warning("%s: ACTIVATE_VERSION is ignored, as nothing is deleted.", stream)

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
        self.values.finish()
        self._annotate()
        self.missing.finish(self)
        self._release_states()

    def _annotate(self) -> None:
        if "annotations" in self.__dict__:
            with self.writing():
                self.annotations.finish()

    # State

    @override
    def _process_state_message(self, message_dict: dict[str, Any]) -> None:
        """Hold the state until every record before it is written."""
        self._states.hold(self.place, message_dict["value"])
        if self._states.are_too_many:
            self.drain_all()
            self._states.thin_out()
        self._release_states()

    def _release_states(self) -> None:
        if self.dry:
            self._states.forget()  # else the next run would skip what was only planned
        self._states.release(self.place)

    # Stopping

    def _stop_if_asked(self) -> None:
        if self._signal is not None:
            raise Interrupted(self._signal)
        if self.limit.reached:
            raise TooManyFailures(self.limit.told)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop before the next record; records in flight are finished first."""
        self._signal = signum
        if not self._writing:
            raise Interrupted(signum)

    @override
    def run(self, file_input: IO[str] | None = None) -> int:
        """Read to the end, say what was done, and return an exit code; 0 where all is in place."""
        code, ended = 0, False
        try:
            self._work(file_input)
            ended = True
        except ENDINGS as problem:
            code = exit_code(problem, self.logger)
            stopped = isinstance(problem, (Interrupted, TooManyFailures))
            if stopped and "annotations" in self.__dict__:
                self._writing = True  # another signal is to change nothing
                self.annotations.finish(whole=False)
            if isinstance(problem, QuotaSpent) and not self.config.get("apply_plan"):
                # Whoever writes to us is not to fail for our limits; it comes again.
                for _ in lines_of(file_input or sys.stdin):
                    pass
        finally:
            self._close()
        code = code or (FAILED_ROWS if self.telling.failed or self.unreadable else 0)
        try:
            self.telling.take_place({*self._streams_seen, *self._planned_streams}, ended=ended)
        except SettingsError as problem:
            return exit_code(problem, self.logger)
        return code

    @property
    def _planned_streams(self) -> Iterable[str]:
        """The streams of a plan that was carried out."""
        return self.tally.by_stream if self.config.get("apply_plan") else ()

    def _work(self, file_input: IO[str] | None) -> None:
        if self.config.get("plan_path") and not self.dry:
            raise SettingsError(
                "plan_path needs dry_run: true, as a dry run alone saves a plan; nothing was done."
            )
        if self.config.get("apply_plan"):
            given = file_input or (None if sys.stdin.isatty() else sys.stdin)
            apply_plan(self, lines_of(given) if given else ())
            self._annotate()
            return
        if self.dry:
            _ = self.preview  # a plan that cannot be saved is told before anything is asked
        self.listen(file_input)
        if self.dry:
            self.preview.finish(self.tally.lines(), self._streams)

    def _close(self) -> None:
        try:
            self._release_states()
        except SettingsError as problem:  # a run that is stopped goes on to end well
            self.logger.error("%s", problem)
        self.telling.close()
        if "preview" in self.__dict__:
            self.preview.close()
        if self.unreadable:
            self.logger.error(
                "%d lines of the input are no messages: no state after them was let out, so that "
                "their records come again.",
                self.unreadable,
            )
        self.telling.sum_up(self.client.requests_by_method if "client" in self.__dict__ else {})
        for name in ("engine", "journal", "client"):
            if name in self.__dict__:
                getattr(self, name).close()
