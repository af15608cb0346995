"""Which errors are the fault of one record, so that it is refused alone and the others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import (
    InvalidRecord,
    MapExpressionError,
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_sdk.mapper import StreamMap

__all__ = ["fault_of"]


def fault_of(record: Mapping[str, Any], problem: Exception, maps: Sequence[StreamMap]) -> str:
    """Why the record is at fault for what was raised on its way to a sink; "" if it is not."""
    if isinstance(problem, RecordsWithoutSchemaException):
        return "no SCHEMA of its stream came before it"
    if isinstance(problem, (InvalidRecord, MissingKeyPropertiesError)):
        return str(problem).splitlines()[0]
    if isinstance(problem, MapExpressionError):
        # A field that the stream has and this record lacks; all else is wrong for every record.
        name = getattr(problem.__cause__, "name", None)
        lacks = any(name in each.raw_schema.get("properties", {}) for each in maps)
        return f"stream_maps: {problem.__cause__}" if lacks else ""
    if not _can_be_mapped(record, maps):
        return f"stream_maps: an expression raises {type(problem).__name__}"
    return ""


def _can_be_mapped(record: Mapping[str, Any], maps: Sequence[StreamMap]) -> bool:
    try:
        for each in maps:
            each.transform(dict(record))
    except Exception:  # noqa: BLE001 - an expression may raise anything
        return False
    return True
