"""What a 429 says: which limiter, and when it opens again.

The moment may stand in the JSON body or in headers, in several formats, or nowhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNTOLD_WAIT", "Limit", "read_limit", "server_moment"]

UNTOLD_WAIT = 61.0
"""Seconds to wait where a 429 names neither a moment nor a day or hour: longer than a minute."""

_HOUR = timedelta(hours=1)
_LONGEST_WAIT = 40 * 86400.0
"""A moment further away is a misunderstanding."""


@dataclass(frozen=True)
class Limit:
    """A limiter's name as the API has it, and the seconds until it opens."""

    limiter: str
    wait: float
    told: bool


def read_limit(body: bytes, headers: Mapping[str, str], local_now: float) -> Limit:
    """The limit that a 429 speaks of; `local_now` (epoch seconds) serves where `Date` is missing.

    Waits are measured by the server's own clock (its `Date` header), so a wrong clock on this
    machine does not matter.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    said = parsed if isinstance(parsed, dict) else {}
    limiter = str(said.get("RateLimit-Type") or headers.get("RateLimit-Type") or "limiter")
    now = server_moment(headers) or datetime.fromtimestamp(local_now, timezone.utc)
    for told in (
        said.get("RateLimit-Retry-After"),
        headers.get("RateLimit-Retry-After"),
        headers.get("Retry-After"),
    ):
        wait = _seconds_until(told, now)
        if wait is not None and wait < _LONGEST_WAIT:
            return Limit(limiter, max(wait, 0.0) + 1.0, told=True)
    return Limit(limiter, _untold_wait(limiter, now), told=False)


def server_moment(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock as its `Date` header tells it, to the second."""
    try:
        moment = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _untold_wait(limiter: str, now: datetime) -> float:
    """Until the next day or hour begins, where the limiter's name says that it counts those."""
    name = limiter.lower()
    if "daily" not in name and "hour" not in name:
        return UNTOLD_WAIT
    start = now.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)
    end = start.replace(hour=0) + timedelta(days=1) if "daily" in name else start + _HOUR
    return (end - now).total_seconds() + 1.0


def _seconds_until(told: object, now: datetime) -> float | None:
    text = str(told).strip() if told not in (None, "") else ""
    if not text:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        number = float(text)
        # A number is seconds to wait, unless it can only be a moment since the epoch.
        return number - now.timestamp() if number > 1e9 else number  # noqa: PLR2004
    try:
        moment = datetime.fromisoformat(re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", text))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - now).total_seconds()
