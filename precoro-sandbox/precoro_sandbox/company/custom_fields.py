"""Custom fields, their option trees, and the values that other rows give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.accounts import (
    DOCUMENT_FIELDS,
    ITEM_FIELDS,
    SUPPLIER_FIELDS,
    FieldPlan,
)
from precoro_sandbox.company.statuses import DATE_FIELD, SELECT_FIELD, TEXT_FIELD
from precoro_sandbox.company.timeline import DAY

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["Values", "fields", "options"]

_PLANS: dict[str, tuple[FieldPlan, ...]] = {
    "item": ITEM_FIELDS,
    "document": DOCUMENT_FIELDS,
    "supplier": SUPPLIER_FIELDS,
}
_TYPES = {"text": TEXT_FIELD, "select": SELECT_FIELD, "date": DATE_FIELD}


def fields(draft: Draft, family: str) -> list[Row]:
    """The custom fields of items, documents or suppliers."""
    plans = _PLANS[family]
    rows: list[Row] = []
    for index, key in enumerate(draft.ids(f"{family}_custom_fields")):
        plan = plans[index] if index < len(plans) else FieldPlan(f"Field {index + 1}", "text")
        created = draft.timeline.at(index * DAY)
        rows.append(
            {
                "id": key,
                "name": plan.name,
                "type": _TYPES[plan.kind],
                "typeString": plan.kind,
                "position": index + 1,
                "required": plan.required,
                "enable": True,
                "createDate": created,
                "updateDate": created,
            }
        )
    return rows


def options(draft: Draft, family: str) -> list[Row]:
    """The options of the family's select fields, parents before children.

    More than the usual number become further options of the first field, without a parent.
    """
    owners = draft.rows[f"{family}_custom_fields"]
    planned = [
        (owner, option)
        for owner, plan in zip(owners, _PLANS[family], strict=False)
        for option in plan.options
    ]
    rows: list[Row] = []
    by_code: dict[tuple[int, str], Row] = {}
    for index, key in enumerate(draft.ids(f"{family}_custom_field_options")):
        if index < len(planned):
            owner, (code, name, above) = planned[index]
        elif planned:
            owner, (code, name, above) = owners[0], (f"X{index + 1}", f"Option {index + 1}", None)
        else:
            break
        parent = by_code[owner["id"], above] if above else None
        row: Row = {
            "id": key,
            "field_id": owner["id"],
            "name": name,
            "code": code,
            "label": f"{code} {name}",
            "level": parent["level"] + 1 if parent else 1,
            "enable": index % 29 != 28,
            "parent": {"id": parent["id"]} if parent else None,
        }
        if index % 5 != 4:
            row["externalId"] = f"{family[0].upper()}-{code}"
        by_code[owner["id"], code] = row
        rows.append(row)
    return rows


class Values:
    """Draws the custom values of one family for a row: most options, some texts and dates."""

    def __init__(self, draft: Draft, family: str) -> None:
        """Reads the family's fields and options out of the draft."""
        self._draft = draft
        self._key = f"{family}CustomField"
        self._fields = draft.rows[f"{family}_custom_fields"]
        self._leaves: dict[int, list[str]] = {}
        rows = draft.rows[f"{family}_custom_field_options"]
        parents = {row["parent"]["id"] for row in rows if row["parent"]}
        for row in rows:
            if row["enable"] and row["id"] not in parents:
                self._leaves.setdefault(row["field_id"], []).append(str(row["id"]))

    def draw(self, rng: Random, when: int, often: float = 0.4) -> list[Row]:
        """Values for required fields, and for the others as often as told."""
        drawn: list[Row] = []
        for each in self._fields:
            if not each["required"] and rng.random() >= often:
                continue
            value = self._value(rng, each, when)
            if value is not None:
                drawn.append(
                    {
                        "id": next(self._draft.value_ids),
                        "value": value,
                        "type": each["type"],
                        self._key: {"id": each["id"]},
                    }
                )
        return drawn

    def _value(self, rng: Random, each: Row, when: int) -> str | None:
        if each["type"] == DATE_FIELD:
            return self._draft.timeline.day(when)
        if each["type"] == TEXT_FIELD:
            return f"REF {int(rng.random() * 90_000) + 10_000}"
        leaves = self._leaves.get(each["id"])
        return leaves[int(rng.random() * len(leaves))] if leaves else None
