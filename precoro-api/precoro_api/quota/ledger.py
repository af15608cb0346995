"""Where the budget is kept, so that processes share it and the next run remembers it.

A ledger keeps small JSON values under keys, and changes several of them at once or not at all.
SQLite serves one machine; Redis or PostgreSQL, which a team already runs, serve several.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from precoro_api.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Change", "Ledger", "LedgerError", "MemoryLedger", "Work"]

T = TypeVar("T")

_PRUNE_ABOVE = 2000

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
