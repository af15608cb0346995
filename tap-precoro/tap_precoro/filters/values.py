"""How the value of each filter is read: what it sends, and what it sees in a row.

The API seems to ignore a filter that it does not know, and then answers everything; so a filter
also knows how a row shows whether it was obeyed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from precoro_api.encoding import filter_moment
from precoro_api.enums import DocumentStatus, SupplierStatus
from precoro_api.fields import Field, Kind, Misfit, unwrap
from precoro_api.resources import LINKED_ELSEWHERE

from tap_precoro.filters.list_filter import (
    Check,
    ListFilter,
    Place,
    flag,
    fold,
    in_field,
    in_short,
    listed,
    many_of,
    nearest,
    numbers,
    whole,
)
from tap_precoro.invoices import is_invoice

if TYPE_CHECKING:
    from enum import IntEnum

    from tap_precoro.filters.list_filter import Reader

LINKED = ("sent_to_external", "externalIntegrated")
APPROVAL = ("approvalLeftDate", "approvalRightDate")
CREATION = ("createDate[left_date]", "createDate[right_date]")

_NUMBER = Field("number", Kind.INTEGER)
_DATE = Field("date", Kind.MOMENT)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"[T ][0-9]{2}:.+")
_WIDEST_ZONE = timedelta(hours=14)


def among(place: Place, key: str, chosen: Mapping[int, str]) -> ListFilter:
    """Rows with one of these numbers, each with its word."""
    known = place.resource.by_name[key]

    def obeys(shown: Any) -> bool | None:
        number = known.read(shown)
        return None if number is None else number in chosen

    params = tuple((place.spelling(key), str(number)) for number in chosen)
    words = f"{place.name} {listed(chosen.values(), 'or')}"
    return ListFilter(params, (Check(words, in_field(key, obeys)),))


def status(place: Place, value: Any) -> ListFilter:
    """States of documents or suppliers, by name or number."""
    resource = place.resource
    names: type[IntEnum] | None = DocumentStatus if resource.lines else None
    if resource.name == "suppliers":
        names = SupplierStatus
    # Only these numbers are proven; other documents may know more.
    proven = resource.name == "suppliers" or is_invoice(resource)
    words = {int(each): _in_words(each) for each in names or ()}
    chosen: dict[int, str] = {}
    for one in many_of(place, value):
        number = whole(one)
        if number is None or (proven and number not in words):
            number = _status_named(place, one, names, proven=proven)
        chosen[number] = words.get(number, str(number))
    return among(place, "status", chosen)


def _status_named(place: Place, given: Any, names: type[IntEnum] | None, *, proven: bool) -> int:
    if names is None:
        raise place.wrong(
            f"takes a number or a list of them, not {in_short(given)}; what the states of "
            f"{place.resource.name} are called is unknown."
        )
    for name, status in names.__members__.items():
        if isinstance(given, str) and fold(given) == fold(name):
            return int(status)
    if isinstance(given, str) and "," in given:
        many = json.dumps([one.strip() for one in given.split(",")])
        raise place.wrong(f"{in_short(given)} is no status. Write several as a list: {many}.")
    near = nearest(str(given), map(_in_words, names))
    known = listed(f"{_in_words(each)} ({int(each)})" for each in names)
    others = "" if proven else "; other numbers are sent as they are"
    raise place.wrong(f"{in_short(given)} is no status.{near} There are {known}{others}.")


def _in_words(status: IntEnum) -> str:
    return status.name.lower().replace("_", " ")


def period(key: str, left: str, right: str, *, days: bool) -> Reader:
    """A window of the date `key`; of whole days in UTC, or of moments."""

    def read(place: Place, value: Any) -> ListFilter:
        takes = 'takes {"from": …, "to": …}, or one of both'
        if not isinstance(value, Mapping):
            raise place.wrong(f"{takes}, not {in_short(value)}.")
        for side in value:
            if side not in ("from", "to"):
                near = nearest(str(side), ("from", "to"))
                raise place.wrong(f"{takes}, not {in_short(side)}.{near}")
        given = {side: value[side] for side in ("from", "to") if value.get(side) is not None}
        edges = {side: _edge(place, side, one) for side, one in given.items()}
        if not edges:
            raise place.wrong(f"{takes}; here is neither.")
        since, until = edges.get("from"), edges.get("to")
        if since and until and since > until:
            raise place.wrong(f"'from' ({given['from']}) is after 'to' ({given['to']}).")
        spelled = {"from": place.spelling(left), "to": place.spelling(right)}
        write = _day if days else filter_moment
        params = tuple((spelled[side], write(edge)) for side, edge in edges.items())
        words = " ".join([place.name, *(f"{side} {one}" for side, one in given.items())])
        obeys = _inside(since, until, days=days, needed=key == "approvalDate")
        return ListFilter(params, (Check(words, in_field(key, obeys)),))

    return read


def _inside(
    since: datetime | None, until: datetime | None, *, days: bool, needed: bool
) -> Callable[[Any], bool | None]:
    """Whether a date lies in a window; where it is `needed`, none at all does not.

    Nothing says in which zone the API begins a day, so days reach as far as the widest one.
    """
    slack = timedelta(0)
    if days:
        slack = _WIDEST_ZONE
        since = since and since.replace(hour=0, minute=0, second=0)
        until = until and until.replace(hour=23, minute=59, second=59)

    def obeys(shown: Any) -> bool | None:
        read = _DATE.read(shown)
        if read is None:
            return False if needed else None
        moment = datetime.fromisoformat(read).replace(microsecond=0)
        early = since is not None and since - moment > slack
        return not early and (until is None or moment - until <= slack)

    return obeys


def _edge(place: Place, side: str, given: Any) -> datetime:
    """A moment in UTC, in whole seconds; the last of its day where `to` is a date."""
    text = str(given).strip()  # of a date as YAML reads it, too
    whole_day = _DAY.fullmatch(text)
    try:
        moment = _DATE.read(text) if whole_day or _MOMENT.fullmatch(text) else None
    except Misfit:
        moment = None
    if moment is None:
        example = "a date such as 2025-01-31, or a moment such as 2025-01-31T12:00:00"
        raise place.wrong(f"{side!r} takes {example}, not {in_short(given)}.")
    read = datetime.fromisoformat(moment).replace(microsecond=0)
    return read.replace(hour=23, minute=59, second=59) if side == "to" and whole_day else read


def _day(moment: datetime) -> str:
    return f"{moment.day:02}.{moment.month:02}.{moment.year:04}"


def supplier(place: Place, value: Any) -> ListFilter:
    """Suppliers, by id."""
    chosen = dict.fromkeys(numbers(place, value))

    def obeys(shown: Any) -> bool | None:
        inner = unwrap(shown)
        if not inner:
            return False
        key = _NUMBER.read(inner.get("id")) if isinstance(inner, dict) else None
        return None if key is None else key in chosen

    params = tuple((place.spelling("supplier"), str(key)) for key in chosen)
    words = f"{place.name} {listed(map(str, chosen), 'or')}"
    return ListFilter(params, (Check(words, in_field("supplier", obeys)),))


def external_linked(place: Place, value: Any) -> ListFilter:
    """Rows with an external id, or without one."""
    wanted = flag(place, value)
    param = place.spelling(*LINKED)
    return ListFilter(((param, "1" if wanted else "0"),), (linked(place, wanted=wanted),))


def linked(place: Place, *, wanted: bool) -> Check:
    """How a row shows whether it is linked; to have an accounting program's id is a link, too."""
    known = place.resource.by_name["externalId"]

    def shows(row: Mapping[str, Any]) -> bool | None:
        if any(unwrap(row.get(name)) for name in LINKED_ELSEWHERE):
            return True
        return bool(known.read(row[known.name])) if known.name in row else None

    def free(shown: Any) -> bool:
        return not known.read(shown)

    words = f"{place.name} {'true' if wanted else 'false'}"
    return Check(words, shows if wanted else in_field(known.name, free))


def enabled(place: Place, value: Any) -> ListFilter:
    """Rows that are enabled, or disabled."""
    wanted = flag(place, value)
    known = place.resource.by_name["enable"]

    def obeys(shown: Any) -> bool | None:
        read = known.read(shown)
        return None if read is None else read is wanted

    words = f"{place.name} {'true' if wanted else 'false'}"
    check = Check(words, in_field(known.name, obeys))
    return ListFilter(((place.spelling(known.name), "1" if wanted else "0"),), (check,))


def attached_file(place: Place, value: Any) -> ListFilter:
    """Documents with files."""
    flag(place, value, only=True)

    def obeys(shown: Any) -> bool | None:
        files = unwrap(shown)
        return bool(files) if isinstance(files, list) else None

    check = Check(f"{place.name} true", in_field("attachments", obeys))
    return ListFilter(((place.spelling("attachedFile"), "1"),), (check,))


def waiting_for_approval(place: Place, value: Any) -> ListFilter:
    """Documents that somebody is to approve."""
    flag(place, value, only=True)
    known = place.resource.by_name["status"]
    # Of other documents one number is known to mean the same.
    over = DocumentStatus.over() if is_invoice(place.resource) else {DocumentStatus.APPROVED}

    def obeys(shown: Any) -> bool | None:
        number = known.read(shown)
        if number in over:
            return False
        return True if number in DocumentStatus.waiting() else None

    check = Check(f"{place.name} true", in_field(known.name, obeys))
    return ListFilter(((place.spelling("waitingForapprove"), "yes"),), (check,))


def logic_type(place: Place, value: Any) -> ListFilter:
    """Kinds of invoices, by number."""
    return among(place, "logicType", {kind: str(kind) for kind in numbers(place, value)})
