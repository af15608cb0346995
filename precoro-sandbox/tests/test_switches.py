"""Every switch makes a difference, and stands where it should."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from precoro_sandbox import Sandbox, SandboxClock, Switches
from precoro_sandbox.switches import UnknownSwitch

NOON = 1_768_392_000
SWITCHES = {each.name: each for each in fields(Switches)}


def statuses(ask, sandbox, many, path="/units"):
    return [ask(sandbox, "GET", path).status_code for _ in range(many)]


def passed(ask, sandbox):
    return sum(status == 200 for status in statuses(ask, sandbox, 4))


def duplicates(ask, sandbox):
    answers = [ask(sandbox, "POST", "/suppliers", data={"name": name}) for name in "AAB"]
    return [answer.status_code == 429 for answer in answers]


def limit_answer(ask, sandbox):
    sandbox.clock.advance(86_400)
    statuses(ask, sandbox, 1)
    answer = ask(sandbox, "GET", "/units")
    return answer.headers.get("content-type"), "RateLimit-Retry-After" in answer.headers


def page_size(ask, sandbox):
    for number in range(12):
        sandbox.store.add("units", {"name": str(number)})
    return len(ask(sandbox, "GET", "/units").json()["data"])


def pagination(ask, sandbox):
    return set(ask(sandbox, "GET", "/units").json()["meta"]["pagination"])


def legal_entities(ask, sandbox):
    return set(ask(sandbox, "GET", "/legalentities").json())


def order(ask, sandbox):
    first = sandbox.store.add("suppliers", {"name": "1"})
    for name in "23":
        sandbox.clock.advance(1)
        sandbox.store.add("suppliers", {"name": name})
    sandbox.clock.advance(1)
    sandbox.store.change("suppliers", first, {"city": "Turin"})
    return [row["name"] for row in ask(sandbox, "GET", "/suppliers").json()["data"]]


def link_on_create(ask, sandbox):
    body = {"name": "One", "externalId": "X"}
    return [
        ask(sandbox, "POST", path, data=body).json().get("externalId", "refused")
        for path in ("/suppliers", "/paymentterms")
    ]


def a_supplier(ask, sandbox, **values):
    """A supplier as it is shown."""
    row = sandbox.store.add("suppliers", {"name": "One", **values})
    return ask(sandbox, "GET", f"/suppliers/{row['id']}").json()


def link_type(ask, sandbox):
    return a_supplier(ask, sandbox, externalId="7")["externalId"]


def link_twice(ask, sandbox):
    for _ in range(2):
        row = sandbox.store.add("suppliers", {"name": "One"})
        answer = ask(sandbox, "PATCH", f"/suppliers/{row['id']}", data={"externalId": "X"})
    return answer.status_code


def sum_paid(ask, sandbox):
    sandbox.store.add("invoices", {"sumPaid": "1.50"})
    return ask(sandbox, "GET", "/invoices/1").json()["sumPaid"]


def empty(ask, sandbox):
    return a_supplier(ask, sandbox)["marketSupplier"]


def nested(ask, sandbox):
    return a_supplier(ask, sandbox, marketSupplier={"id": 1})["marketSupplier"]


def idn(ask, sandbox):
    sandbox.store.add("invoices", {})
    return ask(sandbox, "GET", "/invoices/1").json()["idn"]


def waiting(ask, sandbox):
    sandbox.store.add("invoices", {"status": 2})
    params = {"waitingForApprove": "yes"}
    return len(ask(sandbox, "GET", "/invoices", params=params).json()["data"])


def unknown_filter(ask, sandbox):
    return ask(sandbox, "GET", "/units", params={"nonsense": 1}).status_code


def since(ask, sandbox, name="suppliers", path="/suppliers", seconds=0):
    sandbox.store.add(name, {"name": "One"})
    sandbox.clock.advance(seconds)
    params = {"modifiedSince": sandbox.clock.stamp()[:19]}
    return len(ask(sandbox, "GET", path, params=params).json()["data"])


def payments_since(ask, sandbox):
    return since(ask, sandbox, "payments", "/payments", 60)


def approval_dates(ask, sandbox):
    sandbox.store.add("invoices", {"approvalDate": "2026-01-01T00:00:00+00:00"})
    filters = {"approvalLeftDate": "2200-01-01T00:00:00", "approvalDate[left_date]": "01.01.2200"}
    return [
        len(ask(sandbox, "GET", "/invoices", params={name: value}).json()["data"])
        for name, value in filters.items()
    ]


def enable(ask, sandbox):
    sandbox.store.add("suppliers", {"name": "One", "enable": False})
    return [
        len(ask(sandbox, "GET", "/suppliers", params={"enable": value}).json()["data"])
        for value in ("1", "true")
    ]


def credit_notes(ask, sandbox):
    sandbox.store.add("invoices", {"logicType": 5})
    return len(ask(sandbox, "GET", "/invoices").json()["data"])


def a_child(ask, sandbox):
    """The child of a split invoice as it is listed."""
    parent = sandbox.store.add("invoices", {})
    child = sandbox.store.add("invoices", {"parentData": {"id": parent["id"], "idn": "1"}})
    child |= {"idn": "1", "_own_idn": "2"}
    rows = ask(sandbox, "GET", "/invoices").json()["data"]
    return next(row for row in rows if row["id"] == child["id"])


def split_idn(ask, sandbox):
    return a_child(ask, sandbox)["idn"]


def split_marker(ask, sandbox):
    child = a_child(ask, sandbox)
    return [bool(child[name]) for name in ("parentData", "parentIdn", "splitIndex")]


def options(ask, sandbox):
    field = sandbox.store.add("item_custom_fields", {"name": "Field"})["id"]
    return statuses(ask, sandbox, 1, f"/itemcustomfields/{field}/options")


def documents(ask, sandbox):
    return ask(sandbox, "POST", "/invoices", data={"currency": "EUR"}).status_code


def patched(ask, sandbox):
    row = sandbox.store.add("suppliers", {"name": "One"})
    return ask(sandbox, "PATCH", f"/suppliers/{row['id']}", data={"city": "T"}).json()["city"]


def after_put(ask, sandbox):
    row = sandbox.store.add("suppliers", {"name": "One", "city": "T", "externalId": "X"})
    return ask(sandbox, "PUT", f"/suppliers/{row['id']}", data={"note": "n"}).json()


def put_scalars(ask, sandbox):
    return after_put(ask, sandbox)["city"]


def switched_off(ask, sandbox):
    row = sandbox.store.add("suppliers", {"name": "One", "enable": True})
    answer = ask(sandbox, "PUT", f"/suppliers/{row['id']}", data={"enable": "false"})
    return answer.json()["enable"]


def payments_window(ask, sandbox):
    sandbox.store.add("payments", {})
    params = {"createDate[left_date]": "01.01.2200"}
    return len(ask(sandbox, "GET", "/payments", params=params).json()["data"])


def put_link(ask, sandbox):
    return after_put(ask, sandbox)["externalId"]


def put_payments(ask, sandbox):
    sandbox.store.add("payments", {})
    return ask(sandbox, "PUT", "/payments/1").status_code


def touch(ask, sandbox):
    invoice = sandbox.store.add("invoices", {"sum": "9"})
    before = invoice["updateDate"]
    sandbox.clock.advance(60)
    ask(sandbox, "POST", "/payments", data={"invoice[id]": invoice["id"], "sumPaid": 1})
    return invoice["updateDate"] == before


def attachment(ask, sandbox):
    row = sandbox.store.add("attachments", {"name": "a", "_content": b"a"})
    return ask(sandbox, "GET", f"/attachments/{row['id']}").headers["content-type"]


def attachment_entries(ask, sandbox):
    file = sandbox.store.add("attachments", {"name": "a"})
    invoice = sandbox.store.add("invoices", {"attachments": [{"id": file["id"], "name": "a"}]})
    (shown,) = ask(sandbox, "GET", f"/invoices/{invoice['idn']}").json()["attachments"]
    return type(shown)


def created(ask, sandbox):
    return ask(sandbox, "POST", "/suppliers", data={"name": "One"}).status_code


def refused(ask, sandbox):
    return ask(sandbox, "POST", "/suppliers").status_code


def boolean(ask, sandbox):
    body = {"name": "One", "enable": "True"}
    return ask(sandbox, "POST", "/locations", data=body).status_code


def told(ask, sandbox):
    """The ids of twenty new suppliers, as an endpoint is told of them."""
    with Sandbox() as endpoint:
        sandbox.webhooks.add(f"{endpoint.url}/hook")
        for number in range(20):
            sandbox.store.add("suppliers", {"name": str(number)})
        sandbox.webhooks.wait()
        return [json.loads(each.body)["id"] for each in endpoint.served]


def how_many_told(ask, sandbox):
    return len(told(ask, sandbox))


# What of the API shows in which position a switch stands.
TESTED = {
    "minute_limit": passed,
    "hour_limit": passed,
    "day_limit": passed,
    "duplicate_limiter": duplicates,
    "limit_answer": limit_answer,
    "default_page_size": page_size,
    "pagination": pagination,
    "legal_entities_meta": legal_entities,
    "list_order": order,
    "external_id_on_create": link_on_create,
    "external_id_type": link_type,
    "external_id_unique": link_twice,
    "sum_paid_type": sum_paid,
    "empty_nested": empty,
    "nested_objects": nested,
    "idn_type": idn,
    "waiting_spelling": waiting,
    "unknown_filters": unknown_filter,
    "modified_since": since,
    "payments_modified_since": payments_since,
    "approval_dates": approval_dates,
    "enable_filter": enable,
    "supplier_enable": switched_off,
    "payments_create_date": payments_window,
    "credit_notes_listed": credit_notes,
    "split_idn": split_idn,
    "split_marker": split_marker,
    "options_list": options,
    "create_documents": documents,
    "patch_fields": patched,
    "put_scalars": put_scalars,
    "put_external_id": put_link,
    "put_payments": put_payments,
    "touch_on_payment": touch,
    "attachments": attachment,
    "attachment_entries": attachment_entries,
    "create_status": created,
    "validation_status": refused,
    "booleans": boolean,
    "webhook_loss": how_many_told,
    "webhook_duplicates": how_many_told,
    "webhook_reordering": told,
}
# Positions of the switches that take any number, and what else such a test needs.
NUMBERS = {
    "minute_limit": (0, 1, 2),
    "hour_limit": (0, 1, 2),
    "day_limit": (0, 1, 2),
    "default_page_size": (10, 2, 5),
    "webhook_loss": (0, 50, 100),
    "webhook_duplicates": (0, 50, 100),
}
NEEDED = {"limit_answer": {"minute_limit": 1}}

# What is in doubt about the API: the switch, its default, its other positions.
IN_DOUBT = [
    ("minute_limit", 60, {300, 0}),
    ("duplicate_limiter", "with_body", {"without_body", "off"}),
    ("limit_answer", "body", {"headers", "empty", "html"}),
    ("pagination", "all", {"legacy", "new"}),
    ("legal_entities_meta", "absent", {"present"}),
    ("external_id_on_create", "terms_and_options", {"everywhere", "rejected"}),
    ("external_id_type", "string", {"number"}),
    ("sum_paid_type", "as_seen", {"swapped"}),
    ("empty_nested", "list", {"null", "object"}),
    ("nested_objects", "bare", {"wrapped"}),
    ("idn_type", "string", {"integer"}),
    ("waiting_spelling", "documented", {"any_case"}),
    ("unknown_filters", "ignored", {"rejected"}),
    ("options_list", "served", {"missing"}),
    ("create_documents", "refused", {"enabled"}),
    ("attachments", "binary", {"json"}),
    ("attachment_entries", "objects", {"ids"}),
    ("create_status", 201, {200}),
    ("validation_status", 400, {422}),
    ("split_idn", "shared", {"distinct"}),
    ("put_payments", 405, {404}),
    ("booleans", "strict", {"lenient"}),
]


@pytest.mark.parametrize("name", SWITCHES)
def test_each_position_of_a_switch_shows(serve, ask, name):
    seen = []
    positions = NUMBERS.get(name) or SWITCHES[name].metadata["options"]
    for position in positions:
        clock = SandboxClock(speed=0, start=NOON)
        sandbox = serve({**NEEDED.get(name, {}), name: position}, clock=clock)
        seen.append(TESTED[name](ask, sandbox))
    assert len(seen) > 1
    assert all(seen.count(each) == 1 for each in seen), seen


def test_every_switch_is_tested():
    assert set(TESTED) == set(SWITCHES)


def test_every_switch_of_numbers_is_tested_with_numbers():
    free = {name for name, each in SWITCHES.items() if not each.metadata["options"]}
    assert set(NUMBERS) == free


@pytest.mark.parametrize(
    ("name", "default", "others"), IN_DOUBT, ids=[name for name, *_ in IN_DOUBT]
)
def test_what_is_in_doubt_is_a_switch_with_that_default(name, default, others):
    assert getattr(Switches(), name) == default
    for other in others:
        assert getattr(Switches.set({name: other}), name) == other


@pytest.mark.parametrize("name", SWITCHES)
def test_the_default_is_a_position(name):
    options_ = SWITCHES[name].metadata["options"]
    assert not options_ or SWITCHES[name].default == options_[0]
    assert len(set(options_)) == len(options_)
    assert getattr(Switches.set({name: SWITCHES[name].default}), name) == SWITCHES[name].default


@pytest.mark.parametrize("name", SWITCHES)
def test_positions_may_be_given_as_texts(name):
    for position in SWITCHES[name].metadata["options"] or (7,):
        assert getattr(Switches.set({name: str(position)}), name) == position


@pytest.mark.parametrize("name", SWITCHES)
def test_an_unknown_position_is_refused(name):
    with pytest.raises(UnknownSwitch, match=f"^{name} takes .*, not 'sideways'$"):
        Switches.set({name: "sideways"})


@pytest.mark.parametrize("name", ["", "Minute_limit", "minute limit", "set", "table", "sideways"])
def test_an_unknown_switch_is_refused(name):
    with pytest.raises(UnknownSwitch, match=f"no switch '{name}'; there are minute_limit, "):
        Switches.set({name: "1"})


def test_a_sandbox_refuses_an_unknown_switch():
    with pytest.raises(UnknownSwitch):
        Sandbox(switches={"sideways": "1"})


def test_switches_are_not_moved_while_it_runs():
    with pytest.raises(FrozenInstanceError):
        Switches().booleans = "lenient"


def test_nothing_set_is_every_default():
    assert Switches.set({}) == Switches()


def test_the_table_for_people_has_every_switch():
    table = Switches.table()
    assert [name for name, *_ in table] == list(SWITCHES)
    for name, default, others, about in table:
        assert default == str(SWITCHES[name].default)
        assert others
        assert about.endswith(".")
