"""The budget in a PostgreSQL that several machines reach."""

from __future__ import annotations

import json
import random
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from precoro_api.quota.ledger import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from precoro_api.quota.ledger import Work

__all__ = ["PostgresLedger"]

T = TypeVar("T")
_LOCK = 0x7072_6563  # "prec": one lock for the table, held for a fraction of a millisecond
_PRUNE_EVERY = 256


class PostgresLedger:
    """Values in the table `precoro_quota`; changes under an advisory lock of the transaction."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self.folder = folder
        try:
            import psycopg  # noqa: PLC0415 - only for those who keep their budget there
        except ImportError:
            raise LedgerError(
                "quota_path names a PostgreSQL: install precoro-api[postgres] beside the plugin."
            ) from None
        self._errors = psycopg.Error
        self._lock = threading.Lock()
        self._calls = random.randrange(_PRUNE_EVERY)  # noqa: S311 - runs may be short
        try:
            self._db = psycopg.connect(url, autocommit=True, connect_timeout=30)
            with self._db.transaction():
                self._db.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                self._db.execute(
                    "create table if not exists precoro_quota (key text primary key, "
                    "value text not null, expires double precision not null)"
                )
        except psycopg.Error as problem:
            # Of an address that it cannot read it tells a part, which may be the password.
            unread = type(problem) is psycopg.ProgrammingError
            said = "it is no address" if unread else " ".join(str(problem).split())
            raise LedgerError(f"quota_path: no PostgreSQL answers there ({said}).") from None

    def transact(self, keys: Sequence[str], work: Work[T], now: float) -> T:
        """Apply work in one transaction."""
        with self._lock:
            try:
                with self._db.transaction():
                    self._db.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
                    rows = self._db.execute(
                        "select key, value from precoro_quota where key = any(%s)", (list(keys),)
                    ).fetchall()
                    found: dict[str, str] = dict(rows)
                    changes, result = work(
                        {key: json.loads(found[key]) if key in found else None for key in keys}
                    )
                    for key, (value, expires) in changes.items():
                        self._db.execute(
                            "insert into precoro_quota values (%s, %s, %s) on conflict (key) "
                            "do update set value = excluded.value, expires = excluded.expires",
                            (key, json.dumps(value), expires),
                        )
                    self._calls += 1
                    if self._calls % _PRUNE_EVERY == 0:
                        self._db.execute("delete from precoro_quota where expires < %s", (now,))
                    return result
            except self._errors as problem:
                raise LedgerError(f"quota_path: PostgreSQL failed ({problem}).") from None

    def keys(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so."""
        with self._lock:
            rows = self._db.execute(
                "select key, value from precoro_quota where starts_with(key, %s)", (prefix,)
            ).fetchall()
        return {key: json.loads(value) for key, value in rows}

    def close(self) -> None:
        """Close the connection."""
        self._db.close()
