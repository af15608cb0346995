"""What these connectors cost beside others that run unmodified: `python -m bench.peers [part …]`.

`PEER_TARGET` and `PEER_TAP` (or `--target`, `--tap`) name the commands of the others;
`docs/peers.md` says how to get them. Requests are counted by the sandbox's own log, CPU and memory
by the kernel. With both of the others and all parts, the tables of that page are written anew; all
figures go to `output/peers.json` too.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import shutil
import sys
import time
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_precoro.tap import TapPrecoro

from bench import page
from bench.connectors import Connector, Room, Run
from bench.costs import markdown, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Record = dict[str, Any]

OUTPUT = page.DOCS.parent / "output" / "peers.json"
TAP_STATE = {"bookmarks": {"erp": {"changed": "2027-01-16"}}}
STREAMS = ("taxes", "suppliers", "items", "invoices", "expenses")
DETAILED = ("invoices", "expenses")
METHODS = ("GET", "POST", "PATCH", "PUT")


# The target


def suppliers(many: int, changed: int = 0) -> list[Record]:
    """So many, of which some have another city."""
    return [
        {"externalId": f"V-{n}", "name": f"Firm {n}", "city": "B" if n < changed else "A"}
        for n in range(many)
    ]


def items(many: int, changed: int = 0) -> list[Record]:
    """So many, of which some have another price."""
    return [
        {"externalId": f"I-{n}", "name": f"Ware {n}", "price": 2 if n < changed else 1}
        for n in range(many)
    ]


def load(room: Room, what: str, stream: str, records: list[Record]) -> Run:
    """Send records, and a tap's STATE after them."""
    schema = {"type": "object", "properties": {name: {} for name in records[0]}}
    messages: list[Record] = [
        {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []},
        *({"type": "RECORD", "stream": stream, "record": each} for each in records),
        {"type": "STATE", "value": TAP_STATE},
    ]
    run, lines = room.run(what, "".join(json.dumps(each) + "\n" for each in messages))
    state = json.loads(lines[-1]) if lines else None
    if room.connector.kept and state:
        _keep(room.place, stream, state)
    rows: dict[str, list[Record]] = {}
    for row in room.sandbox.store.rows(stream).values():
        rows.setdefault(str(row.get("externalId")), []).append(row)
    run.facts = {
        "records": len(records),
        "doubled": sum(max(0, len(rows.get(each["externalId"], ())) - 1) for each in records),
        "not there": sum(
            not any(_same(each, row) for row in rows.get(each["externalId"], ()))
            for each in records
        ),
        "refused": run.refused,
        "tap's STATE": "kept" if state == TAP_STATE else "lost",
    }
    return run


def _same(record: Record, row: Record) -> bool:
    return all(row.get(name) == value for name, value in record.items() if "[" not in name)


def _keep(place: Path, stream: str, state: Record) -> None:
    """The two files by which its makers' platform remembers: its own STATE, and the ids."""
    (place / ".secrets").mkdir(exist_ok=True)
    (place / ".secrets" / "incremental_target_state.json").write_text(json.dumps(state))
    known = {
        each["externalId"]: each["id"]
        for each in state.get("bookmarks", {}).get(stream, [])
        if each.get("id") and each.get("externalId")
    }
    with (place / f"{stream}_bench.snapshot.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("InputId", "RemoteId"), *known.items()])


def masters(connectors: list[Connector]) -> Iterator[Run]:
    """Suppliers, whose names Precoro keeps apart, and items: new, the same again, 10% changed."""
    for maker, many in ((suppliers, 50), (suppliers, 200), (suppliers, 1000), (items, 200)):
        stream = maker.__name__
        for connector in connectors:
            with connector.room("empty") as room:
                for what, changed in (("new", 0), ("unchanged", 0), ("10% changed", many // 10)):
                    yield load(room, f"{many} {stream}, {what}", stream, maker(many, changed))
                    room.sandbox.clock.advance(3600)


def payments(connectors: list[Connector]) -> Iterator[Run]:
    """100 payments of half their invoices, and the same again."""
    for connector in connectors:
        with connector.room("empty") as room:
            values = {"sum": Decimal(100), "sumPaid": Decimal(0), "status": 2}
            invoices = [room.sandbox.store.add("invoices", dict(values)) for _ in range(100)]
            records = [
                {"externalId": f"P-{n}", "invoice[id]": invoice["id"], "sumPaid": 50}
                for n, invoice in enumerate(invoices)
            ]
            for what in ("100 payments, new", "100 payments, unchanged"):
                yield load(room, what, "payments", records)
                room.sandbox.clock.advance(3600)


def rejected(connectors: list[Connector]) -> Iterator[Run]:
    """20 suppliers without a name: Precoro refuses each and every one."""
    for connector in connectors:
        with connector.room("empty") as room:
            records = [{**each, "name": "", "city": each["externalId"]} for each in suppliers(20)]
            yield load(room, "20 suppliers, refused", "suppliers", records)


def real(connectors: list[Connector]) -> Iterator[Run]:
    """50 new suppliers in real time, which says whether the quicker clocks tell the truth."""
    for connector in connectors:
        if not connector.kept:
            with replace(connector, real=True).room("empty") as room:
                yield load(room, "50 suppliers, new, in real time", "suppliers", suppliers(50))


# The tap


def reading(connectors: list[Connector]) -> Iterator[Run]:
    """The demo company in the streams that all know, and again after 1% of it changed."""
    for connector in connectors:
        with connector.room("demo") as room:
            store, clock = room.sandbox.store, room.sandbox.clock
            arguments = _catalog(room) if connector.ours else []
            clock.advance(86400)
            ids = {name: set(store.rows(name)) for name in STREAMS}
            yield _read(room, "demo company, whole", arguments, ids)
            clock.advance(3600)
            ids, chance = {}, random.Random(1)  # noqa: S311 - not for secrets
            for name in STREAMS[1:]:  # taxes have no date of change
                rows = store.rows(name)
                ids[name] = set(chance.sample(sorted(rows), math.ceil(len(rows) * 0.01)))
                for row_id in ids[name]:
                    store.change(name, rows[row_id], {})
            clock.advance(3600)
            yield _read(
                room, "demo company, 1% changed", [*arguments, "--state", "state.json"], ids
            )


def _catalog(room: Room) -> list[str]:
    """Select the streams that the others know too."""
    config = {"auth_token": "t", "email": "e@example.com", "base_url": room.sandbox.url}
    catalog: Record = TapPrecoro(config=config).catalog_dict
    chosen = {*STREAMS, *(f"{name}_details" for name in DETAILED)}
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in chosen
    (room.place / "work" / "catalog.json").write_text(json.dumps(catalog))
    return ["--catalog", "catalog.json"]


def _read(room: Room, what: str, arguments: list[str], ids: dict[str, set[int]]) -> Run:
    """Run a tap; what it missed of these rows, and of their documents by idn."""
    run, lines = room.run(what, "", *arguments)
    messages = [json.loads(line) for line in lines]
    states = [each["value"] for each in messages if each["type"] == "STATE"]
    (room.place / "work" / "state.json").write_text(json.dumps(states[-1]))
    came: dict[str, list[str]] = {}
    for each in messages:
        if each["type"] == "RECORD":
            # The others have credit notes as a stream, in Precoro they are invoices.
            stream, record = each["stream"].replace("credit_notes", "invoices"), each["record"]
            key = record["idn"] if stream.endswith("_details") else int(record["id"])
            came.setdefault(stream, []).append(str(key))
    wanted = {name: set(map(str, some)) for name, some in ids.items()}
    for name in DETAILED:
        rows = room.sandbox.store.rows(name)
        wanted[f"{name}_details"] = {str(rows[row_id]["idn"]) for row_id in ids[name]}
    missed = {name: len(some - set(came.get(name, ()))) for name, some in wanted.items()}
    run.facts = {
        "records": sum(map(len, came.values())),
        "of": sum(map(len, wanted.values())),
        "missed": sum(missed.values()),
        "missed in": ", ".join(f"{name} {many}" for name, many in missed.items() if many),
    }
    return run


PARTS: dict[str, Callable[[list[Connector]], Iterator[Run]]] = {
    "masters": masters,
    "payments": payments,
    "rejected": rejected,
    "real": real,
    "reading": reading,
}


def table(runs: Sequence[Run]) -> list[list[str]]:
    """What each run of one kind of connector took, and what came of it; the head first."""
    head = ["Work", "Who", "Requests", *METHODS, "429", "Seconds", "Exit"]
    facts = [f"{name[0].upper()}{name[1:]}" for name in runs[0].facts]
    return [
        [*head, *facts, "STATE bytes", "All STATE", "Records a CPU s", "Peak MiB"],
        *(
            [
                run.what,
                run.who,
                f"{sum(run.requests.values()):,}",
                *(f"{run.requests.get(method, 0):,}" for method in METHODS),
                f"{run.limited}",
                f"{run.seconds:,.0f}",
                f"{run.code}",
                *(f"{fact:,}" if isinstance(fact, int) else fact for fact in run.facts.values()),
                *(f"{each:,}" for each in (run.state, run.states)),
                f"{run.facts['records'] / run.used.cpu:,.0f}",
                f"{run.used.memory:.0f}",
            ]
            for run in runs
        ),
    ]


def _command(parser: argparse.ArgumentParser, name: str | None) -> list[str]:
    """The path of another connector's command, as it runs in a folder of its own."""
    found = shutil.which(name) if name else None
    if name and not found:
        parser.error(f"{name}: there is no such command")
    return [str(Path(found).absolute())] if found else []


def main() -> None:
    """Run the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--target", default=os.environ.get("PEER_TARGET"), help="another target")
    parser.add_argument("--tap", default=os.environ.get("PEER_TAP"), help="another tap")
    given = parser.parse_args()
    target, tap = _command(parser, given.target), _command(parser, given.tap)
    targets = [Connector("ours", [sys.executable, "-m", "target_precoro"])]
    taps = [Connector("ours", [sys.executable, "-m", "tap_precoro"])]
    if target:
        targets.append(Connector("other", target, ours=False))
        targets.append(Connector("other + files", target, ours=False, kept=True))
    if tap:
        taps.append(Connector("other", tap, ours=False))
    if not (target and tap):
        print("Ours alone where PEER_TARGET or PEER_TAP is not set: docs/peers.md says how to.")
    made, began = page.made_by("bench.peers"), time.perf_counter()
    kinds: tuple[list[Run], list[Run]] = ([], [])
    for part in given.parts or PARTS:
        reads = part == "reading"
        for run in PARTS[part](taps if reads else targets):
            kinds[reads].append(run)
            took = time.perf_counter() - began
            print(f"{run.what}: {run.who} done after {took:.0f} s", file=sys.stderr, flush=True)
    made["seconds"] = round(time.perf_counter() - began)
    tables = [table(runs) for runs in kinds if runs]
    print("\n\n".join(map(plain, tables)))
    OUTPUT.parent.mkdir(exist_ok=True)
    told = {"made": made, "runs": [asdict(run) for runs in kinds for run in runs]}
    OUTPUT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if target and tap and not given.parts:
        text = "\n\n".join([*map(markdown, tables), page.told(made)])
        page.put(page.DOCS / "peers.md", "peers", text)


if __name__ == "__main__":
    main()
