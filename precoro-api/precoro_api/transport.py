"""Sending one request: its turn in the budget, its retries, and what its answer means."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

import backoff
import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError, SSLError

from precoro_api import errors
from precoro_api.limits import read_limit, server_moment
from precoro_api.loopback import is_loopback
from precoro_api.message import Exchange, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.quota import Quota

__all__ = ["Transport"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

_NEVER_SENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ProxyError,
    requests.exceptions.InvalidURL,  # of a proxy, too
    requests.exceptions.InvalidSchema,
)
_ANY_FILE = {"Accept": "*/*", "Accept-Encoding": "identity"}
_LONGEST_TRYING = 900.0
_REDIRECTED = 300
_REFUSED = 400
_TOO_MANY = 429
_SERVER_FAILED = 500
_REFUSALS: dict[int, type[errors.PrecoroError]] = {
    401: errors.BadCredentials,
    403: errors.NotAllowed,
    404: errors.NotFound,
    405: errors.NotFound,
    410: errors.NotFound,
}


class _Limited(errors.TryLater):
    """A limit that said when it opens."""


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
        return self.ask(message)[0]

    def ask(self, message: Message) -> tuple[Any, datetime | None]:
        """As `send`, and the moment on the server's clock at, or a little before, it answered."""

        def once() -> tuple[Any, datetime | None]:
            answer = self._exchange_once(message)
            return self._meaning(message, answer), answer.asked_at

        return self._trying(message, self._attempts, once)

    def exchange(
        self,
        message: Message,
        *,
        attempts: int = 1,
        heard: Callable[[Exchange], None] | None = None,
    ) -> Exchange:
        """The answer as it came, be it a success, a refusal, or a failure of the server's.

        No answer, a redirect, and a limit (429) to the last of the attempts raise as in `send`;
        one that says when it opens counts half.
        `heard` is handed each answer, those that were not the last among them.
        """
        return self._trying(message, attempts, partial(self._exchange_once, message, heard))

    def stream(self, message: Message, take: Callable[[requests.Response], T]) -> T:
        """What `take` makes of a success or a redirect, whose body it reads as it comes.

        Raises, and tries again, as `send` does; a redirect is not followed.
        """

        def once() -> T:
            with self._session() as session:
                request = self._prepared(session, message)
                request.headers.update(_ANY_FILE)
                response, asked_at = self._answer(session, message, request, stream=True)
                with response:
                    if not response.is_redirect:
                        unread = b"" if response.status_code < _REDIRECTED else None
                        answer = _exchange_of(response, asked_at, unread)
                        self._check_way(message, answer)
                        if answer.status >= _REFUSED:
                            self._meaning(message, answer)
                    return take(response)

        return self._trying(message, self._attempts, once)

    def stream_elsewhere(
        self, message: Message, url: str, take: Callable[[requests.Response], T]
    ) -> T:
        """What `take` makes of whatever an address answers that Precoro named, tried as a read.

        Neither key nor e-mail go there, and it costs budget on the API's own host only.
        """

        def once() -> T:
            with requests.Session() as session:
                session.auth = _nobody
                session.headers.update({"User-Agent": self._headers["User-Agent"], **_ANY_FILE})
                request = session.prepare_request(requests.Request("GET", url))
                with self._answer(session, message, request, stream=True)[0] as response:
                    return take(response)

        return self._trying(message, self._attempts, once)

    def _trying(self, message: Message, attempts: int, once: Callable[[], T]) -> T:
        began, failed = self._clock.now(), 0

        def give_up(problem: Exception) -> bool:
            # A limit that says when it opens is no failure; but one that says so for ever is.
            nonlocal failed
            failed += not isinstance(problem, _Limited)
            return failed >= attempts or self._clock.now() - began > _LONGEST_TRYING

        # All waiting is the quota's: it knows how far apart identical requests must be.
        attempt = backoff.on_exception(
            backoff.constant,
            errors.TryLater,
            interval=0,
            jitter=None,
            max_tries=2 * attempts - 1,
            giveup=give_up,
            on_backoff=self._count_retry,
            logger=None,
        )(once)
        try:
            return attempt()
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

    def _exchange_once(
        self, message: Message, heard: Callable[[Exchange], None] | None = None
    ) -> Exchange:
        with self._session() as session:
            answer = self._exchange_with(session, message)
        if heard is not None:
            heard(answer)
        self._check_way(message, answer)
        return answer

    def _exchange_with(self, session: requests.Session, message: Message) -> Exchange:
        request = self._prepared(session, message)
        response, asked_at = self._answer(session, message, request)
        return _exchange_of(response, asked_at)

    def _answer(
        self,
        session: requests.Session,
        message: Message,
        request: requests.PreparedRequest,
        *,
        stream: bool = False,
    ) -> tuple[requests.Response, datetime | None]:
        """The answer, in its turn, and when it was asked for; streamed, a success is unread yet."""
        method = message.endpoint.method
        around = session.merge_environment_settings(request.url, {}, stream, None, None)
        bundle = around["verify"]
        secure = (request.url or "").startswith("https")
        if secure and isinstance(bundle, str) and not Path(bundle).exists():
            raise errors.SettingsError(f"REQUESTS_CA_BUNDLE: there is no {bundle}.")
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            around["proxies"] = {}  # the key is not to leave this machine
        own = self._is_own(request.url)
        identity = f"{method} {request.url} {request.body!r}"
        sent_at = self._quota.acquire(identity, message.resource) if own else self._clock.now()
        if own:
            with self._lock:
                self.requests_by_method[method] += 1
        try:
            # A redirect would carry the token to another host: none is followed.
            response = session.send(request, timeout=self._timeout, allow_redirects=False, **around)
            body = b"" if stream and response.status_code < _REDIRECTED else response.content
        except requests.RequestException as problem:
            kind = type(problem).__name__
            if isinstance(problem, _NEVER_SENT) or _refused(problem):
                did = f"no connection for {method} ({kind})"
                raise message.error(errors.TryLater, did) from None
            did = f"the answer to {method} was lost ({kind})"
            raise message.error(message.lost, did) from None
        except ValueError:  # requests looks at where a redirect leads, even if none is followed
            did = f"{method} is redirected to what is no web address"
            raise message.error(errors.UnexpectedAnswer, did) from None
        if not own:
            logger.debug("%s elsewhere -> %s", method, response.status_code)
            return response, None
        moment = server_moment(response.headers)
        self._quota.answered(sent_at, moment)
        self.server_now = moment or self.server_now
        logger.debug("%s %s -> %s", method, request.path_url.split("?")[0], response.status_code)
        if response.status_code == _TOO_MANY:
            limit = read_limit(body, response.headers, self._clock.now())
            logger.warning("Precoro's %s says wait: %.0f s.", limit.limiter, limit.wait)
            self._quota.told(limit, identity)
        # `Date` is written after the rows were read; the whole way there and back is before it.
        took = timedelta(seconds=self._clock.now() - sent_at)
        return response, None if moment is None else moment - took

    def _is_own(self, url: str | None) -> bool:
        """Whether an address is on the API's own host, where requests cost budget."""
        return _host_of(self._base_url) == _host_of(url or "")

    def _check_way(self, message: Message, answer: Exchange) -> None:
        """Raises where the request did not reach what it was meant for; else the quota is told."""
        status = answer.status
        if status == _TOO_MANY:
            did = f"Precoro refused {message.endpoint.method}, too many requests"
            headers = CaseInsensitiveDict(answer.headers)
            told = read_limit(answer.body, headers, self._clock.now()).told
            kind = _Limited if told else errors.TryLater
            raise message.error(kind, did, status, self._words(message, answer))
        if _REDIRECTED <= status < _REFUSED:
            did = "Precoro redirects, which is not followed; check base_url and region"
            raise message.error(errors.UnexpectedAnswer, did, status)
        if status < _REDIRECTED:
            self._quota.accepted()
        elif status < _SERVER_FAILED:
            self._quota.refused()

    def _meaning(self, message: Message, answer: Exchange) -> Any:
        method, status = message.endpoint.method, answer.status
        if status < _REDIRECTED:
            if not answer.body.strip() and method != "GET":
                return {}  # some calls answer nothing
            if answer.is_json:
                return answer.json
            what = "an HTML page" if "html" in answer.content_type else "no whole JSON"
            raise message.error(message.lost, f"{method} was answered by {what}")
        said = self._words(message, answer)
        if status >= _SERVER_FAILED:
            raise message.error(message.lost, f"the server failed on {method}", status, said)
        kind = _REFUSALS.get(status, errors.Rejected)
        raise message.error(kind, f"Precoro refused {method}", status, said)

    def _words(self, message: Message, answer: Exchange) -> str:
        hidden = (*self._secrets, *message.private)
        return errors.words_of(answer.body, answer.content_type, hidden)

    def _count_retry(self, details: Any) -> None:
        with self._lock:
            self.retries += 1
        problem = details["exception"]
        if problem.status != _TOO_MANY:  # whose moment is told, and kept for all processes
            self._quota.jitter(problem.resource)
        logger.warning("%s: %s; trying again.", problem.resource, problem.did)


def _exchange_of(
    response: requests.Response, asked_at: datetime | None, body: bytes | None = None
) -> Exchange:
    headers = {name.lower(): text for name, text in response.headers.items()}
    read = response.content if body is None else body
    return Exchange(response.status_code, headers, read, asked_at)


def _host_of(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Credentials for another host: none, not even those of a `.netrc`."""
    return request


def _refused(problem: Exception) -> bool:
    """Whether the connection was never made, so that nothing can have happened.

    Other errors of TLS prove nothing: a connection can also break after the request.
    """
    cause = problem.args[0] if problem.args else None
    reason = getattr(cause, "reason", None)
    inner = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(reason, NewConnectionError) or isinstance(inner, SSLCertVerificationError)
