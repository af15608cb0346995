from __future__ import annotations

import pytest
from precoro_sandbox import Fault
from starlette.responses import JSONResponse
from tap_precoro.streams.stream import Stopped
from tap_precoro.tap import TapPrecoro

ORDERS = "purchase_orders"
DETAILS, LINES = f"{ORDERS}_details", f"{ORDERS}_items"


def moment(day):
    return f"2025-03-{day:02d}T00:00:00+00:00"


def document(number, changed, lines=2, **more):
    """A document of a store; its id is 1000 more than its idn."""
    return {
        "id": 1000 + number,
        "idn": str(number),
        "updateDate": changed,
        "createDate": changed,
        "items": [
            {"id": number * 10 + line, "name": f"line {line}", "quantity": 1, "price": 2.5}
            for line in range(lines)
        ],
        **more,
    }


def test_300_orders_with_details_and_lines_take_two_lists_and_300_details(serve, sync):
    orders = [document(n, moment(n % 28 + 1)) for n in range(1, 301)]
    run = sync(serve({ORDERS: orders}), ORDERS, DETAILS, LINES)
    assert run.requests.count("GET /purchaseorders") == 2
    assert len(run.requests) == 302
    assert len(set(run.requests)) == 301
    assert len(run.records(DETAILS)) == 300
    assert len(run.records(LINES)) == 600


@pytest.mark.parametrize("settings", [{"max_requests": 20}, {"requests_per_day": 20}], ids=str)
def test_a_spent_budget_ends_a_run_that_the_next_one_continues(serve, sync, new_run, settings):
    orders = [document(n, moment(n)) for n in range(1, 28)]
    sandbox = serve({ORDERS: orders}, speed=60)  # slow enough to stay within one day
    first = new_run()
    with pytest.raises(Stopped):
        sync(sandbox, ORDERS, DETAILS, LINES, into=first, **settings)
    assert len(first.requests) == 20
    assert first.bookmark(DETAILS) == first.bookmark(LINES) == moment(19)
    second = sync(sandbox, ORDERS, DETAILS, LINES, state=first.state, overlap_seconds=0)
    fetched = [record["idn"] for run in (first, second) for record in run.records(DETAILS)]
    assert set(fetched) == {str(n) for n in range(1, 28)}
    assert len(fetched) == 27  # nor that of the bookmark itself, as its row is remembered


def test_a_list_that_is_not_read_to_its_end_keeps_its_old_bookmark(serve, sync, new_run):
    rows = {"suppliers": [{"id": n, "updateDate": moment(n % 28 + 1)} for n in range(1, 500)]}
    first = new_run()
    with pytest.raises(Stopped):
        sync(serve(rows), "suppliers", into=first, max_requests=2)
    assert len(first.records("suppliers")) == 400
    assert not first.states


def test_no_detail_is_fetched_unless_a_stream_asks_for_it(serve, sync):
    run = sync(serve({ORDERS: [document(1, moment(1))]}), ORDERS)
    assert run.requests == ["GET /purchaseorders"]
    assert "items" not in run.records(ORDERS)[0]


@pytest.mark.parametrize("chosen", [(DETAILS,), (LINES,), (DETAILS, LINES)])
def test_details_and_lines_work_alone_and_together(serve, sync, chosen):
    sandbox = serve({ORDERS: [document(n, moment(n)) for n in (1, 2, 3)]})
    run = sync(sandbox, *chosen)
    assert len(run.requests) == 1 + 3
    assert len(run.records(DETAILS)) == (3 if DETAILS in chosen else 0)
    assert len(run.records(LINES)) == (6 if LINES in chosen else 0)
    for stream in chosen:
        assert run.bookmark(stream) == moment(3)


def test_lines_name_their_document_and_have_a_key_even_without_an_id(serve, sync):
    nameless = document(1, moment(1), items=[{"name": "a"}, {"name": "b"}])
    lines = sync(serve({ORDERS: [nameless]}), LINES).records(LINES)
    assert [(line["documentId"], line["lineKey"]) for line in lines] == [(1001, "#1"), (1001, "#2")]
    assert {line["documentIdn"] for line in lines} == {"1"}


def test_lines_of_invoices_carry_the_marks_of_their_document(serve, sync):
    invoices = [
        document(1, moment(1), logicType=0),
        document(2, moment(2), logicType=5),
        document(3, moment(3), logicType=0, parentData={"id": 1001, "idn": "1"}),
    ]
    lines = sync(serve({"invoices": invoices}), "invoices_items").records("invoices_items")
    marks = ("_is_credit_note", "_is_split_child", "_split_parent_idn")
    assert {(line["documentIdn"], *(line[mark] for mark in marks)) for line in lines} == {
        ("1", False, False, None),
        ("2", True, False, None),
        ("3", False, True, "1"),
    }
    assert all(line["_extra"] is None for line in lines)
    orders = sync(serve({ORDERS: [document(1, moment(1))]}), LINES).records(LINES)
    assert not orders[0].keys() & set(marks)


def test_what_a_line_has_beyond_its_columns_is_kept(serve, sync):
    order = document(1, moment(1), items=[{"id": 5, "colour": "red"}])
    line = sync(serve({ORDERS: [order]}), LINES).records(LINES)[0]
    assert line["_extra"] == {"colour": "red"}


def test_documents_come_oldest_change_first_so_that_a_broken_run_resumes(serve, sync):
    orders = [document(n, moment(29 - n)) for n in range(1, 28)]
    sandbox = serve({ORDERS: orders})
    # One more is asked for, as it might be a fault of that document alone. They are named, as
    # requests that overlap come in any order.
    for n in range(3, 10):
        sandbox.faults.add(Fault("500", times=99, method="GET", path=f"/purchaseorders/{n}"))
    broken = sync(sandbox, DETAILS, LINES)
    assert broken.failed == [DETAILS]
    assert broken.bookmark(DETAILS) == broken.bookmark(LINES) == moment(29 - 9)
    sandbox.faults.clear()
    again = sync(sandbox, DETAILS, LINES, state=broken.state, overlap_seconds=0)
    assert len(again.records(DETAILS)) == 9
    everything = broken.records(DETAILS) + again.records(DETAILS)
    assert {record["idn"] for record in everything} == {str(n) for n in range(1, 28)}
    lines = broken.records(LINES) + again.records(LINES)
    assert {(line["documentIdn"], line["lineKey"]) for line in lines} == {
        (order["idn"], str(line["id"])) for order in orders for line in order["items"]
    }


def test_a_test_of_the_connection_makes_no_request_twice(serve):
    sandbox = serve({ORDERS: [document(n, moment(n % 28 + 1)) for n in range(1, 450)]})
    tap = TapPrecoro(
        config={
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": int(sandbox.clock.speed),
        }
    )
    assert tap.run_sync_dry_run(1, [tap.streams[name] for name in (ORDERS, DETAILS, LINES)])
    paths = [f"{each.path}?{each.query}" for each in sandbox.served]
    assert len(paths) == len(set(paths)) <= 4


class Refusing:
    """Answers instead of the sandbox's own, by path: a status, or a body of 200."""

    def __init__(self, sandbox):
        self.instead = {}
        sandbox.app.spoil = self

    def __call__(self, request, response):
        instead = self.instead.get(request.url.path)
        if instead is None:
            return response
        if isinstance(instead, int):
            return JSONResponse({"message": "No."}, instead)
        return JSONResponse(instead)


def path_of(number):
    return f"/purchaseorders/{number}"


@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("instead", [403, 422, []], ids=str)
def test_one_document_that_is_refused_holds_back_no_other(serve, sync, instead, order):
    sandbox = serve({ORDERS: [document(n, moment(n)) for n in range(1, 8)]})
    refusing = Refusing(sandbox)
    refusing.instead = {path_of(3): instead}
    first = sync(sandbox, DETAILS, LINES, detail_order=order)
    assert first.failed == [DETAILS]
    assert {each["idn"] for each in first.records(DETAILS)} == set("124567")
    assert first.bookmark(DETAILS) == moment(7)
    second = sync(sandbox, DETAILS, LINES, state=first.state, detail_order=order)
    assert second.failed == [DETAILS]
    assert second.requests.count("GET " + path_of(3)) == len(second.requests) - 1
    refusing.instead = {}
    third = sync(sandbox, DETAILS, LINES, state=second.state, detail_order=order)
    assert not third.failed
    assert [each["idn"] for each in third.records(DETAILS)] == ["3"]
    assert {each["documentUpdateDate"] for each in third.records(LINES)} == {moment(3)}
    fourth = sync(sandbox, DETAILS, LINES, state=third.state, detail_order=order)
    assert fourth.requests == ["GET /purchaseorders"]


def test_where_no_document_is_handed_out_three_are_asked_for(serve, sync):
    sandbox = serve({ORDERS: [document(n, moment(n)) for n in range(1, 28)]}, speed=600)
    Refusing(sandbox).instead = {path_of(n): 403 for n in range(1, 28)}
    run = sync(sandbox, ORDERS, DETAILS)
    assert not run.records(DETAILS)
    assert len(run.records(ORDERS)) == 27
    assert len([each for each in run.requests if each != "GET /purchaseorders"]) < 12


def test_a_server_that_fails_at_two_documents_in_a_row_is_asked_for_no_third(serve, sync):
    orders = [document(n, moment(n)) for n in range(1, 28)]
    sandbox = serve({ORDERS: orders})
    refusing = Refusing(sandbox)
    refusing.instead = {path_of(n): 500 for n in range(10, 28)}
    broken = sync(sandbox, DETAILS, LINES)
    assert broken.failed == [DETAILS]
    assert broken.bookmark(DETAILS) == moment(10)
    refusing.instead = {}
    again = sync(sandbox, DETAILS, LINES, state=broken.state)
    everything = [each["idn"] for run in (broken, again) for each in run.records(DETAILS)]
    assert sorted(everything, key=int) == [str(n) for n in range(1, 28)]


def test_lines_in_a_list_with_gaps_are_lines_and_odd_ones_are_told(serve, sync):
    order = document(1, moment(1))
    sandbox = serve({ORDERS: [order]})
    refusing = Refusing(sandbox)
    gaps = {"0": {"id": 5, "name": "a"}, "2": {"id": 6, "name": "b"}}
    refusing.instead = {path_of(1): {**order, "items": gaps}}
    run = sync(sandbox, DETAILS, LINES)
    assert [each["id"] for each in run.records(LINES)] == [5, 6]
    refusing.instead = {path_of(1): {**order, "items": "none"}}
    odd = sync(sandbox, LINES)
    assert odd.failed == [LINES]


def test_a_start_date_without_a_zone_is_in_utc(serve, sync):
    sandbox = serve({ORDERS: [document(n, moment(n)) for n in range(1, 5)]})
    run = sync(sandbox, ORDERS, DETAILS, start_date="2025-03-03")
    assert not run.failed
    assert {each["idn"] for each in run.records(DETAILS)} == {"3", "4"}


def test_a_bookmark_that_is_no_date_is_named(serve, sync, caplog):
    state = {"bookmarks": {ORDERS: {"replication_key_value": "garbage"}}}
    run = sync(serve({ORDERS: [document(1, moment(1))]}), ORDERS, state=state)
    assert run.failed == [ORDERS]
    assert f"state: the entry of {ORDERS} holds no date" in caplog.text


FIELDS, OPTIONS = "document_custom_fields", "document_custom_field_options"


def test_a_field_that_is_gone_or_hidden_holds_back_no_other(serve, sync):
    fields = [{"id": n, "name": f"F{n}"} for n in range(1, 4)]
    options = [{"id": 10 * n, "name": "x", "field_id": n} for n in range(1, 4)]
    sandbox = serve({FIELDS: fields, OPTIONS: options})
    refusing = Refusing(sandbox)
    path = next(each for each in _asked(sync(sandbox, OPTIONS)) if each.endswith("/2"))
    refusing.instead = {path: 404}
    gone = sync(sandbox, OPTIONS)
    assert not gone.failed
    assert {each["fieldId"] for each in gone.records(OPTIONS)} == {1, 3}
    refusing.instead = {path: 403}
    hidden = sync(sandbox, OPTIONS)
    assert hidden.failed == [OPTIONS]
    assert {each["fieldId"] for each in hidden.records(OPTIONS)} == {1, 3}
    refusing.instead = {f"{path[:-1]}{n}": 403 for n in range(1, 4)}
    closed = sync(sandbox, OPTIONS)
    assert not closed.failed
    assert not closed.records(OPTIONS)


def _asked(run):
    return [each.removeprefix("GET ") for each in run.requests]
