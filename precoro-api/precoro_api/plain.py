"""What people read, without what steers a terminal; what disks keep, for its owner alone."""

from __future__ import annotations

import logging
import os
import stat
import traceback
import unicodedata
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["harmless", "plain_logs", "private_file", "private_folder"]


def harmless(text: str) -> str:
    """A text on one line, without anything that moves or colours a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _instead(each) for each in text)


def _instead(each: str) -> str:
    return " " if unicodedata.category(each) == "Zs" else "\N{REPLACEMENT CHARACTER}"


class _PlainRecord(logging.LogRecord):
    """A line of the log that stays one line, whatever an API or a record brought into it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        if self.exc_info and self.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*self.exc_info)).splitlines()
            self.exc_text = "\n".join(map(harmless, told))

    def getMessage(self) -> str:  # noqa: N802 - logging calls it so
        return harmless(super().getMessage())


def plain_logs() -> None:
    """Let all logs of this process be harmless, whoever writes and whatever shows them."""
    logging.setLogRecordFactory(_PlainRecord)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for their owner alone."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(exist_ok=True, mode=0o700)


def private_file(path: Path, *, anew: bool = True) -> IO[str]:
    """A text file that is begun anew or goes on, its owner's alone even if it was not before.

    What is no file, such as a pipe, stays as it is.
    """
    how = os.O_TRUNC if anew else os.O_APPEND
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600), "w", encoding="utf-8")
    found = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(found) and found & 0o077:
        with suppress(PermissionError):  # another's, who shares it
            os.fchmod(file.fileno(), 0o600)
    return file
