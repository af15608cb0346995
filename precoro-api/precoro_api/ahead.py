"""Requests that overlap, as far as the budget makes that useful, with answers in order."""

from __future__ import annotations

import math
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from precoro_api.quota import Quota

__all__ = ["MOST_AT_ONCE", "in_order", "useful_overlap"]

T = TypeVar("T")

MOST_AT_ONCE = 8
_SLACK = 1.2
_this_thread = threading.local()


def useful_overlap(latency: float, per_minute: int | None) -> int:
    """How many requests must be under way at once so that latency wastes no budget.

    One, unless answers take longer than the pace of the budget: then nothing would be gained.
    """
    pace = (per_minute or 60) / 60.0
    needed = latency * pace
    return 1 if needed < 0.9 else min(MOST_AT_ONCE, math.ceil(needed * _SLACK))  # noqa: PLR2004


def in_order(calls: Iterable[Callable[[], T]], quota: Quota) -> Iterator[T]:
    """The results of the calls, in their order, with a few under way ahead of need.

    A call's error is raised at its turn; calls after it that wait for their turn are given up.
    Within such a call, further calls go one by one: there are never more than MOST_AT_ONCE.
    """
    under_way: deque[Future[T]] = deque()
    pool: ThreadPoolExecutor | None = None
    before: threading.Event | None = None
    given_up = threading.Event()
    try:
        for call in calls:
            overlap = 1
            if not getattr(_this_thread, "works_ahead", False):
                overlap = useful_overlap(quota.latency, quota.limits.of("minute"))
            while len(under_way) >= overlap and under_way:
                yield under_way.popleft().result()
            if overlap == 1:
                yield call()
                continue
            pool = pool or ThreadPoolExecutor(MOST_AT_ONCE, "precoro", _work_ahead)
            turn = threading.Event()
            under_way.append(pool.submit(_in_line, call, quota, before, turn, given_up))
            before = turn
        while under_way:
            yield under_way.popleft().result()
    finally:
        if pool is not None:
            given_up.set()
            # A thread of the pool comes here where it collects what nobody uses any more.
            own = getattr(_this_thread, "works_ahead", False)
            pool.shutdown(wait=not own, cancel_futures=True)


def _work_ahead() -> None:
    _this_thread.works_ahead = True


def _in_line(
    call: Callable[[], T],
    quota: Quota,
    before: threading.Event | None,
    turn: threading.Event,
    given_up: threading.Event,
) -> T:
    with quota.in_line(before, turn, given_up):
        return call()
