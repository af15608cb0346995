"""The tap against a company that changes between any two of its requests.

Hypothesis makes up companies, runs, and what happens meanwhile. What the tap wrote is put into a
destination by its keys, and after each run that ended everything that stood unchanged during it
must be there, and equal. `HYPOTHESIS_PROFILE=long` tries thousands of such stories instead of a few
hundred.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from precoro_api import Client
from precoro_api.quota import Limits, MemoryLedger, Policy, Quota
from precoro_sandbox import Sandbox, SandboxClock
from precoro_sandbox.shapes import shape
from singer_sdk.singerlib.json import serialize_json
from tap_precoro.documents import LineStream
from tap_precoro.lists import ListStream
from tap_precoro.resume import Listed
from tap_precoro.streams import PrecoroStream, Stopped
from tap_precoro.tap import TapPrecoro

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC
LARGEST_STATE = 2048
ORDERS = "purchase_orders"
STREAMS = {
    "suppliers": ("suppliers",),
    ORDERS: (ORDERS, f"{ORDERS}_details", f"{ORDERS}_items"),
    "payment_terms": ("payment_terms",),
    "payments": ("payments",),
    "users": ("users",),
    "legal_entities": ("legal_entities",),
}
TEXTS = {ORDERS: "note", "payments": "qboId", "users": "position"}
"""A text column of each resource; `name` where it is not named here."""
STORIES = 4000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 250
OFF = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}


# What stories are made of


@dataclass(frozen=True)
class Change:
    """Something that people do to rows of one resource, `wait` seconds after what they did before.

    `pick` counts rows from the oldest, or from the newest where it is negative.
    """

    kind: str
    resource: str
    pick: int = 0
    many: int = 1
    wait: float = 0.0


@dataclass(frozen=True)
class Run:
    """A run of the tap: how it ends, and what people do after its n-th request."""

    newest: bool = False
    ends: tuple[str, int] | None = None
    meanwhile: tuple[tuple[int, Change], ...] = ()
    after: tuple[Change, ...] = ()
    pause: int = 0


@dataclass(frozen=True)
class Story:
    """A company, and what happens to it; `spread` is the time between two of its first rows."""

    rows: dict[str, int]
    order: str
    dialect: str
    since: str
    spread: int
    overlap: int
    window: int | None
    paced: bool
    runs: tuple[Run, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    names = draw(st.lists(st.sampled_from(sorted(STREAMS)), min_size=1, max_size=2, unique=True))
    changes = st.builds(
        Change,
        kind=st.sampled_from(("change", "delete", "create", "quiet")),
        resource=st.sampled_from(names),
        pick=st.integers(-3, 34),
        many=st.integers(1, 3),
        wait=st.sampled_from((0.0, 0.4, 1.0, 400.0)),
    )
    endings = st.tuples(
        st.sampled_from(("max_requests", "detail_limit", "killed")), st.integers(0, 20)
    )
    gaps = st.one_of(st.integers(1, 8), st.integers(1, 40))
    runs = st.builds(
        Run,
        newest=st.booleans(),
        ends=st.none() | endings,
        meanwhile=st.lists(st.tuples(gaps, changes), max_size=6).map(tuple),
        after=st.lists(changes, max_size=2).map(tuple),
        pause=st.sampled_from((0, 1, 400)),
    )
    return draw(
        st.builds(
            Story,
            rows=st.fixed_dictionaries({name: st.integers(0, 32) for name in names}),
            order=st.sampled_from(("id_desc", "id_asc", "updated")),
            dialect=st.sampled_from(("all", "legacy", "new")),
            since=st.sampled_from(("inclusive", "exclusive")),
            spread=st.sampled_from((0, 1, 60)),
            overlap=st.sampled_from((0, 300)),
            window=st.sampled_from((None, 2)),
            paced=st.booleans(),
            runs=st.lists(runs, min_size=1, max_size=3).map(tuple),
        )
    )


# The company and its tap


class Killed(BaseException):
    """The process is gone."""


class TapsClock:
    """The tap's own time; the company's passes with it, and on its own."""

    def __init__(self, company: SandboxClock) -> None:
        self._company = company
        self._now = company.now()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)
        self._company.advance(max(0.0, seconds))


class MortalQuota(Quota):
    """A budget whose process is killed instead of sending one request too many."""

    def __init__(self, lives: int | None, out: io.StringIO, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lives = lives
        self._out = out
        self.written: int | None = None

    def acquire(self, identity: str, resource: str) -> float:
        if self._lives is not None and self.sent >= self._lives:
            self.written = self._out.tell()
            raise Killed
        return super().acquire(identity, resource)


@dataclass
class World:
    """A story as it happens."""

    story: Story
    sandbox: Sandbox
    state: dict[str, Any] | None = None
    touched: set[tuple[str, int]] = field(default_factory=set)
    there: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = field(default_factory=dict)
    versions: int = 0

    def tell(self) -> None:
        """Let it all happen; AssertionError where something is missing."""
        for name, many in self.story.rows.items():
            for _ in range(many):
                self._create(name)
                self.sandbox.clock.advance(self.story.spread)
        for run in (*self.story.runs, Run()):
            self.sandbox.clock.advance(run.pause)
            self.run(run)
            for change in run.after:
                self.happens(change)

    # People

    def happens(self, change: Change) -> None:
        self.sandbox.clock.advance(change.wait)
        store, name = self.sandbox.store, change.resource
        for number in range(change.many):
            if change.kind == "create":
                self._create(name)
                continue
            rows = sorted(store.rows(name))
            place = change.pick if change.pick < 0 else change.pick + number
            if not -len(rows) <= place < len(rows):
                continue
            row = store.rows(name)[rows[place]]
            self.touched.add((name, row["id"]))
            if change.kind == "delete":
                store.remove(name, row["id"])
            elif change.kind == "quiet" and "items" in row:
                store.change(name, row, {"items": self._lines()})
            elif not (name == "payments" and self.story.window):  # whose changes nothing tells
                store.change(name, row, {TEXTS.get(name, "name"): self._text()})

    def _create(self, name: str) -> None:
        values: dict[str, Any] = {TEXTS.get(name, "name"): self._text()}
        if name == ORDERS:
            values["items"] = self._lines()
        row = self.sandbox.store.add(name, values)
        self.touched.add((name, row["id"]))

    def _text(self) -> str:
        self.versions += 1
        return f"version {self.versions}"

    def _lines(self) -> list[dict[str, Any]]:
        return [{"id": number, "name": self._text(), "quantity": 1} for number in (1, 2)]

    # The tap

    def run(self, run: Run) -> None:
        self.touched.clear()
        ends, most = run.ends or ("", 0)
        tap = TapPrecoro(
            config={
                "auth_token": self.sandbox.account.token,
                "email": self.sandbox.account.email,
                "base_url": self.sandbox.url,
                "overlap_seconds": self.story.overlap,
                "payments_window_days": self.story.window,
                "detail_order": "newest" if run.newest else "oldest",
                "detail_limit": most if ends == "detail_limit" else None,
            },
            state=self.state,
        )
        names = [stream for name in self.story.rows for stream in STREAMS[name]]
        for name, stream in tap.streams.items():
            stream.selected = name in names
        out = io.StringIO()
        clock = TapsClock(self.sandbox.clock)
        quota = MortalQuota(
            most if ends == "killed" else None,
            out,
            clock,
            ledger=MemoryLedger(),
            limits=Limits() if self.story.paced else Limits(None, None, None, None, None),
            policy=Policy(max_requests=most if ends == "max_requests" else None),
        )
        tap.client = Client(
            token=self.sandbox.account.token,
            email=self.sandbox.account.email,
            base_url=self.sandbox.url,
            page_size=10,
            clock=clock,
            quota=quota,
        )
        begin = len(self.sandbox.app.served)

        def meanwhile(_: object) -> None:
            number = len(self.sandbox.app.served) - begin
            for gap, change in run.meanwhile:
                if gap == number:
                    self.happens(change)

        self.sandbox.app.after = meanwhile
        ended = True
        try:
            with contextlib.redirect_stdout(out):
                tap.sync_all()
        except (Stopped, Killed):
            ended = False
        finally:
            self.sandbox.app.after = None
            tap.client.close()
        self._take(tap, out.getvalue()[: quota.written])
        assert not tap.tally.failed, {n: t.failed for n, t in tap.tally.by_stream.items()}
        if ended:
            self._check(tap, [name for name in names if not (tap.tally.left and name != ORDERS)])

    def _take(self, tap: TapPrecoro, written: str) -> None:
        for line in written.splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                name, record = message["stream"], message["record"]
                key = tuple(record[column] for column in tap.streams[name].primary_keys)
                self.there.setdefault(name, {})[key] = record
            elif message["type"] == "STATE":
                assert len(line) < LARGEST_STATE, line
                self.state = message["value"]

    # What must be there

    def _check(self, tap: TapPrecoro, names: list[str]) -> None:
        """Every row that nobody touched since the run began is there, and equal."""
        for name in names:
            stream = tap.streams[name]
            assert isinstance(stream, PrecoroStream)
            there = self.there.get(name, {})
            for row in self.sandbox.store.rows(stream.resource.name).values():
                if (stream.resource.name, row["id"]) in self.touched:
                    continue
                for wanted in self._records(stream, row):
                    record = json.loads(serialize_json(wanted))
                    key = tuple(record[column] for column in stream.primary_keys)
                    assert there.get(key) == record, (name, key, self.state)

    def _records(self, stream: PrecoroStream, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        listed = isinstance(stream, ListStream)
        shown = shape(stream.resource, row, self.sandbox.switches, detail=not listed)
        if isinstance(stream, LineStream):
            yield from stream.records_of(shown, Listed(row["updateDate"], row["idn"]))
        else:
            yield stream.read(shown)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of runs say nothing."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def tell(story: Story) -> None:
    """Let a story happen."""
    switches = {
        **OFF,
        "list_order": story.order,
        "pagination": story.dialect,
        "modified_since": story.since,
    }
    sandbox = Sandbox(clock=SandboxClock(speed=0, start=START), switches=switches).start()
    try:
        World(story, sandbox).tell()
    finally:
        Thread(target=sandbox.stop).start()


@settings(
    max_examples=STORIES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(stories())
def test_whatever_stood_unchanged_during_a_run_is_there_and_equal(story: Story) -> None:
    tell(story)
