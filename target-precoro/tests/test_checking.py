"""The quick look at records says what JSON Schema says."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import InvalidRecord
from singer_sdk.sinks.core import JSONSchemaValidator
from target_precoro.messages.checking import Validator

TYPES = ["string", "integer", "number", "boolean", "null", "object", "array"]
NAMES = ["a", "b", "c"]

kinds = st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
more = st.fixed_dictionaries(
    {},
    optional={
        "title": st.just("t"),
        "format": st.just("date-time"),
        "maxLength": st.integers(0, 3),
        "minimum": st.integers(0, 3),
        "enum": st.lists(st.integers(0, 3) | st.none(), min_size=1),
        "items": st.just({"type": "string"}),
        "properties": st.just({"x": {"type": "integer"}}),
    },
)
inner = st.builds(lambda kind, rest: {"type": kind, **rest}, kinds, more) | more | st.just({})
schemas = st.builds(
    lambda properties, rest: {"properties": properties, **rest},
    st.dictionaries(st.sampled_from(NAMES), inner),
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", ["object", "null"], ["null", "object"], "string"]),
            "required": st.lists(st.sampled_from(NAMES), unique=True),
            "additionalProperties": st.booleans(),
            "minProperties": st.integers(0, 3),
        },
    ),
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.just(1.0),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-5, 5, places=1),
    st.text(max_size=4),
    st.lists(st.integers() | st.text(max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["x", "y"]), st.integers() | st.text(max_size=2)),
)
records = st.dictionaries(st.sampled_from([*NAMES, "d"]), values)


def said(validator, record):
    try:
        validator.validate(record)
    except InvalidRecord as problem:
        return problem.error_message
    return None


@settings(max_examples=600, deadline=None)
@given(schemas, records)
def test_any_record_is_judged_as_json_schema_judges_it(schema, record):
    assert said(Validator(schema), record) == said(JSONSchemaValidator(schema), record)


@pytest.mark.parametrize(
    ("kind", "value", "is_right"),
    [
        ("integer", True, False),
        ("boolean", 1, False),
        ("number", Decimal("1.5"), True),
        ("integer", 1.0, True),
        ("string", None, False),
        (["string", "null"], None, True),
    ],
)
def test_what_python_takes_for_one_json_does_not(kind, value, is_right):
    validator = Validator({"properties": {"a": {"type": kind}}})
    assert (said(validator, {"a": value}) is None) is is_right
