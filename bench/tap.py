"""What the tap asks for, keeps and costs: `python bench/tap.py [part …]`.

Each part prints a table. Requests are counted by the sandbox's own log, time and memory by the
kernel, of whole processes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME
from precoro_sandbox import Sandbox, SandboxClock
from tap_precoro.streams.stream import PrecoroStream
from tap_precoro.tap import TapPrecoro

if not __package__:  # run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench.measured import Used, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from precoro_sandbox.app import Served

SPEED = 6000
PAGE = 200
OFF = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
UNLIMITED = {
    f"{what}_per_{window}": "off"
    for what, windows in (
        ("requests", ("minute", "hour", "day")),
        ("identical_requests", ("minute", "hour")),
    )
    for window in windows
}
ORDERS = "purchase_orders"
FROM_ORDERS = (f"{ORDERS}_details", f"{ORDERS}_items")


def config_of(greeting: dict[str, str], **more: Any) -> dict[str, Any]:
    """Settings for a sandbox."""
    return {
        "auth_token": greeting["token"],
        "email": greeting["email"],
        "base_url": greeting["url"],
        "quota_path": "memory",
        **more,
    }


# Requests


def requests(changed: float = 0.01) -> None:
    """The demo company whole, and again after 1% of its rows changed: requests and the least."""
    clock = SandboxClock(SPEED)
    with Sandbox(seed="demo", clock=clock, switches=OFF) as sandbox:
        config = config_of(sandbox.greeting, clock_speed=SPEED, **UNLIMITED)
        clock.advance(86400)
        print("run     records  requests  least  ratio")
        state: dict[str, Any] = {}
        for run in ("first", "second"):
            touched: dict[str, set[int]] = {}
            if run == "second":
                touched = _touch(sandbox, changed)
                clock.advance(3600)
            before = len(sandbox.served)
            records, state = _read(config, state)
            asked = len(sandbox.served) - before
            least = sum(_least(sandbox, touched if run == "second" else None).values())
            print(f"{run:<6}  {records:>7}  {asked:>8}  {least:>5}  {asked / least:>5.3f}")


def _read(config: dict[str, Any], state: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Everything that is no guess, details and lines too; how many records, and the state."""
    tap = TapPrecoro(config=config, state=state)
    for stream in tap.streams.values():
        stream.selected = stream.name != "attachments" and (
            stream.selected_by_default or stream.name.endswith(("_details", "_items"))
        )
        if stream.name.startswith(("credit_notes", "categories")):
            stream.selected = False
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tap.sync_all()
    tap.client.close()
    assert not tap.tally.failed
    messages = [json.loads(line) for line in out.getvalue().splitlines()]
    states = [each["value"] for each in messages if each["type"] == "STATE"]
    return sum(each["type"] == "RECORD" for each in messages), states[-1]


def _touch(sandbox: Sandbox, share: float) -> dict[str, set[int]]:
    """Change that share of the rows of each resource; their ids."""
    chance, touched = random.Random(1), {}  # noqa: S311 - not for secrets
    for name, rows in sandbox.store.tables.items():
        if not rows:
            continue
        chosen = chance.sample(sorted(rows), math.ceil(len(rows) * share))
        touched[name] = set(chosen)
        for row_id in chosen:
            sandbox.store.change(name, rows[row_id], {})
    return touched


def _least(sandbox: Sandbox, touched: dict[str, set[int]] | None) -> dict[str, int]:
    """The fewest requests that can tell everything, or everything that changed, by resource."""
    least: Counter[str] = Counter()
    for name, resource in BY_NAME.items():
        rows = sandbox.store.rows(name)
        if name in ("credit_notes", "categories") or not (resource.list or resource.embedding):
            continue
        if resource.parent:
            parents = sandbox.store.rows(resource.parent)
            least[name] = len(parents)
            continue
        listed = [
            row
            for row in rows.values()
            if touched is None or not resource.modified_since or row["id"] in touched.get(name, ())
        ]
        least[name] = max(1, math.ceil(len(listed) / PAGE)) if resource.paged else 1
        if resource.lines:
            least[name] += len({row["idn"] for row in listed})
    return least


# Kills


class Killing:
    """Kills the process of a run after every so many requests, before the answer leaves."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._left = every
        self.process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def __call__(self, _: Served) -> None:
        """Count a request."""
        self._left -= 1
        if self._left == 0 and self.process is not None:
            self._left = self._every
            self.kills += 1
            self.process.send_signal(signal.SIGKILL)


def kills(documents: int = 500, every: int = 23) -> None:
    """SIGKILL in the midst of 500 details, again and again, the last STATE fed back each time."""
    print("order   kills  runs  details asked twice  sent twice  missed  largest STATE (bytes)")
    for order in ("oldest", "newest"):
        _kill(documents, every, order)


def _kill(documents: int, every: int, order: str) -> None:
    clock = SandboxClock(60)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=clock, switches=OFF) as sandbox,
    ):
        for number in range(documents):
            items = [{"id": number * 10 + line, "quantity": 1} for line in range(2)]
            sandbox.store.add(ORDERS, {"items": items})
            clock.advance(0 if number % 10 else 60)  # ten of each date
        clock.advance(3600)
        config = config_of(sandbox.greeting, detail_order=order, clock_speed=60, **UNLIMITED)
        place = Path(folder)
        (place / "config").write_text(json.dumps(config))
        (place / "catalog").write_text(json.dumps(_catalog((ORDERS, *FROM_ORDERS), config)))
        (place / "state").write_text("{}")
        sandbox.app.after = killing = Killing(every)
        sent: Counter[int] = Counter()
        largest, code, runs = 0, -1, 0
        while code:
            runs += 1
            lines, code = _run(place, killing)
            largest = max([largest, *(len(each) for each in lines if _type(each) == "STATE")])
            sent.update(
                json.loads(line)["record"]["id"]
                for line in lines
                if _type(line) == "RECORD" and json.loads(line)["stream"] == FROM_ORDERS[0]
            )
        asked = Counter(each.path for each in sandbox.served if each.path.count("/") > 1)
        missed = set(sandbox.store.rows(ORDERS)) - set(sent)
    twice = [sum(many > 1 for many in count.values()) for count in (asked, sent)]
    print(
        f"{order}  {killing.kills:>5}  {runs:>4}  {twice[0]:>19}  {twice[1]:>10}  "
        f"{len(missed):>6}  {largest:>21}"
    )


def _run(place: Path, killing: Killing) -> tuple[list[bytes], int]:
    """The whole lines that one process wrote, its last STATE kept, and its exit code."""
    names = [part for name in ("config", "catalog", "state") for part in (f"--{name}", name)]
    with (place / "out").open("wb") as out, (place / "log").open("wb") as log:
        killing.process = subprocess.Popen(
            [sys.executable, "-m", "tap_precoro", *names], cwd=place, stdout=out, stderr=log
        )
        code = killing.process.wait()
    *lines, _ = (place / "out").read_bytes().split(b"\n")
    states = [line for line in lines if _type(line) == "STATE"]
    if states:
        (place / "state").write_text(json.dumps(json.loads(states[-1])["value"]))
    return lines, code


def _type(line: bytes) -> str:
    return str(json.loads(line)["type"])


def _catalog(names: Iterable[str], config: dict[str, Any]) -> dict[str, Any]:
    """A catalogue in which these streams alone are selected."""
    catalog: dict[str, Any] = TapPrecoro(config=config).catalog_dict
    for entry in catalog["streams"]:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in names
    return catalog


# Time and memory


def throughput(rows: int = 100_000, few: int = 1_000) -> None:
    """100,000 suppliers: records a CPU second, beside a bare SDK stream; the memory it takes."""
    print("what runs                     records  CPU (s)  records a CPU s  peak (MiB)")
    used: dict[tuple[str, int], Used] = {}
    for many in (few, rows):
        with _sandbox_apart(many) as greeting, tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            config = config_of(greeting, **UNLIMITED)
            (place / "config").write_text(json.dumps(config))
            (place / "catalog").write_text(json.dumps(_catalog(["suppliers"], config)))
            tap = ["-m", "tap_precoro", "--config", "config", "--catalog", "catalog"]
            bare = [str(Path(__file__).resolve()), "--bare", str(many), greeting["url"]]
            for what, line in (
                ("tap-precoro", tap),
                ("bare stream", bare),
                ("bare, conformance NONE", [*bare, "NONE"]),
            ):
                # What else runs on the machine only adds to it.
                runs = [measured(line, place) for _ in range(2)]
                spent = used[what, many] = min(runs)
                cpu, memory, rate = spent.cpu, spent.memory, many / spent.cpu
                print(f"{what:<27} {many:>9}  {cpu:>7.2f}  {rate:>15.0f}  {memory:>9.1f}")
    ours = [used["tap-precoro", many].cpu for many in (few, rows)]
    for what in ("bare stream", "bare, conformance NONE"):
        theirs = [used[what, many].cpu for many in (few, rows)]
        whole, each = theirs[1] / ours[1], (theirs[1] - theirs[0]) / (ours[1] - ours[0])
        print(f"  tap against {what}: {whole:.2f}; {each:.2f} without their starts")
    grown = used["tap-precoro", rows].memory / used["tap-precoro", few].memory
    print(f"  peak memory with {rows:,} against {few:,} suppliers: {grown:.2f}")


@contextlib.contextmanager
def _sandbox_apart(suppliers: int) -> Iterator[dict[str, str]]:
    """A sandbox in a process of its own."""
    switches = [part for name in OFF for part in ("--set", f"{name}=off")]
    line = ["-m", "precoro_sandbox", "--port", "0", "--seed", "empty", *switches]
    process = subprocess.Popen(
        [sys.executable, *line, "--count", f"suppliers={suppliers}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _emit_bare(many: int, url: str, conformance: str) -> None:
    """A stream of the SDK alone, which emits a page of the tap's own records over and over."""
    from singer_sdk import Stream, Tap  # noqa: PLC0415 - for this process only
    from singer_sdk.helpers.conform import TypeConformanceLevel  # noqa: PLC0415 - likewise

    greeting = {"url": url, "token": "sandbox-token", "email": "integration@example.com"}
    source = TapPrecoro(config=config_of(greeting, **UNLIMITED))
    suppliers = source.streams["suppliers"]
    assert isinstance(suppliers, PrecoroStream)
    page = next(iter(source.client.pages(suppliers.resource)))
    records = [suppliers.read(row) for row in page.rows]
    schema = suppliers.schema
    source.client.close()

    class Bare(Stream):
        name = "suppliers"
        primary_keys = ("id",)
        TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel[conformance]

        def __init__(self, tap: Tap) -> None:
            super().__init__(tap, schema=schema)

        def get_records(self, context: object) -> Iterator[dict[str, Any]]:
            """The page, again and again."""
            del context
            for _ in range(many // len(records)):
                yield from (dict(record) for record in records)

    class BareTap(Tap):
        name = "tap-bare"

        def discover_streams(self) -> list[Stream]:
            """The one."""
            return [Bare(self)]

    BareTap(config={}).sync_all()


PARTS: dict[str, Callable[[], None]] = {
    "requests": requests,
    "kills": kills,
    "throughput": throughput,
}


def main() -> None:
    """Run the parts that were named, or all."""
    if sys.argv[1:2] == ["--bare"]:
        many, url, *level = sys.argv[2:]
        _emit_bare(int(many), url, *(level or ["RECURSIVE"]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    for part in chosen:
        print(f"\n{part}: {(PARTS[part].__doc__ or '').strip()}")
        PARTS[part]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
