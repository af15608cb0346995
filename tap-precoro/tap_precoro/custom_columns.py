"""Columns for custom fields, named after them."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COLUMN_PREFIX", "column_names"]

COLUMN_PREFIX = "cf_"
_LONGEST_COLUMN = 60


def column_names(names: Mapping[int, str]) -> dict[int, str]:
    """A column for each field, by id: `cf_` and its name in lower-case ASCII.

    Of those that clash, the lowest id has the plain name and the others end in `_{id}`. They are
    named in the order of ids, so that a new field changes the column of none before it.
    """
    columns: dict[int, str] = {}
    taken: set[str] = set()
    for field_id in sorted(names):
        plain = COLUMN_PREFIX + (_folded(names[field_id]) or str(field_id))
        ending = ""
        while (column := _cut(plain, ending)) in taken:
            ending += f"_{field_id}"
        columns[field_id] = column
        taken.add(column)
    return columns


def _folded(name: str) -> str:
    """A name without accents, in lower case, one underscore for whatever is no ASCII letter."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return re.sub(r"[^a-z0-9]+", "_", bare).strip("_")


def _cut(plain: str, ending: str) -> str:
    return plain[: _LONGEST_COLUMN - len(ending)].rstrip("_") + ending
