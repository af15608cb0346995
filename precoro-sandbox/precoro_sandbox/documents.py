"""What the API does with documents: payments, receipts, approvals, uploads."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from precoro_sandbox.writes import Invalid

if TYPE_CHECKING:
    from precoro_sandbox.store import Row, Store
    from precoro_sandbox.switches import Switches

__all__ = ["act", "pay_expense", "pay_invoice", "receive", "requisition"]

_APPROVED, _DENIED, _PARTLY_PAID, _PAID, _ON_REVISE, _PENDING, _CLOSED = 2, 3, 4, 5, 7, 1, 11
_CANCELED = 8
_CENT = Decimal("0.01")
_AFTER = {
    "approve": _APPROVED,
    "reject": _DENIED,
    "revision": _ON_REVISE,
    "confirm": _PENDING,
    "confirm_revise": _PENDING,
    "complete": _CLOSED,
}
_NAMES = {_APPROVED: "approved", _DENIED: "denied", _PARTLY_PAID: "partly_paid", _PAID: "paid"}


def act(resource: str, store: Store, row: Row, step: str, body: Row) -> Row:
    """Approve, reject, send back, confirm, complete or cancel a document or supplier."""
    if resource == "payments":
        return _cancel_payment(store, row)
    if resource == "suppliers":
        return store.change(resource, row, {"status": 2 if step == "approve" else 3})
    values: Row = {"status": _AFTER[step]}
    if step == "approve":
        values["approvalDate"] = store.clock.stamp()
    if body.get("comment"):
        values["comments"] = [*row.get("comments", []), {"text": body["comment"]}]
    if "statusString" in row:
        values["statusString"] = f"status.{_NAMES.get(values['status'], step)}"
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
        raise Invalid("sumPaid", f"The amount must be greater than 0 and not exceed {left}")
    stored = switches.external_id_on_create == "everywhere"
    payment = store.add(
        "payments",
        {
            "invoice": {"id": invoice["id"], "idn": invoice["idn"]},
            "sumPaid": amount,
            "payDate": body.get("payDate"),
            "logicType": int(body.get("logicType") or 0),
            "status": _APPROVED,
            "prepayment": False,
            "externalId": body.get("externalId") if stored else None,
        },
    )
    _settle(store, invoice, paid + amount, switches)
    return payment


def _settle(store: Store, invoice: Row, paid: Decimal, switches: Switches) -> None:
    status = _PAID if paid >= _money(invoice["sum"]) else _PARTLY_PAID if paid else _APPROVED
    values = {"sumPaid": paid, "status": status, "statusString": f"status.{_NAMES[status]}"}
    if switches.touch_on_payment == "yes":
        store.change("invoices", invoice, values)
    else:
        invoice.update(values)


def _cancel_payment(store: Store, payment: Row) -> Row:
    if payment.get("status") == _CANCELED:
        raise Invalid("status", "The payment is already cancelled.")
    invoice = store.by_key("invoices", "id", str((payment.get("invoice") or {}).get("id")))
    if invoice is not None:
        paid = _money(invoice.get("sumPaid")) - _money(payment.get("sumPaid"))
        status = _PARTLY_PAID if paid else _APPROVED
        store.change("invoices", invoice, {"sumPaid": paid, "status": status})
    return store.change("payments", payment, {"status": _CANCELED})


def pay_expense(store: Store, body: Row) -> Row:
    """A payment against an expense."""
    expense = _referred(store, "expenses", "expense", body)
    amount = _amount(body)
    left = _money(expense.get("sum")) - _money(expense.get("sumPaid"))
    if not 0 < amount <= left:
        raise Invalid("sumPaid", f"The amount must be greater than 0 and not exceed {left}")
    store.change("expenses", expense, {"sumPaid": _money(expense.get("sumPaid")) + amount})
    values = {"sumPaid": amount, "payDate": body.get("payDate"), "status": _APPROVED}
    return store.add("expense_payments", values)


def receive(store: Store, order: Row, body: Row) -> Row:
    """A receipt against a purchase order, with the order's lines."""
    if not body.get("requiredDate"):
        raise Invalid("requiredDate", "This value should not be blank.")
    warehouse = _referred(store, "warehouses", "warehouse", body)
    return store.add(
        "receipts",
        {
            "purchaseOrder": {"id": order["id"], "idn": order["idn"]},
            "warehouse": {"id": warehouse["id"], "name": warehouse.get("name")},
            "requiredDate": body["requiredDate"],
            "note": body.get("note"),
            "currency": order.get("currency"),
            "status": _PENDING,
            "location": order.get("location"),
            "items": order.get("items", []),
            "dataDocumentCustomFields": body.get("dataDocumentCustomFields") or [],
        },
    )


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


def _money(value: Any) -> Decimal:
    return Decimal(str(value or 0))
