"""Where the budget is kept, so that processes share it and the next run remembers it.

A ledger keeps small JSON values under keys, and changes several of them at once or not at all.
SQLite serves one machine; Redis or PostgreSQL, which a team already runs, serve several.
"""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from precoro_api.errors import SettingsError
from precoro_api.plain import private_folder

__all__ = ["Change", "Ledger", "LedgerError", "MemoryLedger", "SqliteLedger", "open_ledger"]

T = TypeVar("T")

Change = Mapping[str, tuple[Any, float]]
"""New values by key, each with the moment (epoch seconds) after which it may be forgotten."""

Work = Callable[[Mapping[str, Any]], tuple[Change, T]]
"""A pure function from stored values (None where there is none) to changes and a result."""


class LedgerError(SettingsError):
    """The ledger cannot be used; the text says why and which setting to look at."""


class Ledger(Protocol):
    """Values under keys, changed together.

    In its `folder`, if it has one, processes of this machine that share it show that they live.
    """

    @property
    def folder(self) -> Path | None:
        """A place for files, not made yet; None where nobody shares the ledger."""

    def transact(self, keys: Sequence[str], work: Work[T], now: float) -> T:
        """Apply `work` to the values of these keys as if nobody else were there; its result."""

    def keys(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so."""

    def close(self) -> None:
        """Let go of files and connections."""


class MemoryLedger:
    """For one process: forgotten at its end."""

    folder = None

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, float]] = {}
        self._lock = threading.Lock()

    def transact(self, keys: Sequence[str], work: Work[T], now: float) -> T:
        """Apply work under a lock."""
        with self._lock:
            stored = {key: self._values[key][0] if key in self._values else None for key in keys}
            changes, result = work(stored)
            self._values.update(changes)
            if len(self._values) > _PRUNE_ABOVE:
                self._values = {k: v for k, v in self._values.items() if v[1] > now}
            return result

    def keys(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so."""
        with self._lock:
            return {k: v for k, (v, _) in self._values.items() if k.startswith(prefix)}

    def close(self) -> None:
        """Nothing to let go of."""


_PRUNE_ABOVE = 2000
_PRUNE_EVERY = 256
_TRIES = 40


_PREPARATION = (
    "pragma journal_mode = wal",
    "pragma synchronous = normal",
    """create table if not exists ledger
    (key text primary key, value text not null, expires real not null) without rowid""",
)


class SqliteLedger:
    """One file, shared by all processes of this machine; a killed process leaves no lock behind.

    It is opened with the first transaction. It holds digests and counts: no token, no data.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.folder: Path | None = path.with_name(f"{path.name}.d")
        self._lock = threading.Lock()
        self._calls = random.randrange(_PRUNE_EVERY)  # noqa: S311 - runs may be short
        self._db: sqlite3.Connection | None = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            private_folder(self._path.parent)
            self._path.touch(mode=0o600)
            # Waiting for the file's lock is SQLite's; transactions are a fraction of a millisecond.
            database = sqlite3.connect(
                self._path, timeout=60, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(database)
            except sqlite3.Error:
                database.close()
                raise
            self._db = database
        return self._db

    def transact(self, keys: Sequence[str], work: Work[T], now: float) -> T:
        """Apply work in one immediate transaction."""
        with self._lock:
            try:
                database = self._opened()
                database.execute("begin immediate")
                try:
                    changes, result = work(self._stored(database, keys))
                    database.executemany(
                        "insert or replace into ledger values (?, ?, ?)",
                        [(key, json.dumps(v), expires) for key, (v, expires) in changes.items()],
                    )
                    self._calls += 1
                    if self._calls % _PRUNE_EVERY == 0:
                        database.execute("delete from ledger where expires < ?", (now,))
                except BaseException:
                    database.execute("rollback")
                    raise
                database.execute("commit")
            except (OSError, sqlite3.Error) as problem:
                raise _unusable(str(self._path), problem) from None
            return result

    @staticmethod
    def _stored(database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Any]:
        marks = ",".join("?" * len(keys))
        query = f"select key, value from ledger where key in ({marks})"  # noqa: S608 - marks only
        found = dict(database.execute(query, tuple(keys)).fetchall())
        return {key: json.loads(found[key]) if key in found else None for key in keys}

    def keys(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so; nothing, and no file, where there is none yet."""
        with self._lock:
            if self._db is None and not self._path.exists():
                return {}
            try:
                query = "select key, value from ledger where substr(key, 1, ?) = ?"
                rows = self._opened().execute(query, (len(prefix), prefix)).fetchall()
            except (OSError, sqlite3.Error) as problem:
                raise _unusable(str(self._path), problem) from None
        return {key: json.loads(value) for key, value in rows}

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None


def _prepare(database: sqlite3.Connection) -> None:
    """Make the table, and others wait for nobody who only reads."""
    tries = 0
    while True:
        try:
            for statement in _PREPARATION:
                database.execute(statement)
        except sqlite3.OperationalError as problem:
            tries += 1
            # Two that switch a new file to this mode at once do not wait for each other.
            if "locked" not in str(problem) or tries > _TRIES:
                raise
            time.sleep(0.005 * tries)
        else:
            return


def open_ledger(where: str, folder: Path | None = None) -> Ledger:
    """The ledger at a path or URL; `memory` for none. Raises LedgerError.

    `folder` is that of a ledger which is no file.
    """
    if where == "memory":
        return MemoryLedger()
    if where.startswith(("redis://", "rediss://", "unix://")):
        from precoro_api.quota.redis_ledger import RedisLedger  # noqa: PLC0415 - optional

        return RedisLedger(where, folder)
    if where.startswith(("postgresql://", "postgres://")):
        from precoro_api.quota.postgres_ledger import PostgresLedger  # noqa: PLC0415 - optional

        return PostgresLedger(where, folder)
    if "://" in where:  # which may hold a password, and is no path
        raise LedgerError("quota_path names no file, `redis://…`, `postgresql://…` or `memory`.")
    return SqliteLedger(Path(where).expanduser())


def _unusable(where: str, problem: Exception) -> LedgerError:
    return LedgerError(
        f"quota_path: the ledger {where} cannot be used ({problem}). Choose a path that can be "
        "written, or `memory` for a budget that this process keeps alone."
    )
