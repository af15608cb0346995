from __future__ import annotations

from decimal import Decimal

import pytest

JOB = "approved-invoices-to-accounting"
APPROVED = (2, 4, 5)
CREDIT_NOTES = (1, 5)
PENDING = 1


def money(value):
    return Decimal(str(value))


def documents(store, *, credit):
    """Approved invoices, or credit notes, without the children of split ones."""
    return {
        key: row
        for key, row in store.rows("invoices").items()
        if row["status"] in APPROVED
        and row["approvalDate"] >= "2025-01-01"
        and (row["logicType"] in CREDIT_NOTES) is credit
        and "parentData" not in row
    }


def option(store, row, family, field):
    """The name of the option that a row has in a custom field."""
    fields = store.rows(f"{family}_custom_fields").values()
    (field_id,) = (each["id"] for each in fields if each["name"] == field)
    values = {
        value[f"{family}CustomField"]["id"]: value["value"]
        for value in row[f"data{family.capitalize()}CustomFields"]
    }
    chosen = values.get(field_id)
    return chosen and store.rows(f"{family}_custom_field_options")[int(chosen)]["name"]


def move(store, row):
    """Give an invoice another project."""
    fields = store.rows("document_custom_fields").values()
    (project,) = (each["id"] for each in fields if each["name"] == "Project")
    options = store.rows("document_custom_field_options").values()
    now = option(store, row, "document", "Project")
    other = next(each for each in options if each["field_id"] == project and each["name"] != now)
    values = [
        {**each, "value": str(other["id"])}
        if each["documentCustomField"]["id"] == project
        else each
        for each in row["dataDocumentCustomFields"]
    ]
    store.change("invoices", row, {"dataDocumentCustomFields": values})
    assert option(store, row, "document", "Project") == other["name"] != now


def expected(store, *, credit):
    return {
        (
            key,
            row["idn"],
            row["supplier"]["name"],
            money(row["netSum"]),
            money(row["sum"]),
            option(store, row, "document", "Department"),
            option(store, row, "document", "Project"),
        )
        for key, row in documents(store, credit=credit).items()
    }


def booked(erp, table):
    columns = "precoro_id, number, vendor, net, total, department, project"
    return set(erp.rows(f"select {columns} from {table}"))


def expected_lines(store):
    rows = documents(store, credit=False) | documents(store, credit=True)
    return {
        (
            key,
            str(line["id"]),
            money(line["quantity"]),
            money(line["price"]),
            option(store, line, "item", "GL account"),
        )
        for key, row in rows.items()
        for line in row["items"]
    }


def lines(erp):
    columns = "document_id, line, quantity, price, gl_account"
    return set(erp.rows(f"select {columns} from document_lines"))


def fetched(sandbox):
    return sum(each.path.startswith("/invoices/") for each in sandbox.served)


@pytest.fixture
def company(serve):
    """A company with a split invoice and two credit notes, one of them just approved."""

    def begin(split_idn):
        sandbox = serve(
            seed="demo",
            counts={"purchase_orders": 20, "invoices": 45, "payments": 10},
            switches={"split_idn": split_idn},
        )
        rows = sandbox.store.rows("invoices").values()
        credit = next(
            row for row in rows if row["logicType"] in CREDIT_NOTES and row["status"] == 2
        )
        sandbox.store.change("invoices", credit, {"approvalDate": sandbox.clock.stamp()})
        return sandbox

    return begin


def test_bills_and_credits_are_booked_once_with_lines_and_custom_fields(company, cook, erp):
    sandbox = company("distinct")  # the children of a split invoice are documents of their own
    store, recipe = sandbox.store, cook(sandbox, erp)
    children = [row for row in store.rows("invoices").values() if "parentData" in row]
    assert [row["status"] in APPROVED and len(row["items"]) > 0 for row in children] == [True, True]

    first = recipe.run(JOB)
    bills, credits_ = documents(store, credit=False), documents(store, credit=True)
    assert children[0]["parentData"]["id"] in bills
    assert booked(erp, "bills") == expected(store, credit=False)
    assert booked(erp, "vendor_credits") == expected(store, credit=True) != set()
    assert lines(erp) == expected_lines(store)
    assert fetched(sandbox) == len(bills) + len(credits_) + len(children)
    rows = len(bills) + len(credits_) + len(lines(erp))

    erp.run("update bills set posted = true; update vendor_credits set posted = true")
    documents_before = fetched(sandbox)
    again = recipe.run(JOB)
    # The list; and the names of custom fields, three lists for each of Meltano's two processes:
    # the ten minutes for which they are kept pass in a tenth of a second on the sandbox's clock.
    assert again.requests == 1 + 2 * 3
    assert fetched(sandbox) == documents_before

    # One is paid, a credit note is approved, and an invoice moves to another project.
    unpaid = [row for row in bills.values() if row["status"] == 2]
    paid = unpaid[0]
    moved = next(row for row in unpaid[1:] if option(store, row, "document", "Project"))
    store.change("invoices", paid, {"status": 5})
    move(store, moved)
    waiting = next(
        row
        for row in store.rows("invoices").values()
        if row["logicType"] in CREDIT_NOTES and row["status"] == PENDING
    )
    stamp = sandbox.clock.stamp()
    store.change("invoices", waiting, {"status": 2, "approvalDate": stamp})
    third = recipe.run(JOB)
    assert fetched(sandbox) == documents_before + 3
    assert booked(erp, "bills") == expected(store, credit=False)
    assert booked(erp, "vendor_credits") == expected(store, credit=True)
    assert lines(erp) == expected_lines(store)
    assert erp.rows("select number from vendor_credits where not posted") == [(waiting["idn"],)]
    assert erp.value("select count(*) from bills where not posted") == 0
    assert not any(each.writes for each in (first, again, third))
    recipe.tell(
        "Approved invoices and credit notes to accounting", rows=rows, first=first, second=again
    )


def test_children_that_share_their_parents_number_are_not_booked_either(company, cook, erp):
    sandbox = company("shared")
    cook(sandbox, erp).run(JOB)
    assert booked(erp, "bills") == expected(sandbox.store, credit=False)
    assert lines(erp) == expected_lines(sandbox.store)
