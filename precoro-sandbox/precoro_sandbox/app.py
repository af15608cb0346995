"""The HTTP application: counts, limits, authenticates, lets faults happen, and answers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from dataclasses import asdict, dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Match

from precoro_sandbox.api import Api, Call, Missing
from precoro_sandbox.control import answer_control
from precoro_sandbox.faults import Fault, Faults
from precoro_sandbox.filters import BadFilter
from precoro_sandbox.forms import BadBody
from precoro_sandbox.webhooks import Webhooks
from precoro_sandbox.writes import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import Receive, Scope, Send

    from precoro_sandbox.account import Account
    from precoro_sandbox.clock import SandboxClock
    from precoro_sandbox.limits import Breach
    from precoro_sandbox.switches import Switches

__all__ = ["App", "Served", "Spoil"]

Spoil: TypeAlias = "Callable[[Request, Response], Response]"
_REMEMBERED = 200_000
CONTROL = "/_sandbox/"


@dataclass(frozen=True)
class Served:
    """One request that was served, as the log keeps it: no header, so no secret.

    `at` is when it arrived, and was counted; `limiter` is the limit that refused it, if one did.
    """

    method: str
    path: str
    query: str
    body: str
    status: int
    at: float
    limiter: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


async def _send_half(response: Response, send: Send) -> None:
    """Send the head, which announces the whole body, and half of that."""
    head = {"type": "http.response.start", "status": response.status_code}
    half = bytes(response.body)[: len(response.body) // 2]
    await send({**head, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": half, "more_body": True})


class App:
    """An ASGI application over one or more companies, told apart by their key.

    `after`, where one is set, is called with each request of the API once it is served, before
    its answer leaves: what it does to the company happens between this request and the next.
    `spoil` gives another answer in place of the one that a request has got.
    `webhooks` are those of the first company.
    """

    def __init__(
        self, accounts: Sequence[Account], clock: SandboxClock, switches: Switches
    ) -> None:
        self.accounts = list(accounts)
        self.clock = clock
        self.switches = switches
        self.faults = Faults()
        self.latency = 0.0
        self.after: Callable[[Served], None] | None = None
        self.spoil: Spoil | None = None
        self.served: deque[Served] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()
        self.webhooks = Webhooks(switches)
        self.accounts[0].store.tell = self.webhooks.tell
        self._api = Api()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive, send)
        try:
            body = await request.body()
        except ClientDisconnect:
            return  # whoever asked was killed in the middle of it
        if request.url.path.startswith(CONTROL):
            await answer_control(self, request, body)(scope, receive, send)
            return
        if self.latency:
            await asyncio.sleep(self.latency / self.clock.speed)
        fault = self.faults.take(request.method, request.url.path)
        account, arrived = self._account_of(request), self.clock.now()
        breach = None
        if account is not None:
            breach = account.limiters.count(self._identity(request, body))
        if breach is not None:
            response = self._limited(breach)
        else:
            response = await self._answer(request, body, account, fault)
        dropped = fault is not None and fault.kind in ("lost", "reset")
        status = 0 if dropped else response.status_code
        limiter = breach.limiter if breach is not None else ""
        served = self._remember(request, body, status, arrived, limiter)
        response.headers["Date"] = format_datetime(self.clock.moment(), usegmt=True)
        if self.after is not None:
            self.after(served)
        if dropped:
            # uvicorn's request cycle holds the connection; nothing else can cut it off.
            receive.__self__.transport.abort()  # type: ignore[attr-defined]
            return
        if fault is not None and fault.kind == "shortened":
            await _send_half(response, send)
            receive.__self__.transport.close()  # type: ignore[attr-defined]
            await receive()  # which tells that it is closed
            return
        await response(scope, receive, send)

    def _account_of(self, request: Request) -> Account | None:
        token = request.headers.get("x-auth-token", "")
        return next((each for each in self.accounts if each.token == token), None)

    async def _answer(
        self, request: Request, body: bytes, account: Account | None, fault: Fault | None
    ) -> Response:
        token = request.headers.get("x-auth-token", "")
        email = request.headers.get("email", "")
        if fault is not None and fault.kind in ("500", "429", "reset"):
            if fault.kind == "429":
                return Response(b"", 429)
            return JSONResponse({"message": "Internal Server Error"}, 500)
        if account is None or not account.admits(token, email):
            return JSONResponse({"message": "Invalid credentials."}, 401)
        response = await self._serve(request, body, account)
        if self.spoil is not None:
            response = self.spoil(request, response)
        return await self._spoil(response, fault) if fault else response

    async def _serve(self, request: Request, body: bytes, account: Account) -> Response:
        allowed = set()
        for route, resource, handler in self._api.routes:
            match, child = route.matches(request.scope)
            if match is Match.NONE:
                continue
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
                continue
            if resource.name in account.absent:
                break
            if resource.name in account.forbidden:
                return JSONResponse({"message": "Access Denied."}, 403)
            request.scope.update(child)
            call = Call(request, account, resource, self.switches, body)
            try:
                return await handler(call)
            except Missing:
                break
            except Invalid as refusal:
                return JSONResponse(refusal.body, self.switches.validation_status)
            except (BadBody, BadFilter) as problem:
                return JSONResponse({"message": str(problem)}, 400)
        else:
            if allowed:
                return JSONResponse({"message": "Method Not Allowed"}, 405)
        return JSONResponse({"message": "Not Found"}, 404)

    async def _spoil(self, response: Response, fault: Fault) -> Response:
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "failed":
            return JSONResponse({"message": "Internal Server Error"}, 500)
        if fault.kind == "cut":
            return Response(
                bytes(response.body)[: len(response.body) // 2], media_type="application/json"
            )
        if fault.kind == "html":
            return HTMLResponse("<html><body>Maintenance</body></html>")
        if fault.kind == "empty":
            return Response(b"")
        return response

    def _limited(self, breach: Breach) -> Response:
        shape = self.switches.limit_answer
        if shape == "headers":
            return JSONResponse({"message": "Too Many Requests"}, 429, headers=breach.headers)
        if shape == "empty":
            return Response(b"", 429)
        if shape == "html":
            return HTMLResponse("<html><body>Too Many Requests</body></html>", 429)
        return JSONResponse({**breach.body, "message": "Too many requests."}, 429)

    def _identity(self, request: Request, body: bytes) -> str:
        query = sorted(parse_qsl(request.url.query, keep_blank_values=True))
        parts: list[Any] = [request.method, request.url.path, query]
        if self.switches.duplicate_limiter != "without_body":
            parts.append(body.decode("utf-8", "replace"))
        return json.dumps(parts)

    def _remember(
        self, request: Request, body: bytes, status: int, at: float, limiter: str
    ) -> Served:
        self.counts[request.method] += 1
        served = Served(
            request.method,
            request.url.path,
            request.url.query,
            body.decode("utf-8", "replace")[:2000],
            status,
            at,
            limiter,
        )
        self.served.append(served)
        return served
