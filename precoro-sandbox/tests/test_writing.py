"""What POST, PUT and PATCH do, and what they refuse."""

from __future__ import annotations

import pytest
from precoro_api.resources import BY_NAME, RESOURCES

OPTIONS = tuple(each for each in RESOURCES if each.parent and each.embedding)
OPTION_NAMES = tuple(each.name for each in OPTIONS)
MASTERS = ("suppliers", "items", "taxes", "payment_terms", "locations")
LINKED_DOCUMENTS = ("invoices", "purchase_orders", "receipts")
ACTING = tuple(each for each in RESOURCES if len(each.actions) > 2 and not each.alias_of)
BLANK = "This value should not be blank."
INVALID = "This value is not valid."
USED = "This value is already used."
AFTER = {"approve": 2, "reject": 3, "revision": 7, "confirm": 1, "confirm_revise": 1}


def refusal(answer, status=400):
    """The one field that was refused, and the words."""
    assert answer.status_code == status, answer.text
    errors = answer.json()
    assert set(errors) == {"errors"}
    assert set(errors["errors"]) == {"errors"}
    ((field, words),) = errors["errors"]["errors"].items()
    return field, words


def base_path(sandbox, name):
    """The path of a kind of master data; for options, that of their field, made if need be."""
    resource = BY_NAME[name]
    if resource.parent is None:
        return resource.list.path
    if not sandbox.store.rows(resource.parent):
        sandbox.store.add(resource.parent, {"name": "Field"})
    field = next(iter(sandbox.store.rows(resource.parent)))
    return f"{BY_NAME[resource.parent].list.path}/{field}/options"


def stored(sandbox, name):
    return list(sandbox.store.rows(name).values())


@pytest.fixture
def create(ask):
    """POST a record and return it as answered."""

    def send(sandbox, name, /, **values):
        answer = ask(sandbox, "POST", base_path(sandbox, name), data={"name": "One", **values})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return send


# Creating


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
def test_a_post_makes_a_record_with_an_id(serve, ask, create, name):
    sandbox = serve()
    made = create(sandbox, name)
    assert made["name"] == "One"
    assert [row["id"] for row in stored(sandbox, name)] == [made["id"]]
    again = create(sandbox, name, name="Two")
    assert again["id"] == made["id"] + 1


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
@pytest.mark.parametrize("body", [{}, {"name": ""}, {"other": "x"}], ids=["none", "empty", "other"])
def test_a_name_is_required(serve, ask, name, body):
    sandbox = serve()
    assert refusal(ask(sandbox, "POST", base_path(sandbox, name), data=body)) == ("name", BLANK)
    assert stored(sandbox, name) == []


@pytest.mark.parametrize("name", [*MASTERS, *OPTION_NAMES])
def test_forms_and_json_write_alike(serve, ask, name):
    sandbox = serve()
    path = base_path(sandbox, name)
    form = ask(sandbox, "POST", path, data={"name": "One", "sku": "a", "enable": "false"}).json()
    json = ask(sandbox, "POST", path, json={"name": "Two", "sku": "b", "enable": False}).json()
    moving = ("id", "name", "sku", "createDate", "updateDate")
    assert {key: value for key, value in form.items() if key not in moving} == {
        key: value for key, value in json.items() if key not in moving
    }
    assert (form["name"], json["name"]) == ("One", "Two")


def test_every_key_of_a_supplier_is_stored(serve, ask, create):
    sandbox = serve(counts={"legal_entities": 3})
    entities = list(sandbox.store.rows("legal_entities"))
    sent = {
        "name": "Acme",
        "uniqueCode": "A-1",
        "currencies[]": ["USD", "EUR"],
        "legalAddress": "1 Main St",
        "city": "Turin",
        "state": "TO",
        "country": "Italy",
        "postalCode": "10100",
        "phone": "+39 1",
        "supplierLegalEntityIds[]": entities[:2],
        "note": "n",
        "conditions": "c",
    }
    made = create(sandbox, "suppliers", **sent)
    assert made["currencies"] == ["USD", "EUR"]
    assert [each["id"] for each in made["supplierLegalEntities"]] == entities[:2]
    plain = {key: value for key, value in sent.items() if "[" not in key}
    assert {key: made[key] for key in plain} == plain
    assert made == ask(sandbox, "GET", f"/suppliers/{made['id']}").json()
    assert (made["enable"], made["status"]) == (True, 2)


def test_every_key_of_an_item_is_stored(serve, create):
    sandbox = serve(counts={"categories": 2, "suppliers": 2})
    category, supplier = (next(iter(sandbox.store.rows(n))) for n in ("categories", "suppliers"))
    made = create(
        sandbox,
        "items",
        sku="S-1",
        description="d",
        price="12.50",
        freeOfCharge=0,
        hiddenInCatalog=1,
        type=0,
        unit="pcs",
        currency="EUR",
        **{"category[id]": category, "supplier[id]": supplier},
    )
    assert made["price"] == 12.5
    assert (made["freeOfCharge"], made["hiddenInCatalog"], made["type"]) == (False, True, 0)
    assert (made["category"]["id"], made["supplier"]["id"]) == (category, supplier)
    assert (made["sku"], made["unit"], made["currency"]) == ("S-1", "pcs", "EUR")


def test_a_nested_reference_in_json(serve, ask):
    sandbox = serve(counts={"categories": 2})
    category = next(iter(sandbox.store.rows("categories")))
    answer = ask(sandbox, "POST", "/items", json={"name": "One", "category": {"id": category}})
    assert answer.json()["category"]["id"] == category


def test_every_key_of_a_tax_is_stored(serve, create):
    made = create(serve(), "taxes", value="7.5", percent="7.5", isWithholdingTax="1")
    assert (made["value"], made["percent"], made["isWithholdingTax"]) == (7.5, 7.5, True)


def test_every_key_of_a_payment_term_is_stored(serve, create):
    made = create(
        serve(),
        "payment_terms",
        paymentType="2",
        enable="0",
        postpaymentPercent="70",
        prepaymentPercent="30",
        creditPeriodDays="14",
        termsDueDateAfterInvoicing="30",
        externalId="T-1",
    )
    assert (made["paymentType"], made["enable"], made["externalId"]) == (2, False, "T-1")
    assert (made["prepaymentPercent"], made["postpaymentPercent"]) == (30, 70)
    assert (made["creditPeriodDays"], made["termsDueDateAfterInvoicing"]) == (14, 30)


def test_every_key_of_a_location_is_stored(serve, create):
    sent = {"uniqueCode": "L", "fullAddress": "1 Main St", "phone": "+1"}
    made = create(serve(), "locations", **sent)
    assert {key: made[key] for key in sent} == sent
    assert made["enable"] is True


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_an_option_belongs_to_its_field_and_parent(serve, ask, create, name):
    sandbox = serve()
    parent = create(sandbox, name, code="1")
    child = create(sandbox, name, name="Two", code="2", **{"parent[id]": parent["id"]})
    assert child["parent"]["id"] == parent["id"]
    field = ask(sandbox, "GET", base_path(sandbox, name).removesuffix("/options")).json()
    assert [each["id"] for each in field["options"]] == [parent["id"], child["id"]]


@pytest.mark.parametrize("name", OPTION_NAMES)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_options_of_an_unknown_field_are_not_found(serve, ask, name, method):
    path = f"{BY_NAME[BY_NAME[name].parent].list.path}/99/options"
    assert ask(serve(), method, path, data={"name": "One"}).status_code == 404


@pytest.mark.parametrize(
    ("position", "status"), [(201, 201), (200, 200), ("200", 200)], ids=["201", "200", "text"]
)
def test_status_of_a_successful_post(serve, ask, position, status):
    sandbox = serve({"create_status": position}, counts={"invoices": 3})
    assert ask(sandbox, "POST", "/suppliers", data={"name": "One"}).status_code == status
    files = {"file": ("a.txt", b"a")}
    assert ask(sandbox, "POST", "/ap/document/upload", files=files).status_code == status


@pytest.mark.parametrize("position", [400, 422])
def test_status_of_a_refused_record(serve, ask, position):
    sandbox = serve({"validation_status": position})
    assert refusal(ask(sandbox, "POST", "/suppliers"), position) == ("name", BLANK)
    assert refusal(ask(sandbox, "POST", "/payments"), position) == ("invoice", INVALID)


# What is refused


@pytest.mark.parametrize(
    ("name", "field"), [("suppliers", "name"), ("suppliers", "uniqueCode"), ("items", "sku")]
)
@pytest.mark.parametrize("second", ["ACME", "acme", " Acme "])
def test_a_name_that_is_used_is_refused(serve, ask, create, name, field, second):
    sandbox = serve()
    create(sandbox, name, **{"name": "First", field: "Acme"})
    body = {"name": "Second", field: second}
    assert refusal(ask(sandbox, "POST", base_path(sandbox, name), data=body)) == (field, USED)
    other = create(sandbox, name, name="Other")
    path = f"{base_path(sandbox, name)}/{other['id']}"
    assert refusal(ask(sandbox, "PUT", path, data={field: second})) == (field, USED)
    assert len(stored(sandbox, name)) == 2


@pytest.mark.parametrize("name", ["taxes", "payment_terms", "locations", *OPTION_NAMES])
def test_other_names_may_stand_twice(serve, create, name):
    sandbox = serve()
    create(sandbox, name)
    create(sandbox, name)
    assert len(stored(sandbox, name)) == 2


def test_a_record_may_keep_its_own_name(serve, ask, create):
    sandbox = serve()
    made = create(sandbox, "suppliers", name="Acme", uniqueCode="A")
    body = {"name": "ACME", "uniqueCode": "A"}
    assert ask(sandbox, "PUT", f"/suppliers/{made['id']}", data=body).json()["name"] == "ACME"


def test_empty_codes_are_no_duplicates(serve, create):
    sandbox = serve()
    for name in ("One", "Two"):
        assert create(sandbox, "suppliers", name=name, uniqueCode="")["uniqueCode"] is None


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("items", "price", "cheap"),
        ("items", "price", "12,50"),
        ("items", "price", "NaN"),
        ("items", "price", "Infinity"),
        ("items", "type", "goods"),
        ("taxes", "percent", "7 %"),
        ("payment_terms", "creditPeriodDays", "soon"),
        ("items", "freeOfCharge", "no"),
        ("locations", "enable", "2"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(serve, ask, name, field, value):
    sandbox = serve()
    body = {"name": "One", field: value}
    assert refusal(ask(sandbox, "POST", base_path(sandbox, name), data=body)) == (field, INVALID)
    assert stored(sandbox, name) == []


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("items", {"category[id]": 99}, "category"),
        ("items", {"supplier[id]": 99}, "supplier"),
        ("items", {"supplier[id]": "²"}, "supplier"),
        ("items", {"supplier": "x"}, "supplier"),
        ("suppliers", {"supplierLegalEntityIds[]": [99]}, "supplierLegalEntityIds"),
    ],
)
def test_a_reference_to_nothing_is_refused(serve, ask, name, body, field):
    sandbox = serve()
    answer = ask(sandbox, "POST", base_path(sandbox, name), data={"name": "One", **body})
    assert refusal(answer) == (field, INVALID)


@pytest.mark.parametrize(("length", "status"), [(255, 201), (256, 400)])
@pytest.mark.parametrize("field", ["name", "city"])
def test_longest_text(serve, ask, field, length, status):
    sandbox = serve()
    body = {"name": "One", field: "x" * length}
    answer = ask(sandbox, "POST", "/suppliers", data=body)
    assert answer.status_code == status
    if status == 400:
        assert "255" in refusal(answer)[1]


@pytest.mark.parametrize("field", ["note", "conditions"])
def test_notes_may_be_longer(serve, create, field):
    assert len(create(serve(), "suppliers", **{field: "x" * 4000})[field]) == 4000


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'"name"', "application/json"),
        (b"name=\xff\xfe", "application/x-www-form-urlencoded"),
    ],
    ids=["cut", "list", "text", "latin"],
)
def test_a_body_that_cannot_be_read_is_refused(serve, ask, body, kind):
    answer = ask(serve(), "POST", "/suppliers", data=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert "errors" not in answer.json()


def test_unknown_keys_of_a_body_are_ignored(serve, ask, create):
    sandbox = serve()
    made = create(sandbox, "suppliers", nonsense="1", id="5", status="3", createDate="never")
    assert made["id"] != 5
    assert made["status"] == 2
    assert "nonsense" not in made
    assert made["createDate"] != "never"


@pytest.mark.parametrize("name", ["Ünïcode & Söhne", "O'Brien; + 100%", "名前", "a=b&c[]=d"])
@pytest.mark.parametrize("as_json", [False, True], ids=["form", "json"])
def test_names_survive_as_they_are(serve, ask, name, as_json):
    body = {"json" if as_json else "data": {"name": name}}
    assert ask(serve(), "POST", "/suppliers", **body).json()["name"] == name


# Booleans


@pytest.mark.parametrize(
    ("value", "read"),
    [("true", True), ("1", True), ("false", False), ("0", False)],
)
@pytest.mark.parametrize("position", ["strict", "lenient"])
def test_booleans_that_always_work(serve, create, position, value, read):
    assert create(serve({"booleans": position}), "locations", enable=value)["enable"] is read


@pytest.mark.parametrize(
    ("value", "read"), [("True", True), ("False", False), ("TRUE", True), ("fAlse", False)]
)
def test_booleans_in_other_spellings(serve, ask, value, read):
    body = {"name": "One", "enable": value}
    strict = ask(serve(), "POST", "/locations", data=body)
    assert refusal(strict) == ("enable", INVALID)
    lenient = ask(serve({"booleans": "lenient"}), "POST", "/locations", data=body)
    assert lenient.json()["enable"] is read


@pytest.mark.parametrize("value", ["yes", "on", "2", "t"])
@pytest.mark.parametrize("position", ["strict", "lenient"])
def test_what_is_no_boolean_never_works(serve, ask, position, value):
    body = {"name": "One", "enable": value}
    answer = ask(serve({"booleans": position}), "POST", "/locations", data=body)
    assert refusal(answer) == ("enable", INVALID)


@pytest.mark.parametrize("value", [True, False])
def test_booleans_in_json(serve, ask, value):
    answer = ask(serve(), "POST", "/locations", json={"name": "One", "enable": value})
    assert answer.json()["enable"] is value


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


# Payments


@pytest.fixture
def pay(ask):
    """POST a payment of an invoice."""

    def send(sandbox, invoice, amount, **values):
        body = {"invoice[id]": invoice["id"], "sumPaid": amount, "payDate": "2026-01-02T00:00:00Z"}
        return ask(sandbox, "POST", "/payments", data={**body, **values})

    return send


def an_invoice(sandbox, total="100.00"):
    values = {"sum": total, "sumPaid": "0.00", "status": 2, "statusString": "status.approved"}
    return sandbox.store.add("invoices", values)


def test_a_payment_has_id_and_idn_and_names_its_invoice(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    answer = pay(sandbox, invoice, "10")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["idn"], made["sumPaid"], made["logicType"]) == ("1", 10, 0)
    assert made["invoice"] == {"id": invoice["id"], "idn": invoice["idn"]}
    assert made["payDate"] == "2026-01-02T00:00:00Z"


def test_a_part_and_then_the_rest(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    path = f"/invoices/{invoice['idn']}"
    pay(sandbox, invoice, "40.005")
    part = ask(sandbox, "GET", path).json()
    assert (part["sumPaid"], part["status"]) == ("40.01", 4)
    assert part["statusString"] == "status.partly_paid"
    pay(sandbox, invoice, "59.99")
    whole = ask(sandbox, "GET", path).json()
    assert (whole["sumPaid"], whole["status"]) == ("100.00", 5)
    assert whole["statusString"] == "status.paid"
    assert [each["sumPaid"] for each in whole["payments"]] == [40.01, 59.99]


@pytest.mark.parametrize("amount", ["0", "-1", "100.01", "0.001", "1e9"])
def test_an_amount_outside_what_remains_is_refused(serve, pay, amount):
    sandbox = serve()
    words = "The amount must be greater than 0 and not exceed 100"
    assert refusal(pay(sandbox, an_invoice(sandbox), amount)) == ("sumPaid", words)
    assert stored(sandbox, "payments") == []


def test_what_remains_stands_in_the_words(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    pay(sandbox, invoice, "99.70")
    assert refusal(pay(sandbox, invoice, "0.31"))[1].endswith("not exceed 0.3")


def test_a_paid_invoice_says_so(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    assert pay(sandbox, invoice, "100").status_code == 201
    words = "The Invoice is already fully paid."
    assert refusal(pay(sandbox, invoice, "0.01")) == ("sumPaid", words)


@pytest.mark.parametrize("amount", ["", "ten", "NaN", "inf"])
def test_an_amount_that_is_no_number_is_refused(serve, pay, amount):
    sandbox = serve()
    assert refusal(pay(sandbox, an_invoice(sandbox), amount)) == ("sumPaid", INVALID)


@pytest.mark.parametrize("key", ["", "0", "99", "x", "²"])
def test_a_payment_of_no_invoice_is_refused(serve, pay, key):
    sandbox = serve()
    an_invoice(sandbox)
    assert refusal(pay(sandbox, {"id": key}, "1")) == ("invoice", INVALID)


def test_a_payment_names_the_invoice_by_id_and_not_by_idn(serve, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    assert refusal(pay(sandbox, {"id": invoice["idn"]}, "1")) == ("invoice", INVALID)


def test_a_logic_type_that_is_no_number_is_refused(serve, pay):
    sandbox = serve()
    answer = pay(sandbox, an_invoice(sandbox), "1", logicType="prepaid")
    assert refusal(answer) == ("logicType", INVALID)


def test_a_payment_in_json(serve, ask):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    body = {"invoice": {"id": invoice["id"]}, "sumPaid": 12.34, "logicType": 0}
    assert ask(sandbox, "POST", "/payments", json=body).json()["sumPaid"] == 12.34


@pytest.mark.parametrize(("position", "link"), [("terms_and_options", None), ("everywhere", "P-1")])
def test_external_id_of_a_new_payment(serve, pay, position, link):
    sandbox = serve({"external_id_on_create": position})
    assert pay(sandbox, an_invoice(sandbox), "1", externalId="P-1").json()["externalId"] == link


def test_an_external_id_of_a_payment_may_be_refused(serve, pay):
    sandbox = serve({"external_id_on_create": "rejected"})
    answer = pay(sandbox, an_invoice(sandbox), "1", externalId="P-1")
    assert refusal(answer)[0] == "externalId"
    assert stored(sandbox, "payments") == []


def test_an_external_id_of_a_payment_may_have_to_be_unique(serve, pay):
    positions = {"external_id_on_create": "everywhere", "external_id_unique": "yes"}
    sandbox = serve(positions)
    invoice = an_invoice(sandbox)
    assert pay(sandbox, invoice, "1", externalId="P-1").ok
    assert refusal(pay(sandbox, invoice, "1", externalId="P-1")) == ("externalId", USED)


@pytest.mark.parametrize("position", ["yes", "no"])
@pytest.mark.parametrize("cancel", [False, True], ids=["paid", "cancelled"])
def test_whether_a_payment_touches_its_invoice(serve, ask, pay, position, cancel):
    sandbox = serve({"touch_on_payment": position})
    invoice = an_invoice(sandbox)
    before = invoice["updateDate"]
    if cancel:
        pay(sandbox, invoice, "1")
        before = invoice["updateDate"]
    sandbox.clock.advance(60)
    answer = ask(sandbox, "POST", "/payments/1/cancel") if cancel else pay(sandbox, invoice, "1")
    assert answer.ok
    assert (invoice["updateDate"] > before) is (position == "yes")


@pytest.mark.parametrize("position", ["yes", "no"])
def test_lists_notice_a_payment_at_once(serve, ask, pay, position):
    sandbox = serve({"touch_on_payment": position})
    invoice = an_invoice(sandbox)
    params = {"status[]": 2}
    assert len(ask(sandbox, "GET", "/invoices", params=params).json()["data"]) == 1
    pay(sandbox, invoice, "100")
    assert ask(sandbox, "GET", "/invoices", params=params).json()["data"] == []


def test_a_cancelled_payment_gives_the_amount_back(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    for amount in ("30", "70"):
        pay(sandbox, invoice, amount)
    assert ask(sandbox, "POST", "/payments/2/cancel").json()["status"] == 8
    assert (str(invoice["sumPaid"]), invoice["status"]) == ("30.00", 4)
    assert invoice["statusString"] == "status.partly_paid"
    assert ask(sandbox, "POST", "/payments/1/cancel").ok
    assert (invoice["status"], invoice["statusString"]) == (2, "status.approved")
    assert pay(sandbox, invoice, "100").ok


def test_a_payment_is_cancelled_once(serve, ask, pay):
    sandbox = serve()
    invoice = an_invoice(sandbox)
    pay(sandbox, invoice, "30")
    assert ask(sandbox, "POST", "/payments/1/cancel").ok
    assert refusal(ask(sandbox, "POST", "/payments/1/cancel"))[0] == "status"
    assert invoice["sumPaid"] == 0
    assert ask(sandbox, "POST", "/payments/9/cancel").status_code == 404


@pytest.mark.parametrize("position", [405, 404])
def test_a_payment_cannot_be_edited(serve, ask, pay, position):
    sandbox = serve({"put_payments": position})
    pay(sandbox, an_invoice(sandbox), "30")
    answer = ask(sandbox, "PUT", "/payments/1", data={"sumPaid": "10"})
    assert answer.status_code == position
    assert stored(sandbox, "payments")[0]["sumPaid"] == 30


def test_payment_of_an_expense(serve, ask):
    sandbox = serve()
    expense = sandbox.store.add("expenses", {"sum": "50", "sumPaid": "20"})
    body = {"expense[id]": expense["id"], "sumPaid": "30", "payDate": "2026-01-02"}
    answer = ask(sandbox, "POST", "/expensePayments", data=body)
    assert (answer.status_code, answer.json()["sumPaid"]) == (201, 30)
    shown = ask(sandbox, "GET", f"/expenses/{expense['idn']}").json()
    assert shown["sumPaid"] == 50.0
    assert [each["id"] for each in shown["expensePayments"]] == [answer.json()["id"]]
    again = refusal(ask(sandbox, "POST", "/expensePayments", data=body))
    assert again == ("sumPaid", "The amount must be greater than 0 and not exceed 0")


def test_payment_of_no_expense_is_refused(serve, ask):
    body = {"expense[id]": 9, "sumPaid": "30"}
    assert refusal(ask(serve(), "POST", "/expensePayments", data=body)) == ("expense", INVALID)


# Documents


def an_order(sandbox):
    values = {"items": [{"id": 1, "name": "Pen", "quantity": 3}], "currency": "EUR"}
    return sandbox.store.add("purchase_orders", values)


def test_a_receipt_is_made_against_an_order(serve, ask):
    sandbox = serve()
    sandbox.store.add("purchase_orders", {})
    order = an_order(sandbox)
    warehouse = sandbox.store.add("warehouses", {"name": "Main"})
    body = {"requiredDate": "2026-02-01", "warehouse": {"id": warehouse["id"]}, "note": "n"}
    answer = ask(sandbox, "POST", f"/receipts/{order['idn']}", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert made["purchaseOrder"] == {"id": order["id"], "idn": "2"}
    assert made["warehouse"]["name"] == "Main"
    assert (made["idn"], made["note"], made["currency"]) == ("1", "n", "EUR")
    assert made["items"]["data"] == order["items"]
    shown = ask(sandbox, "GET", f"/purchaseorders/{order['idn']}").json()
    assert shown["relatedReceipts"] == [{"id": made["id"], "idn": "1"}]


@pytest.mark.parametrize(
    ("missing", "words"), [("requiredDate", BLANK), ("warehouse", INVALID)], ids=["date", "place"]
)
def test_what_a_receipt_needs(serve, ask, missing, words):
    sandbox = serve()
    warehouse = sandbox.store.add("warehouses", {"name": "Main"})
    body = {"requiredDate": "2026-02-01", "warehouse": {"id": warehouse["id"]}}
    del body[missing]
    path = f"/receipts/{an_order(sandbox)['idn']}"
    assert refusal(ask(sandbox, "POST", path, json=body)) == (missing, words)


def test_a_receipt_of_no_order_is_not_found(serve, ask):
    sandbox = serve()
    sandbox.store.add("receipts", {})
    assert ask(sandbox, "POST", "/receipts/1", json={}).status_code == 404


def test_a_requisition_is_a_draft_until_it_is_confirmed(serve, ask):
    sandbox = serve(counts={"locations": 2})
    location = next(iter(sandbox.store.rows("locations")))
    body = {
        "location": {"id": location},
        "currency": "EUR",
        "requiredDate": "2026-02-01",
        "items": [{"name": "Pen", "quantity": 1, "price": 2}],
    }
    made = ask(sandbox, "POST", "/purchaserequisitions", json=body).json()
    assert (made["status"], made["items"]["data"]) == (0, body["items"])
    answer = ask(sandbox, "POST", f"/purchaserequisitions/{made['idn']}/confirm")
    assert answer.json()["status"] == 1


@pytest.mark.parametrize("missing", ["location", "currency", "requiredDate", "items"])
def test_what_a_requisition_needs(serve, ask, missing):
    sandbox = serve(counts={"locations": 2})
    body = {
        "location[id]": next(iter(sandbox.store.rows("locations"))),
        "currency": "EUR",
        "requiredDate": "2026-02-01",
        "items[0][name]": "Pen",
    }
    kept = {key: value for key, value in body.items() if key.split("[")[0] != missing}
    assert refusal(ask(sandbox, "POST", "/purchaserequisitions", data=kept)) == (missing, BLANK)
    assert ask(sandbox, "POST", "/purchaserequisitions", data=body).status_code == 201


@pytest.mark.parametrize("step", [*AFTER])
@pytest.mark.parametrize("resource", ACTING, ids=lambda resource: resource.name)
def test_steps_of_an_approval(serve, ask, resource, step):
    sandbox = serve()
    row = sandbox.store.add(resource.name, {"status": 0})
    path = f"{resource.list.path}/{row['idn']}/{step}"
    answer = ask(sandbox, "POST", path, data={"comment": "why"})
    assert answer.status_code == 200
    assert answer.json()["status"] == AFTER[step]
    assert bool(row.get("approvalDate")) is (step == "approve")
    assert answer.json()["comments"] == [{"text": "why"}]
    assert ask(sandbox, "POST", path.replace(f"/{row['idn']}/", "/99/")).status_code == 404


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("approve", "status.approved"),
        ("reject", "status.denied"),
        ("revision", "status.on_revise"),
        ("confirm", "status.pending"),
        ("confirm_revise", "status.pending"),
    ],
)
def test_text_of_a_status_follows_its_number(serve, ask, step, text):
    sandbox = serve()
    row = an_invoice(sandbox)
    answer = ask(sandbox, "POST", f"/invoices/{row['idn']}/{step}")
    assert answer.json()["statusString"] == text


def test_a_requisition_can_be_completed(serve, ask):
    sandbox = serve()
    sandbox.store.add("purchase_requisitions", {"status": 2})
    answer = ask(sandbox, "POST", "/purchaserequisitions/1/complete")
    assert answer.json()["status"] == 11


@pytest.mark.parametrize(("step", "status"), [("approve", 2), ("reject", 3)])
def test_suppliers_are_approved_too(serve, ask, step, status):
    sandbox = serve()
    row = sandbox.store.add("suppliers", {"name": "One", "status": 1})
    answer = ask(sandbox, "POST", f"/suppliers/{row['id']}/{step}")
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/invoices", "/purchaseorders"])
@pytest.mark.parametrize(("position", "status"), [("refused", 405), ("enabled", 201)])
def test_post_of_documents(serve, ask, path, position, status):
    sandbox = serve({"create_documents": position})
    answer = ask(sandbox, "POST", path, data={"currency": "EUR", "nonsense": "x"})
    assert answer.status_code == status
    if status == 201:
        assert answer.json()["currency"] == "EUR"
        assert ask(sandbox, "GET", f"{path}/{answer.json()['idn']}").ok
    else:
        assert ask(sandbox, "GET", path).json()["data"] == []


def test_a_contract_names_its_supplier_by_a_plain_id(serve, ask):
    sandbox = serve(counts={"suppliers": 2})
    supplier = next(iter(sandbox.store.rows("suppliers")))
    body = {"number": "C-1", "id": supplier, "prolongation": True, "beginDate": "2026-01-01"}
    answer = ask(sandbox, "POST", "/contract", json=body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["number"], made["prolongation"]) == ("C-1", True)
    assert made["supplier"]["id"] == supplier
    assert made["id"] != supplier
    assert ask(sandbox, "GET", f"/contracts/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("body", "refused"),
    [({"number": "C"}, ("id", INVALID)), ({"id": 50001}, ("number", BLANK))],
    ids=["no supplier", "no number"],
)
def test_what_a_contract_needs(serve, ask, body, refused):
    sandbox = serve(counts={"suppliers": 2})
    assert refusal(ask(sandbox, "POST", "/contract", json=body)) == refused


def test_lines_of_a_proposition_are_approved_in_silence(serve, ask):
    sandbox = serve()
    row = sandbox.store.add("rfp_propositions", {"name": "Offer"})
    path = f"/requestforproposals/proposition/{row['id']}/items/approve"
    answer = ask(sandbox, "PUT", path, data={"items[]": [1, 2]})
    assert (answer.status_code, answer.content) == (200, b"")


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


# Files


@pytest.mark.parametrize("position", ["binary", "json"])
def test_a_file_comes_back_as_it_was_sent(serve, ask, position):
    sandbox = serve({"attachments": position})
    invoice = an_invoice(sandbox)
    content = bytes(range(256))
    made = ask(
        sandbox,
        "POST",
        f"/attachments/{invoice['id']}/1",
        files={"file": ("a scan.pdf", content)},
        data={"comment": "c"},
    )
    assert made.status_code == 201
    row = made.json()
    assert (row["name"], row["size"], row["formatType"]) == ("a scan.pdf", 256, "pdf")
    assert (row["type"], row["comment"]) == (1, "c")
    answer = ask(sandbox, "GET", f"/attachments/{row['id']}")
    if position == "binary":
        assert answer.headers["content-type"] == "application/octet-stream"
    else:
        assert {key: answer.json()[key] for key in row} == row
        answer = ask(sandbox, "GET", answer.json()["link"].removeprefix(sandbox.url))
    assert answer.content == content
    shown = ask(sandbox, "GET", f"/invoices/{invoice['idn']}").json()
    assert shown["attachments"] == [row]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (1, "invoices"),
        (2, "purchase_orders"),
        (3, "purchase_requisitions"),
        (4, "receipts"),
        (5, "expenses"),
        (8, "suppliers"),
        (9, "warehouse_requests"),
        (10, "request_for_proposals"),
    ],
)
def test_a_file_is_listed_where_it_belongs(serve, ask, kind, name):
    sandbox = serve()
    row = sandbox.store.add(name, {"name": "One"})
    files = {"file": ("a.txt", b"a")}
    made = ask(sandbox, "POST", f"/attachments/{row['id']}/{kind}", files=files).json()
    assert [each["id"] for each in row["attachments"]] == [made["id"]]


def test_an_order_with_a_new_file_passes_the_filter(serve, ask):
    sandbox = serve()
    order = an_order(sandbox)
    params = {"attachedFile": 1}
    assert ask(sandbox, "GET", "/purchaseorders", params=params).json()["data"] == []
    ask(sandbox, "POST", f"/attachments/{order['id']}/2", files={"file": ("a.txt", b"a")})
    assert len(ask(sandbox, "GET", "/purchaseorders", params=params).json()["data"]) == 1


@pytest.mark.parametrize("path", ["/attachments/1/1", "/ap/document/upload"])
@pytest.mark.parametrize("body", [{}, {"data": {"file": "text"}}, {"json": {"file": "x"}}])
def test_an_upload_needs_a_file(serve, ask, path, body):
    assert refusal(ask(serve(), "POST", path, **body)) == ("file", BLANK)


def test_an_upload_to_the_inbox(serve, ask):
    sandbox = serve()
    files = {"file": ("scan.pdf", b"%PDF")}
    made = ask(sandbox, "POST", "/ap/document/upload", files=files).json()
    assert (made["idn"], made["name"], made["status"]) == ("1", "scan.pdf", 0)
    assert ask(sandbox, "GET", f"/ap/documents/{made['idn']}").json() == made


def test_an_upload_that_cannot_be_read_is_refused(serve, ask):
    headers = {"Content-Type": "multipart/form-data"}
    answer = ask(serve(), "POST", "/ap/document/upload", data=b"x", headers=headers)
    assert answer.status_code == 400
    assert "boundary" in answer.json()["message"]
