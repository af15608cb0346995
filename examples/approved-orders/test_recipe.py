from __future__ import annotations

from decimal import Decimal

JOB = "approved-orders-to-accounting"


def test_approved_orders_and_their_lines_are_in_the_accounting_system(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"purchase_orders": 40})
    recipe = cook(sandbox, erp)
    orders = sandbox.store.rows("purchase_orders")

    first = recipe.run(JOB)
    approved = {
        key: row
        for key, row in orders.items()
        if row["status"] == 2 and row["approvalDate"] >= "2025-01-01"
    }
    assert 0 < len(approved) < len(orders)
    assert {
        key: (number, total)
        for key, number, total in erp.rows("select precoro_id, number, total from orders")
    } == {key: (row["idn"], Decimal(str(row["sum"]))) for key, row in approved.items()}
    lines = sum(len(row["items"]) for row in approved.values())
    assert erp.value("select count(*) from order_lines") == lines

    # What accounting wrote into its own columns stays when an order comes again.
    erp.run("update orders set booked = true")
    again = recipe.run(JOB)
    assert again.requests == 1  # the list, and no document
    waiting = next(row for row in orders.values() if row["status"] == 1)
    sandbox.store.change(
        "purchase_orders", waiting, {"status": 2, "approvalDate": sandbox.clock.stamp()}
    )
    third = recipe.run(JOB)
    assert third.requests == 2  # the list, and the one that was approved
    assert erp.rows("select number, booked from orders where not booked") == [
        (waiting["idn"], False)
    ]
    rows = len(approved) + lines
    recipe.tell("Approved purchase orders to accounting", rows=rows, first=first, second=again)
