"""A dry run's plan as a file, and carrying out exactly that file."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, SettingsError
from precoro_api.quota import token_digest
from singer_sdk.singerlib.json import serialize_json

from target_precoro.equality import is_empty, same_id, says
from target_precoro.form_keys import EXTERNAL_ID, form_keys
from target_precoro.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.preview import FIRST_NEW_ID
from target_precoro.routes import Route, route_of
from target_precoro.upsert import Change, Create, Found, Link, Update
from target_precoro.wanted import Wanted
from target_precoro.writer import MadeElsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_precoro.engine import Engine
    from target_precoro.target import TargetPrecoro

__all__ = ["apply_plan", "save_plan"]

_VERSION = 1
_AT_ONCE = 1000


def save_plan(path: str, target: TargetPrecoro) -> None:
    """Write the plan of a dry run; the file is its owner's alone, as it holds values."""
    plan = {
        "version": _VERSION,
        "company": token_digest(target.config["auth_token"].strip()),
        "steps": [_saved(each, key, outcome) for each, key, outcome in target.preview.steps],
    }
    try:
        descriptor = os.open(Path(path).expanduser(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(serialize_json(plan))
    except OSError as problem:
        raise SettingsError(f"plan_path: {path} cannot be written ({problem.strerror}).") from None


def _saved(each: Pending, key: str, outcome: Outcome) -> dict[str, Any]:
    step = outcome.step
    saved: dict[str, Any] = {
        "stream": each.route.stream,
        "resource": each.route.resource.name,
        "key": key,
        "action": outcome.action,
        "external_id": each.wanted.external_id,
        "id": outcome.row.get("id"),
        "place": dict(each.wanted.place),
    }
    if isinstance(step, Create):
        return {**saved, "form": dict(step.form)}
    assert isinstance(step, Update)  # noqa: S101 - a plan has no other steps
    changes = {name: {"old": c.old, "new": c.new} for name, c in step.changes.items()}
    return {**saved, "changes": changes}


def _read(path: str, token: str) -> list[dict[str, Any]]:
    try:
        plan = json.loads(Path(path).expanduser().read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError) as problem:
        raise SettingsError(f"apply_plan: {path} cannot be read ({problem}).") from None
    if not isinstance(plan, dict) or plan.get("version") != _VERSION:
        raise SettingsError(f"apply_plan: {path} is no plan that this version saved.")
    if plan.get("company") != token_digest(token):
        raise SettingsError(f"apply_plan: {path} was made with another API key.")
    steps: list[dict[str, Any]] = plan["steps"]
    return steps


def apply_plan(path: str, target: TargetPrecoro) -> None:
    """Carry out a saved plan; what changed since is skipped and told. Raises SettingsError."""
    steps = _read(path, target.config["auth_token"].strip())
    new_ids: dict[int, Any] = {}
    for start in range(0, len(steps), _AT_ONCE):
        some = steps[start : start + _AT_ONCE]
        looked_at = target.client.quota.server_now()
        _look_up(target.engine, some)
        for saved in some:
            with target.writing():
                each = _pending(saved, target.config, new_ids)
                outcome = _take(target.engine, each, saved, new_ids, looked_at)
                if outcome.action == "created":
                    new_ids[saved["id"]] = outcome.row.get("id")
                target.settle(each, outcome)


def _look_up(engine: Engine, steps: list[dict[str, Any]]) -> None:
    asked: dict[str, list[str]] = {}
    for saved in steps:
        resource = BY_NAME[saved["resource"]]
        if saved["external_id"] and resource.findable:
            asked.setdefault(resource.name, []).append(saved["external_id"])
    for name, external_ids in asked.items():
        engine.directories.of(BY_NAME[name], {}).look_up(external_ids)


def _pending(
    saved: Mapping[str, Any], config: Mapping[str, Any], new_ids: Mapping[int, Any]
) -> Pending:
    try:
        route = route_of(saved["stream"], config)
    except SettingsError:
        route = Route(saved["stream"], BY_NAME[saved["resource"]])
    form = saved.get("form", {})
    match = {name: form[name] for name in route.match_on if name in form}
    place = {name: _real(value, new_ids) for name, value in saved["place"].items()}
    return Pending(0, route, {}, Wanted(saved["external_id"], place=place, match=match))


def _real(value: Any, new_ids: Mapping[int, Any]) -> Any:
    """The id of a record that this plan has created, for the one that stood for it."""
    if isinstance(value, list):
        return [_real(item, new_ids) for item in value]
    if isinstance(value, (int, str)) and str(value).isdigit() and int(value) >= FIRST_NEW_ID:
        return new_ids.get(int(value))
    return value


def _take(  # noqa: PLR0911 - a list of cases
    engine: Engine,
    each: Pending,
    saved: Mapping[str, Any],
    new_ids: Mapping[int, Any],
    looked_at: float,
) -> Outcome:
    """Carry out one step, unless its record changed since."""
    resource = each.route.resource
    directory = engine.directories.of(resource, each.wanted.place)
    try:
        if "form" in saved:
            form = {name: _real(value, new_ids) for name, value in saved["form"].items()}
            lacking = [name for name, value in saved["form"].items() if value and not form[name]]
            if lacking:
                return Outcome(
                    "stale", reason=f"what its {', '.join(lacking)} refers to was not made"
                )
            if _present(engine, each, saved):
                return Outcome("stale", reason="it exists now")
            step: Create | Update = Create(each.wanted.external_id, form, each.wanted.place)
        else:
            changes = {name: Change(c["old"], c["new"]) for name, c in saved["changes"].items()}
            row = _present(engine, each, saved)
            if row is None:
                return Outcome("stale", reason="it is gone")
            moved = [
                name for name, change in changes.items() if not _still(each, row, name, change)
            ]
            if moved:
                return Outcome("stale", row, reason=f"{', '.join(moved)} changed since")
            kind = Link if saved["action"] == "linked" else Update
            step = kind(row, changes, each.wanted.place)
        outcome = engine.carry_out(each, saved["key"], step, looked_at)
        directory.put(each.wanted.external_id, dict(outcome.row))
    except MadeElsewhere:
        return Outcome("stale", reason="another process is writing it")
    except ROW_ERRORS as problem:
        return Outcome("rejected", reason=str(problem), error=class_of(problem), said=problem.said)
    return outcome


def _present(engine: Engine, each: Pending, saved: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The record as it is now, None where there is none."""
    directory = engine.directories.of(each.route.resource, each.wanted.place)
    if "form" not in saved:
        found = directory.by_key("id", str(saved["id"]))
        return found if found is None else engine.whole(each, found, saved["changes"])
    if each.wanted.external_id is None or not each.route.resource.findable:
        directory.read_all()
    rows = (
        directory.find(each.route, each.wanted)
        if each.route.match_on
        else Found(tuple(directory.with_external_id(str(each.wanted.external_id))))
    )
    return rows.rows[0] if rows.rows else None


def _still(each: Pending, row: Mapping[str, Any], name: str, change: Change) -> bool:
    """Whether a field says what the plan saw."""
    if name == EXTERNAL_ID:
        carried = row.get(EXTERNAL_ID)
        return same_id(carried, change.old) or (is_empty(carried) and is_empty(change.old))
    key = next(key for key in form_keys(each.route.resource).values() if key.key == name)
    return says(each.route.resource, key, row.get(key.shown_as), change.old, whole=True)
