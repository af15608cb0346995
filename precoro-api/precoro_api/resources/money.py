"""Money: payments, taxes, payment terms, budgets, contracts."""

from __future__ import annotations

from precoro_api.enums import WebhookType
from precoro_api.fields import flag, integer, moment, number, object_, text
from precoro_api.resource import IDENTIFIER, Endpoint, Filter, Resource, Write
from precoro_api.resources.vocabulary import EXTERNAL_IDS, modified_since

PAYMENTS = Resource(
    name="payments",
    about="Payments recorded against invoices; they have no update date and cannot be edited.",
    fields=(
        IDENTIFIER,
        *text("idn", "qboId", "netSuiteId", "xeroId", "externalId"),
        *integer("status", "logicType"),
        *number("sumPaid", "balance"),
        *flag("prepayment"),
        *moment("createDate", "payDate"),
        *object_("invoice", "purchaseOrder", "creator"),
    ),
    list=Endpoint("/payments", ("3rd:sdk",)),
    detail=Endpoint("/payments/{idn}", ("guess",)),
    addressed_by="idn",
    number="idn",
    filters=(modified_since("3rd:sdk"),),
    window=Filter("createDate[left_date]", "string DD.MM.YYYY", ("guess",)),
    external_id=True,
    create=Write(
        "/payments",
        ("doc", "prod"),
        keys=("invoice[id]", "sumPaid", "logicType", "payDate", "externalId"),
    ),
    patch=Write("/payments/{idn}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
    refers={"invoice": "invoices"},
    actions=(Endpoint("/payments/{idn}/cancel", ("3rd:sdk",), "POST"),),
)

EXPENSE_PAYMENTS = Resource(
    name="expense_payments",
    about="Payments recorded against expenses; they can only be created.",
    fields=(
        IDENTIFIER,
        *text("idn"),
        *integer("status"),
        *number("sumPaid"),
        *moment("createDate", "payDate"),
        *object_("creator"),
    ),
    number="idn",
    create=Write("/expensePayments", ("3rd:sdk",), keys=("expense[id]", "sumPaid", "payDate")),
)

_TAXES_KEYS = ("name", "value", "percent", "isWithholdingTax", "externalId")

TAXES = Resource(
    name="taxes",
    about="Tax rates that lines and documents refer to.",
    fields=(
        IDENTIFIER,
        *text("name", "qboId", "externalId", "xeroId"),
        *number("percent", "value", "taxAmount"),
        *flag("isWithholdingTax"),
    ),
    list=Endpoint("/taxes", ("doc", "prod")),
    filters=(EXTERNAL_IDS,),
    external_id=True,
    create=Write("/taxes", ("prod",), keys=_TAXES_KEYS),
    update=Write("/taxes/{id}", ("prod", "3rd:sdk"), method="PUT", keys=_TAXES_KEYS),
    patch=Write("/taxes/{id}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
)

_PAYMENT_TERMS_KEYS = (
    "name",
    "paymentType",
    "enable",
    "postpaymentPercent",
    "prepaymentPercent",
    "creditPeriodDays",
    "termsDueDateAfterInvoicing",
    "externalId",
)

PAYMENT_TERMS = Resource(
    name="payment_terms",
    about="When and in which parts a supplier is paid.",
    fields=(
        IDENTIFIER,
        *text("name", "externalId"),
        *integer("creditPeriodDays", "termsDueDateAfterInvoicing", "paymentType"),
        *number("prepaymentPercent", "postpaymentPercent"),
        *flag("enable"),
    ),
    list=Endpoint("/paymentterms", ("doc", "3rd:sdk")),
    external_id=True,
    create=Write("/paymentterms", ("doc",), keys=_PAYMENT_TERMS_KEYS),
    update=Write("/paymentterms/{id}", ("3rd:sdk",), method="PUT", keys=_PAYMENT_TERMS_KEYS),
    patch=Write("/paymentterms/{id}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
)

BUDGETS = Resource(
    name="budgets",
    about="Budget lines with what each kind of document used of them.",
    fields=(
        IDENTIFIER,
        *text("name", "type", "fullName"),
        *integer("parentBudgetId"),
        *number(
            "sum",
            "usedSumInPurchaseOrder",
            "usedSumInInvoice",
            "usedSumInExpense",
            "usedSumInPurchaseRequisition",
            "budgetLimit",
            "availableSum",
        ),
        *flag("usedTaxPercentInBudget", "allLocationsAccess"),
        *moment("createDate", "startDate", "endDate"),
    ),
    list=Endpoint("/budgets", ("3rd:sdk",)),
    webhook=WebhookType.BUDGET,
)

CONTRACTS = Resource(
    name="contracts",
    about="Contracts with suppliers.",
    fields=(
        IDENTIFIER,
        *text("number", "note"),
        *flag("prolongation", "enable"),
        *moment("createDate", "beginDate", "endDate"),
        *object_("supplier", "legalEntity"),
    ),
    list=Endpoint("/contracts", ("3rd:sdk",)),
    detail=Endpoint("/contracts/{id}", ("3rd:sdk",)),
    # The supplier stands under a plain `id` there.
    create=Write(
        "/contract",
        ("3rd:sdk",),
        guessed=("number", "id", "createDate", "beginDate", "endDate", "prolongation", "note"),
        json=True,
    ),
    shown_as={"id": "supplier"},
    refers={"id": "suppliers"},
)
