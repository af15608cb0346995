"""What the tests share: a sandbox whose time only sleepers move, clients, and odd servers."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import requests
from precoro_api import Client
from precoro_api.webhooks import Spool
from precoro_sandbox import Sandbox, SandboxClock
from requests.adapters import HTTPAdapter

from .downloaded_files import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from email.message import Message
    from pathlib import Path

START = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC, where a minute and an hour begin
TOKEN, EMAIL = "a-token-of-tests", "tester@example.com"


class Time(SandboxClock):
    """Time that stands still until someone sleeps; server and client may share it."""

    def __init__(self, start: float = START) -> None:
        super().__init__(speed=0, start=start)
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(max(0.0, seconds))


@dataclass
class Asked:
    """One request as an odd server saw it."""

    method: str
    target: str
    headers: Message
    body: bytes


@dataclass
class OddServer:
    """A real server that answers whatever a test likes, and remembers what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Sent:
    """One request as it left, and the options of its transport; nothing answered it."""

    url: str
    headers: Any
    options: dict[str, Any]


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets go to the test's folder, and no proxy or bundle of this machine plays a part."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Requests go no further than this list; each is answered by the record 1."""
    leaving: list[Sent] = []

    def send(self: HTTPAdapter, request: Any, **options: Any) -> requests.Response:
        leaving.append(Sent(request.url, request.headers, options))
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response._content = b'{"id": 1}'
        return response

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return leaving


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def serve(time: Time) -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes that live in the test's time; all stop when the test ends."""
    running: list[Sandbox] = []

    def start(**options: Any) -> Sandbox:
        sandbox = Sandbox(**{"clock": time, **options}).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def sandbox(serve: Callable[..., Sandbox]) -> Sandbox:
    """A company with 25 suppliers."""
    sandbox = serve()
    for number in range(25):
        sandbox.store.add("suppliers", {"name": f"Supplier {number}"})
    return sandbox


@pytest.fixture
def client_of(time: Time) -> Iterator[Callable[..., Client]]:
    """Make clients in the test's time, for a sandbox or for the address of an odd server."""
    made: list[Client] = []

    def make(server: Sandbox | str, **options: Any) -> Client:
        known = isinstance(server, Sandbox)
        settings = {
            "base_url": server.url if known else server,
            "token": server.account.token if known else TOKEN,
            "email": server.account.email if known else EMAIL,
            "clock": time,
        }
        client = Client(**{**settings, **options})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(sandbox: Sandbox, client_of: Callable[..., Client]) -> Client:
    """A client of the sandbox."""
    return client_of(sandbox)


@pytest.fixture
def odd_server() -> Iterator[Callable[..., OddServer]]:
    """Start servers that give these answers in turn, the last one for ever.

    An answer is (status, headers, body), or a function of the request that returns one, or
    returns None to leave without a word.
    """
    running: list[tuple[HTTPServer, threading.Thread]] = []

    def start(answers: Sequence[Any], port: int = 0) -> OddServer:
        remaining = list(answers)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.command, self.path, self.headers, self.rfile.read(length))
                server.asked.append(asked)
                answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
                answer = answer(asked) if callable(answer) else answer
                self.close_connection = True
                if answer is None:
                    return
                status, headers, body = answer
                head = {"Content-Length": str(len(body)), "Connection": "close", **headers}
                lines = [f"HTTP/1.1 {status} -", *(f"{key}: {head[key]}" for key in head)]
                self.wfile.write("\r\n".join([*lines, "", ""]).encode() + body)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        listening = HTTPServer(("127.0.0.1", port), Handler)
        server = OddServer(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        running.append((listening, thread))
        return server

    yield start
    for listening, thread in running:
        listening.shutdown()
        thread.join(timeout=5)
        listening.server_close()


@pytest.fixture
def place() -> Place:
    """Where a file goes."""
    return Place()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a spool is to lie."""
    return tmp_path / "spool.sqlite3"


@pytest.fixture
def spool(path: Path) -> Iterator[Spool]:
    """What a tap opens while the receiver writes."""
    spool = Spool(path)
    yield spool
    spool.close()
