"""The demo company: a believable, repeatable set of records for the sandbox."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from precoro_sandbox.company import (
    catalog,
    custom_fields,
    files,
    invoices,
    orders,
    organisation,
    payments,
    planning,
    requests,
    stock,
    suppliers,
)
from precoro_sandbox.company.draft import SIZES, Draft
from precoro_sandbox.company.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["SIZES", "demo_company"]

# Parents before children: each maker reads the rows of those above it.
_MAKERS: dict[str, Callable[[Draft], list[dict[str, Any]]]] = {
    "legal_entities": organisation.legal_entities,
    "locations": organisation.locations,
    "users": organisation.users,
    "units": organisation.units,
    "categories": organisation.categories,
    "taxes": organisation.taxes,
    "payment_terms": organisation.payment_terms,
    "item_custom_fields": partial(custom_fields.fields, family="item"),
    "item_custom_field_options": partial(custom_fields.options, family="item"),
    "document_custom_fields": partial(custom_fields.fields, family="document"),
    "document_custom_field_options": partial(custom_fields.options, family="document"),
    "supplier_custom_fields": partial(custom_fields.fields, family="supplier"),
    "supplier_custom_field_options": partial(custom_fields.options, family="supplier"),
    "suppliers": suppliers.suppliers,
    "items": catalog.items,
    "budgets": planning.budgets,
    "contracts": planning.contracts,
    "warehouses": stock.warehouses,
    "warehouse_items": stock.warehouse_items,
    "stock_transfers": stock.stock_transfers,
    "stock_takings": stock.stock_takings,
    "purchase_requisitions": requests.purchase_requisitions,
    "request_for_proposals": requests.request_for_proposals,
    "rfp_propositions": requests.rfp_propositions,
    "warehouse_requests": requests.warehouse_requests,
    "purchase_orders": orders.purchase_orders,
    "receipts": orders.receipts,
    "invoices": invoices.invoices,
    "payments": payments.payments,
    "expenses": orders.expenses,
    "expense_payments": payments.expense_payments,
    "ap_documents": files.ap_documents,
    "attachments": files.attachments,
}


def demo_company(
    now: datetime, counts: Mapping[str, int] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Rows by resource; only their dates depend on `now`.

    `counts` says of how many rows a resource shall have, where `SIZES` does not suit. Rows that
    could not be without others, such as payments without invoices, are left out with them.
    """
    wanted = dict(counts or {})
    unknown = sorted(set(wanted) - set(SIZES))
    if unknown:
        message = f"no rows to count of {', '.join(unknown)}; there are {', '.join(SIZES)}"
        raise ValueError(message)
    if any(many < 0 for many in wanted.values()):
        message = f"counts must not be negative: {wanted}"
        raise ValueError(message)
    draft = Draft(Timeline(now), wanted)
    for name, make in _MAKERS.items():
        draft.rows[name] = make(draft)
    planning.settle_budgets(draft)
    return draft.rows
