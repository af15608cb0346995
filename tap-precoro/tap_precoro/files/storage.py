"""A folder in any file system that fsspec knows."""

from __future__ import annotations

import os
import posixpath
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from fsspec.core import url_to_fs  # type: ignore[import-untyped]
from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from precoro_api import PrecoroError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Storage", "StorageTrouble"]

_LONGEST_SAYING = 200


class StorageTrouble(Exception):
    """A file system did not do what it was asked to; the text has its words."""


class Storage:
    """A folder in some file system; paths are below it. On this machine, its owner's alone.

    Raises StorageTrouble, whatever the library of the storage raises.
    """

    def __init__(self, url: str) -> None:
        self._secrets: set[str] = set()
        try:
            with self._trouble():
                parts = urlsplit(url)
                told = [text for text in (parts.password, parts.username) if text]
                self._secrets.update(told, map(unquote, told))
                self._fs, self._root = url_to_fs(url.strip())
        except (ValueError, ImportError) as problem:  # no such protocol, or not its library
            raise StorageTrouble(self._words(problem)) from None
        self._local = isinstance(self._fs, LocalFileSystem)

    def _at(self, path: str) -> str:
        return posixpath.join(self._root, path)

    def shown(self, path: str) -> str:
        """A path or address that means the same elsewhere."""
        whole = self._at(path)
        return whole if self._local else str(self._fs.unstrip_protocol(whole))

    def files_in(self, folder: str) -> list[tuple[str, int | None]]:
        """Name and size of each file; not every file system tells sizes."""
        with self._trouble():
            try:
                found = self._fs.ls(self._at(folder), detail=True)
            except FileNotFoundError:
                return []
            files = [each for each in found if each["type"] == "file"]
            return [(posixpath.basename(each["name"]), each.get("size")) for each in files]

    @contextmanager
    def writing(self, path: str) -> Iterator[IO[bytes]]:
        """A new file, and the folders that it needs."""
        with self._trouble():
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
        with self._trouble():
            try:
                return bytes(self._fs.cat_file(self._at(path)))
            except FileNotFoundError:
                return b""

    def move(self, path: str, to: str) -> None:
        """Give a file another name, in place of what had it before."""
        with self._trouble():
            if self._local:
                Path(self._at(path)).replace(self._at(to))
            else:
                self._fs.mv(self._at(path), self._at(to))

    def remove(self, path: str) -> None:
        """Remove a file, if there is one."""
        with self._trouble(), suppress(FileNotFoundError):
            self._fs.rm_file(self._at(path))

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """Turns errors of a file system into one; other builtin errors are mistakes of ours."""
        try:
            yield
        except (PrecoroError, StorageTrouble):
            raise
        except Exception as problem:
            known = isinstance(problem, OSError | NotImplementedError)  # some can only be read
            if type(problem).__module__ == "builtins" and not known:
                raise
            raise StorageTrouble(self._words(problem)) from problem

    def _words(self, problem: Exception) -> str:
        """What was said, in one line, without what an address may hold of secrets."""
        said = (isinstance(problem, OSError) and problem.strerror) or str(problem)
        for secret in self._secrets:
            said = said.replace(secret, "***")
        return " ".join(said.split())[:_LONGEST_SAYING].rstrip(".") or type(problem).__name__
