from __future__ import annotations

from collections import Counter
from copy import deepcopy

TREES, CHOICES = "trees-to-precoro-options", "choices-to-erp"
FIELDS = {
    "accounts": ("item", "GL account"),
    "departments": ("document", "Department"),
    "classes": ("document", "Class"),
    "projects": ("document", "Project"),
}


def options(sandbox, table):
    """The options of Precoro's field for a table of the ERP, by id."""
    family, field = FIELDS[table]
    fields = sandbox.store.rows(f"{family}_custom_fields")
    (field_id,) = [key for key, row in fields.items() if row["name"] == field]
    rows = sandbox.store.rows(f"{family}_custom_field_options")
    return {key: row for key, row in rows.items() if row["field_id"] == field_id}


def shown(sandbox, table):
    """Linked options as the ERP has them, each with the ERP's id of its parent."""
    rows = options(sandbox, table)
    found = []
    for row in rows.values():
        if row.get("externalId"):
            above = rows[row["parent"]["id"]]["externalId"] if row.get("parent") else None
            found.append((row["externalId"], row["code"], row["name"], above, row["enable"]))
    return sorted(found, key=lambda each: each[0])


def in_erp(erp, table):
    code = "number" if table == "accounts" else "code"
    rows = erp.rows(f"select id, {code}, name, parent_id, active from {table}")
    return sorted(rows, key=lambda each: each[0])


def chosen(sandbox, family, rows):
    """What was chosen in custom fields of such rows: owner, field, and option or value, by name."""
    fields = sandbox.store.rows(f"{family}_custom_fields")
    known = sandbox.store.rows(f"{family}_custom_field_options")
    found = Counter()
    for owner, values in rows:
        for each in values:
            field = fields[each[f"{family}CustomField"]["id"]]
            is_option = field["typeString"] == "select"
            value = known[int(each["value"])]["name"] if is_option else each["value"]
            found[owner, field["name"], value] += 1
    return found


def test_trees_become_options_and_what_is_chosen_of_them_comes_back(serve, cook, erp):
    sandbox = serve(seed="demo", counts={"items": 30, "purchase_orders": 10})
    recipe = cook(sandbox, erp)
    store = sandbox.store
    store.add("document_custom_fields", {"name": "Class", "typeString": "select", "enable": True})
    for family in ("item", "document"):  # people typed them in; no system has linked them yet
        for row in store.rows(f"{family}_custom_field_options").values():
            row["externalId"] = None
    before = {table: deepcopy(options(sandbox, table)) for table in FIELDS}
    orders = list(store.rows("purchase_orders").values())
    line = orders[0]["items"][0]
    gl_account = next(iter(options(sandbox, "accounts").values()))["field_id"]

    def choose(code):
        """Somebody takes another account for the first line of the first order."""
        rows = options(sandbox, "accounts").values()
        (option,) = [row["id"] for row in rows if row["code"] == code]
        value = {"id": 1, "value": str(option), "itemCustomField": {"id": gl_account}}
        line["dataItemCustomFields"] = [value]
        store.change("purchase_orders", orders[0], {})

    choose("5110")

    def are_right():
        assert all(shown(sandbox, table) == in_erp(erp, table) for table in FIELDS)
        lines = [(row["idn"], each) for row in orders for each in row["items"]]
        for table, owner, family, rows in (
            ("item_values", "item_id", "item",
             [(key, row["dataProductCustomFields"]) for key, row in store.rows("items").items()]),
            ("order_values", "order_number", "document",
             [(row["idn"], row["dataDocumentCustomFields"]) for row in orders]),
            ("line_values", "order_number", "item",
             [(number, each["dataItemCustomFields"]) for number, each in lines]),
        ):  # fmt: skip
            told = erp.rows(f"select {owner}, field, coalesce(option, value) from {table}")
            assert Counter(told) == chosen(sandbox, family, rows) != Counter()

    first = recipe.run(CHOICES, TREES)  # one after the other: the trees go first
    are_right()
    # 11 accounts and 5 departments were there, and are the same options as before.
    made = {table: len(options(sandbox, table)) - len(rows) for table, rows in before.items()}
    assert made == {"accounts": 2, "departments": 0, "classes": 3, "projects": 20}
    assert first.methods["POST"] == 25
    for table, rows in before.items():  # an option that the ERP does not have stays as it was
        now = options(sandbox, table)
        assert all(now[key] == row for key, row in rows.items() if not now[key]["externalId"])
    account = "select id, number, name from line_accounts where order_number = %s and line = %s"
    place = (orders[0]["idn"], str(line["id"]))
    assert erp.rows(account, *place) == [("A-5110", "5110", "Metals")]

    again = recipe.run(CHOICES, TREES)
    assert again.methods == {"GET": 20}  # of them 18 for the fields and their options

    # Flights move, an account is renamed, a department rises, a class ends, a project is new.
    erp.run(
        """update accounts set parent_id = 'A-6000' where id = 'A-6510';
        update accounts set name = 'Flights overseas, all classes' where id = 'A-65120';
        update departments set parent_id = null where id = 'D-21';
        update classes set active = false where id = 'C-1';
        insert into projects values ('P-120', 'P120', 'Site 120', 'P-100')"""
    )
    choose("6512")
    third = recipe.run(CHOICES, TREES)
    are_right()
    assert (third.methods["POST"], third.methods["PUT"]) == (1, 4)
    assert third.writes <= 7  # it tries once whether a PATCH can move an option
    assert erp.rows(account, *place) == [("A-65120", "6512", "Flights overseas, all classes")]
    rows = sum(len(in_erp(erp, table)) for table in FIELDS)
    recipe.tell("Trees as options, and what is chosen", rows=rows, first=first, second=again)
