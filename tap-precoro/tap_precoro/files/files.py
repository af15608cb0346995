"""Files of documents, in a folder anywhere: each is fetched once, and lies there whole.

`<folder>/<document>/<idn>/<id>-<name>`; what could not be had stands in `<folder>/failed.jsonl`,
until it is there and a later run knows that its record with the path has arrived.
"""

from __future__ import annotations

import logging
import posixpath
import unicodedata
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from precoro_api import (
    BY_NAME,
    BadCredentials,
    NotAllowed,
    NotFound,
    PrecoroError,
    QuotaSpent,
    SettingsError,
    TryLater,
)
from precoro_api.download import TooLarge

from tap_precoro.files.failures import Failure, Failures, FileRef
from tap_precoro.files.storage import Storage, StorageTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from precoro_api import Client

__all__ = ["Folder", "path_in_folder", "safe_name"]

logger = logging.getLogger(__name__)

_ATTACHMENTS = BY_NAME["attachments"]
_PART = ".part"
_LONGEST_NAME = 120
_LONGEST_ENDING = 20
_FORBIDDEN = frozenset('<>:"|?*[]{}\\/')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # which some scripts cannot be read without
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"}
)
_ENOUGH = 3
"""Failures in a row that are no fault of the file's, or tries of one that is gone."""


def safe_name(name: str | None) -> str:
    """A name that every file system takes as one part of a path, at most 120 bytes long.

    What means something to a file system or a shell, or is not seen, becomes `_`; the ending is
    kept. A safe name stays as it is.
    """
    text = unicodedata.normalize("NFC", name or "")
    text = "".join("_" if _is_unsafe(each) else each for each in text)
    text = " ".join(text.split()).lstrip(" .-").rstrip(" .") or "unnamed"
    if text.partition(".")[0].rstrip().upper() in _DEVICES:
        text = f"_{text}"
    if len(text.encode()) <= _LONGEST_NAME:
        return text
    stem, dot, ending = text.rpartition(".")
    if dot and len(ending.encode()) < _LONGEST_ENDING:
        return f"{_cut(stem, _LONGEST_NAME - len(ending.encode()) - 1)}.{ending}"
    return _cut(text, _LONGEST_NAME).rstrip(" .")


def _is_unsafe(character: str) -> bool:
    unseen = unicodedata.category(character) in _UNSEEN and character not in _JOINERS
    return unseen or character in _FORBIDDEN


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def path_in_folder(file: FileRef) -> str:
    """Where a file lies in the folder; two files never share a path, as ids differ."""
    name = f"{int(file.id)}-{safe_name(file.name)}"
    return posixpath.join(safe_name(file.document), safe_name(file.idn), name)


class Folder:
    """Where files go: a local path, or any address that fsspec and its plugins know.

    Files of more than `most` bytes are left out. Raises SettingsError if it cannot be used.
    """

    def __init__(self, url: str, client: Client, *, most: int) -> None:
        if not url.strip():
            raise SettingsError("attachments_path is empty: name a folder, or leave it out.")
        self._client = client
        self._most = most
        self._tried: set[tuple[str, str, int]] = set()
        self._in_a_row = ("", 0)
        self._stopped = ""
        self._sizes_tell = True
        try:
            self._storage = Storage(url)
            self._failures = Failures(self._storage)
        except StorageTrouble as problem:
            raise SettingsError(
                f"attachments_path cannot be used: {problem}. Name a folder that can be written "
                "to; one elsewhere may need a plugin of fsspec, such as s3fs."
            ) from None

    @property
    def noted(self) -> bool:
        """Whether all that failed is on record: until then no bookmark may pass its document."""
        return self._failures.saved

    def path_of(self, file: FileRef) -> str:
        """Where a file goes."""
        return self._storage.shown(path_in_folder(file))

    def fetch(self, file: FileRef) -> str | None:
        """Where the file lies now; None if it could not be had, which is said and noted.

        Raises QuotaSpent and BadCredentials, after which nothing else can be had either.
        """
        path = self._attempt(file)
        if path is not None:
            self._failures.forget(file)
        kind, many = self._in_a_row
        if kind and many >= _ENOUGH and not self._stopped:
            self._stopped = kind
            whose = "attachments_path took" if kind == "storage" else "Precoro gave"
            advice = "Make room in it or mend its rights. " if kind == "storage" else ""
            logger.warning(
                "%s none of %d files in a row: no more are fetched in this run. %sThe next run "
                "goes on with them.",
                whose,
                many,
                advice,
            )
        return path

    def retry_failed(self, run: str, arrived: str = "") -> Iterator[tuple[FileRef, str | None]]:
        """Try the files that failed in earlier runs; each with where it lies now, or None.

        Those that failed again go to the end of the list, so that none is in the way for ever. One
        that is there now comes again in each run, until `arrived` is the `run` that it came in:
        what this run sends may be lost behind it.
        """
        self._failures.forget_sent(arrived)
        for failure in self._failures:
            if self._stopped:
                return
            if failure.gone >= _ENOUGH:
                continue
            path = self._attempt(failure.file)
            yield failure.file, path
            if path is not None and failure.file.told:
                self._failures.note(replace(failure, sent=run))
            elif path is not None:
                self._failures.forget(failure.file)  # nothing is known that could be sent
            if self._in_a_row[1] >= _ENOUGH:
                logger.warning(
                    "%d files that failed before fail again: the rest is left for the next run.",
                    self._in_a_row[1],
                )
                self._in_a_row = ("", 0)
                return

    def _attempt(self, file: FileRef) -> str | None:
        try:
            path = self._existing(file)
            if path is None and (self._stopped or file.key in self._tried):
                self._failures.not_tried(file, "not tried: too many failed before it")
                return None
            path = path or self._download(file)
        except (QuotaSpent, BadCredentials):
            raise
        except (PrecoroError, StorageTrouble) as problem:
            self._fail(file, problem)
            return None
        return self._storage.shown(path)

    def _existing(self, file: FileRef) -> str | None:
        """Where the file lies already, by whatever name it had when it was fetched."""
        folder, own = posixpath.split(path_in_folder(file))
        for name, size in self._storage.files_in(folder):
            whole = name == own or not name.endswith(_PART)
            if not name.startswith(f"{int(file.id)}-") or not whole:
                continue
            if not self._sizes_tell or size is None or file.size in (None, size):
                return posixpath.join(folder, name)
        return None

    def _download(self, file: FileRef) -> str:
        before = self._failures.of(file)
        size = max((file.size or 0) if self._sizes_tell else 0, before.least if before else 0)
        if size > self._most:
            did = f"the file has {size} bytes, and {self._most} are wanted at most"
            raise TooLarge(did, resource=_ATTACHMENTS.name, key=str(file.id), size=size)
        part = path_in_folder(file) + _PART
        try:
            arrived = self._client.download(
                _ATTACHMENTS,
                file.id,
                partial(self._storage.writing, part),
                most=self._most,
                name=file.name,
            )
            path = path_in_folder(file if file.name else replace(file, name=arrived.name))
            self._storage.move(part, path)
        except BaseException:
            with suppress(Exception):
                self._storage.remove(part)
            raise
        self._in_a_row = ("", 0)
        if self._sizes_tell and file.size not in (None, arrived.size):
            # It is whole: so what Precoro tells is not its bytes, and must not be asked for again.
            self._sizes_tell = False
            logger.info("The sizes that Precoro tells are not those of the files: not compared.")
        return path

    def _fail(self, file: FileRef, problem: Exception) -> None:
        """Say it and note it; count what may be no fault of the file's."""
        of_storage = isinstance(problem, StorageTrouble)
        reason = f"attachments_path: {problem}" if of_storage else str(problem)
        kind, least = "storage" if of_storage else "", 0
        if isinstance(problem, TooLarge):
            reason, least = f"{reason} See attachment_max_mb.", problem.size
        if isinstance(problem, TryLater | NotAllowed):
            kind = "source"
        before = self._failures.of(file)
        gone = (before.gone if before else 0) + 1 if isinstance(problem, NotFound) else 0
        if not self._stopped:
            logger.warning(
                "%s %s: file %s could not be had, and is %s: %s",
                file.document,
                file.idn,
                file.id,
                "tried again in the next run" if gone < _ENOUGH else "not tried again by itself",
                reason,
            )
            last, many = self._in_a_row
            self._in_a_row = (kind, (many if kind == last else 0) + 1) if kind else ("", 0)
        self._tried.add(file.key)
        self._failures.note(Failure(file, reason, least, gone))
