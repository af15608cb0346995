"""The journal's SQLite file: opened, shared with other processes, replaced where it is broken."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock
from precoro_api.errors import SettingsError
from precoro_api.plain import private_folder
from precoro_api.presence import Presence, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["NEVER", "NOBODY", "JournalError", "JournalStore"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

_APPLICATION = int.from_bytes(b"Prec", "big")
_FORMAT = 1
_PATIENCE = 60.0
"""Seconds to wait for another process's transaction, which takes milliseconds."""
NEVER = -1e300
NOBODY = ""
"""The holder of an intent that nobody holds."""

_TABLES = (
    """create table creates (number integer primary key autoincrement, name text not null unique,
    holder text not null, began real not null, look_for text not null,
    ended real, precoro_id text)""",
    "create table forgotten (holder text primary key, until real not null) without rowid",
    "create table schemas (number integer primary key, body text not null unique)",
    """create table parked (number integer primary key autoincrement, name text not null unique,
    since real not null, schema integer not null, body text not null)""",
    """create table refusals (number integer primary key autoincrement,
    name text not null unique, fingerprint text not null, reason text not null)""",
    f"pragma application_id = {_APPLICATION}",
    f"pragma user_version = {_FORMAT}",
)


class JournalError(SettingsError):
    """The journal cannot be used; the text says why and what to do."""


class JournalStore:
    """The file itself: opened, shared with other processes, and replaced where it is broken.

    `holder` names this process in it; a look before `blind_until` may have missed what a file
    said that is no longer there.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self._path = None if path is None else path.resolve()
        self._now = now
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._presence: Presence | None = None
        self._file: tuple[int, int] | None = None
        self.holder = ""
        self.blind_until = NEVER
        with self._told():
            self._open()

    def run(self, work: Callable[[sqlite3.Connection], T], synchronous: str | None = None) -> T:
        """The result of work; with `synchronous` (`full`, `normal`) in one immediate transaction.

        Without, it only reads, and waits for nobody.
        """
        with self._lock, self._told():
            if self._db is not None and self._file != self._there():
                logger.warning(
                    "The journal %s was taken away while in use; a new one begins.", self._path
                )
                self._reopen()
            try:
                return self._once(work, synchronous)
            except sqlite3.DatabaseError as problem:
                if not _is_broken(problem):
                    raise
                self._reopen(problem)
            return self._once(work, synchronous)

    def _once(self, work: Callable[[sqlite3.Connection], T], synchronous: str | None) -> T:
        db = self._db
        if db is None:
            raise sqlite3.ProgrammingError("it is closed")
        if synchronous is None:
            return work(db)
        db.execute(f"pragma synchronous = {synchronous}")
        try:
            db.execute("begin immediate")
            result = work(db)
            db.execute("commit")
        except BaseException:
            if db.in_transaction:
                db.execute("rollback")
            raise
        return result

    def is_gone(self, holder: str) -> bool:
        """Whether no living process goes by that name."""
        if holder == self.holder:
            return False
        return holder == NOBODY or self._path is None or is_gone(_folder(self._path), holder)

    def close(self) -> None:
        """Close the file, and be gone for the others."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._presence is not None:
            self._presence.close()
            self._presence = None

    def _reopen(self, broken: Exception | None = None) -> None:
        self._let_go()
        self.blind_until = self._now()
        self._open(broken)

    def _open(self, broken: Exception | None = None) -> None:
        path = self._path
        if path is None:
            self.holder, self._db = "memory", _connect(None)
            return
        folder = _folder(path)
        private_folder(folder)  # which lies beside it
        # One at a time: nobody is to take for broken or gone what another is just making.
        with FileLock(folder / "opening", timeout=_PATIENCE, mode=0o600):
            if broken is not None and self._file == self._there():
                _set_aside(path, broken)
            self._presence = Presence(folder)
            try:
                self.holder = self._presence.name
                for left in folder.iterdir():  # of killed processes
                    if left.stem != self.holder:
                        is_gone(folder, left.stem)
                try:
                    self._db = _connect(path)
                except sqlite3.DatabaseError as problem:
                    if not _is_broken(problem):
                        raise
                    _set_aside(path, problem)
                    self._db = _connect(path)
                self._file = self._there()
            except BaseException:
                self._let_go()
                raise

    def _there(self) -> tuple[int, int] | None:
        """Which file is at the path now."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Whatever the system or SQLite say, as one sentence."""
        try:
            yield
        except (OSError, NotImplementedError, sqlite3.Error) as problem:
            where = self._path or "in memory"
            raise JournalError(
                f"journal_path: the journal {where} cannot be used ({problem}). Choose a path that "
                "can be written, on a disk with room. Nothing is created in Precoro without a "
                "journal, as a lost answer could then double a record."
            ) from None


def _connect(path: Path | None) -> sqlite3.Connection:
    if path is not None:
        path.touch(mode=0o600)
    db = sqlite3.connect(
        path or ":memory:", timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path | None) -> None:
    (version,) = db.execute("pragma user_version").fetchone()
    (application,) = db.execute("pragma application_id").fetchone()
    (tables,) = db.execute("select count(*) from sqlite_master").fetchone()
    if version > _FORMAT:
        raise JournalError(
            f"journal_path: the journal {path} is of a newer target-precoro (format {version}, "
            f"this one knows {_FORMAT}). Update target-precoro, or choose another path."
        )
    if tables and application != _APPLICATION:
        raise JournalError(
            f"journal_path: {path} is a database of something else. Choose another path."
        )
    (found,) = db.execute("pragma quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(" ".join(str(found).split()))
    if path is not None:
        path.chmod(path.stat().st_mode & 0o700)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma secure_delete = on")  # what was unparked is not to lie in free pages
    db.execute("begin immediate")
    for statement in _TABLES if not tables else ():
        db.execute(statement)
    db.execute("delete from schemas where number not in (select schema from parked)")
    db.execute("commit")


def _set_aside(path: Path, problem: Exception) -> None:
    aside = next(
        name for n in count(1) if not (name := path.with_name(f"{path.name}.broken-{n}")).exists()
    )
    for suffix in ("-wal", "-shm", ""):  # the file last: without it, its log would be replayed
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    logger.warning(
        "The journal %s is broken (%s): it is now %s, and a new one begins. Intents and refusals "
        "are learned anew, which costs look-ups; rows that were parked in it are lost, how many is "
        "unknown: let the tap send them again.",
        path,
        problem,
        aside.name,
    )


def _is_broken(problem: sqlite3.Error) -> bool:
    # SQLite's codes are not shown before Python 3.11; its classes tell these ones apart.
    return type(problem) is sqlite3.DatabaseError


def _folder(path: Path) -> Path:
    return path.with_name(f"{path.name}.d")
