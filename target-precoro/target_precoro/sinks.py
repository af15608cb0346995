"""The sink: gathers the records of one stream to batches, which the engine writes."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from precoro_api import LOOKUP_LIMIT
from singer_sdk import Sink
from singer_sdk.exceptions import InvalidRecord
from typing_extensions import override

from target_precoro.messages.checking import Validator
from target_precoro.records.wanted import listed, wanted_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from target_precoro.records.outcome import Pending
    from target_precoro.records.routes import Route
    from target_precoro.records.wanted import Wanted
    from target_precoro.target import TargetPrecoro

__all__ = ["GatheringSink", "PrecoroSink"]

_LOOKUPS = 5
"""Look-ups of one batch: they may overlap, and a batch is what memory holds."""


class GatheringSink(Sink):
    """A sink whose records wait in `pending`, by the rules of its `route`.

    `takes` is what its fields belong to, as people call it.
    """

    takes = ""
    _told: frozenset[str] = frozenset()

    def __init__(
        self,
        target: TargetPrecoro,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self.target = target
        self.route = self.route_for(schema)
        self.pending: list[Pending] = []

    @abstractmethod
    def route_for(self, schema: Mapping[str, Any]) -> Route:
        """The rules of this stream. Raises SettingsError where it is not to be taken."""

    @override
    def get_validator(self) -> Validator | None:
        """What looks at records before they are taken, if they are to be looked at."""
        return Validator(self.schema) if self.validate_schema else None

    @override
    def _validate_and_parse(self, record: dict[str, Any]) -> dict[str, Any]:
        """Validate; dates stay the texts that they are. Raises InvalidRecord, without values."""
        if self._validator is not None:
            try:
                self._validator.validate(record)
            except InvalidRecord as problem:
                raise InvalidRecord(_said(problem), record) from None
        return record

    def tell_unknown(self, wanted: Wanted) -> None:
        """Warn of fields that cannot be taken, once each."""
        new = wanted.unknown - self._told
        if new and self.route.unknown_fields == "warn":
            self._told |= new
            self.logger.warning(
                "%s: Precoro's %s take no %s: ignored in all records.",
                self.stream_name,
                self.takes or self.route.resource.name,
                listed(sorted(new)),
            )


class PrecoroSink(GatheringSink):
    """Takes the records of one stream, by the rules of its route."""

    @override
    def route_for(self, schema: Mapping[str, Any]) -> Route:
        return self.target.route_of(self.stream_name, schema)

    @property
    @override
    def max_size(self) -> int:
        """As many records as a few look-ups answer."""
        return _LOOKUPS * LOOKUP_LIMIT

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a record into the batch."""
        wanted = wanted_of(self.route, record)
        self.tell_unknown(wanted)
        self.pending.append(self.target.take(self, record, wanted, self.route))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Hand the batch over."""
        batch, self.pending = self.pending, []
        self.target.write(batch)


def _said(problem: InvalidRecord) -> str:
    """What does not fit the stream's schema; the value may be a bank account, so it is not told."""
    cause = problem.__cause__
    path = ".".join(map(str, getattr(cause, "absolute_path", ())))
    if not path:
        return problem.error_message  # of the record itself: which fields it has
    rule = f"{getattr(cause, 'validator', '')} {getattr(cause, 'validator_value', '')}"
    kind = type(getattr(cause, "instance", None)).__name__
    return f"{path}: {kind} does not fit its schema's {rule}"
