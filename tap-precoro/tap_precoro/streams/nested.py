"""Streams of what lies below another resource: options of custom fields, stock of warehouses."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, Confidence, NotAllowed, NotFound, UnexpectedAnswer
from precoro_api.fields import Field, Kind
from typing_extensions import override

from tap_precoro.streams.stream import PrecoroStream

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

    @abstractmethod
    def below(self, parent: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The API's rows below one parent."""

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        parents = self.precoro.parent_rows(self.parent)
        reasons: list[NotAllowed | NotFound] = []
        for number, parent in enumerate(parents, start=1):
            self.precoro.progress.at(self.name, self.parent.name, number, len(parents))
            try:
                for row in self.below(parent):
                    yield self.of(parent, row)
            except (NotAllowed, NotFound) as reason:
                reasons.append(reason)
                told = f"{self.parent.name} {parent.get('id')} is passed over: {reason}"
                self.logger.warning("%s: %s", self.name, told)
        if reasons and len(reasons) == len(parents):
            raise reasons[0]
        self.keys.look(self.client.quota, (), whole=True)
        hidden = [reason for reason in reasons if isinstance(reason, NotAllowed)]
        if hidden:  # one that is gone has no rows; of one that is hidden, rows are missing
            raise UnexpectedAnswer(
                f"{len(hidden)} of {len(parents)} {self.parent.name} may not be read; the rows of "
                "the others came",
                resource=self.resource.name,
            )

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
    def below(self, parent: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield from self.precoro.catalogue.option_rows(self.parent.name, parent["id"])


class StockStream(NestedStream):
    """What lies in each warehouse."""

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        super().__init__(tap, resource, "warehouseId")

    @override
    def below(self, parent: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        yield from self.precoro.reading(self.resource, None, path={"id": parent["id"]}).rows()
