"""Filters: which rows a list is asked for, in the user's words, and whether rows obey them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, RESOURCES, SettingsError
from precoro_api.settings import Setting

from tap_precoro.filters.list_filter import (
    ListFilter,
    Place,
    about_of,
    fold,
    in_short,
    listed,
    nearest,
    stem_of,
)
from tap_precoro.filters.params import OWNED, PARAMS
from tap_precoro.filters.words import WORDS

if TYPE_CHECKING:
    from precoro_api import Resource

__all__ = ["FILTERS", "ListFilter", "filters_of"]

FILTERS = Setting(
    "filters",
    "object",
    "Filters",
    "Which rows of a list to ask for, by stream, so that the others cost no request, such as "
    '`{"invoices": {"status": ["approved", "paid"], "approval_date": {"from": "2025-01-01"}}}`. '
    "Details and lines follow their list.",
)

_WORDS = {**WORDS, "params": PARAMS}


def filters_of(config: Mapping[str, Any]) -> dict[str, ListFilter]:
    """The filters of the settings, by resource name.

    Raises SettingsError naming the stream and the filter that is wrong, and the nearest right one.
    """
    given = config.get(FILTERS.name)
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as problem:
            raise SettingsError(f"filters is a text, but no JSON object: {problem}.") from None
    found = {}
    for stream, chosen in _object(given, "filters", '{"invoices": {"status": "paid"}}').items():
        resource = _list_named(str(stream))
        if chosen is not None:
            words = _object(chosen, f"filters.{stream}", '{"status": "approved"}')
            found[resource.name] = _list_filter(resource, words)
    return found


def _list_named(stream: str) -> Resource:
    known = BY_NAME.get(stream)
    if known and known.parent:
        raise SettingsError(f"filters.{stream}: it is read parent by parent and takes no filters.")
    if known and known.list:
        return known
    for each in RESOURCES:
        if each.lines and stream in (f"{each.name}_details", f"{each.name}_{each.lines}"):
            raise SettingsError(
                f"filters.{stream}: details and lines follow their list; use {each.name!r}."
            )
    lists = {each.name: _taken_by(each) for each in RESOURCES if each.list and not each.parent}
    able = [name for name, taken in lists.items() if len(taken) > 1]
    near = nearest(stream, lists)
    raise SettingsError(
        f"filters.{stream}: no such list.{near} Lists with filters are {listed(able)}."
    )


def _list_filter(resource: Resource, chosen: Mapping[str, Any]) -> ListFilter:
    read: dict[str, ListFilter] = {}
    for key, value in chosen.items():
        place = Place(resource, str(key))
        word = _WORDS.get(place.name)
        if word is None:
            raise _unknown(place)
        if not word.takes(resource):
            raise _not_here(place, place.name)
        if value is not None:
            read[place.name] = word.read(place, value)
    sent = {stem_of(name): f"{resource.name} itself" for name in resource.selector}
    for key, one in read.items():
        if key != "params":
            sent |= {stem_of(name): f"the filter {key!r}" for name, _ in one.params}
    for name, _ in read.get("params", ListFilter()).params:
        if stem_of(name) in sent:
            why = f"{name!r} is sent by {sent[stem_of(name)]} already; leave it out."
            raise Place(resource, "params").wrong(why)
    return ListFilter(
        tuple(param for one in read.values() for param in one.params),
        tuple(check for one in read.values() for check in one.checks),
    )


def _object(value: object, where: str, example: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be an object such as {example}, not {in_short(value)}.")
    return value


# What to say of wrong names


def _taken_by(resource: Resource) -> list[str]:
    return [name for name, word in _WORDS.items() if word.takes(resource)]


def _unknown(place: Place) -> SettingsError:
    """What is wrong with a filter's name; it may be the API's own."""
    first = about_of(place.name)
    if first in OWNED:
        return place.wrong(OWNED[first])
    for ours, word in _WORDS.items():
        if first in {fold(ours), *map(fold, word.params)}:
            here = word.takes(place.resource)
            return place.wrong(f"here it is called {ours!r}.") if here else _not_here(place, ours)
    if first in {about_of(each.name) for each in place.resource.filters}:
        return place.wrong("this is the API's own name; such parameters go into 'params'.")
    taken = _taken_by(place.resource)
    near = nearest(place.name, taken)
    return place.wrong(f"no such filter.{near} {place.resource.name} takes {listed(taken)}.")


def _not_here(place: Place, ours: str) -> SettingsError:
    able = [each.name for each in RESOURCES if each.list and _WORDS[ours].takes(each)]
    return place.wrong(f"{ours!r} is a filter of {listed(able)} only.")
