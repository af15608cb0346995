"""The client against a server that fails: what it tries again, what never, and when it gives up."""

from __future__ import annotations

import socket
import ssl
import threading
import time as real_time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from precoro_api import BY_NAME, client_from, errors
from precoro_sandbox import Fault, SandboxClock
from requests.adapters import HTTPAdapter

from .client_exchanges import JSON, SUPPLIERS, TAXES, create_tax, gaps_between_identical, ok

if TYPE_CHECKING:
    from collections.abc import Callable

Make = "Callable[..., Any]"


# Reading through faults


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "empty", "reset", "lost", "failed"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_read_is_tried_again_and_ends_with_the_right_rows(
    sandbox: Any, client_of: Make, kind: str, page: int
) -> None:
    sandbox.faults.add(Fault(kind, skip=page - 1))
    client = client_of(sandbox, page_size=10)
    rows = list(client.records(SUPPLIERS))
    assert [row["id"] for row in rows] == sorted(sandbox.store.rows("suppliers"), reverse=True)
    assert client.requests_by_method == Counter(GET=4)
    assert client.retries == 1
    gaps = gaps_between_identical(sandbox.served)
    assert len(gaps) == 1
    assert min(gaps) >= 60


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "empty", "reset"])
def test_a_detail_is_tried_again(sandbox: Any, client: Any, kind: str) -> None:
    key = min(sandbox.store.rows("suppliers"))
    sandbox.faults.add(Fault(kind, times=3))
    assert client.detail(SUPPLIERS, key)["id"] == key
    gaps = gaps_between_identical(sandbox.served)
    assert len(gaps) == 3
    assert min(gaps) >= 60
    assert all(one.status != 429 for one in sandbox.served) or kind == "429"


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "reset"])
@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_reading_ends_after_that_many_attempts(
    sandbox: Any, client_of: Make, kind: str, attempts: int
) -> None:
    sandbox.faults.add(Fault(kind, times=99))
    client = client_of(sandbox, attempts=attempts)
    error = errors.QuotaSpent if kind == "429" else errors.TryLater
    with pytest.raises(error, match=r"^suppliers: .*Run again later"):
        list(client.records(SUPPLIERS))
    assert len(sandbox.served) == attempts
    assert client.retries == attempts - 1
    assert all(gap >= 60 for gap in gaps_between_identical(sandbox.served))


def test_a_body_shorter_than_it_was_announced_is_read_again(
    odd_server: Make, client_of: Make
) -> None:
    whole = ok({"id": 17, "name": "A"})
    short = (200, {**JSON, "Content-Length": "1000"}, whole[2])
    server = odd_server([short, whole])
    assert client_of(server.url).detail(SUPPLIERS, 17)["name"] == "A"
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"{'id': 1}"], ids=lambda it: it[:9])
def test_json_that_cannot_be_read_is_tried_again(
    odd_server: Make, client_of: Make, body: bytes
) -> None:
    server = odd_server([(200, JSON, body), ok({"id": 17})])
    assert client_of(server.url).detail(SUPPLIERS, 17) == {"id": 17}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422])
def test_what_is_refused_for_good_is_not_tried_again(
    odd_server: Make, client_of: Make, status: int
) -> None:
    server = odd_server([(status, JSON, b"{}")])
    client = client_of(server.url)
    with pytest.raises(errors.PrecoroError):
        client.detail(SUPPLIERS, 17)
    assert len(server.asked) == 1
    assert client.retries == 0


def test_a_wrong_key_and_missing_rights_are_told_apart(serve: Make, client_of: Make) -> None:
    sandbox = serve(forbidden=["taxes"], absent=["units"])
    with pytest.raises(errors.BadCredentials):
        list(client_of(sandbox, token="wrong").records(SUPPLIERS))
    with pytest.raises(errors.BadCredentials):
        list(client_of(sandbox, email="someone@example.com").records(SUPPLIERS))
    with pytest.raises(errors.NotAllowed):
        list(client_of(sandbox).records(TAXES))
    with pytest.raises(errors.NotFound):
        list(client_of(sandbox).records(BY_NAME["units"]))


# Writing through faults


@pytest.mark.parametrize("kind", ["500", "lost", "failed", "cut", "html", "reset"])
def test_a_write_whose_answer_is_lost_is_never_sent_again(
    sandbox: Any, client: Any, kind: str
) -> None:
    sandbox.faults.add(Fault(kind))
    with pytest.raises(errors.OutcomeUnknown, match=r"^taxes T-1: .*Look the record up"):
        create_tax(client)
    assert len(sandbox.served) == 1
    assert client.retries == 0
    happened = kind in ("lost", "failed", "cut", "html")
    assert len(sandbox.store.rows("taxes")) == happened


@pytest.mark.parametrize("call", ["create", "update", "patch"])
def test_no_method_of_writing_is_sent_again(odd_server: Make, client_of: Make, call: str) -> None:
    server = odd_server([None])
    with pytest.raises(errors.OutcomeUnknown):
        client_of(server.url).write(SUPPLIERS, getattr(SUPPLIERS, call), {}, path={"id": 1})
    assert len(server.asked) == 1


def test_a_write_that_was_one_too_many_is_sent_again(sandbox: Any, client: Any) -> None:
    sandbox.faults.add(Fault("429", times=2))
    created = create_tax(client)
    assert sandbox.store.rows("taxes").keys() == {created["id"]}
    assert [one.status for one in sandbox.served] == [429, 429, 201]
    assert client.requests_by_method == Counter(POST=3)
    assert min(gaps_between_identical(sandbox.served)) >= 60


def test_a_write_that_stays_one_too_many_ends_as_a_spent_budget(sandbox: Any, client: Any) -> None:
    sandbox.faults.add(Fault("429", times=99))
    with pytest.raises(errors.QuotaSpent, match="Run again later"):
        create_tax(client)
    assert len(sandbox.served) == 5
    assert not sandbox.store.rows("taxes")


def test_a_limit_that_says_when_it_opens_is_no_failed_attempt(
    odd_server: Make, client_of: Make
) -> None:
    failures = [(500, {}, b"")] * 4
    server = odd_server([*failures, (429, {"Retry-After": "1"}, b""), ok({"id": 1})])
    assert client_of(server.url).detail(SUPPLIERS, 1)["id"] == 1
    assert len(server.asked) == 6


def test_a_limit_that_says_so_for_ever_is_given_up(odd_server: Make, client_of: Make) -> None:
    server = odd_server([(429, {"Retry-After": "1"}, b"")] * 99)
    with pytest.raises(errors.QuotaSpent):
        client_of(server.url, attempts=3).detail(SUPPLIERS, 1)
    assert len(server.asked) == 5


class Waking:
    """A test's time that lets something happen when someone first sleeps."""

    def __init__(self, time: Any, happen: Callable[[], Any]) -> None:
        self._time = time
        self._happen = [happen]

    def now(self) -> float:
        return self._time.now()

    def sleep(self, seconds: float) -> None:
        self._time.sleep(seconds)
        while self._happen:
            self._happen.pop()()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_tried_again_as_nothing_can_have_happened(
    odd_server: Make, client_of: Make, time: Any, method: str
) -> None:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))  # taken, but nobody listens
    port = held.getsockname()[1]
    started = []

    def open_for_business() -> None:
        held.close()
        started.append(odd_server([ok({"id": 1})], port=port))

    client = client_of(f"http://127.0.0.1:{port}", clock=Waking(time, open_for_business))
    answer = client.detail(SUPPLIERS, 1) if method == "GET" else create_tax(client)
    assert answer == {"id": 1}
    assert [asked.method for asked in started[0].asked] == [method]
    assert client.retries == 1


def test_a_connection_that_stays_refused_ends_as_try_later(client_of: Make) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{held.getsockname()[1]}", attempts=3)
        with pytest.raises(errors.TryLater, match="no connection for POST"):
            create_tax(client)
        assert client.requests_by_method == Counter(POST=3)


def trouble_tls(monkeypatch: pytest.MonkeyPatch, trouble: Exception, *, after: bool) -> None:
    """Let TLS fail before or after requests are served."""
    really = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        if after:
            really(self, request, **options).close()
        reason = urllib3.exceptions.SSLError(trouble)
        raise requests.exceptions.SSLError(
            urllib3.exceptions.MaxRetryError(None, request.url, reason), request=request
        )

    monkeypatch.setattr(HTTPAdapter, "send", send)


def test_a_write_is_not_sent_again_when_tls_breaks_after_it(
    sandbox: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    trouble_tls(monkeypatch, broken, after=True)
    with pytest.raises(errors.OutcomeUnknown):
        create_tax(client)
    assert len(sandbox.store.rows("taxes")) == 1


def test_a_certificate_that_is_not_trusted_proves_that_nothing_was_sent(
    sandbox: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    distrusted = ssl.SSLCertVerificationError("certificate verify failed")
    trouble_tls(monkeypatch, distrusted, after=False)
    with pytest.raises(errors.TryLater, match="no connection"):
        create_tax(client)
    assert sandbox.served == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_write_may_be_answered_by_nothing(odd_server: Make, client_of: Make, status: int) -> None:
    server = odd_server([(status, {}, b"")])
    assert create_tax(client_of(server.url)) == {}
    assert len(server.asked) == 1


# Real time


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.detail(SUPPLIERS, 1), errors.TryLater),
        (create_tax, errors.OutcomeUnknown),
    ],
    ids=["reading", "writing"],
)
def test_a_server_that_stalls_is_left_in_time(
    odd_server: Make, client_of: Make, call: Callable[[Any], Any], error: type[Exception]
) -> None:
    enough = threading.Event()
    server = odd_server([lambda _: enough.wait(10) and None])
    client = client_of(server.url, timeout=(5.0, 0.04), attempts=1)
    begun = real_time.monotonic()
    try:
        with pytest.raises(error, match="was lost \\(ReadTimeout\\)"):
            call(client)
        assert real_time.monotonic() - begun < 5
    finally:
        enough.set()
    assert client.requests_by_method.total() == 1


def test_a_client_of_settings_keeps_the_time_of_a_fast_sandbox(serve: Make) -> None:
    sandbox = serve(clock=SandboxClock(6000), counts={"suppliers": 25})
    sandbox.faults.add(Fault("html"))
    client = client_from(
        {
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": 6000,
            "page_size": 10,
        },
        "test",
    )
    begun = real_time.monotonic()
    with closing(client):
        assert len(list(client.records(SUPPLIERS))) == 25
    assert client.retries >= 1  # a minute of 10 ms may be missed by a hair, and is tried again
    assert real_time.monotonic() - begun < 5
