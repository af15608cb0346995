"""How well the budget of a token is kept, and used: `python bench/budget.py [part …]`.

Each part prints a table. The sandbox has the published limits and a clock that runs faster; what
matters is counted by the sandbox's own log.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from precoro_api import BY_NAME, Client, QuotaSpent
from precoro_api.clock import FastClock
from precoro_api.quota import Limits, MemoryLedger, Policy, Quota, SqliteLedger
from precoro_sandbox import Sandbox, SandboxClock

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 1_800_057_600.0  # 2027-01-16 00:00:00 UTC
SUPPLIERS = BY_NAME["suppliers"]


def client_of(
    greeting: dict[str, str], clock: FastClock, *, ledger: str | None = None, **policy: object
) -> Client:
    """A client whose clock is the sandbox's."""
    return Client(
        token=greeting["token"],
        email=greeting["email"],
        base_url=greeting["url"],
        clock=clock,
        quota=Quota(
            clock,
            ledger=SqliteLedger(Path(ledger)) if ledger else MemoryLedger(),
            policy=Policy(**policy),  # type: ignore[arg-type]
            process="bench",
        ),
    )


def hammer(
    greeting: dict[str, str], ledger: str, number: int, many: int, speed: float, start: float
) -> None:
    """Ask for suppliers of one's own as fast as the budget gives turns, until the day is spent."""
    clock = FastClock(speed, start + (time.time() - BORN.value) * speed)
    client = client_of(greeting, clock, ledger=ledger, when_spent="wait", max_wait=7300.0)
    try:
        for turn in range(10**6):
            client.detail(SUPPLIERS, 50001 + (turn * many + number) % 4000)
    except QuotaSpent:
        pass
    finally:
        client.close()


BORN = multiprocessing.Value("d", 0.0)


def processes(many: int = 8, speed: float = 60.0) -> None:
    """Eight processes share one token for a whole day of the sandbox's time."""
    clock = SandboxClock(speed, DAY)
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(seed="empty", counts={"suppliers": 4000}, clock=clock) as sandbox,
    ):
        ledger = str(Path(folder) / "quota.sqlite3")
        BORN.value = time.time()
        start = clock.now()
        runs = [
            multiprocessing.Process(
                target=hammer, args=(sandbox.greeting, ledger, number, many, speed, start)
            )
            for number in range(many)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        served = sandbox.served
    refused = sum(each.status == 429 for each in served)
    minutes = Counter(int(each.at // 60) for each in served)
    hours = Counter(int(each.at // 3600) for each in served)
    full = [n for minute, n in sorted(minutes.items()) if hours[minute // 60] and n > 0]
    busy = full[:-1] if len(full) > 1 else full
    print(f"{many} processes, clock x{speed:.0f}: {len(served)} requests, {refused} answered 429")
    print(
        f"  at most {max(minutes.values())} of 60 in a minute; of the {len(busy)} minutes in which"
    )
    print(f"  the hour had budget, {sum(busy) / len(busy) / 60:.1%} was used")
    print(f"  hours: {', '.join(f'{n} of 1500' for n in hours.values())}")
    print(f"  day: {len(served)} of 3000, {len(served) / 3000:.1%}")


def latency(speed: float = 60.0) -> None:
    """One process, answers that take their time: how much of the minute is used."""
    print("latency  requests a minute  share of 60  a peer that sleeps 1 s a call")
    for seconds in (0.1, 0.5, 1.5, 3.0):
        clock = SandboxClock(speed, DAY)
        with Sandbox(seed="empty", counts={"suppliers": 400}, clock=clock) as sandbox:
            sandbox.app.latency = seconds
            client = client_of(sandbox.greeting, FastClock(speed, clock.now()))
            for _ in client.details(SUPPLIERS, range(50001, 50001 + 300)):
                pass
            client.close()
            minutes = Counter(int(each.at // 60) for each in sandbox.served)
        # The first minute teaches the latency, the last one is not full by nature.
        whole = [n for _, n in sorted(minutes.items())][1:-1]
        mean, peer = statistics.mean(whole), 1 / (1 + seconds)
        print(f"{seconds:>5} s  {mean:>17.1f}  {mean / 60:>11.1%}  {peer:>8.1%}")


def answers() -> None:
    """Every shape of a 429: the time that was told, and the time that was waited."""
    print("limiter  shape    told (s)  waited (s)  requests after the first 429")
    for limiter, switch in (
        ("minute", "minute_limit"),
        ("hour", "hour_limit"),
        ("day", "day_limit"),
    ):
        for shape in ("body", "headers", "empty", "html"):
            _answer(limiter, switch, shape)


def _answer(limiter: str, switch: str, shape: str) -> None:
    speed = 60.0 if limiter == "minute" else 3000.0
    clock = SandboxClock(speed, DAY + 10)
    off = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0}
    switches = {**off, switch: 5, "limit_answer": shape}
    with Sandbox(counts={"suppliers": 50}, clock=clock, switches=switches) as sandbox:
        unlimited = Limits(minute=None, hour=None, day=None)
        fast = FastClock(speed, clock.now())
        quota = Quota(fast, limits=unlimited, policy=Policy("wait", max_wait=7200.0))
        greeting = sandbox.greeting
        client = Client(
            token=greeting["token"],
            email=greeting["email"],
            base_url=greeting["url"],
            clock=fast,
            quota=quota,
        )
        stopped = ""
        try:
            for number in range(8):
                client.detail(SUPPLIERS, 50001 + number)
        except QuotaSpent as problem:
            stopped = f"stopped: {problem.resets_at}"
        refused = next(each for each in sandbox.served if each.status == 429)
        after = [each for each in sandbox.served if each.at > refused.at]
        length = {"minute": 60, "hour": 3600, "day": 86400}[limiter]
        opens = (refused.at // length + 1) * length - refused.at
        told = f"{opens:.0f}" if shape in ("body", "headers") else "nothing"
        waited = f"{after[0].at - refused.at:.0f}" if after else "not"
        print(f"{limiter:<7}  {shape:<7}  {told:>8}  {waited:>10}  {len(after):>8}  {stopped}")
        client.close()


def _acquire_many(path: str, many: int, results: multiprocessing.Queue[list[float]]) -> None:
    clock = FastClock(1.0)
    unlimited = Limits(None, None, None, None, None)
    quota = Quota(clock, ledger=SqliteLedger(Path(path)), limits=unlimited, process="bench")
    times = []
    for number in range(many):
        began = time.perf_counter()
        quota.acquire(f"GET /{os.getpid()}/{number}", "suppliers")
        times.append(time.perf_counter() - began)
    quota.close()
    results.put(times)


def cost(total: int = 20000) -> None:
    """What a turn costs, and how large the file grows."""
    print("processes  turns   median (ms)  p99 (ms)  turns a second")
    for many in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "quota.sqlite3")
            results: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
            runs = [
                multiprocessing.Process(target=_acquire_many, args=(path, total // many, results))
                for _ in range(many)
            ]
            began = time.perf_counter()
            for run in runs:
                run.start()
            times = sorted(t for _ in runs for t in results.get())
            took = time.perf_counter() - began
            for run in runs:
                run.join()
        p99 = times[math.ceil(len(times) * 0.99) - 1] * 1000
        median = statistics.median(times) * 1000
        print(f"{many:>9}  {len(times)}  {median:>11.3f}  {p99:>8.3f}  {len(times) / took:>14.0f}")


def size(total: int = 1_000_000) -> None:
    """The file after a million requests at the pace that the API allows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "quota.sqlite3"
        clock = Stepping(DAY)
        unlimited = Limits(None, None, None, None, None)
        quota = Quota(clock, ledger=SqliteLedger(path), limits=unlimited, process="bench")
        largest = 0
        for number in range(total):
            clock.time += 1.0  # one a second: 3,600 an hour, more than the API ever allows
            quota.acquire(f"GET /{number}", "suppliers")
            if number % 10000 == 0:
                largest = max(largest, _bytes(folder))
        largest = max(largest, _bytes(folder))
        quota.close()
    print(f"{total:,} requests: the ledger's files were never over {largest / 1024:.0f} KiB")


def _bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).iterdir())


class Stepping:
    """Time that only its owner moves."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        """That time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Move it."""
        self.time += seconds


def _forever(path: str, counter: str) -> None:
    quota = Quota(
        FastClock(1.0),
        ledger=SqliteLedger(Path(path)),
        limits=Limits(None, None, None, None, None),
        process="bench",
    )
    with open(counter, "ab", buffering=0) as file:  # noqa: PTH123 - unbuffered
        for number in range(10**9):
            quota.acquire(f"GET /{os.getpid()}/{number}", "suppliers")
            file.write(b".")


def kills(total: int = 1000) -> None:
    """SIGKILL in the midst of taking turns: what is missing, stuck, or counted for nothing."""
    with tempfile.TemporaryDirectory() as folder:
        path, counter = Path(folder) / "quota.sqlite3", Path(folder) / "turns"
        context = multiprocessing.get_context("fork")
        missing = stuck = counted = noted = used = taken_back = 0
        for number in range(total):
            run = context.Process(target=_forever, args=(str(path), str(counter)))
            run.start()
            time.sleep(0.004 + (number % 17) * 0.001)
            os.kill(run.pid or 0, signal.SIGKILL)
            run.join()
            ledger = SqliteLedger(path)
            noted += sum(file.stat().st_size for file in path.parent.rglob("*.used")) // 8
            before = _used_today(ledger)
            quota = Quota(FastClock(1.0), ledger=ledger, process="bench")
            began = time.perf_counter()
            counted = quota.report()["windows"]["day"]["used"]
            stuck += time.perf_counter() - began > 1
            quota.close()
            taken_back += before - counted
            used = counter.stat().st_size if counter.exists() else 0
            missing += counted < used  # a turn that was used, and is not counted
    print(f"{total} kills")
    print(f"  turns granted: {counted + taken_back}, of which were taken back: {taken_back}")
    print(f"  turns counted: {counted}, marked as taken: {noted}, used: {used}")
    print(f"  lost in acquiring, counted - marked: {counted - noted}")
    print(f"  killed after acquiring, before the use: marked - used: {noted - used}")
    print(f"  a used turn was not counted after {missing} kills, the ledger stuck after {stuck}")


def _used_today(ledger: SqliteLedger) -> int:
    book = ledger.keys("memory:book").get("memory:book") or {"windows": {"day": [0, 0]}}
    return int(book["windows"]["day"][1])


PARTS: dict[str, Callable[[], None]] = {
    "processes": processes,
    "latency": latency,
    "answers": answers,
    "cost": cost,
    "size": size,
    "kills": kills,
}


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
