"""Filters against the sandbox: what it serves obeys them, or is told."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from precoro_api import BY_NAME, client_from
from precoro_sandbox import Sandbox, SandboxClock
from tap_precoro.filters.filters import ListFilter

from .filters_as_written import one


def client_for(sandbox):
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
    }
    return contextlib.closing(client_from(config, "tap-precoro/test"))


@pytest.fixture
def client_of():
    with contextlib.ExitStack() as opened:
        yield lambda sandbox: opened.enter_context(client_for(sandbox))


@pytest.fixture(scope="module")
def demo():
    """The demo company, which these tests only read, and a client for it."""
    with (
        Sandbox(seed="demo", clock=SandboxClock(6000)) as sandbox,
        client_for(sandbox) as client,
    ):
        yield sandbox, client


def rows_of(client, stream, chosen):
    pages = client.pages(BY_NAME[stream], filters=chosen.params)
    return [row for page in pages for row in page.rows]


def ago(sandbox, days):
    return (sandbox.clock.moment() - timedelta(days=days)).date().isoformat()


def window(sandbox):
    return {"from": ago(sandbox, 500), "to": ago(sandbox, 60)}


def someone(sandbox):
    """A supplier that an item has."""
    rows = sandbox.store.rows("items").values()
    return next(row["supplier"]["id"] for row in rows if row.get("supplier"))


def told(value):
    return value.__name__ if callable(value) else str(value)


SERVED = [
    ("invoices", "status", ["approved", "paid"]),
    ("credit_notes", "status", "approved"),
    ("suppliers", "status", "pending"),
    ("expenses", "status", 5),
    ("ap_documents", "status", 0),
    ("invoices", "approval_date", window),
    ("purchase_orders", "approval_date", window),
    ("warehouse_requests", "approval_date", window),
    ("invoices", "create_date", window),
    ("receipts", "create_date", window),
    ("items", "supplier", someone),
    ("invoices", "external_linked", False),
    ("suppliers", "external_linked", "false"),
    ("invoices", "external_linked", True),
    ("suppliers", "external_linked", "true"),
    ("suppliers", "enabled", True),
    ("suppliers", "enabled", "false"),
    ("invoices", "waiting_for_approval", True),
    ("request_for_proposals", "waiting_for_approval", True),
    ("invoices", "logic_type", [1, 5]),
]


@pytest.mark.parametrize(("stream", "name", "value"), SERVED, ids=told)
def test_all_rows_obey_a_filter_and_without_it_some_do_not(demo, stream, name, value):
    sandbox, client = demo
    chosen = one(stream, **{name: value(sandbox) if callable(value) else value})
    rows = rows_of(client, stream, chosen)
    assert rows
    assert {chosen.broken_by(row) for row in rows} == {None}
    everything = rows_of(client, stream, ListFilter())
    assert len(rows) < len(everything)
    broken = {chosen.broken_by(row) for row in everything} - {None}
    assert len(broken) == 1
    assert broken.pop().startswith(name)


def test_a_filter_that_no_row_shows_still_leaves_rows_out(demo):
    _, client = demo
    chosen = one("purchase_orders", attached_file=True)
    rows = rows_of(client, "purchase_orders", chosen)
    everything = rows_of(client, "purchase_orders", ListFilter())
    assert 0 < len(rows) < len(everything)
    assert {chosen.broken_by(row) for row in everything} == {None}
    assert chosen.unverified_by(rows) == ["attached_file true"]


def test_a_list_of_orders_without_logic_types_is_empty_and_the_whole_one_tells(demo):
    _, client = demo
    chosen = one("purchase_orders", logic_type=2)
    assert rows_of(client, "purchase_orders", chosen) == []
    everything = rows_of(client, "purchase_orders", ListFilter())
    assert {chosen.broken_by(row) for row in everything} == {"logic_type 2"}


def test_filters_are_joined(demo):
    sandbox, client = demo
    chosen = one(
        "invoices",
        status=["approved", "paid"],
        approval_date=window(sandbox),
        create_date={"from": ago(sandbox, 600)},
        external_linked=False,
        logic_type=0,
    )
    rows = rows_of(client, "invoices", chosen)
    assert {str(row["status"]) for row in rows} == {"2", "5"}
    assert {chosen.broken_by(row) for row in rows} == {None}


@pytest.mark.parametrize(
    ("switches", "stream", "filters", "words"),
    [
        (
            {"approval_dates": "dotted"},
            "invoices",
            {"approval_date": {"from": "2200-01-01"}},
            "approval_date from 2200-01-01",
        ),
        (
            {"approval_dates": "dotted"},
            "expenses",
            {"approval_date": {"to": "2000-12-31"}},
            "approval_date to 2000-12-31",
        ),
        ({"enable_filter": "word"}, "suppliers", {"enabled": False}, "enabled false"),
        ({"enable_filter": "word"}, "suppliers", {"enabled": True}, "enabled true"),
        # The table does not know this filter of documents, and so the sandbox ignores it.
        ({}, "purchase_orders", {"supplier": 1}, "supplier 1"),
        ({"nested_objects": "wrapped"}, "invoices", {"supplier": [1, 2]}, "supplier 1 or 2"),
    ],
    ids=str,
)
def test_a_filter_that_the_api_ignores_is_named(serve, client_of, switches, stream, filters, words):
    client = client_of(serve(seed="demo", switches=switches))
    chosen = one(stream, **filters)
    assert {chosen.broken_by(row) for row in rows_of(client, stream, chosen)} - {None} == {words}


@pytest.mark.parametrize(
    ("switches", "stream", "name", "value"),
    [
        ({"nested_objects": "wrapped"}, "items", "supplier", someone),
        ({"empty_nested": "null"}, "items", "supplier", someone),
        ({"external_id_type": "number"}, "invoices", "external_linked", False),
        ({"approval_dates": "iso"}, "invoices", "approval_date", window),
        ({"enable_filter": "number"}, "suppliers", "enabled", False),
        ({"waiting_spelling": "any_case"}, "expenses", "waiting_for_approval", True),
        ({"credit_notes_listed": "no"}, "invoices", "status", "paid"),
    ],
    ids=told,
)
def test_rows_obey_in_every_dialect(serve, client_of, switches, stream, name, value):
    sandbox = serve(seed="demo", switches={**switches, "unknown_filters": "rejected"})
    chosen = one(stream, **{name: value(sandbox) if callable(value) else value})
    rows = rows_of(client_of(sandbox), stream, chosen)
    assert rows
    assert {chosen.broken_by(row) for row in rows} == {None}
