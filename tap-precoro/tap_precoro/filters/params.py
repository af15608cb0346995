"""Parameters of the API as they are, under `params`, and how rows show whether they are obeyed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api import SettingsError
from precoro_api.encoding import scalar

from tap_precoro.filters.list_filter import (
    Check,
    ListFilter,
    Place,
    about_of,
    in_field,
    in_short,
    listed,
    many_of,
    numbers,
    stem_of,
)
from tap_precoro.filters.values import (
    APPROVAL,
    CREATION,
    among,
    attached_file,
    enabled,
    linked,
    period,
    supplier,
    waiting_for_approval,
)
from tap_precoro.filters.words import WORDS, Word

if TYPE_CHECKING:
    from tap_precoro.filters.list_filter import Reader

__all__ = ["OWNED", "PARAMS"]

_DOTTED = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")
_LONGEST_WORDS = 80

_PAGES = "the tap turns the pages itself; how large they are is the setting page_size."
OWNED = {
    "modifiedsince": "the tap sends it itself, from the bookmark or the setting start_date.",
    "page": _PAGES,
    "perpage": _PAGES,
}
"""Parameters that are not for others to send, and why."""


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
        return among(place, key, chosen).checks[0]

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


_ONE_OR_NONE = {"1": True, "0": False}
_APPROVED = period("approvalDate", *APPROVAL, days=False)
_APPROVED_DAYS = period("approvalDate", *APPROVAL, days=True)
_CREATED_DAYS = period("createDate", *CREATION, days=True)

_RAW: dict[str, Callable[[Place, list[str]], Check]] = {
    "status": _raw_numbers("status"),
    "logicType": _raw_numbers("logicType"),
    "propositionStatus": _raw_numbers("propositionStatus"),
    "id": _raw_numbers("id"),
    "external_id": _raw_texts("externalId"),
    "supplier": lambda place, texts: supplier(place, texts).checks[0],
    "sent_to_external": _raw_flag(lambda place, wanted: linked(place, wanted=wanted), _ONE_OR_NONE),
    "externalIntegrated": _raw_flag(
        lambda place, wanted: linked(place, wanted=wanted), _ONE_OR_NONE
    ),
    "enable": _raw_flag(
        lambda place, wanted: enabled(place, wanted).checks[0],
        {**_ONE_OR_NONE, "true": True, "false": False},
    ),
    "attachedFile": _raw_flag(
        lambda place, wanted: attached_file(place, wanted).checks[0], {"1": True}
    ),
    "waitingForapprove": _raw_flag(
        lambda place, wanted: waiting_for_approval(place, wanted).checks[0], {"yes": True}
    ),
    "approvalLeftDate": _raw_edge(_APPROVED, "from", dotted=False),
    "approvalRightDate": _raw_edge(_APPROVED, "to", dotted=False),
    "approvalDate[left_date]": _raw_edge(_APPROVED_DAYS, "from", dotted=True),
    "approvalDate[right_date]": _raw_edge(_APPROVED_DAYS, "to", dotted=True),
    "createDate[left_date]": _raw_edge(_CREATED_DAYS, "from", dotted=True),
    "createDate[right_date]": _raw_edge(_CREATED_DAYS, "to", dotted=True),
}
"""The parameters of `params` that rows can show, each with its values to a check."""

PARAMS = Word((), _params)
"""Any parameters, of any list."""
