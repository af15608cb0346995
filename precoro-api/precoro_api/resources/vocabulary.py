"""Words that several entries of the table share."""

from __future__ import annotations

from precoro_api.fields import Field, array
from precoro_api.resource import Endpoint, Filter

__all__ = [
    "CUSTOM_VALUES",
    "DOCUMENT_DATES",
    "EXTERNAL_IDS",
    "LINKED_ELSEWHERE",
    "approvals",
    "general",
    "modified_since",
    "status",
]

EXTERNAL_IDS = Filter("external_id[]", "string, up to 200 values", ("doc",))

CUSTOM_VALUES = {
    "dataDocumentCustomFields": "document_custom_fields",
    "dataItemCustomFields": "item_custom_fields",
    "dataProductCustomFields": "item_custom_fields",
    "dataSupplierCustomFields": "supplier_custom_fields",
}
"""Where a record holds its custom values, and the resource that lists their fields."""

LINKED_ELSEWHERE = ("qboId", "xeroId", "netSuiteId")
"""What programs that are linked otherwise leave in a record, beside `externalId`."""

DOCUMENT_DATES = (
    Filter("approvalLeftDate", "string ISO datetime", ("prod", "3rd:sdk")),
    Filter("approvalRightDate", "string ISO datetime", ("3rd:sdk",)),
    Filter("approvalDate[left_date]", "string DD.MM.YYYY", ("doc",)),
    Filter("approvalDate[right_date]", "string DD.MM.YYYY", ("doc",)),
    Filter("createDate[left_date]", "string DD.MM.YYYY", ("doc",)),
    Filter("createDate[right_date]", "string DD.MM.YYYY", ("doc",)),
    Filter("waitingForapprove", 'string "yes"', ("doc",)),
)


def modified_since(*sources: str) -> Filter:
    """Created or changed since a moment."""
    return Filter("modifiedSince", "string YYYY-MM-DDTHH:MM:SS (UTC assumed)", sources)


def status(*sources: str) -> Filter:
    """In one of these states."""
    return Filter("status[]", "integer", sources)


def approvals(path: str, *more: str) -> tuple[Endpoint, ...]:
    """The steps of an approval below a document's path."""
    steps = ("approve", "reject", "revision", "confirm", "confirm_revise", *more)
    return tuple(Endpoint(f"{path}/{{idn}}/{step}", ("3rd:sdk",), "POST") for step in steps)


def general(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """What documents in general carry, where no source lists it for this one.

    The custom values stand in the list already, the others in the detail only.
    """
    names = {field.name for field in fields}
    known = (
        "dataDocumentCustomFields",
        "items",
        "taxes",
        "comments",
        "followers",
        "attachments",
        "approvalSteps",
    )
    return array(*(name for name in known if name not in names))
