"""The endpoint that Precoro posts events to; each is on the disk before it is answered.

Nothing is signed: what tells Precoro from others is a secret at the end of the path, and, where
they are known, the addresses that may come. Whoever has neither is told nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import socket
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from precoro_api.errors import SettingsError
from precoro_api.webhooks.event import LONGEST_BODY, read_event
from precoro_api.webhooks.keeper import Keeper, NotKept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from types import TracebackType

    from starlette.types import Receive, Scope, Send
    from typing_extensions import Self

    from precoro_api.webhooks.event import Event
    from precoro_api.webhooks.spool import Spool

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

__all__ = ["Receiver", "networks", "usable_secret"]

_SECRET = re.compile(r"[A-Za-z0-9._~-]{16,200}")
_SLOWEST = 10.0
_DRAINED_WITHIN = 15
_CONNECTIONS = 1000


def usable_secret(text: str) -> str:
    """A secret that may stand in a path. Raises SettingsError, which does not repeat it."""
    if not _SECRET.fullmatch(text):
        raise SettingsError(
            "PRECORO_WEBHOOK_SECRET: the secret has to have 16 to 200 of the characters A-Z a-z "
            "0-9 . _ ~ -. This makes one: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return text


def networks(setting: str, texts: Collection[str]) -> list[Network]:
    """Addresses and networks such as `203.0.113.7` or `203.0.113.0/24`. Raises SettingsError."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as problem:
            raise SettingsError(f"{setting}: {problem}.") from None
    return found


class Receiver:
    """The endpoint as a thing to start and stop.

    `allow` are the addresses that may post, all if there are none. `proxies` are those whose
    `X-Forwarded-For` is believed. A request's head has `slowest` seconds to come, and so has its
    body. Raises SettingsError.
    """

    def __init__(
        self,
        spool: Spool,
        secret: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allow: Collection[str] = (),
        proxies: Collection[str] = (),
        slowest: float = _SLOWEST,
    ) -> None:
        self._secret = usable_secret(secret).encode()
        self._allowed = networks("--allow", allow)
        self._trusted = networks("--proxy", proxies)
        self._slowest = slowest
        self._keeper = Keeper(spool)
        self._socket = _listening(host, port)
        config = uvicorn.Config(
            Starlette(
                routes=[Route("/health", _health), Mount("/", app=self._answer)],
                lifespan=self._lifespan,
            ),
            log_config=None,
            access_log=False,  # it would show the secret
            date_header=False,
            server_header=False,
            lifespan="on",
            http=_connections(slowest, _CONNECTIONS, self._may_connect),
            ws="none",
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=_DRAINED_WITHIN,
            proxy_headers=bool(self._trusted),
            forwarded_allow_ips=[str(each) for each in self._trusted],
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens; the secret comes after that, at the end of any path."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def run(self) -> None:
        """Serve in this thread until a signal comes; what was begun is answered before the end."""
        self._server.run(sockets=[self._socket])

    def start(self) -> Self:
        """Serve in a thread of its own; returns when requests are answered."""
        self._thread = threading.Thread(target=self.run, name="precoro-webhooks", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the receiver did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Answer what was begun, and free the port."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
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

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with self._keeper:
            yield

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whatever is not `GET /health`."""
        status, head = 204, {}
        try:
            await self._keeper.keep(await self._read(Request(scope, receive, send)))
        except _Refused as refusal:
            self._keeper.refused[refusal.reason] += 1
            # What it may still send is not waited for.
            status, head = refusal.status, {"Connection": "close"}
        except NotKept:
            status = 503
        except ClientDisconnect:
            return
        await Response(status_code=status, headers=head)(scope, receive, send)

    async def _read(self, request: Request) -> Event:
        """The event that a request brings, if it may. Raises _Refused."""
        if not self._may_come(request):
            raise _Refused("from an address that is not allowed", 404)
        given = str(request.scope["path"]).rpartition("/")[2].encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret):
            raise _Refused("without the secret", 404)
        if request.method != "POST":
            raise _Refused("not a POST", 404)
        body = await self._body_of(request)
        if body is None:
            raise _Refused("came too slowly", 408)
        try:
            return read_event(body, time.time())
        except ValueError as problem:
            raise _Refused(str(problem), 413 if len(body) > LONGEST_BODY else 400) from None

    async def _body_of(self, request: Request) -> bytes | None:
        """The body, or so much of it that it is seen to be too long; None if it does not come."""
        try:
            return await asyncio.wait_for(_start_of(request), self._slowest)
        except asyncio.TimeoutError:
            return None

    def _may_come(self, request: Request) -> bool:
        return not self._allowed or _is_in(
            request.client.host if request.client else "", self._allowed
        )

    def _may_connect(self, peer: str) -> bool:
        return not self._allowed or _is_in(peer, [*self._allowed, *self._trusted])


class _Connection(H11Protocol):
    """A connection that silence ends, so that those who say nothing shut nobody out."""

    slowest: float
    most: int
    welcome: Callable[[str], bool]

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        if len(self.connections) > self.most // 2 and not self.welcome(peer):
            transport.abort()
        else:
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Between two requests the server's own time runs, up to the first byte of the next.
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self.timeout_keep_alive_task is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(self.slowest, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _connections(slowest: float, most: int, welcome: Callable[[str], bool]) -> type[H11Protocol]:
    """The protocol of a server whose connections have `slowest` seconds for the head of a request.

    While half of the `most` connections are taken, whoever is not `welcome` gets none.
    """
    parts = {"slowest": slowest, "most": most, "welcome": staticmethod(welcome)}
    return type("Connection", (_Connection,), parts)


class _Refused(Exception):
    """What is no event; the reason is counted, and not told to who asked."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


async def _health(_: Request) -> Response:
    # Who has no secret keeps no connection.
    return PlainTextResponse("ok", headers={"Connection": "close"})


def _is_in(text: str, given: Collection[Network]) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return any(address in network for network in given)


async def _start_of(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            break
    return body


def _listening(host: str, port: int) -> socket.socket:
    # Small answers leave at once only on sockets that name their protocol (asyncio's rule).
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except (OSError, OverflowError) as problem:
        listening.close()
        raise SettingsError(
            f"--host and --port: {host} {port} is not to be had ({problem})."
        ) from None
    return listening
