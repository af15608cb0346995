"""Moving over from another target: its messages and its configuration, as they are."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

FIELD, OTHER_FIELD = 811, 812


def messages(stream, properties, *records):
    schema = {"type": ["object", "null"], "properties": properties}
    lines = [{"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []}]
    lines += [{"type": "RECORD", "stream": stream, "record": record} for record in records]
    return [json.dumps(each) for each in [*lines, {"type": "STATE", "value": {}}]]


TEXT, NUMBER = {"type": ["string", "null"]}, {"type": ["number", "null"]}


@pytest.fixture
def company(serve):
    """A company with two item custom fields, one for documents, and unpaid invoices."""
    sandbox = serve(speed=600)
    for field_id, name in ((FIELD, "Ledger account"), (OTHER_FIELD, "Vehicle")):
        row = sandbox.store.add("item_custom_fields", {"name": name})
        sandbox.store.tables["item_custom_fields"][field_id] = {**row, "id": field_id}
    sandbox.store.tables["document_custom_fields"][911] = {"id": 911, "name": "Branch"}
    for n in range(3):
        values = {"sum": Decimal("80.10"), "sumPaid": Decimal(0), "status": 2}
        sandbox.store.add("invoices", {**values, "customName": f"inv {n}"})
    return sandbox


def everything(sandbox):
    """What that target is sent: options by `custom_field_id`, payments by `invoice[id]`."""
    invoices = list(sandbox.store.rows("invoices").values())
    return [
        *messages(
            "itemcustomfields",
            {"name": TEXT, "code": TEXT, "enable": TEXT, "custom_field_id": NUMBER,
             "externalId": TEXT, "parentExternalId": TEXT},
            {"custom_field_id": float(FIELD), "name": "Office", "code": "6200", "enable": "1",
             "externalId": "acc-6200"},
            {"custom_field_id": float(FIELD), "name": "Paper", "code": "6210", "enable": "1",
             "externalId": "acc-6210", "parentExternalId": "acc-6200"},
        ),
        *messages(
            "documentcustomfields",
            {"name": TEXT, "custom_field_id": TEXT, "externalId": TEXT},
            {"custom_field_id": "911", "name": "North", "externalId": "dim-N"},
        ),
        *messages(
            "suppliers",
            {"name": TEXT, "uniqueCode": TEXT, "currencies[]": {}, "externalId": TEXT},
            {"name": "Papier AG", "uniqueCode": "K-77", "city": "Bern", "externalId": "v-77",
             "currencies[]": ["CHF"]},
            {"name": "Stift GmbH", "uniqueCode": "K-78", "externalId": "v-78"},
        ),
        *messages(
            "items",
            {"name": TEXT, "sku": TEXT, "price": NUMBER, "externalId": TEXT},
            {"name": "A4 paper", "sku": "A4-500", "price": 4.95, "unit": "box",
             "hiddenInCatalog": 0, "externalId": "i-1"},
        ),
        *messages(
            "taxes",
            {"name": TEXT, "value": NUMBER, "percent": NUMBER},
            {"name": "MWST 8.1", "value": 8.1, "percent": 8.1},
        ),
        *messages(
            "payments",
            {"invoice[id]": {}, "sumPaid": NUMBER, "payDate": TEXT, "logicType": {}},
            *(
                {"invoice[id]": str(row["id"]), "sumPaid": 80.1, "logicType": 0,
                 "payDate": "2026-02-03T09:00:00Z"}
                for row in invoices
            ),
        ),
    ]  # fmt: skip


CONFIG = {
    "default_values": [
        {"stream": "Suppliers", "field": "country", "value": "CH", "type": "string"},
        {"stream": "items", "field": "freeOfCharge", "value": "false", "type": "bool"},
        {"stream": "suppliers", "field": "city", "value": "Basel", "type": "string"},
    ],
    "only_update_existing_records": [
        {"table": "contracts", "is_icf": False, "is_dcf": False},
        {"table": "Vehicle", "is_icf": True, "is_dcf": False},
    ],
}


def test_its_messages_and_its_configuration_do_what_they_did(company, load):
    run = load(company, lines=everything(company), **CONFIG)
    assert run.code == 0
    assert run.tally == {
        "itemcustomfields": {"created": 2},
        "documentcustomfields": {"created": 1},
        "suppliers": {"created": 2},
        "items": {"created": 1},
        "taxes": {"created": 1},
        "payments": {"created": 3},
    }
    rows = company.store.rows
    paper, office = (
        next(row for row in rows("item_custom_field_options").values() if row["code"] == code)
        for code in ("6210", "6200")
    )
    assert (office["field_id"], office["enable"], office["externalId"]) == (FIELD, True, "acc-6200")
    assert paper["parent"]["id"] == office["id"]
    firm = next(row for row in rows("suppliers").values() if row["externalId"] == "v-77")
    assert (firm["currencies"], firm["country"]) == (["CHF"], "CH")
    # A default fills what is empty, and overwrites nothing.
    assert {row["name"]: row["city"] for row in rows("suppliers").values()} == {
        "Papier AG": "Bern",
        "Stift GmbH": "Basel",
    }
    assert next(iter(rows("items").values()))["freeOfCharge"] is False
    assert all(row["sumPaid"] == Decimal("80.10") for row in rows("invoices").values())


def test_a_second_run_writes_nothing(company, load):
    load(company, lines=everything(company), **CONFIG)
    again = load(company, lines=everything(company), **CONFIG)
    assert again.code == 0
    assert again.requests.keys() == {"GET"}
    assert again.tally == {
        "itemcustomfields": {"unchanged": 2},
        "documentcustomfields": {"unchanged": 1},
        "suppliers": {"unchanged": 2},
        "items": {"unchanged": 1},
        "taxes": {"unchanged": 1},
        "payments": {"existing": 3},
    }


def test_its_state_comes_out_as_it_came(company, load):
    run = load(company, lines=everything(company), **CONFIG)
    assert run.states
    assert all(state == {} for state in run.states)


@pytest.mark.parametrize("table", ["Vehicle", " vehicle ", "VEHICLE"])
def test_a_custom_field_that_is_only_updated_takes_no_new_options(company, load, table):
    store = company.store
    known = {"field_id": OTHER_FIELD, "name": "Van", "code": "1", "externalId": "van"}
    store.add("item_custom_field_options", known)
    settings = {"only_update_existing_records": [{"table": table, "is_icf": True}]}
    records = [
        {"custom_field_id": OTHER_FIELD, "name": "Big van", "code": "1", "externalId": "van"},
        {"custom_field_id": OTHER_FIELD, "name": "Truck", "code": "2", "externalId": "truck"},
        {"custom_field_id": FIELD, "name": "Truck", "code": "2", "externalId": "truck"},
    ]
    run = load(company, "itemcustomfields", records, **settings)
    assert run.tally == {"itemcustomfields": {"updated": 1, "skipped": 1, "created": 1}}
    assert [
        (row["field_id"], row["name"]) for row in store.rows("item_custom_field_options").values()
    ] == [(OTHER_FIELD, "Big van"), (FIELD, "Truck")]


def test_a_table_that_is_only_updated_takes_no_new_records(company, load):
    company.store.add("suppliers", {"name": "Old", "externalId": "v-1"})
    settings = {"only_update_existing_records": [{"table": "Suppliers", "is_icf": False}]}
    records = [{"externalId": "v-1", "city": "Bern"}, {"externalId": "v-2", "name": "New"}]
    run = load(company, "suppliers", records, **settings)
    assert run.tally == {"suppliers": {"updated": 1, "skipped": 1}}


def test_a_records_own_id_is_precoros_where_that_is_said(company, load):
    """There, an `id` in a record is Precoro's, and says that the record exists."""
    row = company.store.add("suppliers", {"name": "Old"})
    records = [{"id": float(row["id"]), "name": "Newer", "externalId": "v-1"}]
    run = load(company, "suppliers", records, precoro_id_property="id")
    assert run.tally == {"suppliers": {"updated": 1}}
    assert (row["name"], row["externalId"]) == ("Newer", "v-1")


def test_settings_as_texts_do_the_same(company, load):
    """As environment variables have them."""
    run = load(company, lines=everything(company), **{k: json.dumps(v) for k, v in CONFIG.items()})
    assert run.code == 0
    again = load(company, lines=everything(company), **CONFIG)
    assert again.requests.keys() == {"GET"}
