"""A record that only its name tells: known again where that is enough, else left to a person."""

from __future__ import annotations

import json

import pytest

BOLT = {"externalId": "I-1", "name": "Bolt", "price": "1.50"}


def rows(sandbox, resource="items"):
    return list(sandbox.store.rows(resource).values())


def posts(sandbox):
    return [each for each in sandbox.served if each.method == "POST"]


def test_what_a_run_made_whose_journal_is_gone_is_linked(sandbox, load):
    made = sandbox.store.add("items", {"name": "Bolt", "price": 1.5})
    run = load(sandbox, "items", [BOLT])
    assert run.tally == {"items": {"linked": 1}}
    assert [(row["id"], row["externalId"]) for row in rows(sandbox)] == [(made["id"], "I-1")]


@pytest.mark.parametrize(
    "others",
    [[{"price": 1.5}, {"price": 1.5}], [{"price": 2}]],
    ids=["two that are it", "one with another price"],
)
def test_where_nothing_decides_it_is_parked_and_the_possibilities_named(
    sandbox, load, tmp_path, caplog, others
):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    made = [sandbox.store.add("items", {"name": "bolt ", **other}) for other in others]
    run = load(sandbox, "items", [BOLT], **settings)
    assert run.code == 1
    assert run.tally == {"items": {"waiting": 1}}
    assert run.states == [{"done": "all"}]  # it is kept here
    for row in made:
        assert f"{row['id']} 'bolt '" in caplog.text
    again = load(sandbox, "taxes", [], **settings)
    assert again.tally == {"items": {"waiting": 1}}
    sandbox.store.change("items", made[0], {"externalId": "I-1"})
    last = load(sandbox, "taxes", [], **settings)
    assert last.code == 0
    assert load(sandbox, "taxes", [], **settings).tally == {}
    assert not posts(sandbox)
    assert len(rows(sandbox)) == len(made)
    assert float(made[0]["price"]) == 1.5


def test_a_dry_run_says_why_it_would_wait(sandbox, load, capsys):
    for _ in range(2):
        sandbox.store.add("items", {"name": "Bolt"})
    load(sandbox, "items", [BOLT], dry_run=True)
    assert "… waiting items I-1: 2 records of Precoro have its name" in capsys.readouterr().err


def test_a_namesake_that_is_linked_is_another_record(sandbox, load):
    sandbox.store.add("items", {"name": "Bolt", "price": 1.5, "externalId": "I-other"})
    assert load(sandbox, "items", [BOLT]).tally == {"items": {"created": 1}}


@pytest.mark.parametrize(
    ("record", "settings"),
    [({**BOLT, "sku": "B-1"}, {}), (BOLT, {"match_on": {"items": []}})],
    ids=["a sku tells", "nothing is to be matched"],
)
def test_it_is_new_where_that_is_known(sandbox, load, record, settings):
    sandbox.store.add("items", {"name": "Bolt", "price": 1.5})
    assert load(sandbox, "items", [record], **settings).tally == {"items": {"created": 1}}


def test_items_of_one_name_are_made_once_each(sandbox, load):
    records = [{**BOLT, "externalId": f"I-{n}"} for n in range(5)]
    assert load(sandbox, "items", records).tally == {"items": {"created": 5}}
    assert load(sandbox, "items", records).tally == {"items": {"unchanged": 5}}


def test_a_plan_does_not_create_what_may_be_there(sandbox, load, tmp_path, caplog):
    plan = str(tmp_path / "plan.json")
    load(sandbox, "items", [BOLT], dry_run=True, plan_path=plan)
    made = sandbox.store.add("items", {"name": "Bolt", "price": 1.5})
    run = load(sandbox, lines=[], apply_plan=plan)
    assert run.tally == {"items": {"stale": 1}}
    assert f"it exists now (id {made['id']}, found by name)" in caplog.text
    assert not posts(sandbox)


def test_what_cannot_be_linked_and_has_no_number_is_not_created(serve, load, caplog):
    sandbox = serve(seed="demo")
    supplier = next(row for row in rows(sandbox, "suppliers") if row.get("externalId"))
    record = {"externalId": "C-1", "supplier_external_id": supplier["externalId"], "note": "n"}
    for _ in range(2):
        assert load(sandbox, "contracts", [record]).tally == {"contracts": {"rejected": 1}}
    assert "give it number" in caplog.text
    assert not posts(sandbox)


# What a PATCH alone takes


def receipt(sandbox, log):
    order, warehouse = rows(sandbox, "purchase_orders")[0], rows(sandbox, "warehouses")[0]
    return {
        "externalId": "R-1",
        "purchase_order_idn": order["idn"],
        "requiredDate": "2026-01-31",
        "warehouse": {"id": warehouse["id"]},
        "externalIntegrationLog": log,
    }


def test_the_log_of_a_new_receipt_is_written_in_the_run_that_makes_it(serve, load, tmp_path):
    sandbox = serve(seed="demo")
    record = receipt(sandbox, "no such account")
    plan = tmp_path / "plan.json"
    load(sandbox, "receipts", [record], dry_run=True, plan_path=str(plan))
    (step,) = json.loads(plan.read_text())["steps"]
    assert step["form"]["externalIntegrationLog"] == "no such account"
    run = load(sandbox, "receipts", [record])
    assert run.tally == {"receipts": {"created": 1}}
    assert (run.requests["POST"], run.requests["PATCH"]) == (1, 1)
    (made,) = [row for row in rows(sandbox, "receipts") if row.get("externalId") == "R-1"]
    assert made["externalIntegrationLog"] == "no such account"
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"unchanged": 1}}


def test_a_receipt_whose_plan_is_applied_has_its_log_too(serve, load, tmp_path):
    sandbox = serve(seed="demo", switches={"external_id_on_create": "everywhere"})
    record = receipt(sandbox, "late")
    plan = str(tmp_path / "plan.json")
    load(sandbox, "receipts", [record], dry_run=True, plan_path=plan)
    assert load(sandbox, lines=[], apply_plan=plan).tally == {"receipts": {"created": 1}}
    (made,) = [row for row in rows(sandbox, "receipts") if row.get("externalId") == "R-1"]
    assert made["externalIntegrationLog"] == "late"
    assert load(sandbox, lines=[], apply_plan=plan).tally == {"receipts": {"unchanged": 1}}
