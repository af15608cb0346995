from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import pytest
from precoro_sandbox import Sandbox, SandboxClock
from target_precoro.journal.journal import Journal
from target_precoro.target import TargetPrecoro

from .journal_entries import Clock
from .planned_loads import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPEED = 6000


@dataclass
class Run:
    """What one run of the target did: exit code, requests by method, states, tally.

    By a clock that runs so fast a request that is held up for milliseconds comes a minute too late;
    what the limit of the minute refused, and was sent again, is not counted.
    """

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
def singer_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the messages of one stream, or of several, to a file."""

    def write(*streams: tuple[str, list[dict[str, Any]]], **more: Any) -> Path:
        path = tmp_path / f"{len(list(tmp_path.glob('*.singer')))}.singer"
        lines = [line for stream, records in streams for line in singer(stream, records, **more)]
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    return write


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
        if sandbox.served:
            sandbox.clock.advance(61)  # runs ask the same, which is allowed once a minute
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
            Counter(
                each.method for each in sandbox.served[before:] if each.limiter != "Minute limiter"
            ),
            [json.loads(line) for line in out.getvalue().splitlines()],
            {name: {k: v for k, v in c.items() if v} for name, c in target.tally.by_stream.items()},
        )

    return run


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start real processes of the target; each is killed with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(sandbox: Sandbox, given: IO[str] | int, **settings: Any) -> subprocess.Popen[str]:
        config = tmp_path / f"config-{len(started)}.json"
        config.write_text(
            json.dumps(
                {
                    "auth_token": sandbox.account.token,
                    "email": sandbox.account.email,
                    "base_url": sandbox.url,
                    "clock_speed": int(sandbox.clock.speed),
                    **settings,
                }
            )
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "target_precoro", "--config", str(config)],
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    end(started)


def end(processes: list[subprocess.Popen[str]]) -> None:
    """Kill those that still run, and read what they wrote."""
    for process in processes:
        process.kill()
        process.communicate()


# The journal


@pytest.fixture
def clock() -> Clock:
    """The server's clock, for journals."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a journal is to lie."""
    return tmp_path / "state" / "journal.sqlite3"


@pytest.fixture
def opened(path: Path, clock: Clock) -> Iterator[Callable[..., Journal]]:
    """Open journals of one file, each as another process would; all are closed with the test."""
    with contextlib.ExitStack() as closing:

        def start(where: Path | None = path) -> Journal:
            return closing.enter_context(contextlib.closing(Journal(where, now=clock)))

        yield start


PRELUDE = """
import json, sys, time
from pathlib import Path
from target_precoro.journal.journal import *
def say(*what): print(json.dumps(what), flush=True)
def intent(key): return Intent("suppliers", key, time.time(), {"name": key})
journal = Journal(Path(sys.argv[1]), now=time.time)
"""


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start real processes that say JSON lines; all are killed with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    end(running)


# Saved plans


@pytest.fixture
def saved(load: Callable[..., Run], tmp_path: Path) -> Callable[..., Path]:
    """Plan a load of (stream, record) pairs; the path of the plan."""
    path = tmp_path / "plans" / "plan.json"

    def save(sandbox: Sandbox, *records: tuple[str, dict[str, Any]], **more: Any) -> Path:
        load(sandbox, lines=lines_of(*records), dry_run=True, plan_path=str(path), **more)
        return path

    return save


@pytest.fixture
def apply(load: Callable[..., Run]) -> Callable[..., Run]:
    """Carry out a saved plan."""

    def run(sandbox: Sandbox, path: Path, **more: Any) -> Run:
        return load(sandbox, lines=[], apply_plan=str(path), **more)

    return run
