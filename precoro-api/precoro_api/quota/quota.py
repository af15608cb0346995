"""The one place where requests wait: for their turn in the budget that a token has."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import random
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from precoro_api.clock import moment_text
from precoro_api.errors import QuotaSpent
from precoro_api.quota.account import Account
from precoro_api.quota.ledger import LedgerError, MemoryLedger
from precoro_api.quota.policy import Policy
from precoro_api.quota.report import report_of
from precoro_api.quota.server_clock import ServerClock
from precoro_api.quota.windows import Limits, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.limits import Limit
    from precoro_api.quota.leases import Lease, Turn
    from precoro_api.quota.ledger import Ledger

__all__ = ["Quota", "token_digest"]

logger = logging.getLogger(__name__)

_MANY_REFUSALS = 5
_LONGEST_SLOWDOWN = 32.0
_JITTER = 2.0
_LOOK_AGAIN = 1.0
"""Seconds after which it is worth looking anew for processes that were killed."""


def token_digest(token: str) -> str:
    """A name for a token that does not give it away."""
    return hmac.new(b"precoro-quota", token.encode(), hashlib.sha256).hexdigest()[:32]


class Quota:
    """The budget of one token: counted in a ledger, paced by the server's clock.

    The well-kept limiters were tried first: pyrate-limiter keeps no fixed windows, exceeded its
    limit by one between processes, cannot be corrected by what a 429 says and knows no priority;
    limits has no storage that is a file. So the rules are ours, and the storage theirs.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        ledger: Ledger | None = None,
        limits: Limits | None = None,
        policy: Policy | None = None,
        name: str = "memory",
        process: str = "",
    ) -> None:
        self._clock = clock
        self._server = ServerClock(clock)
        self._account = Account(ledger or MemoryLedger(), name, process)
        self.limits = limits or Limits()
        self.policy = policy or Policy()
        self._lock = threading.Lock()
        self._local = threading.local()
        self._refusals = 0
        self._looked_at = -math.inf
        self._early: list[tuple[Turn, float]] = []
        self.sent = 0
        self.waited = 0.0

    # Time, as the server has it

    def server_now(self) -> float:
        """The server's clock, in seconds since the epoch, as far as it is known."""
        return self._server.now()

    @property
    def latency(self) -> float:
        """The usual time from a request to its answer, in seconds; 0 while unknown."""
        return self._server.latency

    def answered(self, sent_at: float, date: datetime | None) -> None:
        """Learn from an answer: how long it took, and what the server's clock said."""
        self._server.answered(sent_at, date)
        if self._early and self._server.is_known:
            self._count_early_anew()

    def _count_early_anew(self) -> None:
        """Turns that were used before the server's clock was known, in the windows they are of."""
        with self._lock:
            early, self._early = self._early, []
        for turn, left_at in early:
            now, spread = self._server.bounds(left_at)
            with suppress(LedgerError):  # the next turn says so: this answer is not to be lost
                self._account.recount(turn, now=now, spread=spread)

    # Asking for a turn

    def acquire(self, identity: str, resource: str) -> float:
        """Return when the request may leave, and count it; the moment, by the local clock.

        Raises QuotaSpent where the wait is longer than the policy allows. From its return on the
        turn counts as used, whatever becomes of the request; before, a kill leaves it to others.
        """
        before, after = getattr(self._local, "line", (None, None))
        self._local.line = (None, None)  # a second turn, for a retry, stands in no line
        if before is not None:
            before.wait()
        try:
            self._count_own(resource)
            try:
                lease, turn = self._wait_for_turn(identity, resource)
            except BaseException:
                self._count_own(resource, -1)
                raise
        finally:
            if after is not None:
                after.set()
        moment = self._clock.now()
        lease.use(turn)
        if not self._server.is_known:
            with self._lock:
                self._early.append((turn, moment))
        return moment

    def need(self, many: int, resource: str) -> None:
        """Raise QuotaSpent unless the hour, the day and this run have that many requests left.

        For what must not end half-way. Minutes are waited for, so they do not count here.
        """
        most = self.policy.max_requests
        if most is not None and self.sent + many > most:
            raise self.spent(resource, f"this run's {most} requests", "any time")
        windows = self.report()["windows"]
        for kind in ("hour", "day"):
            left = windows[kind]["left"]
            if left is not None and left < many and self.policy.when_spent != "wait":
                resets_at = f"after {moment_text(windows[kind]['resets_at'])}"
                raise self.spent(resource, kind, resets_at)

    def _count_own(self, resource: str, many: int = 1) -> None:
        """Count what this run has sent, and hold it to its own budget."""
        with self._lock:
            most = self.policy.max_requests
            if many > 0 and most is not None and self.sent >= most:
                raise QuotaSpent(
                    f"this run has sent its {most} requests",
                    resource=resource,
                    resets_at="any time",
                    limiter="max_requests",
                )
            self.sent += many

    @contextmanager
    def in_line(
        self, before: threading.Event | None, after: threading.Event, given_up: threading.Event
    ) -> Iterator[None]:
        """Within it, this thread asks for its turn when `before` is set, and sets `after`.

        So requests that overlap leave in their order, and a budget that ends in their midst was
        spent on the first of them. When `given_up` is set, it waits for a turn no longer.
        """
        self._local.line, self._local.given_up = (before, after), given_up
        try:
            yield
        finally:
            self._local.line, self._local.given_up = (None, None), None
            after.set()

    def _wait_for_turn(self, identity: str, resource: str) -> tuple[Lease, Turn]:
        self._slow_down(resource)
        lease = self._account.lease()
        if self._looked_at == -math.inf:
            self._take_back(at_once=True)
        began = self._clock.now()
        said = False
        turn: Turn | None = None
        while True:
            now, spread = self._server.bounds()
            verdict = self._account.ask(
                _hashed(identity),
                resource,
                lease,
                limits=self.limits,
                priority=self.policy.priority,
                now=now,
                spread=spread,
                before=turn,
            )
            if not isinstance(verdict, Refusal):
                turn = verdict
                if not self._server.is_late(now, spread):
                    break
                continue
            wait = verdict.until - now
            patient = self.policy.is_patient(verdict.why, wait, self._clock.now() - began)
            if self._take_back(at_once=not patient):
                continue
            if not patient:
                raise self.spent(resource, verdict.why, f"after {moment_text(verdict.until)}")
            if wait > 5 and not said:  # noqa: PLR2004 - shorter waits are the ordinary pace
                said = True
                logger.info(
                    "Waiting %.0f s for the budget (%s), until %s.",
                    wait,
                    verdict.why,
                    moment_text(verdict.until),
                )
            self._sleep(max(wait, 0.01), resource)
        with self._lock:
            self.waited += self._clock.now() - began
        return lease, turn

    def _take_back(self, *, at_once: bool) -> int:
        """How many turns there were of processes that were killed before they used them."""
        now = self._clock.now()
        if not at_once and 0 <= now - self._looked_at < _LOOK_AGAIN:
            return 0
        self._looked_at = now
        return self._account.take_back(self._server.bounds()[0])

    def _sleep(self, seconds: float, resource: str) -> None:
        """Sleep, in steps of about half a real second, so that it can be given up."""
        given_up: threading.Event | None = getattr(self._local, "given_up", None)
        step = 0.5
        while seconds > 0:
            if given_up is not None and given_up.is_set():
                raise QuotaSpent(
                    "given up while waiting", resource=resource, resets_at="any time", limiter=""
                )
            step = min(step, seconds)
            began = time.monotonic()
            self._clock.sleep(step)
            seconds -= step
            step *= 0.5 / max(time.monotonic() - began, 0.001)  # the clock may run faster

    def spent(self, resource: str, limiter: str, resets_at: str) -> QuotaSpent:
        """The error that ends a run as its policy wants it."""
        return self.policy.spent(resource, limiter, resets_at)

    # What answers teach

    def told(self, limit: Limit, identity: str) -> None:
        """Obey a 429: nothing of that limiter leaves before it opens, in any process."""
        now, _ = self._server.bounds()
        opens_at = self.server_now() + limit.wait
        if "duplicate" in limit.limiter.lower():
            self._account.hold(_hashed(identity), opens_at, now)
        else:
            self._account.shut(limit.limiter, self.limits, opens_at, now)

    def refused(self) -> None:
        """A record was rejected: many in a row slow the pace, as Precoro blocks for them."""
        with self._lock:
            self._refusals += 1
            if self._refusals == _MANY_REFUSALS:
                logger.warning(
                    "Precoro rejected %d requests in a row: slowing down, as it blocks addresses "
                    "for repeated errors.",
                    _MANY_REFUSALS,
                )

    def accepted(self) -> None:
        """A request succeeded: the pace is as before."""
        self._refusals = 0

    def jitter(self, resource: str) -> None:
        """A short pause before a request is tried again, so that processes do not do so as one."""
        self._sleep(random.uniform(0.0, _JITTER), resource)  # noqa: S311 - not for secrets

    def _slow_down(self, resource: str) -> None:
        over = self._refusals - _MANY_REFUSALS
        if over >= 0:
            self._sleep(min(2.0**over, _LONGEST_SLOWDOWN), resource)

    def remember(self, what: str, value: Any, seconds: float) -> None:
        """Keep an answer beside the budget, so that the next process need not ask again."""
        self._account.remember(what, value, self._clock.now(), seconds)

    def recall(self, what: str) -> Any:
        """What was kept under that name, or None once its time is over."""
        return self._account.recall(what, self._clock.now())

    def report(self) -> dict[str, Any]:
        """What is used and left of each window and when it ends, and who used the day.

        As `report_of` has it, once turns are taken back from processes that were killed.
        """
        self._take_back(at_once=True)
        now = self.server_now()
        return report_of(self._account.book(), self.limits, self._account.use(now), now)

    def close(self) -> None:
        """Let go of the ledger."""
        self._account.close(self._server.bounds()[0])


def _hashed(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
