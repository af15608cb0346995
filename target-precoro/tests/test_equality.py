"""What equals what as the API sees it, and what is sent so that it reads it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import BY_NAME
from precoro_api.encoding import scalar
from target_precoro.records.equality import is_empty, merged, misfit, same_id, says, sent
from target_precoro.records.form_keys import form_keys

ITEMS, SUPPLIERS, TERMS, CONTRACTS, PAYMENTS, RECEIPTS, OPTIONS = (
    BY_NAME[name]
    for name in (
        "items",
        "suppliers",
        "payment_terms",
        "contracts",
        "payments",
        "receipts",
        "item_custom_field_options",
    )
)


def same(resource, name, old, wanted, **more):
    return says(resource, form_keys(resource)[name], old, wanted, **more)


@pytest.mark.parametrize(
    ("resource", "name", "values"),
    [
        (ITEMS, "price", [12.5, "12.50", " 12.5 ", Decimal("12.500"), "0012.5"]),
        (ITEMS, "price", [0, "0", "0.00", 0.0]),
        (ITEMS, "freeOfCharge", [1, True, "true", "TRUE", "1", " true"]),
        (ITEMS, "freeOfCharge", [0, False, "false", "False", "0"]),
        (TERMS, "creditPeriodDays", [30, "30", 30.0, Decimal(30), "30.0"]),
        (SUPPLIERS, "name", ["Acme", "Acme ", " Acme"]),
        (SUPPLIERS, "postalCode", [10115, "10115", " 10115"]),
        (SUPPLIERS, "city", [None, "", [], {}, "  "]),
        (ITEMS, "price", [None, "", []]),
        (ITEMS, "category", [None, "", [], {}, {"data": []}]),
        (CONTRACTS, "beginDate", ["2026-01-31", "31.01.2026", "31.1.2026"]),
        (
            PAYMENTS,
            "payDate",
            ["2026-01-31T10:00:00+00:00", "2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00Z"],
        ),
        (SUPPLIERS, "currencies", [["EUR", "USD"], ["USD", "EUR"], {"data": ["USD", "EUR"]}]),
        (SUPPLIERS, "currencies", [None, [], "", {"data": []}]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_all_spellings_of_a_value_are_one(resource, name, values):
    for old in values:
        for wanted in values:
            assert same(resource, name, old, wanted), (old, wanted)


@pytest.mark.parametrize("wanted", ["2026-01-31", "31.01.2026"])
def test_a_day_is_any_moment_of_it(wanted):
    for old in ("2026-01-31T00:00:00+00:00", "2026-01-31T23:59:59Z", "2026-02-01T01:00:00+02:00"):
        assert same(PAYMENTS, "payDate", old, wanted)
    assert not same(PAYMENTS, "payDate", "2026-02-01T00:00:00+00:00", wanted)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [({"id": 5}, 5), ({"id": 5, "name": "x"}, "5"), ({"data": {"id": 5}}, 5), (5, "5"), ("5", 5)],
    ids=str,
)
def test_a_reference_is_its_id_as_number_or_text(shown, wanted):
    assert same(ITEMS, "category", shown, wanted)
    assert not same(ITEMS, "category", shown, 6)


@pytest.mark.parametrize(
    ("resource", "name", "old", "wanted"),
    [
        (ITEMS, "price", 12.5, "12.51"),
        (ITEMS, "price", None, 0),
        (ITEMS, "price", "9", "10"),
        (ITEMS, "freeOfCharge", None, False),
        (ITEMS, "freeOfCharge", True, "0"),
        (SUPPLIERS, "name", "Acme", "acme"),
        (SUPPLIERS, "name", "Acme Ltd", "AcmeLtd"),
        (SUPPLIERS, "postalCode", "010", 10),
        (SUPPLIERS, "city", "", "Kyiv"),
        (ITEMS, "category", [], 5),
        (CONTRACTS, "beginDate", "2026-01-31", "2026-02-01"),
        (PAYMENTS, "payDate", "2026-01-31T10:00:00+00:00", "2026-01-31T10:00:00+02:00"),
    ],
    ids=str,
)
def test_what_differs_for_the_api_differs(resource, name, old, wanted):
    assert not same(resource, name, old, wanted)


def test_lists_are_compared_as_what_they_add_or_as_wholes():
    old = ["USD", "EUR"]
    assert same(SUPPLIERS, "currencies", old, ["EUR"])
    assert not same(SUPPLIERS, "currencies", old, ["EUR"], whole=True)
    assert same(SUPPLIERS, "currencies", old, ["EUR", "USD", "EUR"], whole=True)
    assert not same(SUPPLIERS, "currencies", old, ["GBP"])
    # A null that clears empties it, whatever is merged otherwise.
    assert not same(SUPPLIERS, "currencies", old, None)


def test_a_merged_list_keeps_the_existing_first_and_an_empty_one_still_has_a_key():
    key = form_keys(SUPPLIERS)["currencies"]
    assert merged(key, ["USD", "EUR"], ["GBP", "EUR", ""]) == ["USD", "EUR", "GBP"]
    assert merged(key, ["USD"], ["GBP"], whole=True) == ["GBP"]
    # A form without the key would leave the list alone.
    assert merged(key, ["USD"], [], whole=True) == [""]


def test_legal_entities_of_a_supplier_are_their_ids():
    shown = [{"id": 1}, {"legalEntity": {"id": 2}}]
    assert same(SUPPLIERS, "supplierLegalEntityIds", shown, [2, "1"], whole=True)
    assert merged(form_keys(SUPPLIERS)["supplierLegalEntityIds"], shown, [3]) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("V-1", "V-1 ", True),
        (7, "7", True),
        (7, "007", True),
        ("7", "007", False),
        ("V-1", "v-1", False),
        (None, None, False),
        ("", "V-1", False),
    ],
)
def test_an_external_id_may_come_back_as_a_number(one, other, is_one):
    assert same_id(one, other) is is_one
    assert same_id(other, one) is is_one


@pytest.mark.parametrize(
    ("resource", "name", "value", "form"),
    [
        (ITEMS, "freeOfCharge", "TRUE", "true"),
        (ITEMS, "freeOfCharge", "False", "false"),
        (ITEMS, "freeOfCharge", 1, "true"),
        (ITEMS, "price", " 12.50", "12.50"),
        (ITEMS, "price", 0.1, "0.1"),
        (TERMS, "creditPeriodDays", "30.0", "30"),
        (CONTRACTS, "beginDate", "31.1.2026", "2026-01-31"),
        (PAYMENTS, "payDate", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        (SUPPLIERS, "name", "TRUE", "TRUE"),
        (SUPPLIERS, "city", "", ""),
        (SUPPLIERS, "city", None, ""),
    ],
)
def test_a_value_is_sent_as_the_api_reads_it(resource, name, value, form):
    assert scalar(sent(resource, form_keys(resource)[name], value)) == form


@pytest.mark.parametrize(
    ("resource", "name", "value", "words"),
    [
        (ITEMS, "price", "cheap", "price: 'cheap' is not a number"),
        (ITEMS, "price", float("nan"), "not a finite number"),
        (ITEMS, "freeOfCharge", "perhaps", "neither true nor false"),
        (TERMS, "creditPeriodDays", 1.5, "not a whole number"),
        (ITEMS, "category", "Tools", "not the id of a record"),
        (CONTRACTS, "beginDate", "30.02.2026", "moment"),
        (SUPPLIERS, "phone", ["+1 555 0100"], "its value does not fit"),
    ],
)
def test_a_value_of_another_nature_is_told_before_it_is_sent(resource, name, value, words):
    told = misfit(resource, form_keys(resource)[name], value)
    assert words in told
    assert "0100" not in told


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_empty_is_empty(value):
    assert is_empty(value)


@pytest.mark.parametrize("value", [0, False, "0", " ", [None], {"a": None}])
def test_and_a_zero_is_something(value):
    assert not is_empty(value)


days = st.dates(date(1990, 1, 1), date(2060, 1, 1))
offsets = st.integers(-14 * 4, 14 * 4).map(lambda n: timezone(timedelta(minutes=15 * n)))


moments = st.integers(0, 2**31).map(lambda n: datetime.fromtimestamp(n, timezone.utc))


@given(moments, offsets, offsets)
def test_a_moment_is_one_in_any_offset(aware, there, here):
    one, other = (aware.astimezone(zone).isoformat() for zone in (there, here))
    assert same(PAYMENTS, "payDate", one, other)
    later = (aware + timedelta(days=1)).astimezone(here).isoformat()
    assert not same(PAYMENTS, "payDate", one, later)


@given(days, days)
def test_days_are_one_where_they_are_the_same_in_any_format(one, other):
    for old in (one.isoformat(), one.strftime("%d.%m.%Y")):
        for wanted in (other.isoformat(), f"{other.day}.{other.month}.{other.year:04}"):
            assert same(CONTRACTS, "beginDate", old, wanted) is (one == other)


@given(st.decimals(-(10**9), 10**9, places=4), st.decimals(-(10**9), 10**9, places=2))
def test_numbers_are_compared_as_numbers(one, other):
    assert same(ITEMS, "price", str(one), other) is (one == other)
    assert same(ITEMS, "price", str(one), one)
    assert scalar(sent(ITEMS, form_keys(ITEMS)["price"], f" {one} ")) == format(one, "f")
