"""The sandbox as a thing to start and stop: a thread, a port, a context manager."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import uvicorn

from precoro_sandbox.account import Account
from precoro_sandbox.app import App
from precoro_sandbox.clock import SandboxClock
from precoro_sandbox.company import demo_company
from precoro_sandbox.switches import Switches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from precoro_sandbox.app import Served
    from precoro_sandbox.faults import Faults
    from precoro_sandbox.store import Row, Store
    from precoro_sandbox.webhooks import Webhooks

__all__ = ["SEEDS", "Sandbox", "seed_rows"]

SEEDS = ("demo", "empty")


def seed_rows(
    seed: str, clock: SandboxClock, counts: Mapping[str, int]
) -> Mapping[str, Iterable[Row]]:
    """The first records of a company: the demo's, or only those that `counts` asks for."""
    if seed not in SEEDS:
        raise ValueError(f"no seed {seed!r}; there are {', '.join(SEEDS)}")
    if seed == "empty" and not counts:
        return {}
    rows = demo_company(clock.moment(), counts)
    return rows if seed == "demo" else {name: rows[name] for name in counts}


def _listening(host: str, port: int) -> socket.socket:
    # asyncio sends small answers at once only on sockets that name their protocol; without it
    # each answer waits 40 ms for the client's acknowledgement.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


class Sandbox:
    """A local Precoro on a real port.

    `with Sandbox(seed="empty") as sandbox:` serves until the block ends. `url`, `token` and
    `email` are what a client needs, `served` is the log of its requests. `webhooks` are
    addresses that are told of changes.
    """

    def __init__(
        self,
        *,
        seed: str = "empty",
        counts: Mapping[str, int] | None = None,
        switches: Mapping[str, Any] | None = None,
        clock: SandboxClock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        accounts: Iterable[Account] | None = None,
        webhooks: Iterable[str] = (),
        **account: Any,
    ) -> None:
        self.clock = clock or SandboxClock()
        self.switches = Switches.set(switches or {})
        rows = {} if accounts else seed_rows(seed, self.clock, counts or {})
        opened = accounts or [Account.open(self.clock, self.switches, rows, **account)]
        self.app = App(list(opened), self.clock, self.switches)
        for url in webhooks:
            self.webhooks.add(url)
        self._socket = _listening(host, port)
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="off",
            http="h11",
            ws="none",
            timeout_keep_alive=3600,
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def account(self) -> Account:
        """The first company."""
        return self.app.accounts[0]

    @property
    def store(self) -> Store:
        """The records of the first company."""
        return self.account.store

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.app.faults

    @property
    def webhooks(self) -> Webhooks:
        """Who is told of changes to the first company's records."""
        return self.app.webhooks

    @property
    def served(self) -> list[Served]:
        """The requests served so far."""
        return list(self.app.served)

    @property
    def url(self) -> str:
        """The base URL."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def greeting(self) -> dict[str, str]:
        """What a client needs: url, token, email."""
        return {"url": self.url, "token": self.account.token, "email": self.account.email}

    def run(self) -> None:
        """Serve in this thread until a signal comes."""
        self._server.run(sockets=[self._socket])

    def start(self) -> Self:
        """Serve in a thread of its own; returns when requests are answered."""
        # Only a main thread may install signal handlers, and the host keeps its own.
        self._thread = threading.Thread(target=self.run, name="precoro-sandbox", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.webhooks.stop()
        self._socket.close()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()
