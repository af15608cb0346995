"""The client against a server that limits it: how it waits, and when a quota ends the work."""

from __future__ import annotations

import json
from collections import Counter
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import errors
from precoro_api.quota import Limits, Policy, Quota

from .client_exchanges import JSON, SUPPLIERS, TAXES, create_tax, gaps_between_identical, ok

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Limits(minute=None, hour=None, day=None)

Make = "Callable[..., Any]"


@pytest.mark.parametrize("second", [0, 17.25, 59.9])
def test_the_pace_keeps_the_servers_minute_wherever_it_begins(
    serve: Make, client_of: Make, time: Any, second: float
) -> None:
    time.advance(second)
    sandbox = serve()
    for number in range(150):
        sandbox.store.add("suppliers", {"name": f"Firm {number}"})
    client = client_of(sandbox)
    for key in sandbox.store.rows("suppliers"):
        client.detail(SUPPLIERS, key)
    assert [one.status for one in sandbox.served] == [200] * 150
    moments = [one.at for one in sandbox.served]
    assert max(Counter(moment // 60 for moment in moments).values()) == 60
    assert moments[59] - moments[0] <= 1  # a minute may be used as one burst
    assert moments[-1] - moments[0] <= 2 * 61  # and it is no slower than it must be


def test_identical_requests_wait_for_each_other(sandbox: Any, client: Any) -> None:
    for _ in range(4):
        assert len(list(client.records(SUPPLIERS))) == 25
    assert min(gaps_between_identical(sandbox.served)) >= 60
    assert [one.status for one in sandbox.served] == [200] * 4


def test_different_bodies_to_one_path_do_not_wait(sandbox: Any, client: Any, time: Any) -> None:
    for name in "ABC":
        client.write(TAXES, TAXES.create, {"name": name})
    assert time.sleeps == []


@pytest.mark.parametrize("shape", ["body", "headers", "empty", "html"])
def test_a_minute_that_is_full_is_waited_for(
    serve: Make, client_of: Make, time: Any, shape: str
) -> None:
    switches = {"minute_limit": 3, "limit_answer": shape}
    sandbox = serve(switches=switches, counts={"suppliers": 7})
    client = client_of(sandbox, quota=Quota(time, limits=UNLIMITED))
    keys = list(sandbox.store.rows("suppliers"))
    assert [client.detail(SUPPLIERS, key)["id"] for key in keys] == keys
    assert [one.status for one in sandbox.served] == [200] * 3 + [429] + [200] * 3 + [429, 200]
    assert client.retries == 2


@pytest.mark.parametrize(
    ("limit", "shape", "limiter", "resets_at"),
    [
        ("day_limit", "body", "daily limiter", "2027-01-16 00:00:01 UTC"),
        ("day_limit", "headers", "limiter", "2027-01-16 00:00:01 UTC"),
        ("hour_limit", "body", "hourly limiter", "2027-01-15 09:00:01 UTC"),
        ("hour_limit", "headers", "limiter", "2027-01-15 09:00:01 UTC"),
    ],
)
@pytest.mark.parametrize("call", [lambda it: list(it.records(TAXES)), create_tax])
@pytest.mark.parametrize(("when_spent", "exit_code"), [("stop", 0), ("fail", 75)])
def test_a_quota_that_is_spent_ends_the_work_and_tells_when_it_returns(
    serve: Make,
    client_of: Make,
    time: Any,
    limit: str,
    shape: str,
    limiter: str,
    resets_at: str,
    call: Callable[[Any], Any],
    when_spent: str,
    exit_code: int,
) -> None:
    sandbox = serve(switches={limit: 1, "limit_answer": shape})
    client = client_of(sandbox, quota=Quota(time, policy=Policy(when_spent=when_spent)))
    list(client.records(SUPPLIERS))
    with pytest.raises(errors.QuotaSpent, match=f"Run again after {resets_at}") as caught:
        call(client)
    assert caught.value.resets_at == f"after {resets_at}"
    assert caught.value.limiter == limiter
    assert caught.value.status is None
    assert caught.value.exit_code == exit_code
    assert len(sandbox.served) == 2
    assert time.sleeps == []


@pytest.mark.parametrize(
    ("limiter", "resets_at"),
    [("DAILY LIMITER", "2027-01-16 00:00:01 UTC"), ("Hourly limiter", "2027-01-15 09:00:01 UTC")],
)
def test_a_long_limit_that_names_no_moment_ends_the_work(
    odd_server: Make, client_of: Make, time: Any, limiter: str, resets_at: str
) -> None:
    body = json.dumps({"RateLimit-Type": limiter}).encode()
    server = odd_server([(429, {**JSON, "Date": format_datetime(time.moment())}, body)])
    with pytest.raises(errors.QuotaSpent, match=f"Run again after {resets_at}"):
        client_of(server.url).detail(SUPPLIERS, 1)
    assert len(server.asked) == 1
    assert time.sleeps == []


@pytest.mark.parametrize(
    ("policy", "exit_code"),
    [
        (Policy(), 0),
        (Policy(when_spent="fail"), 75),
        (Policy(when_spent="wait", max_wait=100.0), 75),
        (Policy(when_spent="wait", max_wait=200.0), None),
    ],
    ids=str,
)
def test_the_policy_decides_how_long_a_limit_may_take(
    odd_server: Make, client_of: Make, time: Any, policy: Policy, exit_code: int | None
) -> None:
    server = odd_server([(429, {"Retry-After": "150"}, b""), ok({"id": 1})])
    client = client_of(server.url, quota=Quota(time, policy=policy))
    if exit_code is None:
        assert client.detail(SUPPLIERS, 1) == {"id": 1}
        assert sum(time.sleeps) == pytest.approx(151.0, abs=2.1)  # how wrong this clock may be
        assert sum(time.sleeps) >= 151.0
    else:
        with pytest.raises(errors.QuotaSpent, match=r"Run again after 2027-01-15 08:02:31 UTC"):
            client.detail(SUPPLIERS, 1)
        assert time.sleeps == []
    assert len(server.asked) == 1 + (exit_code is None)


def test_a_limit_holds_back_every_other_request_too(
    odd_server: Make, client_of: Make, time: Any
) -> None:
    date = {"Date": format_datetime(time.moment())}
    server = odd_server([(429, {"Retry-After": "70", **date}, b""), ok({"id": 1})])
    client = client_of(server.url, attempts=1)
    with pytest.raises(errors.QuotaSpent):
        client.detail(SUPPLIERS, 1)
    client.detail(SUPPLIERS, 2)
    assert 71.0 <= sum(time.sleeps) <= 72.0
