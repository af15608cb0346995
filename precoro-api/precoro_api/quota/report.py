"""What is used and left of a budget, for people and programs to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api.quota.windows import LENGTHS, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api.quota.windows import Book, Limits

__all__ = ["report_of"]


def report_of(book: Book, limits: Limits, use: Mapping[str, int], now: float) -> dict[str, Any]:
    """`windows` by kind: limit, used, left, resets_at; `blocked` limiters by when they open; `use`.

    Moments are epoch seconds.
    """
    windows = {}
    for kind, length in LENGTHS.items():
        window = book.windows.get(kind, Window()).at(now, length)
        limit = limits.of(kind)
        windows[kind] = {
            "limit": limit,
            "used": window.used,
            "left": None if limit is None else max(0, limit - window.used),
            "resets_at": window.start + length,
        }
    return {
        "windows": windows,
        "blocked": {name: until for name, until in book.blocks.items() if until > now},
        "use": dict(use),
    }
