"""Keys that nobody knew, and keys that come no more."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api.clock import FastClock
from precoro_api.quota import MemoryLedger, Quota
from tap_precoro.drift import Keys, SchemaDrifted, told
from tap_precoro.tap import TapPrecoro

KNOWN = ("id", "name", "city")


@pytest.fixture
def quota():
    return Quota(FastClock(1.0), ledger=MemoryLedger())


def look(quota, *pages, strict=False, stream="suppliers"):
    """A run that sees these pages of rows, and lets the next one know."""
    keys = Keys(stream, KNOWN, strict=strict)
    for page in pages:
        keys.look(quota, page)
    keys.keep(quota)
    return keys


def row(*names, **values):
    return {**dict.fromkeys(names), **values}


# Keys that no column knows


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a", "text"),
        (True, "yes or no"),
        (1, "number"),
        (1.5, "number"),
        ({"a": 1}, "object"),
        ([1], "array"),
        (None, "null"),
    ],
)
def test_an_unknown_key_is_told_by_its_kind_and_never_by_its_value(quota, value, kind):
    keys = look(quota, [row("id", secret=value)])
    assert keys.unknown == {"secret": kind}
    assert told(keys.unknown) == f"secret ({kind})"


def test_unknown_keys_are_found_in_whichever_row_they_come(quota):
    keys = look(quota, [row("id"), row("id", a="x")], [row("id", b=1), row("id", a=2)])
    assert keys.unknown == {"a": "text", "b": "number"}
    assert told(keys.unknown) == "a (text), b (number)"


def test_a_stream_that_knows_everything_reports_nothing(quota):
    keys = look(quota, [row(*KNOWN)])
    assert (keys.unknown, keys.vanished) == ({}, [])


# Keys that used to come


def test_a_key_that_comes_no_more_has_vanished_and_is_reported_once(quota):
    assert look(quota, [row(*KNOWN)]).vanished == []
    assert look(quota, [row("id", "name")]).vanished == ["city"]
    assert look(quota, [row("id", "name")]).vanished == []


def test_a_key_is_there_if_any_row_of_the_run_has_it(quota):
    look(quota, [row(*KNOWN)])
    assert look(quota, [row("id", "name")], [row("id", "city")]).vanished == []


def test_a_run_without_rows_says_nothing_of_keys_and_forgets_none(quota):
    look(quota, [row(*KNOWN)])
    assert look(quota).vanished == []
    assert look(quota, []).vanished == []
    assert look(quota, [row("id")]).vanished == ["city", "name"]


def test_an_unknown_key_never_vanishes(quota):
    look(quota, [row("id", colour="red")])
    assert look(quota, [row("id")]).vanished == []


def test_a_key_that_is_a_column_no_more_never_vanishes(quota):
    look(quota, [row(*KNOWN)])
    keys = Keys("suppliers", ("id",), strict=False)
    keys.look(quota, [row("id")])
    assert keys.vanished == []


def test_streams_keep_their_keys_apart(quota):
    look(quota, [row(*KNOWN)])
    assert look(quota, [row("id")], stream="items").vanished == []


# Strict


def test_a_strict_stream_fails_at_an_unknown_key_and_names_it(quota):
    with pytest.raises(SchemaDrifted, match=r"suppliers: .*colour \(text\).*strict_schema false"):
        look(quota, [row("id", colour="red")], strict=True)


def test_a_strict_stream_fails_where_the_first_rows_lack_a_key(quota):
    look(quota, [row(*KNOWN)])
    with pytest.raises(SchemaDrifted, match=r"suppliers: .*no longer sends city"):
        look(quota, [row("id", "name")], strict=True)


def test_a_strict_stream_takes_later_rows_without_a_key(quota):
    look(quota, [row(*KNOWN)])
    assert look(quota, [row(*KNOWN)], [row("id")], strict=True).vanished == []


def test_a_run_that_is_not_strict_accepts_what_changed(quota):
    look(quota, [row(*KNOWN)])
    look(quota, [row("id", "name", colour="red")])
    look(quota, [row("id", "name")], strict=True)
    keys = look(quota, [row("id", "name", colour="red")], strict=True)
    assert (keys.vanished, keys.unknown) == ([], {"colour": "text"})
    with pytest.raises(SchemaDrifted, match=r"sends size \(number\), which"):
        look(quota, [row("id", "name", colour="red", size=1)], strict=True)


@given(
    before=st.lists(st.sets(st.sampled_from((*KNOWN, "a", "b"))), max_size=4),
    now=st.lists(st.sets(st.sampled_from((*KNOWN, "a", "b"))), max_size=4),
)
def test_what_is_reported_is_what_changed(before, now):
    quota = Quota(FastClock(1.0), ledger=MemoryLedger())
    look(quota, [row(*names) for names in before])
    keys = look(quota, *([row(*names)] for names in now))
    came_before, come_now = set().union(*before), set().union(*now)
    assert set(keys.unknown) == come_now - set(KNOWN)
    assert set(keys.vanished) == ((came_before & set(KNOWN)) - come_now if come_now else set())


# In a run


@pytest.fixture
def answering():
    """Start a company whose every list is these rows, which may be given anew."""
    running = []

    def start(*rows):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"data": company.rows}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        company = SimpleNamespace(
            rows=list(rows),
            url=f"http://127.0.0.1:{server.server_port}",
        )
        thread = Thread(target=server.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        running.append((server, thread))
        return company

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def read(tmp_path):
    """Run the tap for some streams, with one memory beside the budget; what came, and failed."""

    def run(company, *streams, **settings):
        config = {
            "auth_token": "a-token",
            "email": "tester@example.com",
            "base_url": company.url,
            "clock_speed": 6000,
            "quota_path": str(tmp_path / "quota.sqlite3"),
        }
        tap, out = TapPrecoro(config={**config, **settings}), io.StringIO()
        for name, stream in tap.streams.items():
            stream.selected = name in streams
        try:
            with contextlib.redirect_stdout(out):
                tap.sync_all()
        finally:
            tap.client.close()
        messages = [json.loads(line) for line in out.getvalue().splitlines()]
        return [each["record"] for each in messages if "record" in each], tap.tally.failed

    return run


def test_what_no_column_knows_is_kept_and_told_without_its_value(answering, read, caplog):
    company = answering({"id": 1, "name": "VAT", "mystery": "of one"}, {"id": 2, "mystery": None})
    with caplog.at_level(logging.WARNING, logger="tap-precoro"):
        records, _ = read(company, "taxes")
    assert [each["_extra"] for each in records] == [{"mystery": "of one"}, {"mystery": None}]
    assert "taxes: kept in _extra, as no column knows them: mystery (text)." in caplog.text
    assert "of one" not in caplog.text


def test_what_comes_no_more_is_told_once(answering, read, caplog):
    company = answering({"id": 1, "name": "VAT", "percent": 19})
    read(company, "taxes")
    company.rows = [{"id": 1, "name": "VAT"}]
    said = "taxes: Precoro used to send percent, and no row of this run has it."
    with caplog.at_level(logging.WARNING, logger="tap-precoro"):
        read(company, "taxes")
        assert said in caplog.text
        caplog.clear()
        read(company, "taxes")
        assert said not in caplog.text


@pytest.mark.parametrize("now", [{"id": 1, "name": "VAT", "mystery": 1}, {"id": 1}], ids=str)
def test_a_strict_stream_fails_before_its_rows_go_out_until_a_run_accepts_them(
    answering, read, now
):
    company = answering({"id": 1, "name": "VAT"})
    assert read(company, "taxes", strict_schema=True)[1] == []
    company.rows = [now]
    for _ in range(2):  # nothing is accepted by failing
        assert read(company, "taxes", strict_schema=True) == ([], ["taxes"])
    records, failed = read(company, "taxes")
    assert len(records) == 1
    assert failed == []
    assert read(company, "taxes", strict_schema=True)[1] == []
