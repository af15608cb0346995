from __future__ import annotations

JOB = "sync-results-to-precoro"
LOG = "externalIntegrationLog"
NAMES = ("purchase_orders", "invoices", "receipts")


def tell_erp(erp, document, row, erp_id, error=None):
    """What the ERP writes down after it tried to book a document."""
    erp.run(
        "insert into sync_results (document, number, erp_id, status, error)"
        " values (%s, %s, %s, %s, %s) on conflict (document, number) do update set"
        " (erp_id, status, error, tried_at)"
        " = (excluded.erp_id, excluded.status, excluded.error, clock_timestamp())",
        *(document, row["idn"], erp_id, "failed" if error else "ok", error),
    )


def shown(rows):
    return [(row.get("externalId"), row.get(LOG) or None) for row in rows]


def test_errors_stand_on_the_documents_until_they_are_over(serve, cook, erp):
    sandbox = serve(seed="demo", counts=dict.fromkeys(NAMES, 20))
    recipe = cook(sandbox, erp)
    tried, wanted = [], []
    for name in NAMES:
        rows = [row for row in sandbox.store.rows(name).values() if not row.get("externalId")]
        booked, failed, mended = rows[:3]
        sandbox.store.change(name, mended, {LOG: "an error of last week"})
        tell_erp(erp, name, booked, f"ERP-{name}-1")
        tell_erp(erp, name, failed, None, f"{name}: no such account 4711")
        tell_erp(erp, name, mended, f"ERP-{name}-3")
        tried += [booked, failed, mended]
        wanted += [
            (f"ERP-{name}-1", None),
            (None, f"{name}: no such account 4711"),
            (f"ERP-{name}-3", None),
        ]
    untouched = {
        name: {key: dict(row) for key, row in sandbox.store.rows(name).items() if row not in tried}
        for name in NAMES
    }

    first = recipe.run(JOB)
    assert shown(tried) == wanted
    assert first.methods["PATCH"] == 9  # link and log go in one

    again = recipe.run(JOB)
    assert again.writes == 0
    assert again.requests <= 1
    assert shown(tried) == wanted

    # The orders' error is mended, an invoice fails with other words, and a receipt is booked under
    # an id that is not the one that it carries: Precoro's own record of that stays.
    order, invoice, receipt = tried[1], tried[4], tried[6]
    tell_erp(erp, "purchase_orders", order, "ERP-purchase_orders-2")
    tell_erp(erp, "invoices", invoice, None, "the period is closed")
    tell_erp(erp, "receipts", receipt, "ERP-receipts-other")
    third = recipe.run(JOB, code=1)
    assert shown([order, invoice]) == [
        ("ERP-purchase_orders-2", None),
        (None, "the period is closed"),
    ]
    assert receipt["externalId"] == "ERP-receipts-1"
    assert "linked to 'ERP-receipts-1'" in receipt[LOG]
    assert third.writes == 3
    rejects = (recipe.output / "sync-errors-rejects.singer").read_text(encoding="utf-8")
    assert "ERP-receipts-other" in rejects
    for name, rows in untouched.items():
        assert {key: sandbox.store.rows(name)[key] for key in rows} == rows
    recipe.tell("Sync errors on the documents", rows=9, first=first, second=again)
