"""States of the input: each is held until every record before it is written."""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import suppress
from typing import Any

from precoro_api import SettingsError
from singer_sdk.singerlib.json import serialize_json

__all__ = ["HeldStates"]

_MOST = 1000


class HeldStates:
    """How many records are still open at each place of the input, and the states that wait.

    A stream map may make several records of one.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._held: deque[tuple[int, Any]] = deque()
        self._ended = False

    def __len__(self) -> int:
        """How many states wait."""
        return len(self._held)

    @property
    def are_too_many(self) -> bool:
        """Whether records should be written so that states can go."""
        return len(self._held) > _MOST

    def open(self, place: int) -> None:
        """A record at that place is taken."""
        self._open[place] = self._open.get(place, 0) + 1

    def close(self, place: int) -> None:
        """It is known what became of one record at that place."""
        left = self._open.get(place, 0) - 1
        if left > 0:
            self._open[place] = left
        else:
            self._open.pop(place, None)

    def hold(self, place: int, value: Any) -> None:
        """Keep a state that follows the record at that place; of two there, the newer."""
        if self._ended:
            return
        if self._held and self._held[-1][0] == place:
            self._held.pop()
        self._held.append((place, value))

    def end(self) -> None:
        """Keep no state that comes from now on: what was before it may be lost."""
        self._ended = True

    def thin_out(self) -> None:
        """Keep every other state that must wait still: the newest one is what counts."""
        if self.are_too_many:
            self._held = deque([*list(self._held)[:-1:2], self._held[-1]])

    def forget(self) -> None:
        """Let none out."""
        self._held.clear()

    def release(self, place: int) -> None:
        """Let the newest state out whose records are all written, and forget older ones.

        `place` is that of the latest record.
        """
        first_open = next(iter(self._open), place + 1)
        released = None
        while self._held and self._held[0][0] < first_open:
            released = self._held.popleft()[1]
        if released is not None:
            self._let_out(released)

    def _let_out(self, state: Any) -> None:
        try:
            sys.stdout.write(serialize_json(state) + "\n")
            sys.stdout.flush()
        except OSError as problem:
            self.end()
            self.forget()
            with suppress(OSError):  # what is left in its buffer would fail once more at the end
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SettingsError(
                f"the state cannot be written to stdout ({problem.strerror}): whoever keeps it has "
                "no room or is gone. What was written to Precoro is kept; run again."
            ) from None
