"""Turns that were granted and not used yet: what a killed process leaves, for others to see.

A process writes its turns into the ledger in the very transaction that grants them, and notes in a
file of its own each one that it uses. Once it is gone, its turns without a note were never used.
"""

from __future__ import annotations

import itertools
import logging
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.presence import Presence, is_gone
from precoro_api.quota.ledger import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO
    from pathlib import Path

    from precoro_api.quota.windows import Counted

__all__ = ["Lease", "Turn", "bury", "gone", "used_by"]

logger = logging.getLogger(__name__)

_SUFFIX = ".used"
_NOTE = struct.Struct("<Q")


@dataclass(frozen=True)
class Turn:
    """A granted turn, and all that was counted for it.

    `moment` stands in the list of the `identity`, `label` in the use of the `day`.
    """

    number: int
    counted: Counted
    identity: str
    moment: float
    day: int
    label: str

    def to_json(self) -> list[Any]:
        """Plain values, to be kept."""
        return [self.number, self.counted, self.identity, self.moment, self.day, self.label]


class Lease:
    """The turns of this process: numbered, and noted as they are used.

    Without a folder, or where nothing can be written, it keeps nothing: a turn that a killed
    process was given stays counted then.
    """

    def __init__(self, folder: Path | None) -> None:
        self.name = ""
        self._numbers = itertools.count(1)
        self._used: set[int] = set()
        self._folder = folder
        self._presence: Presence | None = None
        self._notes: FileIO | None = None
        if folder is None:
            return
        try:
            self._presence = Presence(folder)
            path = folder / f"{self._presence.name}{_SUFFIX}"
            path.touch(mode=0o600)
            self._notes = path.open("ab", buffering=0)
        except (OSError, NotImplementedError) as problem:  # nor can every file system lock
            logger.debug("No lease in %s: %s.", folder, problem)
            self.leave()
        else:
            self.name = self._presence.name

    def number(self) -> int:
        """The number of the next turn."""
        return next(self._numbers)

    def held(self, stored: Iterable[list[Any]] | None, turn: Turn) -> tuple[list[Any], set[int]]:
        """The lease with that turn and without those used meanwhile, and the numbers of these."""
        after = {each[0]: each for each in stored or ()}
        used = {number for number in after if number in self._used}
        for number in used:
            del after[number]
        after[turn.number] = turn.to_json()  # anew, where it was held up
        return [*after.values()], used

    def settle(self, used: set[int]) -> None:
        """Forget numbers that the ledger no longer holds."""
        self._used -= used

    def use(self, turn: Turn) -> None:
        """Note that the turn is used; nothing is to come between this and the use."""
        if self._notes is None:
            return
        try:
            # One unbuffered append is the system's as soon as it returns, whatever becomes of this
            # process; eight bytes at a multiple of eight are never half there; and threads need no
            # lock, as they would to share a place in mapped memory, which saves a microsecond.
            self._notes.write(_NOTE.pack(turn.number))
        except (OSError, ValueError) as problem:  # a full disk; closed by another thread
            raise LedgerError(
                f"quota_path: no use of the budget can be noted in {self._folder} ({problem})."
            ) from None
        self._used.add(turn.number)

    def close(self) -> None:
        """Use no turn any more; `bury` and `leave` follow."""
        if self._notes is not None:
            self._notes.close()

    def leave(self) -> None:
        """Be gone for the others."""
        if self._presence is not None:
            self._presence.close()


def gone(folder: Path | None, but: str) -> Iterator[str]:
    """The names of processes that ended and left files there; `but` for one's own.

    Only what lies in this folder is judged, so whoever shares a ledger from elsewhere is not.
    """
    names: set[str] = set()
    if folder is not None:
        with suppress(OSError):
            names = {path.stem for path in folder.iterdir()} - {but}
    for name in sorted(names):
        with suppress(OSError):
            if folder is not None and is_gone(folder, name):
                yield name


def used_by(folder: Path, name: str) -> set[int] | None:
    """The numbers of the turns that a process used; None where nothing tells."""
    try:
        notes = (folder / f"{name}{_SUFFIX}").read_bytes()
    except OSError:
        return None
    whole = len(notes) // _NOTE.size * _NOTE.size
    return {number for (number,) in _NOTE.iter_unpack(notes[:whole])}


def bury(folder: Path, name: str) -> None:
    """Take away what a process that has ended left there."""
    with suppress(OSError):
        (folder / f"{name}{_SUFFIX}").unlink(missing_ok=True)
