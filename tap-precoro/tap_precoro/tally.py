"""What a run did, stream by stream, and what is left to do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from precoro_api import Client

__all__ = ["StreamTally", "Tally"]


@dataclass
class StreamTally:
    """One stream: what was read and sent, why it ended early if it did, and what is left.

    `left` counts documents whose details are still to be fetched, each a request. `unknown` are
    keys without a column, with their type; `vanished` keys that used to come.
    """

    records: int = 0
    requests: int = 0
    retries: int = 0
    left: int = 0
    skipped: str = ""
    failed: str = ""
    unknown: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)


class Tally:
    """The streams of a run, in the order of their first mention."""

    def __init__(self) -> None:
        self.by_stream: dict[str, StreamTally] = {}

    def of(self, stream: str) -> StreamTally:
        """The tally of a stream."""
        return self.by_stream.setdefault(stream, StreamTally())

    @contextmanager
    def counting(self, stream: str, client: Client) -> Iterator[StreamTally]:
        """Within it, what the client sends is this stream's."""
        tally = self.of(stream)
        sent, retried = client.requests_by_method.total(), client.retries
        try:
            yield tally
        finally:
            tally.requests += client.requests_by_method.total() - sent
            tally.retries += client.retries - retried

    @property
    def failed(self) -> list[str]:
        """The streams that failed."""
        return [name for name, tally in self.by_stream.items() if tally.failed]

    @property
    def left(self) -> dict[str, int]:
        """Documents that are still to be fetched, by stream; each costs a request."""
        return {name: tally.left for name, tally in self.by_stream.items() if tally.left}

    def report(self, logger: logging.Logger, client: Client) -> None:
        """Say what each stream did, what is left, and which failed."""
        for name, tally in self.by_stream.items():
            how = "failed" if tally.failed else "skipped" if tally.skipped else "read"
            logger.info(
                "%s: %s, %d records, %d requests.", name, how, tally.records, tally.requests
            )
        if self.left:
            many = sum(self.left.values())
            told = ", ".join(f"{name} {left:,}" for name, left in self.left.items())
            logger.warning(
                "Left for the next run: %s; %s requests still needed.", told, f"{many:,}"
            )
        if self.failed:
            logger.error("Failed, see above: %s. The others are read.", ", ".join(self.failed))
