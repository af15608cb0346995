from __future__ import annotations

import contextlib
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME, RESOURCES, SettingsError, client_from
from precoro_api.enums import DocumentStatus, SupplierStatus
from precoro_sandbox import Sandbox, SandboxClock
from tap_precoro.filters import FILTERS, ListFilter, filters_of

DOCUMENTS = [each.name for each in RESOURCES if each.lines]
LISTS = [each.name for each in RESOURCES if each.list and not each.parent]
YEAR = {"from": "2025-01-01", "to": "2025-12-31"}


def one(stream, **filters):
    """The filter of one stream."""
    return filters_of({"filters": {stream: filters}})[stream]


def refused(given):
    with pytest.raises(SettingsError) as caught:
        filters_of({"filters": given})
    return str(caught.value)


# What is sent


@pytest.mark.parametrize(
    ("stream", "filters", "params"),
    [
        ("invoices", {"status": 2}, [("status[]", "2")]),
        ("invoices", {"status": "Approved"}, [("status[]", "2")]),
        ("credit_notes", {"status": ["partly paid", 5]}, [("status[]", "4"), ("status[]", "5")]),
        ("suppliers", {"status": ["rejected", "3"]}, [("status[]", "3")]),
        ("expenses", {"status": 42}, [("status[]", "42")]),
        ("ap_documents", {"status": [0, "1"]}, [("status[]", "0"), ("status[]", "1")]),
        (
            "invoices",
            {"approval_date": YEAR},
            [
                ("approvalLeftDate", "2025-01-01T00:00:00"),
                ("approvalRightDate", "2025-12-31T23:59:59"),
            ],
        ),
        (
            "receipts",
            {"approval_date": {"from": "2025-01-01T12:00:00.500+02:00"}},
            [("approvalLeftDate", "2025-01-01T10:00:00")],
        ),
        (
            "expenses",
            {"approval_date": {"from": None, "to": "2025-01-31T12:00:00Z"}},
            [("approvalRightDate", "2025-01-31T12:00:00")],
        ),
        (
            "purchase_orders",
            {"create_date": YEAR},
            [("createDate[left_date]", "01.01.2025"), ("createDate[right_date]", "31.12.2025")],
        ),
        (
            "warehouse_requests",
            {"create_date": {"to": "2025-01-31T23:30:00-02:00"}},
            [("createDate[right_date]", "01.02.2025")],
        ),
        (
            "invoices",
            {"approval_date": {"from": "2025-01-01T12:00:00", "to": "2025-01-01 12:00:00"}},
            [
                ("approvalLeftDate", "2025-01-01T12:00:00"),
                ("approvalRightDate", "2025-01-01T12:00:00"),
            ],
        ),
        ("items", {"supplier": (7,)}, [("supplier[]", "7")]),
        ("invoices", {"supplier": [7, "8", 7]}, [("supplier[]", "7"), ("supplier[]", "8")]),
        ("request_for_proposals", {"supplier": Decimal(7)}, [("supplier[]", "7")]),
        ("invoices", {"external_linked": False}, [("sent_to_external", "0")]),
        ("credit_notes", {"external_linked": "true"}, [("sent_to_external", "1")]),
        ("suppliers", {"external_linked": "false"}, [("externalIntegrated", "0")]),
        ("suppliers", {"enabled": True}, [("enable", "1")]),
        ("suppliers", {"enabled": "false"}, [("enable", "0")]),
        ("purchase_orders", {"attached_file": True}, [("attachedFile", "1")]),
        ("receipts", {"attached_file": "true"}, [("attachedFile", "1")]),
        ("invoices", {"waiting_for_approval": True}, [("waitingForapprove", "yes")]),
        ("expenses", {"waiting_for_approval": "true"}, [("waitingForapprove", "yes")]),
        ("invoices", {"logic_type": [1, 5]}, [("logicType[]", "1"), ("logicType[]", "5")]),
        ("purchase_orders", {"logic_type": "0"}, [("logicType[]", "0")]),
        (
            "request_for_proposals",
            {"params": {"propositionStatus[]": [1, "2"], "requiredDate[left_date]": "01.02.2025"}},
            [
                ("propositionStatus[]", "1"),
                ("propositionStatus[]", "2"),
                ("requiredDate[left_date]", "01.02.2025"),
            ],
        ),
        (
            "taxes",
            {"params": {"a": True, "b": Decimal("1.50"), "c": 0.5, "d": None, "e": ""}},
            [("a", "true"), ("b", "1.50"), ("c", "0.5"), ("e", "")],
        ),
        (
            "invoices",
            {"external_linked": False, "status": ["paid"], "params": {"id": 9}},
            [("sent_to_external", "0"), ("status[]", "5"), ("id", "9")],
        ),
        ("invoices", {"status": None, "supplier": None, "params": None}, []),
        ("invoices", {}, []),
    ],
    ids=str,
)
def test_filters_in_the_users_words_are_parameters_in_the_apis(stream, filters, params):
    assert one(stream, **filters).params == tuple(params)


@pytest.mark.parametrize("status", DocumentStatus, ids=lambda each: each.name)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title], ids=["low", "up", "title"])
@pytest.mark.parametrize("gap", [" ", "_", "-", ""])
def test_a_status_is_known_however_it_is_spelled(status, spell, gap):
    name = spell(status.name).replace("_", gap)
    assert one("invoices", status=name) == one("purchase_orders", status=int(status))


def test_cancelled_has_two_spellings():
    assert one("invoices", status="Cancelled") == one("invoices", status="canceled")


def test_suppliers_have_names_of_their_own():
    for status in SupplierStatus:
        assert one("suppliers", status=status.name).params == (("status[]", str(int(status))),)


def test_dates_may_come_as_dates():
    window = {"from": date(2025, 1, 1), "to": datetime(2025, 2, 1, tzinfo=timezone.utc)}
    assert one("invoices", approval_date=window).params == (
        ("approvalLeftDate", "2025-01-01T00:00:00"),
        ("approvalRightDate", "2025-02-01T00:00:00"),
    )


@pytest.mark.parametrize("value", [None, "", " ", {}, "{}", {"invoices": None}])
def test_no_filters_are_no_filters(value):
    assert filters_of({"filters": value}) == {}
    assert filters_of({}) == {}


def test_filters_may_be_a_json_text():
    filters = {"invoices": {"status": "paid"}, "suppliers": {"enabled": "true"}}
    assert filters_of({"filters": json.dumps(filters)}) == filters_of({"filters": filters})
    assert set(filters_of({"filters": filters})) == {"invoices", "suppliers"}


@pytest.mark.parametrize("stream", LISTS)
def test_every_list_takes_parameters(stream):
    assert one(stream, params={"any[]": 1}).params == (("any[]", "1"),)


def test_the_settings_example_works():
    example = json.loads(FILTERS.about.split("`")[1])
    assert filters_of({"filters": example})["invoices"].params
    assert FILTERS.name == "filters"
    assert FILTERS.json_schema["type"] == ["object", "null"]


# What is wrong


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        # The setting
        ("nonsense", ["filters is a text", "no JSON object"]),
        ("[" * 100_000, ["filters is a text", "no JSON object"]),
        ("[]", ["filters must be an object", "not []"]),
        ("null", ["filters must be an object", "not None"]),
        ([1], ["filters must be an object", "not [1]"]),
        (True, ["filters must be an object", "not True"]),
        ({"invoices": ["status"]}, ["filters.invoices must be an object", "not ['status']"]),
        ({"invoices": "x" * 999}, ["filters.invoices must be an object", "xxx…."]),
        # The stream
        ({"invoice": {}}, ["filters.invoice:", "no such list", "'invoices'", "suppliers"]),
        ({"purchaseorders": {}}, ["filters.purchaseorders:", "Did you mean 'purchase_orders'?"]),
        ({"Suppliers": None}, ["filters.Suppliers:", "Did you mean 'suppliers'?"]),
        ({"attachments": {}}, ["filters.attachments:", "no such list", "ap_documents"]),
        ({5: {}}, ["filters.5:", "no such list"]),
        ({"invoices_details": {}}, ["filters.invoices_details:", "follow", "use 'invoices'"]),
        ({"credit_notes_items": {}}, ["filters.credit_notes_items:", "use 'credit_notes'"]),
        ({"warehouse_items": {}}, ["filters.warehouse_items:", "parent by parent"]),
        ({"supplier_custom_field_options": {}}, ["custom_field_options:", "parent by parent"]),
        # The filter
        ({"invoices": {"staus": 1}}, ["filters.invoices.staus:", "Did you mean 'status'?"]),
        ({"invoices": {"colour": 1}}, ["filters.invoices.colour:", "no such filter", "logic_type"]),
        ({"taxes": {"colour": None}}, ["filters.taxes.colour:", "taxes takes params."]),
        ({"items": {"status": 1}}, ["filters.items.status:", "suppliers", "invoices", "only"]),
        ({"items": {"status": None}}, ["filters.items.status:", "suppliers"]),
        ({"payments": {"approval_date": YEAR}}, ["filters.payments.approval_date:", "expenses"]),
        ({"receipts": {"create_date_": 1}}, ["receipts.create_date_:", "'create_date'"]),
        (
            {"receipts": {"external_linked": True}},
            ["filters.receipts.external_linked:", "suppliers, invoices and credit_notes only"],
        ),
        ({"invoices": {"enabled": True}}, ["filters.invoices.enabled:", "of suppliers only"]),
        ({"taxes": {"attached_file": True}}, ["filters.taxes.attached_file:", "purchase_orders"]),
        (
            {"expenses": {"supplier": 1}},
            [
                "filters.expenses.supplier:",
                "items, request_for_proposals, purchase_orders, invoices and credit_notes only",
            ],
        ),
        (
            {"credit_notes": {"logic_type": 0}},
            ["filters.credit_notes.logic_type:", "purchase_orders and invoices only"],
        ),
        ({"suppliers": {"waiting_for_approval": True}}, ["suppliers.waiting_for_approval:"]),
        # The API's own names
        ({"invoices": {"status[]": 1}}, ["filters.invoices.status[]:", "here", "'status'"]),
        ({"items": {"status[]": 1}}, ["filters.items.status[]:", "'status'", "suppliers"]),
        ({"invoices": {"Status": 1}}, ["filters.invoices.Status:", "here", "'status'"]),
        ({"receipts": {"approvalLeftDate": ""}}, ["receipts.approvalLeftDate:", "'approval_date'"]),
        (
            {"expenses": {"approvalDate[right_date]": ""}},
            ["expenses.approvalDate[right_date]:", "'approval_date'"],
        ),
        ({"invoices": {"createDate[left_date]": ""}}, ["createDate[left_date]:", "'create_date'"]),
        ({"items": {"supplier[]": 1}}, ["filters.items.supplier[]:", "'supplier'"]),
        ({"invoices": {"sent_to_external": 1}}, ["sent_to_external:", "'external_linked'"]),
        ({"suppliers": {"externalIntegrated": 1}}, ["externalIntegrated:", "'external_linked'"]),
        ({"suppliers": {"enable": 1}}, ["filters.suppliers.enable:", "'enabled'"]),
        ({"receipts": {"attachedFile": 1}}, ["filters.receipts.attachedFile:", "'attached_file'"]),
        ({"receipts": {"waitingForApprove": 1}}, ["waitingForApprove:", "'waiting_for_approval'"]),
        ({"invoices": {"logicType[]": 1}}, ["filters.invoices.logicType[]:", "'logic_type'"]),
        ({"invoices": {"external_id[]": 1}}, ["filters.invoices.external_id[]:", "'params'"]),
        ({"request_for_proposals": {"requiredDate": 1}}, ["requiredDate:", "'params'"]),
        ({"invoices": {"modifiedSince": ""}}, ["filters.invoices.modifiedSince:", "start_date"]),
        ({"invoices": {"modified_since": ""}}, ["invoices.modified_since:", "start_date"]),
        ({"taxes": {"per_page": 10}}, ["filters.taxes.per_page:", "page_size"]),
        # Values
        (
            {"invoices": {"status": "aproved"}},
            ["filters.invoices.status:", "'aproved'", "Did you mean 'approved'?", "closed (11)"],
        ),
        (
            {"suppliers": {"status": ["approved", "paid"]}},
            ["filters.suppliers.status:", "'paid'", "pending (1), approved (2) and rejected (3)."],
        ),
        (
            {"expenses": {"status": "part paid"}},
            ["filters.expenses.status:", "'partly paid'", "other numbers are sent"],
        ),
        (
            {"invoices": {"status": "Approved, Paid"}},
            ["invoices.status:", "'Approved, Paid'", '["Approved", "Paid"]'],
        ),
        ({"invoices": {"status": 12}}, ["filters.invoices.status:", "12 is no status", "open (0)"]),
        ({"credit_notes": {"status": "12"}}, ["filters.credit_notes.status:", "'12'"]),
        ({"suppliers": {"status": 0}}, ["filters.suppliers.status:", "0 is no status"]),
        ({"suppliers": {"status": []}}, ["filters.suppliers.status:", "empty list"]),
        ({"expenses": {"status": -1}}, ["filters.expenses.status:", "-1 is no status"]),
        ({"expenses": {"status": True}}, ["filters.expenses.status:", "True is no status"]),
        ({"expenses": {"status": ""}}, ["filters.expenses.status:", "'' is no status"]),
        ({"expenses": {"status": [None]}}, ["filters.expenses.status:", "None is no status"]),
        ({"expenses": {"status": "2!"}}, ["filters.expenses.status:", "'2!' is no status"]),
        ({"ap_documents": {"status": "new"}}, ["ap_documents.status:", "'new'", "is unknown"]),
        (
            {"invoices": {"approval_date": "2025-01-01"}},
            ["filters.invoices.approval_date:", '"from"', "not '2025-01-01'"],
        ),
        (
            {"expenses": {"approval_date": {"form": "2025-01-01"}}},
            ["filters.expenses.approval_date:", "not 'form'", "Did you mean 'from'?"],
        ),
        ({"receipts": {"create_date": {}}}, ["filters.receipts.create_date:", "neither"]),
        ({"receipts": {"create_date": {"to": None}}}, ["receipts.create_date:", "neither"]),
        (
            {"receipts": {"create_date": {"from": "2025-02-01", "to": "2025-01-31"}}},
            ["filters.receipts.create_date:", "(2025-02-01) is after", "(2025-01-31)"],
        ),
        ({"invoices": {"supplier": "5,7"}}, ["filters.invoices.supplier:", "'5,7'", "list"]),
        ({"items": {"supplier": [5, "x"]}}, ["filters.items.supplier:", "not 'x'"]),
        ({"items": {"supplier": []}}, ["filters.items.supplier:", "empty list"]),
        ({"items": {"supplier": 1.5}}, ["filters.items.supplier:", "not 1.5"]),
        ({"invoices": {"logic_type": "credit"}}, ["filters.invoices.logic_type:", "'credit'"]),
        ({"purchase_orders": {"logic_type": []}}, ["purchase_orders.logic_type:", "empty list"]),
        ({"suppliers": {"enabled": "yes"}}, ["filters.suppliers.enabled:", "not 'yes'"]),
        ({"suppliers": {"enabled": 1}}, ["filters.suppliers.enabled:", "not 1."]),
        ({"suppliers": {"enabled": "True"}}, ["filters.suppliers.enabled:", "not 'True'"]),
        ({"invoices": {"external_linked": []}}, ["invoices.external_linked:", "true or false"]),
        ({"receipts": {"attached_file": False}}, ["receipts.attached_file:", "true only"]),
        ({"expenses": {"attached_file": "1"}}, ["expenses.attached_file:", "not '1'"]),
        ({"receipts": {"waiting_for_approval": "false"}}, ["waiting_for_approval:", "true only"]),
        ({"expenses": {"waiting_for_approval": "yes"}}, ["waiting_for_approval:", "not 'yes'"]),
        # Raw parameters
        ({"taxes": {"params": "a=1"}}, ["filters.taxes.params:", "object", "'a=1'"]),
        ({"taxes": {"params": {"page": 2}}}, ["filters.taxes.params.page:", "page_size"]),
        ({"taxes": {"params": {"per_page": 2}}}, ["filters.taxes.params.per_page:", "page_size"]),
        ({"items": {"params": {"modifiedSince": ""}}}, ["params.modifiedSince:", "start_date"]),
        ({"items": {"params": {"modifiedsince[]": ""}}}, ["params.modifiedsince[]:"]),
        ({"items": {"params": {" ": 1}}}, ["filters.items.params. :", "needs a name"]),
        ({"items": {"params": {"a": {"b": 1}}}}, ["filters.items.params.a:", "{'b': 1}"]),
        ({"items": {"params": {"a": []}}}, ["filters.items.params.a:", "empty list"]),
        ({"items": {"params": {"a": [None]}}}, ["filters.items.params.a:", "not None"]),
        ({"items": {"params": {"a": float("nan")}}}, ["filters.items.params.a:", "NaN"]),
        (
            {"invoices": {"params": {"status[0]": 5}, "status": "paid"}},
            ["filters.invoices.params:", "'status[0]'", "the filter 'status'"],
        ),
        (
            {"receipts": {"create_date": YEAR, "params": {"createDate[left_date]": "01.01.2024"}}},
            ["filters.receipts.params:", "'createDate[left_date]'", "the filter 'create_date'"],
        ),
        (
            {"credit_notes": {"params": {"logicType[]": 0}}},
            ["filters.credit_notes.params:", "'logicType[]'", "credit_notes itself"],
        ),
    ],
    ids=lambda each: str(each)[:60],
)
def test_an_error_says_where_it_is_and_what_is_right(filters, words):
    said = refused(filters)
    assert [word for word in words if word not in said] == [], said
    assert len(said) < 500


def test_a_wrong_stream_is_told_the_lists_with_filters_and_no_others():
    said = refused({"colours": {}})
    assert said.startswith("filters.colours: no such list. Lists with filters are suppliers, ")
    assert not [name for name in ("taxes", "users", "payments", "_details") if name in said]


@pytest.mark.parametrize("name", ["approval_date", "create_date"])
@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "31.01.2025",
        "2025-02-30",
        "2025-13-01",
        "20250131",
        "2025-01-31T",
        "2025-01-31T25:00:00",
        "0001-01-01T00:00:00+05:00",
        20250131,
        True,
        "",
        ["2025-01-01"],
    ],
    ids=str,
)
def test_a_date_that_is_none_is_an_error(name, side, value):
    said = refused({"invoices": {name: {side: value}}})
    assert said.startswith(f"filters.invoices.{name}: '{side}' takes a date such as 2025-01-31")
    assert said.endswith(f"not {value!r}.")


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


# Against the sandbox


def client_for(sandbox):
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
    }
    return contextlib.closing(client_from(config, "tap-precoro/test"))


@pytest.fixture
def client_of():
    with contextlib.ExitStack() as opened:
        yield lambda sandbox: opened.enter_context(client_for(sandbox))


@pytest.fixture(scope="module")
def demo():
    """The demo company, which these tests only read, and a client for it."""
    with (
        Sandbox(seed="demo", clock=SandboxClock(6000)) as sandbox,
        client_for(sandbox) as client,
    ):
        yield sandbox, client


def rows_of(client, stream, chosen):
    pages = client.pages(BY_NAME[stream], filters=chosen.params)
    return [row for page in pages for row in page.rows]


def ago(sandbox, days):
    return (sandbox.clock.moment() - timedelta(days=days)).date().isoformat()


def window(sandbox):
    return {"from": ago(sandbox, 500), "to": ago(sandbox, 60)}


def someone(sandbox):
    """A supplier that an item has."""
    rows = sandbox.store.rows("items").values()
    return next(row["supplier"]["id"] for row in rows if row.get("supplier"))


def told(value):
    return value.__name__ if callable(value) else str(value)


SERVED = [
    ("invoices", "status", ["approved", "paid"]),
    ("credit_notes", "status", "approved"),
    ("suppliers", "status", "pending"),
    ("expenses", "status", 5),
    ("ap_documents", "status", 0),
    ("invoices", "approval_date", window),
    ("purchase_orders", "approval_date", window),
    ("warehouse_requests", "approval_date", window),
    ("invoices", "create_date", window),
    ("receipts", "create_date", window),
    ("items", "supplier", someone),
    ("invoices", "external_linked", False),
    ("suppliers", "external_linked", "false"),
    ("invoices", "external_linked", True),
    ("suppliers", "external_linked", "true"),
    ("suppliers", "enabled", True),
    ("suppliers", "enabled", "false"),
    ("invoices", "waiting_for_approval", True),
    ("request_for_proposals", "waiting_for_approval", True),
    ("invoices", "logic_type", [1, 5]),
]


@pytest.mark.parametrize(("stream", "name", "value"), SERVED, ids=told)
def test_all_rows_obey_a_filter_and_without_it_some_do_not(demo, stream, name, value):
    sandbox, client = demo
    chosen = one(stream, **{name: value(sandbox) if callable(value) else value})
    rows = rows_of(client, stream, chosen)
    assert rows
    assert {chosen.broken_by(row) for row in rows} == {None}
    everything = rows_of(client, stream, ListFilter())
    assert len(rows) < len(everything)
    broken = {chosen.broken_by(row) for row in everything} - {None}
    assert len(broken) == 1
    assert broken.pop().startswith(name)


def test_a_filter_that_no_row_shows_still_leaves_rows_out(demo):
    _, client = demo
    chosen = one("purchase_orders", attached_file=True)
    rows = rows_of(client, "purchase_orders", chosen)
    everything = rows_of(client, "purchase_orders", ListFilter())
    assert 0 < len(rows) < len(everything)
    assert {chosen.broken_by(row) for row in everything} == {None}
    assert chosen.unverified_by(rows) == ["attached_file true"]


def test_a_list_of_orders_without_logic_types_is_empty_and_the_whole_one_tells(demo):
    _, client = demo
    chosen = one("purchase_orders", logic_type=2)
    assert rows_of(client, "purchase_orders", chosen) == []
    everything = rows_of(client, "purchase_orders", ListFilter())
    assert {chosen.broken_by(row) for row in everything} == {"logic_type 2"}


def test_filters_are_joined(demo):
    sandbox, client = demo
    chosen = one(
        "invoices",
        status=["approved", "paid"],
        approval_date=window(sandbox),
        create_date={"from": ago(sandbox, 600)},
        external_linked=False,
        logic_type=0,
    )
    rows = rows_of(client, "invoices", chosen)
    assert {str(row["status"]) for row in rows} == {"2", "5"}
    assert {chosen.broken_by(row) for row in rows} == {None}


@pytest.mark.parametrize(
    ("switches", "stream", "filters", "words"),
    [
        (
            {"approval_dates": "dotted"},
            "invoices",
            {"approval_date": {"from": "2200-01-01"}},
            "approval_date from 2200-01-01",
        ),
        (
            {"approval_dates": "dotted"},
            "expenses",
            {"approval_date": {"to": "2000-12-31"}},
            "approval_date to 2000-12-31",
        ),
        ({"enable_filter": "word"}, "suppliers", {"enabled": False}, "enabled false"),
        ({"enable_filter": "word"}, "suppliers", {"enabled": True}, "enabled true"),
        # The table does not know this filter of documents, and so the sandbox ignores it.
        ({}, "purchase_orders", {"supplier": 1}, "supplier 1"),
        ({"nested_objects": "wrapped"}, "invoices", {"supplier": [1, 2]}, "supplier 1 or 2"),
    ],
    ids=str,
)
def test_a_filter_that_the_api_ignores_is_named(serve, client_of, switches, stream, filters, words):
    client = client_of(serve(seed="demo", switches=switches))
    chosen = one(stream, **filters)
    assert {chosen.broken_by(row) for row in rows_of(client, stream, chosen)} - {None} == {words}


@pytest.mark.parametrize(
    ("switches", "stream", "name", "value"),
    [
        ({"nested_objects": "wrapped"}, "items", "supplier", someone),
        ({"empty_nested": "null"}, "items", "supplier", someone),
        ({"external_id_type": "number"}, "invoices", "external_linked", False),
        ({"approval_dates": "iso"}, "invoices", "approval_date", window),
        ({"enable_filter": "number"}, "suppliers", "enabled", False),
        ({"waiting_spelling": "any_case"}, "expenses", "waiting_for_approval", True),
        ({"credit_notes_listed": "no"}, "invoices", "status", "paid"),
    ],
    ids=told,
)
def test_rows_obey_in_every_dialect(serve, client_of, switches, stream, name, value):
    sandbox = serve(seed="demo", switches={**switches, "unknown_filters": "rejected"})
    chosen = one(stream, **{name: value(sandbox) if callable(value) else value})
    rows = rows_of(client_of(sandbox), stream, chosen)
    assert rows
    assert {chosen.broken_by(row) for row in rows} == {None}
