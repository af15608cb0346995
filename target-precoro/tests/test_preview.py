"""What would be done is told before it is done, and exactly that can be carried out."""

from __future__ import annotations

import json

import pytest


def vendors(many, **more):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}", **more} for n in range(many)]


def named(sandbox, resource="suppliers"):
    return {row.get("externalId"): row for row in sandbox.store.rows(resource).values()}


def message(stream, record):
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def schema(stream):
    return json.dumps(
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    )


def writes(sandbox, since=0):
    return [each for each in sandbox.served[since:] if each.method != "GET"]


def test_a_dry_run_writes_nothing_lets_no_state_out_and_tells_what_it_would_do(
    sandbox, load, capsys
):
    load(sandbox, "suppliers", vendors(3, city="Kyiv"))
    since = len(sandbox.served)
    records = [*vendors(3, city="Kyiv"), *vendors(5)[3:]]
    records[1] = {**records[1], "city": "Lviv\x1b[2J", "phone": "+1 555 0100"}
    run = load(sandbox, "suppliers", records, dry_run=True)
    assert run.code == 0
    assert not writes(sandbox, since)
    assert run.states == []
    assert run.tally == {"suppliers": {"created": 2, "updated": 1, "unchanged": 2}}
    told = capsys.readouterr().err
    assert '+ create suppliers V-3 "Firm 3"' in told
    assert 'city: "Kyiv" → "Lviv' in told
    assert "\x1b" not in told
    assert "0100" not in told
    assert "Nothing was written" in told
    assert "today's budget" in told


def test_a_run_after_a_dry_run_does_what_was_said(sandbox, load):
    lines = [
        schema("items"),
        message("items", {"externalId": "I-1", "name": "Bolt", "supplier_external_id": "V-0"}),
        schema("suppliers"),
        *(message("suppliers", each) for each in vendors(3)),
    ]
    said = load(sandbox, lines=lines, dry_run=True)
    done = load(sandbox, lines=lines)
    assert said.tally == done.tally == {"items": {"created": 1}, "suppliers": {"created": 3}}


def test_a_saved_plan_is_carried_out_but_for_what_changed_since(sandbox, load, tmp_path, caplog):
    path = str(tmp_path / "plan.json")
    load(sandbox, "suppliers", vendors(6, city="Kyiv"))
    lines = [
        schema("suppliers"),
        *(message("suppliers", each) for each in vendors(8, city="Lviv")),
        schema("items"),
        message("items", {"externalId": "I-1", "name": "Bolt", "supplier_external_id": "V-7"}),
    ]
    said = load(sandbox, lines=lines, dry_run=True, plan_path=path)
    assert said.tally["suppliers"] == {"created": 2, "updated": 6}
    rows = named(sandbox)
    sandbox.store.change("suppliers", rows["V-1"], {"city": "Odesa"})
    sandbox.store.change("suppliers", rows["V-2"], {"city": "Dnipro"})
    run = load(sandbox, lines=[], apply_plan=path)
    assert run.code == 1
    assert run.tally["suppliers"] == {"created": 2, "updated": 4, "stale": 2}
    assert run.tally["items"] == {"created": 1}
    assert "V-1 is left as it is: city changed since" in caplog.text
    rows = named(sandbox)
    assert [rows[f"V-{n}"]["city"] for n in range(4)] == ["Lviv", "Odesa", "Dnipro", "Lviv"]
    item = named(sandbox, "items")["I-1"]
    assert item["supplier"]["id"] == rows["V-7"]["id"]
    since = len(sandbox.served)
    again = load(sandbox, lines=[], apply_plan=path)
    assert set(again.tally["suppliers"]) == {"stale"}
    assert not writes(sandbox, since)


def test_a_tree_of_options_is_planned_and_applied(serve, load, tmp_path):
    sandbox = serve(seed="demo")
    path = str(tmp_path / "plan.json")
    records = [
        {"custom_field_id": 711, "externalId": "a", "name": "A"},
        {"custom_field_id": 711, "externalId": "b", "name": "B", "parentExternalId": "a"},
        {"custom_field_id": 711, "externalId": "c", "name": "C", "parentExternalId": "b"},
    ]
    load(sandbox, "documentcustomfields", records, dry_run=True, plan_path=path)
    assert load(sandbox, lines=[], apply_plan=path).tally == {
        "documentcustomfields": {"created": 3}
    }
    options = named(sandbox, "document_custom_field_options")
    assert options["c"]["parent"]["id"] == options["b"]["id"]
    again = load(sandbox, "documentcustomfields", records)
    assert again.tally == {"documentcustomfields": {"unchanged": 3}}


@pytest.mark.parametrize("wrong", ["missing", "other key", "no plan"])
def test_a_plan_that_cannot_be_applied_is_refused(sandbox, load, tmp_path, caplog, wrong):
    path = tmp_path / "plan.json"
    if wrong == "other key":
        path.write_text(json.dumps({"version": 1, "company": "x", "steps": []}))
    elif wrong == "no plan":
        path.write_text("[]")
    assert load(sandbox, lines=[], apply_plan=str(path)).code == 2
    assert "apply_plan" in caplog.text
    assert not sandbox.served
