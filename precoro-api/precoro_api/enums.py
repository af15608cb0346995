"""Numbers of the API that have names.

Only what is evidenced: production connectors and the official help, never the enumerations
of the alpha SDK, which contradict both.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "AttachmentType",
    "DocumentStatus",
    "IntegrationStatus",
    "LogicType",
    "SupplierStatus",
    "WebhookAction",
    "WebhookType",
]


class DocumentStatus(IntEnum):
    """`status` of invoices and credit notes; other documents presumably share the numbers."""

    OPEN = 0
    PENDING = 1
    APPROVED = 2
    DENIED = 3
    PARTLY_PAID = 4
    PAID = 5
    AWAITING_CONFIRMATION = 6
    ON_REVISE = 7
    CANCELED = 8
    CANCELLED = 8  # sources spell it both ways
    PENDING_RECEIPT = 9
    APPROVAL_REVIEW = 10
    CLOSED = 11

    @classmethod
    def waiting(cls) -> frozenset[DocumentStatus]:
        """Those in which somebody is to approve."""
        return frozenset({cls.PENDING, cls.APPROVAL_REVIEW})

    @classmethod
    def over(cls) -> frozenset[DocumentStatus]:
        """Those of invoices in which nobody is to approve any more; of others it is not sure."""
        ended = {cls.APPROVED, cls.DENIED, cls.PARTLY_PAID, cls.PAID, cls.CANCELED, cls.CLOSED}
        return frozenset(ended)


class SupplierStatus(IntEnum):
    """`status` of suppliers."""

    PENDING = 1
    APPROVED = 2
    REJECTED = 3


class LogicType(IntEnum):
    """`logicType` of invoices and payments, as far as it is known."""

    ORDINARY = 0
    CREDIT_NOTE = 1
    CREDIT_NOTE_TOO = 5

    @classmethod
    def credit_notes(cls) -> tuple[int, int]:
        """The two values that mark an invoice as a credit note."""
        return (int(cls.CREDIT_NOTE), int(cls.CREDIT_NOTE_TOO))


class IntegrationStatus(IntEnum):
    """`integrationStatus` of documents; other values are unknown."""

    WAITING_FOR_CONNECTOR = 8


class WebhookType(IntEnum):
    """`type` of a webhook event."""

    WAREHOUSE_REQUEST = 0
    PURCHASE_REQUISITION = 1
    PURCHASE_ORDER = 2
    INVOICE = 3
    REQUEST_FOR_PROPOSALS = 4
    RECEIPT = 5
    EXPENSE = 6
    SUPPLIER = 7
    STOCK_TRANSFER = 8
    BUDGET = 9
    DOCUMENT_CUSTOM_FIELD = 10
    ITEM_CUSTOM_FIELD = 11


class WebhookAction(IntEnum):
    """`action` of a webhook event; there is none for deletions."""

    CREATE = 0
    UPDATE = 1


class AttachmentType(IntEnum):
    """The object type in the path of an upload; not the webhook's numbers."""

    INVOICE = 1
    PURCHASE_ORDER = 2
    PURCHASE_REQUISITION = 3
    RECEIPT = 4
    EXPENSE = 5
    SUPPLIER = 8
    WAREHOUSE_REQUEST = 9
    REQUEST_FOR_PROPOSALS = 10
