"""What steps would cost: requests by method, and the time that the limits give them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api.clock import moment_text
from precoro_api.quota.windows import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api.quota import Policy

__all__ = ["Cost", "budget_told", "time_told", "wait_for"]

_MINUTE, _HOUR, _DAY = LENGTHS["minute"], LENGTHS["hour"], LENGTHS["day"]


@dataclass
class Cost:
    """Requests by method, at least and at most; `fewest` and `total` are the sums that may be.

    A step whose way is unknown may be a PATCH or a PUT, so the sums are not those of the methods.
    """

    least: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    fewest: int = 0
    total: int = 0

    def add(self, ways: Sequence[Sequence[str]], times: int = 1) -> None:
        """A step that takes the requests of one of these ways, by their methods."""
        counts = [Counter(way) for way in ways]
        for method in {method for count in counts for method in count}:
            self.least[method] += times * min(count[method] for count in counts)
            self.most[method] += times * max(count[method] for count in counts)
        self.fewest += times * min(map(len, ways))
        self.total += times * max(map(len, ways))

    @property
    def told(self) -> str:
        """`3 GET, 10 POST, up to 10 PATCH: 13 to 23 in all`."""
        parts = []
        for method, most in sorted(self.most.items()):
            least = self.least[method]
            few = "" if least == most else f"{least} to " if least else "up to "
            parts.append(f"{few}{most} {method}")
        if not parts:
            return "none"
        few = "" if self.fewest == self.total else f"{self.fewest} to "
        return f"{', '.join(parts)}: {few}{self.total} in all"


def wait_for(many: int, windows: Mapping[str, Mapping[str, Any]], now: float) -> float:
    """Seconds until the last of so many requests may leave, by the windows of a quota's report."""
    limits = {kind: w["limit"] for kind, w in windows.items() if w["limit"] is not None}
    left = {kind: windows[kind]["left"] for kind in limits}
    resets = {kind: windows[kind]["resets_at"] for kind in limits}
    moment = now
    while True:
        leave = min([many, *left.values()])
        many -= leave
        if many <= 0:
            return moment - now
        left = {kind: few - leave for kind, few in left.items()}
        moment = max(resets[kind] for kind, few in left.items() if few == 0)
        for kind, limit in limits.items():
            while resets[kind] <= moment:
                resets[kind] += LENGTHS[kind]
                left[kind] = limit


def time_told(seconds: float) -> str:
    """How long that is, for people."""
    if seconds < _MINUTE:
        return "less than a minute"
    for length, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 2 * length or name == "minute":
            many = round(seconds / length)
            return f"about {many} {name}{'' if many == 1 else 's'}"
    raise AssertionError


def budget_told(cost: Cost, windows: Mapping[str, Mapping[str, Any]], policy: Policy) -> list[str]:
    """Whether what is left of the budget is enough; a sentence for each limit that is not."""
    told = []
    most = policy.max_requests
    if most is not None and cost.total > most:
        told.append(f"{_enough(cost, most)}: max_requests is {most}, so it takes more runs.")
    ends = "waits there" if policy.when_spent == "wait" else "stops there, to go on when run again"
    for kind, name in (("hour", "this hour's"), ("day", "today's")):
        window = windows[kind]
        left = window["left"]
        if left is not None and cost.total > left:
            opens = moment_text(window["resets_at"])
            told.append(
                f"{_enough(cost, left)}: {name} budget has {left} left until {opens}; a run {ends}."
            )
        elif left is not None and kind == "day":
            told.append(f"Enough: {name} budget has {left} left.")
    return told


def _enough(cost: Cost, left: int) -> str:
    """What is too little is not enough; what is too little for the dearest way, maybe not."""
    return "Not enough" if cost.fewest > left else "Maybe not enough"
