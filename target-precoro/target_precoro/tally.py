"""What became of the records of a run, stream by stream; and the rows that were refused."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence

__all__ = ["Rejects", "Tally"]

ACTIONS = ("created", "updated", "unchanged", "rejected")


class Tally:
    """Counts by stream and action."""

    def __init__(self) -> None:
        self.by_stream: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def count(self, stream: str, action: str) -> None:
        """One more record of that stream has come to that end."""
        self.by_stream[stream][action] += 1

    @property
    def rejected(self) -> int:
        """All refused records."""
        return sum(actions["rejected"] for actions in self.by_stream.values())

    def lines(self) -> list[str]:
        """One line a stream: `suppliers: 12 created, 3 updated, 230 unchanged, 1 rejected`."""
        return [
            f"{stream}: " + ", ".join(f"{actions[action]} {action}" for action in ACTIONS)
            for stream, actions in self.by_stream.items()
        ]


class Rejects:
    """Refused rows as valid Singer messages: `cat` the file into the target to try them again.

    Beside the record, unchanged, each message holds the reason. Without a path nothing is kept
    but the words in the log. The file is readable by its owner only, as rows hold bank details.
    """

    def __init__(self, path: str | None, logger: logging.Logger) -> None:
        self._path = path
        self._logger = logger
        self._file: IO[str] | None = None
        self._introduced: set[str] = set()

    def add(
        self,
        stream: str,
        schema: Mapping[str, Any],
        key_properties: Sequence[str],
        record: Mapping[str, Any],
        reason: str,
    ) -> None:
        """Report one refused row, and keep it."""
        self._logger.error("%s", reason)
        if self._path is None:
            return
        if self._file is None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        if stream not in self._introduced:
            self._introduced.add(stream)
            self._write(
                {
                    "type": "SCHEMA",
                    "stream": stream,
                    "schema": schema,
                    "key_properties": list(key_properties),
                }
            )
        self._write({"type": "RECORD", "stream": stream, "record": record, "reason": reason})

    def close(self) -> None:
        """Let the file be whole."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._file is not None  # noqa: S101 - opened above
        self._file.write(serialize_json(message) + "\n")
        self._file.flush()
