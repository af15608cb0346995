"""Requests that overlap: as many as the budget makes useful, in order, and none left behind."""

from __future__ import annotations

import json
import threading
import time as real_time
from collections import Counter
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import BY_NAME, NotFound, QuotaSpent, errors
from precoro_api.ahead import MOST_AT_ONCE, in_order, useful_overlap
from precoro_api.quota import Limits, Quota
from precoro_sandbox import SandboxClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUPPLIERS = BY_NAME["suppliers"]

Make = "Callable[..., Any]"


class Quick(SandboxClock):
    """Time that passes by itself, faster than real time; server and client may share it."""

    def sleep(self, seconds: float) -> None:
        real_time.sleep(max(0.0, seconds) / self.speed)

    def align(self) -> None:
        """Go to the beginning of a minute."""
        self.advance(-self.now() % 60)


@pytest.mark.parametrize(
    ("latency", "per_minute", "overlap"),
    [
        (0.0, 60, 1),
        (0.2, 60, 1),
        (0.89, 60, 1),
        (1.0, 60, 2),
        (1.5, 60, 2),
        (3.0, 60, 4),
        (6.0, 60, 8),
        (3600.0, 60, MOST_AT_ONCE),
        (1.0, 300, 6),
        (0.1, 300, 1),
        (12.0, 4, 1),
        (1.5, None, 2),
    ],
)
def test_as_many_overlap_as_latency_would_waste(
    latency: float, per_minute: int | None, overlap: int
) -> None:
    assert useful_overlap(latency, per_minute) == overlap


# Calls alone


def slow(time: Any, latency: float = 100.0, **limits: Any) -> Quota:
    """A quota that has learned that answers take that long."""
    quota = Quota(time, limits=Limits(**limits))
    quota.answered(time.now() - latency, None)
    return quota


class Gauge:
    """Counts calls that are under way at once; each ends only when `meet` of them have met."""

    def __init__(self, seconds: float = 0.01, meet: int = 1) -> None:
        self._seconds = seconds
        self._meeting = threading.Barrier(meet)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.begun = 0

    def call(self, number: int) -> int:
        with self._lock:
            self.begun += 1
            self._now += 1
            self.most = max(self.most, self._now)
        self._meeting.wait(timeout=10)
        real_time.sleep(self._seconds * (1 + number % 3))  # the later may end first
        with self._lock:
            self._now -= 1
        return number

    def calls(self, many: int) -> Iterator[Callable[[], int]]:
        return (partial(self.call, number) for number in range(many))


def test_results_come_in_order_and_never_more_than_allowed_are_under_way(time: Any) -> None:
    gauge = Gauge(meet=MOST_AT_ONCE)
    many = 8 * MOST_AT_ONCE
    assert list(in_order(gauge.calls(many), slow(time))) == list(range(many))
    assert gauge.most == MOST_AT_ONCE


def test_quick_answers_never_overlap(time: Any) -> None:
    gauge = Gauge(0.001)
    assert list(in_order(gauge.calls(30), slow(time, 0.3))) == list(range(30))
    assert gauge.most == 1


def test_nothing_is_begun_before_it_is_wanted_and_little_ahead_of_it(time: Any) -> None:
    gauge = Gauge(0.001)
    asked = iter(range(10**9))  # a list without an end must not be read to its end
    results = in_order((partial(gauge.call, number) for number in asked), slow(time))
    assert gauge.begun == 0
    for taken in range(1, 20):
        assert next(results) == taken - 1
        real_time.sleep(0.005)
        assert gauge.begun <= taken + MOST_AT_ONCE
    results.close()
    assert next(asked) <= 20 + MOST_AT_ONCE


def test_calls_within_calls_do_not_multiply(time: Any) -> None:
    gauge, quota = Gauge(0.002), slow(time)

    def outer(number: int) -> list[int]:
        return list(in_order(gauge.calls(number), quota))

    found = list(in_order((partial(outer, number) for number in range(20)), quota))
    assert found == [list(range(number)) for number in range(20)]
    assert gauge.most <= MOST_AT_ONCE


class Boom(Exception):
    pass


class Stuck(SandboxClock):
    """Time in which nothing ever opens, however long one sleeps."""

    def __init__(self) -> None:
        super().__init__(speed=0, start=1_800_000_000.0)

    def sleep(self, seconds: float) -> None:
        real_time.sleep(0.002)


def test_an_error_is_raised_at_its_turn_and_those_who_wait_are_given_up() -> None:
    quota = slow(Stuck(), minute=6)
    ends: list[BaseException] = []

    def call(number: int) -> int:
        try:
            quota.acquire(str(number), "suppliers")  # six leave, the others would wait for ever
        except BaseException as end:
            ends.append(end)
            raise
        if number == 4:
            raise Boom
        return number

    begun = real_time.monotonic()
    results = in_order((partial(call, number) for number in range(100)), quota)
    assert [next(results) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(Boom):
        next(results)
    assert real_time.monotonic() - begun < 2
    assert all(type(end) is QuotaSpent for end in ends)
    assert 1 <= len(ends) <= MOST_AT_ONCE
    assert quota.sent == 6
    assert not [each for each in threading.enumerate() if each.name.startswith("precoro_")]


def test_who_stops_reading_leaves_nobody_waiting() -> None:
    quota = slow(Stuck(), minute=6)
    results = in_order((partial(quota.acquire, str(n), "suppliers") for n in range(100)), quota)
    next(results)
    begun = real_time.monotonic()
    results.close()
    assert real_time.monotonic() - begun < 2
    assert not [each for each in threading.enumerate() if each.name.startswith("precoro_")]


def test_an_ordinary_end_disturbs_nobody_else_who_waits() -> None:
    time = Stuck()
    quota = slow(time, minute=6)
    for number in range(6):
        quota.acquire(f"first {number}", "suppliers")
    ended: list[object] = []

    def wait() -> None:
        try:
            ended.append(quota.acquire("another", "suppliers"))
        except QuotaSpent as end:
            ended.append(end)

    waiting = threading.Thread(target=wait)
    waiting.start()
    for _ in range(20):
        assert list(in_order(Gauge(0.001).calls(8), quota)) == list(range(8))
    time.advance(70)
    waiting.join(timeout=5)
    assert [type(end) for end in ended] == [float]


# On the sandbox


@pytest.fixture
def quick() -> Quick:
    return Quick(40, start=1_800_000_000.0)


def filled(serve: Make, quick: Quick, many: int, latency: float, **switches: Any) -> Any:
    sandbox = serve(clock=quick, switches=switches)
    for number in range(many):
        sandbox.store.add("suppliers", {"name": f"Firm {number}", "externalId": f"V-{number:03}"})
    sandbox.app.latency = latency
    quick.align()
    return sandbox


def a_minute(sandbox: Any) -> Counter[int]:
    """Requests served in each minute, every one of them well."""
    assert {one.status for one in sandbox.served} == {200}
    counts = Counter(int(one.at // 60) for one in sandbox.served)
    return Counter({minute - min(counts): many for minute, many in counts.items()})


@pytest.mark.parametrize("latency", [1.5, 3.0])
def test_slow_answers_waste_no_budget(serve: Make, client_of: Make, latency: float) -> None:
    quick = Quick(20, start=1_800_000_000.0)  # slower: a busy machine must not spoil a minute
    sandbox = filled(serve, quick, 120, latency)
    keys = list(sandbox.store.rows("suppliers"))
    found = list(client_of(sandbox, clock=quick).details(SUPPLIERS, keys))
    assert [row["id"] for row in found] == keys
    assert a_minute(sandbox) == {0: 60, 1: 60}


def test_quick_details_are_asked_for_one_by_one(serve: Make, client_of: Make, quick: Quick) -> None:
    sandbox = filled(serve, quick, 30, 0.0)
    keys = list(sandbox.store.rows("suppliers"))
    results = client_of(sandbox, clock=quick).details(SUPPLIERS, keys)
    for taken, key in enumerate(keys, start=1):
        row = next(results)
        assert row["id"] == key
        assert len(sandbox.served) == taken


def test_what_is_gone_is_told_in_its_place(serve: Make, client_of: Make, quick: Quick) -> None:
    sandbox = filled(serve, quick, 12, 3.0)
    keys: list[Any] = list(sandbox.store.rows("suppliers"))
    keys[3:3] = [999_999]
    found = list(client_of(sandbox, clock=quick).details(SUPPLIERS, keys))
    assert [type(each) for each in found] == [dict] * 3 + [NotFound] + [dict] * 9
    assert found[3].key == "999999"


@pytest.mark.parametrize("pagination", ["all", "legacy", "new"])
def test_pages_come_in_order_and_overlap_where_their_number_is_known(
    serve: Make, client_of: Make, quick: Quick, pagination: str
) -> None:
    sandbox = filled(serve, quick, 195, 3.0, pagination=pagination)
    pages = list(client_of(sandbox, clock=quick, page_size=10).pages(SUPPLIERS))
    assert [page.number for page in pages] == list(range(1, 21))
    ids = [row["id"] for page in pages for row in page.rows]
    assert ids == sorted(sandbox.store.rows("suppliers"), reverse=True)
    assert a_minute(sandbox).total() == 20
    took = sandbox.served[-1].at - sandbox.served[0].at
    if pagination == "new":
        assert took >= 19 * 3.0
    else:
        assert took < 12 * 3.0


def test_look_ups_overlap_and_find_everything(
    serve: Make, client_of: Make, quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("precoro_api.client.LOOKUP_LIMIT", 20)
    sandbox = filled(serve, quick, 200, 3.0)
    ids = {row["externalId"]: row["id"] for row in sandbox.store.rows("suppliers").values()}
    found = client_of(sandbox, clock=quick, page_size=10).find(SUPPLIERS, list(ids))
    batches = [int(one.removeprefix("V-")) // 20 for one in found]
    assert batches == sorted(batches)
    assert {one: rows[0]["id"] for one, rows in found.items()} == ids
    assert a_minute(sandbox).total() == 20  # ten look-ups of two pages each
    took = sandbox.served[-1].at - sandbox.served[0].at
    assert took < 15 * 3.0


# On a server that counts


class Counting:
    """A slow server that knows how many requests are under way at once."""

    def __init__(self) -> None:
        self.gauge = Gauge()
        self.forbidden: set[str] = set()
        self.url = ""


@pytest.fixture
def counting() -> Iterator[Counting]:
    counting = Counting()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            key = self.path.rpartition("/")[2]
            counting.gauge.call(int(key))
            body = json.dumps({"id": int(key)}).encode()
            self.send_response_only(403 if key in counting.forbidden else 200)  # tells no time
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    counting.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    yield counting
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


def test_a_client_never_has_more_than_eight_under_way(
    counting: Counting, client_of: Make, time: Any
) -> None:
    client = client_of(counting.url, quota=slow(time))
    # The clock stands still: answers seem to take no time, until then they seem to take long.
    for _ in range(20):
        client.quota.answered(time.now() - 100.0, None)
    counting.gauge = Gauge(meet=MOST_AT_ONCE)
    found = list(client.details(SUPPLIERS, range(2 * MOST_AT_ONCE)))
    assert [row["id"] for row in found] == list(range(2 * MOST_AT_ONCE))
    assert counting.gauge.most == MOST_AT_ONCE


def test_a_refusal_in_the_middle_stands_at_its_turn(counting: Counting, client_of: Make) -> None:
    counting.forbidden = {"5"}
    quota = slow(Stuck(), minute=8)
    results = client_of(counting.url, quota=quota).details(SUPPLIERS, range(100))
    begun = real_time.monotonic()
    assert [next(results)["id"] for _ in range(5)] == [0, 1, 2, 3, 4]
    refused = next(results)
    assert isinstance(refused, errors.NotAllowed)
    assert refused.key == "5"
    assert real_time.monotonic() - begun < 2
    assert counting.gauge.begun <= 8


def test_quick_requests_are_never_two_at_once(counting: Counting, client_of: Make) -> None:
    client = client_of(counting.url, clock=Quick(1.0))
    assert len(list(client.details(SUPPLIERS, range(15)))) == 15
    assert counting.gauge.most == 1


def test_what_nobody_uses_any_more_may_be_collected_by_a_thread_of_its_own(time: Any) -> None:
    given, closed = threading.Event(), threading.Event()

    def close() -> None:
        given.wait(10)
        results.close()
        closed.set()

    results = in_order([lambda: None, close, lambda: None, lambda: None], slow(time))
    next(results)
    given.set()
    assert closed.wait(10)
