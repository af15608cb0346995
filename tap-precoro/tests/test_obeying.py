"""A tap before an API that ignores filters, or has no budget left."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from tap_precoro.tap import TapPrecoro

DAY = "2025-03-01T00:00:0%d+00:00"
SPENT = {"RateLimit-Type": "Daily limiter", "RateLimit-Retry-After": "2200-01-01 00:00:00 UTC"}


class Deaf:
    """An API of these lists that knows no filter, but pages; None stands for a spent budget.

    `then` are the rows of lists after their first answer.
    """

    def __init__(self, rows, then=None):
        self.rows = rows
        self.then = then or {}
        self.asked = []
        deaf = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urlsplit(self.path)
                deaf.asked.append(self.path)
                body = deaf.answer(url.path, parse_qs(url.query))
                told = json.dumps(SPENT if body is None else body).encode()
                self.send_response(429 if body is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path, query):
        _, name, *key = path.split("/")
        rows = self.rows.get(name, [])
        if rows is None:
            return None
        if key:
            return next({**row, "items": [{"id": 1}]} for row in rows if str(row["id"]) == key[0])
        number, size = int(query["page"][0]), int(query["per_page"][0])
        pages = -(-len(rows) // size)
        told = {"total": len(rows), "total_pages": pages, "current_page": number}
        told["has_next_page"] = number < pages
        if name in self.then:
            self.rows = {**self.rows, name: self.then.pop(name)}
        return {"data": rows[(number - 1) * size : number * size], "meta": {"pagination": told}}

    def settings(self, **more):
        known = {"auth_token": "t", "email": "a@b.c", "base_url": self.url, "clock_speed": 6000}
        return {**known, "quota_path": "memory", **more}


@pytest.fixture
def deaf():
    opened = []

    def start(rows, **more):
        opened.append(Deaf(rows, **more))
        return opened[-1]

    yield start
    for each in opened:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def read(new_run):
    def run(api, *streams, **settings):
        tap = TapPrecoro(config=api.settings(**settings))
        for name, stream in tap.streams.items():
            stream.selected = name in streams
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            tap.run()
        return new_run([*map(json.loads, out.getvalue().splitlines())], api.asked, tap.tally.failed)

    return run


@pytest.fixture
def warned(caplog):
    caplog.set_level(logging.WARNING)
    return lambda words: [each for each in caplog.messages if words in each]


def invoice(number, **more):
    return {"id": number, "idn": str(number), "updateDate": DAY % (number % 10), **more}


# What a resource asks for by itself

KINDS = [invoice(n, logicType=(0, 1, "5")[n % 3]) for n in range(1, 10)]
NOTES = [1, 2, 4, 5, 7, 8]


@pytest.mark.parametrize(
    "streams",
    [
        ("credit_notes",),
        ("credit_notes", "credit_notes_details", "credit_notes_items"),
        ("credit_notes_details", "credit_notes_items"),
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [10, 200])
def test_credit_notes_are_no_other_invoices_though_the_filter_is_ignored(
    deaf, read, warned, streams, size
):
    others = [invoice(n, logicType=0) for n in range(10, 30)]
    run = read(deaf({"invoices": [*KINDS, *others]}), *streams, page_size=size)
    for stream in streams:
        key = "documentId" if stream == "credit_notes_items" else "id"
        assert sorted({row[key] for row in run.records(stream)}) == NOTES
    fetched = [each for each in run.requests if each.startswith("/invoices/")]
    assert sorted(fetched) == [f"/invoices/{n}" for n in NOTES if len(streams) > 1]
    said = "credit_notes: the API ignored the filter logicType[] 1 or 5; the rows that do not obey"
    assert warned("ignored the filter") == [f"{said} it are left out."]
    assert run.failed == []


def test_what_does_not_tell_its_kind_is_not_lost(deaf, read, warned):
    run = read(deaf({"invoices": [invoice(1), invoice(2, logicType=None)]}), "credit_notes")
    assert [row["id"] for row in run.records("credit_notes")] == [1, 2]
    assert len(warned("could not be verified")) == 1


def test_an_api_that_obeys_is_not_accused(serve, sync, warned):
    run = sync(serve({"invoices": KINDS}), "credit_notes", "credit_notes_details")
    assert sorted(row["id"] for row in run.records("credit_notes")) == NOTES
    assert warned("filter") == []


# The filters of the settings


@pytest.mark.parametrize(
    ("stream", "filters", "words"),
    [
        ("suppliers", {"external_linked": True}, "external_linked true"),
        ("invoices", {"external_linked": True}, "external_linked true"),
        ("invoices", {"waiting_for_approval": True}, "waiting_for_approval true"),
        ("invoices", {"params": {"status[]": 2}}, "params.status[] 2"),
        ("invoices", {"params": {"logicType[]": [1, 5]}}, "params.logicType[] 1 or 5"),
    ],
    ids=str,
)
def test_a_filter_that_rows_show_to_be_ignored_fails_the_stream(
    deaf, read, warned, stream, filters, words
):
    rows = [
        invoice(1, externalId="A", status=1, logicType=1),
        invoice(2, externalId=None, status=5, logicType=0),
    ]
    run = read(deaf({stream: rows}), stream, filters={stream: filters})
    assert run.failed == [stream]
    assert run.records(stream) == []
    assert warned(f"the filter {words} was sent")


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"attached_file": True}, "attached_file true"),
        ({"waiting_for_approval": True}, "waiting_for_approval true"),
        ({"supplier": 7}, "supplier 7"),
        ({"params": {"colour": "red"}}, "params.colour red"),
    ],
    ids=str,
)
def test_a_filter_that_no_row_shows_is_named_once(deaf, read, warned, filters, words):
    rows = [invoice(n, status=9, attachments=None, createDate=DAY % 1) for n in range(1, 30)]
    chosen = {"invoices": {"create_date": {"from": "2000-01-01"}, **filters}}
    streams = "invoices", "invoices_details"
    run = read(deaf({"invoices": rows}), *streams, filters=chosen, page_size=10, detail_limit=1)
    assert len({row["id"] for row in run.records("invoices")}) == 29
    (said,) = warned("could not be verified")
    assert said.startswith(f"invoices: the filter {words} could not be verified: no row of the")


def test_several_are_named_in_one_warning_and_an_empty_list_needs_none(deaf, read, warned):
    chosen = {"invoices": {"attached_file": True, "params": {"colour": "red"}}}
    read(deaf({"invoices": []}), "invoices", filters=chosen)
    assert warned("verified") == []
    read(deaf({"invoices": [invoice(1)]}), "invoices", filters=chosen)
    (said,) = warned("verified")
    assert "the filters attached_file true and params.colour red could not" in said


# Names of custom fields

FIELDS = [{"id": n, "name": f"F{n:02}"} for n in range(1, 26)]
HELD = {"data": [{"id": 1, "value": "x", "documentCustomField": {"id": 11}}]}


@pytest.mark.parametrize("way", ["raw", "columns", "values"])
def test_no_custom_field_is_missed_though_one_is_deleted_between_two_pages(deaf, read, way):
    rows = {"documentcustomfields": FIELDS, "invoices": [invoice(1, dataDocumentCustomFields=HELD)]}
    api = deaf(rows, then={"documentcustomfields": FIELDS[1:]})
    run = read(api, "document_custom_fields", "invoices", custom_fields=way, page_size=10)
    assert {row["id"] for row in run.records("document_custom_fields")} >= set(range(2, 26))
    if way == "columns":
        assert run.records("invoices")[0]["cf_f11"] == "x"
        ids = [row["id"] for row in run.records("document_custom_fields")]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("first", ["columns", "values"])
def test_a_filter_of_the_list_of_fields_is_not_one_of_their_names(serve, sync, first):
    fields = [{"id": n, "name": f"F{n}", "typeString": "text"} for n in (11, 12)]
    held = [{"id": 1, "value": "x", "documentCustomField": {"id": 11}}]
    sandbox = serve(
        {"document_custom_fields": fields, "invoices": [invoice(1, dataDocumentCustomFields=held)]}
    )
    run = sync(
        sandbox,
        *("document_custom_fields", "document_custom_field_options"),
        *("invoices", "invoices_custom_field_values"),
        custom_fields=first,
        filters={"document_custom_fields": {"params": {"kind": "a"}}},
    )
    asked = [each.query for each in sandbox.served if each.path == "/documentcustomfields"]
    assert sorted("kind=a" in each for each in asked) == [False, True]
    assert {row["id"] for row in run.records("document_custom_fields")} == {11, 12}
    if first == "columns":
        assert run.records("invoices")[0]["cf_f11"] == "x"
    else:
        assert run.records("invoices_custom_field_values")[0]["fieldName"] == "F11"


# Before the first request


@pytest.fixture
def command(tmp_path):
    def run(api, *arguments, state=None, **settings):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(api.settings(**settings)))
        line = [sys.executable, "-m", "tap_precoro", "--config", str(path), *arguments]
        if state is not None:
            kept = tmp_path / "state.json"
            kept.write_text(json.dumps(state))
            line += ["--state", str(kept)]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"filters": {"invoices": {"status": "aproved"}}}, "Did you mean 'approved'?"),
        ({"start_date": "soon"}, "start_date must be"),
        ({"webhook_spool": "nowhere.sqlite"}, "there is no file nowhere.sqlite"),
    ],
    ids=str,
)
@pytest.mark.parametrize("arguments", [(), ("--estimate",), ("--test",)], ids=str)
def test_a_wrong_setting_is_told_before_columns_are_asked_for(
    deaf, command, wrong, words, arguments
):
    api = deaf({})
    ended = command(api, *arguments, custom_fields="columns", **wrong)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert api.asked == []


@pytest.mark.parametrize(("when", "code"), [("stop", 0), ("fail", 75)])
def test_a_budget_that_ends_before_columns_are_named_ends_a_run_as_elsewhere(
    deaf, command, when, code
):
    names = dict.fromkeys(("suppliercustomfields", "itemcustomfields", "documentcustomfields"))
    state = {"bookmarks": {"suppliers": {"replication_key_value": DAY % 1}}}
    ended = command(deaf(names), state=state, custom_fields="columns", when_quota_spent=when)
    assert ended.returncode == code
    assert [json.loads(line)["value"] for line in ended.stdout.splitlines()] == [state]
    assert "Run again after" in ended.stderr
    assert "Not begun: " in ended.stderr
    assert ", suppliers, " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("way", ["raw", "columns"])
@pytest.mark.parametrize(("when", "code"), [("stop", 0), ("fail", 75)])
def test_an_estimate_without_a_budget_ends_as_a_run_does(deaf, command, way, when, code):
    names = {"suppliercustomfields": None, "suppliers": None, "apdocuments": None, "ap": None}
    ended = command(deaf(names), "--estimate", custom_fields=way, when_quota_spent=when)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Run again after" in ended.stderr


@pytest.mark.parametrize("arguments", [("--discover",), ("--test",)], ids=str)
def test_a_catalog_that_cannot_be_had_is_no_success(deaf, command, arguments):
    ended = command(deaf({"suppliercustomfields": None}), *arguments, custom_fields="columns")
    assert (ended.returncode, ended.stdout) == (2, "")
