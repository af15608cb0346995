"""One list's filter: what it sends, and how rows show whether it was obeyed.

Beside it, what the filters of the settings have in common: their place, their values, and words
for what is wrong with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from precoro_api import RESOURCES, SettingsError
from precoro_api.fields import Field, Kind, Misfit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from precoro_api import Resource

__all__ = [
    "Check",
    "ListFilter",
    "Place",
    "Reader",
    "about_of",
    "flag",
    "fold",
    "in_field",
    "in_short",
    "listed",
    "many_of",
    "nearest",
    "numbers",
    "stem_of",
    "whole",
]

_LONGEST_SHOWN = 60
_NUMBER = Field("number", Kind.INTEGER)


@dataclass(frozen=True)
class Check:
    """How a row shows whether a filter, put in `words`, was obeyed.

    `judge` answers None for a row that tells nothing; without it no row tells anything.
    """

    words: str
    judge: Callable[[Mapping[str, Any]], bool | None] | None = None

    def obeyed_by(self, row: Mapping[str, Any]) -> bool | None:
        """What the row shows; a value of another nature than its field's tells nothing."""
        try:
            return self.judge(row) if self.judge else None
        except Misfit:
            return None


def in_field(name: str, judge: Callable[[Any], bool | None]) -> Callable[..., bool | None]:
    """What one field of a row shows; a row without it tells nothing."""

    def of(row: Mapping[str, Any]) -> bool | None:
        return judge(row[name]) if name in row else None

    return of


@dataclass(frozen=True)
class ListFilter:
    """The query parameters of a list, in the API's spelling, and the checks of its rows."""

    params: tuple[tuple[str, str], ...] = ()
    checks: tuple[Check, ...] = field(default=(), compare=False, repr=False)

    def broken_by(self, row: Mapping[str, Any]) -> str | None:
        """The first filter, in words, that this row of the API shows not to be obeyed."""
        return next((each.words for each in self.checks if each.obeyed_by(row) is False), None)

    def unverified_by(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """The filters, in words, of which none of these rows shows that it was obeyed."""
        seen = [*rows]
        return [check.words for check in self.checks if not any(map(check.obeyed_by, seen))]


@dataclass(frozen=True)
class Place:
    """A filter's place in the settings."""

    resource: Resource
    name: str

    def wrong(self, why: str) -> SettingsError:
        """The error that names the place."""
        return SettingsError(f"filters.{self.resource.name}.{self.name}: {why}")

    def spelling(self, *names: str) -> str:
        """A parameter as the table has it; for a guess, as another list has it."""
        lists = (self.resource, *RESOURCES)
        return next(known.name for each in lists for name in names if (known := each.filter(name)))


Reader = Callable[[Place, Any], ListFilter]


# Names, and what is said of wrong ones


def fold(name: str) -> str:
    """A name without what people write differently: case, spaces, `_` and `-`."""
    return re.sub(r"[\s_-]", "", name).lower()


def about_of(name: str) -> str:
    """What a parameter is about: `approvaldate` of `approvalDate[left_date]`."""
    return fold(name.partition("[")[0])


def stem_of(name: str) -> str:
    """A parameter as PHP reads it: `status[]` and `status[0]` are `status`."""
    return re.sub(r"\[[0-9]*\]$", "", name)


def nearest(wrong: str, names: Iterable[str]) -> str:
    """The question whether the most similar name was meant; "" where none is similar."""
    folded = {fold(name): name for name in names}
    close = get_close_matches(fold(wrong), folded, n=1)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def listed(words: Iterable[str], last: str = "and") -> str:
    """`one, two and three`."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def in_short(value: object) -> str:
    """A value as it was given, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


# Values


def many_of(place: Place, value: Any) -> list[Any]:
    """One value or a list of them, as a list. Raises SettingsError for an empty one."""
    many = [*value] if isinstance(value, (list, tuple)) else [value]
    if not many:
        raise place.wrong("an empty list asks for nothing; name a value, or leave it out.")
    return many


def whole(value: object) -> int | None:
    """A whole number, 0 or more; None for anything else."""
    try:
        read: int | None = _NUMBER.read(value)
    except Misfit:
        return None
    return None if read is None or read < 0 else read


def numbers(place: Place, value: Any) -> list[int]:
    """Whole numbers. Raises SettingsError for anything else."""
    read = []
    for one in many_of(place, value):
        number = whole(one)
        if number is None:
            raise place.wrong(f"takes a whole number or a list of them, not {in_short(one)}.")
        read.append(number)
    return read


def flag(place: Place, value: object, *, only: bool | None = None) -> bool:
    """True or false, or the one that the API can be asked for. Raises SettingsError."""
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise place.wrong(f"takes true or false, not {in_short(value)}.")
    read = value in (True, "true")
    if only is not None and read is not only:
        raise place.wrong("takes true only: the API cannot be asked for the others; leave it out.")
    return read
