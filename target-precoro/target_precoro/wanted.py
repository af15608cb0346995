"""What a record asks of Precoro: its external id, and a value for each form key it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource
    from precoro_api.resource import Write

__all__ = ["FormKey", "Wanted", "form_keys", "wanted_of"]

_EXTERNAL_ID = "externalId"
_OURS = frozenset({"id", "idn", "createDate", "updateDate"})


@dataclass(frozen=True)
class FormKey:
    """One key of a write: its stem, and whether it takes a list or a reference.

    `name` is the stem (`currencies` of `currencies[]`, `supplier` of `supplier[id]`), `shown_as`
    the field under which a record shows it, `replaced` whether the API replaces the whole list.
    """

    name: str
    key: str
    shown_as: str
    is_list: bool
    is_reference: bool
    replaced: bool


def form_keys(resource: Resource) -> dict[str, FormKey]:
    """The keys that this resource's writes take, by their stems; the external id is apart."""
    found: dict[str, FormKey] = {}
    for call in (resource.create, resource.update):
        for key in call.keys if call else ():
            stem, _, bracket = key.partition("[")
            if stem != _EXTERNAL_ID:
                found[stem] = FormKey(
                    name=stem,
                    key=key,
                    shown_as=resource.shown_as.get(stem, stem),
                    is_list=bracket == "]",
                    is_reference=bracket == "id]",
                    replaced=_replaces(resource.update, key),
                )
    return found


def _replaces(update: Write | None, key: str) -> bool:
    # One list is known to be replaced as a whole; no other list can be trusted to be merged.
    return update is not None and (key in update.replaces or key.endswith("[]"))


@dataclass(frozen=True)
class Wanted:
    """A record, reduced to what can be asked for. `unknown` names what the resource cannot take."""

    external_id: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()


def wanted_of(resource: Resource, record: Mapping[str, Any], key_property: str) -> Wanted:
    """What this record asks for.

    A missing field and a null are left alone in Precoro. References come as `supplier[id]`, or
    as `supplier` with an object or a bare id; the record's own `id` is its source's and is
    never sent.
    """
    keys = form_keys(resource)
    values: dict[str, Any] = {}
    unknown = set()
    for name, value in record.items():
        stem = name.partition("[")[0]
        if name in (key_property, _EXTERNAL_ID) or name in _OURS or name.startswith("_sdc"):
            continue
        if stem not in keys:
            unknown.add(name)
            continue
        if value is not None:
            values[stem] = _plain(keys[stem], value)
    given = record.get(key_property)
    external_id = None if given is None else str(given).strip()
    return Wanted(external_id or None, values, frozenset(unknown))


def _plain(key: FormKey, value: Any) -> Any:
    if key.is_reference and isinstance(value, dict):
        return value.get("id")
    if key.is_list and not isinstance(value, (list, tuple)):
        return [value]
    return value
