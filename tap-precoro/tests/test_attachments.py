"""Records of files: that their paths arrive, also late, and that no key slips through."""

from __future__ import annotations

import contextlib
import json
import logging
from io import StringIO

import pytest
from tap_precoro.tap import TapPrecoro

MAR = "2025-03-01T00:00:00+00:00"
PDF = b"%PDF-1.4 of a test"
FILE = {
    "id": 5,
    "name": "scan.pdf",
    "formatType": "pdf",
    "comment": "signed",
    "size": len(PDF),
    "type": 1,
    "uploadDate": MAR,
    "user": {"id": 3},
}
CHOSEN = ("invoices_details", "attachments")


@pytest.fixture
def invoices(serve):
    """Start a company whose invoice 7 tells of such files, none of which can be had yet."""

    def start(*entries, **switches):
        rows = [{"id": 1007, "idn": "7", "updateDate": MAR, "attachments": list(entries)}]
        return serve({"invoices": rows}, switches={"duplicate_limiter": "off", **switches})

    return start


def config_of(sandbox, **more):
    account = {"auth_token": sandbox.account.token, "email": sandbox.account.email}
    return {**account, "base_url": sandbox.url, "clock_speed": int(sandbox.clock.speed), **more}


def lay(sandbox, entry):
    sandbox.store.rows("attachments")[entry["id"]] = {**entry, "_content": PDF}


def paths(run):
    return [(each["id"], each["path"]) for each in run.records("attachments")]


def is_kept(place):
    return (place / "failed.jsonl").exists()


def test_a_file_that_comes_late_sends_its_whole_record_again(invoices, sync, tmp_path):
    link = {"link": "https://files.example/5?X-Amz-Signature=s3cret", "rate": 1.5}
    sandbox = invoices(FILE | link)
    settings = {"attachments_path": str(tmp_path)}
    first = sync(sandbox, *CHOSEN, **settings)
    (without,) = first.records("attachments")
    assert without["path"] is None
    assert "s3cret" not in (tmp_path / "failed.jsonl").read_text()
    lay(sandbox, FILE)
    second = sync(sandbox, *CHOSEN, state=first.state, **settings)
    assert "GET /invoices/7" not in second.requests
    path = str(tmp_path / "invoices" / "7" / "5-scan.pdf")
    (late,) = second.records("attachments")
    extra = {"link": "https://files.example/5", "rate": 1.5}
    assert late == {**without, "path": path, "_extra": extra}
    third = sync(sandbox, *CHOSEN, state=second.state, **settings)
    assert paths(third) == []
    assert not is_kept(tmp_path)
    assert sync(sandbox, *CHOSEN, state=third.state, **settings).requests == ["GET /invoices"]


def test_a_late_record_is_sent_until_its_state_has_come_back(invoices, sync, tmp_path):
    sandbox = invoices(FILE)
    settings = {"attachments_path": str(tmp_path)}
    first = sync(sandbox, *CHOSEN, **settings)
    lay(sandbox, FILE)
    lost = sync(sandbox, *CHOSEN, state=first.state, **settings)
    again = sync(sandbox, *CHOSEN, state=first.state, **settings)
    assert paths(again) == paths(lost) == [(5, str(tmp_path / "invoices" / "7" / "5-scan.pdf"))]
    assert f"GET /attachments/{FILE['id']}" not in again.requests
    assert paths(sync(sandbox, *CHOSEN, state=again.state, **settings)) == []


def test_a_document_that_is_read_again_has_the_last_word(invoices, sync, tmp_path):
    sandbox = invoices(FILE)
    settings = {"attachments_path": str(tmp_path)}
    first = sync(sandbox, *CHOSEN, **settings)
    lay(sandbox, FILE | {"comment": "changed"})
    sandbox.store.change("invoices", sandbox.store.rows("invoices")[1007], {})
    second = sync(sandbox, *CHOSEN, state=first.state, **settings)
    assert [each["comment"] for each in second.records("attachments")] == ["signed", "changed"]
    assert len({each["path"] for each in second.records("attachments")}) == 1
    assert not is_kept(tmp_path)


def test_a_file_that_is_told_by_its_id_only_comes_late_as_well(invoices, sync, tmp_path):
    sandbox = invoices(FILE, attachment_entries="ids")
    settings = {"attachments_path": str(tmp_path)}
    first = sync(sandbox, *CHOSEN, **settings)
    (without,) = first.records("attachments")
    lay(sandbox, FILE)
    (late,) = sync(sandbox, *CHOSEN, state=first.state, **settings).records("attachments")
    path = str(tmp_path / "invoices" / "7" / "5-unnamed")
    assert late == {**without, "path": path}
    assert late["documentId"] == 1007


def test_a_connection_is_tested_without_a_file(invoices, sync, tmp_path):
    sandbox = invoices(FILE)
    settings = {"attachments_path": str(tmp_path)}
    sync(sandbox, *CHOSEN, **settings)
    asked = len(sandbox.served)
    tap = TapPrecoro(config=config_of(sandbox, **settings))
    assert tap.run_sync_dry_run(streams=[tap.streams["attachments"]])
    assert len(sandbox.served) == asked


# Keys


def test_a_key_that_no_column_knows_is_told_once(invoices, sync, caplog):
    sandbox = invoices(FILE, {"id": 6, "colour": "red"}, {"id": 7, "colour": "blue"})
    with caplog.at_level(logging.WARNING, logger="tap-precoro"):
        run = sync(sandbox, *CHOSEN)
    assert [each["_extra"] for each in run.records("attachments")] == [
        None, {"colour": "red"}, {"colour": "blue"},
    ]  # fmt: skip
    said = "attachments: kept in _extra, as no column knows them: colour (text)."
    assert caplog.text.count(said) == 1


@pytest.fixture
def read(tmp_path):
    """Run the tap with one memory beside the budget; ids by stream, and what failed."""

    def run(sandbox, **settings):
        ledger = str(tmp_path / "quota.sqlite3")
        tap, out = TapPrecoro(config=config_of(sandbox, quota_path=ledger, **settings)), StringIO()
        for name, stream in tap.streams.items():
            stream.selected = name in CHOSEN
        with contextlib.redirect_stdout(out), contextlib.closing(tap.client):
            tap.sync_all()
        messages = [json.loads(line) for line in out.getvalue().splitlines()]
        records = [each for each in messages if each["type"] == "RECORD"]
        return [(each["stream"], each["record"]["id"]) for each in records], tap.tally.failed

    return run


def test_a_strict_run_sends_no_file_with_a_key_that_no_column_knows(invoices, read):
    sandbox = invoices(FILE, {"id": 6, "colour": "red"})
    known, unknown, invoice = ("attachments", 5), ("attachments", 6), ("invoices_details", 1007)
    for _ in range(2):  # nothing is accepted by failing
        assert read(sandbox, strict_schema=True) == ([known], ["invoices_details"])
    assert read(sandbox) == ([known, unknown, invoice], [])
    assert read(sandbox, strict_schema=True) == ([known, unknown, invoice], [])
