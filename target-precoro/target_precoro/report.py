"""Files that tell what became of records: refused rows, a line for each record, and new ids.

All are readable by their owner only, as rows hold bank details.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from precoro_api import SettingsError
from precoro_api.plain import private_file, private_folder
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from target_precoro.outcome import Outcome, Pending

__all__ = ["LINKS", "Links", "Rejects", "Report"]

LINKS = "precoro_links"
"""The stream of new ids; its records: stream, externalId, precoroId, precoroIdn, action."""


class _Lines:
    """A file that is begun with its first line, and written line by line."""

    setting = ""

    def __init__(self, path: str | None) -> None:
        self._path = Path(path).expanduser() if path else None
        self._file: IO[str] | None = None
        if self._path is not None:
            self._check(self._path)

    def _check(self, path: Path) -> None:
        """Raise SettingsError where it could not be begun, before there is anything to tell."""
        with self._told():
            if path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            above = next(each for each in (path, *path.absolute().parents) if each.exists())
            if above != path and not above.is_dir():
                raise NotADirectoryError(0, f"{above} is no folder")
            if not os.access(above, os.W_OK):
                raise PermissionError(0, "it is not ours to write")

    def _write(self, message: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        with self._told():
            if self._file is None:
                private_folder(self._path.parent)
                self._file = private_file(self._path)
            self._file.write(serialize_json(message) + "\n")
            self._file.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            path, self._path = self._path, None  # it is not begun anew, nor filled with a gap
            with suppress(OSError):
                self.close()
            raise SettingsError(
                f"{self.setting}: {path} cannot be written ({problem.strerror}); choose another "
                "path, or make room."
            ) from None

    def close(self) -> None:
        """Let the file be whole."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


class Rejects(_Lines):
    """Refused rows as valid Singer messages: `cat` the file into the target to try them again.

    Beside the record, unchanged, each message holds the reason.
    """

    setting = "rejects_path"

    def __init__(self, path: str | None) -> None:
        super().__init__(path)
        self._introduced: dict[str, Any] = {}

    def add(
        self,
        stream: str,
        schema: Mapping[str, Any],
        key_properties: tuple[str, ...],
        record: Mapping[str, Any],
        reason: str,
    ) -> None:
        """Keep one refused row."""
        if self._introduced.get(stream) != schema:
            self._introduced[stream] = schema
            self._write(
                {
                    "type": "SCHEMA",
                    "stream": stream,
                    "schema": schema,
                    "key_properties": list(key_properties),
                }
            )
        self._write({"type": "RECORD", "stream": stream, "record": record, "reason": reason})


class Report(_Lines):
    """One JSON line for each record: what became of it, and why; no value of any field."""

    setting = "report_path"

    def add(self, each: Pending, key: str, outcome: Outcome) -> None:
        """Tell of one record."""
        if self._path is None:
            return
        self._write(
            {
                "stream": each.route.stream,
                "resource": each.route.resource.name,
                "key": key or None,
                "record": each.place or None,
                "precoro_id": outcome.row.get("id"),
                "precoro_idn": outcome.row.get("idn"),
                "action": outcome.action,
                "changed": list(outcome.changed),
                "error": outcome.error or None,
                "reason": outcome.reason or None,
                "said": outcome.said or None,
            }
        )


_LINK_SCHEMA = {
    "type": "object",
    "properties": {
        "stream": {"type": "string"},
        "externalId": {"type": ["string", "null"]},
        "precoroId": {"type": ["integer", "null"]},
        "precoroIdn": {"type": ["string", "null"]},
        "action": {"type": "string"},
    },
}


class Links(_Lines):
    """Precoro's ids of created and linked records, as a Singer stream for the source's target."""

    setting = "links_path"

    def add(self, each: Pending, outcome: Outcome) -> None:
        """Tell of one record, if it has a new id."""
        if self._path is None or outcome.action not in ("created", "linked"):
            return
        if self._file is None:
            keys = ["stream", "externalId"]
            self._write(
                {"type": "SCHEMA", "stream": LINKS, "schema": _LINK_SCHEMA, "key_properties": keys}
            )
        idn = outcome.row.get("idn")
        record = {
            "stream": each.route.stream,
            "externalId": each.wanted.external_id,
            "precoroId": outcome.row.get("id"),
            "precoroIdn": None if idn is None else str(idn),
            "action": outcome.action,
        }
        self._write({"type": "RECORD", "stream": LINKS, "record": record})
