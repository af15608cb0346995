"""Documents that Precoro lists and does not hand out: passed over, told, and asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_api import PrecoroError, TryLater, UnexpectedAnswer

if TYPE_CHECKING:
    from tap_precoro.streams.stream import PrecoroStream

__all__ = ["Refusals"]

_FIRST = 3
"""Where the first so many are refused, the next one will be as well."""
_OUTAGE = 2
"""Servers that fail at one document fail at that one; at two in a row, they are down."""
_MOST = 20
"""So many are remembered, as state stays small."""
_NAMED = 5


class Refusals:
    """The refused documents of one run, and when to stop asking; `known` were refused before."""

    def __init__(self, leader: PrecoroStream, known: int = 0) -> None:
        self._leader = leader
        self._known = known
        self._refused: list[str] = []
        self._read = 0
        self._down = 0

    def passed(self) -> None:
        """A document was read."""
        self._read += 1
        self._down = 0

    def note(self, idn: str, reason: PrecoroError, *, again: bool = False) -> None:
        """Pass over a document; `again` if it was refused in an earlier run.

        Raises the reason where it is no matter of this document alone.
        """
        self._down = self._down + 1 if isinstance(reason, (TryLater, UnexpectedAnswer)) else 0
        first = not self._read and len(self._refused) + 1 >= _FIRST
        if not again and (self._down >= _OUTAGE or first or self._known >= _MOST):
            raise reason
        self._known += not again
        self._refused.append(idn)
        self._leader.logger.warning("%s It is asked for again in the next run.", reason)

    def tell(self) -> None:
        """Let the stream count as failed if any document is missing; its bookmark moved on."""
        if not self._refused:
            return
        named = ", ".join(self._refused[:_NAMED])
        more = len(self._refused) - _NAMED
        self._leader.tally.failed = (
            f"{len(self._refused)} documents were not handed out, and are asked for again in the "
            f"next run: {named}{f' and {more} more' if more > 0 else ''}."
        )
        self._leader.logger.error("%s: %s", self._leader.name, self._leader.tally.failed)
