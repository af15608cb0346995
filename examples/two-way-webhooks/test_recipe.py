"""`make recipes` runs twenty rounds of changes on both sides, the ordinary test one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

JOB = "two-way-webhooks"
ROUNDS = int(os.environ.get("RECIPES_ROUNDS", "1"))
FIELDS = ("name", "city", "phone")
SECRET = "k3y-0123456789abcdef"
CHANCE = {"webhook_loss": 15, "webhook_duplicates": 30, "webhook_reordering": "on"}


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "events.sqlite3"


@pytest.fixture
def endpoint(spool):
    """Where Precoro posts its events: `precoro webhooks serve` as a process of its own."""
    command = [Path(sys.executable).parent / "precoro", "webhooks", "serve"]
    receiver = subprocess.Popen(
        [*command, "--spool", spool, "--port", "0"],
        env={**os.environ, "PRECORO_WEBHOOK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with receiver:
        yield json.loads(receiver.stdout.readline())["url"] + SECRET
        receiver.terminate()


def both(sandbox, erp):
    """What each side has: suppliers by the vendor's id, orders by their number, all fields."""
    store = sandbox.store
    suppliers = {
        row.get("externalId"): tuple(row.get(field) or None for field in FIELDS)
        for row in store.rows("suppliers").values()
    }
    orders = {
        row["idn"]: (int(row["status"]), row.get("note") or None)
        for row in store.rows("purchase_orders").values()
    }
    vendors = {
        str(key): tuple(rest)
        for key, *rest in erp.rows("select id, name, city, phone from vendors")
    }
    known = {
        number: tuple(rest) for number, *rest in erp.rows("select number, status, note from orders")
    }
    return (vendors, known), (suppliers, orders)


def behind(here, there):
    """How many records are not the same on both sides."""
    return sum(
        ours.get(key) != theirs.get(key)
        for ours, theirs in zip(here, there, strict=True)
        for key in ours.keys() | theirs.keys()
    )


def change_both(chance, sandbox, erp, number):
    """New and changed records on both sides; the ids of linked suppliers that each side changed.

    No record changes on both sides in one round.
    """
    store, by_erp, by_precoro = sandbox.store, set(), set()
    for n in range(chance.randrange(1, 3)):
        store.add("suppliers", {"name": f"Supplier {number}.{n}"})
        erp.run("insert into vendors (name) values (%s)", f"Vendor {number}.{n}")
    linked = erp.rows("select id, precoro_id from vendors where precoro_id > 0 order by id")
    for ours, key in chance.sample(linked, 6):
        field = chance.choice(FIELDS)
        if chance.random() < 0.5:
            text = f"{field} of the ERP's {ours} in round {number}"
            erp.run(f"update vendors set {field} = %s where id = %s", text, ours)
            by_erp.add(key)
        else:
            text = f"{field} of Precoro's {key} in round {number}"
            store.change("suppliers", store.rows("suppliers")[key], {field: text})
            by_precoro.add(key)
    for row in chance.sample(list(store.rows("purchase_orders").values()), 4):
        for word in ("once", "twice"):
            store.change("purchase_orders", row, {"note": f"{number}: {word}"})
    return by_erp, by_precoro


def test_both_sides_are_equal_though_events_are_lost_doubled_and_out_of_order(
    serve, cook, erp, spool, endpoint
):
    erp.run((Path(__file__).parents[1] / "two-way" / "erp.sql").read_text(encoding="utf-8"))
    sandbox = serve(seed="demo", counts={"suppliers": 10, "purchase_orders": 12}, switches=CHANCE)
    for row in sandbox.store.rows("suppliers").values():
        row.pop("externalId", None)
    recipe = cook(sandbox, erp, WEBHOOK_SPOOL=str(spool))
    sandbox.webhooks.add(endpoint)
    first = recipe.run(JOB)
    sandbox.webhooks.wait()
    told, before = sandbox.webhooks.counts, len(sandbox.served)
    earlier = told["lost"]
    chance, by_erp, by_precoro = random.Random(2), set(), set()
    for number in range(ROUNDS):
        ours, theirs = change_both(chance, sandbox, erp, number)
        by_erp |= ours
        by_precoro |= theirs
        sandbox.webhooks.wait()
        lost = told["lost"] - earlier
        recipe.run(JOB)
        # By events alone, only what was lost is behind.
        assert behind(*both(sandbox, erp)) <= lost, f"round {number}"
    assert lost
    assert told["sent"] > told["lost"]
    assert told["failed"] == told["dropped"] == 0
    asked = {f"{each.method} {each.path}" for each in sandbox.served[before:]}
    assert "GET /purchaseorders" not in asked
    # A day later, what no event told of is found by the lists.
    recipe.run(JOB, TAP_PRECORO__WEBHOOKS_RECONCILE_HOURS="0")
    here, there = both(sandbox, erp)
    assert here == there
    # What only Precoro changed was never written back; new ones were linked.
    written = {
        each.path
        for each in sandbox.served[before:]
        if each.method in ("PATCH", "PUT") and parse_qs(each.body).keys() != {"externalId"}
    }
    assert {f"/suppliers/{key}" for key in by_erp} <= written
    assert by_precoro - by_erp
    assert not {f"/suppliers/{key}" for key in by_precoro - by_erp} & written
    sandbox.webhooks.wait()
    heard = recipe.run(JOB)  # of what the last one wrote itself
    assert heard.writes == 0
    last = recipe.run(JOB)
    assert last.requests == 0
    title = f"Two-way by webhooks with loss, doubles and disorder, {ROUNDS} rounds"
    recipe.tell(title, rows=len(here[0]) + len(here[1]), first=first, second=last)
