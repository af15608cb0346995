"""What equals what: the API's equality, not Python's."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind, Misfit, unwrap

from target_precoro.records.wanted import Reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_api import Resource

    from target_precoro.records.form_keys import FormKey

__all__ = [
    "folded",
    "form_value",
    "is_empty",
    "merged",
    "misfit",
    "reference_id",
    "same_id",
    "says",
    "sent",
]

_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_empty(value: Any) -> bool:
    """Null, "", [] and {} are one to this API."""
    return value is None or (isinstance(value, (str, list, dict)) and len(value) == 0)


def folded(value: Any) -> str:
    """A text as it is matched: case and spaces do not count."""
    return " ".join(str(value).split()).casefold()


def same_id(one: Any, other: Any) -> bool:
    """Whether two external ids are one: the API may answer `007` as the number 7."""
    if is_empty(one) or is_empty(other):
        return False
    left, right = str(one).strip(), str(other).strip()
    if left == right:
        return True
    number = isinstance(one, int) or isinstance(other, int)
    return number and left.isdecimal() and right.isdecimal() and int(left) == int(right)


def misfit(resource: Resource, key: FormKey, value: Any) -> str | None:  # noqa: PLR0911
    """Why this value cannot be sent, if it cannot."""
    if value is None or isinstance(value, Reference):
        return None
    if key.is_reference:
        if not str(value).strip().isdigit():
            return f"{key.key} is {type(value).__name__}, not the id of a record"
        return None
    known = resource.by_name.get(key.shown_as)
    if key.is_list or known is None or (known.kind is Kind.TEXT and isinstance(value, str)):
        return None
    if known.kind is Kind.MOMENT and _day_or_moment(value) is not None:
        return None
    try:
        known.read(value)
    except Misfit as problem:
        return f"{key.name}: {'its value does not fit' if known.private else problem}"
    return None


def says(  # noqa: PLR0911 - a list of cases
    resource: Resource, key: FormKey, old: Any, wanted: Any, *, whole: bool = False
) -> bool:
    """Whether the row says already what is wanted; `whole` lists must have nothing else."""
    if isinstance(wanted, str) and old == wanted:
        return True
    if key.is_list:
        before, after = set(_items(old)), set(_items(wanted))
        return before == after if whole or wanted is None else after <= before
    if is_empty(unwrap(wanted)):
        shown = reference_id(old) if key.is_reference else unwrap(old)
        return is_empty(shown) or (isinstance(shown, str) and not shown.strip())
    if key.is_reference:
        return reference_id(old) == str(wanted).strip()
    known = resource.by_name.get(key.shown_as)
    kind = known.kind if known else Kind.TEXT
    if known is None or kind is Kind.TEXT:
        return _text(old) == _text(wanted)
    if kind is Kind.MOMENT:
        return _same_moment(old, wanted)
    try:
        before, after = known.read(old), known.read(wanted)
    except Misfit:
        return False
    if kind in (Kind.ARRAY, Kind.OBJECT):
        return _contains(before, after)
    return bool(before == after)


def _text(value: Any) -> str:
    if is_empty(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def _list(value: Any) -> list[Any]:
    inner = unwrap(value)
    if isinstance(inner, (list, tuple)):
        return list(inner)
    return [] if is_empty(inner) else [inner]


def reference_id(value: Any) -> str:
    """The id in what a row shows of a reference; "" for none."""
    inner = unwrap(value)
    if isinstance(inner, dict):
        inner = inner.get("id")
    return "" if is_empty(inner) else str(inner).strip()


def _items(value: Any) -> list[str]:
    """A list's items, but for empty ones."""
    return [item for item in map(_item, _list(value)) if item]


def _item(value: Any) -> str:
    """A list's item as it is compared and sent: a scalar, or the id of what it refers to."""
    if isinstance(value, dict):
        inner = value.get("legalEntity")
        value = inner if isinstance(inner, dict) else value
    return reference_id(value)


def form_value(key: FormKey, shown: Any) -> Any:
    """What a row shows of this key, as a form takes it."""
    if key.is_reference:
        return reference_id(shown)
    return _items(shown) if key.is_list else shown


def sent(resource: Resource, key: FormKey, value: Any) -> Any:
    """A value as the API reads it: True for "TRUE", 12.5 for " 12.50", an ISO day for 31.1.2026.

    Raises Misfit where it is of another nature.
    """
    known = resource.by_name.get(key.shown_as)
    if known is None or key.is_list or key.is_reference or is_empty(value):
        return value
    if known.kind in (Kind.FLAG, Kind.INTEGER, Kind.NUMBER):
        return known.read(value)
    dotted = known.kind is Kind.MOMENT and _DOTTED.fullmatch(str(value).strip())
    return str(_day_or_moment(value)) if dotted else value


def merged(key: FormKey, old: Any, wanted: Sequence[Any], *, whole: bool = False) -> list[Any]:
    """The union, the existing first: a list is replaced as a whole and must lose nothing."""
    existing = _items(old) if key.replaced and not whole else []
    return list(dict.fromkeys([*existing, *_items(wanted)])) or [""]  # no item would be no key


def _day_or_moment(value: Any) -> date | datetime | None:
    """A day or a moment in any of the API's formats; None for anything else."""
    text = str(value).strip()
    dotted = _DOTTED.fullmatch(text)
    try:
        if dotted:
            day, month, year = map(int, dotted.groups())
            return date(year, month, day)
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
        read = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc)


def _same_moment(old: Any, wanted: Any) -> bool:
    before, after = _day_or_moment(old), _day_or_moment(wanted)
    if before is None or after is None:
        return _text(old) == _text(wanted)
    if isinstance(before, datetime) and isinstance(after, datetime):
        return before == after
    return _day(before) == _day(after)


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value


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
    return _text(unwrap(before)) == _text(after)
