"""What must outlive a killed process: creates under way, rows that wait, rows that were refused.

The API has no idempotency keys: a POST whose answer is lost may have happened. So an intent is on
disk before each create, and whoever finds it open looks in Precoro before writing. The file holds
keys, ids, reasons, and parked rows as they came (bank details too, until they are unparked; it is
its owner's alone); no token and no e-mail of the settings. It may be thrown away at the price of
look-ups, but parked rows go with it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.json import deserialize_json, serialize_json

from target_precoro.journal.store import NEVER, NOBODY, JournalError, JournalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Begun", "Busy", "Earlier", "Intent", "Journal", "JournalError", "Parked"]

_REMEMBERED = 3600.0
_MOST_CREATES = 10_000
_MOST_REFUSALS = 50_000
_FORGET_EVERY = 64
"""What is over is forgotten at every so many writes: a bound may be exceeded by so many rows."""
_UNSURE = 2.0
"""How far two processes may differ, in seconds, about the server's clock."""
_DONE = ""
"""In place of the reason of a refusal: this was done, and is not to be done again."""


@dataclass(frozen=True)
class Intent:
    """A create that is about to be sent: of which record, and since when.

    `key` names the record for good, `began` is the server's clock in seconds since the epoch.
    `look_for` is JSON that is kept beside it (numbers with a point come back as Decimal): by what
    the record may be known again, as it may be another by then.
    """

    resource: str
    key: str
    began: float
    look_for: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Begun:
    """The intent is on disk and ours: send, then `finish`."""

    number: int
    intent: Intent


@dataclass(frozen=True)
class Earlier:
    """The create was begun before, and nobody knows how it ended: look, then `resume`."""

    number: int
    intent: Intent
    holder: str = field(repr=False)


@dataclass(frozen=True)
class Busy:
    """It is being created just now, or was after the look: look again.

    `precoro_id` is the record's id in Precoro, where it is known.
    """

    precoro_id: str | None = None


@dataclass(frozen=True)
class Parked:
    """A row that waits, with all that is needed to write it later.

    `since` is in seconds since the epoch. `waits_for`, as (resource, external id), `reason` and
    `fingerprint` are for people who open the file: a run reads the record anew.
    """

    stream: str
    key: str
    record: Mapping[str, Any] = field(repr=False)
    schema: Mapping[str, Any] = field(repr=False)
    key_properties: tuple[str, ...]
    waits_for: tuple[tuple[str, str], ...]
    reason: str
    fingerprint: str
    since: float


class Journal:
    """One SQLite file for all targets of this machine, or memory for one (path None).

    Threads may share it. `now` is the server's clock, in seconds since the epoch. Whatever it is
    asked, it raises JournalError where its file cannot be used.
    """

    def __init__(self, path: Path | None, *, now: Callable[[], float]) -> None:
        self._now = now
        self._store = JournalStore(path, now)

    # Creates

    def begin(self, intent: Intent, *, looked_at: float) -> Begun | Earlier | Busy:
        """Announce the create of a record that was not there when looked for at `looked_at`."""
        name = _name(intent.resource, intent.key)

        def work(db: sqlite3.Connection) -> Begun | Earlier | Busy:
            row = db.execute(
                "select number, holder, began, look_for, ended, precoro_id "
                "from creates where name = ?",
                (name,),
            ).fetchone()
            if row is not None:
                number, holder, began, look_for, ended, precoro_id = row
                if ended is None:
                    if not self._store.is_gone(holder):
                        return Busy()
                    return Earlier(number, _intent(name, began, look_for), holder)
                if looked_at <= ended + _UNSURE:
                    return Busy(precoro_id)
            # What was forgotten after the look may have been this very record.
            # Of its own creates a process knows for as long as it lives.
            (forgotten,) = db.execute(
                "select coalesce(max(until), ?) from forgotten where holder <> ?",
                (NEVER, self._store.holder),
            ).fetchone()
            if looked_at <= max(forgotten + _UNSURE, self._store.blind_until):
                return Busy()
            db.execute("delete from creates where name = ?", (name,))
            return Begun(self._put(db, intent, self._store.holder), intent)

        return self._store.run(work, "full")

    def resume(self, earlier: Earlier) -> Begun | Busy:
        """Take an earlier intent over; of several takers one wins. Look before anything is sent."""

        def work(db: sqlite3.Connection) -> Begun | Busy:
            taken = db.execute(
                "update creates set holder = ? where number = ? and holder = ? and ended is null",
                (self._store.holder, earlier.number, earlier.holder),
            )
            return Begun(earlier.number, earlier.intent) if taken.rowcount else Busy()

        return self._store.run(work, "full")

    def expect(self, begun: Begun, look_for: Mapping[str, Any]) -> Begun:
        """Keep by what else the record may be known again, before it is sent once more."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "update creates set look_for = ? where number = ? and holder = ?",
                (serialize_json(look_for), begun.number, self._store.holder),
            )

        self._store.run(work, "full")
        return replace(begun, intent=replace(begun.intent, look_for=look_for))

    def finish(self, begun: Begun, *, precoro_id: str | None) -> None:
        """It is done, as that record of Precoro, or (None) proven never to have happened."""
        self._end(begun, None if precoro_id is None else (self._store.holder, precoro_id))

    def leave(self, begun: Begun) -> None:
        """Nobody can tell yet how it ended: who begins it next, here or elsewhere, gets Earlier."""
        self._end(begun, (NOBODY, None))

    def open_intents(self) -> list[Intent]:
        """Oldest first: those of this process, and those that no living process holds."""

        def work(db: sqlite3.Connection) -> list[Intent]:
            rows = db.execute(
                "select holder, name, began, look_for from creates where ended is null "
                "order by number"
            ).fetchall()
            ours = {
                holder: holder == self._store.holder or self._store.is_gone(holder)
                for holder in {row[0] for row in rows}
            }
            return [_intent(*row) for holder, *row in rows if ours[holder]]

        return self._store.run(work)

    def _end(self, begun: Begun, after: tuple[str, str | None] | None) -> None:
        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "delete from creates where number = ? and holder = ?",
                (begun.number, self._store.holder),
            )
            if after is not None:
                self._put(db, begun.intent, *after)

        # Lost with the power, it leaves the intent open, which costs a look: not worth a wait.
        self._store.run(work, "normal")

    def _put(
        self, db: sqlite3.Connection, intent: Intent, holder: str, precoro_id: str | None = None
    ) -> int:
        """Its number; without an id it is open. One that stands already, of another, stays."""
        ended = None if precoro_id is None else self._now()
        row = (_name(intent.resource, intent.key), holder, intent.began)
        number = db.execute(
            "insert or ignore into creates (name, holder, began, look_for, ended, precoro_id) "
            "values (?, ?, ?, ?, ?, ?)",
            (*row, serialize_json(intent.look_for), ended, precoro_id),
        ).lastrowid
        assert number is not None  # noqa: S101 - it follows an insert
        if number % _FORGET_EVERY == 0:
            self._forget(db)
        return number

    def _forget(self, db: sqlite3.Connection) -> None:
        """Drop ended creates that are old or too many, and remember whose, until when."""
        now = self._now()
        newest = db.execute(
            "select number from creates where ended is not null order by number desc "
            "limit 1 offset ?",
            (_MOST_CREATES,),
        ).fetchone()
        last = newest[0] if newest else 0
        # One that ends later than now is of a clock that was set back since: it would never be old.
        over = "ended is not null and (abs(ended - :now) > :kept or number <= :last)"
        values = {"now": now, "kept": _REMEMBERED, "last": last}
        db.execute(
            "insert into forgotten select holder, max(ended) from creates "  # noqa: S608 - our own words
            f"where {over} and ended <= :now group by holder "
            "on conflict (holder) do update set until = max(until, excluded.until)",
            values,
        )
        # Whoever asks, the newest of all others is among the two newest.
        db.execute(
            "delete from forgotten where holder not in "
            "(select holder from forgotten order by until desc limit 2)"
        )
        db.execute(f"delete from creates where {over}", values)  # noqa: S608 - our own words

    # Parked rows

    def park(self, parked: Parked) -> None:
        """Keep a row until it is unparked; it replaces the one of the same stream and key."""
        body = {
            "record": parked.record,
            "key_properties": parked.key_properties,
            "waits_for": parked.waits_for,
            "reason": parked.reason,
            "fingerprint": parked.fingerprint,
        }
        row = (_name(parked.stream, parked.key), parked.since, serialize_json(body))
        schema = (serialize_json(parked.schema),)

        def work(db: sqlite3.Connection) -> None:
            db.execute("insert or ignore into schemas (body) values (?)", schema)
            (number,) = db.execute("select number from schemas where body = ?", schema).fetchone()
            db.execute(
                "insert into parked (name, since, body, schema) values (?, ?, ?, ?) on conflict "
                "(name) do update set since = excluded.since, body = excluded.body, "
                "schema = excluded.schema",
                (*row, number),
            )

        self._store.run(work, "full")

    def parked(self) -> list[Parked]:
        """All that is parked, oldest first; rows of one schema share its object."""

        def work(db: sqlite3.Connection) -> list[Parked]:
            rows = db.execute(
                "select name, since, parked.body, schema, schemas.body from parked "
                "left join schemas on schemas.number = schema order by since, parked.number"
            ).fetchall()
            schemas = {number: _read(text) for *_, number, text in rows}
            return [_parked(name, since, body, schemas[n]) for name, since, body, n, _ in rows]

        return self._store.run(work)

    def unpark(self, stream: str, key: str) -> None:
        """Forget a parked row, if there is one."""
        self._delete("parked", stream, key)

    # Refusals

    def refusal(self, stream: str, key: str, fingerprint: str) -> str | None:
        """Why exactly this was refused before; None where it was not."""
        name = _name(stream, key)

        def work(db: sqlite3.Connection) -> str | None:
            query = "select reason from refusals where name = ? and fingerprint = ?"
            row = db.execute(query, (name, fingerprint)).fetchone()
            return None if row is None else str(_read(row[0]))

        return self._store.run(work)

    def refuse(self, stream: str, key: str, fingerprint: str, reason: str) -> None:
        """Remember that Precoro refused exactly this; one refusal a key."""
        row = (_name(stream, key), fingerprint, serialize_json(reason))

        def work(db: sqlite3.Connection) -> None:
            number = db.execute(
                "insert or replace into refusals (name, fingerprint, reason) values (?, ?, ?)", row
            ).lastrowid
            if number is not None and number % _FORGET_EVERY == 0:
                db.execute(
                    "delete from refusals where number <= "
                    "(select number from refusals order by number desc limit 1 offset ?)",
                    (_MOST_REFUSALS,),
                )

        self._store.run(work, "normal")

    def mark_done(self, stream: str, key: str, fingerprint: str) -> None:
        """Remember that exactly this was done, once and for all."""
        self.refuse(stream, key, fingerprint, _DONE)

    def was_done(self, stream: str, key: str, fingerprint: str) -> bool:
        """Whether exactly this was done before."""
        return self.refusal(stream, key, fingerprint) == _DONE

    def accept(self, stream: str, key: str) -> None:
        """Forget a refusal, if there is one."""
        self._delete("refusals", stream, key)

    def _delete(self, table: str, stream: str, key: str) -> None:
        name = (_name(stream, key),)
        there = f"select 1 from {table} where name = ?"  # noqa: S608 - a table of ours
        # Mostly there is none; reading waits for nobody.
        if self._store.run(lambda db: db.execute(there, name).fetchone()):
            gone = f"delete from {table} where name = ?"  # noqa: S608 - a table of ours
            self._store.run(lambda db: db.execute(gone, name), "normal")

    def close(self) -> None:
        """Let go of the file; intents that are open are now those of a gone process."""
        self._store.close()


def _name(kind: str, key: str) -> str:
    return serialize_json([kind, key])  # whatever characters a key is made of


def _read(text: str) -> Any:
    try:
        return deserialize_json(text)
    except (TypeError, ValueError):
        raise sqlite3.DatabaseError("it holds what is no JSON") from None


def _intent(name: str, began: float, look_for: str) -> Intent:
    resource, key = _read(name)
    return Intent(resource, key, began, _read(look_for))


def _parked(name: str, since: float, body: str, schema: Mapping[str, Any]) -> Parked:
    stream, key = _read(name)
    inside = _read(body)
    return Parked(
        stream=stream,
        key=key,
        record=inside["record"],
        schema=schema,
        key_properties=tuple(inside["key_properties"]),
        waits_for=tuple((resource, external_id) for resource, external_id in inside["waits_for"]),
        reason=inside["reason"],
        fingerprint=inside["fingerprint"],
        since=since,
    )
