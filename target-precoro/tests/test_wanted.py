"""What a record asks for, by whatever names it brings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from precoro_api import BY_NAME
from target_precoro.records.routes import ACCEPTED, route_of
from target_precoro.records.upsert import Found, Refused, plan
from target_precoro.records.wanted import Reference, record_names, reference_of, wanted_of


def read(stream, record, **settings):
    return wanted_of(route_of(stream, settings), record)


def supplier(by, value):
    return {"supplier": Reference("suppliers", by, value)}


# References


@pytest.mark.parametrize(
    ("record", "by", "value"),
    [
        ({"supplier": {"externalId": "V-7"}}, "externalId", "V-7"),
        ({"supplier": {"external_id": "V-7"}}, "externalId", "V-7"),
        ({"supplier": {"id": 5, "externalId": "V-7"}}, "id", "5"),
        ({"supplier": {"id": "5.0"}}, "id", "5"),
        ({"supplier": {"name": "Acme"}}, "name", "Acme"),
        ({"supplier": {"data": {"externalId": "V-7"}}}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7"}, "externalId", "V-7"),
        ({"supplier_external_id": 7}, "externalId", "7"),
        ({"supplier_external_id": Decimal("7.0")}, "externalId", "7"),
        ({"supplier_external_id": "007"}, "externalId", "007"),
        ({"supplierExternalId": " V-7 "}, "externalId", "V-7"),
        ({"supplier[externalId]": "V-7"}, "externalId", "V-7"),
        ({"supplier[id]": 5}, "id", "5"),
        ({"supplier": 5}, "id", "5"),
        ({"supplier": "5"}, "id", "5"),
        ({"supplier": 5.0}, "id", "5"),
        ({"supplier_id": "5.0"}, "id", "5"),
        ({"supplierId": 5}, "id", "5"),
        ({"supplier_name": "Acme"}, "name", "Acme"),
        ({"supplierName": "Acme"}, "name", "Acme"),
    ],
    ids=str,
)
def test_a_reference_may_be_nested_flat_or_bracketed(record, by, value):
    wanted = read("items", {"externalId": "I-1", **record})
    assert wanted.values == supplier(by, value)
    assert wanted.references == [Reference("suppliers", by, value)]
    assert not wanted.unknown
    assert not wanted.problems


@pytest.mark.parametrize(
    ("record", "by", "value"),
    [
        ({"supplier_name": "Acme", "supplier_external_id": "V-7"}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7", "supplier_name": "Acme"}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7", "supplier_id": 5}, "id", "5"),
        ({"supplier_id": 5, "supplier_external_id": "V-7"}, "id", "5"),
        ({"supplier_id": None, "supplier_external_id": "V-7"}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7", "supplier_id": ""}, "externalId", "V-7"),
    ],
    ids=str,
)
def test_of_several_the_surest_is_taken(record, by, value):
    for nulls in ("keep", "clear"):
        assert read("items", record, nulls=nulls).values == supplier(by, value)


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}, {"data": []}], ids=repr)
def test_an_empty_reference_is_a_null(empty):
    assert read("items", {"supplier": empty}).values == {}
    assert read("items", {"supplier": empty}, nulls="clear").values == {"supplier": None}
    assert not read("items", {"supplier_external_id": empty}).problems


@pytest.mark.parametrize(
    "record",
    [{"supplier": "Acme"}, {"supplier_id": "V-7"}, {"supplier": {"city": "x"}}, {"supplier": [1]}],
    ids=str,
)
def test_what_names_no_record_is_told(record):
    wanted = read("items", {"externalId": "I-1", **record})
    assert "supplier names no record: give supplier_external_id" in wanted.problems[0]
    decision = plan(route_of("items", {}), wanted, Found())
    assert isinstance(decision, Refused)


def test_long_values_are_not_repeated_in_a_problem():
    wanted = read("items", {"externalId": "I-1", "supplier": "x" * 500})
    assert len(wanted.problems[0]) < 200


def test_references_may_stand_in_lists():
    record = {"supplierLegalEntityIds": [1, {"externalId": "L-2"}, {"id": 3}]}
    wanted = read("suppliers", {"externalId": "V-1", **record})
    one, two = (
        Reference("legal_entities", "externalId", "L-2"),
        Reference("legal_entities", "id", "3"),
    )
    assert wanted.values == {"supplierLegalEntityIds": [1, one, two]}
    assert wanted.references == [one, two]


def test_a_reference_says_what_it_means():
    assert str(Reference("suppliers", "externalId", "V-7")) == "suppliers V-7"
    assert str(Reference("items", "id", "5")) == "items with id 5"


def test_the_surest_reference_of_a_flat_record():
    record = {"supplier_name": "Acme", "supplier_external_id": "V-7"}
    assert reference_of(record, "supplier", "suppliers") == Reference(
        "suppliers", "externalId", "V-7"
    )
    assert reference_of({}, "supplier", "suppliers") is None


# Places


@pytest.mark.parametrize("family", ["item", "document", "supplier"])
@pytest.mark.parametrize(
    ("record", "by", "value"),
    [
        ({"custom_field_id": 17}, "id", "17"),
        ({"custom_field_id": "17.0"}, "id", "17"),
        ({"custom_field_id": 17.0}, "id", "17"),
        ({"customFieldId": "17"}, "id", "17"),
        ({"fieldId": 17}, "id", "17"),
        ({"field_id": 17}, "id", "17"),
        ({"field": {"id": 17}}, "id", "17"),
        ({"field": 17}, "id", "17"),
        ({"custom_field": "Department"}, "name", "Department"),
        ({"field": {"name": "Department"}}, "name", "Department"),
        ({"field_name": "Department"}, "name", "Department"),
        ({"custom_field_name": "Department", "custom_field_id": 17}, "id", "17"),
    ],
    ids=str,
)
def test_an_option_names_its_field(family, record, by, value):
    wanted = read(f"{family}_custom_field_options", {"externalId": "O-1", **record})
    assert wanted.place == {"field": Reference(f"{family}_custom_fields", by, value)}
    assert wanted.path == (value,)
    assert not wanted.problems
    assert not wanted.unknown


@pytest.mark.parametrize("empty", [{}, {"custom_field_id": None}, {"custom_field": ""}], ids=str)
def test_an_option_without_a_field_is_told_what_to_give(empty):
    wanted = read("itemcustomfields", {"externalId": "O-1", **empty})
    assert wanted.problems == (
        "it names no field: give custom_field_id, or custom_field with its name",
    )


@pytest.mark.parametrize(
    ("record", "by", "value"),
    [
        ({"purchase_order_idn": "5"}, "idn", "5"),
        ({"purchase_order_idn": 5.0}, "idn", "5"),
        ({"purchaseOrder": {"idn": "5"}}, "idn", "5"),
        ({"purchase_order_external_id": "PO-5"}, "externalId", "PO-5"),
        ({"purchaseOrder": {"externalId": "PO-5"}}, "externalId", "PO-5"),
        ({"purchase_order_id": 99}, "id", "99"),
    ],
    ids=str,
)
def test_a_receipt_names_its_order(record, by, value):
    wanted = read("receipts", {"externalId": "R-1", **record})
    assert wanted.place == {"purchase_order": Reference("purchase_orders", by, value)}


def test_a_receipt_without_an_order_cannot_be_made_but_an_existing_one_can_be_told_of():
    route = route_of("receipts", {})
    new = wanted_of(route, {"externalId": "R-1", "requiredDate": "2026-01-31"})
    decision = plan(route, new, Found())
    assert isinstance(decision, Refused)
    assert "give purchase_order_idn" in decision.reason
    known = wanted_of(route, {"idn": "3", "externalIntegrationLog": "no account"})
    row = {"id": 1, "idn": "3", "externalId": None, "externalIntegrationLog": None}
    assert plan(route, known, Found((row,), "idn")).form == {"externalIntegrationLog": "no account"}


@pytest.mark.parametrize(
    ("record", "within"),
    [
        ({}, None),
        ({"parent": None}, ""),
        ({"parentExternalId": ""}, ""),
        ({"parent": []}, ""),
        ({"parentExternalId": "P-1"}, "P-1"),
        ({"parent[id]": 5}, "5"),
        ({"parent": {"id": 5}}, "5"),
        ({"parent_id": None, "parentExternalId": "P-1"}, "P-1"),
    ],
    ids=str,
)
def test_an_option_says_below_what_it_stands_or_that_it_is_at_the_top(record, within):
    wanted = read("itemcustomfields", {"custom_field_id": 17, "code": "1", **record})
    assert wanted.within == within


# Keys


@pytest.mark.parametrize(
    ("given", "external_id"),
    [
        ("V-1", "V-1"),
        (" V-1 ", "V-1"),
        (1001, "1001"),
        (1001.0, "1001"),
        (Decimal("1001.00"), "1001"),
        (10.5, "10.5"),
        ("1001.0", "1001.0"),
        ("", None),
        (None, None),
        (True, None),
        ({"id": 1}, None),
        (float("nan"), "nan"),
    ],
)
def test_the_external_id_is_a_text(given, external_id):
    assert read("suppliers", {"externalId": given}).external_id == external_id


def test_the_key_may_stand_under_any_name_and_is_no_field():
    wanted = read("suppliers", {"VendorId": 1001, "name": "A"}, external_id_property="VendorId")
    assert wanted.external_id == "1001"
    assert wanted.values == {"name": "A"}
    assert not wanted.unknown


def test_the_records_own_id_is_its_sources_unless_the_rules_say_otherwise():
    record = {"id": 4711, "externalId": "V-1"}
    assert read("suppliers", record).precoro_id is None
    assert read("suppliers", record, precoro_id_property="id").precoro_id == "4711"
    assert read("suppliers", {"id": "4711.0"}, precoro_id_property="id").precoro_id == "4711"
    assert read("suppliers", {"id": None}, precoro_id_property="id").precoro_id is None
    assert read("suppliers", {"pid": 5}, precoro_id_property="pid").unknown == frozenset()


@pytest.mark.parametrize("stream", ["invoices", "purchaseorders", "receipts", "payments"])
def test_an_idn_names_an_existing_document(stream):
    assert read(stream, {"idn": 17}).idn == "17"
    assert read(stream, {"idn": "17.0"}).key == "17"


def test_and_nothing_else():
    assert read("suppliers", {"idn": 17}).idn is None


# Values


def test_maps_come_first_then_defaults_where_there_is_nothing():
    settings = {
        "stream_resources": {"vendors": "suppliers"},
        "field_map": {"vendors": {"VendorName": "name", "Key": "externalId", "VAT": "uniqueCode"}},
        "defaults": {"vendors": {"city": "Kyiv", "note": "x", "name": "nobody"}},
        "default_values": [
            {"stream": "Suppliers", "field": "country", "value": "UA"},
            {"stream": "VENDORS", "field": "state", "value": "1", "type": "int"},
            {"stream": "items", "field": "postalCode", "value": "1"},
        ],
    }
    record = {"Key": 7, "VendorName": "Acme", "VAT": "DE1", "city": "", "note": "own"}
    wanted = read("vendors", record, **settings)
    assert wanted.external_id == "7"
    assert wanted.values == {
        "name": "Acme",
        "uniqueCode": "DE1",
        "city": "Kyiv",
        "note": "own",
        "country": "UA",
        "state": 1,
    }
    assert wanted.match == {"uniqueCode": "DE1", "name": "Acme"}


@pytest.mark.parametrize(
    ("kind", "value", "typed"),
    [
        ("string", "1", "1"),
        ("int", "5", 5),
        ("integer", 5, 5),
        ("float", "1.5", Decimal("1.5")),
        ("bool", "false", False),
        ("boolean", "TRUE", True),
        ("bool", 0, False),
        (None, "x", "x"),
    ],
)
def test_default_values_have_the_type_that_they_name(kind, value, typed):
    given = [{"stream": "items", "field": "freeOfCharge", "value": value, "type": kind}]
    assert read("items", {"externalId": "1"}, default_values=given).values == {
        "freeOfCharge": typed
    }


def test_a_default_that_is_false_or_zero_counts():
    given = {"items": {"freeOfCharge": False, "price": 0}}
    values = read("items", {"externalId": "1", "price": None}, defaults=given).values
    assert values == {"freeOfCharge": False, "price": 0}


@pytest.mark.parametrize(
    ("nulls", "values"),
    [
        ("keep", {"name": "A"}),
        ("clear", {"name": "A", "city": None, "currencies": None}),
        ({"suppliers": {"city": "clear"}}, {"name": "A", "city": None}),
        ({"suppliers": {"*": "clear"}}, {"name": "A", "city": None, "currencies": None}),
        ({"suppliers": "clear"}, {"name": "A", "city": None, "currencies": None}),
        ({"items": "clear"}, {"name": "A"}),
    ],
    ids=str,
)
def test_a_null_does_what_the_rules_say(nulls, values):
    record = {"externalId": "1", "name": "A", "city": None, "currencies": None}
    assert read("suppliers", record, nulls=nulls).values == values


def test_what_the_resource_cannot_take_is_named():
    record = {"externalId": "1", "colour": "red", "_sdc_x": 1, "id": 5, "updateDate": "x"}
    assert read("suppliers", record).unknown == {"colour"}
    assert read("suppliers", {"businessRegistrationNumber": "1"}).unknown == frozenset()


def test_and_fails_the_record_where_that_is_set():
    settings = {"unknown_fields": "fail"}
    wanted = read("suppliers", {"externalId": "1", "colour": "red", "size": 1}, **settings)
    decision = plan(route_of("suppliers", settings), wanted, Found())
    assert isinstance(decision, Refused)
    assert "take no colour, size" in decision.reason


def test_a_contract_takes_its_supplier_though_the_form_calls_it_id():
    wanted = read("contracts", {"id": 99, "number": "C-1", "supplier_external_id": "V-7"})
    assert wanted.values == {"number": "C-1", "id": Reference("suppliers", "externalId", "V-7")}


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_name_leads_to_one_place_or_value(name):
    resource = BY_NAME[name]
    for kind, stem, _ in record_names(resource).values():
        assert kind in ("value", "place")
        assert stem
    assert "id" not in record_names(resource)
    assert "externalId" not in record_names(resource)
