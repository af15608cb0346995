"""Files: attachments, and the inbox of accounts payable."""

from __future__ import annotations

from precoro_api.fields import integer, moment, number, object_, private, text
from precoro_api.resource import IDENTIFIER, Endpoint, Resource, Write
from precoro_api.resources.vocabulary import status

ATTACHMENTS = Resource(
    name="attachments",
    about="Files attached to documents and suppliers.",
    fields=(
        IDENTIFIER,
        *text("name", "formatType", "comment"),
        *integer("size", "type"),
        *moment("uploadDate"),
        *object_("user"),
    ),
    detail=Endpoint("/attachments/{id}", ("doc",)),
    create=Write("/attachments/{object_id}/{object_type}", ("3rd:sdk",), keys=("file", "comment")),
)

AP_DOCUMENTS = Resource(
    name="ap_documents",
    about="The accounts-payable inbox: uploaded files waiting to become invoices.",
    fields=(
        IDENTIFIER,
        *text("idn", "type", "name", "supplierName", "currency", "attachmentOrigin", "comment"),
        *private("ocrEmail"),
        *integer("status"),
        *number("grossTotal"),
        *moment("uploadDate", "processedDate"),
        *object_(
            "invoice",
            "allocatedInvoice",
            "purchaseOrder",
            "supplier",
            "location",
            "user",
            "duplicateInvoice",
        ),
    ),
    list=Endpoint("/ap/documents", ("3rd:sdk",)),
    detail=Endpoint("/ap/documents/{idn}", ("3rd:sdk",)),
    addressed_by="idn",
    number="idn",
    filters=(status("3rd:sdk"),),
    create=Write("/ap/document/upload", ("3rd:sdk",)),
)
