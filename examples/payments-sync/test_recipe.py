from __future__ import annotations

from datetime import timedelta

JOB = "payments-to-other-system"
BILLS = "select bill, paid, fully from paid_bills"
APPROVED, PARTLY_PAID, PAID, CANCELED = 2, 4, 5, 8


def in_precoro(sandbox):
    return {
        key: (row["invoice"]["id"], row["sumPaid"], row["payDate"][:10], False)
        for key, row in sandbox.store.rows("payments").items()
    }


def in_erp(erp):
    return {
        key: tuple(row)
        for key, *row in erp.rows(
            "select precoro_id, invoice_id, amount, paid_on::date::text, cancelled from payments"
        )
    }


def bills_of(rows):
    """What the other system is to know of the bills of invoices."""
    return {
        (row["externalId"], row["sumPaid"], row["status"] == PAID) for row in rows if row["sumPaid"]
    }


def test_payments_follow_and_are_mapped_to_bills(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"invoices": 40, "payments": 24})
    recipe = cook(sandbox, erp)
    invoices, payments = sandbox.store.rows("invoices"), sandbox.store.rows("payments")
    paid = {key: row for key, row in invoices.items() if row["status"] in (PARTLY_PAID, PAID)}
    partly = next(row for row in paid.values() if row["status"] == PARTLY_PAID)
    partly["externalId"] = "BILL-PARTLY"
    linked = {row["externalId"]: row for row in paid.values() if row.get("externalId")}
    assert 0 < len(linked) < len(paid)
    for bill in linked:
        erp.run("insert into bills values (%s)", bill)

    first = recipe.run(JOB)
    assert in_erp(erp) == in_precoro(sandbox)
    assert len(payments) == 24
    assert set(erp.rows(BILLS)) == bills_of(linked.values())
    assert {fully for _, _, fully in erp.rows(BILLS)} == {True, False}

    erp.run("update payments set posted = true")
    again = recipe.run(JOB)
    assert again.requests == 2  # what changed among the invoices, and the last payments
    assert erp.value("select bool_and(posted) from payments")
    newly = "select bill from paid_bills where fully and not posted"
    assert erp.rows(newly) == []

    # One is cancelled, one is new, and an invoice that was paid long ago is linked to its bill.
    newest = list(payments.values())[-1]
    of_newest = invoices[newest["invoice"]["id"]]
    sandbox.store.change("payments", newest, {"status": CANCELED})
    sandbox.store.change(
        "invoices", of_newest, {"sumPaid": of_newest["sumPaid"] - newest["sumPaid"], "status": 4}
    )
    open_ = next(row for row in invoices.values() if row["status"] == APPROVED)
    added = sandbox.store.add(
        "payments",
        {
            "invoice": {"id": open_["id"], "idn": open_["idn"]},
            "sumPaid": open_["sum"],
            "payDate": (sandbox.clock.moment() - timedelta(days=1)).isoformat(),
        },
    )
    sandbox.store.change(
        "invoices",
        open_,
        {"sumPaid": open_["sum"], "status": PAID, "externalId": "BILL-NEW"},
    )
    late = next(row for row in paid.values() if not row.get("externalId"))
    sandbox.store.change("invoices", late, {"externalId": "BILL-LATE"})
    erp.run("insert into bills values ('BILL-NEW'), ('BILL-LATE')")

    third = recipe.run(JOB)
    assert third.requests == 2
    wanted = in_precoro(sandbox)
    wanted[newest["id"]] = (*wanted[newest["id"]][:3], True)
    assert in_erp(erp) == wanted
    assert erp.rows("select precoro_id from payments where not posted") == [(added["id"],)]
    assert set(erp.rows(BILLS)) == bills_of((*linked.values(), open_, late))
    assert erp.rows(newly) == [("BILL-NEW",)]
    assert not any(each.writes for each in (first, again, third))
    recipe.tell("Payments to another system", rows=24 + len(paid), first=first, second=again)
