"""What is written of documents: payments, receipts and others, steps of approval, files."""

from __future__ import annotations

import pytest
from precoro_api.resources import RESOURCES

from .written_records import BLANK, INVALID, USED, refusal, stored

ACTING = tuple(each for each in RESOURCES if len(each.actions) > 2 and not each.alias_of)
AFTER = {"approve": 2, "reject": 3, "revision": 7, "confirm": 1, "confirm_revise": 1}


# Payments


@pytest.fixture
def pay(ask):
    """POST a payment of an invoice."""

    def send(sandbox, invoice, amount, **values):
        body = {"invoice[id]": invoice["id"], "sumPaid": amount, "payDate": "2026-01-02T00:00:00Z"}
        return ask(sandbox, "POST", "/payments", data={**body, **values})

    return send


def an_invoice(sandbox, total="100.00"):
    values = {"sum": total, "sumPaid": "0.00", "status": 2, "statusString": "status.approved"}
    return sandbox.store.add("invoices", values)


def test_a_payment_has_id_and_idn_and_names_its_invoice(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    answer = pay(sandbox, invoice, "10")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["idn"], made["sumPaid"], made["logicType"]) == ("1", 10, 0)
    assert made["invoice"] == {"id": invoice["id"], "idn": invoice["idn"]}
    assert made["payDate"] == "2026-01-02T00:00:00Z"


def test_a_part_and_then_the_rest(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    path = f"/invoices/{invoice['idn']}"
    pay(sandbox, invoice, "40.005")
    part = ask(sandbox, "GET", path).json()
    assert (part["sumPaid"], part["status"]) == ("40.01", 4)
    assert part["statusString"] == "status.partly_paid"
    pay(sandbox, invoice, "59.99")
    whole = ask(sandbox, "GET", path).json()
    assert (whole["sumPaid"], whole["status"]) == ("100.00", 5)
    assert whole["statusString"] == "status.paid"
    assert [each["sumPaid"] for each in whole["payments"]] == [40.01, 59.99]


@pytest.mark.parametrize("amount", ["0", "-1", "100.01", "0.001", "1e9"])
def test_an_amount_outside_what_remains_is_refused(serve, pay, amount):
    sandbox = serve()
    words = "The amount must be greater than 0 and not exceed 100"
    assert refusal(pay(sandbox, an_invoice(sandbox), amount)) == ("sumPaid", words)
    assert stored(sandbox, "payments") == []


def test_what_remains_stands_in_the_words(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    pay(sandbox, invoice, "99.70")
    assert refusal(pay(sandbox, invoice, "0.31"))[1].endswith("not exceed 0.3")


def test_a_paid_invoice_says_so(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    assert pay(sandbox, invoice, "100").status_code == 201
    words = "The Invoice is already fully paid."
    assert refusal(pay(sandbox, invoice, "0.01")) == ("sumPaid", words)


@pytest.mark.parametrize("amount", ["", "ten", "NaN", "inf"])
def test_an_amount_that_is_no_number_is_refused(serve, pay, amount):
    sandbox = serve()
    assert refusal(pay(sandbox, an_invoice(sandbox), amount)) == ("sumPaid", INVALID)


@pytest.mark.parametrize("key", ["", "0", "99", "x", "²"])
def test_a_payment_of_no_invoice_is_refused(serve, pay, key):
    sandbox = serve()
    an_invoice(sandbox)
    assert refusal(pay(sandbox, {"id": key}, "1")) == ("invoice", INVALID)


def test_a_payment_names_the_invoice_by_id_and_not_by_idn(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    assert refusal(pay(sandbox, {"id": invoice["idn"]}, "1")) == ("invoice", INVALID)


def test_a_logic_type_that_is_no_number_is_refused(serve, pay):
    sandbox = serve()
    answer = pay(sandbox, an_invoice(sandbox), "1", logicType="prepaid")
    assert refusal(answer) == ("logicType", INVALID)


def test_a_payment_in_json(serve, ask):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    body = {"invoice": {"id": invoice["id"]}, "sumPaid": 12.34, "logicType": 0}
    assert ask(sandbox, "POST", "/payments", json=body).json()["sumPaid"] == 12.34


@pytest.mark.parametrize(("position", "link"), [("terms_and_options", None), ("everywhere", "P-1")])
def test_external_id_of_a_new_payment(serve, pay, position, link):
    sandbox = serve({"external_id_on_create": position})
    assert pay(sandbox, an_invoice(sandbox), "1", externalId="P-1").json()["externalId"] == link


def test_an_external_id_of_a_payment_may_be_refused(serve, pay):
    sandbox = serve({"external_id_on_create": "rejected"})
    answer = pay(sandbox, an_invoice(sandbox), "1", externalId="P-1")
    assert refusal(answer)[0] == "externalId"
    assert stored(sandbox, "payments") == []


def test_an_external_id_of_a_payment_may_have_to_be_unique(serve, pay):
    positions = {"external_id_on_create": "everywhere", "external_id_unique": "yes"}
    sandbox = serve(positions)
    invoice = an_invoice(sandbox)
    assert pay(sandbox, invoice, "1", externalId="P-1").ok
    assert refusal(pay(sandbox, invoice, "1", externalId="P-1")) == ("externalId", USED)


@pytest.mark.parametrize("position", ["yes", "no"])
@pytest.mark.parametrize("cancel", [False, True], ids=["paid", "cancelled"])
def test_whether_a_payment_touches_its_invoice(serve, ask, pay, position, cancel):
    sandbox = serve({"touch_on_payment": position})
    invoice = an_invoice(sandbox)
    before = invoice["updateDate"]
    if cancel:
        pay(sandbox, invoice, "1")
        before = invoice["updateDate"]
    sandbox.clock.advance(60)
    answer = ask(sandbox, "POST", "/payments/1/cancel") if cancel else pay(sandbox, invoice, "1")
    assert answer.ok
    assert (invoice["updateDate"] > before) is (position == "yes")


@pytest.mark.parametrize("position", ["yes", "no"])
def test_lists_notice_a_payment_at_once(serve, ask, pay, position):
    sandbox = serve({"touch_on_payment": position})
    invoice = an_invoice(sandbox)
    params = {"status[]": 2}
    assert len(ask(sandbox, "GET", "/invoices", params=params).json()["data"]) == 1
    pay(sandbox, invoice, "100")
    assert ask(sandbox, "GET", "/invoices", params=params).json()["data"] == []


def test_a_cancelled_payment_gives_the_amount_back(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    for amount in ("30", "70"):
        pay(sandbox, invoice, amount)
    assert ask(sandbox, "POST", "/payments/2/cancel").json()["status"] == 8
    assert (str(invoice["sumPaid"]), invoice["status"]) == ("30.00", 4)
    assert invoice["statusString"] == "status.partly_paid"
    assert ask(sandbox, "POST", "/payments/1/cancel").ok
    assert (invoice["status"], invoice["statusString"]) == (2, "status.approved")
    assert pay(sandbox, invoice, "100").ok


def test_a_payment_is_cancelled_once(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    pay(sandbox, invoice, "30")
    assert ask(sandbox, "POST", "/payments/1/cancel").ok
    assert refusal(ask(sandbox, "POST", "/payments/1/cancel"))[0] == "status"
    assert invoice["sumPaid"] == 0
    assert ask(sandbox, "POST", "/payments/9/cancel").status_code == 404


@pytest.mark.parametrize("position", [405, 404])
def test_a_payment_cannot_be_edited(serve, ask, pay, position):
    sandbox = serve({"put_payments": position})
    pay(sandbox, an_invoice(sandbox), "30")
    answer = ask(sandbox, "PUT", "/payments/1", data={"sumPaid": "10"})
    assert answer.status_code == position
    assert stored(sandbox, "payments")[0]["sumPaid"] == 30


def test_payment_of_an_expense(serve, ask):
    sandbox = serve()
    expense = sandbox.store.add("expenses", {"sum": "50", "sumPaid": "20"})
    body = {"expense[id]": expense["id"], "sumPaid": "30", "payDate": "2026-01-02"}
    answer = ask(sandbox, "POST", "/expensePayments", data=body)
    assert (answer.status_code, answer.json()["sumPaid"]) == (201, 30)
    shown = ask(sandbox, "GET", f"/expenses/{expense['idn']}").json()
    assert shown["sumPaid"] == 50.0
    assert [each["id"] for each in shown["expensePayments"]] == [answer.json()["id"]]
    again = refusal(ask(sandbox, "POST", "/expensePayments", data=body))
    assert again == ("sumPaid", "The amount must be greater than 0 and not exceed 0")


def test_payment_of_no_expense_is_refused(serve, ask):
    body = {"expense[id]": 9, "sumPaid": "30"}
    assert refusal(ask(serve(), "POST", "/expensePayments", data=body)) == ("expense", INVALID)


# Documents


def an_order(sandbox):
    values = {"items": [{"id": 1, "name": "Pen", "quantity": 3}], "currency": "EUR"}
    return sandbox.store.add("purchase_orders", values)


def test_a_receipt_is_made_against_an_order(serve, ask):
    sandbox = serve()
    sandbox.store.add("purchase_orders", {})
    order = an_order(sandbox)
    warehouse = sandbox.store.add("warehouses", {"name": "Main"})
    body = {"requiredDate": "2026-02-01", "warehouse": {"id": warehouse["id"]}, "note": "n"}
    answer = ask(sandbox, "POST", f"/receipts/{order['idn']}", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["purchaseOrder"] == {"id": order["id"], "idn": "2"}
    assert made["warehouse"]["name"] == "Main"
    assert (made["idn"], made["note"], made["currency"]) == ("1", "n", "EUR")
    assert made["items"]["data"] == order["items"]
    shown = ask(sandbox, "GET", f"/purchaseorders/{order['idn']}").json()
    assert shown["relatedReceipts"] == [{"id": made["id"], "idn": "1"}]


@pytest.mark.parametrize(
    ("missing", "words"), [("requiredDate", BLANK), ("warehouse", INVALID)], ids=["date", "place"]
)
def test_what_a_receipt_needs(serve, ask, missing, words):
    sandbox = serve()
    warehouse = sandbox.store.add("warehouses", {"name": "Main"})
    body = {"requiredDate": "2026-02-01", "warehouse": {"id": warehouse["id"]}}
    del body[missing]
    path = f"/receipts/{an_order(sandbox)['idn']}"
    assert refusal(ask(sandbox, "POST", path, json=body)) == (missing, words)


def test_a_receipt_of_no_order_is_not_found(serve, ask):
    sandbox = serve()
    sandbox.store.add("receipts", {})
    assert ask(sandbox, "POST", "/receipts/1", json={}).status_code == 404


def test_a_requisition_is_a_draft_until_it_is_confirmed(serve, ask):
    sandbox = serve(counts={"locations": 2})
    location = next(iter(sandbox.store.rows("locations")))
    body = {
        "location": {"id": location},
        "currency": "EUR",
        "requiredDate": "2026-02-01",
        "items": [{"name": "Pen", "quantity": 1, "price": 2}],
    }
    made = ask(sandbox, "POST", "/purchaserequisitions", json=body).json()
    assert (made["status"], made["items"]["data"]) == (0, body["items"])
    answer = ask(sandbox, "POST", f"/purchaserequisitions/{made['idn']}/confirm")
    assert answer.json()["status"] == 1


@pytest.mark.parametrize("missing", ["location", "currency", "requiredDate", "items"])
def test_what_a_requisition_needs(serve, ask, missing):
    sandbox = serve(counts={"locations": 2})
    body = {
        "location[id]": next(iter(sandbox.store.rows("locations"))),
        "currency": "EUR",
        "requiredDate": "2026-02-01",
        "items[0][name]": "Pen",
    }
    kept = {key: value for key, value in body.items() if key.split("[")[0] != missing}
    assert refusal(ask(sandbox, "POST", "/purchaserequisitions", data=kept)) == (missing, BLANK)
    assert ask(sandbox, "POST", "/purchaserequisitions", data=body).status_code == 201


@pytest.mark.parametrize("step", [*AFTER])
@pytest.mark.parametrize("resource", ACTING, ids=lambda resource: resource.name)
def test_steps_of_an_approval(serve, ask, resource, step):
    sandbox = serve()
    row = sandbox.store.add(resource.name, {"status": 0})
    path = f"{resource.list.path}/{row['idn']}/{step}"
    answer = ask(sandbox, "POST", path, data={"comment": "why"})
    assert answer.status_code == 200
    assert answer.json()["status"] == AFTER[step]
    assert bool(row.get("approvalDate")) is (step == "approve")
    assert answer.json()["comments"] == [{"text": "why"}]
    assert ask(sandbox, "POST", path.replace(f"/{row['idn']}/", "/99/")).status_code == 404


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("approve", "status.approved"),
        ("reject", "status.denied"),
        ("revision", "status.on_revise"),
        ("confirm", "status.pending"),
        ("confirm_revise", "status.pending"),
    ],
)
def test_text_of_a_status_follows_its_number(serve, ask, step, text):
    sandbox = serve()
    row = an_invoice(sandbox)
    answer = ask(sandbox, "POST", f"/invoices/{row['idn']}/{step}")
    assert answer.json()["statusString"] == text


def test_a_requisition_can_be_completed(serve, ask):
    sandbox = serve()
    sandbox.store.add("purchase_requisitions", {"status": 2})
    answer = ask(sandbox, "POST", "/purchaserequisitions/1/complete")
    assert answer.json()["status"] == 11


@pytest.mark.parametrize("path", ["/invoices", "/purchaseorders"])
@pytest.mark.parametrize(("position", "status"), [("refused", 405), ("enabled", 201)])
def test_post_of_documents(serve, ask, path, position, status):
    sandbox = serve({"create_documents": position})
    answer = ask(sandbox, "POST", path, data={"currency": "EUR", "nonsense": "x"})
    assert answer.status_code == status
    if status == 201:
        assert answer.json()["currency"] == "EUR"
        assert ask(sandbox, "GET", f"{path}/{answer.json()['idn']}").ok
    else:
        assert ask(sandbox, "GET", path).json()["data"] == []


def test_a_contract_names_its_supplier_by_a_plain_id(serve, ask):
    sandbox = serve(counts={"suppliers": 2})
    supplier = next(iter(sandbox.store.rows("suppliers")))
    body = {"number": "C-1", "id": supplier, "prolongation": True, "beginDate": "2026-01-01"}
    answer = ask(sandbox, "POST", "/contract", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["number"], made["prolongation"]) == ("C-1", True)
    assert made["supplier"]["id"] == supplier
    assert made["id"] != supplier
    assert ask(sandbox, "GET", f"/contracts/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("body", "refused"),
    [({"number": "C"}, ("id", INVALID)), ({"id": 50001}, ("number", BLANK))],
    ids=["no supplier", "no number"],
)
def test_what_a_contract_needs(serve, ask, body, refused):
    sandbox = serve(counts={"suppliers": 2})
    assert refusal(ask(sandbox, "POST", "/contract", json=body)) == refused


def test_lines_of_a_proposition_are_approved_in_silence(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("rfp_propositions", {"name": "Offer"})
    path = f"/requestforproposals/proposition/{row['id']}/items/approve"
    answer = ask(sandbox, "PUT", path, data={"items[]": [1, 2]})
    assert (answer.status_code, answer.content) == (200, b"")


# Files


@pytest.mark.parametrize("position", ["binary", "json"])
def test_a_file_comes_back_as_it_was_sent(serve, ask, position):
    sandbox = serve({"attachments": position})
    invoice = an_invoice(sandbox)
    content = bytes(range(256))
    made = ask(
        sandbox,
        "POST",
        f"/attachments/{invoice['id']}/1",
        files={"file": ("a scan.pdf", content)},
        data={"comment": "c"},
    )
    assert made.status_code == 201
    row = made.json()
    assert (row["name"], row["size"], row["formatType"]) == ("a scan.pdf", 256, "pdf")
    assert (row["type"], row["comment"]) == (1, "c")
    answer = ask(sandbox, "GET", f"/attachments/{row['id']}")
    if position == "binary":
        assert answer.headers["content-type"] == "application/octet-stream"
    else:
        assert {key: answer.json()[key] for key in row} == row
        answer = ask(sandbox, "GET", answer.json()["link"].removeprefix(sandbox.url))
    assert answer.content == content
    shown = ask(sandbox, "GET", f"/invoices/{invoice['idn']}").json()
    assert shown["attachments"] == [row]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (1, "invoices"),
        (2, "purchase_orders"),
        (3, "purchase_requisitions"),
        (4, "receipts"),
        (5, "expenses"),
        (8, "suppliers"),
        (9, "warehouse_requests"),
        (10, "request_for_proposals"),
    ],
)
def test_a_file_is_listed_where_it_belongs(serve, ask, kind, name):
    sandbox = serve()
    row = sandbox.store.add(name, {"name": "One"})
    files = {"file": ("a.txt", b"a")}
    made = ask(sandbox, "POST", f"/attachments/{row['id']}/{kind}", files=files).json()
    assert [each["id"] for each in row["attachments"]] == [made["id"]]


def test_an_order_with_a_new_file_passes_the_filter(serve, ask):
    sandbox = serve()
    order = an_order(sandbox)
    params = {"attachedFile": 1}
    assert ask(sandbox, "GET", "/purchaseorders", params=params).json()["data"] == []
    ask(sandbox, "POST", f"/attachments/{order['id']}/2", files={"file": ("a.txt", b"a")})
    assert len(ask(sandbox, "GET", "/purchaseorders", params=params).json()["data"]) == 1


@pytest.mark.parametrize("path", ["/attachments/1/1", "/ap/document/upload"])
@pytest.mark.parametrize("body", [{}, {"data": {"file": "text"}}, {"json": {"file": "x"}}])
def test_an_upload_needs_a_file(serve, ask, path, body):
    assert refusal(ask(serve(), "POST", path, **body)) == ("file", BLANK)


def test_an_upload_to_the_inbox(serve, ask):
    sandbox = serve()
    files = {"file": ("scan.pdf", b"%PDF")}
    made = ask(sandbox, "POST", "/ap/document/upload", files=files).json()
    assert (made["idn"], made["name"], made["status"]) == ("1", "scan.pdf", 0)
    assert ask(sandbox, "GET", f"/ap/documents/{made['idn']}").json() == made


def test_an_upload_that_cannot_be_read_is_refused(serve, ask):
    headers = {"Content-Type": "multipart/form-data"}
    answer = ask(serve(), "POST", "/ap/document/upload", data=b"x", headers=headers)
    assert answer.status_code == 400
    assert "boundary" in answer.json()["message"]
