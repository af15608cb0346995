"""The tap against a company that changes between any two of its requests.

Hypothesis makes up companies, runs, and what happens meanwhile. What the tap wrote is put into a
destination by its keys, and after each run that ended everything that stood unchanged during it
must be there, and equal. `HYPOTHESIS_PROFILE=long` tries thousands of stories, not a few hundred.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import tap_precoro.tap
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from precoro_api import Client
from precoro_api.quota import Limits, MemoryLedger, Policy, Quota
from precoro_sandbox import Sandbox, SandboxClock
from precoro_sandbox.shapes import shape
from singer_sdk.singerlib.json import serialize_json
from tap_precoro.filters.obeying import SiftedReading
from tap_precoro.streams.documents import LineStream
from tap_precoro.streams.lists import ListStream
from tap_precoro.streams.resume import Listed
from tap_precoro.streams.stream import PrecoroStream, Stopped
from tap_precoro.tap import TapPrecoro

if TYPE_CHECKING:
    from collections.abc import Iterator

    from precoro_api.paging import Page

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
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
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
    meta: str
    runs: tuple[Run, ...]


@st.composite
def stories(draw: st.DrawFn, among: tuple[str, ...] = tuple(sorted(STREAMS))) -> Story:
    names = draw(st.lists(st.sampled_from(among), min_size=1, max_size=2, unique=True))
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
            meta=st.sampled_from(("absent", "present")),
            runs=st.lists(runs, min_size=1, max_size=3).map(tuple),
        )
    )


# The company and its tap


class Missed(AssertionError):
    """A row that stood unchanged during a run that ended is not there, or not as it is."""


class Killed(BaseException):
    """The process is gone."""


class SmallTap(TapPrecoro):
    """A tap that knows only some streams, as each of them takes its time to set up."""

    only: frozenset[str] = frozenset()

    def discover_streams(self) -> list[PrecoroStream]:
        return [each for each in super().discover_streams() if each.name in self.only]


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
        names = [stream for name in self.story.rows for stream in STREAMS[name]]
        tap = type("Tap", (SmallTap,), {"only": frozenset(names)})(
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
        for stream in tap.streams.values():
            stream.selected = True
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
                    if there.get(key) != record:
                        raise Missed(name, key, there.get(key), record)

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
        "legal_entities_meta": story.meta,
    }
    sandbox = Sandbox(clock=SandboxClock(speed=0, start=START), switches=switches).start()
    try:
        World(story, sandbox).tell()
    finally:
        Thread(target=sandbox.stop).start()


slow = settings(
    max_examples=4000 if LONG else 200, deadline=None, suppress_health_check=list(HealthCheck)
)


@slow
@given(stories())
def test_whatever_stood_unchanged_during_a_run_is_there_and_equal(story: Story) -> None:
    tell(story)


# What these stories are worth: taps that are broken on purpose lose rows in one of them


class Trusting(SiftedReading):
    """A reading that takes its first pass for the whole list."""

    def pages(self) -> Iterator[Page]:
        for page in self.client.pages(
            self.resource, filters=self.filters, since=self.since, path=self.path
        ):
            self.asked_at = self.asked_at or page.asked_at
            yield page
        self.whole = True


def loses_a_row(story: Story) -> bool:
    try:
        tell(story)
    except Missed:
        return True
    return False


def a_story_that_loses_a_row() -> Story:
    return find(
        stories(among=("suppliers",)),
        loses_a_row,
        settings=settings(slow, max_examples=4000, database=None, phases=[Phase.generate]),
        random=Random(1),
    )


def test_a_tap_that_trusts_its_first_pass_loses_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tap_precoro.tap, "SiftedReading", Trusting)
    story = a_story_that_loses_a_row()
    monkeypatch.undo()
    tell(story)


def test_a_bookmark_without_the_servers_clock_and_an_overlap_loses_a_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reached = ListStream.reached
    monkeypatch.setattr(ListStream, "reached", lambda self, newest, _: reached(self, newest, None))
    monkeypatch.setattr(ListStream, "overlap", timedelta(0), raising=False)
    story = a_story_that_loses_a_row()
    monkeypatch.undo()
    tell(story)


# What no story tells, as it takes days


def test_payments_of_days_on_which_nobody_looked_are_read(serve, sync) -> None:
    now = datetime.now(timezone.utc)

    def ago(days: int) -> str:
        return (now - timedelta(days=days)).replace(microsecond=0).isoformat()

    ages = {1: 40, 2: 31, 3: 30, 4: 20, 5: 1}
    rows = [{"id": key, "idn": str(key), "createDate": ago(days)} for key, days in ages.items()]
    sandbox = serve({"payments": rows})
    first = sync(sandbox, "payments", payments_window_days=2)
    assert len(first.records("payments")) == 5
    state = first.state["bookmarks"]["payments"]
    assert datetime.fromisoformat(state["read_whole"]) <= sandbox.clock.moment()
    state["read_whole"] = ago(30)
    later = sync(sandbox, "payments", payments_window_days=2, state=first.state)
    assert {record["id"] for record in later.records("payments")} == {2, 3, 4, 5}
    again = sync(sandbox, "payments", payments_window_days=2, state=later.state)
    assert {record["id"] for record in again.records("payments")} == {5}
