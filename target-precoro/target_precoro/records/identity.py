"""What a record is called, and what the names of many say of their order. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from target_precoro.records.equality import folded
from target_precoro.records.routes import PAYMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from target_precoro.records.outcome import Pending
    from target_precoro.records.wanted import Reference

__all__ = ["circles", "fingerprint", "key_of", "node_of", "place_prefix", "wave_of"]


def key_of(each: Pending) -> str:
    """What names the record for good, as it does itself: its external id, else its other fields."""
    if each.key:
        return each.key
    wanted, path = each.wanted, each.wanted.path
    own = wanted.key
    if own is not None and not path:
        return own
    if own is None and each.route.resource.name == PAYMENTS:
        own = ":".join(str(wanted.values.get(name)) for name in ("sumPaid", "payDate"))
        path = (str(wanted.within),)
    if own is None:
        found = next((n for n in each.route.match_on if wanted.match.get(n) not in (None, "")), "")
        own = f"{found}={_shown(each, found)}" if found else ""
        path = (*path, wanted.within) if wanted.within else path
    return "".join(f"{part}:" for part in path) + own


def _shown(each: Pending, name: str) -> str:
    """What a record is matched by; of private fields what tells it apart."""
    value, known = folded(each.wanted.match[name]), each.route.resource.by_name.get(name)
    return _digest(value) if known is not None and known.private else value


def fingerprint(each: Pending) -> str:
    """Changes with the record, its references and the rules of its stream."""
    wanted, route = each.wanted, each.route
    rules = (route.mode, sorted(route.replaced), sorted(route.cleared), list(route.match_on))
    text = json.dumps([wanted.values, wanted.place, rules], sort_keys=True, default=str)
    return _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def wave_of(todo: Sequence[Pending]) -> tuple[list[Pending], list[Pending]]:
    """Those that may be written now: their references known, and one for each record."""
    wave: list[Pending] = []
    rest: list[Pending] = []
    taken: set[str] = set()
    for each in todo:
        names = _names(each)
        blocked = not taken.isdisjoint(names) or bool(each.wanted.references)
        taken.update(names)
        (rest if blocked else wave).append(each)
    return wave, rest


def _names(each: Pending) -> list[str]:
    """All that may stand for one record of Precoro, once its references are known."""
    wanted, resource = each.wanted, each.route.resource.name
    below = f"{resource}:{place_prefix(each)}"
    if resource == PAYMENTS:  # of one invoice, each changes what remains for the next
        return [f"{below}{key_of(each)}", f"{below}invoice={wanted.values.get('invoice')}"]
    parent = wanted.values.get("parent")
    names = [f"{below}{wanted.key or key_of(each)}"]
    for name, value in (*wanted.match.items(), *wanted.resembles.items()):
        if value not in (None, ""):
            names.append(f"{below}{parent}:{name}={folded(value)}")
    return names


def circles(waiting: Sequence[Pending]) -> dict[tuple[str, str], str]:
    """Those that wait for each other in a circle, with the circle in words."""
    leads = {
        node_of(each): [node_of(each, ref) for ref in each.wanted.references] for each in waiting
    }
    found: dict[tuple[str, str], str] = {}
    for start in leads:
        path: list[tuple[str, str]] = []
        at: tuple[str, str] | None = start
        while at is not None and at not in path:
            path.append(at)
            at = next((node for node in leads[at] if node in leads), None)
        if at == start:
            found[start] = " → ".join(name for _, name in [*path, start])
    return found


def node_of(each: Pending, ref: Reference | None = None) -> tuple[str, str]:
    """A record, or one that it refers to, by resource and name; options by their field, too."""
    resource = ref.resource if ref else each.route.resource.name
    below = place_prefix(each) if resource == each.route.resource.name else ""
    return resource, f"{below}{ref.value if ref else each.wanted.external_id or key_of(each)}"


def place_prefix(each: Pending) -> str:
    """The place of a record, as its names begin."""
    return "".join(f"{value}:" for value in each.wanted.place.values())
