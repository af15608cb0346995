"""One page of a list, and whether another follows.

The API has two dialects of `meta.pagination`: `has_next_page`, and the older
`current_page`/`total_pages`; `/legalentities` has no `meta` at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["MAX_PAGE", "PAGE_SIZES", "Page", "page_of"]

PAGE_SIZES = (10, 20, 50, 100, 200)
MAX_PAGE = max(PAGE_SIZES)


@dataclass(frozen=True)
class Page:
    """Rows of page `number`; `total` and `total_pages` where the API tells them.

    `asked_at` is the server's clock when it read the rows, or a little before.
    """

    rows: tuple[dict[str, Any], ...]
    number: int
    has_next: bool
    total: int | None = None
    total_pages: int | None = None
    asked_at: datetime | None = None

    def holding(self, rows: Iterable[dict[str, Any]]) -> Page:
        """The same page with only these of its rows."""
        return replace(self, rows=tuple(rows))


def page_of(
    answer: object, asked: int, asked_at: datetime | None = None, size: int | None = None
) -> Page:
    """The page in a list's answer. Raises ValueError with the reason where there is none.

    `size` is that of a whole page: without `meta`, just as many rows may not be all.
    """
    if not isinstance(answer, dict) or "data" not in answer:
        raise ValueError("the answer has no `data`")
    rows = answer["data"] or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("`data` is not a list of records")
    meta = answer.get("meta")
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    if not isinstance(pagination, dict):
        return Page(tuple(rows), asked, has_next=len(rows) == size, asked_at=asked_at)
    current = _count(pagination.get("current_page"))
    if current is not None and current != asked and rows:
        raise ValueError(f"page {asked} was asked, page {current} came")
    total_pages = _count(pagination.get("total_pages"))
    if isinstance(pagination.get("has_next_page"), bool):
        has_next = pagination["has_next_page"]
    else:
        has_next = total_pages is not None and asked < total_pages
    return Page(
        tuple(rows),
        asked,
        has_next=has_next and bool(rows),
        total=_count(pagination.get("total")),
        total_pages=total_pages,
        asked_at=asked_at,
    )


def _count(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
