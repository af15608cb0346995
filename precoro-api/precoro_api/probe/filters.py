"""Questions about filters: which are obeyed, in which spelling, and what unknown ones do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from precoro_api.encoding import filter_moment
from precoro_api.enums import DocumentStatus
from precoro_api.fields import Kind, Misfit, unwrap
from precoro_api.probe.lists import whole_number
from precoro_api.probe.notes import DEFAULT, SMALL
from precoro_api.probe.report import Answer, told, untold
from precoro_api.resources import BY_NAME

if TYPE_CHECKING:
    from precoro_api.probe.lists import Listing, Row
    from precoro_api.probe.notes import Notes

__all__ = [
    "ask_enabled",
    "ask_payments",
    "ask_unknown_filter",
    "ask_waiting",
    "unknown_filters_so_far",
]

_MISSPELLED = "waitingForApprove"
_UNKNOWN = "filterThatDoesNotExist"
_PAID = {DocumentStatus.PARTLY_PAID, DocumentStatus.PAID}
_MAY_WAIT = DocumentStatus.waiting() | {
    DocumentStatus.AWAITING_CONFIRMATION,
    DocumentStatus.ON_REVISE,
}


def ask_waiting(notes: Notes) -> None:
    """A misspelled filter on expenses, which also shows what they look like."""
    if not _try_waiting(notes, "expenses"):
        _try_waiting(notes, "invoices")


def _try_waiting(notes: Notes, name: str) -> bool:
    """Whether documents of that name could tell."""
    key, wrong = "waiting_spelling", ((_MISSPELLED, "yes"),)
    plain = notes.plain(name)
    if plain is not None and all(_may_wait(row) for row in plain.rows):
        return False
    first = notes.ask_list(name, (*notes.large, *wrong))
    if first.reply.refused:
        notes.say(told(key, "documented", f"{_MISSPELLED} is refused ({first.reply.status})"))
    elif first.reply.rows is None:
        notes.say(untold(key, first.reply.trouble))
        return False
    elif any(not _may_wait(row) for row in first.rows):
        notes.say(told(key, "documented", f"{_MISSPELLED} has no effect; the other was not asked"))
        return True
    plain = plain or notes.ask_list(name, notes.large)
    if first.reply.refused:
        return True
    if any(not _may_wait(row) for row in plain.rows):
        notes.say(told(key, "any_case", f"{_MISSPELLED} filters, too"))
        return True
    why = "all that came may wait for approval" if plain.rows else f"no {name} came"
    notes.say(untold(key, why))
    return False


def ask_enabled(notes: Notes) -> None:
    """Disabled suppliers, in both spellings."""
    number = notes.ask_list("suppliers", (*notes.large, ("enable", "0")))
    word = notes.ask_list("suppliers", (*notes.large, ("enable", "false")))
    known = [_only_disabled(number), _only_disabled(word)]
    others = any(_enabled(row) for row in (*number.rows, *word.rows)) or any(
        unwrap(row.get("supplier")) for row in notes.rows("invoices")
    )
    if None in known:
        reply = word.reply if known[0] is not None else number.reply
        why = reply.trouble if reply.rows is None else "suppliers came without enable"
        notes.say(untold("enable_filter", why))
    elif all(known) and not others:
        notes.say(untold("enable_filter", "no supplier came that is enabled"))
    else:
        spellings = {
            (True, True): "both",
            (True, False): "number",
            (False, True): "word",
            (False, False): "neither",
        }
        value = spellings[bool(known[0]), bool(known[1])]
        says = {True: "works", False: "does not"}
        detail = f"0 {says[bool(known[0])]}, false {says[bool(known[1])]}"
        inferred = not (number.rows or word.rows)
        notes.say(told("enable_filter", value, detail, inferred=inferred))


def ask_payments(notes: Notes) -> None:
    """Payments since tomorrow: whatever comes shows that the filter is ignored."""
    key = "payments_modified_since"
    tomorrow = notes.server_now() + timedelta(days=1)
    listing = notes.ask_list("payments", (*DEFAULT, ("modifiedSince", filter_moment(tomorrow))))
    reply = listing.reply
    if reply.refused:
        notes.say(told(key, "ignored", f"refused with {reply.status}"))
    elif reply.rows is None:
        notes.say(untold(key, reply.trouble))
    elif listing.rows:
        notes.say(told(key, "ignored", "payments since tomorrow came"))
    elif any(whole_number(row.get("status")) in _PAID for row in notes.rows("invoices")):
        detail = "no payment since tomorrow came, though invoices are paid"
        notes.say(told(key, "honoured", detail, inferred=True))
    else:
        notes.say(untold(key, "no payment and no paid invoice came"))


def ask_unknown_filter(notes: Notes) -> None:
    """A filter that nobody knows, where a request is left; else what others gave away."""
    key = "unknown_filters"
    if key in notes.answers:
        return
    reply = notes.ask_list("taxes", (*SMALL, (_UNKNOWN, "1"))).reply
    if reply.refused:
        notes.say(told(key, "rejected", f"with {reply.status}"))
    elif reply.rows is not None:
        notes.say(told(key, "ignored", "the list came all the same"))
    else:
        notes.say(unknown_filters_so_far(notes) or untold(key, reply.trouble))


def unknown_filters_so_far(notes: Notes) -> Answer | None:
    """What filters that turned out to be unknown did."""
    refused = [
        each.reply.status for each in notes.listings if each.reply.refused and not each.plain
    ]
    if refused:
        detail = f"another filter was refused with {refused[0]}"
        return told("unknown_filters", "rejected", detail, inferred=True)
    known = (None, "both", "any_case", "honoured")
    judged = ("waiting_spelling", "payments_modified_since", "enable_filter", "approval_dates")
    if any(key in notes.answers and notes.answers[key].value not in known for key in judged):
        detail = "filters that have no effect were not refused"
        return told("unknown_filters", "ignored", detail, inferred=True)
    return None


def _may_wait(row: Row) -> bool:
    """Whether a document is in a state that may wait for approval."""
    return whole_number(row.get("status")) in _MAY_WAIT


def _enabled(row: Row) -> bool | None:
    """Whether a supplier is enabled; None where it does not say."""
    known = BY_NAME["suppliers"].by_name["enable"]
    assert known.kind is Kind.FLAG  # noqa: S101 - the table's, not an input
    try:
        read: bool | None = known.read(row.get("enable"))
    except Misfit:
        return None
    return read


def _only_disabled(listing: Listing) -> bool | None:
    """Whether a filter for disabled suppliers was obeyed; None where that cannot be told."""
    if listing.reply.refused:
        return False
    if listing.reply.rows is None or (
        listing.rows and all(_enabled(row) is None for row in listing.rows)
    ):
        return None
    return not any(_enabled(row) for row in listing.rows)
