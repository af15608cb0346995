"""What a sync would cost, as a table for people or JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from tap_precoro.estimate import AT_LEAST, Need, needs_of
from tap_precoro.pace import Pace, Stop, roughly
from tap_precoro.tally import aligned, counted

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
    this took. `minutes` are None where the minute has no limit. Moments are epoch seconds.
    """

    needs: Sequence[Need]
    minutes: Sequence[float | None]
    windows: Mapping[str, Any]
    began: float
    ends: float
    stops: Sequence[Stop]
    policy: Policy
    asked: int

    @property
    def requests(self) -> int:
        """Those that are known, together."""
        return sum(need.requests or 0 for need in self.needs)

    @property
    def bound(self) -> str:
        """Whether the sync may send more, or fewer, or either."""
        bounds = {AT_LEAST if need.requests is None else need.bound for need in self.needs} - {""}
        return bounds.pop() if len(bounds) == 1 else "about" if bounds else ""

    def first(self, kind: str) -> Stop | None:
        """When a window of that kind is spent for the first time."""
        return next((stop for stop in self.stops if stop.kind == kind), None)

    @property
    def run_ends(self) -> Stop | None:
        """The first limit that a run of these settings does not wait for."""
        waited = 0.0
        for stop in self.stops:
            wait = stop.opens_at - stop.at
            if not self.policy.is_patient(stop.kind, wait, waited):
                return stop
            waited += wait
        return None

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
            "minutes": None if self.windows["minute"]["limit"] is None else self._minutes,
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
    def _minutes(self) -> float:
        return round((self.ends - self.began) / _MINUTE, 1)

    # For people

    def as_text(self) -> str:
        """A table, and what it means for the budget."""
        head = ("stream", "rows", "requests", "minutes", "remarks")
        rows = [_row(n, minutes) for n, minutes in zip(self.needs, self.minutes, strict=True)]
        total = f"{self.bound} {self.requests:,}".lstrip()
        paced = self.windows["minute"]["limit"] is not None
        rows.append(["total", "", total, _in_minutes(self._minutes if paced else None), ""])
        table = aligned(head, rows, numbers=head[1:4])
        return "\n".join([*table, "", *self._sentences()])

    def _sentences(self) -> list[str]:
        limits = [
            f"{window['limit']:,} {'an' if kind == 'hour' else 'a'} {kind}"
            for kind, window in self.windows.items()
            if window["limit"] is not None
        ]
        takes = f"{counted(self.requests, 'request')} take {roughly(self.ends - self.began)}"
        said = [f"At {', '.join(limits)}: {takes}." if limits else "The settings set no limits."]
        left, day = self.windows["day"]["left"], self.first("day")
        if day is not None:
            gone = f"after {counted(day.sent, 'request')}" if day.sent else "already"
            at = f", at about {_clock(day.at)}" if day.sent else ""
            opens = f"it opens again at {_clock(day.opens_at)}"
            said.append(f"The quota of the day is spent {gone}{at}; {opens}.")
            said.append(f"The last request leaves at about {_clock(self.ends)}.")
        elif left is not None:
            said.append(f"The quota of the day suffices: {counted(left, 'request')} are left.")
        ends, most = self.run_ends, self.policy.max_requests
        if most is not None and most < self.requests and (ends is None or most <= ends.sent):
            said.append(f"max_requests ends a run after {most:,}; the next goes on.")
        elif ends is not None:
            how = f"when_quota_spent is {self.policy.when_spent!r}"
            said.append(
                f"As {how}, a run ends after {ends.sent:,} ({ends.kind}), at about "
                f"{_clock(ends.at)}; the next goes on from {_clock(ends.opens_at)}."
            )
        said.append(f"This estimate took {counted(self.asked, 'request')}.")
        return said


def forecast_of(tap: TapPrecoro) -> Forecast:
    """Ask what a sync of this tap needs, and play the budget forward from there."""
    needs = needs_of(tap)
    quota = tap.client.quota
    report, began = quota.report(), quota.server_now()
    pace = Pace(report, began)
    minutes: list[float | None] = []
    for need in needs:
        before = pace.now
        taken = pace.send(need.requests or 0) - before
        paced = need.requests is not None and quota.limits.of("minute") is not None
        minutes.append(taken / _MINUTE if paced else None)
    asked = tap.client.requests_by_method.total()
    return Forecast(
        needs, minutes, report["windows"], began, pace.now, pace.stops, quota.policy, asked
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
