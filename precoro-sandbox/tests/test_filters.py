"""What the filters of a list let pass."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from precoro_api.resources import RESOURCES

DAY = timedelta(days=1)
LISTED = [each for each in RESOURCES if each.list and not each.parent and not each.alias_of]
FINDABLE = [each for each in LISTED if each.findable]
DATED = [each for each in LISTED if each.replication_key]
DOCUMENTS = [each for each in LISTED if each.filter("approvalLeftDate")]
APPROVED = [each for each in DOCUMENTS if "approvalDate" in each.by_name]


def named(resource):
    return resource.name


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
def found(ask):
    """The ids of all rows that pass the filters, over all pages."""

    def find(sandbox, path, params=()):
        given = [*dict(params).items()] if isinstance(params, dict) else [*params]
        page, seen = 1, []
        while True:
            paging = [("per_page", 200), ("page", page)]
            answer = ask(sandbox, "GET", path, params=[*given, *paging])
            assert answer.status_code == 200, answer.text
            body = answer.json()
            seen += [row["id"] for row in body["data"]]
            if not body.get("meta", {"pagination": {}})["pagination"].get("has_next_page"):
                return seen
            page += 1

    return find


def kept(sandbox, name, check):
    return {row["id"] for row in sandbox.store.rows(name).values() if check(row)}


def middle(sandbox, name, field):
    """The middle one of the values that a field has."""
    values = sorted(row[field] for row in sandbox.store.rows(name).values() if row.get(field))
    return values[len(values) // 2]


def dotted(stamp, days=0):
    return (datetime.fromisoformat(stamp) + days * DAY).strftime("%d.%m.%Y")


# modifiedSince


@pytest.mark.parametrize("resource", DATED, ids=named)
def test_modified_since_lets_pass_what_changed_since(demo, found, resource):
    moment = middle(demo, resource.name, "updateDate")
    passed = found(demo, resource.list.path, {"modifiedSince": moment[:19]})
    everything = demo.store.rows(resource.name)
    assert set(passed) == kept(demo, resource.name, lambda row: row["updateDate"] >= moment)
    assert 0 < len(passed) < len(everything)
    assert len(passed) == len(set(passed))


@pytest.mark.parametrize("position", ["inclusive", "exclusive"])
def test_modified_since_and_its_own_second(serve, ask, position):
    sandbox = serve({"modified_since": position}, counts={"suppliers": 20})
    row = max(sandbox.store.rows("suppliers").values(), key=lambda row: row["updateDate"])
    params = {"modifiedSince": row["updateDate"][:19]}
    passed = ids(ask(sandbox, "GET", "/suppliers", params=params))
    assert (row["id"] in passed) is (position == "inclusive")


@pytest.mark.parametrize(
    "form",
    [
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01T07:00:00-05:00",
        "2026-03-01 12:00:00",
        "2026-03-01T11:59:59.500000",
    ],
)
def test_spellings_of_one_moment(serve, ask, form):
    sandbox = serve()
    for name, stamp in (("before", "11:59:59"), ("then", "12:00:00")):
        row = sandbox.store.add("suppliers", {"name": name})
        row["updateDate"] = f"2026-03-01T{stamp}+00:00"
    answer = ask(sandbox, "GET", "/suppliers", params={"modifiedSince": form})
    assert [row["name"] for row in answer.json()["data"]] == ["then"]


def test_a_plus_that_was_not_escaped_is_understood(serve, ask):
    sandbox = serve()
    sandbox.store.add("suppliers", {"name": "one"})
    answer = ask(sandbox, "GET", "/suppliers?modifiedSince=2020-01-01T00:00:00+00:00")
    assert len(ids(answer)) == 1


@pytest.mark.parametrize("position", ["ignored", "honoured"])
def test_payments_and_modified_since(serve, ask, position):
    sandbox = serve({"payments_modified_since": position}, counts={"invoices": 50, "payments": 10})
    assert sandbox.store.rows("payments")
    answer = ask(sandbox, "GET", "/payments", params={"modifiedSince": "2200-01-01T00:00:00"})
    assert bool(ids(answer)) is (position == "ignored")


def test_a_change_moves_a_row_past_the_filter(serve, ask):
    sandbox = serve(counts={"suppliers": 5})
    since = sandbox.clock.moment().replace(microsecond=0).isoformat()[:19]
    supplier = next(iter(sandbox.store.rows("suppliers")))
    params = {"modifiedSince": since}
    assert supplier not in ids(ask(sandbox, "GET", "/suppliers", params=params))
    ask(sandbox, "PUT", f"/suppliers/{supplier}", data={"city": "Turin"})
    assert supplier in ids(ask(sandbox, "GET", "/suppliers", params=params))


# status[], logicType[], propositionStatus[]


@pytest.mark.parametrize(
    "resource", [each for each in LISTED if each.filter("status[]")], ids=named
)
def test_status_lets_one_status_pass(demo, found, resource):
    counted = {}
    for row in demo.store.rows(resource.name).values():
        counted[row["status"]] = counted.get(row["status"], 0) + 1
    for status, many in counted.items():
        assert len(found(demo, resource.list.path, {"status[]": status})) == many
    assert found(demo, resource.list.path, {"status[]": 99}) == []


@pytest.mark.parametrize(("name", "path"), [("invoices", "/invoices"), ("suppliers", "/suppliers")])
def test_status_repeated_lets_any_of_them_pass(demo, found, name, path):
    passed = found(demo, path, [("status[]", "1"), ("status[]", "2")])
    assert set(passed) == kept(demo, name, lambda row: row["status"] in (1, 2))


def test_without_brackets_status_is_no_filter(demo, found):
    assert len(found(demo, "/suppliers", {"status": 1})) == 400


def test_credit_notes_are_told_by_their_logic_type(demo, found):
    passed = found(demo, "/invoices", [("logicType[]", 1), ("logicType[]", 5)])
    assert set(passed) == kept(demo, "invoices", lambda row: row["logicType"] in (1, 5))
    assert len(passed) == 40
    assert len(found(demo, "/invoices", {"logicType[]": 0})) == 860


@pytest.mark.parametrize(("position", "listed"), [("yes", True), ("no", False)])
def test_credit_notes_in_the_plain_list(serve, ask, position, listed):
    sandbox = serve({"credit_notes_listed": position})
    sandbox.store.add("invoices", {"logicType": 0})
    note = sandbox.store.add("invoices", {"logicType": 1})["id"]
    assert (note in ids(ask(sandbox, "GET", "/invoices"))) is listed
    assert ids(ask(sandbox, "GET", "/invoices", params={"logicType[]": 1})) == [note]


def test_logic_type_of_orders(serve, ask):
    sandbox = serve()
    wanted = [sandbox.store.add("purchase_orders", {"logicType": kind})["id"] for kind in (0, 1)]
    assert ids(ask(sandbox, "GET", "/purchaseorders", params={"logicType[]": 1})) == wanted[1:]


def test_status_of_propositions(serve, ask):
    sandbox = serve()
    rows = [
        sandbox.store.add("request_for_proposals", {"propositionStatus": status})["id"]
        for status in (1, 2)
    ]
    answer = ask(sandbox, "GET", "/requestforproposals", params={"propositionStatus[]": 2})
    assert ids(answer) == rows[1:]


# external_id[]


@pytest.mark.parametrize("resource", FINDABLE, ids=named)
def test_records_are_found_by_external_id(serve, ask, resource):
    sandbox = serve()
    rows = [sandbox.store.add(resource.name, {"externalId": key}) for key in ("A", "B", "C", None)]
    params = [("external_id[]", "A"), ("external_id[]", "C"), ("external_id[]", "nothing")]
    passed = ids(ask(sandbox, "GET", resource.list.path, params=params))
    assert sorted(passed) == [rows[0]["id"], rows[2]["id"]]


@pytest.mark.parametrize("resource", FINDABLE, ids=named)
@pytest.mark.parametrize(("many", "status"), [(200, 200), (201, 400)])
def test_200_external_ids_at_most(serve, ask, resource, many, status):
    sandbox = serve()
    sandbox.store.add(resource.name, {"externalId": "199"})
    params = [("external_id[]", str(number)) for number in range(many)]
    answer = ask(sandbox, "GET", resource.list.path, params=params)
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["data"]) == 1
    else:
        assert "200" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/payments", "/paymentterms", "/expenses", "/users"])
def test_others_do_not_know_the_external_id_filter(demo, found, path):
    assert found(demo, path, {"external_id[]": "none"}) == found(demo, path)


@pytest.mark.parametrize("value", ["", "None", "null"])
def test_an_absent_external_id_is_never_found(serve, ask, value):
    sandbox = serve()
    sandbox.store.add("suppliers", {"name": "One", "externalId": None})
    assert ids(ask(sandbox, "GET", "/suppliers", params={"external_id[]": value})) == []


def test_two_records_of_one_external_id_are_both_found(serve, ask):
    sandbox = serve()
    for name in ("One", "Two"):
        sandbox.store.add("suppliers", {"name": name, "externalId": "X"})
    assert len(ids(ask(sandbox, "GET", "/suppliers", params={"external_id[]": "X"}))) == 2


# waitingForapprove


@pytest.mark.parametrize("resource", DOCUMENTS, ids=named)
def test_waiting_for_approval(demo, found, resource):
    passed = found(demo, resource.list.path, {"waitingForapprove": "yes"})
    assert set(passed) == kept(demo, resource.name, lambda row: row["status"] == 1)
    assert passed
    assert len(passed) < len(demo.store.rows(resource.name))


@pytest.mark.parametrize(
    ("position", "spelling", "works"),
    [
        ("documented", "waitingForapprove", True),
        ("documented", "waitingForApprove", False),
        ("documented", "waitingforapprove", False),
        ("any_case", "waitingForapprove", True),
        ("any_case", "waitingForApprove", True),
        ("any_case", "waitingforapprove", True),
    ],
)
def test_spellings_of_waiting_for_approval(serve, ask, position, spelling, works):
    sandbox = serve({"waiting_spelling": position})
    pending = sandbox.store.add("invoices", {"status": 1})["id"]
    other = sandbox.store.add("invoices", {"status": 2})["id"]
    passed = ids(ask(sandbox, "GET", "/invoices", params={spelling: "yes"}))
    assert passed == ([pending] if works else [other, pending])


def test_waiting_takes_yes_only(serve, ask):
    sandbox = serve()
    sandbox.store.add("invoices", {"status": 2})
    assert len(ids(ask(sandbox, "GET", "/invoices", params={"waitingForapprove": "1"}))) == 1


# Dates of approval and creation


@pytest.mark.parametrize("resource", APPROVED, ids=named)
def test_approval_window_in_iso(demo, found, resource):
    moment = middle(demo, resource.name, "approvalDate")
    left = found(demo, resource.list.path, {"approvalLeftDate": moment[:19]})
    right = found(demo, resource.list.path, {"approvalRightDate": moment[:19]})
    both = {"approvalLeftDate": moment[:19], "approvalRightDate": moment[:19]}
    done = [row for row in demo.store.rows(resource.name).values() if row.get("approvalDate")]
    assert set(left) == {row["id"] for row in done if row["approvalDate"] >= moment}
    assert set(right) == {row["id"] for row in done if row["approvalDate"] <= moment}
    assert set(found(demo, resource.list.path, both)) == set(left) & set(right)
    assert set(left) & set(right)


@pytest.mark.parametrize("resource", APPROVED, ids=named)
def test_approval_window_in_days(demo, found, resource):
    moment = middle(demo, resource.name, "approvalDate")
    day = dotted(moment)
    left = set(found(demo, resource.list.path, {"approvalDate[left_date]": day}))
    right = set(found(demo, resource.list.path, {"approvalDate[right_date]": day}))
    done = [row for row in demo.store.rows(resource.name).values() if row.get("approvalDate")]
    assert left == {row["id"] for row in done if row["approvalDate"][:10] >= moment[:10]}
    assert right == {row["id"] for row in done if row["approvalDate"][:10] <= moment[:10]}
    assert left & right


@pytest.mark.parametrize("resource", DOCUMENTS, ids=named)
def test_window_of_creation(demo, found, resource):
    moment = middle(demo, resource.name, "createDate")
    left = set(found(demo, resource.list.path, {"createDate[left_date]": dotted(moment)}))
    right = set(found(demo, resource.list.path, {"createDate[right_date]": dotted(moment)}))
    rows = demo.store.rows(resource.name).values()
    assert left == {row["id"] for row in rows if row["createDate"][:10] >= moment[:10]}
    assert right == {row["id"] for row in rows if row["createDate"][:10] <= moment[:10]}
    assert left | right == set(demo.store.rows(resource.name))


def test_window_of_required_dates(demo, found):
    moment = middle(demo, "request_for_proposals", "requiredDate")
    for side, check in (
        ("left_date", lambda row: row["requiredDate"][:10] >= moment[:10]),
        ("right_date", lambda row: row["requiredDate"][:10] <= moment[:10]),
    ):
        params = {f"requiredDate[{side}]": dotted(moment)}
        passed = found(demo, "/requestforproposals", params)
        assert set(passed) == kept(demo, "request_for_proposals", check)
        assert 0 < len(passed) < 30


def test_a_window_of_one_day(serve, ask):
    sandbox = serve()
    for day in ("2026-02-28", "2026-03-01", "2026-03-02"):
        sandbox.store.add("invoices", {})["createDate"] = f"{day}T23:59:59+00:00"
    window = {"createDate[left_date]": "01.03.2026", "createDate[right_date]": "01.03.2026"}
    rows = ask(sandbox, "GET", "/invoices", params=window).json()["data"]
    assert [row["createDate"][:10] for row in rows] == ["2026-03-01"]


@pytest.mark.parametrize(
    ("position", "spelling", "value", "works"),
    [
        ("both", "approvalLeftDate", "2200-01-01T00:00:00", True),
        ("both", "approvalDate[left_date]", "01.01.2200", True),
        ("iso", "approvalLeftDate", "2200-01-01T00:00:00", True),
        ("iso", "approvalDate[left_date]", "01.01.2200", False),
        ("dotted", "approvalLeftDate", "2200-01-01T00:00:00", False),
        ("dotted", "approvalDate[left_date]", "01.01.2200", True),
    ],
)
def test_spellings_of_the_approval_window(serve, ask, position, spelling, value, works):
    sandbox = serve({"approval_dates": position}, counts={"invoices": 5})
    passed = ids(ask(sandbox, "GET", "/invoices", params={spelling: value}))
    assert bool(passed) is not works


def test_what_was_never_approved_is_in_no_window(serve, ask):
    sandbox = serve()
    sandbox.store.add("invoices", {"approvalDate": None})
    for name in ("approvalLeftDate", "approvalRightDate"):
        assert ids(ask(sandbox, "GET", "/invoices", params={name: "2020-01-01T00:00:00"})) == []


# The others


@pytest.mark.parametrize(
    ("position", "value", "shown"),
    [
        ("both", "1", {True}),
        ("both", "0", {False}),
        ("both", "true", {True}),
        ("both", "false", {False}),
        ("both", "True", {True, False}),
        ("number", "1", {True}),
        ("number", "true", {True, False}),
        ("word", "1", {True, False}),
        ("word", "true", {True}),
    ],
)
def test_values_of_enable(serve, ask, position, value, shown):
    sandbox = serve({"enable_filter": position})
    for enable in (True, False):
        sandbox.store.add("suppliers", {"name": str(enable), "enable": enable})
    rows = ask(sandbox, "GET", "/suppliers", params={"enable": value}).json()["data"]
    assert {row["enable"] for row in rows} == shown


def test_items_of_a_supplier(demo, found):
    supplier = next(
        row["supplier"]["id"] for row in demo.store.rows("items").values() if row.get("supplier")
    )
    passed = found(demo, "/items", {"supplier[]": supplier})
    assert set(passed) == kept(
        demo, "items", lambda row: (row.get("supplier") or {}).get("id") == supplier
    )
    assert passed


def test_items_of_several_suppliers(serve, ask):
    sandbox = serve()
    rows = [sandbox.store.add("items", {"supplier": {"id": key}})["id"] for key in (1, 2, 3)]
    sandbox.store.add("items", {"supplier": None})
    params = [("supplier[]", 1), ("supplier[]", 3)]
    assert sorted(ids(ask(sandbox, "GET", "/items", params=params))) == [rows[0], rows[2]]


@pytest.mark.parametrize(("value", "attached"), [("1", True), ("0", False)])
def test_orders_with_files(demo, found, value, attached):
    passed = found(demo, "/purchaseorders", {"attachedFile": value})
    assert set(passed) == kept(
        demo, "purchase_orders", lambda row: bool(row.get("attachments")) is attached
    )
    assert passed


@pytest.mark.parametrize(("value", "linked"), [("1", True), ("0", False)])
@pytest.mark.parametrize(
    ("name", "path", "filter_"),
    [
        ("invoices", "/invoices", "sent_to_external"),
        ("suppliers", "/suppliers", "externalIntegrated"),
    ],
)
def test_what_was_exported_already(demo, found, name, path, filter_, value, linked):
    passed = found(demo, path, {filter_: value})
    assert set(passed) == kept(demo, name, lambda row: bool(row.get("externalId")) is linked)
    assert passed


@pytest.mark.parametrize(("key", "rows"), [("610005", [610_005]), ("5", []), ("x", [])])
def test_an_invoice_by_its_id(demo, found, key, rows):
    assert found(demo, "/invoices", {"id": key}) == rows


def test_filters_are_joined_by_and(demo, found):
    both = [("status[]", 2), ("sent_to_external", 0)]
    passed = set(found(demo, "/invoices", both))
    assert passed == set(found(demo, "/invoices", both[:1])) & set(
        found(demo, "/invoices", both[1:])
    )
    assert passed


def test_totals_count_what_passed(demo, ask):
    params = {"status[]": 1, "per_page": 10}
    shown = ask(demo, "GET", "/suppliers", params=params).json()["meta"]["pagination"]
    assert (shown["total"], shown["count"], shown["total_pages"]) == (20, 10, 2)


# Unknown and malformed


@pytest.mark.parametrize(
    "name", ["modifiedsince", "status", "external_id", "enabled", "supplier", "id", "Status[]"]
)
@pytest.mark.parametrize(("position", "status"), [("ignored", 200), ("rejected", 400)])
def test_unknown_filters(serve, ask, name, position, status):
    sandbox = serve({"unknown_filters": position})
    sandbox.store.add("suppliers", {"name": "One"})
    answer = ask(sandbox, "GET", "/suppliers", params={name: "1"})
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["data"]) == 1
    else:
        assert name in answer.json()["message"]


@pytest.mark.parametrize("resource", LISTED, ids=named)
def test_known_filters_are_never_rejected(serve, ask, resource):
    sandbox = serve({"unknown_filters": "rejected"})
    for filter_ in resource.filters:
        if resource.name == "payments":
            continue
        value = "1"
        if "DD.MM" in filter_.takes or filter_.name.startswith("requiredDate"):
            value = "01.02.2026"
        elif "ISO" in filter_.takes or filter_.name == "modifiedSince":
            value = "2026-02-01T00:00:00"
        elif "yes" in filter_.takes:
            value = "yes"
        answer = ask(sandbox, "GET", resource.list.path, params={filter_.name: value})
        assert answer.status_code == 200, (filter_.name, answer.text)
    paging = {"page": 1, "per_page": 10}
    assert ask(sandbox, "GET", resource.list.path, params=paging).status_code == 200
    assert ask(sandbox, "GET", resource.list.path, params={"what": 1}).status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("modifiedSince", "yesterday"),
        ("modifiedSince", "01.02.2026"),
        ("modifiedSince", "2026-13-01T00:00:00"),
        ("modifiedSince", "2026-02-30T00:00:00"),
        ("modifiedSince", "0001-01-01T00:00:00+02:00"),
        ("approvalLeftDate", "01.02.2026"),
        ("approvalRightDate", "never"),
        ("approvalDate[left_date]", "2026-02-01"),
        ("approvalDate[right_date]", "31.02.2026"),
        ("createDate[left_date]", "2026-02-01T00:00:00"),
        ("createDate[left_date]", "02/01/2026"),
        ("createDate[right_date]", "1"),
    ],
)
def test_a_malformed_date_is_refused(demo, ask, name, value):
    answer = ask(demo, "GET", "/invoices", params={name: value})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(name)


@pytest.mark.parametrize("side", ["left_date", "right_date"])
def test_a_malformed_required_date_is_refused(demo, ask, side):
    params = {f"requiredDate[{side}]": "2026-02-01"}
    assert ask(demo, "GET", "/requestforproposals", params=params).status_code == 400
