from __future__ import annotations

import contextlib
import io
import json
import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from precoro_sandbox import Sandbox, SandboxClock
from target_precoro.target import TargetPrecoro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPEED = 6000


@dataclass
class Run:
    """What one run of the target did: exit code, requests by method, states, tally."""

    code: int
    requests: Counter[str]
    states: list[Any]
    tally: dict[str, dict[str, int]]


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

    def start(**options: Any) -> Sandbox:
        sandbox = Sandbox(clock=SandboxClock(options.pop("speed", SPEED)), **options).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def sandbox(serve: Callable[..., Sandbox]) -> Sandbox:
    """An empty company, every switch in its default."""
    return serve()


def singer(stream: str, records: list[dict[str, Any]], state_every: int = 50) -> list[str]:
    """The messages of a tap: SCHEMA, RECORDs, a STATE now and then and at the end."""
    names = {name for record in records for name in record}
    messages: list[dict[str, Any]] = [
        {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {"type": "object", "properties": {name: {} for name in sorted(names)}},
            "key_properties": [],
        }
    ]
    for number, record in enumerate(records, start=1):
        messages.append({"type": "RECORD", "stream": stream, "record": record})
        if number % state_every == 0:
            messages.append({"type": "STATE", "value": {"done": number}})
    messages.append({"type": "STATE", "value": {"done": "all"}})
    return [json.dumps(message) for message in messages]


@pytest.fixture
def load() -> Callable[..., Run]:
    """Send records of one stream, or whole lines, to a sandbox through the target."""

    def run(
        sandbox: Sandbox,
        stream: str = "",
        records: list[dict[str, Any]] | None = None,
        *,
        lines: list[str] | None = None,
        **settings: Any,
    ) -> Run:
        given = lines if lines is not None else singer(stream, records or [])
        before = len(sandbox.served)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            target = TargetPrecoro(
                config={
                    "auth_token": sandbox.account.token,
                    "email": sandbox.account.email,
                    "base_url": sandbox.url,
                    "clock_speed": int(sandbox.clock.speed),
                    **settings,
                }
            )
            code = target.run(io.StringIO("".join(f"{line}\n" for line in given)))
        return Run(
            code,
            Counter(each.method for each in sandbox.served[before:]),
            [json.loads(line) for line in out.getvalue().splitlines()],
            {name: {k: v for k, v in c.items() if v} for name, c in target.tally.by_stream.items()},
        )

    return run
