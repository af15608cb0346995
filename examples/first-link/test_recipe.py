from __future__ import annotations

import json

PLAN, APPLY = "first-link-plan", "first-link-apply"
VENDORS = "select vendor_no, name, code, registration_no, email from vendors order by vendor_no"


def odd_ones(name, number, email):
    """What stands for some vendors, by their place; the first of each is the true one."""
    office = [{"name": "Office", "email": email.upper()}]
    another = [{"name": "Office", "email": f"back{email}"}]
    return {
        # A name that only a person would know again; one that is there twice.
        29: [{"name": f"{name} & Co"}],
        30: [{"name": name, "city": "Leeds"}, {"name": name.lower(), "city": "Köln"}],
        # Linked to something else long ago; its number stands, by a slip, with another company.
        31: [{"name": name, "externalId": "OLD-31"}],
        32: [{"name": name}, {"name": "Harbour Paints", "businessRegistrationNumber": number}],
        # An e-mail address that one supplier has; one that two have.
        33: [
            {"name": "Trading as Bluebell", "contacts": office},
            {"name": "Back Office Help", "contacts": another},
        ],
        34: [
            {"name": "Linden Group", "contacts": office},
            {"name": "Linden Services", "contacts": office},
        ],
    }


def by_hand(store, vendors):
    """Suppliers as people typed them; by vendor, the id of the one that it truly is."""
    true = {}
    for place, (vendor, name, code, number, email) in enumerate(vendors, start=1):
        if place < 10:  # the number is right, the name is not
            new = f"{name.split()[0].upper()} (new)"
            rows = [{"name": new, "businessRegistrationNumber": number}]
        elif place <= 20:  # a code between spaces, in small letters
            rows = [{"name": name.replace(" ", "-"), "uniqueCode": f" {code.lower()} "}]
        elif place <= 28:  # nothing but a name, in capitals and with too many spaces
            rows = [{"name": f" {name.upper()}".replace(" ", "  ")}]
        else:
            rows = odd_ones(name, number, email).get(place, [])
        for row in rows:
            kept = store.add("suppliers", {"enable": True, "status": 2, **row})
            true.setdefault(vendor, kept["id"])
    return true


def links(store):
    rows = store.rows("suppliers").values()
    return {row["id"]: row["externalId"] for row in rows if row.get("externalId")}


def test_vendors_find_their_suppliers_after_a_review_and_no_link_is_wrong(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"suppliers": 12})
    store = sandbox.store
    true = by_hand(store, erp.rows(VENDORS))
    before = links(store)
    recipe = cook(sandbox, erp)

    # The plan: nothing is written, and what no rule can tell is named.
    plan = recipe.run(PLAN, code=1)
    assert plan.writes == 0
    assert links(store) == before
    report = (recipe.output / "first-link.jsonl").read_text(encoding="utf-8")
    told = {each["key"]: each for each in map(json.loads, report.splitlines())}
    assert [key for key, each in told.items() if each["error"] == "conflict"] == [
        "V-2030",
        "V-2031",
    ]
    assert f"{true['V-2030']} 'Fir Catering, Inc.'" in told["V-2030"]["reason"]
    assert "'fir catering, inc.'" in told["V-2030"]["reason"]
    assert "OLD-31" in told["V-2031"]["reason"]
    assert [key for key, each in told.items() if each["action"] == "skipped"] == [
        f"V-{2000 + n}" for n in (29, *range(34, 41))
    ]

    # The review: a step that leads to another company is deleted.
    file = recipe.output / "first-link.plan.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    wrong = [step for step in saved["steps"] if step["id"] != true[step["key"]]]
    assert [(step["key"], store.rows("suppliers")[step["id"]]["name"]) for step in wrong] == [
        ("V-2032", "Harbour Paints")
    ]
    saved["steps"] = [step for step in saved["steps"] if step not in wrong]
    file.write_text(json.dumps(saved), encoding="utf-8")

    first = recipe.run(APPLY)
    linked = {f"V-{2000 + n}" for n in (*range(1, 29), 33)}
    assert first.methods["PATCH"] == first.writes == len(linked)
    assert links(store) == before | {true[vendor]: vendor for vendor in linked}
    home = dict(erp.rows("select vendor_no, precoro_id from vendor_links"))
    assert home == {vendor: true[vendor] for vendor in linked}

    second = recipe.run(APPLY)
    assert (second.writes, second.requests) == (0, 2)
    assert links(store) == before | {key: vendor for vendor, key in home.items()}
    recipe.tell("First link of vendors and suppliers", rows=len(home), first=first, second=second)
