"""A public client of the API, as it is, against the sandbox in its default switches."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import requests
from precoro import PrecoroClient
from precoro.exceptions import (
    PrecoroAuthenticationError,
    PrecoroClientError,
    PrecoroRateLimitError,
    PrecoroServerError,
)
from precoro_api.resources import BY_NAME
from precoro_sandbox import Fault

# The client's name of a resource, and the table's.
LISTED = {
    "invoices": "invoices",
    "purchase_orders": "purchase_orders",
    "purchase_requisitions": "purchase_requisitions",
    "request_for_proposals": "request_for_proposals",
    "receipts": "receipts",
    "expenses": "expenses",
    "payments": "payments",
    "budgets": "budgets",
    "warehouse_requests": "warehouse_requests",
    "ocr": "ap_documents",
    "suppliers": "suppliers",
    "items": "items",
    "supplier_custom_fields": "supplier_custom_fields",
    "item_custom_fields": "item_custom_fields",
    "document_custom_fields": "document_custom_fields",
    "units": "units",
    "contracts": "contracts",
    "payment_terms": "payment_terms",
    "locations": "locations",
    "users": "users",
    "legal_entities": "legal_entities",
    "warehouses": "warehouses",
    "taxes": "taxes",
}
BY_IDN = (
    "invoices",
    "purchase_orders",
    "purchase_requisitions",
    "request_for_proposals",
    "receipts",
    "expenses",
    "warehouse_requests",
    "ocr",
)
BY_ID = (
    "suppliers",
    "items",
    "supplier_custom_fields",
    "item_custom_fields",
    "document_custom_fields",
    "contracts",
    "warehouses",
)
SINCE = (*BY_IDN[:-1], "suppliers", "items")
WITH_STATUS = (*BY_IDN, "suppliers")
WINDOWED = BY_IDN[:-1]
LINKED_BY_ID = ("suppliers", "items", "taxes", "payment_terms", "locations", "legal_entities")
LINKED_BY_IDN = ("invoices", "purchase_orders", "payments")
FIELDS = ("item_custom_fields", "document_custom_fields", "supplier_custom_fields")
ALIASES = {
    "warehouserequests": "warehouse_requests",
    "purchaserequisitions": "purchase_requisitions",
    "requestforproposals": "request_for_proposals",
    "purchaseorders": "purchase_orders",
    "receipts": "receipts",
    "invoices": "invoices",
    "expenses": "expenses",
}
STEPS = {"approve": 2, "confirm": 1, "confirm_revise": 1, "reject": 3, "revision": 7}
CREATED = {
    "suppliers": ("create", {"name": "Acme", "currencies": ["USD", "EUR"]}),
    "items": ("add", {"name": "Pen", "sku": "P-1", "price": 2.5, "freeOfCharge": 0}),
    "taxes": ("add", {"name": "VAT", "percent": 7.5}),
    "payment_terms": ("add", {"name": "Net 30", "payment_type": 0, "credit_period_days": 30}),
    "locations": ("create", {"name": "Turin", "unique_code": "TRN"}),
}
# Calls in which the client always sends a boolean, as Python writes it.
SPELT_AS_PYTHON = ("taxes", "payment_terms", "locations")


@pytest.fixture
def connect():
    """A client of a sandbox; it gives up at once where it would wait."""
    opened = []

    def open_(sandbox, **options):
        given = {"max_retries": 0, "base_url": sandbox.url, "token": sandbox.account.token}
        client = PrecoroClient(email=sandbox.account.email, **{**given, **options})
        opened.append(client)
        return client

    yield open_
    for client in opened:
        client.close()


@pytest.fixture
def reader(demo, connect):
    """A client of the demo company that is only read."""
    return connect(demo)


def rows(sandbox, name):
    return list(sandbox.store.rows(name).values())


# Reading


@pytest.mark.parametrize("name", LISTED)
def test_list(demo, reader, name):
    answer = getattr(reader, name).list(page=1, per_page=10)
    assert answer["data"]
    if name == "legal_entities":
        assert "meta" not in answer
    else:
        assert answer["meta"]["pagination"]["total"] == len(demo.store.rows(LISTED[name]))
        assert len(answer["data"]) == min(10, len(demo.store.rows(LISTED[name])))


@pytest.mark.parametrize("name", LISTED)
def test_iter_all(demo, reader, name):
    seen = [row["id"] for row in getattr(reader, name).iter_all(per_page=50)]
    assert sorted(seen) == sorted(demo.store.rows(LISTED[name]))


@pytest.mark.parametrize("name", LISTED)
def test_list_all(demo, reader, name):
    seen = getattr(reader, name).list_all(per_page=200)
    assert {row["id"] for row in seen} == set(demo.store.rows(LISTED[name]))
    assert len(seen) == len(demo.store.rows(LISTED[name]))


@pytest.mark.parametrize("name", BY_IDN)
def test_get_by_idn(demo, reader, name):
    row = rows(demo, LISTED[name])[0]
    answer = getattr(reader, name).get(row["idn"])
    assert (answer["id"], answer["idn"]) == (row["id"], row["idn"])
    if BY_NAME[LISTED[name]].lines:
        assert answer["items"]["data"]


@pytest.mark.parametrize("name", BY_ID)
def test_get_by_id(demo, reader, name):
    row = rows(demo, LISTED[name])[0]
    assert getattr(reader, name).get(row["id"])["id"] == row["id"]


@pytest.mark.parametrize("name", FIELDS)
def test_options_lie_in_their_field(demo, reader, name):
    options = rows(demo, f"{name.removesuffix('s')}_options")
    field_id = options[0]["field_id"]
    shown = getattr(reader, name).get(field_id)["options"]
    assert {each["id"] for each in shown} == {
        each["id"] for each in options if each["field_id"] == field_id
    }


@pytest.mark.parametrize("name", [*BY_IDN, *BY_ID])
def test_get_of_nothing(reader, name):
    with pytest.raises(PrecoroClientError) as refused:
        getattr(reader, name).get(999_999_999)
    assert refused.value.status_code == 404


@pytest.mark.parametrize("name", SINCE)
def test_modified_since(demo, reader, name):
    stamps = sorted(row["updateDate"] for row in rows(demo, LISTED[name]))
    since = stamps[len(stamps) // 2]
    seen = getattr(reader, name).list_all(per_page=200, modified_since=since[:19])
    assert len(seen) == sum(stamp >= since for stamp in stamps)
    assert all(row["updateDate"] >= since for row in seen)


def test_modified_since_of_payments_is_ignored(demo, reader):
    seen = reader.payments.list_all(per_page=200, modified_since="2200-01-01T00:00:00")
    assert len(seen) == len(rows(demo, "payments"))


@pytest.mark.parametrize("name", WITH_STATUS)
def test_status(demo, reader, name):
    status = rows(demo, LISTED[name])[0]["status"]
    seen = getattr(reader, name).list_all(per_page=200, status=[status, 99])
    assert {row["status"] for row in seen} == {status}
    assert len(seen) == sum(row["status"] == status for row in rows(demo, LISTED[name]))


@pytest.mark.parametrize("name", WINDOWED)
def test_approval_window(demo, reader, name):
    done = sorted(row["approvalDate"] for row in rows(demo, name) if row.get("approvalDate"))
    left = done[len(done) // 3] if done else "2020-01-01T00:00:00"
    right = done[len(done) // 3 * 2] if done else "2200-01-01T00:00:00"
    window = {"approval_left_date": left[:19], "approval_right_date": right[:19]}
    seen = getattr(reader, name).list_all(per_page=200, **window)
    assert len(seen) == sum(left <= stamp <= right for stamp in done)


def test_logic_type(reader):
    seen = reader.invoices.list_all(per_page=200, logic_type=[1, 5])
    assert {row["logicType"] for row in seen} == {1, 5}


def test_required_dates(demo, reader):
    days = sorted(row["requiredDate"][:10] for row in rows(demo, "request_for_proposals"))
    day = datetime.fromisoformat(days[10]).strftime("%d.%m.%Y")
    seen = reader.request_for_proposals.list_all(required_date_from=day, required_date_to=day)
    assert {row["requiredDate"][:10] for row in seen} == {days[10]}


def test_proposition(demo, reader):
    row = rows(demo, "rfp_propositions")[0]
    assert reader.request_for_proposals.get_proposition(row["id"])["name"] == row["name"]


def test_receipts_of_an_order(demo, reader):
    order = next(row for row in rows(demo, "purchase_orders") if row.get("relatedReceipts"))
    receipts = reader.purchase_orders.get_receipts(order["idn"])
    assert [each["idn"] for each in receipts] == [each["idn"] for each in order["relatedReceipts"]]
    assert {each["purchaseOrder"]["idn"] for each in receipts} == {order["idn"]}


def test_order_of_a_receipt(demo, reader):
    receipt = rows(demo, "receipts")[0]
    order = reader.receipts.get_purchase_order(receipt["idn"])
    assert order["idn"] == receipt["purchaseOrder"]["idn"]


@pytest.mark.parametrize("call", ["list_warehouse_items", "list_all_warehouse_items"])
def test_stock(demo, reader, call):
    warehouse = rows(demo, "warehouses")[0]["id"]
    answer = getattr(reader.inventory, call)(warehouse)
    seen = answer["data"] if isinstance(answer, dict) else answer
    expected = [
        row["id"] for row in rows(demo, "warehouse_items") if row["warehouse"]["id"] == warehouse
    ]
    assert sorted(row["id"] for row in seen) == expected


@pytest.mark.parametrize(
    ("kind", "name"), [("transfer", "stock_transfers"), ("taking", "stock_takings")]
)
def test_movements_of_stock(demo, reader, kind, name):
    known = sorted(demo.store.rows(name))
    listed = getattr(reader.inventory, f"list_{name}")(per_page=50)
    assert sorted(row["id"] for row in listed["data"]) == known
    everything = getattr(reader.inventory, f"list_all_{name}")(per_page=10)
    assert sorted(row["id"] for row in everything) == known
    assert getattr(reader.inventory, f"get_stock_{kind}")(known[0])["id"] == known[0]


# Creating and changing


@pytest.mark.parametrize("name", CREATED)
def test_create(serve, connect, name):
    call, values = CREATED[name]
    sandbox = serve({"booleans": "lenient"} if name in SPELT_AS_PYTHON else {})
    made = getattr(getattr(connect(sandbox), name), call)(**values)
    assert made["name"] == values["name"]
    assert list(sandbox.store.rows(name)) == [made["id"]]
    if name == "suppliers":
        assert made["currencies"] == ["USD", "EUR"]


@pytest.mark.parametrize("name", SPELT_AS_PYTHON)
def test_a_boolean_as_python_writes_it_is_refused(serve, connect, name):
    call, values = CREATED[name]
    sandbox = serve()
    with pytest.raises(PrecoroClientError) as refused:
        getattr(getattr(connect(sandbox), name), call)(**values)
    assert refused.value.status_code == 400
    field = "isWithholdingTax" if name == "taxes" else "enable"
    assert list(refused.value.response_body["errors"]["errors"]) == [field]
    assert rows(sandbox, name) == []


@pytest.mark.parametrize("name", CREATED)
def test_update(serve, connect, name):
    sandbox = serve()
    row = sandbox.store.add(name, {"name": "Before"})
    answer = getattr(connect(sandbox), name).update(row["id"], name="After")
    assert (answer["id"], answer["name"], row["name"]) == (row["id"], "After", "After")


def test_update_replaces_currencies(serve, connect):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "currencies": ["USD", "EUR"]})
    assert connect(sandbox).suppliers.update(row["id"], currencies=["GBP"])["currencies"] == ["GBP"]


@pytest.mark.parametrize("name", LINKED_BY_ID)
def test_set_external_id_by_id(serve, connect, name):
    sandbox = serve()
    row = sandbox.store.add(name, {"name": "One"})
    answer = getattr(connect(sandbox), name).set_external_id(row["id"], "X-1")
    assert (answer["id"], answer["externalId"]) == (row["id"], "X-1")


@pytest.mark.parametrize("name", LINKED_BY_IDN)
def test_set_external_id_by_idn(serve, connect, name):
    sandbox = serve()
    row = sandbox.store.add(name, {"sum": 1})
    answer = getattr(connect(sandbox), name).set_external_id(row["idn"], "X-1")
    assert (answer["id"], answer["externalId"]) == (row["id"], "X-1")


@pytest.mark.parametrize("name", LINKED_BY_IDN[:2])
def test_set_external_id_with_a_log(serve, connect, name):
    sandbox = serve()
    row = sandbox.store.add(name, {})
    links = getattr(connect(sandbox), name)
    answer = links.set_external_id(row["idn"], "X-1", integration_log="No account")
    assert answer["externalIntegrationLog"] == "No account"
    assert (
        links.set_external_id(row["idn"], "X-1", integration_log="")["externalIntegrationLog"]
        is None
    )


def test_custom_values_of_a_supplier(serve, connect):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One"})
    values = [{"id": 1, "value": "2"}]
    answer = connect(sandbox).suppliers.set_custom_fields(row["id"], values)
    assert answer["dataSupplierCustomFields"] == values


@pytest.mark.parametrize("enable", [True, False])
@pytest.mark.parametrize("name", FIELDS)
def test_add_option(serve, connect, name, enable):
    sandbox = serve({"booleans": "lenient"})
    field = sandbox.store.add(name, {"name": "Field"})["id"]
    fields = getattr(connect(sandbox), name)
    parent = fields.add_option(field, "Parent", code="1")
    made = fields.add_option(field, "Child", code="2", enable=enable, parent_id=parent["id"])
    assert (made["name"], made["code"], made["enable"]) == ("Child", "2", enable)
    assert made["parent"]["id"] == parent["id"]
    assert [each["id"] for each in fields.get(field)["options"]] == [parent["id"], made["id"]]


@pytest.mark.parametrize("enable", [True, False])
@pytest.mark.parametrize("name", FIELDS)
def test_add_option_is_refused_for_its_boolean(serve, connect, name, enable):
    sandbox = serve()
    field = sandbox.store.add(name, {"name": "Field"})["id"]
    with pytest.raises(PrecoroClientError) as refused:
        getattr(connect(sandbox), name).add_option(field, "One", enable=enable)
    assert list(refused.value.response_body["errors"]["errors"]) == ["enable"]


@pytest.mark.parametrize("name", FIELDS)
def test_update_option(serve, connect, name):
    sandbox = serve()
    field = sandbox.store.add(name, {"name": "Field"})["id"]
    option = f"{name.removesuffix('s')}_options"
    row = sandbox.store.add(option, {"name": "Before", "field_id": field})
    answer = getattr(connect(sandbox), name).update_option(field, row["id"], name="After")
    assert (answer["id"], answer["name"]) == (row["id"], "After")


@pytest.mark.parametrize("name", FIELDS[:2])
def test_patch_option(serve, connect, name):
    sandbox = serve()
    field = sandbox.store.add(name, {"name": "Field"})["id"]
    option = f"{name.removesuffix('s')}_options"
    row = sandbox.store.add(option, {"name": "One", "field_id": field})
    answer = getattr(connect(sandbox), name).patch_option(field, row["id"], externalId="X")
    assert (answer["id"], answer["externalId"]) == (row["id"], "X")


def test_options_of_suppliers_are_not_patched(serve, connect):
    sandbox = serve()
    field = sandbox.store.add("supplier_custom_fields", {"name": "Field"})["id"]
    row = sandbox.store.add("supplier_custom_field_options", {"name": "One", "field_id": field})
    with pytest.raises(PrecoroClientError) as refused:
        connect(sandbox).supplier_custom_fields.patch_option(field, row["id"], externalId="X")
    assert refused.value.status_code == 405


@pytest.mark.parametrize("call", ["add_option_dependency", "remove_option_dependency"])
@pytest.mark.parametrize("name", FIELDS[:2])
def test_dependencies_of_options(serve, connect, name, call):
    assert getattr(getattr(connect(serve()), name), call)(1, 2) == {}


# Actions


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("alias", ALIASES)
def test_approval(serve, connect, alias, step):
    sandbox = serve()
    row = sandbox.store.add(ALIASES[alias], {"status": 0})
    answer = getattr(connect(sandbox).approval, step)(alias, row["idn"])
    assert (answer["id"], answer["status"]) == (row["id"], STEPS[step])


@pytest.mark.parametrize("step", ["reject", "revision"])
@pytest.mark.parametrize("alias", ALIASES)
def test_approval_with_a_comment(serve, connect, alias, step):
    sandbox = serve()
    row = sandbox.store.add(ALIASES[alias], {"status": 0})
    getattr(connect(sandbox).approval, step)(alias, row["idn"], comment="Too dear")
    assert row["comments"] == [{"text": "Too dear"}]


@pytest.mark.parametrize(
    ("place", "call", "status"),
    [
        ("suppliers", "approve", 2),
        ("suppliers", "reject", 3),
        ("approval", "approve_supplier", 2),
        ("approval", "reject_supplier", 3),
    ],
)
def test_approval_of_suppliers(serve, connect, place, call, status):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "status": 1})
    assert getattr(getattr(connect(sandbox), place), call)(row["id"])["status"] == status


def test_rejection_of_a_supplier_with_a_comment(serve, connect):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "status": 1})
    assert connect(sandbox).suppliers.reject(row["id"], comment="No")["status"] == 3


def test_complete(serve, connect):
    sandbox = serve()
    row = sandbox.store.add("purchase_requisitions", {"status": 2})
    assert connect(sandbox).purchase_requisitions.complete(row["idn"])["status"] == 11


def test_approval_of_lines_of_a_proposition(serve, connect):
    sandbox = serve()
    row = sandbox.store.add("rfp_propositions", {"name": "Offer"})
    proposals = connect(sandbox).request_for_proposals
    assert proposals.approve_proposition_items(row["id"], [1, 2]) == {}
    assert sandbox.served[-1].body == "items%5B%5D=1&items%5B%5D=2"


# Payments, receipts, contracts, files


def test_payment_and_its_cancellation(serve, connect):
    sandbox = serve()
    invoice = sandbox.store.add("invoices", {"sum": "100.00", "sumPaid": "0.00", "status": 2})
    client = connect(sandbox)
    made = client.payments.add_invoice_payment(invoice["id"], 40.5, "2026-01-02T00:00:00Z")
    assert (made["sumPaid"], made["invoice"]["idn"]) == (40.5, invoice["idn"])
    assert client.invoices.get(invoice["idn"])["status"] == 4
    assert client.payments.cancel(made["idn"])["status"] == 8
    assert client.invoices.get(invoice["idn"])["status"] == 2


@pytest.mark.parametrize(("position", "link"), [("terms_and_options", None), ("everywhere", "P-1")])
def test_payment_with_an_external_id(serve, connect, position, link):
    sandbox = serve({"external_id_on_create": position})
    invoice = sandbox.store.add("invoices", {"sum": "100.00", "sumPaid": "0.00"})
    payments = connect(sandbox).payments
    made = payments.add_invoice_payment(invoice["id"], 1, "2026-01-02", external_id="P-1")
    assert made["externalId"] == link


def test_payment_of_a_paid_invoice(serve, connect):
    sandbox = serve()
    invoice = sandbox.store.add("invoices", {"sum": "100.00", "sumPaid": "100.00"})
    with pytest.raises(PrecoroClientError) as refused:
        connect(sandbox).payments.add_invoice_payment(invoice["id"], 1, "2026-01-02")
    assert refused.value.response_body == {
        "errors": {"errors": {"sumPaid": "The Invoice is already fully paid."}}
    }


def test_payment_of_an_expense(serve, connect):
    sandbox = serve()
    expense = sandbox.store.add("expenses", {"sum": "100.00", "sumPaid": "0.00"})
    made = connect(sandbox).payments.add_expense_payment(expense["id"], 25.0, "2026-01-02")
    assert made["sumPaid"] == 25


def test_receipt(serve, connect):
    sandbox = serve()
    order = sandbox.store.add("purchase_orders", {"currency": "EUR"})
    warehouse = sandbox.store.add("warehouses", {"name": "Main"})["id"]
    client = connect(sandbox)
    values = [{"id": 1, "value": "2"}]
    made = client.receipts.create(
        order["idn"], "2026-02-01", warehouse, note="n", data_document_custom_fields=values
    )
    assert (made["note"], made["dataDocumentCustomFields"]) == ("n", {"data": values})
    assert [each["idn"] for each in client.purchase_orders.get_receipts(order["idn"])] == ["1"]
    assert client.receipts.get_purchase_order(made["idn"])["idn"] == order["idn"]


def test_contract(serve, connect):
    sandbox = serve()
    supplier = sandbox.store.add("suppliers", {"name": "One"})["id"]
    client = connect(sandbox)
    made = client.contracts.create("C-1", supplier, begin_date="2026-01-01", prolongation=True)
    assert (made["number"], made["supplier"]["id"]) == ("C-1", supplier)
    assert client.contracts.get(made["id"]) == made


@pytest.mark.parametrize("comment", [None, "Scanned"])
def test_attachment(serve, connect, comment):
    sandbox = serve({"attachments": "json"})
    invoice = sandbox.store.add("invoices", {})
    files = connect(sandbox).attachments
    made = files.add(invoice["id"], 1, b"%PDF", "a.pdf", "application/pdf", comment=comment)
    assert (made["name"], made["size"], made["comment"]) == ("a.pdf", 4, comment)
    assert files.get(made["id"])["name"] == "a.pdf"


def test_a_binary_attachment_is_beyond_this_client(demo, reader):
    with pytest.raises(requests.JSONDecodeError):
        reader.attachments.get(rows(demo, "attachments")[0]["id"])


def test_upload_to_the_inbox(serve, connect):
    client = connect(serve())
    made = client.ocr.upload(b"%PDF", "scan.pdf", "application/pdf")
    assert client.ocr.get(made["idn"])["name"] == "scan.pdf"


# What goes wrong


@pytest.mark.parametrize("option", [{"token": "wrong"}, {"token": "x" * 300}], ids=["key", "long"])
def test_a_wrong_key(demo, connect, option):
    with pytest.raises(PrecoroAuthenticationError) as refused:
        connect(demo, **option).units.list()
    assert refused.value.status_code == 401


def test_a_forbidden_resource(serve, connect):
    with pytest.raises(PrecoroAuthenticationError) as refused:
        connect(serve(forbidden=["budgets"])).budgets.list()
    assert refused.value.status_code == 403


def test_it_overlooks_the_moment_in_the_body_of_a_429(serve, connect):
    client = connect(serve({"duplicate_limiter": "with_body"}))
    client.budgets.list()
    with pytest.raises(PrecoroRateLimitError) as refused:
        client.budgets.list()
    assert refused.value.retry_after is None
    assert refused.value.response_body["RateLimit-Type"] == "Duplicate limiter"


def test_it_understands_the_moment_in_the_headers_of_a_429(serve, connect):
    switches = {"duplicate_limiter": "with_body", "limit_answer": "headers"}
    client = connect(serve(switches))
    client.budgets.list()
    with pytest.raises(PrecoroRateLimitError) as refused:
        client.budgets.list()
    assert 0 < refused.value.retry_after <= 60


@pytest.mark.parametrize("shape", ["empty", "html"])
def test_a_429_without_a_moment(serve, connect, shape):
    client = connect(serve({"duplicate_limiter": "with_body", "limit_answer": shape}))
    client.units.list()
    with pytest.raises(PrecoroRateLimitError) as refused:
        client.units.list()
    assert refused.value.retry_after is None


def test_an_error_of_the_server(serve, connect):
    sandbox = serve()
    sandbox.faults.add(Fault("500"))
    client = connect(sandbox)
    with pytest.raises(PrecoroServerError):
        client.units.list()
    assert client.units.list()["data"] == []


@pytest.mark.parametrize("style", ["all", "legacy"])
def test_dialects_of_pagination_that_it_can_page_through(serve, connect, style):
    sandbox = serve({"pagination": style}, counts={"users": 25})
    assert len(connect(sandbox).users.list_all(per_page=10)) == 25


def test_without_total_pages_it_stops_after_the_first(serve, connect):
    sandbox = serve({"pagination": "new"}, counts={"users": 25})
    assert len(connect(sandbox).users.list_all(per_page=10)) == 10


def test_the_moments_it_reads_are_in_utc(demo, reader):
    stamp = reader.suppliers.list(per_page=10)["data"][0]["createDate"]
    assert datetime.fromisoformat(stamp).utcoffset() == timedelta(0)
