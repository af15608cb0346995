"""Found by one field, and by a surer one another: that is not the record."""

from __future__ import annotations

import json

import pytest

FIELD = 711


def named(sandbox, resource="suppliers"):
    return {row.get("externalId"): row for row in sandbox.store.rows(resource).values()}


def reasons(path):
    return {each["key"]: each["reason"] for each in map(json.loads, path.read_text().splitlines())}


def test_a_namesake_with_another_code_is_not_taken_for_the_record(sandbox, load, tmp_path):
    old = sandbox.store.add("suppliers", {"name": "Acme", "uniqueCode": "100"})
    records = [
        {"externalId": "E200", "name": "Acme", "uniqueCode": "200"},
        {"externalId": "E100", "name": "ACME", "uniqueCode": "100"},
    ]
    report = tmp_path / "report.jsonl"
    run = load(sandbox, "suppliers", records, report_path=str(report))
    assert run.code == 1
    assert run.tally == {"suppliers": {"rejected": 1, "updated": 1}}
    assert named(sandbox)["E100"]["id"] == old["id"]
    told = reasons(report)["E200"]
    assert f"found by its name (id {old['id']} 'Acme'), but the uniqueCode there is '100'" in told
    assert "not '200'" in told


@pytest.mark.parametrize("mode", ["link", "update", "insert", "upsert"])
def test_no_mode_links_or_changes_it(sandbox, load, mode):
    row = sandbox.store.add("suppliers", {"name": "Acme", "uniqueCode": "100"})
    before = dict(row)
    record = {"externalId": "E200", "name": "Acme", "uniqueCode": "200", "city": "Kyiv"}
    run = load(sandbox, "suppliers", [record], modes=mode)
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert run.requests.keys() == {"GET"}
    assert row == before


def test_a_dry_run_says_so(sandbox, load, capsys):
    sandbox.store.add("suppliers", {"name": "Acme", "uniqueCode": "100"})
    record = {"externalId": "E200", "name": "Acme", "uniqueCode": "200"}
    load(sandbox, "suppliers", [record], dry_run=True)
    assert "but the uniqueCode there is '100'" in capsys.readouterr().err


def test_a_namesake_that_does_not_say_otherwise_is_it(sandbox, load):
    """One without a code may be it, beside one that has another."""
    sandbox.store.add("suppliers", {"name": "Acme", "uniqueCode": "100"})
    plain = sandbox.store.add("suppliers", {"name": "Acme"})
    records = [{"externalId": "E200", "name": "Acme", "uniqueCode": "200"}]
    assert load(sandbox, "suppliers", records).tally == {"suppliers": {"updated": 1}}
    assert named(sandbox)["E200"]["id"] == plain["id"]
    assert plain["uniqueCode"] == "200"


def test_a_private_field_is_not_told(sandbox, load, tmp_path):
    sandbox.store.add("suppliers", {"name": "Acme", "taxPayerNumber": "CH11"})
    report = tmp_path / "report.jsonl"
    record = {"externalId": "E1", "name": "Acme", "taxPayerNumber": "CH22"}
    settings = {"match_on": {"suppliers": ["taxPayerNumber", "name"]}, "report_path": str(report)}
    load(sandbox, "suppliers", [record], **settings)
    told = reasons(report)["E1"]
    assert "the taxPayerNumber there is another" in told
    assert "CH11" not in told
    assert "CH22" not in told


def test_the_same_of_options(sandbox, load):
    row = sandbox.store.add("item_custom_fields", {"name": "Account"})
    sandbox.store.tables["item_custom_fields"][FIELD] = {**row, "id": FIELD}
    option = {"custom_field_id": FIELD, "name": "Rent", "enable": True}
    load(sandbox, "item_custom_field_options", [{**option, "code": "6100"}])
    run = load(
        sandbox, "item_custom_field_options", [{**option, "code": "6200", "externalId": "x"}]
    )
    assert run.tally == {"item_custom_field_options": {"rejected": 1}}


def test_no_second_record_is_given_an_external_id_that_one_carries(sandbox, load, caplog):
    first = sandbox.store.add("suppliers", {"name": "A", "externalId": "V-1"})
    other = sandbox.store.add("suppliers", {"name": "B"})
    record = {"pid": other["id"], "externalId": "V-1", "name": "B"}
    run = load(sandbox, "suppliers", [record], precoro_id_property="pid")
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert run.requests.keys() == {"GET"}
    told = f"it names id {other['id']}, but its external id is carried by another record (id "
    assert f"{told}{first['id']} 'A')" in caplog.text


def test_no_second_document_either(sandbox, load, caplog):
    rows = [sandbox.store.add("invoices", {"customName": name}) for name in "AB"]
    rows[0]["externalId"] = "X-1"
    run = load(sandbox, "invoices", [{"idn": rows[1]["idn"], "externalId": "X-1"}])
    assert run.tally == {"invoices": {"rejected": 1}}
    assert run.requests.keys() == {"GET"}
    assert f"it names idn {rows[1]['idn']}" in caplog.text
    assert f"(id {rows[0]['id']}" in caplog.text


# A record that is linked and changed at once


def test_a_record_that_is_linked_and_changed_has_a_new_id_too(sandbox, load, tmp_path):
    row = sandbox.store.add("suppliers", {"name": "Hand", "uniqueCode": "U7"})
    links = tmp_path / "links.singer"
    record = {"externalId": "V7", "name": "Hand Ltd", "uniqueCode": "U7"}
    run = load(sandbox, "suppliers", [record], links_path=str(links))
    assert run.tally == {"suppliers": {"updated": 1}}
    told = [json.loads(line) for line in links.read_text().splitlines()][1]["record"]
    assert (told["externalId"], told["precoroId"], told["action"]) == ("V7", row["id"], "linked")
    links.unlink()
    changed = [{**record, "name": "Hand GmbH"}]
    assert load(sandbox, "suppliers", changed, links_path=str(links)).tally == run.tally
    assert not links.exists()


def test_a_field_that_no_write_takes_finds_a_record_too(sandbox, load):
    row = sandbox.store.add("suppliers", {"name": "Acme", "taxPayerNumber": "CH11"})
    record = {"externalId": "E1", "name": "Acme Ltd", "taxPayerNumber": "CH11"}
    settings = {"match_on": {"suppliers": ["taxPayerNumber", "name"]}, "modes": "link"}
    assert load(sandbox, "suppliers", [record], **settings).tally == {"suppliers": {"linked": 1}}
    assert row["externalId"] == "E1"
