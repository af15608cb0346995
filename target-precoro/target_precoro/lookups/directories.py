"""The directories of a run, and where references lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME

from target_precoro.lookups.directory import Directory
from target_precoro.records.form_keys import EXTERNAL_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_api import Client, Resource

    from target_precoro.lookups.indexed_rows import Row
    from target_precoro.records.wanted import Reference

__all__ = ["Directories"]


class Directories:
    """The directories of a run, one for each place of a resource, and the way to ids."""

    def __init__(self, client: Client, kind: type[Directory] = Directory) -> None:
        self._client = client
        self._kind = kind
        self._known: dict[tuple[str, tuple[tuple[str, Any], ...]], Directory] = {}

    def of(self, resource: Resource, place: Mapping[str, Any]) -> Directory:
        """The directory of a resource below a place."""
        place = place if resource.parent else {}  # only options are listed by their place
        key = (resource.name, tuple(sorted(place.items())))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._kind(self._client, resource, place)
        return known

    def ask(self, references: Iterable[tuple[Reference, Mapping[str, Any]]]) -> None:
        """Look up what is not known yet of these references, 200 external ids a request."""
        wanted: dict[Directory, list[str]] = {}
        for reference, place in references:
            if reference.by == EXTERNAL_ID:
                directory = self.of(BY_NAME[reference.resource], place)
                known = directory.id_of(reference.value) is not None
                known = known or bool(directory.several(reference.value))
                if not known and not directory.is_absent(reference.value):
                    wanted.setdefault(directory, []).append(reference.value)
        for directory, external_ids in wanted.items():
            directory.look_up(external_ids)

    def resolve(self, reference: Reference, place: Mapping[str, Any], want: str = "id") -> Any:
        """The id (or idn) that a reference means, None where Precoro has none, or not yet."""
        if reference.by == want:
            return reference.value
        directory = self.of(BY_NAME[reference.resource], place)
        if reference.by == EXTERNAL_ID:
            return directory.id_of(reference.value, want)
        if reference.by == "name":
            rows = directory.named(reference.value)
            return rows[0].get(want) if len(rows) == 1 else None
        row = directory.by_key(reference.by, reference.value)
        return None if row is None else row.get(want)

    def several(self, reference: Reference, place: Mapping[str, Any]) -> list[Row]:
        """The rows that a reference may mean, where it is more than one."""
        directory = self.of(BY_NAME[reference.resource], place)
        if reference.by == EXTERNAL_ID:
            return directory.several(reference.value)
        rows = directory.named(reference.value) if reference.by == "name" else []
        return rows if len(rows) > 1 else []
