"""Where the table and the account differ: fields that came or never came, and paths."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from precoro_api.probe.report import Answer, told, untold
from precoro_api.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api.probe.lists import Row
    from precoro_api.resource import Resource

__all__ = ["absent_fields", "path_answer", "unknown_fields"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
_NONE_CAME = "no record came to look at"


def unknown_fields(seen: Sequence[tuple[Resource, Row]]) -> Answer:
    """Fields that came, and that the table does not know."""
    if not seen:
        return untold("unknown_fields", _NONE_CAME)
    unknown: dict[str, set[str]] = {}
    for resource, row in seen:
        names = {name for name in row if name not in resource.by_name and _NAME.fullmatch(name)}
        if names:
            unknown.setdefault(resource.name, set()).update(names)
    return _fields("unknown_fields", unknown)


def absent_fields(
    seen: Sequence[tuple[Resource, Row]], details: Sequence[tuple[Resource, Row]]
) -> Answer:
    """Fields of the table that never came, of what was `seen`; `details` are whole."""
    came: dict[str, tuple[Resource, set[str]]] = {}
    whole = {resource.name for resource, _ in details}
    for resource, row in seen:
        came.setdefault(resource.name, (resource, set()))[1].update(row)
    if not came:
        return untold("absent_fields", _NONE_CAME)
    absent = {
        name: set(resource.by_name) - names
        # What a list lacks may stand in the detail, where there is one.
        for name, (resource, names) in came.items()
        if name in whole or resource.detail is None
    }
    return _fields("absent_fields", {name: names for name, names in absent.items() if names})


def _fields(key: str, found: dict[str, set[str]]) -> Answer:
    many = sum(map(len, found.values()))
    words = "; ".join(f"{name}: {', '.join(sorted(names))}" for name, names in found.items())
    return told(key, many, words, shape={name: sorted(names) for name, names in found.items()})


def path_answer(paths: Mapping[str, str]) -> Answer:
    """Which lists answered, and which did not."""
    many = Counter(paths.values())
    listed = sum(1 for each in RESOURCES if each.list and not each.parent and not each.alias_of)
    if not many:
        return untold("paths", "none was asked")
    odd = [f"{name} {said}" for name, said in paths.items() if said != "answers"]
    detail = ", ".join(odd) or "no list refused"
    detail += f"; {listed - len(paths)} lists were not asked"
    return told("paths", f"{many['answers']} of {len(paths)}", detail, shape=paths)
