"""Finding what people typed into Precoro by hand, and linking it, never the wrong one."""

from __future__ import annotations

import random
from collections import Counter

import pytest


def named(sandbox, resource="suppliers"):
    return {row.get("externalId"): row for row in sandbox.store.rows(resource).values()}


def noisy(text, chance):
    """A text as somebody typed it: other case, more spaces."""
    words = text.split(" ")
    kinds = {
        0: text,
        1: text.upper(),
        2: text.lower(),
        3: f"  {text} ",
        4: "  ".join(words),
        5: " ".join(word.capitalize() for word in words),
        6: f"{text}\t",
    }
    return kinds[chance.randrange(len(kinds))]


class Company:
    """400 hand-typed suppliers, and 300 vendors of an ERP of which it is known which are which."""

    def __init__(self, sandbox, seed):
        chance = random.Random(seed)
        self.sandbox = sandbox
        self.truth: dict[str, int] = {}
        rows = []
        for n in range(390):
            typed = {"name": noisy(f"Firm No {n} Ltd", chance)}
            if n % 3 == 0:
                typed["uniqueCode"] = noisy(f"UC-{n}", chance)
                typed["name"] = f"Other name {n}"  # only the code tells
            if 60 <= n < 90:
                typed["externalId"] = f"V-{n}"
            rows.append((n, typed))
        # Ten twins that differ in case alone: only a person can tell them apart.
        rows += [(None, {"name": f"FIRM no {n} LTD"}) for n in range(1, 30, 3)]
        chance.shuffle(rows)
        for n, typed in rows:
            row = sandbox.store.add("suppliers", typed)
            if n is not None:
                self.truth[f"V-{n}"] = row["id"]
        self.vendors = [
            {"externalId": f"V-{n}", "name": noisy(f"Firm No {n} Ltd", chance),
             "uniqueCode": noisy(f"UC-{n}", chance)}
            for n in (*range(250), *range(1000, 1050))
        ]  # fmt: skip
        chance.shuffle(self.vendors)

    @property
    def wrong(self):
        return [
            (key, row["id"])
            for key, row in named(self.sandbox).items()
            if key is not None and self.truth.get(key) != row["id"]
        ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hand_typed_suppliers_are_linked_and_none_wrongly(sandbox, load, seed):
    company = Company(sandbox, seed)
    assert len(sandbox.store.rows("suppliers")) == 400
    run = load(sandbox, "suppliers", company.vendors, modes="link")
    # 30 are linked already, 50 are not there, 10 have a twin.
    assert run.tally == {
        "suppliers": {"unchanged": 30, "linked": 210, "skipped": 50, "rejected": 10}
    }
    assert not company.wrong
    assert len(sandbox.store.rows("suppliers")) == 400
    # Two look-ups, the list of two pages, and a PATCH for each link.
    assert run.requests == {"GET": 4, "PATCH": 210}
    again = load(sandbox, "suppliers", company.vendors, modes="link")
    assert again.tally == {"suppliers": {"unchanged": 240, "skipped": 50, "rejected": 10}}
    assert "PATCH" not in again.requests


def test_linking_changes_nothing_else(sandbox, load):
    company = Company(sandbox, 4)
    before = {row["id"]: dict(row) for row in sandbox.store.rows("suppliers").values()}
    load(sandbox, "suppliers", company.vendors, modes="link")
    for row in sandbox.store.rows("suppliers").values():
        same = {k: v for k, v in row.items() if k not in ("externalId", "updateDate")}
        assert same.items() <= before[row["id"]].items()
    assert all(e.body.startswith("externalId=") for e in sandbox.served if e.method == "PATCH")


# By what a record is found, in this order


def test_its_own_id_goes_before_all_else(sandbox, load):
    one, other = (sandbox.store.add("suppliers", {"name": name}) for name in ("One", "Other"))
    records = [{"id": other["id"], "externalId": "V-1", "name": "One"}]
    run = load(sandbox, "suppliers", records, precoro_id_property="id", modes="link")
    assert run.tally == {"suppliers": {"linked": 1}}
    assert (one.get("externalId"), other.get("externalId")) == (None, "V-1")


def test_an_id_that_is_not_there_is_refused_and_never_created(sandbox, load, caplog):
    records = [{"id": 424242, "externalId": "V-1", "name": "One"}]
    run = load(sandbox, "suppliers", records, precoro_id_property="id")
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert "Precoro has no suppliers with id 424242" in caplog.text
    assert not sandbox.store.rows("suppliers")


def test_an_id_that_is_linked_to_another_record_is_refused(sandbox, load, caplog):
    row = sandbox.store.add("suppliers", {"name": "One", "externalId": "V-9"})
    records = [{"id": row["id"], "externalId": "V-1", "city": "Kyiv"}]
    run = load(sandbox, "suppliers", records, precoro_id_property="id")
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert f"found by id (id {row['id']}), but that record is linked to 'V-9'" in caplog.text
    assert row.get("city") is None


def test_many_ids_are_read_from_the_list(sandbox, load):
    rows = [sandbox.store.add("suppliers", {"name": f"Firm {n}"}) for n in range(250)]
    records = [{"id": row["id"], "externalId": f"V-{n}"} for n, row in enumerate(rows)]
    run = load(sandbox, "suppliers", records, precoro_id_property="id", modes="link")
    assert run.tally == {"suppliers": {"linked": 250}}
    assert run.requests["GET"] <= 5
    again = load(sandbox, "suppliers", records, precoro_id_property="id", modes="link")
    assert again.requests == {"GET": 2}


def test_the_external_id_goes_before_other_fields(sandbox, load):
    linked = sandbox.store.add("suppliers", {"name": "Old name", "externalId": "V-1"})
    sandbox.store.add("suppliers", {"name": "New name", "uniqueCode": "U"})
    records = [{"externalId": "V-1", "uniqueCode": "U2", "city": "Kyiv"}]
    assert load(sandbox, "suppliers", records).tally == {"suppliers": {"updated": 1}}
    assert linked["city"] == "Kyiv"


def test_other_fields_are_tried_in_their_order(sandbox, load):
    by_code = sandbox.store.add("suppliers", {"name": "One", "uniqueCode": "U-1"})
    by_name = sandbox.store.add("suppliers", {"name": "Two"})
    records = [{"externalId": "V-1", "uniqueCode": " u-1", "name": "Two"}]
    run = load(sandbox, "suppliers", records, modes="link")
    assert run.tally == {"suppliers": {"linked": 1}}
    assert by_code["externalId"] == "V-1"
    assert by_name.get("externalId") is None


def test_the_order_is_a_setting(sandbox, load):
    by_code = sandbox.store.add("suppliers", {"name": "One", "uniqueCode": "U-1"})
    by_name = sandbox.store.add("suppliers", {"name": "Two"})
    records = [{"externalId": "V-1", "uniqueCode": "U-1", "name": "Two"}]
    match_on = {"suppliers": ["name", "uniqueCode"]}
    load(sandbox, "suppliers", records, modes="link", match_on=match_on)
    assert by_name["externalId"] == "V-1"
    assert by_code.get("externalId") is None


def test_an_empty_list_finds_none(serve, load):
    sandbox = serve()
    sandbox.store.add("locations", {"name": "Kyiv"})
    records = [{"externalId": "L-1", "name": "Kyiv"}]
    run = load(sandbox, "locations", records, match_on={"locations": []})
    assert run.tally == {"locations": {"created": 1}}
    assert run.requests == {"GET": 1, "POST": 1, "PATCH": 1}


def test_the_registration_number_finds_though_it_cannot_be_written(sandbox, load):
    values = {"name": "One", "businessRegistrationNumber": "HRB 1"}
    row = sandbox.store.add("suppliers", values)
    records = [{"externalId": "V-1", "name": "Two", "TaxNo": "hrb  1"}]
    mapped = {"suppliers": {"TaxNo": "businessRegistrationNumber"}}
    run = load(sandbox, "suppliers", records, modes="link", field_map=mapped)
    assert run.tally == {"suppliers": {"linked": 1}}
    assert row["externalId"] == "V-1"


# Ambiguous, or taken


def test_several_candidates_are_named_and_none_is_taken(sandbox, load, caplog):
    rows = [sandbox.store.add("suppliers", {"name": name}) for name in ("ACME", "acme")]
    records = [{"externalId": "V-1", "name": "Acme"}]
    for mode in ("link", "upsert", "update", "insert"):
        caplog.clear()
        run = load(sandbox, "suppliers", records, modes=mode)
        assert run.tally == {"suppliers": {"rejected": 1}}
        assert all(f"{row['id']} {row['name']!r}" in caplog.text for row in rows)
        assert "set the externalId of the right one" in caplog.text
        assert run.requests.keys() == {"GET"}


def test_once_a_person_has_set_it_the_record_goes_there(sandbox, load):
    one, other = (sandbox.store.add("suppliers", {"name": name}) for name in ("ACME", "acme"))
    sandbox.store.change("suppliers", other, {"externalId": "V-1"})
    records = [{"externalId": "V-1", "name": "acme", "city": "Kyiv"}]
    assert load(sandbox, "suppliers", records).tally == {"suppliers": {"updated": 1}}
    assert (one.get("city"), other["city"]) == (None, "Kyiv")


def test_what_is_linked_to_another_record_is_told_and_left(sandbox, load, caplog):
    row = sandbox.store.add("suppliers", {"name": "Acme", "externalId": "V-9"})
    run = load(sandbox, "suppliers", [{"externalId": "V-1", "name": "acme", "city": "Kyiv"}])
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert f"found by name (id {row['id']}), but that record is linked to 'V-9'" in caplog.text
    assert row.get("city") is None
    assert len(sandbox.store.rows("suppliers")) == 1


def test_two_records_of_one_external_id_in_precoro_are_not_guessed_between(sandbox, load, caplog):
    for name in "ab":
        sandbox.store.add("suppliers", {"name": name, "externalId": "V-1"})
    run = load(sandbox, "suppliers", [{"externalId": "V-1", "city": "Kyiv"}])
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert "2 records of Precoro carry this external id" in caplog.text


@pytest.mark.parametrize("shown", ["string", "number"])
def test_leading_zeros_are_not_lost(serve, load, shown, caplog):
    sandbox = serve(switches={"external_id_type": shown})
    records = [{"externalId": each, "name": f"Firm {each}"} for each in ("7", "42", "0099")]
    assert load(sandbox, "suppliers", records).code == 0
    assert load(sandbox, "suppliers", records).tally == {"suppliers": {"unchanged": 3}}
    assert set(named(sandbox)) == {"7", "42", "0099"}


def test_where_zeros_alone_tell_ids_apart_a_number_is_not_guessed_at(serve, load, caplog):
    sandbox = serve(switches={"external_id_type": "number"})
    for each in ("7", "007"):
        sandbox.store.add("suppliers", {"name": f"Firm {each}", "externalId": each})
    run = load(sandbox, "suppliers", [{"externalId": "007", "city": "Kyiv"}])
    assert not any(row.get("city") for row in sandbox.store.rows("suppliers").values()) or (
        named(sandbox)["007"].get("city") == "Kyiv"
    )
    assert run.tally["suppliers"].get("created") is None


# Modes


@pytest.mark.parametrize(
    ("mode", "told", "city", "linked"),
    [
        ("upsert", {"updated": 2, "created": 1}, "new", True),
        ("update", {"updated": 2, "skipped": 1}, "new", True),
        ("insert", {"unchanged": 2, "created": 1}, "old", False),
        ("link", {"unchanged": 1, "linked": 1, "skipped": 1}, "old", True),
    ],
)
def test_modes_bound_what_is_done(sandbox, load, mode, told, city, linked):
    one = sandbox.store.add("suppliers", {"name": "One", "city": "old", "externalId": "V-1"})
    two = sandbox.store.add("suppliers", {"name": "Two", "city": "old"})
    records = [
        {"externalId": f"V-{n}", "name": name, "city": "new"}
        for n, name in enumerate(("One", "Two", "Three"), start=1)
    ]
    run = load(sandbox, "suppliers", records, modes={"suppliers": mode})
    assert run.code == 0
    assert run.tally == {"suppliers": told}
    assert one["city"] == two["city"] == city
    assert (two.get("externalId") == "V-2") is linked
    assert len(sandbox.store.rows("suppliers")) == 2 + ("created" in told)


def test_documents_are_linked_by_their_idn_and_checked_by_one_look(serve, load):
    sandbox = serve(seed="demo")
    rows = [
        row for row in sandbox.store.rows("purchase_orders").values() if not row.get("externalId")
    ][:3]
    records = [{"idn": row["idn"], "externalId": f"ERP-{row['idn']}"} for row in rows]
    run = load(sandbox, "purchaseorders", records)
    assert run.tally == {"purchaseorders": {"linked": 3}}
    assert run.requests == {"GET": 4, "PATCH": 3}
    again = load(sandbox, "purchaseorders", records)
    assert again.tally == {"purchaseorders": {"unchanged": 3}}
    assert again.requests == {"GET": 1}


def test_legal_entities_are_linked_by_their_names(serve, load):
    sandbox = serve(seed="demo")
    entity = next(iter(sandbox.store.rows("legal_entities").values()))
    sandbox.store.change("legal_entities", entity, {"externalId": None})
    records = [{"externalId": "L-new", "name": entity["name"].upper()}]
    assert load(sandbox, "legal_entities", records).tally == {"legal_entities": {"linked": 1}}
    assert entity["externalId"] == "L-new"


# Adopted while loading


@pytest.mark.parametrize("resource", ["suppliers", "items", "taxes", "payment_terms", "locations"])
def test_what_people_typed_is_adopted_not_doubled(sandbox, load, resource):
    fields = {"items": "sku"}.get(resource, "name")
    for n in range(5):
        sandbox.store.add(resource, {"name": f"Thing {n}", fields: f"Thing {n}"})
    records = [
        {"externalId": f"X-{n}", "name": f"THING {n} ", fields: f"THING {n} "} for n in range(8)
    ]
    assert load(sandbox, resource, records).code == 0
    rows = sandbox.store.rows(resource).values()
    assert Counter(row["externalId"] for row in rows) == Counter(f"X-{n}" for n in range(8))


def test_a_record_found_by_other_fields_is_written_and_linked_in_as_few_requests(serve, load):
    sandbox = serve(switches={"patch_fields": "all"})
    sandbox.store.add("suppliers", {"name": "Acme"})
    records = [{"externalId": "V-1", "name": "Acme", "city": "Kyiv"}]
    run = load(sandbox, "suppliers", records)
    assert run.tally == {"suppliers": {"updated": 1}}
    assert run.requests == {"GET": 2, "PATCH": 1}
    assert named(sandbox)["V-1"]["city"] == "Kyiv"
