"""Plans of several dry runs as one: each brings its streams anew, those of others stay. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from target_precoro.records.routes import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = ["kept_steps", "merged_steps"]

Saved = dict[str, Any]

_SYMBOL = {"new", "resource", "key", "external_id"}
_RANKS = {name: rank for rank, name in enumerate(ACCEPTED)}
_NO_STEP = 0


def kept_steps(
    before: Sequence[Saved], steps: Sequence[Saved], streams: Collection[str]
) -> list[Saved]:
    """What stays of an older plan: steps of other streams, and of records not planned anew."""
    anew = {(step["stream"], step["key"]) for step in steps}
    return [
        step
        for step in before
        if step["stream"] not in streams and (step["stream"], step["key"]) not in anew
    ]


def merged_steps(kept: Sequence[Saved], steps: Sequence[Saved]) -> list[Saved]:
    """The steps of both, numbered anew; of whichever, what is referred to comes first.

    A kept reference to a step that did not stay leads to the newer step that creates the same
    record, else to none, so that the record is looked for.
    """
    both = [(True, step) for step in kept] + [(False, step) for step in steps]
    both.sort(key=lambda each: _RANKS.get(each[1]["resource"], len(_RANKS)))
    number_of = {(old, step["step"]): n for n, (old, step) in enumerate(both, start=1)}
    creating = {
        (step["resource"], step["key"]): number_of[False, step["step"]]
        for step in steps
        if step["action"] == "create"
    }

    def leading(old: bool, symbol: Saved) -> int:  # noqa: FBT001 - of which plan it is
        known = number_of.get((old, symbol["new"]))
        return known or creating.get((symbol["resource"], symbol["key"]), _NO_STEP)

    return [
        {**_led(step, partial(leading, old)), "step": n}
        for n, (old, step) in enumerate(both, start=1)
    ]


def _led(value: Any, leading: Callable[[Saved], int]) -> Any:
    """A step, or a part of it, whose references lead to other numbers."""
    if isinstance(value, list):
        return [_led(item, leading) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == _SYMBOL:
        return {**value, "new": leading(value)}
    return {name: _led(item, leading) for name, item in value.items()}
