"""Which stream goes where, by which rules, and what is said of rules that cannot be."""

from __future__ import annotations

import json
import logging

import pytest
from precoro_api import BY_NAME, SettingsError
from target_precoro.records.form_keys import form_keys, names_of, path_keys
from target_precoro.records.routes import ACCEPTED, DOCUMENTS, MATCH_ON, check_streams, route_of


@pytest.mark.parametrize(
    ("stream", "resource"),
    [
        ("suppliers", "suppliers"),
        ("Suppliers", "suppliers"),
        ("payment_terms", "payment_terms"),
        ("paymentterms", "payment_terms"),
        ("Payment-Terms", "payment_terms"),
        ("legalentities", "legal_entities"),
        ("purchaseorders", "purchase_orders"),
        ("itemcustomfields", "item_custom_field_options"),
        ("DocumentCustomFields", "document_custom_field_options"),
        ("suppliercustomfields", "supplier_custom_field_options"),
    ],
)
def test_streams_go_where_their_names_say(stream, resource):
    assert route_of(stream, {}).resource.name == resource


def test_any_other_name_goes_where_the_settings_send_it():
    config = {"stream_resources": {"ERP Vendors": "suppliers"}}
    assert route_of("ERP Vendors", config).resource.name == "suppliers"
    assert route_of("ERP Vendors", {"stream_resources": json.dumps(config["stream_resources"])})


@pytest.mark.parametrize(
    ("stream", "nearest"),
    [("vendors", "suppliers"), ("gl accounts", "item_custom_field_options"), ("bills", "invoices")],
)
def test_a_name_that_leads_nowhere_is_told_what_is_near(stream, nearest):
    with pytest.raises(SettingsError, match=f"the nearest is {nearest}"):
        route_of(stream, {})


@pytest.mark.parametrize("stream", ["expenses", "users", "budgets"])
def test_what_this_target_does_not_write_is_refused(stream):
    with pytest.raises(SettingsError, match="does not write"):
        route_of(stream, {})


@pytest.mark.parametrize(
    "config",
    [
        {"stream_resources": {"vendors": "vendrs"}},
        {"stream_resources": "[1]"},
        {"stream_resources": "{"},
        {"modes": 5},
        {"nulls": "{"},
    ],
    ids=str,
)
def test_settings_that_send_nowhere_are_refused_before_anything_is_read(config):
    with pytest.raises(SettingsError):
        check_streams(config)


NO_NUMBER = {"stream": "suppliers", "field": "a", "value": "x", "type": "int"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"modes": "upsrt"}, "modes takes upsert, update, insert, link, not 'upsrt'"),
        ({"modes": {"suppliers": "lnk"}}, "nearest is link"),
        ({"modes": ["link"]}, "modes must be an object by stream"),
        ({"nulls": {"suppliers": {"city": "empty"}}}, "nulls takes clear, keep"),
        ({"nulls": {"suppliers": {"ctiy": "clear"}}}, "nulls.*'ctiy'.*nearest is city"),
        ({"lists": {"suppliers": {"currency": "replace"}}}, "lists.*nearest is currencies"),
        ({"lists": "append"}, "nearest is replace|nearest is merge"),
        ({"field_map": {"suppliers": {"x": "nmae"}}}, "field_map.*nearest is name"),
        ({"match_on": {"suppliers": ["uniqCode"]}}, "match_on.*nearest is uniqueCode"),
        ({"match_on": {"suppliers": "name"}}, "match_on.*wants a list"),
        ({"on_missing": "delete"}, "on_missing takes ignore, report, disable"),
        ({"default_values": {"a": 1}}, "default_values must be a list"),
        ({"only_update_existing_records": "[1]"}, "must be a list of objects"),
        (
            {
                "default_values": [
                    {"stream": "suppliers", "field": "a", "value": "x", "type": "int"}
                ]
            },
            "default_values: 'x' for 'a' is no int",
        ),
    ],
    ids=str,
)
def test_rules_that_cannot_be_are_named(config, words):
    with pytest.raises(SettingsError, match=words):
        route_of("suppliers", config)


def test_rules_are_for_a_stream_for_its_resource_or_for_all():
    config = {"stream_resources": {"vendors": "suppliers"}}
    for given in ("link", {"vendors": "link"}, {"suppliers": "link"}, '{"vendors": "link"}'):
        assert route_of("vendors", {**config, "modes": given}).mode == "link"
    both = {"vendors": "link", "suppliers": "insert"}
    assert route_of("vendors", {**config, "modes": both}).mode == "link"
    assert route_of("vendors", {**config, "modes": {"items": "link"}}).mode == "upsert"


def test_rules_name_fields_by_any_of_their_names():
    config = {
        "nulls": {"suppliers": {"currencies[]": "clear", "city": "keep"}},
        "lists": {"suppliers": {"supplierLegalEntities": "replace"}},
    }
    route = route_of("suppliers", config)
    assert route.cleared == {"currencies"}
    assert route.clears("currencies")
    assert not route.clears("city")
    assert route.replaces("supplierLegalEntityIds")
    assert not route.replaces("currencies")


def test_a_field_that_only_finds_may_be_mapped_too():
    config = {"field_map": {"suppliers": {"TaxNo": "businessRegistrationNumber"}}}
    assert route_of("suppliers", config).field_map == {"TaxNo": "businessRegistrationNumber"}
    with pytest.raises(SettingsError, match="businessRegistrationNumber"):
        route_of("suppliers", {**config, "match_on": {"suppliers": ["name"]}})


def test_what_is_found_by_which_fields_is_a_setting_and_has_defaults():
    assert route_of("suppliers", {}).match_on == MATCH_ON["suppliers"]
    assert route_of("suppliers", {"match_on": {"suppliers": []}}).match_on == ()
    assert route_of("suppliers", {"match_on": {"suppliers": ["city"]}}).match_on == ("city",)
    for resource, names in MATCH_ON.items():
        assert set(names) <= BY_NAME[resource].by_name.keys()


@pytest.mark.parametrize(
    ("listed", "updates"),
    [
        ([{"table": "suppliers"}], True),
        ([{"table": "Suppliers", "is_icf": False, "is_dcf": False}], True),
        ([{"table": "items"}], False),
        ([{"table": "suppliers", "is_icf": True}], False),
        (json.dumps([{"table": "suppliers"}]), True),
        (None, False),
    ],
    ids=str,
)
def test_some_tables_are_only_updated(listed, updates):
    route = route_of("suppliers", {"only_update_existing_records": listed})
    assert (route.mode == "update") is updates


def test_and_some_custom_fields():
    listed = [
        {"table": " Cost Center ", "is_icf": True, "is_dcf": False},
        {"table": "Department", "is_icf": False, "is_dcf": True},
        {"table": "items", "is_icf": False, "is_dcf": False},
    ]
    config = {"only_update_existing_records": listed}
    assert route_of("itemcustomfields", config).only_update_fields == {"cost center"}
    assert route_of("documentcustomfields", config).only_update_fields == {"department"}
    assert route_of("suppliers", config).only_update_fields == frozenset()
    assert route_of("items", config).mode == "update"


@pytest.mark.parametrize("stream", DOCUMENTS)
def test_a_stream_of_documents_must_say_which_exist(stream):
    route = route_of(stream, {})
    with pytest.raises(SettingsError, match="does not offer to create"):
        route.check_schema({"properties": {"externalId": {}, "sum": {}}})
    for known in ("idn", "externalIntegrationLog"):
        route.check_schema({"properties": {"externalId": {}, known: {}}})
    route.check_schema({})
    mapped = route_of(stream, {"field_map": {stream: {"number": "idn"}}})
    mapped.check_schema({"properties": {"number": {}}})


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_forms_are_those_of_the_table(name):
    resource = BY_NAME[name]
    calls = [call for call in (resource.create, resource.update, resource.patch) if call]
    known = {key for call in calls for key in (*call.keys, *call.guessed)} - {"externalId"}
    assert {key.key for key in form_keys(resource).values()} == known
    for key in form_keys(resource).values():
        assert key.is_list == key.key.endswith("[]")
        assert key.refers is None or key.refers in BY_NAME


def test_the_parts_of_a_path_are_those_of_other_records():
    assert [key.by for key in path_keys(BY_NAME["receipts"])] == ["idn"]
    assert [key.refers for key in path_keys(BY_NAME["item_custom_field_options"])] == [
        "item_custom_fields"
    ]
    assert path_keys(BY_NAME["suppliers"]) == ()
    assert names_of("purchase_order")["purchaseOrderIdn"] == "idn"


@pytest.mark.parametrize(("given", "told"), [("warn", 1), ("ignore", 0)])
def test_fields_that_cannot_be_taken_are_told_once_or_not(sandbox, load, caplog, given, told):
    caplog.set_level(logging.INFO)
    records = [{"externalId": f"V-{n}", "name": f"F {n}", "colour": "red"} for n in range(5)]
    run = load(sandbox, "suppliers", records, unknown_fields=given)
    assert run.tally == {"suppliers": {"created": 5}}
    lines = [each for each in caplog.records if "colour" in each.getMessage()]
    assert len(lines) == told
    assert all(each.levelno == logging.WARNING for each in lines)
    assert all("colour" not in each.body for each in sandbox.served)


def test_or_fail_their_records_without_a_request(sandbox, load, caplog):
    records = [{"externalId": "V-1", "name": "F", "colour": "red"}]
    run = load(sandbox, "suppliers", records, unknown_fields="fail")
    assert run.code == 1
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert "take no colour" in caplog.text
    assert "POST" not in run.requests
