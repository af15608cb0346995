"""Show both connectors at work, on a local Precoro, through `meltano run`.

Precoro's data arrive in a warehouse, an ERP's vendors and items arrive in Precoro; then all of it
once more, to show that nothing is done twice.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
OUTPUT = ROOT / "output" / "demo"
WAREHOUSE = OUTPUT / "warehouse.duckdb"
SPEED = 600
"""The sandbox's clock runs so much faster, so that its limits of 60 a minute pass quickly."""

_BOLD, _DIM, _END = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


class Failed(Exception):
    """A step of the demo went wrong; the text says which."""


class Sandbox:
    """A sandbox in a process of its own."""

    def __init__(self) -> None:
        command = [str(BIN / "precoro-sandbox"), "--port", "0", "--seed", "demo"]
        command += ["--clock-speed", str(SPEED)]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed("the sandbox did not start")
        self.greeting: dict[str, str] = json.loads(line)
        self._seen = 0

    def get(self, path: str) -> Any:
        """An answer of the sandbox's own endpoints, which need no key and count nothing."""
        with urllib.request.urlopen(f"{self.greeting['url']}/_sandbox/{path}") as answer:
            return json.load(answer)

    def served(self) -> dict[str, int]:
        """Requests by method since this was asked last."""
        told = self.get(f"requests?since={self._seen}")
        self._seen += told["total"]
        methods: dict[str, int] = told["by_method"]
        return methods

    def rows(self, resource: str) -> dict[int, dict[str, Any]]:
        """What Precoro has of a resource, by id."""
        return {row["id"]: row for row in self.get(f"rows/{resource}")}

    def stop(self) -> None:
        """End its process."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


def run_job(sandbox: Sandbox, job: str, title: str, *options: str) -> None:
    """Run one Meltano job, its log in a file."""
    print(f"\n{_BOLD}{title}{_END}\n{_DIM}  meltano run {' '.join([*options, job])}{_END}")
    greeting = sandbox.greeting
    environment = {
        **os.environ,
        "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_DATABASE_URI": f"sqlite:///{OUTPUT / 'meltano.db'}",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "TARGET_DUCKDB_PATH": str(WAREHOUSE),
    }
    for plugin in ("TAP_PRECORO", "TARGET_PRECORO"):
        environment |= {
            f"{plugin}_BASE_URL": greeting["url"],
            f"{plugin}_AUTH_TOKEN": greeting["token"],
            f"{plugin}_EMAIL": greeting["email"],
            f"{plugin}_CLOCK_SPEED": str(SPEED),
        }
    started = time.monotonic()
    log = OUTPUT / f"{job}.log"
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            [str(BIN / "meltano"), "run", *options, job],
            cwd=ROOT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(20)
    if code:
        tail = log.read_text(encoding="utf-8").splitlines()[-25:]
        raise Failed(f"the job ended with {code}; the end of {log}:\n" + "\n".join(tail))
    print(f"  done in {time.monotonic() - started:.0f} s")


def show(head: list[str], rows: list[tuple[Any, ...]]) -> None:
    """A table for the terminal."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *texts, strict=True)]
    print("  " + "  ".join(f"{_BOLD}{h:<{w}}{_END}" for h, w in zip(head, widths, strict=True)))
    for row, values in zip(texts, rows, strict=True):
        cells = [
            f"{text:>{w}}" if isinstance(value, int) else f"{text:<{w}}"
            for text, value, w in zip(row, values, widths, strict=True)
        ]
        print("  " + "  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
    return text if len(text) <= 34 else text[:33] + "…"  # noqa: PLR2004 - fits a terminal


def requests_used(sandbox: Sandbox) -> None:
    """What the last job asked of Precoro."""
    served = sandbox.served()
    told = ", ".join(f"{many} {method}" for method, many in sorted(served.items()))
    print(f"  requests to Precoro: {sum(served.values())} ({told or 'none'})")


def show_warehouse() -> dict[str, int]:
    """Counts and a few rows of the warehouse, by SQL."""
    with duckdb.connect(str(WAREHOUSE), read_only=True) as warehouse:
        names = [
            name
            for (name,) in warehouse.execute(
                "select table_name from information_schema.tables order by 1"
            ).fetchall()
        ]
        counts = {
            name: warehouse.execute(f'select count(*) from "{name}"').fetchall()[0][0]  # noqa: S608 - names of the catalogue
            for name in names
        }
        show(["table", "rows"], list(counts.items()))
        query = """
            select l.documentidn as "order", s.name as supplier, l.name as item,
                   cast(l.quantity as double) as quantity, cast(l.price as double) as price
            from purchase_orders_items l
            join purchase_orders p on p.id = l.documentid
            join suppliers s on s.id = cast(p.supplier->>'id' as bigint)
            order by cast(l.documentidn as bigint) desc, l.linekey limit 5"""
        print("\n  The last lines ordered, joined with their suppliers in the warehouse:")
        answer = warehouse.execute(query)
        show([column[0] for column in answer.description or ()], answer.fetchall())
    return counts


def show_changes(
    before: dict[str, dict[int, dict[str, Any]]], after: dict[str, dict[int, dict[str, Any]]]
) -> None:
    """What the ERP's records became in Precoro, judged by Precoro's own records."""
    rows: list[tuple[Any, ...]] = []
    for resource, file, key in (
        ("suppliers", "vendors", "VendorId"),
        ("items", "items", "ItemId"),
    ):
        lines = (ROOT / "examples" / "erp" / f"{file}.jsonl").read_text(encoding="utf-8")
        ids = {json.loads(line)[key] for line in lines.splitlines()}
        created = updated = unchanged = 0
        for row_id, row in after[resource].items():
            if row["externalId"] not in ids:
                continue
            old = before[resource].get(row_id)
            if old is None:
                created += 1
            elif old == row:
                unchanged += 1
            else:
                updated += 1
        rows.append((f"{file}.jsonl", len(ids), created, updated, unchanged))
    show(["ERP file", "records", "created", "updated", "unchanged"], rows)


def main() -> int:
    """Run the demo; 0 if all went well."""
    if OUTPUT.exists():
        shutil.rmtree(OUTPUT)
    OUTPUT.mkdir(parents=True)
    print(
        f"{_BOLD}A local Precoro starts{_END}, with the records of a made-up company. Its limits "
        f"(60 requests\na minute, 1,500 an hour) are the real ones, but its clock runs {SPEED} "
        "times faster."
    )
    sandbox = Sandbox()
    kinds = ("suppliers", "items")
    try:
        run_job(sandbox, "precoro-to-warehouse", "1. Precoro to the warehouse (DuckDB)")
        first = show_warehouse()
        requests_used(sandbox)
        before = {kind: sandbox.rows(kind) for kind in kinds}
        run_job(sandbox, "erp-to-precoro", "2. The ERP's vendors and items to Precoro")
        after = {kind: sandbox.rows(kind) for kind in kinds}
        show_changes(before, after)
        requests_used(sandbox)
        print(f"\n{_BOLD}Once more, both ways:{_END} what is there already is not done again.")
        title = "3. The ERP to Precoro again, from its first record on"
        run_job(sandbox, "erp-to-precoro", title, "--full-refresh")
        show_changes(after, {kind: sandbox.rows(kind) for kind in kinds})
        requests_used(sandbox)
        run_job(sandbox, "precoro-to-warehouse", "4. Precoro to the warehouse again: changes only")
        second = show_warehouse()
        requests_used(sandbox)
        grown = {name: second[name] - first[name] for name in first if second[name] != first[name]}
        told = ", ".join(f"{name} +{many}" for name, many in grown.items()) or "nothing"
        print(f"\n  New in the warehouse since the first run: {told}: what the ERP created.")
    except Failed as problem:
        print(f"\nThe demo failed: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    finally:
        sandbox.stop()
    print(f"\nAll files of this demo are in {OUTPUT.relative_to(ROOT)}/; the sandbox is stopped.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
