"""A folder in any file system that fsspec knows, with every trouble an OSError."""

from __future__ import annotations

import os
import posixpath
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fsspec.core import url_to_fs  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from precoro_api import PrecoroError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Storage", "library_errors"]


class Storage:
    """A folder in some file system; paths are below it. On this machine, its owner's alone."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = url_to_fs(url.strip())
        self._local = isinstance(self._fs, LocalFileSystem)

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path)

    def shown(self, path: str) -> str:
        """A path or address that means the same elsewhere."""
        whole = self._at(path)
        return whole if self._local else str(self._fs.unstrip_protocol(whole))

    def files_in(self, folder: str) -> Iterator[tuple[str, int | None]]:
        """Name and size of each file; not every file system tells sizes."""
        try:
            found: list[dict[str, Any]] = self._fs.ls(self._at(folder), detail=True)
        except FileNotFoundError:
            return
        for each in found:
            if each["type"] == "file":
                yield posixpath.basename(each["name"]), each.get("size")

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """A new file, and the folders that it needs."""
        whole = self._at(path)
        folder = posixpath.dirname(whole)
        if not self._local:
            self._fs.makedirs(folder, exist_ok=True)
            with self._fs.open(whole, "wb") as file:
                yield file
            return
        missing = [each for each in (Path(folder), *Path(folder).parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
        Path(whole).unlink(missing_ok=True)
        with open(whole, "xb", opener=partial(os.open, mode=0o600)) as file:
            yield file

    def write(self, path: str, content: bytes) -> None:
        """Write a file whole."""
        with self.writing(path) as file:
            file.write(content)

    def read(self, path: str) -> bytes:
        """A file's content; nothing where there is none."""
        try:
            return bytes(self._fs.cat_file(self._at(path)))
        except FileNotFoundError:
            return b""

    def move(self, path: str, to: str) -> None:
        """Give a file another name, in place of what had it before."""
        if self._local:
            Path(self._at(path)).replace(self._at(to))
        else:
            self._fs.mv(self._at(path), self._at(to))

    def remove(self, path: str) -> None:
        """Remove a file, if there is one."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))


@contextmanager
def library_errors() -> Iterator[None]:
    """Lets what libraries of storages raise be OSErrors; a builtin error is a mistake of ours."""
    try:
        yield
    except (OSError, PrecoroError, SettingsError):
        raise
    except Exception as problem:
        if type(problem).__module__ == "builtins":
            raise
        raise OSError(f"{type(problem).__name__}: {problem}") from problem
