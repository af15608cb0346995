"""`python -m proof`: run the campaigns and write what came of them into a page of the docs."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from proof import bad_input
from proof.bugs import BUGS
from proof.campaigns import CAMPAIGNS, CONTROLS, campaign, caught
from proof.disk import CASES
from proof.others import SHAPES
from proof.story import Story, Verdict

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "proof.md"
_STORIES = {
    "`meltano run` of another tap and the target, killed": 3,
    "`meltano run` of the tap and a loader, killed": 3,
    "plain pipe, tap or target or both killed": 4,
    "server, killed": 8,
    "server that stalls": 6,
    "target, a budget that others use up": len(SHAPES),
    "tap, a budget that others use up": len(SHAPES),
    "host that nobody knows": 1,
    "disk full, or not to be written": len(CASES),
    "any story (state machine)": 1,
}
"""Where it is not the number that is asked for."""
_KILLED = {
    "target, killed after requests": 0.15,
    "target, killed at moments": 0.05,
    "target, killed, on a bad way": 0.12,
    "target, killed, a source that changes": 0.1,
    "two targets at once, killed, on a bad way": 0.12,
    "tap, killed after requests": 0.08,
    "tap, killed, on a bad way": 0.08,
}
"""The share of the kills that each has; all others make up the rest, and more."""
_TOLD = {
    "wrong values": "exit 2, no request, the setting is named",
    "maps of words that mean nothing, to the tap": "exit 2 at the first row, the setting is named",
    "settings that do not exist": "exit 0, they are named; records of the target are in place",
    "empty or huge values that the target takes": "exit 0, its records are in place, and its STATE",
    "empty or huge values that the tap takes": "exit 0, no traceback; no more is looked at",
}
"""The kinds of settings, and what is looked at with each."""
_NOT_LOOKED_AT = "\N{EN DASH}"


def main() -> int:
    """Run what is asked for; 1 if anything is wrong, or a deliberate bug went unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of: {', '.join(CAMPAIGNS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000, help="processes to kill, in all")
    parser.add_argument("--stories", type=int, default=10, help="stories a campaign, at least")
    parser.add_argument("--machine", type=int, default=60, help="stories of the state machine")
    parser.add_argument("--fuzz", type=int, default=600, help="seconds for decoder and encoder")
    parser.add_argument("--no-page", action="store_true", help=f"leave {_PAGE.name} as it is")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    lines, fine = [], True
    total = Story()
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("forkserver"))
    fuzzing = pool.submit(bad_input.fuzz, 0 if options.parts else options.fuzz)
    for name in options.parts or CAMPAIGNS:
        story = _campaign(name, options)
        fine, total = fine and story.is_clean, total + story
        lines.append(_row(name, story))
    lines.append(_row("**in all**", total))
    controls, inputs = [], []
    if not options.parts:
        for bug in BUGS:
            tried, story = caught(bug, seed=options.seed)
            fine = fine and tried > 0
            must = " and ".join(name.replace("_", " ") for name in CONTROLS[bug].wrong)
            what = _words(story) if tried else f"**not noticed** {_words(story)}"
            controls.append(f"| {bug} | {must} | {what} | {tried} |")
            for note in () if tried else story.notes:
                print(f"  {bug}: {note}", file=sys.stderr)
            print(controls[-1], flush=True)
        rows = bad_input.campaign(heard=_tell_if_wrong)
        fine = fine and all(row.ok for row in rows)
        inputs = [
            f"| {row.group} | {row.case} | {_outcome(row)} |"
            for row in rows
            if row.group != "settings" or not row.ok
        ]
        inputs += _settings([row for row in rows if row.group == "settings" and row.ok])
        attempts = fuzzing.result()
        fuzzed = ", ".join(f"{many:,} of {name}" for name, many in attempts.items())
        inputs.append(f"| fuzz | {options.fuzz} s | {fuzzed}: nothing found |")
    if not options.no_page and not options.parts:
        names = [name.replace("_", " ") for name in Verdict.names()]
        head = ["Campaign", "stories", "runs", "kills", "faults", "requests", *names, "odd ends"]
        tables = {
            "when": [_when(options.seed, (time.monotonic() - began) / 60)],
            "campaigns": _table(head, lines),
            "controls": _table(["Bug", "Must be found", "Found", "stories"], controls),
            "inputs": ["| Group | Case | Outcome |", "| --- | --- | --- |", *inputs],
        }
        _PAGE.write_text(_page(tables), encoding="utf-8")
    print("nothing is wrong" if fine else "SOMETHING IS WRONG", flush=True)
    return 0 if fine else 1


def _campaign(name: str, options: argparse.Namespace) -> Story:
    stories = _STORIES.get(name, options.stories)
    kills = int(options.kills * _KILLED.get(name, 0))
    seed = options.machine if "state machine" in name else options.seed
    if name.startswith("disk"):
        seed = 0
    total = Story()
    for story in campaign(name, seed=seed, stories=stories, kills=kills):
        total += story
        for note in (*story.notes, *story.undone):
            print(f"  {name}: {note}", file=sys.stderr)
    print(_row(name, total), flush=True)
    return total


def _tell_if_wrong(row: bad_input.Row) -> None:
    if not row.ok:
        print(f"  {row.group}, {row.case}: {row.told}", file=sys.stderr)


def _outcome(row: bad_input.Row) -> str:
    return row.outcome if row.ok else f"**{row.told}**"


def _settings(rows: list[bad_input.Row]) -> list[str]:
    """Lines of the table that hold many settings each, by what is looked at."""
    kinds = Counter(_kind_of(row) for row in rows)
    lines = [f"| settings | {kinds.pop(kind):,} {kind} | {told} |" for kind, told in _TOLD.items()]
    assert not kinds, f"rows that the table leaves out: {kinds}"
    return lines


def _kind_of(row: bad_input.Row) -> str:
    refused, at_last, unknown, by_target, by_tap = _TOLD
    if row.outcome.startswith("exit 2"):
        return refused if "no request" in row.outcome else at_last
    if "says" in row.outcome:
        return unknown
    return by_target if "in place" in row.outcome else by_tap


def _row(name: str, story: Story) -> str:
    wrong = [getattr(story.verdict, each) for each in Verdict.names()]
    cells = [story.stories, story.runs, story.kills, story.faults, story.requests, *wrong]
    cells.append(len(story.notes) + len(story.undone))
    shown = [_NOT_LOOKED_AT if each is None else f"{each:,}" for each in cells]
    return f"| {name} | {' | '.join(shown)} |"


def _words(story: Story) -> str:
    wrong = {name: getattr(story.verdict, name) for name in Verdict.names()}
    found = [f"{many} {name.replace('_', ' ')}" for name, many in wrong.items() if many]
    return ", ".join(found)


def _page(tables: dict[str, list[str]]) -> str:
    """The page, with these lines between its markers."""
    text = _PAGE.read_text(encoding="utf-8")
    for name, lines in tables.items():
        first, last = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(first)
        text = "\n".join([before + first, *lines, last + rest.partition(last)[2]])
    return text


def _when(seed: int, minutes: float) -> str:
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("tap-precoro", "target-precoro", "singer-sdk")
    )
    return (
        f"Written by `make proof` on {datetime.now(timezone.utc):%Y-%m-%d}, in {minutes:.0f} "
        f"minutes, with seed {seed}: {versions}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores."
    )


def _table(head: list[str], rows: list[str]) -> list[str]:
    rules = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(head)} |", f"| {' | '.join(rules)} |", *rows]


if __name__ == "__main__":
    sys.exit(main())
