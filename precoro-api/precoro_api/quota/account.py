"""What the ledger keeps for one token, and each change of it as one transaction."""

from __future__ import annotations

import os
import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from precoro_api.quota import leases
from precoro_api.quota.leases import Lease, Turn
from precoro_api.quota.ledger import LedgerError
from precoro_api.quota.windows import IDENTICAL_PAUSE, Book, Refusal, count, decide, refund, tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from precoro_api.quota.ledger import Change, Ledger
    from precoro_api.quota.windows import Limits

__all__ = ["Account"]

_DAY = 86400.0
_KEPT = 2 * _DAY
_KEPT_IDENTITY = 3700.0
"""Seconds that values are of use."""


class Account:
    """The book of one token, the identities of its requests, its use by day, and its leases.

    Moments are the server's, in seconds since the epoch; an identity is a request's hash.
    """

    def __init__(self, ledger: Ledger, name: str, process: str) -> None:
        self._ledger = ledger
        self._name = name
        self._process = process
        self._who = f"{process}:{os.getpid()}:{random.getrandbits(32):x}"
        self._folder: Path | None = ledger.folder and ledger.folder / name
        self._lock = threading.Lock()
        self._lease: Lease | None = None

    def lease(self) -> Lease:
        """The lease of this process, from its first turn on until it is closed."""
        with self._lock:
            self._lease = self._lease or Lease(self._folder)
            return self._lease

    def _key(self, *parts: object) -> str:
        return ":".join(map(str, (self._name, *parts)))

    def ask(
        self,
        identity: str,
        resource: str,
        lease: Lease,
        *,
        limits: Limits,
        priority: int,
        now: float,
        spread: float,
        before: Turn | None = None,
    ) -> Turn | Refusal:
        """Count a request that leaves now, or say how long it must wait.

        `before` is its turn as it was counted before, if it was held up.
        """
        day = before.day if before else int(now // _DAY)
        number = before.number if before else lease.number()
        label = f"{self._process}/{resource}"
        book_key, lease_key = self._key("book"), self._key("lease", lease.name)
        identity_key, use_key = self._key("id", identity), self._key("use", day)

        def work(stored: Mapping[str, Any]) -> tuple[Change, tuple[Turn | Refusal, set[int]]]:
            book = Book.from_json(stored[book_key])
            verdict = decide(
                book,
                limits,
                now=now,
                spread=spread,
                identical=[
                    m for m in stored[identity_key] or () if not before or m != before.moment
                ],
                who=self._who,
                priority=priority,
                counted=before.counted if before else None,
            )
            changes: dict[str, tuple[Any, float]] = {}
            if verdict.book != book:
                changes[book_key] = (verdict.book.to_json(), now + _KEPT)
            if isinstance(verdict, Refusal):
                return changes, (verdict, set())
            turn = Turn(number, verdict.counted, identity, verdict.identical[-1], day, label)
            changes[identity_key] = (list(verdict.identical), now + _KEPT_IDENTITY)
            if before is None:
                use = stored[use_key] or {}
                changes[use_key] = ({**use, label: use.get(label, 0) + 1}, now + _KEPT)
            used: set[int] = set()
            if lease.name:
                held, used = lease.held(stored[lease_key], turn)
                changes[lease_key] = (held, now + _KEPT)
            return changes, (turn, used)

        keys = [book_key, identity_key, use_key, *([lease_key] if lease.name else [])]
        verdict, used = self._ledger.transact(keys, work, now)
        lease.settle(used)
        return verdict

    def recount(self, turn: Turn, *, now: float, spread: float) -> None:
        """Count a turn that was used where it belongs: it left at that moment."""
        book_key, identity_key, before_key = self._keys_of(turn)
        use_key = self._key("use", int(now // _DAY))

        def work(stored: Mapping[str, Any]) -> tuple[Change, None]:
            changes = dict(self._undone(stored, turn, now))
            kept = {**stored, **{key: value for key, (value, _) in changes.items()}}
            book, _ = count(Book.from_json(kept[book_key]), now=now, spread=spread)
            moments, use = kept[identity_key], kept[use_key] or {}
            changes[book_key] = (book.to_json(), now + _KEPT)
            changes[identity_key] = ([*moments, now + spread], now + _KEPT_IDENTITY)
            changes[use_key] = ({**use, turn.label: use.get(turn.label, 0) + 1}, now + _KEPT)
            return changes, None

        self._ledger.transact(tuple({book_key, identity_key, before_key, use_key}), work, now)

    def take_back(self, now: float) -> int:
        """Undo the turns of processes that ended before they used them; how many there were."""
        folder, own = self._folder, self._lease.name if self._lease else ""
        if folder is None:
            return 0
        return sum(self._settle(folder, name, now) for name in leases.gone(folder, own))

    def _settle(self, folder: Path, name: str, now: float) -> int:
        """End the lease of a process that uses no turn any more, and take its files away."""
        used = leases.used_by(folder, name)
        if used is None:  # someone else was faster
            return 0
        key = self._key("lease", name)
        held = self._ledger.transact((key,), lambda stored: ({}, stored[key]), now)
        unused = [turn for turn in (Turn(*each) for each in held or ()) if turn.number not in used]
        keys = {key} | {each for turn in unused for each in self._keys_of(turn)}

        def work(stored: Mapping[str, Any]) -> tuple[Change, bool]:
            if stored[key] != held:  # someone else was faster, or it was still on its way here
                return {}, False
            changes: dict[str, tuple[Any, float]] = {}
            for turn in unused:
                changes |= self._undone(
                    {**stored, **{k: v for k, (v, _) in changes.items()}}, turn, now
                )
            # Even where nothing was held: what a killed process still has on its way to a Redis
            # depends on this key, and comes to nothing.
            return {**changes, key: (None, now)}, True

        if not self._ledger.transact(tuple(keys), work, now):
            return 0
        leases.bury(folder, name)
        return len(unused)

    def _keys_of(self, turn: Turn) -> tuple[str, str, str]:
        return self._key("book"), self._key("id", turn.identity), self._key("use", turn.day)

    def _undone(self, stored: Mapping[str, Any], turn: Turn, now: float) -> Change:
        """Everything as it was before that turn was counted."""
        book_key, identity_key, use_key = self._keys_of(turn)
        book = refund(Book.from_json(stored[book_key]), turn.counted)
        moments = [moment for moment in stored[identity_key] or () if moment != turn.moment]
        use = dict(stored[use_key] or {})
        use[turn.label] = use.get(turn.label, 0) - 1
        return {
            book_key: (book.to_json(), now + _KEPT),
            identity_key: (moments, now + _KEPT_IDENTITY),
            use_key: ({label: many for label, many in use.items() if many > 0}, now + _KEPT),
        }

    def close(self, now: float) -> None:
        """Give back turns that were granted and given up; let go of the ledger."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None and self._folder is not None:
            lease.close()
            with suppress(LedgerError):  # then it is for others, as if this process were killed
                self._settle(self._folder, lease.name, now)
            lease.leave()
        self._ledger.close()

    # What a 429 says

    def shut(self, limiter: str, limits: Limits, opens_at: float, now: float) -> None:
        """Let nothing of that limiter leave before it opens."""
        key = self._key("book")

        def work(stored: Mapping[str, Any]) -> tuple[Change, None]:
            book = tell(
                Book.from_json(stored[key]), limits, limiter=limiter, opens_at=opens_at, now=now
            )
            return {key: (book.to_json(), max(now, opens_at) + _KEPT)}, None

        self._ledger.transact((key,), work, now)

    def hold(self, identity: str, opens_at: float, now: float) -> None:
        """Let the identical request wait until then, and no other."""
        key, as_if_at = self._key("id", identity), opens_at - IDENTICAL_PAUSE

        def work(stored: Mapping[str, Any]) -> tuple[Change, None]:
            moments = [moment for moment in stored[key] or () if moment < as_if_at]
            return {key: ([*moments, as_if_at], opens_at + _KEPT_IDENTITY)}, None

        self._ledger.transact((key,), work, now)

    # What is kept beside

    def remember(self, what: str, value: Any, now: float, seconds: float) -> None:
        """Keep a value under that name for so long."""
        key, until = self._key(what), now + seconds
        change = {key: ({"until": until, "value": value}, until)}
        self._ledger.transact((key,), lambda _: (change, None), now)

    def recall(self, what: str, now: float) -> Any:
        """What was kept under that name, or None once its time is over."""
        kept = self._found(what)
        return kept["value"] if kept and kept["until"] > now else None

    def book(self) -> Book:
        """All windows and blocks."""
        return Book.from_json(self._found("book"))

    def use(self, now: float) -> dict[str, int]:
        """Turns of that day by `process/resource`."""
        return self._found("use", int(now // _DAY)) or {}

    def _found(self, *parts: object) -> Any:
        key = self._key(*parts)
        return self._ledger.keys(key).get(key)
