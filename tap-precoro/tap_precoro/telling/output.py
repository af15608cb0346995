"""The tap's stdout: whole Singer messages only, whatever signal comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from singer_sdk.io_base import SingerWriter
from typing_extensions import override

if TYPE_CHECKING:
    from singer_sdk.singerlib import Message

__all__ = ["Interrupted", "Output", "OutputGone"]


class Interrupted(BaseException):
    """A signal asked to stop; no message is half written."""


class OutputGone(BaseException):
    """Our output cannot be written: whoever read it is gone, or its disk is full."""


class Output(SingerWriter):
    """Writes messages; a signal that comes while one is written waits for its end."""

    signal: int | None = None
    _writing = False

    @override
    def write_message(self, message: Message) -> None:
        self._writing = True
        try:
            super().write_message(message)
        except OSError as problem:
            raise OutputGone(problem.strerror) from None
        finally:
            self._writing = False
        if self.signal is not None:
            raise Interrupted

    def interrupt(self, signum: int) -> None:
        """Raise Interrupted, now or after the message that is being written."""
        self.signal = signum
        if not self._writing:
            raise Interrupted
