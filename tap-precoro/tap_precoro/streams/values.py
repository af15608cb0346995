"""Custom field values as a long table: one row for each value of a document, item or supplier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api.fields import Field, Kind
from typing_extensions import override

from tap_precoro.streams.stream import PrecoroStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from precoro_api import Resource

    from tap_precoro.tap import TapPrecoro

__all__ = ["ValueStream"]


class ValueStream(PrecoroStream):
    """The values that the rows, or the `lines`, of another stream hold; it costs no request."""

    def __init__(
        self, tap: TapPrecoro, resource: Resource, source: str, holder: str, *, lines: bool
    ) -> None:
        line = (Field("lineKey", Kind.TEXT),) if lines else ()
        known = (
            Field("ownerId", Kind.ID),
            *line,
            Field("fieldId", Kind.ID),
            Field("place", Kind.ID),
            Field("ownerIdn", Kind.TEXT),
            Field("fieldName", Kind.TEXT),
            Field("value", Kind.TEXT),
            Field("optionId", Kind.INTEGER),
            Field("optionName", Kind.TEXT),
        )
        super().__init__(tap, resource, name=f"{source}_custom_field_values", fields=known)
        self.primary_keys = ("ownerId", *(field.name for field in line), "fieldId", "place")
        self.source, self.source_holder = source, holder

    def emit(self, record: Mapping[str, Any], row: Mapping[str, Any]) -> None:
        """Write the values of one row; `record` is what its own stream made of it."""
        owner = record.get("documentId", record.get("id"))
        idn = record.get("documentIdn", record.get("idn"))
        line = {"lineKey": record["lineKey"]} if "lineKey" in self.columns else {}
        places: dict[int, int] = {}
        for value in self.precoro.catalogue.values(self.source_holder, row):
            places[value.field_id] = place = places.get(value.field_id, 0) + 1
            self.write(
                self.read(
                    {
                        "ownerId": owner,
                        **line,
                        "fieldId": value.field_id,
                        "place": place,
                        "ownerIdn": idn,
                        "fieldName": value.field_name,
                        "value": value.value,
                        "optionId": value.option_id,
                        "optionName": value.option_name,
                    }
                )
            )

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        """Nothing by itself: the stream that it belongs to writes its records."""
        if not self.testing and not self.precoro.streams[self.source].selected:
            self.logger.warning("%s come with %s: select it, too.", self.name, self.source)
        return iter(())
