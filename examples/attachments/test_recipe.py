from __future__ import annotations

from collections import Counter
from pathlib import Path

JOB = "invoice-files-to-folder"
APPROVED = (2, 4, 5)


def files_of_approved_invoices(store):
    """Each with its invoice's number, its metadata and its content."""
    known = store.rows("attachments")
    return {
        file["id"]: (
            invoice["idn"],
            known[file["id"]]["name"],
            known[file["id"]]["size"],
            known[file["id"]].get("comment"),
            known[file["id"]]["_content"],
        )
        for invoice in store.rows("invoices").values()
        if invoice["status"] in APPROVED
        for file in invoice.get("attachments", ())
    }


def files_in_the_erp(erp):
    columns = "id, invoice_number, name, size, comment, path"
    return {
        key: (*known, Path(path).read_bytes())
        for key, *known, path in erp.rows(f"select {columns} from invoice_files")
    }


def attach(store, invoice, content):
    name = "amendment.pdf"
    told = {"name": name, "size": len(content), "type": 1, "formatType": "pdf"}
    file = store.add("attachments", {**told, "_content": content})
    files = [*invoice.get("attachments", ()), file]
    store.change("invoices", invoice, {"attachments": files})


def test_files_of_approved_invoices_lie_beside_their_metadata_each_fetched_once(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"invoices": 30, "attachments": 40, "payments": 5})
    store, recipe = sandbox.store, cook(sandbox, erp)
    invoices = list(store.rows("invoices").values())

    first = recipe.run(JOB)
    expected = files_of_approved_invoices(store)
    assert 10 < len(expected) < sum(len(row.get("attachments", ())) for row in invoices)
    assert files_in_the_erp(erp) == expected
    approved = [row for row in invoices if row["status"] in APPROVED]
    # The list, documents (this sandbox does not filter invoices by attachedFile), and files.
    assert first.requests == 1 + len(approved) + len(expected)
    folder = recipe.output / "invoice-files"
    paths = {Path(path) for (path,) in erp.rows("select path from invoice_files")}
    assert {path for path in folder.rglob("*") if path.is_file()} == paths

    erp.run("update invoice_files set archived = true")
    again = recipe.run(JOB)
    assert again.requests == 1  # the list; no document, no file

    # An approved invoice gets another file, and one that has a file is approved.
    attach(store, approved[0], b"%PDF-1.4 one more")
    waiting = next(row for row in invoices if row["status"] not in APPROVED)
    attach(store, waiting, b"%PDF-1.4 the first")
    store.change("invoices", waiting, {"status": 2, "approvalDate": sandbox.clock.stamp()})
    third = recipe.run(JOB)
    new = files_of_approved_invoices(store).keys() - expected.keys()
    assert third.requests == 3 + len(new)  # the list, two documents, and what they have anew
    assert files_in_the_erp(erp) == files_of_approved_invoices(store)
    assert {key for (key,) in erp.rows("select id from invoice_files where not archived")} == new
    fetched = Counter(each.path for each in sandbox.served if "/attachments/" in each.path)
    assert set(fetched.values()) == {1}
    recipe.tell(
        "Files of approved invoices to a folder", rows=len(expected), first=first, second=again
    )
