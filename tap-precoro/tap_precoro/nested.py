"""Streams of what lies below another resource: options of custom fields, stock of warehouses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, Confidence
from precoro_api.fields import Field, Kind
from typing_extensions import override

from tap_precoro.streams import PrecoroStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from precoro_api import Resource

    from tap_precoro.tap import TapPrecoro

__all__ = ["OptionStream", "StockStream"]


class NestedStream(PrecoroStream):
    """A stream whose rows are read parent by parent; each row names its parent."""

    def __init__(self, tap: TapPrecoro, resource: Resource, parent_column: str) -> None:
        self.parent_column = Field(parent_column, Kind.INTEGER)
        super().__init__(
            tap, resource, name=resource.name, fields=(*resource.fields, self.parent_column)
        )
        self.parent = BY_NAME[str(resource.parent)]
        self.selected_by_default = resource.confidence > Confidence.GUESS

    def parents(self) -> Iterator[dict[str, Any]]:
        """The rows of the parent resource, with progress told."""
        rows = self.precoro.parent_rows(self.parent)
        for number, parent in enumerate(rows, start=1):
            self.precoro.progress.at(self.name, self.parent.name, number, len(rows))
            yield parent
        self.keys.look(self.client.quota, (), whole=True)

    def of(self, parent: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with its parent's id."""
        self.keys.look(self.client.quota, (row,))
        record = self.read(row)
        record[self.parent_column.name] = parent["id"]
        return record


class OptionStream(NestedStream):
    """The options of each custom field, from the field's detail."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(tap, resource, "fieldId")

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        for field in self.parents():
            for option in self.precoro.catalogue.option_rows(self.parent.name, field["id"]):
                yield self.of(field, option)


class StockStream(NestedStream):
    """What lies in each warehouse."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(tap, resource, "warehouseId")

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        for warehouse in self.parents():
            reading = self.precoro.reading(self.resource, None, path={"id": warehouse["id"]})
            for row in reading.rows():
                yield self.of(warehouse, row)
