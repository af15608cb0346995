"""A short form of `make proof`: nothing is doubled, lost or stale, and the controls are noticed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from precoro_sandbox import Sandbox, SandboxClock
from precoro_sandbox.app import Served
from target_precoro.journal.journal import Journal

from proof import bugs, disk, into, machine, out_of, outages
from proof.bugs import BUGS
from proof.campaigns import CONTROLS, caught
from proof.erp import Erp, judge
from proof.over_limit import over_limit
from proof.story import FAULTS, Story, Verdict

pytestmark = pytest.mark.whole

STORIES = {
    "target, killed": (partial(into.tell, 1, kills="requests"), "kills"),
    "target, killed, on a bad way": (
        partial(into.tell, 2, kills="requests", faults=FAULTS),
        "kills faults",
    ),
    "target, killed, a source that changes": (
        partial(into.tell, 2, kills="requests", changing=5),
        "kills",
    ),
    "two targets at once": (partial(into.tell, 3, kills="requests", at_once=2), "kills"),
    "tap, killed": (partial(out_of.tell, 4, kills="requests"), "kills"),
    "tap, on a bad way": (
        partial(out_of.tell, 5, faults=FAULTS, order="newest", pace=0.8),
        "faults",
    ),
    "server, killed": (partial(outages.server_killed, 6, many=6), "requests"),
    "target, a budget that others use up": (
        partial(into.tell, 1, many=4, shape="body"),
        "faults",
    ),
    "tap, a budget that others use up": (partial(out_of.with_others, 1), "faults"),
    "tap, changes that show late": (partial(CONTROLS["no overlap"].tell, 2), "requests"),
    "server that stalls": (partial(outages.stalls, 7), "faults"),
    "state machine": (partial(machine.play, 3, derandomize=True), "kills"),
}
"""Each story, and what it must have met to say anything; a server that is killed at moments may be
too quick for them, and is killed at boundaries below."""
BOUNDARIES = {
    "target": (into.at_boundary, (1, 2, 13, 14, 27, 28, 49, 50)),
    "tap": (out_of.at_boundary, (3, 4, 25, 26, 91, 92)),
    "server": (outages.server_at_boundary, (7, 30)),
}
DISK = [case for case in disk.CASES if "full disk" in case[0]]


@pytest.mark.parametrize("name", STORIES)
def test_nothing_goes_wrong(name):
    tell, met = STORIES[name]
    story = tell()
    assert story.is_clean, story
    assert story.verdict != Verdict(), "nothing was looked at"
    for trouble in met.split():
        assert getattr(story, trouble) > 0, f"no {trouble} were met"


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
    assert tried, f"{bug} was not noticed: {story}"
    assert not story.notes
    for name in CONTROLS[bug].wrong:
        assert getattr(story.verdict, name) > 0


@pytest.mark.parametrize(
    "story",
    [
        Story(verdict=Verdict(doubled=0)),
        Story(verdict=Verdict(lost=3)),
        Story(verdict=Verdict(doubled=2), notes=["exit 1: Traceback"]),
        Story(undone=["not done after 12 runs"]),
    ],
)
def test_a_crash_or_another_fault_is_not_the_bug(story):
    assert not CONTROLS["journal off"].notices(story)


def test_a_bug_in_what_is_there_no_more_is_an_error(monkeypatch):
    monkeypatch.setitem(bugs.BUGS, "gone", lambda: bugs._patch(Journal, gone=None))
    with pytest.raises(AttributeError, match="Journal has no gone"):
        bugs.commit("gone")


def test_payments_beyond_those_of_the_erp_are_paid_twice():
    with Sandbox(clock=SandboxClock(200)) as sandbox:
        records = [("payments", {"externalId": "B-0", **Erp(sandbox, 2).tables["payments"]["B-0"]})]
        invoice = next(iter(sandbox.store.rows("invoices")))
        for external_id, found in (("B-0", 0), (None, 1)):
            sandbox.store.add(
                "payments",
                {"invoice": {"id": invoice}, "sumPaid": 20, "externalId": external_id},
            )
            assert judge(sandbox, records).paid_twice == found


def test_what_was_not_looked_at_is_not_zero():
    one, other = Verdict(lost=0), Verdict(lost=2, stale=0)
    assert one + other == Verdict(lost=2, stale=0)
    assert (one + other).doubled is None


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
    served = [
        Served("GET", "/taxes", "", "", status, 6e8 + at, "Duplicate" if status == 429 else "")
        for at, status in moments
    ]
    assert over_limit(served, 200) == found


@pytest.mark.parametrize(("first", "found"), [(11, 1), (5, 0)])
def test_more_than_sixty_in_a_minute_are_over_the_limit(first, found):
    moments = [first, *(20 + n / 2 for n in range(60))]
    served = [Served("GET", f"/taxes/{at}", "", "", 200, 6e8 + at) for at in moments]
    served[-1] = replace(served[-1], status=429, limiter="Minute limiter")
    assert over_limit(served, 200) == found


def test_a_made_up_429_is_no_limit_and_a_limit_behind_a_fault_is_one():
    served = [Served("GET", "/taxes", "", "", 429, 6e8), Served("GET", "/taxes", "", "", 429, 6e8)]
    assert over_limit(served, 200) == 0
    served[-1] = replace(served[-1], status=0, limiter="Duplicate limiter", at=6e8 + 1)
    assert over_limit(served, 200) == 1


def test_there_is_a_control_for_each_bug():
    assert CONTROLS.keys() == BUGS.keys()
