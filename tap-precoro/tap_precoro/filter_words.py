"""The filters that there are: what each sends, and what it sees in a row.

The API seems to ignore a filter that it does not know, and then answers everything; so a filter
also knows how a row shows that it was not obeyed. What each list takes stands in the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api.encoding import filter_moment, scalar
from precoro_api.enums import DocumentStatus, SupplierStatus
from precoro_api.fields import Field, Kind, Misfit, unwrap

from tap_precoro.list_filter import (
    Check,
    ListFilter,
    Place,
    about_of,
    flag,
    fold,
    in_short,
    listed,
    many_of,
    nearest,
    numbers,
    whole,
)

if TYPE_CHECKING:
    from enum import IntEnum

    from precoro_api import Resource

    from tap_precoro.list_filter import Reader

__all__ = ["OWNED", "WORDS", "Word"]

_NUMBER = Field("number", Kind.INTEGER)
_DATE = Field("date", Kind.MOMENT)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"[T ][0-9]{2}:.+")
_WIDEST_ZONE = timedelta(hours=14)


def _among(place: Place, key: str, chosen: Mapping[int, str]) -> ListFilter:
    """Rows with one of these numbers, each with its word."""
    known = place.resource.by_name[key]

    def breaks(shown: Any) -> bool:
        number = known.read(shown)
        return number is not None and number not in chosen

    params = tuple((place.spelling(key), str(number)) for number in chosen)
    words = f"{place.name} {listed(chosen.values(), 'or')}"
    return ListFilter(params, (Check(words, key, breaks),))


def _status(place: Place, value: Any) -> ListFilter:
    resource = place.resource
    names: type[IntEnum] | None = DocumentStatus if resource.lines else None
    if resource.name == "suppliers":
        names = SupplierStatus
    # Only these numbers are proven; other documents may know more.
    proven = resource.name == "suppliers" or "invoices" in (resource.name, resource.alias_of)
    words = {int(status): _in_words(status) for status in names or ()}
    chosen: dict[int, str] = {}
    for one in many_of(place, value):
        number = whole(one)
        if number is None or (proven and number not in words):
            number = _status_named(place, one, names, proven=proven)
        chosen[number] = words.get(number, str(number))
    return _among(place, "status", chosen)


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


def _period(key: str, left: str, right: str, *, days: bool) -> Reader:
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
        breaks = _outside(since, until, days=days, needed=key == "approvalDate")
        return ListFilter(params, (Check(words, key, breaks),))

    return read


def _outside(
    since: datetime | None, until: datetime | None, *, days: bool, needed: bool
) -> Callable[[Any], bool]:
    """Whether a date lies outside a window; `needed` tells what is said of none at all.

    Nothing says in which zone the API begins a day, so days reach as far as the widest one.
    """
    slack = timedelta(0)
    if days:
        slack = _WIDEST_ZONE
        since = since and since.replace(hour=0, minute=0, second=0)
        until = until and until.replace(hour=23, minute=59, second=59)

    def breaks(shown: Any) -> bool:
        read = _DATE.read(shown)
        if read is None:
            return needed
        moment = datetime.fromisoformat(read).replace(microsecond=0)
        early = since is not None and since - moment > slack
        return early or (until is not None and moment - until > slack)

    return breaks


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


def _supplier(place: Place, value: Any) -> ListFilter:
    chosen = dict.fromkeys(numbers(place, value))

    def breaks(shown: Any) -> bool:
        inner = unwrap(shown)
        if not inner:
            return True
        key = _NUMBER.read(inner.get("id")) if isinstance(inner, dict) else None
        return key is not None and key not in chosen

    params = tuple((place.spelling("supplier"), str(key)) for key in chosen)
    words = f"{place.name} {listed(map(str, chosen), 'or')}"
    return ListFilter(params, (Check(words, "supplier", breaks),))


def _external_linked(place: Place, value: Any) -> ListFilter:
    linked = flag(place, value)
    known = place.resource.by_name["externalId"]
    # What a row with a link carries is not evidenced; one without has no external id.
    check = Check(f"{place.name} false", known.name, lambda shown: bool(known.read(shown)))
    param = place.spelling(*WORDS[place.name].params)
    return ListFilter(((param, "1" if linked else "0"),), () if linked else (check,))


def _enabled(place: Place, value: Any) -> ListFilter:
    wanted = flag(place, value)
    known = place.resource.by_name["enable"]
    words = f"{place.name} {'true' if wanted else 'false'}"
    check = Check(words, known.name, lambda shown: known.read(shown) is (not wanted))
    return ListFilter(((place.spelling(known.name), "1" if wanted else "0"),), (check,))


def _attached_file(place: Place, value: Any) -> ListFilter:
    flag(place, value, only=True)
    check = Check(f"{place.name} true", "attachments", lambda shown: unwrap(shown) == [])
    return ListFilter(((place.spelling("attachedFile"), "1"),), (check,))


def _waiting_for_approval(place: Place, value: Any) -> ListFilter:
    flag(place, value, only=True)
    known = place.resource.by_name["status"]
    done = int(DocumentStatus.APPROVED)  # the one number that means the same on all documents
    check = Check(f"{place.name} true", known.name, lambda shown: known.read(shown) == done)
    return ListFilter(((place.spelling("waitingForapprove"), "yes"),), (check,))


def _logic_type(place: Place, value: Any) -> ListFilter:
    return _among(place, "logicType", {kind: str(kind) for kind in numbers(place, value)})


def _params(place: Place, value: Any) -> ListFilter:
    """Parameters as they are, unless the tap sends them itself."""
    if not isinstance(value, Mapping):
        raise place.wrong(f"takes an object of parameters and values, not {in_short(value)}.")
    params = []
    for key, given in value.items():
        inside = Place(place.resource, f"{place.name}.{key}")
        owned = OWNED.get(about_of(str(key)))
        if owned or not str(key).strip():
            raise inside.wrong(owned or "a parameter needs a name.")
        for one in () if given is None else many_of(inside, given):
            if not isinstance(one, (str, bool, int, float, Decimal)):
                raise inside.wrong(f"takes texts, numbers and flags, not {in_short(one)}.")
            try:
                params.append((str(key), scalar(one)))
            except ValueError as problem:
                raise inside.wrong(f"{problem}.") from None
    return ListFilter(tuple(params))


@dataclass(frozen=True)
class Word:
    """A filter: the API's parameters behind it, how its value is read, and where it is a guess."""

    params: tuple[str, ...]
    read: Reader
    guess: Callable[[Resource], bool] = lambda _: False

    def takes(self, resource: Resource) -> bool:
        """Whether a list takes it; not where the list sets the parameter itself."""
        own = [known.name for name in self.params if (known := resource.filter(name))]
        free = bool(own) and not resource.selector.keys() & set(own)
        return free or not self.params or self.guess(resource)


_APPROVAL = ("approvalLeftDate", "approvalRightDate")
_CREATION = ("createDate[left_date]", "createDate[right_date]")

WORDS: dict[str, Word] = {
    "status": Word(("status",), _status),
    "approval_date": Word(_APPROVAL, _period("approvalDate", *_APPROVAL, days=False)),
    "create_date": Word(_CREATION, _period("createDate", *_CREATION, days=True)),
    # A guess for documents, so only for those whose rows show whether it is obeyed.
    "supplier": Word(
        ("supplier",), _supplier, lambda each: bool(each.lines) and "supplier" in each.by_name
    ),
    "external_linked": Word(("sent_to_external", "externalIntegrated"), _external_linked),
    "enabled": Word(("enable",), _enabled),
    "attached_file": Word(("attachedFile",), _attached_file, lambda each: bool(each.lines)),
    "waiting_for_approval": Word(("waitingForapprove",), _waiting_for_approval),
    "logic_type": Word(("logicType",), _logic_type),
    "params": Word((), _params),
}

_PAGES = "the tap turns the pages itself; how large they are is the setting page_size."
OWNED = {
    "modifiedsince": "the tap sends it itself, from the bookmark or the setting start_date.",
    "page": _PAGES,
    "perpage": _PAGES,
}
