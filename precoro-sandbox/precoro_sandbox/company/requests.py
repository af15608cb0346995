"""What comes before an order: requisitions, requests for proposals, requests to a warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.desk import Desk, currency_of
from precoro_sandbox.company.draft import reference
from precoro_sandbox.company.lines import total
from precoro_sandbox.company.money import COMPANY_CURRENCY, RATES, cents
from precoro_sandbox.company.statuses import APPROVED, CANCELED, CLOSED, DENIED, OPEN, PENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from precoro_sandbox.company.draft import Draft, Row

__all__ = [
    "purchase_requisitions",
    "request_for_proposals",
    "rfp_propositions",
    "warehouse_requests",
]

_STATES = (*(APPROVED,) * 5, CLOSED, OPEN, PENDING, DENIED, CANCELED)


def purchase_requisitions(draft: Draft) -> list[Row]:
    """Wishes of employees, in the company's currency."""
    rows: list[Row] = []
    desk = Desk(draft, "purchase_requisitions")
    for row, created in _requests(desk):
        row["legalEntity"] = desk.legal_entity()
        row["budget"] = desk.budget()
        row["isNewSupplierAdded"] = False
        _fill(desk, row, None, created)
        rows.append(row)
    return rows


def request_for_proposals(draft: Draft) -> list[Row]:
    """Questions to suppliers; half of them have found theirs."""
    rows: list[Row] = []
    desk = Desk(draft, "request_for_proposals")
    for row, created in _requests(desk):
        row.pop("approvalDate", None)  # this document knows no such date
        row["legalEntity"] = desk.legal_entity()
        supplier = desk.supplier(created) if int(row["idn"]) % 2 else None
        row["supplier"] = reference(supplier)
        row["deliveryDate"] = desk.soon(created)
        _fill(desk, row, supplier, created)
        rows.append(row)
    return rows


def rfp_propositions(draft: Draft) -> list[Row]:
    """Answers of suppliers to requests for proposals."""
    asked = draft.pool("request_for_proposals")
    desk = Desk(draft, "rfp_propositions")
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("rfp_propositions")):
        request = asked.pick(desk.rng)
        if request is None:
            break
        life = draft.lives["request_for_proposals"][request["id"]]
        supplier = desk.supplier(life.created)
        name = supplier["name"] if supplier else "A new supplier"
        rows.append(
            {
                "id": key,
                "name": f"Offer of {name}",
                "accessKey": f"demo-{key}",
                "status": (OPEN, PENDING, APPROVED)[index % 3],
                "sum": cents(int(request["sum"].scaleb(2) * (85 + index % 30)) // 100),
                "deliveryDate": desk.soon(life.changed),
                "requestForProposal": reference(request, "idn"),
                "supplier": reference(supplier),
                "emails": [contact["email"] for contact in supplier["contacts"]]
                if supplier
                else ["offers@example.test"],
            }
        )
    return rows


def warehouse_requests(draft: Draft) -> list[Row]:
    """Wishes that a warehouse can fulfil."""
    rows: list[Row] = []
    desk = Desk(draft, "warehouse_requests")
    for row, created in _requests(desk):
        row["warehouse"] = desk.warehouse()
        row["legalEntity"] = desk.legal_entity()
        _fill(desk, row, None, created)
        rows.append(row)
    return rows


def _requests(desk: Desk) -> Iterator[tuple[Row, int]]:
    """Heads of the resource's documents, with the moments of their creation."""
    moments = desk.draft.created(desk.name, early=0.9)
    for index, (key, created) in enumerate(zip(desk.draft.ids(desk.name), moments, strict=True)):
        row = desk.head(index, key, created, _STATES)
        row["requiredDate"] = desk.soon(created)
        yield row, created


def _fill(desk: Desk, row: Row, supplier: Row | None, created: int) -> None:
    """Lines, their sum and its currency; these documents know no tax."""
    currency = currency_of(supplier) if supplier else COMPANY_CURRENCY
    row["currency"] = currency
    row["exchangeRate"] = RATES[currency]
    row["items"] = desk.lines.draw(desk.rng, supplier, currency, created)
    row["sum"] = total(row["items"])
