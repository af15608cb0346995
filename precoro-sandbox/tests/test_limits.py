"""The limiters, on a clock that is moved."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest
from precoro_sandbox import Fault, SandboxClock

NOON = 1_768_392_000  # 2026-01-14T12:00:00Z: the first second of a minute and an hour
FORMAT = "%Y-%m-%d %H:%M:%S %Z"


@pytest.fixture
def still():
    """A clock that stands at noon until it is moved."""
    return SandboxClock(speed=0, start=NOON)


@pytest.fixture
def statuses(ask):
    """The status of so many requests, one after the other."""

    def send(sandbox, many, path="/units", method="GET", **options):
        return [ask(sandbox, method, path, **options).status_code for _ in range(many)]

    return send


def opening(answer):
    """When a 429 says that its limiter opens, in seconds since noon."""
    text = answer.json()["RateLimit-Retry-After"]
    moment = datetime.strptime(text, FORMAT).replace(tzinfo=timezone.utc)
    return moment.timestamp() - NOON


# Windows


@pytest.mark.parametrize(
    ("switch", "name", "seconds"),
    [
        ("minute_limit", "Minute limiter", 60),
        ("hour_limit", "Hourly limiter", 3600),
        ("day_limit", "Daily limiter", 43_200),
    ],
)
def test_a_window_is_used_up_and_the_next_one_opens(
    serve, ask, statuses, still, switch, name, seconds
):
    sandbox = serve({switch: 5}, clock=still)
    assert statuses(sandbox, 7) == [200] * 5 + [429] * 2
    refused = ask(sandbox, "GET", "/units")
    assert refused.json()["RateLimit-Type"] == name
    assert opening(refused) == seconds
    still.advance(seconds - 1)
    assert statuses(sandbox, 1) == [429]
    still.advance(1)
    assert statuses(sandbox, 6) == [200] * 5 + [429]


@pytest.mark.parametrize("switch", ["minute_limit", "hour_limit", "day_limit"])
@pytest.mark.parametrize("position", [0, "0", "off"])
def test_a_limit_can_be_switched_off(serve, statuses, still, switch, position):
    assert statuses(serve({switch: position}, clock=still), 70) == [200] * 70


def test_a_window_is_fixed_and_does_not_slide(serve, statuses, still):
    sandbox = serve({"minute_limit": 3}, clock=still)
    still.advance(59)
    assert statuses(sandbox, 3) == [200] * 3
    still.advance(1)
    assert statuses(sandbox, 3) == [200] * 3


def test_limits_in_their_defaults(serve, ask, still):
    limits = {"minute_limit": 60, "hour_limit": 1500, "day_limit": 3000}
    sandbox = serve(limits, clock=still)
    passed, limiters = 0, []
    for _ in range(100):
        answers = [ask(sandbox, "GET", "/units") for _ in range(61)]
        passed += sum(answer.ok for answer in answers)
        assert answers[-1].status_code == 429
        limiters.append(answers[-1].json()["RateLimit-Type"])
        if limiters[-1] != "Minute limiter":
            break
        still.advance(60)
    # Of each 61 requests one is refused, and counts: the hour is used up in its 25th minute.
    assert limiters == ["Minute limiter"] * 24 + ["Hourly limiter"]
    assert passed == 24 * 60 + (1500 - 24 * 61)


def test_the_longest_limiter_speaks(serve, ask, statuses, still):
    sandbox = serve({"minute_limit": 1, "hour_limit": 2, "day_limit": 3}, clock=still)
    names = []
    for _ in range(4):
        answer = ask(sandbox, "GET", "/units")
        names.append(answer.json().get("RateLimit-Type"))
    assert names == [None, "Minute limiter", "Hourly limiter", "Daily limiter"]


def test_a_whole_day_passes_in_no_time(serve, ask, statuses, still):
    started = time.monotonic()
    sandbox = serve({"hour_limit": 2, "day_limit": 4}, clock=still)
    assert statuses(sandbox, 3) == [200, 200, 429]
    still.advance(3600)
    assert statuses(sandbox, 2) == [200, 429]
    refused = ask(sandbox, "GET", "/units")
    assert refused.json()["RateLimit-Type"] == "Daily limiter"
    still.advance(opening(refused) - 3600)
    assert still.moment().isoformat() == "2026-01-15T00:00:00+00:00"
    assert statuses(sandbox, 2) == [200, 200]
    assert time.monotonic() - started < 5


def test_a_fast_clock_opens_a_minute_in_milliseconds(serve, statuses):
    sandbox = serve({"minute_limit": 1}, clock=SandboxClock(speed=6000))
    assert statuses(sandbox, 1) == [200]
    time.sleep(0.02)  # two minutes
    assert statuses(sandbox, 1) == [200]


# What counts


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/suppliers/1", {}, 404),
        ("DELETE", "/suppliers", {}, 405),
        ("POST", "/suppliers", {}, 400),
        ("GET", "/suppliers?modifiedSince=never", {}, 400),
        ("GET", "/budgets", {}, 403),
        ("GET", "/units", {"headers": {"email": "other@example.com"}}, 401),
    ],
    ids=["path", "record", "method", "body", "filter", "rights", "email"],
)
def test_failed_requests_count(serve, statuses, still, method, path, options, status):
    sandbox = serve({"minute_limit": 3}, clock=still, forbidden=["budgets"])
    assert statuses(sandbox, 3, path, method, **options) == [status] * 3
    assert statuses(sandbox, 1) == [429]


def test_refused_requests_count_in_the_longer_windows(serve, ask, statuses, still):
    sandbox = serve({"minute_limit": 1, "hour_limit": 5}, clock=still)
    assert statuses(sandbox, 5) == [200] + [429] * 4
    still.advance(60)
    assert ask(sandbox, "GET", "/units").json()["RateLimit-Type"] == "Hourly limiter"


@pytest.mark.parametrize("kind", ["500", "failed", "cut"])
def test_faults_count(serve, statuses, still, kind):
    sandbox = serve({"minute_limit": 2}, clock=still)
    sandbox.faults.add(Fault(kind, times=2))
    statuses(sandbox, 2)
    assert statuses(sandbox, 1) == [429]


def test_a_wrong_key_uses_up_nobodys_window(serve, statuses, still):
    sandbox = serve({"minute_limit": 1}, clock=still)
    assert statuses(sandbox, 5, headers={"X-AUTH-TOKEN": "wrong"}) == [401] * 5
    assert statuses(sandbox, 1) == [200]


def test_the_sandboxs_own_endpoints_do_not_count(serve, statuses, still):
    sandbox = serve({"minute_limit": 1}, clock=still)
    assert statuses(sandbox, 5, "/_sandbox/requests") == [200] * 5
    assert statuses(sandbox, 1) == [200]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/suppliers"), ("GET", "/nothing"), ("POST", "/suppliers"), ("DELETE", "/")],
)
def test_everything_fails_until_the_window_ends(serve, statuses, still, method, path):
    sandbox = serve({"minute_limit": 1}, clock=still)
    statuses(sandbox, 1)
    assert statuses(sandbox, 1, path, method, data={"name": "One"}) == [429]
    assert sandbox.store.rows("suppliers") == {}


# Identical requests

WITH_BODY = {"duplicate_limiter": "with_body"}
WITHOUT_BODY = {"duplicate_limiter": "without_body"}


@pytest.mark.parametrize("switches", [WITH_BODY, WITHOUT_BODY], ids=["with body", "without"])
def test_an_identical_request_waits_a_minute(serve, ask, statuses, still, switches):
    sandbox = serve(switches, clock=still)
    assert statuses(sandbox, 2) == [200, 429]
    refused = ask(sandbox, "GET", "/units")
    assert refused.json()["RateLimit-Type"] == "Duplicate limiter"
    assert opening(refused) == 60
    still.advance(59)
    assert statuses(sandbox, 1) == [429]
    still.advance(1)
    assert statuses(sandbox, 2) == [200, 429]


def test_the_duplicate_limiter_can_be_switched_off(serve, statuses, still):
    assert statuses(serve({"duplicate_limiter": "off"}, clock=still), 40) == [200] * 40


@pytest.mark.parametrize(
    "others",
    [("/units?page=2",), ("/suppliers",), ("/units?page=1", "/units?page=3", "/units?per_page=10")],
)
def test_other_requests_pass_meanwhile(serve, statuses, still, others):
    sandbox = serve(WITH_BODY, clock=still)
    assert statuses(sandbox, 1) == [200]
    for path in others:
        assert statuses(sandbox, 1, path) == [200]
    assert statuses(sandbox, 1) == [429]


def test_the_order_of_a_query_makes_no_difference(serve, statuses, still):
    sandbox = serve(WITH_BODY, clock=still)
    assert statuses(sandbox, 1, "/units?page=1&per_page=10") == [200]
    assert statuses(sandbox, 1, "/units?per_page=10&page=1") == [429]


def test_the_method_makes_a_difference(serve, statuses, still):
    sandbox = serve(WITHOUT_BODY, clock=still)
    assert statuses(sandbox, 1, "/suppliers") == [200]
    assert statuses(sandbox, 1, "/suppliers", "POST", data={"name": "One"}) == [201]


@pytest.mark.parametrize(("switches", "second"), [(WITH_BODY, 201), (WITHOUT_BODY, 429)])
def test_whether_the_body_makes_a_difference(serve, statuses, still, switches, second):
    sandbox = serve(switches, clock=still)
    assert statuses(sandbox, 1, "/suppliers", "POST", data={"name": "One"}) == [201]
    assert statuses(sandbox, 1, "/suppliers", "POST", data={"name": "Two"}) == [second]
    assert statuses(sandbox, 1, "/suppliers", "POST", data={"name": "One"}) == [429]
    assert len(sandbox.store.rows("suppliers")) == (2 if second == 201 else 1)


@pytest.mark.parametrize("switches", [WITH_BODY, WITHOUT_BODY], ids=["with body", "without"])
def test_thirty_identical_requests_an_hour(serve, ask, statuses, still, switches):
    sandbox = serve(switches, clock=still)
    for _ in range(30):
        assert statuses(sandbox, 1) == [200]
        still.advance(61)
    refused = ask(sandbox, "GET", "/units")
    assert refused.status_code == 429
    assert refused.json()["RateLimit-Type"] == "Duplicate limiter"
    assert opening(refused) == 3600
    still.advance(3600 - 30 * 61)
    assert statuses(sandbox, 1) == [200]


def test_refused_duplicates_count_in_the_windows(serve, ask, statuses, still):
    sandbox = serve({**WITH_BODY, "minute_limit": 3}, clock=still)
    assert statuses(sandbox, 3) == [200, 429, 429]
    answer = ask(sandbox, "GET", "/suppliers")
    assert answer.json()["RateLimit-Type"] == "Minute limiter"


# How a 429 looks


@pytest.mark.parametrize("shape", ["body", "headers", "empty", "html"])
@pytest.mark.parametrize(
    "limit",
    [{"minute_limit": 1}, {"hour_limit": 1}, {"day_limit": 1}, WITH_BODY],
    ids=["minute", "hour", "day", "duplicate"],
)
def test_shapes_of_a_429(serve, ask, still, shape, limit):
    sandbox = serve({"limit_answer": shape, **limit}, clock=still)
    ask(sandbox, "GET", "/units")
    answer = ask(sandbox, "GET", "/units")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers
    header = answer.headers.get("RateLimit-Retry-After")
    if shape == "body":
        body = answer.json()
        assert set(body) == {"RateLimit-Type", "RateLimit-Retry-After", "message"}
        assert opening(answer) > 0
        assert header is None
    elif shape == "headers":
        assert answer.json() == {"message": "Too Many Requests"}
        moment = datetime.fromisoformat(header.replace("Z", "+00:00"))
        assert moment.timestamp() > NOON
        assert header.endswith("Z")
    elif shape == "empty":
        assert (answer.content, header) == (b"", None)
    else:
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.startswith("<html>")
        assert header is None


@pytest.mark.parametrize("shape", ["body", "headers", "empty", "html"])
def test_the_shape_changes_nothing_else(serve, ask, still, shape):
    sandbox = serve({"limit_answer": shape, "minute_limit": 2}, clock=still)
    assert ask(sandbox, "GET", "/nothing").json() == {"message": "Not Found"}
    assert ask(sandbox, "GET", "/units").json()["data"] == []
