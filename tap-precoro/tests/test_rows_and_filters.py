"""Which rows obey a filter, of one filter and of any together."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api import RESOURCES
from tap_precoro.filters.filters import ListFilter, filters_of

from .filters_as_written import LISTS, YEAR, one, refused

DOCUMENTS = [each.name for each in RESOURCES if each.lines]


# What a row shows


@pytest.mark.parametrize(
    ("stream", "filters", "words", "obeying", "breaking"),
    [
        (
            "invoices",
            {"status": ["approved", 4]},
            "status approved or partly paid",
            [{"status": 2}, {"status": "4"}, {"status": None}, {"status": "new"}, {"status": []}],
            [{"status": 5}, {"status": "0"}],
        ),
        ("suppliers", {"status": "rejected"}, "status rejected", [{"status": 3}], [{"status": 2}]),
        ("receipts", {"status": 42}, "status 42", [{"status": "42"}], [{"status": 2}]),
        (
            "invoices",
            {"approval_date": YEAR},
            "approval_date from 2025-01-01 to 2025-12-31",
            [
                {"approvalDate": "2025-01-01T00:00:00+00:00"},
                {"approvalDate": "2025-12-31T23:59:59.900+00:00"},
                {"approvalDate": "2025-12-31T19:00:00-04:00"},
                {"approvalDate": "soon"},
                {"approvalDate": {"date": "2024"}},
            ],
            [
                {"approvalDate": "2024-12-31T23:59:59+00:00"},
                {"approvalDate": "2026-01-01T00:00:00Z"},
                {"approvalDate": "2025-12-31T23:00:00-04:00"},
                {"approvalDate": None},
                {"approvalDate": ""},
                {"approvalDate": []},
            ],
        ),
        (
            "purchase_orders",
            {"approval_date": {"to": "2025-01-31T12:00:00"}},
            "approval_date to 2025-01-31T12:00:00",
            [{"approvalDate": "2025-01-31T12:00:00"}, {"approvalDate": "1999-01-01"}],
            [{"approvalDate": "2025-01-31T12:00:01"}, {"approvalDate": None}],
        ),
        (
            "expenses",
            {"create_date": {"from": "2025-01-01T23:00:00"}},
            "create_date from 2025-01-01T23:00:00",
            [
                {"createDate": "2025-01-01T00:00:00+00:00"},
                {"createDate": "2024-12-31T10:00:00+00:00"},  # already the 1st at UTC+14
                {"createDate": None},
            ],
            [{"createDate": "2024-12-31T09:59:59+00:00"}],
        ),
        (
            "invoices",
            {"create_date": {"to": "2025-01-01"}},
            "create_date to 2025-01-01",
            [{"createDate": "2025-01-01T23:59:59"}, {"createDate": "2025-01-02T12:00:00"}],
            [{"createDate": "2025-01-03T00:00:00+00:00"}],
        ),
        (
            "items",
            {"supplier": [7, 8]},
            "supplier 7 or 8",
            [
                {"supplier": {"id": 7}},
                {"supplier": {"data": {"id": "8"}}},
                {"supplier": {"name": "Firm"}},
                {"supplier": "Firm"},
                {"supplier": {"id": "x"}},
            ],
            [
                {"supplier": {"id": 9}},
                {"supplier": {"data": {"id": "78"}}},
                {"supplier": None},
                {"supplier": []},
                {"supplier": {"data": []}},
            ],
        ),
        (
            "purchase_orders",
            {"supplier": "7"},
            "supplier 7",
            [{"supplier": {"id": 7, "name": "Firm"}}],
            [{"supplier": {"id": 8, "name": "Firm"}}],
        ),
        (
            "invoices",
            {"external_linked": False},
            "external_linked false",
            [{"externalId": None}, {"externalId": ""}, {"externalId": []}],
            [{"externalId": "A-1"}, {"externalId": 7}, {"externalId": 0}],
        ),
        (
            "suppliers",
            {"external_linked": "false"},
            "external_linked false",
            [{"externalId": None, "qboId": "7"}],
            [{"externalId": "A-1"}],
        ),
        (
            "suppliers",
            {"external_linked": True},
            "external_linked true",
            [{"externalId": "A-1"}, {"externalId": None, "xeroId": "7"}, {"externalId": {"a": 1}}],
            [{"externalId": None}, {"externalId": "", "qboId": None}],
        ),
        (
            "suppliers",
            {"enabled": True},
            "enabled true",
            [{"enable": True}, {"enable": "1"}, {"enable": None}, {"enable": "perhaps"}],
            [{"enable": False}, {"enable": 0}, {"enable": "false"}],
        ),
        (
            "suppliers",
            {"enabled": "false"},
            "enabled false",
            [{"enable": False}, {"enable": ""}],
            [{"enable": True}, {"enable": 1}],
        ),
        (
            "purchase_orders",
            {"attached_file": True},
            "attached_file true",
            [{"attachments": [{"id": 1}]}, {"attachments": {"data": [1]}}, {"attachments": None}],
            [{"attachments": []}, {"attachments": {"data": []}}],
        ),
        (
            "receipts",
            {"attached_file": "true"},
            "attached_file true",
            [{"attachments": [1]}],
            [{"attachments": []}],
        ),
        (
            "invoices",
            {"waiting_for_approval": True},
            "waiting_for_approval true",
            [{"status": status} for status in (0, 1, 6, 7, 9, 10, 77, None)],
            [{"status": status} for status in (2, "2", 3, 4, 5, 8, 11)],
        ),
        (
            "expenses",
            {"waiting_for_approval": True},
            "waiting_for_approval true",
            [{"status": 77}, {"status": 5}],
            [{"status": 2}],
        ),
        (
            "invoices",
            {"logic_type": [1, 5]},
            "logic_type 1 or 5",
            [{"logicType": 1}, {"logicType": "5"}, {"logicType": None}],
            [{"logicType": 0}],
        ),
        (
            "purchase_orders",
            {"logic_type": 1},
            "logic_type 1",
            [{"logicType": 1}],
            [{"logicType": 2}],
        ),
        ("taxes", {"params": {"enable": 1}}, None, [{"enable": False}], []),
        ("taxes", {"params": {"a": 1}}, None, [{"a": 2}], []),
        (
            "invoices",
            {"params": {"status[0]": 2, "status[1]": 5}},
            "params.status[0] 2 or 5",
            [{"status": 2}, {"status": "5"}, {"status": None}],
            [{"status": 4}],
        ),
        ("ap_documents", {"params": {"status[]": 1}}, "params.status[] 1", [], [{"status": 0}]),
        ("expenses", {"params": {"status[]": "new"}}, None, [{"status": 3}], []),
        (
            "suppliers",
            {"params": {"enable": True}},
            "params.enable true",
            [{"enable": 1}],
            [{"enable": 0}],
        ),
        ("suppliers", {"params": {"enable": "yes"}}, None, [{"enable": 0}], []),
        (
            "invoices",
            {"params": {"sent_to_external": 0}},
            "params.sent_to_external false",
            [{"externalId": None}],
            [{"externalId": "A"}],
        ),
        (
            "suppliers",
            {"params": {"externalIntegrated": 1}},
            "params.externalIntegrated true",
            [{"externalId": "A"}],
            [{"externalId": None}],
        ),
        (
            "invoices",
            {"params": {"approvalDate[left_date]": "01.02.2025"}},
            "params.approvalDate[left_date] from 2025-02-01",
            [{"approvalDate": "2025-01-31T12:00:00"}],
            [{"approvalDate": "2025-01-30T00:00:00"}, {"approvalDate": None}],
        ),
        (
            "receipts",
            {"params": {"approvalRightDate": "2025-01-31T12:00:00"}},
            "params.approvalRightDate to 2025-01-31T12:00:00",
            [{"approvalDate": "2025-01-31T12:00:00"}],
            [{"approvalDate": "2025-01-31T12:00:01"}],
        ),
        (
            "expenses",
            {"params": {"createDate[right_date]": "31.01.2025"}},
            "params.createDate[right_date] to 2025-01-31",
            [{"createDate": "2025-01-31T12:00:00"}],
            [{"createDate": "2025-02-02T12:00:00"}],
        ),
        (
            "expenses",
            {"params": {"createDate[right_date]": "soon"}},
            None,
            [{"createDate": ""}],
            [],
        ),
        (
            "items",
            {"params": {"supplier[]": 7}},
            "params.supplier[] 7",
            [],
            [{"supplier": {"id": 8}}],
        ),
        ("invoices", {"params": {"id": 7}}, "params.id 7", [{"id": 7}], [{"id": 8}]),
        (
            "invoices",
            {"params": {"external_id[]": ["A", "7"]}},
            "params.external_id[] ['A', '7']",
            [{"externalId": 7}, {"externalId": "A"}],
            [{"externalId": "B"}, {"externalId": None}],
        ),
        (
            "purchase_orders",
            {"params": {"attachedFile": 1, "waitingForapprove": "yes", "logicType[]": 0}},
            "params.attachedFile true",
            [{"attachments": [1], "status": 1, "logicType": 0}],
            [{"attachments": [], "status": 2, "logicType": 1}],
        ),
        (
            "invoices",
            {"supplier": 7, "status": "paid"},
            "supplier 7",
            [{"status": 5, "supplier": {"id": 7}}],
            [{"status": 2, "supplier": {"id": 8}}],
        ),
        (
            "invoices",
            {"status": "paid", "supplier": 7},
            "status paid",
            [{"status": 5}],
            [{"status": 2, "supplier": {"id": 8}}, {"status": 2, "supplier": {"id": 7}}],
        ),
    ],
    ids=str,
)
def test_a_row_tells_which_filter_it_does_not_obey(stream, filters, words, obeying, breaking):
    chosen = one(stream, **filters)
    assert [row for row in obeying if chosen.broken_by(row) is not None] == []
    assert [row for row in breaking if chosen.broken_by(row) != words] == []


def test_without_a_filter_every_row_passes():
    assert ListFilter().broken_by({"status": 9, "approvalDate": None}) is None


# Any filters together: each with a value, what a row shows that obeys, and what one that does not

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
IDS = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@st.composite
def windows(draw, field):
    since, until = sorted((draw(DAYS), draw(DAYS)))
    sides = draw(st.sampled_from([("from",), ("to",), ("from", "to")]))
    edges = {"from": since.isoformat(), "to": until.isoformat()}
    inside = draw(st.sampled_from([since, until]))
    outside = since - timedelta(days=2) if "from" in sides else until + timedelta(days=2)
    time = f"T{draw(st.integers(0, 23)):02}:59:59+00:00"
    window = {side: edges[side] for side in sides}
    return window, {field: f"{inside}{time}"}, {field: f"{outside}{time}"}


@st.composite
def suppliers(draw):
    ids = draw(IDS)
    supplier = {"id": draw(st.sampled_from(ids))}
    shown = draw(st.sampled_from([supplier, {"data": supplier}]))
    return ids, {"supplier": shown}, {"supplier": {"id": 10}}


def flags(field, *rows):
    """One of these (value, what obeys, what does not); the value as a text, too."""
    either = [(value, {field: right}, {field: wrong}) for value, right, wrong in rows]
    texts = [(str(value).lower(), right, wrong) for value, right, wrong in either]
    return st.sampled_from([*either, *texts])


CASES = {
    "status": st.lists(st.integers(2, 3), max_size=2).map(
        lambda more: ([*more, 1], {"status": "1"}, {"status": 4})
    ),
    "waiting_for_approval": flags("status", (True, "1", 2)),
    "approval_date": windows("approvalDate"),
    "create_date": windows("createDate"),
    "supplier": suppliers(),
    "external_linked": flags("externalId", (False, None, "A"), (False, "", 7), (True, "A", None)),
    "enabled": flags("enable", (True, True, "0"), (False, 0, True)),
    "attached_file": flags("attachments", (True, [{"id": 1}], [])),
    "logic_type": IDS.map(lambda kinds: (kinds, {"logicType": kinds[0]}, {"logicType": 10})),
    "params": st.just(({"anything": 1}, {}, None)),
}
VALUES = {
    "status": [2],
    "waiting_for_approval": True,
    "approval_date": YEAR,
    "create_date": YEAR,
    "supplier": 7,
    "external_linked": False,
    "enabled": True,
    "attached_file": True,
    "logic_type": 1,
    "params": {"a": 1},
}
OF_DOCUMENTS = {
    "status",
    "waiting_for_approval",
    "approval_date",
    "create_date",
    "attached_file",
    "params",
}
TAKEN = {
    **{name: {"params"} for name in LISTS},
    **dict.fromkeys(DOCUMENTS, OF_DOCUMENTS),
    "ap_documents": {"status", "params"},
    "items": {"supplier", "params"},
    "suppliers": {"status", "external_linked", "enabled", "params"},
    "invoices": {*OF_DOCUMENTS, "supplier", "external_linked", "logic_type"},
    "credit_notes": {*OF_DOCUMENTS, "supplier", "external_linked"},
    "purchase_orders": {*OF_DOCUMENTS, "supplier", "logic_type"},
    "request_for_proposals": {*OF_DOCUMENTS, "supplier"},
}


@st.composite
def choices(draw):
    """A stream, any of its filters in any order, a row that obeys all, and what breaks each."""
    stream = draw(st.sampled_from(LISTS))
    names = draw(st.lists(st.sampled_from(sorted(TAKEN[stream])), unique=True))
    drawn = {name: draw(CASES[name]) for name in names}
    row = {"id": 1}
    for _, right, _ in drawn.values():
        row |= right
    filters = {name: value for name, (value, _, _) in drawn.items()}
    return stream, filters, row, {name: wrong for name, (_, _, wrong) in drawn.items() if wrong}


@pytest.mark.parametrize("stream", LISTS)
def test_each_list_takes_its_filters_and_no_other(stream):
    assert VALUES.keys() == CASES.keys()
    for name, value in VALUES.items():
        if name in TAKEN[stream]:
            chosen = one(stream, **{name: value})
            assert chosen.params
            assert chosen.broken_by({}) is None
            assert chosen.broken_by({"id": 1, "name": "Firm"}) is None
        else:
            assert f"filters.{stream}.{name}:" in refused({stream: {name: value}})


@settings(deadline=None)
@given(choices())
def test_a_row_made_to_obey_any_filters_passes_and_one_that_breaks_one_does_not(choice):
    stream, filters, row, wrong = choice
    chosen = one(stream, **filters)
    names = {name for name, _ in chosen.params}
    assert bool(names) is bool(filters)
    assert names <= {each.name for listed in RESOURCES for each in listed.filters} | {"anything"}
    assert not names & {"page", "per_page", "modifiedSince"}
    assert filters_of({"filters": json.dumps({stream: filters})}) == {stream: chosen}
    assert chosen.broken_by(row) is None
    for name, bad in wrong.items():
        said = chosen.broken_by({**row, **bad})
        # What is paid waits no more, nor has it another status.
        alike = ("waiting_for_approval", "status")
        either = alike if name in alike else (name,)
        assert said is not None
        assert said.startswith(either)


@settings(deadline=None)
@given(choices(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_row_of_any_values_is_judged_without_a_stumble(choice, value):
    stream, filters, row, _ = choice
    said = one(stream, **filters).broken_by(dict.fromkeys(row, value))
    assert said is None or said.split()[0] in filters
