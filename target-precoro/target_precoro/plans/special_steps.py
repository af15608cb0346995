"""Steps of a plan that are no record's own: an approval of a document, a value of a supplier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME

from target_precoro.plans.rehearsal import NewRecord, record_of, symbol_of
from target_precoro.records.outcome import Act, Pending, SetValue
from target_precoro.records.routes import Route
from target_precoro.records.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "SPECIAL",
    "ApprovalStep",
    "ValueStep",
    "read_special",
    "saved_special",
]

_ACT, _SET = "act", "set_value"
SPECIAL = (_ACT, _SET)
"""What the plan's file calls these actions."""


@dataclass(frozen=True)
class ApprovalStep(Pending):
    """A step of a plan: the record says what to do, if the document is still in that state."""

    status: Any = None


@dataclass(frozen=True)
class ValueStep(Pending):
    """A step of a plan; the supplier is an id, or a NewRecord where another step creates it."""

    supplier: Any = None
    field_id: int = 0
    old: str = ""
    new: str = ""


def saved_special(
    number: int,
    each: Pending,
    key: str,
    step: Act | SetValue,
    new_of: Callable[[Any], NewRecord | None],
) -> dict[str, Any]:
    """Such a step as the file holds it; `new_of` tells which ids stand for new records."""
    saved = {
        "step": number,
        "record": each.place or None,
        "stream": each.route.stream,
        "resource": each.route.resource.name,
        "key": key,
        "said": dict(each.record),
    }
    if isinstance(step, Act):
        return {**saved, "action": _ACT, "idn": each.wanted.idn, "status": step.status}
    new = new_of(step.supplier_id)
    supplier = step.supplier_id if new is None else symbol_of(new)
    values = {"field": step.field_id, "old": step.old, "new": step.new}
    return {**saved, "action": _SET, "id": supplier, **values}


def read_special(saved: Mapping[str, Any]) -> ApprovalStep | ValueStep:
    """Such a step of the file. Raises KeyError, TypeError or ValueError where it is none."""
    route = Route(saved["stream"], BY_NAME[saved["resource"]])
    given = {
        "place": saved["record"] or 0,
        "route": route,
        "record": dict(saved["said"]),
        "schema": {"type": "object", "properties": {}},
        "key": saved["key"],
    }
    if saved["action"] == _ACT:
        wanted = Wanted(None, idn=str(saved["idn"]))
        return ApprovalStep(wanted=wanted, status=saved["status"], **given)
    supplier = record_of(saved["id"])
    if supplier is None:
        raise ValueError("it names no supplier")
    return ValueStep(
        wanted=Wanted(None),
        supplier=supplier,
        field_id=int(saved["field"]),
        old=str(saved["old"]),
        new=str(saved["new"]),
        **given,
    )
