"""A saved plan is carried out exactly, but for what changed since; twice is once."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from precoro_sandbox import Sandbox, SandboxClock

from .planned_loads import item, lines_of, named, rows, suppliers, total, vendors, writes

OPTIONS = "document_custom_field_options"


# Carrying it out


def test_two_records_that_changed_since_are_left_and_the_rest_is_done(
    sandbox, load, saved, apply, caplog, tmp_path
):
    load(sandbox, "suppliers", vendors(6, city="Kyiv"))
    path = saved(sandbox, *suppliers(*vendors(8, city="Lviv")), ("items", item(1, 7)))
    before = named(sandbox)
    sandbox.store.change("suppliers", before["V-1"], {"city": "Odesa"})
    sandbox.store.change("suppliers", before["V-2"], {"city": "Dnipro"})
    links, report = tmp_path / "links.singer", tmp_path / "report.jsonl"
    run = apply(sandbox, path, links_path=str(links), report_path=str(report))
    assert run.code == 1
    assert run.states == []
    assert run.tally == {
        "suppliers": {"created": 2, "updated": 4, "stale": 2},
        "items": {"created": 1},
    }
    assert "suppliers V-1 is left as it is: its city changed since" in caplog.text
    after = named(sandbox)
    cities = [after[f"V-{n}"]["city"] for n in range(8)]
    assert cities == ["Lviv", "Odesa", "Dnipro", *["Lviv"] * 5]
    assert named(sandbox, "items")["I-1"]["supplier"]["id"] == after["V-7"]["id"]
    told = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(each["key"], each["record"]) for each in told if each["action"] == "stale"] == [
        ("V-1", 2),
        ("V-2", 3),
    ]
    ids = [json.loads(line)["record"] for line in links.read_text().splitlines()[1:]]
    assert {each["externalId"]: each["precoroId"] for each in ids} == {
        "V-6": after["V-6"]["id"],
        "V-7": after["V-7"]["id"],
        "I-1": named(sandbox, "items")["I-1"]["id"],
    }
    since = len(sandbox.served)
    again = apply(sandbox, path)
    assert again.tally == {"suppliers": {"unchanged": 6, "stale": 2}, "items": {"unchanged": 1}}
    assert not writes(sandbox, since)


def test_a_plan_is_looked_up_200_records_a_request(sandbox, load, saved, apply):
    load(sandbox, "suppliers", vendors(450, city="Kyiv"))
    path = saved(sandbox, *suppliers(*vendors(450, city="Lviv")))
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"updated": 450}}
    assert run.requests["GET"] == 3


def test_what_carries_no_external_id_yet_is_looked_up_by_id(sandbox, saved, apply):
    for each in vendors(3):
        sandbox.store.add("suppliers", {"name": each["name"]})
    path = saved(sandbox, *suppliers(*vendors(3)))
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"linked": 3}}
    assert run.code == 0
    assert set(named(sandbox)) == {"V-0", "V-1", "V-2"}


def test_the_steps_are_carried_out_in_their_order(sandbox, saved, apply, tmp_path):
    records = [
        pair for n in range(5) for pair in (("items", item(n)), ("suppliers", vendors(n + 1)[n]))
    ]
    path, report = saved(sandbox, *records), tmp_path / "report.jsonl"
    assert apply(sandbox, path, report_path=str(report)).code == 0
    steps = [step["key"] for step in json.loads(path.read_text())["steps"]]
    assert [json.loads(line)["key"] for line in report.read_text().splitlines()] == steps
    assert len(steps) == 10


def test_slow_answers_overlap_and_change_nothing(serve, load, saved, apply):
    sandbox = serve(switches={"minute_limit": 0, "hour_limit": 0, "day_limit": 0})
    more = {f"requests_per_{kind}": "off" for kind in ("minute", "hour", "day")}
    records = [*suppliers(*vendors(30)), *(("items", item(n)) for n in range(30))]
    path = saved(sandbox, *records, **more)
    sandbox.app.latency = 60.0  # of the sandbox's seconds
    run = apply(sandbox, path, **more)
    assert run.tally == {"suppliers": {"created": 30}, "items": {"created": 30}}
    made = named(sandbox, "items")
    firms = named(sandbox)
    assert all(made[f"I-{n}"]["supplier"]["id"] == firms[f"V-{n}"]["id"] for n in range(30))


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        ({"externalId": "V-other"}, "its externalId changed since"),
        ({"externalId": None}, "its externalId changed since"),
        ({"city": "Odesa", "currencies": ["GBP"]}, "city, currencies"),
        (None, "it is gone"),
    ],
    ids=["linked elsewhere", "unlinked", "two fields", "removed"],
)
def test_what_a_step_cannot_be_done_on_is_told(
    sandbox, load, saved, apply, caplog, meanwhile, words
):
    first = vendors(1, city="Kyiv", currencies=["USD"])[0]
    load(sandbox, "suppliers", [first])
    path = saved(sandbox, *suppliers({**first, "city": "Lviv", "currencies": ["EUR"]}))
    row = rows(sandbox)[0]
    if meanwhile is None:
        sandbox.store.remove("suppliers", row["id"])
    else:
        sandbox.store.change("suppliers", row, meanwhile)
    since = len(sandbox.served)
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"stale": 1}}
    assert run.code == 1
    for word in words.split(", "):
        assert word in caplog.text
    assert not writes(sandbox, since)


def test_equal_is_what_the_api_sees_as_equal(sandbox, load, saved, apply):
    record = {"externalId": "I-1", "name": "Bolt", "price": "1.50"}
    load(sandbox, "items", [record])
    path = saved(sandbox, ("items", {**record, "price": "2"}))
    sandbox.store.change("items", rows(sandbox, "items")[0], {"price": "1.5000", "name": "Bolt "})
    assert apply(sandbox, path).tally == {"items": {"updated": 1}}


@pytest.mark.parametrize("same", [True, False])
def test_what_exists_now_is_not_created_again(sandbox, saved, apply, same):
    path = saved(sandbox, *suppliers({**vendors(1)[0], "city": "Kyiv"}))
    city = "Kyiv" if same else "Odesa"
    sandbox.store.add("suppliers", {"name": "Firm 0", "externalId": "V-0", "city": city})
    since = len(sandbox.served)
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"unchanged" if same else "stale": 1}}
    assert run.code == (0 if same else 1)
    assert not writes(sandbox, since)


def test_what_exists_now_without_its_external_id_is_not_created_again(
    sandbox, saved, apply, caplog
):
    path = saved(sandbox, *suppliers(*vendors(1)), ("items", item(1, 0)))
    made = sandbox.store.add("suppliers", {"name": "firm 0"})
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"stale": 1}, "items": {"stale": 1}}
    assert f"it exists now (id {made['id']}, found by name)" in caplog.text
    assert "suppliers V-0 was to be created, and is not there" in caplog.text
    assert not rows(sandbox, "items")


def test_a_then_b_then_a_ends_at_a_and_twice_is_once(sandbox, saved, apply):
    a, b = ({**vendors(1)[0], "city": city} for city in ("A", "B"))
    path = saved(sandbox, *suppliers(a, b, a))
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"created": 1, "updated": 2}}
    assert named(sandbox)["V-0"]["city"] == "A"
    since = len(sandbox.served)
    assert apply(sandbox, path).tally == {"suppliers": {"unchanged": 3}}
    assert not writes(sandbox, since)


def test_of_a_record_that_is_there_all_steps_are_done_until_its_end_is_reached(
    sandbox, load, saved, apply
):
    a, b, c = ({**vendors(1)[0], "city": city} for city in ("A", "B", "C"))
    load(sandbox, "suppliers", [a])
    path = saved(sandbox, *suppliers(b, c, b))
    assert apply(sandbox, path).tally == {"suppliers": {"updated": 3}}
    assert named(sandbox)["V-0"]["city"] == "B"
    assert apply(sandbox, path).tally == {"suppliers": {"unchanged": 3}}


def test_a_tree_of_options_three_levels_deep(serve, saved, apply, load):
    sandbox = serve(seed="demo")
    records = [
        {"custom_field_id": 711, "externalId": "c", "name": "C", "parentExternalId": "b"},
        {"custom_field_id": 711, "externalId": "b", "name": "B", "parentExternalId": "a"},
        {"custom_field_id": 711, "externalId": "a", "name": "A"},
    ]
    path = saved(sandbox, *((OPTIONS, record) for record in records))
    assert apply(sandbox, path).tally == {OPTIONS: {"created": 3}}
    options = named(sandbox, OPTIONS)
    assert options["c"]["parent"]["id"] == options["b"]["id"]
    assert options["b"]["parent"]["id"] == options["a"]["id"]
    assert load(sandbox, OPTIONS, records).tally == {OPTIONS: {"unchanged": 3}}


def test_receipts_and_contracts_are_made_once(serve, saved, apply):
    sandbox = serve(seed="demo")
    order, warehouse = rows(sandbox, "purchase_orders")[0], rows(sandbox, "warehouses")[0]
    supplier = next(row for row in rows(sandbox) if row.get("externalId"))
    receipt = {
        "externalId": "R-1",
        "purchase_order_idn": order["idn"],
        "requiredDate": "2026-01-31",
        "warehouse": {"id": warehouse["id"]},
    }
    contract = {"number": "C-77", "supplier_external_id": supplier["externalId"], "note": "n"}
    path = saved(sandbox, ("receipts", receipt), ("contracts", contract))
    run = apply(sandbox, path)
    assert run.tally == {"receipts": {"created": 1}, "contracts": {"created": 1}}
    since = len(sandbox.served)
    run = apply(sandbox, path)
    assert run.tally == {"receipts": {"unchanged": 1}, "contracts": {"unchanged": 1}}
    assert not writes(sandbox, since)


def test_a_stale_document_keeps_what_its_log_says(serve, saved, apply):
    sandbox = serve(seed="demo")
    invoice = next(row for row in rows(sandbox, "invoices") if not row.get("externalId"))
    path = saved(sandbox, ("invoices", {"idn": invoice["idn"], "externalId": "E-1"}))
    values = {"externalId": "E-other", "externalIntegrationLog": "no such account"}
    sandbox.store.change("invoices", invoice, values)
    run = apply(sandbox, path, external_integration_log=True)
    assert run.tally == {"invoices": {"stale": 1}}
    assert invoice["externalIntegrationLog"] == "no such account"


def test_documents_are_linked_by_their_number(serve, saved, apply):
    sandbox = serve(seed="demo")
    invoices = [row for row in rows(sandbox, "invoices") if not row.get("externalId")][:2]
    records = [
        ("invoices", {"idn": row["idn"], "externalId": f"E-{row['id']}"}) for row in invoices
    ]
    path = saved(sandbox, *records)
    sandbox.store.change("invoices", invoices[1], {"externalId": "E-other"})
    run = apply(sandbox, path)
    assert run.tally == {"invoices": {"linked": 1, "stale": 1}}
    assert run.requests == {"GET": 3, "PATCH": 1}
    assert invoices[0]["externalId"] == f"E-{invoices[0]['id']}"


def test_records_that_the_source_no_longer_has_are_disabled(sandbox, load, saved, apply):
    load(sandbox, "suppliers", vendors(40))
    path = saved(sandbox, *suppliers(*vendors(39)), on_missing="disable")
    assert apply(sandbox, path).tally == {"suppliers": {"disabled": 1}}
    assert [row["externalId"] for row in rows(sandbox) if row["enable"] is False] == ["V-39"]
    assert apply(sandbox, path).tally == {"suppliers": {"unchanged": 1}}


# It ends in its midst, and goes on


def test_a_plan_that_a_budget_has_cut_goes_on(sandbox, saved, apply):
    records = [*suppliers(*vendors(10)), *(("items", item(n)) for n in range(10))]
    path = saved(sandbox, *records)
    first = apply(sandbox, path, max_requests=24)
    assert first.code == 0
    assert 0 < total(first, "created") < 20
    second = apply(sandbox, path)
    assert second.code == 0
    assert total(second, "created") == 20 - total(first, "created")
    assert total(second, "unchanged") == total(first, "created")
    firms, made = named(sandbox), named(sandbox, "items")
    assert all(made[f"I-{n}"]["supplier"]["id"] == firms[f"V-{n}"]["id"] for n in range(10))


def test_a_plan_that_is_cut_between_two_steps_of_a_record_goes_on(sandbox, saved, apply):
    a, b = ({**vendors(1)[0], "city": city} for city in ("A", "B"))
    path = saved(sandbox, *suppliers(a, b))
    assert apply(sandbox, path, max_requests=4).tally == {"suppliers": {"created": 1}}
    run = apply(sandbox, path)
    assert run.code == 0
    assert run.tally == {"suppliers": {"unchanged": 1, "updated": 1}}
    assert named(sandbox)["V-0"]["city"] == "B"


def test_steps_may_be_taken_out_by_hand(sandbox, saved, apply, load, caplog):
    path = saved(sandbox, *suppliers(*vendors(2)), ("items", item(1, 0)))
    plan = json.loads(path.read_text())
    plan["steps"] = [step for step in plan["steps"] if step["key"] != "V-0"]
    path.write_text(json.dumps(plan))
    run = apply(sandbox, path)
    assert run.tally == {"suppliers": {"created": 1}, "items": {"stale": 1}}
    assert "suppliers V-0 was to be created, and is not there" in caplog.text
    load(sandbox, "suppliers", vendors(1))  # another way
    assert apply(sandbox, path).tally == {"suppliers": {"unchanged": 1}, "items": {"created": 1}}
    assert named(sandbox, "items")["I-1"]["supplier"]["id"] == named(sandbox)["V-0"]["id"]


def test_a_parked_record_is_parked_no_longer_once_its_step_is_done(
    sandbox, load, saved, apply, tmp_path
):
    more = {"journal_path": str(tmp_path / "journal.sqlite3")}
    load(sandbox, "items", [item(1, 0)], **more)
    path = saved(sandbox, *suppliers(*vendors(1)), **more)
    assert apply(sandbox, path, **more).tally == {
        "suppliers": {"created": 1},
        "items": {"created": 1},
    }
    assert load(sandbox, "suppliers", vendors(1), **more).tally == {"suppliers": {"unchanged": 1}}


def test_refused_rows_can_be_tried_again(sandbox, load, saved, apply, tmp_path, caplog):
    sandbox.store.add("suppliers", {"name": "Firm 0"})
    records = suppliers(
        {"VendorId": "V-0", "name": "Firm 0", "city": "Kyiv", "uniqueCode": "U-1"},
        {"VendorId": "V-1", "name": "Firm 1", "currencies": ["EUR"], "phone": "+1 555 0100"},
    )
    more = {"external_id_property": "VendorId"}
    path = saved(sandbox, *records, **more)
    taken = [sandbox.store.add("suppliers", {"name": n, "uniqueCode": "U-1"}) for n in "ab"]
    taken[1]["name"] = "Firm 1"
    taken[1]["uniqueCode"] = None
    rejects = tmp_path / "rejects.singer"
    run = apply(sandbox, path, rejects_path=str(rejects), **more)
    assert run.code == 1
    assert run.tally == {"suppliers": {"rejected": 1, "stale": 1}}
    assert "0100" not in caplog.text
    for row in taken:
        sandbox.store.remove("suppliers", row["id"])
    again = load(sandbox, lines=rejects.read_text().splitlines(), **more)
    assert again.tally == {"suppliers": {"updated": 1}}
    row = named(sandbox)["V-0"]
    assert (row["city"], row["uniqueCode"], row["name"]) == ("Kyiv", "U-1", "Firm 0")


# Whatever the data


@st.composite
def loads(draw):
    """What Precoro has, and records for it that refer to one another, some of them twice."""
    cities = st.sampled_from(["Kyiv", "Lviv"])
    there = [
        {"name": f"Firm {n}", "city": draw(cities), **link}
        for n in range(6)
        for link in draw(st.sampled_from([[], [{"externalId": f"V-{n}"}], [{}]]))
    ]
    supplier = st.builds(
        lambda n, city: ("suppliers", {**vendors(n + 1)[n], "city": city}),
        st.integers(0, 7),
        cities,
    )
    items = st.builds(
        lambda n, m, price: ("items", {**item(n, m), "price": str(price)}),
        st.integers(0, 4), st.integers(0, 7), st.decimals(0, 99, places=2),
    )  # fmt: skip
    option = st.builds(
        lambda n, code: (
            OPTIONS,
            {"custom_field_id": 100_001, "externalId": f"o-{n}", "name": f"Option {n}",
             "code": f"{n}-{code}", **({"parentExternalId": f"o-{(n - 1) // 2}"} if n else {})},
        ),
        st.integers(0, 8), st.integers(0, 1),
    )  # fmt: skip
    return there, draw(st.lists(st.one_of(supplier, items, option), max_size=30))


def told(sandbox):
    """What Precoro has in the end, by names."""
    seen = []
    for resource in ("suppliers", "items", OPTIONS):
        names = {row["id"]: row["name"] for row in rows(sandbox, "suppliers")}
        names |= {row["id"]: row["name"] for row in rows(sandbox, OPTIONS)}
        seen += [
            (resource, row["name"], row.get("externalId"), row.get("city"), str(row.get("price")),
             row.get("code"), *(names[row[name]["id"]] if row.get(name) else None
                                for name in ("supplier", "parent")))
            for row in rows(sandbox, resource)
        ]  # fmt: skip
    return sorted(seen, key=str)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=loads())
def test_a_plan_that_is_applied_ends_as_a_run_would(load, tmp_path, data):
    there, records = data
    path, ends = str(tmp_path / "plan.json"), []
    for planned in (True, False):
        with Sandbox(clock=SandboxClock(6000)) as sandbox:
            sandbox.store.add("document_custom_fields", {"name": "Department"})
            for row in there:
                sandbox.store.add("suppliers", dict(row))
            if planned:
                Path(path).unlink(missing_ok=True)  # it is of another sandbox
                with contextlib.redirect_stderr(io.StringIO()):
                    said = load(sandbox, lines=lines_of(*records), dry_run=True, plan_path=path)
                done = load(sandbox, lines=[], apply_plan=path)
                assert done.code == 0
                for action in ("created", "linked"):
                    assert total(done, action) == total(said, action)
                since = len(sandbox.served)
                assert load(sandbox, lines=[], apply_plan=path).code == 0
                assert not writes(sandbox, since)
            else:
                load(sandbox, lines=lines_of(*records))
            ends.append(told(sandbox))
    assert ends[0] == ends[1]
