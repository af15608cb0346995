"""The decision what to write: pure functions, no network, no clock.

After a plan is carried out, planning again gives Unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind

from target_precoro.records.equality import is_empty, merged, misfit, same_id, says, sent
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys, path_keys
from target_precoro.records.wanted import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_api import Resource

    from target_precoro.records.form_keys import FormKey
    from target_precoro.records.routes import Route
    from target_precoro.records.wanted import Reference, Wanted

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
    "candidates",
    "plan",
    "problem_of",
    "unchangeable",
    "unseen",
]


@dataclass(frozen=True)
class Found:
    """What Precoro has for a record: rows, and by what they were found (`externalId`, `name`…).

    Rows that only resemble it are not `sure`: each of them may be another record. `unlike` is a
    field that counts for more than `by` and is another in these rows, so that they are not it.
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    by: str = EXTERNAL_ID
    sure: bool = True
    unlike: str = ""


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
    if found.unlike:
        return _unlike(route, wanted, found)
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
    ids = candidates(found.rows)
    what = f"{many} records of Precoro have" if many > 1 else "a record of Precoro has"
    return Undecided(
        f"{what} its {found.by} and no externalId (ids {ids}), and may be it: set the "
        f"externalId of the right one; if it is none of them, give the record a "
        f"{' or '.join(route.match_on)}, or the stream an empty match_on"
    )


def candidates(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as a reason names them: by their ids, and their names where they have some."""
    return ", ".join(
        f"{row.get('id')}" + (f" {row['name']!r}" if row.get("name") else "") for row in rows
    )


def _unlike(route: Route, wanted: Wanted, found: Found) -> Refused:
    """Rows that were found by one field and by a surer one are another record."""
    ids, field_ = candidates(found.rows), found.unlike
    named = wanted.precoro_id or wanted.idn
    if named:
        return Refused(
            f"it names {field_} {named}, but its external id is carried by another record (id "
            f"{ids}): mend the one or the other",
            "conflict",
            (*found.rows, {field_: named}),
        )
    known = route.resource.by_name.get(field_)
    private = known is not None and known.private
    is_another = "is another" if private else f"is {found.rows[0][field_]!r}"
    own = "" if private else f", not {wanted.match[field_]!r}"
    many = f"{len(found.rows)} records were" if len(found.rows) > 1 else "a record was"
    return Refused(
        f"{many} found by its {found.by} (id {ids}), but the {field_} there {is_another}{own}: set "
        f"the externalId of the right one, mend the {field_}, or leave {found.by} out of match_on",
        "conflict",
        found.rows,
    )


def _ambiguous(found: Found) -> Refused:
    ids = candidates(found.rows)
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


def unchangeable(route: Route, wanted: Wanted, row: Mapping[str, Any]) -> set[str]:
    """The fields in which the row differs, and which the API takes of new records only."""
    resource = route.resource
    keys = form_keys(resource)
    return {
        keys[name].shown_as
        for name, value in wanted.values.items()
        if route.mode not in ("insert", "link")
        and not keys[name].updates
        and keys[name].shown_as in row
        and _is_plain(resource, keys[name])
        and not says(resource, keys[name], row[keys[name].shown_as], value)
    }


def _is_plain(resource: Resource, key: FormKey) -> bool:
    """Whether a row shows it as a record gives it: the items of documents it does not."""
    known = resource.by_name.get(key.shown_as)
    return key.refers is not None or (known is not None and known.kind is not Kind.ARRAY)
