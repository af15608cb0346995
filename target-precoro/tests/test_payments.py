"""Payments: never twice, never above what remains, one look at many invoices."""

from __future__ import annotations

import shutil
import signal
from decimal import Decimal

import hypothesis
import pytest
from hypothesis import strategies as st
from precoro_api import BY_NAME
from precoro_sandbox import Fault
from target_precoro.lookups.payments import plan_payment
from target_precoro.records.routes import route_of
from target_precoro.records.upsert import Create, Link, Refused, Skipped
from target_precoro.records.wanted import wanted_of

APPROVED, PAID, CANCELED = 2, 5, 8


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


@pytest.mark.parametrize("now", ["80.00", "9.98", 10.02])
def test_a_payment_that_is_recorded_with_another_amount_is_refused(now):
    made = {"id": 9, "externalId": "P-1", "sumPaid": "10.00"}
    step = plan_payment(wanted(externalId="P-1", sumPaid=now), invoice(paid="10"), [made])
    assert isinstance(step, Refused)
    assert step.kind == "conflict"
    assert "recorded as 10.00 (id 9)" in step.reason
    assert f"{Decimal(now):.2f}" in step.reason
    assert "cannot be changed" in step.reason


@pytest.mark.parametrize("shown", ["10.00", "10.01", "9.99", None])
@pytest.mark.parametrize("paid", ["10", "100"])
def test_one_that_was_brought_to_what_remained_is_the_same(shown, paid):
    made = {"id": 9, "externalId": "P-1", "sumPaid": shown}
    step = plan_payment(wanted(externalId="P-1", sumPaid="10"), invoice(paid=paid), [made])
    assert isinstance(step, Skipped)
    assert step.done


def test_an_amount_that_changed_at_the_source_is_not_told_as_in_place(company, load, caplog):
    record = {"externalId": "P-1", "invoice_external_id": "INV-0", "sumPaid": "10.00"}
    assert load(company, "payments", [record]).tally == {"payments": {"created": 1}}
    assert load(company, "payments", [record]).tally == {"payments": {"existing": 1}}
    run = load(company, "payments", [{**record, "sumPaid": "40.00"}])
    assert (run.code, run.tally) == (1, {"payments": {"rejected": 1}})
    assert "recorded as 10.00" in caplog.text
    assert "is 40.00 now" in caplog.text
    assert len(company.store.rows("payments")) == 1


def test_a_day_that_changed_at_the_source_is_told(company, load, caplog):
    record = {"externalId": "P-1", "invoice_external_id": "INV-0", "sumPaid": "10.00"}
    load(company, "payments", [{**record, "payDate": "2025-01-31"}])
    same = load(company, "payments", [{**record, "payDate": "31.01.2025"}])
    assert same.tally == {"payments": {"existing": 1}}
    assert "differ from the input" not in caplog.text
    run = load(company, "payments", [{**record, "payDate": "2025-02-28"}])
    assert run.tally == {"payments": {"existing": 1}}
    assert "payments: existing records differ from the input in payDate" in caplog.text


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


def linkless(records):
    return [{k: v for k, v in each.items() if k != "externalId"} for each in records]


def test_an_api_that_links_on_creation_is_not_asked_to_link(serve, load):
    sandbox = unpaid(serve, 100, switches={"external_id_on_create": "everywhere"})
    run = load(sandbox, "payments", payments(100))
    assert run.requests == {"GET": 1, "POST": 100}
    assert {row["externalId"] for row in sandbox.store.rows("payments").values()} == {
        f"P-{n}" for n in range(100)
    }


def unpaid(serve, many, **options):
    sandbox = serve(speed=600, **options)
    for n in range(many):
        values = {"sum": Decimal("50.00"), "sumPaid": Decimal(0), "status": APPROVED}
        sandbox.store.add("invoices", {**values, "externalId": f"INV-{n}"})
    return sandbox


@pytest.mark.parametrize("by", ["id", "idn", "externalId"])
@pytest.mark.parametrize("linked", [True, False], ids=["with external ids", "without"])
def test_a_hundred_payments_cost_one_look_however_they_name_their_invoices(
    company, load, by, linked
):
    rows = list(company.store.rows("invoices").values())
    records = [
        {**each, "invoice": {by: rows[n][by]}, "invoice_external_id": None}
        for n, each in enumerate(payments(100))
    ]
    records = records if linked else linkless(records)
    first = load(company, "payments", records)
    assert first.tally == {"payments": {"created": 100}}
    assert first.requests["GET"] == 1
    assert paid(company) == 5000
    # They are fully paid by now, so they are not among the unpaid ones: the payments tell.
    again = load(company, "payments", records)
    assert again.tally == {"payments": {"existing": 100}}
    assert again.requests.keys() == {"GET"}
    assert again.requests["GET"] <= (2 if by != "idn" else 102)
    assert paid(company) == 5000


def test_the_demo_companys_unpaid_invoices_are_paid_once(serve, load):
    sandbox = serve(seed="demo")
    open_ = [
        row
        for row in sandbox.store.rows("invoices").values()
        if row["status"] in (APPROVED, 4)
        and row.get("logicType") not in (1, 5)
        and not row.get("parentData")
        and Decimal(str(row["sum"])) - Decimal(str(row["sumPaid"])) > 1
    ][:100]
    left = {row["id"]: Decimal(str(row["sum"])) - Decimal(str(row["sumPaid"])) for row in open_}
    records = [
        {"invoice[id]": str(row_id), "sumPaid": float(amount), "payDate": "2026-01-31",
         "externalId": f"PAY-{row_id}"}
        for row_id, amount in left.items()
    ]  # fmt: skip
    assert len(records) > 10
    before = len(sandbox.store.rows("payments"))
    run = load(sandbox, "payments", records)
    assert run.tally == {"payments": {"created": len(records)}}
    assert len(sandbox.store.rows("payments")) == before + len(records)
    assert all(row["sum"] == row["sumPaid"] for row in open_)
    assert load(sandbox, "payments", records).tally == {"payments": {"existing": len(records)}}
    assert len(sandbox.store.rows("payments")) == before + len(records)


def test_above_what_remains_is_refused_before_it_is_sent(company, load, caplog):
    records = [{**payments(1)[0], "sumPaid": "50.02"}]
    run = load(company, "payments", records)
    assert run.tally == {"payments": {"rejected": 1}}
    assert "POST" not in run.requests
    assert "50.02 is more than the 50.00 that remain of invoice 1" in caplog.text


@pytest.mark.parametrize("amount", ["49.99", 50.01, "50.004", 49.995])
def test_within_a_cent_it_is_what_remains(company, load, amount):
    records = [{**payments(1)[0], "sumPaid": amount}]
    for told in ("created", "existing"):
        assert load(company, "payments", records).tally == {"payments": {told: 1}}
    assert load(company, "payments", linkless(records)).tally == {"payments": {"existing": 1}}
    assert paid(company) == 50


def test_the_same_payment_is_known_with_and_without_its_external_id(company, load):
    record = {**payments(1)[0], "sumPaid": 20}
    bare = linkless([record])
    assert load(company, "payments", bare).tally == {"payments": {"created": 1}}
    assert load(company, "payments", [record]).tally == {"payments": {"linked": 1}}
    assert load(company, "payments", [record]).tally == {"payments": {"existing": 1}}
    assert load(company, "payments", bare).tally == {"payments": {"existing": 1}}
    assert paid(company) == 20


def test_without_a_date_the_amount_tells(company, load):
    record = {"invoice_external_id": "INV-0", "sumPaid": "20.00"}
    assert load(company, "payments", [record]).tally == {"payments": {"created": 1}}
    row = next(iter(company.store.rows("payments").values()))
    company.store.change("payments", row, {"payDate": "2026-01-31T00:00:00+00:00"})
    assert load(company, "payments", [record]).tally == {"payments": {"existing": 1}}


def test_two_instalments_of_one_day_are_two_by_their_external_ids(company, load):
    records = [{**payments(1)[0], "externalId": f"P-{n}", "sumPaid": 25} for n in range(2)]
    assert load(company, "payments", records).tally == {"payments": {"created": 2}}
    assert paid(company) == 50
    assert load(company, "payments", records).tally == {"payments": {"existing": 2}}


def test_a_cancelled_payment_is_not_the_one(company, load):
    record = linkless(payments(1))
    load(company, "payments", record)
    invoice_row = next(iter(company.store.rows("invoices").values()))
    payment = next(iter(company.store.rows("payments").values()))
    company.store.change("payments", payment, {"status": CANCELED})
    company.store.change("invoices", invoice_row, {"sumPaid": Decimal(10), "status": 4})
    run = load(company, "payments", [{**record[0], "sumPaid": 40}])
    assert run.tally == {"payments": {"created": 1}}


def test_a_day_as_people_write_it_is_sent_as_the_api_has_it(company, load):
    record = {**payments(1)[0], "payDate": "31.1.2026"}
    load(company, "payments", [record])
    assert "payDate=2026-01-31" in company.served[1].body
    assert load(company, "payments", [record]).tally == {"payments": {"existing": 1}}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"sumPaid": "ten"}, "sumPaid: 'ten' is not a number"),
        ({"sumPaid": 1e30}, "above"),
        ({"payDate": "yesterday"}, "moment"),
        ({"invoice_external_id": "x", "invoice": "abc"}, "invoice names no record"),
        ({"invoice_external_id": None}, "names no invoice"),
    ],
    ids=str,
)
def test_what_is_no_payment_is_refused_without_a_post(company, load, caplog, record, words):
    run = load(company, "payments", [{**payments(1)[0], **record}])
    assert run.tally == {"payments": {"rejected": 1}}
    assert words in caplog.text
    assert "POST" not in run.requests


@pytest.mark.parametrize("mode", ["update", "link"])
def test_a_mode_that_creates_nothing_pays_nothing(company, load, mode):
    run = load(company, "payments", payments(3), modes=mode)
    assert run.tally == {"payments": {"skipped": 3}}
    assert not company.store.rows("payments")


def test_a_payment_waits_for_its_invoice(company, load, tmp_path):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    record = {**payments(1)[0], "invoice_external_id": "later"}
    assert load(company, "payments", [record], **settings).tally == {"payments": {"waiting": 1}}
    invoice_row = next(iter(company.store.rows("invoices").values()))
    company.store.change("invoices", invoice_row, {"externalId": "later"})
    run = load(company, "taxes", [], **settings)
    assert run.tally == {"payments": {"created": 1}}
    assert load(company, "taxes", [], **settings).code == 0
    assert paid(company) == 50


@pytest.mark.parametrize("kind", ["lost", "failed", "cut", "shortened", "html", "empty", "500"])
@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("linked", [True, False], ids=["with external ids", "without"])
def test_no_lost_answer_doubles_a_payment(company, load, kind, at, linked):
    company.faults.add(Fault(kind, method="POST", skip=at))
    records = payments(5) if linked else linkless(payments(5))
    assert load(company, "payments", records).code == 0
    assert len(company.store.rows("payments")) == 5
    assert paid(company) == 250
    assert load(company, "payments", records).tally == {"payments": {"existing": 5}}


@pytest.mark.parametrize("kept", [True, False], ids=["journal kept", "journal thrown away"])
@pytest.mark.parametrize("linked", [True, False], ids=["with external ids", "without"])
def test_killed_between_a_post_and_its_answer_nothing_is_paid_twice(
    serve, launch, singer_file, tmp_path, kept, linked
):
    sandbox = unpaid(serve, 12)
    records = payments(12) if linked else linkless(payments(12))
    given = singer_file(("payments", records))
    journal = tmp_path / "journal.sqlite3"
    running = []

    def kill_after_every_third_post(served):
        posts = sum(each.method == "POST" for each in sandbox.served)
        if served.method == "POST" and posts % 3 == 0 and posts < 12:
            running[-1].kill()

    sandbox.app.after = kill_after_every_third_post
    for _ in range(6):
        with given.open() as lines:
            running.append(launch(sandbox, lines, journal_path=str(journal)))
        running[-1].communicate(timeout=60)
        if running[-1].returncode == 0:
            break
        if not kept:
            for file in tmp_path.glob("journal.sqlite3*"):
                shutil.rmtree(file) if file.is_dir() else file.unlink()
    assert [each.returncode for each in running[:-1]] == [-signal.SIGKILL] * (len(running) - 1)
    assert len(running) >= 3
    assert running[-1].returncode == 0
    assert len(sandbox.store.rows("payments")) == 12
    assert paid(sandbox) == 600
    told = {row["externalId"] for row in sandbox.store.rows("payments").values()}
    assert told == ({f"P-{n}" for n in range(12)} if linked else {None})


amounts = st.decimals("0.01", "120", places=2)


@hypothesis.given(
    total=st.decimals("1", "100", places=2),
    given=st.lists(st.tuples(st.sampled_from(["P-1", "P-2", "P-3", None]), amounts), max_size=8),
)
def test_whatever_is_given_no_invoice_is_overpaid_and_no_payment_made_twice(total, given):
    known, made = invoice(total=str(total)), []
    for external_id, amount in given:
        record = wanted(sumPaid=amount, payDate="2026-01-31", externalId=external_id)
        step = plan_payment(record, known, made)
        if isinstance(step, Create):
            row = {"id": len(made), "payDate": "2026-01-31T00:00:00+00:00", "status": 2}
            made.append({**row, "sumPaid": str(step.form["sumPaid"]), "externalId": external_id})
            known["sumPaid"] = str(Decimal(known["sumPaid"]) + step.form["sumPaid"])
        elif isinstance(step, Link):
            step.row["externalId"] = external_id
        again = plan_payment(record, known, made)
        assert isinstance(again, Skipped) if isinstance(step, Create | Link) else again
        assert Decimal(known["sumPaid"]) <= total
    linked = [row["externalId"] for row in made if row["externalId"]]
    assert len(linked) == len(set(linked))
    assert sum(Decimal(row["sumPaid"]) for row in made) == Decimal(known["sumPaid"])
