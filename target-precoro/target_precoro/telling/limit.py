"""How many rows may be refused before a run stops."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api import SettingsError

if TYPE_CHECKING:
    from target_precoro.telling.tally import Tally

__all__ = ["FailureLimit", "TooManyFailures"]

_ENOUGH = 100
"""Rows after which a percent of them means something."""


class TooManyFailures(Exception):
    """More rows were refused than the setting max_failures allows."""


@dataclass
class FailureLimit:
    """A number of rows, or a percent of those so far; None for no limit."""

    most: int | None = None
    percent: int | None = None
    reached: bool = False
    told: str = ""

    @classmethod
    def of(cls, given: Any) -> FailureLimit:
        """The limit of a setting. Raises SettingsError."""
        if given in (None, ""):
            return cls()
        read = re.fullmatch(r"(\d{1,9})\s*(%?)", str(given).strip())
        if read is None:
            raise SettingsError(f"max_failures must be a number or a percent, not {given!r}.")
        number = int(read[1])
        return cls(percent=number) if read[2] else cls(most=number)

    def note(self, tally: Tally) -> None:
        """Look whether the limit is reached."""
        if self.most is None and self.percent is None:
            return
        failed, all_ = tally.total("rejected"), tally.records
        over = self.most is not None and failed > self.most
        if self.percent is not None and all_ >= _ENOUGH:
            over = over or failed * 100 > self.percent * all_
        if over and not self.reached:
            self.reached = True
            self.told = (
                f"{failed} of {all_} rows were rejected, more than max_failures allows; the rest "
                "was not tried."
            )
