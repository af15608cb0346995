"""What a record asks for: its key, and the values that the resource can take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME
from precoro_api.fields import unwrap

from target_precoro.records.form_keys import EXTERNAL_ID, form_keys, names_of, path_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api import Resource

    from target_precoro.records.form_keys import FormKey
    from target_precoro.records.routes import Route

__all__ = ["Reference", "Wanted", "listed", "mapped", "record_names", "reference_of", "wanted_of"]

_OURS = frozenset({"id", "idn", "createDate", "updateDate"})
_LONGEST_KEY = 1000
_MOST_NAMES = 20
_LONGEST_NAME = 80
_SUREST = ("id", EXTERNAL_ID, "idn", "name")
"""How a record may name another, the surest way first."""


@dataclass(frozen=True)
class Reference:
    """A record that another one names, by `id`, `idn`, `externalId` or `name`."""

    resource: str
    by: str
    value: str

    def __str__(self) -> str:
        """As a reason names it: `suppliers V-7`, `items with id 5`."""
        how = "" if self.by == EXTERNAL_ID else f"with {self.by} "
        return f"{self.resource} {how}{self.value}"


@dataclass(frozen=True)
class Wanted:
    """A record, reduced to what can be asked for.

    `precoro_id` and `idn` name an existing record of Precoro, where the record does. `values` are
    by the stems of form keys, None where a field is to be cleared; in them a reference stands as a
    `Reference` until it is resolved, then as an id. `place` holds the references of the path,
    `path` the same for good, as the record names them. `match` is what it may be found by;
    `resembles`, where it has nothing of that, what it may be known again by. `within` is the parent
    below which these count, as the record names it: "" at the top, None where it does not say.
    `unknown` names what the resource cannot take, `problems` what cannot be read.
    """

    external_id: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)
    match: Mapping[str, Any] = field(default_factory=dict)
    resembles: Mapping[str, Any] = field(default_factory=dict)
    precoro_id: str | None = None
    idn: str | None = None
    path: tuple[str, ...] = ()
    within: str | None = None
    unknown: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @cached_property
    def references(self) -> list[Reference]:
        """What is still to be resolved before it can be written."""
        found = [*self.place.values(), *self.values.values()]
        lists = [item for each in found if isinstance(each, list) for item in each]
        return [each for each in (*found, *lists) if isinstance(each, Reference)]

    @property
    def key(self) -> str | None:
        """What people know the record by."""
        return self.external_id or self.precoro_id or self.idn


def wanted_of(route: Route, record: Mapping[str, Any]) -> Wanted:
    """What this record asks for, by the rules of its stream.

    A missing field is left alone in Precoro; a null too, unless the rules clear it. The record's
    own `id` is its source's, unless the rules say that it is Precoro's.
    """
    return _Reader(route).read(record)


def mapped(record: Mapping[str, Any], field_map: Mapping[str, str]) -> dict[str, Any]:
    """The record by names of the resource; what is mapped goes before a namesake."""
    given = {name: value for name, value in record.items() if name not in field_map}
    for name in record.keys() & field_map.keys():
        if record[name] is not None or field_map[name] not in given:
            given[field_map[name]] = record[name]
    return given


class _Reader:
    def __init__(self, route: Route) -> None:
        self._route = route
        self._resource = route.resource
        self._values: dict[str, Any] = {}
        self._place: dict[str, Any] = {}
        self._unknown: set[str] = set()
        self._problems: list[str] = []
        self._below = _below(route.resource)
        self._within: str | None = None

    def read(self, record: Mapping[str, Any]) -> Wanted:
        route = self._route
        given = self._filled(mapped(record, route.field_map))
        for name, value in given.items():
            self._take(name, value)
        self._check_place()
        own_id = given.get(route.id_property) if route.id_property else None
        external_id = self._usable("external id", _text(given.get(route.key_property)))
        match = {name: given[name] for name in route.match_on if name in given}
        known = any(map(_text, match.values()))
        return Wanted(
            external_id=external_id,
            values=self._values,
            place=self._place,
            match=match,
            resembles={} if known else {n: given[n] for n in route.resembles_by if given.get(n)},
            precoro_id=_whole(own_id) or None,
            idn=(_whole(given.get("idn")) or None) if route.by_number else None,
            path=tuple(each.value for each in self._place.values()),
            within=self._within,
            unknown=frozenset(self._unknown),
            problems=tuple(self._problems),
        )

    def _filled(self, given: dict[str, Any]) -> dict[str, Any]:
        """The record with the defaults of what it says nothing of, however it spells it."""
        said = {self._field(name) for name, value in given.items() if self._says(name, value)}
        new = {n: v for n, v in self._route.defaults.items() if self._field(n) not in said}
        return {**given, **new}

    def _field(self, name: str) -> tuple[str, ...]:
        """What a name stands for: two spellings of one field are the same."""
        return self._route.names.get(name, (name,))[:2]

    def _says(self, name: str, value: Any) -> bool:
        """Whether this gives the field a value: 0 and false are some, null and "" are none."""
        return value not in (None, "") and not (self._refers(name) and _says_nothing(value))

    def _refers(self, name: str) -> bool:
        kind, *stem = self._field(name)
        known = form_keys(self._resource).get(stem[0]) if stem else None
        return kind == "place" or (known is not None and known.is_reference)

    def _take(self, name: str, value: Any) -> None:
        route = self._route
        if name in (route.id_property, EXTERNAL_ID) or name.startswith("_sdc"):
            return
        target = route.names.get(name)
        if name == route.key_property and (target is None or self._refers(name)):
            return
        if target is None:
            if name not in _OURS and name not in route.match_on:
                self._unknown.add(name)
            return
        kind, stem, by = target
        if kind == "value":
            self._take_value(stem, by, value)
        elif not _says_nothing(value):
            self._refer(self._place, stem, self._by_name(stem, by, value), value)

    def _take_value(self, stem: str, by: str, value: Any) -> None:
        key = form_keys(self._resource)[stem]
        if value is None or (key.is_reference and _says_nothing(value)):
            if stem == self._below and self._within is None:
                self._within = ""
            if self._route.clears(stem):
                self._values.setdefault(stem, None)
        elif key.is_reference:
            self._refer(self._values, stem, by, value)
            if stem == self._below and isinstance(self._values.get(stem), Reference):
                self._within = self._values[stem].value
        else:
            self._values[stem] = self._items(key, value) if key.is_list else value

    def _items(self, key: FormKey, value: Any) -> list[Any]:
        items = value if isinstance(value, (list, tuple)) else [value]
        return [self._item(key.refers, item) for item in items]

    def _refer(self, into: dict[str, Any], stem: str, by: str, value: Any) -> None:
        resource = self._resource.refers.get(stem, stem)
        reference = _reference(resource, by, value)
        if reference is None:
            self._problems.append(
                f"{stem} names no record: give {stem}_external_id, or an object with id or "
                f"externalId, not {type(value).__name__} {_short(value)}"
            )
            return
        if self._usable(stem, reference.value) is None:
            return
        known = into.get(stem)
        if not isinstance(known, Reference) or _rank(reference) < _rank(known):
            into[stem] = reference

    def _usable(self, what: str, text: str | None) -> str | None:
        """The text; a problem and None where no request could ask for it."""
        if text is None or (len(text) <= _LONGEST_KEY and _is_whole(text)):
            return text
        how = "is no whole text" if len(text) <= _LONGEST_KEY else f"has {len(text)} characters"
        self._problems.append(f"its {what} {how}, and cannot be asked for")
        return None

    def _by_name(self, stem: str, by: str, value: Any) -> str:
        """A bare word names a custom field; documents have no names."""
        named = "name" in BY_NAME[self._resource.refers[stem]].by_name
        text = _text(value)
        return "name" if by == "any" and named and text and not _whole(value).isdigit() else by

    def _check_place(self) -> None:
        """Options are looked for below their field, so nothing can be done without it."""
        for key in path_keys(self._resource) if self._resource.parent else ():
            if key.stem not in self._place and not self._problems:
                self._problems.append(
                    f"it names no {key.stem}: give custom_field_id, or custom_field with its name"
                )

    def _item(self, refers: str | None, item: Any) -> Any:
        if refers is None or not isinstance(item, dict):
            return item
        return _reference(refers, "any", item) or item


def _below(resource: Resource) -> str | None:
    """The reference below which records are told apart: an option's parent, a payment's invoice."""
    return next((stem for stem in ("parent", "invoice") if stem in resource.refers), None)


def reference_of(
    record: Mapping[str, Any], stem: str, resource: str, *more: str
) -> Reference | None:
    """The reference that a record makes under any name of a stem; the surest one it gives."""
    found: dict[str, Reference] = {}
    for name, by in names_of(stem, *more).items():
        reference = _reference(resource, by, record.get(name))
        if reference is not None:
            found.setdefault(reference.by, reference)
    return min(found.values(), key=_rank, default=None)


def _rank(reference: Reference) -> int:
    return _SUREST.index(reference.by)


def _reference(resource: str, by: str, value: Any) -> Reference | None:
    inner = unwrap(value)
    if isinstance(inner, dict):
        for known in ("id", "idn", EXTERNAL_ID, "external_id", "name"):
            text = _whole(inner.get(known)) if known in ("id", "idn") else _text(inner.get(known))
            if text:
                return Reference(resource, EXTERNAL_ID if known == "external_id" else known, text)
        return None
    text = _text(inner)
    if not text or isinstance(inner, (list, bool)):
        return None
    if by in ("any", "id"):
        whole = _whole(text)
        return Reference(resource, "id", whole) if whole.isdigit() else None
    return Reference(resource, by, _whole(text) if by == "idn" else text)


def _says_nothing(value: Any) -> bool:
    inner = unwrap(value)
    return inner is None or inner in ([], {}) or (isinstance(inner, str) and not inner.strip())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        value = int(value)  # some taps read every number as a float
    return str(value).strip() or None


def _is_whole(text: str) -> bool:
    """Whether a text can be written: JSON lets half a character (a lone surrogate) through."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _whole(value: Any) -> str:
    """The text of an id or document number, as a float in a text too; "" for none."""
    text = _text(value) or ""
    digits = text.removesuffix(".0")
    return digits if digits.isdigit() else text


def listed(names: Sequence[str]) -> str:
    """Some of the names, where there are many, and of each no more than tells it apart."""
    shown = ", ".join(name[:_LONGEST_NAME] for name in names[:_MOST_NAMES])
    left = len(names) - _MOST_NAMES
    return shown if left <= 0 else f"{shown} and {left:,} more"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004 - enough to find it by


def record_names(resource: Resource) -> dict[str, tuple[str, str, str]]:
    """Names that records may use, each with (`value` or `place`, stem, what it gives)."""
    found: dict[str, tuple[str, str, str]] = {}
    for key in form_keys(resource).values():
        if key.is_reference:
            also = () if key.name == key.shown_as else (key.shown_as,)
            stems = also if key.name == "id" else (key.name, *also)
            for name, by in names_of(*stems).items():
                found.setdefault(name, ("value", key.name, by))
        else:
            for name in (key.name, key.key, key.shown_as):
                found[name] = ("value", key.name, "")
    for path_key in path_keys(resource):
        also = ("custom_field",) if path_key.stem == "field" else ()
        for name, by in names_of(path_key.stem, *also).items():
            found.setdefault(name, ("place", path_key.stem, by))
    return found
