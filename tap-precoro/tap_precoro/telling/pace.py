"""How long a number of requests takes, as the windows of the budget let them pass. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_api.quota.windows import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api.quota import Policy

__all__ = ["Pace", "Stop", "roughly"]

_MINUTE, _HOUR, _DAY = (LENGTHS[kind] for kind in ("minute", "hour", "day"))


class Stop(NamedTuple):
    """A limit that is spent before all is sent: when, after how many, and when it opens again."""

    kind: str
    at: float
    opens_at: float
    sent: int


@dataclass
class _Window:
    kind: str
    limit: int
    left: int
    resets_at: float

    def reach(self, now: float) -> None:
        """Let time pass: a window that is over begins anew."""
        if self.resets_at <= now:
            length = LENGTHS[self.kind]
            self.resets_at += (math.floor((now - self.resets_at) / length) + 1) * length
            self.left = self.limit


class Pace:
    """The windows of a budget, played forward. `now` is where they are, in epoch seconds.

    `report` is what `Quota.report` says. `stops` are the limits, longer than a minute, that are
    spent on the way, each as often as it is. Where the minute has no limit, sending takes no time.
    """

    def __init__(self, report: Mapping[str, Any], now: float) -> None:
        self.now = now
        self.sent = 0
        self.stops: list[Stop] = []
        self._windows = [
            _Window(kind, told["limit"], told["left"], told["resets_at"])
            for kind, told in report["windows"].items()
            if told["limit"] is not None
        ]
        for limiter, until in report["blocked"].items():
            self._wait(limiter, until)

    def send(self, many: int) -> float:
        """Send so many requests; the moment by which the last of them has left."""
        while many > 0:
            for window in self._windows:
                window.reach(self.now)
            spent = [window for window in self._windows if window.left < 1]
            if spent:
                last = max(spent, key=lambda window: window.resets_at)
                self._wait(last.kind, last.resets_at)
                continue
            some = min([many, *(window.left for window in self._windows)])
            for window in self._windows:
                window.left -= some
                if window.kind == "minute":
                    at_pace = self.now + some * _MINUTE / window.limit
                    self.now = min(at_pace, window.resets_at)
            self.sent += some
            many -= some
        return self.now

    def end_of_run(self, policy: Policy) -> Stop | None:
        """The first of the stops that a run under this policy does not wait for."""
        waited, sent = 0.0, -1
        for stop in self.stops:
            waited, sent = waited if stop.sent == sent else 0.0, stop.sent
            wait = stop.opens_at - stop.at
            if not policy.is_patient(stop.kind, wait, waited):
                return stop
            waited += wait
        return None

    def _wait(self, kind: str, until: float) -> None:
        if kind != "minute":
            self.stops.append(Stop(kind, self.now, until, self.sent))
        self.now = max(self.now, until)


def roughly(seconds: float) -> str:
    """A span as far as anyone can know it: `about 40 minutes`, `about 3 hours`."""
    if seconds < _MINUTE:
        return "less than a minute"
    if seconds < 1.5 * _HOUR:
        return _about(round(seconds / _MINUTE), "minute")
    if seconds < 1.5 * _DAY:
        return _about(round(seconds / _HOUR), "hour")
    return _about(round(seconds / _DAY), "day")


def _about(many: int, unit: str) -> str:
    return f"about {many} {unit}{'' if many == 1 else 's'}"
