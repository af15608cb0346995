"""Asking the API raw questions: few, never the same twice, whatever the answer's status."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from precoro_api import errors
from precoro_api.encoding import encode_form
from precoro_api.fields import unwrap
from precoro_api.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api.client import Client
    from precoro_api.message import Exchange
    from precoro_api.resource import Endpoint, Resource, Write

__all__ = ["Asker", "Reply", "keys_of"]

_OK, _REDIRECTED, _REFUSED, _UNAUTHORIZED, _TOO_MANY, _FAILED = 200, 300, 400, 401, 429, 500
_MANY_LOST, _MANY_REFUSED = 2, 5
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,60}")
_LIMITED = "Precoro said that a limit is reached (429), so nothing more was asked"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers in lower case, the JSON where it was JSON.

    `status` is None where nothing came, and `why` says why; `lost` marks a request that may have
    been obeyed all the same.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    value: Any = None
    is_json: bool = False
    size: int = 0
    why: str = ""
    lost: bool = False

    @classmethod
    def of(cls, answer: Exchange) -> Reply:
        """What came, of an answer."""
        return cls(answer.status, answer.headers, answer.json, answer.is_json, len(answer.body))

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status is not None and _OK <= self.status < _REDIRECTED

    @property
    def refused(self) -> bool:
        """Whether the API understood the path and refused what was asked."""
        missing = (_UNAUTHORIZED, 403, 404, 405, 410)
        return (
            self.status is not None
            and _REFUSED <= self.status < _FAILED
            and self.status not in missing
        )

    @property
    def rows(self) -> list[dict[str, Any]] | None:
        """The rows of a list; None where the answer is no list."""
        data = self.value.get("data") if self.ok and isinstance(self.value, dict) else None
        if not isinstance(data, list):
            return None
        return [row for row in data if isinstance(row, dict)]

    @property
    def record(self) -> dict[str, Any]:
        """The record of a detail or of a write; empty where there is none."""
        inner = unwrap(self.value) if self.ok else None
        return inner if isinstance(inner, dict) else {}

    @property
    def pagination(self) -> dict[str, Any] | None:
        """The pagination of a list, where it has one."""
        meta = self.value.get("meta") if isinstance(self.value, dict) else None
        pagination = meta.get("pagination") if isinstance(meta, dict) else None
        return pagination if isinstance(pagination, dict) else None

    @property
    def trouble(self) -> str:
        """Why the answer tells nothing, in a few words."""
        if self.status is None:
            return self.why or "no answer came"
        if self.ok:
            return "the answer was " + ("not what was expected" if self.is_json else "no JSON")
        known = {401: "not authorised", 403: "the key's user may not see it", 404: "no such path"}
        return known.get(self.status, "refused") + f" ({self.status})"


def keys_of(value: Any, depth: int = 3) -> str:
    """The keys of a body without its values: `errors.errors.name`; `*` for keys that are data."""
    if not isinstance(value, dict) or depth == 0:
        return ""
    paths = []
    for key, each in value.items():
        name = key if _NAME.fullmatch(key) else "*"
        inner = keys_of(each, depth - 1)
        paths.append(f"{name}.{inner}" if inner else name)
    return ", ".join(dict.fromkeys(paths))


class Asker:
    """Sends at most so many requests, and knows why it stopped."""

    def __init__(
        self, client: Client, most: int, *, attempts: int = 1, first_matters: bool = True
    ) -> None:
        """`first_matters`: what fails before anything succeeded is raised."""
        self._client = client
        self._attempts = attempts
        self._before = sum(client.requests_by_method.values())
        self._most = most
        self._asked: set[str] = set()
        self._lost = 0
        self._succeeded = not first_matters
        self.replies: list[Reply] = []
        self.limited: list[Reply] = []  # the answers that told of a limit
        self.stopped = ""

    @property
    def sent(self) -> int:
        """Requests sent so far."""
        return sum(self._client.requests_by_method.values()) - self._before

    @property
    def left(self) -> int:
        """Requests that may still be sent."""
        return 0 if self.stopped else max(0, self._most - self.sent)

    def ask(
        self,
        endpoint: Endpoint,
        resource: Resource,
        *,
        path: Mapping[str, object] | None = None,
        params: Sequence[tuple[str, str]] = (),
    ) -> Reply:
        """The reply to a GET."""
        return self._send(Message(endpoint, resource.name, path=path, params=params))

    def write(
        self,
        call: Write,
        resource: Resource,
        form: Mapping[str, Any],
        *,
        path: Mapping[str, object] | None = None,
    ) -> Reply:
        """The reply to a POST, PUT or PATCH with this form."""
        body = urlencode(encode_form(form))
        return self._send(
            Message(call, resource.name, path=path, body=body, content_type=_FORM), writes=True
        )

    def _send(self, message: Message, *, writes: bool = False) -> Reply:
        """Raises what makes all further questions pointless before any was answered."""
        if self.stopped:
            return Reply(why=self.stopped)
        if not self.left:
            return Reply(why=f"the {self._most} requests of a probe were spent")
        identity = repr((message.endpoint, sorted((message.path or {}).items()), message.params))
        if not writes and identity in self._asked:
            return Reply(why="the same was asked before")
        self._asked.add(identity)
        told = len(self.limited)
        try:
            reply = Reply.of(
                self._client.exchange(message, attempts=self._attempts, heard=self._note_limit)
            )
            self._check_first(message, reply)
        except errors.QuotaSpent as spent:
            if not self._succeeded:
                raise
            self.stopped = _LIMITED if len(self.limited) > told else spent.did
            return Reply(why=self.stopped)
        except errors.PrecoroError as problem:
            return self._failed(problem)
        self._succeeded = self._succeeded or reply.ok
        self.replies.append(reply)
        self._count_failures(reply)
        return reply

    def _note_limit(self, answer: Exchange) -> None:
        if answer.status == _TOO_MANY:
            self.limited.append(Reply.of(answer))

    def _count_failures(self, reply: Reply) -> None:
        self._lost = self._lost + 1 if (reply.status or _FAILED) >= _FAILED else 0
        if self._lost >= _MANY_LOST:
            self.stopped = "the server is out of order"
        if not self._succeeded and len(self.replies) >= _MANY_REFUSED:
            self.stopped = f"the first {_MANY_REFUSED} requests were all refused"

    @staticmethod
    def _said(reply: Reply) -> str:
        return "an HTML page" if "html" in reply.headers.get("content-type", "") else "no JSON"

    def _check_first(self, message: Message, reply: Reply) -> None:
        if self._succeeded:
            return
        if reply.status == _UNAUTHORIZED:
            raise message.error(errors.BadCredentials, "Precoro refused GET", reply.status)
        if reply.ok and not reply.is_json:
            did = f"GET was answered by {self._said(reply)}; check base_url and region"
            raise message.error(errors.UnexpectedAnswer, did, reply.status)

    def _failed(self, problem: errors.PrecoroError) -> Reply:
        if not self._succeeded:
            raise problem
        self._lost += 1
        if self._lost >= _MANY_LOST:
            self.stopped = "the server or the way to it is out of order"
        return Reply(why=problem.did, lost=isinstance(problem, errors.OutcomeUnknown))
