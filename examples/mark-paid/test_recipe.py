from __future__ import annotations

import json
from decimal import Decimal

JOB = "payments-to-precoro"
APPROVED, PARTLY_PAID, PAID = 2, 4, 5


def bills_in_precoro(sandbox, erp):
    """Precoro's invoices of the ERP's bills, by the bill; nothing is paid yet."""
    return {
        bill: sandbox.store.add(
            "invoices",
            {"externalId": bill, "sum": total, "sumPaid": Decimal(0), "status": APPROVED},
        )
        for bill, total in erp.rows("select id, total from bills")
    }


def recorded(sandbox):
    return {
        row["externalId"]: (row["invoice"]["id"], row["sumPaid"], row["payDate"][:10])
        for row in sandbox.store.rows("payments").values()
        if str(row.get("externalId")).startswith("PAY-")
    }


def rows_of(path):
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line["record"] for line in lines if line["type"] == "RECORD"]


def test_payments_are_recorded_once_and_what_is_too_much_is_told(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"invoices": 30, "payments": 0})
    recipe = cook(sandbox, erp)
    by_hand = next(
        row
        for row in sandbox.store.rows("invoices").values()
        if row["status"] == APPROVED and not row.get("externalId")
    )
    invoices = bills_in_precoro(sandbox, erp)
    erp.run(
        "insert into payments values ('PAY-N', null, %s, %s, '2026-01-31', '2026-02-01 07:00')",
        by_hand["idn"],
        by_hand["sum"],
    )
    # Somebody typed the first payment into Precoro already.
    typed = {
        "invoice": {"id": invoices["BILL-9001"]["id"]},
        "sumPaid": invoices["BILL-9001"]["sum"],
        "payDate": "2026-01-02T00:00:00+00:00",
    }
    sandbox.store.add("payments", typed)
    invoices["BILL-9001"].update(sumPaid=typed["sumPaid"], status=PAID)

    first = recipe.run(JOB)
    in_erp = {
        key: (invoices[bill]["id"] if bill else by_hand["id"], amount, paid_on)
        for key, bill, amount, paid_on in erp.rows(
            "select id, bill, amount, paid_on::text from payments"
        )
    }
    for cent in ("4", "5"):  # within a cent it is what remains
        total = invoices[f"BILL-900{cent}"]["sum"]
        in_erp[f"PAY-{cent}"] = (in_erp[f"PAY-{cent}"][0], total, in_erp[f"PAY-{cent}"][2])
    assert len(in_erp) == 26
    assert recorded(sandbox) == in_erp
    assert len(sandbox.store.rows("payments")) == 26
    status = {bill: row["status"] for bill, row in invoices.items()}
    assert list(status.values()) == [PAID] * 20 + [PARTLY_PAID] * 5 + [APPROVED] * 5
    assert (by_hand["status"], by_hand["sumPaid"]) == (PAID, by_hand["sum"])

    again = recipe.run(JOB)
    assert again.writes == 0
    assert again.requests <= 2
    assert recorded(sandbox) == in_erp

    # The second halves, and a payment that is more than its bill.
    erp.run(
        """insert into payments
        select 'PAY-' || n, bill, null, amount, date '2026-03-01', timestamp '2026-03-01 08:00'
        from (select 'H-' || b.id, b.id, b.total - p.amount
              from bills b join payments p on p.bill = b.id where p.amount < b.total - 1
              union all
              select 'HIGH', id, total + 5 from bills where id = 'BILL-9026'
        ) more (n, bill, amount)"""
    )
    third = recipe.run(JOB, code=1)
    assert third.methods["POST"] == 5
    assert [invoices[f"BILL-90{n}"]["status"] for n in range(21, 27)] == [PAID] * 5 + [APPROVED]
    assert all(row["sum"] == row["sumPaid"] for row in invoices.values() if row["status"] == PAID)
    (rejected,) = rows_of(recipe.output / "mark-paid-rejects.singer")
    assert rejected["id"] == "PAY-HIGH"
    told = f"{invoices['BILL-9026']['sum'] + 5} is more than the {invoices['BILL-9026']['sum']}"
    assert told in third.log
    assert told in (recipe.output / "mark-paid-report.jsonl").read_text(encoding="utf-8")

    # Accounting puts it right, which books it anew.
    erp.run(
        """update payments set amount = amount - 5, booked_at = '2026-03-02 08:00'
        where id = 'PAY-HIGH'"""
    )
    recipe.run(JOB)
    assert recorded(sandbox)["PAY-HIGH"][1] == invoices["BILL-9026"]["sumPaid"]
    assert invoices["BILL-9026"]["status"] == PAID
    assert len(recorded(sandbox)) == erp.value("select count(*) from payments")
    recipe.tell(
        "Payments made in accounting, recorded in Precoro", rows=26, first=first, second=again
    )
