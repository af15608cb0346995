"""`make recipes` runs twenty rounds of changes on both sides, the ordinary test one."""

from __future__ import annotations

import os
import random

JOB = "two-way"
ROUNDS = int(os.environ.get("RECIPES_ROUNDS", "1"))
FIELDS = ("name", "city", "phone")


def unlinked(serve, many):
    """A Precoro whose suppliers no other system has linked."""
    sandbox = serve(seed="demo", counts={"suppliers": many})
    for row in sandbox.store.rows("suppliers").values():
        row.pop("externalId", None)
    return sandbox


def both(sandbox, erp):
    """What both sides have, by the vendor's id."""
    suppliers = sandbox.store.rows("suppliers").values()
    there = {
        row.get("externalId"): tuple(row.get(field) or None for field in FIELDS)
        for row in suppliers
    }
    here = {
        str(key): tuple(rest)
        for key, *rest in erp.rows("select id, name, city, phone from vendors")
    }
    assert len(there) == len(suppliers)
    return here, there


def change_both(chance, sandbox, erp, round_number):
    """New and changed records on either side; the two never change one field of one record."""
    store = sandbox.store
    for n in range(chance.randrange(3)):
        store.add("suppliers", {"name": f"Supplier {round_number}.{n}", "city": "Turin"})
    for n in range(chance.randrange(3)):
        erp.run(
            "insert into vendors (name, city) values (%s, 'Lyon')", f"Vendor {round_number}.{n}"
        )
    linked = {
        int(key): ours
        for ours, key in erp.rows("select id, precoro_id from vendors where precoro_id > 0")
    }
    for key, ours in linked.items():
        mine, theirs = chance.sample(FIELDS, 2)
        if chance.random() < 0.3:
            text = f"{mine} {round_number} of the ERP's {ours}"
            erp.run(f"update vendors set {mine} = %s where id = %s", text, ours)
        if chance.random() < 0.3:
            text = f"{theirs} {round_number} of Precoro's {key}"
            store.change("suppliers", store.rows("suppliers")[key], {theirs: text})


def test_both_sides_are_equal_after_each_round_and_nothing_echoes(serve, cook, erp):
    sandbox = unlinked(serve, 20)
    recipe = cook(sandbox, erp)
    first = recipe.run(JOB)
    here, there = both(sandbox, erp)
    assert here == there
    assert len(here) == 12 + 20

    chance = random.Random(1)
    for number in range(ROUNDS):
        change_both(chance, sandbox, erp, number)
        ran = recipe.run(JOB)
        here, there = both(sandbox, erp)
        assert here == there, f"round {number}"
        assert "rejected" not in ran.log
    # What the last round wrote comes back to the ERP as it was, and goes no further.
    quiet = recipe.run(JOB)
    assert quiet.writes == 0
    assert both(sandbox, erp) == (here, there)
    assert erp.value("select count(*) from vendors_to_precoro") == 0
    title = f"Two-way by `modifiedSince`, {ROUNDS} rounds of changes on both sides"
    recipe.tell(title, rows=len(here), first=first, second=quiet)


def test_where_both_changed_one_field_precoro_wins_and_both_agree(serve, cook, erp):
    sandbox = unlinked(serve, 2)
    recipe = cook(sandbox, erp)
    recipe.run(JOB)
    ((ours, key),) = erp.rows("select id, precoro_id from vendors where precoro_id > 0 limit 1")
    sandbox.store.change("suppliers", sandbox.store.rows("suppliers")[key], {"city": "Turin"})
    erp.run("update vendors set city = 'Lyon', phone = '+1' where id = %s", ours)
    recipe.run(JOB)
    assert erp.rows("select city, phone from vendors where id = %s", ours) == [("Turin", "+1")]
    row = sandbox.store.rows("suppliers")[key]
    assert (row["city"], row["phone"]) == ("Turin", "+1")
