"""One field in several spellings: by its default, its map, and as the external id, too."""

from __future__ import annotations

import pytest
from target_precoro.records.routes import route_of
from target_precoro.records.wanted import Reference, wanted_of


def read(stream, record, **settings):
    return wanted_of(route_of(stream, settings), record)


@pytest.mark.parametrize("spelled", ["currencies", "currencies[]"])
@pytest.mark.parametrize("default", ["currencies", "currencies[]"])
def test_a_default_leaves_what_the_record_says_in_another_spelling(spelled, default):
    record = {"externalId": "1", spelled: ["USD"]}
    wanted = read("suppliers", record, defaults={"suppliers": {default: ["EUR"]}})
    assert wanted.values == {"currencies": ["USD"]}
    empty = read("suppliers", {**record, spelled: None}, defaults={"suppliers": {default: ["EUR"]}})
    assert empty.values == {"currencies": ["EUR"]}


@pytest.mark.parametrize("default", ["supplier_id", "supplier[id]", "supplier"])
def test_a_default_reference_goes_after_the_records_own(default):
    settings = {"defaults": {"items": {default: 5}}}
    own = read("items", {"externalId": "1", "supplier_external_id": "V-1"}, **settings)
    assert own.values == {"supplier": Reference("suppliers", "externalId", "V-1")}
    none = read("items", {"externalId": "1", "supplier_external_id": " "}, **settings)
    assert none.values == {"supplier": Reference("suppliers", "id", "5")}


def test_a_default_place_goes_after_the_records_own():
    settings = {"defaults": {"itemcustomfields": {"custom_field_id": 5}}}
    record = {"externalId": "1", "name": "x", "custom_field": "Account"}
    own = read("itemcustomfields", record, **settings)
    assert own.place == {"field": Reference("item_custom_fields", "name", "Account")}


@pytest.mark.parametrize("turned", [False, True])
def test_a_null_takes_nothing_from_what_is_mapped(turned):
    pairs = [("VendorName", "Acme"), ("name", None)]
    record = {"externalId": "1", **dict(reversed(pairs) if turned else pairs)}
    settings = {"field_map": {"suppliers": {"VendorName": "name"}}}
    wanted = read("suppliers", record, **settings)
    assert wanted.values == wanted.match == {"name": "Acme"}
    both = read("suppliers", {**record, "name": "Other"}, **settings)
    assert both.values == {"name": "Acme"}
    null = read("suppliers", {**record, "name": "Other", "VendorName": None}, **settings)
    assert null.values == {"name": "Other"}


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("items", "sku"),
        ("suppliers", "uniqueCode"),
        ("itemcustomfields", "code"),
        ("items", "name"),
    ],
)
def test_the_external_id_may_be_a_field_as_well(stream, name):
    wanted = read(stream, {name: "K-1", "custom_field_id": 5}, external_id_property=name)
    assert wanted.external_id == "K-1"
    assert wanted.values == {name: "K-1"}


@pytest.mark.parametrize("name", ["id", "supplier_id", "VendorNo"])
def test_what_is_no_field_of_its_own_is_the_external_id_alone(name):
    wanted = read("items", {name: "7"}, external_id_property=name)
    assert (wanted.external_id, wanted.values, wanted.unknown) == ("7", {}, frozenset())
