from __future__ import annotations

import itertools
import logging
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import BY_NAME, Client, client_from
from precoro_api.clock import FastClock
from precoro_api.fields import Kind
from precoro_api.resources import CUSTOM_VALUES
from tap_precoro.custom_columns import column_names
from tap_precoro.custom_fields import CUSTOM_FIELDS, Catalogue, FieldKind, sent_values

DOCUMENT = "dataDocumentCustomFields"
SUPPLIER = "dataSupplierCustomFields"
PRODUCT = "dataProductCustomFields"
ITEM = "dataItemCustomFields"


def field(number, name, kind="text", **more):
    return {"id": number, "name": name, "typeString": kind, **more}


def option(number, name, field_id, **more):
    return {"id": number, "name": name, "field_id": field_id, **more}


def entry(field_id, value, **more):
    return {"id": 1, "value": value, "type": 2, "documentCustomField": {"id": field_id}, **more}


# Names of columns

LETTERS = st.one_of(st.sampled_from("aA2 _-.éßЖ"), st.integers(1, 0xD7FF).map(chr))
NAMES = st.dictionaries(
    st.integers(1, 10**9),
    st.one_of(
        st.text(LETTERS, max_size=70), st.sampled_from(["a", "A!", "a 2", "", "7", "é" * 70])
    ),
    max_size=9,
)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Cost center", "cf_cost_center"),
        ("  Manufacturer part no. ", "cf_manufacturer_part_no"),
        ("Société / Straße", "cf_societe_strasse"),
        ("FULL WIDTH", "cf_full_width"),
        ("P&L -- 2025", "cf_p_l_2025"),
        ("Проєкт", "cf_9"),
        ("", "cf_9"),
        ("x" * 99, "cf_" + "x" * 57),
        ("x" * 56 + " y", "cf_" + "x" * 56),
    ],
)
def test_a_column_is_the_folded_name_of_its_field(name, column):
    assert column_names({9: name}) == {9: column}


def test_of_fields_that_clash_the_lowest_id_keeps_the_plain_name():
    assert column_names({31: "Project", 7: "project!", 12: "PROJECT"}) == {
        7: "cf_project",
        12: "cf_project_12",
        31: "cf_project_31",
    }


def test_names_that_clash_after_cutting_or_with_an_ending_are_told_apart():
    long = "x" * 57
    assert column_names({1: long + "a", 2: long + "b"}) == {
        1: "cf_" + long,
        2: "cf_" + "x" * 55 + "_2",
    }
    assert column_names({1: "a", 2: "a", 3: "a 2"}) == {1: "cf_a", 2: "cf_a_2", 3: "cf_a_2_3"}


@given(NAMES)
def test_columns_are_unique_valid_and_of_no_order(names):
    columns = column_names(names)
    assert columns.keys() == names.keys()
    assert len(set(columns.values())) == len(columns)
    for column in columns.values():
        assert re.fullmatch(r"cf_[a-z0-9_]*[a-z0-9]", column)
        assert "__" not in column
        assert len(column) <= 60
    assert column_names(dict(reversed(names.items()))) == columns


@given(NAMES, st.text(LETTERS, max_size=70))
def test_a_new_field_changes_no_column_before_it(names, name):
    columns = column_names(names)
    assert column_names({**names, 10**9 + 1: name}).items() >= columns.items()


# What a record holds

ONE = entry(7, "71")


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ([ONE], [(7, "71")]),
        ({"data": [ONE]}, [(7, "71")]),
        ({"0": ONE, "2": entry(8, "x")}, [(7, "71"), (8, "x")]),
        ([{"data": ONE}], [(7, "71")]),
        ([entry(7, 71)], [(7, 71)]),
        ([entry("7", "71")], [(7, "71")]),
        ([entry(7, None)], [(7, None)]),
        ([entry(7, [71, "72"])], [(7, 71), (7, "72")]),
        ([entry(7, {"data": ["71"]})], [(7, "71")]),
        ([ONE, entry(7, "72"), entry(7, "")], [(7, "71"), (7, "72"), (7, "")]),
        ([{"value": "71", "documentCustomField": {"data": {"id": 7}}}], [(7, "71")]),
        ([{"value": "71", "documentCustomfield": 7}], [(7, "71")]),
        ([{"documentCustomField": {"id": 7}}], [(7, None)]),
        ([], []),
        ({"data": []}, []),
        ("", []),
        ({}, []),
        (None, []),
        ([[], None], []),
        (["loose", {"value": "x"}], [(0, "loose"), (0, {"value": "x"})]),
        ([entry([], "x")], [(0, entry([], "x"))]),
        ("text", [(0, "text")]),
        (ONE, [(0, ONE)]),
    ],
)
def test_values_are_found_in_every_shape_and_none_is_lost(held, found):
    assert list(sent_values(DOCUMENT, {DOCUMENT: held})) == found


def test_a_record_without_the_key_has_no_values():
    assert list(sent_values(DOCUMENT, {"id": 1})) == []


def test_items_call_their_values_by_either_name():
    one = [{"value": "61", "itemCustomField": {"id": 6}}]
    assert list(sent_values(PRODUCT, {ITEM: one, PRODUCT: []})) == [(6, "61")]
    assert list(sent_values(PRODUCT, {PRODUCT: one, ITEM: one})) == [(6, "61")]


# The catalogue, over HTTP


@pytest.fixture
def open_client():
    """Clients of sandboxes; all close with the test."""
    opened = []

    def start(sandbox, **more):
        client = client_from(
            {
                "auth_token": sandbox.account.token,
                "email": sandbox.account.email,
                "base_url": sandbox.url,
                "clock_speed": int(sandbox.clock.speed),
                **more,
            },
            "tap-precoro/test",
        )
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.close()


def small(serve, fields, options=(), **more):
    """A company with these document custom fields and their options."""
    rows = {"document_custom_fields": fields, "document_custom_field_options": options}
    return serve({name: list(many) for name, many in rows.items()}, **more)


def paths(sandbox):
    return [each.path for each in sandbox.served]


def expected(sandbox, family, held):
    """Readable values by field id, as the store's options have it."""
    options = sandbox.store.rows(f"{family}_custom_field_options")
    return {
        each[f"{family}CustomField"]["id"]: (
            options[int(each["value"])]["name"] if each["type"] == 2 else each["value"]
        )
        for each in held
    }


@pytest.mark.parametrize(
    ("resource", "holder", "family"),
    [
        ("purchase_orders", DOCUMENT, "document"),
        ("invoices", DOCUMENT, "document"),
        ("items", PRODUCT, "item"),
        ("suppliers", SUPPLIER, "supplier"),
    ],
)
@pytest.mark.parametrize("nested", ["bare", "wrapped"])
def test_the_demo_companys_values_come_by_name(
    serve, open_client, resource, holder, family, nested
):
    sandbox = serve(seed="demo", switches={"nested_objects": nested})
    client = open_client(sandbox)
    rows = list(itertools.islice(client.records(BY_NAME[resource]), 300))
    catalogue = Catalogue(client, {})
    columns = {each.id: each.column for each in catalogue.fields_of(holder)}
    for row in rows:
        wanted = expected(sandbox, family, sandbox.store.rows(resource)[row["id"]][holder])
        readable = catalogue.columns(holder, row)
        assert readable.columns == {name: wanted.get(each) for each, name in columns.items()}
        assert readable.unknown == {}


def test_lines_of_a_document_come_by_name(serve, open_client):
    sandbox = serve(seed="demo")
    client = open_client(sandbox)
    catalogue = Catalogue(client, {})
    order = next(iter(sandbox.store.rows("purchase_orders").values()))
    lines = client.detail(BY_NAME["purchase_orders"], order["idn"])["items"]["data"]
    assert len(lines) == len(order["items"])
    for line, stored in zip(lines, order["items"], strict=True):
        columns = catalogue.columns(ITEM, line).columns
        wanted = expected(sandbox, "item", stored[ITEM])
        assert columns["cf_gl_account"] == wanted[611]
        assert columns["cf_warranty_until"] == wanted.get(614)


def test_the_schema_has_a_text_column_for_each_field_disabled_ones_too(serve, open_client):
    sandbox = small(serve, [field(5, "Project"), field(3, "Old", enable=False)])
    catalogue = Catalogue(open_client(sandbox), {})
    columns = catalogue.columns_of(DOCUMENT)
    assert list(columns) == ["cf_old", "cf_project"]
    assert {each.name: each.kind for each in columns.values()} == dict.fromkeys(columns, Kind.TEXT)
    assert [each.id for each in catalogue.fields_of(DOCUMENT)] == [3, 5]


def test_a_list_is_read_once_and_a_detail_only_for_select_fields_that_occur(serve, open_client):
    sandbox = serve(seed="demo")
    client = open_client(sandbox)
    rows = list(client.records(BY_NAME["purchase_orders"]))
    before = len(sandbox.served)
    catalogue = Catalogue(client, {})
    for row in rows:
        held = [each for each in row[DOCUMENT]["data"] if each["documentCustomField"]["id"] != 712]
        catalogue.columns(DOCUMENT, {DOCUMENT: held})
        list(catalogue.values(DOCUMENT, {DOCUMENT: held}))
    assert paths(sandbox)[before] == "/documentcustomfields"
    assert sorted(paths(sandbox)[before + 1 :]) == [
        "/documentcustomfields/711",
        "/documentcustomfields/713",
    ]


def test_a_catalogue_that_nobody_asks_sends_nothing(serve, open_client):
    sandbox = serve(seed="demo")
    catalogue = Catalogue(open_client(sandbox), {})
    assert list(catalogue.values(DOCUMENT, {DOCUMENT: []})) == []
    assert paths(sandbox) == []


def test_a_field_of_unknown_kind_is_a_select_field_if_it_has_options(serve, open_client):
    fields = [field(1, "Choice", "type.7"), field(2, "Badge", None), field(3, "Note", "type.9")]
    sandbox = small(serve, fields, [option(71, "Red", 1)])
    catalogue = Catalogue(open_client(sandbox), {})
    held = {DOCUMENT: [entry(1, "71"), entry(2, "71"), entry(3, "free text"), entry(2, "72")]}
    assert catalogue.columns(DOCUMENT, held).columns == {
        "cf_choice": "Red",
        "cf_badge": "71; 72",
        "cf_note": "free text",
    }
    assert [value.option_id for value in catalogue.values(DOCUMENT, held)] == [71, None, None, None]
    assert paths(sandbox) == [
        "/documentcustomfields",
        "/documentcustomfields/1",
        "/documentcustomfields/2",
    ]


def test_a_number_in_a_text_field_is_no_option(serve, open_client):
    sandbox = small(serve, [field(1, "Reference", "text")], [option(71, "Red", 1)])
    catalogue = Catalogue(open_client(sandbox), {})
    assert catalogue.columns(DOCUMENT, {DOCUMENT: [ONE, entry(1, "71")]}).columns == {
        "cf_reference": "71"
    }
    assert paths(sandbox) == ["/documentcustomfields"]


def test_kinds_are_told_by_the_words_of_the_type(serve, open_client):
    said = ["Select", "customField.type.multiSelect", "Dropdown", "text", "Date", "number", "x", ""]
    sandbox = small(serve, [field(n, "f", kind) for n, kind in enumerate(said, start=1)])
    kinds = [each.kind for each in Catalogue(open_client(sandbox), {}).fields_of(DOCUMENT)]
    assert kinds == [FieldKind.SELECT] * 3 + [FieldKind.PLAIN] * 3 + [FieldKind.UNKNOWN] * 2


def test_several_values_of_one_field_are_joined_and_unknown_ids_stay(serve, open_client):
    sandbox = small(
        serve,
        [field(7, "Colour", "select")],
        [option(71, "Red", 7), option(72, None, 7, label="B Blue")],
    )
    catalogue = Catalogue(open_client(sandbox), {})
    held = [entry(7, v) for v in (71, "72", " 71 ", "99", "", None, "no id", Decimal("1.5"))]
    assert catalogue.columns(DOCUMENT, {DOCUMENT: held}).columns == {
        "cf_colour": "Red; B Blue; Red; 99; no id; 1.5"
    }


def test_each_value_says_its_field_what_was_sent_and_its_option(serve, open_client):
    sandbox = small(
        serve,
        [field(7, "Colour", "select"), field(8, "Size")],
        [option(71, "Red", 7)],
    )
    catalogue = Catalogue(open_client(sandbox), {})
    held = [entry(7, "71"), entry(7, "99"), entry(8, "XL"), entry(9, "71"), "loose"]
    assert [
        (each.field_id, each.field_name, each.value, each.option_id, each.option_name)
        for each in catalogue.values(DOCUMENT, {DOCUMENT: held})
    ] == [
        (7, "Colour", "71", 71, "Red"),
        (7, "Colour", "99", 99, None),
        (8, "Size", "XL", None, None),
        (9, None, "71", None, None),
        (0, None, "loose", None, None),
    ]


def test_what_has_no_column_is_kept_as_it_came(serve, open_client):
    sandbox = small(serve, [field(8, "Size")])
    catalogue = Catalogue(open_client(sandbox), {})
    held = [entry(9, 71), entry(8, {"a": 1}), entry(9, "72"), entry(10, None), {"value": "x"}]
    readable = catalogue.columns(DOCUMENT, {DOCUMENT: held})
    assert readable.columns == {"cf_size": '{"a": 1}'}
    assert readable.unknown == {"cf_9": [71, "72"], DOCUMENT: [{"value": "x"}]}


def test_a_field_is_named_by_its_title_if_it_has_no_name(serve, open_client):
    parents = {"document_custom_fields": [{"id": "8", "title": "Größe"}, {"title": "no id"}]}
    sandbox = small(serve, [])
    catalogue = Catalogue(open_client(sandbox), parents)
    assert [(each.id, each.name, each.column) for each in catalogue.fields_of(DOCUMENT)] == [
        (8, "Größe", "cf_grosse")
    ]
    assert paths(sandbox) == []


def test_the_list_is_shared_with_other_streams_whole(serve, open_client):
    sandbox = serve(seed="demo")
    parents = {}
    Catalogue(open_client(sandbox), parents).fields_of(PRODUCT)
    assert parents.keys() == {"item_custom_fields"}
    assert {"position", "required", "createDate"} <= parents["item_custom_fields"][0].keys()


def test_both_keys_of_item_values_share_one_list(serve, open_client):
    sandbox = serve(seed="demo")
    catalogue = Catalogue(open_client(sandbox), {})
    assert catalogue.fields_of(PRODUCT) == catalogue.fields_of(ITEM)
    assert paths(sandbox) == ["/itemcustomfields"]


def test_the_next_process_need_not_list_again_for_ten_minutes(serve, open_client, tmp_path):
    sandbox = serve(seed="demo", speed=60)
    ledger = {"quota_path": str(tmp_path / "quota.sqlite3")}
    parents = {}
    first = Catalogue(open_client(sandbox, **ledger), {}).fields_of(DOCUMENT)
    catalogue = Catalogue(open_client(sandbox, **ledger), parents)
    assert catalogue.fields_of(DOCUMENT) == first
    assert parents == {}
    assert paths(sandbox) == ["/documentcustomfields"]
    assert catalogue.columns(DOCUMENT, {DOCUMENT: [entry(713, "71041")]}).columns[
        "cf_spend_type"
    ] == ("Running costs")


def test_after_ten_minutes_the_fields_are_listed_anew(serve, open_client):
    sandbox = small(serve, [field(1, "Old")])
    client = open_client(sandbox)
    assert list(Catalogue(client, {}).columns_of(DOCUMENT)) == ["cf_old"]
    sandbox.store.add("document_custom_fields", field(2, "New"))
    client.clock.sleep(601)
    assert list(Catalogue(client, {}).columns_of(DOCUMENT)) == ["cf_old", "cf_new"]


def test_what_is_kept_between_processes_is_no_more_than_names_and_types(serve, open_client):
    client = open_client(serve(seed="demo"))
    Catalogue(client, {}).fields_of(DOCUMENT)
    kept = client.quota.recall("custom_fields:document_custom_fields")
    assert {key for row in kept for key in row} == {"id", "name", "typeString"}


@pytest.mark.parametrize("refusal", ["forbidden", "absent"])
def test_a_family_that_may_not_be_listed_is_empty_and_one_warning_says_so(
    serve, open_client, caplog, refusal
):
    sandbox = serve(seed="demo", **{refusal: ["document_custom_fields"]})
    catalogue = Catalogue(open_client(sandbox), {})
    held = {DOCUMENT: [entry(711, "71007"), entry(714, "REF 1")]}
    with caplog.at_level(logging.WARNING):
        assert catalogue.columns_of(DOCUMENT) == {}
        for _ in range(3):
            readable = catalogue.columns(DOCUMENT, held)
    assert readable.columns == {}
    assert readable.unknown == {"cf_711": ["71007"], "cf_714": ["REF 1"]}
    assert caplog.text.count("stay as they came") == 1
    assert "document_custom_fields" in caplog.text
    assert paths(sandbox) == ["/documentcustomfields"]
    assert "cf_segment" in catalogue.columns_of(SUPPLIER)


def test_a_refusal_is_not_asked_for_again_but_told_again(serve, open_client, caplog, tmp_path):
    sandbox = serve(seed="demo", speed=60, forbidden=["item_custom_fields"])
    for _ in range(2):
        client = open_client(sandbox, quota_path=str(tmp_path / "quota.sqlite3"))
        with caplog.at_level(logging.WARNING):
            assert Catalogue(client, {}).fields_of(ITEM) == ()
    assert paths(sandbox) == ["/itemcustomfields"]
    assert caplog.text.count("stay as they came") == 2


def test_options_that_are_refused_leave_ids_and_one_warning_a_field(serve, open_client, caplog):
    sandbox = serve(seed="demo", forbidden=["document_custom_fields"])
    listed = {"document_custom_fields": [field(711, "Department", "select")]}
    catalogue = Catalogue(open_client(sandbox), listed)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            readable = catalogue.columns(DOCUMENT, {DOCUMENT: [entry(711, "71007")]})
    assert readable.columns == {"cf_department": "71007"}
    assert caplog.text.count("without the names of options") == 1
    assert paths(sandbox) == ["/documentcustomfields/711"]


def test_options_need_no_list_of_their_own(serve, open_client):
    sandbox = serve(seed="demo", switches={"options_list": "missing"})
    catalogue = Catalogue(open_client(sandbox), {})
    held = {SUPPLIER: [{"value": "91003", "supplierCustomField": {"id": 911}}]}
    assert catalogue.columns(SUPPLIER, held).columns["cf_segment"] == "Tail"


class BareDetails(Client):
    """A client of an API whose details do not embed options under the usual key."""

    key = "nowhere"

    def detail(self, resource, key):
        detail = super().detail(resource, key)
        options = detail.pop("options", None)
        return {**detail, self.key: {"data": options}}


@pytest.fixture
def bare_client():
    opened = []

    def start(sandbox):
        client = BareDetails(
            token=sandbox.account.token,
            email=sandbox.account.email,
            base_url=sandbox.url,
            clock=FastClock(sandbox.clock.speed),
        )
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.close()


@pytest.mark.parametrize(("options_list", "name"), [("served", "Investment"), ("missing", "71042")])
def test_options_that_no_detail_embeds_come_from_their_list(serve, bare_client, options_list, name):
    sandbox = serve(seed="demo", switches={"options_list": options_list})
    catalogue = Catalogue(bare_client(sandbox), {})
    for _ in range(2):
        columns = catalogue.columns(DOCUMENT, {DOCUMENT: [entry(713, "71042")]}).columns
        assert columns["cf_spend_type"] == name
    assert paths(sandbox) == [
        "/documentcustomfields",
        "/documentcustomfields/713",
        "/documentcustomfields/713/options",
    ]


def test_options_of_suppliers_have_no_list_so_ids_stay(serve, bare_client):
    sandbox = serve(seed="demo")
    catalogue = Catalogue(bare_client(sandbox), {})
    held = {SUPPLIER: [{"value": "91003", "supplierCustomField": {"id": 911}}]}
    assert catalogue.columns(SUPPLIER, held).columns["cf_segment"] == "91003"
    assert paths(sandbox) == ["/suppliercustomfields", "/suppliercustomfields/911"]


def test_options_are_found_under_the_other_spelling_of_their_key(serve, bare_client):
    client = bare_client(serve(seed="demo", switches={"options_list": "missing"}))
    client.key = "option"
    rows = Catalogue(client, {}).option_rows("document_custom_fields", 713)
    assert [row["name"] for row in rows] == ["Running costs", "Investment"]


def test_a_field_without_choices_has_no_options_and_that_is_no_error(serve, bare_client):
    client = bare_client(serve(seed="demo", switches={"options_list": "missing"}))
    assert Catalogue(client, {}).option_rows("document_custom_fields", 714) == []


def test_options_that_another_stream_has_read_are_not_read_again(serve, open_client):
    sandbox = serve(seed="demo")
    catalogue = Catalogue(open_client(sandbox), {})
    whole = catalogue.option_rows("document_custom_fields", 713)
    assert {"code", "level", "externalId"} <= whole[0].keys()
    columns = catalogue.columns(DOCUMENT, {DOCUMENT: [entry(713, "71042")]}).columns
    assert columns["cf_spend_type"] == "Investment"
    assert catalogue.option_rows("document_custom_fields", 713) == whole
    assert paths(sandbox) == ["/documentcustomfields/713", "/documentcustomfields"]


def test_a_key_that_holds_no_custom_values_is_named(serve, open_client):
    catalogue = Catalogue(open_client(serve()), {})
    with pytest.raises(ValueError, match="items holds no custom values"):
        catalogue.fields_of("items")


def test_every_holder_names_a_resource_that_is_listed():
    assert all(BY_NAME[resource].list for resource in CUSTOM_VALUES.values())


def test_the_setting_keeps_values_raw_by_default():
    schema = CUSTOM_FIELDS.json_schema
    assert schema["default"] == "raw"
    assert schema["enum"] == ["raw", "columns", "values", None]
