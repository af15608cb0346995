"""The limiters: fixed windows of a minute, an hour and a day, and identical requests.

Every request counts, failed ones too. Once a window is used up, everything fails until the
next one begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from precoro_sandbox.clock import SandboxClock
    from precoro_sandbox.switches import Switches

__all__ = ["Breach", "Limiters"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_IDENTICAL_PER_HOUR = 30


@dataclass(frozen=True)
class Breach:
    """A limiter that said no, and the moment (epoch seconds) when it opens."""

    limiter: str
    opens_at: float

    @property
    def body(self) -> dict[str, str]:
        """The JSON body of the 429."""
        opens = datetime.fromtimestamp(self.opens_at, timezone.utc)
        return {
            "RateLimit-Type": self.limiter,
            "RateLimit-Retry-After": opens.strftime("%Y-%m-%d %H:%M:%S UTC"),
        }

    @property
    def headers(self) -> dict[str, str]:
        """The same as headers, as one client library believes them."""
        opens = datetime.fromtimestamp(self.opens_at, timezone.utc)
        return {"RateLimit-Retry-After": opens.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Limiters:
    """The counters of one token."""

    def __init__(self, clock: SandboxClock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._windows: Counter[tuple[str, int]] = Counter()
        self._identical: dict[str, list[float]] = {}

    def count(self, identity: str) -> Breach | None:
        """Count one request; the limiter that refuses it, the longest first, or None."""
        now = self._clock.now()
        breach = None
        for limiter, seconds, limit in (
            ("Minute limiter", _MINUTE, self._switches.minute_limit),
            ("Hourly limiter", _HOUR, self._switches.hour_limit),
            ("Daily limiter", _DAY, self._switches.day_limit),
        ):
            window = int(now // seconds)
            self._windows[limiter, window] += 1
            if limit and self._windows[limiter, window] > limit:
                breach = Breach(limiter, float((window + 1) * seconds))
        if breach is None and self._switches.duplicate_limiter != "off":
            breach = self._count_identical(identity, now)
        return breach

    def _count_identical(self, identity: str, now: float) -> Breach | None:
        accepted = [moment for moment in self._identical.get(identity, ()) if moment > now - _HOUR]
        if accepted and accepted[-1] > now - _MINUTE:
            return Breach("Duplicate limiter", accepted[-1] + _MINUTE)
        if len(accepted) >= _IDENTICAL_PER_HOUR:
            return Breach("Duplicate limiter", accepted[0] + _HOUR)
        self._identical[identity] = [*accepted, now]
        return None
