"""Campaigns against the target: it is killed, and its way to Precoro spoiled, until it is done."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Sandbox, SandboxClock

from proof.erp import Erp, judge
from proof.others import OTHERS_SPEED, SHAPES, WAITS, Others
from proof.processes import begin
from proof.story import SPEED, Story, Trouble, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proof.erp import Record

    Records = list[tuple[str, Record]]

__all__ = ["at_boundary", "config_of", "tell", "until_done", "with_others"]

_ROUNDS = 2


def tell(
    seed: int,
    *,
    many: int = 12,
    kills: str = "",
    faults: Sequence[str] = (),
    bug: str = "",
    at_once: int = 1,
    most_runs: int = 400,
    at: int = 0,
    shape: str = "",
    changing: int = 0,
) -> Story:
    """One story: the ERP's records are sent until a run ends well, then some change, and again.

    Some change after the first `changing` runs that are not the last, too. `kills` says when
    processes are killed: after `requests`, or at `moments`; `faults` are what requests meet;
    `at_once` how many targets write the same. With `at` the only kill is at that boundary; with a
    `shape` of 429s, others use up the budget.
    """
    chance, story = random.Random(seed), Story(stories=1)
    clock = SandboxClock(OTHERS_SPEED if shape else SPEED)
    switches = {"limit_answer": shape or "body"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=clock, switches=switches) as sandbox,
    ):
        erp, place = Erp(sandbox, many, seed), Path(folder)
        config = config_of(sandbox, place, **(WAITS if shape else {}))
        others = Others(sandbox, chance, shape) if shape else None
        trouble = Trouble(sandbox, chance, kills, faults, at=at, others=others)

        left = iter(range(changing))

        def meanwhile() -> Records | None:
            if next(left, None) is None:
                return None
            erp.change()
            return erp.write(place / "erp.singer")

        for _ in range(_ROUNDS):
            records = erp.write(place / "erp.singer")
            records = until_done(
                story, sandbox, place, config, records, trouble, bug, at_once, most_runs, meanwhile
            )
            story.verdict += judge(sandbox, records)
            erp.change()
        story.verdict.count(over_limit=trouble.over_limit())
        story.faults = trouble.met
    return story


def at_boundary(number: int) -> Story:
    """A small story whose only kill is at that boundary; none where it has fewer."""
    return tell(1, many=4, at=number, changing=1)


def with_others(seed: int) -> Story:
    """A story in which others use up the budget, with the next shape of 429s."""
    return tell(seed, shape=SHAPES[seed % len(SHAPES)])


def config_of(sandbox: Sandbox, place: Path, **more: Any) -> Path:
    """The file of settings of a target, which keeps all that it can."""
    settings = settings_of(
        sandbox,
        quota_path=str(place / "quota.sqlite3"),
        journal_path=str(place / "journal.sqlite3"),
        rejects_path=str(place / "rejects.singer"),
        # A name that happens to be there must not hide a double.
        match_on={"suppliers": [], "items": []},
    )
    settings |= more
    path = place / "config.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def until_done(
    story: Story,
    sandbox: Sandbox,
    place: Path,
    config: Path,
    records: Records,
    trouble: Trouble,
    bug: str = "",
    at_once: int = 1,
    most_runs: int = 400,
    meanwhile: Callable[[], Records | None] = lambda: None,
) -> Records:
    """Run targets until each has written all records, and said so with its last STATE.

    After each other run `meanwhile` may have new ones. Returns what was sent last.
    """
    for _ in range(most_runs):
        before = len(sandbox.served)
        trouble.before()
        runs = []
        for number in range(at_once):
            own = place / str(number)
            own.mkdir(exist_ok=True)
            arguments = ["--config", str(config), "--input", str(place / "erp.singer")]
            runs.append(begin("target", arguments, own, now=sandbox.clock.now(), bug=bug))
            trouble.watch(runs[-1])
        codes = [story.ended(run) for run in runs]
        story.requests += len(sandbox.served) - before
        if story.notes:
            return records
        story.verdict.count(state_ahead=0)
        done = 0
        for run, code in zip(runs, codes, strict=True):
            states = run.lines()
            if states:
                reached = json.loads(states[-1])["records"]
                sure = judge(sandbox, records[:reached], whole=False)
                story.verdict.count(state_ahead=sure.sum_of("lost", "stale", "wrong_links"))
                # Code 0 alone may mean that the budget was spent.
                done += code == 0 and reached == len(records)
        if done == at_once:
            return records
        records = meanwhile() or records
    story.undone.append(f"not done after {most_runs} runs")
    return records
