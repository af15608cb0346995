"""What the sandbox tells others of its changes: small posts, late, lost, doubled or out of order.

Retries are unknown, so there are none; nothing is signed, as in the documentation.
"""

from __future__ import annotations

import heapq
import json
import random
import threading
from collections import Counter
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from precoro_api.resources import BY_NAME

from precoro_sandbox.shapes import idn_of

if TYPE_CHECKING:
    from precoro_api.enums import WebhookAction

    from precoro_sandbox.store import Row
    from precoro_sandbox.switches import Switches

__all__ = ["ENDPOINTS", "Webhooks"]

ENDPOINTS = 5
_WAITING_AT_MOST = 10_000
_SLOWEST = 5.0
_OVERTAKEN_BY = 10
"""Later posts that one post may be held back for, where they come out of order."""
_QUIET = 0.05
"""Seconds without a new post after which none is held back any more."""


class Webhooks:
    """The endpoints of a company, and the thread that posts to them.

    `counts` says how many posts were `sent` (answered 2xx), `failed` (anything else), `lost` on
    purpose, and `dropped` because too many waited. `seed` makes chance repeat itself.
    """

    def __init__(self, switches: Switches, *, seed: int = 0) -> None:
        self.counts: Counter[str] = Counter()
        self._switches = switches
        self._chance = random.Random(seed)  # noqa: S311 - it is to be foreseen
        self._endpoints: list[SplitResult] = []
        self._changed = threading.Condition()
        # (turn, number, endpoint, body): the least turn is due first.
        self._waiting: list[tuple[int, int, SplitResult, bytes]] = []
        self._number = 0
        self._flushing = 0
        self._sending = False
        self._stopping = False
        self._thread: threading.Thread | None = None

    def add(self, url: str) -> None:
        """Post to this address from now on. Raises ValueError beyond five, or for no address."""
        endpoint = urlsplit(url)
        if endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.port == 0:
            raise ValueError("a webhook takes an address that begins with http:// or https://")
        with self._changed:
            if endpoint in self._endpoints:
                return
            if len(self._endpoints) >= ENDPOINTS:
                raise ValueError(f"there are {ENDPOINTS} webhooks already, and may be no more")
            self._endpoints.append(endpoint)

    def tell(self, resource: str, row: Row, action: WebhookAction) -> None:
        """Let the endpoints know of a change, if this resource has a webhook."""
        kind = BY_NAME[resource].webhook
        if kind is None or not self._endpoints:
            return
        event: dict[str, Any] = {"id": row["id"], "type": int(kind), "action": int(action)}
        if BY_NAME[resource].number:
            idn = str(idn_of(row, self._switches))
            event["idn"] = int(idn) if idn.isdecimal() else idn
        body = json.dumps(event).encode()
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
                self._thread.start()
            for endpoint in self._endpoints:
                self._enqueue(endpoint, body)
            self._changed.notify_all()

    def _enqueue(self, endpoint: SplitResult, body: bytes) -> None:
        if self._happens(self._switches.webhook_loss):
            self.counts["lost"] += 1
            return
        for _ in range(1 + self._happens(self._switches.webhook_duplicates)):
            if len(self._waiting) >= _WAITING_AT_MOST:
                self.counts["dropped"] += 1
                continue
            held = self._chance.randrange(_OVERTAKEN_BY + 1) if self._reordering else 0
            self._number += 1
            heapq.heappush(self._waiting, (self._number + held, self._number, endpoint, body))

    def _happens(self, percent: int) -> bool:
        return self._chance.random() * 100 < percent

    @property
    def _reordering(self) -> bool:
        return self._switches.webhook_reordering == "on"

    @property
    def told(self) -> dict[str, int]:
        """How many endpoints there are, what waits, and what became of the rest."""
        with self._changed:
            names = ("sent", "failed", "lost", "dropped")
            return {
                "endpoints": len(self._endpoints),
                "waiting": len(self._waiting) + self._sending,
                **{name: self.counts[name] for name in names},
            }

    def wait(self, timeout: float = 10.0) -> None:
        """Return when all that was told so far is sent. Raises TimeoutError."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            try:
                done = self._changed.wait_for(
                    lambda: not self._waiting and not self._sending, timeout
                )
            finally:
                self._flushing -= 1
        if not done:
            raise TimeoutError(f"{len(self._waiting)} webhooks still wait after {timeout} s")

    def stop(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=_SLOWEST)

    def _run(self) -> None:
        while True:
            due = self._next()
            if due is None:
                return
            answered = _post(*due)
            with self._changed:
                self.counts["sent" if answered else "failed"] += 1
                self._sending = False
                self._changed.notify_all()

    def _next(self) -> tuple[SplitResult, bytes] | None:
        """The next post once it is due; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            while not self._stopping and not self._is_due():
                if not self._changed.wait(_QUIET):
                    break
            if self._stopping:
                return None
            self._sending = True
            _, _, endpoint, body = heapq.heappop(self._waiting)
            return endpoint, body

    def _is_due(self) -> bool:
        return bool(self._flushing) or self._waiting[0][0] <= self._number


def _post(endpoint: SplitResult, body: bytes) -> bool:
    """Whether the answer was a success. Each post has a connection of its own, as senders do."""
    kind = HTTPSConnection if endpoint.scheme == "https" else HTTPConnection
    try:
        connection = kind(str(endpoint.hostname), endpoint.port, timeout=_SLOWEST)
        path = (endpoint.path or "/") + (f"?{endpoint.query}" if endpoint.query else "")
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            return 200 <= connection.getresponse().status < 300
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError):
        return False
