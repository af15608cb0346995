"""The steps of a plan: as its file holds them, and as they are carried out.

Numbers keep every digit. A record that the plan itself creates is referred to by the number of its
step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME

from target_precoro.plans.rehearsal import NewRecord, record_of, symbol_of
from target_precoro.records.equality import form_value
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.outcome import Pending
from target_precoro.records.routes import Route
from target_precoro.records.upsert import Change, Create, Update
from target_precoro.records.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from precoro_api import Resource

    from target_precoro.records.form_keys import FormKey
    from target_precoro.records.outcome import Outcome

__all__ = ["Step", "key_sent_as", "read_step", "saved_step"]

_ACTIONS = {"created": "create", "updated": "update", "linked": "link", "disabled": "disable"}


@dataclass(frozen=True)
class Step(Pending):
    """A step of a plan. It has a `form` where it creates; else `changes` of the record `row_id`.

    References are ids, or a NewRecord where another step of the plan creates what they lead to.
    """

    number: int = 0
    action: str = ""
    row_id: Any = None
    form: Mapping[str, Any] | None = field(default=None, repr=False)
    changes: Mapping[str, Change] = field(default_factory=dict, repr=False)

    @property
    def new_records(self) -> list[NewRecord]:
        """The records of other steps that this one needs."""
        values = [self.row_id, *(self.form or {}).values()]
        values += [change.new for change in self.changes.values()]
        flat = [item for each in values for item in (each if isinstance(each, list) else [each])]
        return [each for each in flat if isinstance(each, NewRecord)]


def saved_step(
    number: int,
    each: Pending,
    key: str,
    outcome: Outcome,
    new_of: Callable[[Any], NewRecord | None],
) -> dict[str, Any]:
    """A step as the file holds it; `new_of` tells which ids stand for records of other steps."""
    step, resource = outcome.step, each.route.resource
    wanted = each.wanted
    saved: dict[str, Any] = {
        "step": number,
        "record": each.place or None,
        "stream": each.route.stream,
        "resource": resource.name,
        "key": key,
        "action": _ACTIONS[outcome.action],
        "place": dict(wanted.place),
        "external_id": wanted.external_id,
        "match": {name: value for name, value in wanted.match.items() if value not in (None, "")},
        "resembles": dict(wanted.resembles),
    }
    if isinstance(step, Create):
        form = {name: _saved(resource, name, step.form[name], new_of) for name in step.form}
        return {**saved, "below_parent": wanted.within is not None, "form": form}
    assert isinstance(step, Update)  # noqa: S101 - a plan has no other steps
    changes = {
        name: {
            "old": _saved(resource, name, change.old, new_of),
            "new": _saved(resource, name, change.new, new_of),
        }
        for name, change in step.changes.items()
    }
    new = new_of(step.row.get("id"))
    own = {"id": symbol_of(new)} if new else {name: step.row.get(name) for name in ("id", "idn")}
    return {**saved, **own, "changes": changes}


def _saved(
    resource: Resource, name: str, value: Any, new_of: Callable[[Any], NewRecord | None]
) -> Any:
    """A value of a form, or of the record before, with references to new records by their steps."""
    key = key_sent_as(resource, name)
    if key is None:
        return value

    def one(item: Any) -> Any:
        new = new_of(item) if key.refers else None
        return item if new is None else symbol_of(new)

    value = form_value(key, value)
    return [one(item) for item in value] if isinstance(value, list) else one(value)


def read_step(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> Step:
    """A step that the file holds. Raises KeyError, TypeError or ValueError where it is none."""
    resource, action = BY_NAME[saved["resource"]], saved["action"]
    if action not in _ACTIONS.values() or (action == "create") != ("form" in saved):
        raise ValueError(f"action {action!r}")
    if action == "create" and resource.create is None:
        raise ValueError(f"the API creates no {resource.name}")
    known = {EXTERNAL_ID, *(key.key for key in form_keys(resource).values())}
    given = saved["form"] if action == "create" else saved["changes"]
    unknown = given.keys() - known
    if unknown or not isinstance(saved["step"], int):
        raise ValueError(f"{resource.name} have no {', '.join(sorted(unknown))}")
    match = dict(saved["match"])
    route = Route(
        saved["stream"],
        resource,
        key_property=settings.get("external_id_property") or EXTERNAL_ID,
        id_property=settings.get("precoro_id_property") or None,
        match_on=tuple(match),
    )
    form, changes, row_id = None, {}, None
    if action == "create":
        form = {name: _read(resource, name, value) for name, value in given.items()}
    else:
        row_id = record_of(saved["id"])
        if row_id is None:
            raise ValueError("it names no record")
        changes = {
            name: Change(_read(resource, name, each["old"]), _read(resource, name, each["new"]))
            for name, each in given.items()
        }
    known_id = None if row_id is None or isinstance(row_id, NewRecord) else str(row_id)
    idn = saved.get("idn") if resource.addressed_by == "idn" else None
    sent = form if form is not None else {name: change.new for name, change in changes.items()}
    values = {key.name: sent[key.key] for key in form_keys(resource).values() if key.key in sent}
    wanted = Wanted(
        saved["external_id"],
        values,
        dict(saved["place"]),
        match,
        dict(saved.get("resembles") or {}),
        precoro_id=None if idn else known_id,
        idn=str(idn) if idn else None,
        within="" if saved.get("below_parent") else None,
    )
    return Step(
        place=saved["record"] or 0,
        route=route,
        record=_as_record(route, wanted, sent),
        wanted=wanted,
        schema={"type": "object", "properties": {}},
        key=saved["key"],
        number=saved["step"],
        action=action,
        row_id=row_id,
        form=form,
        changes=changes,
    )


def _read(resource: Resource, name: str, value: Any) -> Any:
    key = key_sent_as(resource, name)
    if key is None or not key.refers:
        return value
    return [record_of(item) for item in value] if isinstance(value, list) else record_of(value)


def _as_record(route: Route, wanted: Wanted, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the input that asks for the same, for the file of refused rows."""
    record: dict[str, Any] = {**wanted.match, **wanted.place}
    for name, value in sent.items():
        key = key_sent_as(route.resource, name)
        if isinstance(value, NewRecord) and key is not None:
            record[f"{key.name}_external_id"] = value.external_id
        elif name != EXTERNAL_ID:
            record[name] = value
    if wanted.external_id:
        record[route.key_property] = wanted.external_id
    if route.id_property and wanted.precoro_id:
        record[route.id_property] = wanted.precoro_id
    return record


def key_sent_as(resource: Resource, name: str) -> FormKey | None:
    """The key that a write sends under that name."""
    return next((key for key in form_keys(resource).values() if key.key == name), None)
