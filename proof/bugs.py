"""Deliberate bugs, each of which a campaign has to notice: the control of its verdict."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from precoro_api import TryLater
from precoro_api.message import Message
from precoro_api.quota import Quota
from tap_precoro.streams.resume import Memory
from tap_precoro.streams.stream import PrecoroStream
from target_precoro.engine import Engine
from target_precoro.journal.journal import Begun, Journal
from target_precoro.lookups import payments
from target_precoro.messages.held_states import HeldStates
from target_precoro.writes.lost_posts import LostPosts

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

__all__ = ["BUGS", "commit"]

_numbers = count(1)


def _patch(owner: type | ModuleType, **news: Any) -> None:
    """Put these in place of what is there: a bug in what is there no more would show nothing."""
    for name, new in news.items():
        if name not in vars(owner):
            raise AttributeError(f"{owner.__name__} has no {name} to spoil any more")
        setattr(owner, name, new)


def _journal_off() -> None:
    """The target writes nothing down before it creates."""
    _patch(
        Journal,
        begin=lambda _, intent, *, looked_at: Begun(next(_numbers), intent),  # noqa: ARG005
        finish=lambda *_, **__: None,
        leave=lambda *_, **__: None,
        open_intents=lambda _: [],
    )


def _retry_of_post() -> None:
    """A POST whose answer is lost is sent again."""
    _patch(Message, lost=property(lambda _: TryLater))


def _payment_not_recognised() -> None:
    """A payment without an external id is known neither by its facts nor by the journal."""
    _journal_off()
    made = payments._made  # noqa: SLF001 - which is what the bug is in

    def by_id_alone(wanted: Any, amount: Any, existing: Any) -> Any:
        return made(wanted, amount, [row for row in existing if row.get("externalId")])

    _patch(payments, _made=by_id_alone)


def _creation_forgotten() -> None:
    """A creation whose end is unknown is known again only while its record stays the same."""
    _patch(LostPosts, known_by=lambda *_: {})
    _patch(Engine, _as_wanted=lambda *given: given[-1])


def _state_early() -> None:
    """The target lets a state out before its records."""

    def hold(self: HeldStates, place: int, value: Any) -> None:
        self._held.append((place, value))
        self._open.clear()
        self.release(place)

    _patch(HeldStates, hold=hold)


def _bookmark_early() -> None:
    """The tap's state says after one document that all are there."""
    took = Memory.took

    def boast(self: Memory, each: Any, *_: Any, **__: Any) -> None:
        took(self, each, None)

    _patch(Memory, took=boast)


def _no_overlap() -> None:
    """The tap reads on from its bookmark, and not from some time before it."""
    _patch(PrecoroStream, overlap=timedelta())


def _limit_unheeded() -> None:
    """What a 429 says is not written into the budget."""
    _patch(Quota, told=lambda *_: None)


BUGS: dict[str, Callable[[], None]] = {
    "journal off": _journal_off,
    "retry of POST": _retry_of_post,
    "payment not recognised": _payment_not_recognised,
    "creation forgotten": _creation_forgotten,
    "state before its records": _state_early,
    "bookmark too early": _bookmark_early,
    "no overlap": _no_overlap,
    "429 not heeded": _limit_unheeded,
}


def commit(bug: str) -> None:
    """Make the bug, in this process only."""
    if bug:
        BUGS[bug]()
