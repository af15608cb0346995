"""What a POST makes of master data, what it refuses, and how booleans are read."""

from __future__ import annotations

import pytest
from precoro_api.resources import BY_NAME

from .written_records import BLANK, INVALID, MASTERS, OPTION_NAMES, USED, base_path, refusal, stored

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
