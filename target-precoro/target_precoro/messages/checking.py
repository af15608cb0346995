"""Validation: a quick look at types that are plain, and JSON Schema for all else."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_sdk.sinks.core import JSONSchemaValidator
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Validator"]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float, Decimal),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_SAYING_NOTHING = frozenset({"title", "description", "default", "examples", "format", "$comment"})
_OF_RECORDS = _SAYING_NOTHING | {"type", "properties", "required", "$schema"}


class Validator(JSONSchemaValidator):
    """As the SDK's, which takes most of a target's time, but types alone are looked at here."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__(schema)
        self._plain = _plain_types(schema)
        self._required = frozenset(schema.get("required") or ())

    @override
    def validate(self, record: dict[str, Any]) -> None:
        """Raise InvalidRecord, as JSON Schema says it."""
        if self._plain is None or not self._fits(record, self._plain):
            super().validate(record)

    def _fits(self, record: Mapping[str, Any], plain: Mapping[str, frozenset[type]]) -> bool:
        """Whether all is surely right; False where it may be wrong."""
        for name, value in record.items():
            types = plain.get(name)
            if types is not None and type(value) not in types:
                return False
        return self._required <= record.keys()


def _plain_types(schema: Mapping[str, Any]) -> dict[str, frozenset[type]] | None:
    """By property, the types of values that are surely right; None where more is asked for."""
    if not schema.keys() <= _OF_RECORDS or "object" not in _listed(schema.get("type", "object")):
        return None
    properties = schema.get("properties") or {}
    return {name: _sure(inner) for name, inner in properties.items() if inner not in ({}, True)}


def _sure(schema: Any) -> frozenset[type]:
    if not isinstance(schema, dict) or not schema.keys() <= _SAYING_NOTHING | {"type"}:
        return frozenset()
    names = _listed(schema.get("type", list(_TYPES)))
    return frozenset(kind for name in names for kind in _TYPES.get(name, ()))


def _listed(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
