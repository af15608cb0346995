"""What a run did, stream by stream, and what is left to do."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from singer_sdk import metrics

from tap_precoro.telling.drift import told

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from precoro_api import Client

__all__ = ["StreamTally", "Tally", "aligned", "counted"]

_LONGEST_REASON = 300


class OwnMetric(str, Enum):
    """What is measured beside the SDK's own metrics."""

    RETRIES = "http_retry_count"
    LEFT = "documents_left"


@dataclass
class StreamTally:
    """One stream: what was read and sent, why it ended early if it did, and what is left.

    `source` is the stream whose requests bring its records, if these are not its own. `left`
    counts documents whose details are still to be fetched, each a request; `pages` those of a list
    that was cut, which begins anew; `at_least` says that they may be more. `unknown` are keys
    without a column, with their type; `vanished` keys that used to come.
    """

    source: str = ""
    begun: bool = False
    ended: bool = False
    records: int = 0
    requests: int = 0
    retries: int = 0
    left: int = 0
    pages: int = 0
    at_least: bool = True
    skipped: str = ""
    failed: str = ""
    unknown: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)


class Tally:
    """The streams of a run, in the order of their first mention."""

    def __init__(self) -> None:
        self.by_stream: dict[str, StreamTally] = {}
        self._stop_counting: Callable[[], None] | None = None

    def expect(self, sources: Mapping[str, str]) -> None:
        """The streams that are to be read, each by the one whose requests bring its records."""
        for stream, source in sources.items():
            self.of(stream).source = source if source != stream else ""

    def of(self, stream: str) -> StreamTally:
        """The tally of a stream."""
        return self.by_stream.setdefault(stream, StreamTally())

    @contextmanager
    def counting(self, stream: str, client: Client) -> Iterator[StreamTally]:
        """Within it, what the client sends is this stream's."""
        tally = self.of(stream)
        tally.begun = True
        sent, retried = client.requests_by_method.total(), client.retries

        def stop() -> None:
            self._stop_counting = None
            tally.requests += client.requests_by_method.total() - sent
            tally.retries += client.retries - retried

        self._stop_counting = stop
        try:
            yield tally
            tally.ended = True
        finally:
            # A stream that was interrupted may be closed only after its run was reported.
            if self._stop_counting is stop:
                stop()

    @property
    def failed(self) -> list[str]:
        """The streams that failed."""
        return [name for name, tally in self.by_stream.items() if tally.failed]

    @property
    def read_nothing(self) -> bool:
        """Whether all streams were skipped: then it is not they that are wrong."""
        outcomes = {self.outcome(name) for name in self.by_stream}
        return outcomes == {"skipped"}

    @property
    def left(self) -> dict[str, int]:
        """Documents that are still to be fetched, by stream; each costs a request."""
        return {name: tally.left for name, tally in self.by_stream.items() if tally.left}

    @property
    def not_begun(self) -> list[str]:
        """The streams that were to be read, and whose turn never came."""
        return [name for name in self.by_stream if self.outcome(name) == "not begun"]

    @property
    def ahead(self) -> str:
        """What a run that the budget stopped has still before it, as sentences."""
        sentences, not_begun, cut = [], self.not_begun, self._cut
        if self.left or cut or not_begun:
            many = sum(self.left.values()) + sum(cut.values())
            unsure = not_begun or any(self.by_stream[name].at_least for name in cut)
            needed = f"{'at least ' if unsure else ''}{counted(many or 1, 'request')}"
            what = [_documents(self.left)] if self.left else []
            what += [f"{name} {counted(pages, 'page')}" for name, pages in cut.items()]
            sentences.append(f"Still needed: {needed}{' for ' if what else ''}{', '.join(what)}.")
        if not_begun:
            sentences.append(f"Not begun: {', '.join(not_begun)}.")
        return " ".join(sentences)

    @property
    def _cut(self) -> dict[str, int]:
        """The streams that were stopped before their end, and the pages of their lists."""
        return {
            name: max(1, tally.pages)
            for name, tally in self.by_stream.items()
            if self.outcome(name) == "stopped" and not tally.source
        }

    def outcome(self, stream: str) -> str:
        """How a stream ended: `read`, `skipped`, `failed`, `left 120`, `stopped`, `not begun`."""
        tally = self.by_stream[stream]
        if tally.failed or tally.skipped:
            return "failed" if tally.failed else "skipped"
        if tally.left:
            return f"left {tally.left:,}"
        if tally.source in self.by_stream:
            return self.outcome(tally.source)
        if not tally.begun:
            return "not begun"
        return "read" if tally.ended else "stopped"

    def report(self, logger: logging.Logger, client: Client) -> None:
        """Say what each stream did, what is left, and which failed; measure it for programs."""
        if self._stop_counting is not None:
            self._stop_counting()
        self._measure()
        for line in self._table(client):
            logger.info("%s", line)
        if self.left:
            needed = counted(sum(self.left.values()), "request")
            logger.warning(
                "Left for the next run: %s; %s still needed.", _documents(self.left), needed
            )
        if self.read_nothing:
            logger.error(
                "Nothing could be read: all streams were skipped. Check base_url, and what the "
                "user of this API key may see."
            )
        for name in self.failed:
            reason = " ".join(self.by_stream[name].failed.split())
            logger.error("Failed: %s: %s", name, _cut(reason.removeprefix(f"{name}: ")))

    def _measure(self) -> None:
        """The SDK counts the records that a stream yields itself; the others are counted here."""
        logger = metrics.get_metrics_logger()
        for name, tally in self.by_stream.items():
            if self.outcome(name) == "not begun":
                continue
            values: dict[Enum, int] = {
                metrics.Metric.HTTP_REQUEST_COUNT: tally.requests,
                OwnMetric.RETRIES: tally.retries,
            }
            if tally.source:
                values[metrics.Metric.RECORD_COUNT] = tally.records
            if tally.left:
                values[OwnMetric.LEFT] = tally.left
            for metric, value in values.items():
                tags = {metrics.Tag.STREAM: name, metrics.Tag.PID: os.getpid()}
                metrics.log(logger, metrics.Point("counter", metric, value, tags))  # type: ignore[arg-type]  # a name like the SDK's

    def _table(self, client: Client) -> list[str]:
        head = ["stream", "rows", "requests", "retries", "outcome", "unknown keys"]
        tallies = self.by_stream.items()
        rows = [
            [*_numbers(name, t.records, t.requests, t.retries), self.outcome(name), told(t.unknown)]
            for name, t in tallies
        ]
        sent, retried = client.requests_by_method.total(), client.retries
        others = sent - sum(tally.requests for _, tally in tallies)
        if others:  # the lists of custom fields, which name columns before any stream begins
            again = retried - sum(tally.retries for _, tally in tallies)
            rows.append([*_numbers("(no stream)", 0, others, again), "", ""])
        records = sum(tally.records for _, tally in tallies)
        rows.append([*_numbers("total", records, sent, retried), "", ""])
        return aligned(head, rows, numbers=head[1:4])


def aligned(
    head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Container[str] = ()
) -> list[str]:
    """A table as lines, `numbers` to the right; columns in which nothing stands are left out."""
    kept = [n for n in range(len(head)) if any(row[n] for row in rows)]
    lines = [[row[n] for n in kept] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [">" if head[n] in numbers else "<" for n in kept]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)
        ).rstrip()
        for line in lines
    ]


def counted(many: int, what: str) -> str:
    """`1 request`, `2,550 requests`."""
    return f"{many:,} {what}{'' if many == 1 else 's'}"


def _documents(left: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {counted(many, 'document')}" for name, many in left.items())


def _numbers(name: str, *values: int) -> list[str]:
    return [name, *(f"{value:,}" for value in values)]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"
