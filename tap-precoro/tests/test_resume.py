"""The memory of details: however runs end, nothing is missed, and nothing fetched twice."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME
from tap_precoro.streams.listing import Listing
from tap_precoro.streams.resume import Listed, Memory, digest_of
from tap_precoro.tap import TapPrecoro

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(max_examples=15000 if LONG else 500)
ORDERS = "purchase_orders"
BEGIN = datetime(2027, 1, 15, 8, tzinfo=timezone.utc)
OVERLAP = 300
LARGEST_ENTRY = 1024
MOST_IN_OVERLAP, MOST_SPANS = 40, 3


def at(second: float) -> str:
    return (BEGIN + timedelta(seconds=int(second))).isoformat()


@dataclass
class Document:
    """A document of the company; `shown` is what its listed row tells of it."""

    idn: str
    stamp: int
    version: int = 0
    shown: int = 0
    appears: int = 0

    @property
    def listed(self) -> Listed:
        row = {"idn": self.idn, "updateDate": at(self.stamp), "sum": self.shown}
        return Listed(at(self.stamp), self.idn, digest_of(row))


@dataclass
class Archive:
    """Documents, and a stream of their details whose every run may end early."""

    documents: list[Document] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    now: float = 1000
    overlap: timedelta = timedelta(seconds=OVERLAP)
    start: str = ""
    versions: int = 0
    have: dict[str, int] = field(default_factory=dict)
    fetches: Counter[tuple[str, int]] = field(default_factory=Counter)
    fresh: set[tuple[str, int]] = field(default_factory=set)
    crowded: bool = False

    def make(self, stamp: float, appears: float = 0) -> Document:
        self.versions += 1
        idn = str(len(self.documents) + 1)
        made = Document(idn, int(stamp), self.versions, self.versions, int(appears))
        self.documents.append(made)
        return made

    def change(self, document: Document, *, seen: bool = True) -> None:
        self.versions += 1
        document.stamp = int(self.now)
        document.version = self.versions
        document.shown = self.versions if seen else document.shown

    def listing(self, since: datetime | None, *, exclusive: bool = False) -> list[Listed]:
        least = since.isoformat() if since else ""
        return [
            each.listed
            for each in self.documents
            if each.appears <= self.now
            and (at(each.stamp) > least if exclusive else at(each.stamp) >= least)
        ]

    def run(self, limit: int = 10**9, *, newest: bool = False, change: Any = None) -> bool:
        """One run that fetches so many documents at most; whether it came to its end.

        `change` is called before each document is fetched. `fresh` are those that a run fetched
        though they had changed since the second of its list; `crowded` says whether there was
        ever more to remember than a state has room for.
        """
        memory = Memory.of(self.state, self.start, self.overlap)
        asked_at = at(self.now)
        edge = at(self.now - self.overlap.total_seconds())
        listing = self.listing(memory.since())
        wanted = sorted(memory.due(listing, asked_at, self.overlap), reverse=newest)
        by_idn = {each.idn: each for each in self.documents}
        for number, listed in enumerate(wanted[:limit], start=1):
            if change:
                change()
            document = by_idn[listed.idn]
            self.have[listed.idn] = document.version
            self.fetches[listed.idn, document.version] += 1
            if at(document.stamp) >= asked_at:
                self.fresh.add((listed.idn, document.version))
            following = wanted[number] if number < len(wanted) else None
            memory.took(listed, following, newest=newest)
            self.save(memory)
        if not wanted:
            memory.finish()
            self.save(memory)
        self.crowded |= sum(each.changed >= edge for each in listing) > MOST_IN_OVERLAP
        self.crowded |= len(self.state.get("spans", ())) > MOST_SPANS
        return len(wanted) <= limit

    def save(self, memory: Memory) -> None:
        memory.write(self.state, "updateDate")
        self.state = json.loads(json.dumps(self.state))
        assert len(json.dumps(self.state)) < LARGEST_ENTRY

    def missing(self, before: float = math.inf) -> set[str]:
        """Documents whose present version was not fetched, of those that were there by then."""
        return {
            each.idn
            for each in self.documents
            if self.have.get(each.idn) != each.version
            and each.appears <= min(before, self.now)
            and each.stamp + 1 <= before
        }

    @property
    def twice(self) -> set[tuple[str, int]]:
        """What was fetched more than once, though nothing could have happened to it meanwhile."""
        return {each for each, many in self.fetches.items() if many > 1} - self.fresh


@pytest.mark.parametrize("newest", [False, True], ids=["oldest", "newest"])
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_500_documents_are_fetched_once_however_often_runs_end(limit, newest):
    archive = Archive(now=100_000)
    for number in range(500):
        archive.make(number * 60)
    for _ in range(500 // limit):
        archive.run(limit, newest=newest)
        archive.now += 60
    archive.run(newest=newest)
    assert not archive.missing()
    assert set(archive.fetches.values()) == {1}
    assert set(archive.state) == {"replication_key", "replication_key_value", "settled"}


@pytest.mark.parametrize("newest", [False, True], ids=["oldest", "newest"])
def test_500_documents_of_one_second_are_fetched_once_and_in_the_end_all(newest):
    archive = Archive(now=100_000)
    for _ in range(500):
        archive.make(5000)
    for _ in range(11):
        archive.run(50, newest=newest)
        archive.now += 60
    assert not archive.missing()
    assert set(archive.fetches.values()) == {1}


def test_documents_of_the_bookmarks_own_second_are_not_fetched_in_every_run():
    archive = Archive(now=100_000)
    for _ in range(100):
        archive.make(5000)
    archive.run()
    for _ in range(3):
        archive.now += 3600
        archive.run()
    assert sum(archive.fetches.values()) == 100


@pytest.mark.parametrize("newest", [False, True], ids=["oldest", "newest"])
def test_a_change_in_the_second_of_the_list_that_its_row_does_not_show_is_fetched(newest):
    archive = Archive()
    document = archive.make(1000)
    archive.run(newest=newest)
    archive.now += 0.5
    archive.change(document, seen=False)
    archive.now += 60
    archive.run(newest=newest)
    assert not archive.missing()


def test_what_lies_in_the_overlap_is_not_fetched_again_unless_its_row_changed():
    archive = Archive()
    one, other = archive.make(900), archive.make(950)
    archive.run()
    archive.now += 10
    archive.change(other)
    archive.now += 10
    archive.run()
    assert archive.fetches == {
        (one.idn, 1): 1,
        (other.idn, 2): 1,
        (other.idn, 3): 1,
    }


@pytest.mark.parametrize("newest", [False, True], ids=["oldest", "newest"])
def test_a_document_that_shows_late_is_found_within_the_overlap(newest):
    archive = Archive()
    archive.make(990)
    archive.make(705, appears=1001)
    archive.run(newest=newest)
    archive.now += 5
    archive.run(newest=newest)
    assert not archive.missing()


def test_where_people_set_the_bookmark_back_documents_are_fetched_again_from_there():
    archive = Archive(now=100_000)
    for number in range(10):
        archive.make(number * 1000)
    archive.run()
    archive.state["replication_key_value"] = at(6000).replace("+00:00", "Z")
    archive.run()
    assert [archive.fetches[each.idn, each.version] for each in archive.documents] == [
        *[1] * 6,
        *[2] * 4,
    ]


def test_a_bookmark_of_another_version_is_trusted_up_to_the_overlap():
    archive = Archive(now=100_000, state={"replication_key_value": at(5000)})
    for stamp in (4000, 4699, 4700, 5000, 5001):
        archive.make(stamp)
    archive.run()
    assert [archive.have.get(each.idn) is not None for each in archive.documents] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_start_date_leaves_out_what_is_older():
    archive = Archive(now=100_000, start=at(5000))
    for stamp in (4999, 5000, 5001):
        archive.make(stamp)
    archive.run()
    assert set(archive.have) == {"2", "3"}


def test_documents_without_a_date_are_fetched_when_they_are_listed_and_hold_up_nothing():
    memory = Memory()
    rows = [Listed("", str(n), digest_of({"n": n})) for n in range(3)]
    dated = Listed(at(500), "9", digest_of({"n": 9}))
    wanted = sorted(memory.due([*rows, dated], at(5000), timedelta(seconds=OVERLAP)))
    assert wanted == [*rows, dated]
    for number, each in enumerate(wanted, start=1):
        memory.took(each, wanted[number] if number < 4 else None)
    assert memory.bookmark == at(500)
    assert memory.since() == BEGIN + timedelta(seconds=499)


def test_a_bookmark_is_never_ahead_of_the_servers_clock():
    archive = Archive()
    archive.make(999_999)
    archive.run()
    assert archive.state["replication_key_value"] == at(1000)


def test_without_the_servers_clock_the_youngest_row_tells_the_time():
    memory = Memory()
    rows = [Listed(at(stamp), str(stamp), str(stamp)) for stamp in (100, 5000)]
    wanted = sorted(memory.due(rows, "", timedelta(seconds=OVERLAP)))
    for each, following in zip(wanted, [*wanted[1:], None], strict=True):
        memory.took(each, following)
    assert memory.since() == BEGIN + timedelta(seconds=5000 - OVERLAP - 1)


def test_streams_that_share_documents_keep_what_each_has():
    # One stream was there before the other: what only the other wants must not cost it anything.
    overlap = timedelta(seconds=1)
    rows = [Listed(at(stamp), str(stamp), f"{stamp:08}") for stamp in range(0, 2000, 100)]

    def take(memories: list[Memory], many: int, *, newest: bool) -> None:
        due = [memory.due(rows, at(5000), overlap) for memory in memories]
        wanted = sorted(set().union(*due), reverse=newest)
        for number, each in enumerate(wanted[:many], start=1):
            for memory in memories:
                memory.took(each, wanted[number], newest=newest)

    early, late = Memory(), Memory()
    take([early], 10, newest=True)
    assert early.due(rows, at(5000), overlap) == set(rows[:10])
    take([early, late], 5, newest=True)
    assert early.due(rows, at(5000), overlap) == set(rows[:10])
    assert late.due(rows, at(5000), overlap) == set(rows[:15])
    take([early, late], 12, newest=False)
    assert early.due(rows, at(5000), overlap) == set()
    assert late.due(rows, at(5000), overlap) == set(rows[12:15])


def test_what_two_streams_remember_at_most_fits_into_two_kilobytes():
    archive = Archive(now=10**6)
    for number in range(400):
        archive.make(number * 100)
    memory, largest = Memory(), 0
    for run in range(6):  # each ends in its midst, and new documents come before the next
        archive.now = 50_000 * (run + 1)
        for number in range(50):
            archive.make(archive.now - 3000 * number // 50)
        entry: dict[str, Any] = {}
        memory.write(entry, "documentUpdateDate", most=50)
        memory = Memory.of(entry, "", archive.overlap)
        listing = archive.listing(memory.since())
        wanted = sorted(memory.due(listing, at(archive.now), archive.overlap), reverse=True)
        for number, each in enumerate(wanted[:45], start=1):
            memory.took(each, wanted[number], newest=True)
            memory.write(entry, "documentUpdateDate", most=50)
            names = ("purchase_requisitions", "purchase_requisitions_details", "…_items")
            state = {"type": "STATE", "value": {"bookmarks": dict.fromkeys(names, entry)}}
            largest = max(largest, len(json.dumps(state)))
    assert len(memory.spans) == MOST_SPANS + 1
    assert 600 < largest < 2048


def test_rows_that_share_an_idn_are_one_document_in_whatever_order_they_are_listed():
    rows = [{"id": n, "idn": "7", "updateDate": at(n)} for n in range(4)]
    documents = []
    for order in (rows, rows[::-1], rows[2:] + rows[:2]):
        listing = Listing(BY_NAME["invoices"])
        for row in order:
            listing.note(row)
        documents += listing.documents
    assert len(documents) == 3
    assert len(set(documents)) == 1
    assert documents[0][:2] == (at(3), "7")
    listing.note({**rows[0], "sum": 1})
    assert {*listing.documents}.isdisjoint(documents)


# As a property

steps = st.one_of(
    st.tuples(st.just("make"), st.integers(0, 8)),
    st.tuples(st.just("late"), st.integers(1, OVERLAP - 1)),
    st.tuples(st.just("change"), st.integers(0, 30)),
    st.tuples(st.just("quiet"), st.integers(0, 30)),
    st.tuples(st.just("wait"), st.sampled_from((0.4, 1, 7, 200, 400, 5000))),
    st.tuples(st.just("oldest"), st.integers(0, 12)),
    st.tuples(st.just("newest"), st.integers(0, 12)),
)


@settings(PROFILE, deadline=None)
@example(
    stamps=[700],
    overlap=OVERLAP,
    what=[("make", 2), ("oldest", 1), ("wait", 400), ("newest", 1)],
    while_fetching=[],
)
@given(
    stamps=st.lists(st.integers(0, 1000) | st.sampled_from((0, 500, 1000)), max_size=30),
    overlap=st.sampled_from((1, OVERLAP)),
    what=st.lists(steps, max_size=25),
    while_fetching=st.lists(st.sampled_from(("quiet", "change", "wait", "")), max_size=10),
)
def test_nothing_is_missed_and_nothing_fetched_twice(stamps, overlap, what, while_fetching):
    archive = Archive(overlap=timedelta(seconds=overlap))
    for stamp in stamps:
        archive.make(stamp)
    meanwhile = iter(while_fetching)

    def change() -> None:
        kind = next(meanwhile, "")
        if kind == "wait":
            archive.now += 0.4
        elif kind:
            archive.change(archive.documents[-1], seen=kind == "change")

    for kind, number in what:
        if kind == "make":
            for _ in range(number):
                archive.make(archive.now)
        elif kind == "late":
            archive.make(archive.now + 1 - min(number, overlap), appears=archive.now + 1)
        elif kind in ("change", "quiet") and number < len(archive.documents):
            archive.change(archive.documents[number], seen=kind == "change")
        elif kind == "wait":
            archive.now += number
        elif kind in ("oldest", "newest"):
            began = archive.now
            if archive.run(number, newest=kind == "newest", change=change):
                assert not archive.missing(began)
    archive.now += 5000
    archive.run()
    assert not archive.missing()
    assert archive.crowded or not archive.twice


# As a process


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_process_that_is_killed_again_and_again_sends_every_detail_once(serve, tmp_path, order):
    sandbox = serve(speed=60, switches={"minute_limit": 0, "duplicate_limiter": "off"})
    for number in range(120):
        sandbox.store.add(ORDERS, {"items": [{"id": number, "quantity": 1}]})
        sandbox.clock.advance(0 if number % 5 else 60)  # five of each date
    sandbox.clock.advance(3600)
    streams = (f"{ORDERS}_details", f"{ORDERS}_items")
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": 60,
        "requests_per_minute": "off",
        "detail_order": order,
    }
    catalog = TapPrecoro(config=config).catalog_dict
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in streams
    given = {"config": config, "catalog": catalog, "state": {}}
    processes: list[subprocess.Popen[bytes]] = []
    counted = iter(range(1, 10**6))

    def kill(_: object) -> None:
        if next(counted) % 25 == 0:
            processes[-1].kill()

    sandbox.app.after = kill
    sent: Counter[tuple[str, int]] = Counter()
    killed = True
    while killed:
        for name, value in given.items():
            (tmp_path / name).write_text(json.dumps(value))
        options = [part for name in given for part in (f"--{name}", name)]
        with (tmp_path / "out").open("wb") as out, (tmp_path / "log").open("wb") as log:
            line = [sys.executable, "-m", "tap_precoro", *options]
            processes.append(subprocess.Popen(line, cwd=tmp_path, stdout=out, stderr=log))
            killed = processes[-1].wait(timeout=60) == -signal.SIGKILL
        for text in (tmp_path / "out").read_text().splitlines():
            message = json.loads(text)
            if message["type"] == "STATE":
                given["state"] = message["value"]
                assert len(text) < 2048
            elif message["type"] == "RECORD":
                record = message["record"]
                sent[message["stream"], record.get("documentId", record["id"])] += 1
    assert processes[-1].returncode == 0
    assert len(processes) == 6
    assert sent == Counter(
        (stream, key) for stream in streams for key in sandbox.store.rows(ORDERS)
    )
    details = Counter(each.path for each in sandbox.served if each.path != "/purchaseorders")
    assert details.total() == 120 + 5  # those whose answer the kill took away


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("most", [2, 6, 40])
@pytest.mark.parametrize("limit", [7, 150, 299])
def test_more_documents_in_the_overlap_than_the_state_has_room_for_are_fetched_once(
    monkeypatch: pytest.MonkeyPatch, most: int, limit: int, *, newest: bool
) -> None:
    monkeypatch.setattr(Memory.write, "__kwdefaults__", {"most": most})
    archive = Archive()
    for number in range(300):
        archive.make(archive.now - 150 + number / 3)
    archive.now += 1
    while not archive.run(limit, newest=newest):
        archive.now += 1
    assert archive.missing() == set()
    assert set(archive.fetches.values()) == {1}
    archive.now += 400
    archive.run(newest=newest)
    assert sum(archive.fetches.values()) == 300


@pytest.mark.parametrize("newest", [False, True])
def test_what_changes_in_a_group_costs_that_group_again(*, newest: bool) -> None:
    archive = Archive()
    for number in range(300):
        archive.make(archive.now - 150 + number / 3)
    archive.now += 1
    archive.run(newest=newest)
    archive.now += 1
    archive.change(archive.documents[10])
    late = archive.make(archive.now - 100, appears=archive.now)
    archive.now += 1
    archive.run(newest=newest)
    assert archive.missing() == set()
    assert archive.have[late.idn] == late.version
    groups = 40 // 2 // 6
    assert sum(archive.fetches.values()) <= 302 + 2 * -(-280 // groups)


def test_a_refused_document_is_due_until_it_is_handed_out() -> None:
    archive = Archive()
    for number in range(3):
        archive.make(number)
    for _ in range(3):
        memory = Memory.of(archive.state, "", archive.overlap)
        due = sorted(memory.due(archive.listing(memory.since()), at(archive.now), archive.overlap))
        assert "2" in {each.idn for each in due}
        for number, each in enumerate(due, start=1):
            following = due[number] if number < len(due) else None
            memory.took(each, following, refused=each.idn == "2")
        archive.save(memory)
        archive.now += 1000
    assert [each.idn for each in due] == ["2"]
    memory.answered("2", refused=False)
    archive.save(memory)
    again = Memory.of(archive.state, "", archive.overlap)
    assert not again.due(archive.listing(again.since()), at(archive.now), archive.overlap)
