"""When things happened: three years that end one day before `now`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["DAY", "SPAN", "Timeline", "between", "moments", "updated"]

DAY = 86_400
SPAN = 3 * 365 * DAY

_RECENT = 3 * DAY
# Nights on which someone changed many rows at once, so that their `updateDate` is the same.
_BULK_UPDATES = (200 * DAY, 431 * DAY, 688 * DAY, 902 * DAY, 1_040 * DAY)


class Timeline:
    """Turns moments, counted in seconds from the company's first day, into ISO 8601 texts.

    Everything is drawn in such seconds, so that a row is the same whatever `now` is, but for
    its dates.
    """

    def __init__(self, now: datetime) -> None:
        """Ends one day before `now`, which must know its zone."""
        if now.tzinfo is None:
            message = "now must carry a time zone"
            raise ValueError(message)
        self.end = now.astimezone(timezone.utc).replace(microsecond=0) - timedelta(days=1)
        self.start = self.end - timedelta(seconds=SPAN)

    def at(self, when: int) -> str:
        """The moment as the API writes it: whole seconds, with offset."""
        return (self.start + timedelta(seconds=when)).isoformat()

    def day(self, when: int) -> str:
        """Midnight of the moment's day."""
        moment = self.start + timedelta(seconds=when)
        return moment.replace(hour=0, minute=0, second=0).isoformat()


def moments(rng: Random, count: int, early: float = 1.0) -> list[int]:
    """That many moments in rising order; `early` above 1 crowds them towards the beginning."""
    draw = rng.random
    return sorted(int(SPAN * draw() ** early) for _ in range(count))


def updated(rng: Random, index: int, created: int) -> int:
    """When a row was last changed: seldom in the last three days, sometimes in a bulk update."""
    limit = SPAN - _RECENT
    if created >= limit:
        return created
    if index % 64 == 40:
        return rng.randrange(limit, SPAN + 1)
    if index % 16 == 3:
        later = [each for each in _BULK_UPDATES if each >= created]
        if later:
            return later[int(rng.random() * len(later))]
    return created + int((limit - created) * rng.random() ** 3)


def between(rng: Random, first: int, last: int) -> int:
    """A moment from `first` to `last`, both included."""
    return first + int((max(first, last) - first) * rng.random())
