"""Filters: which rows a list is asked for, in the user's words, and whether rows obey them.

The API seems to ignore a filter that it does not know, and then answers everything; so a filter
also knows how a row shows that it was not obeyed. What each list takes stands in the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, RESOURCES, SettingsError
from precoro_api.encoding import filter_moment, scalar
from precoro_api.enums import DocumentStatus, SupplierStatus
from precoro_api.fields import Field, Kind, Misfit, unwrap
from precoro_api.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import IntEnum

    from precoro_api import Resource

__all__ = ["FILTERS", "Check", "ListFilter", "filters_of"]

FILTERS = Setting(
    "filters",
    "object",
    "Filters",
    "Which rows of a list to ask for, by stream, so that the others cost no request, such as "
    '`{"invoices": {"status": ["approved", "paid"], "approval_date": {"from": "2025-01-01"}}}`. '
    "Details and lines follow their list.",
)

_LONGEST_SHOWN = 60
_NUMBER = Field("number", Kind.INTEGER)
_DATE = Field("date", Kind.MOMENT)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"[T ][0-9]{2}:.+")
_WIDEST_ZONE = timedelta(hours=14)


@dataclass(frozen=True)
class Check:
    """How a row shows in one field that a filter, put in `words`, was not obeyed."""

    words: str
    field: str
    breaks: Callable[[Any], bool]

    def fails(self, row: Mapping[str, Any]) -> bool:
        """Whether the row shows it; a value of another nature than its field's tells nothing."""
        try:
            return self.field in row and self.breaks(row[self.field])
        except Misfit:
            return False


@dataclass(frozen=True)
class ListFilter:
    """The query parameters of a list, in the API's spelling, and the checks of its rows."""

    params: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = field(default=(), compare=False, repr=False)

    def broken_by(self, row: Mapping[str, Any]) -> str | None:
        """The first filter, in words, that this row of the API shows not to be obeyed."""
        return next((check.words for check in self.checks if check.fails(row)), None)


@dataclass(frozen=True)
class _Place:
    """A filter's place in the settings."""

    resource: Resource
    name: str

    def wrong(self, why: str) -> SettingsError:
        return SettingsError(f"filters.{self.resource.name}.{self.name}: {why}")

    def spelling(self, *names: str) -> str:
        """A parameter as the table has it; for a guess, as another list has it."""
        lists = (self.resource, *RESOURCES)
        return next(known.name for each in lists for name in names if (known := each.filter(name)))


_Reader = Callable[[_Place, Any], ListFilter]


def filters_of(config: Mapping[str, Any]) -> dict[str, ListFilter]:
    """The filters of the settings, by resource name.

    Raises SettingsError naming the stream and the filter that is wrong, and the nearest right one.
    """
    given = config.get(FILTERS.name)
    if given is None or (isinstance(given, str) and not given.strip()):
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as problem:
            raise SettingsError(f"filters is a text, but no JSON object: {problem}.") from None
    found = {}
    for stream, chosen in _object(given, "filters", '{"invoices": {"status": "paid"}}').items():
        resource = _list_named(str(stream))
        if chosen is not None:
            words = _object(chosen, f"filters.{stream}", '{"status": "approved"}')
            found[resource.name] = _list_filter(resource, words)
    return found


def _list_named(stream: str) -> Resource:
    known = BY_NAME.get(stream)
    if known and known.parent:
        raise SettingsError(f"filters.{stream}: it is read parent by parent and takes no filters.")
    if known and known.list:
        return known
    for each in RESOURCES:
        if each.lines and stream in (f"{each.name}_details", f"{each.name}_{each.lines}"):
            raise SettingsError(
                f"filters.{stream}: details and lines follow their list; use {each.name!r}."
            )
    lists = {each.name: _taken_by(each) for each in RESOURCES if each.list and not each.parent}
    able = [name for name, taken in lists.items() if len(taken) > 1]
    near = _nearest(stream, lists)
    raise SettingsError(
        f"filters.{stream}: no such list.{near} Lists with filters are {_listed(able)}."
    )


def _list_filter(resource: Resource, chosen: Mapping[str, Any]) -> ListFilter:
    read: dict[str, ListFilter] = {}
    for key, value in chosen.items():
        place = _Place(resource, str(key))
        word = _WORDS.get(place.name)
        if word is None:
            raise _unknown(place)
        if not word.takes(resource):
            raise _not_here(place, place.name)
        if value is not None:
            read[place.name] = word.read(place, value)
    sent = {_stem(name): f"{resource.name} itself" for name in resource.selector}
    for key, one in read.items():
        if key != "params":
            sent |= {_stem(name): f"the filter {key!r}" for name, _ in one.params}
    for name, _ in read.get("params", ListFilter()).params:
        if _stem(name) in sent:
            why = f"{name!r} is sent by {sent[_stem(name)]} already; leave it out."
            raise _Place(resource, "params").wrong(why)
    return ListFilter(
        tuple(param for one in read.values() for param in one.params),
        tuple(check for one in read.values() for check in one.checks),
    )


# Names, and what to say of wrong ones


def _fold(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _stem(name: str) -> str:
    """A parameter as PHP reads it: `status[]` and `status[0]` are `status`."""
    return re.sub(r"\[[0-9]*\]$", "", name)


def _first(name: str) -> str:
    """What a parameter is about: `approvaldate` of `approvalDate[left_date]`."""
    return _fold(name.partition("[")[0])


def _taken_by(resource: Resource) -> list[str]:
    return [name for name, word in _WORDS.items() if word.takes(resource)]


def _unknown(place: _Place) -> SettingsError:
    """What is wrong with a filter's name; it may be the API's own."""
    first = _first(place.name)
    if first in _OWNED:
        return place.wrong(_OWNED[first])
    for ours, word in _WORDS.items():
        if first in {_fold(ours), *map(_fold, word.params)}:
            here = word.takes(place.resource)
            return place.wrong(f"here it is called {ours!r}.") if here else _not_here(place, ours)
    if first in {_first(each.name) for each in place.resource.filters}:
        return place.wrong("this is the API's own name; such parameters go into 'params'.")
    taken = _taken_by(place.resource)
    near = _nearest(place.name, taken)
    return place.wrong(f"no such filter.{near} {place.resource.name} takes {_listed(taken)}.")


def _not_here(place: _Place, ours: str) -> SettingsError:
    able = [each.name for each in RESOURCES if each.list and _WORDS[ours].takes(each)]
    return place.wrong(f"{ours!r} is a filter of {_listed(able)} only.")


def _nearest(wrong: str, names: Iterable[str]) -> str:
    folded = {_fold(name): name for name in names}
    close = get_close_matches(_fold(wrong), folded, n=1)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def _listed(words: Iterable[str], last: str = "and") -> str:
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


# Values


def _object(value: object, where: str, example: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be an object such as {example}, not {_shown(value)}.")
    return value


def _many(place: _Place, value: Any) -> list[Any]:
    many = [*value] if isinstance(value, (list, tuple)) else [value]
    if not many:
        raise place.wrong("an empty list asks for nothing; name a value, or leave it out.")
    return many


def _whole(value: object) -> int | None:
    """A whole number, 0 or more; None for anything else."""
    try:
        read: int | None = _NUMBER.read(value)
    except Misfit:
        return None
    return None if read is None or read < 0 else read


def _numbers(place: _Place, value: Any) -> list[int]:
    numbers = []
    for one in _many(place, value):
        number = _whole(one)
        if number is None:
            raise place.wrong(f"takes a whole number or a list of them, not {_shown(one)}.")
        numbers.append(number)
    return numbers


def _flag(place: _Place, value: object, *, only: bool | None = None) -> bool:
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise place.wrong(f"takes true or false, not {_shown(value)}.")
    read = value in (True, "true")
    if only is not None and read is not only:
        raise place.wrong("takes true only: the API cannot be asked for the others; leave it out.")
    return read


# What each filter sends, and sees in a row


def _among(place: _Place, key: str, chosen: Mapping[int, str]) -> ListFilter:
    """Rows with one of these numbers, each with its word."""
    known = place.resource.by_name[key]

    def breaks(shown: Any) -> bool:
        number = known.read(shown)
        return number is not None and number not in chosen

    params = tuple((place.spelling(key), str(number)) for number in chosen)
    words = f"{place.name} {_listed(chosen.values(), 'or')}"
    return ListFilter(params, (Check(words, key, breaks),))


def _status(place: _Place, value: Any) -> ListFilter:
    resource = place.resource
    names: type[IntEnum] | None = DocumentStatus if resource.lines else None
    if resource.name == "suppliers":
        names = SupplierStatus
    # Only these numbers are proven; other documents may know more.
    proven = resource.name == "suppliers" or "invoices" in (resource.name, resource.alias_of)
    words = {int(status): _in_words(status) for status in names or ()}
    chosen: dict[int, str] = {}
    for one in _many(place, value):
        number = _whole(one)
        if number is None or (proven and number not in words):
            number = _status_named(place, one, names, proven=proven)
        chosen[number] = words.get(number, str(number))
    return _among(place, "status", chosen)


def _status_named(place: _Place, given: Any, names: type[IntEnum] | None, *, proven: bool) -> int:
    if names is None:
        raise place.wrong(
            f"takes a number or a list of them, not {_shown(given)}; what the states of "
            f"{place.resource.name} are called is unknown."
        )
    for name, status in names.__members__.items():
        if isinstance(given, str) and _fold(given) == _fold(name):
            return int(status)
    if isinstance(given, str) and "," in given:
        many = json.dumps([one.strip() for one in given.split(",")])
        raise place.wrong(f"{_shown(given)} is no status. Write several as a list: {many}.")
    near = _nearest(str(given), map(_in_words, names))
    known = _listed(f"{_in_words(each)} ({int(each)})" for each in names)
    others = "" if proven else "; other numbers are sent as they are"
    raise place.wrong(f"{_shown(given)} is no status.{near} There are {known}{others}.")


def _in_words(status: IntEnum) -> str:
    return status.name.lower().replace("_", " ")


def _period(key: str, left: str, right: str, *, days: bool) -> _Reader:
    """A window of the date `key`; of whole days in UTC, or of moments."""

    def read(place: _Place, value: Any) -> ListFilter:
        takes = 'takes {"from": …, "to": …}, or one of both'
        if not isinstance(value, Mapping):
            raise place.wrong(f"{takes}, not {_shown(value)}.")
        for side in value:
            if side not in ("from", "to"):
                near = _nearest(str(side), ("from", "to"))
                raise place.wrong(f"{takes}, not {_shown(side)}.{near}")
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


def _edge(place: _Place, side: str, given: Any) -> datetime:
    """A moment in UTC, in whole seconds; the last of its day where `to` is a date."""
    text = str(given).strip()  # of a date as YAML reads it, too
    whole_day = _DAY.fullmatch(text)
    try:
        moment = _DATE.read(text) if whole_day or _MOMENT.fullmatch(text) else None
    except Misfit:
        moment = None
    if moment is None:
        example = "a date such as 2025-01-31, or a moment such as 2025-01-31T12:00:00"
        raise place.wrong(f"{side!r} takes {example}, not {_shown(given)}.")
    read = datetime.fromisoformat(moment).replace(microsecond=0)
    return read.replace(hour=23, minute=59, second=59) if side == "to" and whole_day else read


def _day(moment: datetime) -> str:
    return f"{moment.day:02}.{moment.month:02}.{moment.year:04}"


def _supplier(place: _Place, value: Any) -> ListFilter:
    chosen = dict.fromkeys(_numbers(place, value))

    def breaks(shown: Any) -> bool:
        inner = unwrap(shown)
        if not inner:
            return True
        key = _NUMBER.read(inner.get("id")) if isinstance(inner, dict) else None
        return key is not None and key not in chosen

    params = tuple((place.spelling("supplier"), str(key)) for key in chosen)
    words = f"{place.name} {_listed(map(str, chosen), 'or')}"
    return ListFilter(params, (Check(words, "supplier", breaks),))


def _external_linked(place: _Place, value: Any) -> ListFilter:
    linked = _flag(place, value)
    known = place.resource.by_name["externalId"]
    # What a row with a link carries is not evidenced; one without has no external id.
    check = Check(f"{place.name} false", known.name, lambda shown: bool(known.read(shown)))
    param = place.spelling(*_WORDS[place.name].params)
    return ListFilter(((param, "1" if linked else "0"),), () if linked else (check,))


def _enabled(place: _Place, value: Any) -> ListFilter:
    wanted = _flag(place, value)
    known = place.resource.by_name["enable"]
    words = f"{place.name} {'true' if wanted else 'false'}"
    check = Check(words, known.name, lambda shown: known.read(shown) is (not wanted))
    return ListFilter(((place.spelling(known.name), "1" if wanted else "0"),), (check,))


def _attached_file(place: _Place, value: Any) -> ListFilter:
    _flag(place, value, only=True)
    check = Check(f"{place.name} true", "attachments", lambda shown: unwrap(shown) == [])
    return ListFilter(((place.spelling("attachedFile"), "1"),), (check,))


def _waiting_for_approval(place: _Place, value: Any) -> ListFilter:
    _flag(place, value, only=True)
    known = place.resource.by_name["status"]
    done = int(DocumentStatus.APPROVED)  # the one number that means the same on all documents
    check = Check(f"{place.name} true", known.name, lambda shown: known.read(shown) == done)
    return ListFilter(((place.spelling("waitingForapprove"), "yes"),), (check,))


def _logic_type(place: _Place, value: Any) -> ListFilter:
    return _among(place, "logicType", {kind: str(kind) for kind in _numbers(place, value)})


def _params(place: _Place, value: Any) -> ListFilter:
    """Parameters as they are, unless the tap sends them itself."""
    if not isinstance(value, Mapping):
        raise place.wrong(f"takes an object of parameters and values, not {_shown(value)}.")
    params = []
    for key, given in value.items():
        inside = _Place(place.resource, f"{place.name}.{key}")
        owned = _OWNED.get(_first(str(key)))
        if owned or not str(key).strip():
            raise inside.wrong(owned or "a parameter needs a name.")
        for one in () if given is None else _many(inside, given):
            if not isinstance(one, (str, bool, int, float, Decimal)):
                raise inside.wrong(f"takes texts, numbers and flags, not {_shown(one)}.")
            try:
                params.append((str(key), scalar(one)))
            except ValueError as problem:
                raise inside.wrong(f"{problem}.") from None
    return ListFilter(tuple(params))


@dataclass(frozen=True)
class _Word:
    """A filter: the API's parameters behind it, how its value is read, and where it is a guess."""

    params: tuple[str, ...]
    read: _Reader
    guess: Callable[[Resource], bool] = lambda _: False

    def takes(self, resource: Resource) -> bool:
        """Whether a list takes it; not where the list sets the parameter itself."""
        own = [known.name for name in self.params if (known := resource.filter(name))]
        free = bool(own) and not resource.selector.keys() & set(own)
        return free or not self.params or self.guess(resource)


_APPROVAL = ("approvalLeftDate", "approvalRightDate")
_CREATION = ("createDate[left_date]", "createDate[right_date]")

_WORDS: dict[str, _Word] = {
    "status": _Word(("status",), _status),
    "approval_date": _Word(_APPROVAL, _period("approvalDate", *_APPROVAL, days=False)),
    "create_date": _Word(_CREATION, _period("createDate", *_CREATION, days=True)),
    # A guess for documents, so only for those whose rows show whether it is obeyed.
    "supplier": _Word(
        ("supplier",), _supplier, lambda each: bool(each.lines) and "supplier" in each.by_name
    ),
    "external_linked": _Word(("sent_to_external", "externalIntegrated"), _external_linked),
    "enabled": _Word(("enable",), _enabled),
    "attached_file": _Word(("attachedFile",), _attached_file, lambda each: bool(each.lines)),
    "waiting_for_approval": _Word(("waitingForapprove",), _waiting_for_approval),
    "logic_type": _Word(("logicType",), _logic_type),
    "params": _Word((), _params),
}

_PAGES = "the tap turns the pages itself; how large they are is the setting page_size."
_OWNED = {
    "modifiedsince": "the tap sends it itself, from the bookmark or the setting start_date.",
    "page": _PAGES,
    "perpage": _PAGES,
}
