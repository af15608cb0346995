"""Approvals, values of supplier custom fields, records that are missing, and the documents' log."""

from __future__ import annotations

import json

import pytest
from precoro_sandbox import Fault

PENDING, APPROVED, DENIED = 1, 2, 3


@pytest.fixture
def company(serve):
    return serve(seed="demo")


def first(sandbox, resource, **values):
    return next(
        row
        for row in sandbox.store.rows(resource).values()
        if all(row.get(name) == value for name, value in values.items())
    )


def writes(sandbox, since=0):
    return [each for each in sandbox.served[since:] if each.method != "GET"]


# Approvals


def test_nothing_is_approved_unless_the_setting_allows_it(company, load, caplog):
    records = [{"document": "invoices", "idn": "1", "action": "approve"}]
    assert load(company, "approvals", records).code == 2
    assert "allow_approvals" in caplog.text
    assert not company.served


@pytest.mark.parametrize("named", ["purchase_orders", "purchaseorders", "Purchase-Orders"])
def test_a_document_is_approved_once(company, load, named):
    order = first(company, "purchase_orders", status=PENDING)
    records = [{"document": named, "idn": order["idn"], "action": "approve"}]
    run = load(company, "approvals", records, allow_approvals=True)
    assert run.tally == {"approvals": {"updated": 1}}
    assert order["status"] == APPROVED
    again = load(company, "approvals", records, allow_approvals=True)
    assert again.tally == {"approvals": {"existing": 1}}
    assert len(writes(company)) == 1


def test_a_comment_goes_along_and_the_same_record_is_not_done_again(company, load, tmp_path):
    order = first(company, "purchase_orders", status=PENDING)
    records = [
        {"document": "purchase_orders", "idn": order["idn"], "action": "reject", "comment": "why"}
    ]
    settings = {"allow_approvals": True, "journal_path": str(tmp_path / "journal.sqlite3")}
    load(company, "approvals", records, **settings)
    assert order["status"] == DENIED
    assert "comment=why" in writes(company)[0].body
    order["status"] = PENDING  # somebody opened it again: that is not ours to undo
    assert load(company, "approvals", records, **settings).tally == {"approvals": {"existing": 1}}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"document": "invoces", "idn": "1", "action": "approve"}, "the nearest is invoices"),
        ({"document": "invoices", "idn": "1", "action": "aprove"}, "the nearest is approve"),
        ({"document": "invoices", "action": "approve"}, "no idn"),
        ({"document": "invoices", "idn": "999999", "action": "approve"}, "404"),
    ],
    ids=["document", "action", "no idn", "unknown idn"],
)
def test_an_approval_that_cannot_be_is_refused_with_what_is_meant(
    company, load, caplog, record, words
):
    run = load(company, "approvals", [record], allow_approvals=True)
    assert run.code == 1
    assert words in caplog.text
    assert not writes(company)


def test_an_approval_whose_answer_is_lost_is_looked_at_and_not_sent_again(company, load):
    order = first(company, "purchase_orders", status=PENDING)
    company.faults.add(Fault("lost", method="POST"))
    records = [{"document": "purchase_orders", "idn": order["idn"], "action": "approve"}]
    assert load(company, "approvals", records, allow_approvals=True).code == 0
    assert len(writes(company)) == 1


# Values of supplier custom fields

VALUES = "supplier_custom_field_values"


def value_of(supplier, field_id):
    values = supplier["dataSupplierCustomFields"]
    return [each["value"] for each in values if each["supplierCustomField"]["id"] == field_id]


def test_values_of_a_supplier_are_set_in_one_request_and_others_stay(company, load):
    supplier = next(
        row
        for row in company.store.rows("suppliers").values()
        if row.get("externalId") and len(row.get("dataSupplierCustomFields") or ()) == 2
    )
    before = {
        each["supplierCustomField"]["id"]: each["value"]
        for each in supplier["dataSupplierCustomFields"]
    }
    kept, changed = before
    of = {"supplier_external_id": supplier["externalId"]}
    records = [
        {**of, "field_id": changed, "value": "another"},
        {**of, "field_name": "certificates", "value": "91201"},
    ]
    run = load(company, VALUES, records)
    assert run.tally == {VALUES: {"updated": 2}}
    assert run.requests["PATCH"] == 1
    assert value_of(supplier, changed) == ["another"]
    assert value_of(supplier, kept) == [before[kept]]
    assert value_of(supplier, 912) == ["91201"]
    again = load(company, VALUES, records)
    assert again.tally == {VALUES: {"unchanged": 2}}
    assert "PATCH" not in again.requests


def test_an_option_is_named_and_sent_by_its_id(company, load):
    supplier = next(iter(company.store.rows("suppliers").values()))
    record = {"supplier_id": supplier["id"], "field": {"id": 911}, "option": " preferred "}
    assert load(company, VALUES, [record]).code == 0
    assert value_of(supplier, 911) == ["91002"]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"field_id": 911, "value": "x"}, "names no supplier"),
        ({"supplier_external_id": "nobody", "field_id": 911, "value": "x"}, "no suppliers nobody"),
        ({"supplier_id": 50001, "field_name": "Nonsense", "value": "x"}, "name Nonsense"),
        ({"supplier_id": 50001, "field_id": 911, "option": "Nonsense"}, "no options named"),
    ],
    ids=["no supplier", "unknown supplier", "unknown field", "unknown option"],
)
def test_a_value_that_leads_nowhere_is_refused(company, load, caplog, record, words):
    assert load(company, VALUES, [record]).code == 1
    assert words in caplog.text
    assert not writes(company)


# Records that the source no longer has


def linked(many):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}"} for n in range(many)]


def test_missing_records_are_disabled_and_never_deleted(sandbox, load):
    load(sandbox, "suppliers", linked(40))
    run = load(sandbox, "suppliers", linked(39), on_missing="disable")
    assert run.tally == {"suppliers": {"unchanged": 39, "disabled": 1}}
    rows = {row["externalId"]: row["enable"] for row in sandbox.store.rows("suppliers").values()}
    assert [key for key, enabled in rows.items() if not enabled] == ["V-39"]
    again = load(sandbox, "suppliers", linked(39), on_missing="disable")
    assert again.tally == {"suppliers": {"unchanged": 39}}


def test_too_many_missing_records_are_left_alone(sandbox, load, caplog):
    load(sandbox, "suppliers", linked(40))
    since = len(sandbox.served)
    run = load(sandbox, "suppliers", linked(30), on_missing={"suppliers": "disable"})
    assert run.code == 2
    assert "10 of 40 linked suppliers" in caplog.text
    assert not writes(sandbox, since)


def test_missing_records_can_be_only_told(sandbox, load, caplog):
    load(sandbox, "suppliers", linked(3))
    caplog.set_level("INFO")
    assert load(sandbox, "suppliers", linked(2), on_missing="report").code == 0
    assert "no longer has V-2" in caplog.text


def test_what_the_api_cannot_disable_is_refused_at_its_schema(sandbox, load, caplog):
    assert (
        load(sandbox, "items", [{"externalId": "1", "name": "x"}], on_missing="disable").code == 2
    )
    assert "items cannot be disabled" in caplog.text


# The log on documents


def test_documents_are_linked_and_annotated_and_the_log_is_cleared(company, load):
    invoice = next(
        row for row in company.store.rows("invoices").values() if not row.get("externalId")
    )
    records = [{"idn": invoice["idn"], "externalId": "ERP-1"}]
    assert load(company, "invoices", records).tally == {"invoices": {"linked": 1}}
    assert invoice["externalId"] == "ERP-1"
    records[0]["externalIntegrationLog"] = "no such account"
    assert load(company, "invoices", records).tally == {"invoices": {"updated": 1}}
    assert invoice["externalIntegrationLog"] == "no such account"
    del records[0]["externalIntegrationLog"]
    load(company, "invoices", records, external_integration_log=True)
    assert not invoice["externalIntegrationLog"]
    assert invoice["externalId"] == "ERP-1"


def test_a_refused_payment_is_told_on_its_invoice(company, load):
    invoice = next(
        row
        for row in company.store.rows("invoices").values()
        if row["status"] == APPROVED and float(row["sum"]) > 1
    )
    record = {"invoice[id]": invoice["id"], "sumPaid": float(invoice["sum"]) * 9}
    run = load(company, "payments", [record], external_integration_log=True)
    assert run.code == 1
    assert "more than the" in invoice["externalIntegrationLog"]


def test_the_log_of_an_invoice_is_settled_once_by_all_of_its_payments(company, load):
    invoice = next(
        row
        for row in company.store.rows("invoices").values()
        if row["status"] == APPROVED and float(row["sum"]) > 100
    )
    of = {"invoice[id]": invoice["id"], "payDate": "2025-01-31"}
    good = {**of, "externalId": "P-1", "sumPaid": "10.00"}
    bad = {**of, "externalId": "P-2", "sumPaid": "99999999"}
    settings = {"external_integration_log": True}
    load(company, "payments", [good], **settings)
    load(company, "payments", [bad, good], **settings)
    assert "more than the" in invoice["externalIntegrationLog"]
    since = len(company.served)
    for many in ([bad, good], [good, bad]):
        load(company, "payments", many, **settings)
        assert "more than the" in invoice["externalIntegrationLog"]
    assert not writes(company, since)
    load(company, "payments", [good, good], **settings)
    assert not invoice["externalIntegrationLog"]
    assert len(writes(company, since)) == 1


def test_what_waits_or_is_skipped_clears_no_log(company, load):
    invoice = first(company, "invoices", status=APPROVED)
    invoice["externalIntegrationLog"] = "of somebody else"
    payment = {"invoice[id]": invoice["id"], "sumPaid": "1.00", "payDate": "2025-01-31"}
    settings = {"external_integration_log": True, "modes": "update"}
    run = load(company, "payments", [payment], **settings)
    assert run.tally == {"payments": {"skipped": 1}}
    assert invoice["externalIntegrationLog"] == "of somebody else"


def test_an_approval_reads_a_number_as_other_streams_do(company, load):
    order = first(company, "purchase_orders", status=PENDING)
    record = {"document": "purchase_orders", "idn": float(order["idn"]), "action": "approve"}
    assert load(company, "approvals", [record], allow_approvals=True).code == 0
    assert order["status"] == APPROVED


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        (VALUES, {"supplier_id": 999, "field_id": 911, "value": "x"}),
        ("approvals", {"document": "purchase_orders", "idn": "1", "action": "nonsense"}),
    ],
)
def test_records_that_speak_of_others_say_nothing_of_what_is_missing(
    sandbox, load, caplog, singer_file, stream, record
):
    load(sandbox, "suppliers", linked(3))
    caplog.set_level("INFO")
    lines = singer_file(("suppliers", linked(2)), (stream, [record])).read_text().splitlines()
    on_missing = {"suppliers": "report"}
    run = load(sandbox, lines=lines, on_missing=on_missing, allow_approvals=True)
    assert run.tally == {"suppliers": {"unchanged": 2}, stream: {"rejected": 1}}
    assert "no longer has V-2" in caplog.text


@pytest.mark.parametrize("more", [{}, {"apply_plan": "plan.json"}])
def test_a_plan_is_asked_for_of_a_dry_run_alone(sandbox, load, tmp_path, caplog, more):
    path = tmp_path / "plan.json"
    assert load(sandbox, "suppliers", linked(1), plan_path=str(path), **more).code == 2
    assert "plan_path needs dry_run: true" in caplog.text
    assert not sandbox.served
    assert not path.exists()


@pytest.mark.parametrize("stream", ["approvals", VALUES, "suppliers"])
def test_a_value_that_does_not_fit_its_schema_is_not_told(company, load, caplog, stream):
    schema = {"properties": {"value": {"type": "integer"}}}
    record = {"value": "UA99 3220 0100", "externalId": "1", "document": "invoices"}
    lines = [
        {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []},
        {"type": "RECORD", "stream": stream, "record": record},
    ]
    run = load(company, lines=[json.dumps(line) for line in lines], allow_approvals=True)
    assert run.tally == {stream: {"rejected": 1}}
    assert "value: str does not fit" in caplog.text
    assert "3220" not in caplog.text
