"""The sandbox's own time, which may start anywhere, run faster, and be moved."""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["SandboxClock"]


class SandboxClock:
    """Seconds since the epoch, `speed` times faster than real time, from `start` on."""

    def __init__(self, speed: float = 1.0, start: float | None = None) -> None:
        self.speed = speed
        self._origin = time.monotonic()
        self._start = time.time() if start is None else start

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start + (time.monotonic() - self._origin) * self.speed

    def advance(self, seconds: float) -> None:
        """Let that much time have passed."""
        self._start += seconds

    def moment(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.now(), timezone.utc)

    def stamp(self) -> str:
        """Now as records carry it: `2026-01-31T13:59:59+00:00`."""
        return self.moment().replace(microsecond=0).isoformat()
