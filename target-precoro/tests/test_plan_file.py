"""A saved plan's file: what it holds, and what is refused to be carried out."""

from __future__ import annotations

import json
import stat
from decimal import Decimal

import pytest

from .planned_loads import item, suppliers, vendors

# The file


def test_the_file_holds_what_will_be_done_and_no_secret(sandbox, saved):
    old = sandbox.store.add("items", {"name": "Nut", "externalId": "I-2", "price": Decimal("0.10")})
    path = saved(
        sandbox,
        ("items", {**item(1, 7), "name": "Bolt", "price": 12.50}),
        ("items", {"externalId": "I-2", "price": "1234567890123456789.12345"}),
        ("suppliers", {"externalId": "V-7", "name": "Acme"}),
    )
    text = path.read_text()
    plan = json.loads(text, parse_float=Decimal)
    assert plan["version"] == 1
    assert plan["when"].endswith("+00:00")
    assert plan["host"] == "127.0.0.1"
    assert sandbox.account.token not in text
    assert sandbox.account.email not in text
    supplier, *items = plan["steps"]
    assert supplier["form"] == {"name": "Acme"}
    assert (supplier["step"], supplier["record"], supplier["action"]) == (1, 3, "create")
    bolt, nut = sorted(items, key=lambda step: step["record"])
    assert bolt["form"]["supplier[id]"]["new"] == 1
    assert bolt["form"]["supplier[id]"]["external_id"] == "V-7"
    assert str(bolt["form"]["price"]) == "12.5"
    assert nut["id"] == old["id"]
    change = nut["changes"]["price"]
    assert str(change["new"]) == "1234567890123456789.12345"
    assert Decimal(change["old"]) == Decimal("0.10")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(text.splitlines()) == 2 + len(plan["steps"])


def test_the_file_is_its_owners_even_where_there_was_an_open_one(sandbox, saved, tmp_path):
    path = tmp_path / "plans" / "plan.json"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    saved(sandbox, *suppliers(*vendors(1)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["plan.json"]


def test_a_path_that_cannot_be_written_is_told_before_anything_is_asked(
    sandbox, load, tmp_path, caplog
):
    run = load(sandbox, "suppliers", vendors(1), dry_run=True, plan_path=str(tmp_path))
    assert run.code == 2
    assert "plan_path" in caplog.text
    assert not sandbox.served


def test_refused_rows_are_not_in_the_plan_and_the_others_are(sandbox, saved, apply):
    path = saved(sandbox, *suppliers({"externalId": "V-9", "enable": "perhaps"}, *vendors(2)))
    run = apply(sandbox, path)
    assert run.code == 0
    assert run.tally == {"suppliers": {"created": 2}}


# The input, and plans that are refused


def test_the_input_is_read_to_its_end_and_ignored(sandbox, load, saved, caplog):
    path = saved(sandbox, *suppliers(*vendors(1)))
    run = load(sandbox, "suppliers", vendors(3), apply_plan=str(path))
    assert run.states == []
    assert run.tally == {"suppliers": {"created": 1}}
    assert "input's 3 records are ignored" in caplog.text
    caplog.clear()
    load(sandbox, lines=[json.dumps({"type": "STATE", "value": 1})], apply_plan=str(path))
    assert "ignored" not in caplog.text


def changed(plan, **values):
    return {**plan, **values}


def with_step(plan, **values):
    return {**plan, "steps": [{**plan["steps"][0], **values}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plan: changed(plan, version=2), "version 2, this one knows 1"),
        (lambda plan: changed(plan, company="x"), "another company"),
        (lambda plan: changed(plan, host="app.precoro.com"), "another company"),
        (lambda plan: changed(plan, steps=None), "no plan"),
        (lambda _: [], "no plan"),
        (lambda plan: with_step(plan, action="delete"), "line 2"),
        (lambda plan: with_step(plan, action="update"), "line 2"),
        (lambda plan: with_step(plan, resource="nonsense"), "line 2"),
        (lambda plan: with_step(plan, resource="legal_entities"), "creates no legal_entities"),
        (lambda plan: with_step(plan, form={"colour": "red"}), "have no colour"),
        (lambda plan: with_step(plan, place=5), "line 2"),
        (lambda plan: changed(plan, steps=["x"]), "line 2"),
    ],
)
def test_a_plan_that_is_none_for_this_company_is_refused(
    sandbox, saved, apply, caplog, change, words
):
    path = saved(sandbox, *suppliers(*vendors(1)))
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    since = len(sandbox.served)
    assert apply(sandbox, path).code == 2
    assert "apply_plan" in caplog.text
    assert words in caplog.text
    assert len(sandbox.served) == since


def test_a_plan_of_another_token_is_refused(sandbox, saved, apply, caplog):
    path = saved(sandbox, *suppliers(*vendors(1)))
    since = len(sandbox.served)
    assert apply(sandbox, path, auth_token="of another company").code == 2
    assert "another company" in caplog.text
    assert len(sandbox.served) == since


@pytest.mark.parametrize("text", [None, "{", '{"version": 1, "steps": [\n{"step": 1'])
def test_a_file_that_is_not_there_or_not_whole_is_refused(sandbox, apply, tmp_path, caplog, text):
    path = tmp_path / "plan.json"
    if text is not None:
        path.write_text(text)
    assert apply(sandbox, path).code == 2
    assert "apply_plan" in caplog.text


def test_planning_and_applying_at_once_is_refused(sandbox, saved, load, caplog):
    path = saved(sandbox, *suppliers(*vendors(1)))
    since = len(sandbox.served)
    assert load(sandbox, lines=[], apply_plan=str(path), dry_run=True).code == 2
    assert "exclude each other" in caplog.text
    assert len(sandbox.served) == since
