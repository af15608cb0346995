"""Files: attachments of documents and suppliers, and the accounts-payable inbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.draft import person, reference
from precoro_sandbox.company.firms import one_of
from precoro_sandbox.company.money import COMPANY_CURRENCY, cents
from precoro_sandbox.company.statuses import (
    EXPENSE_FILE,
    INBOX_NEW,
    INBOX_PROCESSED,
    INVOICE_FILE,
    PURCHASE_ORDER_FILE,
    PURCHASE_REQUISITION_FILE,
    RECEIPT_FILE,
    SUPPLIER_FILE,
)
from precoro_sandbox.company.timeline import SPAN, between

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["ap_documents", "attachments"]

# Of every ten files: whose they are.
_OWNERS = (
    *(("invoices", INVOICE_FILE, "invoice"),) * 5,
    ("purchase_orders", PURCHASE_ORDER_FILE, "offer"),
    ("expenses", EXPENSE_FILE, "ticket"),
    ("receipts", RECEIPT_FILE, "delivery note"),
    ("suppliers", SUPPLIER_FILE, "Bankverbindung & AGB"),
    ("purchase_requisitions", PURCHASE_REQUISITION_FILE, "sketch"),
)
_FORMATS = (*("pdf",) * 4, "png")
_COMMENTS = ("", "", "Second page is missing", "Scanned", "Original by post, liegt in Köln")


def attachments(draft: Draft) -> list[Row]:
    """Files, each with its content, named in the row that it belongs to."""
    rng = draft.rng("attachments")
    users = draft.pool("users")
    pools = {name: draft.pool(name) for name, _, _ in _OWNERS}
    owners = [each for each in _OWNERS if draft.rows[each[0]]]
    if not owners:
        return []
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("attachments")):
        name, kind, title = owners[index % len(owners)]
        owner = pools[name].pick(rng)
        if owner is None:
            continue
        created = _created(draft, name, owner)
        file_format = one_of(rng, _FORMATS)
        file_name = f"{title} {index + 1}.{file_format}"
        content = _content(file_format, file_name)
        row: Row = {
            "id": key,
            "name": file_name,
            "formatType": file_format,
            "size": len(content),
            "type": kind,
            "uploadDate": draft.timeline.at(between(rng, created, SPAN)),
            "user": person(users.pick(rng, created)),
            "_object_type": kind,
            "_object_id": owner["id"],
            "_content": content,
        }
        comment = one_of(rng, _COMMENTS)
        if comment:
            row["comment"] = comment
        owner.setdefault("attachments", []).append(reference(row))
        rows.append(row)
    return rows


def _created(draft: Draft, name: str, owner: Row) -> int:
    life = draft.lives.get(name, {}).get(owner["id"])
    return life.created if life else draft.moments[name][owner["id"] - draft.ids(name)[0]]


def _content(file_format: str, name: str) -> bytes:
    """A small file that says what it is; the name alone makes it differ."""
    if file_format == "pdf":
        return f"%PDF-1.4\n% {name}\n%%EOF\n".encode()
    return b"\x89PNG\r\n\x1a\n" + name.encode()


def ap_documents(draft: Draft) -> list[Row]:
    """Uploaded files: most have become an invoice, the rest wait."""
    rng = draft.rng("ap_documents")
    users = draft.pool("users")
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("ap_documents"), draft.created("ap_documents"), strict=True)
    ):
        row: Row = {
            "id": key,
            "idn": str(index + 1),
            "name": f"scan-{index + 1:04d}.pdf",
            "type": "invoice",
            "attachmentOrigin": "email" if index % 3 else "upload",
            "ocrEmail": "invoices@example.com",
            "uploadDate": draft.timeline.at(created),
            "user": person(users.pick(rng, created)),
            "status": INBOX_NEW,
        }
        invoice = _invoice_after(rng, draft, created) if index % 4 else None
        if invoice:
            supplier = invoice["supplier"]
            processed = draft.lives["invoices"][invoice["id"]].created
            row.update(
                status=INBOX_PROCESSED,
                processedDate=draft.timeline.at(processed),
                invoice=reference(invoice, "idn"),
                supplier=supplier,
                supplierName=supplier["name"] if supplier else None,
                location=invoice["location"],
                currency=invoice["currency"],
                grossTotal=invoice["sum"],
            )
        else:
            row["currency"] = COMPANY_CURRENCY
            row["grossTotal"] = cents(int(rng.random() * 400_000))
        rows.append(row)
    return rows


def _invoice_after(rng: Random, draft: Draft, uploaded: int) -> Row | None:
    """One of the invoices entered next after the upload."""
    created = draft.moments["invoices"]
    rows = draft.rows["invoices"]
    later = [place for place, when in enumerate(created) if when >= uploaded][:5]
    later = [place for place in later if "parentData" not in rows[place]]
    return rows[later[int(rng.random() * len(later))]] if later else None
