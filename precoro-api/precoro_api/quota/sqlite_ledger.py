"""The budget in a file: for all processes of one machine."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from precoro_api.plain import private_folder
from precoro_api.quota.ledger import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from precoro_api.quota.ledger import Work

__all__ = ["SqliteLedger"]

T = TypeVar("T")

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


def _unusable(where: str, problem: Exception) -> LedgerError:
    return LedgerError(
        f"quota_path: the ledger {where} cannot be used ({problem}). Choose a path that can be "
        "written, or `memory` for a budget that this process keeps alone."
    )
