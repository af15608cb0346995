"""Files of documents: where they lie, and that each is fetched once and whole."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
from precoro_sandbox import Fault
from tap_precoro.files.files import Folder

from .files_of_documents import (
    MOST,
    PDF,
    Make,
    content_of,
    file,
    lying_in,
    often,
    rows_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from precoro_sandbox import Sandbox


LARGE = PDF * 20


@pytest.fixture
def serve(serve: Make) -> Callable[..., Sandbox]:
    return often(serve)


# Fetching


@pytest.mark.parametrize("position", ["binary", "json"])
def test_a_file_lies_where_its_path_says_and_is_fetched_once(
    serve: Make, client_of: Make, place: str, position: str
) -> None:
    sandbox = serve(rows_of(PDF), switches={"attachments": position})
    client = client_of(sandbox)
    folder = Folder(place, client, most=MOST)
    path = folder.fetch(file())
    assert path == folder.path_of(file())
    assert path.endswith("files/invoices/4711/1-scan.pdf")
    assert content_of(path) == PDF
    sent = client.quota.sent
    assert sent == (1 if position == "binary" else 2)
    for again in (folder, Folder(place, client, most=MOST)):
        assert again.fetch(file()) == path
        assert again.fetch(file(size=len(PDF))) == path
        assert again.fetch(file(name="renamed.pdf")) == path
        assert again.noted
    assert client.quota.sent == sent
    assert lying_in(place) == ["invoices/4711/1-scan.pdf"]


@pytest.mark.parametrize("name", ["../../../escaped.pdf", "/escaped.pdf", "..", "NUL", "a" * 300])
@pytest.mark.parametrize("idn", ["..", "../..", "/", "4711"])
def test_whatever_a_file_is_called_it_lies_in_the_folder(
    serve: Make, client_of: Make, tmp_path: Path, name: str, idn: str
) -> None:
    place = tmp_path / "deep" / "files"
    folder = Folder(str(place), client_of(serve(rows_of(PDF))), most=MOST)
    path = folder.fetch(file(name=name, idn=idn))
    assert Path(path).resolve().is_relative_to(place.resolve() / "invoices")
    (lying,) = lying_in(str(tmp_path))
    assert content_of(str(tmp_path / lying)) == PDF


def test_files_of_one_name_lie_beside_each_other(serve: Make, client_of: Make, place: str) -> None:
    folder = Folder(place, client_of(serve(rows_of(b"one", b"two"))), most=MOST)
    assert [content_of(folder.fetch(file(key))) for key in (1, 2)] == [b"one", b"two"]


def test_a_file_without_a_name_gets_the_one_that_comes_with_it(
    serve: Make, client_of: Make, place: str
) -> None:
    sandbox = serve(rows_of(PDF), switches={"attachments": "json"})
    client = client_of(sandbox)
    path = Folder(place, client, most=MOST).fetch(file(name=None))
    assert path.endswith("/1-scan.pdf")
    sent = client.quota.sent
    assert Folder(place, client, most=MOST).fetch(file(name=None)) == path
    assert client.quota.sent == sent


def test_a_file_that_nobody_names_is_known_by_its_id(
    serve: Make, client_of: Make, place: str
) -> None:
    folder = Folder(place, client_of(serve(rows_of(PDF))), most=MOST)
    assert folder.fetch(file(name=None)).endswith("/1-unnamed")


def test_a_file_may_be_called_like_a_part(serve: Make, client_of: Make, place: str) -> None:
    client = client_of(serve(rows_of(PDF)))
    for _ in range(2):
        path = Folder(place, client, most=MOST).fetch(file(name="a.part"))
        assert path.endswith("/1-a.part")
    assert client.quota.sent == 1


def test_a_file_of_another_size_is_fetched_anew(serve: Make, client_of: Make, place: str) -> None:
    sandbox = serve(rows_of(PDF))
    client = client_of(sandbox)
    path = Folder(place, client, most=MOST).fetch(file(size=len(PDF)))
    sandbox.store.rows("attachments")[1]["_content"] = PDF + b"more"
    assert Folder(place, client, most=MOST).fetch(file(size=len(PDF) + 4)) == path
    assert content_of(path) == PDF + b"more"
    assert client.quota.sent == 2


def test_sizes_that_are_no_bytes_do_not_cost_a_request_for_each_file_again(
    serve: Make, client_of: Make, place: str
) -> None:
    client = client_of(serve(rows_of(*[PDF] * 6)))
    kilobytes = [file(key, size=len(PDF) // 1024) for key in range(1, 7)]
    first = Folder(place, client, most=MOST)
    paths = [first.fetch(each) for each in kilobytes]
    assert client.quota.sent == 6
    second = Folder(place, client, most=MOST)
    assert [second.fetch(each) for each in kilobytes] == paths
    assert client.quota.sent == 7


def test_only_the_owner_may_read_what_was_made(
    serve: Make, client_of: Make, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    shared.chmod(0o755)
    before = os.umask(0)
    try:
        folder = Folder(str(shared / "a" / "b"), client_of(serve(rows_of(PDF))), most=MOST)
        path = Path(folder.fetch(file()))
        folder.fetch(file(9))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((shared / "a" / "b" / "failed.jsonl").stat().st_mode) == 0o600
    for made in (path.parent, path.parent.parent, shared / "a" / "b", shared / "a"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_a_path_may_be_relative_or_begin_at_home(
    serve: Make, client_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(serve(rows_of(PDF)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for url, where in ((" files ", "files"), ("~/files", "home/files")):
        path = Folder(url, client, most=MOST).fetch(file())
        assert Path(path).is_relative_to(tmp_path / where)


# Whole or not at all


class Halting:
    """A server that sends half of each file, and the rest when it is told to, if ever."""

    def __init__(self) -> None:
        self.halfway, self.go_on = Event(), Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(LARGE)))
                self.send_header("Content-Disposition", "attachment")
                self.end_headers()
                half = len(LARGE) // 2
                self.wfile.write(LARGE[:half])
                self.wfile.flush()
                server.halfway.set()
                if server.go_on.wait(30):
                    self.wfile.write(LARGE[half:])

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.thread.join(timeout=5)
        self.server.server_close()


@pytest.fixture
def halting() -> Iterator[Halting]:
    server = Halting()
    yield server
    server.stop()


FETCH = """
    import sys
    from precoro_api import client_from
    from tap_precoro.files.failures import FileRef
    from tap_precoro.files.files import Folder

    settings = {"auth_token": "t", "email": "e", "base_url": sys.argv[1], "quota_path": "memory"}
    folder = Folder(sys.argv[2], client_from(settings, "tap-precoro/test"), most=10**9)
    print(folder.fetch(FileRef(1, "scan.pdf", None, "invoices", "4711")))
"""


def test_a_kill_in_the_middle_leaves_no_half_file(
    client_of: Make, halting: Halting, tmp_path: Path
) -> None:
    place = tmp_path / "files"
    part = place / "invoices" / "4711" / "1-scan.pdf.part"
    command = [sys.executable, "-c", textwrap.dedent(FETCH), halting.url, str(place)]
    with subprocess.Popen(command) as process:
        assert halting.halfway.wait(30)
        waited = time.monotonic() + 10
        while not part.exists() and time.monotonic() < waited:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert lying_in(str(place)) == ["invoices/4711/1-scan.pdf.part"]
    assert 0 <= part.stat().st_size < len(LARGE)
    halting.go_on.set()
    path = Folder(str(place), client_of(halting.url), most=len(LARGE)).fetch(file())
    assert content_of(path) == LARGE
    assert lying_in(str(place)) == ["invoices/4711/1-scan.pdf"]


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("trouble", [Interrupted(), KeyboardInterrupt(), SystemExit(143)])
def test_an_interruption_in_the_middle_leaves_nothing(place: str, trouble: BaseException) -> None:
    class Double:
        def download(self, resource: Any, key: Any, into: Any, **options: Any) -> None:
            with into() as opened:
                opened.write(b"half")
                raise trouble

    folder = Folder(place, Double(), most=MOST)
    with pytest.raises(type(trouble)):
        folder.fetch(file())
    assert lying_in(place) == []


def test_what_a_kill_left_is_overwritten_whoever_it_belonged_to(
    serve: Make, client_of: Make, tmp_path: Path
) -> None:
    folder = Folder(str(tmp_path), client_of(serve(rows_of(PDF))), most=MOST)
    path = Path(folder.path_of(file()))
    path.parent.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    Path(f"{path}.part").symlink_to(elsewhere)
    assert folder.fetch(file()) == str(path)
    assert not path.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (path.read_bytes(), elsewhere.read_bytes()) == (PDF, b"mine")


def test_a_file_that_breaks_off_is_fetched_again(serve: Make, client_of: Make, place: str) -> None:
    sandbox = serve(rows_of(PDF))
    sandbox.faults.add(Fault("shortened", times=2))
    path = Folder(place, client_of(sandbox), most=MOST).fetch(file())
    assert content_of(path) == PDF
    assert lying_in(place) == ["invoices/4711/1-scan.pdf"]
    assert len(sandbox.served) == 3
