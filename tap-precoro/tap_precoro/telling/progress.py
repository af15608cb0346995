"""Where a long run is: a line in the log now and then, or one that lives on a terminal."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from tap_precoro.telling.pace import Pace, roughly
from tap_precoro.telling.tally import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from precoro_api import Client

__all__ = ["Progress"]

_EVERY = 15.0
"""Seconds between lines in a log."""
_REFRESH = 0.25
"""Seconds between looks of a line on a terminal, at least."""


class Progress:
    """Tells where a run is: every 15 seconds in the log, or live where stderr is a terminal.

    A terminal that shows the records too gets log lines. With a log level above INFO nothing is
    told.
    """

    def __init__(
        self,
        logger: logging.Logger,
        client: Client,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._client = client
        self._clock = clock
        self._lives = _shows_lines()
        self._line: _Line | None = None
        self._every = _REFRESH if self._lives else _EVERY
        self._next = clock() + self._every

    def at(self, stream: str, what: str, done: int, of: int | None) -> None:
        """A stream has done so many of its pages, documents or parents, each a request."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._every
        if not self._logger.isEnabledFor(logging.INFO):
            return
        where = f"{stream}: {what.replace('_', ' ')} {done:,}" + (f" of {of:,}" if of else "")
        sent = counted(self._client.requests_by_method.total(), "request")
        left = self._left((of or done) - done)
        if self._lives:
            self._line = self._line or _Line()
            self._line.show(where, ", ".join((sent, *left)), done, of)
        else:
            told = ", ".join((f"{sent} in this run", *left))
            self._logger.info("%s; %s.", where, told)

    def _left(self, needed: int) -> tuple[str, ...]:
        """How long the rest of this stream takes, or how far the budget reaches, if known."""
        if needed < 1:
            return ()
        quota = self._client.quota
        most = quota.policy.max_requests
        if most is not None and quota.sent + needed > most:
            return (f"max_requests allows {max(0, most - quota.sent):,} more",)
        began = quota.server_now()
        pace = Pace(quota.report(), began)
        ends, stop = pace.send(needed), pace.end_of_run(quota.policy)
        if stop is not None:
            return (f"the budget ({stop.kind}) allows {stop.sent:,} more",)
        return (f"{roughly(ends - began)} left",) if quota.limits.of("minute") else ()

    def close(self) -> None:
        """The run is over: nothing of it stays on the terminal."""
        if self._line is not None:
            self._line.close()
            self._line = None


def _shows_lines() -> bool:
    """Whether stderr is a terminal that can draw a line again, and shows no records."""
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return sys.stderr.isatty() and not sys.stdout.isatty() and not dumb


class _Line:
    """The last line of a terminal, drawn again and again; what is logged goes above it."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a terminal shows it
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 - likewise

        self._shown = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[told]}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # which is Singer's alone
        )
        self._task = self._shown.add_task("", total=None, told="", visible=False)
        self._bare = sys.stderr
        self._handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._bare
        ]
        for handler in self._handlers:
            handler.setStream(self)
        self._shown.start()
        atexit.register(self.close)

    def show(self, where: str, told: str, done: int, of: int | None) -> None:
        """Draw it."""
        self._shown.update(
            self._task,
            description=where,
            completed=done,
            total=of,
            told=told,
            visible=True,
            refresh=True,
        )

    def write(self, text: str) -> None:
        """Write what is logged above the line, as it is."""
        self._shown.console.print(
            text, end="", soft_wrap=True, markup=False, highlight=False, emoji=False
        )

    def flush(self) -> None:
        """Nothing: what is written is seen at once."""

    def close(self) -> None:
        """Take it away, and give the terminal back as it was."""
        atexit.unregister(self.close)
        self._shown.stop()
        for handler in self._handlers:
            handler.setStream(self._bare)
