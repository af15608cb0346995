"""Keys that no column knows, and keys that used to come and come no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from precoro_api import PrecoroError
from precoro_api.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_api.quota import Quota

__all__ = ["STRICT_SCHEMA", "Keys", "SchemaDrifted"]

_REMEMBERED = 180 * 86400.0
"""Seconds for which the keys of a stream are kept beside the budget."""

STRICT_SCHEMA = Setting(
    "strict_schema",
    "boolean",
    "Strict schema",
    "Fail a stream before a row goes out that has a key no column knows, before its first rows go "
    "out if they lack a key that every row used to have, and at the end of a list read whole if no "
    "row has a key that some used to have. Without it this is reported at the end.",
    default=False,
)


class SchemaDrifted(PrecoroError):
    """Precoro's answers changed their shape, and the settings want to know before it goes out."""

    advice = "Look at what changed, then run once with strict_schema false to accept it."


class Keys:
    """The keys that one stream's rows bring in a run, beside those of earlier runs."""

    def __init__(self, stream: str, known: Iterable[str], *, strict: bool) -> None:
        self.stream = stream
        self.unknown: dict[str, str] = {}
        self.misfits: dict[str, str] = {}
        self._known = frozenset(known)
        self._strict = strict
        self._refused = False
        self._seen: set[str] = set()
        self._in_all: set[str] = set()
        self._before: frozenset[str] | None = None
        self._in_all_before: frozenset[str] = frozenset()
        self._accepted: frozenset[str] = frozenset()
        self._kept: tuple[list[str], list[str]] | None = None

    def look(self, quota: Quota, rows: Iterable[Mapping[str, Any]], *, whole: bool = False) -> None:
        """Note the keys of rows that are not out yet; `whole` with the last of a list read whole.

        Raises SchemaDrifted where the settings are strict. A missing key proves something in the
        first rows only if every row used to have it; or else when all rows were seen.
        """
        rows = tuple(rows)
        first = not self._seen
        for row in rows:
            if not self._seen:
                self._seen, self._in_all = set(row), set(row)
                continue
            if not row.keys() <= self._seen:
                self._seen |= row.keys()
            if not self._in_all <= row.keys():
                self._in_all &= row.keys()
        self.look_at_others(quota, rows)
        if self._strict and self._seen:
            every = self._in_all_before
            missing = [key for key in self.vanished if whole or (first and key in every)]
            if missing:
                raise self._drifted(f"Precoro no longer sends {', '.join(missing)}")

    def look_at_others(self, quota: Quota, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note of rows only what no column knows, as they are not like the stream's own."""
        self._recall(quota)
        for row in rows:
            if not row.keys() <= self._known:
                for key in row.keys() - self._known - self.unknown.keys():
                    self.unknown[key] = _kind(row[key])
        strange = {key: kind for key, kind in self.unknown.items() if key not in self._accepted}
        if self._strict and strange:
            raise self._drifted(f"Precoro sends {told(strange)}, which no column knows")

    def _recall(self, quota: Quota) -> None:
        if self._before is None:
            before = frozenset(quota.recall(f"keys:{self.stream}") or ())
            self._before, self._accepted = before & self._known, before - self._known
            in_all = quota.recall(f"keys of all:{self.stream}")
            self._in_all_before = self._before if in_all is None else frozenset(in_all)

    def _drifted(self, did: str) -> SchemaDrifted:
        self._refused = True
        return SchemaDrifted(did, resource=self.stream)

    @property
    def vanished(self) -> list[str]:
        """Keys that earlier runs saw and no row of this one has, if there was a row at all."""
        if not self._seen:
            return []
        return sorted((self._before or frozenset()) - self._seen)

    def keep(self, quota: Quota) -> None:
        """Let the next run know which keys came: it accepts them, and what vanished is past."""
        if self._refused or not (self._seen or self.unknown):
            return
        before = self._before or frozenset()
        in_all = self._in_all_before
        if self._seen:
            in_all = self._known & self._in_all & (in_all | (self._known - before))
        seen = (self._seen or before) | self.unknown.keys() | self._accepted
        kept = sorted(seen), sorted(in_all)
        if kept != self._kept:
            self._kept = kept
            for what, keys in zip(("keys", "keys of all"), kept, strict=True):
                quota.remember(f"{what}:{self.stream}", keys, _REMEMBERED)


def told(kinds: Mapping[str, str]) -> str:
    """`colour (text), size (number)`."""
    return ", ".join(f"{key} ({kind})" for key, kind in sorted(kinds.items()))


_KINDS = {
    str: "text",
    bool: "yes or no",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "number")
