"""What a process used, as the kernel counts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Used(NamedTuple):
    """What a process used: CPU seconds, and the most memory in MiB."""

    cpu: float
    memory: float


class Ended(NamedTuple):
    """A process that ended: its exit code, what it used, and the end of what it logged."""

    code: int
    used: Used
    log: str


# Linux gives a new process the peak memory of the one that starts it: so a small one does.
_ALONE = """
import json, os, sys
given, out, log, *line = sys.argv[1:]
new = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
opened = [(0, given, os.O_RDONLY), (1, out, new), (2, log, new)]
files = [(os.POSIX_SPAWN_OPEN, fd, path, how, 0o600) for fd, path, how in opened]
pid = os.posix_spawn(line[0], line, os.environ, file_actions=files)
_, status, usage = os.wait4(pid, 0)
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024]))
"""


def ended(
    command: Sequence[str],
    place: Path,
    given: str = os.devnull,
    out: str = os.devnull,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command, named by its path, apart from this process; nothing is kept from before."""
    with tempfile.TemporaryDirectory() as kept:
        log = Path(kept) / "log"
        told = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _ALONE, given, out, log, *command],
            cwd=place,
            env={**os.environ, "XDG_STATE_HOME": kept, **(environment or {})},
            check=True,
            stdout=subprocess.PIPE,
        )
        code, cpu, memory = json.loads(told.stdout)
        return Ended(code, Used(cpu, memory), log.read_text(errors="replace")[-2000:])


def measured(
    line: Sequence[str], place: Path, given: str = os.devnull, out: str = os.devnull
) -> Used:
    """Run Python with these arguments, which has to end well."""
    code, used, log = ended([sys.executable, *line], place, given, out)
    assert code == 0, (line, code, log)
    return used
