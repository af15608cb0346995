"""What a dry run believes: Precoro with the plan carried out, and a journal that stays as it is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME
from typing_extensions import override

from target_precoro.journal.journal import Journal
from target_precoro.lookups.directories import Directories
from target_precoro.lookups.directory import Directory
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from precoro_api import Client, Resource

    from target_precoro.journal.journal import Intent, Parked
    from target_precoro.records.upsert import Create, Update

__all__ = [
    "NewRecord",
    "NewRecords",
    "PlannedDirectories",
    "UnchangedJournal",
    "record_of",
    "row_after",
    "symbol_of",
    "unchanged_journal",
]

_FIRST_ID = 10**15
_DIGITS = len(str(_FIRST_ID))


@dataclass(frozen=True)
class NewRecord:
    """A record that a step of the plan will create; `key` is what people know it by."""

    number: int
    resource: str
    key: str
    external_id: str | None = None

    def __str__(self) -> str:
        """As people read it: `(new) suppliers V-7`."""
        return f"(new) {self.resource} {self.key}"


def symbol_of(new: NewRecord) -> dict[str, Any]:
    """How a saved plan refers to a record that it creates."""
    return {
        "new": new.number,
        "resource": new.resource,
        "key": new.key,
        "external_id": new.external_id,
    }


def record_of(value: Any) -> Any:
    """What a saved plan refers to: an id, or a record that it creates."""
    if not isinstance(value, dict):
        return value
    if not isinstance(value["new"], int):
        raise TypeError("a new record is named by the number of its step")
    return NewRecord(
        value["new"], BY_NAME[value["resource"]].name, value["key"], value["external_id"]
    )


class NewRecords:
    """Ids that stand for records which are still to be created, and what they stand for."""

    def __init__(self) -> None:
        self._ids = itertools.count(_FIRST_ID)
        self._known: dict[str, NewRecord] = {}

    def new_id(self, resource: str, key: str, external_id: str | None) -> int:
        """An id for one more record; of no step yet."""
        chosen = next(self._ids)
        self._known[str(chosen)] = NewRecord(0, resource, key, external_id)
        return chosen

    def made_by(self, number: int, new_id: Any) -> None:
        """Which step creates it."""
        known = self._known[str(new_id)]
        self._known[str(new_id)] = NewRecord(number, known.resource, known.key, known.external_id)

    def of(self, value: Any) -> NewRecord | None:
        """What an id stands for; None for the id of a record that is there."""
        text = str(value)
        return self._known.get(text) if len(text) == _DIGITS else None


class PlannedDirectory(Directory):
    """What Precoro would have: what is looked up, and over it what the plan has put so far."""

    def __init__(self, client: Client, resource: Resource, place: Mapping[str, Any]) -> None:
        super().__init__(client, resource, place)
        self._planned: dict[str, dict[str, Any]] = {}
        self._linked: dict[str, str] = {}
        self._numbered: dict[str, str] = {}

    @override
    def put(self, external_id: str | None, row: dict[str, Any]) -> None:
        key = str(row.get(self.resource.primary_key))
        with self._lock:
            self._planned[key] = self._slim(row)
            if row.get("idn") is not None:
                self._numbered[str(row["idn"])] = key
            if external_id:
                self._linked[external_id] = key
        super().put(external_id, row)

    @override
    def look_up(self, external_ids: Iterable[str], *, match: bool = False) -> None:
        asked = list(external_ids)
        super().look_up(asked, match=match)
        if self._rows is not None:
            return
        with self._lock:
            for external_id in asked:
                rows = list(map(self._as_planned, self._found.get(external_id, [])))
                planned = self._planned.get(self._linked.get(external_id, ""))
                if planned is not None:
                    rows = [planned]
                    self._absent.discard(external_id)
                    self._remember(external_id, planned)
                if rows:
                    self._found[external_id] = rows

    def _as_planned(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **self._planned.get(str(row.get(self.resource.primary_key)), {})}

    @override
    def read_all(self) -> None:
        known = self._rows is not None
        super().read_all()
        with self._lock:
            if not known and self._rows is not None:
                for key, row in self._planned.items():
                    self._rows.put(key, row)

    @override
    def by_key(self, by: str, value: str) -> dict[str, Any] | None:
        key = value if by == "id" else self._numbered.get(value, "")
        return self._planned.get(key) or super().by_key(by, value)


class PlannedDirectories(Directories):
    """The directories of a dry run."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, PlannedDirectory)


def row_after(
    resource: Resource, step: Create | Update, before: Mapping[str, Any]
) -> dict[str, Any]:
    """The record as it would be shown after a step; what a new one does not say is empty."""
    keys = form_keys(resource).values()
    row = dict(before) or {key.shown_as: None for key in keys}
    for key in keys:
        if key.key in step.form:
            value = step.form[key.key]
            row[key.shown_as] = {"id": value} if key.is_reference else value
    if EXTERNAL_ID in step.form:
        row[EXTERNAL_ID] = step.form[EXTERNAL_ID]
    return row


class UnchangedJournal(Journal):
    """A journal that tells what it knows, and learns nothing."""

    @override
    def open_intents(self) -> list[Intent]:
        return []  # else they would be closed

    @override
    def park(self, parked: Parked) -> None:
        pass

    @override
    def refuse(self, stream: str, key: str, fingerprint: str, reason: str) -> None:
        pass

    @override
    def _delete(self, table: str, stream: str, key: str) -> None:
        pass


def unchanged_journal(path: Path | None, *, now: Callable[[], float]) -> UnchangedJournal:
    """The journal of that path as it is; one in memory where there is none, so none is made."""
    return UnchangedJournal(path if path is not None and path.exists() else None, now=now)
