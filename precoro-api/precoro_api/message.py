"""A request to the API as one thing, and its answer as it came."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from precoro_api import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from precoro_api.resource import Endpoint

__all__ = ["Exchange", "Message"]


@dataclass(frozen=True)
class Message:
    """A request: the endpoint, what fills its path, its query and its body.

    `resource` and `key` say in errors what it was about; `private` values of the body are kept out
    of them, should the API repeat any.
    """

    endpoint: Endpoint
    resource: str
    key: str | None = None
    path: Mapping[str, object] | None = None
    params: Sequence[tuple[str, str]] = ()
    body: str | None = field(default=None, repr=False)
    content_type: str | None = None
    private: Sequence[str] = field(default=(), repr=False)

    @property
    def lost(self) -> type[errors.PrecoroError]:
        """What a lost answer means: a read is read again, a write may have happened."""
        return errors.TryLater if self.endpoint.method == "GET" else errors.OutcomeUnknown

    def error(
        self, kind: type[errors.PrecoroError], did: str, status: int | None = None, said: str = ""
    ) -> errors.PrecoroError:
        """An error about this request."""
        return kind(
            did,
            resource=self.resource,
            key=self.key,
            status=status,
            said=said,
            reads=self.endpoint.method == "GET",
        )


@dataclass(frozen=True)
class Exchange:
    """An answer as it came; the names of its headers are in lower case.

    `asked_at` is the server's clock when it began to answer, or a little before; None where it
    tells no time. An API may repeat secrets, so `repr` shows the status alone.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    asked_at: datetime | None = None

    @cached_property
    def json(self) -> Any:
        """The body read as JSON; None where it is none, and for `null`."""
        try:
            return json.loads(_text(self.body), parse_float=Decimal)
        except (ValueError, RecursionError):
            return None

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON."""
        return self.json is not None or self.body.strip() == b"null"

    @property
    def content_type(self) -> str:
        """What the body says that it is, in lower case."""
        return self.headers.get("content-type", "").lower()


_PIECE = 16384


def _text(body: bytes) -> str:
    """A body as text, read piece by piece: in one go, a large page takes several times its size."""
    encoding = json.detect_encoding(body)
    pieces = (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))
    return "".join(codecs.iterdecode(pieces, encoding))
