from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests
from precoro_sandbox import Sandbox

from .written_records import base_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_LIMITS = {
    "minute_limit": 0,
    "hour_limit": 0,
    "day_limit": 0,
    "duplicate_limiter": "off",
}


@pytest.fixture(scope="session")
def stops() -> Iterator[list[Thread]]:
    """Threads in which sandboxes stop while the next test runs already."""
    threads: list[Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def serve(stops: list[Thread]) -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes without limits, unless a test sets them; all stop when the test ends."""
    running: list[Sandbox] = []

    def start(switches: dict[str, Any] | None = None, **options: Any) -> Sandbox:
        sandbox = Sandbox(switches={**NO_LIMITS, **(switches or {})}, **options).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        thread = Thread(target=sandbox.stop)
        thread.start()
        stops.append(thread)


@pytest.fixture(scope="session")
def demo() -> Iterator[Sandbox]:
    """The demo company without limits, for tests that only read."""
    with Sandbox(seed="demo", switches=NO_LIMITS) as sandbox:
        yield sandbox


@pytest.fixture
def ask() -> Iterator[Callable[..., requests.Response]]:
    """Send a request to a sandbox with its key; `headers` come on top, None takes one away."""
    with requests.Session() as session:
        session.trust_env = False

        def send(
            sandbox: Sandbox,
            method: str,
            path: str,
            *,
            headers: dict[str, str | None] | None = None,
            **options: Any,
        ) -> requests.Response:
            sent = {"X-AUTH-TOKEN": sandbox.account.token, "email": sandbox.account.email}
            sent |= headers or {}
            return session.request(method, sandbox.url + path, headers=sent, timeout=10, **options)

        yield send


@pytest.fixture
def create(ask: Callable[..., requests.Response]) -> Callable[..., Any]:
    """POST a record and return it as answered."""

    def send(sandbox: Sandbox, name: str, /, **values: Any) -> Any:
        answer = ask(sandbox, "POST", base_path(sandbox, name), data={"name": "One", **values})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return send
