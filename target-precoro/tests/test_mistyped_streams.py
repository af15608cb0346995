"""Settings by stream whose stream can be none, and such as name it otherwise."""

from __future__ import annotations

import pytest
from target_precoro.records.routes import check_streams, route_of

BY_STREAM = [
    {"modes": {"supplierz": "link"}},
    {"match_on": {"supplierz": ["name"]}},
    {"nulls": '{"supplierz": "clear"}'},
    {"lists": {"supplierz": "replace"}},
    {"on_missing": {"supplierz": "report"}},
    {"field_map": {"supplierz": {"a": "name"}}},
    {"defaults": {"supplierz": {"name": "a"}}},
    {"default_values": [{"stream": "supplierz", "field": "name", "value": "a"}]},
    {"only_update_existing_records": [{"table": "supplierz"}]},
]


@pytest.mark.parametrize("settings", BY_STREAM, ids=lambda each: next(iter(each)))
def test_a_name_that_no_stream_can_have_is_told_before_anything_is_read(settings, caplog):
    check_streams(settings)
    told = "no stream is called 'supplierz', so what is set for it is for none; did you mean"
    assert f"{next(iter(settings))}: {told} 'suppliers'?" in caplog.text


def test_a_name_like_one_of_the_source_is_the_nearest(caplog):
    check_streams(
        {"stream_resources": {"ERP Vendors": "suppliers"}, "modes": {"erp vendor": "link"}}
    )
    assert "did you mean 'ERP Vendors'?" in caplog.text


def test_names_that_a_stream_may_have_are_not_told(caplog):
    check_streams(
        {
            "stream_resources": {"vendors": "suppliers"},
            "modes": {"vendors": "link", "Suppliers": "link", "itemcustomfields": "update"},
            "field_map": {"approvals": {}, "supplier_custom_field_values": {"a": "value"}},
            "nulls": "keep",
            "default_values": [{"stream": "ITEMS", "field": "name", "value": "a"}, {}],
            "only_update_existing_records": [{"table": "Vehicle", "is_icf": True}],
        }
    )
    assert caplog.text == ""


def test_the_run_says_so(sandbox, load, caplog):
    load(sandbox, "suppliers", [{"externalId": "V", "name": "A"}], modes={"supplierz": "link"})
    assert "no stream is called 'supplierz'" in caplog.text


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("suppliers", "Suppliers"),
        ("Suppliers", "suppliers"),
        ("item_custom_field_options", "itemcustomfields"),
        ("itemcustomfields", "ItemCustomFields"),
    ],
)
def test_another_name_of_the_resource_is_as_good(stream, name):
    assert route_of(stream, {"modes": {name: "link"}}).mode == "link"


def test_the_own_name_of_a_stream_goes_first():
    config = {
        "stream_resources": {"vendors": "suppliers", "creditors": "suppliers"},
        "modes": {"Suppliers": "link", "vendors": "update"},
    }
    assert route_of("vendors", config).mode == "update"
    assert route_of("creditors", config).mode == "link"
