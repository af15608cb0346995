"""What the flows cost: the figures, and their tables."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOWS = ("tap", "target, unchanged", "target, 1% changed")


@dataclass
class Cost:
    """What a flow costs with so many rows, and what the bare SDK does with the same."""

    flow: str
    rows: int
    requests: int
    least: int
    cpu: float  # seconds
    bare_cpu: float
    memory: float  # MiB, the most
    bare_memory: float
    state: int  # bytes of the largest STATE message
    runs: int
    spread: float  # of CPU seconds: widest against the median, ours or bare
    wall: float | None = None  # seconds by the sandbox's clock
    speed: int | None = None  # of that clock


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 9.95 else f"{value:.1f}"


def _seconds(cost: Cost) -> str:
    return "" if cost.wall is None else f"{cost.wall:.0f}{'*' if cost.speed != 1 else ''}"


def table(costs: Sequence[Cost]) -> list[list[str]]:
    """What each flow costs, the head first."""
    head = "Flow|Rows|Requests|Least|Ratio|Records a CPU s|Of bare|Runs|Spread|Peak MiB|Of bare"
    return [
        [*head.split("|"), "STATE bytes", "Seconds"],
        *(
            [
                cost.flow,
                *(f"{each:,}" for each in (cost.rows, cost.requests, cost.least)),
                f"{cost.requests / cost.least:.3f}",
                f"{cost.rows / cost.cpu:,.0f}",
                f"{cost.bare_cpu / cost.cpu:.2f}",
                str(cost.runs),
                f"{cost.spread:.0%}" if cost.runs > 1 else "",
                f"{cost.memory:.0f}",
                f"{cost.memory / cost.bare_memory:.2f}",
                str(cost.state),
                _seconds(cost),
            ]
            for cost in costs
        ),
    ]


def growth(costs: Sequence[Cost]) -> list[list[str]]:
    """By how much each cost grows from one number of rows to the next, the head first."""
    lines = [["Flow", "Rows", "Requests", "CPU", "CPU, bare", "Memory", "STATE", "Seconds"]]
    for flow in FLOWS:
        sizes = sorted((each for each in costs if each.flow == flow), key=lambda each: each.rows)
        for small, large in pairwise(sizes):
            names = ("rows", "requests", "cpu", "bare_cpu", "memory", "state")
            grown = [_times(getattr(large, name) / getattr(small, name)) for name in names]
            timed = "" if not (small.wall and large.wall) else _times(large.wall / small.wall)
            rows = f"{small.rows:,} to {large.rows:,} (x{grown[0]})"
            lines.append([flow, rows, *(f"x{each}" for each in grown[1:]), timed and f"x{timed}"])
    return lines


def plain(lines: Sequence[Sequence[str]]) -> str:
    """A table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            each.rjust(width) if n else each.ljust(width)
            for n, (each, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table for a page."""
    head, *rest = lines
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *rest]
    return "\n".join("| " + " | ".join(line) + " |" for line in rows)
