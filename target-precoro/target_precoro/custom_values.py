"""The stream `supplier_custom_field_values`: one record a value, one request a supplier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from precoro_api import BY_NAME, UnexpectedAnswer
from precoro_api.fields import unwrap
from typing_extensions import override

from target_precoro.directory import folded
from target_precoro.equality import is_empty
from target_precoro.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.routes import Route
from target_precoro.sinks import GatheringSink
from target_precoro.special_steps import SetValue
from target_precoro.wanted import Reference, Wanted, reference_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_api import Client

    from target_precoro.applying import Applying
    from target_precoro.special_steps import ValueStep
    from target_precoro.target import TargetPrecoro

__all__ = ["ValueSink", "apply_values", "changed_values"]

_SUPPLIERS = BY_NAME["suppliers"]
_FIELDS = BY_NAME["supplier_custom_fields"]
_OPTIONS = BY_NAME["supplier_custom_field_options"]
_CALL = _SUPPLIERS.other_writes[0]
_HOLDER = "dataSupplierCustomFields"
_FIELD = "supplierCustomField"


def changed_values(
    shown: Iterable[Mapping[str, Any]], wanted: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The whole list of values with the wanted ones in it, or [] if nothing differs. Pure."""
    values = [dict(each) for each in shown]
    left = dict(wanted)
    differs = False
    for each in values:
        field = unwrap(each.get(_FIELD))
        field_id = field.get("id") if isinstance(field, dict) else None
        if field_id in left:
            value = left.pop(field_id)
            differs = differs or str(each.get("value") or "").strip() != value
            each["value"] = value
    values += [{_FIELD: {"id": field_id}, "value": value} for field_id, value in left.items()]
    return values if differs or left else []


class ValueSink(GatheringSink):
    """Takes a supplier (by any of its names), a field (id or name), and a value or an option."""

    max_size = 200

    @override
    def route_for(self, schema: Mapping[str, Any]) -> Route:
        return Route(self.stream_name, _SUPPLIERS)

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a record into the batch."""
        supplier = reference_of(record, "supplier", "suppliers")
        field = reference_of(record, "field", _FIELDS.name, "custom_field")
        problems = [
            f"it names no {name}: give {name}_external_id, {name}_id or {name}_name"
            for name, given in (("supplier", supplier), ("field", field))
            if given is None
        ]
        wanted = Wanted(None, {"supplier": supplier, "field": field}, problems=tuple(problems))
        self.pending.append(self.target.take(self, record, wanted, self.route))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Write the values, supplier by supplier."""
        batch, self.pending = self.pending, []
        directories = self.target.engine.directories
        directories.ask((ref, {}) for each in batch for ref in each.wanted.references)
        by_supplier: dict[Any, list[Pending]] = {}
        for each in batch:
            supplier = each.wanted.values["supplier"]
            found = None
            if isinstance(supplier, Reference):
                found = directories.resolve(supplier, {})
            if each.wanted.problems or found is None:
                told = "; ".join(each.wanted.problems) or f"Precoro has no {supplier}"
                kind = "data" if each.wanted.problems else "reference"
                self.target.settle(each, Outcome("rejected", reason=told, error=kind))
            else:
                by_supplier.setdefault(str(found), []).append(each)
        for supplier_id, many in by_supplier.items():
            with self.target.writing():
                try:
                    self._write(supplier_id, many)
                except ROW_ERRORS as problem:
                    for each in many:
                        kind = class_of(problem)
                        self.target.settle(
                            each, Outcome("rejected", reason=str(problem), error=kind)
                        )

    def _write(self, supplier_id: str, many: list[Pending]) -> None:
        client = self.target.client
        wanted: dict[int, str] = {}
        ready = []
        for each in many:
            field_id, value, problem = self._value(each)
            if problem:
                self.target.settle(each, Outcome("rejected", reason=problem, error="reference"))
            else:
                wanted[field_id] = value
                ready.append((each, field_id))
        new = self.target.dry and self.target.preview.new.of(supplier_id)
        row = {} if new else client.detail(_SUPPLIERS, supplier_id)  # a new one has none yet
        shown = _shown(row)
        values = changed_values(shown, wanted)
        if values and not self.target.dry:
            row = _written(client, supplier_id, values, wanted)
        action = "updated" if values else "unchanged"
        for each, field_id in ready:
            step = SetValue(supplier_id, field_id, _value_in(shown, field_id), wanted[field_id])
            outcome = Outcome(action, row)
            if values:
                outcome = Outcome(action, row, (_HOLDER,), step=step)
            self.target.settle(each, outcome)

    def _value(self, each: Pending) -> tuple[int, str, str]:
        """The field's id and the value to send, or a problem; option names become their ids."""
        directories = self.target.engine.directories
        field = each.wanted.values["field"]
        found = directories.resolve(field, {}) if isinstance(field, Reference) else None
        if found is None:
            return 0, "", f"Precoro has no {field}"
        option = each.record.get("option") or each.record.get("option_name")
        value = each.record.get("value")
        if is_empty(option):
            return int(found), "" if value is None else str(value).strip(), ""
        options = directories.of(_OPTIONS, {"field_id": int(found)})
        options.read_all()
        rows = [row for row in options.known if folded(row.get("name")) == folded(option)]
        if len(rows) != 1:
            return 0, "", f"field {found} has {len(rows) or 'no'} options named {option!r}"
        return int(found), str(rows[0]["id"]), ""


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
    row = target.client.detail(_SUPPLIERS, supplier_id)
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
        field = unwrap(each.get(_FIELD))
        if isinstance(field, dict) and field.get("id") == field_id:
            return str(each.get("value") or "").strip()
    return ""


def _written(
    client: Client, supplier_id: str, values: list[dict[str, Any]], wanted: Mapping[int, str]
) -> dict[str, Any]:
    """The supplier with these values. Raises UnexpectedAnswer where it does not show them."""
    path = {_SUPPLIERS.addressed_by: supplier_id}
    row = client.write(
        _SUPPLIERS, _CALL, {_HOLDER: values}, path=path, record_key=supplier_id
    ) or client.detail(_SUPPLIERS, supplier_id)
    if changed_values(_shown(row), wanted):
        raise UnexpectedAnswer(
            "the values were accepted, but the supplier does not show them",
            resource=_SUPPLIERS.name,
            key=supplier_id,
        )
    return row
