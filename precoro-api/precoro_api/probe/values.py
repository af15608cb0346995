"""What rows give away by the types of their values, and by how split invoices are marked."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind, unwrap
from precoro_api.probe.report import Answer, private, told, untold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from precoro_api.probe.lists import Row
    from precoro_api.resource import Resource

__all__ = ["value_answers"]


def value_answers(seen: Sequence[tuple[Resource, Row]]) -> list[Answer]:
    """Types of numbers, external ids and nested objects, and the marks of split invoices."""
    return [
        _idn_type(seen),
        _external_id_type(seen),
        _sum_paid(seen),
        _empty_nested(seen),
        _nested_objects(seen),
        *_split([row for resource, row in seen if resource.name == "invoices"]),
    ]


# Types


def _idn_type(seen: Iterable[tuple[Resource, Row]]) -> Answer:
    values = (row.get("idn") for resource, row in seen if resource.number)
    types = Counter("integer" if isinstance(each, int) else "string" for each in values if each)
    return _one_of("idn_type", types, "no document came")


def _external_id_type(seen: Iterable[tuple[Resource, Row]]) -> Answer:
    types: Counter[str] = Counter()
    others = 0
    for _, row in seen:
        value = row.get("externalId")
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            types["number"] += 1
        elif isinstance(value, str) and value.isascii() and value.isdecimal():
            types["string"] += 1
        elif value:
            others += 1
    why = f"of {others} external ids seen, none looks like a number" if others else "none came"
    return _one_of("external_id_type", types, why)


def _one_of(key: str, found: Counter[str], why: str) -> Answer:
    if not found:
        return untold(key, why)
    detail = ", ".join(f"{name} {many} times" for name, many in found.most_common())
    return told(key, found.most_common(1)[0][0], detail)


def _sum_paid(seen: Iterable[tuple[Resource, Row]]) -> Answer:
    found: dict[str, str] = {}
    for resource, row in seen:
        value = row.get("sumPaid")
        if value is not None and resource.name in ("invoices", "expenses"):
            found[resource.name] = "text" if isinstance(value, str) else "number"
    if not found:
        return untold("sum_paid_type", "no invoice and no expense came")
    words = ", ".join(f"{kind} on {name}" for name, kind in found.items())
    if len(found) == 1:
        return private("sum_paid_type", words, "the other did not come")
    kinds = (found["invoices"], found["expenses"])
    value = {("text", "number"): "as_seen", ("number", "text"): "swapped"}.get(kinds, kinds[0])
    return told("sum_paid_type", value, words)


def _empty_nested(seen: Iterable[tuple[Resource, Row]]) -> Answer:
    found: Counter[str] = Counter()
    for value in _objects(seen):
        if value is None:
            found["null"] += 1
        elif value in ([], {}, ""):
            found["list" if value == [] else "object" if value == {} else "text"] += 1
    return _one_of("empty_nested", found, "no record came to look at")


def _nested_objects(seen: Iterable[tuple[Resource, Row]]) -> Answer:
    found = Counter(
        "wrapped" if value.keys() == {"data"} else "bare"
        for value in _objects(seen)
        if isinstance(value, dict) and value
    )
    return _one_of("nested_objects", found, "no record with a nested object came")


def _objects(seen: Iterable[tuple[Resource, Row]]) -> Iterable[Any]:
    for resource, row in seen:
        for name, value in row.items():
            known = resource.by_name.get(name)
            if known is not None and known.kind is Kind.OBJECT:
                yield value


# Split invoices


_MARKERS: dict[str, Callable[[Row], bool]] = {
    "parentData": lambda row: bool(unwrap(row.get("parentData"))),
    "parentIdn": lambda row: row.get("parentIdn") not in (None, "", 0, [], {}),
    # 10 is said to mark the parent itself.
    "splitIndex": lambda row: str(row.get("splitIndex") or 0) not in ("0", "10"),
}


def _split(invoices: Sequence[Row]) -> list[Answer]:
    for marker, marks in _MARKERS.items():
        children = [row for row in invoices if marks(row)]
        if children:
            detail = f"{len(children)} children of split invoices came"
            return [told("split_marker", marker, detail), _split_idn(marker, children, invoices)]
    why = "no child of a split invoice came" if invoices else "no invoice came"
    return [untold("split_marker", why), untold("split_idn", why)]


def _split_idn(marker: str, children: Sequence[Row], invoices: Sequence[Row]) -> Answer:
    found: Counter[str] = Counter()
    carriers: dict[str, set[Any]] = {}
    for row in invoices:
        carriers.setdefault(str(row.get("idn")), set()).add(row.get("id"))
    for row in children:
        idn = str(row.get("idn"))
        data = unwrap(row.get("parentData"))
        if marker == "splitIndex":
            shared = len(carriers[idn]) > 1
        elif marker == "parentIdn":
            shared = idn == str(row["parentIdn"])
        else:
            shared = isinstance(data, dict) and idn == str(data.get("idn"))
        found["shared" if shared else "distinct"] += 1
    if marker == "splitIndex" and found["shared"]:  # a page's edge may part a family
        return told("split_idn", "shared", f"{found['shared']} children do")
    return _one_of("split_idn", found, "")
