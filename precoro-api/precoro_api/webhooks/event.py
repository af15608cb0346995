"""One event of a webhook, read from `{"id": 123456, "type": 2, "action": 0, "idn": 5}`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.resources import RESOURCES

if TYPE_CHECKING:
    from precoro_api.resource import Resource

__all__ = ["LONGEST_BODY", "Event", "read_event", "resource_of"]

LONGEST_BODY = 4096
"""Bytes of a body; those that are known have 60."""
_LONGEST_IDN = 100
_LARGEST = 2**63 - 1

_OF_TYPE = {int(each.webhook): each for each in RESOURCES if each.webhook is not None}


def resource_of(kind: int) -> Resource | None:
    """The resource that events of this `type` speak of; None for a type that nobody knows yet."""
    return _OF_TYPE.get(kind)


@dataclass(frozen=True)
class Event:
    """What Precoro told at `at` (epoch seconds): a record was created (action 0) or updated (1)."""

    id: int
    type: int
    action: int
    idn: str | None
    at: float

    @property
    def resource(self) -> Resource | None:
        """The resource that it speaks of, if its type is known."""
        return resource_of(self.type)


def read_event(body: bytes, at: float) -> Event:
    """The event in a body that came at `at`; types and actions that nobody knows are taken.

    Raises ValueError with a reason that holds nothing of the body.
    """
    if len(body) > LONGEST_BODY:
        raise ValueError(f"over {LONGEST_BODY} bytes")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(told, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - bad input, not a bad call
    return Event(
        id=_whole(told, "id"),
        type=_whole(told, "type"),
        action=_whole(told, "action"),
        idn=_idn(told.get("idn")),
        at=at,
    )


def _whole(told: dict[str, Any], key: str) -> int:
    if key not in told:
        raise ValueError(f"without {key}")
    value = told[key]
    # Numbers may come as text, as everywhere in this API.
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise ValueError(f"{key} is no whole number")
    return value


def _idn(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("idn is neither a number nor a text")  # noqa: TRY004 - likewise
    text = str(value)
    if len(text) > _LONGEST_IDN or not text.isprintable() or not text.strip("."):
        raise ValueError("idn is no document number")
    return text
