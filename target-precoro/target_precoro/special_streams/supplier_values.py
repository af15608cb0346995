"""What a record of a supplier's custom values asks for, and whether it differs. Pure."""

from __future__ import annotations

import difflib
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, SettingsError
from precoro_api.fields import Field, Kind, Misfit, unwrap

from target_precoro.records.by_stream import by_field, default_values, for_stream, one_of
from target_precoro.records.equality import is_empty, says
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys, names_of
from target_precoro.records.routes import VALUES, Route
from target_precoro.records.wanted import Wanted, mapped, reference_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "FIELD",
    "SUPPLIERS",
    "as_sent",
    "changed_values",
    "value_route",
    "value_wanted",
]

SUPPLIERS = BY_NAME["suppliers"]
FIELD = "supplierCustomField"
"""The key under which a value names its field."""

_VALUE = ("value", "option", "option_name")
_SUPPLIER_NAMES = ("supplier", SUPPLIERS.name)
_FIELD_NAMES = ("field", BY_NAME["supplier_custom_fields"].name, "custom_field")
_KNOWN = frozenset(
    (*_VALUE, *names_of(_SUPPLIER_NAMES[0]), *names_of(_FIELD_NAMES[0], _FIELD_NAMES[2]))
)
"""The names that a record of values may use."""

_FLAG, _NUMBER = Field("value", Kind.FLAG), Field("value", Kind.NUMBER)
_DATED = BY_NAME["payments"]
_DAY = form_keys(_DATED)["payDate"]
"""A key that takes dates: a value may be one, in any of the API's formats, or a text."""


def changed_values(
    shown: Iterable[Mapping[str, Any]], wanted: Mapping[int, Any], *, as_shown: bool = False
) -> list[dict[str, Any]]:
    """The whole list of values with the wanted ones in it, or [] if nothing differs. Pure.

    `as_shown` takes numbers in texts for numbers, as an answer may write them otherwise.
    """
    values = [dict(each) for each in shown]
    left = dict(wanted)
    differs = False
    for each in values:
        field = unwrap(each.get(FIELD))
        field_id = field.get("id") if isinstance(field, dict) else None
        if field_id in left:
            value = left.pop(field_id)
            if not _is(each.get("value"), value, as_shown=as_shown):
                differs = True
                each["value"] = as_sent(value)
    new = {field_id: as_sent(value) for field_id, value in left.items()}
    values += [{FIELD: {"id": field_id}, "value": value} for field_id, value in new.items()]
    return values if differs or left else []


def as_sent(value: Any) -> str:
    """A value as the API reads it: `true` for True, `12` for 12.0, "" for None. Pure."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(str(value))
    if isinstance(value, Decimal) and value.is_finite():
        return format(value.to_integral_value() if value == int(value) else value, "f")
    return "" if value is None else str(value).strip()


def _is(shown: Any, wanted: Any, *, as_shown: bool = False) -> bool:
    """Whether a value is what is wanted, as the API sees it; a text `07` is not the text `7`."""
    for kind, types in ((_FLAG, bool), (_NUMBER, (int, float, Decimal))):
        if isinstance(wanted, types) or isinstance(shown, types) or (as_shown and kind is _NUMBER):
            with suppress(Misfit):
                read = kind.read(wanted)
                if read is not None and read == kind.read(shown):
                    return True
    return says(_DATED, _DAY, shown, as_sent(wanted))


def value_route(stream: str, config: Mapping[str, Any]) -> Route:
    """The rules of a stream of values. Raises SettingsError naming the setting that is wrong."""
    names = (stream, VALUES)

    def of(setting: str, default: Any) -> Any:
        return for_stream(config, setting, names, default)

    field_map = by_field("field_map", stream, of("field_map", {}))
    defaults = {
        **default_values(config, lambda name: name.lower() in names),
        **by_field("defaults", stream, of("defaults", {})),
    }
    for setting, named in (("field_map", field_map.values()), ("defaults", defaults)):
        for name in named:
            if name not in _KNOWN:
                nearest = difflib.get_close_matches(str(name), _KNOWN, n=1, cutoff=0.0)[0]
                raise SettingsError(
                    f"{setting}: stream {stream!r} names {name!r}, which is nothing of a value. "
                    f"The nearest is {nearest}."
                )
    return Route(
        stream,
        SUPPLIERS,
        key_property=config.get("external_id_property") or EXTERNAL_ID,
        field_map=field_map,
        defaults=defaults,
        cleared=_cleared(of("nulls", "keep")),
        unknown_fields=config.get("unknown_fields") or "warn",
    )


def _cleared(given: Any) -> frozenset[str]:
    """What a null empties."""
    by_name = given if isinstance(given, dict) else {"*": given}
    for name in by_name:
        one_of("nulls of a value", name, ("*", *_VALUE))
    what = {name: one_of("nulls", each, ("clear", "keep")) for name, each in by_name.items()}
    return frozenset(name for name, each in what.items() if each == "clear")


def value_wanted(route: Route, record: Mapping[str, Any]) -> Wanted:
    """What a record asks for: `supplier`, `field`, and `option` or `value` where it has one. Pure.

    A null is there only where it clears.
    """
    given = mapped(record, route.field_map)
    for name, value in route.defaults.items():
        if given.get(name) in (None, ""):
            given[name] = value
    values: dict[str, Any] = {
        "supplier": reference_of(given, *_SUPPLIER_NAMES),
        "field": reference_of(given, *_FIELD_NAMES),
    }
    problems = [
        f"it names no {name}: give {name}_external_id, {name}_id or {name}_name"
        for name, found in values.items()
        if found is None
    ]
    name = next((name for name in ("option", "option_name") if not is_empty(given.get(name))), "")
    name = name or next((name for name in _VALUE if name in given), "")
    if name and (given[name] is not None or route.clears(name)):
        kind = "option" if name != "value" and not is_empty(given[name]) else "value"
        values[kind] = given[name]
        if isinstance(given[name], (dict, list)):
            problems.append(f"its {name} is a {type(given[name]).__name__}, not one {kind}")
    elif name:
        values["null"] = True
    ours = {route.key_property, EXTERNAL_ID, "id", "createDate", "updateDate"}
    unknown = {name for name in given.keys() - _KNOWN - ours if not name.startswith("_sdc")}
    return Wanted(None, values, unknown=frozenset(unknown), problems=tuple(problems))
