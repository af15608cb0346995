"""Linked records of Precoro that a whole stream no longer has: reported, or disabled."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api import SettingsError

from target_precoro.records.equality import is_empty
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.records.upsert import Change, Refused, Update
from target_precoro.records.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from target_precoro.records.routes import Route
    from target_precoro.target import TargetPrecoro

__all__ = ["Missing", "sorted_out"]

logger = logging.getLogger(__name__)

_SWITCH = "enable"
_UNCLEAR = "it cannot be told whether the source still has it, so it is left as it is"


@dataclass
class _Had:
    """What the source has of one resource.

    `ids` are the Precoro ids of its records, `maybe` those of candidates that a refused record did
    not choose between; `unknown` counts records of which nothing tells which they are.
    """

    external_ids: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    unknown: int = 0


class Missing:
    """What the streams brought, and what to do at their end where `on_missing` says so."""

    def __init__(self, *, on: bool = True) -> None:
        self._on = on
        self._whole = True
        self._watched: dict[str, Route] = {}
        self._had: dict[str, _Had] = {}

    def watch(self, route: Route) -> None:
        """Listen to a stream. Raises SettingsError where its records cannot be disabled."""
        if route.on_missing == "ignore":
            return
        key = form_keys(route.resource).get(_SWITCH)
        if route.on_missing == "disable" and (key is None or not key.updates):
            raise SettingsError(
                f"on_missing: {route.resource.name} cannot be disabled by the API; stream "
                f"{route.stream!r} can have `report` or `ignore`."
            )
        self._watched.setdefault(route.stream, route)

    def note(self, each: Pending, outcome: Outcome) -> None:
        """What a record of the input came to, and so which record of Precoro the source has.

        Records that only speak of others, such as approvals, are not to be told of here.
        """
        if not self._on:
            return
        had = self._had.setdefault(each.route.resource.name, _Had())
        row_id = outcome.row.get("id")
        if each.wanted.external_id:
            had.external_ids.add(each.wanted.external_id)
        if row_id is not None:
            had.ids.add(str(row_id))
        elif isinstance(outcome.step, Refused) and outcome.step.rows:
            had.maybe |= {str(row.get("id")) for row in outcome.step.rows}
        elif each.wanted.external_id is None and outcome.action in ("rejected", "waiting"):
            had.unknown += 1

    def not_whole(self) -> None:
        """Some of the input could not be read: nothing tells what the source no longer has."""
        self._whole = False

    def finish(self, target: TargetPrecoro) -> None:
        """The streams are read to their ends: tell what is missing, and disable it if so set."""
        # Streams of one resource have it together; one that disables goes before one that reports.
        routes = sorted(self._watched.values(), key=lambda route: route.on_missing)
        by_resource = {route.resource.name: route for route in reversed(routes)}
        for route in by_resource.values():
            if route.resource.parent is None:  # options are linked field by field
                self._finish(target, route)

    def _finish(self, target: TargetPrecoro, route: Route) -> None:
        directory = target.engine.directories.of(route.resource, {})
        directory.read_all()
        linked = [row for row in directory.known if not is_empty(row.get(EXTERNAL_ID))]
        had = self._had.get(route.resource.name, _Had())
        missing, unclear = sorted_out(linked, had.external_ids, had.ids, had.maybe)
        if had.unknown or not self._whole:
            missing, unclear = [], missing + unclear
        if route.on_missing == "report" or not missing:
            for row in missing:
                logger.info(
                    "%s: the source no longer has %s (id %s).",
                    route.stream,
                    _key(row),
                    row.get("id"),
                )
            logger.info("%s: %d linked records are missing.", route.stream, len(missing))
        self._tell(target, route, unclear)
        if route.on_missing == "disable":
            self._disable_all(target, route, missing, len(linked))

    def _tell(
        self, target: TargetPrecoro, route: Route, unclear: Sequence[Mapping[str, Any]]
    ) -> None:
        for row in unclear:
            told = (route.stream, _key(row), row.get("id"), _UNCLEAR)
            logger.warning("%s %s (id %s): %s.", *told)
            target.settle(_pending(route, row), Outcome("skipped", row, reason=_UNCLEAR))

    def _disable_all(
        self,
        target: TargetPrecoro,
        route: Route,
        missing: Sequence[Mapping[str, Any]],
        linked: int,
    ) -> None:
        enabled = [row for row in missing if row.get(_SWITCH) is not False]
        most = target.config.get("max_disable_percent")
        if len(enabled) * 100 > (5 if most is None else most) * linked:
            raise SettingsError(
                f"on_missing: {len(enabled)} of {linked} linked {route.resource.name} are not "
                f"in stream {route.stream!r}, more than max_disable_percent allows: none was "
                "disabled. Is the stream whole?"
            )
        for row in enabled:
            with target.writing():
                target.settle(_pending(route, row), self._disable(target, route, row))

    def _disable(self, target: TargetPrecoro, route: Route, row: Mapping[str, Any]) -> Outcome:
        step = Update(row, {_SWITCH: Change(row.get(_SWITCH), new=False)})
        if target.dry:
            return Outcome("disabled", row, (_SWITCH,), step=step, by=EXTERNAL_ID)
        try:
            changed = target.engine.writer_of(route.resource).update(_key(row), step)
        except ROW_ERRORS as problem:
            return Outcome("rejected", row, reason=str(problem), error=class_of(problem))
        return Outcome("disabled", changed, (_SWITCH,))


def sorted_out(
    linked: Sequence[Mapping[str, Any]],
    external_ids: AbstractSet[str],
    ids: AbstractSet[str] = frozenset(),
    maybe: AbstractSet[str] = frozenset(),
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The linked rows that the source no longer has, and those of which that is unclear. Pure.

    The API may show `007` as the number 7, which `7` and `07` are as well: one row of a number is
    the source's if that has any such id, several rows are unclear but for those known by their ids.
    """
    missing: list[Mapping[str, Any]] = []
    unclear: list[Mapping[str, Any]] = []
    numbers = {int(each) for each in external_ids if each.isdecimal()}
    rows_of = Counter(row[EXTERNAL_ID] for row in linked if isinstance(row[EXTERNAL_ID], int))
    for row in linked:
        row_id, shown = str(row.get("id")), row[EXTERNAL_ID]
        if isinstance(shown, int):
            there, alone = shown in numbers, rows_of[shown] == 1
        else:
            there, alone = str(shown).strip() in external_ids, True
        if row_id in ids or (there and alone):
            continue
        (unclear if there or row_id in maybe else missing).append(row)
    return missing, unclear


def _key(row: Mapping[str, Any]) -> str:
    return str(row[EXTERNAL_ID]).strip()


def _pending(route: Route, row: Mapping[str, Any]) -> Pending:
    return Pending(0, route, {}, Wanted(_key(row)))
