"""How rows look on the way out: what the table knows of them, and what the switches say."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind

if TYPE_CHECKING:
    from precoro_api.resource import Resource

    from precoro_sandbox.store import Row
    from precoro_sandbox.switches import Switches

__all__ = ["idn_of", "shape"]

_EMPTY: dict[str, Any] = {"list": [], "null": None, "object": {}}

# Collections that arrive inside {"data": [...]}; the others arrive bare.
_WRAPPED = frozenset(
    {
        "approvalSteps",
        "contacts",
        "dataDocumentCustomFields",
        "dataItemCustomFields",
        "items",
        "marketContacts",
        "paymentTerms",
    }
)

# Fields of documents that only the detail carries.
_DETAIL_ONLY = frozenset(
    {"items", "taxes", "comments", "payments", "followers", "attachments", "approvalSteps"}
)


def shape(resource: Resource, row: Row, switches: Switches, *, detail: bool) -> dict[str, Any]:
    """One row as the API would send it, in a list or as a detail."""
    shown: dict[str, Any] = {}
    for name, field in resource.by_name.items():
        if resource.lines and not detail and name in _DETAIL_ONLY:
            continue
        if name == resource.embedded_in and resource.name.endswith("_custom_fields") and not detail:
            continue
        shown[name] = _value(name, field.kind, row.get(name), switches)
    if shown.get("attachments") and switches.attachment_entries == "ids":
        shown["attachments"] = [each["id"] for each in shown["attachments"]]
    if "idn" in shown:
        shown["idn"] = idn_of(row, switches)
    if shown.get("externalId") is not None:
        shown["externalId"] = _external_id(str(shown["externalId"]), switches)
    if "sumPaid" in shown and shown["sumPaid"] is not None:
        as_text = (resource.name in ("invoices", "credit_notes")) == (
            switches.sum_paid_type == "as_seen"
        )
        shown["sumPaid"] = str(row["sumPaid"]) if as_text else float(row["sumPaid"])
    if "parentData" in shown:
        _mark_split(shown, row, switches)
    return shown


def _value(name: str, kind: Kind, value: Any, switches: Switches) -> Any:
    if kind is Kind.OBJECT:
        if not value:
            return _EMPTY[switches.empty_nested]
        value = _plain(value)
        return {"data": value} if switches.nested_objects == "wrapped" else value
    if kind is Kind.ARRAY:
        many = [_plain(each) for each in value or []]
        return {"data": many} if name in _WRAPPED else many
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {
            key: {"data": _plain(each)}
            if key in _WRAPPED and isinstance(each, list)
            else _plain(each)
            for key, each in value.items()
            if not key.startswith("_")
        }
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def idn_of(row: Row, switches: Switches) -> Any:
    """The document number that a row shows."""
    idn = row.get("_own_idn") if switches.split_idn == "distinct" else None
    idn = idn or row.get("idn")
    return int(str(idn)) if switches.idn_type == "integer" and str(idn).isdigit() else idn


def _external_id(external_id: str, switches: Switches) -> Any:
    if switches.external_id_type == "number" and external_id.isdecimal():
        return int(external_id)
    return external_id


def _mark_split(shown: dict[str, Any], row: Row, switches: Switches) -> None:
    parent = row.get("parentData")
    if switches.split_marker != "parentData":
        shown["parentData"] = _EMPTY[switches.empty_nested]
    if switches.split_marker == "parentIdn":
        shown["parentIdn"] = parent["idn"] if parent else None
    if switches.split_marker == "splitIndex":
        shown["splitIndex"] = (
            row.get("_split_index", 0) if not parent else row.get("_split_index", 1)
        )
