"""Payments: never twice, never above what remains, one look at many invoices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from precoro_api import BY_NAME
from precoro_sandbox import Fault
from target_precoro.payments import plan_payment
from target_precoro.routes import route_of
from target_precoro.upsert import Create, Link, Refused, Skipped
from target_precoro.wanted import wanted_of

APPROVED, PAID = 2, 5


def wanted(**record):
    read = wanted_of(route_of("payments", {}), {"invoice[id]": 1, **record})
    return read.__class__(read.external_id, {**read.values, "invoice": "1"})


def invoice(total="100.00", paid="0"):
    return {"id": 1, "idn": "1", "sum": total, "sumPaid": paid}


@pytest.mark.parametrize(
    ("amount", "paid", "sent"),
    [("40", "0", "40"), (99.99, "0", "100.00"), ("60.01", "40", "60.00"), ("0.1", "99.9", "0.1")],
)
def test_an_amount_within_a_cent_of_what_remains_is_what_remains(amount, paid, sent):
    step = plan_payment(wanted(sumPaid=amount), invoice(paid=paid), [])
    assert isinstance(step, Create)
    assert step.form["sumPaid"] == Decimal(sent)


@pytest.mark.parametrize(
    ("record", "known", "kind", "words"),
    [
        ({"sumPaid": "100.02"}, invoice(), Refused, "more than the 100.00 that remain"),
        ({"sumPaid": "0"}, invoice(), Refused, "above 0"),
        ({"sumPaid": "ten"}, invoice(), Refused, "above 0"),
        ({"sumPaid": "NaN"}, invoice(), Refused, "above 0"),
        ({"sumPaid": "5"}, invoice(paid="100"), Skipped, "fully paid already"),
        ({"sumPaid": "5"}, None, Refused, "no invoice"),
    ],
    ids=str,
)
def test_what_cannot_be_paid_is_told_before_it_is_sent(record, known, kind, words):
    step = plan_payment(wanted(**record), known, [])
    assert isinstance(step, kind)
    assert words in step.reason


def test_a_payment_is_known_by_its_external_id_or_by_its_facts():
    made = {"id": 9, "externalId": "P-1", "sumPaid": 5, "payDate": "2025-01-31T10:00:00+00:00"}
    same = {"sumPaid": "5.00", "payDate": "2025-01-31"}
    assert isinstance(plan_payment(wanted(externalId="P-1", **same), invoice(), [made]), Skipped)
    assert isinstance(plan_payment(wanted(**same), invoice(), [made]), Skipped)
    # Another payment of the same day and amount, by its own external id.
    assert isinstance(plan_payment(wanted(externalId="P-2", **same), invoice(), [made]), Create)
    unlinked = {**made, "externalId": None}
    assert isinstance(plan_payment(wanted(externalId="P-1", **same), invoice(), [unlinked]), Link)


@pytest.fixture
def company(serve):
    """A hundred unpaid invoices of 50.00 each, linked."""
    sandbox = serve(speed=600)
    for n in range(100):
        sandbox.store.add(
            "invoices",
            {"sum": Decimal("50.00"), "sumPaid": Decimal(0), "status": APPROVED,
             "externalId": f"INV-{n}"},
        )  # fmt: skip
    return sandbox


def payments(many, **more):
    return [
        {
            "externalId": f"P-{n}",
            "invoice_external_id": f"INV-{n}",
            "sumPaid": 50,
            "payDate": "2026-01-31",
            **more,
        }
        for n in range(many)
    ]


def paid(sandbox):
    return sum(Decimal(str(row["sumPaid"])) for row in sandbox.store.rows("payments").values())


def test_a_hundred_payments_cost_one_look_and_a_post_and_a_link_each(company, load):
    run = load(company, "payments", payments(100))
    assert run.tally == {"payments": {"created": 100}}
    assert run.requests == {"GET": 1, "POST": 100, "PATCH": 100}
    assert paid(company) == 5000
    again = load(company, "payments", payments(100))
    assert again.tally == {"payments": {"existing": 100}}
    assert "POST" not in again.requests
    assert again.requests["GET"] <= 2


def test_without_external_ids_the_facts_tell_them_apart(company, load):
    ids = [row["id"] for row in company.store.rows("invoices").values()][:10]
    records = [
        {"invoice[id]": str(each), "sumPaid": 20.0, "payDate": "2026-01-31T00:00:00Z"}
        for each in ids
    ]
    first = load(company, "payments", records)
    assert first.requests == {"GET": 1, "POST": 10}
    assert load(company, "payments", records).tally == {"payments": {"existing": 10}}
    assert paid(company) == 200


def test_two_payments_of_one_invoice_know_of_each_other(company, load):
    twice = [{**payments(1)[0], "externalId": f"P-{n}", "sumPaid": 30} for n in (1, 2)]
    run = load(company, "payments", twice)
    assert run.tally == {"payments": {"created": 1, "rejected": 1}}
    assert paid(company) == 30
    same = [{k: v for k, v in twice[0].items() if k != "externalId"}] * 2
    assert load(company, "payments", same).tally == {"payments": {"existing": 2}}


@pytest.mark.parametrize("kind", ["lost", "failed", "cut", "html", "empty"])
def test_a_payment_whose_answer_is_lost_is_made_once(company, load, kind):
    company.faults.add(Fault(kind, method="POST"))
    run = load(company, "payments", payments(3))
    assert run.code == 0
    assert paid(company) == 150
    assert len(company.store.rows("payments")) == 3


def test_payments_are_refused_where_their_invoice_is_unknown(company, load, caplog):
    records = [{"invoice[id]": 424242, "sumPaid": 5}, {"sumPaid": 5}]
    assert load(company, "payments", records).code == 1
    assert "no invoice with id 424242" in caplog.text
    assert "names no invoice" in caplog.text
    assert BY_NAME["payments"].update is None
