"""The keys that a resource's writes take, and the names under which records may bring them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource
    from precoro_api.resource import Write

__all__ = ["EXTERNAL_ID", "FormKey", "PathKey", "form_keys", "names_of", "path_keys"]

EXTERNAL_ID = "externalId"


@dataclass(frozen=True)
class FormKey:
    """One key of a write: its stem, and what kind of value it takes.

    `name` is the stem (`currencies` of `currencies[]`, `supplier` of `supplier[id]`), `shown_as`
    the field under which a record shows it, `replaced` whether the API replaces the whole list,
    `refers` the resource that a reference is to. `creates` and `updates` say which calls take it.
    """

    name: str
    key: str
    shown_as: str
    is_list: bool
    refers: str | None
    replaced: bool
    creates: bool
    updates: bool

    @property
    def is_reference(self) -> bool:
        """Whether its value is the id of another record."""
        return self.refers is not None and not self.is_list


@dataclass(frozen=True)
class PathKey:
    """A part of a path that a record must name: `field_id` of an option, the order of a receipt.

    `by` is what the path takes of that record: its `id` or its `idn`.
    """

    param: str
    stem: str
    refers: str
    by: str


def form_keys(resource: Resource) -> Mapping[str, FormKey]:
    """The keys of all writes by their stems; the external id is apart."""
    known = _KEYS.get(resource.name)
    if known is None:
        known = _KEYS[resource.name] = _read(resource)
    return known


_KEYS: dict[str, dict[str, FormKey]] = {}


def _read(resource: Resource) -> dict[str, FormKey]:
    found: dict[str, FormKey] = {}
    creating, updating = _taken(resource.create), _taken(resource.update or resource.patch)
    for key in dict.fromkeys((*creating, *updating)):
        stem, _, bracket = key.partition("[")
        if stem == EXTERNAL_ID:
            continue
        found[stem] = FormKey(
            name=stem,
            key=key,
            shown_as=resource.shown_as.get(stem, stem),
            is_list=bracket == "]",
            refers=resource.refers.get(stem) or (stem if bracket == "id]" else None),
            replaced=_replaces(resource.update, key),
            creates=key in creating,
            updates=key in updating,
        )
    return found


def _taken(call: Write | None) -> tuple[str, ...]:
    return (*call.keys, *call.guessed) if call else ()


def _replaces(update: Write | None, key: str) -> bool:
    # One list is known to be replaced as a whole; no other list can be trusted to be merged.
    return update is not None and (key in update.replaces or key.endswith("[]"))


def path_keys(resource: Resource) -> tuple[PathKey, ...]:
    """What a record must name besides itself, so that its path is known."""
    if resource.create is None:
        return ()
    found = []
    for param in re.findall(r"{(\w+)}", resource.create.path):
        stem, _, by = param.rpartition("_")
        if stem in resource.refers:
            found.append(PathKey(param, stem, resource.refers[stem], by))
    return tuple(found)


def names_of(stem: str, *more: str) -> dict[str, str]:
    """Names under which a record may bring a reference, each with what it gives.

    `supplier` gives any form, `supplier_id` and `supplier[id]` an id, `supplier_external_id` and
    `supplierExternalId` an external id, `supplier_idn` a document number.
    """
    found: dict[str, str] = {}
    for name in (stem, *more):
        for spelled in {name, _camel(name), _snake(name)}:
            found |= {
                spelled: "any",
                f"{spelled}[id]": "id",
                f"{spelled}_id": "id",
                f"{spelled}Id": "id",
                f"{spelled}[idn]": "idn",
                f"{spelled}_idn": "idn",
                f"{spelled}Idn": "idn",
                f"{spelled}[externalId]": EXTERNAL_ID,
                f"{spelled}_external_id": EXTERNAL_ID,
                f"{spelled}ExternalId": EXTERNAL_ID,
                f"{spelled}_name": "name",
                f"{spelled}Name": "name",
            }
    return found


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
