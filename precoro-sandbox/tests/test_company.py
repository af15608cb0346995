"""The demo company: repeatable, consistent, and in step with the example export of an ERP."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from precoro_api.resources import BY_NAME
from precoro_sandbox.company import SIZES, demo_company

NOW = datetime(2026, 1, 15, tzinfo=timezone.utc)
ROOT = Path(__file__).resolve().parents[2]
STAMPS = ("createDate", "updateDate", "approvalDate", "uploadDate", "processedDate", "payDate")
DOCUMENTS = (
    "purchase_orders",
    "invoices",
    "expenses",
    "receipts",
    "purchase_requisitions",
    "request_for_proposals",
    "warehouse_requests",
)
# Field of a row, and the resource that it refers to.
REFERENCES = {
    "supplier": "suppliers",
    "location": "locations",
    "legalEntity": "legal_entities",
    "creator": "users",
    "lastEditor": "users",
    "user": "users",
    "invoice": "invoices",
    "allocatedInvoice": "invoices",
    "parentData": "invoices",
    "purchaseOrder": "purchase_orders",
    "budget": "budgets",
    "category": "categories",
    "warehouse": "warehouses",
    "fromWarehouse": "warehouses",
    "toWarehouse": "warehouses",
    "paymentTerm": "payment_terms",
    "requestForProposal": "request_for_proposals",
}
LISTED = {
    "relatedReceipts": "receipts",
    "attachments": "attachments",
    "payments": "payments",
    "expensePayments": "expense_payments",
    "paymentTerms": "payment_terms",
    "supplierLegalEntities": "legal_entities",
    "locations": "locations",
    "taxes": "taxes",
}
CUSTOM = {
    "dataSupplierCustomFields": ("supplier", "supplierCustomField"),
    "dataDocumentCustomFields": ("document", "documentCustomField"),
    "dataProductCustomFields": ("item", "itemCustomField"),
    "dataItemCustomFields": ("item", "itemCustomField"),
}


@pytest.fixture(scope="module")
def company():
    return demo_company(NOW)


def ids(company, name):
    return {row["id"] for row in company[name]}


def dangling(company):
    """Every mention of a row that is not there."""
    known = {name: ids(company, name) for name in company}
    option_ids = {
        family: {str(row["id"]) for row in company[f"{family}_custom_field_options"]}
        for family in ("item", "document", "supplier")
    }

    def custom_values(row):
        for key, (family, field) in CUSTOM.items():
            for value in row.get(key, ()):
                if value[field]["id"] not in known[f"{family}_custom_fields"]:
                    yield key, value
                if value["type"] == 2 and value["value"] not in option_ids[family]:
                    yield key, value

    for name, rows in company.items():
        for row in rows:
            for key, target in REFERENCES.items():
                if row.get(key) and row[key]["id"] not in known[target]:
                    yield name, key, row[key]
            for key, target in LISTED.items():
                for each in row.get(key) or ():
                    if each["id"] not in known[target]:
                        yield name, key, each
            for holder in (row, *row.get("items", ())):
                for found in custom_values(holder):
                    yield name, *found
            if "field_id" in row:
                family = name.replace("_options", "s")
                if row["field_id"] not in known[family]:
                    yield name, "field_id", row["field_id"]
                if row["parent"] and row["parent"]["id"] not in known[name]:
                    yield name, "parent", row["parent"]
            if row.get("parentBudgetId") and row["parentBudgetId"] not in known["budgets"]:
                yield name, "parentBudgetId", row["parentBudgetId"]


def test_same_now_same_company(company):
    assert demo_company(NOW) == company


def test_only_dates_depend_on_now(company):
    later = demo_company(NOW + timedelta(days=100))
    for name in ("suppliers", "items", "invoices", "payments"):
        for one, other in zip(company[name], later[name], strict=True):
            assert one["id"] == other["id"]
            for key in ("name", "sku", "externalId", "sum", "sumPaid", "status", "supplier"):
                assert one.get(key) == other.get(key)
    assert later["suppliers"][0]["updateDate"] != company["suppliers"][0]["updateDate"]


def test_now_in_another_zone_is_the_same_moment(company):
    east = timezone(timedelta(hours=2))
    assert demo_company(NOW.astimezone(east)) == company


def test_now_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        demo_company(NOW.replace(tzinfo=None))


def test_every_resource_has_its_number_of_rows(company):
    assert {name: len(rows) for name, rows in company.items()} == SIZES
    assert set(company) == {name for name in BY_NAME if not BY_NAME[name].alias_of}


def test_shape_of_the_company(company):
    suppliers = company["suppliers"]
    linked = [row["externalId"] for row in suppliers if "externalId" in row]
    assert linked == [f"V-{number}" for number in range(1001, 1251)]
    assert 1500 <= sum("externalId" in row for row in company["items"]) < 2000
    assert 0 < sum(not row["enable"] for row in suppliers) < 20
    kinds = Counter(row["logicType"] for row in company["invoices"])
    assert kinds[1] == kinds[5] == 20
    children = [row for row in company["invoices"] if "parentData" in row]
    assert len(children) == 40
    assert len({row["parentData"]["id"] for row in children}) == 20
    levels = Counter(row["level"] for row in company["item_custom_field_options"])
    assert set(levels) == {1, 2, 3}


@pytest.mark.parametrize(
    "counts",
    [
        {"suppliers": 0},
        {"suppliers": 1, "items": 3, "invoices": 200},
        {"suppliers": 1003},
        {"items": 0},
        {"purchase_orders": 0},
        {"invoices": 0},
        {"users": 0, "locations": 0, "legal_entities": 0, "taxes": 0, "budgets": 0},
        {"item_custom_fields": 1, "document_custom_field_options": 3, "categories": 2, "units": 1},
        {"item_custom_fields": 0, "document_custom_fields": 0, "supplier_custom_fields": 0},
        {"item_custom_field_options": 500, "payments": 2000, "attachments": 1000},
        {"warehouses": 0, "request_for_proposals": 0, "expenses": 0, "payment_terms": 0},
        dict.fromkeys(SIZES, 0),
        dict.fromkeys(SIZES, 1),
        dict.fromkeys(SIZES, 130),
    ],
    ids=str,
)
def test_counts_override_and_leave_nothing_dangling(counts):
    company = demo_company(NOW, counts)
    needs = {
        "payments": "invoices",
        "expense_payments": "expenses",
        "warehouse_items": "warehouses",
        "rfp_propositions": "request_for_proposals",
        "item_custom_field_options": "item_custom_fields",
        "document_custom_field_options": "document_custom_fields",
        "supplier_custom_field_options": "supplier_custom_fields",
    }
    for name, many in counts.items():
        if name in needs and not company[needs[name]]:
            assert not company[name]
        else:
            assert len(company[name]) <= many
            if name not in {"payments", "expense_payments"}:
                assert len(company[name]) == many
    assert not list(dangling(company))
    for name, rows in company.items():
        assert len(ids(company, name)) == len(rows)
    if not company["suppliers"]:
        assert all(row["supplier"] is None for row in company["purchase_orders"])
    check_payments(company)


def test_a_bigger_company_begins_like_the_usual_one(company):
    more = demo_company(NOW, {"suppliers": 1003})["suppliers"]
    assert [row["name"] for row in more[:400]] == [row["name"] for row in company["suppliers"]]
    assert len({row["name"].strip().casefold() for row in more}) == 1003


@pytest.mark.parametrize("counts", [{"credit_notes": 3}, {"suppliers": -1}])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="count"):
        demo_company(NOW, counts)


def test_nothing_dangles(company):
    assert not list(dangling(company))


def test_ids_names_and_codes_are_unique(company):
    for name, rows in company.items():
        assert all(type(row["id"]) is int for row in rows)
        assert len(ids(company, name)) == len(rows), name
        external = [row["externalId"] for row in rows if row.get("externalId")]
        assert all(isinstance(each, str) for each in external)
        if "field_id" not in next(iter(rows)):
            assert len(set(external)) == len(external), name
    suppliers = company["suppliers"]
    assert len({" ".join(row["name"].split()).casefold() for row in suppliers}) == 400
    assert len({row["uniqueCode"] for row in suppliers}) == 400
    assert len({row["businessRegistrationNumber"] for row in suppliers}) == 400
    assert len({row["sku"] for row in company["items"]}) == 2000
    lines = [line["id"] for name in DOCUMENTS for row in company[name] for line in row["items"]]
    assert len(set(lines)) == len(lines)


def test_numbers_of_documents(company):
    for name, rows in company.items():
        if BY_NAME[name].number is None:
            continue
        own = [row.get("_own_idn", row["idn"]) for row in rows]
        assert own == [str(number + 1) for number in range(len(rows))], name
    parents = {row["id"]: row for row in company["invoices"]}
    for row in company["invoices"]:
        if "parentData" in row:
            parent = parents[row["parentData"]["id"]]
            assert row["idn"] == row["parentData"]["idn"] == parent["idn"]
            assert row["_own_idn"] != row["idn"]
        else:
            assert "_own_idn" not in row


def test_every_field_is_known_to_the_table_and_fits_it(company):
    for name, rows in company.items():
        known = BY_NAME[name].by_name
        for row in rows:
            for key, value in row.items():
                if key.startswith("_") or (key == "field_id" and name.endswith("_options")):
                    continue
                assert key in known, f"{name}.{key}"
                known[key].read(value)


def test_dates(company):
    last = (NOW - timedelta(days=1)).isoformat()
    first = (NOW - timedelta(days=1 + 3 * 365 + 1)).isoformat()
    for name, rows in company.items():
        for row in rows:
            for key in STAMPS:
                if key in row:
                    assert row[key].endswith("+00:00")
                    assert "." not in row[key]
                    assert first <= row[key] <= last, f"{name}.{key}"
            if "createDate" in row and "updateDate" in row:
                assert row["createDate"] <= row["updateDate"]
                if "approvalDate" in row:
                    assert row["createDate"] <= row["approvalDate"] <= row["updateDate"]


@pytest.mark.parametrize("name", ["suppliers", "items", "purchase_orders", "invoices"])
def test_some_updates_tie_and_few_are_recent(company, name):
    updates = [row["updateDate"] for row in company[name]]
    assert max(Counter(updates).values()) > 2
    edge = (NOW - timedelta(days=4)).isoformat()
    assert 0.005 < sum(each >= edge for each in updates) / len(updates) < 0.03


def test_sums_follow_from_lines(company):
    for name in DOCUMENTS:
        for row in company[name]:
            assert 1 <= len(row["items"]) <= 8
            for line in row["items"]:
                exact = line["quantity"] * line["price"]
                assert abs(line["sum"] - exact) <= Decimal("0.005")
                assert line["sum"].as_tuple().exponent == -2
            net = sum(line["sum"] for line in row["items"])
            tax = sum(each["sum"] for each in row.get("taxes", ()))
            if "netSum" in row:
                assert row["netSum"] == net
            if "sum" in row:
                assert row["sum"] == net + tax
                assert row["sum"] > 0


def test_children_add_up_to_their_parent(company):
    rows = {row["id"]: row for row in company["invoices"]}
    for key in ("sum", "netSum"):
        shares = Counter()
        for row in rows.values():
            if "parentData" in row:
                shares[row["parentData"]["id"]] += row[key]
        assert shares
        assert all(rows[parent][key] == share for parent, share in shares.items())


def test_orders_know_what_was_invoiced(company):
    billed = Counter()
    for row in company["invoices"]:
        if row.get("purchaseOrder"):
            billed[row["purchaseOrder"]["id"]] += row["sum"]
    for row in company["purchase_orders"]:
        assert row["invoicedSum"] == billed[row["id"]]
        assert row["invoicedSum"] <= row["sum"]


def check_payments(company):
    for owner, name in (("invoices", "payments"), ("expenses", "expense_payments")):
        paid = Counter()
        for row in company[name]:
            key = row["invoice"]["id"] if name == "payments" else row["_expense_id"]
            paid[key] += row["sumPaid"]
            assert row["sumPaid"] > 0
        for row in company[owner]:
            assert row["sumPaid"] == paid[row["id"]]
            assert 0 <= row["sumPaid"] <= row["sum"]
            assert (row["status"] == 5) == (row["sumPaid"] == row["sum"])
            assert (row["status"] == 4) == (0 < row["sumPaid"] < row["sum"])


def test_payments_match_their_invoices(company):
    check_payments(company)
    statuses = Counter(row["status"] for row in company["invoices"])
    assert statuses[5] > 200
    assert statuses[4] > 20
    assert statuses[2] > 100
    rows = {row["id"]: row for row in company["invoices"]}
    assert all(
        row["createDate"] >= rows[row["invoice"]["id"]]["approvalDate"]
        for row in company["payments"]
    )
    assert all(row["statusString"].startswith("status.") for row in rows.values())


def test_attachments_belong_to_rows_that_name_them(company):
    owners = {
        1: "invoices",
        2: "purchase_orders",
        3: "purchase_requisitions",
        4: "receipts",
        5: "expenses",
        8: "suppliers",
    }
    rows = {(name, row["id"]): row for name in owners.values() for row in company[name]}
    for row in company["attachments"]:
        owner = rows[owners[row["_object_type"]], row["_object_id"]]
        assert {"id": row["id"], "name": row["name"]} in owner["attachments"]
        assert row["size"] == len(row["_content"])


def test_people_and_accounts_are_fictitious(company):
    for row in company["users"]:
        assert row["email"].endswith("@example.com")
    for row in company["suppliers"]:
        assert all(contact["email"].endswith("@example.test") for contact in row["contacts"])
        assert " 555 01" in row.get("phone", " 555 01")


# The example export of an accounting system.


@pytest.fixture(scope="module")
def erp_example():
    path = ROOT / "scripts" / "erp_example.py"
    spec = importlib.util.spec_from_file_location("erp_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(name):
    text = (ROOT / "examples" / "erp" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def differences(row, record, names):
    def plain(value):
        return str(value or "").strip()

    return [theirs for theirs, ours in names if plain(row[theirs]) != plain(record.get(ours))]


def test_export_is_fresh(erp_example):
    for name, text in erp_example.texts().items():
        assert (erp_example.FOLDER / name).read_text(encoding="utf-8") == text


def test_vendors_overlap_with_suppliers(company):
    names = (
        ("VendorName", "name"),
        ("CompanyCode", "uniqueCode"),
        ("Street", "legalAddress"),
        ("City", "city"),
        ("Region", "state"),
        ("Zip", "postalCode"),
        ("Country", "country"),
        ("Phone", "phone"),
        ("Currency", "currency"),
        ("RegistrationNo", "businessRegistrationNumber"),
    )
    suppliers = {row.get("externalId"): row for row in company["suppliers"]}
    rows = exported("vendors.jsonl")
    by_id = {row["VendorId"]: row for row in rows}
    assert len(rows) == len(by_id) + 1 == 321
    twice = [key for key, many in Counter(row["VendorId"] for row in rows).items() if many == 2]
    one, other = (row for row in rows if row["VendorId"] == twice[0])
    assert json.dumps(one) == json.dumps(other)
    found = {
        key: differences(row, suppliers[key], names)
        for key, row in by_id.items()
        if key in suppliers
    }
    assert Counter(map(len, found.values())) == {0: 180, 1: 30, 2: 10}
    taken = {" ".join(row["name"].split()).casefold() for row in company["suppliers"]}
    new = [" ".join(row["VendorName"].split()).casefold() for row in by_id.values()]
    assert len(set(new)) == len(new)
    fresh = [key for key in by_id if key not in suppliers]
    assert len(fresh) == 100
    assert not taken & {" ".join(by_id[key]["VendorName"].split()).casefold() for key in fresh}
    codes = [row["CompanyCode"] for row in by_id.values() if row["CompanyCode"]]
    assert len(set(codes)) == len(codes)


def test_items_overlap_with_the_catalogue(company):
    names = (
        ("ItemCode", "sku"),
        ("ItemName", "name"),
        ("Description", "description"),
        ("UoM", "unit"),
    )
    catalog = {row.get("externalId"): row for row in company["items"]}
    rows = exported("items.jsonl")
    assert len(rows) == len({row["ItemId"] for row in rows}) == 450
    found = {}
    for row in rows:
        item = catalog.get(row["ItemId"])
        if item:
            found[row["ItemId"]] = differences(row, item, names)
            if Decimal(str(row["UnitPrice"])) != item["price"]:
                found[row["ItemId"]].append("UnitPrice")
    assert Counter(map(len, found.values())) == {0: 300, 1: 50}
    skus = {row["sku"] for row in company["items"]}
    fresh = [row for row in rows if row["ItemId"] not in catalog]
    assert len(fresh) == 100
    assert not skus & {row["ItemCode"].strip() for row in fresh}
    assert {type(row["UnitPrice"]) for row in rows} == {str, float}


def test_export_has_its_dirt():
    vendors = exported("vendors.jsonl")
    texts = [value for row in vendors for value in row.values() if isinstance(value, str)]
    assert any(text != text.strip() for text in texts)
    assert any("  " in row["VendorName"].strip() for row in vendors)
    assert any(row["Country"].isupper() for row in vendors)
    assert {None, ""} <= {row["Region"] for row in vendors}
    assert len({tuple(row) for row in vendors}) > 5
    assert {True, False} == {row["Active"] for row in vendors}
