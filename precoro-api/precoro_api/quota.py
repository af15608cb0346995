"""The budget of requests: when the next one may leave.

Every wait of the client happens here. This ledger lives in one process and keeps the minute;
what the server tells of longer windows is obeyed, not foreseen.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from precoro_api.clock import moment_text

if TYPE_CHECKING:
    from precoro_api.clock import Clock

__all__ = ["IDENTICAL_PAUSE", "MINUTE", "Quota"]

MINUTE = 61.0
"""A minute and a second: the server counts when requests arrive, we when they leave."""

IDENTICAL_PAUSE = 61.0
"""Seconds between identical requests; the API allows one a minute and counts by its own clock."""

logger = logging.getLogger(__name__)


class Quota:
    """At most `per_minute` requests in any minute, identical ones 61 seconds apart.

    A moving minute holds for the API's fixed minutes wherever these begin. `per_minute` None
    sets no limit of ours.
    """

    def __init__(self, clock: Clock, per_minute: int | None = 60) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._sent: deque[float] = deque()
        self._last_of: dict[str, float] = {}
        self._blocked_until = 0.0
        self.waited = 0.0

    def acquire(self, identity: str) -> None:
        """Return when the request of that identity may leave, and count it as sent."""
        moment = self._earliest(identity)
        wait = moment - self._clock.now()
        if wait > 0:
            if wait > 5:  # noqa: PLR2004 - shorter waits are the ordinary pace
                logger.info("Waiting %.0f s, until %s.", wait, moment_text(moment))
            self._clock.sleep(wait)
            self.waited += wait
        now = self._clock.now()
        self._sent.append(now)
        self._last_of[identity] = now

    def block_until(self, moment: float) -> None:
        """Let nothing leave before that moment (seconds since the epoch, this clock's)."""
        self._blocked_until = max(self._blocked_until, moment)

    def _earliest(self, identity: str) -> float:
        now = self._clock.now()
        while self._sent and self._sent[0] <= now - MINUTE:
            self._sent.popleft()
        if len(self._last_of) > 1000:  # noqa: PLR2004 - forgets what is over a minute old
            self._last_of = {
                key: sent for key, sent in self._last_of.items() if sent > now - IDENTICAL_PAUSE
            }
        earliest = max(now, self._blocked_until)
        if self._per_minute is not None and len(self._sent) >= self._per_minute:
            earliest = max(earliest, self._sent[-self._per_minute] + MINUTE)
        if identity in self._last_of:
            earliest = max(earliest, self._last_of[identity] + IDENTICAL_PAUSE)
        return earliest
