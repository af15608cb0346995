"""One company as the API sees it: a key, its user, its records, its limits."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from precoro_sandbox.limits import Limiters
from precoro_sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from precoro_sandbox.clock import SandboxClock
    from precoro_sandbox.store import Row
    from precoro_sandbox.switches import Switches

__all__ = ["Account"]


@dataclass
class Account:
    """A company with one API key. `forbidden` resources answer 403, `absent` ones 404."""

    token: str
    email: str
    store: Store
    limiters: Limiters
    forbidden: frozenset[str] = field(default_factory=frozenset)
    absent: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def open(
        cls,
        clock: SandboxClock,
        switches: Switches,
        rows: Mapping[str, Iterable[Row]],
        *,
        token: str = "sandbox-token",  # noqa: S107 - the key of a fake
        email: str = "integration@example.com",
        forbidden: Iterable[str] = (),
        absent: Iterable[str] = (),
    ) -> Account:
        """A company with these records."""
        return cls(
            token,
            email,
            Store(clock, rows),
            Limiters(clock, switches),
            frozenset(forbidden),
            frozenset(absent),
        )

    def admits(self, token: str, email: str) -> bool:
        """Whether this key and e-mail belong together."""
        return hmac.compare_digest(token, self.token) and email.lower() == self.email.lower()
