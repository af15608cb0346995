"""Where events wait until they are read: one SQLite file, written and read by several processes."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from precoro_api.errors import SettingsError
from precoro_api.plain import private_folder
from precoro_api.webhooks.event import Event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["MOST", "Spool", "SpoolFull", "Spooled", "Told"]

MOST = 1_000_000
"""Events that wait at most, unless told otherwise: about 50 MB."""
_KIND = 0x70776873  # "pwhs", in the file's head: it is a spool
_VERSION = 1
_PATIENCE = 60.0
_REMOVED_AT_ONCE = 20_000
_FULL = "full"
_COMPACTED_AT_LEAST = 20
"""The part of a full spool, one of so many, that compacting looks for: a search takes long."""

# Space that is free goes back with the next commit; the log is kept short after a large one.
_BEFORE_TABLES = "pragma auto_vacuum = full"
_SESSION = ("pragma synchronous = full", "pragma journal_size_limit = 4194304")
_TABLES = (
    # autoincrement: the number of an event that was removed is never given again.
    """create table events (number integer primary key autoincrement, type integer not null,
    id integer not null, action integer not null, idn text, at real not null)""",
    "create index of_record on events (type, id, number)",
    """create table totals (received integer not null, removed integer not null,
    compacted integer not null, distinct_to integer not null)""",
    "insert into totals values (0, 0, 0, 0)",
    "create table refused (reason text primary key, many integer not null) without rowid",
    "create table identity (text text not null)",
    "insert into identity values (lower(hex(randomblob(4))))",
    "create table removed (type integer primary key, upto integer not null)",
    """create table fetched (type integer not null, idn text not null, changed text not null,
    number integer not null, primary key (type, idn)) without rowid""",
    f"pragma application_id = {_KIND}",
    f"pragma user_version = {_VERSION}",
)
# Of each record that has an event above a number, all events but the newest, oldest first.
_COMPACT = """delete from events where number in (
select older.number from (
  select type, id, max(number) as newest from events where number > ? group by type, id
) as latest join events as older
on older.type = latest.type and older.id = latest.id and older.number < latest.newest
order by older.number limit ?)"""
_NOTE_REMOVED = """insert into removed values (?, ?)
on conflict (type) do update set upto = max(upto, excluded.upto)"""


class Spooled(NamedTuple):
    """An event and its number; numbers grow in the order of arrival and are never given twice."""

    number: int
    event: Event


class Told(NamedTuple):
    """A record that events tell of: the number of the first of them, its id, and its idn."""

    number: int
    id: int
    idn: str | None


class SpoolFull(Exception):
    """Some events found no room; the others are kept. `refused` are the places of those."""

    def __init__(self, refused: Sequence[int]) -> None:
        self.refused = tuple(refused)
        super().__init__(f"the spool is full: {len(self.refused)} events were not kept")


class Spool:
    """Events by number, durable, in a file that is its owner's alone.

    Beyond `most`, events of records that have a newer one give way, oldest first; where each
    record has one only, new ones are refused. All are counted. The first event makes the file;
    as long as there is none, there is nothing to read. Every method raises SettingsError where
    the file cannot be used.
    """

    def __init__(self, path: Path, *, most: int = MOST) -> None:
        self.path = path
        self._most = most
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        """Whether anyone has made the file yet."""
        return self.path.exists()

    def add(self, events: Sequence[Event]) -> int:
        """Keep events, durably, in one transaction; the number of the last that was ever kept.

        Raises SpoolFull if some found no room.
        """
        refused: list[int] = []
        with self._changing() as db:
            room = self._room(db, len(events))
            received = len(events)
            compacted = 0
            for place, event in enumerate(events):
                if room <= 0:
                    given_up = db.execute(
                        "delete from events where type = ? and id = ?", (event.type, event.id)
                    ).rowcount
                    compacted, room = compacted + given_up, room + given_up
                if room <= 0:
                    refused.append(place)
                    continue
                db.execute(
                    "insert into events (type, id, action, idn, at) values (?, ?, ?, ?, ?)",
                    (event.type, event.id, event.action, event.idn, event.at),
                )
                room -= 1
            db.execute(
                "update totals set received = received + ?, compacted = compacted + ?",
                (received - len(refused), compacted),
            )
            if refused:
                _count(db, {_FULL: len(refused)})
            last = _last(db)
        if refused:
            raise SpoolFull(refused)
        return last

    def _room(self, db: sqlite3.Connection, wanted: int) -> int:
        """How many events may still be added, after compacting where that is too few."""
        waiting, distinct_to = db.execute(
            "select received - removed - compacted, distinct_to from totals"
        ).fetchone()
        room: int = self._most - waiting
        if room >= wanted:
            return room
        last = _last(db)
        if distinct_to == last:
            return room
        sought = max(wanted - room, self._most // _COMPACTED_AT_LEAST)
        found = db.execute(_COMPACT, (distinct_to, sought)).rowcount
        db.execute(
            "update totals set compacted = compacted + ?, distinct_to = ?",
            (found, last if found < sought else distinct_to),
        )
        return room + found

    def note(self, refused: Mapping[str, int]) -> None:
        """Count what was refused before it came here, by reason."""
        with self._changing() as db:
            _count(db, refused)

    def events(
        self, *, types: Collection[int] | None = None, after: int = 0, most: int | None = None
    ) -> list[Spooled]:
        """Events that wait, oldest first: of these types, with numbers above `after`."""
        chosen, kinds = _of_types(types)
        query = f"""select number, id, type, action, idn, at from events
        where number > ? {chosen} order by number limit ?"""  # noqa: S608 - marks only
        rows = self._read(query, (after, *kinds, -1 if most is None else most))
        return [Spooled(number, Event(*told)) for number, *told in rows]

    def told(self, kind: int, *, after: int, upto: int) -> list[Told]:
        """The records of a type that events above `after` tell of, each once, in their order."""
        # The parts of a split invoice may have one idn, under which they are fetched together.
        query = """select min(number), min(id), idn from events
        where type = ? and number > ? and number <= ?
        group by coalesce(idn, 'id ' || id) order by 1"""
        return [Told(*row) for row in self._read(query, (kind, after, upto))]

    def remove(self, upto: int, types: Collection[int]) -> int:
        """Forget the events of these types with numbers up to `upto`; how many there were."""
        if not self.exists:
            return 0
        chosen, kinds = _of_types(types)
        query = f"""delete from events where number in (select number from events
        where number <= ? {chosen} order by number limit ?)"""  # noqa: S608 - marks only
        removed = 0
        while True:
            # In portions: whoever adds meanwhile does not wait for all of them.
            with self._changing() as db:
                portion = db.execute(query, (upto, *kinds, _REMOVED_AT_ONCE)).rowcount
                db.execute("update totals set removed = removed + ?", (portion,))
                for kind in types:
                    db.execute(_NOTE_REMOVED, (kind, upto))
            removed += portion
            if portion < _REMOVED_AT_ONCE:
                return removed

    def removed(self, kind: int) -> int:
        """The number up to which events of a type were removed; 0 where none was."""
        rows = self._read("select upto from removed where type = ?", (kind,))
        return int(rows[0][0]) if rows else 0

    def kinds(self) -> list[int]:
        """The types of the events that wait."""
        return [kind for (kind,) in self._read("select distinct type from events order by type")]

    @property
    def identity(self) -> str:
        """What tells this file from another at the same path; "" as long as there is none."""
        rows = self._read("select text from identity")
        return str(rows[0][0]) if rows else ""

    def note_fetched(self, kind: int, idn: str, changed: str, number: int) -> None:
        """Remember that events up to `number` made this document be fetched, as of `changed`."""
        with self._changing() as db:
            db.execute("replace into fetched values (?, ?, ?, ?)", (kind, idn, changed, number))

    def fetched(self, kind: int, upto: int) -> dict[str, str]:
        """The documents that events up to that number made be fetched: idn, and as of when."""
        query = "select idn, changed from fetched where type = ? and number <= ?"
        return dict(self._read(query, (kind, upto)))

    def forget_fetched(self, kind: int, before: str) -> None:
        """Forget the documents that were fetched as of a moment before this one."""
        if self.exists:
            with self._changing() as db:
                db.execute("delete from fetched where type = ? and changed < ?", (kind, before))

    def last(self) -> int:
        """The number of the last event that was ever kept; 0 before the first."""
        rows = self._read("select seq from sqlite_sequence where name = 'events'")
        return int(rows[0][0]) if rows else 0

    def status(self) -> dict[str, Any]:
        """What waits, and what has become of all that ever came.

        `waiting` {type: {events, oldest, newest}}, `events`, `oldest` and `newest` (epoch seconds
        of arrival, None where nothing waits), `size` (bytes), `received`, `removed`, `compacted`
        (`received` is the sum of these two and `events`), `refused` {reason: how many}.
        """
        waiting = {
            kind: {"events": many, "oldest": oldest, "newest": newest}
            for kind, many, oldest, newest in self._read(
                "select type, count(*), min(at), max(at) from events group by type order by type"
            )
        }
        totals = self._read("select received, removed, compacted from totals") or [(0, 0, 0)]
        return {
            "waiting": waiting,
            "events": sum(each["events"] for each in waiting.values()),
            "oldest": min((each["oldest"] for each in waiting.values()), default=None),
            "newest": max((each["newest"] for each in waiting.values()), default=None),
            "size": self._size(),
            **dict(zip(("received", "removed", "compacted"), totals[0], strict=True)),
            "refused": dict(self._read("select reason, many from refused order by reason")),
        }

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _size(self) -> int:
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _read(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            if self._db is None and not self.exists:
                return []
            try:
                return self._opened().execute(query, values).fetchall()
            except (OSError, sqlite3.Error) as problem:
                raise self._unusable(problem) from None

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                db = self._opened()
                with _transaction(db):
                    yield db
            except (OSError, sqlite3.Error) as problem:
                raise self._unusable(problem) from None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            private_folder(self.path.parent)
            self.path.touch(mode=0o600)
            db = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        with _transaction(db, "deferred"):  # its reads see one moment, though others make it now
            made = self._is_made(db)
        if not made:
            db.execute(_BEFORE_TABLES)
        _log_ahead(db)
        for statement in _SESSION:
            db.execute(statement)
        with _transaction(db):
            if not self._is_made(db):
                for statement in _TABLES:
                    db.execute(statement)

    def _is_made(self, db: sqlite3.Connection) -> bool:
        """Whether this is a spool already. Raises SettingsError if it is something else."""
        kind, version = (
            db.execute(f"pragma {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
        if kind == _KIND and version > _VERSION:
            raise SettingsError(
                f"webhook_spool: {self.path} was made by a newer version of precoro-api. "
                "Install that version here, too."
            )
        if kind != _KIND and (kind or version or _has_tables(db)):
            raise SettingsError(
                f"webhook_spool: {self.path} is a database of something else. Choose a path "
                "of its own."
            )
        return bool(kind == _KIND)

    def _unusable(self, problem: Exception) -> SettingsError:
        said = f"webhook_spool: the spool {self.path} cannot be used ({problem}). "
        broken = isinstance(problem, sqlite3.DatabaseError) and not isinstance(
            problem, sqlite3.OperationalError
        )
        if not broken:
            return SettingsError(f"{said}Choose a path that can be written, on a disk with room.")
        return SettingsError(
            f"{said}Stop what uses it and move it away, with the files beside it whose names go on "
            "in -wal and -shm; a new one is made. What its events told of is read with the next "
            "full reading of changes by date."
        )


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str = "immediate") -> Iterator[None]:
    db.execute(f"begin {kind}")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise


def _has_tables(db: sqlite3.Connection) -> bool:
    return db.execute("select 1 from sqlite_master").fetchone() is not None


def _log_ahead(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite does not wait for others that do so at once."""
    until = time.monotonic() + _PATIENCE
    while db.execute("pragma journal_mode").fetchone()[0] != "wal":
        try:
            db.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _last(db: sqlite3.Connection) -> int:
    row = db.execute("select seq from sqlite_sequence where name = 'events'").fetchone()
    return int(row[0]) if row else 0


def _count(db: sqlite3.Connection, refused: Mapping[str, int]) -> None:
    db.executemany(
        "insert into refused values (?, ?) on conflict (reason) do update set many = many + ?",
        [(reason, many, many) for reason, many in refused.items()],
    )


def _of_types(types: Collection[int] | None) -> tuple[str, tuple[int, ...]]:
    if types is None:
        return "", ()
    kinds = tuple(int(each) for each in types)
    return f"and type in ({','.join('?' * len(kinds))})", kinds
