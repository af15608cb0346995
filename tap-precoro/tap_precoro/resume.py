"""What a stream of details remembers, so that no document is fetched twice and none is missed.

Pure: listed documents and a state entry in, documents that are due out. The state entry is small
however many documents there are:

- `replication_key_value`: the bookmark, the newest date up to which documents were fetched;
- `settled`: every document listed with an earlier date is fetched. It stays behind the bookmark by
  the overlap when the bookmark comes near to the moment of the list, as changes may show late;
- `fetched`: digests of listed rows from `settled` on that are fetched, so that what stands in the
  overlap is not fetched again unless its row changed;
- `spans`: where newest documents come first, the stretches of dates that are fetched already.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

__all__ = ["Listed", "Memory", "digest_of"]

_DIGEST = 8
_MOST_DIGESTS = 40
_MOST_SPANS = 6


class Listed(NamedTuple):
    """One listed document: its update date (RFC 3339, UTC, or ""), idn, and its row's digest."""

    changed: str
    idn: str
    digest: str = ""


def digest_of(row: Mapping[str, Any]) -> str:
    """Eight characters that change with anything in a listed row."""
    text = json.dumps(row, sort_keys=True, default=str).encode()
    return urlsafe_b64encode(hashlib.blake2b(text, digest_size=6).digest()).decode()


@dataclass
class Memory:
    """What a state entry says, and what this run adds to it. Moments are texts, as they sort."""

    bookmark: str = ""
    settled: str = ""
    fetched: dict[str, str] = field(default_factory=dict)
    spans: list[tuple[str, str]] = field(default_factory=list)
    _edge: str = ""
    _before: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, state: Mapping[str, Any], start: str, overlap: timedelta) -> Memory:
        """The memory in a state entry; `start` is where a stream without one begins.

        A bookmark that another version left, or people set, is trusted up to the overlap.
        """
        bookmark = str(state.get("replication_key_value") or "")
        spans = [(str(low), str(high)) for low, high in state.get("spans") or ()]
        if "settled" in state:
            settled = min(str(state["settled"]), bookmark) if bookmark else str(state["settled"])
        else:
            settled = _less(bookmark, overlap) if bookmark else start
        digests = str(state.get("fetched") or "")
        known = [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)]
        # The dates of digests are not kept: the next list tells them.
        return cls(bookmark, settled, dict.fromkeys(known, settled), spans)

    def write(
        self, state: MutableMapping[str, Any], replication_key: str, *, most: int = _MOST_DIGESTS
    ) -> None:
        """Put it into a state entry, with the newest of the digests."""
        if self.bookmark:
            state["replication_key"] = replication_key
            state["replication_key_value"] = self.bookmark
        state["settled"] = self.settled
        kept = sorted(self.fetched, key=lambda digest: self.fetched[digest])[-most:]
        for name, value in (("fetched", "".join(kept)), ("spans", self.spans)):
            if value:
                state[name] = value
            else:
                state.pop(name, None)

    # A run over one list

    def due(self, listing: Iterable[Listed], asked_at: str, overlap: timedelta) -> set[Listed]:
        """The documents to fetch of a list that was read at that moment."""
        self._edge = _less(asked_at, overlap) if asked_at else ""
        self._before = list(self.spans)
        listed = set(listing)
        # A digest that is listed no more is of a row that changed, or is past.
        self.fetched = {d.digest: d.changed for d in listed if d.digest in self.fetched}
        return {each for each in listed if self._is_due(each)}

    def _is_due(self, each: Listed) -> bool:
        if each.digest in self.fetched:
            return False
        if not each.changed:
            return True  # a document without a date is fetched whenever it is listed
        if each.changed < self.settled:
            return False
        return not any(low < each.changed <= high for low, high in self.spans)

    def took(self, each: Listed, following: Listed | None, *, newest: bool = False) -> None:
        """Remember a document that was fetched; `following` is the next that is due, if any."""
        if each.digest:
            self.fetched[each.digest] = each.changed
        if following is None:
            self.finish(each)
        elif newest:
            self._grow(each, following)
        elif each.changed:
            self.bookmark = max(self.bookmark, each.changed)
            self._settle(each.changed)

    def finish(self, last: Listed | None = None) -> None:
        """Everything that was listed is fetched."""
        tops = [self.bookmark, *(high for _, high in self.spans), *self.fetched.values()]
        newest = max([*tops, last.changed if last else ""])
        self.bookmark = max(self.bookmark, newest)
        self.spans = []
        self._settle(self.bookmark)

    def _settle(self, reached: str) -> None:
        edge = min(reached, self._edge) if self._edge else self.settled
        self.settled = max(self.settled, edge)
        self.fetched = {d: at for d, at in self.fetched.items() if not at or at >= self.settled}

    def _grow(self, each: Listed, following: Listed) -> None:
        """Between the next document and the edge of this list, everything is fetched."""
        low = following.changed
        if low == each.changed or low >= self._edge:
            return  # one of several of that date, or within the overlap, where digests tell
        older = sorted(span for span in self._before if span[1] <= low)
        self.spans = [*older[-_MOST_SPANS:], (low, self._edge)]
        self.fetched = {d: at for d, at in self.fetched.items() if at > self._edge}


def _less(moment: str, overlap: timedelta) -> str:
    read = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if read.tzinfo is None:
        read = read.replace(tzinfo=timezone.utc)
    return (read.astimezone(timezone.utc) - overlap).isoformat()
