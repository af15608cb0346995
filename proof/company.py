"""A company that changes while the tap reads it, and the verdict on what a loader then holds."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from tap_precoro.tap import TapPrecoro

from proof.story import Verdict

if TYPE_CHECKING:
    from precoro_sandbox import Sandbox

__all__ = ["STREAMS", "Company", "catalog_of", "judge"]

ORDERS = "purchase_orders"
STREAMS = ("suppliers", ORDERS, f"{ORDERS}_details", f"{ORDERS}_items", "payments")
_TEXTS = {"suppliers": "note", ORDERS: "note"}


def catalog_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The tap's catalogue in which these streams alone are selected."""
    catalog: dict[str, Any] = TapPrecoro(config=settings).catalog_dict
    for stream in catalog["streams"]:
        for each in stream["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
    return catalog


class Company:
    """Suppliers on several pages, orders with lines, payments without a date of change."""

    def __init__(self, sandbox: Sandbox, seed: int = 0) -> None:
        self._store = sandbox.store
        self._chance = random.Random(seed)
        self._line = 0
        for n in range(430):
            self._store.add("suppliers", {"name": f"Supplier {n}", "note": "first"})
        for _ in range(40):
            self._store.add(ORDERS, {"note": "first", "items": self._lines()})
            sandbox.clock.advance(self._chance.choice((0, 1, 60)))
        for n in range(30):
            self._store.add("payments", {"sumPaid": n, "payDate": "2026-01-01"})
        sandbox.clock.advance(3600)

    def move(self) -> None:
        """One thing happens: a row changes, comes, or goes."""
        resource = self._chance.choice(("suppliers", ORDERS, ORDERS, "payments"))
        rows = self._store.rows(resource)
        happens = self._chance.random()
        if happens < 0.2:
            new = {"items": self._lines()} if resource == ORDERS else {"name": "New"}
            self._store.add(resource, {"note": "new", **new})
        elif happens < 0.3 and len(rows) > 5:
            self._store.remove(resource, self._chance.choice(list(rows)))
        elif resource in _TEXTS:
            row = rows[self._chance.choice(list(rows))]
            news: dict[str, Any] = {_TEXTS[resource]: f"note {self._chance.randrange(10**9)}"}
            if resource == ORDERS:
                news["items"] = self._lines()
            self._store.change(resource, row, news)

    def _lines(self) -> list[dict[str, Any]]:
        first, self._line = self._line, self._line + self._chance.randrange(1, 4)
        return [{"id": n + 1, "name": f"Line {n}"} for n in range(first, self._line)]


def judge(sandbox: Sandbox, held: dict[str, dict[tuple[Any, ...], dict[str, Any]]]) -> Verdict:
    """What a loader's tables lack, or hold as it was; what is gone in Precoro may stay in them."""
    verdict = Verdict()
    for stream in STREAMS:
        resource = ORDERS if stream.startswith(ORDERS) else stream
        for row in sandbox.store.rows(resource).values():
            wanted: dict[tuple[Any, ...], Any]
            if stream == f"{ORDERS}_items":
                wanted = {(row["id"], str(line["id"])): line["name"] for line in row["items"]}
            else:
                wanted = {(row["id"],): row.get(_TEXTS.get(resource, "id"))}
            for key, text in wanted.items():
                record = held[stream].get(key)
                verdict.lost += record is None
                verdict.stale += record is not None and text not in record.values()
    return verdict
