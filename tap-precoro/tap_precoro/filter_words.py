"""The filters that there are: what each sends, and what it sees in a row.

The API seems to ignore a filter that it does not know, and then answers everything; so a filter
also knows how a row shows whether it was obeyed. What each list takes stands in the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api import SettingsError
from precoro_api.encoding import filter_moment, scalar
from precoro_api.enums import DocumentStatus, SupplierStatus
from precoro_api.fields import Field, Kind, Misfit, unwrap
from precoro_api.resources import LINKED_ELSEWHERE

from tap_precoro.invoices import is_invoice
from tap_precoro.list_filter import (
    Check,
    ListFilter,
    Place,
    about_of,
    flag,
    fold,
    in_field,
    in_short,
    listed,
    many_of,
    nearest,
    numbers,
    stem_of,
    whole,
)

if TYPE_CHECKING:
    from enum import IntEnum

    from precoro_api import Resource

    from tap_precoro.list_filter import Reader

__all__ = ["OWNED", "WORDS", "Word", "selector_of"]

_NUMBER = Field("number", Kind.INTEGER)
_DATE = Field("date", Kind.MOMENT)
_DOTTED = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r"[T ][0-9]{2}:.+")
_WIDEST_ZONE = timedelta(hours=14)
_LONGEST_WORDS = 80


def _among(place: Place, key: str, chosen: Mapping[int, str]) -> ListFilter:
    """Rows with one of these numbers, each with its word."""
    known = place.resource.by_name[key]

    def obeys(shown: Any) -> bool | None:
        number = known.read(shown)
        return None if number is None else number in chosen

    params = tuple((place.spelling(key), str(number)) for number in chosen)
    words = f"{place.name} {listed(chosen.values(), 'or')}"
    return ListFilter(params, (Check(words, in_field(key, obeys)),))


def selector_of(resource: Resource) -> ListFilter:
    """What a resource that is a part of another one's rows asks for by itself."""
    own = [
        _among(Place(resource, name), stem_of(name), {each: str(each) for each in values})
        for name, values in resource.selector.items()
    ]
    return ListFilter(checks=tuple(check for one in own for check in one.checks))


def _status(place: Place, value: Any) -> ListFilter:
    resource = place.resource
    names: type[IntEnum] | None = DocumentStatus if resource.lines else None
    if resource.name == "suppliers":
        names = SupplierStatus
    # Only these numbers are proven; other documents may know more.
    proven = resource.name == "suppliers" or is_invoice(resource)
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


def _supplier(place: Place, value: Any) -> ListFilter:
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


def _external_linked(place: Place, value: Any) -> ListFilter:
    linked = flag(place, value)
    param = place.spelling(*WORDS["external_linked"].params)
    return ListFilter(((param, "1" if linked else "0"),), (_linked(place, wanted=linked),))


def _linked(place: Place, *, wanted: bool) -> Check:
    """Rows with an external id or without one; that of an accounting program is a link, too."""
    known = place.resource.by_name["externalId"]

    def linked(row: Mapping[str, Any]) -> bool | None:
        if any(unwrap(row.get(name)) for name in LINKED_ELSEWHERE):
            return True
        return bool(known.read(row[known.name])) if known.name in row else None

    def free(shown: Any) -> bool:
        return not known.read(shown)

    words = f"{place.name} {'true' if wanted else 'false'}"
    return Check(words, linked if wanted else in_field(known.name, free))


def _enabled(place: Place, value: Any) -> ListFilter:
    wanted = flag(place, value)
    known = place.resource.by_name["enable"]

    def obeys(shown: Any) -> bool | None:
        read = known.read(shown)
        return None if read is None else read is wanted

    words = f"{place.name} {'true' if wanted else 'false'}"
    check = Check(words, in_field(known.name, obeys))
    return ListFilter(((place.spelling(known.name), "1" if wanted else "0"),), (check,))


def _attached_file(place: Place, value: Any) -> ListFilter:
    flag(place, value, only=True)

    def obeys(shown: Any) -> bool | None:
        files = unwrap(shown)
        return bool(files) if isinstance(files, list) else None

    check = Check(f"{place.name} true", in_field("attachments", obeys))
    return ListFilter(((place.spelling("attachedFile"), "1"),), (check,))


def _waiting_for_approval(place: Place, value: Any) -> ListFilter:
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
    together: dict[str, list[tuple[str, str]]] = {}
    for name, text in params:
        together.setdefault(stem_of(name), []).append((name, text))
    checks = (
        _check_of(Place(place.resource, f"{place.name}.{many[0][0]}"), stem, [v for _, v in many])
        for stem, many in together.items()
    )
    return ListFilter(tuple(params), tuple(checks))


def _check_of(place: Place, stem: str, texts: list[str]) -> Check:
    """How rows show whether a parameter was obeyed: as they do for the filter that sends it."""
    resource = place.resource
    sent_by = (word for word in WORDS.values() if word.takes(resource))
    here = resource.filter(stem) or any(stem in map(stem_of, word.params) for word in sent_by)
    if here and stem in _RAW:
        try:
            return _RAW[stem](place, texts)
        except (SettingsError, KeyError):
            pass  # a value that no filter would send, or a field that no row has
    words = f"{place.name} {listed(texts, 'or')}"
    return Check(words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…")


def _raw_numbers(key: str) -> Callable[[Place, list[str]], Check]:
    def check(place: Place, texts: list[str]) -> Check:
        chosen = {number: str(number) for number in numbers(place, texts)}
        return _among(place, key, chosen).checks[0]

    return check


def _raw_texts(key: str) -> Callable[[Place, list[str]], Check]:
    def check(place: Place, texts: list[str]) -> Check:
        known = place.resource.by_name[key]

        def obeys(shown: Any) -> bool:
            read = known.read(shown)
            return read is not None and str(read) in texts

        return Check(f"{place.name} {in_short(texts)}", in_field(key, obeys))

    return check


def _raw_flag(
    check: Callable[[Place, bool], Check], of: Mapping[str, bool]
) -> Callable[[Place, list[str]], Check]:
    return lambda place, texts: check(place, of[texts[-1]])


def _raw_edge(read: Reader, side: str, *, dotted: bool) -> Callable[[Place, list[str]], Check]:
    """One edge of a period, as the API writes it."""

    def check(place: Place, texts: list[str]) -> Check:
        text = texts[-1]
        if dotted:
            day = _DOTTED.fullmatch(text)
            if day is None:
                raise place.wrong(f"takes a date such as 31.01.2025, not {in_short(text)}.")
            text = "-".join(reversed(day.groups()))
        return read(place, {side: text}).checks[0]

    return check


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

_ONE_OR_NONE = {"1": True, "0": False}
_APPROVED = _period("approvalDate", *_APPROVAL, days=False)
_APPROVED_DAYS = _period("approvalDate", *_APPROVAL, days=True)
_CREATED_DAYS = _period("createDate", *_CREATION, days=True)

_RAW: dict[str, Callable[[Place, list[str]], Check]] = {
    "status": _raw_numbers("status"),
    "logicType": _raw_numbers("logicType"),
    "propositionStatus": _raw_numbers("propositionStatus"),
    "id": _raw_numbers("id"),
    "external_id": _raw_texts("externalId"),
    "supplier": lambda place, texts: _supplier(place, texts).checks[0],
    "sent_to_external": _raw_flag(
        lambda place, wanted: _linked(place, wanted=wanted), _ONE_OR_NONE
    ),
    "externalIntegrated": _raw_flag(
        lambda place, wanted: _linked(place, wanted=wanted), _ONE_OR_NONE
    ),
    "enable": _raw_flag(
        lambda place, wanted: _enabled(place, wanted).checks[0],
        {**_ONE_OR_NONE, "true": True, "false": False},
    ),
    "attachedFile": _raw_flag(
        lambda place, wanted: _attached_file(place, wanted).checks[0], {"1": True}
    ),
    "waitingForapprove": _raw_flag(
        lambda place, wanted: _waiting_for_approval(place, wanted).checks[0], {"yes": True}
    ),
    "approvalLeftDate": _raw_edge(_APPROVED, "from", dotted=False),
    "approvalRightDate": _raw_edge(_APPROVED, "to", dotted=False),
    "approvalDate[left_date]": _raw_edge(_APPROVED_DAYS, "from", dotted=True),
    "approvalDate[right_date]": _raw_edge(_APPROVED_DAYS, "to", dotted=True),
    "createDate[left_date]": _raw_edge(_CREATED_DAYS, "from", dotted=True),
    "createDate[right_date]": _raw_edge(_CREATED_DAYS, "to", dotted=True),
}
"""The parameters of `params` that rows can show, each with its values to a check."""

_PAGES = "the tap turns the pages itself; how large they are is the setting page_size."
OWNED = {
    "modifiedsince": "the tap sends it itself, from the bookmark or the setting start_date.",
    "page": _PAGES,
    "perpage": _PAGES,
}
