"""What a campaign counts, and the trouble that its processes meet."""

from __future__ import annotations

import signal
import threading
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Fault
from precoro_sandbox.faults import KINDS

from proof.over_limit import over_limit
from proof.processes import PATIENCE

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from precoro_sandbox import Sandbox
    from precoro_sandbox.app import Served

    from proof.others import Others
    from proof.processes import Run

__all__ = ["FAULTS", "SPEED", "SPENT", "Story", "Trouble", "Verdict", "settings_of"]

SPEED = 200
"""The sandbox's clock, and that of its clients, run so much faster. A minute is 300 ms: any faster,
and a request of a process that is held up comes a minute too late, which no ledger can know."""

FAULTS = tuple(kind for kind in KINDS if kind != "slow")
SPENT = 75
"""The exit code where Precoro says to wait longer than `max_wait`."""


def settings_of(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """What tap and target are told of a sandbox."""
    return {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        **more,
    }


@dataclass
class Verdict:
    """How many records are wrong, and in which way: all must be 0, and None was not looked at."""

    doubled: int | None = None
    lost: int | None = None
    stale: int | None = None
    wrong_links: int | None = None
    paid_twice: int | None = None
    overwritten: int | None = None
    state_ahead: int | None = None
    over_limit: int | None = None

    def __add__(self, other: Verdict) -> Verdict:
        """Both together."""
        both = Verdict(**asdict(self))
        both.count(**{name: n for name, n in asdict(other).items() if n is not None})
        return both

    def count(self, **found: int) -> None:
        """So many more are wrong in that way, and it was looked at, where none is."""
        for name, many in found.items():
            setattr(self, name, (getattr(self, name) or 0) + many)

    def sum_of(self, *names: str) -> int:
        """How many are wrong in one of these ways."""
        return sum(getattr(self, name) or 0 for name in names)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(asdict(self).values())

    @classmethod
    def names(cls) -> list[str]:
        """What is counted."""
        return [each.name for each in fields(cls)]


@dataclass
class Story:
    """What happened, and the verdict.

    `notes` tell of what should not be, such as a traceback; `undone` of what is not done after all
    the runs that it was given.
    """

    verdict: Verdict = field(default_factory=Verdict)
    stories: int = 0
    runs: int = 0
    kills: int = 0
    faults: int = 0
    requests: int = 0
    notes: list[str] = field(default_factory=list)
    undone: list[str] = field(default_factory=list)

    def __add__(self, other: Story) -> Story:
        """Both together."""
        both = {each.name: getattr(self, each.name) for each in fields(self)}
        return Story(**{name: value + getattr(other, name) for name, value in both.items()})

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.verdict.is_clean and not self.notes and not self.undone

    def ended(self, run: Run, *, also: Sequence[int] = (), patience: float = PATIENCE) -> int:
        """Count a run when it is over; its exit code, `also` one of these."""
        code = run.wait(patience)
        self.runs += 1
        self.kills += code == -signal.SIGKILL
        if "Traceback" in run.told() or code not in (0, 1, SPENT, -signal.SIGKILL, *also):
            self.notes.append(f"exit {code}: {run.told()[-1500:]}")
        return code


class Trouble:
    """What the runs of a story meet: kills after some `requests`, or at `moments`; `faults`.

    A run is killed `within` so many requests, which may go well before a fault, too. With `at`
    there is one kill only, at that boundary of the story: 1 is the first request when it was
    carried out and not answered, 2 the first when nothing was carried out, 3 the second, …
    """

    def __init__(
        self,
        sandbox: Sandbox,
        chance: random.Random,
        kills: str = "",
        faults: Sequence[str] = (),
        *,
        within: int = 25,
        at: int = 0,
        others: Others | None = None,
    ) -> None:
        self._sandbox, self._chance, self._kills, self._kinds = sandbox, chance, kills, faults
        self._within, self._at, self._others = within, at, others
        self._left = (at + 1) // 2
        self._runs: list[Run] = []
        self._waiting: list[Fault] = []
        self._times: dict[int, int] = {}
        self.over = False
        sandbox.app.after = self.served
        if at and at % 2 == 0:
            sandbox.faults.add(Fault("reset", skip=self._left - 1))

    def before(self) -> None:
        """Set up what the next runs meet."""
        self._runs = []
        if self._others is not None:
            self._others.before()
        if self.over or self._at:
            return
        self._sandbox.faults.clear()
        if self._kills == "requests":
            self._left = self._chance.randrange(1, self._within)
        if self._kinds:
            fault = Fault(
                self._chance.choice(self._kinds),
                times=self._chance.choice((1, 1, 3, 12)),
                skip=self._chance.randrange(self._within),
                method=self._chance.choice(("", "GET", "POST", "PATCH")),
            )
            self._waiting.append(fault)
            self._times[id(fault)] = fault.times
            self._sandbox.faults.add(fault)

    @property
    def met(self) -> int:
        """How many requests met a fault, or a limit that others had used up."""
        limited = 0 if self._others is None else self._others.met
        return limited + sum(self._times[id(each)] - max(0, each.times) for each in self._waiting)

    def end(self) -> None:
        """Let nothing go wrong any more."""
        self.over = True
        self._left = 0
        self._sandbox.faults.clear()
        if self._others is not None:
            self._others.gone()

    def watch(self, run: Run) -> None:
        """Kill that run when its time has come."""
        self._runs.append(run)
        if self._kills == "moments" and not self.over:
            timer = threading.Timer(self._chance.uniform(0.05, 0.8), run.kill)
            timer.daemon = True
            timer.start()

    def served(self, request: Served) -> None:
        """A request was served, and is not answered yet."""
        if self._others is not None:
            self._others.served(request)
        self._left -= 1
        if self._left == 0:
            for run in self._runs:
                run.kill()

    def over_limit(self) -> int:
        """Requests that a limit refused which was known."""
        ignored = 0 if self._others is None else self._others.over_limit()
        return ignored + over_limit(self._sandbox.served, self._sandbox.clock.speed)
