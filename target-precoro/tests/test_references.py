"""Records that refer to others: resolved together, in any order, over several runs."""

from __future__ import annotations

import json
import random

import pytest

OPTIONS = "document_custom_field_options"
FIELD = 711


def message(stream, record):
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def schema(stream):
    return json.dumps(
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    )


def named(sandbox, resource):
    return {row.get("externalId"): row for row in sandbox.store.rows(resource).values()}


def items(many, supplier="V-{}"):
    return [
        {"externalId": f"I-{n}", "name": f"Item {n}", "supplier_external_id": supplier.format(n)}
        for n in range(many)
    ]


def suppliers(many):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}"} for n in range(many)]


def test_items_may_come_before_their_suppliers(sandbox, load):
    lines = [
        schema("items"),
        *(message("items", each) for each in items(30)),
        schema("suppliers"),
        *(message("suppliers", each) for each in suppliers(30)),
    ]
    run = load(sandbox, lines=lines)
    assert run.tally == {"items": {"created": 30}, "suppliers": {"created": 30}}
    firms = named(sandbox, "suppliers")
    made = named(sandbox, "items")
    assert all(made[f"I-{n}"]["supplier"]["id"] == firms[f"V-{n}"]["id"] for n in range(30))


def test_a_reference_that_never_comes_is_parked_and_sent_when_it_appears(
    sandbox, load, tmp_path, caplog
):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    first = load(sandbox, "items", items(1), **settings)
    assert first.code == 1
    assert first.tally == {"items": {"waiting": 1}}
    assert "POST" not in first.requests
    # Nothing is sent for it before its supplier appears.
    second = load(sandbox, "suppliers", [{"externalId": "V-9", "name": "Other"}], **settings)
    assert second.requests["POST"] == 1
    assert not sandbox.store.rows("items")
    third = load(sandbox, "suppliers", suppliers(1), **settings)
    assert third.tally == {"suppliers": {"created": 1}, "items": {"created": 1}}
    assert set(named(sandbox, "items")) == {"I-0"}
    fourth = load(sandbox, "suppliers", suppliers(1), **settings)
    assert fourth.tally == {"suppliers": {"unchanged": 1}}


def test_a_newer_version_of_a_parked_record_takes_its_place(sandbox, load, tmp_path):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    load(sandbox, "items", items(1), **settings)
    load(sandbox, "items", [{"externalId": "I-0", "name": "Newer"}], **settings)
    load(sandbox, "suppliers", suppliers(1), **settings)
    assert [row["name"] for row in sandbox.store.rows("items").values()] == ["Newer"]


def tree(many, seed=1):
    """Options three levels deep, in any order."""
    records = [{"custom_field_id": FIELD, "externalId": "root", "name": "Root"}]
    for n in range(many - 1):
        parent = "root" if n < 20 else f"o-{n % 20}"
        records.append(
            {
                "custom_field_id": FIELD,
                "externalId": f"o-{n}",
                "name": f"Option {n}",
                "code": f"C{n}",
                "parentExternalId": parent,
            }
        )
    random.Random(seed).shuffle(records)
    return records


@pytest.mark.parametrize("options_list", ["served", "missing"])
def test_a_tree_of_options_may_come_in_any_order(serve, load, options_list):
    sandbox = serve(seed="demo", switches={"options_list": options_list})
    before = len(sandbox.store.rows(OPTIONS))
    run = load(sandbox, "documentcustomfields", tree(120))
    assert run.tally == {"documentcustomfields": {"created": 120}}
    # The field's detail once; payment terms and options take the external id in the POST.
    assert run.requests == {"GET": 1, "POST": 120}
    options = named(sandbox, OPTIONS)
    for record in tree(120):
        if "parentExternalId" in record:
            parent = options[record["parentExternalId"]]
            assert options[record["externalId"]]["parent"]["id"] == parent["id"]
    again = load(sandbox, "documentcustomfields", tree(120, seed=2))
    assert again.tally == {"documentcustomfields": {"unchanged": 120}}
    assert len(sandbox.store.rows(OPTIONS)) == before + 120


def test_a_circle_is_named(serve, load, caplog):
    sandbox = serve(seed="demo")
    records = [
        {"custom_field_id": FIELD, "externalId": one, "name": one, "parentExternalId": other}
        for one, other in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    run = load(sandbox, OPTIONS, records)
    assert run.tally == {OPTIONS: {"rejected": 3}}
    assert f"{FIELD}:a → {FIELD}:b → {FIELD}:c → {FIELD}:a" in caplog.text


def test_a_field_may_be_named(serve, load):
    sandbox = serve(seed="demo")
    records = [{"custom_field": " department ", "externalId": "x", "name": "X"}]
    assert load(sandbox, OPTIONS, records).tally == {OPTIONS: {"created": 1}}
    assert named(sandbox, OPTIONS)["x"]["field_id"] == FIELD
    unknown = [{"custom_field": "Nonsense", "externalId": "y", "name": "Y"}]
    assert load(sandbox, OPTIONS, unknown).tally == {OPTIONS: {"rejected": 1}}


def test_only_some_fields_may_take_new_options(serve, load):
    sandbox = serve(seed="demo")
    setting = [{"table": "Department", "is_icf": False, "is_dcf": True}]
    records = [
        {"custom_field_id": FIELD, "externalId": "x", "name": "X"},
        {"custom_field_id": 712, "externalId": "y", "name": "Y"},
    ]
    run = load(sandbox, "documentcustomfields", records, only_update_existing_records=setting)
    assert run.tally == {"documentcustomfields": {"skipped": 1, "created": 1}}


def test_a_receipt_goes_to_its_order_once(serve, load):
    sandbox = serve(seed="demo")
    order = next(iter(sandbox.store.rows("purchase_orders").values()))
    warehouse = next(iter(sandbox.store.rows("warehouses").values()))
    record = {
        "externalId": "R-1",
        "purchase_order_idn": order["idn"],
        "requiredDate": "2026-01-31",
        "warehouse": {"id": warehouse["id"]},
        "note": "by the dock",
    }
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"created": 1}}
    receipt = named(sandbox, "receipts")["R-1"]
    assert receipt["purchaseOrder"]["id"] == order["id"]
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"unchanged": 1}}


def test_a_contract_names_its_supplier_and_is_made_once(serve, load):
    sandbox = serve(seed="demo")
    supplier = next(r for r in sandbox.store.rows("suppliers").values() if r.get("externalId"))
    record = {"number": "C-77", "supplier_external_id": supplier["externalId"], "note": "n"}
    assert load(sandbox, "contracts", [record]).tally == {"contracts": {"created": 1}}
    assert load(sandbox, "contracts", [record]).tally == {"contracts": {"unchanged": 1}}


def test_a_refused_row_is_not_sent_again_until_it_changes(sandbox, load, tmp_path):
    rejects = tmp_path / "rejects.singer"
    settings = {
        "journal_path": str(tmp_path / "journal.sqlite3"),
        "rejects_path": str(rejects),
    }
    long = [{"externalId": "V-1", "name": "x" * 300}]
    assert load(sandbox, "suppliers", long, **settings).requests["POST"] == 1
    again = load(sandbox, "suppliers", long, **settings)
    assert again.tally == {"suppliers": {"rejected": 1}}
    assert "POST" not in again.requests
    replay = rejects.read_text().splitlines()
    assert load(sandbox, lines=replay, **settings).requests["POST"] == 1
    mended = [{"externalId": "V-1", "name": "short"}]
    assert load(sandbox, "suppliers", mended, **settings).tally == {"suppliers": {"created": 1}}
