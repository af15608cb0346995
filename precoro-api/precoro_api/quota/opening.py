"""Which ledger `quota_path` means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from precoro_api.quota.ledger import LedgerError, MemoryLedger
from precoro_api.quota.sqlite_ledger import SqliteLedger

if TYPE_CHECKING:
    from precoro_api.quota.ledger import Ledger

__all__ = ["open_ledger"]


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
