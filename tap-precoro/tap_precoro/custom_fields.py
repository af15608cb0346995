"""Custom fields by name: what fields an account has, and what a record says in them.

A record holds ids: that of the field, and in select fields that of the chosen option as text.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, RESOURCES, NotAllowed, NotFound, Reading
from precoro_api.fields import Field, Kind, Misfit, read_row, unwrap
from precoro_api.resources import CUSTOM_VALUES
from precoro_api.settings import Setting

from tap_precoro.custom_columns import COLUMN_PREFIX, column_names
from tap_precoro.filters.obeying import each_once

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, MutableMapping

    from precoro_api import Client

__all__ = [
    "CUSTOM_FIELDS",
    "Catalogue",
    "CustomField",
    "FieldKind",
    "Readable",
    "Value",
    "sent_values",
]

logger = logging.getLogger(__name__)

CUSTOM_FIELDS = Setting(
    "custom_fields",
    "string",
    "Custom fields",
    "How values of custom fields come: `raw` as Precoro nests them, `columns` also as one readable "
    "column a field (`cf_cost_center`), `values` also as one row a value in a table of their own. "
    "Names cost a request for each list of custom fields, and one for each select field in use.",
    default="raw",
    options=("raw", "columns", "values"),
)

_SPELLINGS = {"dataProductCustomFields": ("dataProductCustomFields", "dataItemCustomFields")}
"""Items may call their values by either name."""

_OPTIONS = {str(each.parent): each for each in RESOURCES if each.embedding}
"""The resource of the options, by that of their fields."""

_KEPT_SECONDS = 600.0
_OPTION_ID = re.compile(r"[0-9]{1,18}")
_REFUSED = "refused"


class FieldKind(Enum):
    """Whether the values of a field are ids of options."""

    SELECT = "select"
    PLAIN = "plain"
    UNKNOWN = "unknown"


# The API's own type numbers and words are unknown. Where none of these words is in them, the
# field's options must tell.
_SAID = {
    FieldKind.SELECT: ("select", "option", "list", "dropdown"),
    FieldKind.PLAIN: ("text", "string", "date", "number"),
}


@dataclass(frozen=True)
class CustomField:
    """A custom field, and the column of its values."""

    id: int
    name: str
    column: str
    kind: FieldKind


@dataclass(frozen=True)
class Value:
    """One value of a record, as it was sent, and what it means.

    `field_id` is 0 where nothing readable names the field, `field_name` None where the account does
    not list it, `option_id` where the value is no option, `option_name` where that is unknown.
    """

    field_id: int
    field_name: str | None
    value: Any
    option_id: int | None = None
    option_name: str | None = None

    @property
    def readable(self) -> str | None:
        """The option's name, or else the value as text; None for an empty one."""
        return self.option_name or _text(self.value)


@dataclass(frozen=True)
class Readable:
    """A record's custom values by column, None where there is none.

    `unknown` holds what has no column, as it was sent: lists, under `cf_{id}` for fields that are
    not listed, and under the holder's name for what names no field.
    """

    columns: dict[str, str | None]
    unknown: dict[str, list[Any]]


class Catalogue:
    """The custom fields of one account, read once a run: lists at first need, options if met.

    `parents` keeps the whole rows of the lists by resource, for other streams too. Names and types
    are kept beside the budget for ten minutes, as a run of Meltano is two processes, and the API
    refuses the identical request within a minute.
    """

    def __init__(
        self,
        client: Client,
        parents: MutableMapping[str, list[dict[str, Any]]],
        filtered: Container[str] = (),
    ) -> None:
        self._client = client
        self._parents = parents
        self._filtered = filtered
        self._families: dict[str, dict[int, CustomField]] = {}
        self._option_rows: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self._option_names: dict[tuple[str, int], dict[int, str]] = {}

    def fields_of(self, holder: str) -> tuple[CustomField, ...]:
        """The fields whose values that key of a record holds, by ascending id."""
        return tuple(self._family(holder).values())

    def columns_of(self, holder: str) -> dict[str, Field]:
        """A text column for each field, for a schema; disabled fields keep theirs."""
        return {each.column: Field(each.column, Kind.TEXT) for each in self.fields_of(holder)}

    def columns(self, holder: str, record: Mapping[str, Any]) -> Readable:
        """The record's values by column; several of one field are joined by "; "."""
        fields = self._family(holder)
        found: dict[str, list[str]] = {field.column: [] for field in fields.values()}
        unknown: dict[str, list[Any]] = {}
        for value in self.values(holder, record):
            readable = value.readable
            if not readable:
                continue
            if value.field_id in fields:
                found[fields[value.field_id].column].append(readable)
            else:
                key = f"{COLUMN_PREFIX}{value.field_id}" if value.field_id else holder
                unknown.setdefault(key, []).append(value.value)
        return Readable({name: "; ".join(many) or None for name, many in found.items()}, unknown)

    def values(self, holder: str, record: Mapping[str, Any]) -> Iterator[Value]:
        """The record's values in their order."""
        for field_id, value in sent_values(holder, record):
            field = self._family(holder).get(field_id)
            if field is None:
                yield Value(field_id, None, value)
            else:
                yield Value(field.id, field.name, value, *self._option(holder, field, value))

    def option_rows(self, resource: str, field_id: int) -> list[dict[str, Any]]:
        """The options of a field as the API sends them, read once a run.

        They stand in the field itself, or else in a list of their own. Raises NotAllowed, and
        NotFound where the field is gone.
        """
        key = (resource, field_id)
        if key not in self._option_rows:
            self._option_rows[key] = self._client.options(_OPTIONS[resource], field_id)
        return self._option_rows[key]

    def _option(
        self, holder: str, field: CustomField, value: object
    ) -> tuple[int | None, str | None]:
        """The id and name of the option that a value chooses, None where it is no option."""
        text = (_text(value) or "").strip()
        if field.kind is FieldKind.PLAIN or not _OPTION_ID.fullmatch(text):
            return None, None
        names = self._names(CUSTOM_VALUES[holder], field.id)
        if not names and field.kind is FieldKind.UNKNOWN:
            return None, None  # it has no choices: someone wrote a number
        return int(text), names.get(int(text))

    def _names(self, resource: str, field_id: int) -> dict[int, str]:
        """The names of a field's options by id; none where they are refused, aloud."""
        key = (resource, field_id)
        if key not in self._option_names:
            rows: list[dict[str, Any]] = []
            try:
                rows = self.option_rows(resource, field_id)
            except (NotAllowed, NotFound) as problem:
                logger.warning("Values stay ids, without the names of options: %s", problem)
            names = {_integer(row.get("id")): row.get("name") or row.get("label") for row in rows}
            self._option_names[key] = {
                each: str(name) for each, name in names.items() if each and name
            }
        return self._option_names[key]

    def _family(self, holder: str) -> dict[int, CustomField]:
        """The fields of that key by id, ascending."""
        if holder not in CUSTOM_VALUES:
            raise ValueError(
                f"{holder} holds no custom values; known are {', '.join(CUSTOM_VALUES)}"
            )
        resource = CUSTOM_VALUES[holder]
        if resource not in self._families:
            rows = {row["id"]: row for row in self._listed(resource)}
            columns = column_names({each: row["name"] for each, row in rows.items()})
            self._families[resource] = {
                each: CustomField(each, rows[each]["name"], column, _kind_of(rows[each]))
                for each, column in columns.items()
            }
        return self._families[resource]

    def _listed(self, resource: str) -> list[dict[str, Any]]:
        """Id, name and typeString of each field; none where the list is refused, aloud."""
        shared = resource not in self._filtered  # others want some of its rows, names all of them
        if shared and resource in self._parents:
            return _known(resource, self._parents[resource])
        key = f"custom_fields:{resource}"
        kept = self._client.quota.recall(key)
        why = "refused a few minutes ago."
        if kept is None:
            try:
                listed = each_once(Reading(self._client, BY_NAME[resource]))
                if shared:
                    self._parents[resource] = listed
                kept = _known(resource, listed)
            except (NotAllowed, NotFound) as problem:
                kept, why = _REFUSED, str(problem)
            self._client.quota.remember(key, kept, _KEPT_SECONDS)
        if kept == _REFUSED:
            logger.warning(
                "Custom values stay as they came, without names and columns, as %s cannot be "
                "listed: %s",
                resource,
                why,
            )
            return []
        rows: list[dict[str, Any]] = kept
        return rows


def sent_values(holder: str, record: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """The values that a record holds, each with its field's id; 0 where nothing names one.

    Collections and objects come bare or inside `data`, an empty collection as "" or null too.
    """
    spellings = (record.get(key) for key in _SPELLINGS.get(holder, (holder,)))
    held = next((each for each in spellings if not _is_empty(each)), None)
    try:
        entries: list[Any] = Field(holder, Kind.ARRAY).read(held) or []
    except Misfit:
        yield 0, held
        return
    for entry in map(unwrap, entries):
        keys: Mapping[str, Any] = entry if isinstance(entry, dict) else {}
        field_id = _field_id(keys)
        if field_id:
            value = unwrap(keys.get("value"))
            many = value if isinstance(value, list) and value else [value]
            yield from ((field_id, each) for each in many)
        elif not _is_empty(entry):
            yield 0, entry


def _field_id(entry: Mapping[str, Any]) -> int:
    """The id in `documentCustomField`, `itemCustomField` or `supplierCustomField`, or 0."""
    for key, named in entry.items():
        if key.lower().endswith("customfield"):
            field = unwrap(named)
            return _integer(field.get("id") if isinstance(field, dict) else field) or 0
    return 0


def _is_empty(value: object) -> bool:
    return unwrap(value) in (None, "", [], {})


def _integer(value: object) -> int | None:
    try:
        read: int | None = Field("id", Kind.INTEGER).read(value)
    except Misfit:
        return None
    return read


def _text(value: object) -> str | None:
    """A value as text; what is no scalar as JSON."""
    try:
        read: str | None = Field("value", Kind.TEXT).read(value)
    except Misfit:
        return json.dumps(value, default=str, ensure_ascii=False)
    return read


def _known(resource: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Id, name and typeString of listed fields, each in its one type."""
    known = []
    for row in rows:
        # Production takes `title` for a name, too.
        named = {**row, "name": row.get("name") or row.get("title")}
        record, _ = read_row(BY_NAME[resource].by_name, named)
        if record.get("id") is not None:
            name, kind = record["name"] or "", record.get("typeString")
            known.append({"id": record["id"], "name": name, "typeString": kind})
    return known


def _kind_of(row: Mapping[str, Any]) -> FieldKind:
    said = str(row["typeString"] or "").casefold()
    kinds = (kind for kind, words in _SAID.items() if any(word in said for word in words))
    return next(kinds, FieldKind.UNKNOWN)
