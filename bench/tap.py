"""What the tap costs and withstands: `python bench/tap.py [part …]`.

Requests are counted by the sandbox's own log; the processes that are killed or measured are real.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api import RESOURCES
from precoro_sandbox import Account, Sandbox, SandboxClock, Switches
from tap_precoro.tap import TapPrecoro

if TYPE_CHECKING:
    from collections.abc import Callable

SPEED = 6000
OFF = {f"requests_per_{window}": "off" for window in ("minute", "hour", "day")}
NO_LIMITS = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0}
DETAILS, LINES = "purchase_orders_details", "purchase_orders_items"


def config_of(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    """Settings for a sandbox without limits."""
    return {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        **OFF,
        **more,
    }


def requests() -> None:
    """A full and a second run of the demo company, 1% changed, against the fewest requests."""
    clock = SandboxClock(SPEED)
    with Sandbox(seed="demo", clock=clock, switches=NO_LIMITS) as sandbox:
        first, state = _run(sandbox, None)
        fewest = sum(_pages(sandbox, name) for name in _listed(sandbox)) + _nested(sandbox)
        orders = list(sandbox.store.rows("purchase_orders").values())
        fewest += len(orders)
        print(f"full run:   {first} requests, fewest {fewest}, ratio {first / fewest:.3f}")
        clock.advance(7200)
        for name in ("suppliers", "items", "purchase_orders", "invoices"):
            rows = list(sandbox.store.rows(name).values())
            for row in rows[::100]:
                sandbox.store.change(name, row, {"note": "changed"})
        clock.advance(7200)
        second, _ = _run(sandbox, state)
        changes = {each.name for each in RESOURCES if each.modified_since}
        fewest = sum(1 if n in changes else _pages(sandbox, n) for n in _listed(sandbox))
        fewest += _nested(sandbox) + len(orders[::100])
        print(f"second run: {second} requests, fewest {fewest}, ratio {second / fewest:.3f}")


def _run(sandbox: Sandbox, state: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
    tap = TapPrecoro(config=config_of(sandbox), state=state)
    for name in (DETAILS, LINES):
        tap.streams[name].selected = True
    before, out = len(sandbox.served), io.StringIO()
    with contextlib.redirect_stdout(out):
        tap.run()
    states = [json.loads(line) for line in out.getvalue().splitlines() if '"STATE"' in line]
    return len(sandbox.served) - before, states[-1]["value"]


def _listed(sandbox: Sandbox) -> list[str]:
    tap = TapPrecoro(config=config_of(sandbox))
    return [
        each.name
        for each in RESOURCES
        if each.list and not each.parent and each.name in tap.streams
        if tap.streams[each.name].selected_by_default
    ]


def _pages(sandbox: Sandbox, name: str) -> int:
    return max(1, math.ceil(len(sandbox.store.rows(name)) / 200))


def _nested(sandbox: Sandbox) -> int:
    """A request for each custom field, and for each page of each warehouse's stock."""
    fields = ("item_custom_fields", "document_custom_fields", "supplier_custom_fields")
    stock = Counter(
        row["warehouse"]["id"] for row in sandbox.store.rows("warehouse_items").values()
    )
    pages = (max(1, math.ceil(stock[each] / 200)) for each in sandbox.store.rows("warehouses"))
    return sum(len(sandbox.store.rows(name)) for name in fields) + sum(pages)


def kills(many: int = 500, every: int = 20) -> None:
    """SIGKILL after every so many requests of a sync of details, until it is done."""
    orders = [
        {
            "id": n,
            "idn": str(n),
            "updateDate": f"2025-03-{n // 60 + 1:02d}T00:{n % 60:02d}:00+00:00",
            "items": [{"id": n, "name": "line"}],
        }
        for n in range(1, many + 1)
    ]
    clock = SandboxClock(20)
    account = Account.open(clock, Switches.set(NO_LIMITS), {"purchase_orders": orders})
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=clock, accounts=[account], switches=NO_LIMITS) as sandbox,
    ):
        sandbox.app.latency = 0.04  # of the sandbox's seconds: 2 ms
        state, kills_, fetched, largest = "", 0, Counter[str](), 0
        seen: set[int] = set()
        again = 0
        while True:
            since, out_before = len(sandbox.served), {f"/purchaseorders/{each}" for each in seen}
            process = _start(sandbox, Path(folder), state)
            while process.poll() is None and len(sandbox.served) - since < every:
                time.sleep(0.001)
            done = process.poll() is not None
            process.send_signal(signal.SIGKILL)
            process.wait()
            for line in (Path(folder) / "out").read_text().splitlines():
                with contextlib.suppress(ValueError):
                    message = json.loads(line)
                    if message["type"] == "STATE":
                        state, largest = line, max(largest, len(line))
                    elif message["type"] == "RECORD" and message["stream"] == DETAILS:
                        seen.add(message["record"]["id"])
            again += sum(each.path in out_before for each in sandbox.served[since:])
            if done:
                break
            kills_ += 1
        for each in sandbox.served:
            fetched[each.path] += each.path != "/purchaseorders"
    in_flight = sum(times - 1 for times in fetched.values() if times > 1) - again
    print(f"{many} documents, {kills_} kills: missed {many - len(seen)}; fetched again although")
    print(f"  its record was out: {again}; killed in flight, and so fetched again: {in_flight};")
    print(f"  largest STATE {largest} bytes")


def _start(sandbox: Sandbox, folder: Path, state: str) -> subprocess.Popen[bytes]:
    catalog = json.loads(TapPrecoro(config=config_of(sandbox)).catalog_json_text)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] in (DETAILS, LINES)
    (folder / "catalog.json").write_text(json.dumps(catalog))
    settings = config_of(sandbox, quota_path="memory", overlap_seconds=300)
    (folder / "config.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "tap_precoro", "--config", str(folder / "config.json")]
    command += ["--catalog", str(folder / "catalog.json")]
    if state:
        (folder / "state.json").write_text(json.dumps(json.loads(state)["value"]))
        command += ["--state", str(folder / "state.json")]
    with (folder / "out").open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)


_SERVE = """
import json, sys, time
from precoro_sandbox import Sandbox, SandboxClock
off = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
with Sandbox(seed="empty", counts={"suppliers": int(sys.argv[1])}, clock=SandboxClock(6000),
             switches=off) as sandbox:
    print(json.dumps(sandbox.greeting), flush=True)
    time.sleep(3600)
"""
_BARE = """
import json, sys
from singer_sdk import Stream, Tap
from singer_sdk.helpers.conform import TypeConformanceLevel
schema, rows = json.load(open(sys.argv[1]))
class Rows(Stream):
    name, primary_keys = "suppliers", ("id",)
    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    def get_records(self, context):
        for n in range(int(sys.argv[2])):
            yield {**rows[n % len(rows)], "id": n}
class Bare(Tap):
    name, config_jsonschema = "bare", {"properties": {}}
    def discover_streams(self):
        return [Rows(self, schema=schema)]
Bare(config={}).sync_all()
"""


def speed(many: int = 100_000) -> None:
    """Suppliers a CPU second, against a bare SDK stream that emits the same rows from memory."""
    with tempfile.TemporaryDirectory() as name:
        folder, peaks = Path(name), {}
        for count in (1000, many):
            server = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(count)], stdout=subprocess.PIPE, text=True
            )
            assert server.stdout is not None
            greeting = json.loads(server.stdout.readline())
            try:
                ours, peaks[count] = _measured(_sync_command(greeting, folder))
                sample = _sample(folder)
                bare, _ = _measured([sys.executable, "-c", _BARE, sample, str(count)])
            finally:
                server.kill()
            print(
                f"{count:>7} suppliers: tap {count / ours:>6.0f}/CPU s, bare {count / bare:>6.0f}; "
                f"ratio {bare / ours:.2f}; peak {peaks[count]:.0f} MB"
            )
        print(f"peak memory, {many:,} against 1,000: {peaks[many] / peaks[1000]:.2f}")


def _sync_command(greeting: dict[str, str], folder: Path) -> list[str]:
    settings = {"auth_token": greeting["token"], "email": greeting["email"], **OFF}
    settings |= {"base_url": greeting["url"], "clock_speed": SPEED}  # type: ignore[dict-item]
    (folder / "config.json").write_text(json.dumps(settings))
    catalog = json.loads(TapPrecoro(config=settings).catalog_json_text)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = stream["tap_stream_id"] == "suppliers"
    (folder / "catalog.json").write_text(json.dumps(catalog))
    command = [sys.executable, "-m", "tap_precoro", "--config", str(folder / "config.json")]
    return [*command, "--catalog", str(folder / "catalog.json")]


def _sample(folder: Path) -> str:
    """The schema and some rows, as the tap writes them."""
    path = folder / "sample.json"
    if not path.exists():
        command = [sys.executable, "-m", "tap_precoro", "--config", str(folder / "config.json")]
        command += ["--catalog", str(folder / "catalog.json")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        messages = [json.loads(line) for line in told.splitlines()[:1001]]
        rows = [each["record"] for each in messages if each["type"] == "RECORD"]
        schema = next(each["schema"] for each in messages if each["type"] == "SCHEMA")
        path.write_text(json.dumps([schema, rows]))
    return str(path)


def _measured(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory (MB) of a process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0, command
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


PARTS: dict[str, Callable[[], None]] = {"requests": requests, "kills": kills, "speed": speed}


def main() -> None:
    """Run the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    for part in parser.parse_args().parts or PARTS:
        print(f"\n{part}: {(PARTS[part].__doc__ or '').strip()}")
        PARTS[part]()


if __name__ == "__main__":
    main()
