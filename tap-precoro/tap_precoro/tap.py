"""The tap: its settings, its client, and one stream for all that the API lists."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from precoro_api import RESOURCES, PrecoroError, SettingsError, client_from
from precoro_api.profile import profile_of
from precoro_api.settings import Setting, json_schema
from singer_sdk import Tap
from typing_extensions import override

from tap_precoro.documents import DetailStream, DocumentStream, LineStream, Listing
from tap_precoro.nested import OptionStream, StockStream
from tap_precoro.streams import ListStream, PrecoroStream, Stopped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from precoro_api import Client, Resource

__all__ = ["TapPrecoro"]

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
)


class TapPrecoro(Tap):
    """Singer tap for Precoro."""

    name = "tap-precoro"
    package_name = "tap-precoro"
    config_jsonschema: ClassVar[dict[str, Any]] = json_schema(START_DATE, OVERLAP)

    @cached_property
    def client(self) -> Client:
        """The one client of all streams: they share its budget of requests."""
        return client_from(self.config, f"tap-precoro/{self.plugin_version}")

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """What this run has listed of documents, so that no list is read twice."""
        return {}

    @cached_property
    def parents(self) -> dict[str, list[dict[str, Any]]]:
        """Rows of small resources whose children are read one by one; each list is read once."""
        return {}

    def listing(self, resource: Resource) -> Listing | None:
        """Where to note what is listed of a document, if a selected stream fetches from it."""
        listing = self.listings.get(resource.name)
        if listing is None:
            return None
        names = (f"{resource.name}_details", f"{resource.name}_{resource.lines}")
        selected = [self.streams[name] for name in names if self.streams[name].selected]
        listing.readers = [each for each in selected if isinstance(each, DocumentStream)]
        return listing if listing.readers else None

    @override
    def discover_streams(self) -> Sequence[PrecoroStream]:
        """A stream for each resource that can be listed, and two more for each document."""
        found = [stream for resource in RESOURCES for stream in self._streams_of(resource)]
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
        if not resource.lines:
            return [listed]
        lines = LineStream(self, resource)
        details = DetailStream(self, resource, lines)
        return [listed, details, lines]

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Write the state of what is done, and say in the exit code that it was interrupted."""
        try:
            super()._handle_termination(signum, frame)
        except SystemExit:
            sys.exit(128 + signum)

    @classmethod
    @override
    def invoke(cls, **kwargs: Any) -> None:
        """Run; what Precoro or a setting refuses ends in one sentence instead of a traceback."""
        try:
            super().invoke(**kwargs)
        except SettingsError as problem:
            cls.logger.error("Setting %s", problem)
            sys.exit(2)
        except Stopped as stopped:
            cls.logger.warning("%s", stopped.reason)
            sys.exit(stopped.reason.exit_code)
        except PrecoroError as problem:
            cls.logger.error("%s", problem)
            sys.exit(1)
