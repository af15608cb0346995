"""The server's clock, as far as answers have told it, and how long requests travel."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from precoro_api.quota.windows import LENGTHS

if TYPE_CHECKING:
    from datetime import datetime

    from precoro_api.clock import Clock

__all__ = ["ServerClock"]

_HOLD_UP = 0.25
"""Seconds that a busy machine may hold a request up on its way."""
_UNSURE = 2.0
"""How wrong this machine's clock may be, in seconds, until the server's is known."""
_UNKNOWN_TRAVEL = 0.5


class ServerClock:
    """The server's time by this machine's clock, within bounds that answers narrow."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._offset: tuple[float, float] | None = None
        self._latencies: deque[float] = deque(maxlen=200)

    def now(self) -> float:
        """Seconds since the epoch, as far as the server's clock is known."""
        low, high = self._offset or (0.0, 0.0)
        return self._clock.now() + (low + high) / 2

    @property
    def is_known(self) -> bool:
        """Whether an answer has told it."""
        return self._offset is not None

    def bounds(self, local: float | None = None) -> tuple[float, float]:
        """The earliest moment that it may be, and how much later a request may arrive.

        Now, or when this machine's clock showed `local`.
        """
        local = self._clock.now() if local is None else local
        low, high = self._offset or (-_UNSURE, _UNSURE)
        travel = max(self._latencies, default=_UNKNOWN_TRAVEL) + _HOLD_UP
        return local + low, (high - low) + travel

    def is_late(self, asked: float, spread: float) -> bool:
        """Whether what was asked for then may now arrive in a later minute than it might have."""
        low, _ = self.bounds()
        minute = LENGTHS["minute"]
        return (low + spread) // minute != (asked + spread) // minute

    @property
    def latency(self) -> float:
        """The usual time from a request to its answer, in seconds; 0 while unknown."""
        known = sorted(self._latencies)
        return known[len(known) // 2] if known else 0.0

    def answered(self, sent_at: float, date: datetime | None) -> None:
        """Learn from an answer: how long it took, and what the server's clock said."""
        now = self._clock.now()
        with self._lock:
            self._latencies.append(max(now - sent_at, 0.0))
            if date is None:
                return
            # `Date` is cut to seconds, and was written between sending and receiving.
            low, high = date.timestamp() - now, date.timestamp() + 1.0 - sent_at
            if self._offset is not None:
                narrow = max(low, self._offset[0]), min(high, self._offset[1])
                # Bounds that exclude each other mean that a clock was set: begin anew.
                low, high = narrow if narrow[0] <= narrow[1] else (low, high)
            self._offset = (low, high)
