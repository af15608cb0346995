"""Records that refer to others: resolved together, in any order, over several runs."""

from __future__ import annotations

import json
import random

import pytest
from precoro_sandbox import Fault

OPTIONS = "document_custom_field_options"
FIELD = 711


def message(stream, record):
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def schema(stream):
    return json.dumps(
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    )


def named(sandbox, resource):
    return {row.get("externalId"): row for row in sandbox.store.rows(resource).values()}


def items(many, supplier="V-{}"):
    return [
        {"externalId": f"I-{n}", "name": f"Item {n}", "supplier_external_id": supplier.format(n)}
        for n in range(many)
    ]


def suppliers(many):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}"} for n in range(many)]


def test_items_may_come_before_their_suppliers(sandbox, load):
    lines = [
        schema("items"),
        *(message("items", each) for each in items(30)),
        schema("suppliers"),
        *(message("suppliers", each) for each in suppliers(30)),
    ]
    run = load(sandbox, lines=lines)
    assert run.tally == {"items": {"created": 30}, "suppliers": {"created": 30}}
    firms = named(sandbox, "suppliers")
    made = named(sandbox, "items")
    assert all(made[f"I-{n}"]["supplier"]["id"] == firms[f"V-{n}"]["id"] for n in range(30))


def test_a_reference_that_never_comes_is_parked_and_sent_when_it_appears(
    sandbox, load, tmp_path, caplog
):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    first = load(sandbox, "items", items(1), **settings)
    assert first.code == 1
    assert first.tally == {"items": {"waiting": 1}}
    assert "POST" not in first.requests
    # Nothing is sent for it before its supplier appears.
    second = load(sandbox, "suppliers", [{"externalId": "V-9", "name": "Other"}], **settings)
    assert second.requests["POST"] == 1
    assert not sandbox.store.rows("items")
    third = load(sandbox, "suppliers", suppliers(1), **settings)
    assert third.tally == {"suppliers": {"created": 1}, "items": {"created": 1}}
    assert set(named(sandbox, "items")) == {"I-0"}
    fourth = load(sandbox, "suppliers", suppliers(1), **settings)
    assert fourth.tally == {"suppliers": {"unchanged": 1}}


def test_a_newer_version_of_a_parked_record_takes_its_place(sandbox, load, tmp_path):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    load(sandbox, "items", items(1), **settings)
    load(sandbox, "items", [{"externalId": "I-0", "name": "Newer"}], **settings)
    load(sandbox, "suppliers", suppliers(1), **settings)
    assert [row["name"] for row in sandbox.store.rows("items").values()] == ["Newer"]


def tree(many, seed=1):
    """Options three levels deep, in any order."""
    records = [{"custom_field_id": FIELD, "externalId": "root", "name": "Root"}]
    for n in range(many - 1):
        parent = "root" if n < 20 else f"o-{n % 20}"
        records.append(
            {
                "custom_field_id": FIELD,
                "externalId": f"o-{n}",
                "name": f"Option {n}",
                "code": f"C{n}",
                "parentExternalId": parent,
            }
        )
    random.Random(seed).shuffle(records)
    return records


@pytest.mark.parametrize("options_list", ["served", "missing"])
def test_a_tree_of_options_may_come_in_any_order(serve, load, options_list):
    sandbox = serve(seed="demo", switches={"options_list": options_list})
    before = len(sandbox.store.rows(OPTIONS))
    run = load(sandbox, "documentcustomfields", tree(120))
    assert run.tally == {"documentcustomfields": {"created": 120}}
    # The field's detail once; payment terms and options take the external id in the POST.
    assert run.requests == {"GET": 1, "POST": 120}
    options = named(sandbox, OPTIONS)
    for record in tree(120):
        if "parentExternalId" in record:
            parent = options[record["parentExternalId"]]
            assert options[record["externalId"]]["parent"]["id"] == parent["id"]
    again = load(sandbox, "documentcustomfields", tree(120, seed=2))
    assert again.tally == {"documentcustomfields": {"unchanged": 120}}
    assert len(sandbox.store.rows(OPTIONS)) == before + 120


def test_a_circle_is_named(serve, load, caplog):
    sandbox = serve(seed="demo")
    records = [
        {"custom_field_id": FIELD, "externalId": one, "name": one, "parentExternalId": other}
        for one, other in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    run = load(sandbox, OPTIONS, records)
    assert run.tally == {OPTIONS: {"rejected": 3}}
    assert f"{FIELD}:a → {FIELD}:b → {FIELD}:c → {FIELD}:a" in caplog.text


def test_a_field_may_be_named(serve, load):
    sandbox = serve(seed="demo")
    records = [{"custom_field": " department ", "externalId": "x", "name": "X"}]
    assert load(sandbox, OPTIONS, records).tally == {OPTIONS: {"created": 1}}
    assert named(sandbox, OPTIONS)["x"]["field_id"] == FIELD
    unknown = [{"custom_field": "Nonsense", "externalId": "y", "name": "Y"}]
    assert load(sandbox, OPTIONS, unknown).tally == {OPTIONS: {"rejected": 1}}


def test_only_some_fields_may_take_new_options(serve, load):
    sandbox = serve(seed="demo")
    setting = [{"table": "Department", "is_icf": False, "is_dcf": True}]
    records = [
        {"custom_field_id": FIELD, "externalId": "x", "name": "X"},
        {"custom_field_id": 712, "externalId": "y", "name": "Y"},
    ]
    run = load(sandbox, "documentcustomfields", records, only_update_existing_records=setting)
    assert run.tally == {"documentcustomfields": {"skipped": 1, "created": 1}}


def test_a_receipt_goes_to_its_order_once(serve, load):
    sandbox = serve(seed="demo")
    order = next(iter(sandbox.store.rows("purchase_orders").values()))
    warehouse = next(iter(sandbox.store.rows("warehouses").values()))
    record = {
        "externalId": "R-1",
        "purchase_order_idn": order["idn"],
        "requiredDate": "2026-01-31",
        "warehouse": {"id": warehouse["id"]},
        "note": "by the dock",
    }
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"created": 1}}
    receipt = named(sandbox, "receipts")["R-1"]
    assert receipt["purchaseOrder"]["id"] == order["id"]
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"unchanged": 1}}


def test_a_contract_names_its_supplier_and_is_made_once(serve, load):
    sandbox = serve(seed="demo")
    supplier = next(r for r in sandbox.store.rows("suppliers").values() if r.get("externalId"))
    record = {"number": "C-77", "supplier_external_id": supplier["externalId"], "note": "n"}
    assert load(sandbox, "contracts", [record]).tally == {"contracts": {"created": 1}}
    assert load(sandbox, "contracts", [record]).tally == {"contracts": {"unchanged": 1}}


def test_a_refused_row_is_not_sent_again_until_it_changes(sandbox, load, tmp_path):
    rejects = tmp_path / "rejects.singer"
    settings = {
        "journal_path": str(tmp_path / "journal.sqlite3"),
        "rejects_path": str(rejects),
    }
    long = [{"externalId": "V-1", "name": "x" * 300}]
    assert load(sandbox, "suppliers", long, **settings).requests["POST"] == 1
    again = load(sandbox, "suppliers", long, **settings)
    assert again.tally == {"suppliers": {"rejected": 1}}
    assert "POST" not in again.requests
    replay = rejects.read_text().splitlines()
    assert load(sandbox, lines=replay, **settings).requests["POST"] == 1
    mended = [{"externalId": "V-1", "name": "short"}]
    assert load(sandbox, "suppliers", mended, **settings).tally == {"suppliers": {"created": 1}}


def posts(sandbox, path, since=0):
    return [e for e in sandbox.served[since:] if e.method == "POST" and e.path == path]


def test_a_waiting_row_is_parked_whole_and_counts_as_one_that_failed(
    sandbox, load, tmp_path, caplog
):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    for _ in range(2):
        run = load(sandbox, "items", items(1), **settings)
        assert run.code == 1
        assert run.tally == {"items": {"waiting": 1}}
        assert run.states == [{"done": "all"}]  # it is kept here, so the source need not send it
        assert "1 records wait for what they refer to" in caplog.text
    # A run that brings something else only asks whether it has come.
    third = load(sandbox, "taxes", [], **settings)
    assert third.code == 1
    assert third.requests == {"GET": 1}
    assert not posts(sandbox, "/items")


def test_a_newer_version_that_waits_too_replaces_the_older(sandbox, load, tmp_path):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    for name in ("older", "newer"):
        load(sandbox, "items", [{**items(1)[0], "name": name}], **settings)
    run = load(sandbox, "suppliers", suppliers(1), **settings)
    assert run.tally == {"suppliers": {"created": 1}, "items": {"created": 1}}
    assert [row["name"] for row in sandbox.store.rows("items").values()] == ["newer"]


def test_a_newer_version_in_the_run_in_which_the_reference_comes(sandbox, load, tmp_path):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    load(sandbox, "items", items(1), **settings)
    newer = {**items(1)[0], "name": "newer"}
    lines = [schema("suppliers"), message("suppliers", suppliers(1)[0])]
    lines += [schema("items"), message("items", newer)]
    run = load(sandbox, lines=lines, **settings)
    assert run.tally == {"suppliers": {"created": 1}, "items": {"created": 1}}
    assert [row["name"] for row in sandbox.store.rows("items").values()] == ["newer"]
    assert load(sandbox, "taxes", [], **settings).code == 0


def test_an_option_that_names_its_field_by_id_is_replaced_by_its_newer_version(
    serve, load, tmp_path
):
    sandbox = serve(seed="demo")
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    older = {"custom_field_id": FIELD, "externalId": "x", "name": "older", "parentExternalId": "p"}
    assert load(sandbox, OPTIONS, [older], **settings).tally == {OPTIONS: {"waiting": 1}}
    newer = {**older, "name": "newer"}
    parent = {"custom_field_id": FIELD, "externalId": "p", "name": "Parent"}
    run = load(sandbox, OPTIONS, [newer, parent], **settings)
    assert run.tally == {OPTIONS: {"created": 2}}
    assert named(sandbox, OPTIONS)["x"]["name"] == "newer"
    assert load(sandbox, OPTIONS, [], **settings).tally == {}


def test_a_parked_row_that_precoro_refuses_is_told_once_and_over(sandbox, load, tmp_path):
    rejects = tmp_path / "rejects.singer"
    settings = {"journal_path": str(tmp_path / "journal.sqlite3"), "rejects_path": str(rejects)}
    load(sandbox, "items", [{**items(1)[0], "name": "x" * 300}], **settings)
    run = load(sandbox, "suppliers", suppliers(1), **settings)
    assert run.tally == {"suppliers": {"created": 1}, "items": {"rejected": 1}}
    assert len(posts(sandbox, "/items")) == 1
    assert json.loads(rejects.read_text().splitlines()[-1])["record"]["externalId"] == "I-0"
    after = load(sandbox, "suppliers", suppliers(1), **settings)
    assert after.code == 0
    assert len(posts(sandbox, "/items")) == 1


def test_rows_of_streams_that_other_settings_know_stay_parked(sandbox, load, tmp_path, caplog):
    caplog.set_level("INFO")
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    known = {"stream_resources": {"articles": "items"}}
    assert load(sandbox, "articles", items(1), **settings, **known).code == 1
    run = load(sandbox, "suppliers", suppliers(1), **settings)
    assert run.code == 0
    assert "articles I-0 waits for a run whose settings know its stream" in caplog.text
    last = load(sandbox, "suppliers", suppliers(1), **settings, **known)
    assert last.tally == {"suppliers": {"unchanged": 1}, "articles": {"created": 1}}


def test_a_missing_reference_is_asked_for_once(sandbox, load):
    """Three batches of items name the same supplier, which is not there."""
    run = load(sandbox, "items", items(2500, supplier="nobody"), match_on={"items": []})
    assert run.tally == {"items": {"waiting": 2500}}
    # The items themselves, 200 a request; their supplier once.
    assert run.requests == {"GET": 14}


def test_what_waits_for_another_batch_is_written_when_it_comes(serve, load):
    """More items than a batch holds, and the suppliers after them."""
    sandbox = serve(switches={"external_id_on_create": "everywhere"})
    lines = [schema("items"), *(message("items", each) for each in items(1100))]
    lines += [schema("suppliers"), *(message("suppliers", each) for each in suppliers(1100))]
    run = load(sandbox, lines=lines, match_on={"items": [], "suppliers": []})
    assert run.code == 0
    assert run.tally == {"items": {"created": 1100}, "suppliers": {"created": 1100}}
    firms, made = named(sandbox, "suppliers"), named(sandbox, "items")
    assert all(made[f"I-{n}"]["supplier"]["id"] == firms[f"V-{n}"]["id"] for n in range(1100))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"supplier_name": "Nobody"}, "Precoro has no suppliers with name Nobody"),
        (
            {"supplier_name": "Twin"},
            "2 suppliers of Precoro have the name 'Twin' that it refers to",
        ),
        ({"supplier_id": "V-7"}, "supplier names no record"),
    ],
    ids=str,
)
def test_what_names_nothing_or_several_is_refused_at_once(sandbox, load, caplog, given, words):
    for _ in range(2):
        sandbox.store.add("suppliers", {"name": "Twin"})
    run = load(sandbox, "items", [{"externalId": "I-1", "name": "Bolt", **given}])
    assert run.tally == {"items": {"rejected": 1}}
    assert words in caplog.text
    assert "POST" not in run.requests


def test_a_supplier_may_be_named(sandbox, load):
    firm = sandbox.store.add("suppliers", {"name": "Acme  GmbH"})
    record = {"externalId": "I-1", "name": "Bolt", "supplier_name": "ACME gmbh"}
    assert load(sandbox, "items", [record]).tally == {"items": {"created": 1}}
    assert named(sandbox, "items")["I-1"]["supplier"]["id"] == firm["id"]


def test_an_external_id_that_comes_back_as_a_number_is_the_same(serve, load):
    sandbox = serve(switches={"external_id_type": "number"})
    lines = [schema("suppliers"), message("suppliers", {"externalId": "007", "name": "Bond"})]
    record = {"externalId": "0042", "name": "Bolt", "supplier_external_id": "007"}
    lines += [schema("items"), message("items", record)]
    run = load(sandbox, lines=lines)
    assert run.tally == {"suppliers": {"created": 1}, "items": {"created": 1}}
    again = load(sandbox, lines=lines)
    assert again.tally == {"suppliers": {"unchanged": 1}, "items": {"unchanged": 1}}


def test_a_list_of_terms_answers_external_ids_as_numbers_too(serve, load):
    sandbox = serve(switches={"external_id_type": "number"})
    records = [{"externalId": each, "name": f"Terms {each}"} for each in ("007", "12", "x")]
    load(sandbox, "payment_terms", records, match_on={"payment_terms": []})
    again = load(sandbox, "payment_terms", records, match_on={"payment_terms": []})
    assert again.tally == {"payment_terms": {"unchanged": 3}}


# Receipts


def receipt_of(sandbox, number=0, **more):
    order = list(sandbox.store.rows("purchase_orders").values())[number]
    warehouse = next(iter(sandbox.store.rows("warehouses").values()))
    return {
        "externalId": f"R-{number}",
        "purchase_order_idn": order["idn"],
        "requiredDate": "2026-01-31",
        "warehouse_id": f"{warehouse['id']}.0",
        **more,
    }


def test_receipts_of_many_orders_are_looked_up_together(serve, load):
    sandbox = serve(seed="demo")
    records = [receipt_of(sandbox, n) for n in range(20)]
    run = load(sandbox, "receipts", records)
    assert run.tally == {"receipts": {"created": 20}}
    assert run.requests == {"GET": 1, "POST": 20, "PATCH": 20}
    again = load(sandbox, "receipts", records)
    assert again.requests == {"GET": 1}
    assert again.tally == {"receipts": {"unchanged": 20}}


def test_the_body_of_a_receipt_is_as_the_guides_have_it(serve, load):
    sandbox = serve(seed="demo")
    record = receipt_of(sandbox, requiredDate="31.01.2026")
    load(sandbox, "receipts", [record])
    body = json.loads(posts(sandbox, f"/receipts/{record['purchase_order_idn']}")[0].body)
    del body["externalId"]
    warehouse = int(record["warehouse_id"].removesuffix(".0"))
    assert body == {"requiredDate": "2026-01-31", "warehouse": {"id": warehouse}}


def test_a_receipt_may_name_its_order_by_external_id_and_waits_for_it(serve, load, tmp_path):
    sandbox = serve(seed="demo")
    order = next(r for r in sandbox.store.rows("purchase_orders").values() if r["status"] == 2)
    record = receipt_of(sandbox)
    del record["purchase_order_idn"]
    record["purchaseOrder"] = {"externalId": "PO-new"}
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    assert load(sandbox, "receipts", [record], **settings).tally == {"receipts": {"waiting": 1}}
    sandbox.store.change("purchase_orders", order, {"externalId": "PO-new"})
    run = load(sandbox, "taxes", [], **settings)
    assert run.tally == {"receipts": {"created": 1}}
    assert named(sandbox, "receipts")["R-0"]["purchaseOrder"]["idn"] == order["idn"]
    assert load(sandbox, "taxes", [], **settings).code == 0


def test_a_lost_receipt_is_not_taken_from_another_order(serve, load):
    sandbox = serve(seed="demo")
    sandbox.faults.add(Fault("500", method="POST", skip=1))
    records = [receipt_of(sandbox, n) for n in range(2)]
    before = len(sandbox.store.rows("receipts"))
    assert load(sandbox, "receipts", records).code == 0
    assert len(sandbox.store.rows("receipts")) == before + 2


def test_an_existing_receipt_is_annotated_by_its_idn_without_its_order(serve, load):
    sandbox = serve(seed="demo")
    receipt = next(iter(sandbox.store.rows("receipts").values()))
    record = {"idn": receipt["idn"], "externalIntegrationLog": "no such account"}
    assert load(sandbox, "receipts", [record]).tally == {"receipts": {"updated": 1}}
    assert receipt["externalIntegrationLog"] == "no such account"


# Refused rows


@pytest.mark.parametrize(
    "changed",
    [
        {"record": {"city": "Kyiv"}},
        {"settings": {"modes": "insert"}},
        {"settings": {"defaults": {"suppliers": {"city": "Kyiv"}}}},
        {"settings": {"match_on": {"suppliers": ["uniqueCode"]}}},
    ],
    ids=["the row", "the mode", "a default", "what finds it"],
)
def test_a_refused_row_is_sent_again_when_it_or_the_settings_change(
    sandbox, load, tmp_path, changed
):
    journal = {"journal_path": str(tmp_path / "journal.sqlite3")}
    row = {"externalId": "V-1", "name": "x" * 300}
    load(sandbox, "suppliers", [row], **journal)
    for _ in range(2):
        again = load(sandbox, "suppliers", [row], **journal)
        assert again.code == 1
        assert "POST" not in again.requests
    row |= changed.get("record", {})
    run = load(sandbox, "suppliers", [row], **journal, **changed.get("settings", {}))
    assert run.requests["POST"] == 1


def test_a_refused_row_is_told_as_refused_before(sandbox, load, tmp_path, caplog):
    journal = {"journal_path": str(tmp_path / "journal.sqlite3")}
    row = {"externalId": "V-1", "name": "x" * 300}
    load(sandbox, "suppliers", [row], **journal)
    caplog.clear()
    load(sandbox, "suppliers", [row], **journal)
    assert "This value is too long" in caplog.text
    assert "refused before, and neither it nor the settings changed" in caplog.text


def test_the_file_of_refused_rows_is_sent_again_with_cat(sandbox, load, tmp_path, launch):
    rejects = tmp_path / "rejects.singer"
    journal = {"journal_path": str(tmp_path / "journal.sqlite3")}
    long = [300 if n % 2 else 9 for n in range(6)]
    rows = [{"externalId": f"V-{n}", "name": "x" * long[n] + str(n)} for n in range(6)]
    load(sandbox, "suppliers", rows, **journal, rejects_path=str(rejects))
    assert rejects.read_text().count('"RECORD"') == 3
    since = len(sandbox.served)
    with rejects.open() as given:
        process = launch(sandbox, given, **journal)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(posts(sandbox, "/suppliers", since)) == 3
    assert told.count("This value is too long") == 3


def test_a_reference_that_several_carry_is_refused_with_the_candidates(
    sandbox, load, caplog, tmp_path
):
    twins = [sandbox.store.add("suppliers", {"name": n, "externalId": "V-1"}) for n in "AB"]
    sandbox.store.add("suppliers", {"name": "C", "externalId": "V-2"})
    records = [
        {"externalId": f"I-{n}", "name": f"Item {n}", "supplier_external_id": f"V-{1 + n % 2}"}
        for n in range(4)
    ]
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    run = load(sandbox, "items", records, **settings)
    assert run.code == 1
    assert run.tally == {"items": {"created": 2, "rejected": 2}}
    assert "2 suppliers of Precoro carry the external id 'V-1' that it refers to" in caplog.text
    assert all(f"{row['id']} '{row['name']}'" in caplog.text for row in twins)
    assert load(sandbox, "items", [], **settings).tally == {}  # nothing waits for it
    twins[0]["externalId"] = None
    assert load(sandbox, "items", records, **settings).tally == {
        "items": {"created": 2, "unchanged": 2}
    }


def test_a_parked_record_is_told_when_its_reference_has_become_ambiguous(
    sandbox, load, caplog, tmp_path
):
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    assert load(sandbox, "items", items(1), **settings).tally == {"items": {"waiting": 1}}
    for name in "AB":
        sandbox.store.add("suppliers", {"name": name, "externalId": "V-0"})
    run = load(sandbox, "taxes", [], **settings)
    assert run.tally == {"items": {"rejected": 1}}
    assert "carry the external id 'V-0'" in caplog.text


def test_what_waits_is_woken_by_a_record_that_is_linked_and_changed(sandbox, load):
    sandbox.store.add("suppliers", {"name": "Hand", "uniqueCode": "U7"})
    lines = [
        schema("items"),
        message("items", {"externalId": "I-1", "name": "Bolt", "supplier_external_id": "V-7"}),
        json.dumps({"type": "SCHEMA", "stream": "items", "schema": {"properties": {"x": {}}},
                    "key_properties": []}),
        schema("suppliers"),
        message("suppliers", {"externalId": "V-7", "name": "Hand Ltd", "uniqueCode": "U7"}),
    ]  # fmt: skip
    run = load(sandbox, lines=lines)
    assert run.tally == {"items": {"created": 1}, "suppliers": {"updated": 1}}


def test_an_option_names_its_field_by_a_name_that_two_have(sandbox, load, caplog):
    for _ in range(2):
        sandbox.store.add("document_custom_fields", {"name": "Branch"})
    record = {"externalId": "O-1", "name": "North", "custom_field": "Branch"}
    assert load(sandbox, OPTIONS, [record]).tally == {OPTIONS: {"rejected": 1}}
    assert "2 document_custom_fields of Precoro have the name 'Branch'" in caplog.text
