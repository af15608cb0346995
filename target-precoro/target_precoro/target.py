"""The target: its settings, which stream goes where, and state that never runs ahead of data."""

from __future__ import annotations

import difflib
import signal
import sys
from collections import deque
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, ClassVar

from precoro_api import (
    BY_NAME,
    RESOURCES,
    BadCredentials,
    PrecoroError,
    QuotaSpent,
    Resource,
    SettingsError,
    client_from,
)
from precoro_api.profile import Profile, profile_of
from precoro_api.settings import Setting, json_schema
from singer_sdk import Target
from singer_sdk.exceptions import InvalidRecord, MissingKeyPropertiesError
from singer_sdk.helpers.capabilities import PluginCapabilities, TargetCapabilities
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

from target_precoro.sinks import PrecoroSink
from target_precoro.tally import Rejects, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from precoro_api import Client

__all__ = ["ACCEPTED", "TargetPrecoro"]

ACCEPTED = ("suppliers", "items", "taxes", "payment_terms", "locations", "legal_entities")
"""The resources that records can go to."""

_FAILED_ROWS = 1
_COULD_NOT_WORK = 2
_MOST_HELD_STATES = 1000

EXTERNAL_ID_PROPERTY = Setting(
    "external_id_property",
    "string",
    "External id property",
    "The field of the records that names them for good; it becomes Precoro's externalId.",
    default="externalId",
)
STREAM_RESOURCES = Setting(
    "stream_resources",
    "object",
    "Resources of streams",
    'Where streams go whose names Precoro does not know: {"vendors": "suppliers"}.',
)
UPDATE_METHOD = Setting(
    "update_method",
    "string",
    "Update method",
    "How fields change: `auto` tries PATCH, reads the answer, and goes over to PUT if it "
    "changed nothing; `patch` and `put` use only the one.",
    default="auto",
    options=("auto", "patch", "put"),
)
REJECTS_PATH = Setting(
    "rejects_path",
    "string",
    "Rejects path",
    "A file for refused rows, as Singer messages with the reason; piping it into the target "
    "tries them again.",
)


class Interrupted(BaseException):
    """A signal asked to stop, and no record is half written."""


class TargetPrecoro(Target):
    """Singer target for Precoro."""

    name = "target-precoro"
    package_name = "target-precoro"
    default_sink_class = PrecoroSink
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(
        EXTERNAL_ID_PROPERTY, STREAM_RESOURCES, UPDATE_METHOD, REJECTS_PATH
    )
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
        self.rejects = Rejects(self.config.get("rejects_path"), self.logger)
        self.place = 0
        self._held: deque[tuple[int, Any]] = deque()
        self._signal: int | None = None
        self._in_flight = False
        self._check_settings()

    def _check_settings(self) -> None:
        known = {each.name for each in RESOURCES} | {each.path_name for each in RESOURCES}
        for stream, resource in (self.config.get("stream_resources") or {}).items():
            if resource not in known:
                raise SettingsError(
                    f"stream_resources sends {stream!r} to {resource!r}, which Precoro does not "
                    f"have. {_suggest(str(resource))}"
                )

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

    @cached_property
    def client(self) -> Client:
        """The one client of all sinks: they share its budget of requests."""
        return client_from(self.config, f"target-precoro/{self.plugin_version}", priority=1)

    @cached_property
    def profile(self) -> Profile:
        """What is known of this account."""
        return profile_of(self.config)

    # Which stream goes where

    def resource_of(self, stream: str) -> Resource:
        """The resource that a stream's records go to. Raises SettingsError where there is none."""
        mapped = (self.config.get("stream_resources") or {}).get(stream, stream)
        wanted = str(mapped).lower().replace("-", "_")
        resource = BY_NAME.get(wanted) or next(
            (each for each in RESOURCES if each.path_name == wanted and not each.alias_of), None
        )
        if resource is None:
            raise SettingsError(
                f"stream_resources does not say where stream {stream!r} goes. {_suggest(stream)} "
                f'Set stream_resources to {{"{stream}": "…"}}.'
            )
        if resource.name not in ACCEPTED:
            raise SettingsError(
                f"stream_resources, or its name, sends stream {stream!r} to {resource.name}, which "
                f"this target does not write. It writes {', '.join(ACCEPTED)}."
            )
        return resource

    # Messages

    @override
    def _process_record_message(self, message_dict: dict[str, Any]) -> None:
        self.place += 1
        try:
            super()._process_record_message(message_dict)
        except (InvalidRecord, MissingKeyPropertiesError) as problem:
            sink = self.get_sink(str(message_dict.get("stream")))
            record = message_dict.get("record") or {}
            key = record.get(self.config.get("external_id_property") or "externalId")
            reason = str(problem).splitlines()[0]
            self.reject(sink, record, None if key is None else str(key), reason)
        self._release_states()

    @override
    def _handle_max_record_age(self) -> None:
        super()._handle_max_record_age()
        self._release_states()

    @override
    def process_endofpipe(self) -> None:
        super().process_endofpipe()
        self._release_states()

    def reject(self, sink: Any, record: Mapping[str, Any], key: str | None, reason: str) -> None:
        """Count, report and keep a row that cannot be written; the others go on."""
        stream = sink.stream_name
        who = f"{stream} {key}" if key else f"{stream}, record {self.place} of the input"
        told = reason if reason.startswith(f"{sink.resource.name} ") else f"{who}: {reason}"
        self.tally.count(stream, "rejected")
        self.rejects.add(stream, sink.original_schema, sink.key_properties, record, told)

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
        self._release_states()

    def _release_states(self) -> None:
        """Let the newest state out whose records are all written, and forget older ones."""
        if not self._held:
            return
        sinks = (*self._sinks_to_clear, *self._sinks_active.values())
        waiting = [sink.pending[0].place for sink in sinks if sink.pending]  # type: ignore[attr-defined]
        first_waiting = min(waiting, default=self.place + 1)
        released = None
        while self._held and self._held[0][0] < first_waiting:
            released = self._held.popleft()[1]
        if released is not None:
            sys.stdout.write(serialize_json(released) + "\n")
            sys.stdout.flush()

    # Stopping

    @contextmanager
    def record_in_flight(self) -> Iterator[None]:
        """Within it a signal waits: a record is written to its end, its link included."""
        self._in_flight = True
        try:
            yield
        finally:
            self._in_flight = False
        if self._signal is not None:
            raise Interrupted

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop before the next record; a record in flight is finished first."""
        self._signal = signum
        if not self._in_flight:
            raise Interrupted

    def run(self, file_input: IO[str] | None = None) -> int:
        """Read to the end, say what was done, and return an exit code that tells the truth.

        0: all in place; 1: some rows failed, or Precoro stopped answering, the rest is in place;
        2: could not work (settings, credentials); 128 and the signal's number: interrupted.
        """
        code = 0
        try:
            self.listen(file_input)
        except Interrupted:
            number = self._signal or signal.SIGTERM
            self.logger.warning(
                "Interrupted by %s; what was written is kept.", signal.Signals(number).name
            )
            code = 128 + number
        except (SettingsError, BadCredentials) as problem:
            self.logger.error("%s", problem)
            code = _COULD_NOT_WORK
        except QuotaSpent as problem:
            self.logger.warning("Stopped: %s", problem)
            code = problem.exit_code
            # Whoever writes to us is not to fail for our limits; it comes again, from our state.
            for _ in file_input or sys.stdin:
                pass
        except PrecoroError as problem:
            self.logger.error("Stopped: %s", problem)
            code = _FAILED_ROWS
        finally:
            self._release_states()
            self.rejects.close()
            self._summarise()
            if "client" in self.__dict__:
                self.client.close()
        return code or (_FAILED_ROWS if self.tally.rejected else 0)

    def _summarise(self) -> None:
        for line in self.tally.lines():
            self.logger.info("%s.", line)
        methods = self.client.requests_by_method if "client" in self.__dict__ else {}
        told = ", ".join(f"{many} {method}" for method, many in sorted(methods.items())) or "none"
        self.logger.info("Requests: %s.", told)
        if self.tally.rejected:
            self.logger.error("%d records were rejected, see above.", self.tally.rejected)

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


_ALSO_CALLED = {
    "vendor": "suppliers",
    "creditor": "suppliers",
    "contact": "suppliers",
    "product": "items",
    "article": "items",
    "material": "items",
    "vat": "taxes",
    "term": "payment_terms",
    "site": "locations",
    "subsidiar": "legal_entities",
}
"""What other systems call them."""


def _suggest(name: str) -> str:
    folded = name.lower()
    known = next((ours for theirs, ours in _ALSO_CALLED.items() if theirs in folded), None)
    nearest = known or difflib.get_close_matches(folded, ACCEPTED, n=1, cutoff=0.0)[0]
    return f"Known are {', '.join(ACCEPTED)}; the nearest is {nearest}."
