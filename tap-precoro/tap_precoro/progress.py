"""Where a long run is."""

from __future__ import annotations

import logging
import time

__all__ = ["Progress"]

_EVERY = 15.0


class Progress:
    """One line every so many seconds."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._next = time.monotonic() + _EVERY

    def at(self, stream: str, what: str, done: int, of: int | None) -> None:
        """A stream has done so many of its pages, documents or parents."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._logger.info("%s: %s %d of %s.", stream, what, done, of or "?")

    def close(self) -> None:
        """The run is over."""
