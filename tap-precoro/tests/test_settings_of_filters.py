"""What filters in a user's words become, and what is said of wrong ones."""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest
from precoro_api.enums import DocumentStatus, SupplierStatus
from tap_precoro.filters.filters import FILTERS, filters_of

from .filters_as_written import LISTS, YEAR, one, refused

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
