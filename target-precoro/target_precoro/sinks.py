"""The sink: records gather to batches of one look-up, then each is planned and written in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_api import (
    LOOKUP_LIMIT,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    Rejected,
    UnexpectedAnswer,
)
from singer_sdk import Sink
from typing_extensions import override

from target_precoro.upsert import Create, Refused, Unchanged, Update, plan, unseen
from target_precoro.wanted import wanted_of
from target_precoro.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api import Resource

    from target_precoro.target import TargetPrecoro
    from target_precoro.wanted import Wanted

__all__ = ["PrecoroSink"]

_ROW_ERRORS = (Rejected, NotFound, NotAllowed, OutcomeUnknown, UnexpectedAnswer)
"""Errors of one record; all others stop the run, because the next record would fail as well."""


class Pending(NamedTuple):
    """A record that waits to be written, and its place among all records of the input."""

    place: int
    record: Mapping[str, Any]
    wanted: Wanted


class PrecoroSink(Sink):
    """Upserts the records of one stream into one resource."""

    def __init__(
        self,
        target: TargetPrecoro,
        stream_name: str,
        schema: dict[str, Any],
        key_properties: Sequence[str] | None,
    ) -> None:
        super().__init__(target, stream_name, schema, key_properties)
        self.target = target
        self.resource: Resource = target.resource_of(stream_name)
        self.pending: deque[Pending] = deque()
        self._writer = Writer(
            target.client, self.resource, target.config["update_method"], target.profile
        )
        self._key_property = target.config.get("external_id_property") or "externalId"
        self._listed: dict[str, list[dict[str, Any]]] | None = None
        self._told: set[str] = set()

    @property
    @override
    def max_size(self) -> int:
        """As many records as one look-up answers."""
        return LOOKUP_LIMIT

    @override
    def _validate_and_parse(self, record: dict[str, Any]) -> dict[str, Any]:
        """Validate; dates stay the texts that they are. Raises InvalidRecord."""
        if self._validator is not None:
            self._validator.validate(record)
        return record

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a record into the batch."""
        wanted = wanted_of(self.resource, record, self._key_property)
        new = wanted.unknown - self._told
        if new:
            self._told |= new
            self.logger.warning(
                "%s: Precoro's %s take no %s: ignored in all records.",
                self.stream_name,
                self.resource.name,
                ", ".join(sorted(new)),
            )
        self.pending.append(Pending(self.target.place, record, wanted))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Look all records of the batch up at once, then write those that differ, in order."""
        sent = self.target.client.requests_by_method.total()
        try:
            known = self._known()
        except (NotAllowed, NotFound) as problem:
            while self.pending:
                self._reject(self.pending[0], str(problem))
                self.pending.popleft()
            return
        while self.pending:
            with self.target.record_in_flight():
                self._upsert(self.pending[0], known)
                # Only now is the record durable, and may the state that follows it go out.
                self.pending.popleft()
        sent = self.target.client.requests_by_method.total() - sent
        self.logger.debug("%s: a batch took %d requests.", self.stream_name, sent)

    def _known(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of Precoro by the external ids of this batch."""
        ids = [each.wanted.external_id for each in self.pending if each.wanted.external_id]
        if self.resource.findable:
            return self.target.client.find(self.resource, ids)
        if self._listed is None:  # no look-up in the API: the list is read once
            self._listed = {}
            for row in self.target.client.records(self.resource):
                external_id = row.get("externalId")
                if external_id not in (None, ""):
                    self._listed.setdefault(str(external_id), []).append(row)
        return self._listed

    def _upsert(self, each: Pending, known: dict[str, list[dict[str, Any]]]) -> None:
        wanted = each.wanted
        rows = known.get(str(wanted.external_id), [])
        try:
            if len(rows) == 1:
                rows = [self._seen(wanted, rows[0])]
            step = plan(self.resource, wanted, rows)
            if isinstance(step, Refused):
                self._reject(each, step.reason)
            elif isinstance(step, Unchanged):
                self.target.tally.count(self.stream_name, "unchanged")
            elif isinstance(step, Create):
                known[step.external_id] = [self._writer.create(wanted, step)]
                self.target.tally.count(self.stream_name, "created")
            elif isinstance(step, Update):
                known[str(wanted.external_id)] = [self._writer.update(wanted, step)]
                self.target.tally.count(self.stream_name, "updated")
        except _ROW_ERRORS as problem:
            self._reject(each, str(problem))
        except ValueError as problem:
            self._reject(each, str(problem))

    def _seen(self, wanted: Wanted, row: dict[str, Any]) -> dict[str, Any]:
        """A row that shows all that is to be compared; the list may show less than the detail."""
        if not unseen(self.resource, wanted, row) or self.resource.detail is None:
            return row
        key = row[self.resource.addressed_by]
        row = {**row, **self.target.client.detail(self.resource, key)}
        hidden = unseen(self.resource, wanted, row) - self._told
        if hidden:
            self._told |= hidden
            self.logger.warning(
                "%s: Precoro does not show %s of existing records, so they cannot be compared and "
                "are sent with new records only.",
                self.stream_name,
                ", ".join(sorted(hidden)),
            )
        return row

    def _reject(self, each: Pending, reason: str) -> None:
        self.target.reject(self, each.record, each.wanted.external_id, reason)
