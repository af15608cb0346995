from __future__ import annotations

from copy import deepcopy
from decimal import Decimal

JOB = "supplier-items-both-ways"
PRICE_LIST = (
    "select item_no, sku, name, unit, price, currency, discontinued from price_list order by 1"
)
CATALOGUE = "select item_no, sku, name, unit, price, currency, hidden from catalogue order by 1"


def shown(row):
    """An item of Precoro as the price list has it."""
    names = ("externalId", "sku", "name", "unit", "price", "currency", "hiddenInCatalog")
    values = {name: row.get(name) for name in names} | {"price": Decimal(str(row["price"]))}
    return tuple(values[name] for name in names)


def test_prices_and_new_articles_of_one_supplier_reach_precoro_and_no_other_item(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"suppliers": 12, "items": 60})
    store = sandbox.store
    others = deepcopy(store.rows("items"))
    supplier = store.add("suppliers", {"name": "Boltwerk Nord", "enable": True, "status": 2})
    owner = {"id": supplier["id"], "name": supplier["name"]}

    # Of the 40 articles Precoro has 30: ten are linked, five as they are, the rest dearer by 0.50.
    for place, (item_no, sku, name, unit, price, currency, hidden) in enumerate(
        erp.rows(f"{PRICE_LIST} limit 30")
    ):
        store.add(
            "items",
            {
                "externalId": item_no if place < 10 else None,
                "sku": sku,
                "name": name,
                "unit": unit,
                "price": price if place < 5 else price + Decimal("0.50"),
                "currency": currency,
                "hiddenInCatalog": hidden,
                "supplier": dict(owner),
            },
        )
    twin = store.add(
        "items", {"name": "Bolt, hand-typed", "sku": "BN4030", "supplier": dict(owner)}
    )
    typed = deepcopy([row for row in store.rows("items").values() if row.get("sku") == "BN4030"])
    assert len(typed) == 2

    def own():
        return [
            row
            for row in store.rows("items").values()
            if (row.get("supplier") or {}).get("id") == supplier["id"]
        ]

    def linked():
        return sorted(shown(row) for row in own() if row.get("externalId"))

    recipe = cook(sandbox, erp, SUPPLIER_ID=str(supplier["id"]))
    first = recipe.run(JOB)
    # All but the article that Precoro has twice, which no one may choose but a person.
    assert linked() == erp.rows(PRICE_LIST.replace("order", "where item_no <> 'ART-030' order"))
    assert erp.rows("select item_no, precoro_id from price_questions order by 2") == [
        ("ART-030", row["id"]) for row in typed
    ]
    assert [store.rows("items")[row["id"]] for row in typed] == typed
    assert len(own()) == 30 + 1 + 10
    assert {key: store.rows("items")[key] for key in others} == others
    assert first.methods["POST"] == 10

    second = recipe.run(JOB)
    assert second.methods == {"GET": 1}  # the supplier's items that changed since
    assert erp.rows(CATALOGUE.replace("order", "where item_no is not null order")) == linked()

    # The person takes the twin away; the supplier sends a new list; someone hides an item.
    store.remove("items", twin["id"])
    erp.run("delete from catalogue where precoro_id = %s", twin["id"])
    erp.run("update price_list set price = price * 2 where item_no in ('ART-007', 'ART-038')")
    erp.run("update price_list set discontinued = true where item_no = 'ART-011'")
    erp.run("insert into price_list values ('ART-041', 'BN9', 'Rivet', 'box', 1.25, 'EUR')")
    third = recipe.run(JOB)
    assert linked() == erp.rows(PRICE_LIST)
    assert len(own()) == 41
    assert {row["sku"] for row in own() if row["hiddenInCatalog"]} == {"BN4011"}
    assert third.methods["POST"] == 1
    assert {key: store.rows("items")[key] for key in others} == others
    rows = erp.value("select count(*) from catalogue")
    recipe.tell("Items of one supplier, both ways", rows=rows, first=first, second=second)
