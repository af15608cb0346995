"""A disk that is full, or cannot be written, under each file that a run keeps; later it is well."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Sandbox, SandboxClock

from proof.erp import Erp, judge
from proof.over_limit import over_limit
from proof.processes import begin
from proof.story import SPEED, Story, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CASES", "one_of_all", "tell"]

FULL, NOWHERE = "/dev/full", "/proc/nowhere/file"
_SETTINGS = ("quota_path", "journal_path", "rejects_path", "report_path", "links_path")
_FILE_LIMITS = (0, 4_096, 40_000)
_MOST_RUNS = 20

CASES: tuple[tuple[str, dict[str, Any], int, str], ...] = (
    *((f"{name} on a full disk", {name: FULL}, 0, "") for name in _SETTINGS),
    *((f"{name} where nothing can be written", {name: NOWHERE}, 0, "") for name in _SETTINGS),
    *((f"no file may grow beyond {size} bytes", {}, size, "") for size in _FILE_LIMITS if size),
    ("STATE to a full disk", {}, 0, FULL),
)
"""What it is, the settings, how large files may grow, and where stdout goes."""


def one_of_all(number: int) -> Story:
    """The case of that number, from 0 on, again and again."""
    return tell(CASES[number % len(CASES)])


def tell(case: tuple[str, dict[str, Any], int, str]) -> Story:
    """Runs with that trouble, then without it until all is done; nothing is lost or doubled."""
    _, settings, limit, out = case
    story = Story(stories=1)
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        erp, place = Erp(sandbox, 6), Path(folder)
        records = erp.write(place / "erp.singer")
        sound = settings_of(
            sandbox,
            **{name: str(place / name) for name in _SETTINGS},
            match_on={"suppliers": [], "items": []},
        )
        story.verdict.count(state_ahead=0)
        for number, given in enumerate(_configs(sound, settings)):
            spoiled = number < 2
            (place / "config.json").write_text(json.dumps(given), encoding="utf-8")
            arguments = ["--config", str(place / "config.json")]
            run = begin(
                "target",
                [*arguments, "--input", str(place / "erp.singer")],
                place,
                now=sandbox.clock.now(),
                out=out if spoiled else "",
                file_limit=limit if spoiled else 0,
            )
            code = story.ended(run, also=(2,) if spoiled else ())
            states = [] if spoiled and out else run.lines()
            if states:
                reached = json.loads(states[-1])["records"]
                sure = judge(sandbox, records[:reached], whole=False)
                story.verdict.count(state_ahead=sure.sum_of("lost", "stale", "wrong_links"))
                if not spoiled and code == 0 and reached == len(records):
                    break
        else:
            story.undone.append(f"not done after {_MOST_RUNS} runs: {run.told()}")
        story.verdict += judge(sandbox, records)
        if "quota_path" not in settings and not limit:  # without its ledger nothing can keep them
            over = over_limit(sandbox.served, sandbox.clock.speed)
            story.verdict.count(over_limit=over)
        story.requests = len(sandbox.served)
    return story


def _configs(sound: dict[str, Any], spoiled: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from [{**sound, **spoiled}] * 2
    yield from [sound] * _MOST_RUNS
