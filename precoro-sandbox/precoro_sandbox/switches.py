"""Everything about the API that is unknown or disputed, as a switch with an honest default."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Switches", "UnknownSwitch"]


class UnknownSwitch(ValueError):
    """A switch or a position that does not exist."""


def _switch(default: Any, about: str, *others: Any) -> Any:
    return field(default=default, metadata={"about": about, "options": (default, *others)})


def _count(default: int, about: str) -> Any:
    return field(default=default, metadata={"about": about, "options": ()})


@dataclass(frozen=True)
class Switches:
    """The positions of all switches; `Switches.set({...})` takes them as texts, too."""

    minute_limit: int = _count(60, "Requests a minute; 0 for none.")
    hour_limit: int = _count(1500, "Requests an hour; 0 for none.")
    day_limit: int = _count(3000, "Requests a day; 0 for none.")
    duplicate_limiter: str = _switch(
        "with_body", "What makes requests identical: 1 a minute, 30 an hour.", "without_body", "off"
    )
    limit_answer: str = _switch(
        "body", "Where a 429 says its limiter and moment.", "headers", "empty", "html"
    )
    default_page_size: int = _count(20, "Rows a page where `per_page` is not sent or not allowed.")
    pagination: str = _switch(
        "all",
        "Keys of `meta.pagination`: all seven, without `has_next_page`, or without the totals.",
        "legacy",
        "new",
    )
    legal_entities_meta: str = _switch("absent", "`meta` in the list of legal entities.", "present")
    list_order: str = _switch("id_desc", "Order of lists.", "id_asc", "updated")
    external_id_on_create: str = _switch(
        "terms_and_options",
        "Where a POST stores `externalId`: for payment terms and options only, everywhere, "
        "nowhere, or as an error.",
        "everywhere",
        "nowhere",
        "rejected",
    )
    external_id_type: str = _switch(
        "string",
        "Type of `externalId` in answers: text, or a number where it looks like one.",
        "number",
    )
    external_id_unique: str = _switch(
        "no", "Whether one `externalId` may stand on two records.", "yes"
    )
    sum_paid_type: str = _switch(
        "as_seen", "`sumPaid`: text on invoices and number on expenses, or the reverse.", "swapped"
    )
    empty_nested: str = _switch("list", "How an empty object looks.", "null", "object")
    nested_objects: str = _switch(
        "bare", "Single nested objects, bare or inside `data`.", "wrapped"
    )
    idn_type: str = _switch("string", "Type of `idn` in answers.", "integer")
    waiting_spelling: str = _switch(
        "documented", "Spelling of the filter `waitingForapprove`.", "any_case"
    )
    unknown_filters: str = _switch("ignored", "What a filter does that nobody knows.", "rejected")
    modified_since: str = _switch(
        "inclusive", "Whether `modifiedSince` includes its own second.", "exclusive"
    )
    payments_modified_since: str = _switch(
        "ignored", "Whether payments know `modifiedSince`.", "honoured"
    )
    approval_dates: str = _switch(
        "both", "Which spelling of the approval filters works.", "iso", "dotted"
    )
    enable_filter: str = _switch("both", "Values of the filter `enable`.", "number", "word")
    credit_notes_listed: str = _switch(
        "yes", "Whether the plain list of invoices holds credit notes.", "no"
    )
    split_idn: str = _switch(
        "shared", "Whether children of a split invoice share their parent's idn.", "distinct"
    )
    split_marker: str = _switch(
        "parentData", "The key that marks a child of a split invoice.", "parentIdn", "splitIndex"
    )
    options_list: str = _switch(
        "served", "Whether options have a list besides the field's detail.", "missing"
    )
    create_documents: str = _switch("refused", "POST of invoices and purchase orders.", "enabled")
    patch_fields: str = _switch(
        "external_id_only", "What PATCH changes: the external id and log only, or any field.", "all"
    )
    supplier_enable: str = _switch(
        "accepted", "Whether PUT takes `enable` of suppliers, which no source says.", "ignored"
    )
    payments_create_date: str = _switch(
        "honoured", "Whether payments know `createDate[left_date]`.", "ignored"
    )
    put_scalars: str = _switch(
        "kept", "What PUT does with scalar fields that it does not name.", "cleared"
    )
    put_external_id: str = _switch(
        "kept", "What PUT does with an `externalId` that it does not name.", "cleared"
    )
    put_payments: int = _switch(405, "Status of PUT on payments.", 404)
    touch_on_payment: str = _switch(
        "yes", "Whether a payment changes its invoice's `updateDate`.", "no"
    )
    attachments: str = _switch(
        "binary", "What `/attachments/{id}` answers: the file, or JSON with a link.", "json"
    )
    attachment_entries: str = _switch(
        "objects", "How a record shows its files: as objects, or by their ids alone.", "ids"
    )
    create_status: int = _switch(201, "Status of a successful POST.", 200)
    validation_status: int = _switch(400, "Status of a refused record.", 422)
    booleans: str = _switch(
        "strict", "Form booleans: only true, false, 1 and 0, or any case.", "lenient"
    )
    webhook_loss: int = _count(0, "Percent of webhook events that never arrive.")
    webhook_duplicates: int = _count(0, "Percent of webhook events that arrive twice.")
    webhook_reordering: str = _switch(
        "off", "Whether webhook events overtake one another, by up to ten places.", "on"
    )

    @classmethod
    def set(cls, positions: Mapping[str, Any]) -> Switches:
        """Switches in these positions, the others in their default; raises UnknownSwitch."""
        known = {each.name: each for each in fields(cls)}
        chosen: dict[str, Any] = {}
        for name, given in positions.items():
            if name not in known:
                raise UnknownSwitch(f"no switch {name!r}; there are {', '.join(known)}")
            switch = known[name]
            options = switch.metadata["options"]
            if isinstance(switch.default, int):
                try:
                    value: Any = 0 if given == "off" else int(given)
                except (TypeError, ValueError):
                    raise UnknownSwitch(f"{name} takes a number, not {given!r}") from None
            else:
                value = str(given)
            if options and value not in options:
                raise UnknownSwitch(f"{name} takes {', '.join(map(str, options))}, not {given!r}")
            chosen[name] = value
        return cls(**chosen)

    @classmethod
    def table(cls) -> list[tuple[str, str, str, str]]:
        """Rows of (name, default, other positions, about), for people."""
        return [
            (
                each.name,
                str(each.default),
                ", ".join(map(str, each.metadata["options"][1:])) or "any number",
                each.metadata["about"],
            )
            for each in fields(cls)
        ]
