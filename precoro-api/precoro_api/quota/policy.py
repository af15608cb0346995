"""What to do when a budget is spent."""

from __future__ import annotations

from dataclasses import dataclass

from precoro_api.errors import QuotaSpent

__all__ = ["Policy"]

_ORDINARY = frozenset({"minute", "identical", "priority"})
"""Waits for these are the pace itself, however long they are."""
_PACE = 75.0
"""So are shorter waits than this one; longer ones mean that a budget is spent."""
_TEMPORARY_FAILURE = 75
"""The exit code that tells a scheduler to try later (EX_TEMPFAIL)."""


@dataclass(frozen=True)
class Policy:
    """What to do when a budget is spent, and how much of it this run may use.

    `when_spent` is `stop`, `fail` or `wait`, the last up to `max_wait` seconds. Processes of higher
    `priority` go first.
    """

    when_spent: str = "stop"
    max_wait: float = 3600.0
    max_requests: int | None = None
    priority: int = 0

    def is_patient(self, limiter: str, wait: float, waited: float) -> bool:
        """Whether to wait that many seconds for that limiter, after those waited already."""
        if wait <= _PACE or limiter in _ORDINARY:
            return True
        return self.when_spent == "wait" and waited + wait <= self.max_wait

    def spent(self, resource: str, limiter: str, resets_at: str) -> QuotaSpent:
        """The error that ends a run in this way."""
        return QuotaSpent(
            f"the budget of this token is spent ({limiter})",
            resource=resource,
            resets_at=resets_at,
            limiter=limiter,
            exit_code=0 if self.when_spent == "stop" else _TEMPORARY_FAILURE,
        )
