"""What tells invoices apart: credit notes, and the children of a split invoice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api.enums import LogicType
from precoro_api.fields import Field, Kind, unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api import Resource

__all__ = ["MARKS", "is_invoice", "is_split", "marks_of"]

MARKS = (
    Field("_is_credit_note", Kind.FLAG),
    Field("_is_split_child", Kind.FLAG),
    Field("_split_parent_idn", Kind.TEXT),
)
"""Columns of ours, so that one condition serves however Precoro marks them."""

_WHOLE, _MAIN = 0, 10
"""`splitIndex` of an invoice that is not split, and of the main part of one that is."""


def is_invoice(resource: Resource) -> bool:
    """Whether the resource holds invoices or credit notes."""
    return "parentData" in resource.by_name


def is_split(row: Mapping[str, Any]) -> bool:
    """Whether an invoice has parts, or is one."""
    index = str(row.get("splitIndex") or _WHOLE)
    return index != str(_WHOLE) or bool(marks_of(row)["_is_split_child"])


def marks_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The marks of one row. A child was told by `splitIndex`, `parentIdn` and `parentData.idn`."""
    parent = unwrap(row.get("parentData"))
    idn = parent.get("idn") if isinstance(parent, dict) else None
    idn = idn or row.get("parentIdn") or None
    index = str(row.get("splitIndex") or _WHOLE)
    child = idn is not None or index not in (str(_WHOLE), str(_MAIN))
    if child and idn is None:
        idn = row.get("idn")  # children carry their parent's
    kind = str(row.get("logicType"))
    return {
        "_is_credit_note": kind in map(str, LogicType.credit_notes()),
        "_is_split_child": child,
        "_split_parent_idn": None if idn is None else str(idn),
    }
