"""Keys that nobody knew, and keys that come no more."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api.clock import FastClock
from precoro_api.quota import MemoryLedger, Quota
from tap_precoro.streams.resume import Listed
from tap_precoro.tap import TapPrecoro
from tap_precoro.telling.drift import Keys, SchemaDrifted, told

KNOWN = ("id", "name", "city")


@pytest.fixture
def quota():
    return Quota(FastClock(1.0), ledger=MemoryLedger())


def look(quota, *pages, strict=False, whole=False, stream="suppliers"):
    """A run that sees these pages of rows, and lets the next one know; `whole` if it sees all."""
    keys = Keys(stream, KNOWN, strict=strict)
    try:
        for number, page in enumerate(pages, start=1):
            keys.look(quota, page, whole=whole and number == len(pages))
    finally:
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


@pytest.mark.parametrize("now", [[row("id", colour="red")], [row("id")]], ids=str)
def test_nothing_is_accepted_by_failing(quota, now):
    look(quota, [row(*KNOWN)])
    for _ in range(2):
        with pytest.raises(SchemaDrifted):
            look(quota, now, strict=True)


def test_a_key_that_some_rows_had_is_missed_only_when_all_rows_are_seen(quota):
    look(quota, [row("id", "name"), row("id", "city")])
    look(quota, [row("id")], [row("id", "city")], [row("id", "name")], strict=True, whole=True)
    look(quota, [row("id"), row("name", "id")], [row("id", "city")], strict=True, whole=True)
    with pytest.raises(SchemaDrifted, match="no longer sends city, name"):
        look(quota, [row("id")], [row("id")], strict=True, whole=True)
    assert look(quota, [row("id")], strict=True).vanished == ["city", "name"]
    assert look(quota, [row("id")], strict=True, whole=True).vanished == []


def test_a_key_that_a_few_rows_all_had_is_no_key_of_all_rows(quota):
    look(quota, [row("id", "city"), row("id")])
    look(quota, [row("id", "city")])
    assert look(quota, [row("id")], strict=True).vanished == ["city"]


def test_a_key_of_all_rows_may_be_new_or_come_back(quota):
    for _ in range(2):
        look(quota, [row("id")])
        look(quota, [row("id", "city"), row("id", "city")])
        with pytest.raises(SchemaDrifted, match="no longer sends city"):
            look(quota, [row("id")], strict=True)


def test_keys_that_a_version_before_kept_are_those_of_all_rows(quota):
    quota.remember("keys:suppliers", ["id", "city"], 60)
    with pytest.raises(SchemaDrifted, match="no longer sends city"):
        look(quota, [row("id")], strict=True)


def test_rows_that_are_not_like_the_streams_own_tell_only_of_unknown_keys(quota):
    look(quota, [row("id", "city")])
    keys = Keys("suppliers", KNOWN, strict=False)
    keys.look_at_others(quota, [row("id", "name", colour="red")])
    assert (keys.unknown, keys.vanished) == ({"colour": "text"}, [])
    keys.keep(quota)
    assert look(quota, [row("id", "city", colour="red")], strict=True).vanished == []
    with pytest.raises(SchemaDrifted, match="no longer sends city"):
        look(quota, [row("id")], strict=True)
    with pytest.raises(SchemaDrifted, match=r"size \(number\)"):
        Keys("suppliers", KNOWN, strict=True).look_at_others(quota, [row("id", size=1)])


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


@given(
    runs=st.lists(st.lists(st.sets(st.sampled_from(KNOWN), min_size=1), min_size=1), max_size=3),
    now=st.lists(st.sets(st.sampled_from(KNOWN), min_size=1), min_size=1, max_size=3),
)
def test_first_rows_fail_only_for_want_of_what_all_rows_had(runs, now):
    quota = Quota(FastClock(1.0), ledger=MemoryLedger())
    for rows in runs:
        look(quota, [row(*names) for names in rows])
    always = set.intersection(*(names for rows in runs for names in rows)) if runs else set()
    last = set.intersection(*runs[-1]) if runs else set()
    try:
        look(quota, *([row(*names)] for names in now), strict=True)
        failed = False
    except SchemaDrifted:
        failed = True
    assert failed >= bool(always - now[0])
    assert failed <= bool(last - now[0])


# In a run


@pytest.fixture
def answering():
    """Start a company whose every list is these rows, which may be given anew, 200 a page."""
    running = []

    def start(*rows):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = dict(parse_qsl(urlsplit(self.path).query))
                start = 200 * (int(asked["page"]) - 1)
                rows, more = company.rows[start : start + 200], len(company.rows) > start + 200
                pagination = {"has_next_page": more, "total": len(company.rows)}
                answer = {"data": rows, "meta": {"pagination": pagination}}
                body = json.dumps(answer).encode()
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
            "auth_token": "sandbox-token",
            "email": "integration@example.com",
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


def taxes(many, **more):
    return [{"id": number, "name": "VAT", **more} for number in range(1, many + 1)]


def test_no_row_with_a_key_that_no_column_knows_goes_out_of_a_strict_stream(answering, read):
    company = answering(*taxes(250))
    company.rows[220]["mystery"] = 1
    records, failed = read(company, "taxes", strict_schema=True)
    assert [each["id"] for each in records] == list(range(1, 201))
    assert failed == ["taxes"]


@pytest.mark.parametrize(("many", "out"), [(200, 0), (250, 200)])
def test_a_key_that_some_rows_had_fails_a_strict_list_before_its_last_page(
    answering, read, many, out
):
    company = answering(*taxes(many))
    company.rows[-1]["percent"] = 19
    assert read(company, "taxes")[1] == []
    assert read(company, "taxes", strict_schema=True)[1] == []
    del company.rows[-1]["percent"]
    records, failed = read(company, "taxes", strict_schema=True)
    assert (len(records), failed) == (out, ["taxes"])


def test_a_document_whole_is_no_row_of_a_list_but_its_unknown_keys_count(answering):
    company = answering()
    account = {"auth_token": "a-token", "email": "tester@example.com", "base_url": company.url}
    tap = TapPrecoro(config={**account, "quota_path": "memory", "strict_schema": True})
    stream = tap.streams["invoices"]
    document = {"id": 7, "idn": "7", "items": [{"id": 1, "mystery": 1}], "comments": []}
    with contextlib.closing(tap.client):
        assert [each["id"] for each in stream.records_of(document, Listed("", "7"))] == [7]
        with pytest.raises(SchemaDrifted, match="mystery"):
            next(stream.records_of({**document, "mystery": 1}, Listed("", "7")))
    assert stream.keys.vanished == []


def test_a_key_that_some_rows_had_may_be_in_none_that_changed(answering, read):
    changed = {"updateDate": "2025-03-01T00:00:00+00:00"}
    company = answering({"id": 1, "city": "Riga", **changed}, {"id": 2, **changed})
    read(company, "suppliers")
    del company.rows[0]
    settings = {"strict_schema": True, "start_date": "2025-01-01"}
    assert [each["id"] for each in read(company, "suppliers", **settings)[0]] == [2]


def test_a_line_with_a_key_that_no_column_knows_never_goes_out_and_is_not_accepted(serve, read):
    changed = "2025-03-01T00:00:00+00:00"
    lines = [{"id": 1, "name": "pen"}, {"id": 2, "name": "ink", "mystery": 1}]
    order = {"id": 7, "idn": "7", "updateDate": changed, "items": lines}
    company = serve({"purchase_orders": [order]}, switches={"duplicate_limiter": "off"})
    chosen = ("purchase_orders_details", "purchase_orders_items")
    for _ in range(2):
        records, failed = read(company, *chosen, strict_schema=True)
        assert ([each.get("id") for each in records], failed) == ([1], [chosen[0]])
    records, failed = read(company, *chosen)
    assert ([each["id"] for each in records], failed) == ([1, 2, 7], [])
    assert read(company, *chosen, strict_schema=True)[1] == []


@pytest.mark.parametrize(
    ("now", "out"),
    [
        ([{"id": 1, "quantity": 3}, {"id": 2, "mystery": 1}], [1]),
        ([{"id": 1}, {"id": 2}], [1, 2, 1, 2]),  # known after the stock of the last one
        ([{"quantity": 3}, {"quantity": 4}], []),
    ],
    ids=str,
)
def test_what_lies_in_warehouses_fails_as_lists_do(answering, read, now, out):
    # Every list of this company is the same: so its warehouses are their stock as well.
    company = answering({"id": 1, "quantity": 3}, {"id": 2})
    assert read(company, "warehouse_items") == read(company, "warehouse_items", strict_schema=True)
    company.rows = now
    records, failed = read(company, "warehouse_items", strict_schema=True)
    assert ([each["id"] for each in records], failed) == (out, ["warehouse_items"])
