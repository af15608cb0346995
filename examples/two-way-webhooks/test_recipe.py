"""`make recipes` runs twenty rounds of changes on both sides, the ordinary test one."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

JOB = "two-way-webhooks"
ROUNDS = int(os.environ.get("RECIPES_ROUNDS", "1"))
SECRET = "k3y-0123456789abcdef"
CHANCE = {"webhook_loss": 15, "webhook_duplicates": 30, "webhook_reordering": "on"}


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "events.sqlite3"


@pytest.fixture
def endpoint(spool):
    """Where Precoro posts its events: `precoro webhooks serve` as a process of its own."""
    command = [Path(sys.executable).parent / "precoro", "webhooks", "serve"]
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
    """What both sides have: suppliers by the vendor's id, notes of orders by their number."""
    store = sandbox.store
    there = {row.get("externalId"): row["name"] for row in store.rows("suppliers").values()}
    here = {str(key): name for key, name in erp.rows("select id, name from vendors")}
    notes = {row["idn"]: row.get("note") or None for row in store.rows("purchase_orders").values()}
    return (here, dict(erp.rows("select number, note from orders"))), (there, notes)


def change_both(chance, sandbox, erp, number):
    store = sandbox.store
    for n in range(chance.randrange(1, 3)):
        store.add("suppliers", {"name": f"Supplier {number}.{n}"})
        erp.run("insert into vendors (name) values (%s)", f"Vendor {number}.{n}")
    suppliers = list(store.rows("suppliers").values())
    row = chance.choice([row for row in suppliers if row.get("externalId")])
    store.change("suppliers", row, {"name": f"Renamed in round {number}"})
    for row in chance.sample(list(store.rows("purchase_orders").values()), 4):
        for word in ("once", "twice"):
            store.change("purchase_orders", row, {"note": f"{number}: {word}"})


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
    chance = random.Random(2)
    for number in range(ROUNDS):
        change_both(chance, sandbox, erp, number)
        sandbox.webhooks.wait()
        recipe.run(JOB)
    # A day later, what no event told of is found by the lists.
    recipe.run(JOB, TAP_PRECORO__WEBHOOKS_RECONCILE_HOURS="0")
    assert sandbox.webhooks.counts["lost"]
    here, there = both(sandbox, erp)
    assert here == there
    sandbox.webhooks.wait()
    heard = recipe.run(JOB)  # of what the last one wrote itself
    assert heard.writes == 0
    last = recipe.run(JOB)
    assert last.requests == 0
    title = f"Two-way by webhooks with loss, doubles and disorder, {ROUNDS} rounds"
    recipe.tell(title, rows=len(here[0]) + len(here[1]), first=first, second=last)
