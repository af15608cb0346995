"""What a 429 says: which limiter, and when it opens again.

The moment may stand in the JSON body or in headers, in several formats, or nowhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UNTOLD_WAIT", "Limit", "read_limit", "server_moment"]

UNTOLD_WAIT = 61.0
"""Seconds to wait where a 429 names no moment: longer than the shortest window."""


@dataclass(frozen=True)
class Limit:
    """A limiter's name as the API has it, and the seconds until it opens."""

    limiter: str
    wait: float
    told: bool

    @property
    def is_daily(self) -> bool:
        """Whether only another day helps."""
        return "daily" in self.limiter.lower()


def read_limit(body: bytes, headers: Mapping[str, str], local_now: float) -> Limit:
    """The limit that a 429 speaks of; `local_now` (epoch seconds) serves where `Date` is missing.

    Waits are measured by the server's own clock (its `Date` header), so a wrong clock on this
    machine does not matter.
    """
    try:
        parsed = json.loads(body)
    except ValueError:
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
        if wait is not None:
            return Limit(limiter, max(wait, 0.0) + 1.0, told=True)
    return Limit(limiter, UNTOLD_WAIT, told=False)


def server_moment(headers: Mapping[str, str]) -> datetime | None:
    """The server's clock as its `Date` header tells it, to the second."""
    try:
        return parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None


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
