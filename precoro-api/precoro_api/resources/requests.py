"""Documents that ask for something: requisitions, requests for proposals, warehouse requests."""

from __future__ import annotations

from precoro_api.enums import WebhookType
from precoro_api.fields import array, flag, integer, moment, number, object_, private, text
from precoro_api.resource import IDENTIFIER, Endpoint, Filter, Resource, Write
from precoro_api.resources.vocabulary import (
    DOCUMENT_DATES,
    approvals,
    general,
    modified_since,
    status,
)

_PURCHASE_REQUISITIONS = (
    IDENTIFIER,
    *text("idn", "customName", "currency", "note", "punchoutType", "approvingWay"),
    *integer("status"),
    *number("budgetedSum", "sum", "exchangeRate"),
    *flag("isAfaxys", "isNewSupplierAdded", "isBudgetOverLimit"),
    *moment("createDate", "updateDate", "requiredDate", "approvalDate"),
    *object_("location", "budget", "legalEntity", "creator", "lastEditor", "approvalInfo"),
    *array("allDocumentCustomFieldOptionsIds"),
)

PURCHASE_REQUISITIONS = Resource(
    name="purchase_requisitions",
    about="Internal requests to buy something.",
    fields=_PURCHASE_REQUISITIONS,
    general_fields=general(_PURCHASE_REQUISITIONS),
    list=Endpoint("/purchaserequisitions", ("3rd:sdk", "3rd:conn")),
    detail=Endpoint("/purchaserequisitions/{idn}", ("3rd:sdk", "3rd:conn")),
    addressed_by="idn",
    number="idn",
    replication_key="updateDate",
    modified_since=("3rd:sdk",),
    filters=(
        modified_since("doc", "3rd:sdk"),
        status("3rd:sdk"),
        *DOCUMENT_DATES,
    ),
    lines="items",
    create=Write(
        "/purchaserequisitions",
        ("3rd:conn",),
        keys=("location", "currency", "requiredDate", "items"),
    ),
    actions=approvals("/purchaserequisitions", "complete"),
    webhook=WebhookType.PURCHASE_REQUISITION,
)

_REQUEST_FOR_PROPOSALS = (
    IDENTIFIER,
    *text("idn", "customName", "currency", "note", "approvingWay"),
    *integer("status"),
    *number("sum", "exchangeRate"),
    *moment("createDate", "updateDate", "requiredDate", "deliveryDate"),
    *object_("location", "supplier", "legalEntity", "creator", "lastEditor"),
    *array("allDocumentCustomFieldOptionsIds"),
)

REQUEST_FOR_PROPOSALS = Resource(
    name="request_for_proposals",
    about="Requests sent to suppliers to quote a price.",
    fields=_REQUEST_FOR_PROPOSALS,
    general_fields=general(_REQUEST_FOR_PROPOSALS),
    list=Endpoint("/requestforproposals", ("3rd:sdk",)),
    detail=Endpoint("/requestforproposals/{idn}", ("3rd:sdk",)),
    addressed_by="idn",
    number="idn",
    replication_key="updateDate",
    modified_since=("3rd:sdk",),
    filters=(
        modified_since("doc", "3rd:sdk"),
        status("3rd:sdk"),
        *DOCUMENT_DATES,
        Filter("propositionStatus[]", "integer", ("3rd:sdk",)),
        Filter("requiredDate[left_date]", "string", ("3rd:sdk",)),
        Filter("requiredDate[right_date]", "string", ("3rd:sdk",)),
    ),
    lines="items",
    actions=approvals("/requestforproposals"),
    webhook=WebhookType.REQUEST_FOR_PROPOSALS,
)

RFP_PROPOSITIONS = Resource(
    name="rfp_propositions",
    about="A supplier's answer to a request for proposals.",
    fields=(
        IDENTIFIER,
        *text("name"),
        *private("accessKey"),
        *integer("status", "statusSending"),
        *number("sum"),
        *moment("deliveryDate"),
        *object_("requestForProposal", "supplier"),
        *array("emails"),
    ),
    detail=Endpoint("/requestforproposals/proposition/{id}", ("3rd:sdk",)),
    other_writes=(
        Write(
            "/requestforproposals/proposition/{id}/items/approve",
            ("3rd:sdk",),
            method="PUT",
            keys=("items[]",),
        ),
    ),
)

_WAREHOUSE_REQUESTS = (
    IDENTIFIER,
    *text("idn", "customName", "currency", "note", "approvingWay"),
    *integer("statusTransferred", "status"),
    *number("exchangeRate", "sum"),
    *moment("createDate", "updateDate", "requiredDate", "approvalDate"),
    *object_("location", "creator", "lastEditor", "warehouse", "legalEntity", "approvalInfo"),
    *array("allDocumentCustomFieldOptionsIds"),
)

WAREHOUSE_REQUESTS = Resource(
    name="warehouse_requests",
    about="Requests to hand out goods from a warehouse.",
    fields=_WAREHOUSE_REQUESTS,
    general_fields=general(_WAREHOUSE_REQUESTS),
    list=Endpoint("/warehouserequests", ("3rd:sdk",)),
    detail=Endpoint("/warehouserequests/{idn}", ("3rd:sdk",)),
    addressed_by="idn",
    number="idn",
    replication_key="updateDate",
    modified_since=("3rd:sdk",),
    filters=(
        modified_since("doc", "3rd:sdk"),
        status("3rd:sdk"),
        *DOCUMENT_DATES,
    ),
    lines="items",
    actions=approvals("/warehouserequests"),
    webhook=WebhookType.WAREHOUSE_REQUEST,
)
