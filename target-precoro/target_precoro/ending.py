"""How a run ends: what stopped it, in one sentence, and an exit code that tells the truth."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from precoro_api import BadCredentials, PrecoroError, QuotaSpent, SettingsError

from target_precoro.telling.limit import TooManyFailures

if TYPE_CHECKING:
    import logging

__all__ = ["ENDINGS", "FAILED_ROWS", "Interrupted", "exit_code"]

FAILED_ROWS = 1
_COULD_NOT_WORK = 2


class Interrupted(BaseException):
    """A signal asked to stop, and no record is half written."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


ENDINGS = (Interrupted, TooManyFailures, SettingsError, PrecoroError)


def exit_code(problem: BaseException, logger: logging.Logger) -> int:
    """Say what ended a run, one of ENDINGS, and give its exit code.

    1: some rows failed or wait, or Precoro stopped answering, the rest is in place; 2: could not
    work (settings, credentials); 128 and the signal's number: interrupted.
    """
    if isinstance(problem, Interrupted):
        name = signal.Signals(problem.number).name
        logger.warning("Interrupted by %s; what was written is kept.", name)
        return 128 + problem.number
    if isinstance(problem, (SettingsError, BadCredentials)):
        logger.error("%s", problem)
        return _COULD_NOT_WORK
    if isinstance(problem, QuotaSpent):
        logger.warning("Stopped: %s", problem)
        return problem.exit_code
    logger.error("Stopped: %s", problem)
    return FAILED_ROWS
