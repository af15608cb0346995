"""Sending one request: its turn in the budget, its retries, and what its answer means."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import backoff
import requests
from urllib3.exceptions import NewConnectionError, SSLError

from precoro_api import errors
from precoro_api.limits import read_limit, server_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.quota import Quota
    from precoro_api.resource import Endpoint

__all__ = ["Message", "Transport"]

logger = logging.getLogger(__name__)

_NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,  # of a proxy, too
    requests.exceptions.InvalidSchema,
)
_LONGEST_TRYING = 900.0
_TOO_MANY = 429
_SERVER_FAILED = 500
_REFUSALS: dict[int, type[errors.PrecoroError]] = {
    401: errors.BadCredentials,
    403: errors.NotAllowed,
    404: errors.NotFound,
    405: errors.NotFound,
    410: errors.NotFound,
}


@dataclass(frozen=True)
class Message:
    """A request: the endpoint, what fills its path, its query and its body.

    `resource` and `key` say in errors what it was about.
    """

    endpoint: Endpoint
    resource: str
    key: str | None = None
    path: Mapping[str, object] | None = None
    params: Sequence[tuple[str, str]] = ()
    body: str | None = None
    content_type: str | None = None

    @property
    def lost(self) -> type[errors.PrecoroError]:
        """What a lost answer means: a read is read again, a write may have happened."""
        return errors.TryLater if self.endpoint.method == "GET" else errors.OutcomeUnknown

    def error(
        self, kind: type[errors.PrecoroError], did: str, status: int | None = None, said: str = ""
    ) -> errors.PrecoroError:
        """An error about this request."""
        return kind(did, resource=self.resource, key=self.key, status=status, said=said)


class Transport:
    """Sends messages with the credentials of one key; safe to be used by several threads."""

    def __init__(
        self,
        *,
        token: str,
        email: str,
        base_url: str,
        timeout: tuple[float, float],
        user_agent: str,
        clock: Clock,
        quota: Quota,
        attempts: int,
    ) -> None:
        self.requests_by_method: Counter[str] = Counter()
        self.retries = 0
        self.server_now: datetime | None = None
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._clock = clock
        self._quota = quota
        self._attempts = attempts
        self._secrets = (token, email)
        self._headers = {
            "X-AUTH-TOKEN": token,
            "email": email,
            "User-Agent": user_agent,
            "Accept": "application/json",
        }
        self._lock = threading.Lock()
        self._idle: list[requests.Session] = []  # a session serves one request at a time

    def send(self, message: Message) -> Any:
        """The JSON of the answer; {} where a write is answered by nothing.

        Raises the errors of `precoro_api.errors`; what can succeed later was tried again.
        """
        began = self._clock.now()
        # All waiting is the quota's: it knows how far apart identical requests must be.
        attempt = backoff.on_exception(
            backoff.constant,
            errors.TryLater,
            interval=0,
            jitter=None,
            max_tries=self._attempts,
            giveup=lambda _: self._clock.now() - began > _LONGEST_TRYING,
            on_backoff=self._count_retry,
            logger=None,
        )(self._send_once)
        try:
            return attempt(message)
        except errors.TryLater as problem:
            if problem.status == _TOO_MANY:
                raise self._quota.spent(message.resource, "a limit of Precoro's", "later") from None
            raise

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    @contextmanager
    def _session(self) -> Iterator[requests.Session]:
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = requests.Session()
            session.headers.update(self._headers)
        try:
            yield session
        finally:
            with self._lock:
                self._idle.append(session)

    def _prepared(self, session: requests.Session, message: Message) -> requests.PreparedRequest:
        path = {name: quote(str(value), safe="") for name, value in (message.path or {}).items()}
        for name, value in path.items():
            if value.strip(".") == "":
                raise message.error(errors.Rejected, f"{name} {value!r} cannot stand in a path")
        return session.prepare_request(
            requests.Request(
                message.endpoint.method,
                self._base_url + message.endpoint.path.format_map(path),
                params=message.params,
                data=None if message.body is None else message.body.encode(),
                headers={"Content-Type": message.content_type} if message.content_type else None,
            )
        )

    def _send_once(self, message: Message) -> Any:
        with self._session() as session:
            return self._send_with(session, message)

    def _send_with(self, session: requests.Session, message: Message) -> Any:
        request = self._prepared(session, message)
        method = message.endpoint.method
        around = session.merge_environment_settings(request.url, {}, None, None, None)
        bundle = around["verify"]
        secure = (request.url or "").startswith("https")
        if secure and isinstance(bundle, str) and not Path(bundle).exists():
            raise errors.SettingsError(f"REQUESTS_CA_BUNDLE: there is no {bundle}.")
        identity = f"{method} {request.url} {request.body!r}"
        sent_at = self._quota.acquire(identity, message.resource)
        with self._lock:
            self.requests_by_method[method] += 1
        try:
            # A redirect would carry the token to another host: none is followed.
            response = session.send(request, timeout=self._timeout, allow_redirects=False, **around)
            body = response.content
        except requests.RequestException as problem:
            kind = type(problem).__name__
            if isinstance(problem, _NEVER_SENT) or _refused(problem):
                did = f"no connection for {method} ({kind})"
                raise message.error(errors.TryLater, did) from None
            did = f"the answer to {method} was lost ({kind})"
            raise message.error(message.lost, did) from None
        moment = server_moment(response.headers)
        self._quota.answered(sent_at, moment)
        self.server_now = moment or self.server_now
        logger.debug("%s %s -> %s", method, request.path_url.split("?")[0], response.status_code)
        if response.status_code == _TOO_MANY:
            limit = read_limit(body, response.headers, self._clock.now())
            logger.warning("Precoro's %s says wait: %.0f s.", limit.limiter, limit.wait)
            self._quota.told(limit, identity)
        return self._read(message, response, body)

    def _read(self, message: Message, response: requests.Response, body: bytes) -> Any:
        method, status = message.endpoint.method, response.status_code
        content_type = response.headers.get("Content-Type", "").lower()
        if response.ok and not 300 <= status < 400:  # noqa: PLR2004
            self._quota.accepted()
            if not body.strip() and method != "GET":
                return {}  # some calls answer nothing
            try:
                return json.loads(body, parse_float=Decimal)
            except (ValueError, RecursionError):
                what = "an HTML page" if "html" in content_type else "no whole JSON"
                did = f"{method} was answered by {what}"
                raise message.error(message.lost, did) from None
        said = errors.words_of(body, content_type, self._secrets)
        did = f"Precoro refused {method}"
        if status == _TOO_MANY:
            raise message.error(errors.TryLater, f"{did}, too many requests", status, said)
        if status >= _SERVER_FAILED:
            raise message.error(message.lost, f"the server failed on {method}", status, said)
        if status < 400:  # noqa: PLR2004
            did = "Precoro redirects, which is not followed; check base_url and region"
            raise message.error(errors.UnexpectedAnswer, did, status)
        self._quota.refused()
        raise message.error(_REFUSALS.get(status, errors.Rejected), did, status, said)

    def _count_retry(self, details: Any) -> None:
        with self._lock:
            self.retries += 1
        problem = details["exception"]
        logger.warning("%s: %s; trying again.", problem.resource, problem.did)


def _refused(problem: Exception) -> bool:
    """Whether the connection was never made, so that nothing can have happened.

    Other errors of TLS prove nothing: a connection can also break after the request.
    """
    cause = problem.args[0] if problem.args else None
    reason = getattr(cause, "reason", None)
    inner = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(reason, NewConnectionError) or isinstance(inner, SSLCertVerificationError)
