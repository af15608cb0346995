"""The filters that there are. What each list takes stands in the table of resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_precoro.filters.list_filter import ListFilter, Place, stem_of
from tap_precoro.filters.values import (
    APPROVAL,
    CREATION,
    LINKED,
    among,
    attached_file,
    enabled,
    external_linked,
    logic_type,
    period,
    status,
    supplier,
    waiting_for_approval,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from precoro_api import Resource

    from tap_precoro.filters.list_filter import Reader

__all__ = ["WORDS", "Word", "selector_of"]


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


WORDS: dict[str, Word] = {
    "status": Word(("status",), status),
    "approval_date": Word(APPROVAL, period("approvalDate", *APPROVAL, days=False)),
    "create_date": Word(CREATION, period("createDate", *CREATION, days=True)),
    # A guess for documents, so only for those whose rows show whether it is obeyed.
    "supplier": Word(
        ("supplier",), supplier, lambda each: bool(each.lines) and "supplier" in each.by_name
    ),
    "external_linked": Word(LINKED, external_linked),
    "enabled": Word(("enable",), enabled),
    "attached_file": Word(("attachedFile",), attached_file, lambda each: bool(each.lines)),
    "waiting_for_approval": Word(("waitingForapprove",), waiting_for_approval),
    "logic_type": Word(("logicType",), logic_type),
}


def selector_of(resource: Resource) -> ListFilter:
    """What a resource that is a part of another one's rows asks for by itself."""
    own = [
        among(Place(resource, name), stem_of(name), {each: str(each) for each in values})
        for name, values in resource.selector.items()
    ]
    return ListFilter(checks=tuple(check for one in own for check in one.checks))
