"""What a run says of itself at its end: to people, and to programs."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
import signal

import pytest
from precoro_sandbox import Fault
from singer_sdk.logging import StructuredFormatter
from tap_precoro.tap import TapPrecoro
from tap_precoro.telling.tally import Tally, aligned

ORDERS = "purchase_orders"
DETAILS, LINES = f"{ORDERS}_details", f"{ORDERS}_items"


def document(number, **more):
    day = f"2025-03-{number % 28 + 1:02d}T00:00:{number % 60:02d}+00:00"
    lines = [{"id": number * 10, "name": "a"}, {"id": number * 10 + 1, "name": "b"}]
    return {"id": 1000 + number, "idn": str(number), "updateDate": day, "items": lines, **more}


@pytest.fixture
def serve(serve):
    """Sandboxes without limits, so that a busy machine is sent no request again."""
    unlimited = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
    return lambda rows=None, **more: serve(rows or {}, switches=unlimited, **more)


class Told:
    """A run's exit code, and the records of its log."""

    def __init__(self, code, records):
        self.code = code
        self.records = records
        self.lines = [r.getMessage() for r in records if r.name == "tap-precoro"]

    @property
    def warnings(self):
        """What streams warn of."""
        return [
            r.getMessage()
            for r in self.records
            if r.name.startswith("tap-precoro.") and r.levelno == logging.WARNING
        ]

    @property
    def table(self):
        """Cells of each line of the table by the stream, without the head."""
        start = next(n for n, line in enumerate(self.lines) if line.startswith("stream "))
        end = next(n for n, line in enumerate(self.lines) if line.startswith("total "))
        rows = [re.split(r"\s{2,}", line) for line in self.lines[start + 1 : end + 1]]
        return {cells[0]: cells[1:] for cells in rows}

    def metrics(self, stream):
        """Sums of the counters that are measured for a stream, by metric."""
        sums = {}
        for record in self.records:
            if record.msg == "METRIC: %s":
                point = json.loads(StructuredFormatter().format(record))["metric_info"]
                assert point.keys() == {"type", "metric", "value", "tags"}
                if point["type"] == "counter" and point["tags"]["stream"] == stream:
                    sums[point["metric"]] = sums.get(point["metric"], 0) + point["value"]
        return sums


@pytest.fixture
def run(caplog):
    """Run the tap for some streams, as the command does."""

    def start(sandbox, *streams, before=lambda tap: None, **settings):
        config = {
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": int(sandbox.clock.speed),
            **settings,
        }
        tap = TapPrecoro(config=config)
        for name, stream in tap.streams.items():
            stream.selected = name in streams
        before(tap)
        caplog.clear()
        with caplog.at_level(logging.INFO), contextlib.redirect_stdout(io.StringIO()):
            code = tap.run()
        return Told(code, list(caplog.records))

    return start


def test_each_stream_has_a_line_and_all_together_are_what_was_served(run, serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 301)], "taxes": [{"id": 1}]})
    told = run(sandbox, ORDERS, DETAILS, LINES, "taxes")
    assert told.code == 0
    assert told.table == {
        ORDERS: ["300", "2", "0", "read"],
        DETAILS: ["300", "300", "0", "read"],
        LINES: ["600", "0", "0", "read"],
        "taxes": ["1", "1", "0", "read"],
        "total": ["1,201", "303", "0"],
    }
    assert len(sandbox.served) == 303
    assert not [record for record in told.records if record.levelno > logging.INFO]


def test_each_line_is_a_record_of_its_own(run, serve):
    told = run(serve({"taxes": [{"id": 1}]}), "taxes")
    assert not [line for line in told.lines if "\n" in line]


def test_unknown_keys_stand_beside_their_stream(run, serve):
    line = {"id": 5, "colour": "red", "size": 7}
    told = run(serve({ORDERS: [document(1, items=[line])]}), LINES)
    head = next(line for line in told.lines if line.startswith("stream "))
    assert head.endswith("unknown keys")
    assert told.table[LINES][-1] == "colour (text), size (number)"


def test_what_is_skipped_or_fails_is_told_with_its_reason_in_one_line(run, serve):
    sandbox = serve({"taxes": [{"id": 1}], "units": [{"id": 1}]})
    sandbox.account.forbidden = frozenset(["budgets"])
    sandbox.faults.add(Fault("500", times=99, method="GET", path="/units"))
    told = run(sandbox, "budgets", "taxes", "units")
    assert told.code == 1
    assert [told.table[name][-1] for name in ("budgets", "taxes", "units")] == [
        "skipped",
        "read",
        "failed",
    ]
    requests, again = map(int, told.table["units"][1:3])
    assert requests == again + 1 == len(sandbox.served) - 2
    failed = [line for line in told.lines if line.startswith("Failed: ")]
    assert len(failed) == 1
    assert failed[0].startswith("Failed: units: the server failed on GET (500)")


def test_a_reason_of_many_lines_is_made_one_and_cut(caplog):
    tally = Tally()
    tally.of("taxes").failed = "taxes: first\n  second " + "x" * 400

    class Nothing:
        class requests_by_method:  # noqa: N801 - as the client has it
            total = staticmethod(int)

        retries = 0

    with caplog.at_level(logging.INFO):
        tally.report(logging.getLogger("tap-precoro"), Nothing())
    last = caplog.records[-1]
    assert last.levelno == logging.ERROR
    assert last.getMessage().startswith("Failed: taxes: first second xxx")
    assert len(last.getMessage()) < 330


def test_what_a_limit_of_details_leaves_is_told(run, serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 31)]})
    told = run(sandbox, DETAILS, LINES, detail_limit=12)
    assert told.code == 0
    assert told.table[DETAILS][-1] == told.table[LINES][-1] == "left 18"
    assert f"Left for the next run: {DETAILS} 18 documents; 18 requests still needed." in told.lines
    assert told.metrics(DETAILS)["documents_left"] == 18


def test_a_run_that_the_budget_stops_names_what_is_needed_and_what_never_began(run, serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 31)], "taxes": [{"id": 1}]})
    told = run(sandbox, ORDERS, DETAILS, LINES, "receipts", "taxes", max_requests=11)
    assert told.code == 0
    stopped = next(line for line in told.lines if "has sent its 11 requests" in line)
    assert f"Still needed: at least 20 requests for {DETAILS} 20 documents." in stopped
    assert stopped.endswith("Not begun: receipts, taxes.")
    outcomes = {name: cells[-1] for name, cells in told.table.items()}
    assert outcomes[ORDERS] == "read"
    assert outcomes[DETAILS] == outcomes[LINES] == "left 20"
    assert outcomes["receipts"] == outcomes["taxes"] == "not begun"
    assert not told.metrics("taxes")


def test_a_list_that_the_budget_stops_is_stopped(run, serve):
    suppliers = [{"id": n, "updateDate": "2025-01-01T00:00:00+00:00"} for n in range(1, 500)]
    told = run(serve({"suppliers": suppliers}), "suppliers", max_requests=2)
    assert told.table["suppliers"] == ["400", "2", "0", "stopped"]
    assert not [line for line in told.lines if line.startswith("Left ")]


@pytest.mark.parametrize(
    ("others", "most", "advice", "needed"),
    [
        (
            ["budgets"],
            5,
            "Run again any time; this list begins anew then.",
            "5 requests for {} 5 pages.",
        ),
        (
            ["budgets", "taxes"],
            5,
            "Run again any time; this list begins anew then.",
            "at least 5 requests for {} 5 pages. Not begun: taxes.",
        ),
        (
            ["budgets"],
            1,
            "Run again any time; what was done is kept.",
            "at least 1 request for {} 1 page.",
        ),
        (
            [],
            3,
            "However often it runs again, this list is never read whole.",
            "5 requests for {} 5 pages.",
        ),
    ],
    ids=str,
)
def test_a_list_that_the_budget_cuts_says_what_it_needs(run, serve, others, most, advice, needed):
    suppliers = [{"id": n, "updateDate": "2025-01-01T00:00:00+00:00"} for n in range(1, 1001)]
    sandbox = serve({"suppliers": suppliers, "budgets": [{"id": 1}]})
    told = run(sandbox, "suppliers", *others, max_requests=most)
    assert told.code == 0
    (stopped,) = (line for line in told.lines if "this run has sent its" in line)
    assert stopped == (
        f"suppliers: this run has sent its {most} requests. {advice} "
        f"Still needed: {needed.format('suppliers')}"
    )


def test_a_list_that_no_run_may_read_whole_is_told_with_the_setting_that_is_too_small(run, serve):
    suppliers = [{"id": n, "updateDate": "2025-01-01T00:00:00+00:00"} for n in range(1, 1001)]
    sandbox = serve({"suppliers": suppliers})
    told = run(sandbox, "suppliers", max_requests=3)
    (warned,) = told.warnings
    assert warned == (
        "suppliers needs 5 requests in one run, max_requests allows 3: it can never be read whole; "
        "raise max_requests to at least 5."
    )
    assert run(sandbox, "suppliers", max_requests=5).table["suppliers"][-1] == "read"


def test_a_list_that_must_be_read_twice_needs_more_than_its_pages(run, serve):
    users = [{"id": n, "email": f"u{n}@example.com"} for n in range(1, 451)]
    told = run(serve({"users": users}), "users", max_requests=4)
    (warned,) = told.warnings
    assert "users needs 6 requests in one run, max_requests allows 4" in warned


def test_an_interrupted_run_counts_what_it_did(run, serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 31)]})

    def interrupt_later(tap):
        write = tap.output.format_message
        seen = []

        def counting(message):
            seen.append(message)
            if len(seen) == 20:
                tap.output.interrupt(signal.SIGTERM)
            return write(message)

        tap.output.format_message = counting

    told = run(sandbox, DETAILS, before=interrupt_later)
    assert told.code == 128 + signal.SIGTERM
    assert told.table[DETAILS][-1].startswith("left ")
    assert told.table["total"][1] == told.table[DETAILS][1] == str(len(sandbox.served))


def test_programs_get_the_same_as_metrics_of_the_sdk(run, serve):
    # Slower, as ten minutes of trying are soon over on a busy machine.
    sandbox = serve({ORDERS: [document(n) for n in range(1, 21)]}, speed=600)
    sandbox.faults.add(Fault("500", times=2, method="GET", path="/purchaseorders/7"))
    told = run(sandbox, ORDERS, DETAILS, LINES)
    assert told.metrics(ORDERS) == {
        "record_count": 20,
        "http_request_count": 1,
        "http_retry_count": 0,
    }
    assert told.metrics(DETAILS) == {
        "record_count": 20,
        "http_request_count": 22,
        "http_retry_count": 2,
    }
    assert told.metrics(LINES)["record_count"] == 40  # which the SDK does not see


def test_values_of_custom_fields_go_the_way_of_their_stream(run, serve):
    field = {"id": 5, "name": "Region", "typeString": "text"}
    value = {"documentCustomField": {"id": 5}, "value": "North"}
    orders = [document(n, dataDocumentCustomFields={"data": [value]}) for n in range(1, 4)]
    sandbox = serve({ORDERS: orders, "document_custom_fields": [field]})
    values = f"{ORDERS}_custom_field_values"
    told = run(sandbox, ORDERS, values, custom_fields="values")
    assert told.table[values] == ["3", "0", "0", "read"]
    assert told.metrics(values)["record_count"] == 3
    sandbox.account.forbidden = frozenset([ORDERS])
    assert run(sandbox, ORDERS, values, custom_fields="values").table[values][-1] == "skipped"


def test_values_name_their_document_though_its_number_is_not_selected(run, serve):
    value = {"documentCustomField": {"id": 5}, "value": "North"}
    line_value = {"itemCustomField": {"id": 6}, "value": "blue"}
    lines = [{"id": 10, "dataItemCustomFields": [line_value]}]
    sandbox = serve(
        {
            ORDERS: [document(1, dataDocumentCustomFields=[value], items=lines)],
            "document_custom_fields": [{"id": 5, "name": "Region", "typeString": "text"}],
            "item_custom_fields": [{"id": 6, "name": "Colour", "typeString": "text"}],
        }
    )
    written = []

    def without_numbers(tap):
        for name, number in ((ORDERS, "idn"), (LINES, "documentIdn")):
            tap.streams[name].metadata["properties", number].selected = False
            tap.streams[name].selected = True  # which makes it count
            tap.streams[name].values.write = written.append

    chosen = (ORDERS, LINES, f"{ORDERS}_custom_field_values", f"{LINES}_custom_field_values")
    run(sandbox, *chosen, custom_fields="values", before=without_numbers)
    assert [each["ownerIdn"] for each in written] == ["1", "1"]


def test_values_without_the_stream_that_they_come_with_are_missed_aloud(run, serve):
    told = run(serve(), f"{ORDERS}_custom_field_values", custom_fields="values")
    warned = [each.getMessage() for each in told.records if each.levelno == logging.WARNING]
    assert warned == [f"{ORDERS}_custom_field_values come with {ORDERS}: select it, too."]


def test_requests_of_no_stream_are_told_apart(run, serve):
    sandbox = serve({"suppliers": [{"id": 1}], "supplier_custom_fields": [{"id": 1, "name": "A"}]})
    told = run(sandbox, "suppliers", custom_fields="columns")
    asked = int(told.table["(no stream)"][1])
    assert asked == len(sandbox.served) - 1 > 0


def test_a_setting_that_cannot_be_used_is_told_once_and_nothing_else(run, serve):
    told = run(serve(), "taxes", filters={"invoice": {}})
    assert told.code == 2
    assert len(told.lines) == 1
    assert "Did you mean 'invoices'?" in told.lines[0]


def test_columns_in_which_nothing_stands_are_left_out_and_numbers_end_together():
    lines = aligned(
        ("stream", "rows", "note", "how"),
        [("a", "1,000", "", "read"), ("long", "7", "", "left 3")],
        numbers=("rows",),
    )
    assert lines == ["stream   rows  how", "a       1,000  read", "long        7  left 3"]
