"""Rows that cannot be written yet: kept in the journal, and tried again by later runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from precoro_api import SettingsError

from target_precoro.journal.journal import Parked
from target_precoro.records.identity import fingerprint, key_of
from target_precoro.records.outcome import Pending
from target_precoro.records.wanted import wanted_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from target_precoro.journal.journal import Journal
    from target_precoro.records.outcome import Outcome
    from target_precoro.records.routes import Route

__all__ = ["Parking"]

logger = logging.getLogger(__name__)

_MAY_PASS = ("transient", "quota", "auth", "bug")
"""Classes of errors after which a parked row is tried again; a refused one is told, and over."""


class Parking:
    """What earlier runs parked, and what this one parks."""

    def __init__(
        self, journal: Journal, route_of: Callable[[str], Route], now: Callable[[], float]
    ) -> None:
        self._journal = journal
        self._route_of = route_of
        self._now = now
        self._before = {(each.stream, each.key) for each in journal.parked()}
        self._done: set[tuple[str, str]] = set()

    def came(self, batch: Iterable[Pending]) -> None:
        """The input has these records, so what is parked of them is out of date."""
        if self._before:
            self._done |= {_name(each) for each in batch} & self._before

    def left(self) -> Iterator[Pending]:
        """What earlier runs parked and this one has not tried yet, oldest first."""
        for parked in self._journal.parked():
            try:
                route = self._route_of(parked.stream)
            except SettingsError:
                logger.info(
                    "%s %s waits for a run whose settings know its stream.",
                    parked.stream,
                    parked.key,
                )
                continue
            each = Pending(
                0,
                route,
                parked.record,
                wanted_of(route, parked.record),
                parked.schema,
                parked.key_properties,
                replayed=True,
            )
            if _name(each) not in self._done:
                yield each

    def hear(self, each: Pending, outcome: Outcome) -> None:
        """Park a record that waits; let go of one for which that is over."""
        if outcome.action == "waiting":
            self._park(each, outcome.reason)
        elif _name(each) in self._before and outcome.error not in _MAY_PASS:
            self._journal.unpark(*_name(each))

    def _park(self, each: Pending, reason: str) -> None:
        self._done.add(_name(each))  # not to be tried once more by this run
        self._journal.park(
            Parked(
                *_name(each),
                each.record,
                each.schema,
                each.key_properties,
                tuple((ref.resource, ref.value) for ref in each.wanted.references),
                reason,
                fingerprint(each),
                self._now(),
            )
        )


def _name(each: Pending) -> tuple[str, str]:
    return each.route.stream, key_of(each)
