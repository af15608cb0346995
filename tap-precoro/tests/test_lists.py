from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import quote

import pytest
from precoro_api import BY_NAME, RESOURCES, BadCredentials
from tap_precoro.tap import TapPrecoro

WINDOW = quote(BY_NAME["payments"].window.name)
JAN, FEB, MAR = (f"2025-0{month}-01T00:00:00+00:00" for month in (1, 2, 3))


def supplier(number, changed=JAN, **more):
    return {"id": number, "name": f"Firm {number}", "updateDate": changed, **more}


def test_1003_suppliers_take_six_requests_and_nothing_more(serve, sync):
    run = sync(serve({"suppliers": [supplier(n) for n in range(1, 1004)]}), "suppliers")
    assert run.requests == ["GET /suppliers"] * 6
    assert {record["id"] for record in run.records("suppliers")} == set(range(1, 1004))


def test_every_listed_resource_is_a_stream_and_documents_are_three():
    names = set(TapPrecoro(config={}, validate_config=False).streams)
    listed = {each.name for each in RESOURCES if each.list or each.embedding}
    documents = {each.name for each in RESOURCES if each.lines}
    assert names == (
        listed
        | {f"{name}_details" for name in documents}
        | {f"{name}_items" for name in documents}
        | {"attachments"}
    )


def test_discovery_selects_neither_guesses_nor_what_costs_a_request_each():
    streams = TapPrecoro(config={}, validate_config=False).streams
    deselected = {name for name, stream in streams.items() if not stream.selected_by_default}
    assert "categories" in deselected
    assert {"invoices_details", "invoices_items", "credit_notes"} <= deselected
    assert not {"suppliers", "invoices", "purchase_orders", "users"} & deselected


def test_what_a_probe_did_not_find_is_not_selected_by_default(tmp_path):
    path = tmp_path / "precoro-profile.json"
    path.write_text(json.dumps({"version": 1, "paths": {"budgets": "missing", "taxes": "answers"}}))
    streams = TapPrecoro(config={"profile_path": str(path)}, validate_config=False).streams
    assert not streams["budgets"].selected_by_default
    assert streams["taxes"].selected_by_default


def test_the_second_run_asks_for_changes_since_the_bookmark_less_the_overlap(serve, sync):
    sandbox = serve({"suppliers": [supplier(1, JAN), supplier(2, MAR), supplier(3, FEB)]})
    first = sync(sandbox, "suppliers")
    assert first.bookmark("suppliers") == MAR
    sync(sandbox, "suppliers", state=first.state, overlap_seconds=600)
    query = sandbox.served[-1].query
    assert "modifiedSince=2025-02-28T23%3A50%3A00" in query


def test_a_bookmark_never_passes_the_servers_clock_at_the_first_answer(serve, sync):
    sandbox = serve()
    later = sandbox.clock.now() + 3600
    future = datetime.fromtimestamp(later, timezone.utc).replace(microsecond=0).isoformat()
    sandbox.store._keep("suppliers", supplier(1, future))
    run = sync(sandbox, "suppliers")
    assert run.bookmark("suppliers") < future


def test_a_start_date_opens_a_first_run_and_gives_way_to_a_bookmark(serve, sync):
    sandbox = serve({"suppliers": [supplier(1, JAN), supplier(2, MAR)]})
    first = sync(sandbox, "suppliers", start_date="2025-02-01", overlap_seconds=0)
    assert [record["id"] for record in first.records("suppliers")] == [2]
    state = {
        "bookmarks": {"suppliers": {"replication_key": "updateDate", "replication_key_value": JAN}}
    }
    again = sync(sandbox, "suppliers", state=state, start_date="2025-02-01")
    assert {record["id"] for record in again.records("suppliers")} == {1, 2}


def test_resources_without_the_filter_are_read_whole_and_keep_no_bookmark(serve, sync):
    sandbox = serve({"taxes": [{"id": 1, "name": "VAT", "percent": Decimal("19.5")}]})
    run = sync(sandbox, "taxes")
    assert run.records("taxes")[0]["percent"] == 19.5
    assert "modifiedSince" not in sandbox.served[-1].query
    assert run.bookmark("taxes") is None


def test_values_come_in_one_type_and_the_rest_is_kept(serve, sync):
    odd = supplier(1, minimumSum="12.50", externalId=7, integrationStatus={"a": 1})
    run = sync(serve({"suppliers": [odd]}), "suppliers")
    record = run.records("suppliers")[0]
    assert record["minimumSum"] == 12.5
    assert record["externalId"] == "7"
    assert record["marketSupplier"] is None  # came as []
    assert record["integrationStatus"] is None
    assert record["_extra"] == {"integrationStatus": {"a": 1}}


@pytest.mark.parametrize("refusal", ["forbidden", "absent"])
def test_a_stream_that_the_account_lacks_is_skipped_aloud(serve, sync, refusal, caplog):
    sandbox = serve(seed="demo", **{refusal: ["budgets"]})
    with caplog.at_level(logging.WARNING):
        run = sync(sandbox, "budgets", "taxes")
    assert run.records("budgets") == []
    assert len(run.records("taxes")) == 9
    assert "Stream budgets is skipped" in caplog.text


def test_wrong_credentials_stop_the_run_at_the_first_request(serve, sync):
    sandbox = serve(seed="demo")
    with pytest.raises(BadCredentials, match="auth_token"):
        sync(sandbox, "suppliers", "taxes", auth_token="wrong")
    assert len(sandbox.served) == 1


def test_options_come_from_the_details_of_their_fields_whose_list_is_read_once(serve, sync):
    sandbox = serve(seed="demo")
    run = sync(sandbox, "item_custom_fields", "item_custom_field_options")
    fields = run.records("item_custom_fields")
    options = run.records("item_custom_field_options")
    assert len(run.requests) == 1 + len(fields)
    assert {option["fieldId"] for option in options} <= {field["id"] for field in fields}
    assert len(options) == len(sandbox.store.rows("item_custom_field_options"))


def test_stock_is_read_warehouse_by_warehouse(serve, sync):
    sandbox = serve(seed="demo")
    run = sync(sandbox, "warehouses", "warehouse_items")
    stock = run.records("warehouse_items")
    assert len(stock) == len(sandbox.store.rows("warehouse_items"))
    assert len(run.requests) == 1 + len(run.records("warehouses"))
    assert all(row["warehouseId"] for row in stock)


def test_credit_notes_are_asked_for_by_their_logic_type(serve, sync):
    sandbox = serve(seed="demo")
    run = sync(sandbox, "credit_notes")
    kinds = {record["logicType"] for record in run.records("credit_notes")}
    assert kinds == {1, 5}


@pytest.mark.parametrize(("style", "requests"), [("all", 3), ("legacy", 3), ("new", 6)])
def test_both_dialects_of_paging_end_where_the_list_ends(serve, sync, style, requests):
    # Without totals, only reading back from the last page proves that none is missing.
    rows = {"suppliers": [supplier(n) for n in range(1, 402)]}
    run = sync(serve(rows, switches={"pagination": style}), "suppliers")
    assert len(run.records("suppliers")) == 401
    assert len(run.requests) == requests


def test_no_primary_key_comes_twice_in_a_run(serve, sync):
    run = sync(serve(seed="demo"), "invoices", "suppliers", "items")
    for stream in ("invoices", "suppliers", "items"):
        keys = [record[BY_NAME[stream].primary_key] for record in run.records(stream)]
        assert len(keys) == len(set(keys))


def test_a_company_is_a_column_and_the_first_key_of_every_stream(serve, sync):
    sandbox = serve(counts={"suppliers": 3, "purchase_orders": 2})
    streams = ("suppliers", "purchase_orders_items")
    run = sync(sandbox, *streams, company="acme-de")
    for stream in streams:
        assert {record["company"] for record in run.records(stream)} == {"acme-de"}
    schemas = {m["stream"]: m for m in run.messages if m["type"] == "SCHEMA"}
    assert schemas["suppliers"]["key_properties"] == ["company", "id"]
    assert schemas["purchase_orders_items"]["key_properties"] == [
        "company", "documentId", "lineKey",
    ]  # fmt: skip
    assert schemas["suppliers"]["schema"]["properties"]["company"]["type"][0] == "string"
    plain = sync(sandbox, "suppliers")
    assert "company" not in plain.records("suppliers")[0]


def test_a_catalog_does_not_name_the_company_twice(serve):
    sandbox = serve(counts={"suppliers": 1})
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "company": "acme-de",
    }
    catalog = TapPrecoro(config=config).catalog_dict
    again = TapPrecoro(config=config, catalog=catalog)
    assert tuple(again.streams["suppliers"].primary_keys) == ("company", "id")


def payment(number, **more):
    return {"id": number, "idn": str(number), "createDate": JAN, **more}


def test_the_window_of_payments_opens_only_when_all_of_them_came(serve, sync):
    sandbox = serve({"payments": [payment(1)]})
    (row,) = sandbox.store.rows("payments").values()
    row["id"] = None
    run = sync(sandbox, "payments", payments_window_days=30)
    assert run.failed == ["payments"]
    assert "read_whole" not in run.state["bookmarks"].get("payments", {})
    row["id"] = 1
    run = sync(sandbox, "payments", payments_window_days=30)
    assert "read_whole" in run.state["bookmarks"]["payments"]


@pytest.mark.parametrize("wider", [{}, {"payments": {"params": {"status[]": [1, 2]}}}], ids=str)
def test_filters_that_let_more_through_bring_payments_from_before_the_window(serve, sync, wider):
    sandbox = serve({"payments": [payment(1)]})
    narrow = {"payments": {"params": {"status[]": [1]}}}
    first = sync(sandbox, "payments", payments_window_days=30, filters=narrow)
    sync(sandbox, "payments", payments_window_days=30, filters=narrow, state=first.state)
    assert WINDOW in sandbox.served[-1].query
    again = sync(sandbox, "payments", payments_window_days=30, filters=wider, state=first.state)
    assert WINDOW not in sandbox.served[-1].query
    sync(sandbox, "payments", payments_window_days=30, filters=wider, state=again.state)
    assert WINDOW in sandbox.served[-1].query
