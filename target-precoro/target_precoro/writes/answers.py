"""What the answer to a write shows of what was sent. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from target_precoro.records.equality import form_value, is_empty, says
from target_precoro.records.form_keys import form_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource

    from target_precoro.records.upsert import Update

__all__ = ["all_of", "gone", "not_said"]


def not_said(
    resource: Resource,
    form: Mapping[str, Any],
    row: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
) -> list[str]:
    """The sent fields that this row does not say yet; of lists, what was to go as well."""
    left = []
    for key in form_keys(resource).values():
        if key.key not in form or key.shown_as not in row:
            continue
        sent, shown = form[key.key], row[key.shown_as]
        extra: set[str] = set()
        if key.is_list:
            old = (before or {}).get(key.shown_as)
            extra = set(form_value(key, old)) - set(form_value(key, sent))
            extra &= set(form_value(key, shown))
        if extra or not says(resource, key, shown, sent):
            left.append(key.name)
    return left


def gone(resource: Resource, step: Update, row: Mapping[str, Any]) -> list[str]:
    """Writable values that the record had, that no one changed, and that are gone."""
    return [
        key.name
        for key in form_keys(resource).values()
        if key.key not in step.changes
        and key.shown_as in row
        and not is_empty(step.row.get(key.shown_as))
        and is_empty(row[key.shown_as])
    ]


def all_of(resource: Resource, row: Mapping[str, Any]) -> dict[str, Any]:
    """Every writable value of the record."""
    return {
        key.key: form_value(key, row[key.shown_as])
        for key in form_keys(resource).values()
        if key.updates and not is_empty(row.get(key.shown_as))
    }
