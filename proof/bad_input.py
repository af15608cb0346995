"""Lie to it: input, settings and answers that are wrong, each with its documented outcome."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from proof.bad_answers import answer_cases
from proof.bad_case import run_case
from proof.bad_messages import message_cases
from proof.bad_settings import setting_cases
from proof.fuzzing import fuzz

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proof.bad_case import Case

__all__ = ["Row", "campaign", "cases", "fuzz"]


class Row(NamedTuple):
    """One case in the report: `told` says what was wrong."""

    group: str
    case: str
    outcome: str
    ok: bool
    told: str = ""


def cases() -> list[Case]:
    """The whole table."""
    return [*message_cases(), *setting_cases(), *answer_cases()]


def campaign(
    chosen: Iterable[Case] | None = None,
    *,
    at_once: int = 0,
    heard: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Run cases, or all of them, some at a time; `heard` is told of each as it ends."""
    found = []
    with ThreadPoolExecutor(at_once or os.cpu_count() or 1) as threads:
        for row in threads.map(_row, cases() if chosen is None else chosen):
            if heard is not None:
                heard(row)
            found.append(row)
    return found


def _row(case: Case) -> Row:
    problems = run_case(case)
    name = f"{case.command}: {case.name}"
    return Row(case.group, name, case.outcome, not problems, "; ".join(problems))
