"""Writing many records: overlapping where that is safe, and each told of, whatever ends the run."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from precoro_api import QuotaSpent
from precoro_api.ahead import in_order

from target_precoro.records.identity import place_prefix
from target_precoro.records.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from precoro_api.quota import Quota

    from target_precoro.records.outcome import Pending

__all__ = ["SideBySide"]

_MOST_EACH = 3
"""Requests that writing one record takes at most, but for answers that are lost."""
_MOST_LOOKS = 5
"""How often a record is looked for again because another process is writing it, too."""


class SideBySide:
    """Writes a wave: records of which none needs another.

    `write_one` gives what became of a record, None where another process is making it; `hear` is
    told that, in the order of the records; `teaches` says whether writing a record would show
    something of the API; `look_again` looks at Precoro anew for a record, and says when: no list
    twice, so it is told when one was read anew.
    """

    def __init__(
        self,
        quota: Quota,
        *,
        write_one: Callable[[Pending, float], Outcome | None],
        hear: Callable[[Pending, Outcome], None],
        teaches: Callable[[Pending], bool],
        look_again: Callable[[Pending, float | None], float],
        wanted_still: Callable[[], bool],
    ) -> None:
        self._quota = quota
        self._write_one = write_one
        self._hear = hear
        self._teaches = teaches
        self._look_again = look_again
        self._wanted_still = wanted_still

    def write(self, wave: Sequence[Pending], looked_at: float) -> None:
        """Write these records, as far as it is wanted."""
        left = deque(wave)
        busy: list[Pending] = []
        while left and self._wanted_still():
            # What the first write of a kind teaches spares the others a request each.
            if self._teaches(left[0]):
                first = left.popleft()
                self._heard_or(busy, first, self._write_one(first, looked_at))
                continue
            most = self._most_at_once(left)
            run = [left.popleft()]
            while left and len(run) < most and not self._teaches(left[0]):
                run.append(left.popleft())
            self._overlap(run, busy, looked_at)
        self._again(busy)

    def _overlap(self, run: list[Pending], busy: list[Pending], looked_at: float) -> None:
        """Write records that may overlap; if one ends the run, those beside it are told of, too."""
        ended: dict[int, Outcome | None] = {}

        def write(number: int, each: Pending) -> None:
            ended[number] = self._write_one(each, looked_at)

        wanted = enumerate(self._while_wanted(run))
        heard = 0
        try:
            for _ in in_order((partial(write, *each) for each in wanted), self._quota):
                self._heard_or(busy, run[heard], ended[heard])
                heard += 1
        except BaseException:
            for number in sorted(n for n in ended if n >= heard):
                self._heard_or(busy, run[number], ended[number])
            raise

    def _heard_or(self, busy: list[Pending], each: Pending, outcome: Outcome | None) -> None:
        if outcome is None:
            busy.append(each)
        else:
            self._hear(each, outcome)

    def _again(self, busy: list[Pending]) -> None:
        """Records that another process was just making: looked at anew, once all others are done.

        Not before, as two processes would wait for each other.
        """
        for _ in range(_MOST_LOOKS):
            looked: dict[tuple[str, str], float] = {}
            left: list[Pending] = []
            for each in busy if self._wanted_still() else ():
                below = (each.route.resource.name, place_prefix(each))
                looked[below] = self._look_again(each, looked.get(below))
                self._heard_or(left, each, self._write_one(each, looked[below]))
            busy = left
        reason = "another process keeps writing this record; it is left to that one"
        for each in busy:
            self._hear(each, Outcome("rejected", reason=reason, error="conflict"))

    def _most_at_once(self, wave: Sequence[Pending]) -> int:
        """How many may be under way without taking from each other what is left of the budget."""
        many = len(wave)
        while many > 1:
            try:
                self._quota.need(many * _MOST_EACH, wave[0].route.resource.name)
            except QuotaSpent:
                many //= 2
            else:
                break
        return many

    def _while_wanted(self, wave: list[Pending]) -> Iterator[Pending]:
        for each in wave:
            if not self._wanted_still():
                return
            yield each
