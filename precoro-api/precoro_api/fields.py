"""Fields of the API's records: eight kinds, each with one stable type.

The API answers numbers as strings, empty objects as empty lists and moments in any offset
(a PHP back end's habits). `Field.read` turns each of these into the one value its kind
promises, so that a column downstream never changes its type.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "Field",
    "Kind",
    "Misfit",
    "array",
    "flag",
    "integer",
    "moment",
    "number",
    "object_",
    "plain",
    "private",
    "read_moment",
    "read_row",
    "rows_in",
    "text",
    "unwrap",
]


class Misfit(ValueError):
    """A value that no reading of its field's kind can make sense of."""


class Kind(str, Enum):
    """The type that a field has everywhere downstream."""

    ID = "id"
    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    MOMENT = "moment"
    OBJECT = "object"
    ARRAY = "array"


_LONGEST_INTEGER = 4000
"""Digits; `1e999999999` would fill the memory, and Python prints no more than 4300."""
_ORDINARY = 10**18

_SCHEMAS: dict[Kind, dict[str, Any]] = {
    Kind.ID: {"type": ["integer"]},
    Kind.INTEGER: {"type": ["integer", "null"]},
    Kind.NUMBER: {"type": ["number", "null"]},
    Kind.TEXT: {"type": ["string", "null"]},
    Kind.FLAG: {"type": ["boolean", "null"]},
    Kind.MOMENT: {"type": ["string", "null"], "format": "date-time"},
    Kind.OBJECT: {"type": ["object", "null"], "additionalProperties": True},
    Kind.ARRAY: {"type": ["array", "null"], "items": {}},
}


@dataclass(frozen=True)
class Field:
    """One field of a record, by the API's own name.

    `private` marks personal and bank data, whose values no log or report may show.
    """

    name: str
    kind: Kind
    private: bool = False

    @property
    def json_schema(self) -> dict[str, Any]:
        """JSON Schema of the value that `read` returns."""
        return dict(_SCHEMAS[self.kind])

    def read(self, value: object) -> Any:
        """The value in this field's one type, or None where the API says nothing.

        Raises Misfit where the value is of another nature altogether.
        """
        return None if value is None else self._reader(value)

    @cached_property
    def _reader(self) -> Callable[[object], Any]:
        return _READERS[self.kind]


def _empty(value: object) -> bool:
    return value in ("", [], {})


# Each reader begins with what comes most, as it needs no reading.


def _read_integer(value: object) -> int | None:
    if type(value) is int and -_ORDINARY < value < _ORDINARY:
        return value
    read = _read_number(value)
    if read is None:
        return None
    if read != read.to_integral_value():
        raise Misfit(f"{value!r} is not a whole number")
    if read.adjusted() >= _LONGEST_INTEGER:
        raise Misfit(f"{value!r:.40} is too large a number")
    return int(read)


def _read_number(value: object) -> Decimal | None:
    if type(value) is Decimal and value.is_finite():
        return value
    if _empty(value):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, str)):
        raise Misfit(f"{type(value).__name__} is not a number")
    if isinstance(value, str) and "_" in value:
        raise Misfit(f"{value!r} is not a number")  # Python would read 1_000
    try:
        read = Decimal(str(value).strip())
    except InvalidOperation:
        raise Misfit(f"{value!r} is not a number") from None
    if not read.is_finite():
        raise Misfit(f"{value!r} is not a finite number")
    return read


def _read_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if value in ([], {}):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    raise Misfit(f"{type(value).__name__} is not a text")


_FLAGS: dict[object, bool] = {"1": True, "true": True, "0": False, "false": False}


def _read_flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    if _empty(value):
        return None
    if isinstance(value, (int, str, Decimal)):
        read = _FLAGS.get(str(value).strip().lower())
        if read is not None:
            return read
    raise Misfit(f"{value!r} is neither true nor false")


def read_moment(value: object) -> str | None:
    """An ISO 8601 text as RFC 3339 in UTC (`2025-05-05T23:59:59+00:00`); no zone means UTC."""
    if _empty(value):
        return None
    if not isinstance(value, str):
        raise Misfit(f"{type(value).__name__} is not a moment")
    if value.endswith("+00:00") and _is_ready(value):
        return value
    try:
        read = datetime.fromisoformat(value.strip().replace("Z", "+00:00").replace("z", "+00:00"))
    except ValueError:
        raise Misfit(f"{value!r} is not an ISO 8601 moment") from None
    if read.tzinfo is None:
        read = read.replace(tzinfo=timezone.utc)
    try:
        return read.astimezone(timezone.utc).isoformat()
    except OverflowError:
        raise Misfit(f"{value!r} lies outside the calendar") from None


def _is_ready(value: str) -> bool:
    """Whether a moment is written as `read_moment` writes it."""
    try:
        return datetime.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def unwrap(value: object) -> object:
    """The inside of `{"data": …}`, the API's envelope of nested values; others as they are."""
    if isinstance(value, dict) and len(value) == 1 and "data" in value:
        return value["data"]
    return value


def plain(value: Any) -> Any:
    """A nested value without envelopes: `{"data": [...]}` is the list, at any depth."""
    inner = value
    while isinstance(inner, dict) and inner.keys() == {"data"}:
        inner = inner["data"]
    if isinstance(inner, dict):
        return {key: plain(each) if type(each) in _NESTED else each for key, each in inner.items()}
    if isinstance(inner, list):
        return [plain(each) if type(each) in _NESTED else each for each in inner]
    return inner


_NESTED = (dict, list)


def rows_in(value: object) -> list[Any]:
    """The entries of a nested list, each as it came; Misfit where it is none."""
    inner = unwrap(value)
    if inner in (None, "", [], {}):
        return []
    if isinstance(inner, dict) and all(str(key).isdigit() for key in inner):
        return list(inner.values())  # a PHP list with gaps arrives as {"0": …, "2": …}
    if isinstance(inner, list):
        return inner
    raise Misfit(f"{type(inner).__name__} is not an array")


def _read_object(value: object) -> dict[str, Any] | None:
    if value == []:
        return None
    value = plain(value)
    if value is None or _empty(value):
        return None
    if isinstance(value, dict):
        return value
    raise Misfit(f"{type(value).__name__} is not an object")


def _read_array(value: object) -> list[Any] | None:
    if value == []:
        return []
    value = plain(value)
    return None if value is None or value == "" else rows_in(value)


_READERS = {
    Kind.ID: _read_integer,
    Kind.INTEGER: _read_integer,
    Kind.NUMBER: _read_number,
    Kind.TEXT: _read_text,
    Kind.FLAG: _read_flag,
    Kind.MOMENT: read_moment,
    Kind.OBJECT: _read_object,
    Kind.ARRAY: _read_array,
}


def read_row(
    fields: Mapping[str, Field], row: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row as (record, extra): known fields in their one type, and all that fits none.

    `extra` holds keys that `fields` does not know and values that are of another nature than
    their field, each as it came; nothing is lost.
    """
    record: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in row.items():
        known = fields.get(key)
        if known is None:
            extra[key] = value
            continue
        if value is None:
            record[key] = None
            continue
        try:
            record[key] = known.read(value)
        except Misfit:
            record[key] = None
            extra[key] = value
    return record, extra


# The words of the table: each names the fields of one kind.


def integer(*names: str) -> tuple[Field, ...]:
    """Whole numbers."""
    return tuple(Field(name, Kind.INTEGER) for name in names)


def number(*names: str) -> tuple[Field, ...]:
    """Exact decimals: money, percents, quantities; the API sends some of them as text."""
    return tuple(Field(name, Kind.NUMBER) for name in names)


def text(*names: str) -> tuple[Field, ...]:
    """Texts, and identifiers of other systems, which may look like numbers."""
    return tuple(Field(name, Kind.TEXT) for name in names)


def private(*names: str) -> tuple[Field, ...]:
    """Texts about people and bank accounts: never shown in logs and reports."""
    return tuple(Field(name, Kind.TEXT, private=True) for name in names)


def flag(*names: str) -> tuple[Field, ...]:
    """Yes or no."""
    return tuple(Field(name, Kind.FLAG) for name in names)


def moment(*names: str) -> tuple[Field, ...]:
    """Points in time, in UTC."""
    return tuple(Field(name, Kind.MOMENT) for name in names)


def object_(*names: str) -> tuple[Field, ...]:
    """One nested object each, or nothing."""
    return tuple(Field(name, Kind.OBJECT) for name in names)


def array(*names: str) -> tuple[Field, ...]:
    """A nested collection each."""
    return tuple(Field(name, Kind.ARRAY) for name in names)
