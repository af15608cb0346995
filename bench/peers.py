"""What these connectors cost beside others that run unmodified: `python bench/peers.py [part …]`.

`PEER_TARGET` and `PEER_TAP` (or `--target`, `--tap`) name the commands of the others;
`docs/peers.md` says how to get them. Requests are counted by the sandbox's own log, every
connector is a process of its own. All figures go to `output/peers.json` too.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from precoro_sandbox import Sandbox, SandboxClock
from tap_precoro.tap import TapPrecoro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Record = dict[str, Any]

SPEED = 30
LATENCY = 0.3
OFF = {"requests_per_hour": "off", "requests_per_day": "off", "quota_path": "memory"}
MINUTE_ONLY = {"hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
OUTPUT = Path(__file__).resolve().parent.parent / "output" / "peers.json"
TAP_STATE = {"bookmarks": {"erp": {"changed": "2027-01-16"}}}
STREAMS = ("taxes", "suppliers", "items", "invoices", "expenses")
DETAILED = ("invoices", "expenses")
HEAD = (
    f"{'who':<12} {'what':<31} {'GET':>5} {'POST':>5} {'PATCH':>5} {'PUT':>5} {'all':>5}"
    f" {'seconds':>7} {'exit':>4} {'STATE':>7} {'all STATE':>9}"
)

# Python runs this before a peer starts. requests believes the environment in some calls only; so
# the certificate of `_tls` is named where all of them look.
_TRUST = """
import os, certifi
certifi.where = lambda: os.environ["REQUESTS_CA_BUNDLE"]
"""
# Its sleeps move the sandbox's clock in place of taking their time.
_SLEEPS = """
import http.client, json, time
def sleep(seconds):
    there = http.client.HTTPConnection(os.environ["BENCH_SANDBOX"])
    there.request("POST", "/_sandbox/clock", json.dumps({"advance": seconds}))
    there.getresponse().read()
    there.close()
time.sleep = sleep
"""


@dataclass
class Run:
    """What one run of a connector took and left behind."""

    who: str
    what: str
    code: int
    seconds: float
    requests: dict[str, int]
    refused: int  # answered 4xx, but 429
    limited: int  # answered 429
    state_bytes: int  # the last STATE
    state_total: int
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Connector:
    """A target or tap: its command, and whether it is one of ours."""

    who: str
    command: list[str]
    ours: bool = True
    kept: bool = False  # the files that its makers' platform keeps are there
    real: bool = False  # in real time

    @contextmanager
    def room(self, seed: str) -> Iterator[Room]:
        """A folder, and a sandbox: 60 requests a minute, answers that take 0.3 s of its time."""
        clock = SandboxClock(SPEED if self.ours and not self.real else 1)
        with (
            tempfile.TemporaryDirectory() as folder,
            Sandbox(seed=seed, clock=clock, switches=MINUTE_ONLY) as sandbox,
            _tls(sandbox, Path(folder)) as url,
        ):
            (Path(folder) / "work").mkdir()
            if self.ours or self.real:
                sandbox.app.latency = LATENCY
            else:
                sandbox.app.after = lambda _: clock.advance(LATENCY)
            yield Room(self, sandbox, Path(folder), url)


@dataclass
class Room:
    """Where a connector runs."""

    connector: Connector
    sandbox: Sandbox
    place: Path
    url: str

    def run(self, what: str, given: str = "", *arguments: str) -> tuple[Run, list[bytes]]:
        """Run the connector; what that took, and the lines it wrote."""
        before = len(self.sandbox.served)
        settings, environment = self._ours() if self.connector.ours else self._theirs()
        account = self.sandbox.account
        settings |= {"auth_token": account.token, "email": account.email}
        (self.place / "work" / "config.json").write_text(json.dumps(settings))
        done = subprocess.run(
            [*self.connector.command, "--config", "config.json", *arguments],
            cwd=self.place / "work",
            env={**os.environ, **environment},
            input=given.encode(),
            capture_output=True,
            check=False,
        )
        served = self.sandbox.served[before:]
        limited = sum(each.status == 429 for each in served)
        assert self.connector.ours or not limited, "its clock does not know how long to wait"
        lines = done.stdout.splitlines()
        states = [each for each in lines if b'"RECORD"' not in each and b'"SCHEMA"' not in each]
        run = Run(
            self.connector.who,
            what,
            done.returncode,
            # From the first request to the last answer: no start of a process is in it.
            round(served[-1].at - served[0].at + LATENCY, 1) if served else 0.0,
            dict(Counter(each.method for each in served)),
            sum(400 <= each.status < 500 for each in served) - limited,
            limited,
            len(states[-1]) if states else 0,
            sum(map(len, states)),
        )
        return run, lines

    def _ours(self) -> tuple[Record, dict[str, str]]:
        speed = self.sandbox.clock.speed
        settings = {"base_url": self.sandbox.url, "clock_speed": speed, **OFF}
        return settings, {"XDG_STATE_HOME": str(self.place / "state-home")}

    def _theirs(self) -> tuple[Record, dict[str, str]]:
        start = _TRUST if self.connector.real else _TRUST + _SLEEPS
        (self.place / "sitecustomize.py").write_text(start)
        return {"base_url": self.url, "all_invoices": True}, {
            "BENCH_SANDBOX": self.sandbox.url.removeprefix("http://"),
            "PYTHONPATH": str(self.place),
            "REQUESTS_CA_BUNDLE": str(self.place / "tls.pem"),
            "SNAPSHOT_DIR": str(self.place),
            "FLOW": "bench",
        }


@contextmanager
def _tls(sandbox: Sandbox, place: Path) -> Iterator[str]:
    """The URL of a second door to a sandbox, for clients that speak no plain HTTP."""
    how = shlex.split("openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.pem")
    how += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(how, cwd=place, check=True, capture_output=True)
    config = uvicorn.Config(
        sandbox.app,
        port=0,
        log_config=None,
        lifespan="off",
        ssl_certfile=place / "tls.pem",
        ssl_keyfile=place / "tls.key",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"https://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)


RUNS: list[Run] = []


def _told(run: Run) -> None:
    RUNS.append(run)
    counts = " ".join(f"{run.requests.get(m, 0):>5}" for m in ("GET", "POST", "PATCH", "PUT"))
    print(
        f"{run.who:<12} {run.what:<31} {counts} {sum(run.requests.values()):>5}"
        f" {run.seconds:>7.0f} {run.code:>4} {run.state_bytes:>7} {run.state_total:>9}  "
        + ", ".join(f"{name} {value}" for name, value in run.facts.items()),
        flush=True,
    )


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


def load(room: Room, what: str, stream: str, records: list[Record]) -> None:
    """Send records, and a tap's STATE after them; print what it took."""
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
        "doubled": sum(max(0, len(rows.get(each["externalId"], ())) - 1) for each in records),
        "not there": sum(
            not any(_same(each, row) for row in rows.get(each["externalId"], ()))
            for each in records
        ),
        "refused": run.refused,
        "429": run.limited,
        "tap's STATE": "kept" if state == TAP_STATE else "lost",
    }
    _told(run)


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


def masters(connectors: list[Connector]) -> None:
    """Suppliers, whose names Precoro keeps apart, and items: new, the same again, 10% changed."""
    for maker, many in ((suppliers, 50), (suppliers, 200), (suppliers, 1000), (items, 200)):
        stream = maker.__name__
        for connector in connectors:
            with connector.room("empty") as room:
                for what, changed in (("new", 0), ("unchanged", 0), ("10% changed", many // 10)):
                    load(room, f"{many} {stream}, {what}", stream, maker(many, changed))
                    room.sandbox.clock.advance(3600)


def payments(connectors: list[Connector]) -> None:
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
                load(room, what, "payments", records)
                room.sandbox.clock.advance(3600)


def rejected(connectors: list[Connector]) -> None:
    """20 suppliers without a name: Precoro refuses each and every one."""
    for connector in connectors:
        with connector.room("empty") as room:
            records = [{**each, "name": "", "city": each["externalId"]} for each in suppliers(20)]
            load(room, "20 suppliers, refused", "suppliers", records)


def real(connectors: list[Connector]) -> None:
    """50 new suppliers in real time, which says whether the quicker clocks tell the truth."""
    for connector in connectors:
        if not connector.kept:
            with replace(connector, real=True).room("empty") as room:
                load(room, "50 suppliers, new, in real time", "suppliers", suppliers(50))


# The tap


def reading(connectors: list[Connector]) -> None:
    """The demo company in the streams that all know, and again after 1% of it changed."""
    for connector in connectors:
        with connector.room("demo") as room:
            store, clock = room.sandbox.store, room.sandbox.clock
            arguments = _catalog(room) if connector.ours else []
            clock.advance(86400)
            ids = {name: set(store.rows(name)) for name in STREAMS}
            _read(room, "demo company, whole", arguments, ids)
            clock.advance(3600)
            ids, chance = {}, random.Random(1)  # noqa: S311 - not for secrets
            for name in STREAMS[1:]:  # taxes have no date of change
                rows = store.rows(name)
                ids[name] = set(chance.sample(sorted(rows), math.ceil(len(rows) * 0.01)))
                for row_id in ids[name]:
                    store.change(name, rows[row_id], {})
            clock.advance(3600)
            _read(room, "demo company, 1% changed", [*arguments, "--state", "state.json"], ids)


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


def _read(room: Room, what: str, arguments: list[str], ids: dict[str, set[int]]) -> None:
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
        "missed": f"{sum(missed.values())} of {sum(map(len, wanted.values()))}",
        **{f"missed {name}": many for name, many in missed.items() if many},
    }
    _told(run)


PARTS: dict[str, Callable[[list[Connector]], None]] = {
    "masters": masters,
    "payments": payments,
    "rejected": rejected,
    "real": real,
    "reading": reading,
}


def main() -> None:
    """Run the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--target", default=os.environ.get("PEER_TARGET"), help="another target")
    parser.add_argument("--tap", default=os.environ.get("PEER_TAP"), help="another tap")
    given = parser.parse_args()
    targets = [Connector("ours", [sys.executable, "-m", "target_precoro"])]
    taps = [Connector("ours", [sys.executable, "-m", "tap_precoro"])]
    if given.target:
        targets.append(Connector("peer", [given.target], ours=False))
        targets.append(Connector("peer + files", [given.target], ours=False, kept=True))
    if given.tap:
        taps.append(Connector("peer", [given.tap], ours=False))
    if not (given.target and given.tap):
        print("Ours alone where PEER_TARGET or PEER_TAP is not set: docs/peers.md says how to.")
    for part in given.parts or PARTS:
        print(f"\n{part}: {(PARTS[part].__doc__ or '').strip()}")
        print(HEAD)
        PARTS[part](taps if part == "reading" else targets)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps([asdict(run) for run in RUNS], indent=2) + "\n")


if __name__ == "__main__":
    main()
