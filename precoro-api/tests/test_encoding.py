"""What travels in bodies and filters, and that a server reads the same back."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api.encoding import encode_form, filter_moment, scalar
from precoro_sandbox.forms import decode_form

UTC = timezone.utc


@pytest.mark.parametrize(
    ("form", "pairs"),
    [
        ({"currencies": ["USD", "EUR"]}, [("currencies[]", "USD"), ("currencies[]", "EUR")]),
        ({"currencies[]": ["USD", "EUR"]}, [("currencies[]", "USD"), ("currencies[]", "EUR")]),
        ({"currencies[]": ("USD",)}, [("currencies[]", "USD")]),
        ({"supplierLegalEntityIds[]": [5, 6]}, [("supplierLegalEntityIds[]", t) for t in "56"]),
        ({"invoice[id]": 17}, [("invoice[id]", "17")]),
        ({"invoice": {"id": 17}}, [("invoice[id]", "17")]),
        ({"category": {"id": 3}, "sku": "A"}, [("category[id]", "3"), ("sku", "A")]),
        ({"enable": True, "prepayment": False}, [("enable", "true"), ("prepayment", "false")]),
        ({"freeOfCharge": 0}, [("freeOfCharge", "0")]),
        ({"sumPaid": Decimal("12.50")}, [("sumPaid", "12.50")]),
        ({"sumPaid": Decimal("1E+3")}, [("sumPaid", "1000")]),
        ({"sumPaid": Decimal("1E-7")}, [("sumPaid", "0.0000001")]),
        ({"percent": 1e-7}, [("percent", "0.0000001")]),
        ({"percent": 0.1}, [("percent", "0.1")]),
        ({"externalId": None}, [("externalId", "")]),
        ({"externalId": ""}, [("externalId", "")]),
        (
            {"payDate": datetime(2023, 12, 1, 20, tzinfo=UTC)},
            [("payDate", "2023-12-01T20:00:00Z")],
        ),
        (
            {"contacts": [{"name": "Ada", "tags": ["a", "b"]}, {"name": "Bo"}]},
            [
                ("contacts[0][name]", "Ada"),
                ("contacts[0][tags][]", "a"),
                ("contacts[0][tags][]", "b"),
                ("contacts[1][name]", "Bo"),
            ],
        ),
        ({"items[]": [{"id": 1}]}, [("items[0][id]", "1")]),
        ({"mixed": ["a", {"b": 1}]}, [("mixed[0]", "a"), ("mixed[1][b]", "1")]),
        ({"entity_ids": "[5, 6]"}, [("entity_ids", "[5, 6]")]),
        ({"currencies": []}, []),
        ({}, []),
    ],
    ids=str,
)
def test_forms_are_bracketed_as_the_api_reads_them(
    form: dict[str, Any], pairs: list[tuple[str, str]]
) -> None:
    assert encode_form(form) == pairs


@pytest.mark.parametrize(
    "inner",
    ["id]&enable[x", "id][name", "a[b]", "id]=1", "", " ", "a b", "a-b", "0", 7, "naïve", "id\n"],
    ids=repr,
)
@pytest.mark.parametrize("around", [lambda it: it, lambda it: {"deep": it}, lambda it: [it]])
def test_an_inner_key_that_is_no_plain_name_is_refused(inner: Any, around: Any) -> None:
    with pytest.raises(ValueError, match="is not a plain name"):
        encode_form({"supplier": around({inner: "1"})})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, ""),
        (0, "0"),
        (-7, "-7"),
        (10**30, "1" + "0" * 30),
        (Decimal("0.10"), "0.10"),
        (Decimal("-1E+2"), "-100"),
        (1e16, "10000000000000000"),
        (2.5, "2.5"),
        ("True", "True"),
        (" text ", " text "),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 13), "2026-01-31T13:00:00Z"),  # noqa: DTZ001 - naive is UTC
        (
            datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=-5))),
            "2026-01-31T18:00:00Z",
        ),
    ],
    ids=repr,
)
def test_one_value_is_one_text(value: Any, text: str) -> None:
    assert scalar(value) == text


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "sNaN", "1e999999", "-1e-999999"])
@pytest.mark.parametrize("around", [scalar, lambda it: encode_form({"sum": it})])
def test_what_has_no_digits_or_too_many_cannot_be_sent(number: str, around: Any) -> None:
    with pytest.raises(ValueError, match="is no number that can be sent"):
        around(Decimal(number))
    if number in ("nan", "inf", "-inf"):
        with pytest.raises(ValueError, match="is no number that can be sent"):
            around(float(number))


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_no_number_travels_with_an_exponent_or_loses_a_digit(value: Decimal) -> None:
    text = scalar(value)
    assert set(text) <= set("-.0123456789")
    assert Decimal(text) == value


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_travel_as_the_shortest_text_that_means_them(value: float) -> None:
    text = scalar(value)
    assert "e" not in text.lower()
    assert float(text) == value


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 13, 59, 59, 999999, tzinfo=UTC), "2026-01-31T13:59:59"),
        (datetime(2026, 1, 31, 13, 59, 59), "2026-01-31T13:59:59"),  # noqa: DTZ001 - naive is UTC
        (
            datetime(2026, 1, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
            "2026-02-01T01:00:00",
        ),
    ],
    ids=["fraction is cut", "naive is UTC", "other offset"],
)
def test_a_filter_takes_whole_seconds_in_utc_without_a_zone(moment: datetime, text: str) -> None:
    assert filter_moment(moment) == text


# There and back. Empty lists and objects are left out: a form cannot say them.

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(places=2, min_value=0, allow_nan=False, allow_infinity=False)
)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=12)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=4)
    ),
    max_leaves=20,
)


def as_texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_texts(inner) for inner in value]
    return scalar(value)


@settings(deadline=None)
@given(st.dictionaries(NAMES, NESTED, max_size=4))
def test_a_server_reads_back_what_was_sent(form: dict[str, Any]) -> None:
    body = urlencode(encode_form(form))
    read = decode_form(parse_qsl(body, keep_blank_values=True))
    assert read == as_texts(form)
