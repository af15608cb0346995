"""Numbers that stand for states and kinds in the rows."""

from __future__ import annotations

# `status` of invoices; other documents presumably share the numbers.
OPEN = 0
PENDING = 1
APPROVED = 2
DENIED = 3
PARTLY_PAID = 4
PAID = 5
AWAITING_CONFIRMATION = 6
ON_REVISE = 7
CANCELED = 8
PENDING_RECEIPT = 9
APPROVAL_REVIEW = 10
CLOSED = 11

# `statusString` is a key for translations; only `status.approved` is evidenced.
STATUS_STRINGS = {
    OPEN: "status.open",
    PENDING: "status.pending",
    APPROVED: "status.approved",
    DENIED: "status.denied",
    PARTLY_PAID: "status.partly_paid",
    PAID: "status.paid",
    AWAITING_CONFIRMATION: "status.awaiting_confirmation",
    ON_REVISE: "status.on_revise",
    CANCELED: "status.canceled",
    PENDING_RECEIPT: "status.pending_receipt",
    APPROVAL_REVIEW: "status.approval_review",
    CLOSED: "status.closed",
}

# States that a document reaches only through its approval.
AFTER_APPROVAL = frozenset({APPROVED, PARTLY_PAID, PAID, PENDING_RECEIPT, CLOSED})

# `status` of suppliers.
SUPPLIER_PENDING = 1
SUPPLIER_APPROVED = 2
SUPPLIER_REJECTED = 3

# `logicType` of invoices and payments; 1 and 5 both mark credit notes.
ORDINARY = 0
CREDIT_NOTE = 1
CREDIT_NOTE_TOO = 5

# `integrationStatus` of a document that waits for a disabled connector.
WAITING_FOR_CONNECTOR = 8

# Object types in the paths of uploads.
INVOICE_FILE = 1
PURCHASE_ORDER_FILE = 2
PURCHASE_REQUISITION_FILE = 3
RECEIPT_FILE = 4
EXPENSE_FILE = 5
SUPPLIER_FILE = 8

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
