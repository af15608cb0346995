"""Carrying out a saved plan: exactly its steps, each on what Precoro has now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, LOOKUP_LIMIT, NotAllowed, NotFound
from typing_extensions import override

from target_precoro.engine import Engine
from target_precoro.lookups.directories import Directories
from target_precoro.lookups.payments import Payments
from target_precoro.plans.rehearsal import NewRecord
from target_precoro.plans.steps import Step
from target_precoro.records.equality import folded, is_empty, same_id, says
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.outcome import Outcome, Pending, class_of
from target_precoro.records.routes import PAYMENTS
from target_precoro.records.upsert import Change, Create, Link, Skipped, Update
from target_precoro.records.wanted import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from precoro_api import Resource

    from target_precoro.lookups.directory import Directory

__all__ = ["Applying"]

_FRESH = 90.0
"""Seconds for which what was read is believed: the identical request may be made once a minute."""

Target = tuple[Any, ...]
"""What tells the record of a step apart from those of others."""


class Applying(Engine):
    """An engine that plans nothing: it carries out steps, unless their records changed since.

    Look-ups are of the latest 200 steps; lists that new records are matched by are read once.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._fresh = Directories(self.client)
        self._fresh_since = float("-inf")
        self._ends: dict[Target, dict[str, Any]] = {}
        self._reached: dict[Target, bool] = {}
        self._rows: dict[int, Mapping[str, Any]] = {}
        self._needed: set[int] = set()

    def apply(self, steps: Sequence[Step], needed: Iterable[NewRecord] = ()) -> None:
        """Carry out these steps in their order, as far as it is wanted.

        The records `needed` by others may be asked for with `id_of` then.
        """
        self._needed = {new.number for step in steps for new in step.new_records}
        self._needed |= {new.number for new in needed}
        for step in steps:
            new = step.form if step.form is not None else _news(step.changes)
            self._ends.setdefault(_target(step), {}).update(new)
        numbers = {step.number for step in steps}
        for start in range(0, len(steps), LOOKUP_LIMIT):
            some, looked_at = self._look(steps[start : start + LOOKUP_LIMIT], numbers)
            for run in _runs(some):
                self._waves.write(run, looked_at)
                if not self._wanted_still():
                    return

    def id_of(self, record: Any) -> Any:
        """The id of a record, or of one that a step of the plan has created; None for none."""
        if not isinstance(record, NewRecord):
            return record
        if record.number not in self._rows and record.external_id:
            self._fresh.ask([(Reference(record.resource, EXTERNAL_ID, record.external_id), {})])
        return self._id_of(record, {})

    # Looking

    def _look(self, steps: Sequence[Step], numbers: set[int]) -> tuple[list[Step], float]:
        """Know what Precoro has for these steps; those that it lets nobody look at are settled."""
        looked_at = self.client.quota.server_now()
        if looked_at - self._fresh_since > _FRESH:
            self._fresh, self._fresh_since = Directories(self.client), looked_at
            self.payments = Payments(self.client, self._fresh)
        self._fresh.ask(
            (Reference(new.resource, EXTERNAL_ID, new.external_id), step.wanted.place)
            for step in steps
            for new in step.new_records
            if new.number not in numbers and new.external_id
        )
        order = {id(step): place for place, step in enumerate(steps)}
        by_directory: dict[Directory, list[Step]] = {}
        for step in steps:
            by_directory.setdefault(self._now(step), []).append(step)
        left = []
        for directory, many in by_directory.items():
            try:
                self._prepare(directory, many)
            except (NotAllowed, NotFound) as problem:
                for step in many:
                    told = str(problem)
                    self._settle(step, Outcome("rejected", reason=told, error=class_of(problem)))
            else:
                left += many
        return sorted(left, key=lambda step: order[id(step)]), looked_at

    def _prepare(self, directory: Directory, steps: Sequence[Step]) -> None:
        creates = [step for step in steps if step.form is not None]
        known = [step for step in steps if not isinstance(step.row_id, NewRecord)]
        if directory.resource.name == PAYMENTS:
            self.payments.prepare([step.wanted for step in creates])
            known = [step for step in known if step.form is None]
        directory.prepare([(replace(step.route, match_on=()), step.wanted) for step in known])
        for step in creates if directory.resource.name != PAYMENTS else ():
            named = step.wanted.match or step.wanted.resembles
            if named and not self._linked(step):
                self._list_of(step.route.resource, step.wanted.place).read_all()

    def _now(self, step: Step) -> Directory:
        return self._fresh.of(step.route.resource, step.wanted.place)

    def _list_of(self, resource: Resource, place: Mapping[str, Any]) -> Directory:
        """Where records are matched by other fields; long lists are not read again and again."""
        return (self.directories if resource.findable else self._fresh).of(resource, place)

    def _linked(self, step: Step) -> list[dict[str, Any]]:
        external_id = step.wanted.external_id
        return self._now(step).with_external_id(external_id) if external_id else []

    @override
    def _look_again(self, each: Pending, read_at: float | None) -> float:
        assert isinstance(each, Step)  # noqa: S101 - there are no others
        looked_at = read_at
        if looked_at is None or each.route.resource.findable:
            looked_at = self.client.quota.server_now()
            self._now(each).look_again(each.wanted.external_id)
        if each.route.resource.name == PAYMENTS:
            self.payments.look_again(each.wanted)
        return looked_at

    # Carrying out

    @override
    def _teaches(self, each: Pending) -> bool:
        assert isinstance(each, Step)  # noqa: S101 - there are no others
        writer = self.writer_of(each.route.resource)
        if each.form is None:
            return writer.learns_by_changing
        return writer.learns_by_creating and bool(each.wanted.external_id)

    @override
    def _heard(self, each: Pending, outcome: Outcome) -> None:
        if outcome.action == "stale":
            self._settle(each, outcome)  # what is parked of it waits still
        else:
            super()._heard(each, outcome)

    @override
    def _try(self, each: Pending, looked_at: float) -> Outcome:
        assert isinstance(each, Step)  # noqa: S101 - there are no others
        step = self._resolved_step(each)
        if isinstance(step, Outcome):
            return step
        if each.form is None:
            outcome = self._change(each, step, looked_at)
        elif each.route.resource.name == PAYMENTS:
            outcome = self._pay(step, looked_at)
        else:
            outcome = self._create(each, step, looked_at)
        self._remember(each, outcome)
        return outcome

    def _resolved_step(self, step: Step) -> Step | Outcome:
        """The step with ids in the place of new records, or why it cannot be."""
        lacking = [new for new in step.new_records if self._id_of(new, step.wanted.place) is None]
        if lacking:
            told = ", ".join(f"{new.resource} {new.key}" for new in lacking)
            return Outcome("stale", reason=f"{told} was to be created, and is not there")

        def real(value: Any) -> Any:
            if isinstance(value, list):
                return [real(item) for item in value]
            return self._id_of(value, step.wanted.place) if isinstance(value, NewRecord) else value

        form = None if step.form is None else {n: real(value) for n, value in step.form.items()}
        changes = {n: Change(real(c.old), real(c.new)) for n, c in step.changes.items()}
        values = {name: real(value) for name, value in step.wanted.values.items()}
        wanted = replace(step.wanted, values=values)
        return replace(step, row_id=real(step.row_id), form=form, changes=changes, wanted=wanted)

    def _id_of(self, new: NewRecord, place: Mapping[str, Any]) -> Any:
        if new.number in self._rows:
            return self._rows[new.number].get("id")
        if new.external_id is None:
            return None
        return self._fresh.of(BY_NAME[new.resource], place).id_of(new.external_id)

    def _create(self, planned: Step, step: Step, looked_at: float) -> Outcome:
        resource, wanted = step.route.resource, step.wanted
        rows: Sequence[Mapping[str, Any]] = self._linked(step)
        by = EXTERNAL_ID
        if not rows and (wanted.match or wanted.resembles):
            found = self._list_of(resource, wanted.place).find(
                step.route, replace(wanted, external_id=None)
            )
            rows, by = found.rows, found.by
        if not rows or (by != EXTERNAL_ID and self._was_begun(step)):
            self._reached[_target(planned)] = False
            create = Create(wanted.external_id, step.form or {}, wanted.place)
            return self._written(step, create, looked_at)
        ids = ", ".join(str(row.get("id")) for row in rows)
        unlinked = wanted.external_id and resource.patch is not None and by != EXTERNAL_ID
        if len(rows) > 1 or unlinked:
            return Outcome("stale", reason=f"it exists now (id {ids}, found by {by})")
        row = self.details.whole(step, rows[0], self._ends[_target(planned)])
        differ = self._unlike(step, row, step.form or {})
        if self._is_done(planned, step, row) or not differ:
            return Outcome("unchanged", row)
        return Outcome("stale", row, reason=f"it exists now (id {ids}) with another {differ}")

    def _pay(self, step: Step, looked_at: float) -> Outcome:
        """A payment is decided anew: what remains of its invoice may have changed."""
        decided = self.payments.decide(step.route, step.wanted, self._now(step))
        if isinstance(decided, Link) and self._was_begun(step):
            create = Create(step.wanted.external_id, step.form or {})
            return self._written(step, create, looked_at)
        if isinstance(decided, Create):
            if dict(decided.form) == step.form:
                return self._written(step, decided, looked_at)
            return Outcome("stale", reason="what remains of its invoice changed")
        if isinstance(decided, Skipped):
            carried = decided.row.get(EXTERNAL_ID)
            own = decided.row and (
                step.wanted.external_id is None or same_id(carried, step.wanted.external_id)
            )
            return Outcome("unchanged" if own else "stale", decided.row, reason=decided.reason)
        reason = getattr(decided, "reason", "a payment of that day and amount exists now")
        return Outcome("stale", reason=reason)

    def _change(self, planned: Step, step: Step, looked_at: float) -> Outcome:
        resource, external_id = step.route.resource, step.wanted.external_id
        found = self._present(planned, step)
        if found is None:
            return Outcome("stale", reason="it is gone")
        row = self.details.whole(step, found, self._ends[_target(planned)])
        if self._is_done(planned, step, row) or not self._unlike(step, row, _news(step.changes)):
            return Outcome("unchanged", row)
        olds = {name: change.old for name, change in step.changes.items()}
        if external_id and EXTERNAL_ID not in olds and resource.patch is not None:
            olds[EXTERNAL_ID] = external_id  # the plan found it so
        differ = self._unlike(step, row, olds)
        if differ:
            return Outcome("stale", row, reason=f"its {differ} changed since")
        kind = Link if step.changes.keys() == {EXTERNAL_ID} else Update
        return self._written(step, kind(row, step.changes, step.wanted.place), looked_at)

    def _is_done(self, planned: Step, step: Step, row: Mapping[str, Any]) -> bool:
        """Whether the record was, when first looked at, as all steps of this plan will leave it."""
        target = _target(planned)
        if target not in self._reached:
            self._reached[target] = not self._unlike(step, row, self._ends[target])
        return self._reached[target]

    def _present(self, planned: Step, step: Step) -> Mapping[str, Any] | None:
        """The record as it is now, or as this run has left it."""
        if isinstance(planned.row_id, NewRecord) and planned.row_id.number in self._rows:
            return self._rows[planned.row_id.number]
        wanted = step.wanted
        if not wanted.precoro_id and not wanted.idn:
            wanted = replace(wanted, precoro_id=str(step.row_id))
        rows = self._now(step).find(step.route, wanted).rows
        return next((row for row in rows if str(row.get("id")) == str(step.row_id)), None)

    def _unlike(self, step: Step, row: Mapping[str, Any], values: Mapping[str, Any]) -> str:
        """The fields in which the row says something else than these form keys; "" for none."""
        resource = step.route.resource
        unlike = []
        if EXTERNAL_ID in values:
            carried, value = row.get(EXTERNAL_ID), values[EXTERNAL_ID]
            if not same_id(carried, value) and not (is_empty(carried) and is_empty(value)):
                unlike.append(EXTERNAL_ID)
        for key in form_keys(resource).values():
            if key.key not in values or key.shown_as not in row:
                continue
            now, value = row[key.shown_as], self._real(values[key.key], step)
            same = now == value or says(resource, key, now, value, whole=True)
            # The other way, too, as objects are compared by what the second one says.
            if not same or not (key.refers or says(resource, key, value, now, whole=True)):
                unlike.append(key.name)
        return ", ".join(unlike)

    def _real(self, value: Any, step: Step) -> Any:
        if isinstance(value, list):
            return [self._real(item, step) for item in value]
        return self._id_of(value, step.wanted.place) if isinstance(value, NewRecord) else value

    def _written(self, step: Step, plan: Create | Update, looked_at: float) -> Outcome:
        outcome = self.carry_out(step, step.key, plan, looked_at)
        self._now(step).put(step.wanted.external_id, dict(outcome.row))
        if step.action == "disable" and outcome.action == "updated":
            return replace(outcome, action="disabled")
        return outcome

    def _remember(self, step: Step, outcome: Outcome) -> None:
        """Know the record for the steps that need it."""
        number = step.row_id.number if isinstance(step.row_id, NewRecord) else step.number
        if outcome.row and number in self._needed:
            self._rows[number] = outcome.row


def _news(changes: Mapping[str, Change]) -> dict[str, Any]:
    return {name: change.new for name, change in changes.items()}


def _target(step: Step) -> Target:
    if isinstance(step.row_id, NewRecord):
        return ("new", step.row_id.number)
    if step.form is not None:
        return ("new", step.number)
    return (step.route.resource.name, *sorted(step.wanted.place.items()), str(step.row_id))


def _runs(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """The steps in their order, cut where one needs what another has done."""
    run: list[Step] = []
    taken: set[Target] = set()
    for step in steps:
        names = set(_names(step))
        needs = {("new", new.number) for new in step.new_records}
        if run and taken & (names | needs):
            yield run
            run, taken = [], set()
        run.append(step)
        taken |= names
    if run:
        yield run


def _names(step: Step) -> Iterator[Target]:
    """All that may stand for the record of a step."""
    resource, wanted = step.route.resource.name, step.wanted
    yield _target(step)
    yield (resource, "key", step.key)
    if resource == PAYMENTS:  # of one invoice, each changes what remains for the next
        yield (resource, "invoice", str(wanted.values.get("invoice")))
    match = (*wanted.match.items(), *wanted.resembles.items())
    for name, value in match if step.form is not None else ():
        yield (resource, *sorted(wanted.place.items()), name, folded(value))
