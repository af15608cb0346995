"""What Precoro has of one resource, as far as this run has looked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from precoro_api import LOOKUP_LIMIT, NotFound, Reading, UnexpectedAnswer

from target_precoro.lookups.indexed_rows import IndexedRows, Row, indexed_as
from target_precoro.records.equality import folded, is_empty, reference_id
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.upsert import Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from precoro_api import Client, Resource

    from target_precoro.records.routes import Route
    from target_precoro.records.wanted import Wanted

__all__ = ["Directory"]

_MOST_IDS = 20_000
"""Ids that are remembered for references; those of older records are looked up again."""
_FEW = 5
"""Records that are looked at one by one, as the size of the list would cost a request, too."""
_SIZE_KEPT = 30 * 86400.0


def _unlike_in(surer: Iterable[str], wanted: Wanted, row: Row) -> str:
    """The first of these fields that record and row both have, and not the same; "" for none."""
    for name in surer:
        own, shown = wanted.match.get(name), row.get(name)
        if is_empty(own) or is_empty(shown) or not folded(own):
            continue
        if indexed_as(name, shown) not in ("", folded(own)):
            return name
    return ""


class Directory:
    """The records of one resource, below one place of it where it has places.

    Rows of look-ups are kept until the next; of a list that was read whole, what may be compared.
    """

    def __init__(self, client: Client, resource: Resource, place: Mapping[str, Any]) -> None:
        self.resource = resource
        self.place = dict(place)
        self._client = client
        self._lock = threading.RLock()
        self._found: dict[str, list[Row]] = {}
        self._ids: dict[str, Any] = {}
        self._keyed: dict[tuple[str, str], Row | None] = {}
        self._several: dict[str, list[Row]] = {}
        self._absent: set[str] = set()
        self._rows: IndexedRows | None = None
        self._own: set[str] = set()
        self._kept = {
            resource.primary_key,
            "idn",
            EXTERNAL_ID,
            "name",
            "parent",
            "enable",
            "status",
            "sum",  # of invoices, for payments
            "sumPaid",
        }
        self._kept |= {key.shown_as for key in form_keys(resource).values()}
        self._kept |= set(resource.business_keys)

    # Looking

    def prepare(self, asked: Sequence[tuple[Route, Wanted]]) -> None:
        """Know what `find` will be asked for, so that it asks Precoro for nothing in common."""
        external_ids = [wanted.external_id for _, wanted in asked if wanted.external_id]
        match = any(route.match_on for route, _ in asked)
        self._keep_also({name for route, _ in asked for name in route.match_on})
        self.look_up(external_ids, match=match)
        new = [
            (route, wanted)
            for route, wanted in asked
            if not (wanted.external_id and self.with_external_id(wanted.external_id))
        ]
        alone = sum(bool(wanted.precoro_id or wanted.idn) for _, wanted in new)
        if any(self._needs_list(*each) for each in new) or self._costs_less_than(alone):
            self.read_all()

    def _keep_also(self, names: set[str]) -> None:
        """Keep these fields of a list, too, as records are to be found by them."""
        with self._lock:
            new = names - self._kept
            self._kept |= names
            if new and self._rows is not None and not self._own:
                self._rows = None  # it was read without them

    def _needs_list(self, route: Route, wanted: Wanted) -> bool:
        if wanted.precoro_id or wanted.idn:
            by = "id" if wanted.precoro_id else "idn"
            resource = self.resource
            asked = resource.detail is not None and resource.addressed_by == by
            return not asked and resource.filter(by) is None
        named = any(not is_empty(wanted.match.get(name)) for name in route.match_on)
        return named or (route.creates and bool(wanted.resembles))

    def _costs_less_than(self, details: int) -> bool:
        """Whether the whole list takes fewer requests than that many records one by one."""
        if self._rows is not None or details <= _FEW:
            return False
        size = self._client.quota.recall(f"rows:{self.resource.name}")
        if size is None and self.resource.list is not None and not self.resource.parent:
            size = self._client.peek(self.resource).total
        return isinstance(size, int) and self._pages(size) < details

    def _pages(self, size: int) -> int:
        return max(1, -(-size // self._client.page_size))

    def look_again(self, external_id: str | None) -> None:
        """Look at Precoro anew for one record, because something else is writing it."""
        if external_id and self.resource.findable:
            found = self._carrying([external_id])
            with self._lock:
                self._found.update(found)
                for row in found.get(external_id, ()):
                    if self._rows is not None:
                        self._rows.put(self._key(row), self._slim(row))
            return
        read = self._read()
        with self._lock:
            # What was written meanwhile is newer than what was read.
            known = self._rows.all if self._rows is not None else {}
            own = {key: row for key, row in known.items() if key in self._own}
            self._rows = IndexedRows({**read, **own})

    def look_up(self, external_ids: Iterable[str], *, match: bool = False) -> None:
        """Know the rows that carry these ids, at the price of as few requests as can be.

        `match` says that rows without a hit will be matched by other fields, for which the list
        is read anyway.
        """
        asked = [each for each in dict.fromkeys(external_ids) if each]
        if self._rows is not None or not asked:
            return
        # Rows of the look-up before, or written since, need not be asked for again.
        kept = {each: self._found[each] for each in asked if each in self._found}
        asked = [each for each in asked if each not in kept]
        if not asked:
            return
        if not self.resource.findable or self._list_is_cheaper(len(asked), match=match):
            self.read_all()
            return
        found = self._carrying(asked)
        with self._lock:
            self._found = kept | found
            self._absent |= set(asked) - found.keys()
            for external_id, rows in found.items():
                if len(rows) == 1:
                    self._remember(external_id, rows[0])
                else:
                    self._several[external_id] = rows

    def _list_is_cheaper(self, many: int, *, match: bool) -> bool:
        """Whether the whole list costs no more requests than look-ups, by its size of last time."""
        size = self._client.quota.recall(f"rows:{self.resource.name}")
        if not isinstance(size, int):
            return False
        return self._pages(size) < -(-many // LOOKUP_LIMIT) + match

    def read_all(self) -> None:
        """Read the whole list, once."""
        if self._rows is not None:
            return
        rows = self._read()
        with self._lock:
            self._rows = IndexedRows(rows)
        if not self.place:
            self._client.quota.remember(f"rows:{self.resource.name}", len(rows), _SIZE_KEPT)

    def _read(self) -> dict[str, Row]:
        return {self._key(row): self._slim(row) for row in self._all()}

    def _carrying(self, external_ids: Sequence[str]) -> dict[str, list[Row]]:
        found = self._client.find(self.resource, external_ids)
        for row in (row for rows in found.values() for row in rows):
            self._key(row)
        return found

    def _key(self, row: Row) -> str:
        """What names the row. Raises UnexpectedAnswer where nothing does: it cannot be written."""
        key = row.get(self.resource.primary_key)
        if type(key) not in (int, str) or key == "":
            told = f"a record came without {self.resource.primary_key}"
            raise UnexpectedAnswer(told, resource=self.resource.name)
        return str(key)

    def _all(self) -> Iterator[Row]:
        if self.resource.embedding is not None:
            return iter(self._client.options(self.resource, self.place["field_id"]))
        return Reading(self._client, self.resource).rows()

    def _slim(self, row: Row) -> Row:
        return {name: value for name, value in row.items() if name in self._kept}

    # Finding

    def find(self, route: Route, wanted: Wanted) -> Found:
        """What Precoro has for a record: by its own id, its external id, then by other fields."""
        linked = self.with_external_id(wanted.external_id) if wanted.external_id else []
        if wanted.precoro_id or wanted.idn:
            return self._named_itself(wanted, linked)
        if linked:
            return Found(tuple(linked))
        matched = self._matched(route, wanted)
        if matched.rows:
            return matched
        for name, value in wanted.resembles.items() if route.creates else ():
            rows = self._matching(wanted, name, value)
            rows = [row for row in rows if is_empty(row.get(EXTERNAL_ID))]
            if rows:
                return Found(tuple(rows), name, sure=False)
        return Found()

    def _named_itself(self, wanted: Wanted, linked: Sequence[Row]) -> Found:
        """The record whose id or idn is given; no other may carry its external id."""
        by = "id" if wanted.precoro_id else "idn"
        value = str(wanted.precoro_id or wanted.idn)
        row = next((row for row in linked if str(row.get(by)) == value), None)
        if linked and row is None:
            return Found(tuple(linked), unlike=by)
        row = row or self.by_key(by, value)
        return Found((row,) if row else (), by)

    def _matched(self, route: Route, wanted: Wanted) -> Found:
        """What has its fields of `match_on`, the surest first; a surer one must not be another."""
        others = Found()
        for place, name in enumerate(route.match_on):
            rows = self._matching(wanted, name, wanted.match.get(name))
            unlike = [_unlike_in(route.match_on[:place], wanted, row) for row in rows]
            like = [row for row, field in zip(rows, unlike, strict=True) if not field]
            if like:
                return Found(tuple(like), name)
            if rows and not others.rows:
                others = Found(tuple(rows), name, unlike=unlike[0])
        return others

    def with_external_id(self, external_id: str) -> list[Row]:
        """The rows that carry it, of those that were looked at."""
        if self._rows is None:
            return self._found.get(external_id, [])
        rows = self._listed(EXTERNAL_ID, external_id)
        if not external_id.isdecimal():
            return rows
        return rows + self._listed(EXTERNAL_ID, f"#{int(external_id)}")

    def by_key(self, by: str, value: str) -> Row | None:
        """The row with that id or idn; one request where it is not known."""
        if self._rows is not None:
            found = self._rows.all.get(value) if by == "id" else None
            return found or next(iter(self._listed(by, value)), None)
        with self._lock:
            if (by, value) in self._keyed:
                return self._keyed[by, value]
        resource = self.resource
        if resource.detail is not None and resource.addressed_by == by:
            try:
                found = self._client.detail(resource, value)
            except NotFound:
                found = None
        elif resource.filter(by) is not None:
            rows = self._client.records(resource, filters=[(by, value)])
            found = next((row for row in rows if str(row.get(by)) == value), None)
        else:
            self.read_all()
            return self.by_key(by, value)
        if found is None:
            with self._lock:
                self._keyed[by, value] = None
        else:
            self.keep(found)
        return found

    def keep(self, row: Row) -> None:
        """Know a row by its id and idn, so that it need not be asked for."""
        with self._lock:
            for by in ("id", "idn"):
                if row.get(by) is not None:
                    self._keyed[by, str(row[by])] = self._slim(row)
            while len(self._keyed) > _MOST_IDS:
                del self._keyed[next(iter(self._keyed))]

    def named(self, name: str) -> list[Row]:
        """The rows of that name, for which the list is read."""
        self.read_all()
        return self._listed("name", folded(name))

    def _matching(self, wanted: Wanted, name: str, value: Any) -> list[Row]:
        if is_empty(value):
            return []
        self.read_all()
        rows = self._listed(name, folded(value))
        if wanted.within is None:
            return rows
        parent = str(wanted.values.get("parent") or "")
        return [row for row in rows if reference_id(row.get("parent")) == parent]

    def _listed(self, name: str, value: str) -> list[Row]:
        """The rows of a list that was read with this value, as it is indexed."""
        with self._lock:
            return [] if self._rows is None else self._rows.by(name, value)

    @property
    def seen(self) -> list[Row]:
        """The rows of the latest look-up, each alone under its external id."""
        return [rows[0] for rows in self._found.values() if len(rows) == 1]

    def rows_with(self, name: str, value: str) -> list[Row]:
        """The rows with that value, or reference, of a list that was read or of those written."""
        with self._lock:
            if self._rows is not None:
                return self._rows.by(name, value)
            rows = [row for many in self._found.values() for row in many]
        return [row for row in rows if indexed_as(name, row.get(name)) == value]

    @property
    def known(self) -> list[Row]:
        """All rows of a list that was read."""
        with self._lock:
            return [] if self._rows is None else list(self._rows.all.values())

    # What is known of references

    def several(self, external_id: str) -> list[Row]:
        """The rows that carry it, where it is more than one."""
        rows = self.with_external_id(external_id) or self._several.get(external_id, [])
        return rows if len(rows) > 1 else []

    def id_of(self, external_id: str, want: str = "id") -> Any:
        """The id (or idn) of the record with that external id, None where it is not known."""
        with self._lock:
            known = self._ids.get(external_id)
        if known is None:
            rows = self.with_external_id(external_id)
            known = rows[0] if len(rows) == 1 else None
        return None if known is None else known.get(want)

    def is_absent(self, external_id: str) -> bool:
        """Whether Precoro was asked for it, and has none."""
        return self._rows is not None or external_id in self._absent

    def put(self, external_id: str | None, row: Row) -> None:
        """Know what was just written."""
        with self._lock:
            if external_id:
                self._found[external_id] = [row]
                self._several.pop(external_id, None)
                self._absent.discard(external_id)
                self._remember(external_id, row)
            else:
                self._found[f"#{row.get('id')}"] = [row]
            self.keep(row)
            self._own.add(str(row.get(self.resource.primary_key)))
            if self._rows is not None:
                self._rows.put(str(row.get(self.resource.primary_key)), self._slim(row))

    def _remember(self, external_id: str, row: Row) -> None:
        self._ids[external_id] = {"id": row.get("id"), "idn": row.get("idn")}
        if len(self._ids) > _MOST_IDS:
            del self._ids[next(iter(self._ids))]
