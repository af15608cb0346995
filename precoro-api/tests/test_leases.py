"""Turns of processes that are killed: given back if they were not used, and only then."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import contextmanager

import pytest
from precoro_api import QuotaSpent
from precoro_api.connection import client_from, state_folder
from precoro_api.quota import LedgerError, Limits, Quota, open_ledger, token_digest
from precoro_api.quota.account import Account
from precoro_api.quota.leases import Lease, Turn

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
NOON = 1_800_100_800.0  # 2027-01-16 12:00:00 UTC
START = NOON + 20  # where no window is about to end
UNLIMITED = Limits(None, None, None, None, None)

CHILD = """
import sys, time
from pathlib import Path
from precoro_api.quota import Limits, Quota, open_ledger
from precoro_api.quota.leases import Turn

where, folder, name, stop, many = sys.argv[1:]

class Clock:
    def now(self):
        return 1_800_100_820.0

def stay():
    print("here", flush=True)
    time.sleep(60)

class Stopping:
    "A ledger that stays in the last transaction that grants a turn, once it is committed."
    def __init__(self, ledger):
        self.ledger, self.folder, self.granted = ledger, ledger.folder, 0
    def transact(self, keys, work, now):
        result = self.ledger.transact(keys, work, now)
        self.granted += isinstance(result, tuple) and isinstance(result[0], Turn)
        if stop == "inside" and self.granted == int(many):
            stay()
        return result

quota = Quota(
    Clock(),
    ledger=Stopping(open_ledger(where, Path(folder))),
    limits=Limits(None, None, None),
    name=name,
    process="child",
)
for number in range(int(many)):
    quota.acquire(f"GET /{number}", "suppliers")
stay()
"""


class Clock:
    """Time that only sleeping moves."""

    def __init__(self, now=START):
        self.time = now

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Place:
    """A ledger that processes share, and budgets of one token in it."""

    def __init__(self, where, folder):
        self.where, self.folder, self.name = where, folder, uuid.uuid4().hex
        self.made = []

    def ledger(self):
        return open_ledger(self.where, self.folder)

    def quota(self, clock=None, *, ledger=None, **more):
        quota = Quota(
            clock or Clock(),
            ledger=ledger or self.ledger(),
            name=self.name,
            process="parent",
            **more,
        )
        self.made.append(quota)
        return quota

    @contextmanager
    def child(self, stop, many):
        """A process that has taken some turns, and stays `inside` the last or `after` it."""
        arguments = [self.where, str(self.folder), self.name, stop, str(many)]
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
        ) as run:
            assert run.stdout.readline() == "here\n"
            try:
                yield run
            finally:
                run.send_signal(signal.SIGKILL)

    def killed(self, stop, many):
        """Such a process, killed."""
        with self.child(stop, many):
            pass

    def files(self):
        ledger = self.ledger()
        folder = ledger.folder / self.name
        ledger.close()
        return list(folder.iterdir()) if folder.exists() else []

    def leases(self):
        ledger = self.ledger()
        kept = ledger.keys(f"{self.name}:lease:")
        ledger.close()
        return [lease for lease in kept.values() if lease is not None]


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def place(request, tmp_path):
    where = {"sqlite": str(tmp_path / "q.sqlite3"), "redis": REDIS, "postgres": POSTGRES}
    place = Place(where[request.param], tmp_path / "signs")
    try:
        place.ledger().close()
    except LedgerError as problem:
        pytest.skip(f"no {request.param} server on this machine: {problem}")
    yield place
    for quota in place.made:
        quota.close()


@pytest.fixture
def file_place(tmp_path):
    place = Place(str(tmp_path / "q.sqlite3"), tmp_path / "signs")
    yield place
    for quota in place.made:
        quota.close()


def used(quota):
    """What is counted in all windows and in the use of the day; they must agree."""
    report = quota.report()
    counted = {window["used"] for window in report["windows"].values()}
    counted.add(sum(report["use"].values()))
    assert len(counted) == 1, report
    return counted.pop()


def test_a_turn_is_given_back_when_its_process_is_killed_while_it_acquires(place):
    quota = place.quota()
    with place.child("inside", 3):
        assert used(quota) == 3  # while it lives the turn is its own
    assert used(quota) == 2
    assert quota.report()["use"] == {"child/suppliers": 2}
    assert place.files() == []
    assert place.leases() == []
    clock = quota._clock
    quota.acquire("GET /2", "suppliers")  # which nobody has asked for in this minute
    assert clock.now() == START
    quota.acquire("GET /1", "suppliers")
    assert clock.now() > START + 60


def test_a_turn_that_was_acquired_is_not_given_back(place):
    quota = place.quota()
    with place.child("after", 3):
        assert used(quota) == 3
    assert used(quota) == 3
    assert place.files() == []
    assert place.leases() == []


def test_what_a_killed_process_had_is_there_for_one_whose_budget_is_spent(file_place):
    quota = file_place.quota(limits=Limits(minute=None, hour=4))
    quota.acquire("GET /mine", "suppliers")
    file_place.killed("inside", 3)
    quota.acquire("GET /mine too", "suppliers")
    with pytest.raises(QuotaSpent, match="hour"):
        quota.acquire("GET /no more", "suppliers")
    assert used(quota) == 4


def test_what_a_killed_process_had_is_there_for_one_who_would_wait(file_place):
    clock = Clock()
    quota = file_place.quota(clock, limits=Limits(minute=4))
    quota.acquire("GET /mine", "suppliers")
    file_place.killed("inside", 3)
    clock.time += 1  # a second after it looked
    quota.acquire("GET /mine too", "suppliers")
    assert clock.now() == START + 1


def test_the_first_turn_of_a_process_gives_back_those_of_killed_ones(place):
    place.killed("inside", 3)
    quota = place.quota()
    quota.acquire("GET /mine", "suppliers")
    ledger = place.ledger()
    assert ledger.keys(f"{place.name}:book")[f"{place.name}:book"]["windows"]["day"][1] == 3
    ledger.close()


class Between:
    """A ledger in which something else happens before or after its transactions."""

    def __init__(self, ledger, before=None, after=None):
        self.ledger, self.folder = ledger, ledger.folder
        self.before, self.after = before, after

    def __getattr__(self, name):
        return getattr(self.ledger, name)

    def transact(self, keys, work, now):
        if self.before is not None:
            self.before(keys)
        result = self.ledger.transact(keys, work, now)
        if self.after is not None:
            self.after(keys)
        return result


def gives_back(keys):
    """Whether such a transaction takes turns back."""
    return len(keys) > 1 and any(":lease:" in key for key in keys)


def test_a_turn_that_two_find_is_given_back_once(place):
    place.killed("inside", 3)
    faster = place.quota()

    def overtake(keys):
        if gives_back(keys):
            assert used(faster) == 2

    assert used(place.quota(ledger=Between(place.ledger(), before=overtake))) == 2
    assert used(faster) == 2


def test_many_who_look_at_once_give_a_turn_back_once(place):
    place.killed("inside", 5)
    ready, found = threading.Barrier(6), []

    def look(quota):
        ready.wait(timeout=10)
        quota.report()
        found.append(used(quota))

    threads = [threading.Thread(target=look, args=(place.quota(),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert used(place.quota()) == 4
    assert len(found) == 6


@pytest.mark.parametrize("when", ["before", "after"])
def test_one_who_is_killed_while_giving_back_leaves_it_to_the_next(place, when):
    place.killed("inside", 3)

    def stop(keys):
        if gives_back(keys):
            raise SystemExit

    with pytest.raises(SystemExit):
        place.quota(ledger=Between(place.ledger(), **{when: stop})).report()
    assert used(place.quota()) == 2
    assert place.files() == []


@pytest.mark.parametrize("place", ["redis", "postgres"], indirect=True)
def test_only_where_its_files_lie_is_a_process_taken_for_dead(place, tmp_path):
    elsewhere = Place(place.where, tmp_path / "another machine")
    elsewhere.name = place.name
    place.killed("inside", 3)
    foreign = elsewhere.quota()
    assert used(foreign) == 3
    foreign.close()
    assert used(place.quota()) == 2


def test_a_turn_that_was_given_up_is_given_back_at_the_end(place):
    interruptions = [KeyboardInterrupt()]

    def interrupt(keys):
        if interruptions and any(":use:" in key for key in keys):
            raise interruptions.pop()

    quota = place.quota(ledger=Between(place.ledger(), after=interrupt))
    with pytest.raises(KeyboardInterrupt):
        quota.acquire("GET /a", "suppliers")
    other = place.quota()
    assert used(other) == 1
    quota.close()
    assert used(other) == 0
    assert place.files() == []
    assert place.leases() == []


def test_a_process_that_ends_without_a_word_leaves_nothing_to_give_back(file_place):
    quota = file_place.quota()
    quota.acquire("GET /a", "suppliers")
    lease = quota._account.lease()
    lease.close()
    lease.leave()
    assert used(file_place.quota()) == 1
    assert file_place.files() == []


def test_threads_of_a_process_share_its_lease(place):
    quota, ready = place.quota(limits=UNLIMITED), threading.Barrier(6)

    def take(number):
        ready.wait(timeout=10)
        for turn in range(20):
            quota.acquire(f"GET /{number}/{turn}", "suppliers")

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    (lease,) = place.leases()
    assert len(lease) <= 6  # the others were known to be used
    quota.close()
    assert used(place.quota()) == 120
    assert place.leases() == []


def test_a_turn_that_was_held_up_is_given_back_wherever_it_counted(file_place):
    account = Account(file_place.ledger(), file_place.name, "held-up")
    lease = account.lease()
    common = {"limits": Limits(), "priority": 0, "spread": 0.5}
    first = account.ask("a", "suppliers", lease, now=NOON + 59.8, **common)
    again = account.ask("a", "suppliers", lease, now=NOON + 120.1, before=first, **common)
    assert isinstance(again, Turn)
    assert again.counted["minute"] == [NOON, NOON + 60, NOON + 120]
    assert again.counted["hour"] == [NOON]
    (kept,) = file_place.leases()
    assert [Turn(*each) for each in kept] == [again]
    lease.close()
    lease.leave()  # as if it were killed
    assert used(file_place.quota(Clock(NOON + 121))) == 0
    account.close(NOON + 121)


def test_files_of_a_process_that_never_had_a_turn_are_tidied_up(file_place):
    quota = file_place.quota()
    lease = Lease(file_place.ledger().folder / file_place.name)
    lease.close()
    lease.leave()
    assert len(file_place.files()) == 1
    assert used(quota) == 0
    assert file_place.files() == []


def test_a_redis_that_hears_late_of_a_killed_process_counts_nothing(tmp_path):
    place = Place(REDIS, tmp_path / "signs")
    try:
        taker = place.quota()
    except LedgerError as problem:
        pytest.skip(f"no redis server on this machine: {problem}")
    ledger = place.ledger()
    account = Account(ledger, place.name, "late")
    lease = account.lease()

    class Late:
        """The taker looks after this process has read, and before Redis hears what it wrote."""

        folder, asked = ledger.folder, 0

        def transact(self, keys, work, now):
            def slow(stored):
                self.asked += 1
                if self.asked > 1:
                    raise SystemExit  # a killed process does not try again
                lease.close()
                lease.leave()
                assert used(taker) == 0
                return work(stored)

            return ledger.transact(keys, slow, now)

    account._ledger = Late()
    with pytest.raises(SystemExit):
        account.ask("a", "x", lease, limits=Limits(), priority=0, now=START, spread=0.5)
    assert used(taker) == 0
    assert place.leases() == []
    ledger.close()
    taker.close()


def test_where_no_lease_can_be_kept_turns_are_given_all_the_same(tmp_path):
    (tmp_path / "q.sqlite3.d").write_text("somebody's file")
    place = Place(str(tmp_path / "q.sqlite3"), tmp_path)
    quota = place.quota()
    quota.acquire("GET /a", "suppliers")
    assert used(quota) == 1
    assert place.leases() == []
    quota.close()
    assert (tmp_path / "q.sqlite3.d").read_text() == "somebody's file"


def test_a_turn_whose_use_cannot_be_noted_is_not_used(tmp_path):
    lease = Lease(tmp_path)
    turn = Turn(lease.number(), {}, "a", NOON, 1, "tap/x")
    lease.close()
    with pytest.raises(LedgerError, match="quota_path"):
        lease.use(turn)
    lease.leave()


def test_a_budget_can_be_used_after_it_was_closed(file_place):
    quota = file_place.quota()
    for number in range(2):
        quota.acquire(f"GET /{number}", "suppliers")
        quota.close()
        assert file_place.files() == []
    assert used(quota) == 2


def test_a_lease_holds_no_token_and_no_request(file_place):
    quota = file_place.quota()
    quota.acquire("GET /suppliers?email=ada@example.com", "suppliers")
    kept = str(file_place.leases()) + str(file_place.files())
    assert "example" not in kept
    assert "GET" not in kept


def test_processes_that_share_a_server_are_seen_in_the_users_state_folder():
    settings = {"auth_token": "tkn", "email": "ada@example.com", "quota_path": REDIS}
    try:
        client = client_from(settings, "test/1")
    except LedgerError as problem:
        pytest.skip(f"no redis server on this machine: {problem}")
    folder = client.quota._account._folder
    where = state_folder() / f"quota-{token_digest(REDIS)}.d" / platform.node()
    assert folder == where / token_digest("tkn")
    client.close()
