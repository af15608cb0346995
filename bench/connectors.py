"""A connector, ours or another's, as a process beside a sandbox of its own that counts."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from precoro_sandbox import Sandbox, SandboxClock

from bench.measured import ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measured import Used

SPEED = 30
LATENCY = 0.3
OFF = {"requests_per_hour": "off", "requests_per_day": "off", "quota_path": "memory"}
MINUTE_ONLY = {"hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}

# Python runs this before a peer starts. requests believes the environment in some calls only; so
# the certificate of `_tls` is named where all of them look.
_TRUST = """
import os, certifi
certifi.where = lambda: os.environ["REQUESTS_CA_BUNDLE"]
"""
# Its sleeps move the sandbox's clock in place of taking their time.
_SLEEPS = """
import http.client, json, time
def sleep(seconds):
    there = http.client.HTTPConnection(os.environ["BENCH_SANDBOX"])
    there.request("POST", "/_sandbox/clock", json.dumps({"advance": seconds}))
    there.getresponse().read()
    there.close()
time.sleep = sleep
"""


@dataclass
class Run:
    """What one run of a connector took and left behind."""

    who: str
    what: str
    code: int
    seconds: float  # of the sandbox's clock
    requests: dict[str, int]
    refused: int  # answered 4xx, but 429
    limited: int  # answered 429
    states: int  # bytes of all STATE messages
    state: int  # bytes of the last of them
    used: Used
    facts: dict[str, Any] = field(default_factory=dict)  # what came of it


@dataclass
class Connector:
    """A target or tap: its command, and whether it is one of ours."""

    who: str
    command: list[str]
    ours: bool = True
    kept: bool = False  # the files that its makers' platform keeps are there
    real: bool = False  # in real time

    @contextmanager
    def room(self, seed: str) -> Iterator[Room]:
        """A folder, and a sandbox: 60 requests a minute, answers that take 0.3 s of its time."""
        clock = SandboxClock(SPEED if self.ours and not self.real else 1)
        with (
            tempfile.TemporaryDirectory() as folder,
            Sandbox(seed=seed, clock=clock, switches=MINUTE_ONLY) as sandbox,
            _tls(sandbox, Path(folder)) as url,
        ):
            (Path(folder) / "work").mkdir()
            if self.ours or self.real:
                sandbox.app.latency = LATENCY
            else:
                sandbox.app.after = lambda _: clock.advance(LATENCY)
            yield Room(self, sandbox, Path(folder), url)


@dataclass
class Room:
    """Where a connector runs."""

    connector: Connector
    sandbox: Sandbox
    place: Path
    url: str

    def run(self, what: str, given: str = "", *arguments: str) -> tuple[Run, list[bytes]]:
        """Run the connector; what that took, and the lines it wrote."""
        before = len(self.sandbox.served)
        settings, environment = self._ours() if self.connector.ours else self._theirs()
        account, work = self.sandbox.account, self.place / "work"
        settings |= {"auth_token": account.token, "email": account.email}
        (work / "config.json").write_text(json.dumps(settings))
        source, out = self.place / "given", self.place / "out"
        source.write_text(given)
        command = [*self.connector.command, "--config", "config.json", *arguments]
        code, used, _ = ended(command, work, str(source), str(out), environment)
        served = self.sandbox.served[before:]
        limited = sum(each.status == 429 for each in served)
        assert self.connector.ours or not limited, "its clock does not know how long to wait"
        lines = out.read_bytes().splitlines()
        states = [each for each in lines if b'"RECORD"' not in each and b'"SCHEMA"' not in each]
        run = Run(
            self.connector.who,
            what,
            code,
            # From the first request to the last answer: no start of a process is in it.
            round(served[-1].at - served[0].at + LATENCY, 1) if served else 0.0,
            dict(Counter(each.method for each in served)),
            sum(400 <= each.status < 500 for each in served) - limited,
            limited,
            sum(map(len, states)),
            len(states[-1]) if states else 0,
            used,
        )
        return run, lines

    def _ours(self) -> tuple[dict[str, Any], dict[str, str]]:
        speed = self.sandbox.clock.speed
        settings = {"base_url": self.sandbox.url, "clock_speed": speed, **OFF}
        return settings, {"XDG_STATE_HOME": str(self.place / "state-home")}

    def _theirs(self) -> tuple[dict[str, Any], dict[str, str]]:
        start = _TRUST if self.connector.real else _TRUST + _SLEEPS
        (self.place / "sitecustomize.py").write_text(start)
        return {"base_url": self.url, "all_invoices": True}, {
            "BENCH_SANDBOX": self.sandbox.url.removeprefix("http://"),
            "PYTHONPATH": str(self.place),
            "REQUESTS_CA_BUNDLE": str(self.place / "tls.pem"),
            "SNAPSHOT_DIR": str(self.place),
            "FLOW": "bench",
        }


@contextmanager
def _tls(sandbox: Sandbox, place: Path) -> Iterator[str]:
    """The URL of a second door to a sandbox, for clients that speak no plain HTTP."""
    how = shlex.split("openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem")
    how += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(how, cwd=place, check=True, capture_output=True)
    config = uvicorn.Config(
        sandbox.app,
        port=0,
        log_config=None,
        lifespan="off",
        ssl_certfile=place / "tls.pem",
        ssl_keyfile=place / "tls.key",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
