"""The plan of requests that only read, put so that one request answers several questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_api.limits import server_moment
from precoro_api.probe.dates import ask_approvals, ask_changes
from precoro_api.probe.documents import (
    ask_attachments,
    ask_credit_notes,
    ask_missing_record,
    ask_options,
    ask_options_embedded,
)
from precoro_api.probe.fields import absent_fields, path_answer, unknown_fields
from precoro_api.probe.filters import (
    ask_enabled,
    ask_payments,
    ask_unknown_filter,
    ask_waiting,
    unknown_filters_so_far,
)
from precoro_api.probe.headers import clock_answer, header_answer, limit_answer
from precoro_api.probe.notes import SMALL, Notes
from precoro_api.probe.pages import page_answers
from precoro_api.probe.report import QUESTIONS, Report, told, untold
from precoro_api.probe.values import value_answers

if TYPE_CHECKING:
    from precoro_api.client import Client

__all__ = ["read"]

_FURTHER = (
    *("categories", "users", "locations", "items", "units", "payment_terms", "budgets"),
    *("contracts", "warehouses", "receipts", "purchase_requisitions", "request_for_proposals"),
    *("warehouse_requests", "stock_transfers", "stock_takings", "ap_documents"),
    *("item_custom_fields", "document_custom_fields", "supplier_custom_fields"),
)
"""Lists that requests left over ask for: the unsure ones that both connectors need first."""


def read(client: Client, most: int) -> Report:
    """Ask all of it, the most valuable first."""
    notes = Notes(client, most)
    _ask_legal_entities(notes)
    if notes.ask_list("invoices", notes.large).reply.refused:
        notes.large = (("page", "1"), ("per_page", "100"))
        notes.ask_list("invoices", notes.large)
    ask_waiting(notes)
    ask_enabled(notes)
    ask_changes(notes)
    ask_approvals(notes)
    ask_payments(notes)
    ask_credit_notes(notes)
    field_id = ask_options(notes)
    ask_attachments(notes)
    if unknown_filters_so_far(notes) is None:
        ask_unknown_filter(notes)
    if field_id is not None:
        ask_options_embedded(notes, field_id)
    ask_missing_record(notes)
    ask_unknown_filter(notes)
    _ask_further_lists(notes)
    return _report(notes, client)


def _ask_legal_entities(notes: Notes) -> None:
    listing = notes.ask_list("legal_entities", ())
    if listing.reply.rows is None:
        notes.say(untold("legal_entities_meta", listing.reply.trouble))
    else:
        there = "meta" in listing.reply.value
        notes.say(told("legal_entities_meta", "present" if there else "absent"))


def _ask_further_lists(notes: Notes) -> None:
    if not any(notes.paths.values()):
        return
    for name in _FURTHER:
        if not notes.asker.left:
            return
        if name not in notes.paths:
            notes.ask_list(name, SMALL)


def _report(notes: Notes, client: Client) -> Report:
    replies, details = notes.asker.replies, notes.details
    seen = [(each.resource, row) for each in notes.listings for row in each.rows] + details
    moment = server_moment({"Date": replies[-1].headers.get("date", "")}) if replies else None
    answers = [
        *page_answers(notes.listings),
        *value_answers(seen),
        unknown_fields(seen),
        absent_fields(seen, details),
        path_answer(notes.paths),
        header_answer(replies),
        clock_answer(None if moment is None else moment.timestamp() - client.clock.now()),
        limit_answer(notes.asker.limited),
        *notes.answers.values(),
    ]
    known = {each.key: each for each in answers}
    why = notes.asker.stopped or "nothing led to it"
    return Report(
        tuple(known.get(key) or untold(key, why) for key in QUESTIONS),
        notes.asker.sent,
        notes.asker.stopped,
    )
