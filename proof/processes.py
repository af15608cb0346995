"""Real processes of the tap and the target, which start in milliseconds and can be killed.

A server that has everything imported forks them; each has its own files for stdout and stderr, as
a shell would give it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.context import ForkServerProcess

__all__ = ["PATIENCE", "Run", "begin"]

PATIENCE = 120.0
"""Seconds after which a process that should have ended is a hang."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["proof.bugs", "tap_precoro.tap", "target_precoro.target"])


@dataclass
class Run:
    """A process that was begun, and where it writes."""

    process: ForkServerProcess
    out: Path
    log: Path
    over: bool = False

    def kill(self) -> None:
        """SIGKILL, if it lives."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal, if it lives."""
        # To ask the process whether it lives would take its exit code from who waits for it.
        if self.process.pid and not self.over:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Its exit code; a negative one is the signal that ended it. A hang raises TimeoutError."""
        self.process.join(patience)
        if self.process.exitcode is None:
            self.kill()
            self.process.join()
            self.over = True
            raise TimeoutError(f"still running after {patience:.0f} s: {self.told()}")
        self.over = True
        return self.process.exitcode

    def told(self) -> str:
        """The end of what it wrote to stderr."""
        return _text(self.log)[-3000:]

    def lines(self) -> list[str]:
        """The whole lines of what it wrote to stdout."""
        return _text(self.out).split("\n")[:-1]


def _text(path: Path) -> str:
    """What is in a file; nothing if the process was killed before it opened it."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def begin(
    command: str,
    arguments: Sequence[str],
    place: Path,
    *,
    now: float,
    out: str = "",
    bug: str = "",
    file_limit: int = 0,
) -> Run:
    """Start `tap` or `target`, with a deliberate `bug` if one is named.

    `now` is the sandbox's time, which the process has too: its ledger outlives it, and would seem
    to come from the future to a fast clock that begins anew. `out` is the path of its output, a
    file in `place` by default. Each file that it writes may have `file_limit` bytes, as on a disk
    that is full.
    """
    log, path = place / f"{command}.log", out or str(place / f"{command}.out")
    if not out:  # a run that is killed before it opens it must not leave an older one's
        Path(path).unlink(missing_ok=True)
    files = (path, str(log))
    clock = (now, time.monotonic())
    work = (command, arguments, files, clock, bug, file_limit)
    process = _FORKS.Process(target=_work, args=work)
    process.start()
    return Run(process, place / f"{command}.out", log)


def _work(
    command: str,
    arguments: Sequence[str],
    files: Sequence[str],
    clock: tuple[float, float],
    bug: str,
    file_limit: int,
) -> None:
    from precoro_api import connection  # noqa: PLC0415 - only the forked process has it
    from precoro_api.clock import FastClock  # noqa: PLC0415
    from tap_precoro.tap import TapPrecoro  # noqa: PLC0415
    from target_precoro.target import TargetPrecoro  # noqa: PLC0415

    from proof.bugs import commit  # noqa: PLC0415

    os.setpgid(0, 0)
    for number, path, way in ((1, files[0], os.O_TRUNC), (2, files[1], os.O_APPEND)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | way, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2)
    )
    now, then = clock
    patched: Any = connection
    patched.FastClock = lambda speed: FastClock(speed, now + (time.monotonic() - then) * speed)
    if file_limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    commit(bug)
    plugin: Any = {"tap": TapPrecoro, "target": TargetPrecoro}[command]
    plugin.cli(args=list(arguments), prog_name=plugin.name)
