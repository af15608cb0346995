"""The decisions, pure: what equals what, what is refused, and that a plan carried out is enough."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import BY_NAME
from target_precoro.upsert import Create, Refused, Unchanged, Update, plan
from target_precoro.wanted import form_keys, wanted_of

SUPPLIERS, ITEMS, TERMS = (BY_NAME[name] for name in ("suppliers", "items", "payment_terms"))


def decide(resource, record, *rows):
    return plan(resource, wanted_of(resource, record, "externalId"), rows)


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
        (ITEMS, "category", {"id": 5}, {"id": 6}, "category[id]", 6),
        (ITEMS, "category", [], 6, "category[id]", 6),
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


@pytest.mark.parametrize("record", [{}, {"name": None}], ids=["missing", "null"])
def test_a_missing_field_and_a_null_are_left_alone(record):
    shown = row(name="Acme", city="Kyiv")
    assert isinstance(decide(SUPPLIERS, {"externalId": "V-1", **record}, shown), Unchanged)


def test_nothing_found_is_created_with_the_forms_own_keys():
    record = {"externalId": "I-1", "name": "Bolt", "category": {"id": 3}, "freeOfCharge": False}
    decision = decide(ITEMS, record)
    assert decision == Create("I-1", {"name": "Bolt", "category[id]": 3, "freeOfCharge": False})


@pytest.mark.parametrize(
    ("resource", "record", "rows", "words"),
    [
        (SUPPLIERS, {"name": "Acme"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "", "name": "Acme"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "V-1"}, (row(), row(id=8)), "ids 7, 8"),
        (BY_NAME["legal_entities"], {"externalId": "L-1", "name": "x"}, (), "the API creates none"),
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
    wanted = wanted_of(SUPPLIERS, {"externalId": "V-1", "id": 4711, "idn": "5"}, "externalId")
    assert not wanted.values
    assert not wanted.unknown


def test_bracketed_and_flat_references_are_understood():
    for record in ({"category[id]": 5}, {"category": 5}, {"category": {"id": 5, "name": "x"}}):
        wanted = wanted_of(ITEMS, {"externalId": "1", **record}, "externalId")
        assert wanted.values == {"category": 5}


def test_unknown_fields_are_named():
    wanted = wanted_of(SUPPLIERS, {"externalId": "1", "colour": "red", "_sdc_x": 1}, "externalId")
    assert wanted.unknown == {"colour"}


values = {
    "text": st.text(max_size=20) | st.integers(0, 99999),
    "number": st.decimals(0, 10**6, places=2) | st.integers(0, 10**6),
    "integer": st.integers(0, 400),
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


WRITABLE = ("suppliers", "items", "taxes", "payment_terms", "locations")


@pytest.mark.parametrize("name", WRITABLE)
@given(data=st.data())
def test_after_a_plan_is_carried_out_nothing_is_left_to_do(name, data):
    resource = BY_NAME[name]
    first = data.draw(records(resource))
    created = decide(resource, first)
    assert isinstance(created, Create)
    shown = carried_out(resource, created)
    assert isinstance(decide(resource, first, shown), Unchanged)
    second = data.draw(records(resource))
    changed = decide(resource, second, shown)
    if isinstance(changed, Update):
        shown = carried_out(resource, changed)
    assert isinstance(decide(resource, second, shown), Unchanged)
