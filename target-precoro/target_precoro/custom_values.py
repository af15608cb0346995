"""The stream `supplier_custom_field_values`: one record a value, one request a supplier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, UnexpectedAnswer
from precoro_api.fields import unwrap
from typing_extensions import override

from target_precoro.directory import folded
from target_precoro.equality import is_empty
from target_precoro.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.routes import Route
from target_precoro.sinks import GatheringSink
from target_precoro.wanted import Reference, Wanted, reference_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


__all__ = ["ValueSink", "changed_values"]

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
                ready.append(each)
        new = self.target.dry and self.target.preview.new.of(supplier_id)
        row = {} if new else client.detail(_SUPPLIERS, supplier_id)  # a new one has none yet
        shown = unwrap(row.get(_HOLDER))
        values = changed_values(shown if isinstance(shown, list) else [], wanted)
        if values and not self.target.dry:
            path = {_SUPPLIERS.addressed_by: supplier_id}
            row = client.write(
                _SUPPLIERS, _CALL, {_HOLDER: values}, path=path, record_key=supplier_id
            ) or client.detail(_SUPPLIERS, supplier_id)
            shown = unwrap(row.get(_HOLDER))
            if changed_values(shown if isinstance(shown, list) else [], wanted):
                raise UnexpectedAnswer(
                    "the values were accepted, but the supplier does not show them",
                    resource=_SUPPLIERS.name,
                    key=supplier_id,
                )
        action = "updated" if values else "unchanged"
        for each in ready:
            self.target.settle(each, Outcome(action, row, (_HOLDER,) if values else ()))

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
