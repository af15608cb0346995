"""The command `precoro-sandbox`."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import fields
from typing import NoReturn

from precoro_api.resources import BY_NAME

from precoro_sandbox.clock import SandboxClock
from precoro_sandbox.faults import KINDS, Fault
from precoro_sandbox.server import SEEDS, Sandbox
from precoro_sandbox.switches import Switches

__all__ = ["main"]

_WRONG_USE = 2


def _parser() -> argparse.ArgumentParser:
    switches = "\n".join(
        f"  {name}={default}   (or {others})\n      {about}"
        for name, default, others, about in Switches.table()
    )
    faults = "\n".join(f"  {kind}: {about}" for kind, about in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="precoro-sandbox",
        description="A local Precoro. The first line printed is JSON with url, token and email.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"switches (--set name=position), each with its default:\n{switches}\n\n"
        f"faults (--fault kind:times):\n{faults}",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port; 0 picks a free one")
    parser.add_argument("--seed", choices=SEEDS, default="demo", help="the first records")
    parser.add_argument(
        "--count", action="append", default=[], metavar="RESOURCE=N", help="rows of a resource"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="SWITCH=POSITION", help="see below"
    )
    parser.add_argument(
        "--clock-speed", type=float, default=1.0, help="how many times faster its clock runs"
    )
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND:TIMES", help="see below"
    )
    parser.add_argument(
        "--forbid",
        action="append",
        default=[],
        metavar="RESOURCE",
        help="a resource that answers 403",
    )
    parser.add_argument(
        "--absent",
        action="append",
        default=[],
        metavar="RESOURCE",
        help="a resource that answers 404",
    )
    parser.add_argument(
        "--webhook",
        action="append",
        default=[],
        metavar="URL",
        help="an address that is told of changes; up to five",
    )
    parser.add_argument("--token", default="sandbox-token", help="the API key")
    parser.add_argument("--email", default="integration@example.com", help="the key's user")
    return parser


def _fault(text: str) -> Fault:
    kind, _, times = text.partition(":")
    if times and not (times.isdecimal() and int(times)):
        raise ValueError(f"--fault takes KIND:TIMES with a number of times, not {text!r}")
    return Fault(kind, int(times or 1))


def _greet(sandbox: Sandbox) -> None:
    print(json.dumps(sandbox.greeting), flush=True)
    rows = {name: len(table) for name, table in sandbox.store.tables.items() if table}
    moved = [
        f"{each.name}={getattr(sandbox.switches, each.name)}"
        for each in fields(Switches)
        if getattr(sandbox.switches, each.name) != each.default
    ]
    print(
        f"A local Precoro answers at {sandbox.url}, with "
        f"{sum(rows.values())} records of {len(rows)} kinds."
        f"{' Switches: ' + ', '.join(moved) + '.' if moved else ''}\n"
        f"What it served: {sandbox.url}/_sandbox/requests. Ctrl-C stops it.",
        file=sys.stderr,
        flush=True,
    )


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = _parser()
    given = parser.parse_args(arguments)

    def refuse(words: object) -> NoReturn:
        print(f"precoro-sandbox: {words}", file=sys.stderr)
        raise SystemExit(_WRONG_USE)

    counts: dict[str, int] = {}
    for pair in given.count:
        name, _, number = pair.partition("=")
        if name not in BY_NAME or not number.isdigit():
            refuse(f"--count takes RESOURCE=N with one of {', '.join(BY_NAME)}, not {pair!r}")
        counts[name] = int(number)
    for name in (*given.forbid, *given.absent):
        if name not in BY_NAME:
            refuse(f"no resource {name!r}; there are {', '.join(BY_NAME)}")
    try:
        faults = [_fault(text) for text in given.fault]
        sandbox = Sandbox(
            seed=given.seed,
            counts=counts,
            switches=dict(pair.partition("=")[::2] for pair in given.set),
            clock=SandboxClock(given.clock_speed),
            host=given.host,
            port=given.port,
            token=given.token,
            email=given.email,
            forbidden=given.forbid,
            absent=given.absent,
            webhooks=given.webhook,
        )
    except (ValueError, OSError, OverflowError) as problem:
        refuse(problem)
    for fault in faults:
        sandbox.faults.add(fault)
    sandbox.app.latency = given.latency
    with suppress(KeyboardInterrupt):
        _greet(sandbox)
        sandbox.run()


if __name__ == "__main__":
    main()
