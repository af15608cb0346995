"""What the API does with documents: payments, receipts, approvals, uploads."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from precoro_api.enums import AttachmentType
from precoro_api.resource import Write
from precoro_api.resources import BY_NAME

from precoro_sandbox.company.statuses import (
    APPROVED,
    CANCELED,
    CLOSED,
    DENIED,
    ON_REVISE,
    PAID,
    PARTLY_PAID,
    PENDING,
    STATUS_STRINGS,
)
from precoro_sandbox.writes import Invalid, new_external_id, read_fields

if TYPE_CHECKING:
    from precoro_sandbox.store import Row, Store
    from precoro_sandbox.switches import Switches

__all__ = ["act", "attach", "contract", "pay_expense", "pay_invoice", "receive", "requisition"]

_CENT = Decimal("0.01")
_AFTER = {
    "approve": APPROVED,
    "reject": DENIED,
    "revision": ON_REVISE,
    "confirm": PENDING,
    "confirm_revise": PENDING,
    "complete": CLOSED,
}
_OWNERS = {
    AttachmentType.INVOICE: "invoices",
    AttachmentType.PURCHASE_ORDER: "purchase_orders",
    AttachmentType.PURCHASE_REQUISITION: "purchase_requisitions",
    AttachmentType.RECEIPT: "receipts",
    AttachmentType.EXPENSE: "expenses",
    AttachmentType.SUPPLIER: "suppliers",
    AttachmentType.WAREHOUSE_REQUEST: "warehouse_requests",
    AttachmentType.REQUEST_FOR_PROPOSALS: "request_for_proposals",
}
_CONTRACT = Write(
    "/contract", ("3rd:sdk",), keys=("number", "beginDate", "endDate", "prolongation", "note")
)


def act(resource: str, store: Store, row: Row, step: str, body: Row, switches: Switches) -> Row:
    """Approve, reject, send back, confirm, complete or cancel a document or supplier."""
    if resource == "payments":
        return _cancel_payment(store, row, switches)
    if resource == "suppliers":
        return store.change(resource, row, {"status": 2 if step == "approve" else 3})
    values: Row = {"status": _AFTER[step]}
    if step == "approve":
        values["approvalDate"] = store.clock.stamp()
    if body.get("comment"):
        values["comments"] = [*(row.get("comments") or []), {"text": body["comment"]}]
    if "statusString" in row:
        values["statusString"] = STATUS_STRINGS[values["status"]]
    return store.change(resource, row, values)


def pay_invoice(store: Store, body: Row, switches: Switches) -> Row:
    """A payment against an invoice: above 0 and not above what remains."""
    invoice = _referred(store, "invoices", "invoice", body)
    amount = _amount(body)
    total, paid = _money(invoice.get("sum")), _money(invoice.get("sumPaid"))
    left = total - paid
    if left <= 0:
        raise Invalid("sumPaid", "The Invoice is already fully paid.")
    if not 0 < amount <= left:
        raise _beyond(left)
    payment = store.add(
        "payments",
        {
            "invoice": {"id": invoice["id"], "idn": invoice["idn"]},
            "sumPaid": amount,
            "payDate": body.get("payDate"),
            "logicType": _logic_type(body),
            "status": APPROVED,
            "prepayment": False,
            "externalId": new_external_id("payments", store, body, switches),
        },
    )
    _list_on(invoice, "payments", payment, "idn", "sumPaid", "payDate")
    _settle(store, invoice, paid + amount, switches)
    return payment


def _settle(store: Store, invoice: Row, paid: Decimal, switches: Switches) -> None:
    status = PAID if paid >= _money(invoice["sum"]) else PARTLY_PAID if paid else APPROVED
    values = {"sumPaid": paid, "status": status, "statusString": STATUS_STRINGS[status]}
    store.change("invoices", invoice, values, touch=switches.touch_on_payment == "yes")


def _cancel_payment(store: Store, payment: Row, switches: Switches) -> Row:
    if payment.get("status") == CANCELED:
        raise Invalid("status", "The payment is already cancelled.")
    invoice = store.by_key("invoices", "id", str((payment.get("invoice") or {}).get("id")))
    if invoice is not None:
        paid = _money(invoice.get("sumPaid")) - _money(payment.get("sumPaid"))
        _settle(store, invoice, paid, switches)
    return store.change("payments", payment, {"status": CANCELED})


def pay_expense(store: Store, body: Row) -> Row:
    """A payment against an expense."""
    expense = _referred(store, "expenses", "expense", body)
    amount = _amount(body)
    left = _money(expense.get("sum")) - _money(expense.get("sumPaid"))
    if not 0 < amount <= left:
        raise _beyond(left)
    store.change("expenses", expense, {"sumPaid": _money(expense.get("sumPaid")) + amount})
    values = {"sumPaid": amount, "payDate": body.get("payDate"), "status": APPROVED}
    payment = store.add("expense_payments", values)
    _list_on(expense, "expensePayments", payment, "idn", "sumPaid", "payDate")
    return payment


def receive(store: Store, order: Row, body: Row) -> Row:
    """A receipt against a purchase order, with the order's lines."""
    if not body.get("requiredDate"):
        raise Invalid("requiredDate", "This value should not be blank.")
    warehouse = _referred(store, "warehouses", "warehouse", body)
    receipt = store.add(
        "receipts",
        {
            "purchaseOrder": {"id": order["id"], "idn": order["idn"]},
            "warehouse": {"id": warehouse["id"], "name": warehouse.get("name")},
            "requiredDate": body["requiredDate"],
            "note": body.get("note"),
            "currency": order.get("currency"),
            "status": PENDING,
            "location": order.get("location"),
            "items": order.get("items", []),
            "dataDocumentCustomFields": body.get("dataDocumentCustomFields") or [],
        },
    )
    _list_on(order, "relatedReceipts", receipt, "idn")
    return receipt


def requisition(store: Store, body: Row) -> Row:
    """A draft of a purchase requisition."""
    for name in ("location", "currency", "requiredDate", "items"):
        if body.get(name) in (None, "", [], {}):
            raise Invalid(name, "This value should not be blank.")
    location = _referred(store, "locations", "location", body)
    return store.add(
        "purchase_requisitions",
        {
            "location": {"id": location["id"], "name": location.get("name")},
            "currency": body["currency"],
            "requiredDate": body["requiredDate"],
            "items": body["items"],
            "status": 0,
        },
    )


def contract(store: Store, body: Row, switches: Switches) -> Row:
    """A contract; its supplier stands under a plain `id`, as one client library sends it."""
    supplier = _referred(store, "suppliers", "id", body)
    values = read_fields(BY_NAME["contracts"], _CONTRACT, body, store, switches)
    if not values.get("number"):
        raise Invalid("number", "This value should not be blank.")
    values["supplier"] = {"id": supplier["id"], "name": supplier.get("name")}
    return store.add("contracts", {"enable": True, **values})


def attach(store: Store, file: Row) -> Row:
    """A file, which the document or supplier that it belongs to then lists."""
    row = store.add("attachments", file)
    owner = _OWNERS.get(file["type"])
    found = store.by_key(owner, "id", file["_object_id"]) if owner else None
    if found is not None:
        _list_on(found, "attachments", row, "name")
    return row


def _list_on(owner: Row, name: str, row: Row, *shown: str) -> None:
    owner[name] = [*(owner.get(name) or []), {key: row.get(key) for key in ("id", *shown)}]


def _logic_type(body: Row) -> int:
    given = str(body.get("logicType") or 0)
    if not given.isdecimal():
        raise Invalid("logicType", "This value is not valid.")
    return int(given)


def _referred(store: Store, resource: str, name: str, body: Row) -> Row:
    given: Any = body.get(name)
    wanted = given.get("id") if isinstance(given, dict) else given
    found = store.by_key(resource, "id", str(wanted))
    if found is None:
        raise Invalid(name, "This value is not valid.")
    return found


def _amount(body: Row) -> Decimal:
    try:
        amount = Decimal(str(body.get("sumPaid")))
    except InvalidOperation:
        raise Invalid("sumPaid", "This value is not valid.") from None
    if not amount.is_finite():
        raise Invalid("sumPaid", "This value is not valid.")
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _beyond(left: Decimal) -> Invalid:
    words = f"The amount must be greater than 0 and not exceed {left.normalize():f}"
    return Invalid("sumPaid", words)


def _money(value: Any) -> Decimal:
    return Decimal(str(value or 0))
