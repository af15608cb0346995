"""What a 429 says, in every shape that is known or claimed."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from precoro_api.limits import UNTOLD_WAIT, read_limit, server_moment
from requests.structures import CaseInsensitiveDict

NOW = datetime(2025, 6, 27, 13, 58, tzinfo=timezone.utc)  # the server's clock
DATE = "Fri, 27 Jun 2025 13:58:00 GMT"
OPENS = 120.0  # seconds until 14:00
WRONG = 1_000_000_000.0  # this machine's clock, years behind


def read(body: Any = None, local_now: float = WRONG, **headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_limit(raw, CaseInsensitiveDict(named), local_now)


@pytest.mark.parametrize(
    "told",
    [
        "2025-06-27 14:00:00 UTC",
        "2025-06-27 14:00:00 GMT",
        "2025-06-27 14:00:00UTC",
        " 2025-06-27 14:00:00 UTC ",
        "2025-06-27 14:00:00",
        "2025-06-27T14:00:00Z",
        "2025-06-27T14:00:00",
        "2025-06-27T14:00:00+00:00",
        "2025-06-27T16:00:00+02:00",
        "Fri, 27 Jun 2025 14:00:00 GMT",
        "Fri, 27 Jun 2025 14:00:00 +0000",
        "Fri, 27 Jun 2025 09:00:00 -0500",
        "120",
        "120.0",
        str(int(NOW.timestamp()) + 120),
        f"{NOW.timestamp() + 120}",
    ],
)
@pytest.mark.parametrize("place", ["body", "RateLimit-Retry-After", "Retry-After"])
def test_the_moment_is_read_in_every_format_and_place(told: str, place: str) -> None:
    if place == "body":
        limit = read({"RateLimit-Retry-After": told}, Date=DATE)
    else:
        limit = read(b"", Date=DATE, **{place: told})
    assert limit.told
    assert limit.wait == OPENS + 1


@pytest.mark.parametrize("told", [120, 120.0, int(NOW.timestamp()) + 120])
def test_the_body_may_tell_a_number(told: float) -> None:
    assert read({"RateLimit-Retry-After": told}, Date=DATE).wait == OPENS + 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"Too many"',
        b"<html><body>Too Many Requests</body></html>",
        b"\xff\xfe",
        b'{"RateLimit-Retry-After": ',
        b'{"RateLimit-Retry-After": null}',
        b'{"RateLimit-Retry-After": ""}',
        b'{"RateLimit-Retry-After": "soon"}',
        b'{"RateLimit-Retry-After": "-5"}',
        b'{"RateLimit-Retry-After": {"odd": 1}}',
        b'{"RateLimit-Retry-After": [[["2025-06-27 14:00:00 UTC"]]]}',
        b'{"RateLimit-Retry-After": "99999999999999"}',
        b'{"RateLimit-Retry-After": "%b"}' % (b"9" * 400),
        b'{"RateLimit-Retry-After": "9999-12-31 23:59:59 UTC"}',
        pytest.param(b"[" * 100_000, id="nested lists"),
        pytest.param(b'{"a":' * 100_000, id="nested objects"),
    ],
    ids=repr,
)
def test_a_limit_without_a_moment_is_waited_for_longer_than_the_shortest_window(
    body: bytes,
) -> None:
    limit = read(body, Date=DATE)
    assert (limit.limiter, limit.wait, limit.told) == ("limiter", UNTOLD_WAIT, False)
    assert UNTOLD_WAIT > 60


def test_the_body_goes_before_the_headers_and_the_particular_before_the_general() -> None:
    body = {"RateLimit-Retry-After": "10"}
    headers = {"RateLimit_Retry_After": "20", "Retry_After": "30"}
    assert read(body, **headers).wait == 11
    assert read({}, **headers).wait == 21
    assert read({}, Retry_After="30").wait == 31


def test_what_cannot_be_read_gives_way_to_what_can() -> None:
    limit = read({"RateLimit-Retry-After": "soon"}, RateLimit_Retry_After="?", Retry_After="30")
    assert limit.wait == 31


@pytest.mark.parametrize("told", ["2025-06-27 13:57:00 UTC", "0", "2001-01-01T00:00:00Z"])
def test_a_moment_that_is_past_is_waited_for_a_second(told: str) -> None:
    assert read({"RateLimit-Retry-After": told}, Date=DATE).wait == 1


@pytest.mark.parametrize(
    ("limiter", "wait"),
    [
        ("Daily limiter", 10 * 3600 + 120),
        ("DAILY", 10 * 3600 + 120),
        ("Hourly limiter", 120),
        ("Minute limiter", 60),
        ("Duplicate limiter", 60),
    ],
)
def test_a_limiter_without_a_moment_opens_with_the_next_of_its_windows(
    limiter: str, wait: float
) -> None:
    for date in (DATE, "Fri, 27 Jun 2025 15:58:00 +0200", "Sat, 28 Jun 2025 00:58:00 +1100"):
        limit = read({"RateLimit-Type": limiter}, Date=date)
        assert (limit.wait, limit.told) == (wait + 1, False)


@pytest.mark.parametrize("local_now", [WRONG, NOW.timestamp(), 4_000_000_000.0])
def test_the_wait_is_measured_by_the_clock_of_the_server(local_now: float) -> None:
    body = {"RateLimit-Retry-After": "2025-06-27 14:00:00 UTC"}
    assert read(body, local_now, Date=DATE).wait == OPENS + 1


@pytest.mark.parametrize("headers", [{}, {"Date": "some day"}, {"Date": ""}], ids=str)
def test_this_machines_clock_serves_where_the_server_tells_none(headers: dict[str, str]) -> None:
    body = {"RateLimit-Retry-After": "2025-06-27 14:00:00 UTC"}
    assert read(body, NOW.timestamp(), **headers).wait == OPENS + 1


@pytest.mark.parametrize(
    "name", ["Daily limiter", "daily", "Hourly limiter", "Duplicate limiter", ""]
)
@pytest.mark.parametrize("place", ["body", "header"])
def test_the_limiter_is_told_by_its_name(name: str, place: str) -> None:
    limit = read({"RateLimit-Type": name}) if place == "body" else read({}, RateLimit_Type=name)
    assert limit.limiter == (name or "limiter")


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        (DATE, NOW),
        ("Fri, 27 Jun 2025 15:58:00 +0200", NOW),
        ("Fri, 27 Jun 2025 13:58:00 -0000", NOW),
        ("some day", None),
        ("Fri, 27 Jun 99999 13:58:00 GMT", None),
        ("", None),
    ],
)
def test_the_clock_of_the_server_is_read(date: str, moment: datetime | None) -> None:
    assert server_moment({"Date": date}) == moment
    assert moment is None or server_moment({"Date": date}).tzinfo is not None


def test_a_server_may_keep_its_clock_to_itself() -> None:
    assert server_moment({}) is None
