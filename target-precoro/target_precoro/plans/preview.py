"""What a dry run would do, told to people as it is planned."""

from __future__ import annotations

import re
import sys
from typing import IO, TYPE_CHECKING, Any

from precoro_api.plain import harmless

from target_precoro.plans.cost import Cost, budget_told, time_told, wait_for
from target_precoro.plans.rehearsal import NewRecords, row_after
from target_precoro.plans.special_steps import saved_special
from target_precoro.plans.steps import key_sent_as, saved_step
from target_precoro.records.equality import form_value, is_empty
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.outcome import Act, Outcome, SetValue
from target_precoro.records.upsert import Create, Link, Refused, Update

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from precoro_api import Client, Resource

    from target_precoro.plans.file import PlanWriter
    from target_precoro.records.form_keys import FormKey
    from target_precoro.records.outcome import Pending
    from target_precoro.writes.writer import Writer

__all__ = ["Preview"]

DRY = "dry run: "
"""How reasons begin that say what a run would do."""
_SIGNS = {
    "created": "+ create",
    "updated": "~ update",
    "disabled": "~ disable",
    "linked": "& link",
    "existing": "= existing",
    "skipped": "- skipped",
    "waiting": "… waiting",
    "rejected": "! refused",
}
_NAMES = ("name", "number", "sumPaid")
"""Form keys that tell people which new record it is, the best first."""
_A = {"minute": "a", "hour": "an", "day": "a"}
_LONGEST = 60
_NEW_ID = re.compile(r"\d{16}")


class Preview:
    """Prints the steps of a dry run, and saves them where a plan is asked for.

    It prints to stderr, as stdout is for Singer messages. What it is told may come from several
    threads, what it shows from one.
    """

    def __init__(
        self, client: Client, plan: PlanWriter | None = None, out: IO[str] | None = None
    ) -> None:
        self.new = NewRecords()
        self._client = client
        self._plan = plan
        self._out = out or sys.stderr
        self._steps = 0
        self._cost = Cost()
        self._suppliers: set[tuple[str, str]] = set()
        self._finished = False

    def pretend(
        self, each: Pending, key: str, step: Create | Update, by: str
    ) -> tuple[Outcome, dict[str, Any]]:
        """The outcome of a step as if it were carried out, and the record after it."""
        resource = each.route.resource
        if isinstance(step, Create):
            row = row_after(resource, step, {})
            new_id = self.new.new_id(resource.name, key, step.external_id)
            linked = step.external_id if resource.patch is not None else None
            row |= {"id": new_id, "idn": str(new_id), EXTERNAL_ID: linked}
            return Outcome("created", changed=tuple(step.form), step=step, new_id=new_id), row
        row = row_after(resource, step, step.row)
        action = "linked" if isinstance(step, Link) else "updated"
        shown = {} if self.new.of(row.get("id")) else step.row
        return Outcome(action, shown, tuple(step.changes), step=step, by=by), row

    def show(self, each: Pending, key: str, outcome: Outcome, writer: Writer | None) -> None:
        """Print what would become of a record, count its requests, and save its step."""
        step = outcome.step
        if isinstance(step, (Act, SetValue)):
            self._steps += 1
            if self._plan is not None:
                self._plan.add(saved_special(self._steps, each, key, step, self.new.of))
            self._count(each, step)
        elif isinstance(step, (Create, Update)):
            self._steps += 1
            if outcome.new_id is not None:
                self.new.made_by(self._steps, outcome.new_id)
            if self._plan is not None:
                self._plan.add(saved_step(self._steps, each, key, outcome, self.new.of))
            if writer is not None:
                self._cost.add(writer.ways(step))
        if outcome.action != "unchanged":
            who = key or f"record {each.place} of the input"
            line = f"{_sign(outcome)} {each.route.stream} {who}{self._told(each, outcome)}"
            self._out.write(f"{harmless(line)}\n")

    def _count(self, each: Pending, step: Act | SetValue) -> None:
        """An approval is a request; values are one for each supplier."""
        if isinstance(step, Act):
            self._cost.add([("POST",)])
        elif (each.route.stream, str(step.supplier_id)) not in self._suppliers:
            self._suppliers.add((each.route.stream, str(step.supplier_id)))
            self._cost.add([("PATCH",)])

    # One line

    def _told(self, each: Pending, outcome: Outcome) -> str:
        step, resource = outcome.step, each.route.resource
        if isinstance(step, Create):
            return self._created(resource, step)
        if isinstance(step, Update):
            found = f" (id {step.row.get('id')}, found by {outcome.by})"
            found = "" if outcome.by == EXTERNAL_ID or self.new.of(step.row.get("id")) else found
            if isinstance(step, Link):
                return found or f" (id {step.row.get('id')})"
            changes = (
                f"{_stem(resource, name)}: {self._value(resource, name, change.old)} → "
                f"{self._value(resource, name, change.new)}"
                for name, change in step.changes.items()
            )
            return f"{found}: {', '.join(changes)}"
        if outcome.action == "waiting" and each.wanted.references:
            return f": for {', '.join(map(str, each.wanted.references))}"
        reason = _NEW_ID.sub(self._spoken_id, outcome.reason.removeprefix(DRY))
        return f": {reason}" if reason else ""

    def _spoken_id(self, found: re.Match[str]) -> str:
        return str(self.new.of(found[0]) or found[0])

    def _created(self, resource: Resource, step: Create) -> str:
        name = next((name for name in _NAMES if not is_empty(step.form.get(name))), None)
        told = "" if name is None else f" {self._value(resource, name, step.form[name])}"
        for key in form_keys(resource).values():
            value = step.form.get(key.key)
            if key.refers and any(map(self.new.of, value if isinstance(value, list) else [value])):
                told += f", {key.name}: {self._value(resource, key.key, value)}"
        return told

    def _value(self, resource: Resource, name: str, value: Any) -> str:
        """A value as people may see it: short, and `***` where it is private."""
        key = key_sent_as(resource, name)
        if key is not None:
            value = form_value(key, value)
        if is_empty(value) or value == [""]:
            return "null"
        known = resource.by_name.get(key.shown_as if key else name)
        if known is not None and known.private:
            return "***"
        if isinstance(value, list):
            inner = ", ".join(self._item(key, item) for item in value)
            return f"[{_short(inner)}]"
        return self._item(key, value)

    def _item(self, key: FormKey | None, value: Any) -> str:
        if isinstance(value, (dict, list)):
            return "{…}"  # whatever is inside may be about people
        if key is not None and key.refers:
            return str(self.new.of(value) or value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return f'"{_short(value)}"' if isinstance(value, str) else str(value)

    # The end

    def finish(self, totals: Sequence[str], streams: Collection[str]) -> None:
        """Print the totals and what they cost, against what is left of today; save the plan.

        `streams` are those of the input.
        """
        quota = self._client.quota
        for method, many in self._client.requests_by_method.items():
            self._cost.add([(method,)], many)  # a run looks at the same
        report = quota.report()["windows"]
        limits = [f"{w['limit']} {_A[kind]} {kind}" for kind, w in report.items() if w["limit"]]
        took = wait_for(self._cost.total, report, quota.server_now())
        self._print("", "Nothing was written. A run would end so:")
        self._print(*(f"  {line}" for line in totals))
        self._print(f"Cost in requests: {self._cost.told}.")
        self._print(f"Time: {time_told(took)} at {', '.join(limits) or 'no limit'}.")
        self._print(*budget_told(self._cost, report, quota.policy))
        self._finished = True
        if self._plan is not None:
            self._plan.finish(streams)
            self._print(f"The plan is saved: {self._plan.steps} steps in {self._plan.path}.")
            if self._plan.kept:
                older = ", ".join(self._plan.kept)
                self._print(f"In it are steps of {older}, too, planned less than an hour before.")

    def close(self) -> None:
        """End a dry run, whatever ended it: half a plan is none."""
        if self._plan is not None and not self._plan.finished:
            self._plan.abandon()
            self._print("No plan is saved.")
        if not self._finished:
            self._print("The dry run did not come to its end: there may be more to do.")

    def _print(self, *lines: str) -> None:
        for line in lines:
            self._out.write(f"{harmless(line)}\n")
        self._out.flush()


def _sign(outcome: Outcome) -> str:
    if isinstance(outcome.step, Refused) and len(outcome.step.rows) > 1:
        return "? ambiguous"
    if outcome.action == "skipped" and outcome.reason.startswith(DRY):
        return "~ update"
    return _SIGNS.get(outcome.action, outcome.action)


def _stem(resource: Resource, name: str) -> str:
    key = key_sent_as(resource, name)
    return name if key is None else key.name


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
