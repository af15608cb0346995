"""Fuzzing of what reads and writes: rows, pages, bodies, lines and records in; forms out."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable  # noqa: TC003 - of a name that stands at the top
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from precoro_api import RESOURCES
from precoro_api.encoding import encode_form
from precoro_api.errors import words_of
from precoro_api.fields import Kind, plain, read_row
from precoro_api.limits import read_limit
from precoro_api.message import Exchange
from precoro_api.paging import page_of
from singer_sdk.singerlib.json import serialize_json
from target_precoro.messages.reader import NoMessage, message_of
from target_precoro.records.routes import ACCEPTED, route_of
from target_precoro.records.wanted import wanted_of

__all__ = ["TARGETS", "attempt", "fuzz"]

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.ID: (int,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, Decimal),
    Kind.TEXT: (str,),
    Kind.FLAG: (bool,),
    Kind.MOMENT: (str,),
    Kind.OBJECT: (dict,),
    Kind.ARRAY: (list,),
}
_NASTY = st.sampled_from(
    (
        *(
            "",
            "[]",
            "{}",
            "null",
            "true",
            "0",
            "-0",
            "1e9",
            "1e999999999",
            "NaN",
            "Infinity",
            "1_0",
        ),
        *("2025-01-01", "2025-05-05T23:59:59+00:00", "99999-01-01", "0001-01-01T00:00:00+14:00"),
        *("a]b", "x[externalId]", "&externalId=e", "=", "+", "%00", "data", "\u0661\u0662"),
        *("\ud800", "\x00", "\x1b[2J", "\u2028"),
    )
)
_TEXTS = st.one_of(_NASTY, st.text(max_size=20))
_NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([10**400, Decimal("1e999999999")]),
)
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
_KEYS = st.one_of(_TEXTS, st.sampled_from(["data", "id", "name", "externalId", "0", "1"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_KEYS, inner, max_size=4),
        inner.map(lambda value: {"data": value}),
    ),
    max_leaves=12,
)
_RESOURCES = st.sampled_from([each for each in RESOURCES if each.fields])
_ROUTES = [route_of(name, {}) for name in ACCEPTED]


@st.composite
def _rows(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A resource, and a row with its own keys and others."""
    resource = draw(_RESOURCES)
    keys = st.one_of(st.sampled_from(sorted(resource.by_name)), _KEYS)
    return resource, draw(st.dictionaries(keys, VALUES, max_size=8))


def rows_are_read(given_: tuple[Any, dict[str, Any]]) -> None:
    """Each value has its column's type, or is kept as it came: none is lost, none made up."""
    resource, row = given_
    record, extra = read_row(resource.by_name, row)
    assert record.keys() | extra.keys() == row.keys()
    for key, value in record.items():
        kind = resource.by_name[key].kind
        if value is None:
            assert key in extra or plain(row[key]) in (None, "", [], {}), (key, row[key])
        else:
            assert isinstance(value, _TYPES[kind]), (kind, value)
            assert kind is Kind.FLAG or not isinstance(value, bool)
            assert not isinstance(value, Decimal) or value.is_finite()
            assert key not in extra
    for key, value in extra.items():
        assert value is row[key]
    again, _ = read_row(resource.by_name, record)
    assert again == record
    serialize_json({**record, "_extra": plain(extra)})


_BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(lambda value: json.dumps(value, default=str).encode("utf-8", "surrogatepass")),
    VALUES.map(lambda value: json.dumps(value, default=str).encode()[:-1]),
    st.sampled_from(
        [b"[" * 5000, b"[" * 5000 + b"]" * 5000, b"9" * 5000, b"\xff\xfe{", b"\xef\xbb\xbf{}"]
    ),
)


def bodies_are_read(answer: tuple[bytes, str]) -> None:
    """Any body is JSON or it is not; words of it are one line, and a limit is a moment."""
    body, kind = answer
    assert Exchange(200, {"content-type": kind}, body).is_json in (True, False)
    words = words_of(body, kind, ["secret"])
    assert "\n" not in words
    assert len(words) <= 300
    assert "secret" not in words.lower()
    limit = read_limit(body, {"content-type": kind}, 1_700_000_000.0)
    assert math.isfinite(limit.wait)
    assert limit.wait >= 0


_CONTENT_TYPES = st.sampled_from(["application/json", "text/html", ""])
_PAGING = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(VALUES, st.integers(-1, 3), st.integers(-1, 3).map(str))
        for name in ("total", "total_pages", "current_page", "has_next_page", "count")
    },
)
_ANSWERS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {
            "data": st.one_of(
                VALUES, st.lists(st.dictionaries(_KEYS, VALUES, max_size=3), max_size=3)
            )
        },
        optional={"meta": st.one_of(VALUES, _PAGING.map(lambda paging: {"pagination": paging}))},
    ),
)


def pages_are_read(answer: Any) -> None:
    """A list's answer is a page of records, or a ValueError says why not."""
    try:
        page = page_of(answer, 1)
    except ValueError as problem:
        assert str(problem)
        return
    assert list(page.rows) == (answer["data"] or [])
    assert all(isinstance(row, dict) for row in page.rows)
    assert not (page.has_next and not page.rows)


_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
_INJECTIONS: list[dict[str, Any]] = [
    {"name": "x&externalId=evil&a[b]=c"},
    {"name": {"x][externalId": "evil"}},
    {"items": [{"a][b": 1}]},
]
_FORMS = st.sampled_from(_INJECTIONS) | st.dictionaries(
    st.one_of(_NAMES, _NAMES.map(lambda name: f"{name}[]"), _NAMES.map(lambda name: f"{name}[id]")),
    st.one_of(
        VALUES, st.lists(_SCALARS, max_size=3), st.dictionaries(_NAMES, _SCALARS, max_size=3)
    ),
    max_size=4,
)


def forms_are_sent(form: dict[str, Any]) -> None:
    """What is sent comes back exactly, and each key begins with one of ours: no value makes one."""
    try:
        pairs = encode_form(form)
    except ValueError:
        return  # it is refused, and nothing is sent
    body = urlencode(pairs)
    assert (
        parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body), max_num_fields=10**6)
        == pairs
    )
    stems = {key.removesuffix("[]") for key in form}
    for key, value in pairs:
        assert isinstance(value, str)
        assert any(key == own or key.startswith(f"{own}[") for own in (*stems, *form)), key
        rest = key[max(len(own) for own in (*stems, *form) if key.startswith(own)) :]
        parts = rest.replace("][", "\n").strip("[]").split("\n") if rest else []
        assert all(part == "" or part.replace("_", "a").isalnum() for part in parts), key
    for key, value in form.items():
        if isinstance(value, str):
            assert [text for name, text in pairs if name == key] == [value]


_LINES = st.one_of(
    st.binary(max_size=200),
    st.fixed_dictionaries(
        {"type": st.one_of(VALUES, st.sampled_from(["RECORD", "SCHEMA", "STATE", "BATCH"]))},
        optional={
            "stream": st.one_of(VALUES, st.just("suppliers")),
            "record": VALUES,
            "schema": st.one_of(VALUES, st.dictionaries(st.just("properties"), VALUES)),
            "key_properties": VALUES,
            "value": VALUES,
        },
    ).map(lambda message: json.dumps(message, default=str).encode()),
)


def lines_are_read(line: bytes) -> None:
    """A line of the input is a message of its type, or NoMessage says why not."""
    if not line.strip():
        return
    try:
        message = message_of(line)
    except NoMessage as problem:
        assert "\n" not in str(problem)
        return
    assert message["type"] in ("RECORD", "SCHEMA", "STATE", "ACTIVATE_VERSION")
    assert message["type"] != "RECORD" or isinstance(message["record"], dict)


@st.composite
def _records(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A stream's rules, and a record with its names and others."""
    route = draw(st.sampled_from(_ROUTES))
    keys = st.one_of(st.sampled_from([*sorted(route.names), "externalId", "id", "idn"]), _KEYS)
    return route, draw(st.dictionaries(keys, VALUES, max_size=8))


def records_are_taken(given_: tuple[Any, dict[str, Any]]) -> None:
    """Any record is something that can be asked for, or has problems; never anything else."""
    route, record = given_
    wanted = wanted_of(route, record)
    texts = [wanted.external_id, wanted.precoro_id, wanted.idn, *wanted.problems]
    texts += [each.value for each in wanted.references]
    for text in texts:
        assert text is None or (isinstance(text, str) and text)
    for text in [wanted.external_id, *(each.value for each in wanted.references)]:
        assert text is None or len(text) <= 1000
        assert text is None or text.encode()


TARGETS: dict[str, tuple[Callable[[Any], None], st.SearchStrategy[Any]]] = {
    "rows": (rows_are_read, _rows()),
    "bodies": (bodies_are_read, st.tuples(_BODIES, _CONTENT_TYPES)),
    "pages": (pages_are_read, _ANSWERS),
    "forms": (forms_are_sent, _FORMS),
    "lines": (lines_are_read, _LINES),
    "records": (records_are_taken, _records()),
}


def fuzz(seconds: float, *, begin: int = 0, examples: int = 2000) -> dict[str, int]:
    """Try each target in turn, with other seeds, until so many seconds are over: examples tried.

    What fails raises, with the smallest example that Hypothesis finds.
    """
    tried = dict.fromkeys(TARGETS, 0)
    over, number = time.monotonic() + seconds, begin
    while time.monotonic() < over or not all(tried.values()):
        for name in TARGETS:
            tried[name] += attempt(name, number, examples)
        number += 1
    return tried


def attempt(name: str, number: int, examples: int) -> int:
    """One target, with a seed of its own; how many examples it took."""
    check, strategy = TARGETS[name]
    count = 0

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(strategy)
    def run(value: Any) -> None:
        nonlocal count
        count += 1
        check(value)

    run()
    return count
