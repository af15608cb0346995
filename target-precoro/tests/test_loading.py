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
    # Slow enough to stay within one day.
    sandbox = serve(switches={"day_limit": 102}, speed=60)
    settings = settings | ({"requests_per_day": 102} if known else {})
    run = load(sandbox, "suppliers", vendors(120), **settings)
    assert run.code == code
    # Two requests to look, then two each: for the last there is one left, and it needs two.
    assert sum(run.requests.values()) == (102 if known else 103)
    # What was under way beside the request that was refused may be lost with it.
    assert run.tally["suppliers"]["created"] in ((50,) if known else (49, 50))
    assert run.states in ([{"done": 50}], [] if not known else [{"done": 50}])
    assert "Run again after" in caplog.text
    assert len(sandbox.store.rows("suppliers")) in ((50,) if known else (50, 51))


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
