"""Streams of what lies below another resource: options of custom fields, stock of warehouses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, Confidence, NotFound
from precoro_api.fields import Field, Kind, unwrap
from typing_extensions import override

from tap_precoro.streams import PrecoroStream

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def parent_rows(self) -> list[dict[str, Any]]:
        """The rows of the parent resource, read once a run."""
        known = self.precoro.parents
        if self.parent.name not in known:
            known[self.parent.name] = list(self.client.records(self.parent))
        return known[self.parent.name]

    def of(self, parent: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """A row with its parent's id."""
        record = self.read(row)
        record[self.parent_column.name] = parent["id"]
        return record


class OptionStream(NestedStream):
    """The options of each custom field, from the field's detail."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(tap, resource, "fieldId")

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        for field in self.parent_rows():
            for option in self._options(field["id"]):
                yield self.of(field, option)

    def _options(self, field_id: int) -> list[dict[str, Any]]:
        detail = self.client.detail(self.parent, field_id)
        for key in (self.resource.embedded_in, self.resource.embedded_in.removesuffix("s")):
            options = unwrap(detail.get(key))
            if isinstance(options, list):
                return options
        if self.resource.list is None:
            return []
        try:
            return list(self.client.records(self.resource, path={"field_id": field_id}))
        except NotFound:
            return []  # a field without choices


class StockStream(NestedStream):
    """What lies in each warehouse."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(tap, resource, "warehouseId")

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        for warehouse in self.parent_rows():
            for row in self.client.records(self.resource, path={"id": warehouse["id"]}):
                yield self.of(warehouse, row)
