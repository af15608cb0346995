"""Files that tell what became of records: refused rows, a line for each record, and new ids.

All are readable by their owner only, as rows hold bank details. A file is written beside its place,
and takes it when the run is over, so that one can be read while its successor is written.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from precoro_api import SettingsError
from precoro_api.plain import private_file, private_folder
from singer_sdk.singerlib.json import serialize_json
from typing_extensions import override

from target_precoro.records.form_keys import EXTERNAL_ID
from target_precoro.records.outcome import Came

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from target_precoro.records.outcome import Outcome, Pending

__all__ = [
    "LINKS",
    "Links",
    "Rejects",
    "Report",
]

logger = logging.getLogger(__name__)

LINKS = "precoro_links"
"""The stream of new ids; its records: stream, externalId, precoroId, precoroIdn, action."""


class _Lines:
    """A file that is begun with its first line, and written line by line.

    What a run that was killed has left beside the file's place is gone on with, if that `lasts`.
    """

    setting = ""
    lasts = True

    def __init__(self, path: str | None) -> None:
        self._given = self._path = Path(path).expanduser() if path else None
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
            if path.exists() and not os.access(_part_of(path).parent, os.W_OK):
                raise PermissionError(0, "its folder is not ours to write")

    def _write(self, message: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        with self._told():
            if self._file is None:
                private_folder(self._path.parent)
                part = _part_of(self._path)
                goes_on = self.lasts and part.is_file()
                if goes_on:
                    _whole_lines(part)
                self._file = private_file(part, anew=not goes_on)
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

    def take_place(self, streams: Container[str], *, ended: bool) -> None:
        """Let the file, which is closed, stand for that of earlier runs.

        Where the run `ended` well and had nothing to tell of its `streams`, there is none then.
        Raises SettingsError where it cannot take its place.
        """
        path = self._given
        if path is None or _part_of(path) == path:
            return
        try:
            self._replace(path, _part_of(path), streams, ended=ended)
        except OSError as problem:
            raise SettingsError(
                f"{self.setting}: {path} cannot be written ({problem.strerror}); what was to be "
                f"in it is in {_part_of(path)}."
            ) from None

    def _replace(self, path: Path, part: Path, streams: Container[str], *, ended: bool) -> None:  # noqa: ARG002 - Rejects look at the streams
        if part.exists():
            part.replace(os.path.realpath(path))
        elif ended:
            path.unlink(missing_ok=True)


class Rejects(_Lines):
    """Refused rows as valid Singer messages: `cat` the file into the target to try them again.

    Beside the record, unchanged, each message holds the reason.
    """

    setting = "rejects_path"

    def __init__(self, path: str | None) -> None:
        super().__init__(path)
        self._introduced: dict[str, Any] = {}

    def add(self, each: Pending, reason: str) -> None:
        """Keep one refused row, as it came; one that was mapped to several, once."""
        row = each.came or Came(each.route.stream, each.schema, each.key_properties, each.record)
        if row.is_kept:
            return
        row.is_kept = True
        if self._introduced.get(row.stream) != row.schema:
            self._introduced[row.stream] = row.schema
            self._write(
                {
                    "type": "SCHEMA",
                    "stream": row.stream,
                    "schema": row.schema,
                    "key_properties": list(row.key_properties),
                }
            )
        message = {"type": "RECORD", "stream": row.stream, "record": row.record}
        self._write({**message, "reason": reason})

    @override
    def _replace(self, path: Path, part: Path, streams: Container[str], *, ended: bool) -> None:
        """Rows of other streams stay, as they were not tried again.

        A run that was stopped leaves the rows of earlier ones, which it may be reading, and its own
        beside them for the next.
        """
        if not ended:
            if part.exists():
                logger.warning(
                    "Rows that were refused until the run stopped are in %s; the next run that "
                    "comes to its end has them in %s, too.",
                    part,
                    path,
                )
            return
        kept = list(_rows_of_others(path, streams)) if path.is_file() else []
        if any('"RECORD"' in line for line in kept):
            if part.exists():
                _whole_lines(part)
            with private_file(part, anew=False) as file:
                file.writelines(kept)
        super()._replace(path, part, streams, ended=ended)


class Report(_Lines):
    """One JSON line for each record: what became of it, and why.

    Of changed fields it has the names alone. Keys and reasons may hold what a record is found by:
    ids, names, references; never the value of a private field.
    """

    setting = "report_path"
    lasts = False

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
        """Tell of one record, if it is new or newly linked, whatever else was changed of it."""
        is_new = outcome.action in ("created", "linked") or EXTERNAL_ID in outcome.changed
        if self._path is None or not is_new:
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
            "action": "created" if outcome.action == "created" else "linked",
        }
        self._write({"type": "RECORD", "stream": LINKS, "record": record})

    @override
    def _replace(self, path: Path, part: Path, streams: Container[str], *, ended: bool) -> None:
        if path.is_file():
            logger.info("links_path: the links of an earlier run in %s make room.", path)
        super()._replace(path, part, streams, ended=ended)


def _part_of(path: Path) -> Path:
    """Where a file is written until its run is over; what is no file, such as a pipe, at once."""
    is_special = path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",))
    if is_special or (path.exists() and not path.is_file()):
        return path
    real = Path(os.path.realpath(path))  # a link stays one
    return real.with_name(f"{real.name}.part")


def _rows_of_others(path: Path, streams: Container[str]) -> Iterator[str]:
    """The lines of a file that are of none of these streams."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                stream = json.loads(line)["stream"]
            except (ValueError, TypeError, LookupError):
                continue
            if stream not in streams:
                yield line if line.endswith("\n") else f"{line}\n"


def _whole_lines(path: Path) -> None:
    """Take off the line that a kill has left half."""
    with path.open("r+b") as file:
        file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
