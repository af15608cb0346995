"""Other clients of the same key, who use up its budget unseen: 429s, in each of their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from precoro_sandbox import Sandbox
    from precoro_sandbox.app import Served
    from precoro_sandbox.limits import Breach

__all__ = ["OTHERS_SPEED", "SHAPES", "WAITS", "Others"]

SHAPES = ("body", "headers", "empty", "html")
OTHERS_SPEED = 50
"""Slow enough that what is on its way when a 429 comes can be told from what is sent later."""
WAITS: dict[str, Any] = {"when_quota_spent": "stop", "max_wait": 120}
"""Settings with which a minute is waited for, and an hour or a day ends the run."""

_ON_ITS_WAY = 20.0
"""Seconds of the sandbox, 0.4 real ones, in which a request may arrive that had left already."""
_UNTOLD = 60.0
"""Seconds that must pass where a 429 says nothing."""
_LONG = 120.0


class Others:
    """They use up a minute, an hour or a day after every few requests of ours."""

    def __init__(self, sandbox: Sandbox, chance: random.Random, shape: str) -> None:
        self._sandbox, self._chance = sandbox, chance
        self._tells = shape in ("body", "headers")
        self._next = chance.randrange(2, 12)
        self._breach: Breach | None = None
        self._tried_again = False
        self._gone = False
        self._refused: list[tuple[float, float]] = []  # when, and when the limit opens

    @property
    def met(self) -> int:
        """How many requests were refused."""
        return len(self._refused)

    def gone(self) -> None:
        """They ask for nothing any more."""
        self._gone = True

    def served(self, request: Served) -> None:
        """A request of ours was served."""
        if request.limiter and self._breach is not None:
            self._refused.append((request.at, self._breach.opens_at))
        self._next -= 1
        if self._next > 0 or self._gone:
            return
        self._next = self._chance.randrange(5, 25)
        longest = self._chance.choice(("Minute", "Minute", "Minute", "Hourly", "Daily"))
        breach = None
        while breach is None or not breach.limiter.startswith((longest, "Daily")):
            breach = self._sandbox.account.limiters.count(f"others {self._chance.random()}")
        self._breach = breach

    def before(self) -> None:
        """A run begins: the first one that a limit of hours is shut for meets it shut."""
        breach, now = self._breach, self._sandbox.clock.now()
        if breach is None or breach.opens_at - now < _LONG:
            return
        if self._tried_again:
            self._sandbox.clock.advance(breach.opens_at + 1 - now)
        self._tried_again = not self._tried_again

    def over_limit(self) -> int:
        """Requests that left although a 429 had said to wait, or less than a minute after one."""
        found, first, until = 0, 0.0, 0.0
        for at, opens_at in self._refused:
            if at < until:
                found += at > first + _ON_ITS_WAY
            else:
                first, until = at, opens_at if self._tells else at + _UNTOLD
        return found
