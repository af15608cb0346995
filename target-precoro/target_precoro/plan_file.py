"""A dry run's plan as a file: what it holds, how it is saved, and how it is read again.

It is JSON with one step a line, its owner's alone, as it holds values of records. It names its
company by a digest of the token. Numbers keep every digit. A record that the plan itself creates is
referred to by the number of its step.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from precoro_api import BY_NAME, SettingsError
from precoro_api.quota import token_digest
from precoro_api.settings import REGIONS
from singer_sdk.singerlib.json import serialize_json

from target_precoro.equality import form_value
from target_precoro.form_keys import EXTERNAL_ID, form_keys
from target_precoro.outcome import Pending
from target_precoro.rehearsal import NewRecord
from target_precoro.routes import Route
from target_precoro.upsert import Change, Create, Update
from target_precoro.wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from precoro_api import Resource

    from target_precoro.form_keys import FormKey
    from target_precoro.outcome import Outcome

__all__ = ["PlanWriter", "Step", "read_plan", "saved_step"]

_VERSION = 1
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


# Saving


class PlanWriter:
    """Saves steps as they come; the file is there once `finish` was called, or not at all.

    Raises SettingsError where it cannot be written.
    """

    def __init__(self, path: str, settings: Mapping[str, Any], now: float) -> None:
        self.path = Path(path).expanduser()
        self.finished = False
        self._steps = 0
        head = {
            "version": _VERSION,
            "when": datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds"),
            "company": _company(settings),
            "host": _host(settings),
        }
        with self._told():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            # Readable by its owner only, and in the place of an older plan only when it is whole.
            descriptor, self._unfinished = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{self.path.name}-"
            )
            self._file: IO[str] = os.fdopen(descriptor, "w", encoding="utf-8")
            self._file.write(f'{serialize_json(head)[:-1]},"steps":[')

    def add(self, step: Mapping[str, Any]) -> None:
        """One more step."""
        with self._told():
            self._file.write(f"{',' if self._steps else ''}\n{serialize_json(step)}")
        self._steps += 1

    def finish(self) -> None:
        """Let the plan be there."""
        with self._told():
            self._file.write("\n]}\n")
            self._file.close()
            os.replace(self._unfinished, self.path)  # noqa: PTH105 - it is a text
        self.finished = True

    def abandon(self) -> None:
        """Let no plan be there."""
        with suppress(OSError):
            self._file.close()
            os.unlink(self._unfinished)  # noqa: PTH108 - it is a text
        self.finished = True

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise SettingsError(
                f"plan_path: {self.path} cannot be written ({problem.strerror}); choose another "
                "path, or make room."
            ) from None


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
    own = {"id": _symbol(new)} if new else {name: step.row.get(name) for name in ("id", "idn")}
    return {**saved, **own, "changes": changes}


def _saved(
    resource: Resource, name: str, value: Any, new_of: Callable[[Any], NewRecord | None]
) -> Any:
    """A value of a form, or of the record before, with references to new records by their steps."""
    key = _key(resource, name)
    if key is None:
        return value

    def one(item: Any) -> Any:
        new = new_of(item) if key.refers else None
        return item if new is None else _symbol(new)

    value = form_value(key, value)
    return [one(item) for item in value] if isinstance(value, list) else one(value)


def _symbol(new: NewRecord) -> dict[str, Any]:
    return {
        "new": new.number,
        "resource": new.resource,
        "key": new.key,
        "external_id": new.external_id,
    }


# Reading


def read_plan(path: str, settings: Mapping[str, Any]) -> list[Step]:
    """The steps of a saved plan. Raises SettingsError where it is not one for this company."""
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
        plan = json.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as problem:
        raise SettingsError(f"apply_plan: {path} cannot be read ({problem}).") from None
    version = plan.get("version") if isinstance(plan, dict) else None
    if not isinstance(version, int) or not isinstance(plan.get("steps"), list):
        raise SettingsError(f"apply_plan: {path} is no plan that plan_path saved.")
    if version != _VERSION:
        raise SettingsError(
            f"apply_plan: {path} is of another target-precoro (version {version}, this one knows "
            f"{_VERSION}). Update target-precoro, or plan anew."
        )
    if plan.get("company") != _company(settings) or plan.get("host") != _host(settings):
        raise SettingsError(
            f"apply_plan: {path} was made for another company: with another API key, or at "
            f"another address ({plan.get('host')}). Plan anew with these settings."
        )
    steps = []
    for place, saved in enumerate(plan["steps"], start=1):
        try:
            steps.append(_step(saved, settings))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise SettingsError(
                f"apply_plan: line {place + 1} of {path} is no step that plan_path saved "
                f"({type(problem).__name__}: {problem}). Nothing was written; plan anew."
            ) from None
    return steps


def _step(saved: Mapping[str, Any], settings: Mapping[str, Any]) -> Step:
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
        row_id = _record_of(saved["id"])
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
    key = _key(resource, name)
    if key is None or not key.refers:
        return value
    return [_record_of(item) for item in value] if isinstance(value, list) else _record_of(value)


def _record_of(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if not isinstance(value["new"], int):
        raise TypeError("a new record is named by the number of its step")
    return NewRecord(
        value["new"], BY_NAME[value["resource"]].name, value["key"], value["external_id"]
    )


def _as_record(route: Route, wanted: Wanted, sent: Mapping[str, Any]) -> dict[str, Any]:
    """A record of the input that asks for the same, for the file of refused rows."""
    record: dict[str, Any] = {**wanted.match, **wanted.place}
    for name, value in sent.items():
        key = _key(route.resource, name)
        if isinstance(value, NewRecord) and key is not None:
            record[f"{key.name}_external_id"] = value.external_id
        elif name != EXTERNAL_ID:
            record[name] = value
    if wanted.external_id:
        record[route.key_property] = wanted.external_id
    if route.id_property and wanted.precoro_id:
        record[route.id_property] = wanted.precoro_id
    return record


# What both need


def _key(resource: Resource, name: str) -> FormKey | None:
    return next((key for key in form_keys(resource).values() if key.key == name), None)


def _company(settings: Mapping[str, Any]) -> str:
    return token_digest(str(settings["auth_token"]).strip())


def _host(settings: Mapping[str, Any]) -> str | None:
    address = settings.get("base_url") or REGIONS[settings.get("region") or "com"]
    return urlsplit(str(address).strip()).hostname
