"""Files that tests download: how Precoro tells of them, what asks for them, and where they go."""

from __future__ import annotations

import json
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = BY_NAME["attachments"]
FILE = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
JSON = {"Content-Type": "application/json"}
SECRETS = ("a-token-of-tests", "tester@example.com")
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 800
MOST = 10 * len(PDF)


class Place:
    """Where a file goes: each attempt begins anew."""

    def __init__(self, on_write: Callable[[], None] = lambda: None) -> None:
        self.opened = 0
        self.on_write = on_write
        self.file = BytesIO()

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        self.opened += 1
        self.file = BytesIO()
        yield self

    def write(self, chunk: bytes) -> int:
        self.on_write()
        return self.file.write(chunk)

    @property
    def content(self) -> bytes:
        return self.file.getvalue()


def fetch(client: Any, place: Place, key: object = 7, *, most: int = MOST, **options: Any) -> Any:
    return client.download(FILES, key, place, most=most, **options)


def told(**record: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, json.dumps(record).encode()
