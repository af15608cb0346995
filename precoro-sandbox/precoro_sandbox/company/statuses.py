"""Numbers that stand for states and kinds in the rows: the known ones, and some of ours."""

from __future__ import annotations

from precoro_api.enums import (
    AttachmentType,
    DocumentStatus,
    IntegrationStatus,
    LogicType,
    SupplierStatus,
)

# `status` of invoices; other documents presumably share the numbers.
OPEN = int(DocumentStatus.OPEN)
PENDING = int(DocumentStatus.PENDING)
APPROVED = int(DocumentStatus.APPROVED)
DENIED = int(DocumentStatus.DENIED)
PARTLY_PAID = int(DocumentStatus.PARTLY_PAID)
PAID = int(DocumentStatus.PAID)
AWAITING_CONFIRMATION = int(DocumentStatus.AWAITING_CONFIRMATION)
ON_REVISE = int(DocumentStatus.ON_REVISE)
CANCELED = int(DocumentStatus.CANCELED)
PENDING_RECEIPT = int(DocumentStatus.PENDING_RECEIPT)
APPROVAL_REVIEW = int(DocumentStatus.APPROVAL_REVIEW)
CLOSED = int(DocumentStatus.CLOSED)

# `statusString` is a key for translations; only `status.approved` is evidenced.
STATUS_STRINGS = {int(status): f"status.{status.name.lower()}" for status in DocumentStatus}

# States that a document reaches only through its approval.
AFTER_APPROVAL = frozenset({APPROVED, PARTLY_PAID, PAID, PENDING_RECEIPT, CLOSED})

# `status` of suppliers.
SUPPLIER_PENDING = int(SupplierStatus.PENDING)
SUPPLIER_APPROVED = int(SupplierStatus.APPROVED)
SUPPLIER_REJECTED = int(SupplierStatus.REJECTED)

# `logicType` of invoices and payments; 1 and 5 both mark credit notes.
ORDINARY = int(LogicType.ORDINARY)
CREDIT_NOTE = int(LogicType.CREDIT_NOTE)
CREDIT_NOTE_TOO = int(LogicType.CREDIT_NOTE_TOO)

# `integrationStatus` of a document that waits for a disabled connector.
WAITING_FOR_CONNECTOR = int(IntegrationStatus.WAITING_FOR_CONNECTOR)

# Object types in the paths of uploads.
INVOICE_FILE = int(AttachmentType.INVOICE)
PURCHASE_ORDER_FILE = int(AttachmentType.PURCHASE_ORDER)
PURCHASE_REQUISITION_FILE = int(AttachmentType.PURCHASE_REQUISITION)
RECEIPT_FILE = int(AttachmentType.RECEIPT)
EXPENSE_FILE = int(AttachmentType.EXPENSE)
SUPPLIER_FILE = int(AttachmentType.SUPPLIER)

# `type` of custom fields and their values. The API's own numbers are unknown; these are ours.
TEXT_FIELD = 1
SELECT_FIELD = 2
DATE_FIELD = 3

# `status` in the accounts-payable inbox. The API's own numbers are unknown; these are ours.
INBOX_NEW = 0
INBOX_PROCESSED = 1

# `paymentType` of payment terms.
NET = 0
PREPAYMENT = 1
MIXED = 2
