"""What became of records, told: counted, logged, and written to the files that are asked for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from target_precoro.telling.report import Links, Rejects, Report
from target_precoro.telling.tally import Tally

if TYPE_CHECKING:
    import logging
    from collections.abc import Container, Mapping

    from target_precoro.records.outcome import Outcome, Pending

__all__ = ["Telling"]

_WORD_EVERY = 15.0
"""Seconds between words on how far a long run is."""


class Telling:
    """Tells of each record once, and of all at the end; of a dry run the preview tells more."""

    def __init__(self, config: Mapping[str, Any], logger: logging.Logger) -> None:
        self.tally = Tally()
        # What a dry run refuses is in its preview; the files of real runs stay.
        self._dry = bool(config.get("dry_run"))
        self._rejects = Rejects(None if self._dry else config.get("rejects_path"))
        self._report = Report(config.get("report_path"))
        self._links = Links(None if self._dry else config.get("links_path"))
        self._logger = logger
        self._next_word = time.monotonic() + _WORD_EVERY

    @property
    def failed(self) -> int:
        """How many records are not in place."""
        failing = ("rejected",) if self._dry else ("rejected", "waiting", "stale")
        return sum(self.tally.total(action) for action in failing)

    def tell(self, each: Pending, key: str, outcome: Outcome) -> None:
        """Tell what became of a record."""
        stream = each.route.stream
        self.tally.count(stream, outcome.action)
        self._report.add(each, key, outcome)
        self._links.add(each, outcome)
        if outcome.action == "rejected":
            self._reject(each, key, outcome.reason)
        elif outcome.action == "skipped":
            self._logger.debug("%s %s: %s", stream, key, outcome.reason)
        elif outcome.action == "stale":
            self._logger.warning("%s %s is left as it is: %s.", stream, key, outcome.reason)
        elif outcome.action == "waiting" and outcome.error == "conflict" and not self._dry:
            self._logger.warning("%s %s waits: %s.", stream, key, outcome.reason)

    def _reject(self, each: Pending, key: str, reason: str) -> None:
        stream = each.route.stream
        who = f"{stream} {key}" if key else f"{stream}, record {each.place} of the input"
        told = reason if reason.startswith(f"{each.route.resource.name} ") else f"{who}: {reason}"
        if not self._dry:  # it is in the preview
            self._logger.error("%s", told)
        self._rejects.add(each, told)

    def say_how_far(self, stream: str, requests: int) -> None:
        """A word now and then."""
        now = time.monotonic()
        if now >= self._next_word:
            self._next_word = now + _WORD_EVERY
            done = self.tally.records
            self._logger.info("%s: %d records done, %d requests.", stream, done, requests)

    def close(self) -> None:
        """Let the files be whole."""
        for file in (self._rejects, self._report, self._links):
            file.close()

    def take_place(self, streams: Container[str], *, ended: bool) -> None:
        """Let the files stand for those of earlier runs; `ended` if all of the input was read."""
        for file in (self._rejects, self._report, self._links):
            file.take_place(streams, ended=ended)

    def sum_up(self, requests: Mapping[str, int]) -> None:
        """The end: what became of all, and with how many requests by method."""
        for line in self.tally.lines() if not self._dry else ():
            self._logger.info("%s", line)
        told = ", ".join(f"{many} {method}" for method, many in sorted(requests.items())) or "none"
        self._logger.info("Requests: %s.", told)
        rejected, waiting = self.tally.total("rejected"), self.tally.total("waiting")
        if rejected:
            self._logger.error("%d records were rejected, see above.", rejected)
        if waiting:
            self._logger.warning(
                "%d records wait for what they refer to, or to be told which they are.", waiting
            )
