"""Budgets and contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from precoro_sandbox.company.draft import reference
from precoro_sandbox.company.money import ZERO, cents, in_company_currency
from precoro_sandbox.company.statuses import AFTER_APPROVAL
from precoro_sandbox.company.suppliers import usable_suppliers
from precoro_sandbox.company.timeline import DAY

if TYPE_CHECKING:
    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["budgets", "contracts", "settle_budgets"]

_AREAS = (
    *("Production", "Maintenance", "Quality", "Warehouse", "Laboratory", "Prototyping", "Sales"),
    *("Marketing", "Customer care", "Finance", "People & culture", "IT", "Legal", "Premises"),
)
_USED = {
    "purchase_orders": "usedSumInPurchaseOrder",
    "invoices": "usedSumInInvoice",
    "expenses": "usedSumInExpense",
    "purchase_requisitions": "usedSumInPurchaseRequisition",
}


def budgets(draft: Draft) -> list[Row]:
    """A budget for each area; every third one is a part of the one before it."""
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("budgets"), draft.created("budgets", early=2.0), strict=True)
    ):
        area = _AREAS[index % len(_AREAS)]
        series = index // len(_AREAS)
        name = f"{area} {series + 1}" if series else area
        row: Row = {
            "id": key,
            "name": name,
            "fullName": f"Budget of {name}",
            "type": "department",
            "usedTaxPercentInBudget": index % 2 == 0,
            "allLocationsAccess": True,
            "createDate": draft.timeline.at(created),
            "startDate": draft.timeline.day(created),
            "endDate": draft.timeline.day(created + 4 * 365 * DAY),
        }
        if index % 3 == 2:
            row["parentBudgetId"] = rows[-1]["id"]
        rows.append(row)
    return rows


def settle_budgets(draft: Draft) -> None:
    """Write into the budgets what the approved documents use of them."""
    rng = draft.rng("budgets settled")
    by_id = {row["id"]: row for row in draft.rows["budgets"]}
    for row in by_id.values():
        row.update(dict.fromkeys(_USED.values(), ZERO))
    for name, used in _USED.items():
        for document in draft.rows[name]:
            if document.get("budget") and document["status"] in AFTER_APPROVAL:
                worth = in_company_currency(document["sum"], document["currency"])
                by_id[document["budget"]["id"]][used] += worth
    for row in by_id.values():
        spent = sum((row[used] for used in _USED.values()), ZERO)
        row["sum"] = row["budgetLimit"] = spent + cents(int(rng.random() * 9_000_000))
        row["availableSum"] = row["sum"] - spent


def contracts(draft: Draft) -> list[Row]:
    """Agreements with suppliers, some of which prolong themselves."""
    rng = draft.rng("contracts")
    partners = usable_suppliers(draft)
    entities = draft.pool("legal_entities")
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("contracts"), draft.created("contracts"), strict=True)
    ):
        years = 1 + int(rng.random() * 4)
        rows.append(
            {
                "id": key,
                "number": f"CT-{index + 1:04d}",
                "supplier": reference(partners.pick(rng, created)),
                "legalEntity": reference(entities.pick(rng)),
                "prolongation": index % 3 == 0,
                "enable": index % 10 != 9,
                "createDate": draft.timeline.at(created),
                "beginDate": draft.timeline.day(created),
                "endDate": draft.timeline.day(created + years * 365 * DAY),
            }
        )
        if index % 4 == 0:
            rows[-1]["note"] = f"Discount {Decimal(index % 7 + 2)} % from the tenth order on."
    return rows
