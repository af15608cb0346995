"""The table: every resource of the API that is known, parents before children."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_api.resources.catalog import CATEGORIES, ITEMS, UNITS
from precoro_api.resources.company import LEGAL_ENTITIES, LOCATIONS, USERS
from precoro_api.resources.custom_fields import (
    DOCUMENT_CUSTOM_FIELD_OPTIONS,
    DOCUMENT_CUSTOM_FIELDS,
    ITEM_CUSTOM_FIELD_OPTIONS,
    ITEM_CUSTOM_FIELDS,
    SUPPLIER_CUSTOM_FIELD_OPTIONS,
    SUPPLIER_CUSTOM_FIELDS,
)
from precoro_api.resources.documents import (
    CREDIT_NOTES,
    EXPENSES,
    INVOICES,
    PURCHASE_ORDERS,
    RECEIPTS,
)
from precoro_api.resources.files import AP_DOCUMENTS, ATTACHMENTS
from precoro_api.resources.money import (
    BUDGETS,
    CONTRACTS,
    EXPENSE_PAYMENTS,
    PAYMENT_TERMS,
    PAYMENTS,
    TAXES,
)
from precoro_api.resources.requests import (
    PURCHASE_REQUISITIONS,
    REQUEST_FOR_PROPOSALS,
    RFP_PROPOSITIONS,
    WAREHOUSE_REQUESTS,
)
from precoro_api.resources.stock import (
    STOCK_TAKINGS,
    STOCK_TRANSFERS,
    WAREHOUSE_ITEMS,
    WAREHOUSES,
)
from precoro_api.resources.suppliers import SUPPLIERS
from precoro_api.resources.vocabulary import CUSTOM_VALUES, LINKED_ELSEWHERE

if TYPE_CHECKING:
    from precoro_api.resource import Resource

__all__ = ["BY_NAME", "CUSTOM_VALUES", "LINKED_ELSEWHERE", "RESOURCES"]

RESOURCES: tuple[Resource, ...] = (
    LEGAL_ENTITIES,
    LOCATIONS,
    USERS,
    UNITS,
    CATEGORIES,
    TAXES,
    PAYMENT_TERMS,
    SUPPLIERS,
    ITEMS,
    ITEM_CUSTOM_FIELDS,
    ITEM_CUSTOM_FIELD_OPTIONS,
    DOCUMENT_CUSTOM_FIELDS,
    DOCUMENT_CUSTOM_FIELD_OPTIONS,
    SUPPLIER_CUSTOM_FIELDS,
    SUPPLIER_CUSTOM_FIELD_OPTIONS,
    BUDGETS,
    CONTRACTS,
    WAREHOUSES,
    WAREHOUSE_ITEMS,
    STOCK_TRANSFERS,
    STOCK_TAKINGS,
    PURCHASE_REQUISITIONS,
    REQUEST_FOR_PROPOSALS,
    RFP_PROPOSITIONS,
    WAREHOUSE_REQUESTS,
    PURCHASE_ORDERS,
    RECEIPTS,
    INVOICES,
    CREDIT_NOTES,
    PAYMENTS,
    EXPENSES,
    EXPENSE_PAYMENTS,
    ATTACHMENTS,
    AP_DOCUMENTS,
)

BY_NAME: dict[str, Resource] = {resource.name: resource for resource in RESOURCES}
