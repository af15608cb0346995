"""The one place where requests wait: for their turn in the budget that a token has."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import random
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.clock import moment_text
from precoro_api.errors import QuotaSpent
from precoro_api.quota.ledger import MemoryLedger
from precoro_api.quota.windows import (
    LENGTHS,
    Book,
    Grant,
    Limits,
    Refusal,
    Window,
    decide,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.limits import Limit
    from precoro_api.quota.ledger import Change, Ledger

__all__ = ["Policy", "Quota", "token_digest"]

logger = logging.getLogger(__name__)

_DAY = 86400.0
_ORDINARY = frozenset({"minute", "identical", "priority"})
"""Waits for these are the pace itself, however long they are."""
_PACE = 75.0
"""So are shorter waits than this one; longer ones mean that a budget is spent."""
_MANY_REFUSALS = 5
_LONGEST_SLOWDOWN = 32.0
_JITTER = 2.0
_TEMPORARY_FAILURE = 75
"""The exit code that tells a scheduler to try later (EX_TEMPFAIL)."""
_HOLD_UP = 0.25
"""Seconds that a busy machine may hold a request up on its way."""
_UNSURE = 2.0
"""How wrong this machine's clock may be, in seconds, until the server's is known."""


def token_digest(token: str) -> str:
    """A name for a token that does not give it away."""
    return hmac.new(b"precoro-quota", token.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class Policy:
    """What to do when a budget is spent, and how much of it this run may use.

    `when_spent` is `stop`, `fail` or `wait`, the last up to `max_wait` seconds. Processes of higher
    `priority` go first.
    """

    when_spent: str = "stop"
    max_wait: float = 3600.0
    max_requests: int | None = None
    priority: int = 0


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
        self._ledger = ledger or MemoryLedger()
        self.limits = limits or Limits()
        self.policy = policy or Policy()
        self._name = name
        self._process = process
        self._who = f"{process}:{os.getpid()}:{random.getrandbits(32):x}"
        self._lock = threading.Lock()
        self._local = threading.local()
        self._offset: tuple[float, float] | None = None
        self._latencies: deque[float] = deque(maxlen=200)
        self._refusals = 0
        self.sent = 0
        self.waited = 0.0

    # Time, as the server has it

    def server_now(self) -> float:
        """The server's clock, in seconds since the epoch, as far as it is known."""
        low, high = self._offset or (0.0, 0.0)
        return self._clock.now() + (low + high) / 2

    def _bounds(self) -> tuple[float, float]:
        """The earliest moment that it may be on the server, and how much later it may arrive."""
        local = self._clock.now()
        low, high = self._offset or (-_UNSURE, _UNSURE)
        travel = max(self._latencies, default=0.5) + _HOLD_UP
        return local + low, (high - low) + travel

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

    # Asking for a turn

    def acquire(self, identity: str, resource: str) -> float:
        """Return when the request may leave, and count it; the moment, by the local clock.

        Raises QuotaSpent where the wait is longer than the policy allows.
        """
        before, after = getattr(self._local, "line", (None, None))
        self._local.line = (None, None)  # a second turn, for a retry, stands in no line
        if before is not None:
            before.wait()
        try:
            self._count_own(resource)
            try:
                return self._wait_for_turn(identity, resource)
            except BaseException:
                self._count_own(resource, -1)
                raise
        finally:
            if after is not None:
                after.set()

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

    def _wait_for_turn(self, identity: str, resource: str) -> float:
        self._slow_down(resource)
        hashed = hashlib.sha256(identity.encode()).hexdigest()[:32]
        began = self._clock.now()
        said = False
        counted: tuple[float, float] | None = None
        while True:
            verdict, now, spread = self._ask(hashed, resource, counted)
            if isinstance(verdict, Grant):
                if not self._held_up(now, spread):
                    break
                counted = (now, now + spread)
                continue
            wait = verdict.until - now
            self._check_patience(verdict, wait, self._clock.now() - began, resource)
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
        return self._clock.now()

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

    def _held_up(self, asked: float, spread: float) -> bool:
        """Whether this process was held up so long that its request may now come a minute later.

        Then it must ask again, for the window in which it will arrive.
        """
        low, _ = self._bounds()
        minute = LENGTHS["minute"]
        return (low + spread) // minute != (asked + spread) // minute

    def _ask(
        self, identity: str, resource: str, counted: tuple[float, float] | None
    ) -> tuple[Grant | Refusal, float, float]:
        """The verdict, the moment on the server that it was given for, and how unsure that is."""
        low, spread = self._bounds()
        day = f"{self._name}:use:{int(low // _DAY)}"
        book_key, identity_key = f"{self._name}:book", f"{self._name}:id:{identity}"

        def work(stored: Mapping[str, Any]) -> tuple[Change, Grant | Refusal]:
            book = Book.from_json(stored[book_key])
            identical = stored[identity_key] or []
            verdict = decide(
                book,
                self.limits,
                now=low,
                spread=spread,
                identical=identical[:-1] if counted else identical,
                who=self._who,
                priority=self.policy.priority,
                counted=counted,
            )
            changes: dict[str, tuple[Any, float]] = {}
            if verdict.book != book:
                changes[book_key] = (verdict.book.to_json(), low + 2 * _DAY)
            if isinstance(verdict, Grant):
                changes[identity_key] = (list(verdict.identical), low + 3700.0)
                use = dict(stored[day] or {})
                label = f"{self._process}/{resource}"
                use[label] = use.get(label, 0) + (counted is None)
                changes[day] = (use, low + 2 * _DAY)
            return changes, verdict

        return self._ledger.transact((book_key, identity_key, day), work, low), low, spread

    def _check_patience(self, verdict: Refusal, wait: float, waited: float, resource: str) -> None:
        if wait <= _PACE or verdict.why in _ORDINARY:
            return
        if self.policy.when_spent == "wait" and waited + wait <= self.policy.max_wait:
            return
        raise self.spent(resource, verdict.why, f"after {moment_text(verdict.until)}")

    def spent(self, resource: str, limiter: str, resets_at: str) -> QuotaSpent:
        """The error that ends a run as its policy wants it."""
        return QuotaSpent(
            f"the budget of this token is spent ({limiter})",
            resource=resource,
            resets_at=resets_at,
            limiter=limiter,
            exit_code=0 if self.policy.when_spent == "stop" else _TEMPORARY_FAILURE,
        )

    # What answers teach

    def told(self, limit: Limit, identity: str) -> None:
        """Obey a 429: nothing of that limiter leaves before it opens, in any process."""
        low, _ = self._bounds()
        opens_at = self.server_now() + limit.wait
        key = f"{self._name}:book"
        if "duplicate" in limit.limiter.lower():
            self._hold(identity, opens_at, low)
            return

        def work(stored: Mapping[str, Any]) -> tuple[Change, None]:
            book = tell(
                Book.from_json(stored[key]),
                self.limits,
                limiter=limit.limiter,
                opens_at=opens_at,
                now=low,
            )
            return {key: (book.to_json(), max(low, opens_at) + 2 * _DAY)}, None

        self._ledger.transact((key,), work, low)

    def _hold(self, identity: str, opens_at: float, now: float) -> None:
        """Let the identical request wait until then, and no other."""
        hashed = hashlib.sha256(identity.encode()).hexdigest()[:32]
        key = f"{self._name}:id:{hashed}"

        def work(stored: Mapping[str, Any]) -> tuple[Change, None]:
            moments = [moment for moment in stored[key] or () if moment < opens_at - 60.5]
            return {key: ([*moments, opens_at - 60.5], opens_at + 3700.0)}, None

        self._ledger.transact((key,), work, now)

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
        now = self._clock.now()
        key = f"{self._name}:{what}"
        expires = now + seconds
        self._ledger.transact(
            (key,), lambda _: ({key: ({"until": expires, "value": value}, expires)}, None), now
        )

    def recall(self, what: str) -> Any:
        """What was kept under that name, or None once its time is over."""
        kept = self._ledger.keys(f"{self._name}:{what}").get(f"{self._name}:{what}")
        return kept["value"] if kept and kept["until"] > self._clock.now() else None

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    # Looking at it

    def report(self) -> dict[str, Any]:
        """What is used and left of each window and when it ends, and who used the day.

        `windows` by kind: limit, used, left, resets_at; `blocked` limiters by the moment when they
        open; `use` of the day by process and resource. Moments are epoch seconds.
        """
        now = self.server_now()
        stored = self._ledger.keys(f"{self._name}:book")
        book = Book.from_json(next(iter(stored.values()), None))
        windows = {}
        for kind, length in LENGTHS.items():
            window = book.windows.get(kind, Window()).at(now, length)
            limit = self.limits.of(kind)
            windows[kind] = {
                "limit": limit,
                "used": window.used,
                "left": None if limit is None else max(0, limit - window.used),
                "resets_at": window.start + length,
            }
        day = self._ledger.keys(f"{self._name}:use:{int(now // _DAY)}")
        return {
            "windows": windows,
            "blocked": {name: until for name, until in book.blocks.items() if until > now},
            "use": dict(next(iter(day.values()), {})),
        }
