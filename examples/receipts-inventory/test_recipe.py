from __future__ import annotations

from collections import Counter
from decimal import Decimal

JOB = "receipts-both-ways"
SENT = [f"WH-{number}" for number in range(1, 13) if number % 4]
"""Those that complete their order."""


def own_receipts(erp):
    return dict(erp.rows("select number, warehouse from goods_receipts"))


def expected_stock(store, erp):
    """Quantities by warehouse, location and item, as the two systems' own rows have them."""
    stock = Counter()
    warehouses = own_receipts(erp)
    for receipt, sku, quantity in erp.rows("select * from goods_receipt_lines"):
        stock[warehouses[receipt], None, sku] += quantity
    for row in store.rows("receipts").values():
        counts = row["status"] == 2 and row["createDate"] >= "2025-01-01"
        if not counts or row.get("externalId") in warehouses:
            continue
        for line in row["items"]:
            if line["sku"]:
                place = (row["warehouse"]["name"], row["location"]["name"], line["sku"])
                stock[place] += Decimal(str(line["quantity"]))
    return stock


def stock(erp):
    columns = "select warehouse, location, sku, quantity from inventory"
    return {(store, place, sku): quantity for store, place, sku, quantity in erp.rows(columns)}


def sent(store, erp):
    own = own_receipts(erp)
    rows = [row for row in store.rows("receipts").values() if row.get("externalId") in own]
    return sorted(
        (row["externalId"], row["purchaseOrder"]["idn"], row["warehouse"]["name"]) for row in rows
    )


def test_each_delivery_is_counted_once_and_known_to_both_sides(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"receipts": 24, "purchase_orders": 30})
    store, recipe = sandbox.store, cook(sandbox, erp)
    theirs = dict(store.rows("receipts"))

    first = recipe.run(JOB)
    columns = "number, order_number, warehouse"
    complete = f"select {columns} from goods_receipts where completes_order"
    assert [number for number, _, _ in sorted(erp.rows(complete))] == sorted(SENT)
    assert sent(store, erp) == sorted(erp.rows(complete))
    assert len(store.rows("receipts")) == len(theirs) + len(SENT)
    recent = {
        (row["id"], row["idn"], row.get("externalId"), row["status"])
        for row in store.rows("receipts").values()
        if row["createDate"] >= "2025-01-01"
    }
    assert len(recent) < len(store.rows("receipts"))
    columns = "select precoro_id, number, own_number, status from deliveries"
    assert set(erp.rows(columns)) == recent
    assert stock(erp) == expected_stock(store, erp)
    lines = erp.value("select count(*) from delivery_lines")
    rows = len(SENT) + len(recent) + lines

    again = recipe.run(JOB)
    assert again.writes == 0
    assert again.requests == 3  # the own ones, the warehouses by their names, and the list

    # There one of ours is approved, one of theirs cancelled, and one arrives; so does one here.
    ours = next(row for row in store.rows("receipts").values() if row.get("externalId") == "WH-1")
    store.change("receipts", ours, {"status": 2})
    approved = [row for row in theirs.values() if row["status"] == 2]
    store.change("receipts", approved[-1], {"status": 8})
    store.add("receipts", {**approved[-2], "externalId": None})
    erp.run(
        "insert into goods_receipts "
        "values ('WH-13', '13', 'Leeds store', '2026-02-01', null, true);"
        "insert into goods_receipt_lines values ('WH-13', 'PART-1', 500)"
    )
    before = stock(erp)
    third = recipe.run(JOB)
    assert third.methods == Counter(GET=7, POST=1, PATCH=1)  # the three, and four documents
    assert [number for number, _, _ in sent(store, erp)] == sorted([*SENT, "WH-13"])
    assert stock(erp) == expected_stock(store, erp) != before
    assert erp.rows("select status, own_number from deliveries where own_number = 'WH-1'") == [
        (2, "WH-1")
    ]
    recipe.tell("Receipts of a warehouse, both ways", rows=rows, first=first, second=again)
