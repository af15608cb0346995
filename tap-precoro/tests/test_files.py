"""Files of documents: where they lie, that each is fetched once and whole, and what may fail."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
import unicodedata
import uuid
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import BadCredentials, Client, QuotaSpent, SettingsError
from precoro_api.clock import FastClock
from precoro_api.quota import Limits, Policy, Quota
from precoro_sandbox import Fault
from tap_precoro.failures import FileRef
from tap_precoro.files import Folder, path_in_folder, safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from precoro_sandbox import Sandbox

SPEED = 6000
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 400
MOST = 10 * len(PDF)
LARGE = PDF * 20

Make = "Callable[..., Any]"


def file(key: int = 1, name: str | None = "scan.pdf", size: int | None = None, **more: Any) -> Any:
    return FileRef(key, name, size, **{"document": "invoices", "idn": "4711", **more})


def rows_of(*contents: bytes, **more: Any) -> dict[str, list[dict[str, Any]]]:
    rows = [
        {"id": key, "name": "scan.pdf", "_content": content, **more}
        for key, content in enumerate(contents, start=1)
    ]
    return {"attachments": rows}


@pytest.fixture
def serve(serve: Make) -> Callable[..., Sandbox]:
    """Start sandboxes where the same file may be asked for as often as a test likes."""

    def start(rows: Any, switches: dict[str, Any] | None = None) -> Any:
        return serve(rows, switches={"duplicate_limiter": "off", **(switches or {})})

    return start


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """Make clients of a sandbox, or of another address on this machine."""
    made: list[Client] = []

    def make(
        server: Sandbox | str, token: str = "sandbox-token", max_requests: int | None = None
    ) -> Client:
        known = not isinstance(server, str)
        clock = FastClock(SPEED, server.clock.now() if known else None)
        limits = Limits(identical_minute=None, identical_hour=None)
        made.append(
            Client(
                token=token,
                email="integration@example.com",
                base_url=server.url if known else server,
                clock=clock,
                quota=Quota(clock, limits=limits, policy=Policy(max_requests=max_requests)),
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new folder, on this machine and elsewhere."""
    if request.param == "local":
        yield str(tmp_path / "files")
        return
    name = uuid.uuid4().hex
    yield f"memory://{name}/files"
    MemoryFileSystem().rm(name, recursive=True)


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


# Names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("scan.pdf", "scan.pdf"),
        ("Rechnung Köln (2).pdf", "Rechnung Köln (2).pdf"),
        ("発注書.xlsx", "発注書.xlsx"),
        ("Ko\u0308ln.pdf", "Köln.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\Windows\\win.ini", "C__Windows_win.ini"),
        ("..", "unnamed"),
        (".", "unnamed"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("   ", "unnamed"),
        (".htaccess", "htaccess"),
        ("-rf.txt", "rf.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("NUL .tar.gz", "_NUL .tar.gz"),
        ("com1", "_com1"),
        ("LPT³.txt", "_LPT³.txt"),
        ("CONTRACT.pdf", "CONTRACT.pdf"),
        ("a\x00b\nc\x7f.pdf", "a_b_c_.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("a\ud800.pdf", "a_.pdf"),
        ("trailing. . ", "trailing"),
        ("a  b\u00a0c.pdf", "a b c.pdf"),
        ("[1] what? *.pdf", "_1_ what_ _.pdf"),
        ("s3://bucket/a.pdf", "s3___bucket_a.pdf"),
        ("a" * 300 + ".pdf", "a" * 116 + ".pdf"),
        ("ä" * 300 + ".pdf", "ä" * 58 + ".pdf"),
        ("a" * 300, "a" * 120),
        ("a." + "b" * 300, "a." + "b" * 118),
        ("a" * 119 + ". " + "b" * 50, "a" * 119),
    ],
)
def test_a_name_becomes_safe(name: str | None, safe: str) -> None:
    assert safe_name(name) == safe


NAMES = st.one_of(
    st.none(),
    st.text(max_size=400),
    st.text(alphabet=st.sampled_from("./\\:-_ aCONul1\u0301\x00\u202eé漢"), max_size=300),
    st.text(alphabet="aä漢😀. ", min_size=100, max_size=300),
    st.builds(
        lambda stem, tail: stem + tail,
        st.text(max_size=250),
        st.sampled_from([".pdf", ".tar.gz", ".", ". .", ".docx ", ".CON", "." + "x" * 40]),
    ),
)


@given(NAMES)
def test_a_safe_name_is_one_part_of_a_path_everywhere(name: str | None) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 120
    assert safe == unicodedata.normalize("NFC", safe)
    assert not set(safe) & set('<>:"/\\|?*[]{}')
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in safe)
    assert safe[0] not in " .-"
    assert safe[-1] not in " ."
    assert safe.split(".")[0].strip().upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1")
    assert safe_name(safe) == safe


@given(st.text(max_size=400), st.sampled_from(["pdf", "xlsx", "tar", "7z", "große"]))
def test_an_ending_is_kept(stem: str, ending: str) -> None:
    assert safe_name(f"a{stem}.{ending}").endswith(f".{ending}")


@given(NAMES, NAMES, st.integers(0, 10**18), st.integers(0, 10**18), NAMES, NAMES)
def test_no_file_leaves_the_folder_or_takes_the_place_of_another(
    name: str | None, other_name: str | None, key: int, other: int, idn: Any, other_idn: Any
) -> None:
    paths = []
    for each, called, number in ((key, name, idn), (other, other_name, other_idn)):
        path = path_in_folder(file(each, called, idn=number or ""))
        paths.append(path)
        assert path.count("/") == 2
        whole = os.path.normpath(os.path.join("/folder", path))  # noqa: PTH118
        assert whole == f"/folder/{path}"
        assert Path(path).name.startswith(f"{each}-")
    assert key == other or paths[0].casefold() != paths[1].casefold()


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
    from tap_precoro.failures import FileRef
    from tap_precoro.files import Folder

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


# What may fail


def test_a_file_that_is_gone_is_said_noted_and_tried_again(
    serve: Make, client_of: Make, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = serve(rows_of())
    client = client_of(sandbox)
    folder = Folder(place, client, most=MOST)
    assert folder.fetch(file(5, size=len(PDF))) is None
    assert folder.fetch(file(5, size=len(PDF))) is None
    assert client.quota.sent == 1
    (said,) = warnings_of(caplog)
    assert said.startswith(
        "invoices 4711: file 5 could not be had, and is tried again in the next run: "
        "attachments 5: Precoro refused GET (404)"
    )
    (noted,) = failed_in(place)
    assert {key: noted[key] for key in ("id", "name", "document", "idn")} == {
        "id": 5, "name": "scan.pdf", "document": "invoices", "idn": "4711",
    }  # fmt: skip
    assert "(404)" in noted["reason"]
    assert lying_in(place) == ["failed.jsonl"]
    sandbox.store.rows("attachments")[5] = {"id": 5, "name": "scan.pdf", "_content": PDF}
    again = Folder(place, client, most=MOST)
    ((tried, path),) = again.retry_failed("run")
    assert tried == file(5, size=len(PDF))
    assert content_of(path) == PDF
    assert lying_in(place) == ["invoices/4711/5-scan.pdf"]  # no record of it is known
    assert list(Folder(place, client, most=MOST).retry_failed("run")) == []


def test_a_file_that_is_there_late_comes_again_until_its_run_is_known_to_have_arrived(
    serve: Make, client_of: Make, place: str
) -> None:
    sandbox = serve(rows_of(PDF, PDF))
    client = client_of(sandbox)
    sandbox.faults.add(Fault("500", times=99))
    for key in (1, 2):
        Folder(place, client, most=MOST).fetch(file(key, told={"id": key, "size": Decimal("1.5")}))
    sandbox.faults.clear()

    def late(run: str, arrived: str, most: int = 9) -> list[int]:
        folder = Folder(place, client, most=MOST)
        found = []
        for tried, path in folder.retry_failed(run, arrived):
            assert path == folder.path_of(tried)
            assert tried.told == {"id": tried.id, "size": Decimal("1.5")}
            found.append(tried.id)
            if len(found) == most:
                break  # as when it is killed before the record is out
        return found

    assert late("first", "") == [1, 2]
    assert late("second", "another", most=2) == [1, 2]
    assert late("third", "second") == [2]
    sent = client.quota.sent
    assert late("fourth", "third") == []
    assert client.quota.sent == sent
    assert failed_in(place) == []


def test_what_is_kept_of_a_file_has_no_credentials_and_no_signatures(
    serve: Make, client_of: Make, place: str
) -> None:
    told = {
        "url": "https://user:s3cret@files.example/a/b.pdf?X-Amz-Signature=s3cret#s3cret=1",
        "user": {"picture": ["see /avatars/7?token=s3cret&size=80 and why? a#b"]},
        "size": 7,
    }
    Folder(place, client_of(serve(rows_of())), most=MOST).fetch(file(told=told))
    (kept,) = failed_in(place)
    assert kept["told"] == {
        "url": "https://files.example/a/b.pdf",
        "user": {"picture": ["see /avatars/7 and why? a#b"]},
        "size": 7,
    }


def test_a_file_that_is_not_tried_again_is_kept_as_its_document_tells_of_it_now(
    serve: Make, client_of: Make, place: str
) -> None:
    folder = Folder(place, client_of(serve(rows_of())), most=MOST)
    assert folder.fetch(file(told={"comment": "old"})) is None
    assert folder.fetch(file(told={"comment": "new"})) is None
    (kept,) = failed_in(place)
    assert kept["told"] == {"comment": "new"}
    assert "(404)" in kept["reason"]


def test_a_file_that_is_gone_for_good_is_left_alone_in_the_end(
    serve: Make, client_of: Make, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(serve(rows_of()))
    Folder(place, client, most=MOST).fetch(file(5))
    for _ in range(4):
        assert all(path is None for _, path in Folder(place, client, most=MOST).retry_failed("run"))
    assert client.quota.sent == 3
    assert "is not tried again by itself" in warnings_of(caplog)[-1]
    assert [each["id"] for each in failed_in(place)] == [5]


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_is_too_large_costs_no_second_request_until_it_may_be(
    serve: Make, client_of: Make, place: str, caplog: pytest.LogCaptureFixture, *, told: bool
) -> None:
    client = client_of(serve(rows_of(PDF)))
    large = file(size=len(PDF) if told else None)
    assert Folder(place, client, most=len(PDF) - 1).fetch(large) is None
    sent = client.quota.sent
    assert sent == (0 if told else 1)
    (said,) = warnings_of(caplog)
    assert f"{len(PDF) - 1} are wanted at most" in said
    assert "attachment_max_mb" in said
    again = Folder(place, client, most=len(PDF) - 1)
    assert [path for _, path in again.retry_failed("run")] == [None]
    assert again.fetch(large) is None
    assert client.quota.sent == sent
    ((_, path),) = Folder(place, client, most=len(PDF)).retry_failed("run")
    assert content_of(path) == PDF
    assert failed_in(place) == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("forbidden", "Precoro refused GET (403)"),
        ("html", "an HTML page came instead of the file"),
        ("empty", "nothing came instead of the file"),
        ("500", "the server failed on GET (500)"),
        ("reset", "the answer to GET was lost"),
        ("shortened", "broke off on its way"),
    ],
)
def test_trouble_with_one_file_is_a_warning(
    serve: Make,
    client_of: Make,
    place: str,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    said: str,
) -> None:
    sandbox = serve(rows_of(PDF))
    if kind == "forbidden":
        sandbox.account.forbidden = frozenset({"attachments"})
    else:
        sandbox.faults.add(Fault(kind, times=99, path="/attachments"))
    folder = Folder(place, client_of(sandbox), most=MOST)
    assert folder.fetch(file()) is None
    warning = next(each for each in warnings_of(caplog) if each.startswith("invoices 4711: "))
    assert said in warning
    assert said in failed_in(place)[0]["reason"]
    for secret in ("sandbox-token", "integration@example.com"):
        assert secret not in caplog.text
        assert secret not in content_of(f"{place}/failed.jsonl").decode()
    assert lying_in(place) == ["failed.jsonl"]
    assert folder.noted


def test_a_spent_budget_and_wrong_credentials_stop_the_run(
    serve: Make, client_of: Make, place: str
) -> None:
    sandbox = serve(rows_of(PDF, PDF))
    folder = Folder(place, client_of(sandbox, max_requests=1), most=MOST)
    folder.fetch(file(1))
    with pytest.raises(QuotaSpent):
        folder.fetch(file(2))
    with pytest.raises(BadCredentials):
        Folder(place, client_of(sandbox, token="wrong"), most=MOST).fetch(file(2))
    assert lying_in(place) == ["invoices/4711/1-scan.pdf"]


def test_a_mistake_of_ours_is_no_warning(place: str) -> None:
    class Double:
        def download(self, resource: Any, key: Any, into: Any, **options: Any) -> None:
            with into() as opened:
                opened.write("no bytes")

    with pytest.raises(TypeError):
        Folder(place, Double(), most=MOST).fetch(file())


@pytest.mark.parametrize("fault", ["500", "403"])
def test_when_precoro_gives_no_file_three_times_the_rest_waits_for_the_next_run(
    serve: Make, client_of: Make, place: str, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    sandbox = serve(rows_of(*[PDF] * 6))
    client = client_of(sandbox)
    folder = Folder(place, client, most=MOST)
    assert folder.fetch(file(1))
    if fault == "500":
        sandbox.faults.add(Fault("500", times=99))
    else:
        sandbox.account.forbidden = frozenset({"attachments"})
    assert [folder.fetch(file(key)) for key in range(2, 7)] == [None] * 5
    asked = {each.path for each in sandbox.served}
    assert asked == {f"/attachments/{key}" for key in range(1, 5)}
    assert warnings_of(caplog)[-1] == (
        "Precoro gave none of 3 files in a row: no more are fetched in this run. "
        "The next run goes on with them."
    )
    assert folder.fetch(file(1))  # which lies there
    assert [each["id"] for each in failed_in(place)] == [2, 3, 4, 5, 6]
    assert failed_in(place)[-1]["reason"].startswith("not tried")
    assert folder.noted
    sandbox.faults.clear()
    sandbox.account.forbidden = frozenset()
    again = Folder(place, client, most=MOST)
    assert [tried.id for tried, path in again.retry_failed("run") if path] == [2, 3, 4, 5, 6]
    assert failed_in(place) == []


def test_files_that_fail_for_ever_are_in_no_others_way(
    serve: Make, client_of: Make, place: str
) -> None:
    sandbox = serve(rows_of(*[PDF] * 8))
    client = client_of(sandbox)
    for key in (1, 2, 3, 4, 7):
        sandbox.faults.add(Fault("500", times=9999, path=f"/attachments/{key}"))
    folder = Folder(place, client, most=MOST)
    assert [folder.fetch(file(key)) is None for key in (1, 2, 5, 3, 4)] == [1, 1, 0, 1, 1]
    assert sandbox.served[-1].path == "/attachments/4"  # only three in a row are too many
    folder = Folder(place, client, most=MOST)
    assert [tried.id for tried, _ in folder.retry_failed("run")] == [1, 2, 3]
    assert [bool(folder.fetch(file(key))) for key in (7, 6)] == [False, True]  # new ones
    assert [each["id"] for each in failed_in(place)] == [4, 1, 2, 3, 7]
    folder = Folder(place, client, most=MOST)
    assert [tried.id for tried, _ in folder.retry_failed("run")] == [4, 1, 2]
    assert [each["id"] for each in failed_in(place)] == [3, 7, 4, 1, 2]


def test_what_is_known_of_a_failure_is_kept_when_it_is_not_tried(
    serve: Make, client_of: Make, place: str
) -> None:
    sandbox = serve(rows_of(*[PDF] * 5))
    client = client_of(sandbox)
    Folder(place, client, most=9).fetch(file(5))
    sandbox.faults.add(Fault("500", times=99))
    folder = Folder(place, client, most=MOST)
    assert [folder.fetch(file(key)) for key in range(1, 6)] == [None] * 5
    (kept,) = [each for each in failed_in(place) if each["id"] == 5]
    assert "9 are wanted at most" in kept["reason"]


def test_the_record_of_failures_may_have_been_edited(
    serve: Make, client_of: Make, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = {"id": 1, "name": None, "size": None, "document": "invoices", "idn": "1", "reason": "x"}
    lines = [b"{cut", b"[]", b"", b'{"id": 1e999, "name": 1, "size": 1}', json.dumps(good).encode()]
    with fsspec.open(f"{place}/failed.jsonl", "wb", auto_mkdir=True) as opened:
        opened.write(b"\n".join([*lines, b"\xff"]))
    folder = Folder(place, client_of(serve(rows_of(PDF))), most=MOST)
    assert len(warnings_of(caplog)) == 4
    assert "line 1 of failed.jsonl is left out" in warnings_of(caplog)[0]
    assert [bool(path) for _, path in folder.retry_failed("run")] == [True]


# Storages


@pytest.mark.parametrize(
    "url",
    [
        "",
        "  ",
        "nosuch://bucket/files",
        "https://user:s3cret@files.example/folder",
        "memory://[bad",
        "/proc/version/files",
        "/dev/null",
        "/proc/nothing/files",
    ],
)
def test_a_folder_that_cannot_be_used_is_a_wrong_setting(client_of: Make, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^attachments_path ") as raised:
        Folder(url, client_of("http://127.0.0.1:9"), most=MOST)
    assert "s3cret" not in str(raised.value)


class Refusal(Exception):
    """What the library of a storage raises: no OSError."""


class Failing(MemoryFileSystem):
    """A file system whose folder is full, or whose library fails in its own way."""

    protocol = "failing"
    trouble: Exception | None = None
    store: dict[str, Any] = {}  # noqa: RUF012 - as the class above has it
    pseudo_dirs: list[str] = [""]  # noqa: RUF012

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        opened = super()._open(path, mode, **options)
        if mode == "wb" and self.trouble is not None:
            trouble = self.trouble

            def refuse(content: bytes) -> int:
                raise trouble

            opened.write = refuse
        return opened


@pytest.fixture
def failing() -> Iterator[type[Failing]]:
    fsspec.register_implementation("failing", Failing, clobber=True)
    yield Failing
    Failing.trouble = None
    Failing.store.clear()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(30, "Read-only file system"), "Read-only file system"),
        (Refusal("the bucket says no to s3cret"), "the bucket says no to ***"),
    ],
    ids=str,
)
def test_a_storage_that_takes_nothing_three_times_is_left_alone(
    serve: Make,
    client_of: Make,
    caplog: pytest.LogCaptureFixture,
    failing: type[Failing],
    trouble: Exception,
    said: str,
) -> None:
    sandbox = serve(rows_of(*[PDF] * 6))
    folder = Folder("failing://someone:s3cret@host/files", client_of(sandbox), most=MOST)
    path = folder.fetch(file(1))
    assert folder.noted
    failing.trouble = trouble
    assert [folder.fetch(file(key)) for key in range(2, 7)] == [None] * 5
    assert len(sandbox.served) == 4
    assert not folder.noted  # so no bookmark may pass these documents
    warnings = [each for each in warnings_of(caplog) if "4711: file" in each]
    for key, warning in zip((2, 3, 4), warnings, strict=False):
        assert f"invoices 4711: file {key} could not be had" in warning
        assert f"attachments_path: {said}" in warning
    assert warnings_of(caplog)[-1] == (
        "attachments_path took none of 3 files in a row: no more are fetched in this run. "
        "Make room in it or mend its rights. The next run goes on with them."
    )
    assert "s3cret" not in caplog.text
    assert folder.fetch(file(1)) == path
    assert not any(each.endswith(".part") for each in Failing.store if "scan" in each)


def test_one_document_whose_folder_cannot_be_made_is_a_warning(
    serve: Make, client_of: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder(str(tmp_path), client_of(serve(rows_of(PDF, PDF))), most=MOST)
    (tmp_path / "receipts").write_bytes(b"in the way")
    assert folder.fetch(file(1, document="receipts")) is None
    assert folder.fetch(file(2))
    assert folder.noted
    (said,) = warnings_of(caplog)
    assert said.startswith("receipts 4711: file 1 could not be had")
    assert "attachments_path: " in said
    (tmp_path / "receipts").unlink()
    ((_, path),) = Folder(str(tmp_path), client_of(serve(rows_of(PDF))), most=MOST).retry_failed(
        "run"
    )
    assert content_of(path) == PDF
