"""Each kind reads every shape that the API is known to answer, and nothing is ever lost."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api.fields import (
    Field,
    Kind,
    Misfit,
    array,
    flag,
    integer,
    moment,
    number,
    object_,
    private,
    read_moment,
    read_row,
    text,
    unwrap,
)

NUMERIC = (Kind.ID, Kind.INTEGER, Kind.NUMBER)
HUGE = ("1e999999999", "-1e999999999", "1e-999999999", Decimal("1e999999"), "9" * 5000)


def field(kind: Kind) -> Field:
    return Field("field", kind)


def same(read: Any, want: Any) -> bool:
    """Equal, and of the same types all the way down: True is not 1."""
    return read == want and repr(read) == repr(want)


def case(kind: Kind, value: Any, want: Any) -> Any:
    return pytest.param(kind, value, want, id=f"{kind.value}-{value!r}"[:60])


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_null_is_nothing_in_every_kind(kind: Kind) -> None:
    assert field(kind).read(None) is None


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_an_empty_object_is_nothing_or_an_empty_collection(kind: Kind) -> None:
    nothing = [] if kind is Kind.ARRAY else None
    assert field(kind).read([]) == nothing
    assert field(kind).read({}) == nothing


@pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind is not Kind.TEXT], ids=lambda kind: kind.value
)
def test_an_empty_text_is_nothing(kind: Kind) -> None:
    assert field(kind).read("") is None


def test_an_empty_text_stays_an_empty_text_where_texts_live() -> None:
    assert field(Kind.TEXT).read("") == ""


@pytest.mark.parametrize(
    ("kind", "value", "want"),
    [
        case(*each)
        for each in (
            *((kind, 7, 7) for kind in (Kind.ID, Kind.INTEGER)),
            *((kind, "7", 7) for kind in (Kind.ID, Kind.INTEGER)),
            *((kind, " 7 ", 7) for kind in (Kind.ID, Kind.INTEGER)),
            *((kind, Decimal("7.00"), 7) for kind in (Kind.ID, Kind.INTEGER)),
            (Kind.INTEGER, "-0", 0),
            (Kind.INTEGER, 7.0, 7),
            (
                Kind.INTEGER,
                "12345678901234567890123456789012345",
                12345678901234567890123456789012345,
            ),
            (Kind.NUMBER, 7, Decimal(7)),
            (Kind.NUMBER, "7.10", Decimal("7.10")),
            (Kind.NUMBER, "-0.00", Decimal("-0.00")),
            (Kind.NUMBER, 0.1, Decimal("0.1")),
            (Kind.NUMBER, "1e2", Decimal("1E+2")),
            (Kind.NUMBER, 0, Decimal(0)),
            (Kind.TEXT, "007", "007"),
            (Kind.TEXT, 7, "7"),
            (Kind.TEXT, Decimal("7.10"), "7.10"),
            (Kind.TEXT, True, "true"),
            (Kind.TEXT, False, "false"),
            (Kind.TEXT, 0, "0"),
            (Kind.TEXT, " spaces stay ", " spaces stay "),
            *((Kind.FLAG, value, True) for value in (True, 1, "1", "true", "True", Decimal(1))),
            *((Kind.FLAG, value, False) for value in (False, 0, "0", "false", "FALSE", Decimal(0))),
            (Kind.MOMENT, "2025-05-05T23:59:59+00:00", "2025-05-05T23:59:59+00:00"),
            (Kind.MOMENT, "2025-05-05T23:59:59Z", "2025-05-05T23:59:59+00:00"),
            (Kind.MOMENT, "2025-05-05T23:59:59", "2025-05-05T23:59:59+00:00"),
            (Kind.MOMENT, "2025-05-05 23:59:59", "2025-05-05T23:59:59+00:00"),
            (Kind.MOMENT, "2025-05-05", "2025-05-05T00:00:00+00:00"),
            (Kind.MOMENT, "2025-05-05T23:59:59+02:00", "2025-05-05T21:59:59+00:00"),
            (Kind.MOMENT, "2025-05-05T23:59:59-05:30", "2025-05-06T05:29:59+00:00"),
            (Kind.MOMENT, "2025-05-05T23:59:59.123456Z", "2025-05-05T23:59:59.123456+00:00"),
            (Kind.OBJECT, {"id": 1}, {"id": 1}),
            (Kind.OBJECT, {"data": {"id": 1}}, {"id": 1}),
            (Kind.OBJECT, {"data": []}, None),
            (Kind.OBJECT, {"data": None}, None),
            (Kind.OBJECT, {"data": {"id": 1}, "more": 2}, {"data": {"id": 1}, "more": 2}),
            (Kind.ARRAY, [1, "2"], [1, "2"]),
            (Kind.ARRAY, {"data": [{"id": 1}]}, [{"id": 1}]),
            (Kind.ARRAY, {"data": []}, []),
            (Kind.ARRAY, {"data": None}, None),
            (Kind.ARRAY, {"0": "a", "2": "b"}, ["a", "b"]),
            (Kind.ARRAY, {"data": {"1": "a", "5": "b"}}, ["a", "b"]),
        )
    ],
)
def test_each_kind_reads_the_shapes_that_are_known(kind: Kind, value: Any, want: Any) -> None:
    assert same(field(kind).read(value), want)


def misfit(kind: Kind, value: Any) -> Any:
    return pytest.param(kind, value, id=f"{kind.value}-{value!r}"[:60])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(
            misfit(kind, value)
            for kind in NUMERIC
            for value in ("abc", "1,5", "12 EUR", True, False, [1], {"id": 1}, "NaN", "Infinity")
        ),
        *(misfit(kind, value) for kind in NUMERIC for value in ("1_000", "1_0.5", "_1")),
        *(misfit(kind, value) for kind in NUMERIC[:2] for value in HUGE),
        misfit(Kind.NUMBER, float("nan")),
        misfit(Kind.NUMBER, float("inf")),
        misfit(Kind.NUMBER, " "),
        *(misfit(kind, value) for kind in NUMERIC[:2] for value in (1.5, "1.5", Decimal("0.1"))),
        misfit(Kind.TEXT, ["a"]),
        misfit(Kind.TEXT, {"id": 1}),
        *(misfit(Kind.FLAG, value) for value in (2, -1, "yes", "no", 1.5, [True], {"a": 1})),
        *(
            misfit(Kind.MOMENT, value)
            for value in (
                "soon",
                "05.05.2025",
                "2025-13-01",
                "0000-00-00 00:00:00",
                1746489599,
                True,
                ["2025-05-05"],
                "0001-01-01T00:00:00+05:00",
                "9999-12-31T23:59:59-05:00",
            )
        ),
        *(misfit(Kind.OBJECT, value) for value in ("text", 7, True, [1], {"data": "text"})),
        *(misfit(Kind.ARRAY, value) for value in ("text", 7, True, {"id": 1}, {"data": 7})),
    ],
)
def test_nonsense_is_a_misfit(kind: Kind, value: Any) -> None:
    with pytest.raises(Misfit):
        field(kind).read(value)


@pytest.mark.parametrize("value", HUGE, ids=lambda each: str(each)[:20])
def test_a_huge_number_takes_no_time(value: Any) -> None:
    begun = time.perf_counter()
    for kind in NUMERIC[:2]:
        with pytest.raises(Misfit):
            field(kind).read(value)
    assert time.perf_counter() - begun < 0.1


def test_a_misfit_is_a_value_error_that_tells_the_value() -> None:
    with pytest.raises(ValueError, match="'abc' is not a number"):
        field(Kind.NUMBER).read("abc")


@pytest.mark.parametrize(
    "digits",
    ["0.1", "12.50", "1000000.005", "-3.14", "0.00", "99999999999999999999.999999999999999999"],
)
def test_digits_are_kept_exactly_as_number_and_as_text(digits: str) -> None:
    sent = json.loads(digits, parse_float=Decimal)
    assert str(field(Kind.NUMBER).read(sent)) == digits
    assert str(field(Kind.NUMBER).read(digits)) == digits
    assert field(Kind.TEXT).read(sent) == digits


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(value: Decimal) -> None:
    for sent in (value, str(value)):
        read = field(Kind.NUMBER).read(sent)
        assert read.as_tuple() == value.as_tuple()


@settings(deadline=None)
@given(st.integers())
def test_whole_numbers_of_any_length_are_read(value: int) -> None:
    for sent in (value, str(value), Decimal(value)):
        read = field(Kind.INTEGER).read(sent)
        assert read == value
        assert type(read) is int


@settings(deadline=None)
@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)),  # noqa: DTZ001 - the zone comes next
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_stays_the_same_moment(local: datetime, offset: int) -> None:
    value = local.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = read_moment(value.isoformat())
    assert datetime.fromisoformat(read) == value
    assert read.endswith("+00:00")


def test_only_the_envelope_is_unwrapped() -> None:
    assert unwrap({"data": [1]}) == [1]
    assert unwrap({"data": [1], "meta": {}}) == {"data": [1], "meta": {}}
    assert unwrap({}) == {}
    assert unwrap("data") == "data"


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_schemas_name_the_type_that_is_read(kind: Kind) -> None:
    examples: dict[Kind, Any] = {
        Kind.ID: "7",
        Kind.INTEGER: "7",
        Kind.NUMBER: "7.5",
        Kind.TEXT: 7,
        Kind.FLAG: 1,
        Kind.MOMENT: "2025-05-05",
        Kind.OBJECT: {"data": {"a": 1}},
        Kind.ARRAY: {"0": 1},
    }
    types = {
        "integer": int,
        "number": Decimal,
        "string": str,
        "boolean": bool,
        "object": dict,
        "array": list,
    }
    schema = field(kind).json_schema
    assert type(field(kind).read(examples[kind])) is types[schema["type"][0]]
    assert ("null" in schema["type"]) == (kind is not Kind.ID)


def test_a_schema_can_be_changed_without_harm_to_the_next() -> None:
    schema = field(Kind.TEXT).json_schema
    schema["title"] = "Mine"
    assert "title" not in field(Kind.TEXT).json_schema


@pytest.mark.parametrize(
    ("word", "kind", "is_private"),
    [
        (integer, Kind.INTEGER, False),
        (number, Kind.NUMBER, False),
        (text, Kind.TEXT, False),
        (private, Kind.TEXT, True),
        (flag, Kind.FLAG, False),
        (moment, Kind.MOMENT, False),
        (object_, Kind.OBJECT, False),
        (array, Kind.ARRAY, False),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_words_name_fields_of_one_kind(word: Any, kind: Kind, is_private: bool) -> None:  # noqa: FBT001
    assert word("a", "b") == (Field("a", kind, is_private), Field("b", kind, is_private))


# Rows

FIELDS = {kind.value: Field(kind.value, kind) for kind in Kind}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals(places=2, allow_nan=False)
    | st.text()
    | st.sampled_from(["", "1", "true", "0", "7.10", "2025-05-05", "2025-05-05T23:59:59+02:00"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "id", "0", "2", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from([*FIELDS, "new", "data"]), VALUES)
SILENT = ("", [], {}, None, {"data": None}, {"data": ""}, {"data": []}, {"data": {}})


def test_a_row_keeps_what_no_field_knows_or_reads() -> None:
    row = {"integer": "7", "number": "abc", "new": {"x": 1}, "text": None}
    record, extra = read_row(FIELDS, row)
    assert record == {"integer": 7, "number": None, "text": None}
    assert extra == {"number": "abc", "new": {"x": 1}}


@settings(deadline=None)
@given(ROWS)
def test_no_value_of_a_row_is_lost(row: dict[str, Any]) -> None:
    record, extra = read_row(FIELDS, row)
    assert record.keys() | extra.keys() == row.keys()
    assert record.keys() <= FIELDS.keys()
    for key, value in row.items():
        if key in extra:
            assert extra[key] is value
            assert record.get(key) is None
        elif record[key] is None:
            assert any(value == nothing for nothing in SILENT)


@settings(deadline=None)
@given(st.sampled_from(list(Kind)), VALUES)
def test_reading_what_was_read_changes_nothing(kind: Kind, value: Any) -> None:
    try:
        once = field(kind).read(value)
    except Misfit:
        return
    if isinstance(once, dict) and once.keys() == {"data"}:
        return  # an envelope within an envelope: one layer is taken off at a time
    again = field(kind).read(once)
    assert same(again, once)


@settings(deadline=None)
@given(st.sampled_from(list(Kind)), VALUES)
def test_what_is_read_has_the_one_type_of_its_kind(kind: Kind, value: Any) -> None:
    types = {
        Kind.ID: int,
        Kind.INTEGER: int,
        Kind.NUMBER: Decimal,
        Kind.TEXT: str,
        Kind.FLAG: bool,
        Kind.MOMENT: str,
        Kind.OBJECT: dict,
        Kind.ARRAY: list,
    }
    try:
        read = field(kind).read(value)
    except Misfit:
        return
    assert read is None or type(read) is types[kind]


def test_reading_a_row_changes_nothing_of_it() -> None:
    row = {"object": {"data": {"a": 1}}, "array": {"0": 1}, "new": [1]}
    before = json.dumps(row)
    read_row(FIELDS, row)
    assert json.dumps(row) == before
