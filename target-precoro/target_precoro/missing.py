"""Linked records of Precoro that a whole stream no longer has: reported, or disabled."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from precoro_api import SettingsError

from target_precoro.form_keys import EXTERNAL_ID, form_keys
from target_precoro.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.upsert import Change, Update
from target_precoro.wanted import Wanted

if TYPE_CHECKING:
    from target_precoro.routes import Route
    from target_precoro.target import TargetPrecoro

__all__ = ["Missing"]

logger = logging.getLogger(__name__)

_SWITCH = "enable"


class Missing:
    """The external ids that each stream with `on_missing` brought, and what to do at its end."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Route, set[str]]] = {}

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
        self._seen.setdefault(route.stream, (route, set()))

    def note(self, stream: str, external_id: str | None) -> None:
        """The stream has this record."""
        if stream in self._seen and external_id:
            self._seen[stream][1].add(external_id)

    def finish(self, target: TargetPrecoro) -> None:
        """The streams are read to their ends: tell what is missing, and disable it if so set."""
        for route, seen in self._seen.values():
            if route.resource.parent is None:  # options are linked field by field
                self._finish(target, route, seen)

    def _finish(self, target: TargetPrecoro, route: Route, seen: set[str]) -> None:
        directory = target.engine.directories.of(route.resource, {})
        directory.read_all()
        linked = directory.linked
        missing = {key: row for key, row in linked.items() if key not in seen}
        if route.on_missing == "report" or not missing:
            for key, row in missing.items():
                logger.info(
                    "%s: the source no longer has %s (id %s).", route.stream, key, row.get("id")
                )
            logger.info("%s: %d linked records are missing.", route.stream, len(missing))
            return
        enabled = {key: row for key, row in missing.items() if row.get(_SWITCH) is not False}
        most = target.config.get("max_disable_percent")
        if len(enabled) * 100 > (5 if most is None else most) * len(linked):
            raise SettingsError(
                f"on_missing: {len(enabled)} of {len(linked)} linked {route.resource.name} are not "
                f"in stream {route.stream!r}, more than max_disable_percent allows: none was "
                "disabled. Is the stream whole?"
            )
        for key, row in enabled.items():
            with target.writing():
                each = Pending(0, route, {}, Wanted(key))
                target.settle(each, self._disable(target, route, key, row))

    def _disable(
        self, target: TargetPrecoro, route: Route, key: str, row: dict[str, Any]
    ) -> Outcome:
        step = Update(row, {_SWITCH: Change(row.get(_SWITCH), new=False)})
        if target.dry:
            return Outcome("disabled", row, (_SWITCH,), step=step, by=EXTERNAL_ID)
        try:
            changed = target.engine.writer_of(route.resource).update(key, step)
        except ROW_ERRORS as problem:
            return Outcome("rejected", row, reason=str(problem), error=class_of(problem))
        return Outcome("disabled", changed, (_SWITCH,))
