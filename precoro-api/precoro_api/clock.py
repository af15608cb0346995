"""Time, as something that can be handed in."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol

__all__ = ["Clock", "FastClock", "SystemClock"]


class Clock(Protocol):
    """What the client needs of time, in seconds."""

    def now(self) -> float:
        """Seconds since the epoch, as this clock counts them."""

    def sleep(self, seconds: float) -> None:
        """Return when that many of this clock's seconds have passed."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for real."""
        time.sleep(max(0.0, seconds))


class FastClock:
    """Time that passes `speed` times faster than real time, for servers whose clock does too."""

    def __init__(self, speed: float, start: float | None = None) -> None:
        self._speed = speed
        self._origin = time.monotonic()
        self._start = time.time() if start is None else start

    def now(self) -> float:
        """Seconds since the epoch, as this clock counts them."""
        return self._start + (time.monotonic() - self._origin) * self._speed

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock's time."""
        time.sleep(max(0.0, seconds) / self._speed)


def moment_text(seconds: float) -> str:
    """A moment as people read it: `2026-01-31 13:59:59 UTC`."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
