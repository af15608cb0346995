"""A linked record is disabled only if the source surely no longer has it."""

from __future__ import annotations

import json

import pytest
from target_precoro.missing import sorted_out


def linked(*external_ids):
    return [{"id": n, "externalId": each} for n, each in enumerate(external_ids)]


def ids(rows):
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("shown", "had", "missing", "unclear"),
    [
        (["007"], {"007"}, [], []),
        (["007"], {"7"}, [0], []),
        ([7], {"007"}, [], []),
        ([7], {"8"}, [0], []),
        ([7, 7], {"007"}, [], [0, 1]),
        ([7, 7], {"8"}, [0, 1], []),
        (["V", "V"], {"V"}, [], []),
        ([" V "], {"V"}, [], []),
    ],
)
def test_ids_are_compared_as_the_api_may_show_them(shown, had, missing, unclear):
    told = sorted_out(linked(*shown), had)
    assert tuple(map(ids, told)) == (missing, unclear)


def test_whose_id_is_known_is_there_and_a_candidate_is_unclear():
    told = sorted_out(linked(7, 7, "V"), {"007"}, ids={"1"}, maybe={"2"})
    assert tuple(map(ids, told)) == ([], [0, 2])


NUMBERS = {"external_id_type": "number"}


def vendors(*external_ids):
    return [{"externalId": each, "name": f"Firm {each}"} for each in external_ids]


def switched_off(sandbox):
    rows = sandbox.store.rows("suppliers").values()
    return [row["externalId"] for row in rows if row.get("enable") is False]


def test_an_id_that_comes_back_as_a_number_is_the_sources(serve, load):
    sandbox = serve(switches=NUMBERS)
    every = [f"{n:03}" for n in range(40)]
    load(sandbox, "suppliers", vendors(*every))
    run = load(sandbox, "suppliers", vendors(*every[:-1]), on_missing="disable")
    assert run.tally == {"suppliers": {"unchanged": 39, "disabled": 1}}
    assert switched_off(sandbox) == ["039"]


def test_of_two_that_look_the_same_none_is_disabled_but_told(serve, load, caplog):
    sandbox = serve(switches=NUMBERS)
    for each in ("007", "7"):
        sandbox.store.add("suppliers", {"name": f"Firm {each}", "externalId": each})
    settings = {"on_missing": "disable", "max_disable_percent": 100}
    # Refused, so that nothing tells which of the two it is.
    run = load(sandbox, "suppliers", [{"externalId": "007", "enable": "perhaps"}], **settings)
    assert run.tally["suppliers"] == {"rejected": 1, "skipped": 2}
    assert not switched_off(sandbox)
    assert "it cannot be told whether the source still has it" in caplog.text


def test_where_a_line_cannot_be_read_nothing_counts_as_missing(sandbox, load, caplog):
    load(sandbox, "suppliers", vendors("V-1", "V-2"))
    schema = {"type": "SCHEMA", "stream": "suppliers", "schema": {"properties": {}}}
    record = {"type": "RECORD", "stream": "suppliers", "record": vendors("V-1")[0]}
    lines = [json.dumps(schema), json.dumps(record), '{"type": "RECORD", "stream": "supp']
    run = load(sandbox, lines=lines, on_missing="disable", max_disable_percent=100)
    assert run.code == 1
    assert not switched_off(sandbox)
    assert "line 3 of the input is no whole JSON" in caplog.text


def test_a_record_that_other_fields_found_is_not_missing(sandbox, load):
    load(sandbox, "suppliers", vendors("V-1", "V-2"))
    settings = {"on_missing": "disable", "max_disable_percent": 100}
    run = load(sandbox, "suppliers", [{"name": "Firm V-1"}], **settings)
    assert run.tally == {"suppliers": {"unchanged": 1, "disabled": 1}}
    assert switched_off(sandbox) == ["V-2"]


def test_what_a_refused_record_may_be_is_not_disabled(sandbox, load):
    load(sandbox, "suppliers", vendors("V-1", "V-2"))
    settings = {"on_missing": "disable", "max_disable_percent": 100}
    # It is found by its name, under another external id.
    run = load(sandbox, "suppliers", [{"externalId": "W-1", "name": "Firm V-1"}], **settings)
    assert run.tally == {"suppliers": {"rejected": 1, "skipped": 1, "disabled": 1}}
    assert switched_off(sandbox) == ["V-2"]


def test_a_record_of_which_nothing_is_known_stops_all_disabling(sandbox, load):
    load(sandbox, "suppliers", vendors("V-1", "V-2"))
    settings = {"on_missing": "disable", "max_disable_percent": 100}
    run = load(sandbox, "suppliers", [{"city": "Kyiv"}], **settings)
    assert run.tally == {"suppliers": {"rejected": 1, "skipped": 2}}
    assert not switched_off(sandbox)


@pytest.mark.parametrize("rule", ["disable", {"creditors": "disable"}], ids=["both", "the second"])
def test_two_streams_of_one_resource_have_it_together(sandbox, load, rule):
    load(sandbox, "suppliers", vendors("V-1", "V-2", "V-3"))
    streams = {"vendors": "V-1", "creditors": "V-2"}
    schema = {"properties": {}}
    lines = []
    for stream, each in streams.items():
        of = {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": []}
        record = {"type": "RECORD", "stream": stream, "record": {"externalId": each}}
        lines += [json.dumps(of), json.dumps(record)]
    run = load(
        sandbox,
        lines=lines,
        stream_resources=dict.fromkeys(streams, "suppliers"),
        on_missing=rule,
        max_disable_percent=100,
    )
    assert run.code == 0
    assert switched_off(sandbox) == ["V-3"]
