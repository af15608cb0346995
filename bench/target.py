"""What the target costs and withstands: `python bench/target.py [part …]`.

Requests are counted by the sandbox's own log; processes are real, the sandbox in one of its own
where CPU is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from precoro_sandbox import Fault, Sandbox, SandboxClock
from target_precoro.target import TargetPrecoro

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.measured import measured

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measured import Used

Record = dict[str, Any]

SPEED = 6000
NO_LIMITS = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0}
OFF = {f"requests_per_{window}": "off" for window in ("minute", "hour", "day")}


def load(sandbox: Sandbox, stream: str, records: list[Record], **settings: Any) -> Counter[str]:
    """Send records through the target; the requests that it took, by method."""
    schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
    lines = [json.dumps({**schema, "key_properties": []})]
    lines += [json.dumps({"type": "RECORD", "stream": stream, "record": each}) for each in records]
    before = len(sandbox.served)
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        **OFF,
        **settings,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        TargetPrecoro(config=config).run(io.StringIO("\n".join(lines) + "\n"))
    return Counter(each.method for each in sandbox.served[before:])


def company(seed: str = "empty", **switches: Any) -> Sandbox:
    """A sandbox without limits, with a fast clock."""
    return Sandbox(seed=seed, clock=SandboxClock(SPEED), switches={**NO_LIMITS, **switches})


def suppliers(many: int, changed: int = 0) -> list[Record]:
    """So many, of which some have another city."""
    return [
        {"externalId": f"V-{n}", "name": f"Firm {n}", "city": "B" if n < changed else "A"}
        for n in range(many)
    ]


def options(many: int) -> list[Record]:
    """A tree of options three levels deep, in any order."""
    records: list[Record] = [{"custom_field_id": 711, "externalId": "root", "name": "Root"}]
    for n in range(many - 1):
        parent = "root" if n < 30 else f"o-{n % 30}"
        own = {"externalId": f"o-{n}", "name": f"Option {n}", "parentExternalId": parent}
        records.append({"custom_field_id": 711, **own})
    random.Random(1).shuffle(records)  # noqa: S311 - an order, not a secret
    return records


def requests() -> None:
    """Requests for 1,000 records, by method, against the fewest that the API allows."""
    print(f"{'what':<42} {'GET':>4} {'POST':>5} {'PATCH':>6} {'PUT':>5} {'fewest':>7} {'ratio':>6}")
    with company(external_id_on_create="everywhere", patch_fields="all") as sandbox:
        _row("all new, externalId in the POST", load(sandbox, "suppliers", suppliers(1000)), 1005)
        _row("all unchanged", load(sandbox, "suppliers", suppliers(1000)), 5)
        _row("10% changed, by PATCH", load(sandbox, "suppliers", suppliers(1000, 100)), 105)
    with company() as sandbox:
        _row("all new, PATCH after it", load(sandbox, "suppliers", suppliers(1000)), 2005)
        _row("10% changed, by PUT", load(sandbox, "suppliers", suppliers(1000, 100)), 105)
    with company("demo") as sandbox:
        tree = options(1000)
        _row("1,000 options, three levels", load(sandbox, "documentcustomfields", tree), 1001)
        _row("the same again", load(sandbox, "documentcustomfields", tree), 1)
    pay = [
        {"externalId": f"P-{n}", "invoice_external_id": f"I-{n}", "sumPaid": 50} for n in range(100)
    ]
    for where, what, fewest in (
        ("everywhere", "100 payments, externalId in the POST", 101),
        ("nowhere", "100 payments, PATCH after it", 201),
    ):
        with company(external_id_on_create=where) as sandbox:
            for n in range(100):
                values = {"sum": Decimal(50), "sumPaid": Decimal(0), "status": 2}
                sandbox.store.add("invoices", {**values, "externalId": f"I-{n}"})
            _row(what, load(sandbox, "payments", pay), fewest)
            _row("the same again", load(sandbox, "payments", pay), 2)


def _row(what: str, took: Counter[str], fewest: int) -> None:
    cells = [f"{took[method]:>{width}}" for method, width in
             (("GET", 4), ("POST", 5), ("PATCH", 6), ("PUT", 5))]  # fmt: skip
    print(f"{what:<42} {' '.join(cells)} {fewest:>7} {took.total() / fewest:>6.3f}")


def noisy(name: str, chance: random.Random) -> str:
    """A name as somebody typed it."""
    kind = chance.randrange(4)
    if kind == 0:
        return name.upper()
    if kind == 1:
        return f"  {name.replace(' ', '  ')} "
    return name.lower() if kind == 2 else name


def adopting() -> None:
    """400 hand-typed suppliers and 300 vendors of an ERP, matched with typing noise."""
    chance = random.Random(7)  # noqa: S311 - typing noise, not a secret
    with company() as sandbox:
        truth: dict[str, int] = {}
        for n in range(380):
            typed = {"name": noisy(f"Firm No {n} Ltd", chance)}
            if n % 4 == 0:  # only the code tells
                typed = {"name": f"Another {n}", "uniqueCode": noisy(f"UC-{n}", chance)}
            if n < 60:
                typed["externalId"] = f"V-{n}"
            truth[f"V-{n}"] = sandbox.store.add("suppliers", typed)["id"]
        for n in range(20):  # twins that only a person can tell apart
            sandbox.store.add("suppliers", {"name": f"FIRM no {201 + 2 * n} LTD"})
        vendors = [
            {
                "externalId": f"V-{n}",
                "name": noisy(f"Firm No {n} Ltd", chance),
                "uniqueCode": noisy(f"UC-{n}", chance),
            }
            for n in (*range(260), *range(900, 940))
        ]
        took = load(sandbox, "suppliers", vendors, modes="link")
        rows = sandbox.store.rows("suppliers").values()
        carried = {row["externalId"]: row["id"] for row in rows if row.get("externalId")}
    wrong = sum(truth.get(key) != row_id for key, row_id in carried.items())
    print(f"vendors {len(vendors)}: confirmed 60, linked {len(carried) - 60}, ambiguous 20, absent")
    print(f"  {len(vendors) - len(carried) - 20}; wrong links {wrong}; requests {dict(took)}")


def sent() -> None:
    """What goes to Precoro, word for word: A, B, A; nulls; lists; and where it cannot be sure."""
    first = {"externalId": "V-1", "name": "Acme", "city": "A", "currencies": ["USD"]}
    with company() as sandbox:
        load(sandbox, "suppliers", [first])
        row = next(iter(sandbox.store.rows("suppliers").values()))
        _told(sandbox, "A, B, A", [{**first, "city": city} for city in "ABA"])
        nothing = {"externalId": "V-1", "city": None, "currencies": None}
        _told(sandbox, "nulls: keep", [nothing])
        _told(sandbox, "nulls: clear", [nothing], nulls="clear")
        sandbox.store.change("suppliers", row, {"currencies": ["USD", "EUR"]})
        pound = {"externalId": "V-1", "currencies": ["GBP"]}
        sandbox.faults.add(Fault("500", times=99, method="GET"))
        _told(sandbox, "lists: merge, and the row cannot be read", [pound])
        sandbox.faults.clear()
        _told(sandbox, "lists: merge", [pound])
        _told(sandbox, "lists: replace", [pound], lists="replace")
        sandbox.store.add("suppliers", {"name": "Twin", "externalId": "V-1"})
        _told(sandbox, "two records carry its external id", [{**first, "city": "C"}])


def _told(sandbox: Sandbox, what: str, records: list[Record], **settings: Any) -> None:
    since = len(sandbox.served)
    load(sandbox, "suppliers", records, **settings)
    row = next(iter(sandbox.store.rows("suppliers").values()))
    writes = [e for e in sandbox.served[since:] if e.method != "GET"]
    print(f"{what}: {'; '.join(f'{e.method} {unquote(e.body)}' for e in writes) or 'nothing'}")
    print(f"  now city {row.get('city')!r}, currencies {row.get('currencies')}")


def waiting(speed: float = 15.0) -> None:
    """Creates with answers of 1.5 s: the share of the minute's 60 requests that is used."""
    clock = SandboxClock(speed)
    switches = {"external_id_on_create": "everywhere"}
    with Sandbox(clock=clock, switches=switches) as sandbox:
        sandbox.app.latency = 1.5
        load(
            sandbox, "suppliers", suppliers(300), requests_per_minute=60, match_on={"suppliers": []}
        )
        minutes = Counter(int(each.at // 60) for each in sandbox.served)
    whole = [n for _, n in sorted(minutes.items())][1:-1]
    share = sum(whole) / len(whole) / 60
    print(f"{len(whole)} whole minutes: {share:.1%} used, most in a minute {max(minutes.values())}")


_BARE = """
import sys
from singer_sdk import Target
from singer_sdk.sinks import BatchSink
class Nothing(BatchSink):
    max_size = 1000
    def process_batch(self, context): pass
class Bare(Target):
    name = "bare"
    default_sink_class = Nothing
    config_jsonschema = {"properties": {}}
Bare(config={}).listen(sys.stdin)
"""


_ALSO = ("state", "country", "postalCode", "note", "conditions", "legalAddress", "phone")


def _vendor(number: int) -> Record:
    """A vendor as an ERP has it: 20 columns, 10 of which Precoro takes."""
    record = {"externalId": f"V-{number}", "name": f"Firm {number}", "city": "A"}
    return record | dict.fromkeys(_ALSO) | {f"erp_column_{n}": "value" for n in range(10)}


def speed(many: int = 100_000) -> None:
    """Unchanged records a CPU second, against an SDK target whose sink does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        results = {}
        for count in (many // 10, many):
            source = Path(folder) / f"{count}.singer"
            columns = {name: {"type": ["string", "null"]} for name in _vendor(0)}
            schema = {"type": "object", "properties": columns}
            with source.open("w") as file:
                head = {"type": "SCHEMA", "stream": "suppliers", "schema": schema}
                file.write(json.dumps({**head, "key_properties": []}) + "\n")
                for n in range(count):
                    record = _vendor(n)
                    message = {"type": "RECORD", "stream": "suppliers", "record": record}
                    file.write(json.dumps(message) + "\n")
            bare = measured(["-c", _BARE], Path(folder), str(source))
            ours = _target(count, source, folder)
            results[count] = ours
            print(
                f"{count:>7} records: bare {count / bare.cpu:>7.0f}/CPU s, {bare.memory:.0f} MiB; "
                f"target {count / ours.cpu:>7.0f}/CPU s, {ours.memory:.0f} MiB; "
                f"ratio {bare.cpu / ours.cpu:.2f}"
            )
        small, large = (results[count].memory for count in (many // 10, many))
        print(f"peak memory at {many:,} against {many // 10:,} records: {large / small:.2f}")


_SERVE = """
import json, sys, time
from precoro_sandbox import Sandbox, SandboxClock
many = int(sys.argv[1])
off = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
rows = {"externalId": None}
with Sandbox(clock=SandboxClock(6000), switches=off) as sandbox:
    for n in range(many):
        sandbox.store.add("suppliers", {"name": f"Firm {n}", "city": "A", "externalId": f"V-{n}"})
    print(json.dumps(sandbox.greeting), flush=True)
    time.sleep(3600)
"""


def _target(count: int, source: Path, folder: str) -> Used:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        greeting = json.loads(server.stdout.readline())
        config = Path(folder) / "config.json"
        settings = {"auth_token": greeting["token"], "base_url": greeting["url"], **OFF}
        settings |= {
            "email": greeting["email"],
            "clock_speed": SPEED,
            "match_on": {"suppliers": []},
        }
        config.write_text(json.dumps(settings))
        line = ["-m", "target_precoro", "--config", str(config)]
        return measured(line, Path(folder), str(source))
    finally:
        server.kill()


PARTS: dict[str, Callable[[], None]] = {
    "requests": requests,
    "adopting": adopting,
    "sent": sent,
    "waiting": waiting,
    "speed": speed,
}


def main() -> None:
    """Run the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    for part in parser.parse_args().parts or PARTS:
        print(f"\n{part}: {(PARTS[part].__doc__ or '').strip()}")
        began = time.perf_counter()
        PARTS[part]()
        print(f"  ({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main()
