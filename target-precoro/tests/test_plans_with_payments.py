"""Payments of a saved plan: each made once, whatever happened meanwhile."""

from __future__ import annotations

from decimal import Decimal

import pytest
from precoro_sandbox import Fault
from target_precoro.journal.journal import Begun, Intent, Journal

from .planned_loads import lines_of, named, rows, suppliers, vendors, writes


@pytest.fixture
def company(serve):
    sandbox = serve(speed=600)
    for n in range(10):
        values = {"sum": Decimal(50), "sumPaid": Decimal(0), "status": 2, "externalId": f"N-{n}"}
        sandbox.store.add("invoices", values)
    return sandbox


def payments(many, amount=50):
    return [
        ("payments", {"externalId": f"P-{n}", "invoice_external_id": f"N-{n}", "sumPaid": amount,
                      "payDate": "31.01.2026"})
        for n in range(many)
    ]  # fmt: skip


def test_payments_are_made_once(company, saved, apply):
    path = saved(company, *payments(10))
    run = apply(company, path)
    assert run.tally == {"payments": {"created": 10}}
    since = len(company.served)
    again = apply(company, path)
    assert again.tally == {"payments": {"unchanged": 10}}
    assert not writes(company, since)
    assert len(rows(company, "payments")) == 10


def test_an_invoice_that_was_paid_meanwhile_is_not_paid_again(company, saved, apply, load, caplog):
    path = saved(company, *payments(3, 30))
    others = [("payments", {"externalId": f"X-{n}", "invoice_external_id": f"N-{n}",
                            "sumPaid": amount}) for n, amount in ((0, 50), (1, 25))]  # fmt: skip
    load(company, lines=lines_of(*others))
    run = apply(company, path)
    assert run.tally == {"payments": {"created": 1, "stale": 2}}
    assert run.code == 1
    assert "fully paid already" in caplog.text
    assert "30.00 is more than the 25.00 that remain" in caplog.text


def test_two_payments_of_one_invoice_follow_each_other(company, saved, apply):
    records = [
        ("payments", {"externalId": f"P-{n}", "invoice_external_id": "N-0", "sumPaid": 25})
        for n in range(2)
    ]
    path = saved(company, *records)
    assert apply(company, path).tally == {"payments": {"created": 2}}
    assert apply(company, path).tally == {"payments": {"unchanged": 2}}


@pytest.mark.parametrize("kind", ["lost", "cut", "500", "reset"])
def test_a_lost_answer_is_looked_for_and_nothing_is_doubled(company, saved, apply, kind):
    path = saved(company, *payments(3), *suppliers(*vendors(3)))
    company.faults.add(Fault(kind, method="POST"))
    assert apply(company, path).code == 0
    assert len(rows(company, "payments")) == len(rows(company)) == 3


@pytest.mark.parametrize("begun", [True, False])
def test_what_a_killed_process_has_left_unlinked_is_linked_and_not_doubled(
    company, saved, apply, tmp_path, begun
):
    path, at = saved(company, *payments(1), *suppliers(*vendors(1))), tmp_path / "journal.sqlite3"
    now = company.clock.moment().timestamp()
    journal = Journal(at, now=lambda: now)
    for resource, key in [("payments", "P-0"), ("suppliers", "V-0")] if begun else []:
        assert isinstance(journal.begin(Intent(resource, key, now, {}), looked_at=now), Begun)
    journal.close()
    invoice = rows(company, "invoices")[0]
    made = {"invoice": {"id": invoice["id"]}, "sumPaid": 50, "payDate": "2026-01-31"}
    company.store.add("payments", {**made, "logicType": 0})
    company.store.change("invoices", invoice, {"sumPaid": Decimal(50)})
    company.store.add("suppliers", {"name": "Firm 0"})
    run = apply(company, path, journal_path=str(at))
    action = "linked" if begun else "stale"  # else it may be somebody else's
    assert run.tally == {"payments": {action: 1}, "suppliers": {action: 1}}
    assert run.requests["POST"] == 0
    assert set(named(company)) == ({"V-0"} if begun else {None})
    assert set(named(company, "payments")) == ({"P-0"} if begun else {None})
