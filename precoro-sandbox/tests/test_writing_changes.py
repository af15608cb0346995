"""What PUT and PATCH change of a record, its external id above all, and what they leave."""

from __future__ import annotations

import pytest
from precoro_api.resources import BY_NAME

from .written_records import BLANK, MASTERS, OPTION_NAMES, USED, base_path, refusal, stored

LINKED_DOCUMENTS = ("invoices", "purchase_orders", "receipts")


# PUT


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
def test_a_put_changes_what_it_names(serve, ask, create, name):
    sandbox = serve()
    made = create(sandbox, name)
    sandbox.clock.advance(10)
    path = f"{base_path(sandbox, name)}/{made['id']}"
    answer = ask(sandbox, "PUT", path, data={"name": "Renamed"})
    assert answer.status_code == 200
    changed = {key for key in made if answer.json()[key] != made[key]}
    assert changed - {"updateDate"} == {"name"}
    assert stored(sandbox, name)[0]["name"] == "Renamed"


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
def test_a_put_may_not_empty_the_name(serve, ask, create, name):
    sandbox = serve()
    made = create(sandbox, name)
    path = f"{base_path(sandbox, name)}/{made['id']}"
    assert refusal(ask(sandbox, "PUT", path, data={"name": ""})) == ("name", BLANK)
    assert stored(sandbox, name)[0]["name"] == "One"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES[:2]])
def test_an_unknown_record_cannot_be_changed(serve, ask, name, method):
    sandbox = serve()
    path = f"{base_path(sandbox, name)}/99"
    assert ask(sandbox, method, path, data={"name": "x", "externalId": "x"}).status_code == 404


def test_an_option_is_found_below_its_own_field_only(serve, ask, create):
    sandbox = serve()
    made = create(sandbox, "item_custom_field_options")
    other = sandbox.store.add("item_custom_fields", {"name": "Other"})["id"]
    for method in ("PUT", "PATCH"):
        path = f"/itemcustomfields/{other}/options/{made['id']}"
        assert ask(sandbox, method, path, data={"name": "x"}).status_code == 404


def test_a_put_replaces_currencies_as_a_whole(serve, ask, create):
    sandbox = serve()
    made = create(sandbox, "suppliers", **{"currencies[]": ["USD", "EUR"]})
    path = f"/suppliers/{made['id']}"
    put = ask(sandbox, "PUT", path, data={"currencies[]": "GBP"})
    assert put.json()["currencies"] == ["GBP"]
    kept = ask(sandbox, "PUT", path, data={"city": "Turin"})
    assert kept.json()["currencies"] == ["GBP"]
    emptied = ask(sandbox, "PUT", path, data={"currencies[]": ""})
    assert emptied.json()["currencies"] == []


@pytest.mark.parametrize("value", [[], None, "EUR", ["EUR"]], ids=["none", "null", "text", "list"])
def test_currencies_in_json(serve, ask, create, value):
    sandbox = serve()
    made = create(sandbox, "suppliers", **{"currencies[]": "USD"})
    answer = ask(sandbox, "PUT", f"/suppliers/{made['id']}", json={"currencies": value})
    assert answer.json()["currencies"] == (["EUR"] if value else [])


def test_a_put_replaces_legal_entities_as_a_whole(serve, ask, create):
    sandbox = serve(counts={"legal_entities": 3})
    one, two, three = sandbox.store.rows("legal_entities")
    made = create(sandbox, "suppliers", **{"supplierLegalEntityIds[]": [one, two]})
    body = {"supplierLegalEntityIds[]": [three]}
    answer = ask(sandbox, "PUT", f"/suppliers/{made['id']}", data=body)
    assert [each["id"] for each in answer.json()["supplierLegalEntities"]] == [three]


@pytest.mark.parametrize(("position", "city"), [("kept", "Turin"), ("cleared", None)])
def test_what_put_does_with_scalars_it_does_not_name(serve, ask, create, position, city):
    sandbox = serve({"put_scalars": position})
    made = create(sandbox, "suppliers", city="Turin", **{"currencies[]": "USD"})
    answer = ask(sandbox, "PUT", f"/suppliers/{made['id']}", data={"note": "n"}).json()
    assert answer["city"] == city
    assert answer["name"] == "One"
    assert answer["note"] == "n"
    assert answer["currencies"] == ["USD"]


@pytest.mark.parametrize(("position", "link"), [("kept", "X"), ("cleared", None)])
@pytest.mark.parametrize("scalars", ["kept", "cleared"])
@pytest.mark.parametrize("name", ["suppliers", "items", "taxes"])
def test_what_put_does_with_an_external_id(serve, ask, create, name, scalars, position, link):
    sandbox = serve({"put_external_id": position, "put_scalars": scalars})
    made = create(sandbox, name)
    path = f"{base_path(sandbox, name)}/{made['id']}"
    ask(sandbox, "PATCH", path, data={"externalId": "X"})
    assert ask(sandbox, "PUT", path, data={"name": "Two"}).json()["externalId"] == link


# PATCH and externalId


@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
@pytest.mark.parametrize("name", [*MASTERS, "legal_entities", *OPTION_NAMES[:2]])
def test_a_patch_links_a_record(serve, ask, name, as_json):
    sandbox = serve()
    path = base_path(sandbox, name)
    parent = {"field_id": int(path.split("/")[2])} if "options" in path else {}
    row = sandbox.store.add(name, {"name": "One", **parent})
    body = {"json" if as_json else "data": {"externalId": "X-1", "name": "Other"}}
    answer = ask(sandbox, "PATCH", f"{path}/{row['id']}", **body)
    assert answer.status_code == 200
    assert answer.json()["externalId"] == "X-1"
    assert answer.json()["name"] == "One"


@pytest.mark.parametrize("name", [*LINKED_DOCUMENTS, "payments"])
def test_documents_are_linked_by_their_idn(serve, ask, name):
    sandbox = serve()
    for _ in range(2):
        row = sandbox.store.add(name, {})
    path = BY_NAME[name].list.path
    answer = ask(sandbox, "PATCH", f"{path}/{row['idn']}", json={"externalId": "X"})
    assert answer.json()["id"] == row["id"]
    assert [each.get("externalId") for each in stored(sandbox, name)] == [None, "X"]
    by_id = ask(sandbox, "PATCH", f"{path}/{row['id']}", json={"externalId": "Y"})
    assert by_id.status_code == 404


@pytest.mark.parametrize("name", LINKED_DOCUMENTS)
def test_the_integration_log_goes_with_the_external_id(serve, ask, name):
    sandbox = serve()
    row = sandbox.store.add(name, {})
    path = f"{BY_NAME[name].list.path}/{row['idn']}"
    body = {"externalId": "X", "externalIntegrationLog": "No such account. " * 40}
    assert (
        ask(sandbox, "PATCH", path, json=body).json()["externalIntegrationLog"]
        == (body["externalIntegrationLog"])
    )
    for empty in ("", None):
        answer = ask(sandbox, "PATCH", path, json={"externalIntegrationLog": empty})
        assert answer.json()["externalIntegrationLog"] is None
        assert answer.json()["externalId"] == "X"


def test_payments_have_no_integration_log(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("payments", {})
    ask(sandbox, "PATCH", f"/payments/{row['idn']}", json={"externalIntegrationLog": "x"})
    assert "externalIntegrationLog" not in row


@pytest.mark.parametrize("value", ["", None])
def test_an_external_id_can_be_taken_away(serve, ask, value):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "externalId": "X"})
    answer = ask(sandbox, "PATCH", f"/suppliers/{row['id']}", json={"externalId": value})
    assert answer.json()["externalId"] is None


@pytest.mark.parametrize("value", [7, "007", " x ", "ä/ö"])
def test_an_external_id_is_text(serve, ask, value):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One"})
    answer = ask(sandbox, "PATCH", f"/suppliers/{row['id']}", json={"externalId": value})
    assert answer.json()["externalId"] == str(value)


def test_an_external_id_may_not_be_too_long(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One"})
    body = {"externalId": "x" * 256}
    assert refusal(ask(sandbox, "PATCH", f"/suppliers/{row['id']}", data=body))[0] == "externalId"


def test_a_patch_that_changes_nothing_leaves_the_update_date(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "externalId": "X"})
    before = row["updateDate"]
    sandbox.clock.advance(60)
    path = f"/suppliers/{row['id']}"
    assert ask(sandbox, "PATCH", path, data={"externalId": "X"}).json()["updateDate"] == before
    assert ask(sandbox, "PATCH", path, data={"externalId": "Y"}).json()["updateDate"] > before


@pytest.mark.parametrize(("position", "city"), [("external_id_only", None), ("all", "Turin")])
def test_what_patch_changes(serve, ask, position, city):
    sandbox = serve({"patch_fields": position})
    row = sandbox.store.add("suppliers", {"name": "One"})
    body = {"externalId": "X", "city": "Turin"}
    answer = ask(sandbox, "PATCH", f"/suppliers/{row['id']}", data=body).json()
    assert (answer["externalId"], answer["city"]) == ("X", city)


def test_a_patch_of_all_fields_still_refuses_a_used_name(serve, ask, create):
    sandbox = serve({"patch_fields": "all"})
    create(sandbox, "suppliers")
    other = create(sandbox, "suppliers", name="Two")
    answer = ask(sandbox, "PATCH", f"/suppliers/{other['id']}", data={"name": "one"})
    assert refusal(answer) == ("name", USED)


@pytest.mark.parametrize(("position", "status"), [("no", 200), ("yes", 400)])
def test_one_external_id_on_two_records(serve, ask, create, position, status):
    sandbox = serve({"external_id_unique": position, "external_id_on_create": "everywhere"})
    first = create(sandbox, "suppliers", externalId="X")
    second = create(sandbox, "suppliers", name="Two")
    create(sandbox, "items", externalId="X")
    path = f"/suppliers/{second['id']}"
    answer = ask(sandbox, "PATCH", path, data={"externalId": "X"})
    assert answer.status_code == status
    if status == 400:
        assert refusal(answer) == ("externalId", USED)
        body = {"name": "Three", "externalId": "X"}
        assert refusal(ask(sandbox, "POST", "/suppliers", data=body)) == ("externalId", USED)
    assert ask(sandbox, "PATCH", f"/suppliers/{first['id']}", data={"externalId": "X"}).ok


@pytest.mark.parametrize(
    ("position", "linked"),
    [
        (
            "terms_and_options",
            {"payment_terms", "item_custom_field_options", "document_custom_field_options"},
        ),
        ("everywhere", {*MASTERS, *OPTION_NAMES}),
        ("nowhere", set()),
    ],
)
def test_where_a_post_stores_an_external_id(serve, create, position, linked):
    sandbox = serve({"external_id_on_create": position})
    made = {name: create(sandbox, name, externalId="X") for name in (*MASTERS, *OPTION_NAMES)}
    assert {name for name, row in made.items() if row["externalId"] == "X"} == linked


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
def test_an_external_id_may_be_refused_on_creation(serve, ask, create, name):
    sandbox = serve({"external_id_on_create": "rejected"})
    body = {"name": "One", "externalId": "X"}
    assert refusal(ask(sandbox, "POST", base_path(sandbox, name), data=body))[0] == "externalId"
    create(sandbox, name, externalId="")
    assert len(stored(sandbox, name)) == 1


# By paths of their own


@pytest.mark.parametrize(("step", "status"), [("approve", 2), ("reject", 3)])
def test_suppliers_are_approved_too(serve, ask, step, status):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "status": 1})
    answer = ask(sandbox, "POST", f"/suppliers/{row['id']}/{step}")
    assert answer.json()["status"] == status


@pytest.mark.parametrize("family", ["item", "document"])
@pytest.mark.parametrize("call", ["depend_add", "depend_remove"])
def test_dependencies_of_options_answer_nothing(serve, ask, family, call):
    body = {f"{family}_custom_field_option_id": 1, "depend_type": 1, "entity_ids": "[5, 6]"}
    answer = ask(serve(), "PATCH", f"/{family}customfields/options/{call}", data=body)
    assert (answer.status_code, answer.content) == (200, b"")


def test_custom_values_of_a_supplier(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One"})
    values = [{"id": 1, "value": "2", "supplierCustomField": {"id": 3}}]
    body = {"dataSupplierCustomFields": values}
    answer = ask(sandbox, "PATCH", f"/suppliers/{row['id']}/customfields", json=body)
    assert answer.json()["dataSupplierCustomFields"] == values
    assert ask(sandbox, "PATCH", "/suppliers/9/customfields", json=body).status_code == 404
