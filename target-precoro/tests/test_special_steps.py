"""Approvals and values of suppliers in a saved plan: carried out once, if nothing changed since."""

from __future__ import annotations

import json

import pytest

PENDING, APPROVED, DENIED = 1, 2, 3
VALUES = "supplier_custom_field_values"
SCHEMA = {"properties": {}}


@pytest.fixture
def company(serve):
    return serve(seed="demo")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plan.json"


@pytest.fixture
def plan(load, company, path):
    def save(stream, records, **more):
        load(company, stream, records, dry_run=True, plan_path=str(path), **more)
        return json.loads(path.read_text())["steps"]

    return save


@pytest.fixture
def apply(load, company, path):
    def run(**more):
        return load(company, lines=[], apply_plan=str(path), **more)

    return run


def pending_orders(company):
    rows = company.store.rows("purchase_orders").values()
    return [row for row in rows if row["status"] == PENDING]


def writes(company):
    return [each for each in company.served if each.method != "GET"]


def approvals(*orders, action="approve"):
    return [
        {"document": "purchase_orders", "idn": row["idn"], "action": action, "comment": "so"}
        for row in orders
    ]


def test_a_document_is_approved_if_its_status_is_what_was_seen(company, plan, apply, caplog):
    allowed = {"allow_approvals": True}
    first, second = pending_orders(company)[:2]
    steps = plan("approvals", approvals(first, second, action="reject"), **allowed)
    assert [(each["action"], each["status"]) for each in steps] == [("act", PENDING)] * 2
    assert not writes(company)
    second["status"] = APPROVED
    run = apply(**allowed)
    assert run.tally == {"approvals": {"updated": 1, "stale": 1}}
    assert run.code == 1
    assert (first["status"], second["status"]) == (DENIED, APPROVED)
    assert "its status changed since" in caplog.text
    (sent,) = writes(company)
    assert "comment=so" in sent.body
    assert apply(**allowed).tally == {"approvals": {"existing": 1, "stale": 1}}
    assert len(writes(company)) == 1


def test_what_a_plan_has_done_a_run_does_not_do_again(company, load, plan, apply, tmp_path):
    settings = {"allow_approvals": True, "journal_path": str(tmp_path / "journal.sqlite3")}
    order = pending_orders(company)[0]
    records = approvals(order)
    plan("approvals", records, **settings)
    assert apply(**settings).tally == {"approvals": {"updated": 1}}
    order["status"] = PENDING  # somebody opened it again: that is not ours to undo
    assert load(company, "approvals", records, **settings).tally == {"approvals": {"existing": 1}}


def test_a_plan_approves_nothing_unless_the_setting_allows_it(company, plan, apply, caplog):
    plan("approvals", approvals(*pending_orders(company)[:1]), allow_approvals=True)
    since = len(company.served)
    assert apply().code == 2
    assert "allow_approvals" in caplog.text
    assert len(company.served) == since


def supplier_with_two_values(company):
    return next(
        row
        for row in company.store.rows("suppliers").values()
        if row.get("externalId") and len(row.get("dataSupplierCustomFields") or ()) == 2
    )


def values_of(supplier):
    values = supplier["dataSupplierCustomFields"]
    return {each["supplierCustomField"]["id"]: each["value"] for each in values}


def test_values_of_a_supplier_are_set_if_they_are_what_was_seen(company, plan, apply, caplog):
    supplier = supplier_with_two_values(company)
    before = values_of(supplier)
    changed, meanwhile = before
    of = {"supplier_external_id": supplier["externalId"]}
    steps = plan(
        VALUES,
        [
            {**of, "field_id": changed, "value": "mine"},
            {**of, "field_id": meanwhile, "value": "mine"},
            {**of, "field_id": 912, "value": "91201"},
        ],
    )
    assert [(each["field"], each["old"], each["new"]) for each in steps] == [
        (changed, before[changed], "mine"),
        (meanwhile, before[meanwhile], "mine"),
        (912, "", "91201"),
    ]
    for each in supplier["dataSupplierCustomFields"]:
        if each["supplierCustomField"]["id"] == meanwhile:
            each["value"] = "theirs"
    run = apply()
    assert run.tally == {VALUES: {"updated": 2, "stale": 1}}
    assert run.requests == {"GET": 1, "PATCH": 1}
    assert values_of(supplier) == {changed: "mine", meanwhile: "theirs", 912: "91201"}
    assert f"its value of field {meanwhile} changed since" in caplog.text
    assert apply().tally == {VALUES: {"unchanged": 2, "stale": 1}}
    assert len(writes(company)) == 1


def test_values_of_a_supplier_that_the_plan_creates(company, load, path, apply):
    messages = [
        ("suppliers", {"externalId": "V-new", "name": "New"}),
        (VALUES, {"supplier_external_id": "V-new", "field_id": 912, "value": "91201"}),
    ]
    lines = [
        json.dumps({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": []})
        for stream, _ in messages
    ]
    lines += [
        json.dumps({"type": "RECORD", "stream": stream, "record": record})
        for stream, record in messages
    ]
    load(company, lines=lines, dry_run=True, plan_path=str(path))
    run = apply()
    assert run.tally == {"suppliers": {"created": 1}, VALUES: {"updated": 1}}
    rows = company.store.rows("suppliers").values()
    assert values_of(next(row for row in rows if row.get("externalId") == "V-new")) == {
        912: "91201"
    }
    assert apply().tally == {"suppliers": {"unchanged": 1}, VALUES: {"unchanged": 1}}


def test_the_supplier_whose_step_was_taken_out_is_not_there(company, load, path, apply):
    value = {"supplier_external_id": "V-new", "field_id": 912, "value": "x"}
    lines = [
        json.dumps({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": []})
        for stream in ("suppliers", VALUES)
    ]
    record = {"externalId": "V-new", "name": "New"}
    lines.append(json.dumps({"type": "RECORD", "stream": "suppliers", "record": record}))
    lines.append(json.dumps({"type": "RECORD", "stream": VALUES, "record": value}))
    load(company, lines=lines, dry_run=True, plan_path=str(path))
    saved = json.loads(path.read_text())
    saved["steps"] = [step for step in saved["steps"] if step["stream"] == VALUES]
    path.write_text(json.dumps(saved))
    run = apply()
    assert run.tally == {VALUES: {"stale": 1}}
    assert not writes(company)
