"""Records in, Precoro's own store looked at afterwards, requests counted."""

from __future__ import annotations

import json
import logging

import pytest
from precoro_api import SettingsError
from precoro_sandbox import Fault


def vendors(many, **more):
    return [
        {"externalId": f"V-{n}", "name": f"Firm {n}", "currencies": ["USD"], **more}
        for n in range(many)
    ]


def named(sandbox, resource="suppliers"):
    return {row["externalId"]: row for row in sandbox.store.rows(resource).values()}


def test_250_suppliers_into_an_empty_company_and_then_the_same_again(sandbox, load):
    first = load(sandbox, "suppliers", vendors(250))
    assert first.code == 0
    # Two look-ups, and the list once, where a name may be waiting for its external id.
    assert first.requests == {"GET": 3, "POST": 250, "PATCH": 250}
    second = load(sandbox, "suppliers", vendors(250))
    assert second.requests == {"GET": 2}
    assert second.tally == {"suppliers": {"unchanged": 250}}
    assert len(sandbox.store.rows("suppliers")) == 250


def test_an_api_that_links_on_creation_saves_the_patch(serve, load):
    sandbox = serve(switches={"external_id_on_create": "everywhere"})
    run = load(sandbox, "suppliers", vendors(10))
    assert run.requests == {"GET": 2, "POST": 10}


def test_an_api_that_refuses_the_external_id_is_asked_once(serve, load):
    sandbox = serve(switches={"external_id_on_create": "rejected"})
    run = load(sandbox, "suppliers", vendors(10))
    assert run.requests == {"GET": 2, "POST": 11, "PATCH": 10}
    assert run.tally == {"suppliers": {"created": 10}}
    assert set(named(sandbox)) == {f"V-{n}" for n in range(10)}


@pytest.mark.parametrize("skip", [0, 1], ids=["with the external id", "without it"])
def test_it_is_refused_in_the_second_try_as_well(serve, load, skip):
    """The first POST did not arrive, so the API refuses the external id only in the next."""
    sandbox = serve(switches={"external_id_on_create": "rejected"})
    sandbox.faults.add(Fault("reset", method="POST", skip=skip))
    run = load(sandbox, "suppliers", vendors(2))
    assert run.tally == {"suppliers": {"created": 2}}
    assert set(named(sandbox)) == {"V-0", "V-1"}
    assert len(sandbox.store.rows("suppliers")) == 2


@pytest.mark.parametrize(
    ("patch_fields", "requests"),
    [("external_id_only", {"GET": 1, "PATCH": 1, "PUT": 3}), ("all", {"GET": 1, "PATCH": 3})],
)
def test_changes_go_the_way_that_the_answers_show_to_work(serve, load, patch_fields, requests):
    sandbox = serve(switches={"patch_fields": patch_fields})
    load(sandbox, "suppliers", vendors(3))
    run = load(sandbox, "suppliers", vendors(3, city="Kyiv"))
    assert run.requests == requests
    assert {row["city"] for row in named(sandbox).values()} == {"Kyiv"}


@pytest.mark.parametrize(
    ("switches", "profile", "first", "second"),
    [
        (
            {},
            {"external_id_on_create": "nowhere", "patch_fields": "external_id_only"},
            {"GET": 2, "POST": 3, "PATCH": 3},
            {"GET": 1, "PUT": 3},
        ),
        (
            {"external_id_on_create": "rejected", "put_scalars": "cleared"},
            {
                "external_id_on_create": "rejected",
                "patch_fields": "external_id_only",
                "put_scalars": "cleared",
            },
            {"GET": 2, "POST": 3, "PATCH": 3},
            {"GET": 1, "PUT": 3},
        ),
    ],
)
def test_what_a_probe_found_out_is_not_tried_again(
    serve, load, tmp_path, switches, profile, first, second
):
    path = tmp_path / "precoro-profile.json"
    path.write_text(json.dumps({"version": 1, **profile}))
    sandbox = serve(switches=switches)
    assert load(sandbox, "suppliers", vendors(3), profile_path=str(path)).requests == first
    changed = vendors(3, city="Kyiv")
    assert load(sandbox, "suppliers", changed, profile_path=str(path)).requests == second


def test_only_what_changed_is_sent(serve, load):
    sandbox = serve(switches={"patch_fields": "all"})
    load(sandbox, "suppliers", vendors(1, city="Kyiv"))
    load(sandbox, "suppliers", vendors(1, city="Lviv"))
    assert sandbox.served[-1].body == "city=Lviv"


@pytest.mark.parametrize("switch", ["put_scalars", "put_external_id"])
def test_a_put_that_clears_what_it_does_not_name_loses_nothing(serve, load, switch):
    sandbox = serve(switches={switch: "cleared"})
    load(sandbox, "suppliers", vendors(2, city="Kyiv", note="keep me"))
    run = load(sandbox, "suppliers", vendors(2, city="Lviv"))
    assert run.tally == {"suppliers": {"updated": 2}}
    for row in named(sandbox).values():
        assert (row["city"], row["note"], row["currencies"]) == ("Lviv", "keep me", ["USD"])


def test_a_list_keeps_what_people_added_in_precoro(sandbox, load):
    load(sandbox, "suppliers", vendors(1))
    row = named(sandbox)["V-0"]
    sandbox.store.change("suppliers", row, {"currencies": ["USD", "EUR"]})
    load(sandbox, "suppliers", [{**vendors(1)[0], "currencies": ["GBP"]}])
    assert named(sandbox)["V-0"]["currencies"] == ["USD", "EUR", "GBP"]


def test_a_then_b_then_a_ends_at_a(sandbox, load):
    a, b = ({**vendors(1)[0], "city": city} for city in ("A", "B"))
    run = load(sandbox, "suppliers", [a, b, a])
    assert run.tally == {"suppliers": {"created": 1, "updated": 2}}
    assert named(sandbox)["V-0"]["city"] == "A"


@pytest.mark.parametrize(
    ("stream", "resource", "record"),
    [
        ("items", "items", {"name": "Bolt", "sku": "B-1", "price": "1.50"}),
        ("taxes", "taxes", {"name": "VAT", "percent": 19, "value": 19}),
        ("payment_terms", "payment_terms", {"name": "net 30", "creditPeriodDays": 30}),
        ("paymentterms", "payment_terms", {"name": "net 30", "enable": True}),
        ("locations", "locations", {"name": "Kyiv", "uniqueCode": "KY"}),
        ("Payment-Terms", "payment_terms", {"name": "net 10"}),
    ],
)
def test_each_accepted_resource_is_created_linked_and_then_left_alone(
    sandbox, load, stream, resource, record
):
    records = [{"externalId": "X-1", **record}]
    assert load(sandbox, stream, records).tally == {stream: {"created": 1}}
    assert set(named(sandbox, resource)) == {"X-1"}
    assert load(sandbox, stream, records).tally == {stream: {"unchanged": 1}}
    records[0]["name"] = "another"
    assert load(sandbox, stream, records).tally == {stream: {"updated": 1}}


def test_legal_entities_are_found_and_never_created(serve, load):
    sandbox = serve(seed="demo")
    entity = next(iter(sandbox.store.rows("legal_entities").values()))
    sandbox.store.change("legal_entities", entity, {"externalId": "L-1"})
    records = [{"externalId": "L-1", "name": "x"}, {"externalId": "L-2", "name": "y"}]
    run = load(sandbox, "legal_entities", records)
    assert run.tally == {"legal_entities": {"unchanged": 1, "rejected": 1}}
    assert run.requests == {"GET": 2}


def test_the_key_may_have_another_name_and_the_stream_too(sandbox, load):
    records = [{"VendorId": 1001, "name": "Acme"}]
    settings = {"stream_resources": {"vendors": "suppliers"}, "external_id_property": "VendorId"}
    run = load(sandbox, "vendors", records, **settings)
    assert run.code == 0
    assert set(named(sandbox)) == {"1001"}


@pytest.mark.parametrize(
    ("stream", "nearest"),
    [
        ("suplliers", "suppliers"),
        ("vendors", "suppliers"),
        ("ERP-Vendor-List", "suppliers"),
        ("products", "items"),
        ("terms_of_payment", "payment_terms"),
    ],
)
def test_an_unknown_stream_is_refused_at_its_schema(sandbox, load, caplog, stream, nearest):
    run = load(sandbox, stream, [{"externalId": "1", "name": "x"}])
    assert run.code == 2
    assert not sandbox.served
    assert f"the nearest is {nearest}" in caplog.text
    assert "legal_entities" in caplog.text


def test_a_resource_that_this_target_does_not_write_is_refused(sandbox, load, caplog):
    assert load(sandbox, "expenses", [{"externalId": "1"}]).code == 2
    assert "does not write" in caplog.text


@pytest.mark.parametrize("stream", ["invoices", "purchaseorders"])
def test_what_the_api_does_not_let_one_create_is_refused_at_its_schema(
    sandbox, load, caplog, stream
):
    assert load(sandbox, stream, [{"externalId": "1", "sum": 5}]).code == 2
    assert "does not offer to create" in caplog.text
    assert not sandbox.served


def test_a_mapping_to_nothing_is_refused_before_anything_is_read(sandbox, load):
    with pytest.raises(SettingsError, match="vendrs"):
        load(sandbox, "vendors", vendors(1), stream_resources={"vendors": "vendrs"})


def test_a_rejected_row_does_not_stop_the_others(sandbox, load, caplog, tmp_path):
    records = vendors(5)
    records[2]["name"] = "x" * 300
    path = tmp_path / "rejects.singer"
    run = load(sandbox, "suppliers", records, rejects_path=str(path))
    assert run.code == 1
    assert run.tally == {"suppliers": {"created": 4, "rejected": 1}}
    assert "suppliers V-2" in caplog.text
    assert "This value is too long" in caplog.text
    assert path.stat().st_mode & 0o077 == 0
    lines = path.read_text().splitlines()
    assert json.loads(lines[1])["record"] == records[2]
    again = load(sandbox, lines=lines)
    assert again.tally == {"suppliers": {"rejected": 1}}


@pytest.mark.parametrize(
    "bad",
    [{"city": "no key"}, {"externalId": "V-9", "name": 5}, {"externalId": None, "city": "x"}],
    ids=["no key", "against its schema", "null external id"],
)
def test_a_row_that_cannot_be_sent_is_named_and_the_others_go_on(sandbox, load, bad, caplog):
    schema = {
        "type": "SCHEMA",
        "stream": "suppliers",
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
        "key_properties": [],
    }
    lines = [
        schema,
        *(
            {"type": "RECORD", "stream": "suppliers", "record": r}
            for r in (vendors(1)[0], bad, {**vendors(2)[1]})
        ),
    ]
    run = load(sandbox, lines=[json.dumps(line) for line in lines])
    assert run.code == 1
    assert run.tally["suppliers"] == {"created": 2, "rejected": 1}


def test_fields_that_the_resource_cannot_take_are_told_once(sandbox, load, caplog):
    load(sandbox, "suppliers", vendors(5, colour="red"))
    told = [record for record in caplog.records if "colour" in record.getMessage()]
    assert len(told) == 1
    assert told[0].levelno == logging.WARNING


def test_two_records_with_one_external_id_in_precoro_are_not_guessed_between(sandbox, load, caplog):
    sandbox.store.add("suppliers", {"name": "a", "externalId": "V-0"})
    sandbox.store.add("suppliers", {"name": "b", "externalId": "V-0"})
    run = load(sandbox, "suppliers", vendors(1))
    assert run.code == 1
    assert run.requests == {"GET": 1}
    assert "2 records of Precoro carry this external id" in caplog.text


def test_wrong_credentials_stop_at_once(sandbox, load):
    run = load(sandbox, "suppliers", vendors(5), auth_token="wrong")
    assert run.code == 2
    assert run.requests == {"GET": 1}
    assert run.states == []


def test_a_stream_without_rights_is_refused_row_by_row_without_more_requests(serve, load):
    sandbox = serve(forbidden=["taxes"])
    run = load(sandbox, "taxes", [{"externalId": str(n), "name": str(n)} for n in range(5)])
    assert run.code == 1
    assert run.tally == {"taxes": {"rejected": 5}}
    assert run.requests == {"GET": 1}


@pytest.mark.parametrize("kind", ["lost", "failed", "cut", "html", "empty"])
def test_a_post_whose_answer_is_lost_is_looked_for_and_never_doubled(sandbox, load, kind):
    sandbox.faults.add(Fault(kind, method="POST"))
    run = load(sandbox, "suppliers", vendors(3))
    assert run.code == 0
    assert len(sandbox.store.rows("suppliers")) == 3
    assert set(named(sandbox)) == {"V-0", "V-1", "V-2"}
    assert run.requests["POST"] == 3


@pytest.mark.parametrize("kind", ["500", "reset"])
def test_a_post_that_never_happened_is_made_after_looking(sandbox, load, kind):
    sandbox.faults.add(Fault(kind, method="POST"))
    run = load(sandbox, "suppliers", vendors(3))
    assert run.code == 0
    assert len(sandbox.store.rows("suppliers")) == 3
    assert run.requests["POST"] == 4


@pytest.mark.parametrize("kind", ["lost", "failed", "cut", "html", "empty", "500", "reset"])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_whose_answer_is_lost_ends_in_place(sandbox, load, kind, method):
    load(sandbox, "suppliers", vendors(3))
    sandbox.faults.add(Fault(kind, method=method))
    run = load(sandbox, "suppliers", vendors(3, city="Kyiv"))
    assert run.code == 0
    assert {row["city"] for row in named(sandbox).values()} == {"Kyiv"}


@pytest.mark.parametrize(
    ("settings", "code"), [({}, 0), ({"when_quota_spent": "fail"}, 75)], ids=["stop", "fail"]
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "told by Precoro"])
def test_a_spent_day_stops_with_the_state_of_what_is_done(
    serve, load, caplog, settings, code, known
):
    # Slow enough to stay within one day, and for answers to be quick, so that nothing overlaps.
    sandbox = serve(switches={"day_limit": 102, "minute_limit": 0}, speed=20)
    settings = {"requests_per_minute": "off", **settings}
    settings |= {"requests_per_day": 102} if known else {}
    run = load(sandbox, "suppliers", vendors(120), **settings)
    assert run.code == code
    # Two requests to look, then two each: for the last there is one left, and it needs two.
    assert sum(run.requests.values()) == (102 if known else 103)
    assert run.tally["suppliers"]["created"] == 50
    assert run.states == [{"done": 50}]
    assert "Run again after" in caplog.text
    assert len(sandbox.store.rows("suppliers")) == 50


def test_what_was_written_beside_a_record_that_ends_the_run_is_told_of(serve, load):
    sandbox = serve(speed=600)
    sandbox.app.latency = 4.0  # answers are slow enough for several records to be under way
    stuck = "/suppliers/100009"
    sandbox.faults.add(Fault("500", method="PATCH", path=stuck))
    sandbox.faults.add(Fault("500", times=99, method="GET", path=stuck))
    run = load(sandbox, "suppliers", vendors(30))
    assert run.code == 1
    linked = [row for row in sandbox.store.rows("suppliers").values() if row.get("externalId")]
    assert len(linked) > 9  # some came after the one that could not be read again
    assert run.tally["suppliers"]["created"] == len(linked)


def test_what_a_run_may_send_is_a_setting(sandbox, load):
    run = load(sandbox, "suppliers", vendors(120), max_requests=22)
    assert run.code == 0
    assert sum(run.requests.values()) == 22
    assert run.tally["suppliers"]["created"] == 10
    assert set(named(sandbox)) == {f"V-{n}" for n in range(10)}


def test_whoever_writes_to_us_is_heard_to_the_end(sandbox, load):
    """A tap must not fail for our limits: its messages are read, and its later states kept back."""
    lines = singer_lines(600)
    run = load(sandbox, lines=lines, max_requests=21)
    assert run.code == 0
    assert run.states == []


def singer_lines(many):
    schema = {"type": "SCHEMA", "stream": "suppliers", "schema": {"properties": {}}}
    lines = [json.dumps({**schema, "key_properties": []})]
    lines += [
        json.dumps({"type": "RECORD", "stream": "suppliers", "record": one})
        for one in vendors(many)
    ]
    return [*lines, json.dumps({"type": "STATE", "value": {"done": many}})]


# A list is replaced as a whole, so nothing is sent that was not read


@pytest.mark.parametrize("kind", ["500", "cut", "html", "reset"])
@pytest.mark.parametrize("put_scalars", ["kept", "cleared"])
def test_a_list_that_cannot_be_read_is_not_replaced(serve, load, kind, put_scalars):
    sandbox = serve(switches={"put_scalars": put_scalars})
    values = {"name": "Firm 0", "externalId": "V-0", "currencies": ["USD", "EUR"]}
    row = sandbox.store.add("suppliers", values)
    sandbox.faults.add(Fault(kind, times=99, method="GET", path="/suppliers"))
    run = load(sandbox, "suppliers", [{"externalId": "V-0", "currencies": ["GBP"]}])
    assert run.code == 1
    assert run.requests.keys() == {"GET"}
    assert run.states == []
    assert row["currencies"] == ["USD", "EUR"]
    sandbox.faults.clear()
    assert load(sandbox, "suppliers", [{"externalId": "V-0", "currencies": ["GBP"]}]).code == 0
    assert row["currencies"] == ["USD", "EUR", "GBP"]


@pytest.mark.parametrize("kind", ["lost", "failed", "cut", "empty"])
def test_a_list_whose_change_is_lost_and_cannot_be_read_again_stays_whole(sandbox, load, kind):
    values = {"name": "Firm 0", "externalId": "V-0", "currencies": ["USD", "EUR"]}
    row = sandbox.store.add("suppliers", values)
    sandbox.faults.add(Fault(kind, method="PUT"))
    sandbox.faults.add(Fault("500", times=99, method="GET", path=f"/suppliers/{row['id']}"))
    run = load(sandbox, "suppliers", [{"externalId": "V-0", "currencies": ["GBP"]}])
    assert run.code == 1
    assert set(row["currencies"]) >= {"USD", "EUR"}


@pytest.mark.parametrize(
    ("settings", "record", "left"),
    [
        ({}, {"currencies": ["GBP"]}, ["USD", "EUR", "GBP"]),
        ({}, {"currencies": []}, ["USD", "EUR"]),
        ({}, {"currencies": None}, ["USD", "EUR"]),
        ({"lists": "replace"}, {"currencies": ["GBP"]}, ["GBP"]),
        ({"lists": "replace"}, {"currencies": ["EUR"]}, ["EUR"]),
        ({"lists": {"suppliers": {"currencies": "replace"}}}, {"currencies": []}, []),
        ({"nulls": "clear"}, {"currencies": None}, []),
        ({"nulls": {"suppliers": {"currencies": "clear"}}}, {"currencies": None}, []),
        ({"nulls": {"suppliers": {"city": "clear"}}}, {"currencies": None}, ["USD", "EUR"]),
    ],
    ids=str,
)
def test_lists_and_nulls_do_what_the_settings_say(sandbox, load, settings, record, left):
    values = {"name": "Firm 0", "externalId": "V-0", "currencies": ["USD", "EUR"]}
    row = sandbox.store.add("suppliers", values)
    records = [{"externalId": "V-0", **record}]
    assert load(sandbox, "suppliers", records, **settings).code == 0
    assert row["currencies"] == left
    again = load(sandbox, "suppliers", records, **settings)
    assert again.tally == {"suppliers": {"unchanged": 1}}


@pytest.mark.parametrize("patch_fields", ["all", "external_id_only"])
def test_a_null_that_clears_empties_texts_numbers_and_references(serve, load, patch_fields):
    sandbox = serve(switches={"patch_fields": patch_fields})
    firm = sandbox.store.add("suppliers", {"name": "Acme"})
    values = {"name": "Bolt", "externalId": "I-1", "description": "d", "price": 5}
    item = sandbox.store.add("items", {**values, "supplier": {"id": firm["id"], "name": "Acme"}})
    records = [{"externalId": "I-1", "description": None, "price": None, "supplier_id": None}]
    assert load(sandbox, "items", records).tally == {"items": {"unchanged": 1}}
    assert load(sandbox, "items", records, nulls="clear").tally == {"items": {"updated": 1}}
    assert (item["name"], item["description"], item["price"], item["supplier"]) == (
        "Bolt", None, None, None,
    )  # fmt: skip
    assert load(sandbox, "items", records, nulls="clear").tally == {"items": {"unchanged": 1}}


@pytest.mark.parametrize("given", ["True", "TRUE", "1", 1, True, "true"])
def test_a_flag_in_any_spelling_is_sent_as_the_api_reads_it(sandbox, load, given):
    records = [{"externalId": "I-1", "name": "Bolt", "freeOfCharge": given}]
    assert load(sandbox, "items", records).tally == {"items": {"created": 1}}
    assert named(sandbox, "items")["I-1"]["freeOfCharge"] is True
    assert load(sandbox, "items", records).tally == {"items": {"unchanged": 1}}


@pytest.mark.parametrize("many", [22, 43, 60])
def test_records_under_way_at_once_do_not_take_each_others_budget(serve, load, many):
    """A record that is made and not linked is found with effort only: both requests, or none."""
    sandbox = serve(speed=600)
    sandbox.app.latency = 3.0  # answers that are slower than the pace, so that they overlap
    run = load(sandbox, "suppliers", vendors(120), max_requests=many)
    rows = sandbox.store.rows("suppliers").values()
    assert all(row.get("externalId") for row in rows)
    assert run.tally["suppliers"]["created"] == len(rows) == (many - 2) // 2
