"""Requests that Precoro's limits refused, and that no machine which held them up excuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from precoro_sandbox.app import Served

__all__ = ["over_limit"]

_LATE = 0.05
"""Real seconds for which a busy machine may hold up a request that left in time."""
_MINUTE = 60


def over_limit(served: Iterable[Served], speed: float) -> int:
    """How many a limit refused as one too many in their minute, or as the same again too soon.

    The limit's own word counts: an answer 429 that is a fault, made up, is no refusal.

    The sandbox's clock runs with `speed`, so that what is held up for milliseconds seems to be late
    by seconds: it may belong to the minute before, or to as much earlier.
    """
    late, found = _LATE * speed, 0
    arrived: list[float] = []
    accepted: dict[tuple[str, ...], float] = {}
    for each in sorted(served, key=lambda each: each.at):
        what = (each.method, each.path, each.query, each.body)
        if each.limiter:
            begins = each.at // _MINUTE * _MINUTE + late
            again = each.at - accepted.get(what, 0.0) < _MINUTE - late
            found += again or sum(at >= begins for at in arrived) >= _MINUTE
        else:
            accepted[what] = each.at
        arrived.append(each.at)
    return found
