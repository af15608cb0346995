"""The campaigns, by name, and the controls that show that their verdict can be bad."""

from __future__ import annotations

import logging
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING

from proof import disk, into, machine, out_of, outages, pipelines
from proof.story import FAULTS, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CAMPAIGNS", "CONTROLS", "Control", "campaign", "caught"]

_MELTANO: dict[str, Callable[[int], Story]] = {
    "`meltano run` of another tap and the target, killed": pipelines.meltano_run,
    "`meltano run` of the tap and a loader, killed": pipelines.meltano_tap,
}
"""Their stories share the project's folder, which Meltano writes to: one at a time."""

_SHOWS_LATE = partial(out_of.tell, speed=10, limits=False, pace=0.8, late=0.3)

_KILLED: dict[str, Callable[[int], Story]] = {
    "target, killed after requests": partial(into.tell, kills="requests"),
    "target, killed at moments": partial(into.tell, kills="moments"),
    "target, killed, on a bad way": partial(into.tell, kills="requests", faults=FAULTS),
    "target, killed, a source that changes": partial(into.tell, kills="requests", changing=5),
    "two targets at once, killed, on a bad way": partial(
        into.tell, kills="requests", faults=FAULTS, at_once=2
    ),
    "tap, killed after requests": partial(out_of.tell, kills="requests"),
    "tap, killed at moments, newest first": partial(out_of.tell, kills="moments", order="newest"),
    "tap, killed, on a bad way": partial(out_of.tell, kills="requests", faults=FAULTS),
    "server, killed": outages.server_killed,
    **_MELTANO,
    "plain pipe, tap or target or both killed": pipelines.plain_pipe,
}
_IN_TURN: dict[str, Callable[[int], Story]] = {
    "target, killed at each request in turn": into.at_boundary,
    "tap, killed at each request in turn": out_of.at_boundary,
    "server, killed at each request in turn": outages.server_at_boundary,
    "plain pipe, both killed at each request in turn": pipelines.pipe_at_boundary,
}
"""One story a boundary, until there is none left to be killed at."""
_NOT_KILLED: dict[str, Callable[[int], Story]] = {
    "target, a budget that others use up": into.with_others,
    "tap, a budget that others use up": out_of.with_others,
    "target, on a bad way": partial(into.tell, faults=FAULTS),
    "two targets at once": partial(into.tell, at_once=2),
    "tap, a company that changes": partial(out_of.tell, pace=0.8),
    "tap, changes that show late": _SHOWS_LATE,
    "server that stalls": outages.stalls,
    "host that nobody knows": outages.unknown_host,
    "disk full, or not to be written": disk.one_of_all,
    "any story (state machine)": machine.play,
}
CAMPAIGNS = {**_KILLED, **_IN_TURN, **_NOT_KILLED}


@dataclass(frozen=True)
class Control:
    """What is told with a deliberate bug, and what the bug must make wrong there."""

    tell: Callable[..., Story]
    wrong: tuple[str, ...]

    def notices(self, story: Story) -> bool:
        """Whether just that was found: all of it, and no crash, which would show nothing."""
        return not story.notes and all(story.verdict.sum_of(name) for name in self.wrong)


CONTROLS: dict[str, Control] = {
    "journal off": Control(partial(into.tell, kills="requests", most_runs=12), ("doubled",)),
    "retry of POST": Control(partial(into.tell, faults=("lost",), most_runs=8), ("doubled",)),
    "payment not recognised": Control(
        partial(into.tell, kills="requests", most_runs=12), ("paid_twice",)
    ),
    "creation forgotten": Control(
        partial(into.tell, kills="requests", changing=5, most_runs=40), ("doubled",)
    ),
    "state before its records": Control(
        partial(into.tell, kills="requests", most_runs=30), ("state_ahead",)
    ),
    "bookmark too early": Control(partial(out_of.tell, kills="requests"), ("lost",)),
    "no overlap": Control(_SHOWS_LATE, ("lost", "stale")),
    "429 not heeded": Control(partial(out_of.tell, shape="body", troubled=4), ("over_limit",)),
}
"""Without its bug, each of these stories must be clean."""
_MOST_TRIES = 6


def campaign(name: str, *, seed: int, stories: int, kills: int = 0) -> Iterator[Story]:
    """At least so many stories, side by side, and more until so many processes were killed.

    Each has a process of its own: what holds one up would delay what another one's server hears.
    Where each boundary has its turn, their number is that of the boundaries.
    """
    tell, reached, in_turn = CAMPAIGNS[name], 0, name in _IN_TURN
    seeds = count(1 if in_turn else seed)
    at_once = 1 if name in _MELTANO else max(1, os.cpu_count() or 1)
    with ProcessPoolExecutor(
        at_once, multiprocessing.get_context("forkserver"), logging.disable, (logging.CRITICAL,)
    ) as pool:
        while in_turn or stories > 0 or reached < kills:
            portion = min(at_once, stories) if stories > 0 and not in_turn else at_once
            for story in pool.map(tell, islice(seeds, portion)):
                reached += story.kills
                stories -= 1
                in_turn = in_turn and story.kills > 0
                yield story


def caught(bug: str, *, seed: int) -> tuple[int, Story]:
    """After how many stories a deliberate bug was noticed, and that story; 0 if it never was."""
    story = Story()
    for tried in range(1, _MOST_TRIES + 1):
        story = CONTROLS[bug].tell(seed + tried, bug=bug)
        if CONTROLS[bug].notices(story):
            return tried, story
    return 0, story
