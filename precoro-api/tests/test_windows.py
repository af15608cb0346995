"""The rules of the budget, pure, judged by a server that keeps its own windows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api.quota.windows import (
    LENGTHS,
    Book,
    Grant,
    Limits,
    Refusal,
    Window,
    decide,
    refund,
    tell,
)

DAY = 1_800_057_600.0  # 2027-01-16 00:00:00 UTC: a day, an hour and a minute begin


def spend(book, limits, many, now, **more):
    for _ in range(many):
        verdict = decide(book, limits, now=now, spread=0.1, **more)
        assert isinstance(verdict, Grant)
        book = verdict.book
    return book


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("minute", Limits(minute=5, hour=None, day=None)),
        ("hour", Limits(minute=None, hour=5, day=None)),
        ("day", Limits(minute=None, hour=None, day=5)),
    ],
)
def test_a_window_gives_all_it_has_and_then_says_when_the_next_begins(kind, limits):
    book = spend(Book(), limits, 5, DAY + 10)
    refused = decide(book, limits, now=DAY + 11, spread=0.1)
    assert isinstance(refused, Refusal)
    assert (refused.until, refused.why) == (DAY + LENGTHS[kind], kind)
    again = decide(book, limits, now=DAY + LENGTHS[kind], spread=0.1)
    assert isinstance(again, Grant)


def test_of_several_full_windows_the_last_to_open_is_named():
    limits = Limits(minute=2, hour=2, day=None)
    refused = decide(spend(Book(), limits, 2, DAY), limits, now=DAY + 1, spread=0.1)
    assert (refused.until, refused.why) == (DAY + 3600, "hour")


def test_a_request_that_may_arrive_in_the_next_window_counts_in_both():
    limits = Limits(minute=2, hour=None, day=None)
    late = decide(Book(), limits, now=DAY + 59.5, spread=1.0)
    next_minute = decide(late.book, limits, now=DAY + 60, spread=0.1)
    assert isinstance(next_minute, Grant)
    refused = decide(next_minute.book, limits, now=DAY + 61, spread=0.1)
    assert (refused.until, refused.why) == (DAY + 120, "minute")


def test_a_request_that_was_held_up_counts_once_in_each_window():
    limits = Limits(minute=2, hour=2, day=2)
    first = decide(Book(), limits, now=DAY + 59, spread=0.5)
    again = decide(first.book, limits, now=DAY + 60.2, spread=0.5, counted=first.counted)
    assert isinstance(again, Grant)
    windows = again.book.windows
    assert (windows["minute"].used, windows["hour"].used, windows["day"].used) == (1, 1, 1)
    third = decide(again.book, limits, now=DAY + 61, spread=0.5)
    assert isinstance(third, Grant)
    assert decide(third.book, limits, now=DAY + 62, spread=0.5).why == "day"


def test_a_request_that_was_held_up_under_a_clock_that_is_behind_counts_once():
    book = spend(Book(), Limits(), 1, DAY + 60)  # by another's clock the next minute has begun
    first = decide(book, Limits(), now=DAY + 59.5, spread=0.1)
    again = decide(first.book, Limits(), now=DAY + 60.2, spread=0.1, counted=first.counted)
    assert again.book.windows["minute"].used == 2


@pytest.mark.parametrize("kind", LENGTHS)
def test_a_turn_that_is_taken_back_can_be_given_once_more(kind):
    limits = Limits(**{"minute": None, "hour": None, "day": None, kind: 3})
    book = spend(Book(), limits, 2, DAY)
    last = decide(book, limits, now=DAY + 1, spread=0.1)
    book = refund(last.book, last.counted)
    assert isinstance(decide(book, limits, now=DAY + 2, spread=0.1), Grant)
    assert isinstance(decide(spend(book, limits, 1, DAY + 2), limits, now=DAY, spread=0), Refusal)


def test_a_turn_that_counted_in_both_windows_is_taken_back_in_both():
    late = decide(Book(), Limits(), now=DAY + 59.5, spread=1.0)
    minute = refund(late.book, late.counted).windows["minute"]
    assert (minute.used, minute.carried) == (0, 0)
    following = decide(late.book, Limits(), now=DAY + 61, spread=0.1).book
    assert following.windows["minute"].used == 2
    assert refund(following, late.counted).windows["minute"].used == 1


def test_a_turn_is_not_taken_back_from_windows_that_it_did_not_count_in():
    first = decide(Book(), Limits(), now=DAY, spread=0.1)
    book = refund(spend(first.book, Limits(), 1, DAY + 60), first.counted)
    assert {kind: window.used for kind, window in book.windows.items()} == {
        "minute": 1,
        "hour": 1,
        "day": 1,
    }
    assert refund(Book(), first.counted) == Book()


def test_what_was_carried_is_remembered_when_a_429_shuts_the_window():
    late = decide(Book(), Limits(), now=DAY + 59.5, spread=1.0).book
    shut = tell(late, Limits(), limiter="Minute limiter", opens_at=DAY + 61, now=DAY + 59.8)
    assert shut.windows["minute"].at(DAY + 61, 60.0).used == 1


def test_nothing_is_carried_over_a_window_that_nobody_used():
    limits = Limits(minute=1, hour=None, day=None)
    book = decide(Book(), limits, now=DAY + 59.9, spread=1.0).book
    assert isinstance(decide(book, limits, now=DAY + 125, spread=0.1), Grant)


@pytest.mark.parametrize(("percent", "left"), [(0, 60), (20, 48), (99, 1)])
def test_a_reserve_is_left_to_others(percent, left):
    limits = Limits(hour=None, day=None, reserve_percent=percent)
    book = spend(Book(), limits, left, DAY)
    assert isinstance(decide(book, limits, now=DAY, spread=0.1), Refusal)


def test_identical_requests_wait_a_minute_after_the_first_may_have_arrived():
    first = decide(Book(), Limits(), now=DAY, spread=2.0)
    refused = decide(first.book, Limits(), now=DAY + 30, spread=2.0, identical=first.identical)
    assert (refused.until, refused.why) == (DAY + 62.5, "identical")
    other = decide(first.book, Limits(), now=DAY + 30, spread=2.0)
    assert isinstance(other, Grant)


def test_thirty_identical_requests_are_an_hours_worth():
    identical, now = (), DAY
    for number in range(30):
        verdict = decide(Book(), Limits(), now=now, spread=0.1, identical=identical)
        assert isinstance(verdict, Grant), number
        identical, now = verdict.identical, now + 61
    refused = decide(Book(), Limits(), now=now, spread=0.1, identical=identical)
    assert refused.why == "identical in an hour"
    assert refused.until > DAY + 3600


@pytest.mark.parametrize(
    ("limiter", "kind"),
    [("Minute limiter", "minute"), ("Hourly limiter", "hour"), ("Daily limiter", "day")],
)
def test_a_429_shuts_its_limiter_until_the_moment_that_it_names(limiter, kind):
    now, opens = DAY + 5, DAY + LENGTHS[kind] + 1
    book = tell(Book(), Limits(), limiter=limiter, opens_at=opens, now=now)
    refused = decide(book, Limits(), now=now, spread=0.1)
    assert refused.until == opens
    assert isinstance(decide(book, Limits(), now=opens, spread=0.1), Grant)


def test_an_unnamed_limiter_shuts_everything_too():
    book = tell(Book(), Limits(), limiter="limiter", opens_at=DAY + 61, now=DAY)
    assert decide(book, Limits(), now=DAY + 60, spread=0.1).until == DAY + 61


def test_windows_that_begin_elsewhere_are_learned_from_a_429():
    limits = Limits(minute=3, hour=None, day=None)
    book = tell(Book(), limits, limiter="Minute limiter", opens_at=DAY + 47, now=DAY + 5)
    book = spend(book, limits, 3, DAY + 47)
    assert decide(book, limits, now=DAY + 61, spread=0.1).until == DAY + 107


def test_a_clock_that_was_set_back_does_not_leave_a_budget_stuck():
    limits = Limits(minute=1, hour=1, day=1)
    book = spend(Book(), limits, 1, DAY + 9 * 86400)
    assert isinstance(decide(book, limits, now=DAY, spread=0.1), Grant)


def test_a_clock_that_is_a_little_behind_does_not_open_a_window_anew():
    limits = Limits(minute=1, hour=None, day=None)
    book = spend(Book(), limits, 1, DAY + 60)
    assert isinstance(decide(book, limits, now=DAY + 59, spread=0.1), Refusal)


def test_those_of_higher_priority_go_first_when_a_window_opens():
    limits = Limits(minute=1, hour=None, day=None)
    book = spend(Book(), limits, 1, DAY)
    book = decide(book, limits, now=DAY + 1, spread=0.1, who="target", priority=1).book
    tap = decide(book, limits, now=DAY + 60, spread=0.1, who="tap", priority=0)
    assert tap.why == "priority"
    target = decide(tap.book, limits, now=DAY + 60, spread=0.1, who="target", priority=1)
    assert isinstance(target, Grant)


def test_one_who_died_waiting_holds_nobody_up_for_long():
    limits = Limits(minute=1, hour=None, day=None)
    book = spend(Book(), limits, 1, DAY)
    book = decide(book, limits, now=DAY + 1, spread=0.1, who="target", priority=1).book
    assert isinstance(decide(book, limits, now=DAY + 63, spread=0.1, who="tap"), Grant)


def test_a_book_is_the_same_after_it_was_kept():
    limits = Limits(minute=2)
    book = spend(Book(), limits, 2, DAY, who="a", priority=1)
    book = decide(book, limits, now=DAY + 1, spread=0.1, who="b").book
    book = tell(book, limits, limiter="Hourly limiter", opens_at=DAY + 3600, now=DAY)
    assert Book.from_json(book.to_json()) == book
    assert Window().start == -math.inf


class Server:
    """Fixed windows as the API describes them; a request arrives some time after it left."""

    def __init__(self, limits):
        self.limits = limits
        self.counts = {}

    def serves(self, arrival):
        fits = True
        for kind, length in LENGTHS.items():
            limit = getattr(self.limits, kind)
            key = (kind, arrival // length)
            self.counts[key] = self.counts.get(key, 0) + 1
            fits &= limit is None or self.counts[key] <= limit
        return fits


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    minute=st.integers(1, 6),
    hour=st.integers(3, 40),
    skew=st.floats(0, 2),
    travel=st.floats(0.01, 3),
)
def test_no_window_of_the_server_is_ever_exceeded(data, minute, hour, skew, travel):
    """Whatever the pauses, wherever the clock stands in its bounds, however long it travels.

    Some are held up and ask again, some die before they send, and these are taken back some time.
    At the end the book holds what was sent, neither more nor less.
    """
    limits = Limits(minute=minute, hour=hour, day=200, identical_minute=None, identical_hour=None)
    server, book, true = Server(limits), Book(), DAY + 3570
    sent, dead, counted = [], [], None
    for _ in range(data.draw(st.integers(1, 60))):
        if dead and data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(dead) - 1))
            book = refund(Book.from_json(book.to_json()), dead.pop(place))
        low = true - data.draw(st.floats(0, skew))  # the earliest moment that it may be
        verdict = decide(book, limits, now=low, spread=skew + travel, counted=counted)
        book = verdict.book
        if isinstance(verdict, Refusal):
            assert verdict.until > low
            true += verdict.until - low
            continue
        fate = data.draw(st.sampled_from(["sent", "sent", "sent", "dead", "held up"]))
        counted = verdict.counted if fate == "held up" else None
        if fate == "sent":
            sent.append(verdict.counted)
            assert server.serves(true + data.draw(st.floats(0, travel)))
        elif fate == "dead":
            dead.append(verdict.counted)
        true += data.draw(st.sampled_from([0.0, 0.01, 0.5, 7.0, 58.0]))
    for each in [*dead, counted or {}]:
        book = refund(book, each)
    for kind, window in book.windows.items():
        end = window.start + LENGTHS[kind]
        assert window.used == sum(window.start in each[kind] for each in sent)
        assert window.carried == sum(end in each[kind] for each in sent)
