"""Keys that the table does not know, and keys that used to come and come no more."""

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
    "Fail a stream before its data goes out when Precoro sends a key that no column knows, or no "
    "longer sends one that it used to; without it both are reported at the end.",
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
        self._seen: set[str] = set()
        self._before: frozenset[str] | None = None
        self._accepted: frozenset[str] = frozenset()

    def look(self, quota: Quota, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note the keys of some rows. Raises SchemaDrifted where the settings are strict."""
        if self._before is None:
            before = frozenset(quota.recall(f"keys:{self.stream}") or ())
            self._before, self._accepted = before & self._known, before - self._known
        here: set[str] = set()
        for row in rows:
            if not row.keys() <= here:
                here |= row.keys()
                for key in row.keys() - self._known:
                    self.unknown.setdefault(key, _kind(row[key]))
        first = not self._seen
        self._seen |= here
        if not self._strict or not here:
            return
        strange = {key: kind for key, kind in self.unknown.items() if key not in self._accepted}
        if strange:
            raise self._drifted(f"Precoro sends {told(strange)}, which no column knows")
        if first and self.vanished:
            raise self._drifted(f"Precoro no longer sends {', '.join(self.vanished)}")

    def _drifted(self, did: str) -> SchemaDrifted:
        return SchemaDrifted(did, resource=self.stream)

    @property
    def vanished(self) -> list[str]:
        """Keys that earlier runs saw and no row of this one has, if there was a row at all."""
        if not self._seen:
            return []
        return sorted((self._before or frozenset()) - self._seen)

    def keep(self, quota: Quota) -> None:
        """Let the next run know which keys came: it accepts them, and what vanished is past."""
        if self._seen:
            seen = sorted(self._seen | self._accepted)
            quota.remember(f"keys:{self.stream}", seen, _REMEMBERED)


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
