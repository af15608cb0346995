"""A part of the campaign of bad input: `make proof` runs all of it, and fuzzes for longer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tap_precoro.tap import TapPrecoro
from target_precoro.target import TargetPrecoro

from proof.bad_case import run_case
from proof.bad_input import Row, campaign, cases
from proof.fuzzing import TARGETS, attempt

CASES = {f"{case.command}: {case.name}": case for case in cases()}
CHOSEN = (
    "target: cut in mid line",
    "target: unknown message type",
    "target: a BATCH",
    "target: RECORD before its SCHEMA",
    "target: SCHEMA of an unknown stream",
    "target: SCHEMA that is no JSON Schema",
    "target: SCHEMA that changes midway",
    "target: a number where its SCHEMA says text",
    "target: a record that its stream's map renames is refused",
    "target: a stream map that raises on a record",
    "target: a record without a field that its stream's map names",
    "target: NaN",
    "target: an external id of 10 MB",
    "target: a lone surrogate in the external id",
    "target: 50,000 columns",
    "target: nested 100,000 deep",
    "target: invalid UTF-8",
    "target: a BOM",
    "target: CRLF",
    "target: empty lines",
    "target: STATE only",
    "target: nothing at all",
    "target: page_size = 7",
    "target: auth_token = 7",
    "target: max_failures = -1",
    "target: field_map = {'suppliers': 7}",
    "target: rejects_path = '{place}'",
    "target: journal_path = '{place}/a\\x00b'",
    "target: stream_maps = {'suppliers': {'a': 'foo('}}",
    "target: page_sise = 7",
    "target: no email",
    "tap: detail_limit = -1",
    "tap: start_date = 'yesterday'",
    "tap: quota_path = '{place}'",
    "tap: stream_maps = None",
    "tap: null rows",
    "tap: HTML with 200, once",
    "tap: numbers as texts",
    "tap: NaN in a row",
    "tap: a stream map that raises",
    "tap: an id that is missing",
    "tap: an id that is a list",
    "target: look-up: rows without id",
    "target: POST: with an id that is null",
    "target: POST: HTML with 200, once",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_bad_input_has_its_documented_outcome(name):
    assert run_case(CASES[name]) == []


def test_each_setting_has_cases_of_its_own():
    for plugin, command in ((TapPrecoro, "tap"), (TargetPrecoro, "target")):
        told = [name for name, case in CASES.items() if case.group == "settings"]
        for name in plugin.config_jsonschema["properties"]:
            assert sum(each.startswith(f"{command}: {name} = ") for each in told) >= 2, name


def test_the_verdict_sees_what_is_wrong():
    """The control: a case with another outcome than the documented one is told in all its parts."""
    case = replace(CASES["target: cut in mid line"], code=0, there=(), rejected=("B",), state=None)
    told = "\n".join(run_case(replace(case, says=("no such word",), asks=False)))
    for part in (
        "exit 1, not 0",
        "in place",
        "refused",
        "the state is",
        "no such word",
        "requests",
    ):
        assert part in told


def test_a_campaign_gives_rows_for_a_table():
    case = CASES["target: SCHEMA only"]
    heard: list[Row] = []
    rows = campaign([case, replace(case, code=2)], heard=heard.append)
    assert rows == heard
    assert [(row.group, row.case, row.ok) for row in rows] == [
        ("messages", "target: SCHEMA only", True),
        ("messages", "target: SCHEMA only", False),
    ]
    assert rows[0].outcome == "exit 0; no request; 0 in place"


@pytest.mark.parametrize("name", TARGETS)
def test_anything_can_be_read_and_nothing_injected(name):
    assert attempt(name, 0, 200) >= 150
