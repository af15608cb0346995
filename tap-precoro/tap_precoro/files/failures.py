"""Files that could not be had: what is known of them, in a file beside those that could."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tap_precoro.files.storage import StorageTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_precoro.files.storage import Storage

__all__ = ["Failure", "Failures", "FileRef"]

logger = logging.getLogger(__name__)

_FAILED = "failed.jsonl"
_PART = f"{_FAILED}.part"
_SECRETS_OF_LINKS = re.compile(r"(?<=://)[^\s/?#@]*@|[?#]\S*=\S*")
"""Credentials, and the parameters, one of which may be a signature."""


@dataclass(frozen=True)
class FileRef:
    """A file as a document names it: by its id, and with a name and a size where it tells them.

    `told` is all that its record is made of but for the path.
    """

    id: int
    name: str | None
    size: int | None
    document: str
    idn: str
    told: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from all others."""
        return self.document, self.idn, self.id


@dataclass(frozen=True)
class Failure:
    """A file that could not be had: why, its least size if it was too large, how often gone.

    `sent` is the run that had it after all, and sent its record.
    """

    file: FileRef
    reason: str
    least: int = 0
    gone: int = 0
    sent: str = ""

    @property
    def line(self) -> str:
        """The failure as JSON, without anything secret."""
        own = {name: value for name, value in asdict(self).items() if name != "file"}
        file = {**asdict(self.file), "told": _without_secrets(self.file.told)}
        return json.dumps({**file, **own}, default=float)

    @classmethod
    def read(cls, line: bytes) -> Failure | None:
        """A failure that was kept; None where the line is none."""
        try:
            known = json.loads(line, parse_float=Decimal)
            name, size = known["name"], known["size"]
            file = FileRef(
                id=int(known["id"]),
                name=None if name is None else str(name),
                size=None if size is None else int(size),
                document=str(known["document"]),
                idn=str(known["idn"]),
                told=dict(known.get("told", ())),
            )
            least, gone = int(known.get("least", 0)), int(known.get("gone", 0))
            return cls(file, str(known["reason"]), least, gone, str(known.get("sent", "")))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None


class Failures:
    """The failures of a folder, the latest last; each change is on record at once, if it can be.

    `saved` says whether all are. Raises StorageTrouble where there can be no record at all.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: dict[tuple[str, str, int], Failure] = {}
        self.saved = True
        storage.write(_PART, b"")
        storage.remove(_PART)
        for number, line in enumerate(storage.read(_FAILED).split(b"\n"), start=1):
            failure = Failure.read(line) if line.strip() else None
            if failure is not None:
                self._known[failure.file.key] = failure
            elif line.strip():
                logger.warning("attachments_path: line %d of %s is left out.", number, _FAILED)

    def __iter__(self) -> Iterator[Failure]:
        """All that are known now, whatever changes meanwhile."""
        return iter(tuple(self._known.values()))

    def of(self, file: FileRef) -> Failure | None:
        """What is known of a file's failure."""
        return self._known.get(file.key)

    def note(self, failure: Failure) -> None:
        """Keep a failure; what failed last is tried last."""
        self._known.pop(failure.file.key, None)
        self._known[failure.file.key] = failure
        self._save()

    def not_tried(self, file: FileRef, reason: str) -> None:
        """Keep a file that was not tried again, by what its document says of it now."""
        before = self.of(file)
        if before is None:
            self.note(Failure(file, reason))
        elif before.sent or (before.file, before.file.told) != (file, file.told):
            self._known[file.key] = replace(before, file=file, sent="")
            self._save()

    def forget(self, file: FileRef) -> None:
        """The file is there, and its record will be sent with its document."""
        if self._known.pop(file.key, None):
            self._save()

    def forget_sent(self, run: str) -> None:
        """The records that this run sent have arrived."""
        for failure in self:
            if failure.sent and failure.sent == run:
                self.forget(failure.file)

    def _save(self) -> None:
        lines = "".join(f"{each.line}\n" for each in self)
        try:
            if lines:
                self._storage.write(_PART, lines.encode())
                self._storage.move(_PART, _FAILED)
            else:
                self._storage.remove(_FAILED)
            self.saved = True
        except StorageTrouble as problem:
            if self.saved:
                logger.warning("attachments_path: %s cannot be written: %s.", _FAILED, problem)
            self.saved = False


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRETS_OF_LINKS.sub("", value)
    if isinstance(value, dict):
        return {key: _without_secrets(each) for key, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value
