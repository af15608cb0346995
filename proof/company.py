"""A company that changes while the tap reads it, and the verdict on what a loader then holds."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_precoro.tap import TapPrecoro

from proof.story import Verdict

if TYPE_CHECKING:
    from precoro_sandbox import Sandbox

__all__ = ["STREAMS", "Company", "catalog_of", "judge"]

ORDERS = "purchase_orders"
STREAMS = ("suppliers", ORDERS, f"{ORDERS}_details", f"{ORDERS}_items", "payments")
_TEXTS = {"suppliers": "note", ORDERS: "note"}
_UNSEEN_FOR = (3.0, 8.0)
"""Seconds of the sandbox for which what is written late cannot be seen. Two would not tell: what is
asked for begins a second early by itself, and dates have whole seconds."""


@dataclass(frozen=True)
class _Unseen:
    """What was written to a row, or to a new one, and when it can be seen."""

    resource: str
    row: dict[str, Any] | None
    values: dict[str, Any]
    stamp: str
    seen_at: float


def catalog_of(settings: dict[str, Any]) -> dict[str, Any]:
    """The tap's catalogue in which these streams alone are selected."""
    catalog: dict[str, Any] = TapPrecoro(config=settings).catalog_dict
    for stream in catalog["streams"]:
        for each in stream["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
    return catalog


class Company:
    """Suppliers on several pages, orders with lines, payments without a date of change.

    A share of what is written, `late`, has its dates some seconds before it can be seen, as with
    a transaction that takes a while.
    """

    def __init__(self, sandbox: Sandbox, seed: int = 0, late: float = 0.0) -> None:
        self._store, self._clock, self._late = sandbox.store, sandbox.clock, late
        self._unseen: list[_Unseen] = []
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
            self._write(resource, None, {"note": "new", **new})
            return
        held = [each.row for each in self._unseen if each.resource == resource]
        row = rows[self._chance.choice(list(rows))]
        if any(row is each for each in held):
            return  # what a transaction writes nobody else can, until it is through
        if happens < 0.3 and len(rows) > 5:
            self._store.remove(resource, row["id"])
        elif resource in _TEXTS:
            news: dict[str, Any] = {_TEXTS[resource]: f"note {self._chance.randrange(10**9)}"}
            if resource == ORDERS:
                news["items"] = self._lines()
            self._write(resource, row, news)

    def show(self, *, all_of_it: bool = False) -> None:
        """Let what was written be seen, if its time has come."""
        now = self._clock.now()
        for each in [each for each in self._unseen if all_of_it or each.seen_at <= now]:
            self._unseen.remove(each)
            row, dates = each.row, {"updateDate": each.stamp}
            if row is None:
                row, dates = self._store.add(each.resource, {}), {**dates, "createDate": each.stamp}
            self._store.change(each.resource, row, {**each.values, **dates}, touch=False)

    def _write(self, resource: str, row: dict[str, Any] | None, values: dict[str, Any]) -> None:
        if self._late and self._chance.random() < self._late:
            seen_at = self._clock.now() + self._chance.uniform(*_UNSEEN_FOR)
            self._unseen.append(_Unseen(resource, row, values, self._clock.stamp(), seen_at))
        elif row is None:
            self._store.add(resource, values)
        else:
            self._store.change(resource, row, values)

    def _lines(self) -> list[dict[str, Any]]:
        first, self._line = self._line, self._line + self._chance.randrange(1, 4)
        return [{"id": n + 1, "name": f"Line {n}"} for n in range(first, self._line)]


def judge(sandbox: Sandbox, held: dict[str, dict[tuple[Any, ...], dict[str, Any]]]) -> Verdict:
    """What a loader's tables lack, or hold as it was; what is gone in Precoro may stay in them."""
    verdict = Verdict(lost=0, stale=0)
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
                gone = record is None
                stale = record is not None and text not in record.values()
                verdict.count(lost=gone, stale=stale)
    return verdict
