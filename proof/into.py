"""Campaigns against the target: it is killed, and its way to Precoro spoiled, until it is done."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Sandbox, SandboxClock

from proof.erp import Erp, judge
from proof.processes import begin
from proof.story import SPEED, Story, Trouble, over_limit, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.erp import Record

__all__ = ["config_of", "tell", "until_done"]

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
) -> Story:
    """One story: the ERP's records are sent until a run ends well, then some change, and again.

    `kills` says when processes are killed: after `requests`, or at `moments`; `faults` are
    what requests meet; `at_once` how many targets write the same.
    """
    chance, story = random.Random(seed), Story(stories=1)
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        erp, place = Erp(sandbox, many, seed), Path(folder)
        config = config_of(sandbox, place)
        trouble = Trouble(sandbox, chance, kills, faults)
        for _ in range(_ROUNDS):
            records = erp.write(place / "erp.singer")
            until_done(story, sandbox, place, config, records, trouble, bug, at_once, most_runs)
            verdict = judge(sandbox, records)
            verdict.over_limit = over_limit(sandbox, faults)
            story.verdict += verdict
            sandbox.app.served.clear()
            erp.change()
        story.faults = trouble.met
    return story


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
    records: list[tuple[str, Record]],
    trouble: Trouble,
    bug: str = "",
    at_once: int = 1,
    most_runs: int = 400,
) -> None:
    """Run targets until each has written all records, and said so with its last STATE."""
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
            return
        done = 0
        for run, code in zip(runs, codes, strict=True):
            states = run.lines()
            if states:
                reached = json.loads(states[-1])["records"]
                sure = judge(sandbox, records[:reached], whole=False)
                story.verdict.state_ahead += sure.lost + sure.stale + sure.wrong_links
                # Code 0 alone may mean that the budget was spent.
                done += code == 0 and reached == len(records)
        if done == at_once:
            return
    story.notes.append(f"not done after {most_runs} runs")
