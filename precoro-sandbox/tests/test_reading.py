"""What lists and details answer, and to whom."""

from __future__ import annotations

import pytest
from precoro_api.fields import read_row
from precoro_api.resources import BY_NAME, RESOURCES
from precoro_sandbox import Account, SandboxClock, Switches

KEYS = {"total", "count", "per_page", "current_page", "total_pages", "links", "has_next_page"}
EMBEDDED = tuple(each for each in RESOURCES if each.parent and each.embedding)
LISTED = tuple(each for each in RESOURCES if each.list)
DETAILED = tuple(each for each in RESOURCES if each.detail and not each.alias_of)
NUMBERED = tuple(each for each in DETAILED if each.addressed_by == "idn")
DOCUMENTS = tuple(each for each in LISTED if each.lines and not each.alias_of)
DETAIL_ONLY = ("items", "taxes", "comments", "payments", "followers", "attachments")


def named(resource):
    return resource.name


def list_path(sandbox, resource):
    """The path of a list, with the first parent in it where one is needed."""
    if resource.parent is None:
        return resource.list.path
    parent = next(iter(sandbox.store.rows(resource.parent)))
    return resource.list.path.replace("{id}", str(parent)).replace("{field_id}", str(parent))


def first(sandbox, name):
    return next(iter(sandbox.store.rows(name).values()))


def detail_path(sandbox, resource):
    row = first(sandbox, resource.name)
    return resource.detail.path.replace("{id}", str(row["id"])).replace(
        "{idn}", str(row.get("idn"))
    )


@pytest.mark.parametrize("resource", LISTED, ids=named)
def test_every_list_of_the_table_answers(demo, ask, resource):
    answer = ask(demo, "GET", list_path(demo, resource))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["data"]


@pytest.mark.parametrize("resource", LISTED, ids=named)
def test_rows_of_a_list_carry_the_fields_of_the_table(demo, ask, resource):
    rows = ask(demo, "GET", list_path(demo, resource)).json()["data"]
    hidden = set(DETAIL_ONLY) | {"approvalSteps"} if resource.lines else set()
    if resource.name.endswith("_custom_fields"):
        hidden = {"options"}
    for row in rows:
        assert set(row) == set(resource.by_name) - hidden


@pytest.mark.parametrize("resource", DETAILED, ids=named)
def test_every_detail_of_the_table_carries_all_its_fields(demo, ask, resource):
    answer = ask(demo, "GET", detail_path(demo, resource))
    assert answer.status_code == 200
    if resource.name == "attachments":
        assert answer.content == first(demo, "attachments")["_content"]
        return
    assert set(answer.json()) == set(resource.by_name)


@pytest.mark.parametrize("resource", LISTED, ids=named)
def test_rows_can_be_read_as_their_kinds(demo, ask, resource):
    rows = ask(demo, "GET", list_path(demo, resource), params={"per_page": 200}).json()["data"]
    for row in rows:
        record, extra = read_row(resource.by_name, row)
        assert record["id"] == row["id"]
        assert extra == {}


@pytest.mark.parametrize("name", ["expense_payments", "rfp_propositions", "attachments"])
def test_what_has_no_list_is_not_listed(demo, ask, name):
    path = {
        "expense_payments": "/expensePayments",
        "rfp_propositions": "/requestforproposals/proposition",
        "attachments": "/attachments",
    }[name]
    assert BY_NAME[name].list is None
    assert ask(demo, "GET", path).status_code in (404, 405)


# The envelope


def test_a_list_is_an_envelope_of_data_and_seven_keys(demo, ask):
    answer = ask(demo, "GET", "/suppliers", params={"per_page": 50, "page": 2}).json()
    assert set(answer) == {"data", "meta"}
    assert set(answer["meta"]) == {"pagination"}
    assert answer["meta"]["pagination"] == {
        "total": 400,
        "count": 50,
        "per_page": 50,
        "current_page": 2,
        "total_pages": 8,
        "links": {},
        "has_next_page": True,
    }
    assert len(answer["data"]) == 50


def test_a_detail_is_bare(demo, ask):
    row = first(demo, "suppliers")
    answer = ask(demo, "GET", f"/suppliers/{row['id']}").json()
    assert answer["id"] == row["id"]
    assert "data" not in answer


@pytest.mark.parametrize("size", [10, 20, 50, 100, 200])
def test_allowed_page_sizes(demo, ask, size):
    answer = ask(demo, "GET", "/items", params={"per_page": size}).json()
    assert len(answer["data"]) == size
    assert answer["meta"]["pagination"]["per_page"] == size
    assert answer["meta"]["pagination"]["total_pages"] == 2000 // size


@pytest.mark.parametrize("size", ["", "0", "1", "25", "500", "-10", "ten", "10.0"])
def test_other_page_sizes_give_the_default(demo, ask, size):
    answer = ask(demo, "GET", "/items", params={"per_page": size}).json()
    assert len(answer["data"]) == 20


@pytest.mark.parametrize("default", [10, 7, 100])
def test_the_default_page_size_is_a_switch(serve, ask, default):
    sandbox = serve({"default_page_size": default}, counts={"units": 120})
    assert len(ask(sandbox, "GET", "/units").json()["data"]) == default


@pytest.mark.parametrize(
    ("size", "pages", "last"), [(10, 3, 5), (20, 2, 5), (50, 1, 25), (100, 1, 25)]
)
def test_pages_hold_every_row_once(demo, ask, size, pages, last):
    seen = []
    for page in range(1, pages + 1):
        answer = ask(demo, "GET", "/users", params={"per_page": size, "page": page}).json()
        seen += [row["id"] for row in answer["data"]]
        assert answer["meta"]["pagination"]["has_next_page"] is (page < pages)
        assert answer["meta"]["pagination"]["total_pages"] == pages
    assert len(answer["data"]) == last
    assert sorted(seen) == sorted(demo.store.rows("users"))


def test_a_page_beyond_the_end_is_empty(demo, ask):
    answer = ask(demo, "GET", "/users", params={"per_page": 10, "page": 4}).json()
    assert answer["data"] == []
    assert answer["meta"]["pagination"] == {
        "total": 25,
        "count": 0,
        "per_page": 10,
        "current_page": 4,
        "total_pages": 3,
        "links": {},
        "has_next_page": False,
    }


@pytest.mark.parametrize("path", ["/users", "/items", "/invoices"])
def test_page_last_is_the_last_page(demo, ask, path):
    last = ask(demo, "GET", path, params={"per_page": 10, "page": "last"}).json()
    page = last["meta"]["pagination"]["total_pages"]
    assert last["meta"]["pagination"]["current_page"] == page
    assert last == ask(demo, "GET", path, params={"per_page": 10, "page": page}).json()


@pytest.mark.parametrize("page", ["0", "-1", "first", "", "1.5", "²"])
def test_what_is_no_page_is_the_first(demo, ask, page):
    answer = ask(demo, "GET", "/users", params={"per_page": 10, "page": page}).json()
    assert answer == ask(demo, "GET", "/users", params={"per_page": 10}).json()
    assert answer["meta"]["pagination"]["current_page"] == 1


@pytest.mark.parametrize("page", ["1", "last"])
def test_an_empty_list_has_no_pages(serve, ask, page):
    answer = ask(serve(), "GET", "/suppliers", params={"page": page}).json()
    assert answer["data"] == []
    assert answer["meta"]["pagination"]["total"] == 0
    assert answer["meta"]["pagination"]["total_pages"] == 0
    assert answer["meta"]["pagination"]["has_next_page"] is False


@pytest.mark.parametrize(
    ("style", "missing"),
    [
        ("all", set()),
        ("legacy", {"has_next_page"}),
        ("new", {"total", "total_pages"}),
    ],
)
def test_dialects_of_pagination(serve, ask, style, missing):
    sandbox = serve({"pagination": style}, counts={"users": 25})
    shown = ask(sandbox, "GET", "/users").json()["meta"]["pagination"]
    assert set(shown) == KEYS - missing


@pytest.mark.parametrize(("position", "meta"), [("absent", False), ("present", True)])
def test_legal_entities_and_their_meta(serve, ask, position, meta):
    sandbox = serve({"legal_entities_meta": position}, counts={"legal_entities": 30})
    answer = ask(sandbox, "GET", "/legalentities", params={"per_page": 20, "page": 2}).json()
    assert ("meta" in answer) is meta
    assert len(answer["data"]) == (10 if meta else 30)


@pytest.mark.parametrize("order", ["id_desc", "id_asc", "updated"])
def test_order_of_lists(serve, ask, order):
    sandbox = serve({"list_order": order}, counts={"suppliers": 60})
    rows = ask(sandbox, "GET", "/suppliers", params={"per_page": 200}).json()["data"]
    ids = [row["id"] for row in rows]
    stamps = [row["updateDate"] for row in rows]
    assert (ids == sorted(ids)) is (order == "id_asc")
    assert (ids == sorted(ids, reverse=True)) is (order == "id_desc")
    assert (stamps == sorted(stamps)) is (order == "updated")


def test_a_new_row_is_listed_at_once(serve, ask):
    sandbox = serve(counts={"units": 3})
    before = ask(sandbox, "GET", "/units").json()["meta"]["pagination"]["total"]
    sandbox.store.add("units", {"name": "gross"})
    assert ask(sandbox, "GET", "/units").json()["meta"]["pagination"]["total"] == before + 1
    sandbox.store.remove("units", max(sandbox.store.rows("units")))
    assert ask(sandbox, "GET", "/units").json()["meta"]["pagination"]["total"] == before


# List and detail


@pytest.mark.parametrize("resource", DOCUMENTS, ids=named)
def test_lines_stand_in_the_detail_only(demo, ask, resource):
    for row in ask(demo, "GET", resource.list.path).json()["data"]:
        assert not set(DETAIL_ONLY) & set(row)
        assert "dataDocumentCustomFields" in row
    detail = ask(demo, "GET", detail_path(demo, resource)).json()
    assert detail["items"]["data"][0]["quantity"]


@pytest.mark.parametrize("resource", NUMBERED, ids=named)
def test_documents_are_named_by_idn_and_not_by_id(demo, ask, resource):
    row = first(demo, resource.name)
    by_idn = ask(demo, "GET", resource.detail.path.replace("{idn}", row["idn"]))
    by_id = ask(demo, "GET", resource.detail.path.replace("{idn}", str(row["id"])))
    assert by_idn.json()["id"] == row["id"]
    assert by_id.status_code == 404


@pytest.mark.parametrize(
    "resource", [each for each in DETAILED if each.addressed_by == "id"], ids=named
)
def test_master_data_is_named_by_id(demo, ask, resource):
    assert ask(demo, "GET", detail_path(demo, resource)).status_code == 200


@pytest.mark.parametrize("key", ["999999999", "nothing", "0", "²", "-1"])
@pytest.mark.parametrize("resource", DETAILED, ids=named)
def test_an_unknown_record_is_not_found(demo, ask, resource, key):
    path = resource.detail.path.replace("{id}", key).replace("{idn}", key)
    answer = ask(demo, "GET", path)
    assert answer.status_code == 404
    assert answer.json() == {"message": "Not Found"}


def test_of_a_split_invoice_the_path_names_the_parent(demo, ask):
    child = next(row for row in demo.store.rows("invoices").values() if row.get("parentData"))
    answer = ask(demo, "GET", f"/invoices/{child['idn']}").json()
    assert answer["id"] == child["parentData"]["id"]
    assert answer["parentData"] == []


def test_children_of_a_split_invoice_share_their_parents_idn(demo, ask):
    child = next(row for row in demo.store.rows("invoices").values() if row.get("parentData"))
    rows = []
    for page in range(1, 6):
        params = {"per_page": 200, "page": page}
        rows += ask(demo, "GET", "/invoices", params=params).json()["data"]
    family = [row for row in rows if row["idn"] == child["idn"]]
    assert len(rows) == 900
    assert len(family) == 3
    assert sum(row["parentData"] == [] for row in family) == 1
    assert {row["parentData"]["idn"] for row in family if row["parentData"]} == {child["idn"]}


def test_nested_collections_are_wrapped(demo, ask):
    rows = ask(demo, "GET", "/suppliers", params={"per_page": 200}).json()["data"]
    for name in ("contacts", "paymentTerms", "approvalSteps", "marketContacts"):
        assert all(set(row[name]) == {"data"} for row in rows)
    assert all(isinstance(row["currencies"], list) for row in rows)
    assert any(row["contacts"]["data"] for row in rows)


def test_custom_values_of_lines_are_wrapped(demo, ask):
    wanted = next(
        row
        for row in demo.store.rows("invoices").values()
        if any(line.get("dataItemCustomFields") for line in row.get("items") or [])
    )
    lines = ask(demo, "GET", f"/invoices/{wanted['idn']}").json()["items"]["data"]
    values = [value for line in lines for value in line["dataItemCustomFields"]["data"]]
    assert values
    assert all(set(value["itemCustomField"]) == {"id"} for value in values)
    assert all(isinstance(value["value"], str) for value in values)


def test_no_row_shows_what_the_store_keeps_for_itself(demo, ask):
    for name in ("invoices", "attachments", "item_custom_field_options"):
        kept = set().union(*demo.store.rows(name).values())
        assert any(key.startswith("_") or key == "field_id" for key in kept)
    for row in ask(demo, "GET", "/invoices", params={"per_page": 200}).json()["data"]:
        assert not [key for key in row if key.startswith("_")]


# Options and stock


@pytest.mark.parametrize("resource", EMBEDDED, ids=named)
def test_options_lie_in_the_detail_of_their_field(demo, ask, resource):
    fields = BY_NAME[resource.parent]
    shown = 0
    for field_id in demo.store.rows(fields.name):
        path = fields.detail.path.replace("{id}", str(field_id))
        options = ask(demo, "GET", path).json()["options"]
        expected = {
            row["id"]
            for row in demo.store.rows(resource.name).values()
            if row["field_id"] == field_id
        }
        assert {option["id"] for option in options} == expected
        assert all(set(option) == set(resource.by_name) for option in options)
        shown += len(options)
    assert shown == len(demo.store.rows(resource.name))


@pytest.mark.parametrize("resource", EMBEDDED, ids=named)
def test_options_have_a_list_too(demo, ask, resource):
    field_id = next(iter(demo.store.rows(resource.name).values()))["field_id"]
    path = BY_NAME[resource.parent].detail.path.replace("{id}", str(field_id))
    listed = ask(demo, "GET", f"{path}/options", params={"per_page": 200}).json()
    assert listed["data"] == ask(demo, "GET", path).json()["options"]
    assert listed["meta"]["pagination"]["total"] == len(listed["data"])


@pytest.mark.parametrize("resource", EMBEDDED, ids=named)
def test_without_a_list_of_options_the_detail_still_has_them(serve, ask, resource):
    sandbox = serve({"options_list": "missing"}, counts={resource.parent: 4, resource.name: 8})
    field_id = next(iter(sandbox.store.rows(resource.name).values()))["field_id"]
    path = BY_NAME[resource.parent].detail.path.replace("{id}", str(field_id))
    assert ask(sandbox, "GET", f"{path}/options").status_code == 404
    assert ask(sandbox, "GET", path).json()["options"]


@pytest.mark.parametrize(
    "path",
    [
        "/itemcustomfields/999/options",
        "/documentcustomfields/999/options",
        "/suppliercustomfields/999/options",
        "/warehouses/999/items",
        "/warehouses/x/items",
    ],
)
def test_a_list_below_an_unknown_record_is_not_found(demo, ask, path):
    assert ask(demo, "GET", path).status_code == 404


def test_each_warehouse_has_its_own_stock(demo, ask):
    seen = []
    for warehouse in demo.store.rows("warehouses"):
        rows = ask(demo, "GET", f"/warehouses/{warehouse}/items", params={"per_page": 200}).json()
        assert rows["meta"]["pagination"]["total"] == len(rows["data"])
        assert {row["warehouse"]["id"] for row in rows["data"]} == {warehouse}
        seen += [row["id"] for row in rows["data"]]
    assert sorted(seen) == sorted(demo.store.rows("warehouse_items"))


def test_stock_is_paged(demo, ask):
    warehouse = first(demo, "warehouses")["id"]
    path = f"/warehouses/{warehouse}/items"
    pages = [
        ask(demo, "GET", path, params={"per_page": 10, "page": page}).json() for page in (1, 2)
    ]
    assert len(pages[0]["data"]) == 10
    assert pages[0]["meta"]["pagination"]["has_next_page"] is True
    assert not {row["id"] for row in pages[0]["data"]} & {row["id"] for row in pages[1]["data"]}


# Shapes


@pytest.mark.parametrize(("position", "shown"), [("list", []), ("null", None), ("object", {})])
def test_how_an_empty_object_looks(serve, ask, position, shown):
    sandbox = serve({"empty_nested": position})
    row = sandbox.store.add("suppliers", {"name": "One"})
    assert ask(sandbox, "GET", f"/suppliers/{row['id']}").json()["marketSupplier"] == shown


@pytest.mark.parametrize("position", ["bare", "wrapped"])
def test_how_a_nested_object_looks(serve, ask, position):
    sandbox = serve({"nested_objects": position})
    inner = {"id": 7, "name": "Seven"}
    row = sandbox.store.add("items", {"name": "One", "supplier": inner})
    shown = ask(sandbox, "GET", f"/items/{row['id']}").json()["supplier"]
    assert shown == (inner if position == "bare" else {"data": inner})


@pytest.mark.parametrize(("position", "kind"), [("string", str), ("integer", int)])
def test_type_of_idn(serve, ask, position, kind):
    sandbox = serve({"idn_type": position}, counts={"invoices": 5})
    for row in ask(sandbox, "GET", "/invoices").json()["data"]:
        assert type(row["idn"]) is kind
    assert ask(sandbox, "GET", "/invoices/1").status_code == 200


@pytest.mark.parametrize(
    ("position", "given", "shown"),
    [
        ("string", "007", "007"),
        ("number", "007", 7),
        ("number", "V-7", "V-7"),
        ("number", "²", "²"),
    ],
)
def test_type_of_external_ids(serve, ask, position, given, shown):
    sandbox = serve({"external_id_type": position})
    row = sandbox.store.add("suppliers", {"name": "One", "externalId": given})
    assert ask(sandbox, "GET", f"/suppliers/{row['id']}").json()["externalId"] == shown


@pytest.mark.parametrize(
    ("position", "on_invoices", "on_expenses"), [("as_seen", str, float), ("swapped", float, str)]
)
def test_type_of_sum_paid(serve, ask, position, on_invoices, on_expenses):
    sandbox = serve({"sum_paid_type": position}, counts={"invoices": 5, "expenses": 5})
    for path, kind in (("/invoices", on_invoices), ("/expenses", on_expenses)):
        rows = ask(sandbox, "GET", path).json()["data"]
        assert {type(row["sumPaid"]) for row in rows} == {kind}
        assert type(ask(sandbox, "GET", f"{path}/1").json()["sumPaid"]) is kind


@pytest.mark.parametrize("position", ["shared", "distinct"])
def test_idns_of_split_invoices(serve, ask, position):
    sandbox = serve({"split_idn": position}, counts={"invoices": 100})
    child = next(row for row in sandbox.store.rows("invoices").values() if row.get("parentData"))
    rows = ask(sandbox, "GET", "/invoices", params={"per_page": 200}).json()["data"]
    idns = [row["idn"] for row in rows]
    assert (len(set(idns)) == len(idns)) is (position == "distinct")
    shown = next(row for row in rows if row["id"] == child["id"])
    assert (shown["idn"] == shown["parentData"]["idn"]) is (position == "shared")
    if position == "distinct":
        assert ask(sandbox, "GET", f"/invoices/{shown['idn']}").json()["id"] == child["id"]


@pytest.mark.parametrize("position", ["parentData", "parentIdn", "splitIndex"])
def test_marker_of_split_invoices(serve, ask, position):
    sandbox = serve({"split_marker": position}, counts={"invoices": 100})
    child = next(row for row in sandbox.store.rows("invoices").values() if row.get("parentData"))
    rows = ask(sandbox, "GET", "/invoices", params={"per_page": 200}).json()["data"]
    shown = next(row for row in rows if row["id"] == child["id"])
    assert bool(shown["parentData"]) is (position == "parentData")
    assert (shown["parentIdn"] == child["parentData"]["idn"]) is (position == "parentIdn")
    assert bool(shown["splitIndex"]) is (position == "splitIndex")


# Who may ask


@pytest.mark.parametrize(
    "headers",
    [
        {"X-AUTH-TOKEN": None},
        {"X-AUTH-TOKEN": ""},
        {"X-AUTH-TOKEN": "wrong"},
        {"email": None},
        {"email": ""},
        {"email": "someone@example.com"},
        {"X-AUTH-TOKEN": None, "email": None},
    ],
    ids=["no key", "empty key", "wrong key", "no email", "empty email", "wrong email", "neither"],
)
@pytest.mark.parametrize("path", ["/suppliers", "/invoices/1", "/nothing"])
def test_without_the_right_key_and_email_nothing_is_told(demo, ask, headers, path):
    answer = ask(demo, "GET", path, headers=headers)
    assert answer.status_code == 401
    assert "data" not in answer.json()


def test_the_email_may_be_written_in_any_case(demo, ask):
    assert ask(demo, "GET", "/units", headers={"email": demo.account.email.upper()}).ok


def test_the_key_may_not(demo, ask):
    headers = {"X-AUTH-TOKEN": demo.account.token.upper()}
    assert ask(demo, "GET", "/units", headers=headers).status_code == 401


def test_a_forbidden_resource_answers_403_and_the_others_200(serve, ask):
    sandbox = serve(counts={"budgets": 3, "units": 3, "invoices": 3}, forbidden=["budgets"])
    assert ask(sandbox, "GET", "/budgets").status_code == 403
    assert ask(sandbox, "GET", "/units").status_code == 200


def test_what_is_forbidden_is_so_for_details_and_writes_too(serve, ask):
    sandbox = serve(counts={"suppliers": 3}, forbidden=["suppliers"])
    supplier = first(sandbox, "suppliers")["id"]
    for method, path in (
        ("GET", f"/suppliers/{supplier}"),
        ("POST", "/suppliers"),
        ("PUT", f"/suppliers/{supplier}"),
        ("PATCH", f"/suppliers/{supplier}"),
        ("POST", f"/suppliers/{supplier}/approve"),
    ):
        assert ask(sandbox, method, path, data={"name": "New"}).status_code == 403
    assert len(sandbox.store.rows("suppliers")) == 3


def test_an_absent_resource_answers_404(serve, ask):
    sandbox = serve(counts={"categories": 3, "units": 3}, absent=["categories"])
    assert ask(sandbox, "GET", "/categories").status_code == 404
    assert ask(sandbox, "GET", "/units").status_code == 200


def test_companies_are_told_apart_by_their_key(serve, ask):
    clock, switches = SandboxClock(), Switches.set({"duplicate_limiter": "off"})
    one = Account.open(clock, switches, {"units": [{"id": 1, "name": "one"}]}, token="a")
    two = Account.open(clock, switches, {"units": [{"id": 1, "name": "two"}]}, token="b")
    sandbox = serve(accounts=[one, two])
    for token, name in (("a", "one"), ("b", "two"), ("a", "one")):
        rows = ask(sandbox, "GET", "/units", headers={"X-AUTH-TOKEN": token}).json()["data"]
        assert [row["name"] for row in rows] == [name]


# Wrong questions


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/suppliers"),
        ("PUT", "/suppliers"),
        ("PATCH", "/suppliers"),
        ("POST", "/suppliers/50001"),
        ("DELETE", "/suppliers/50001"),
        ("POST", "/units"),
        ("POST", "/legalentities"),
        ("PUT", "/invoices/1"),
        ("PUT", "/purchaseorders/1"),
        ("PATCH", "/expenses/1"),
        ("POST", "/budgets"),
        ("GET", "/expensePayments"),
        ("GET", "/contract"),
        ("POST", "/contracts"),
        ("GET", "/invoices/1/approve"),
        ("PUT", "/legalentities/301"),
        ("DELETE", "/payments/1"),
        ("PATCH", "/suppliercustomfields/911/options/91001"),
    ],
)
def test_a_method_that_a_path_does_not_know_is_refused(demo, ask, method, path):
    answer = ask(demo, method, path)
    assert answer.status_code == 405
    assert answer.json() == {"message": "Method Not Allowed"}


@pytest.mark.parametrize(
    "path", ["/", "/v1/suppliers", "/products", "/Suppliers", "/suppliers/1/2", "/purchase_orders"]
)
def test_a_path_that_does_not_exist_is_not_found(demo, ask, path):
    assert ask(demo, "GET", path).status_code == 404


def test_every_answer_carries_the_sandboxs_own_date(serve, ask):
    sandbox = serve()
    before = ask(sandbox, "GET", "/units").headers["Date"]
    sandbox.clock.advance(86_400)
    after = ask(sandbox, "GET", "/units").headers["Date"]
    assert before.endswith("GMT")
    assert before[:16] != after[:16]
