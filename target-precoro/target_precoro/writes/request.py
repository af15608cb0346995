"""What goes into a request besides its form: the parts of its path, and the form as JSON. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from target_precoro.records.equality import is_empty
from target_precoro.records.form_keys import form_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource
    from precoro_api.resource import Write

__all__ = ["nested", "path_of"]


def path_of(call: Write, place: Mapping[str, Any], row: Mapping[str, Any] | None) -> dict[str, Any]:
    """What fills the parts of a path: of the place, or of the record itself."""
    return {name: _part(name, place, row) for name in re.findall(r"{(\w+)}", call.path)}


def _part(name: str, place: Mapping[str, Any], row: Mapping[str, Any] | None) -> Any:
    if name in place:
        return place[name]
    assert row is not None  # noqa: S101 - only an existing record's path has its own key
    return row["idn" if name == "idn" else "id"]


def nested(resource: Resource, form: Mapping[str, Any]) -> dict[str, Any]:
    """A form as JSON has it: a reference is an object with its id, one under `id` is bare."""
    body: dict[str, Any] = {}
    keys = form_keys(resource)
    for name, value in form.items():
        stem = name.partition("[")[0]
        if stem in keys and keys[stem].is_reference and not is_empty(value):
            body[stem] = int(value) if stem == "id" else {"id": int(value)}
        else:
            body[stem] = value
    return body
