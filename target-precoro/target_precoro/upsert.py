"""The decision what to write: pure functions, no network, no clock.

After a plan is carried out, planning again gives Unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from target_precoro.equality import is_empty, merged, misfit, same_id, says, sent
from target_precoro.form_keys import EXTERNAL_ID, form_keys, path_keys
from target_precoro.wanted import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource

    from target_precoro.form_keys import FormKey
    from target_precoro.routes import Route
    from target_precoro.wanted import Reference, Wanted

__all__ = [
    "Change",
    "Create",
    "Found",
    "Link",
    "Plan",
    "Refused",
    "Skipped",
    "Unchanged",
    "Undecided",
    "Update",
    "Waiting",
    "plan",
    "problem_of",
    "unseen",
]


@dataclass(frozen=True)
class Found:
    """What Precoro has for a record: rows, and by what they were found (`externalId`, `name`…).

    Rows that only resemble it are not `sure`: each of them may be another record.
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    by: str = EXTERNAL_ID
    sure: bool = True


@dataclass(frozen=True)
class Change:
    """One field's value before and after; `new` is what goes into the form."""

    old: Any
    new: Any


@dataclass(frozen=True)
class Create:
    """Nothing is found: a new record, which is to be linked to its external id if it has one."""

    external_id: str | None
    form: Mapping[str, Any]
    place: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """The record exists and differs in these fields, by form key; the external id may be one."""

    row: Mapping[str, Any]
    changes: Mapping[str, Change]
    place: Mapping[str, Any] = field(default_factory=dict)

    @property
    def form(self) -> dict[str, Any]:
        """The changed keys with their new values."""
        return {key: change.new for key, change in self.changes.items()}


@dataclass(frozen=True)
class Link(Update):
    """The record exists, was found by other fields, and only its external id is to be set."""


@dataclass(frozen=True)
class Unchanged:
    """The record exists and says all that is wanted."""

    row: Mapping[str, Any]


@dataclass(frozen=True)
class Waiting:
    """The record names others that Precoro does not have, yet."""

    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Skipped:
    """There is nothing to do, and why; `done` where that is what the record asked for."""

    reason: str
    done: bool = False
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """The record cannot be written, and why; `kind` is `data` or `conflict`."""

    reason: str
    kind: str = "data"
    rows: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Undecided:
    """The record may be one of these rows or none, so a person is to say which."""

    reason: str


Plan = Create | Update | Link | Unchanged | Waiting | Skipped | Refused | Undecided


def plan(route: Route, wanted: Wanted, found: Found) -> Plan:  # noqa: PLR0911 - a list of cases
    """What to do for a record, given what Precoro has for it."""
    resource = route.resource
    problem = problem_of(route, wanted)
    if not problem and wanted.key is None and not _matchable(route, wanted):
        problem = (
            "it has no external id and nothing else to find it by, so it could never be found again"
        )
    if problem:
        return Refused(problem)
    if wanted.references:
        return Waiting(tuple(wanted.references))
    if found.rows and not found.sure:
        return _resembling(route, wanted, found)
    if len(found.rows) > 1:
        return _ambiguous(found)
    if not found.rows:
        return _missing(route, wanted)
    row = found.rows[0]
    carried = row.get(EXTERNAL_ID)
    if wanted.external_id and not is_empty(carried) and not same_id(carried, wanted.external_id):
        return Refused(
            f"it was found by {found.by} (id {row.get('id')}), but that record is linked to "
            f"{carried!r}: unlink it in Precoro, or mend the external id",
            "conflict",
            found.rows,
        )
    if route.mode == "insert":
        return Unchanged(row)
    return _changed(route, resource, wanted, row)


def _changed(route: Route, resource: Resource, wanted: Wanted, row: Mapping[str, Any]) -> Plan:
    changes: dict[str, Change] = {}
    if wanted.external_id and is_empty(row.get(EXTERNAL_ID)) and resource.patch is not None:
        changes[EXTERNAL_ID] = Change(row.get(EXTERNAL_ID), wanted.external_id)
    if route.mode != "link":
        keys = form_keys(resource)
        for name, value in wanted.values.items():
            key, whole = keys[name], route.replaces(name)
            if not key.updates or key.shown_as not in row:
                continue
            old = row[key.shown_as]
            if not says(resource, key, old, value, whole=whole):
                changes[key.key] = Change(old, _new(resource, key, old, value, whole=whole))
    if not changes:
        return Unchanged(row)
    kind = Link if changes.keys() == {EXTERNAL_ID} else Update
    return kind(row, changes, wanted.place)


def _missing(route: Route, wanted: Wanted) -> Plan:
    resource = route.resource
    if wanted.precoro_id or wanted.idn:
        named = f"id {wanted.precoro_id}" if wanted.precoro_id else f"idn {wanted.idn}"
        return Refused(f"Precoro has no {resource.name} with {named}, or not for this key's user")
    if resource.create is None:
        how = "the API does not offer to create them" if resource.patch else "the API creates none"
        return Refused(f"nothing in Precoro carries its external id, and {how}")
    if resource.patch is None and not _matchable(route, wanted):
        fields = " or ".join(route.match_on) or "match_on"
        return Refused(
            f"the API cannot link {resource.name} to an external id, so it could never be found "
            f"again: give it {fields}"
        )
    if route.mode in ("update", "link"):
        return Skipped(f"Precoro does not have it, and the mode of the stream is {route.mode}")
    for part in path_keys(resource):
        if part.param not in wanted.place:
            given = f"{part.stem}_idn" if part.by == "idn" else f"{part.stem}_id"
            return Refused(f"it names no {part.stem} that it belongs to: give {given}")
    keys = form_keys(resource)
    # What only a PATCH takes goes along with the external id.
    taken = {key.key for key in keys.values() if key.creates}
    taken |= set(resource.patch.keys if resource.patch else ())
    form = {
        keys[name].key: _new(resource, keys[name], [], value, whole=True)
        for name, value in wanted.values.items()
        if keys[name].key in taken and not is_empty(value)
    }
    return Create(wanted.external_id, form, wanted.place)


def _new(resource: Resource, key: FormKey, old: Any, value: Any, *, whole: bool) -> Any:
    """What goes into the form so that the row says this value."""
    if key.is_list:
        return merged(key, old, value, whole=whole or value is None)
    return sent(resource, key, value)


def _resembling(route: Route, wanted: Wanted, found: Found) -> Plan:
    """A single row that says all that is wanted is it: what a run made whose journal is gone."""
    changed = _changed(route, route.resource, wanted, found.rows[0])
    if len(found.rows) == 1 and isinstance(changed, (Link, Unchanged)):
        return Unchanged(found.rows[0]) if route.mode == "insert" else changed
    many = len(found.rows)
    what = f"{many} records of Precoro have" if many > 1 else "a record of Precoro has"
    return Undecided(
        f"{what} its {found.by} and no externalId (ids {_ids_of(found)}), and may be it: set the "
        f"externalId of the right one; if it is none of them, give the record a "
        f"{' or '.join(route.match_on)}, or the stream an empty match_on"
    )


def _ids_of(found: Found) -> str:
    return ", ".join(
        f"{row.get('id')}" + (f" {row['name']!r}" if row.get("name") else "") for row in found.rows
    )


def _ambiguous(found: Found) -> Refused:
    ids = _ids_of(found)
    if found.by == EXTERNAL_ID:
        words = f"{len(found.rows)} records of Precoro carry this external id (ids {ids}): "
        return Refused(f"{words}leave it on one of them", "conflict", found.rows)
    words = f"{len(found.rows)} records of Precoro have its {found.by} (ids {ids}): "
    return Refused(f"{words}set the externalId of the right one", "conflict", found.rows)


def problem_of(route: Route, wanted: Wanted) -> str | None:
    """Why this record cannot be written, whatever Precoro has."""
    if wanted.problems:
        return "; ".join(wanted.problems)
    if wanted.unknown and route.unknown_fields == "fail":
        names = listed(sorted(wanted.unknown))
        return f"{route.resource.name} take no {names}, and unknown_fields is fail"
    keys = form_keys(route.resource)
    problems = (misfit(route.resource, keys[name], value) for name, value in wanted.values.items())
    return next((problem for problem in problems if problem), None)


def _matchable(route: Route, wanted: Wanted) -> bool:
    return any(not is_empty(wanted.match.get(name)) for name in route.match_on)


def unseen(resource: Resource, wanted: Wanted, row: Mapping[str, Any]) -> set[str]:
    """The wanted fields that this row does not show, so that they cannot be compared."""
    keys = form_keys(resource)
    return {name for name in wanted.values if keys[name].updates and keys[name].shown_as not in row}
