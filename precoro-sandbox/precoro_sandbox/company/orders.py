"""Purchase orders, the receipts of their goods, and the expenses of employees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.desk import Backlog, Desk, currency_of, joined_option_ids
from precoro_sandbox.company.draft import reference
from precoro_sandbox.company.lines import taxed
from precoro_sandbox.company.money import COMPANY_CURRENCY, RATES, ZERO
from precoro_sandbox.company.statuses import (
    AFTER_APPROVAL,
    APPROVED,
    AWAITING_CONFIRMATION,
    CANCELED,
    CLOSED,
    DENIED,
    ON_REVISE,
    OPEN,
    ORDINARY,
    PENDING,
)

if TYPE_CHECKING:
    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["approved_orders", "expenses", "purchase_orders", "receipts"]

_ORDER_STATES = (
    *(APPROVED,) * 15,
    *(CLOSED,) * 3,
    *(OPEN, PENDING, DENIED, AWAITING_CONFIRMATION, ON_REVISE, CANCELED),
)
_RECEIPT_STATES = (*(APPROVED,) * 12, OPEN, PENDING, CANCELED)
_EXPENSE_STATES = (*(APPROVED,) * 8, OPEN, PENDING, DENIED, ON_REVISE)
_PURPOSES = ("Office refresh", "Spare parts", "Laboratory stock", "Trade fair", "Yearly contract")


def purchase_orders(draft: Draft) -> list[Row]:
    """Orders with one to eight lines each."""
    desk = Desk(draft, "purchase_orders")
    rng = desk.rng
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("purchase_orders"), draft.created("purchase_orders", early=0.9), strict=True)
    ):
        row = desk.head(index, key, created, _ORDER_STATES)
        supplier = desk.supplier(created)
        currency = currency_of(supplier)
        row.update(
            supplier=reference(supplier),
            legalEntity=desk.legal_entity(),
            budget=desk.budget(),
            currency=currency,
            exchangeRate=RATES[currency],
            logicType=ORDINARY,
            requiredDate=desk.soon(created),
            invoicedSum=ZERO,
            netInvoicedSum=ZERO,
            invoicedSumInCompanyCurrency=ZERO,
            items=desk.lines.draw(rng, supplier, currency, created),
        )
        row.update(taxed(row["items"], desk.tax(), currency))
        if supplier and supplier["paymentTerms"]:
            row["creditPeriodDays"] = supplier["paymentTerms"][0]["creditPeriodDays"]
        if index % 4 == 0:
            row["customName"] = _PURPOSES[int(rng.random() * len(_PURPOSES))]
        if index % 3 == 0 and row["status"] in AFTER_APPROVAL:
            row["externalId"] = f"PO-{5_000 + index}"
        rows.append(row)
    return rows


def approved_orders(draft: Draft) -> Backlog:
    """Orders whose goods and invoices may come in."""
    lives = draft.lives["purchase_orders"]
    known = [row for row in draft.rows["purchase_orders"] if row["status"] in AFTER_APPROVAL]
    return Backlog(known, [lives[row["id"]].created for row in known])


def receipts(draft: Draft) -> list[Row]:
    """Receipts of ordered goods; those without a waiting order name none."""
    desk = Desk(draft, "receipts")
    rng = desk.rng
    orders = approved_orders(draft)
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("receipts"), draft.created("receipts", early=0.8), strict=True)
    ):
        row = desk.head(index, key, created, _RECEIPT_STATES)
        order = orders.take(rng, created)
        row["currency"] = order["currency"] if order else COMPANY_CURRENCY
        row["exchangeRate"] = RATES[row["currency"]]
        row["receiptNumber"] = f"DN-{int(rng.random() * 90_000) + 10_000}"
        row["requiredDate"] = desk.soon(created)
        row["warehouse"] = desk.warehouse()
        if order:
            row["purchaseOrder"] = reference(order, "idn")
            row["location"] = order["location"]
            row["items"] = desk.lines.copy(order["items"])
            order.setdefault("relatedReceipts", []).append(reference(row, "idn"))
        else:
            row["items"] = desk.lines.draw(rng, desk.supplier(created), row["currency"], created)
        if index % 5 == 0 and row["status"] in AFTER_APPROVAL:
            row["externalId"] = f"GR-{8_000 + index}"
        rows.append(row)
    return rows


def expenses(draft: Draft) -> list[Row]:
    """What employees laid out; in the company's currency."""
    desk = Desk(draft, "expenses")
    rng = desk.rng
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("expenses"), draft.created("expenses", early=0.9), strict=True)
    ):
        row = desk.head(index, key, created, _EXPENSE_STATES)
        joined_option_ids(row)
        row.update(
            expenseNumber=f"EX-{index + 1:04d}",
            currency=COMPANY_CURRENCY,
            legalEntity=desk.legal_entity(),
            budget=desk.budget(),
            issueDate=draft.timeline.day(created),
            requiredDate=desk.soon(created),
            sumPaid=ZERO,
            sumPaidInCompanyCurrency=ZERO,
            items=desk.lines.draw(rng, None, COMPANY_CURRENCY, created)[:4],
        )
        row.update(taxed(row["items"], desk.tax(), COMPANY_CURRENCY))
        rows.append(row)
    return rows
