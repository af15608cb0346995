"""The budget of requests, in a time that only sleeping moves."""

from __future__ import annotations

import time as real_time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from precoro_api.clock import FastClock, SystemClock, moment_text
from precoro_api.quota import IDENTICAL_PAUSE, MINUTE, Quota

if TYPE_CHECKING:
    from collections.abc import Iterable


class Time:
    """A clock that stands still until someone sleeps."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self.moment = start
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.moment += seconds


def departures(quota: Quota, clock: Any, identities: Iterable[str]) -> list[float]:
    begun = clock.now()
    left = []
    for identity in identities:
        quota.acquire(identity)
        left.append(clock.now() - begun)
    return left


def test_sixty_leave_at_once_and_the_next_a_minute_later() -> None:
    clock = Time()
    left = departures(Quota(clock), clock, map(str, range(121)))
    assert left[:60] == [0.0] * 60
    assert left[60:120] == [MINUTE] * 60
    assert left[120] == 2 * MINUTE


@pytest.mark.parametrize("per_minute", [1, 2, 7, 300])
def test_any_number_a_minute_is_kept_exactly(per_minute: int) -> None:
    clock = Time()
    left = departures(Quota(clock, per_minute), clock, map(str, range(2 * per_minute + 1)))
    assert left == [0.0] * per_minute + [MINUTE] * per_minute + [2 * MINUTE]


def test_what_left_early_makes_room_early() -> None:
    clock = Time()
    quota = Quota(clock, 2)
    quota.acquire("a")
    clock.moment += 40
    quota.acquire("b")
    quota.acquire("c")
    quota.acquire("d")
    assert clock.sleeps == pytest.approx([MINUTE - 40, 40])


def test_without_a_limit_only_identical_requests_wait() -> None:
    clock = Time()
    assert departures(Quota(clock, None), clock, map(str, range(1000))) == [0.0] * 1000
    assert clock.sleeps == []


def test_identical_requests_are_a_minute_and_a_second_apart() -> None:
    clock = Time()
    assert departures(Quota(clock), clock, "aba") == [0.0, 0.0, IDENTICAL_PAUSE]
    assert IDENTICAL_PAUSE > 60


def test_only_the_rest_of_the_pause_is_waited_for() -> None:
    clock = Time()
    quota = Quota(clock)
    quota.acquire("a")
    clock.moment += 50
    quota.acquire("a")
    clock.moment += 100
    quota.acquire("a")
    assert clock.sleeps == [IDENTICAL_PAUSE - 50]


def test_identical_requests_are_remembered_among_thousands() -> None:
    clock = Time()
    quota = Quota(clock, None)
    departures(quota, clock, map(str, range(3000)))
    quota.acquire("0")
    assert clock.sleeps == [IDENTICAL_PAUSE]


def test_what_is_long_past_is_forgotten() -> None:
    clock = Time()
    quota = Quota(clock, None)
    for number in range(5000):
        quota.acquire(str(number))
        clock.moment += 1
    assert len(quota._last_of) < 1500
    assert len(quota._sent) < 100


def test_nothing_leaves_before_a_block_ends() -> None:
    clock = Time()
    quota = Quota(clock)
    quota.block_until(clock.now() + 100)
    assert departures(quota, clock, "ab") == [100.0, 100.0]


def test_a_shorter_block_does_not_lift_a_longer_one() -> None:
    clock = Time()
    quota = Quota(clock)
    quota.block_until(clock.now() + 100)
    quota.block_until(clock.now() + 10)
    quota.block_until(clock.now() - 10)
    assert departures(quota, clock, "a") == [100.0]


def test_a_block_in_the_past_delays_nothing() -> None:
    clock = Time()
    quota = Quota(clock)
    quota.block_until(clock.now() - 1)
    quota.acquire("a")
    assert clock.sleeps == []


def test_the_longest_of_all_waits_counts() -> None:
    clock = Time()
    quota = Quota(clock, 1)
    quota.acquire("a")
    quota.block_until(clock.now() + 200)
    assert departures(quota, clock, "a") == [200.0]


def test_all_waiting_is_added_up() -> None:
    clock = Time()
    quota = Quota(clock, 1)
    departures(quota, clock, "abc")
    assert quota.waited == sum(clock.sleeps) == 2 * MINUTE


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(1, 5),
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 90, allow_nan=False)), max_size=40
    ),
)
def test_no_minute_ever_holds_too_many_or_two_alike(
    per_minute: int, requests: list[tuple[str, float]]
) -> None:
    clock = Time(0.0)
    quota = Quota(clock, per_minute)
    sent: list[tuple[float, str]] = []
    for identity, pause in requests:
        clock.moment += pause
        quota.acquire(identity)
        sent.append((clock.now(), identity))
    for index, (moment, identity) in enumerate(sent):
        window = [one for one in sent[: index + 1] if one[0] > moment - 60]
        assert len(window) <= per_minute
        assert [one[1] for one in window].count(identity) == 1


# Clocks


def test_a_fast_clock_runs_that_much_faster() -> None:
    clock = FastClock(1000, start=500.0)
    begun = real_time.monotonic()
    before = clock.now()
    clock.sleep(20)
    passed = clock.now() - before
    assert before >= 500
    assert passed >= 20
    assert real_time.monotonic() - begun < 5


def test_a_fast_clock_begins_now_unless_told_otherwise() -> None:
    assert abs(FastClock(10).now() - real_time.time()) < 60


def test_real_time_is_real() -> None:
    assert abs(SystemClock().now() - real_time.time()) < 5


@pytest.mark.parametrize("clock", [SystemClock(), FastClock(10)], ids=["system", "fast"])
def test_no_clock_minds_a_wait_that_is_over(clock: Any) -> None:
    begun = real_time.monotonic()
    clock.sleep(-100)
    assert real_time.monotonic() - begun < 5


def test_moments_are_told_in_utc() -> None:
    assert moment_text(1_800_000_000.9) == "2027-01-15 08:00:00 UTC"
