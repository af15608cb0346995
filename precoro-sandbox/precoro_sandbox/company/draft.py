"""A company in the making: its rows so far, how many are wanted, and the draws behind them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_sandbox.company.timeline import SPAN, moments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from precoro_sandbox.company.timeline import Timeline

__all__ = ["SIZES", "Draft", "Life", "Pool", "Row", "person", "reference"]

Row = dict[str, Any]

# How many rows there are unless told otherwise, and the first id of each resource. Parents stand
# before children: rows are made in this order.
SIZES: dict[str, int] = {
    "legal_entities": 4,
    "locations": 12,
    "users": 25,
    "units": 15,
    "categories": 20,
    "taxes": 9,
    "payment_terms": 8,
    "item_custom_fields": 4,
    "item_custom_field_options": 88,
    "document_custom_fields": 5,
    "document_custom_field_options": 42,
    "supplier_custom_fields": 3,
    "supplier_custom_field_options": 8,
    "suppliers": 400,
    "items": 2_000,
    "budgets": 30,
    "contracts": 25,
    "warehouses": 3,
    "warehouse_items": 60,
    "stock_transfers": 15,
    "stock_takings": 6,
    "purchase_requisitions": 60,
    "request_for_proposals": 30,
    "rfp_propositions": 12,
    "warehouse_requests": 40,
    "purchase_orders": 600,
    "receipts": 300,
    "invoices": 900,
    "payments": 500,
    "expenses": 120,
    "expense_payments": 70,
    "ap_documents": 40,
    "attachments": 150,
}
_FIRST_IDS: dict[str, int] = {
    "legal_entities": 301,
    "locations": 4_101,
    "users": 7_001,
    "units": 1,
    "categories": 811,
    "taxes": 2_201,
    "payment_terms": 1_501,
    "item_custom_fields": 611,
    "item_custom_field_options": 61_001,
    "document_custom_fields": 711,
    "document_custom_field_options": 71_001,
    "supplier_custom_fields": 911,
    "supplier_custom_field_options": 91_001,
    "suppliers": 50_001,
    "items": 200_001,
    "budgets": 3_301,
    "contracts": 2_701,
    "warehouses": 41,
    "warehouse_items": 12_001,
    "stock_transfers": 5_201,
    "stock_takings": 5_601,
    "purchase_requisitions": 310_001,
    "request_for_proposals": 32_001,
    "rfp_propositions": 33_001,
    "warehouse_requests": 34_001,
    "purchase_orders": 410_001,
    "receipts": 450_001,
    "invoices": 610_001,
    "payments": 720_001,
    "expenses": 530_001,
    "expense_payments": 540_001,
    "ap_documents": 81_001,
    "attachments": 990_001,
}


class Life(NamedTuple):
    """When a document was created, approved and last changed, in this order."""

    created: int
    approved: int
    changed: int


@dataclass
class Draft:
    """What the makers of rows share."""

    timeline: Timeline
    counts: Mapping[str, int]
    rows: dict[str, list[Row]] = field(default_factory=dict)
    moments: dict[str, list[int]] = field(default_factory=dict)
    lives: dict[str, dict[int, Life]] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    line_ids: Iterator[int] = field(default_factory=lambda: count(1_000_001))
    value_ids: Iterator[int] = field(default_factory=lambda: count(3_000_001))

    def wanted(self, name: str) -> int:
        """How many rows of the resource there shall be."""
        return self.counts.get(name, SIZES[name])

    @staticmethod
    def rng(name: str) -> Random:
        """A stream of draws of its own, so that one resource's size leaves the others alone."""
        return Random(f"precoro demo company, {name}")

    def ids(self, name: str) -> range:
        """The ids of the resource's rows."""
        first = _FIRST_IDS[name]
        return range(first, first + self.wanted(name))

    def created(self, name: str, early: float = 1.0) -> list[int]:
        """The moments at which the resource's rows were created, remembered for `pool`."""
        made = moments(self.rng(f"{name} created"), self.wanted(name), early)
        self.moments[name] = made
        return made

    def pool(self, name: str) -> Pool:
        """The resource's rows, to pick from."""
        if name not in self.pools:
            rows = self.rows[name]
            self.pools[name] = Pool(rows, self.moments.get(name) or [0] * len(rows))
        return self.pools[name]


class Pool:
    """Rows in the order of their creation, to pick from."""

    def __init__(self, rows: Sequence[Row], moments: Sequence[int]) -> None:
        """`moments` tells when each row was created."""
        self._rows = rows
        self._moments = moments

    def pick(self, rng: Random, when: int = SPAN) -> Row | None:
        """A row that existed by then, else the first; None where there is none at all."""
        if not self._rows:
            return None
        known = max(1, bisect_right(self._moments, when))
        return self._rows[int(rng.random() * known)]


def reference(row: Row | None, label: str = "name") -> Row | None:
    """How another row mentions this one."""
    return None if row is None else {"id": row["id"], label: row[label]}


def person(user: Row | None) -> Row | None:
    """How a row mentions a user."""
    if user is None:
        return None
    return {"id": user["id"], "firstname": user["firstname"], "lastname": user["lastname"]}
