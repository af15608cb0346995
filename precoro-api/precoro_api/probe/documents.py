"""Questions about documents and what hangs on them: credit notes, options, files, none at all."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from precoro_api.enums import LogicType
from precoro_api.fields import unwrap
from precoro_api.probe.asking import keys_of
from precoro_api.probe.lists import Listing, belongs_among, whole_number
from precoro_api.probe.notes import DATED, DEFAULT, SMALL
from precoro_api.probe.report import told, untold
from precoro_api.resources import BY_NAME

if TYPE_CHECKING:
    from precoro_api.probe.lists import Row
    from precoro_api.probe.notes import Notes
    from precoro_api.probe.report import Answer

__all__ = [
    "ask_attachments",
    "ask_credit_notes",
    "ask_missing_record",
    "ask_options",
    "ask_options_embedded",
]

_NO_SUCH_ID = "999999999"


def ask_credit_notes(notes: Notes) -> None:
    """Whether the plain list of invoices holds credit notes."""
    key, plain = "credit_notes_listed", notes.plain("invoices")
    if plain is None or not plain.rows:
        why = "no invoice came" if plain is None or plain.reply.ok else plain.reply.trouble
        notes.say(untold(key, why))
        return
    if any(_is_credit_note(row) for row in plain.rows):
        notes.say(told(key, "yes", "some came"))
        return
    selector = tuple(("logicType[]", str(one)) for one in LogicType.credit_notes())
    listing = notes.ask_list("invoices", (*notes.large, *selector))
    credit_notes = [row for row in listing.rows if _is_credit_note(row)]
    if not credit_notes:
        why = listing.reply.trouble if listing.reply.rows is None else "there is no credit note"
        notes.say(untold(key, why))
    elif plain.whole or belongs_among(credit_notes, plain.rows):
        notes.say(told(key, "no", "credit notes exist, and the plain list skips them"))
    else:
        notes.say(untold(key, "no credit note has its place on the first page"))


def ask_options(notes: Notes) -> object | None:
    """A custom field's list of options; returns the field's id where one is known."""
    field_id = _select_field(notes)
    if field_id is None:
        why = "no custom field with options is known"
        notes.say(untold("options_list", why), untold("options_embedded", why))
        return None
    options = BY_NAME["document_custom_field_options"]
    assert options.list is not None  # noqa: S101 - the table's, not an input
    reply = notes.asker.ask(options.list, options, path={"field_id": field_id})
    if reply.status is None:
        notes.say(untold("options_list", reply.trouble))
    elif reply.rows is not None:
        notes.listings.append(Listing(options, (), reply))
        notes.say(told("options_list", "served", f"{len(reply.rows)} options came"))
    elif reply.status in (404, 405, 410):
        notes.say(told("options_list", "missing", f"it answers {reply.status}"))
    else:
        notes.say(untold("options_list", reply.trouble))
    return field_id


def _select_field(notes: Notes) -> object | None:
    """The document custom field that an option's id was seen under, or one that is listed."""
    found: Counter[object] = Counter()
    for name in DATED:
        for row in notes.rows(name):
            found.update(_fields_with_options(row))
    if found:
        return found.most_common(1)[0][0]
    rows = notes.ask_list("document_custom_fields", SMALL).rows
    select = [row for row in rows if "select" in str(row.get("typeString")).lower()]
    return next((row["id"] for row in (*select, *rows) if row.get("id")), None)


def ask_options_embedded(notes: Notes, field_id: object) -> None:
    """Whether a custom field's detail holds its options."""
    reply = notes.ask_detail("document_custom_fields", field_id)
    key = "options_embedded"
    if not reply.record:
        notes.say(untold(key, reply.trouble))
        return
    name = next((one for one in ("options", "option") if one in reply.record), None)
    inside = unwrap(reply.record[name]) if name else None
    if isinstance(inside, list) and inside:
        options = BY_NAME["document_custom_field_options"]
        notes.details += [(options, each) for each in inside if isinstance(each, dict)]
        notes.say(told(key, "yes", f"{len(inside)} under the key {name}"))
    elif name:
        notes.say(untold(key, f"the field has no options under the key {name}"))
    else:
        notes.say(told(key, "no", "its detail has no such key"))


def ask_attachments(notes: Notes) -> None:
    """The filter for documents with files, and what the path of a file answers."""
    orders = notes.ask_list("purchase_orders", (*DEFAULT, ("attachedFile", "1")))
    ids: list[object] = []
    owners = notes.rows("suppliers")
    if orders.rows and orders.rows[0].get("idn"):
        detail = notes.ask_detail("purchase_orders", orders.rows[0]["idn"])
        owners = [detail.record, *owners]
        ids = _attachments_of(detail.record)
        if not detail.record:
            notes.say(untold("attached_file_filter", detail.trouble))
        elif ids:
            notes.say(told("attached_file_filter", "honoured", "the first order has a file"))
        else:
            notes.say(told("attached_file_filter", "ignored", "the first order has no file"))
    else:
        why = "no purchase order with a file came"
        said = why if orders.reply.rows is not None else orders.reply.trouble
        notes.say(untold("attached_file_filter", said))
    for row in notes.rows("suppliers"):
        ids += _attachments_of(row)
    notes.say(_entries_of(owners))
    if not ids:
        notes.say(untold("attachments", "no file is known"))
        return
    reply = notes.ask_detail("attachments", ids[0])
    kind = reply.headers.get("content-type", "no Content-Type")
    if not reply.ok:
        notes.say(untold("attachments", reply.trouble))
    elif "json" in kind and reply.record:
        notes.say(told("attachments", "json", f"keys: {keys_of(reply.value, 1)}"))
    else:
        notes.say(told("attachments", "binary", f"{kind}, {reply.size} bytes"))


def ask_missing_record(notes: Notes) -> None:
    """What an id that does not exist is answered by."""
    reply = notes.ask_detail("suppliers", _NO_SUCH_ID)
    if reply.status is None:
        notes.say(untold("not_found", reply.trouble))
        return
    kind = reply.headers.get("content-type", "no Content-Type").partition(";")[0]
    keys = keys_of(reply.value)
    detail = f"{kind}{', keys: ' + keys if keys else ''}"
    notes.say(told("not_found", reply.status, detail))


def _is_credit_note(row: Row) -> bool:
    """Whether an invoice is a credit note."""
    return whole_number(row.get("logicType")) in LogicType.credit_notes()


def _fields_with_options(row: Row) -> list[object]:
    """The custom fields of a document whose value is one of its options."""
    joined = row.get("allDocumentCustomFieldOptionsIds") or ""
    many = joined if isinstance(joined, list) else str(joined).split(",")
    options = {str(each).strip() for each in many}
    values = unwrap(row.get("dataDocumentCustomFields"))
    fields = []
    for value in values if isinstance(values, list) else ():
        field = unwrap(value.get("documentCustomField")) if isinstance(value, dict) else None
        if isinstance(field, dict) and field.get("id") and str(value.get("value")) in options:
            fields.append(field["id"])
    return fields


def _entries_of(owners: list[Row]) -> Answer:
    """Whether records show their files as objects or by their ids."""
    key = "attachment_entries"
    for owner in owners:
        files = unwrap(owner.get("attachments"))
        if isinstance(files, list) and files:
            first = files[0]
            if isinstance(first, dict):
                return told(key, "objects", f"keys: {keys_of(first, 1)}")
            return told(key, "ids", f"{type(first).__name__} in the first record with files")
    return untold(key, "no record with a file came")


def _attachments_of(record: Row) -> list[object]:
    """The ids of the files that a record names, the smallest first where sizes are told."""
    files = unwrap(record.get("attachments"))
    found = [each for each in files if isinstance(each, dict)] if isinstance(files, list) else []
    found.sort(key=lambda each: whole_number(each.get("size")) or 0)
    plain = [each for each in files if isinstance(each, int)] if isinstance(files, list) else []
    return [each["id"] for each in found if each.get("id")] + plain
