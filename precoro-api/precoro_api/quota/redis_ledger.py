"""The budget in a Redis that several machines reach."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeVar

from precoro_api.quota.ledger import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from precoro_api.quota.ledger import Work

__all__ = ["RedisLedger"]

T = TypeVar("T")
_PREFIX = "precoro:"


class RedisLedger:
    """Values as Redis strings with a time to live; changes by optimistic transactions."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self.folder = folder
        try:
            import redis  # noqa: PLC0415 - only for those who keep their budget there
        except ImportError:
            raise LedgerError(
                "quota_path names a Redis: install precoro-api[redis] beside the plugin."
            ) from None
        self._errors = redis.RedisError
        self._conflict = redis.WatchError
        try:
            self._redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=30)
            self._redis.ping()
        except ValueError:  # whose words may be a part of the password
            raise LedgerError("quota_path: this is no address of a Redis.") from None
        except redis.RedisError as problem:
            raise LedgerError(f"quota_path: no Redis answers there ({problem}).") from None

    def transact(self, keys: Sequence[str], work: Work[T], now: float) -> T:
        """Apply work; anew whenever another process changed one of the keys meanwhile."""
        names = [_PREFIX + key for key in keys]
        try:
            while True:
                with self._redis.pipeline() as pipe:
                    pipe.watch(*names)  # type: ignore[no-untyped-call]
                    values: list[Any] = pipe.mget(names)
                    stored = {
                        key: None if value is None else json.loads(value)
                        for key, value in zip(keys, values, strict=True)
                    }
                    changes, result = work(stored)
                    pipe.multi()
                    for key, (value, expires) in changes.items():
                        seconds = max(1, math.ceil(expires - now))
                        pipe.set(_PREFIX + key, json.dumps(value), ex=seconds)
                    try:
                        pipe.execute()
                    except self._conflict:
                        continue
                    return result
        except self._errors as problem:
            raise LedgerError(f"quota_path: Redis failed ({problem}).") from None

    def keys(self, prefix: str) -> dict[str, Any]:
        """All values whose keys begin so."""
        names = sorted(self._redis.scan_iter(match=f"{_PREFIX}{prefix}*"))
        values: list[Any] = self._redis.mget(names) if names else []
        return {
            name.removeprefix(_PREFIX): json.loads(value)
            for name, value in zip(names, values, strict=True)
            if value is not None
        }

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
