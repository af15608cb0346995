"""An ERP whose records are to be in Precoro, and the verdict on what Precoro then has."""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from proof.story import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from precoro_sandbox import Sandbox

__all__ = ["Erp", "Record", "judge"]

Record = dict[str, Any]

OPTIONS = "document_custom_field_options"
_ROOTS = 2
_CHANGING = (
    ("suppliers", "city"),
    ("suppliers", "name"),
    ("items", "name"),
    ("items", "sku"),
    (OPTIONS, "name"),
)
_ELSEWHERE = frozenset(
    ("supplier_external_id", "invoice_external_id", "parentExternalId", "custom_field_id")
)
"""Fields that a record of Precoro shows in another form."""


class Erp:
    """Vendors, parts of theirs, a tree of options three deep, and payments of invoices.

    They come mixed: some parts before their vendor, some options before their parent.
    """

    def __init__(self, sandbox: Sandbox, many: int, seed: int = 0) -> None:
        self.chance = random.Random(seed)
        add = sandbox.store.add
        field = add("document_custom_fields", {"name": "Cost center"})["id"]
        for n in range((many + 1) // 2):
            # Most are of more than is to be paid: nothing but the target refuses more.
            values = {"sum": Decimal(500 if n else 50), "sumPaid": Decimal(0), "status": 2}
            add("invoices", {**values, "externalId": f"I-{n}"})
        self.tables: dict[str, dict[str, Record]] = {
            "suppliers": {f"V-{n}": {"name": f"Vendor {n}", "city": "A"} for n in range(many)},
            "items": {
                f"P-{n}": {
                    "name": f"Part {n}",
                    "sku": f"SKU {n}",
                    "supplier_external_id": f"V-{n % many}",
                }
                for n in range(many)
            },
            OPTIONS: {f"O-{n}": {"name": f"Option {n}"} for n in range(many)},
            "payments": {
                f"B-{n}": {"invoice_external_id": f"I-{n // 2}", "sumPaid": 20 + 10 * (n % 2)}
                for n in range(many)
            },
        }
        for n, option in enumerate(self.tables[OPTIONS].values()):
            option["custom_field_id"] = field
            if n > _ROOTS:
                option["parentExternalId"] = f"O-{(n - _ROOTS) // 4}"

    def change(self) -> None:
        """Some vendors move, some get another name, as do some parts and options."""
        for stream, name in _CHANGING:
            table = self.tables[stream]
            for key in self.chance.sample(sorted(table), max(1, len(table) // 3)):
                table[key][name] = f"{name} {self.chance.randrange(10**6)}"

    def grow(self) -> None:
        """One vendor and one part of theirs are new."""
        n = len(self.tables["suppliers"])
        self.tables["suppliers"][f"V-{n}"] = {"name": f"Vendor {n}", "city": "A"}
        part = {"name": f"Part {n}", "sku": f"SKU {n}", "supplier_external_id": f"V-{n}"}
        self.tables["items"][f"P-{n}"] = part

    def messages(self) -> list[tuple[str, Record]]:
        """Stream and record, in a mixed order."""
        found = [
            (stream, {"externalId": key, **record})
            for stream, table in self.tables.items()
            for key, record in table.items()
        ]
        self.chance.shuffle(found)
        return found

    def write(self, path: Path, *, every: int = 7) -> list[tuple[str, Record]]:
        """The Singer messages, with a STATE after so many records; the records in their order."""
        records = self.messages()
        schema = {"properties": {"externalId": {"type": "string"}}}
        lines: list[Mapping[str, Any]] = [
            {"type": "SCHEMA", "stream": s, "schema": schema, "key_properties": ["externalId"]}
            for s in self.tables
        ]
        for number, (stream, record) in enumerate(records, start=1):
            lines.append({"type": "RECORD", "stream": stream, "record": record})
            if number % every == 0 or number == len(records):
                lines.append({"type": "STATE", "value": {"records": number}})
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        return records


def judge(sandbox: Sandbox, records: list[tuple[str, Record]], *, whole: bool = True) -> Verdict:
    """What is wrong with these records in Precoro; `whole` if there should be no others."""
    verdict = Verdict(doubled=0, lost=0, stale=0, wrong_links=0)
    asked: dict[str, list[Record]] = {}
    for stream, record in records:
        asked.setdefault(stream, []).append(record)
    for stream, wanted in asked.items():
        rows = list(sandbox.store.rows(stream).values())
        carried = Counter(str(row.get("externalId")) for row in rows)
        by_id = {str(row.get("externalId")): row for row in rows}
        verdict.count(doubled=sum(carried[record["externalId"]] > 1 for record in wanted))
        if whole:  # also those that were made, and never got their external id
            verdict.count(doubled=carried["None"])
        for record in wanted:
            row = by_id.get(record["externalId"])
            verdict.count(lost=row is None)
            if row is not None:
                stale, misled = _is_stale(record, row), _is_misled(sandbox, record, row)
                verdict.count(stale=stale, wrong_links=misled)
    if whole:
        verdict.count(paid_twice=_paid_twice(sandbox, asked.get("payments", [])))
    return verdict


def _paid_twice(sandbox: Sandbox, asked: list[Record]) -> int:
    """How many payments invoices have beyond those of the ERP, whatever external id they bear."""
    invoices = sandbox.store.rows("invoices")
    paid = Counter(
        invoices[row["invoice"]["id"]]["externalId"]
        for row in sandbox.store.rows("payments").values()
    )
    return (paid - Counter(record["invoice_external_id"] for record in asked)).total()


def _is_stale(record: Record, row: Record) -> bool:
    return any(
        Decimal(str(row.get(name))) != value
        if isinstance(value, int)
        else str(row.get(name)) != value
        for name, value in record.items()
        if name not in _ELSEWHERE
    )


def _is_misled(sandbox: Sandbox, record: Record, row: Record) -> bool:
    """Whether it is linked to another record than it should be."""
    for key, name, table in (
        ("supplier_external_id", "supplier", "suppliers"),
        ("invoice_external_id", "invoice", "invoices"),
        ("parentExternalId", "parent", OPTIONS),
    ):
        of = (row.get(name) or {}).get("id", 0)
        linked = sandbox.store.rows(table).get(of, {})
        if (linked.get("externalId") or None) != record.get(key):
            return True
    return False
