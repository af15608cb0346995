"""What webhooks told since the last run: which lists need no request, and which documents do.

A list is read when its turn comes (`reconcile_hours`), and otherwise only when events tell of it;
where its documents are fetched one by one, the list is left out, and those that the events name
are fetched. The state says up to which event a stream has come; as a state that comes back was
kept, its events are removed then, and not before.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, NotFound, PrecoroError, SettingsError
from precoro_api.settings import Setting
from precoro_api.webhooks import Spool

from tap_precoro.invoices import is_invoice, is_split
from tap_precoro.streams.documents import DETAIL_LIMIT, DocumentStream, hand_out
from tap_precoro.streams.listing import changed_of
from tap_precoro.streams.lists import ListStream
from tap_precoro.streams.nested import NestedStream
from tap_precoro.streams.refusals import Refusals
from tap_precoro.streams.resume import Listed
from tap_precoro.streams.stream import PrecoroStream, utc_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from precoro_api import Resource
    from precoro_api.webhooks import Told

    from tap_precoro.tap import TapPrecoro

__all__ = ["RECONCILE_HOURS", "WEBHOOK_SPOOL", "Pushed", "Way", "pushed_of", "spool_of"]

WEBHOOK_SPOOL = Setting(
    "webhook_spool",
    "string",
    "Webhook spool",
    "The file that `precoro webhooks serve` fills, one a job: only what its events tell of is "
    "read, and while there are none, nothing is asked.",
)
RECONCILE_HOURS = Setting(
    "reconcile_hours",
    "integer",
    "Reconcile after",
    "With `webhook_spool`: hours after which lists are read all the same, as an event can be lost; "
    "streams without webhooks are read then only.",
    default=24,
    least=0,
    most=87_600,
)


_EARLY = timedelta(minutes=15)
"""A daily job starts at no exact second: what is due so soon is due now, not a day later."""


class Way(Enum):
    """How the streams of one resource are read in a run."""

    LIST = "list"
    EVENTS = "events"
    NOT_AT_ALL = "not at all"


def root_of(resource: Resource) -> Resource:
    """The resource whose events tell of this one."""
    while resource.webhook is None and (above := resource.alias_of or resource.parent):
        resource = BY_NAME[above]
    return resource


def spool_of(config: Mapping[str, Any]) -> Path | None:
    """The file of the spool, if the settings name one. Raises SettingsError where it is not."""
    given = config.get(WEBHOOK_SPOOL.name)
    if not given:
        return None
    path = Path(given).expanduser()
    if not path.exists():
        raise SettingsError(
            f"{WEBHOOK_SPOOL.name}: there is no file {path}; `precoro webhooks serve` makes it."
        )
    return path


def pushed_of(tap: TapPrecoro) -> Pushed | None:
    """What webhooks told, if the settings name a spool."""
    path = spool_of(tap.config)
    if path is None:
        return None
    hours = tap.config.get(RECONCILE_HOURS.name)
    every = RECONCILE_HOURS.default if hours is None else hours
    return Pushed(tap, Spool(path), timedelta(hours=every))


class Pushed:
    """The events of one run: those that were there when it began."""

    def __init__(self, tap: TapPrecoro, spool: Spool, every: timedelta) -> None:
        self._tap = tap
        self._spool = spool
        self._every = every
        self._identity = spool.identity
        self._upto = spool.last()
        self._began = datetime.fromtimestamp(tap.client.quota.server_now(), timezone.utc)
        entries = tap.state.get("bookmarks") or {}
        self._entries = {name: dict(entry) for name, entry in entries.items()}
        self._asked_from = 0.0
        self._ways: dict[str, Way] = {}
        self._told: dict[str, list[Told]] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._spool.close()

    # What is to be done

    @cached_property
    def _groups(self) -> dict[str, list[PrecoroStream]]:
        """The selected streams that read something, by the resource whose events they hear."""
        groups: dict[str, list[PrecoroStream]] = {}
        for stream in self._tap.streams.values():
            if stream.selected and isinstance(stream, (ListStream, DocumentStream, NestedStream)):
                groups.setdefault(root_of(stream.resource).name, []).append(stream)
        return groups

    def way(self, stream: PrecoroStream) -> Way:
        """How a stream is read; all streams of one resource in the same way."""
        root = root_of(stream.resource)
        group = self._groups.get(root.name, [])
        if stream not in group or stream.testing:
            return Way.LIST
        if root.name not in self._ways:
            self._ways[root.name] = self._way(root, group)
        return self._ways[root.name]

    def _way(self, root: Resource, group: list[PrecoroStream]) -> Way:
        after = [self._heard(stream) for stream in group]
        if any(number is None for number in after) or any(map(self._is_due, group)):
            return Way.LIST
        if root.webhook is None:
            return Way.NOT_AT_ALL
        begin = min(number for number in after if number is not None)
        told = self._spool.told(int(root.webhook), after=begin, upto=self._upto)
        if not told:
            return Way.NOT_AT_ALL
        self._told[root.name] = told
        # A list is cheaper than its rows one by one, and knows best what a filter lets pass.
        one_by_one = any(isinstance(stream, DocumentStream) for stream in group)
        filtered = any(stream.resource.name in self._tap.filters for stream in group)
        named = all(each.idn for each in told) or not root.number
        return Way.EVENTS if one_by_one and named and not filtered else Way.LIST

    def _heard(self, stream: PrecoroStream) -> int | None:
        """The event up to which a stream has come; None where it must read its list first."""
        mark = str(self._entries.get(stream.name, {}).get("spool") or "")
        identity, _, number = mark.partition(":")
        webhook = root_of(stream.resource).webhook
        if identity != self._identity or not number.isdecimal():
            return None
        removed = 0 if webhook is None else self._spool.removed(int(webhook))
        return int(number) if removed <= int(number) <= self._upto else None

    def _is_due(self, stream: PrecoroStream) -> bool:
        read = self._entries[stream.name].get("list_read")
        return not read or self._began - datetime.fromisoformat(read) >= self._every - _EARLY

    def leader_of(self, stream: PrecoroStream) -> PrecoroStream:
        """The stream that asks for what events tell of, for all of its resource."""
        return self._groups[root_of(stream.resource).name][0]

    def documents_of(self, stream: PrecoroStream) -> int:
        """How many documents events tell of, where they are fetched."""
        return len(self._told[root_of(stream.resource).name])

    # What was done

    def list_read(self, stream: PrecoroStream) -> None:
        """A stream has read its list, and fetched all that was due."""
        leader = stream
        if isinstance(stream, DocumentStream):
            leader = self._tap.readers_of(stream.resource)[0]
        if stream.testing or leader.tally.left or stream.name not in self._names:
            return
        self._mark(stream, self._upto)
        stream.stream_state["list_read"] = utc_text(self._began)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(each.name for group in self._groups.values() for each in group)

    def _mark(self, stream: PrecoroStream, number: int) -> None:
        stream.stream_state["spool"] = f"{self._identity}:{number}"
        stream.state_manager.is_flushed = False

    def fetched(self, stream: DocumentStream) -> Mapping[str, str]:
        """The documents that a stream has because of events: idn, and as of which change."""
        webhook, heard = root_of(stream.resource).webhook, self._heard(stream)
        if webhook is None or heard is None:
            return {}
        return self._spool.fetched(int(webhook), heard)

    def forget(self) -> None:
        """Remove the events that are past: what they told of stands in the state that came."""
        for kind in self._spool.kinds():
            self._spool.remove(self._past(kind), (kind,))
        for name, group in self._groups.items():
            webhook = BY_NAME[name].webhook
            settled = [
                str(self._entries.get(stream.name, {}).get("settled") or "")
                for stream in group
                if isinstance(stream, DocumentStream)
            ]
            if webhook is not None and settled:
                self._spool.forget_fetched(int(webhook), min(settled).partition(" ")[0])

    def _past(self, kind: int) -> int:
        """The last event of a type that nobody needs; a stream new to it reads its list first."""
        heard = [
            self._heard(stream)
            for name, group in self._groups.items()
            if BY_NAME[name].webhook == kind
            for stream in group
        ]
        if any(number is None for number in heard):
            return 0
        return min((number for number in heard if number is not None), default=self._upto)

    # Documents that events tell of

    def records(self, stream: PrecoroStream) -> Iterator[dict[str, Any]]:
        """The records of a stream by events; those of its group are written on the way."""
        root = root_of(stream.resource)
        if stream is self.leader_of(stream):
            yield from self._documents(root, self._groups[root.name])

    def _documents(self, root: Resource, group: list[PrecoroStream]) -> Iterator[dict[str, Any]]:
        told = self._told[root.name]
        leader = group[0]
        limit = self._tap.config.get(DETAIL_LIMIT.name)
        now = told if limit is None else told[:limit]
        leader.tally.left = len(told)
        self._asked_from = self._tap.client.clock.now()
        keys = [str(each.idn if root.number else each.id) for each in now]
        documents = self._tap.client.details(root, keys)
        readers = [stream for stream in group if isinstance(stream, DocumentStream)]
        known = {idn for reader in readers for idn in reader.memory.refused}
        refusals = Refusals(leader, len(known))
        for count, (key, document) in enumerate(zip(keys, documents, strict=True), start=1):
            number = told[count].number - 1 if count < len(told) else self._upto
            refused = isinstance(document, PrecoroError) and not isinstance(document, NotFound)
            if isinstance(document, NotFound):
                leader.logger.warning("Told of, but not there when it was fetched: %s", document)
            elif isinstance(document, PrecoroError):
                refusals.note(key, document, again=key in known)
            else:
                refusals.passed()
                yield from self._document(root, group, document, number)
            for reader in readers:
                reader.refuse(key, refused=refused)
            for stream in group:
                self._mark(stream, number)
            leader.tally.left = len(told) - count
            self._tap.progress.at(leader.name, "document", count, len(now))
            leader._write_state_message()  # noqa: SLF001 - a document is done
        refusals.tell()

    def _document(
        self,
        root: Resource,
        group: list[PrecoroStream],
        document: Mapping[str, Any],
        number: int,
    ) -> Iterator[dict[str, Any]]:
        changed = changed_of(root, document)
        listed = Listed(changed, str(document.get(root.addressed_by)))
        takers = [stream for stream in group if _takes(stream.resource, document)]
        if is_invoice(root) and is_split(document):
            for stream in group:
                if isinstance(stream, ListStream):
                    # Only the list shows the parts of a split invoice: it is read next time.
                    stream.stream_state.pop("list_read", None)
            takers = [stream for stream in takers if not isinstance(stream, ListStream)]
        yield from hand_out(self._tap, root, group[0], takers, document, listed)
        # A change in the second in which it was asked for may follow, and look the same.
        if changed and changed < self._asked_at:
            self._spool.note_fetched(int(root.webhook or 0), listed.idn, changed, number)

    @property
    def _asked_at(self) -> str:
        """When the first document was asked for, by the server's clock, or a little earlier."""
        client = self._tap.client
        if client.server_now is None:
            return ""
        since = timedelta(seconds=client.clock.now() - self._asked_from)
        return utc_text(client.server_now - since)


def _takes(resource: Resource, document: Mapping[str, Any]) -> bool:
    """Whether a resource that is a part of another one's rows holds this one."""
    return all(
        str(document.get(name.removesuffix("[]"))) in map(str, values)
        for name, values in resource.selector.items()
    )
