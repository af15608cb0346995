"""Files of documents: how they are told of, served, and found in a folder."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import fsspec
from tap_precoro.files.failures import FileRef

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from precoro_sandbox import Sandbox


PDF = b"%PDF-1.4\n" + bytes(range(256)) * 400
MOST = 10 * len(PDF)

Make = "Callable[..., Any]"


def file(key: int = 1, name: str | None = "scan.pdf", size: int | None = None, **more: Any) -> Any:
    return FileRef(key, name, size, **{"document": "invoices", "idn": "4711", **more})


def rows_of(*contents: bytes, **more: Any) -> dict[str, list[dict[str, Any]]]:
    rows = [
        {"id": key, "name": "scan.pdf", "_content": content, **more}
        for key, content in enumerate(contents, start=1)
    ]
    return {"attachments": rows}


def often(serve: Make) -> Callable[..., Sandbox]:
    """Start sandboxes where the same file may be asked for as often as a test likes."""

    def start(rows: Any, switches: dict[str, Any] | None = None) -> Any:
        return serve(rows, switches={"duplicate_limiter": "off", **(switches or {})})

    return start


def content_of(path: str) -> bytes:
    with fsspec.open(path, "rb") as opened:
        return opened.read()


def lying_in(place: str) -> list[str]:
    """All files of a folder, by their paths in it."""
    system, root = fsspec.core.url_to_fs(place)
    return sorted(path.removeprefix(root).lstrip("/") for path in system.find(root))


def failed_in(place: str) -> list[dict[str, Any]]:
    if "failed.jsonl" not in lying_in(place):
        return []
    return [json.loads(line) for line in content_of(f"{place}/failed.jsonl").splitlines()]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
