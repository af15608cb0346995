"""A short form of `make proof`: nothing is doubled, lost or stale, and the controls are noticed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from precoro_sandbox.app import Served

from proof import disk, into, machine, out_of, outages
from proof.bugs import BUGS
from proof.campaigns import CONTROLS, caught
from proof.over_limit import over_limit
from proof.story import FAULTS

pytestmark = pytest.mark.whole

STORIES = {
    "target, killed": partial(into.tell, 1, kills="requests"),
    "target, killed, on a bad way": partial(into.tell, 2, kills="moments", faults=FAULTS),
    "two targets at once": partial(into.tell, 3, kills="requests", at_once=2),
    "tap, killed": partial(out_of.tell, 4, kills="requests"),
    "tap, on a bad way": partial(out_of.tell, 5, faults=FAULTS, order="newest", pace=0.8),
    "server, killed": partial(outages.server_killed, 6, many=6),
    "target, a budget that others use up": partial(into.tell, 1, many=4, shape="body"),
    "tap, a budget that others use up": partial(out_of.with_others, 1),
    "server that stalls": partial(outages.stalls, 7),
    "state machine": partial(machine.play, 3, derandomize=True),
}
BOUNDARIES = {
    "target": (into.at_boundary, (1, 2, 13, 14, 27, 28, 49, 50)),
    "tap": (out_of.at_boundary, (3, 4, 25, 26, 91, 92)),
    "server": (outages.server_at_boundary, (7, 30)),
}
DISK = [case for case in disk.CASES if "full disk" in case[0]]


@pytest.mark.parametrize("name", STORIES)
def test_nothing_goes_wrong(name):
    story = STORIES[name]()
    assert story.is_clean, story
    assert story.runs > 1 or story.faults > 1, "no trouble was met"


@pytest.mark.parametrize(
    ("tell", "number"),
    [(tell, number) for tell, numbers in BOUNDARIES.values() for number in numbers],
    ids=[f"{name} {number}" for name, (_, numbers) in BOUNDARIES.items() for number in numbers],
)
def test_a_kill_at_a_boundary_costs_nothing(tell, number):
    story = tell(number)
    assert story.is_clean, story
    assert story.kills == 1


@pytest.mark.parametrize("case", DISK, ids=[case[0] for case in DISK])
def test_a_full_disk_loses_nothing(case):
    story = disk.tell(case)
    assert story.is_clean, story


@pytest.mark.parametrize("bug", BUGS)
def test_a_deliberate_bug_is_noticed(bug):
    tried, story = caught(bug, seed=1)
    assert tried, f"{bug} was not noticed"
    assert not story.is_clean


@pytest.mark.parametrize(
    ("moments", "found"),
    [
        # The speed is 200: 50 ms are ten seconds.
        ([(0, 200), (30, 429)], 1),
        ([(0, 200), (49, 429)], 1),
        ([(0, 200), (51, 429)], 0),
        ([(0, 200), (61, 200)], 0),
    ],
)
def test_the_same_request_too_soon_is_over_the_limit(moments, found):
    served = [Served("GET", "/taxes", "", "", status, 6e8 + at) for at, status in moments]
    assert over_limit(served, 200) == found


@pytest.mark.parametrize(("first", "found"), [(11, 1), (5, 0)])
def test_more_than_sixty_in_a_minute_are_over_the_limit(first, found):
    moments = [first, *(20 + n / 2 for n in range(60))]
    served = [Served("GET", f"/taxes/{at}", "", "", 200, 6e8 + at) for at in moments]
    served[-1] = replace(served[-1], status=429)
    assert over_limit(served, 200) == found


def test_there_is_a_control_for_each_bug():
    assert CONTROLS.keys() == BUGS.keys()
