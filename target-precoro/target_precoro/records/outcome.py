"""What became of a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api import (
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PrecoroError,
    Rejected,
    UnexpectedAnswer,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from target_precoro.records.routes import Route
    from target_precoro.records.upsert import Create, Refused, Update
    from target_precoro.records.wanted import Wanted

__all__ = ["ACTIONS", "ROW_ERRORS", "Act", "Came", "Outcome", "Pending", "SetValue", "class_of"]

ACTIONS = (
    "created",
    "updated",
    "linked",
    "unchanged",
    "existing",
    "skipped",
    "disabled",
    "waiting",
    "stale",
    "rejected",
)
"""What may become of a record, in the order of tables."""

ROW_ERRORS = (Rejected, NotFound, NotAllowed, OutcomeUnknown, UnexpectedAnswer)
"""Errors of one record; all others stop the run, because the next record would fail as well."""


@dataclass
class Came:
    """A record as it came, before its stream was mapped, and whether it is among the refused."""

    stream: str
    schema: Mapping[str, Any]
    key_properties: tuple[str, ...]
    record: Mapping[str, Any]
    is_kept: bool = False


@dataclass(frozen=True)
class Pending:
    """A record that waits to be written, and its place among all records of the input.

    `replayed` marks a record that comes from a file of refused rows: it is tried again. Records
    that earlier runs parked have the place 0: no state waits for them. `key` is what names it for
    good, where a saved plan has told that already. `came` is what its stream's map made it of.
    """

    place: int
    route: Route
    record: Mapping[str, Any] = field(repr=False)
    wanted: Wanted = field(repr=False)
    schema: Mapping[str, Any] = field(repr=False, default_factory=dict)
    key_properties: tuple[str, ...] = ()
    replayed: bool = False
    key: str = ""
    came: Came | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Act:
    """What is done with a document, which was seen in that state."""

    step: str
    status: Any


@dataclass(frozen=True)
class SetValue:
    """The value of a supplier's field, as it was seen and as it is to be."""

    supplier_id: Any
    field_id: int
    old: str
    new: str


@dataclass(frozen=True)
class Outcome:
    """`action` is one of ACTIONS; `changed` names the fields that were sent.

    Of a rejected record `reason` says why, `error` its class: `data`, `reference`, `conflict`,
    `transient`, `quota`, `auth` or `bug`. In a dry run, `step` is what would be carried out or
    why it is refused, `by` what its record was found by, `new_id` what stands for a new one's id.
    """

    action: str
    row: Mapping[str, Any] = field(default_factory=dict, repr=False)
    changed: tuple[str, ...] = ()
    reason: str = ""
    error: str = ""
    said: str = ""
    step: Create | Update | Refused | Act | SetValue | None = field(default=None, repr=False)
    by: str = ""
    new_id: int | None = None


def class_of(problem: Exception) -> str:
    """The class of an error of one record."""
    if isinstance(problem, (Rejected, NotFound, ValueError)):
        return "data"
    if isinstance(problem, NotAllowed):
        return "auth"
    if isinstance(problem, (OutcomeUnknown, UnexpectedAnswer)):
        return "transient"
    return "quota" if isinstance(problem, PrecoroError) else "bug"
