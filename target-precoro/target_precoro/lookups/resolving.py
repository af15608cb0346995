"""From the references of records to the ids that they mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME

from target_precoro.records.form_keys import path_keys
from target_precoro.records.wanted import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from target_precoro.lookups.directories import Directories
    from target_precoro.records.outcome import Pending

__all__ = ["Resolving", "known_place", "references_in"]


class Resolving:
    """Puts ids in the place of references, as far as Precoro is known to have their records."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    def placed(self, batch: Iterable[Pending]) -> list[Pending]:
        """The records with the references of their paths resolved, as far as they can be."""
        batch = list(batch)
        self._directories.ask(
            (ref, {}) for each in batch for ref in references_in(each.wanted.place)
        )
        return [self._placed(each) for each in batch]

    def asked(self, batch: Iterable[Pending]) -> list[Pending]:
        """The records with their places, and all that they refer to looked up in common."""
        placed = self.placed(batch)
        self._directories.ask(
            (ref, place)
            for each in placed
            if (place := known_place(each.wanted.place)) is not None
            for ref in each.wanted.references
        )
        return [self.resolved(each) for each in placed]

    def _placed(self, each: Pending) -> Pending:
        if not each.wanted.place:
            return each
        resource, place = each.route.resource, dict(each.wanted.place)
        for key in path_keys(resource):
            reference = place.pop(key.stem, None)
            if isinstance(reference, Reference):
                found = self._directories.resolve(reference, {}, key.by)
                place[key.param] = reference if found is None else found
        return replace(each, wanted=replace(each.wanted, place=place))

    def resolved(self, each: Pending) -> Pending:
        """The record with those references as ids that are known by now."""
        wanted = each.wanted
        if not wanted.references:
            return each
        place = known_place(wanted.place)
        values = {name: self._value(value, place) for name, value in wanted.values.items()}
        return replace(each, wanted=replace(wanted, values=values))

    def _value(self, value: Any, place: Mapping[str, Any] | None) -> Any:
        if isinstance(value, list):
            return [self._value(item, place) for item in value]
        if not isinstance(value, Reference):
            return value
        if place is None and BY_NAME[value.resource].parent:
            return value  # it is an option of a field that is not known yet
        found = self._directories.resolve(value, place or {})
        return value if found is None else found


def references_in(values: Mapping[str, Any]) -> list[Reference]:
    """Those among the values that are still to be resolved."""
    return [value for value in values.values() if isinstance(value, Reference)]


def known_place(place: Mapping[str, Any]) -> dict[str, Any] | None:
    """A place whose parts are all known, else None."""
    if any(isinstance(value, Reference) for value in place.values()):
        return None
    return dict(place)
