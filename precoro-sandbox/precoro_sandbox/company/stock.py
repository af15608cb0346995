"""Warehouses, what lies in them, and how it moves."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from precoro_sandbox.company.draft import person, reference
from precoro_sandbox.company.statuses import APPROVED, OPEN
from precoro_sandbox.company.timeline import DAY, between

if TYPE_CHECKING:
    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["stock_takings", "stock_transfers", "warehouse_items", "warehouses"]

_NAMES = ("Portland main store", "Leeds store", "Madison cold store")


def warehouses(draft: Draft) -> list[Row]:
    """Each stands at one of the locations."""
    places = draft.rows["locations"]
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("warehouses")):
        place = reference(places[(index * 5 + 1) % len(places)]) if places else None
        rows.append(
            {
                "id": key,
                "name": _NAMES[index] if index < len(_NAMES) else f"Store {index + 1}",
                "uniqueCode": f"WH{index + 1}",
                "enable": True,
                "createDate": draft.timeline.at(index * 30 * DAY),
                "locations": [place] if place else [],
            }
        )
    return rows


def warehouse_items(draft: Draft) -> list[Row]:
    """Stock, spread over the warehouses by turns; some of it below its minimum."""
    rng = draft.rng("warehouse_items")
    stores = draft.rows["warehouses"]
    if not stores:
        return []
    rows: list[Row] = []
    for index, (key, counted) in enumerate(
        zip(draft.ids("warehouse_items"), draft.created("warehouse_items", early=0.4), strict=True)
    ):
        quantity, minimum = int(rng.random() * 180), int(rng.random() * 60)
        target = minimum * 3
        rows.append(
            {
                "id": key,
                "warehouse": reference(stores[index % len(stores)]),
                "quantity": Decimal(quantity),
                "minimumStockLevel": Decimal(minimum),
                "reorderTo": Decimal(target),
                "needToOrder": Decimal(max(0, target - quantity) if quantity < minimum else 0),
                "updateDate": draft.timeline.at(counted),
            }
        )
    return rows


def stock_transfers(draft: Draft) -> list[Row]:
    """Goods on their way from one warehouse to the next."""
    rng = draft.rng("stock_transfers")
    users = draft.pool("users")
    stores = draft.rows["warehouses"]
    rows: list[Row] = []
    for index, (key, created) in enumerate(
        zip(draft.ids("stock_transfers"), draft.created("stock_transfers"), strict=True)
    ):
        one, other = (
            (stores[index % len(stores)], stores[(index + 1) % len(stores)])
            if stores
            else (None, None)
        )
        rows.append(
            {
                "id": key,
                "type": "transfer",
                "status": OPEN if index % 6 == 5 else APPROVED,
                "createDate": draft.timeline.at(created),
                "requiredDate": draft.timeline.day(between(rng, created, created + 20 * DAY)),
                "creator": person(users.pick(rng, created)),
                "fromWarehouse": reference(one),
                "toWarehouse": reference(other),
            }
        )
    return rows


def stock_takings(draft: Draft) -> list[Row]:
    """Counts of a warehouse's stock."""
    rng = draft.rng("stock_takings")
    users = draft.pool("users")
    stores = draft.rows["warehouses"]
    return [
        {
            "id": key,
            "createDate": draft.timeline.at(created),
            "creator": person(users.pick(rng, created)),
            "warehouse": reference(stores[index % len(stores)]) if stores else None,
        }
        for index, (key, created) in enumerate(
            zip(draft.ids("stock_takings"), draft.created("stock_takings"), strict=True)
        )
    ]
