"""The decisions, pure: what equals what, what is refused, and that a plan carried out is enough."""

from __future__ import annotations

import dataclasses
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME, SettingsError
from target_precoro import upsert
from target_precoro.form_keys import form_keys
from target_precoro.routes import route_of
from target_precoro.upsert import Create, Found, Link, Refused, Skipped, Unchanged, Update, plan
from target_precoro.wanted import Reference, wanted_of

SUPPLIERS, ITEMS, TERMS = (BY_NAME[name] for name in ("suppliers", "items", "payment_terms"))


def decide(resource, record, *rows, by="externalId", **settings):
    route = route_of(resource.name, settings)
    wanted = resolved(wanted_of(route, record))
    return plan(route, wanted, Found(rows, by))


def resolved(wanted):
    """The record with each reference as the id that it names."""
    values = {
        name: value.value if isinstance(value, Reference) else value
        for name, value in wanted.values.items()
    }
    return dataclasses.replace(wanted, values=values)


def row(**values):
    return {"id": 7, "externalId": "V-1", **values}


@pytest.mark.parametrize(
    ("resource", "name", "old", "new"),
    [
        (ITEMS, "price", 12.5, "12.50"),
        (ITEMS, "price", "12.50", 12.5),
        (ITEMS, "price", Decimal("0.10"), "0.1"),
        (ITEMS, "freeOfCharge", True, 1),
        (ITEMS, "freeOfCharge", False, "false"),
        (TERMS, "creditPeriodDays", "30", 30),
        (SUPPLIERS, "name", "Acme", "Acme  "),
        (SUPPLIERS, "city", None, ""),
        (SUPPLIERS, "city", [], ""),
        (SUPPLIERS, "postalCode", 10115, "10115"),
        (SUPPLIERS, "currencies", ["EUR", "USD"], ["USD", "EUR"]),
        (SUPPLIERS, "currencies", ["EUR", "USD"], ["EUR"]),
        (SUPPLIERS, "currencies", {"data": ["EUR"]}, "EUR"),
        (ITEMS, "category", {"id": 5, "name": "x"}, {"id": "5"}),
        (ITEMS, "category", {"data": {"id": 5}}, 5),
    ],
    ids=str,
)
def test_equal_as_the_api_sees_it(resource, name, old, new):
    decision = decide(resource, {"externalId": "V-1", name: new}, row(**{name: old}))
    assert isinstance(decision, Unchanged)


@pytest.mark.parametrize(
    ("resource", "name", "old", "new", "key", "sent"),
    [
        (ITEMS, "price", 12.5, "12.51", "price", "12.51"),
        (SUPPLIERS, "name", "Acme", "acme", "name", "acme"),
        (SUPPLIERS, "city", "Kyiv", "", "city", ""),
        (SUPPLIERS, "currencies", ["USD", "EUR"], ["GBP"], "currencies[]", ["USD", "EUR", "GBP"]),
        (SUPPLIERS, "currencies", [], ["GBP"], "currencies[]", ["GBP"]),
        (ITEMS, "category", {"id": 5}, {"id": 6}, "category[id]", "6"),
        (ITEMS, "category", [], 6, "category[id]", "6"),
    ],
    ids=str,
)
def test_different_as_the_api_sees_it(resource, name, old, new, key, sent):
    decision = decide(resource, {"externalId": "V-1", name: new}, row(**{name: old}))
    assert isinstance(decision, Update)
    assert decision.form == {key: sent}
    assert decision.changes[key].old == old


def test_a_list_is_merged_and_loses_nothing():
    record = {"externalId": "V-1", "supplierLegalEntityIds": [2, 3]}
    shown = row(supplierLegalEntities=[{"id": 1}, {"legalEntity": {"id": 2}}])
    decision = decide(SUPPLIERS, record, shown)
    assert isinstance(decision, Update)
    assert decision.form == {"supplierLegalEntityIds[]": ["1", "2", "3"]}
    assert decide(SUPPLIERS, record, shown, lists="replace").form == {
        "supplierLegalEntityIds[]": ["2", "3"]
    }


def test_a_null_clears_where_the_rules_say_so():
    record = {"externalId": "V-1", "city": None, "note": None, "currencies": None}
    shown = row(city="Kyiv", note="n", currencies=["USD"])
    cleared = decide(SUPPLIERS, record, shown, nulls={"suppliers": {"city": "clear"}})
    assert cleared.form == {"city": None}
    everything = decide(SUPPLIERS, record, shown, nulls="clear", lists="replace")
    assert everything.form == {"city": None, "note": None, "currencies[]": []}


def test_what_was_found_by_other_fields_is_linked():
    decision = decide(SUPPLIERS, {"externalId": "V-1", "name": "Acme"}, {"id": 7, "name": "Acme"})
    assert isinstance(decision, Link)
    assert decision.form == {"externalId": "V-1"}


def test_what_is_linked_to_another_record_is_not_taken_from_it():
    linked = {"id": 7, "name": "Acme", "externalId": "V-9"}
    decision = decide(SUPPLIERS, {"externalId": "V-1", "name": "Acme"}, linked, by="name")
    assert isinstance(decision, Refused)
    assert "found by name (id 7)" in decision.reason


@pytest.mark.parametrize(
    ("mode", "rows", "kind"),
    [
        ("update", (), Skipped),
        ("link", (), Skipped),
        ("insert", (), Create),
        ("insert", ({"id": 7, "externalId": "V-1", "name": "old"},), Unchanged),
        ("link", ({"id": 7, "externalId": None, "name": "old"},), Link),
        ("update", ({"id": 7, "externalId": "V-1", "name": "old"},), Update),
    ],
)
def test_modes_bound_what_may_be_done(mode, rows, kind):
    record = {"externalId": "V-1", "name": "new"}
    assert type(decide(SUPPLIERS, record, *rows, modes=mode)) is kind


@pytest.mark.parametrize("record", [{}, {"name": None}], ids=["missing", "null"])
def test_a_missing_field_and_a_null_are_left_alone(record):
    shown = row(name="Acme", city="Kyiv")
    assert isinstance(decide(SUPPLIERS, {"externalId": "V-1", **record}, shown), Unchanged)


def test_nothing_found_is_created_with_the_forms_own_keys():
    record = {"externalId": "I-1", "name": "Bolt", "category": {"id": 3}, "freeOfCharge": False}
    decision = decide(ITEMS, record)
    assert decision == Create("I-1", {"name": "Bolt", "category[id]": "3", "freeOfCharge": False})


@pytest.mark.parametrize(
    ("resource", "record", "rows", "words"),
    [
        (SUPPLIERS, {"city": "Kyiv"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "", "city": "Kyiv"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "V-1"}, (row(), row(id=8)), "ids 7, 8"),
        (
            BY_NAME["legal_entities"],
            {"externalId": "L-1", "name": "x"},
            (),
            "does not offer to create",
        ),
        (ITEMS, {"externalId": "I-1", "price": "cheap"}, (), "price"),
        (ITEMS, {"externalId": "I-1", "category": "Tools"}, (), "category"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_written_is_refused_with_the_reason(resource, record, rows, words):
    decision = decide(resource, record, *rows)
    assert isinstance(decision, Refused)
    assert words in decision.reason


def test_a_private_value_is_not_in_the_reason():
    decision = decide(SUPPLIERS, {"externalId": "V-1", "phone": ["+1 555 0100"]})
    assert isinstance(decision, Refused)
    assert "0100" not in decision.reason


def test_the_records_own_id_is_never_taken_for_precoros():
    route = route_of("suppliers", {})
    wanted = wanted_of(route, {"externalId": "V-1", "id": 4711, "idn": "5"})
    assert not wanted.values
    assert not wanted.unknown


@pytest.mark.parametrize(
    ("given", "by", "value"),
    [
        ({"supplier[id]": 5}, "id", "5"),
        ({"supplier": 5}, "id", "5"),
        ({"supplier_id": "5.0"}, "id", "5"),
        ({"supplier": {"id": 5, "name": "x"}}, "id", "5"),
        ({"supplier": {"data": {"id": 5}}}, "id", "5"),
        ({"supplier": {"externalId": "V-7"}}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7"}, "externalId", "V-7"),
        ({"supplierExternalId": 7}, "externalId", "7"),
        ({"supplier_name": "Acme", "supplier_external_id": "V-7"}, "externalId", "V-7"),
    ],
    ids=str,
)
def test_references_may_be_nested_flat_and_bracketed(given, by, value):
    wanted = wanted_of(route_of("items", {}), {"externalId": "1", **given})
    assert wanted.values == {"supplier": Reference("suppliers", by, value)}
    assert not wanted.unknown


@pytest.mark.parametrize(
    ("stream", "given", "reference"),
    [
        ("itemcustomfields", {"custom_field_id": "17"}, ("item_custom_fields", "id", "17")),
        ("itemcustomfields", {"fieldId": 17}, ("item_custom_fields", "id", "17")),
        ("itemcustomfields", {"field": {"id": 17}}, ("item_custom_fields", "id", "17")),
        ("receipts", {"purchase_order_idn": 5}, ("purchase_orders", "idn", "5")),
        ("receipts", {"purchaseOrder": {"idn": "5"}}, ("purchase_orders", "idn", "5")),
    ],
    ids=str,
)
def test_a_record_names_the_place_that_it_goes_to(stream, given, reference):
    wanted = wanted_of(route_of(stream, {}), {"externalId": "1", **given})
    assert list(wanted.place.values()) == [Reference(*reference)]
    assert not wanted.unknown


def test_unknown_fields_are_named():
    record = {"externalId": "1", "colour": "red", "_sdc_x": 1}
    assert wanted_of(route_of("suppliers", {}), record).unknown == {"colour"}


def test_defaults_and_maps_come_before_all_else():
    settings = {
        "field_map": {"vendors": {"VendorName": "name"}},
        "defaults": {"vendors": {"city": "Kyiv", "note": "x"}},
        "default_values": [{"stream": "suppliers", "field": "country", "value": "DE"}],
        "stream_resources": {"vendors": "suppliers"},
    }
    record = {"externalId": "1", "VendorName": "Acme", "city": "", "note": "own"}
    values = wanted_of(route_of("vendors", settings), record).values
    assert values == {"name": "Acme", "city": "Kyiv", "note": "own", "country": "DE"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modes": "upsrt"}, "nearest is upsert"),
        ({"nulls": {"suppliers": {"city": "empty"}}}, "nulls"),
        ({"field_map": {"suppliers": {"x": "nmae"}}}, "nearest is name"),
        ({"match_on": {"suppliers": ["uniqCode"]}}, "nearest is uniqueCode"),
        (
            {
                "default_values": [
                    {"stream": "suppliers", "field": "a", "value": "x", "type": "int"}
                ]
            },
            "int",
        ),
        ({"lists": "{"}, "JSON"),
    ],
    ids=str,
)
def test_rules_that_cannot_be_are_named(settings, words):
    with pytest.raises(SettingsError, match=words):
        route_of("suppliers", settings)


values = {
    "text": st.text(max_size=20) | st.integers(0, 99999),
    "number": st.decimals(0, 10**6, places=2) | st.integers(0, 10**6),
    "integer": st.integers(0, 400),
    "moment": st.dates().map(lambda day: day.isoformat()),
    "flag": st.booleans() | st.sampled_from([0, 1, "true", "false"]),
    "list": st.lists(st.sampled_from(["USD", "EUR", "GBP"]), min_size=1, max_size=4),
    "reference": st.integers(1, 999),
}


def kind_of(resource, key):
    if key.is_reference:
        return "reference"
    if key.is_list:
        return "list"
    field = resource.by_name.get(key.shown_as)
    return field.kind.value if field and field.kind.value in values else "text"


def records(resource):
    chosen = {
        name: values[kind_of(resource, key)]
        for name, key in form_keys(resource).items()
        if name != "contacts"  # its inside is unknown
    }
    return st.fixed_dictionaries({"externalId": st.just("X-1")}, optional=chosen)


def carried_out(resource, decision):
    """The row that the API has after a plan: what was sent, as it shows it."""
    shown = dict(decision.row) if isinstance(decision, Update) else {"id": 1, "externalId": "X-1"}
    for key in form_keys(resource).values():
        if key.key in decision.form:
            value = decision.form[key.key]
            shown[key.shown_as] = {"id": value} if key.is_reference else value
        else:
            shown.setdefault(key.shown_as, [] if key.is_list or key.is_reference else None)
    return shown


WRITABLE = ("suppliers", "items", "taxes", "payment_terms", "locations", "contracts")


def plainly(value):
    """A value for a comparison that owes nothing to the code that is judged."""
    if isinstance(value, dict):
        value = value["id"]
    text = str(value).strip().lower()
    text = {"true": "1", "false": "0", "none": ""}.get(text, text)
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text


def holds(name, data, **settings):
    """The property: after a plan is carried out, nothing is left to do; what was there stays."""
    resource = BY_NAME[name]
    first = data.draw(records(resource))
    created = decide(resource, first, **settings)
    assert isinstance(created, Create)
    shown = carried_out(resource, created)
    assert isinstance(decide(resource, first, shown, **settings), Unchanged)
    second = data.draw(records(resource))
    changed = decide(resource, second, shown, **settings)
    before = dict(shown)
    if isinstance(changed, Update):
        shown = carried_out(resource, changed)
    assert isinstance(decide(resource, second, shown, **settings), Unchanged)
    for key in form_keys(resource).values():
        if key.updates and key.name in second and not key.is_list and key.name != "id":
            assert plainly(shown[key.shown_as]) == plainly(second[key.name])
        if key.is_list:
            assert set(map(str, before[key.shown_as])) <= set(map(str, shown[key.shown_as]))
        elif key.name not in second and key.shown_as not in second:
            assert shown[key.shown_as] == before[key.shown_as]


@pytest.mark.parametrize("name", WRITABLE)
@given(data=st.data())
def test_after_a_plan_is_carried_out_nothing_is_left_to_do(name, data):
    holds(name, data)


@pytest.mark.parametrize("name", ["suppliers", "items"])
@given(data=st.data())
def test_nor_where_nulls_clear(name, data):
    resource = BY_NAME[name]
    record = data.draw(records(resource))
    shown = carried_out(resource, decide(resource, record))
    emptied = {"externalId": "X-1", **dict.fromkeys(set(record) - {"externalId"})}
    cleared = decide(resource, emptied, shown, nulls="clear", lists="replace")
    if isinstance(cleared, Update):
        shown = carried_out(resource, cleared)
    assert isinstance(decide(resource, emptied, shown, nulls="clear", lists="replace"), Unchanged)


BUGS = {
    "all compared as text": (
        upsert,
        "says",
        lambda _, __, old, wanted, **___: str(old) == str(wanted),
    ),
    "lists replaced": (upsert, "merged", lambda key, old, wanted, **_: list(wanted)),
    "changes forgotten": (upsert, "says", lambda *_, **__: True),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_properties_catch_bugs_that_are_put_in(monkeypatch, bug):
    monkeypatch.setattr(*BUGS[bug])

    @settings(max_examples=300, database=None, phases=[Phase.generate], deadline=None)
    @given(data=st.data())
    def caught(data):
        holds("suppliers", data)

    with pytest.raises(AssertionError):
        caught()
