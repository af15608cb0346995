"""What the API takes of new records only, and differs: it stays, and is told."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def receipts(sandbox):
    rows = [
        sandbox.store.add("receipts", {"note": f"note {n}", "externalId": f"R-{n}"})
        for n in range(3)
    ]
    return sandbox, rows


def told(path):
    return {each["key"]: each for each in map(json.loads, path.read_text().splitlines())}


def test_a_note_that_differs_stays_and_is_told_once(receipts, load, caplog, tmp_path):
    sandbox, rows = receipts
    report = tmp_path / "report.jsonl"
    records = [{"externalId": f"R-{n}", "note": "new" if n else "note 0"} for n in range(3)]
    run = load(sandbox, "receipts", records, report_path=str(report))
    assert run.code == 0
    assert run.tally == {"receipts": {"unchanged": 3}}
    assert run.requests.keys() == {"GET"}
    assert [row["note"] for row in rows] == ["note 0", "note 1", "note 2"]
    assert caplog.text.count("receipts: existing records differ from the input in note,") == 1
    lines = told(report)
    assert lines["R-0"]["reason"] is None
    assert lines["R-1"]["reason"] == "it differs in note, which the API takes of new records only"


def test_what_can_be_changed_is_changed_beside_it(receipts, load, tmp_path):
    sandbox, rows = receipts
    report = tmp_path / "report.jsonl"
    record = {"externalId": "R-0", "note": "new", "externalIntegrationLog": "seen"}
    run = load(sandbox, "receipts", [record], report_path=str(report))
    assert run.tally == {"receipts": {"updated": 1}}
    assert (rows[0]["note"], rows[0]["externalIntegrationLog"]) == ("note 0", "seen")
    assert "it differs in note" in told(report)["R-0"]["reason"]


@pytest.mark.parametrize("mode", ["insert", "link"])
def test_a_mode_that_changes_no_field_says_nothing_of_it(receipts, load, caplog, mode):
    sandbox, _ = receipts
    load(sandbox, "receipts", [{"externalId": "R-0", "note": "new"}], modes=mode)
    assert "differ from the input" not in caplog.text
