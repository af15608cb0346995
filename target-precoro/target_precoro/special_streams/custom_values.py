"""The stream `supplier_custom_field_values`: one record a value, one request a supplier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from precoro_api import BY_NAME, UnexpectedAnswer
from precoro_api.fields import unwrap
from typing_extensions import override

from target_precoro.records.equality import folded
from target_precoro.records.outcome import ROW_ERRORS, Outcome, Pending, SetValue, class_of
from target_precoro.records.upsert import candidates
from target_precoro.records.wanted import listed
from target_precoro.sinks import GatheringSink
from target_precoro.special_streams.supplier_values import (
    FIELD,
    SUPPLIERS,
    as_sent,
    changed_values,
    value_route,
    value_wanted,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from precoro_api import Client, PrecoroError

    from target_precoro.plans.applying import Applying
    from target_precoro.plans.special_steps import ValueStep
    from target_precoro.records.routes import Route
    from target_precoro.target import TargetPrecoro

__all__ = ["ValueSink", "Values", "apply_values"]

_OPTIONS = BY_NAME["supplier_custom_field_options"]
_CALL = SUPPLIERS.other_writes[0]
_HOLDER = "dataSupplierCustomFields"


class ValueSink(GatheringSink):
    """Takes a supplier (by any of its names), a field (id or name), and a value or an option."""

    max_size = 200
    takes = "values of suppliers"

    @override
    def route_for(self, schema: Mapping[str, Any]) -> Route:
        return value_route(self.stream_name, self.target.config)

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a record into the batch."""
        wanted = value_wanted(self.route, record)
        self.tell_unknown(wanted)
        self.pending.append(self.target.take(self, record, wanted, self.route))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Write the values, after the suppliers and options that came before them."""
        batch, self.pending = self.pending, []
        self.target.drain_before({SUPPLIERS.name, _OPTIONS.name})
        self.target.values.write(batch)


class Values:
    """Writes values, supplier by supplier; those of suppliers that are not there yet, at the end.

    Each record is settled once.
    """

    def __init__(self, target: TargetPrecoro) -> None:
        self._target = target
        self._waiting: list[Pending] = []

    def write(self, batch: Iterable[Pending]) -> None:
        """Write what can be written of a batch."""
        self._waiting += self._write(batch)

    def finish(self) -> None:
        """All suppliers are written that are to be: write what waited, and refuse the rest."""
        waiting, self._waiting = self._waiting, []
        for each in self._write(waiting):
            self._target.settle(each, self._not_one(each))

    def _not_one(self, each: Pending) -> Outcome:
        """Why a record has no supplier: there is none, or there are several."""
        supplier = each.wanted.values["supplier"]
        several = self._target.engine.directories.several(supplier, {})
        if several:
            told = f"{supplier} is {len(several)} records of Precoro (ids {candidates(several)})"
            return Outcome("rejected", reason=f"{told}: name it by its id", error="conflict")
        return _no(f"Precoro has no {supplier}")

    def _write(self, batch: Iterable[Pending]) -> list[Pending]:
        """Those whose supplier is not there are handed back."""
        target, absent = self._target, []
        directories = target.engine.directories
        ready = [each for each in batch if not self._is_settled(each)]
        directories.ask((ref, {}) for each in ready for ref in each.wanted.references)
        by_supplier: dict[str, list[Pending]] = {}
        for each in ready:
            found = directories.resolve(each.wanted.values["supplier"], {})
            if found is None:
                absent.append(each)
            else:
                by_supplier.setdefault(str(found), []).append(each)
        for supplier_id, many in by_supplier.items():
            with target.writing():
                for each, outcome in self._outcomes(supplier_id, many):
                    target.settle(each, outcome)
        return absent

    def _is_settled(self, each: Pending) -> bool:
        """Whether a record asks for nothing that can be done; that is told."""
        wanted, problems = each.wanted, list(each.wanted.problems)
        if wanted.unknown and each.route.unknown_fields == "fail":
            names = listed(sorted(wanted.unknown))
            problems.append(f"{ValueSink.takes} take no {names}, and unknown_fields is fail")
        if problems:
            outcome = Outcome("rejected", reason="; ".join(problems), error="data")
        elif not wanted.values.keys() & {"option", "value"}:
            why = "its value is null" if "null" in wanted.values else "it gives no value or option"
            outcome = Outcome("skipped", reason=f"{why}, so what Precoro has is left as it is")
        else:
            return False
        self._target.settle(each, outcome)
        return True

    def _outcomes(
        self, supplier_id: str, many: Sequence[Pending]
    ) -> Iterator[tuple[Pending, Outcome]]:
        wanted: dict[int, Any] = {}
        ready = []
        for each in many:
            field_id, value, refused = self._value(each)
            if refused is None:
                wanted[field_id] = value
                ready.append((each, field_id))
            else:
                yield each, refused
        if not ready:
            return
        try:
            row, shown, differ = self._sent(supplier_id, wanted)
        except ROW_ERRORS as problem:
            for each, _ in ready:
                yield each, _refused(problem)
            return
        for each, field_id in ready:
            if not differ:
                yield each, Outcome("unchanged", row)
                continue
            new = as_sent(wanted[field_id])
            step = SetValue(supplier_id, field_id, _value_in(shown, field_id), new)
            yield each, Outcome("updated", row, (_HOLDER,), step=step)

    def _sent(
        self, supplier_id: str, wanted: Mapping[int, Any]
    ) -> tuple[dict[str, Any], list[Mapping[str, Any]], bool]:
        """The supplier after it, the values before it, and whether any of them differed."""
        target = self._target
        new = target.dry and target.preview.new.of(supplier_id)
        row = {} if new else target.client.detail(SUPPLIERS, supplier_id)  # a new one has none yet
        shown = _shown(row)
        values = changed_values(shown, wanted)
        if values and not target.dry:
            row = _written(target.client, supplier_id, values, wanted)
        return row, shown, bool(values)

    def _value(self, each: Pending) -> tuple[int, Any, Outcome | None]:
        """The field's id and the value, or why not; the name of an option becomes its id."""
        directories = self._target.engine.directories
        field = each.wanted.values["field"]
        try:
            found = directories.resolve(field, {})
            if found is None:
                return 0, None, _no(f"Precoro has no {field}")
            option = each.wanted.values.get("option")
            if option is None:
                return int(found), each.wanted.values["value"], None
            options = directories.of(_OPTIONS, {"field_id": int(found)})
            options.read_all()
        except ROW_ERRORS as problem:
            return 0, None, _refused(problem)
        rows = [row for row in options.known if folded(row.get("name")) == folded(option)]
        if len(rows) != 1:
            told = f"field {found} has {len(rows) or 'no'} options named {option!r}"
            return 0, None, _no(told)
        return int(found), str(rows[0]["id"]), None


def _no(told: str) -> Outcome:
    return Outcome("rejected", reason=told, error="reference")


def _refused(problem: PrecoroError) -> Outcome:
    said = getattr(problem, "said", "")
    return Outcome("rejected", reason=str(problem), error=class_of(problem), said=said)


def apply_values(target: TargetPrecoro, steps: Iterable[ValueStep]) -> None:
    """Carry out steps of a plan, one request a supplier; a value that changed since is left."""
    by_supplier: dict[str, list[ValueStep]] = {}
    for step in steps:
        supplier_id = cast("Applying", target.engine).id_of(step.supplier)
        if supplier_id is None:
            told = f"suppliers {step.supplier.key} was to be created, and is not there"
            target.settle(step, Outcome("stale", reason=told))
        else:
            by_supplier.setdefault(str(supplier_id), []).append(step)
    for supplier_id, many in by_supplier.items():
        with target.writing():
            try:
                _apply(target, supplier_id, many)
            except ROW_ERRORS as problem:
                refused = Outcome("rejected", reason=str(problem), error=class_of(problem))
                for step in many:
                    target.settle(step, refused)


def _apply(target: TargetPrecoro, supplier_id: str, steps: list[ValueStep]) -> None:
    row = target.client.detail(SUPPLIERS, supplier_id)
    shown, wanted = _shown(row), {step.field_id: step.new for step in steps}
    now = {step.field_id: _value_in(shown, step.field_id) for step in steps}
    stale = {
        each.field_id
        for each in steps
        if now[each.field_id] not in (each.old, wanted[each.field_id])
    }
    wanted = {field_id: value for field_id, value in wanted.items() if field_id not in stale}
    values = changed_values(shown, wanted)
    if values:
        row = _written(target.client, supplier_id, values, wanted)
    for step in steps:
        if step.field_id in stale:
            reason = f"its value of field {step.field_id} changed since"
            outcome = Outcome("stale", row, reason=reason)
        elif now[step.field_id] == wanted[step.field_id]:
            outcome = Outcome("unchanged", row)
        else:
            outcome = Outcome("updated", row, (_HOLDER,))
        target.settle(step, outcome)


def _shown(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    shown = unwrap(row.get(_HOLDER))
    return shown if isinstance(shown, list) else []


def _value_in(shown: Iterable[Mapping[str, Any]], field_id: int) -> str:
    """The value of a field; "" where it has none."""
    for each in shown:
        field = unwrap(each.get(FIELD))
        if isinstance(field, dict) and field.get("id") == field_id:
            return as_sent(each.get("value"))
    return ""


def _written(
    client: Client, supplier_id: str, values: list[dict[str, Any]], wanted: Mapping[int, Any]
) -> dict[str, Any]:
    """The supplier with these values. Raises UnexpectedAnswer where it does not show them."""
    path = {SUPPLIERS.addressed_by: supplier_id}
    row = client.write(
        SUPPLIERS, _CALL, {_HOLDER: values}, path=path, record_key=supplier_id
    ) or client.detail(SUPPLIERS, supplier_id)
    if changed_values(_shown(row), wanted, as_shown=True):
        raise UnexpectedAnswer(
            "the values were accepted, but the supplier does not show them",
            resource=SUPPLIERS.name,
            key=supplier_id,
        )
    return row
