"""What a run would do, told before it is done: nothing is written, the rest is as in earnest."""

from __future__ import annotations

import itertools
import math
import sys
from typing import IO, TYPE_CHECKING, Any

from target_precoro.equality import is_empty
from target_precoro.form_keys import EXTERNAL_ID, form_keys
from target_precoro.outcome import Outcome
from target_precoro.upsert import Create, Link, Update

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Client, Resource

    from target_precoro.outcome import Pending
    from target_precoro.writer import Writer

__all__ = ["FIRST_NEW_ID", "Preview", "as_written", "spoken"]

FIRST_NEW_ID = 10**15
"""Ids from here on stand for records that are still to be created."""

_SIGNS = {
    "created": "+ create",
    "updated": "~ update",
    "linked": "& link",
    "existing": "= existing",
    "skipped": "- skip",
    "waiting": "… waiting",
    "rejected": "! refuse",
}
_LONGEST = 60


class Preview:
    """The steps of a dry run. They are printed to stderr, as stdout is for Singer messages."""

    def __init__(self, client: Client, out: IO[str] | None = None) -> None:
        self.steps: list[tuple[Pending, str, Outcome]] = []
        self._client = client
        self._out = out or sys.stderr
        self._ids = itertools.count(FIRST_NEW_ID)
        self._least = self._most = 0

    def pretend(self, each: Pending, step: Create | Update, writer: Writer) -> Outcome:
        """The outcome of a step as if it were carried out, and what it would cost."""
        resource = each.route.resource
        least, most = writer.cost(step)
        self._least, self._most = self._least + least, self._most + most
        if isinstance(step, Create):
            new_id = next(self._ids)
            row = {"id": new_id, "idn": str(new_id), EXTERNAL_ID: step.external_id}
            row |= as_written(resource, step.form)
            return Outcome("created", row, tuple(step.form), step=step)
        row = {**step.row, **as_written(resource, step.form)}
        action = "linked" if isinstance(step, Link) else "updated"
        return Outcome(action, row, tuple(step.changes), step=step)

    def show(self, each: Pending, key: str, outcome: Outcome) -> None:
        """Print what would become of a record, and keep it for a saved plan."""
        if outcome.step is not None:
            self.steps.append((each, key, outcome))
        if outcome.action == "unchanged":
            return
        sign = _SIGNS.get(outcome.action, outcome.action)
        if outcome.error == "conflict":
            sign = "? ambiguous"
        told = self._told(each.route.resource, outcome)
        self._out.write(f"{sign} {each.route.stream} {spoken(key)}{told}\n")

    def _told(self, resource: Resource, outcome: Outcome) -> str:
        step = outcome.step
        if isinstance(step, Create):
            name = step.form.get("name")
            return "" if is_empty(name) else f" {spoken(name, quoted=True)}"
        if isinstance(step, Update):
            changes = []
            for key, change in step.changes.items():
                private = key in resource.private_fields
                changes.append(
                    f"{key}: {_value(change.old, private)} → {_value(change.new, private)}"
                )
            return f" (id {step.row.get('id')}): {', '.join(changes)}"
        return f": {spoken(outcome.reason)}" if outcome.reason else ""

    def finish(self, lines: list[str]) -> None:
        """Print the totals, and what it would cost against today's budget."""
        write = self._out.write
        write("\nNothing was written. A run would end so:\n")
        for line in lines:
            write(f"  {line}\n")
        most = self._most
        many = f"{most}" if self._least == most else f"{self._least} to {most}"
        write(f"Requests: {many}")
        quota = self._client.quota
        minute = quota.limits.of("minute")
        if minute and most:
            write(f", about {math.ceil(most / minute)} minutes at {minute} a minute")
        left = quota.report()["windows"]["day"]["left"]
        if left is not None:
            enough = "enough for it" if left >= most else "too few: the rest would come next day"
            write(f"; today's budget has {left} left, {enough}")
        write(".\n")


def as_written(resource: Resource, form: Mapping[str, Any]) -> dict[str, Any]:
    """A form as the record would show it."""
    shown: dict[str, Any] = {}
    for key in form_keys(resource).values():
        if key.key in form:
            value = form[key.key]
            shown[key.shown_as] = {"id": value} if key.is_reference else value
    if EXTERNAL_ID in form:
        shown[EXTERNAL_ID] = form[EXTERNAL_ID]
    return shown


def _value(value: Any, private: bool) -> str:  # noqa: FBT001 - of one place
    if is_empty(value):
        return "null"
    return "***" if private else spoken(value, quoted=isinstance(value, str))


def spoken(value: Any, *, quoted: bool = False) -> str:
    """A value as people may read it: short, and without anything that moves a terminal."""
    text = "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value)
    )
    text = text if len(text) <= _LONGEST or not quoted else f"{text[: _LONGEST - 1]}…"
    return f'"{text}"' if quoted else text
