from __future__ import annotations

import contextlib
import io
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from precoro_api import Client
from precoro_api.clock import FastClock
from precoro_api.quota import Limits, Policy, Quota
from precoro_sandbox import Account, Sandbox, SandboxClock, Switches
from tap_precoro.tap import TapPrecoro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPEED = 6000


@dataclass
class Run:
    """What one run of the tap wrote, and what it asked for.

    By a clock that runs so fast a request that is held up for milliseconds comes a minute too late;
    what the limit of the minute refused, and was sent again, is not counted.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    @property
    def states(self) -> list[dict[str, Any]]:
        return [message["value"] for message in self.messages if message["type"] == "STATE"]

    @property
    def state(self) -> dict[str, Any]:
        return self.states[-1]

    def bookmark(self, stream: str) -> str | None:
        return self.state["bookmarks"].get(stream, {}).get("replication_key_value")


@pytest.fixture(autouse=True)
def clean_env(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(("TAP_PRECORO", "TARGET_PRECORO")):
            monkeypatch.delenv(name)


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes with a fast clock and the published limits; all stop with the test."""
    running: list[Sandbox] = []

    def start(rows: dict[str, list[dict[str, Any]]] | None = None, **options: Any) -> Sandbox:
        clock = SandboxClock(options.pop("speed", SPEED))
        if rows is not None:
            switches = options.pop("switches", {})
            account = Account.open(clock, Switches.set(switches), rows)
            options |= {"accounts": [account], "switches": switches}
        sandbox = Sandbox(clock=clock, **options).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        sandbox.stop()


def config_of(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    return {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        **more,
    }


@pytest.fixture
def sync() -> Callable[..., Run]:
    """Run the tap for some streams; an exception of the tap is the test's to expect."""

    def run(
        sandbox: Sandbox,
        *streams: str,
        state: dict[str, Any] | None = None,
        into: Run | None = None,
        **settings: Any,
    ) -> Run:
        result = into if into is not None else Run()
        tap = TapPrecoro(config=config_of(sandbox, **settings), state=state)
        for name, stream in tap.streams.items():
            stream.selected = name in streams
        before = len(sandbox.served)
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                tap.sync_all()
        finally:
            result.failed += tap.tally.failed
            result.messages += [json.loads(line) for line in out.getvalue().splitlines()]
            result.requests += [
                f"{each.method} {each.path}"
                for each in sandbox.served[before:]
                if each.limiter != "Minute limiter"
            ]
        return result

    return run


@pytest.fixture
def new_run() -> type[Run]:
    """For what a run wrote before it failed."""
    return Run


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """Make clients of a sandbox, or of another address on this machine."""
    made: list[Client] = []

    def make(
        server: Sandbox | str, token: str = "sandbox-token", max_requests: int | None = None
    ) -> Client:
        known = not isinstance(server, str)
        clock = FastClock(SPEED, server.clock.now() if known else None)
        limits = Limits(identical_minute=None, identical_hour=None)
        made.append(
            Client(
                token=token,
                email="integration@example.com",
                base_url=server.url if known else server,
                clock=clock,
                quota=Quota(clock, limits=limits, policy=Policy(max_requests=max_requests)),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new folder, on this machine and elsewhere."""
    if request.param == "local":
        yield str(tmp_path / "files")
        return
    name = uuid.uuid4().hex
    yield f"memory://{name}/files"
    MemoryFileSystem().rm(name, recursive=True)
