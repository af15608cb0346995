"""Trees of options: any order, any depth, one look at each field."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from precoro_sandbox import Fault

OPTIONS = "item_custom_field_options"
STREAM = "itemcustomfields"
FIELDS = "item_custom_fields"


@pytest.fixture
def field(serve):
    """A company with one item custom field, and its id."""

    def start(**options):
        sandbox = serve(**options)
        row = sandbox.store.add(FIELDS, {"name": "Cost center", "enable": True})
        return sandbox, row["id"]

    return start


def tree(field_id, branches=10, leaves=9):
    """Three levels: `branches` at the top, each with as many children, each with `leaves`."""
    records = []
    for a in range(branches):
        records.append({"externalId": f"A{a}", "name": f"Top {a}", "code": f"{a}"})
        for b in range(branches):
            # Codes and names come again below every parent.
            mid = {"externalId": f"A{a}.{b}", "name": f"Mid {b}", "code": f"{b}"}
            records.append({**mid, "parentExternalId": f"A{a}"})
            for c in range(leaves):
                low = {"externalId": f"A{a}.{b}.{c}", "name": f"Low {c}", "code": f"{c}"}
                records.append({**low, "parentExternalId": f"A{a}.{b}"})
    return [{"custom_field_id": field_id, "enable": True, **each} for each in records]


def rows(sandbox):
    return list(sandbox.store.rows(OPTIONS).values())


def is_right(sandbox, records):
    """Whether each option is there once, below the parent that its record names."""
    by_id = {row["id"]: row for row in rows(sandbox)}
    found = {row["externalId"]: row for row in by_id.values()}
    assert Counter(row["externalId"] for row in by_id.values()) == Counter(
        each["externalId"] for each in records
    )
    for each in records:
        row = found[each["externalId"]]
        parent = by_id[row["parent"]["id"]]["externalId"] if row.get("parent") else None
        assert parent == each.get("parentExternalId")
        assert (row["name"], row["code"]) == (each["name"], each["code"])
    return True


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("options_list", ["served", "missing"])
def test_a_thousand_options_three_levels_deep_in_any_order(field, load, seed, options_list):
    sandbox, field_id = field(switches={"options_list": options_list})
    records = tree(field_id, branches=10, leaves=9)
    assert len(records) == 1010
    random.Random(seed).shuffle(records)
    run = load(sandbox, STREAM, records)
    assert run.code == 0
    assert run.tally == {STREAM: {"created": 1010}}
    # The field is looked at once; its options take their external ids in the POST.
    assert run.requests == {"GET": 1, "POST": 1010}
    assert is_right(sandbox, records)


def test_the_same_tree_again_costs_one_request(field, load):
    sandbox, field_id = field()
    records = tree(field_id, branches=4, leaves=3)
    load(sandbox, STREAM, records)
    random.Random(3).shuffle(records)
    again = load(sandbox, STREAM, records)
    assert again.tally == {STREAM: {"unchanged": len(records)}}
    assert again.requests == {"GET": 1}


def test_a_tree_may_come_over_several_runs(field, load, tmp_path):
    sandbox, field_id = field()
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    records = tree(field_id, branches=4, leaves=3)
    random.Random(4).shuffle(records)
    half = len(records) // 2
    first = load(sandbox, STREAM, records[:half], **settings)
    assert first.code == 1
    assert first.tally[STREAM]["created"] + first.tally[STREAM]["waiting"] == half
    made = first.tally[STREAM]["created"]
    assert first.requests == {"GET": 1, "POST": made}
    second = load(sandbox, STREAM, records[half:], **settings)
    assert second.code == 0
    assert second.tally == {STREAM: {"created": len(records) - made}}
    assert is_right(sandbox, records)


def test_a_parent_may_come_in_a_later_batch(field, load):
    sandbox, field_id = field()
    filler = [
        {"custom_field_id": field_id, "externalId": f"F{n}", "name": f"F {n}", "code": f"f{n}"}
        for n in range(1000)
    ]
    child = {**filler[0], "externalId": "child", "code": "c", "name": "C"}
    child["parentExternalId"] = "parent"
    parent = {**filler[0], "externalId": "parent", "code": "p", "name": "P"}
    run = load(sandbox, STREAM, [child, *filler, parent])
    assert run.code == 0
    assert is_right(sandbox, [child, *filler, parent])


@pytest.mark.parametrize("shape", ["bare", "wrapped"])
@pytest.mark.parametrize("empty", ["list", "null", "object"])
def test_parents_may_be_shown_in_any_shape(field, load, shape, empty):
    sandbox, field_id = field(switches={"nested_objects": shape, "empty_nested": empty})
    records = tree(field_id, branches=3, leaves=2)
    load(sandbox, STREAM, records)
    again = load(sandbox, STREAM, records)
    assert again.tally == {STREAM: {"unchanged": len(records)}}
    moved = [{**each, "parentExternalId": "A1"} for each in records if each["externalId"] == "A0.0"]
    assert load(sandbox, STREAM, moved).tally == {STREAM: {"updated": 1}}
    by_external_id = {row["externalId"]: row for row in rows(sandbox)}
    assert by_external_id["A0.0"]["parent"]["id"] == by_external_id["A1"]["id"]


def test_a_circle_is_named_and_what_hangs_below_it_waits(field, load, caplog):
    sandbox, field_id = field()
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("below", "a"), ("self", "self")]
    records = [
        {"custom_field_id": field_id, "externalId": one, "name": one, "parentExternalId": other}
        for one, other in pairs
    ]
    run = load(sandbox, STREAM, records)
    assert run.code == 1
    assert run.tally == {STREAM: {"rejected": 4, "waiting": 1}}
    assert f"{field_id}:a → {field_id}:b → {field_id}:c → {field_id}:a" in caplog.text
    assert f"{field_id}:self → {field_id}:self" in caplog.text
    assert "POST" not in run.requests


def test_a_circle_is_over_and_does_not_come_back(field, load, tmp_path):
    """Its first half was parked; then the rest of the circle came."""
    sandbox, field_id = field()
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    one, other = (
        {"custom_field_id": field_id, "externalId": a, "name": a, "parentExternalId": b}
        for a, b in (("a", "b"), ("b", "a"))
    )
    assert load(sandbox, STREAM, [one], **settings).tally == {STREAM: {"waiting": 1}}
    assert load(sandbox, STREAM, [other], **settings).tally == {STREAM: {"rejected": 2}}
    assert load(sandbox, STREAM, [], **settings).tally == {}


def test_a_supplier_and_an_item_of_one_external_id_are_no_circle(sandbox, load):
    records = [{"externalId": "7", "name": "Bolt", "supplier_external_id": "7"}]
    run = load(sandbox, "items", records)
    assert run.tally == {"items": {"waiting": 1}}


# Codes and names are unique only within their parent


def other(field_id, code, parent=..., **more):
    record = {"custom_field_id": field_id, "code": code, "name": f"Option {code}", **more}
    return record if parent is ... else {**record, "parent[id]": parent}


def test_options_without_external_ids_are_told_apart_by_their_parents(field, load, tmp_path):
    sandbox, field_id = field()
    tops = [sandbox.store.add(OPTIONS, {"field_id": field_id, "name": n, "code": n}) for n in "ab"]
    records = [other(field_id, "1", row["id"]) for row in tops] + [other(field_id, "1", None)]
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    run = load(sandbox, STREAM, records, **settings)
    assert run.tally == {STREAM: {"created": 3}}
    parents = [(row.get("parent") or {}).get("id") for row in rows(sandbox) if row["code"] == "1"]
    assert Counter(parents) == Counter([tops[0]["id"], tops[1]["id"], None])
    assert load(sandbox, STREAM, records, **settings).tally == {STREAM: {"unchanged": 3}}


def test_a_record_at_the_top_is_not_matched_with_one_below(field, load):
    sandbox, field_id = field()
    top = sandbox.store.add(OPTIONS, {"field_id": field_id, "name": "t", "code": "t"})
    below = sandbox.store.add(
        OPTIONS, {"field_id": field_id, "name": "x", "code": "1", "parent": {"id": top["id"]}}
    )
    run = load(sandbox, STREAM, [other(field_id, "1", None, externalId="new")])
    assert run.tally == {STREAM: {"created": 1}}
    assert below.get("externalId") is None


def test_a_flat_list_finds_nested_options_by_their_codes(field, load):
    """It has no column for parents, so it says nothing of them."""
    sandbox, field_id = field()
    top = sandbox.store.add(OPTIONS, {"field_id": field_id, "name": "t", "code": "t"})
    below = sandbox.store.add(
        OPTIONS, {"field_id": field_id, "name": "x", "code": "1", "parent": {"id": top["id"]}}
    )
    record = other(field_id, "1", externalId="O-1", name="new name")
    assert load(sandbox, STREAM, [record]).tally == {STREAM: {"updated": 1}}
    assert (below["externalId"], below["name"], below["parent"]["id"]) == (
        "O-1",
        "new name",
        top["id"],
    )


def test_and_does_not_guess_between_several(field, load, caplog):
    sandbox, field_id = field()
    for name in "ab":
        top = sandbox.store.add(OPTIONS, {"field_id": field_id, "name": name, "code": name})
        nested = {"name": "x", "code": "1", "parent": {"id": top["id"]}}
        sandbox.store.add(OPTIONS, {"field_id": field_id, **nested})
    run = load(sandbox, STREAM, [other(field_id, "1", externalId="O-1")])
    assert run.tally == {STREAM: {"rejected": 1}}
    assert "2 records of Precoro have its code" in caplog.text


@pytest.mark.parametrize("kind", ["lost", "500"])
def test_a_lost_answer_is_not_taken_from_the_namesake_below_another_parent(field, load, kind):
    sandbox, field_id = field()
    tops = [sandbox.store.add(OPTIONS, {"field_id": field_id, "name": n, "code": n}) for n in "ab"]
    records = [other(field_id, "1", row["id"]) for row in tops]
    sandbox.faults.add(Fault(kind, method="POST", skip=1))
    run = load(sandbox, STREAM, records)
    assert run.code == 0
    parents = [row["parent"]["id"] for row in rows(sandbox) if row["code"] == "1"]
    assert sorted(parents) == [row["id"] for row in tops]


# Fields


@pytest.mark.parametrize(
    "place",
    [
        {"custom_field": " cost  CENTER "},
        {"field_name": "Cost center"},
        {"field": {"name": "Cost center"}},
    ],
    ids=str,
)
def test_a_field_may_be_given_by_name(field, load, place):
    sandbox, field_id = field()
    records = [{**place, "externalId": f"O-{n}", "name": f"N{n}"} for n in range(3)]
    run = load(sandbox, STREAM, records)
    assert run.requests == {"GET": 2, "POST": 3}
    assert {row["field_id"] for row in rows(sandbox)} == {field_id}
    assert load(sandbox, STREAM, records).tally == {STREAM: {"unchanged": 3}}


def test_options_of_several_fields_are_kept_apart(field, load):
    sandbox, first = field()
    second = sandbox.store.add(FIELDS, {"name": "Project"})["id"]
    records = [other(each, "1", externalId="same") for each in (first, second)]
    run = load(sandbox, STREAM, records)
    assert run.requests == {"GET": 2, "POST": 2}
    assert sorted(row["field_id"] for row in rows(sandbox)) == [first, second]
    assert load(sandbox, STREAM, records).tally == {STREAM: {"unchanged": 2}}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"custom_field": "Nonsense"}, "no item_custom_fields with name Nonsense"),
        ({"custom_field_id": 424242}, "404"),
        ({}, "it names no field: give custom_field_id"),
    ],
    ids=["unknown name", "unknown id", "none"],
)
def test_a_field_that_is_not_there_is_told_and_the_others_go_on(field, load, caplog, place, words):
    sandbox, field_id = field()
    records = [{**place, "externalId": "x", "name": "X"}, other(field_id, "1", externalId="y")]
    run = load(sandbox, STREAM, records)
    assert run.tally == {STREAM: {"created": 1, "rejected": 1}}
    assert words in caplog.text


def test_only_some_fields_take_new_options_and_all_are_updated(field, load):
    sandbox, first = field(speed=60)  # slow enough to feel a request that is made twice a minute
    second = sandbox.store.add(FIELDS, {"name": "Project"})["id"]
    sandbox.store.add(OPTIONS, {"field_id": first, "externalId": "old", "name": "o", "code": "o"})
    setting = [{"table": "cost CENTER ", "is_icf": True, "is_dcf": False}]
    records = [
        other(first, "1", externalId="new"),
        other(first, "o", externalId="old", name="newer"),
        other(second, "1", externalId="other"),
    ]
    run = load(sandbox, STREAM, records, only_update_existing_records=json.dumps(setting))
    assert run.code == 0
    assert run.tally == {STREAM: {"skipped": 1, "updated": 1, "created": 1}}
    assert run.requests == {"GET": 3, "PATCH": 1, "PUT": 1, "POST": 1}
    assert {row["name"] for row in rows(sandbox)} == {"newer", "Option 1"}


def test_options_of_suppliers_cannot_be_linked_and_are_found_by_their_codes(serve, load):
    sandbox = serve()
    field_id = sandbox.store.add("supplier_custom_fields", {"name": "Rating"})["id"]
    records = [
        {"custom_field_id": field_id, "externalId": f"R{n}", "code": f"{n}", "name": f"N{n}"}
        for n in range(3)
    ]
    stream = "suppliercustomfields"
    run = load(sandbox, stream, records)
    assert run.tally == {stream: {"created": 3}}
    assert "PATCH" not in run.requests
    assert load(sandbox, stream, records).tally == {stream: {"unchanged": 3}}
    records[0]["name"] = "other"
    assert load(sandbox, stream, records).tally == {stream: {"updated": 1, "unchanged": 2}}
