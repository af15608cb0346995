"""Files: streamed to where they are wanted, whether Precoro sends them or a link to them.

Whether the path of a file answers the file itself or JSON with a link is disputed: the answer
tells. A link is followed as a stranger: without key or e-mail, over https, and three redirects far.
"""

from __future__ import annotations

import json
import logging
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message as Headers
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests

from precoro_api import errors
from precoro_api.loopback import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import IO

    from precoro_api.message import Message
    from precoro_api.transport import Transport

    Into = Callable[[], AbstractContextManager[IO[bytes]]]

__all__ = ["Download", "TooLarge", "download", "judged", "link_in"]

_CHUNK = 64 * 1024
_LONGEST_METADATA = 1024 * 1024
"""JSON of more bytes is a file."""
_REDIRECTS = 3
_LINK_KEYS = ("link", "url", "downloadUrl", "href")
_NO_SUCCESS, _TOO_MANY, _SERVER_FAILED = 300, 429, 500
_GONE = (404, 410)


class TooLarge(errors.PrecoroError):
    """A file of more bytes than are wanted; `size` is how many it has, or the least that it has."""

    advice = "Raise the limit to have it."

    def __init__(self, did: str, *, resource: str, key: str | None, size: int) -> None:
        self.size = size
        super().__init__(did, resource=resource, key=key)


@dataclass(frozen=True)
class Download:
    """A file that arrived whole: its bytes, and the name that came with it, if one did."""

    size: int
    content_type: str
    name: str | None


@dataclass(frozen=True)
class _Link:
    """Where the file is said to lie, and at which address that was said."""

    url: str
    at: str


def download(
    transport: Transport,
    message: Message,
    into: Into,
    *,
    most: int,
    name: str | None = None,
    known: Container[str] = (),
) -> Download:
    """The file that `message` asks for, written into what `into` opens.

    `into` opens anew for each attempt; what was written before an error is the caller's to throw
    away. `name` is what the file is called, where that is known: it tells a page or JSON that is
    the file from one in its stead. `known` are fields of its metadata, which hold no link.
    Raises TooLarge beyond `most` bytes, else as `Transport.send`; what `into` raises passes.
    """
    taking = _Taking(message, into, most, name, known)
    found = transport.stream(message, taking.from_precoro)
    api = found.at if isinstance(found, _Link) else ""
    for _ in range(1 + _REDIRECTS):
        if isinstance(found, Download):
            return found
        try:
            url = judged(found.url, at=found.at, api=api)
        except ValueError as reason:
            raise message.error(
                errors.UnexpectedAnswer, f"its link is not followed: {reason}"
            ) from None
        with _unlogged():
            found = transport.stream_elsewhere(message, url, taking.from_elsewhere)
    if isinstance(found, Download):
        return found
    raise message.error(errors.UnexpectedAnswer, f"its link redirects over {_REDIRECTS} times")


class _Unlogged(logging.Filter):
    """Drops what a thread logs while it follows a link: a signed one is a key in itself."""

    following = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the thread decides
        return not getattr(self.following, "now", False)


logging.getLogger("urllib3.connectionpool").addFilter(_Unlogged())


@contextmanager
def _unlogged() -> Iterator[None]:
    _Unlogged.following.now = True
    try:
        yield
    finally:
        _Unlogged.following.now = False


def judged(link: str, *, at: str, api: str) -> str:
    """The whole address of a link that was read at `at`. Raises ValueError if none may go there.

    Plain http is for an API on this machine, whose files then lie on it, too.
    """
    try:
        # Judged as requests reads it: another reader may see another host.
        url = requests.Request("GET", urljoin(at, link)).prepare().url or ""
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except (ValueError, requests.RequestException):
        host = None
    if not host:
        raise ValueError("it is no web address")
    here = is_loopback(host) and is_loopback(urlsplit(api).hostname or "")
    if scheme == "https" or (scheme == "http" and here):
        return url
    raise ValueError(f"it begins with {scheme}, not with https")


def link_in(
    record: Mapping[str, Any], key: str | None, known: Container[str], *, named_json: bool
) -> str | None:
    """The link in JSON that tells of the file `key`; None if it does not seem to tell of it.

    A file that is JSON itself may hold addresses, too: they are no links to it.
    """
    told = record.get("id")
    if named_json if told is None else str(told) != key:
        return None
    for name in _LINK_KEYS:
        value = record.get(name)
        if isinstance(value, str) and (":" in value or value.startswith("/")):
            return value
    return next(
        (
            value
            for name, value in record.items()
            if name not in known
            and isinstance(value, str)
            and value.lower().startswith(("http://", "https://"))
        ),
        None,
    )


class _Taking:
    """Reads answers: a file into its place, anything else as what it means."""

    def __init__(
        self, message: Message, into: Into, most: int, name: str | None, known: Container[str]
    ) -> None:
        self._message = message
        self._into = into
        self._most = most
        self._name = name
        self._known = known

    def from_precoro(self, response: requests.Response) -> Download | _Link:
        """The file, or where it lies."""
        if response.is_redirect:
            return _next_of(response)
        chunks = self._chunks(response)
        if "json" not in _type_of(response) or _Disposition(response).attached:
            return self._kept(response, chunks)
        head = b""
        for chunk in chunks:
            head += chunk
            if len(head) > _LONGEST_METADATA:
                break
        else:
            link = self._link(head)
            if link is not None:
                return _Link(link, response.url)
        return self._kept(response, chain((head,), chunks))

    def from_elsewhere(self, response: requests.Response) -> Download | _Link:
        """The file, or where the link leads next. What a stranger says is not repeated."""
        if response.is_redirect:
            return _next_of(response)
        status = response.status_code
        if status < _NO_SUCCESS:
            return self._kept(response, self._chunks(response))
        kind: type[errors.PrecoroError] = errors.UnexpectedAnswer
        if status in _GONE:
            kind = errors.NotFound
        elif status == _TOO_MANY or status >= _SERVER_FAILED:
            kind = errors.TryLater
        raise self._message.error(kind, f"where its link leads, the answer was {status}")

    def _link(self, body: bytes) -> str | None:
        named_json = self._is_named(".json")
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            if named_json:
                return None
            raise self._unexpected("what came is called JSON, and is none") from None
        inner = answer.get("data") if isinstance(answer, dict) else None
        record = inner if isinstance(inner, dict) else answer
        if isinstance(record, str):
            record = {_LINK_KEYS[0]: record}
        if not isinstance(record, dict):
            return None
        link = link_in(record, self._message.key, self._known, named_json=named_json)
        name = record.get("name")
        if link is not None:
            self._name = self._name or (name if isinstance(name, str) else None)
        elif str(record.get("id")) == self._message.key:
            keys = ", ".join(map(str, record))
            raise self._unexpected(f"what came tells of the file, but has no link ({keys})")
        return link

    def _kept(self, response: requests.Response, chunks: Iterator[bytes]) -> Download:
        disposition = _Disposition(response)
        content_type = _type_of(response)
        pages = (".html", ".htm", ".xhtml")
        if "html" in content_type and not disposition.attached and not self._is_named(*pages):
            raise self._unexpected("an HTML page came instead of the file")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self._most:
            raise self._too_large(int(length))
        first = next(chunks, b"")
        if not first and not disposition.attached:
            raise self._unexpected("nothing came instead of the file")
        size = 0
        with self._into() as file:
            for chunk in chain((first,), chunks):
                size += len(chunk)
                if size > self._most:
                    raise self._too_large(size)
                file.write(chunk)
        return Download(size, content_type, disposition.name or self._name)

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body as it comes; one that ends before its Content-Length is lost."""
        try:
            yield from response.iter_content(_CHUNK)
        except requests.RequestException as problem:
            did = f"the file broke off on its way ({type(problem).__name__})"
            raise self._message.error(self._message.lost, did) from None

    def _is_named(self, *endings: str) -> bool:
        return (self._name or "").lower().endswith(endings)

    def _unexpected(self, did: str) -> errors.PrecoroError:
        return self._message.error(errors.UnexpectedAnswer, did)

    def _too_large(self, size: int) -> TooLarge:
        did = f"the file has {size} bytes or more, and {self._most} are wanted at most"
        return TooLarge(did, resource=self._message.resource, key=self._message.key, size=size)


class _Disposition:
    """What `Content-Disposition` says: whether a file is attached, and its name."""

    def __init__(self, response: requests.Response) -> None:
        headers = Headers()
        headers["Content-Disposition"] = response.headers.get("Content-Disposition", "")
        self.attached = headers.get_content_disposition() == "attachment"
        name = headers.get_filename()
        with suppress(UnicodeError):  # servers send UTF-8, where the header is read as Latin-1
            name = name and name.encode("latin-1").decode()
        self.name = name or None


def _type_of(response: requests.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _next_of(response: requests.Response) -> _Link:
    following = response.next
    return _Link((following.url if following else None) or "", response.url)
