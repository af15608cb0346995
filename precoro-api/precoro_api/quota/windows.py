"""The rules of the budget, pure: may a request leave now, and if not, when.

The API counts in fixed windows of a minute, an hour and a day, and gives identical requests one a
minute and thirty an hour. All moments here are the server's, in seconds since the epoch. As neither
the server's clock nor the time that a request travels is known exactly, a request that leaves just
before a window ends is counted in both windows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "IDENTICAL_PAUSE",
    "LENGTHS",
    "Book",
    "Counted",
    "Grant",
    "Limits",
    "Refusal",
    "Window",
    "count",
    "decide",
    "refund",
    "tell",
]

LENGTHS: dict[str, float] = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
_BACKWARDS = 120.0
"""A clock this far behind the book was set back; the book's windows are then of no use."""
IDENTICAL_PAUSE = 60.5
"""Seconds between the latest arrival of a request and the earliest of the identical next one."""

Counted = Mapping[str, Sequence[float]]
"""Where one request is counted: the starts of windows by kind, of the next one too if it may be.

Times would not do: a clock that is a little behind counts in a window that has not begun by it.
"""


@dataclass(frozen=True)
class Limits:
    """Requests a window; None for no limit. `reserve_percent` of each is left to others."""

    minute: int | None = 60
    hour: int | None = 1500
    day: int | None = 3000
    identical_minute: int | None = 1
    identical_hour: int | None = 30
    reserve_percent: int = 0

    def of(self, kind: str) -> int | None:
        """What may be used of a window of that kind, at least one request."""
        limit: int | None = getattr(self, kind)
        if limit is None:
            return None
        return max(1, math.floor(limit * (100 - self.reserve_percent) / 100))


@dataclass(frozen=True)
class Window:
    """One running window: its start, what is used, and what counts in the next one already."""

    start: float = -math.inf
    used: int = 0
    carried: int = 0
    anchor: float = 0.0

    def at(self, now: float, length: float) -> Window:
        """The window that runs at that moment."""
        start = self.anchor + math.floor((now - self.anchor) / length) * length
        if start == self.start:
            return self
        if start < self.start and self.start - now < _BACKWARDS:
            return self  # a clock that is a little behind: the book knows better
        used = self.carried if start == self.start + length else 0
        return Window(start, used, 0, self.anchor)


@dataclass(frozen=True)
class Book:
    """All that is counted for one token, except the identities of requests.

    `blocks` holds moments before which a limiter lets nothing pass, `waiting` the processes that
    wait: their priority, and the moment when they are taken for dead.
    """

    windows: dict[str, Window] = field(default_factory=dict)
    blocks: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, stored: Any) -> Book:
        """The book as `to_json` wrote it; an empty one for None."""
        stored = stored or {}
        return cls(
            {kind: Window(*values) for kind, values in stored.get("windows", {}).items()},
            dict(stored.get("blocks", {})),
            {who: (int(p), float(until)) for who, (p, until) in stored.get("waiting", {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        return {
            "windows": {
                kind: [w.start, w.used, w.carried, w.anchor] for kind, w in self.windows.items()
            },
            "blocks": self.blocks,
            "waiting": {who: list(values) for who, values in self.waiting.items()},
        }


@dataclass(frozen=True)
class Grant:
    """The request may leave; the book with it counted, where, and the moments of its identity."""

    book: Book
    identical: tuple[float, ...]
    counted: Counted


@dataclass(frozen=True)
class Refusal:
    """The request must wait until that moment; `why` names the limit: `minute`, `identical`, …."""

    until: float
    why: str
    book: Book


_YIELD = 0.2
"""Seconds after which a process looks again when another one, more important, waits."""


def decide(
    book: Book,
    limits: Limits,
    *,
    now: float,
    spread: float,
    identical: Sequence[float] = (),
    who: str = "",
    priority: int = 0,
    counted: Counted | None = None,
) -> Grant | Refusal:
    """Count a request that leaves now, or say how long it must wait.

    It arrives within `spread` seconds; `identical` holds when the same one did in the last hour.
    A process of lower `priority` lets those of higher priority go first when budget is short.
    `counted` is where this very request was counted before, if it was held up: there it does not
    count again.
    """
    counted = counted or {}
    windows = {kind: book.windows.get(kind, Window()).at(now, LENGTHS[kind]) for kind in LENGTHS}
    waiting = {w: v for w, v in book.waiting.items() if v[1] > now and w != who}
    blocks = {limiter: until for limiter, until in book.blocks.items() if until > now}
    book = Book(windows, blocks, waiting)
    recent = tuple(moment for moment in identical if moment > now - LENGTHS["hour"])
    until, why = _latest(_obstacles(book, limits, now, spread, recent, counted))
    if until <= now and any(other > priority for other, _ in waiting.values()):
        until, why = now + _YIELD, "priority"
    if until > now:
        if who and why != "priority":
            waiting = {**waiting, who: (priority, until + 2.0)}
        return Refusal(until, why, replace(book, waiting=waiting))
    book, where = count(book, now=now, spread=spread, counted=counted)
    return Grant(book, (*recent, now + spread), where)


def count(
    book: Book, *, now: float, spread: float, counted: Counted | None = None
) -> tuple[Book, Counted]:
    """The book with a request that leaves now and arrives within `spread` seconds; and where.

    It does not count again in windows where it is `counted`.
    """
    after, where = {}, {}
    for kind, length in LENGTHS.items():
        window = book.windows.get(kind, Window()).at(now, length)
        known, end = (counted or {}).get(kind, ()), window.start + length
        starts = (window.start, end) if now + spread >= end else (window.start,)
        new = [start for start in starts if start not in known]
        where[kind] = [*known, *new]
        used, carried = window.used + (window.start in new), window.carried + (end in new)
        after[kind] = Window(window.start, used, carried, window.anchor)
    return replace(book, windows=after), where


def refund(book: Book, counted: Counted) -> Book:
    """The book without a request that is counted there and never left."""
    windows = {}
    for kind, window in book.windows.items():
        starts, end = counted.get(kind, ()), window.start + LENGTHS[kind]
        used = max(0, window.used - (window.start in starts))
        carried = max(0, window.carried - (end in starts))
        windows[kind] = Window(window.start, used, carried, window.anchor)
    return replace(book, windows=windows)


def _obstacles(
    book: Book,
    limits: Limits,
    now: float,
    spread: float,
    identical: tuple[float, ...],
    counted: Counted,
) -> list[tuple[float, str]]:
    found = [(until, limiter) for limiter, until in book.blocks.items()]
    for kind, window in book.windows.items():
        limit = limits.of(kind)
        if limit is None:
            continue
        known, end = counted.get(kind, ()), window.start + LENGTHS[kind]
        late = now + spread >= end and window.carried >= limit and end not in known
        if (window.used >= limit and window.start not in known) or late:
            found.append((end, kind))
    if limits.identical_minute is not None and identical:
        nth = identical[-limits.identical_minute :]
        if len(nth) == limits.identical_minute:
            found.append((nth[0] + IDENTICAL_PAUSE, "identical"))
    if limits.identical_hour is not None and len(identical) >= limits.identical_hour:
        first = identical[-limits.identical_hour]
        found.append((first + LENGTHS["hour"] + 1.0, "identical in an hour"))
    return found


def _latest(obstacles: list[tuple[float, str]]) -> tuple[float, str]:
    return max(obstacles, default=(-math.inf, ""))


def tell(book: Book, limits: Limits, *, limiter: str, opens_at: float, now: float) -> Book:
    """The book corrected by a 429: that limiter is shut until then, and a window begins there."""
    kind = next((k for k, sign in _SIGNS.items() if sign in limiter.lower()), None)
    limit = limits.of(kind) if kind else None
    windows = dict(book.windows)
    if kind is not None:
        length = LENGTHS[kind]
        aligned = abs(opens_at - round(opens_at / length) * length) <= _ALIGNED
        anchor = 0.0 if aligned else opens_at % length
        start = (round(opens_at / length) * length if aligned else opens_at) - length
        if start <= now:
            running = windows.get(kind, Window())
            carried = running.carried if running.start == start else 0
            windows[kind] = Window(start, limit or 0, carried, anchor)
    blocks = {**book.blocks, limiter.lower(): max(opens_at, book.blocks.get(limiter.lower(), 0.0))}
    return replace(book, windows=windows, blocks=blocks)


_SIGNS = {"minute": "minute", "hour": "hour", "day": "dai"}
_ALIGNED = 2.5
"""How far a told moment may lie from a round one and still mean it."""
