"""`meltano run` and a plain pipe, whose processes are killed: the tap, the target, or both."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from precoro_sandbox import Sandbox, SandboxClock

from proof.company import STREAMS, catalog_of
from proof.story import Story, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from precoro_sandbox.app import Served

__all__ = ["meltano_run", "meltano_tap", "pipe_at_boundary", "plain_pipe"]

ROOT = Path(__file__).resolve().parent.parent
_SPEED = 6000
_PATIENCE = 300
_COUNTS = {"suppliers": 700, "purchase_orders": 120, "payments": 50}
_OFF = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}


def _children(pid: int) -> Iterator[tuple[int, str]]:
    """The processes below one, with their command lines."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(folder.name))
    for child in parents.get(pid, ()):
        with suppress(OSError):
            yield child, Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
        yield from _children(child)


class _Killer:
    """Kills some processes below one."""

    def __init__(self, process: subprocess.Popen[Any], names: list[str]) -> None:
        self.killed = 0
        self._process, self._names = process, names
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float) -> None:
        """Kill them so long after they are there."""
        self._thread = threading.Thread(target=self._wait_and_kill, args=(seconds,))
        self._thread.start()

    def at(self, sandbox: Sandbox, number: int) -> None:
        """Kill them when the sandbox has carried out so many requests, before it answers."""

        def count_down(_: Served) -> None:
            if len(sandbox.served) == number and not self._over.is_set():
                self._kill()

        sandbox.app.after = count_down

    def _victims(self) -> list[int]:
        below = list(_children(self._process.pid))
        return [pid for pid, line in below if any(name in line for name in self._names)]

    def _wait_and_kill(self, seconds: float) -> None:
        while not self._victims():
            if self._over.wait(0.05):
                return
        if not self._over.wait(seconds):
            self._kill()

    def _kill(self) -> None:
        for pid in self._victims():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.killed += 1

    def over(self) -> int:
        """Kill nothing any more; how many were killed."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        return self.killed


def meltano_run(seed: int, *, most: int = 8) -> Story:
    """The demo's job from an ERP to Precoro; in the end each row is there once, and stays so."""
    chance, story = random.Random(seed), Story(stories=1)
    job = "erp-to-precoro"
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(seed="demo", clock=SandboxClock(_SPEED)) as sandbox,
    ):
        env = _environment(sandbox, Path(folder), "TARGET_PRECORO")
        env["TARGET_PRECORO_JOURNAL_PATH"] = f"{folder}/journal.sqlite3"
        victims = (["tap-jsonl"], ["target-precoro"], ["tap-jsonl", "target-precoro"])
        for number in range(most + 1):
            done = _meltano_killed(story, env, job, chance, victims, whole=number == most)
            if done and number > most // 2:
                break
        _judge_records(story, sandbox)
        before = len(sandbox.served)
        again = _meltano(env, "--full-refresh", job)
        log, _ = again.communicate(timeout=_PATIENCE)
        writes = [each for each in sandbox.served[before:] if each.method != "GET"]
        if writes or again.returncode:
            story.notes.append(f"again: {again.returncode}, {len(writes)} writes: {log[-1500:]}")
        story.requests = len(sandbox.served)
    return story


def meltano_tap(seed: int, *, most: int = 6) -> Story:
    """The demo's job from Precoro to a warehouse; in the end all rows are in its tables."""
    chance, story = random.Random(seed), Story(stories=1)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=SandboxClock(_SPEED), counts=_COUNTS, switches=_OFF) as sandbox,
    ):
        place = Path(folder)
        env = _environment(sandbox, place, "TAP_PRECORO")
        env["TARGET_DUCKDB_PATH"] = str(place / "warehouse.duckdb")
        victims = (["tap-precoro"], ["target-duckdb"], ["tap-precoro", "target-duckdb"])
        for number in range(most + 1):
            whole = number == most
            _meltano_killed(story, env, "precoro-to-warehouse", chance, victims, whole=whole)
            if number < most // 2:
                _change(sandbox, number)
        streams = [stream for stream in STREAMS if not stream.endswith("_details")]
        _judge(story, sandbox, place, streams)
        story.requests = len(sandbox.served)
    return story


def _environment(sandbox: Sandbox, place: Path, plugin: str) -> dict[str, str]:
    """What Meltano and a plugin of ours are told of a sandbox."""
    return {
        **os.environ,
        "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_DATABASE_URI": f"sqlite:///{place}/meltano.db",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        f"{plugin}_BASE_URL": sandbox.url,
        f"{plugin}_AUTH_TOKEN": sandbox.account.token,
        f"{plugin}_EMAIL": sandbox.account.email,
        f"{plugin}_CLOCK_SPEED": str(_SPEED),
    }


def _meltano_killed(
    story: Story,
    env: dict[str, str],
    job: str,
    chance: random.Random,
    victims: Sequence[list[str]],
    *,
    whole: bool,
) -> bool:
    """One run of a job of which some are killed, unless it is to be `whole`; whether it was."""
    process = _meltano(env, job)
    killer = _Killer(process, chance.choice(victims))
    killer.after(chance.uniform(0.2, 5))
    if whole:
        killer.over()
    log, _ = process.communicate(timeout=_PATIENCE)
    story.kills += killer.over()
    story.runs += 1
    if whole and process.returncode:
        story.notes.append(f"meltano run ended with {process.returncode}: {log[-1500:]}")
    return process.returncode == 0 and not killer.killed


def _meltano(env: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).parent / "meltano", "run", *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _judge_records(story: Story, sandbox: Sandbox) -> None:
    """Whether the ERP's vendors and items are in Precoro, once, and by their names."""
    for table, file, key, names in (
        ("suppliers", "vendors", "VendorId", {"VendorName": "name", "City": "city"}),
        ("items", "items", "ItemId", {"ItemName": "name", "ItemCode": "sku"}),
    ):
        lines = (ROOT / f"examples/erp/{file}.jsonl").read_text(encoding="utf-8").splitlines()
        wanted = {each[key]: each for each in map(json.loads, lines)}
        rows = list(sandbox.store.rows(table).values())
        held = Counter(row.get("externalId") for row in rows)
        by_id = {row.get("externalId"): row for row in rows}
        story.verdict.count(
            doubled=sum(held[each] > 1 for each in wanted),
            lost=sum(not held[each] for each in wanted),
            stale=sum(
                any(
                    str(each[column] or "").strip() != str(by_id[known].get(name) or "").strip()
                    for column, name in names.items()
                )
                for known, each in wanted.items()
                if known in by_id
            ),
        )


def plain_pipe(seed: int, *, most: int = 12, at: int = 0) -> Story:
    """`tap-precoro | target-duckdb > state`, again and again; in the end all rows are in tables.

    With `at` both are killed once: so many requests were carried out, the last not answered.
    """
    chance, story = random.Random(seed), Story(stories=1)
    counts = {**_COUNTS, **({"purchase_orders": 8} if at else {})}
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(clock=SandboxClock(_SPEED), counts=counts, switches=_OFF) as sandbox,
    ):
        place = Path(folder)
        pipe = _pipe_of(sandbox, place)
        state = place / "state.json"
        state.write_text("{}", encoding="utf-8")
        for number in range(most + 1):
            process = subprocess.Popen(
                ["bash", "-c", f"set -o pipefail; {pipe}"],  # noqa: S607 - as people type it
                stdout=subprocess.PIPE,
                stderr=(place / "log").open("w"),
                text=True,
            )
            victims = (["tap_precoro", "target-duckdb"], ["tap_precoro"], ["target-duckdb"])
            if at:
                killer = _Killer(process, victims[0])
                killer.at(sandbox, at)
            else:
                killer = _Killer(process, chance.choice(victims))
                killer.after(chance.uniform(0.2, 4))
            if number == most:
                killer.over()
            states, _ = process.communicate(timeout=_PATIENCE)
            story.kills += killer.over()
            story.runs += 1
            whole = states.split("\n")[:-1]
            if whole:
                state.write_text(whole[-1], encoding="utf-8")
            if number < most // 2 and process.returncode == 0:  # there is more to read
                _change(sandbox, number)
        if process.returncode:
            story.notes.append(f"exit {process.returncode}: {(place / 'log').read_text()[-1500:]}")
        _judge(story, sandbox, place, STREAMS)
        story.requests = len(sandbox.served)
    return story


def _change(sandbox: Sandbox, number: int) -> None:
    for row in list(sandbox.store.rows("suppliers").values())[:40]:
        sandbox.store.change("suppliers", row, {"note": f"note {number}"})
    sandbox.clock.advance(600)


def pipe_at_boundary(number: int) -> Story:
    """A small story in which tap and loader are killed once, with that request; or never."""
    return plain_pipe(1, most=3, at=number)


def _pipe_of(sandbox: Sandbox, place: Path) -> str:
    config = settings_of(sandbox)
    catalog = catalog_of(config)
    warehouse = {"path": str(place / "warehouse.duckdb"), "default_target_schema": "main"}
    for name, content in (("tap", config), ("catalog", catalog), ("target", warehouse)):
        (place / f"{name}.json").write_text(json.dumps(content, default=str), encoding="utf-8")
    loader = ROOT / ".meltano/loaders/target-duckdb/venv/bin/target-duckdb"
    return (
        f"{sys.executable} -m tap_precoro --config {place}/tap.json --catalog {place}/catalog.json "
        f"--state {place}/state.json | {loader} --config {place}/target.json"
    )


def _judge(story: Story, sandbox: Sandbox, place: Path, streams: Sequence[str]) -> None:
    with duckdb.connect(str(place / "warehouse.duckdb"), read_only=True) as tables:
        for stream in streams:
            resource = "purchase_orders" if stream.startswith("purchase_orders") else stream
            rows = sandbox.store.rows(resource).values()
            wanted: set[tuple[Any, ...]]
            if stream == "purchase_orders_items":
                held = Counter(
                    tables.execute(f"select documentId, lineKey from {stream}").fetchall()
                )
                wanted = {(row["id"], str(line["id"])) for row in rows for line in row["items"]}
            else:
                held = Counter(tables.execute(f"select id from {stream}").fetchall())
                wanted = {(row["id"],) for row in rows}
            doubled = sum(many > 1 for many in held.values())
            story.verdict.count(lost=len(wanted - held.keys()), doubled=doubled)
        found = dict(tables.execute("select id, note from suppliers").fetchall())
        story.verdict.count(
            stale=sum(
                (row.get("note") or None) != (found.get(row["id"]) or None)
                for row in sandbox.store.rows("suppliers").values()
            )
        )
