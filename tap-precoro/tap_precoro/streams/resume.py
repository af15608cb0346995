"""What a stream of details remembers, so that no document is fetched twice and none is missed.

Pure: listed documents and a state entry in, documents that are due out. Documents stand in the
order of their dates, and of their idn where dates are the same. The state entry is small however
many documents there are:

- `replication_key_value`: the bookmark, the newest date up to which documents were fetched;
- `settled`: every document listed up to that place is fetched. It stays behind the moment of the
  list by the overlap, as changes may show late;
- `fetched`: digests of rows listed behind `settled` that are fetched, so that what stands in the
  overlap is not fetched again unless its row changed;
- `groups`: where they are more than that holds, one digest for all rows between two places: such
  rows are fetched again if any of them changed;
- `refused`: documents that Precoro did not hand out, to be asked for again in the next run;
- `spans`: where newest documents come first, the stretches between two places that are fetched.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

__all__ = ["Listed", "Memory", "digest_of"]

_DIGEST = 8
_MOST_DIGESTS = 40
_MOST_SPANS = 3
_DIGESTS_A_GROUP = 6
"""The digests whose place in the state a group takes."""


class Listed(NamedTuple):
    """One listed document: its update date (RFC 3339, UTC, or ""), idn, and its row's digest."""

    changed: str
    idn: str
    digest: str = ""

    @property
    def place(self) -> str:
        """Its date and idn as one text, behind the mere date; places sort as documents do."""
        return f"{self.changed} {self.idn}"


def digest_of(rows: Any) -> str:
    """Eight characters that change with anything in a listed row, or in several."""
    text = json.dumps(rows, sort_keys=True, default=str).encode()
    return urlsafe_b64encode(hashlib.blake2b(text, digest_size=6).digest()).decode()


@dataclass
class Memory:
    """What a state entry says, and what this run adds to it. Dates and places are texts."""

    bookmark: str = ""
    settled: str = ""
    fetched: dict[str, str] = field(default_factory=dict)
    spans: list[tuple[str, str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _asked_at: str = ""
    _edge: str = ""
    _last: Listed | None = None
    _before: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, state: Mapping[str, Any], start: str, overlap: timedelta) -> Memory:
        """The memory in a state entry; `start` is where a stream without one begins.

        A bookmark that another version left is trusted up to the overlap; where people set it
        back, documents from there on are fetched again.
        """
        told = state.get("replication_key_value")
        bookmark = _less(str(told), timedelta()) if told else ""
        refused = [str(idn) for idn in state.get("refused") or ()]
        if "settled" not in state:
            return cls(bookmark, _less(bookmark, overlap) if bookmark else start, refused=refused)
        settled = str(state["settled"])
        if bookmark and bookmark < _date(settled):
            return cls(bookmark, bookmark, refused=refused)
        spans = [(str(low), str(high)) for low, high in state.get("spans") or ()]
        digests = str(state.get("fetched") or "")
        known = [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)]
        groups = [str(each) for each in state.get("groups") or ()]
        # The places of digests are not kept: the next list tells them.
        return cls(bookmark, settled, dict.fromkeys(known, settled), spans, groups, refused)

    def since(self) -> datetime | None:
        """Since which change documents must be listed; None for all of them."""
        date = _date(self.settled)
        # Stamps have whole seconds, and the list may leave out those of this very one.
        return datetime.fromisoformat(_less(date, timedelta(seconds=1))) if date else None

    def write(
        self, state: MutableMapping[str, Any], replication_key: str, *, most: int = _MOST_DIGESTS
    ) -> None:
        """Put it into a state entry, in the room of so many digests."""
        if self.bookmark:
            state["replication_key"] = replication_key
            state["replication_key_value"] = self.bookmark
        state["settled"] = self.settled
        groups, alone = self._packed(most)
        kept = {
            "fetched": "".join(alone),
            "groups": groups,
            "spans": self.spans,
            "refused": self.refused,
        }
        for name, value in kept.items():
            if value:
                state[name] = value
            else:
                state.pop(name, None)

    def _packed(self, most: int) -> tuple[list[str], list[str]]:
        """Groups, and the newest digests as they are.

        Groups are a place where the first one begins, then the last place and the digest of each.
        """
        digests = sorted(self.fetched, key=lambda digest: (self.fetched[digest], digest))
        if self.groups or len(digests) <= most:  # groups stay as they are until a list is read
            return self.groups, digests
        alone = digests[-(most // 2) :] if most > 1 else []
        folded = digests[: len(digests) - len(alone)]
        number = max(1, (most - len(alone)) // _DIGESTS_A_GROUP)
        size = -(-len(folded) // number)
        groups = [self.fetched[folded[0]]]
        for at in range(0, len(folded), size):
            group = folded[at : at + size]
            groups += [self.fetched[group[-1]], digest_of(sorted(group))]
        return groups, alone

    def _unpack(self, listed: set[Listed]) -> None:
        """Know the rows of each group of which none is missing, and no other one is there."""
        if not self.groups:
            return
        lowest, ends, digests = self.groups[0], self.groups[1::2], self.groups[2::2]
        rows: list[dict[str, str]] = [{} for _ in ends]
        for each in listed:
            group = bisect_left(ends, each.place)
            if lowest <= each.place and group < len(ends) and each.digest not in self.fetched:
                rows[group][each.digest] = each.place
        for known, digest in zip(rows, digests, strict=False):
            if digest_of(sorted(known)) == digest:
                self.fetched = {**self.fetched, **known}
        self.groups = []

    # A run over one list

    def due(self, listing: Iterable[Listed], asked_at: str, overlap: timedelta) -> set[Listed]:
        """The documents to fetch of a list that was read at that moment."""
        listed = set(listing)
        self._last = max(listed, default=None)
        # Where no clock is told, the list is at least as young as its youngest row.
        self._asked_at = asked_at or (self._last.changed if self._last else "")
        self._edge = _less(self._asked_at, overlap) if self._asked_at else ""
        self._before = list(self.spans)
        self._unpack(listed)
        # A digest that is listed no more is of a row that changed, or is past.
        self.fetched = {d.digest: d.place for d in listed if d.digest in self.fetched}
        due = {each for each in listed if self._is_due(each)}
        again = set(self.refused) - {each.idn for each in due}
        return due | {Listed("", idn) for idn in again}

    def _is_due(self, each: Listed) -> bool:
        if each.digest in self.fetched:
            return False
        if not each.changed:
            return True  # no date says that it did not change
        if each.place <= self.settled:
            return False
        return not any(low < each.place < high for low, high in self.spans)

    def took(
        self,
        each: Listed,
        following: Listed | None,
        *,
        newest: bool = False,
        refused: bool = False,
    ) -> None:
        """Remember a document that was asked for; `following` is the next that is due, if any."""
        self.answered(each.idn, refused=refused)
        # A row of the list's own second may change once more, and look the same.
        if each.digest and each.changed < self._asked_at:
            self.fetched[each.digest] = each.place
        if following is None:
            self.finish()
        elif newest:
            self._grow(following)
        elif each.changed:
            self._reach(each)

    def answered(self, idn: str, *, refused: bool) -> None:
        """Remember whether a document must be asked for again."""
        self.refused = [each for each in self.refused if each != idn]
        if refused:
            self.refused.append(idn)

    def finish(self) -> None:
        """Everything that was listed is fetched."""
        self.spans = []
        if self._last is not None and self._last.changed:
            self._reach(self._last)

    def _reach(self, each: Listed) -> None:
        """Everything up to this document is fetched."""
        self.bookmark = max(self.bookmark, min(each.changed, self._asked_at))
        self.settled = max(self.settled, min(each.place, self._edge))
        self.spans = [span for span in self.spans if span[1] > self.settled]
        self.fetched = {
            d: at for d, at in self.fetched.items() if at > self.settled or at[0] == " "
        }

    def _grow(self, following: Listed) -> None:
        """Between the next document and the edge of this list, everything is fetched."""
        low = following.place
        if low >= self._edge:
            return  # within the overlap, where digests tell
        reach = min([low, *(span[0] for span in self._before if span[1] > low)])
        older = sorted(span for span in self._before if span[1] <= low)
        self.spans = [*older[-_MOST_SPANS:], (reach, self._edge)]
        self.fetched = {d: at for d, at in self.fetched.items() if not reach < at < self._edge}


def _date(place: str) -> str:
    return place.partition(" ")[0]


def _less(moment: str, seconds: timedelta) -> str:
    read = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    if read.tzinfo is None:
        read = read.replace(tzinfo=timezone.utc)
    return (read.astimezone(timezone.utc) - seconds).isoformat()
