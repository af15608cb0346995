"""Invoices, among them credit notes and invoices split among several cost bearers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.desk import Desk, currency_of, joined_option_ids
from precoro_sandbox.company.draft import reference
from precoro_sandbox.company.lines import taxed
from precoro_sandbox.company.money import ZERO, in_company_currency
from precoro_sandbox.company.orders import approved_orders
from precoro_sandbox.company.statuses import (
    AFTER_APPROVAL,
    APPROVAL_REVIEW,
    APPROVED,
    AWAITING_CONFIRMATION,
    CANCELED,
    CREDIT_NOTE,
    CREDIT_NOTE_TOO,
    DENIED,
    ON_REVISE,
    OPEN,
    ORDINARY,
    PENDING,
    PENDING_RECEIPT,
    STATUS_STRINGS,
    WAITING_FOR_CONNECTOR,
)
from precoro_sandbox.company.timeline import DAY

if TYPE_CHECKING:
    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["invoices"]

_STATES = (
    *(APPROVED,) * 32,
    *(OPEN, PENDING, PENDING, DENIED, AWAITING_CONFIRMATION, ON_REVISE, CANCELED),
    *(PENDING_RECEIPT, APPROVAL_REVIEW),
)
# One invoice in 45 is split in two, and two in 45 are credit notes.
_BLOCK = 45
_CHILDREN = 2


def invoices(draft: Draft) -> list[Row]:
    """All of them in the order of their arrival."""
    return _Ledger(draft).fill()


class _Ledger:
    """The invoices so far, and what the next one may follow from."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._desk = Desk(draft, "invoices")
        self._orders = approved_orders(draft)
        self._suppliers = {row["id"]: row for row in draft.rows["suppliers"]}
        self._by_order = {row["id"]: row for row in draft.rows["purchase_orders"]}
        self._rows: list[Row] = []
        self._creditable: list[Row] = []

    def fill(self) -> list[Row]:
        """Every block of 45 holds a split invoice with its children and two credit notes."""
        keys = self._draft.ids("invoices")
        moments = self._draft.created("invoices", early=0.8)
        for index, (key, created) in enumerate(zip(keys, moments, strict=True)):
            place = index % _BLOCK
            whole = index - place + _BLOCK <= len(keys)
            if whole and place in (21, 22):
                self._rows.append(self._child(index, key, moments[index - place + 20]))
            elif whole and place in (9, 33):
                self._rows.append(self._credit_note(index, key, created))
            else:
                self._rows.append(self._invoice(index, key, created, split=whole and place == 20))
        return self._rows

    def _invoice(self, index: int, key: int, created: int, *, split: bool) -> Row:
        """An ordinary invoice, of an order or of its own; a split one has lines to divide."""
        desk, rng = self._desk, self._desk.rng
        order = self._orders.take(rng, created) if rng.random() < 0.55 else None
        row = desk.head(index, key, created, (APPROVED,) if split else _STATES)
        if order:
            whole = order["items"]
            billed = whole if rng.random() < 0.8 else whole[: (len(whole) + 1) // 2]
            lines = desk.lines.copy(billed)
            mentioned = order["supplier"]
            supplier = self._suppliers[mentioned["id"]] if mentioned else None
            row["purchaseOrder"] = reference(order, "idn")
            tax = order["taxes"][0] if order["taxes"] else None
        else:
            supplier = desk.supplier(created)
            lines = desk.lines.draw(rng, supplier, currency_of(supplier), created)
            tax = desk.tax()
        while split and len(lines) < _CHILDREN:
            lines += desk.lines.draw(rng, supplier, currency_of(supplier), created)
        self._complete(row, created, supplier, lines, tax)
        if order and not split:
            self._bill(order, row)
        elif order:
            row["purchaseOrder"] = None  # its children's shares would count against the order
        if row["status"] == APPROVED and not split:
            self._creditable.append(row)
        if index % 90 == 17:
            row["integrationStatus"] = WAITING_FOR_CONNECTOR
        return row

    def _child(self, index: int, key: int, created: int) -> Row:
        """A part of the split invoice before it: same idn, half of the lines."""
        part = index % _BLOCK - 21
        parent = self._rows[index - 1 - part]
        row = self._desk.head(index, key, created, (APPROVED,))
        half = len(parent["items"]) // 2
        lines = parent["items"][half:] if part else parent["items"][:half]
        mentioned = parent["supplier"]
        supplier = self._suppliers[mentioned["id"]] if mentioned else None
        tax = parent["taxes"][0] if parent["taxes"] else None
        self._complete(row, created, supplier, self._desk.lines.copy(lines), tax)
        row["invoiceNumber"] = parent["invoiceNumber"]
        row["issueDate"] = parent["issueDate"]
        row["_own_idn"] = row["idn"]
        row["idn"] = parent["idn"]
        row["parentData"] = reference(parent, "idn")
        return row

    def _credit_note(self, index: int, key: int, created: int) -> Row:
        """A credit for the first line of an earlier invoice."""
        desk, rng = self._desk, self._desk.rng
        row = desk.head(index, key, created, (APPROVED, APPROVED, APPROVED, PENDING))
        credited = (
            self._creditable[int(rng.random() * len(self._creditable))]
            if self._creditable
            else None
        )
        if credited:
            mentioned = credited["supplier"]
            supplier = self._suppliers[mentioned["id"]] if mentioned else None
            lines = desk.lines.copy(credited["items"][:1])
            tax = credited["taxes"][0] if credited["taxes"] else None
            row["allocatedInvoice"] = reference(credited, "idn")
        else:
            supplier = desk.supplier(created)
            lines = desk.lines.draw(rng, supplier, currency_of(supplier), created)
            tax = desk.tax()
        self._complete(row, created, supplier, lines, tax)
        row["logicType"] = CREDIT_NOTE if index % 2 else CREDIT_NOTE_TOO
        row["invoiceNumber"] = f"CN-{row['invoiceNumber'].rpartition('-')[2]}"
        return row

    def _complete(
        self, row: Row, created: int, supplier: Row | None, lines: list[Row], tax: Row | None
    ) -> None:
        """Everything that invoices of all kinds have."""
        desk, rng = self._desk, self._desk.rng
        currency = currency_of(supplier)
        issued = max(0, created - int(rng.random() * 9) * DAY)
        joined_option_ids(row)
        row.update(
            statusString=STATUS_STRINGS[row["status"]],
            logicType=ORDINARY,
            supplier=reference(supplier),
            legalEntity=desk.legal_entity(),
            budget=desk.budget(),
            currency=currency,
            invoiceNumber=f"RE-{int(rng.random() * 900_000) + 100_000}",
            issueDate=self._draft.timeline.day(issued),
            sumPaid=ZERO,
            sumPaidInCompanyCurrency=ZERO,
            withholdingTaxSum=ZERO,
            items=lines,
        )
        row.update(taxed(lines, tax, currency))
        days = 30
        if supplier and supplier["paymentTerms"]:
            term = supplier["paymentTerms"][0]
            days = term["creditPeriodDays"]
            row["paymentTerm"] = reference(term)
        row["creditPeriodDays"] = days
        row["requiredDate"] = desk.later(issued, days)
        if row["status"] in AFTER_APPROVAL and rng.random() < 0.5:
            row["externalId"] = f"BILL-{row['id']}"

    @staticmethod
    def _bill(order: Row, invoice: Row) -> None:
        """Count an invoice towards its order; each order is billed at most once."""
        order["invoicedSum"] = invoice["sum"]
        order["netInvoicedSum"] = invoice["netSum"]
        order["invoicedSumInCompanyCurrency"] = in_company_currency(
            invoice["sum"], invoice["currency"]
        )
