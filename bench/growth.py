"""How cost grows with rows: `python -m bench.growth [--rows 1000 10000 …] [--to docs]`.

Prints a table and writes bench.json, bench.svg, and the table of bench.md. Requests are counted by
the sandbox's log, CPU and memory by the kernel, of whole processes; docs/bench.md says how.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_sandbox import Sandbox, SandboxClock

from bench import page, tap, target
from bench.costs import FLOWS, Cost, growth, markdown, plain, table
from bench.measured import Used, measured
from bench.picture import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS = (1_000, 10_000, 100_000)
SHORT = 10_000  # rows up to which runs are repeated, changed, and timed
LATENCY = 0.3
MINUTE = 60
FAST = 5  # times the clock, where a real minute has too few requests


class Ran(NamedTuple):
    """What one process used, and the bytes of its largest STATE message."""

    used: Used
    state: int


# Processes

# The SDK alone: the same requests, the same schema, the rows as they come.
_BARE_TAP = """
import json, sys
from singer_sdk import RESTStream, Tap
from singer_sdk.pagination import PageNumberPaginator
greeting = json.load(open("config"))
entries = json.load(open("catalog"))["streams"]
class Pages(PageNumberPaginator):
    more = True
    def has_more(self, response):
        return self.more
class Bare(RESTStream):
    name, path, primary_keys = "suppliers", "/suppliers", ("id",)
    url_base = greeting["base_url"]
    http_headers = {"X-AUTH-TOKEN": greeting["auth_token"], "email": greeting["email"]}
    schema = next(e["schema"] for e in entries if e["tap_stream_id"] == "suppliers")
    def get_new_paginator(self):
        self.pages = Pages(1)
        return self.pages
    def get_url_params(self, context, next_page_token):
        return {"page": next_page_token, "per_page": 200}
    def parse_response(self, response):
        page = response.json()  # once: this is to be as quick as the SDK can be
        self.pages.more = page["meta"]["pagination"]["has_next_page"]
        yield from page["data"]
class BareTap(Tap):
    name = "tap-bare"
    def discover_streams(self):
        return [Bare(self)]
BareTap(config={}).sync_all()
"""


def _run(place: Path, line: Sequence[str], given: str = os.devnull) -> Ran:
    """Run Python with these arguments, and read the STATE messages that it writes."""
    with tempfile.TemporaryDirectory(dir=place) as kept:
        path = Path(kept) / "out"
        used = measured(line, place, given, str(path))
        with path.open("rb") as out:
            others = (b'"RECORD"', b'"SCHEMA"')  # a target writes the value of a STATE alone
            states = (len(each) for each in out if not any(other in each for other in others))
            return Ran(used, max(states, default=0))


def _cost(
    flow: str, rows: int, least: int, pairs: list[tuple[Ran, Ran]], requests: list[int]
) -> Cost:
    """Medians of runs of ours and the bare SDK's."""
    ours, bare = ([pair[n] for pair in pairs] for n in (0, 1))
    spreads = []
    for runs in (ours, bare):
        cpu = [each.used.cpu for each in runs]
        spreads.append((max(cpu) - min(cpu)) / median(cpu))
    return Cost(
        flow,
        rows,
        max(requests),
        least,
        cpu=round(median(each.used.cpu for each in ours), 3),
        bare_cpu=round(median(each.used.cpu for each in bare), 3),
        memory=round(median(each.used.memory for each in ours), 1),
        bare_memory=round(median(each.used.memory for each in bare), 1),
        state=max(each.state for each in ours),
        runs=len(pairs),
        spread=round(max(spreads), 3),
    )


# The flows


@dataclass
class Flow:
    """One flow with so many rows: its sandbox, its files, and how it is run."""

    name: str
    rows: int
    sandbox: Sandbox
    place: Path

    @property
    def reads(self) -> bool:
        """Whether this is the tap."""
        return self.name == FLOWS[0]

    @property
    def least(self) -> int:
        """The fewest requests: 200 rows or external ids in each, and one to write a change."""
        pages = math.ceil(self.rows / tap.PAGE)
        return pages + (math.ceil(self.rows / 100) if self.name == FLOWS[2] else 0)

    def settle(self, **settings: Any) -> None:
        """Write the settings, with no limit but what is given."""
        config = tap.config_of(self.sandbox.greeting, **{**tap.UNLIMITED, **settings})
        del config["quota_path"]  # the ledger is a file, as it is for everybody
        (self.place / "config").write_text(json.dumps(config))
        if self.reads:
            catalog = tap._catalog(["suppliers"], config)  # noqa: SLF001 - one bench
            (self.place / "catalog").write_text(json.dumps(catalog))

    def ours(self, turn: int) -> tuple[Ran, int]:
        """Run the tap or target; what it used, and its requests."""
        before = len(self.sandbox.served)
        if self.reads:
            line = ["-m", "tap_precoro", "--config", "config", "--catalog", "catalog"]
            ran = _run(self.place, line)
        else:
            ran = _run(self.place, ["-m", "target_precoro", "--config", "config"], self.given(turn))
        return ran, len(self.sandbox.served) - before

    def bare(self, turn: int) -> Ran:
        """Run the bare SDK with the same rows."""
        if self.reads:
            return _run(self.place, ["-c", _BARE_TAP])
        return _run(self.place, ["-c", target._BARE], self.given(turn))  # noqa: SLF001 - one bench

    def given(self, turn: int) -> str:
        """The records of a turn, with a STATE after each 1,000; each turn's changes are new."""
        path = self.place / f"{turn}.singer"
        if not path.exists():
            path.write_text("".join(json.dumps(each) + "\n" for each in self._messages(turn)))
        return str(path)

    def _messages(self, turn: int) -> Iterator[dict[str, Any]]:
        columns = {name: {"type": ["string", "null"]} for name in _vendor(0)}
        schema = {"type": "object", "properties": columns}
        of = {"stream": "suppliers"}
        yield {"type": "SCHEMA", **of, "schema": schema, "key_properties": []}
        for n in range(self.rows):
            record = _vendor(n)
            if self.name == FLOWS[2] and n % 100 == 0:
                record["city"] = f"B{turn}"
            yield {"type": "RECORD", **of, "record": record}
            if n % 1000 == 999 or n == self.rows - 1:
                bookmark = {"replication_key": "changed", "replication_key_value": f"{n:09}"}
                yield {"type": "STATE", "value": {"bookmarks": {"vendors": bookmark}}}


_vendor = target._vendor  # noqa: SLF001 - one bench


@contextmanager
def _flow(name: str, rows: int, speed: int = 1, **switches: Any) -> Iterator[Flow]:
    """A flow with a company of its own, which has all the rows."""
    counts = {"suppliers": rows} if name == FLOWS[0] else None
    clock, switches = SandboxClock(speed), {**tap.OFF, **switches}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(seed="empty", counts=counts, clock=clock, switches=switches) as sandbox,
    ):
        for n in range(0 if counts else rows):
            known = {key: _vendor(n)[key] for key in ("externalId", "name", "city")}
            sandbox.store.add("suppliers", known)
        yield Flow(name, rows, sandbox, Path(folder))


def measure(name: str, rows: int, runs: int) -> Cost:
    """Requests, CPU, memory and STATE of a flow; the bare SDK runs in turns with it."""
    with _flow(name, rows) as flow:
        flow.settle()
        pairs, requests = [], []
        for turn in range(runs):
            ran, asked = flow.ours(turn)
            pairs.append((ran, flow.bare(turn)))
            requests.append(asked)
        return _cost(name, rows, flow.least, pairs, requests)


def wall(cost: Cost, runs: int) -> None:
    """Time a flow at 60 requests a minute, from its first request to its last answer."""
    cost.speed = 1 if cost.least <= MINUTE else FAST
    took = []
    for _ in range(runs):
        with _flow(cost.flow, cost.rows, cost.speed, minute_limit=MINUTE) as flow:
            flow.sandbox.app.latency = LATENCY
            flow.settle(clock_speed=cost.speed, requests_per_minute=MINUTE)
            flow.given(0)
            clock = flow.sandbox.clock
            clock.advance(-clock.now() % 60)  # each run begins with a minute
            flow.ours(0)
            served = flow.sandbox.served
            took.append(served[-1].at - served[0].at + LATENCY)
    cost.wall = round(median(took), 1)


# The files


def block(costs: Sequence[Cost], made: dict[str, Any]) -> str:
    """What stands between the marks of the page."""
    return "\n\n".join([markdown(table(costs)), markdown(growth(costs)), page.told(made)])


def publish(folder: Path, costs: Sequence[Cost], made: dict[str, Any]) -> None:
    """Write bench.json and bench.svg, and what stands between the marks of bench.md."""
    folder.mkdir(parents=True, exist_ok=True)
    page.put(folder / "bench.md", "growth", block(costs, made))
    told = {"made": made, "costs": [asdict(cost) for cost in costs]}
    (folder / "bench.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (folder / "bench.svg").write_text(picture(costs), encoding="utf-8")


def main() -> None:
    """Measure every flow, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, help="numbers of rows")
    parser.add_argument("--runs", type=int, default=3, help="of up to 10,000 rows: odd")
    parser.add_argument("--to", type=Path, default=page.DOCS, help="the folder to write to")
    parser.add_argument("--redraw", action="store_true", help="measure nothing: take bench.json")
    given = parser.parse_args()
    if given.redraw:
        told = json.loads((given.to / "bench.json").read_text(encoding="utf-8"))
        publish(given.to, [Cost(**each) for each in told["costs"]], told["made"])
        return
    assert given.runs % 2, "a median needs an odd number of runs"
    assert all(many % 1000 == 0 for many in given.rows), "thousands of rows"
    made = page.made_by("bench.growth")
    began, costs = time.perf_counter(), []
    for flow in FLOWS:
        for many in sorted(given.rows):
            if many > SHORT and flow == FLOWS[2]:
                continue
            cost = measure(flow, many, given.runs if many <= SHORT else 1)
            if many <= SHORT:
                wall(cost, given.runs if many < SHORT else 1)
            costs.append(cost)
            took = time.perf_counter() - began
            print(f"{flow}, {many:,} rows: done after {took:.0f} s", file=sys.stderr, flush=True)
    made["seconds"] = round(time.perf_counter() - began)
    print(f"{plain(table(costs))}\n\n{plain(growth(costs))}")
    print(f"\n* by a clock that runs {FAST} times faster; load {made['load']} before it began")
    publish(given.to, costs, made)


if __name__ == "__main__":
    main()
