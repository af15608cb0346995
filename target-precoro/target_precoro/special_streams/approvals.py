"""The stream `approvals`: each record says what to do with a document, and it is done once."""

from __future__ import annotations

import difflib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from precoro_api import RESOURCES, OutcomeUnknown, SettingsError
from precoro_api.enums import DocumentStatus
from typing_extensions import override

from target_precoro.records.outcome import ROW_ERRORS, Act, Outcome, Pending, class_of
from target_precoro.records.routes import APPROVALS, Route
from target_precoro.records.wanted import Wanted, reference_of
from target_precoro.sinks import GatheringSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from precoro_api import Client, Resource

    from target_precoro.journal.journal import Journal
    from target_precoro.plans.special_steps import ApprovalStep
    from target_precoro.target import TargetPrecoro

__all__ = ["ApprovalSink", "apply_approvals", "check_allowed", "step_is_done"]

_DOCUMENTS = {
    name: resource
    for resource in RESOURCES
    if resource.number and "approve" in resource.steps
    for name in (resource.name, resource.path_name)
}

# Where a document stands after a step; later states follow from these without another step.
_AFTER = {
    "approve": frozenset(
        {
            DocumentStatus.APPROVED,
            DocumentStatus.PARTLY_PAID,
            DocumentStatus.PAID,
            DocumentStatus.CLOSED,
        }
    ),
    "reject": frozenset({DocumentStatus.DENIED}),
    "revision": frozenset({DocumentStatus.ON_REVISE}),
}


def step_is_done(step: str, status: Any) -> bool:
    """Whether a document in that state has nothing left of the step."""
    return status in _AFTER.get(step, ())


class ApprovalSink(GatheringSink):
    """Takes `document`, `idn`, `action` and `comment`; nothing else ever approves anything."""

    max_size = 50

    @override
    def route_for(self, schema: Mapping[str, Any]) -> Route:
        check_allowed(self.target.config, self.stream_name)
        return Route(self.stream_name, _DOCUMENTS["invoices"])  # each record has its own

    @override
    def process_record(self, record: dict[str, Any], context: dict[str, Any]) -> None:
        """Take a record into the batch."""
        named = str(record.get("document") or "").lower().replace("-", "_")
        resource = _DOCUMENTS.get(named)
        route = Route(self.stream_name, resource) if resource else self.route
        problems = () if resource else (_unknown("document", named, _DOCUMENTS),)
        # Under that name it is read as other streams read a number: 12 for 12.0.
        given = {"document_idn": record.get("idn")}
        number = reference_of(given, "document", route.resource.name)
        wanted = Wanted(None, idn=number.value if number else None, problems=problems)
        self.pending.append(self.target.take(self, record, wanted, route))

    @override
    def process_batch(self, context: dict[str, Any]) -> None:
        """Do what the records say, one after the other."""
        batch, self.pending = self.pending, []
        for each in batch:
            with self.target.writing():
                try:
                    outcome = self._done(each)
                except ROW_ERRORS as problem:
                    kind = class_of(problem)
                    outcome = Outcome("rejected", reason=str(problem), error=kind)
                self.target.settle(each, outcome)

    def _done(self, each: Pending) -> Outcome:
        problem = self._problem(each.route.resource, each, _action(each))
        if problem:
            return Outcome("rejected", reason=problem, error="data")
        return act(self.target.client, self.target.journal, each, dry=self.target.dry)

    def _problem(self, resource: Resource, each: Pending, step: str) -> str:
        if each.wanted.problems:
            return "; ".join(each.wanted.problems)
        if each.wanted.idn is None:
            return "it names no idn of a document"
        return "" if step in resource.steps else _unknown("action", step, resource.steps)


def act(
    client: Client,
    journal: Journal,
    each: Pending,
    *,
    dry: bool = False,
    seen: Sequence[Any] | None = None,
) -> Outcome:
    """Do with a document what the record says, once; `seen` are the states in which it may be."""
    resource, idn, step = each.route.resource, str(each.wanted.idn), _action(each)
    name, print_ = f"{resource.name} {idn}", _fingerprint(each.record)
    if journal.was_done(APPROVALS, name, print_):
        return Outcome("existing", reason="done in an earlier run")
    before = client.detail(resource, idn)
    status = before.get("status")
    if step_is_done(step, status):
        return Outcome("existing", before)
    if seen is not None and status not in seen:
        return Outcome("stale", before, reason="its status changed since")
    if dry:
        told = f"dry run: it would {step} {resource.name} {idn}"
        return Outcome("skipped", before, reason=told, step=Act(step, status))
    comment = each.record.get("comment")
    try:
        row = client.act(resource, step, idn, {"comment": comment} if comment else {})
    except OutcomeUnknown:
        row = client.detail(resource, idn)
        if row.get("status") == status:
            raise  # it may still happen: people look before it is asked again
    journal.mark_done(APPROVALS, name, print_)
    return Outcome("updated", row or before, (step,))


def apply_approvals(target: TargetPrecoro, steps: Iterable[ApprovalStep]) -> None:
    """Carry out steps of a plan, one after the other, each if its document is in the state seen."""
    for step in steps:
        with target.writing():
            try:
                outcome = act(target.client, target.journal, step, seen=[step.status])
            except ROW_ERRORS as problem:
                outcome = Outcome("rejected", reason=str(problem), error=class_of(problem))
            target.settle(step, outcome)


def check_allowed(config: Mapping[str, Any], stream: str) -> None:
    """Raise SettingsError where nothing is to be approved."""
    if not config.get("allow_approvals"):
        raise SettingsError(
            f"stream {stream!r} approves documents, which notifies people and may "
            "send orders out: set allow_approvals to true if that is meant."
        )


def _action(each: Pending) -> str:
    return str(each.record.get("action") or "")


def _unknown(what: str, given: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    nearest = difflib.get_close_matches(given, list(known), n=1, cutoff=0.0)
    hint = f"; the nearest is {nearest[0]}" if given else ""
    return f"{what} {given!r} is none of {', '.join(known)}{hint}"


def _fingerprint(record: Mapping[str, Any]) -> str:
    text = json.dumps(record, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
