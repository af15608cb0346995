"""Campaigns against the tap: it is killed, and the company changes, while it reads.

The loader is a strict one: what it was given after the last STATE of a run that was killed is gone.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Sandbox, SandboxClock

from proof.company import Company, catalog_of, judge
from proof.others import OTHERS_SPEED, SHAPES, WAITS, Others
from proof.processes import begin
from proof.story import SPEED, Story, Trouble, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_sandbox.app import Served

__all__ = ["at_boundary", "tell", "with_others"]

NO_LIMITS = {
    f"{what}_per_{window}": "off"
    for what, windows in (
        ("requests", ("minute", "hour", "day")),
        ("identical_requests", ("minute", "hour")),
    )
    for window in windows
}
_OFF = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
_TROUBLED_RUNS = 12
_QUIET_RUNS = 30


class Loader:
    """Tables by key, and the state that it lets out."""

    def __init__(self) -> None:
        self.held: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        self.state: dict[str, Any] = {}
        self._keys: dict[str, list[str]] = {}

    def take(self, lines: Sequence[str], *, whole: bool) -> None:
        """The messages of a run; of one that was cut off only those before its last STATE."""
        messages = [json.loads(line) for line in lines]
        states = [n for n, each in enumerate(messages) if each["type"] == "STATE"]
        upto = len(messages) if whole else (states[-1] + 1 if states else 0)
        for message in messages[:upto]:
            if message["type"] == "SCHEMA":
                self._keys[message["stream"]] = message["key_properties"]
            elif message["type"] == "RECORD":
                stream, record = message["stream"], message["record"]
                key = tuple(record[name] for name in self._keys[stream])
                self.held[stream][key] = record
            elif message["type"] == "STATE":
                self.state = message["value"]


class Changing(Trouble):
    """Trouble, and a company in which things happen with that share of the requests."""

    def __init__(self, company: Company, pace: float, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._company, self._pace = company, pace

    def served(self, request: Served) -> None:
        """A request was served: something may happen before its answer arrives."""
        self._company.show()
        if not self.over and self._chance.random() < self._pace:
            for _ in range(self._chance.randrange(1, 5)):
                self._company.move()
        super().served(request)

    def end(self) -> None:
        """Let nothing go wrong, and nothing happen, any more."""
        self._company.show(all_of_it=True)
        super().end()


def tell(
    seed: int,
    *,
    kills: str = "",
    faults: Sequence[str] = (),
    bug: str = "",
    order: str = "oldest",
    speed: int = SPEED,
    limits: bool = True,
    pace: float = 0.3,
    switches: dict[str, Any] | None = None,
    troubled: int = _TROUBLED_RUNS,
    at: int = 0,
    shape: str = "",
    late: float = 0.0,
) -> Story:
    """One story: `troubled` runs while the company changes, then quiet ones until all is read.

    `kills` says when processes are killed: after `requests`, or at `moments`; `faults` are what
    requests meet. Things happen in the company with `pace`, a share of the requests; of them a
    share, `late`, is dated before it shows, and the tap has its own overlap. With `at` the only
    kill is at that boundary; with a `shape` of 429s, others use up the budget.
    """
    chance, story, loader = random.Random(seed), Story(stories=1), Loader()
    switches = {**({} if limits else _OFF), **(switches or {}), "limit_answer": shape or "body"}
    clock = SandboxClock(OTHERS_SPEED if shape else speed)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=clock, switches=switches) as sandbox,
    ):
        company, place = Company(sandbox, seed, late), Path(folder)
        more = {**({} if limits else NO_LIMITS), **(WAITS if shape else {})}
        if not late:
            more["overlap_seconds"] = 60
        arguments = _prepare(sandbox, place, order, more)
        others = Others(sandbox, chance, shape) if shape else None
        trouble = Changing(company, pace, sandbox, chance, kills, faults, at=at, others=others)
        for number in range(troubled + _QUIET_RUNS):
            if number == troubled:
                trouble.end()
            (place / "state.json").write_text(json.dumps(loader.state), encoding="utf-8")
            trouble.before()
            run = begin("tap", arguments, place, now=sandbox.clock.now(), bug=bug)
            trouble.watch(run)
            code = story.ended(run)
            loader.take(run.lines(), whole=code == 0)
            if story.notes:
                break
            if trouble.over and code == 0 and "the budget" not in run.told():
                break
        else:
            story.undone.append(f"not done after {_QUIET_RUNS} quiet runs: {run.told()}")
        story.requests, story.faults = len(sandbox.served), trouble.met
        story.verdict = judge(sandbox, loader.held)
        if limits:
            story.verdict.count(over_limit=trouble.over_limit())
    return story


def at_boundary(number: int) -> Story:
    """A small story whose only kill is at that boundary; none where it has fewer."""
    return tell(1, at=number, troubled=2)


def with_others(seed: int) -> Story:
    """A story in which others use up the budget, with the next shape of 429s."""
    return tell(seed, shape=SHAPES[seed % len(SHAPES)])


def _prepare(sandbox: Sandbox, place: Path, order: str, more: dict[str, Any]) -> list[str]:
    settings = {
        "quota_path": str(place / "quota.sqlite3"),
        "when_quota_spent": "wait",
        "max_wait": 200_000,
        "detail_order": order,
    }
    config = settings_of(sandbox, **{**settings, **more})
    catalog = catalog_of(config)
    for name, content in (("config", config), ("catalog", catalog)):
        (place / f"{name}.json").write_text(json.dumps(content, default=str), encoding="utf-8")
    return [
        argument
        for name in ("config", "catalog", "state")
        for argument in (f"--{name}", str(place / f"{name}.json"))
    ]
