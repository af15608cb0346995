"""The decision what to write: pure functions, no network, no clock.

After a plan is carried out, planning again gives Unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind, Misfit, unwrap

from target_precoro.wanted import form_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api import Resource

    from target_precoro.wanted import FormKey, Wanted

__all__ = [
    "Change",
    "Create",
    "Plan",
    "Refused",
    "Unchanged",
    "Update",
    "form_value",
    "plan",
    "unseen",
]


@dataclass(frozen=True)
class Change:
    """One field's value before and after; `new` is what goes into the form."""

    old: Any
    new: Any


@dataclass(frozen=True)
class Create:
    """Nothing carries this external id: a new record, which is to be linked to it."""

    external_id: str
    form: Mapping[str, Any]


@dataclass(frozen=True)
class Update:
    """The record exists and differs in these fields, by form key."""

    row: Mapping[str, Any]
    changes: Mapping[str, Change]

    @property
    def form(self) -> dict[str, Any]:
        """The changed keys with their new values."""
        return {key: change.new for key, change in self.changes.items()}


@dataclass(frozen=True)
class Unchanged:
    """The record exists and says all that is wanted."""

    row: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """The record cannot be written, and why."""

    reason: str


Plan = Create | Update | Unchanged | Refused


def plan(resource: Resource, wanted: Wanted, rows: Sequence[Mapping[str, Any]]) -> Plan:
    """What to do for a record, given all rows of Precoro that carry its external id."""
    if wanted.external_id is None:
        return Refused("it has no external id, so it could never be found again")
    if len(rows) > 1:
        ids = ", ".join(str(row.get("id")) for row in rows)
        return Refused(
            f"{len(rows)} records of Precoro carry this external id (ids {ids}): "
            "leave it on one of them"
        )
    keys = form_keys(resource)
    for name, value in wanted.values.items():
        problem = _problem(resource, keys[name], value)
        if problem:
            return Refused(problem)
    if not rows:
        if resource.create is None:
            return Refused("nothing in Precoro carries its external id, and the API creates none")
        form = {keys[name].key: value for name, value in wanted.values.items()}
        return Create(wanted.external_id, form)
    row = rows[0]
    changes = {}
    for name, value in wanted.values.items():
        key = keys[name]
        if resource.update is None or key.shown_as not in row:
            continue
        old = row[key.shown_as]
        if not _says(resource, key, old, value):
            merged = _merged(key, old, value) if key.is_list else value
            changes[key.key] = Change(old, merged)
    return Update(row, changes) if changes else Unchanged(row)


def unseen(resource: Resource, wanted: Wanted, row: Mapping[str, Any]) -> set[str]:
    """The wanted fields that this row does not show, so that they cannot be compared."""
    keys = form_keys(resource)
    return {name for name in wanted.values if keys[name].shown_as not in row}


def _problem(resource: Resource, key: FormKey, value: Any) -> str | None:
    """Why this value cannot be sent, if it cannot."""
    if key.is_reference:
        if not str(value).strip().isdigit():
            return f"{key.key} is {type(value).__name__}, not the id of a record"
        return None
    if key.is_list:
        return None
    known = resource.by_name.get(key.shown_as)
    if known is None:
        return None
    try:
        known.read(value)
    except Misfit as misfit:
        return f"{key.name}: {'its value does not fit' if known.private else misfit}"
    return None


def _says(resource: Resource, key: FormKey, old: Any, wanted: Any) -> bool:
    """Whether the row says already what is wanted: the API's equality, not Python's."""
    if key.is_reference:
        return _reference(old) == str(wanted).strip()
    if key.is_list:
        return set(map(_item, wanted)) <= set(map(_item, _list(old)))
    known = resource.by_name.get(key.shown_as)
    kind = known.kind if known else Kind.TEXT
    if known is None or kind is Kind.TEXT:
        return _text(old) == _text(wanted)
    try:
        before, after = known.read(old), known.read(wanted)
    except Misfit:
        return False
    if kind in (Kind.ARRAY, Kind.OBJECT):
        return _contains(before, after)
    return bool(before == after)


def _text(value: Any) -> str:
    return "" if value in (None, [], {}) else str(value).strip()


def _list(value: Any) -> list[Any]:
    inner = unwrap(value)
    return inner if isinstance(inner, list) else [] if inner in (None, "", {}) else [inner]


def _reference(value: Any) -> str:
    inner = unwrap(value)
    if isinstance(inner, dict):
        inner = inner.get("id")
    return "" if inner in (None, [], {}) else str(inner).strip()


def _item(value: Any) -> str:
    """A list's item as it is compared and sent: a scalar, or the id of what it refers to."""
    if isinstance(value, dict):
        inner = value.get("legalEntity")
        value = inner if isinstance(inner, dict) else value
    return _reference(value)


def form_value(key: FormKey, shown: Any) -> Any:
    """What a row shows of this key, as a form takes it."""
    if key.is_reference:
        return _reference(shown)
    return [_item(value) for value in _list(shown)] if key.is_list else shown


def _merged(key: FormKey, old: Any, wanted: Sequence[Any]) -> list[Any]:
    """The union, the existing first: a list is replaced as a whole and must lose nothing."""
    existing = [_item(value) for value in _list(old)] if key.replaced else []
    return list(dict.fromkeys([*existing, *map(_item, wanted)]))


def _contains(before: Any, after: Any) -> bool:
    """Whether all that `after` says stands in `before`, whatever else is there."""
    if isinstance(after, dict):
        inside = unwrap(before)
        return isinstance(inside, dict) and all(
            _contains(inside.get(key), value) for key, value in after.items()
        )
    if isinstance(after, list):
        many = _list(before)
        return len(many) >= len(after) and all(
            any(_contains(one, value) for one in many) for value in after
        )
    return _text(before) == _text(after)
