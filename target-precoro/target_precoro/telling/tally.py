"""What became of the records of a run, stream by stream."""

from __future__ import annotations

from collections import Counter, defaultdict

from target_precoro.records.outcome import ACTIONS

__all__ = ["Tally"]


class Tally:
    """Counts by stream and action."""

    def __init__(self) -> None:
        self.by_stream: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def count(self, stream: str, action: str) -> None:
        """One more record of that stream has come to that end."""
        self.by_stream[stream][action] += 1

    def total(self, action: str) -> int:
        """All records that came to that end."""
        return sum(actions[action] for actions in self.by_stream.values())

    @property
    def records(self) -> int:
        """All records that came to an end."""
        return sum(actions.total() for actions in self.by_stream.values())

    def lines(self) -> list[str]:
        """A table: a line for each stream, a column for each end that any record came to."""
        shown = [action for action in ACTIONS if self.total(action)]
        rows = [["stream", *shown]]
        rows += [
            [stream, *(str(actions[action]) for action in shown)]
            for stream, actions in self.by_stream.items()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return [
            "  ".join(
                cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
