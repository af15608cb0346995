"""What a sync would cost, as a table for people or JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tap_precoro.estimate import AT_LEAST, Need, needs_of
from tap_precoro.telling.pace import Pace, Stop, roughly
from tap_precoro.telling.tally import aligned, counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api.quota import Policy

    from tap_precoro.tap import TapPrecoro

__all__ = ["Forecast", "forecast_of"]

_MINUTE = 60.0


@dataclass(frozen=True)
class Forecast:
    """What each stream needs and how many minutes that takes, and what stands in the way.

    `windows` are those of the budget, as `Quota.report` has them, after the `asked` requests that
    this took. `minutes` are None where the minute has no limit. `stops` are limits that are spent
    on the way, `run_ends` is the one that a run does not wait for. Moments are epoch seconds.
    """

    needs: Sequence[Need]
    minutes: Sequence[float | None]
    windows: Mapping[str, Any]
    began: float
    ends: float
    stops: Sequence[Stop]
    run_ends: Stop | None
    policy: Policy
    asked: int

    @property
    def requests(self) -> int:
        """Those that are known, together."""
        return sum(need.requests or 0 for need in self.needs)

    @property
    def bound(self) -> str:
        """Whether the sync may send more, or fewer, or (`about`) either."""
        bounds = {AT_LEAST if need.requests is None else need.bound for need in self.needs} - {""}
        return bounds.pop() if len(bounds) == 1 else "about" if bounds else ""

    def first(self, kind: str) -> Stop | None:
        """When a window of that kind is spent for the first time."""
        return next((stop for stop in self.stops if stop.kind == kind), None)

    # For programs

    def as_json(self) -> str:
        """All of it as JSON."""
        streams = [
            {**asdict(need), "minutes": None if minutes is None else round(minutes, 1)}
            for need, minutes in zip(self.needs, self.minutes, strict=True)
        ]
        day, ends = self.first("day"), self.run_ends
        told = {
            "streams": streams,
            "requests": self.requests,
            "bound": self.bound,
            "minutes": self._minutes if self._paced else None,
            "ends_at": _moment(self.ends),
            "day_spent_at": day and _moment(day.at),
            "run_stops_at": ends and _moment(ends.at),
            "run_goes_on_at": ends and _moment(ends.opens_at),
            "max_requests": self.policy.max_requests,
            "budget": {
                kind: {**window, "resets_at": _moment(window["resets_at"])}
                for kind, window in self.windows.items()
            },
            "asked": self.asked,
        }
        return json.dumps(told, indent=2, ensure_ascii=False)

    @property
    def _paced(self) -> bool:
        return self.windows["minute"]["limit"] is not None

    @property
    def _minutes(self) -> float:
        return round((self.ends - self.began) / _MINUTE, 1)

    # For people

    def as_text(self) -> str:
        """A table, and what it means for the budget."""
        head = ("stream", "rows", "requests", "minutes", "remarks")
        rows = [_row(need, took) for need, took in zip(self.needs, self.minutes, strict=True)]
        total = f"{self.bound} {self.requests:,}".lstrip()
        minutes = self._minutes if self._paced else None
        rows.append(["total", "", total, _in_minutes(minutes), ""])
        table = aligned(head, rows, numbers=head[1:4])
        return "\n".join([*table, "", *self._sentences()])

    def _sentences(self) -> list[str]:
        said = [self._cost()]
        if any(need.requests is None for need in self.needs):
            said.append("What is unknown (?) is not counted, and comes on top.")
        left, day = self.windows["day"]["left"], self.first("day")
        if day is not None:
            spent = "already"
            if day.sent:
                spent = f"after {counted(day.sent, 'request')}, at about {_clock(day.at)}"
            opens = f"it opens again at {_clock(day.opens_at)}"
            said.append(f"The quota of the day is spent {spent}; {opens}.")
            said.append(f"The last request leaves at about {_clock(self.ends)}.")
        elif left is not None:
            said.append(f"The quota of the day suffices: it has {counted(left, 'request')} left.")
        ends, most = self.run_ends, self.policy.max_requests
        if most is not None and most < self.requests and (ends is None or most <= ends.sent):
            said.append(f"max_requests ends a run after {most:,}; the next goes on.")
        elif ends is not None:
            how = f"when_quota_spent is {self.policy.when_spent!r}"
            after = f"after {ends.sent:,} ({ends.kind}), at about {_clock(ends.at)}"
            goes_on = f"the next goes on from {_clock(ends.opens_at)}"
            said.append(f"As {how}, a run ends {after}; {goes_on}.")
        said.append(f"This estimate took {counted(self.asked, 'request')}.")
        return said

    def _cost(self) -> str:
        limits = [
            f"{window['limit']:,} {'an' if kind == 'hour' else 'a'} {kind}"
            for kind, window in self.windows.items()
            if window["limit"] is not None
        ]
        at = f"At {', '.join(limits)}" if limits else "Without limits"
        needed = f"{self.bound} {counted(self.requests, 'request')}".lstrip()
        if self._paced or self.stops:
            needed = f"{needed} in {roughly(self.ends - self.began)}"
        return f"{at}: {needed}."


def forecast_of(tap: TapPrecoro) -> Forecast:
    """Ask what a sync of this tap needs, and play the budget forward from there."""
    quota, policy = tap.client.quota, tap.client.quota.policy
    quota.policy = replace(policy, max_requests=None)  # which is for the sync
    needs = needs_of(tap)
    report, began = quota.report(), quota.server_now()
    pace = Pace(report, began)
    minutes: list[float | None] = []
    for need in needs:
        before = pace.now
        taken = pace.send(need.requests or 0) - before
        paced = need.requests is not None and quota.limits.of("minute") is not None
        minutes.append(taken / _MINUTE if paced else None)
    return Forecast(
        needs=needs,
        minutes=minutes,
        windows=report["windows"],
        began=began,
        ends=pace.now,
        stops=pace.stops,
        run_ends=pace.end_of_run(policy),
        policy=policy,
        asked=tap.client.requests_by_method.total(),
    )


def _row(need: Need, minutes: float | None) -> list[str]:
    rows = "" if need.rows is None else f"{need.rows:,}"
    requests = "?" if need.requests is None else f"{need.bound} {need.requests:,}".lstrip()
    return [need.stream, rows, requests, _in_minutes(minutes), need.note]


def _in_minutes(minutes: float | None) -> str:
    if minutes is None:
        return ""
    if minutes == 0:
        return "0"
    return "<1" if minutes < 1 else f"{round(minutes):,}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="minutes")


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
