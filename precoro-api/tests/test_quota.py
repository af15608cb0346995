"""The budget as a client uses it: turns, waits, and what answers teach."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from precoro_api import QuotaSpent
from precoro_api.limits import Limit
from precoro_api.quota import LedgerError, Limits, MemoryLedger, Policy, Quota, SqliteLedger

DAY = 1_800_057_600.0  # 2027-01-16 00:00:00 UTC


class Clock:
    """Time that only sleeping moves."""

    def __init__(self, now=DAY):
        self.time = now

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


def quota_of(clock, *, answer=True, **more):
    quota = Quota(clock, **more)
    if answer:  # the server's clock is this one
        quota.answered(clock.now(), datetime.fromtimestamp(clock.now(), timezone.utc))
    return quota


def take(quota, many, resource="suppliers"):
    for number in range(many):
        quota.acquire(f"GET /{resource}/{quota.sent}-{number}", resource)


def test_a_minute_is_used_whole_and_then_waited_out():
    clock = Clock()
    quota = quota_of(clock)
    take(quota, 60)
    assert clock.now() - DAY < 1
    take(quota, 1)
    assert 60 <= clock.now() - DAY < 63


def test_an_hour_that_is_spent_stops_the_run_and_says_until_when():
    clock = Clock()
    quota = quota_of(clock, limits=Limits(minute=None, hour=10))
    take(quota, 10)
    with pytest.raises(QuotaSpent) as stopped:
        take(quota, 1)
    assert stopped.value.resets_at == "after 2027-01-16 01:00:00 UTC"
    assert stopped.value.exit_code == 0
    assert quota.sent == 10


def test_a_spent_budget_can_fail_the_run_or_be_waited_for():
    clock = Clock()
    limits = Limits(minute=None, hour=10)
    failing = quota_of(clock, limits=limits, policy=Policy(when_spent="fail"))
    take(failing, 10)
    with pytest.raises(QuotaSpent) as stopped:
        take(failing, 1)
    assert stopped.value.exit_code == 75
    waiting = quota_of(clock, limits=limits, policy=Policy(when_spent="wait", max_wait=4000))
    take(waiting, 11)
    assert clock.now() - DAY >= 3600
    short = quota_of(clock, limits=limits, policy=Policy(when_spent="wait", max_wait=100))
    take(short, 10)
    with pytest.raises(QuotaSpent):
        take(short, 1)


def test_a_run_may_have_a_budget_of_its_own():
    quota = quota_of(Clock(), policy=Policy(max_requests=3))
    take(quota, 3)
    with pytest.raises(QuotaSpent, match="has sent its 3 requests"):
        take(quota, 1)


def test_the_next_run_remembers_what_the_last_one_used(tmp_path):
    clock = Clock()
    for _ in range(2):
        quota = quota_of(
            clock, ledger=SqliteLedger(tmp_path / "q.sqlite3"), limits=Limits(minute=None, hour=5)
        )
        take(quota, 2)
        quota.close()
    last = quota_of(
        clock, ledger=SqliteLedger(tmp_path / "q.sqlite3"), limits=Limits(minute=None, hour=5)
    )
    take(last, 1)
    with pytest.raises(QuotaSpent):
        take(last, 1)
    last.close()


def test_two_tokens_have_two_budgets_in_one_ledger():
    ledger, clock = MemoryLedger(), Clock()
    for name in ("one", "two"):
        take(quota_of(clock, ledger=ledger, name=name, limits=Limits(hour=10, minute=None)), 10)


def test_the_windows_are_the_servers_even_where_this_machines_clock_is_wrong():
    clock = Clock(DAY - 7 * 3600)
    quota = Quota(clock, limits=Limits(minute=5))
    take(quota, 1)
    quota.answered(clock.now(), datetime.fromtimestamp(DAY + 50, timezone.utc))
    began = clock.now()
    take(quota, 6)
    assert 8 <= clock.now() - began <= 13  # the server's minute ends ten seconds later


def quota_under(wrong):
    """One request under a clock that is so far ahead, and an answer with the server's."""
    clock = Clock(DAY + 10 + wrong)
    quota = Quota(clock, limits=Limits(minute=5))
    quota.acquire("GET /a", "a")
    quota.answered(clock.now(), datetime.fromtimestamp(DAY + 10, timezone.utc))
    return clock, quota


@pytest.mark.parametrize("wrong", [-7 * 3600, -300, -30, 30, 300, 7 * 3600])
def test_what_left_before_the_servers_clock_was_known_counts_once(wrong):
    _, quota = quota_under(wrong)
    report = quota.report()
    used = [report["windows"][kind]["used"] for kind in ("minute", "hour", "day")]
    assert (used, report["use"]) == ([1, 1, 1], {"/a": 1})


@pytest.mark.parametrize("wrong", [-7 * 3600, -300, -30, 300, 7 * 3600])
def test_what_left_before_the_servers_clock_was_known_is_not_sent_again_too_soon(wrong):
    clock, quota = quota_under(wrong)
    began = clock.now()
    take(quota, 4)
    assert clock.now() == began
    quota.acquire("GET /a", "a")
    assert 60 <= clock.now() - began < 63
    quota.acquire("GET /a", "a")
    assert 120 <= clock.now() - began < 126


class Failing(MemoryLedger):
    """A ledger that fails from some moment on."""

    fails = False

    def transact(self, keys, work, now):
        if self.fails:
            raise LedgerError("quota_path: the disk is full")
        return super().transact(keys, work, now)


def test_an_answer_is_not_lost_where_the_ledger_is():
    clock, ledger = Clock(), Failing()
    quota = Quota(clock, ledger=ledger)
    quota.acquire("GET /a", "a")
    ledger.fails = True
    quota.answered(clock.now(), datetime.fromtimestamp(DAY, timezone.utc))
    with pytest.raises(LedgerError):
        quota.acquire("GET /b", "b")


@pytest.mark.parametrize(
    ("limiter", "wait"), [("Minute limiter", 30), ("Duplicate limiter", 50), ("limiter", 61)]
)
def test_a_short_429_is_waited_for(limiter, wait):
    clock = Clock()
    quota = quota_of(clock)
    quota.acquire("GET /a", "a")
    quota.told(Limit(limiter, wait, told=True), "GET /a")
    began = clock.now()
    quota.acquire("GET /a", "a")
    assert wait <= clock.now() - began <= 70


def test_a_429_for_one_request_lets_others_pass():
    clock = Clock()
    quota = quota_of(clock)
    quota.told(Limit("Duplicate limiter", 50, told=True), "GET /a")
    began = clock.now()
    quota.acquire("GET /b", "b")
    assert clock.now() == began


def test_after_a_daily_429_nothing_is_sent():
    clock = Clock()
    quota = quota_of(clock)
    quota.told(Limit("Daily limiter", 40000, told=True), "GET /a")
    with pytest.raises(QuotaSpent, match="is spent"):
        quota.acquire("GET /b", "b")
    assert quota.sent == 0


def test_many_rejections_in_a_row_slow_the_pace_and_a_success_ends_it(caplog):
    clock = Clock()
    quota = quota_of(clock)
    for _ in range(7):
        quota.refused()
    began = clock.now()
    take(quota, 1)
    assert clock.now() - began == 4
    assert caplog.text.count("slowing down") == 1
    quota.accepted()
    began = clock.now()
    take(quota, 1)
    assert clock.now() == began


def test_use_is_told_by_process_and_resource():
    clock, ledger = Clock(), MemoryLedger()
    take(quota_of(clock, ledger=ledger, process="tap-precoro"), 3, "items")
    quota = quota_of(clock, ledger=ledger, process="target-precoro")
    take(quota, 2, "suppliers")
    report = quota.report()
    assert report["use"] == {"tap-precoro/items": 3, "target-precoro/suppliers": 2}
    assert report["windows"]["day"] == {
        "limit": 3000,
        "used": 5,
        "left": 2995,
        "resets_at": DAY + 86400,
    }


class Stumbling(Clock):
    """Time that jumps once while a request is on its way to leave."""

    jump_at = 0
    asked = 0

    def now(self):
        self.asked += 1
        if self.asked == self.jump_at:
            self.time += 5.0
        return self.time


@pytest.mark.parametrize("jump_at", range(1, 12))
def test_a_process_that_is_held_up_counts_its_request_once_and_waits_no_longer(jump_at):
    clock = Stumbling(DAY + 58)
    quota = quota_of(clock, limits=Limits(hour=10))
    clock.asked, clock.jump_at = 0, jump_at
    quota.acquire("GET /a", "a")
    assert clock.time - DAY - 58 < 10
    clock.jump_at = 0
    take(quota, 9)
    with pytest.raises(QuotaSpent):
        take(quota, 1)
    assert quota.report()["use"] == {"/a": 1, "/suppliers": 9}
