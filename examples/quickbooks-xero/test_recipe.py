from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
JOBS = ("quickbooks-vendors-to-precoro", "xero-suppliers-to-precoro")


def records(name):
    text = (HERE / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def by_external_id(sandbox, resource):
    rows = sandbox.store.rows(resource).values()
    return {row["externalId"]: row for row in rows if row.get("externalId")}


def said(row, *names):
    return tuple(row.get(name) for name in names)


ADDRESS = ("legalAddress", "city", "state", "postalCode", "country")


def test_vendors_of_quickbooks_and_suppliers_of_xero_become_suppliers(serve, cook, tmp_path):
    sandbox = serve()
    store = sandbox.store
    typed = store.add("suppliers", {"name": "Elm Court", "uniqueCode": "EC-19", "enable": True})
    store.add("payment_terms", {"name": "net 30", "creditPeriodDays": 30, "enable": True})
    recipe = cook(sandbox)

    first = recipe.meltano("run", *JOBS)
    vendors = {each["Id"]: each for each in records("quickbooks-vendors.jsonl") if each["Active"]}
    contacts = {
        each["ContactID"]: each
        for each in records("xero-contacts.jsonl")
        if each["IsSupplier"] and each["ContactStatus"] == "ACTIVE"
    }
    suppliers = by_external_id(sandbox, "suppliers")
    assert suppliers.keys() == vendors.keys() | contacts.keys()
    assert len(store.rows("suppliers")) == len(vendors) + len(contacts)
    for key, vendor in vendors.items():
        row = suppliers[key]
        assert said(row, "name", "uniqueCode") == (vendor["DisplayName"], vendor.get("AcctNum"))
        assert row["currencies"] == [vendor["CurrencyRef"]["value"]]
    assert suppliers["35"]["id"] == typed["id"]  # found by its code, not made again
    assert said(suppliers["36"], *ADDRESS, "phone", "conditions", "contacts") == (
        *("Unit 9, Fenwick Park", "Leeds", None, "LS1 4AB", "United Kingdom"),
        *("+44 113 555 0161", "Net 30"),
        [{"name": "Priya Shah", "email": "sales@fenwick.example.com"}],
    )
    assert said(suppliers["33"], *ADDRESS, "phone") == (*(None,) * 5, "(503) 555-0178")  # a mobile
    assert {key: row["name"] for key, row in suppliers.items() if key in contacts} == {
        key: contact["Name"] for key, contact in contacts.items()
    }
    xero = {row["uniqueCode"]: row for row in suppliers.values() if row.get("uniqueCode")}
    names = (*ADDRESS, "phone", "currencies", "conditions", "contacts")
    assert said(xero["OP-77"], *names) == (
        *("Shed 3, 40 Bay Street", "Geelong", "VIC", "3220", "Australia"),
        *("+61 3 5550 0142", ["AUD"], "30 days after the end of the bill month"),
        [{"name": "Mia Tran", "email": "orders@otway.example.com"}],
    )
    assert said(xero["LL-2"], *names) == (
        *("PO Box 44", "Perth", "WA", "6000", "Australia"),
        *("+61 491 555 012", ["AUD"], "14 days after the bill date", None),
    )
    terms = by_external_id(sandbox, "payment_terms")
    assert {key: said(row, "name", "creditPeriodDays") for key, row in terms.items()} == {
        "1": ("Net 10", 10),
        "2": ("Net 15", 15),
        "3": ("Net 30", 30),
        "4": ("Due on receipt", 0),
        "5": ("2% 10 Net 30", 30),
    }
    assert len(store.rows("payment_terms")) == len(terms)

    second = recipe.meltano("run", *JOBS)
    assert second.writes == 0
    assert second.requests == 3  # a look for each stream

    # Their own systems say something new: a phone, and a vendor that is inactive from now on.
    moved = tmp_path / "vendors.jsonl"
    vendors["36"]["PrimaryPhone"]["FreeFormNumber"] = "+44 113 555 0199"
    vendors["37"] |= {"Active": False, "DisplayName": "Granite Bay (closed)"}
    moved.write_text(
        "".join(f"{json.dumps(each)}\n" for each in vendors.values()), encoding="utf-8"
    )
    third = recipe.run(JOBS[0], TAP_JSONL__QUICKBOOKS_VENDORS_PATH=str(moved))
    assert third.methods == {"GET": 2, "PATCH": 1, "PUT": 1}  # this PATCH changes external ids only
    written = [each.path for each in sandbox.served if each.method in ("PATCH", "PUT")][-2:]
    assert written == [f"/suppliers/{suppliers['36']['id']}"] * 2
    assert suppliers["36"]["phone"] == "+44 113 555 0199"
    assert suppliers["37"]["name"] == "Granite Bay Software"
    rows = len(suppliers) + len(terms)
    recipe.tell(
        "QuickBooks vendors and Xero contacts to suppliers", rows=rows, first=first, second=second
    )
