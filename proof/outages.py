"""A server that goes away and comes back, one that stalls, and a name that nobody knows."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from precoro_sandbox import Fault, Sandbox, SandboxClock

from proof.erp import Erp, judge
from proof.into import config_of, until_done
from proof.processes import begin
from proof.story import SPEED, Story, Trouble

if TYPE_CHECKING:
    from precoro_sandbox.app import Served

__all__ = ["server_at_boundary", "server_killed", "stalls", "unknown_host"]

_TRIED_FOR = 900.0
"""Seconds: five attempts, of which each is an identical request, so a minute apart."""
_ROOT = Path(__file__).resolve().parent.parent


class Front:
    """The process that all requests go through; with it all connections die at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._behind = (str(parts.hostname), int(parts.port or 80))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.kills = 0
        self._process = self._begin()

    def _begin(self) -> subprocess.Popen[bytes]:
        addresses = (str(self._port), self._behind[0], str(self._behind[1]))
        return subprocess.Popen([sys.executable, "-m", "proof.front", *addresses], cwd=_ROOT)

    def kill(self, down: float = 0.0) -> None:
        """Kill it, and start another one so many seconds later."""
        self._process.kill()
        self._process.wait()
        self.kills += 1
        time.sleep(down)
        self._process = self._begin()

    def close(self) -> None:
        """Stop for good."""
        self._process.kill()
        self._process.wait()


def server_killed(seed: int, *, many: int = 12, at: int = 0) -> Story:
    """The server is killed at random moments, and starts again, until the target is done.

    With `at` it is killed once, when so many requests were carried out and that one not answered.
    """
    chance, story = random.Random(seed), Story(stories=1)
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        front, place, erp = Front(sandbox.url), Path(folder), Erp(sandbox, many, seed)
        config = config_of(sandbox, place, base_url=front.url)
        trouble = Trouble(sandbox, chance)
        over = threading.Event()

        def again_and_again() -> None:
            while not over.wait(chance.uniform(0.3, 1.2)):
                front.kill(chance.uniform(0, 0.2))

        def count_down(_: Served) -> None:
            if len(sandbox.served) == at:
                front.kill()

        killer = threading.Thread(target=again_and_again)
        if at:
            sandbox.app.after = count_down
        else:
            killer.start()
        try:
            for _ in range(2):
                records = erp.write(place / "erp.singer")
                until_done(story, sandbox, place, config, records, trouble)
                story.verdict += judge(sandbox, records)
                erp.change()
        finally:
            over.set()
            if not at:
                killer.join()
            front.close()
        story.kills += front.kills
        story.verdict.count(over_limit=trouble.over_limit())
    return story


def server_at_boundary(number: int) -> Story:
    """A small story in which the server is killed once, with that request; or never."""
    return server_killed(1, many=4, at=number)


def stalls(seed: int, *, many: int = 8) -> Story:
    """Requests that are carried out, and answered after the client has given up."""
    chance, story = random.Random(seed), Story(stories=1)
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        place, erp = Path(folder), Erp(sandbox, many, seed)
        config = config_of(sandbox, place, timeout=1)
        records = erp.write(place / "erp.singer")
        methods = [chance.choice(("GET", "POST", "PATCH")) for _ in range(4)]
        faults = [
            Fault("slow", seconds=1.5, skip=chance.randrange(10), method=method)
            for method in methods
        ]
        for fault in faults:
            sandbox.faults.add(fault)
        trouble = Trouble(sandbox, chance)
        trouble.over = True
        until_done(story, sandbox, place, config, records, trouble)
        story.faults = sum(not fault.times for fault in faults)
        story.verdict += judge(sandbox, records)
        story.verdict.count(over_limit=trouble.over_limit())
    return story


def unknown_host(_: int) -> Story:
    """A host that no name server knows: said so, nothing let out, exit code 1."""
    story = Story(stories=1)
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        place = Path(folder)
        Erp(sandbox, 2).write(place / "erp.singer")
        config = config_of(sandbox, place, base_url="https://precoro.invalid", clock_speed=1)
        arguments = ["--config", str(config), "--input", str(place / "erp.singer")]
        run = begin("target", arguments, place, now=time.time())
        code = story.ended(run, patience=_TRIED_FOR)
        told = run.told()
        if code != 1 or "no connection" not in told or run.lines():
            story.notes.append(f"exit {code}: {told}")
    return story
