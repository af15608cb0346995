"""The way to the server: proxies, bundles, connections, odd answers, and rejections in a row."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import SettingsError, errors

from .client_exchanges import JSON, SUPPLIERS, create_tax, ok

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "http://nowhere.invalid"

Make = "Callable[..., Any]"


# The surroundings


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    odd_server: Make, client_of: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proxy = odd_server([ok({"id": 1})])
    monkeypatch.setenv(name, proxy.url)
    client = client_of(NOWHERE)
    assert client.detail(SUPPLIERS, 1) == {"id": 1}
    assert create_tax(client) == {"id": 1}
    assert [asked.target for asked in proxy.asked] == [f"{NOWHERE}/suppliers/1", f"{NOWHERE}/taxes"]


def test_hosts_that_need_no_proxy_are_asked_themselves(
    odd_server: Make, client_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = odd_server([ok({"id": 1})]), odd_server([ok({"id": 2})])
    url = server.url.replace("127.0.0.1", "0.0.0.0")  # another name of this machine
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert client_of(url).detail(SUPPLIERS, 2) == {"id": 1}
    monkeypatch.setenv("NO_PROXY", "0.0.0.0")
    assert client_of(url).detail(SUPPLIERS, 2) == {"id": 2}
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_no_key_for_this_machine_goes_to_a_proxy(
    odd_server: Make, client_of: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    proxy, server = odd_server([ok({"id": 1})]), odd_server([ok({"id": 2})])
    monkeypatch.setenv(name, proxy.url)
    assert client_of(server.url).detail(SUPPLIERS, 2) == {"id": 2}
    assert proxy.asked == []


@pytest.mark.parametrize("proxy", ["http://", "socks9://127.0.0.1:9", "http://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_proves_that_nothing_was_sent(
    client_of: Make, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    client = client_of(NOWHERE, attempts=2)
    with pytest.raises(errors.TryLater, match="no connection for POST"):
        create_tax(client)
    assert client.retries == 1


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_the_environment_are_trusted(
    client_of: Make, sent: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    client = client_of("https://precoro.example")
    client.detail(SUPPLIERS, 1)
    monkeypatch.setenv(name, str(bundle))
    client.detail(SUPPLIERS, 2)
    assert [each.options["verify"] for each in sent] == [True, str(bundle)]


def test_a_bundle_that_is_missing_is_named_and_nothing_is_sent(
    client_of: Make, sent: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    client = client_of("https://precoro.example")
    with pytest.raises(SettingsError, match=r"^REQUESTS_CA_BUNDLE: .*missing\.pem"):
        create_tax(client)
    assert sent == []
    assert client.quota.sent == 0


# Paths


@pytest.mark.parametrize("key", ["..", ".", "...", ""], ids=repr)
def test_a_key_of_dots_is_refused_without_a_request(
    odd_server: Make, client_of: Make, key: str
) -> None:
    server = odd_server([ok({"id": 1})])
    client = client_of(server.url)
    with pytest.raises(errors.Rejected, match="cannot stand in a path"):
        client.detail(SUPPLIERS, key)
    with pytest.raises(errors.Rejected, match="cannot stand in a path"):
        client.write(SUPPLIERS, SUPPLIERS.update, {"name": "A"}, path={"id": key})
    assert server.asked == []
    assert client.quota.sent == 0
    assert client.requests_by_method == Counter()


# Odd answers


def test_a_server_that_tells_its_time_without_a_zone_is_understood(
    odd_server: Make, client_of: Make
) -> None:
    date = {"Date": "Fri, 15 Jan 2027 08:00:00 -0000"}
    limited = b'{"RateLimit-Type": "Minute limiter", "RateLimit-Retry-After": "20"}'
    server = odd_server([(429, {**JSON, **date}, limited), (200, {**JSON, **date}, b'{"id": 1}')])
    client = client_of(server.url)
    assert client.detail(SUPPLIERS, 1) == {"id": 1}
    assert client.server_now == datetime(2027, 1, 15, 8, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"RateLimit-Type": {"a": [1]}, "RateLimit-Retry-After": {"at": ["soon"]}}',
        b'{"RateLimit-Type": "Minute limiter", "RateLimit-Retry-After": "%b"}' % (b"9" * 400),
        b'{"RateLimit-Type": "Minute limiter", "RateLimit-Retry-After": 1800000000000}',
    ],
    ids=lambda each: each[:60],
)
def test_a_limit_that_cannot_be_read_is_waited_for_a_minute(
    odd_server: Make, client_of: Make, time: Any, body: bytes
) -> None:
    server = odd_server([(429, JSON, body), ok({"id": 1})])
    assert client_of(server.url).detail(SUPPLIERS, 1) == {"id": 1}
    assert 61 <= sum(time.sleeps) <= 61 + 2 * 2.5  # the server's clock is not known
    assert len(server.asked) == 2


# Rejections in a row


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "slowing down" in each.message]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422])
def test_five_rejections_in_a_row_slow_the_pace_and_it_is_said_once(
    odd_server: Make,
    client_of: Make,
    time: Any,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    client = client_of(odd_server([(status, JSON, b"{}")]).url)
    pauses = []
    for key in range(1, 14):
        assert len(warnings_of(caplog)) == (key > 5)
        began = time.now()
        with pytest.raises(errors.PrecoroError):
            client.detail(SUPPLIERS, key)
        pauses.append(time.now() - began)
    assert pauses == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 32, 32]
    (said,) = warnings_of(caplog)
    assert said.startswith("Precoro rejected 5 requests in a row: slowing down")


def test_a_success_resets_the_pace(
    odd_server: Make, client_of: Make, time: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    refused = (422, JSON, b"{}")
    plan = [*[refused] * 4, ok({"id": 1}), *[refused] * 6, ok({"id": 1}), *[refused] * 6]
    client = client_of(odd_server(plan).url)
    slept: list[float] = []
    for key, (status, *_) in enumerate(plan):
        before = len(time.sleeps)
        try:
            client.detail(SUPPLIERS, key)
            assert status == 200
        except errors.Rejected:
            assert status == 422
        slept.append(sum(time.sleeps[before:]))
    # Four rejections are none too many; of six, the sixth and what follows it are slowed.
    assert slept == [0.0] * 10 + [1.0, 2.0] + [0.0] * 5 + [1.0]
    assert len(warnings_of(caplog)) == 2


# Connections


@pytest.fixture
def keeping() -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps connections open and notes each new one."""
    connections: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            connections.append(self.client_address)

        def do_GET(self) -> None:
            body = b'{"id": 1}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", connections
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


def test_connections_are_used_again_by_whatever_thread(
    keeping: tuple[str, list[Any]], client_of: Make
) -> None:
    url, connections = keeping
    client = client_of(url)
    for key in range(20):
        thread = Thread(target=client.detail, args=(SUPPLIERS, key))
        thread.start()
        thread.join()
    assert len(connections) == 1


def test_a_closed_client_can_be_closed_again_and_used_again(
    keeping: tuple[str, list[Any]], client_of: Make
) -> None:
    url, connections = keeping
    client = client_of(url)
    client.close()
    client.detail(SUPPLIERS, 1)
    client.close()
    client.close()
    client.detail(SUPPLIERS, 2)
    assert len(connections) == 2
