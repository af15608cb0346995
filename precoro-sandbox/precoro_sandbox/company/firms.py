"""Firms: names that never repeat, addresses, telephone numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.words import (
    COUNTRIES,
    FIRST_NAMES,
    HEADS,
    LAST_NAMES,
    SPECIAL_NAMES,
    TRADES,
)

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.words import Country, Place

__all__ = ["FirmNames", "address", "country", "full_name", "one_of", "phone", "postal_code"]

_AREA_CODES = ("212", "312", "415", "503", "614", "713")


def one_of(rng: Random, choices: tuple[str, ...]) -> str:
    """One of the texts; quicker than `rng.choice`, which matters for 100,000 suppliers."""
    return choices[int(rng.random() * len(choices))]


class FirmNames:
    """Draws names of firms that differ from each other, whatever their case and spaces."""

    def __init__(self, taken: set[str] | None = None) -> None:
        """`taken` holds names that are gone already."""
        self._taken = {_plain(name) for name in taken or ()}
        for name, _ in SPECIAL_NAMES:
            self._taken.add(_plain(name))

    def draw(self, rng: Random, country: Country) -> str:
        """A name with an ending of that country."""
        ending = one_of(rng, country.endings)
        tail = ending if ending.startswith(",") else f" {ending}" if ending else ""
        name = f"{one_of(rng, HEADS)} {one_of(rng, TRADES)}{tail}"
        while name.casefold() in self._taken:
            joint = " & " if rng.random() < 0.6 else "-"
            heads = f"{one_of(rng, HEADS)}{joint}{one_of(rng, HEADS)}"
            place = country.places[int(rng.random() * len(country.places))].city
            name = f"{heads} {one_of(rng, TRADES)} {place}{tail}"
        self._taken.add(name.casefold())
        return name


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def country(rng: Random) -> Country:
    """A country; more than half of the firms are at home in the first."""
    if rng.random() < 0.55:
        return COUNTRIES[0]
    return COUNTRIES[1 + int(rng.random() * (len(COUNTRIES) - 1))]


def address(rng: Random, home: Country) -> str:
    """A street of that country and a number."""
    return f"{1 + int(rng.random() * 240)} {one_of(rng, home.streets)}"


def postal_code(rng: Random, place: Place) -> str:
    """A code in the place's pattern."""
    digits = iter(f"{int(rng.random() * 1_000_000):06d}")
    return "".join([next(digits) if letter == "#" else letter for letter in place.postal])


def phone(rng: Random) -> str:
    """A number out of the range that is kept for fiction."""
    return f"+1 {one_of(rng, _AREA_CODES)} 555 01{int(rng.random() * 100):02d}"


def full_name(rng: Random) -> tuple[str, str]:
    """First and last name of a person."""
    return one_of(rng, FIRST_NAMES), one_of(rng, LAST_NAMES)
