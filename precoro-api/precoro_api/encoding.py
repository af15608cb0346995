"""How values travel: form bodies with bracketed keys, and the moments of filters."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["encode_form", "filter_day", "filter_moment", "scalar"]

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NUMBER = 1000


def encode_form(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The pairs of a form body.

    Lists repeat `key[]`, objects become `key[inner]`, lists of objects `key[0][inner]`, booleans
    are lower case, None is empty. Raises ValueError for an inner key that is no plain name, as
    it could otherwise close the bracket and name another field.
    """
    return [pair for key, value in form.items() for pair in _pairs(key, value)]


def _pairs(key: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, nested in value.items():
            if not _KEY.fullmatch(str(inner)):
                raise ValueError(f"{inner!r} inside {key} is not a plain name")
            yield from _pairs(f"{key}[{inner}]", nested)
    elif isinstance(value, (list, tuple)):
        stem = key.removesuffix("[]")
        if any(isinstance(item, (dict, list, tuple)) for item in value):
            for index, item in enumerate(value):
                yield from _pairs(f"{stem}[{index}]", item)
        else:
            for item in value:
                yield (f"{stem}[]", _written(key, item))
    else:
        yield (key, _written(key, value))


def _written(key: str, value: object) -> str:
    text = scalar(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{key} is no whole text: it holds half a character") from None
    return text


def scalar(value: object) -> str:
    """One value as the API reads it: `true`, `12.50`, an ISO moment in UTC, empty for None.

    Raises ValueError for a number that has no digits, or more than anyone wants.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
            raise ValueError(f"{value} is no number that can be sent")
        return format(value, "f")
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def filter_moment(moment: datetime) -> str:
    """A moment as `modifiedSince` takes it: UTC, whole seconds, no zone."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def filter_day(moment: datetime) -> str:
    """The day of a moment, in UTC, as the filters of periods take it: `DD.MM.YYYY`."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return aware.astimezone(timezone.utc).strftime("%d.%m.%Y")
