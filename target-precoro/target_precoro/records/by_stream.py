"""Settings that are given by stream, which Meltano may hand over as texts."""

from __future__ import annotations

import difflib
import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from precoro_api import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = [
    "by_field",
    "default_values",
    "for_stream",
    "list_of",
    "object_of",
    "object_or_text",
    "one_of",
]


def object_of(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; {} where it is not given."""
    given = object_or_text(config, name)
    if not isinstance(given, dict):
        raise SettingsError(f"{name} must be an object, not {given!r}.")
    return cast("Mapping[str, Any]", given)


def object_or_text(config: Mapping[str, Any], name: str) -> Any:
    """An object, a list, or a word that stands for all streams."""
    given = config.get(name)
    if given in (None, ""):
        return {}
    if isinstance(given, str) and given.lstrip()[:1] in ("{", "["):
        try:
            given = json.loads(given)
        except ValueError as problem:
            raise SettingsError(f"{name} is no JSON ({problem}).") from None
    if not isinstance(given, (dict, list, str)):
        raise SettingsError(f"{name} must be an object, not {given!r}.")
    return given


def list_of(config: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects."""
    given = object_or_text(config, name)
    if given == {}:
        return []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise SettingsError(f"{name} must be a list of objects.")
    return given


def for_stream(
    config: Mapping[str, Any],
    setting: str,
    names: Sequence[str],
    default: Any,
    *,
    is_it: Callable[[str], bool] = lambda _: False,
) -> Any:
    """What a setting says of a stream: under one of its names, or under another that `is_it`."""
    given = object_or_text(config, setting)
    if isinstance(given, str):
        return given
    if isinstance(given, list):
        raise SettingsError(f"{setting} must be an object by stream, not a list.")
    named = next((name for name in (*names, *filter(is_it, given)) if name in given), "")
    chosen = given.get(named)
    return default if chosen is None else chosen


def by_field(setting: str, stream: str, given: Any) -> Mapping[str, Any]:
    """What is given, if it is an object by field."""
    if not isinstance(given, dict):
        raise SettingsError(f"{setting}: stream {stream!r} wants an object by field.")
    return given


def one_of(setting: str, given: Any, options: Iterable[str]) -> str:
    """What is given, if it is one of these words."""
    if given not in options:
        nearest = difflib.get_close_matches(str(given), list(options), n=1, cutoff=0.0)[0]
        raise SettingsError(
            f"{setting} takes {', '.join(options)}, not {given!r}; the nearest is {nearest}."
        )
    return str(given)


def default_values(config: Mapping[str, Any], is_it: Callable[[str], bool]) -> dict[str, Any]:
    """What another target's configuration gives fields of a stream that have nothing, typed."""
    found = {}
    for each in list_of(config, "default_values"):
        name, value = each.get("field"), each.get("value")
        if name and value is not None and is_it(str(each.get("stream") or "")):
            found[str(name)] = _typed(each, value)
    return found


def _typed(each: Mapping[str, Any], value: Any) -> Any:
    kind = str(each.get("type") or "string").lower()
    try:
        if kind in ("int", "integer"):
            return int(str(value))
        if kind in ("float", "number", "decimal"):
            return Decimal(str(value))
        if kind in ("bool", "boolean"):
            return {"true": True, "1": True, "false": False, "0": False}[str(value).lower()]
    except (ValueError, KeyError, InvalidOperation):
        raise SettingsError(
            f"default_values: {value!r} for {each.get('field')!r} is no {kind}."
        ) from None
    return value
