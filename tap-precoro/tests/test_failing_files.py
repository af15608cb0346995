"""Files of documents: what may fail, of a file and of the storage."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from precoro_api import BadCredentials, QuotaSpent, SettingsError
from precoro_sandbox import Fault
from tap_precoro.files.files import Folder

from .files_of_documents import (
    MOST,
    PDF,
    Make,
    content_of,
    failed_in,
    file,
    lying_in,
    often,
    rows_of,
    warnings_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from precoro_sandbox import Sandbox


@pytest.fixture
def serve(serve: Make) -> Callable[..., Sandbox]:
    return often(serve)


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
