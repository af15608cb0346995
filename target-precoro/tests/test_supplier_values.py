"""Values of supplier custom fields: what a record asks for, and when it is written."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from target_precoro.special_streams.supplier_values import as_sent, changed_values

VALUES = "supplier_custom_field_values"
FIELD = 913


@pytest.fixture
def company(serve):
    return serve(seed="demo")


@pytest.fixture
def supplier(company):
    row = next(iter(company.store.rows("suppliers").values()))
    row["dataSupplierCustomFields"] = [
        {"id": 1, "supplierCustomField": {"id": FIELD}, "type": 1, "value": "kept"}
    ]
    return row


def value_of(supplier, field_id=FIELD):
    values = supplier["dataSupplierCustomFields"]
    return [each["value"] for each in values if each["supplierCustomField"]["id"] == field_id]


@pytest.mark.parametrize(
    ("given", "settings", "left"),
    [
        ({}, {}, ["kept"]),
        ({"Value": "typo"}, {}, ["kept"]),
        ({"value": None}, {}, ["kept"]),
        ({"option": None}, {}, ["kept"]),
        ({"value": None}, {"nulls": "keep"}, ["kept"]),
        ({"value": None}, {"nulls": "clear"}, [""]),
        ({"value": None}, {"nulls": {VALUES: "clear"}}, [""]),
        ({"value": None}, {"nulls": json.dumps({VALUES: {"value": "clear"}})}, [""]),
        ({"value": None}, {"nulls": {"suppliers": "clear"}}, ["kept"]),
        ({}, {"nulls": "clear"}, ["kept"]),
        ({"value": ""}, {}, [""]),
        ({"value": None}, {"defaults": {VALUES: {"value": "7"}}}, ["7"]),
        ({}, {"default_values": [{"stream": VALUES, "field": "value", "value": "7"}]}, ["7"]),
    ],
)
def test_only_what_a_record_says_is_changed(company, supplier, load, given, settings, left):
    record = {"supplier_id": supplier["id"], "field_id": FIELD, **given}
    run = load(company, VALUES, [record], **settings)
    assert run.code == 0
    assert value_of(supplier) == left
    assert run.tally == {VALUES: {"skipped" if left == ["kept"] else "updated": 1}}


def test_what_is_left_alone_is_told(company, supplier, load, tmp_path, caplog):
    report = tmp_path / "report.jsonl"
    record = {"supplier_id": supplier["id"], "field_id": FIELD, "Value": "typo"}
    load(company, VALUES, [record], report_path=str(report))
    assert "values of suppliers take no Value" in caplog.text
    assert "it gives no value or option" in report.read_text()
    run = load(company, VALUES, [record], unknown_fields="fail")
    assert run.tally == {VALUES: {"rejected": 1}}


def test_fields_are_mapped(company, supplier, load, caplog):
    record = {"vendor": supplier["id"], "which": FIELD, "what": "new"}
    field_map = {"vendor": "supplier_id", "which": "field_id", "what": "value"}
    assert load(company, VALUES, [record], field_map={VALUES: field_map}).code == 0
    assert value_of(supplier) == ["new"]
    assert load(company, VALUES, [record], field_map={VALUES: {"what": "valu"}}).code == 2
    assert "The nearest is value." in caplog.text


@pytest.mark.parametrize(
    ("shown", "wanted", "same"),
    [
        ("12.50", 12.5, True),
        ("12.50", Decimal("12.5"), True),
        (12.5, "12.50", True),
        ("12", 12.0, True),
        ("true", True, True),
        ("1", True, True),
        ("False", False, True),
        ("true", False, False),
        ("2025-01-31T00:00:00+00:00", "31.01.2025", True),
        ("2025-01-31", "2025-02-01", False),
        ("07", "7", False),
        (" x ", "x", True),
        (None, "", True),
        (None, None, True),
        ("x", None, False),
        ("x", "y", False),
    ],
)
def test_equal_is_what_the_api_sees_as_equal(shown, wanted, same):
    values = [{"supplierCustomField": {"id": 1}, "value": shown}]
    assert (changed_values(values, {1: wanted}) == []) is same


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (12.0, "12"), (12.5, "12.5"), (Decimal("1E+2"), "100"),
     (7, "7"), (" a ", "a"), (None, "")],
)  # fmt: skip
def test_a_value_is_sent_as_the_api_reads_it(value, text):
    assert as_sent(value) == text


def test_values_come_after_the_suppliers_of_the_same_run(company, load, singer_file):
    suppliers = [{"externalId": f"N-{n}", "name": f"New {n}"} for n in range(210)]
    values = [
        {"supplier_external_id": each["externalId"], "field_id": FIELD, "value": "x"}
        for each in suppliers
    ]
    for streams in ((("suppliers", suppliers), (VALUES, values)),
                    ((VALUES, values), ("suppliers", suppliers))):  # fmt: skip
        lines = singer_file(*streams).read_text().splitlines()
        run = load(company, lines=lines, requests_per_minute="off", requests_per_hour="off")
        assert run.tally["suppliers"].keys() <= {"created", "unchanged"}
        assert sum(run.tally[VALUES].values()) == 210
        assert run.code == 0
        for row in company.store.rows("suppliers").values():
            if str(row.get("externalId")).startswith("N-"):
                assert value_of(row) == ["x"]
                row["dataSupplierCustomFields"] = []
                row["externalId"] = f"old-{row['id']}"
                row["name"] = f"old {row['id']}"


def test_the_value_of_a_supplier_that_never_comes_is_refused_at_the_end(company, load, tmp_path):
    path = tmp_path / "rejects.singer"
    record = {"supplier_external_id": "nobody", "field_id": FIELD, "value": "x"}
    report = tmp_path / "report.jsonl"
    run = load(company, VALUES, [record], rejects_path=str(path), report_path=str(report))
    assert run.tally == {VALUES: {"rejected": 1}}
    assert run.states == [{"done": "all"}]
    assert json.loads(report.read_text())["error"] == "reference"
    assert json.loads(path.read_text().splitlines()[1])["record"] == record


def test_each_record_is_settled_once(company, load):
    of = {"supplier_id": 999999, "value": "1"}
    records = [{**of, "field_name": "nonsense"}, {**of, "field_id": FIELD}]
    assert load(company, VALUES, records).tally == {VALUES: {"rejected": 2}}


def test_a_supplier_that_may_be_two_is_told_with_both(company, load, caplog):
    for name in "AB":
        company.store.add("suppliers", {"name": name, "externalId": "TWIN"})
    record = {"supplier_external_id": "TWIN", "field_id": FIELD, "value": "x"}
    run = load(company, VALUES, [record])
    assert run.tally == {VALUES: {"rejected": 1}}
    assert "suppliers TWIN is 2 records of Precoro" in caplog.text
