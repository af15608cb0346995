"""Deliberate bugs, each of which a campaign has to notice: the control of its verdict."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from precoro_api import TryLater
from precoro_api.message import Message
from precoro_api.quota import Quota
from tap_precoro.resume import Memory
from tap_precoro.streams import PrecoroStream
from target_precoro.held_states import HeldStates
from target_precoro.journal import Begun, Journal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BUGS", "commit"]

_numbers = count(1)


def _journal_off() -> None:
    """The target writes nothing down before it creates."""
    patched: Any = Journal
    patched.begin = lambda _, intent, *, looked_at: Begun(next(_numbers), intent)  # noqa: ARG005
    patched.finish = lambda *_, **__: None
    patched.leave = lambda *_, **__: None
    patched.open_intents = lambda _: []


def _retry_of_post() -> None:
    """A POST whose answer is lost is sent again."""
    Message.lost = property(lambda _: TryLater)  # type: ignore[assignment,method-assign]


def _state_early() -> None:
    """The target lets a state out before its records."""

    def hold(self: HeldStates, place: int, value: Any) -> None:
        self._held.append((place, value))
        self._open.clear()
        self.release(place)

    HeldStates.hold = hold  # type: ignore[method-assign]


def _bookmark_early() -> None:
    """The tap's state says after one document that all are there."""
    took = Memory.took

    def boast(self: Memory, each: Any, *_: Any, **__: Any) -> None:
        took(self, each, None)

    Memory.took = boast  # type: ignore[method-assign]


def _no_overlap() -> None:
    """The tap reads on from behind its bookmark, not from before it."""
    # Less than two seconds would not tell: what is asked for begins a second early by itself.
    PrecoroStream.overlap = timedelta(seconds=-2)  # type: ignore[assignment,method-assign]


def _limit_unheeded() -> None:
    """What a 429 says is not written into the budget."""
    Quota.told = lambda *_: None  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "journal off": _journal_off,
    "retry of POST": _retry_of_post,
    "state before its records": _state_early,
    "bookmark too early": _bookmark_early,
    "no overlap": _no_overlap,
    "429 not heeded": _limit_unheeded,
}


def commit(bug: str) -> None:
    """Make the bug, in this process only."""
    if bug:
        BUGS[bug]()
