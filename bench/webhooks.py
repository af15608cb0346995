"""How well the webhooks' endpoint holds: `python bench/webhooks.py [part …]`.

Each part prints a table. The load comes from a process of its own, over connections that stay
open; what counts is which answers were 2xx, and what the spool holds afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from precoro_api.webhooks import Event, Spool

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "a-secret-of-the-bench"  # noqa: S105 - it guards nothing
KINDS = 12


@dataclass
class Heard:
    """What a load generator was answered: ids by status (0: no answer), seconds of each answer."""

    answered: dict[int, list[int]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


class Endpoint:
    """`precoro webhooks serve` as a process, on a port that it keeps when it is started again."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return when it listens."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from precoro_api.commands import main; main()"),
                *("webhooks", "serve", "--spool", str(self.spool), "--port", str(self.port)),
            ],
            env={**os.environ, "PRECORO_WEBHOOK_SECRET": SECRET},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        url = json.loads(self._process.stdout.readline())["url"]
        self.port = int(url.rstrip("/").rpartition(":")[2])

    def end(self, sign: signal.Signals) -> float:
        """Send a signal, wait for the end; the seconds of processor time that it used."""
        assert self._process is not None
        used = _processor_time(self._process.pid)
        self._process.send_signal(sign)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return used


def _processor_time(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> int:
    body = json.dumps({"id": number, "type": number % KINDS, "action": 1, "idn": number})
    head = f"POST /{SECRET} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write((head + body).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    return int(answer.split(b" ", 2)[1])


async def _connection(
    port: int, first: int, step: int, rate: float, until: float, heard: Heard
) -> None:
    """Post the numbers first, first + step, … at `rate` a second, on one connection if it holds.

    A number that is not answered is not posted again.
    """
    number, began, sent = first, time.perf_counter(), 0
    while time.perf_counter() < until:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while time.perf_counter() < until:
                await asyncio.sleep(max(0.0, began + sent / rate - time.perf_counter()))
                asked, status = time.perf_counter(), 0
                try:
                    status = await _post(reader, writer, number)
                    heard.seconds.append(time.perf_counter() - asked)
                finally:
                    heard.answered.setdefault(status, []).append(number)
                    number, sent = number + step, sent + 1
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.02)
        finally:
            if writer is not None:
                writer.close()


def load(
    port: int,
    rate: float,
    seconds: float,
    connections: int,
    results: multiprocessing.Queue[Heard],
) -> None:
    """Post events with ids 0, 1, 2… for so long, or until SIGTERM."""
    heard = Heard()

    async def all_of_them() -> None:
        until = time.perf_counter() + seconds
        posting = asyncio.gather(
            *(
                _connection(port, each, connections, rate / connections, until, heard)
                for each in range(connections)
            )
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, posting.cancel)
        with suppress(asyncio.CancelledError):
            await posting

    asyncio.run(all_of_them())
    results.put(heard)


def _kept(spool: Path) -> Counter[int]:
    opened = Spool(spool)
    kept = Counter(each.event.id for each in opened.events())
    opened.close()
    return kept


def _size(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).iterdir())


def rates(seconds: float = 30.0) -> None:
    """What is accepted, kept and waited for, at 500 events a second and at whatever goes."""
    print("asked/s  connections  accepted/s  other  lost  p50 (ms)  p99 (ms)  max (ms)  processor")
    for rate, connections in ((100.0, 16), (500.0, 16), (500.0, 64), (1000.0, 32), (1e6, 64)):
        with tempfile.TemporaryDirectory() as folder:
            endpoint = Endpoint(Path(folder) / "spool.sqlite3")
            endpoint.start()
            results: multiprocessing.Queue[Heard] = multiprocessing.Queue()
            run = multiprocessing.Process(
                target=load, args=(endpoint.port, rate, seconds, connections, results)
            )
            began = time.perf_counter()
            run.start()
            heard = results.get()
            took = time.perf_counter() - began
            run.join()
            used = endpoint.end(signal.SIGTERM)
            kept = _kept(endpoint.spool)
        accepted = heard.answered.get(204, [])
        other = sum(map(len, heard.answered.values())) - len(accepted)
        lost = len(set(accepted) - set(kept))
        times = sorted(heard.seconds)
        p50, p99, most = (
            times[math.ceil(len(times) * part) - 1] * 1000 for part in (0.5, 0.99, 1.0)
        )
        asked = f"{rate:.0f}" if rate < 1e5 else "all"
        print(
            f"{asked:>7}  {connections:>11}  {len(accepted) / seconds:>10.1f}  {other:>5}  "
            f"{lost:>4}  {p50:>8.1f}  {p99:>8.1f}  {most:>8.1f}  {used / took:>8.0%}"
        )


def kills(total: int = 50) -> None:
    """SIGKILL at random moments under load, and a new start: what was answered has to be there."""
    chance = random.Random(0)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as folder:
        endpoint = Endpoint(Path(folder) / "spool.sqlite3")
        endpoint.start()
        results: multiprocessing.Queue[Heard] = multiprocessing.Queue()
        run = multiprocessing.Process(target=load, args=(endpoint.port, 500.0, 3600.0, 16, results))
        run.start()
        for _ in range(total):
            time.sleep(0.2 + chance.random() * 1.5)
            endpoint.end(signal.SIGKILL)
            endpoint.start()
        time.sleep(1)
        os.kill(run.pid or 0, signal.SIGTERM)
        heard = results.get()
        run.join()
        endpoint.end(signal.SIGTERM)
        kept = _kept(endpoint.spool)
        size = _size(folder)
    accepted = set(heard.answered.get(204, []))
    unanswered = heard.answered.get(0, [])
    print(f"{total} kills, {sum(map(len, heard.answered.values()))} events posted")
    print(f"  answered 2xx: {len(accepted)}, of which lost: {len(accepted - set(kept))}")
    there = sum(number in kept for number in unanswered)
    print(f"  not answered: {len(unanswered)}, of which are kept all the same: {there}")
    print(f"  kept twice: {sum(many > 1 for many in kept.values())}")
    print(f"  the file holds {sum(kept.values())} events in {size / 1024:.0f} KiB")


def size(total: int = 1_000_000) -> None:
    """The file with a million events, when they are read, and when there is no room left."""
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder) / "spool.sqlite3", most=total)
        began = time.perf_counter()
        for first in range(0, total, 10_000):
            spool.add([_event(number % (total // 2)) for number in range(first, first + 10_000)])
        took = time.perf_counter() - began
        print(f"{total:,} events of {total // 2:,} records: {_size(folder) / 2**20:.1f} MiB")
        print(f"  added, 10,000 a commit, in {took:.1f} s")
        began = time.perf_counter()
        spool.add([_event(total)])
        took = time.perf_counter() - began
        gone = spool.status()["compacted"]
        print(f"  one more: {gone:,} that had a newer one gave way in {took:.1f} s")
        began = time.perf_counter()
        many = len(spool.events(types=[3], most=1000))
        took = time.perf_counter() - began
        print(f"  {many:,} of one type read in {took * 1000:.0f} ms")
        began = time.perf_counter()
        many = spool.remove(spool.last(), range(KINDS))
        took = time.perf_counter() - began
        spool.close()
        print(f"  {many:,} removed in {took:.1f} s; then {_size(folder) / 1024:.0f} KiB")


def _event(number: int) -> Event:
    return Event(number, number % KINDS, 1, str(number), time.time())


PARTS: dict[str, Callable[[], None]] = {"rates": rates, "kills": kills, "size": size}


def main() -> None:
    """Run the parts that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    chosen = parser.parse_args().parts or list(PARTS)
    for part in chosen:
        print(f"\n{part}: {(PARTS[part].__doc__ or '').strip()}")
        PARTS[part]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
