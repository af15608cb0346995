from __future__ import annotations

import json

from precoro_sandbox import Account, SandboxClock
from precoro_sandbox.limits import Limiters
from precoro_sandbox.server import seed_rows
from precoro_sandbox.switches import Switches

JOB = "decisions-to-precoro"
PENDING, APPROVED, DENIED, ON_REVISE = 1, 2, 3, 7


class Noting(Limiters):
    """The counters of one key, and which requests it made."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = []

    def count(self, identity):
        self.asked.append(identity)
        return super().count(identity)


def three_keys(clock):
    """One company as its integration, its finance and its operations see it."""
    counts = {"invoices": 30, "purchase_orders": 30, "receipts": 10}
    switches = Switches.set({})
    first = Account.open(clock, switches, seed_rows("demo", clock, counts))
    first.limiters = Noting(clock, switches)
    return [
        first,
        *(
            Account(f"token-of-{who}", f"{who}@example.com", first.store, Noting(clock, switches))
            for who in ("finance", "operations")
        ),
    ]


def decide(erp, *decisions):
    for document, row, action, comment, approver in decisions:
        erp.run(
            "insert into decisions (document, number, action, comment, approver)"
            " values (%s, %s, %s, %s, %s)",
            *(document, row["idn"], action, comment, approver),
        )


def test_each_decision_is_carried_out_once_with_its_approvers_key(serve, cook, erp):
    clock = SandboxClock(6000)
    integration, finance, operations = accounts = three_keys(clock)
    sandbox = serve(clock=clock, accounts=accounts)
    recipe = cook(
        sandbox,
        erp,
        APPROVER1_TOKEN=finance.token,
        APPROVER1_EMAIL=finance.email,
        APPROVER2_TOKEN=operations.token,
        APPROVER2_EMAIL=operations.email,
    )
    store = sandbox.store
    invoices = list(store.rows("invoices").values())[:4]
    orders = list(store.rows("purchase_orders").values())[:3]
    for row in (*invoices, *orders):
        row["status"] = PENDING
    decide(
        erp,
        ("invoices", invoices[0], "approve", None, "finance"),
        ("invoices", invoices[1], "reject", "The price is not the agreed one.", "finance"),
        ("purchase_orders", orders[0], "approve", "Within the budget", "operations"),
        ("purchase_orders", orders[1], "reject", None, "operations"),
        ("invoices", invoices[2], "revision", "Whose cost centre?", "finance"),
        ("invoices", invoices[0], "approve", None, "operations"),  # as finance did
        ("invoices", invoices[3], "approve", None, "nobody"),
    )

    first = recipe.run(JOB)
    statuses = [row["status"] for row in (*invoices, *orders)]
    assert statuses == [APPROVED, DENIED, ON_REVISE, PENDING, APPROVED, DENIED, PENDING]
    assert invoices[1]["comments"][-1]["text"] == "The price is not the agreed one."
    assert orders[0]["comments"][-1]["text"] == "Within the budget"
    assert first.methods == {"GET": 6, "POST": 5}
    # Each asked for its own documents, and the integration's key for none.
    assert len(finance.limiters.asked) == 6
    assert len(operations.limiters.asked) == 5
    assert not any("purchaseorders" in each for each in finance.limiters.asked)
    assert integration.limiters.asked == []

    again = recipe.run(JOB)
    assert again.requests == 0

    # A document that somebody opened again stays open; a new decision about it is a new one.
    for row in (invoices[1], orders[1]):
        store.change("invoices" if row is invoices[1] else "purchase_orders", row, {"status": 1})
    decide(
        erp,
        ("purchase_orders", orders[1], "approve", None, "operations"),
        ("purchase_orders", orders[2], "reject", None, "operations"),
        ("invoices", {"idn": "999999"}, "approve", None, "operations"),
    )
    third = recipe.run(JOB, code=1)
    assert third.methods["POST"] == 2
    assert [row["status"] for row in orders] == [APPROVED, APPROVED, DENIED]
    assert invoices[1]["status"] == PENDING
    rejects = (recipe.output / "approvals-2-rejects.singer").read_text(encoding="utf-8")
    (refused,) = (row for row in map(json.loads, rejects.splitlines()) if row["type"] == "RECORD")
    assert refused["record"]["idn"] == "999999"
    assert "404" in refused["reason"]
    recipe.tell("Approvals by several people's keys", rows=6, first=first, second=again)
