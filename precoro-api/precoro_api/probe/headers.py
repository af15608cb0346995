"""What the headers of answers give away: the server, its clock, and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_api.probe.asking import keys_of
from precoro_api.probe.report import Answer, private, told, untold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_api.probe.asking import Reply

__all__ = ["clock_answer", "header_answer", "limit_answer"]

_OF_INTEREST = ("server", "content-type", "x-powered-by", "via", "retry-after")
_SHOWN = 60


def header_answer(replies: Sequence[Reply]) -> Answer:
    """The headers that tell of the server and of its limits."""
    found: dict[str, str] = {}
    for reply in replies:
        for name, text in reply.headers.items():
            if name in _OF_INTEREST or "ratelimit" in name.replace("-", ""):
                found.setdefault(name, text[:_SHOWN])
    if not found:
        return untold("headers", "none of them came")
    words = ", ".join(f"{name}: {found[name]}" for name in sorted(found))
    return told("headers", words, shape=sorted(found))


def clock_answer(offset: float | None) -> Answer:
    """How far the server's clock is ahead."""
    if offset is None:
        return untold("clock", "no answer carried a Date header")
    way = "ahead" if offset >= 0 else "behind"
    return private("clock", f"{abs(offset):.0f} s {way}", "to the second, as Date is")


def limit_answer(limited: Sequence[Reply]) -> Answer:
    """How a 429 looked, if there was one."""
    if not limited:
        return untold("limit_answer", "no limit was reached, and none was sought")
    reply = limited[0]
    if isinstance(reply.value, dict) and "RateLimit-Retry-After" in reply.value:
        return told("limit_answer", "body", keys_of(reply.value))
    if any(name in reply.headers for name in ("ratelimit-retry-after", "retry-after")):
        return told("limit_answer", "headers")
    kind = "html" if "html" in reply.headers.get("content-type", "") else "empty"
    return told("limit_answer", kind if kind == "html" or not reply.size else "other")
