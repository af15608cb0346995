"""Dry runs that follow each other save one plan: each brings its streams, and none is lost."""

from __future__ import annotations

import json
import os
import time

import pytest
from target_precoro.plans.merging import kept_steps, merged_steps

SCHEMA = {"properties": {}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plan.json"


@pytest.fixture
def dry(load, path):
    def run(sandbox, stream, records, **more):
        return load(sandbox, stream, records, dry_run=True, plan_path=str(path), **more)

    return run


def vendors(*numbers, **more):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}", **more} for n in numbers]


def items(*numbers, **more):
    return [{"externalId": f"I-{n}", "name": f"Item {n}", "sku": f"S-{n}", **more} for n in numbers]


def keys(path):
    return [(each["step"], each["key"]) for each in json.loads(path.read_text())["steps"]]


def test_two_pairs_of_one_job_save_one_plan_in_the_order_of_their_references(
    sandbox, load, dry, path, capsys
):
    dry(sandbox, "items", items(1, 2))
    dry(sandbox, "suppliers", vendors(1))
    assert "The plan is saved: 3 steps" in (told := capsys.readouterr().err)
    assert "In it are steps of items, too" in told
    assert keys(path) == [(1, "V-1"), (2, "I-1"), (3, "I-2")]
    assert path.stat().st_mode & 0o777 == 0o600
    run = load(sandbox, lines=[], apply_plan=str(path))
    assert run.tally == {"suppliers": {"created": 1}, "items": {"created": 2}}
    assert run.code == 0


def test_a_stream_that_is_planned_again_takes_the_place_of_its_older_plan(sandbox, dry, path):
    dry(sandbox, "suppliers", vendors(1, 2))
    dry(sandbox, "items", items(1))
    dry(sandbox, "suppliers", vendors(3))
    assert keys(path) == [(1, "V-3"), (2, "I-1")]
    dry(sandbox, "items", [])
    assert keys(path) == [(1, "V-3")]


def test_a_plan_of_an_hour_ago_is_of_another_job(sandbox, dry, path, capsys):
    dry(sandbox, "suppliers", vendors(1))
    before = time.time() - 3700
    os.utime(path, (before, before))
    dry(sandbox, "items", items(1))
    assert keys(path) == [(1, "I-1")]
    assert "In it are" not in capsys.readouterr().err


def test_what_another_companys_run_has_just_saved_is_not_lost(sandbox, load, dry, path, caplog):
    dry(sandbox, "suppliers", vendors(1))
    before, since = path.read_text(), len(sandbox.served)
    run = dry(sandbox, "items", items(1), auth_token="another")
    assert run.code == 2
    assert "a plan for another company" in caplog.text
    assert path.read_text() == before
    assert len(sandbox.served) == since


@pytest.mark.parametrize("text", ["", "[]", '{"version": 7, "steps": []}', '{"version": 1}'])
def test_what_is_no_plan_is_replaced(sandbox, dry, path, text):
    path.write_text(text)
    dry(sandbox, "suppliers", vendors(1))
    assert keys(path) == [(1, "V-1")]


def test_numbers_keep_every_digit(sandbox, dry, path):
    dry(sandbox, "items", items(1, price="1234567890123456789.12345"))
    dry(sandbox, "suppliers", vendors(1))
    assert "1234567890123456789.12345" in path.read_text()


def test_a_reference_leads_to_the_step_that_is_planned_anew(sandbox, load, dry, path):
    lines = [
        json.dumps({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": []})
        for stream in ("suppliers", "items")
    ]
    (vendor,), (item,) = vendors(1), items(1, supplier_external_id="V-1")
    for stream, record in (("suppliers", vendor), ("items", item)):
        lines.append(json.dumps({"type": "RECORD", "stream": stream, "record": record}))
    load(sandbox, lines=lines, dry_run=True, plan_path=str(path))
    dry(sandbox, "suppliers", vendors(0, 1))
    plan = json.loads(path.read_text())["steps"]
    assert [each["key"] for each in plan] == ["V-0", "V-1", "I-1"]
    assert plan[2]["form"]["supplier[id]"]["new"] == 2
    run = load(sandbox, lines=[], apply_plan=str(path))
    assert run.tally == {"suppliers": {"created": 2}, "items": {"created": 1}}


def test_a_reference_to_nothing_planned_is_looked_for():
    symbol = {"new": 1, "resource": "suppliers", "key": "V-1", "external_id": "V-1"}
    old = [
        {"step": 1, "stream": "s", "resource": "suppliers", "key": "V-1", "action": "create"},
        {"step": 2, "stream": "i", "resource": "items", "key": "I-1", "action": "create",
         "form": {"supplier[id]": symbol}},
    ]  # fmt: skip
    new = [{"step": 1, "stream": "s", "resource": "suppliers", "key": "V-2", "action": "create"}]
    kept = kept_steps(old, new, {"s"})
    assert [each["key"] for each in kept] == ["I-1"]
    merged = merged_steps(kept, new)
    assert [(each["step"], each["key"]) for each in merged] == [(1, "V-2"), (2, "I-1")]
    assert merged[1]["form"]["supplier[id]"]["new"] == 0
