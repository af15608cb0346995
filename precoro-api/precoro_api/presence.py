"""Whether a process is still there: each holds a lock that the system lets go of when it dies."""

from __future__ import annotations

import uuid
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from precoro_api.plain import private_folder

__all__ = ["Presence", "is_gone"]

_SUFFIX = ".alive"


class Presence:
    """A sign of this process to others on this machine, until it is closed or killed."""

    def __init__(self, folder: Path) -> None:
        private_folder(folder)
        self.name = uuid.uuid4().hex
        self._path = folder / f"{self.name}{_SUFFIX}"
        # The process is there, not the thread that came first: any thread may close it.
        self._lock = FileLock(self._path, mode=0o600, thread_local=False)
        self._lock.acquire()
        while not self._path.exists():  # one who tidied up was there before it was locked
            self._lock.release()
            self._lock.acquire()

    def close(self) -> None:
        """Be gone."""
        if self._lock.is_locked:
            self._lock.release()
            self._path.unlink(missing_ok=True)


def is_gone(folder: Path, name: str) -> bool:
    """Whether the process of that name has ended; its file is taken away if so."""
    path = folder / f"{Path(name).name}{_SUFFIX}"
    if not path.exists():
        return True
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except FileNotFoundError:  # taken away by another at this moment
        return True
    # While it is locked, lest a process that is just coming lock what is then taken away.
    with suppress(OSError):
        path.unlink(missing_ok=True)
    lock.release()
    return True
