"""What lists give away of their pages and of the order of their rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from precoro_api.probe.lists import order_of, whole_number
from precoro_api.probe.report import Answer, told, untold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_api.probe.lists import Listing

__all__ = ["page_answers"]


def page_answers(listings: Sequence[Listing]) -> list[Answer]:
    """Pagination, sizes of pages, and order."""
    return [
        _pagination(listings),
        _large_pages(listings),
        _default_page_size(listings),
        _order(listings),
    ]


def _pagination(listings: Sequence[Listing]) -> Answer:
    kinds: Counter[str] = Counter()
    keys: dict[str, str] = {}
    for each in listings:
        paging = each.reply.pagination
        if each.resource.paged and each.reply.rows is not None:
            kind = _dialect(paging)
            kinds[kind] += 1
            keys[kind] = ", ".join(map(str, paging or ())) or "no meta.pagination"
    if not kinds:
        return untold("pagination", "no paged list answered")
    kind = kinds.most_common(1)[0][0]
    mixed = "; ".join(f"{name} in {many} lists" for name, many in kinds.items())
    return told("pagination", kind, keys[kind] if len(kinds) == 1 else mixed)


def _dialect(paging: dict[str, Any] | None) -> str:
    if paging is None:
        return "none"
    newer, older = "has_next_page" in paging, "total_pages" in paging
    return "all" if newer and older else "new" if newer else "legacy" if older else "other"


def _large_pages(listings: Sequence[Listing]) -> Answer:
    for each in listings:
        if ("per_page", "200") not in each.params:
            continue
        if each.reply.refused and each.plain:
            return told("per_page_200", "no", f"refused with {each.reply.status}")
        said = whole_number((each.reply.pagination or {}).get("per_page"))
        if len(each.rows) > 100 or said == 200:  # noqa: PLR2004
            return told("per_page_200", "yes", f"{len(each.rows)} rows came")
        if said is not None and not each.whole:
            return told("per_page_200", "no", f"pages of {said} rows came")
    return untold("per_page_200", "no list was long enough to show it")


def _default_page_size(listings: Sequence[Listing]) -> Answer:
    sizes = []
    for each in listings:
        if any(name == "per_page" for name, _ in each.params) or each.reply.rows is None:
            continue
        said = whole_number((each.reply.pagination or {}).get("per_page"))
        if said and len(each.rows) == said:
            return told("default_page_size", said, f"{said} rows came, and it says so")
        if not each.whole and each.rows:
            return told("default_page_size", len(each.rows), "so many rows came, and more follow")
        if said:
            sizes.append(said)
    if sizes:
        return told("default_page_size", sizes[0], "meta says so; no list filled it", inferred=True)
    return untold("default_page_size", "no list asked without per_page told its size")


def _order(listings: Sequence[Listing]) -> Answer:
    possible: set[str] | None = None
    longest: tuple[int, set[str]] = (1, set())
    for each in listings:
        if len(each.rows) < 2 or each.resource.parent:  # noqa: PLR2004
            continue  # options have an order of their own
        fits = order_of(each.rows)
        possible = fits if possible is None else possible & fits
        if len(each.rows) > longest[0]:
            longest = (len(each.rows), fits)
    if possible is None:
        return untold("list_order", "no list of two records or more came")
    if len(possible) == 1:
        return told("list_order", possible.pop(), f"a list of {longest[0]} rows is in it")
    if possible:
        return untold("list_order", f"the rows fit several: {', '.join(sorted(possible))}")
    if len(longest[1]) == 1:
        value = longest[1].pop()
        return told("list_order", value, f"the longest list ({longest[0]} rows); others differ")
    return told("list_order", "other", f"none by id or date in {longest[0]} rows")
