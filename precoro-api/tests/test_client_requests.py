"""The client against a real server: what it sends, how it reads answers, and how it looks up."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from precoro_api import BY_NAME, LOOKUP_LIMIT, errors

from .client_exchanges import JSON, SUPPLIERS, TAXES, create_tax, ok

if TYPE_CHECKING:
    from collections.abc import Callable

Make = "Callable[..., Any]"


# What is sent


def test_every_request_carries_who_asks(odd_server: Make, client_of: Make) -> None:
    server = odd_server([ok({"id": 1})])
    client = client_of(server.url + "/", user_agent="tap-precoro/1", token="tkn", email="a@b.c")
    client.detail(SUPPLIERS, 1)
    create_tax(client)
    for asked in server.asked:
        assert asked.headers["X-AUTH-TOKEN"] == "tkn"
        assert asked.headers["email"] == "a@b.c"
        assert asked.headers["User-Agent"] == "tap-precoro/1"
        assert asked.headers["Accept"] == "application/json"
    assert [asked.target for asked in server.asked] == ["/suppliers/1", "/taxes"]
    assert [asked.headers["Content-Type"] for asked in server.asked] == [
        None,
        "application/x-www-form-urlencoded",
    ]


def test_filters_the_moment_and_the_selector_travel_as_parameters(
    odd_server: Make, client_of: Make
) -> None:
    server = odd_server([ok({"data": []})])
    since = datetime(2026, 1, 31, 13, 59, 59, 999, tzinfo=timezone.utc)
    filters = [("status[]", 2), ("status[]", 4), ("enable", True), ("name", "Ä & B=c+d")]
    list(client_of(server.url).records(BY_NAME["credit_notes"], filters=filters, since=since))
    path, _, query = server.asked[0].target.partition("?")
    assert path == "/invoices"
    assert parse_qsl(query) == [
        ("page", "1"),
        ("per_page", "200"),
        ("status[]", "2"),
        ("status[]", "4"),
        ("enable", "true"),
        ("name", "Ä & B=c+d"),
        ("logicType[]", "1"),
        ("logicType[]", "5"),
        ("modifiedSince", "2026-01-31T13:59:59"),
    ]


def test_credit_notes_are_the_invoices_of_two_logic_types(serve: Make, client_of: Make) -> None:
    sandbox = serve()
    for logic in (0, 1, 5, 0, 2):
        sandbox.store.add("invoices", {"logicType": logic})
    client = client_of(sandbox)
    assert [row["logicType"] for row in client.records(BY_NAME["credit_notes"])] == [5, 1]
    assert len(list(client.records(BY_NAME["invoices"]))) == 5


@pytest.mark.parametrize(
    ("key", "target"),
    [(7, "/7"), ("A/1", "/A%2F1"), ("a b?c#d", "/a%20b%3Fc%23d"), ("ü", "/%C3%BC")],
)
def test_a_key_cannot_lead_to_another_path(
    odd_server: Make, client_of: Make, key: object, target: str
) -> None:
    server = odd_server([ok({"id": 1})])
    client_of(server.url).detail(BY_NAME["warehouses"], key)
    assert server.asked[0].target == f"/warehouses{target}"


def test_bodies_are_forms_unless_the_call_knows_json_only(
    odd_server: Make, client_of: Make
) -> None:
    server = odd_server([ok({"id": 1})])
    client = client_of(server.url)
    form = {"name": "Ä & B", "currencies[]": ["USD", "EUR"], "enable": True, "sum": Decimal("1.50")}
    client.write(SUPPLIERS, SUPPLIERS.create, form)
    receipts = BY_NAME["receipts"]
    body = {"warehouse": {"id": 3}, "note": None, "sum": Decimal("1.50"), "done": True}
    client.write(receipts, receipts.create, body, path={"purchase_order_idn": "12"})
    first, second = server.asked
    assert first.method == second.method == "POST"
    assert first.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(first.body.decode()) == [
        ("name", "Ä & B"),
        ("currencies[]", "USD"),
        ("currencies[]", "EUR"),
        ("enable", "true"),
        ("sum", "1.50"),
    ]
    assert second.target == "/receipts/12"
    assert second.headers["Content-Type"] == "application/json"
    assert json.loads(second.body) == {**body, "sum": "1.50"}


def test_a_record_is_created_changed_and_linked(sandbox: Any, client: Any) -> None:
    created = client.write(SUPPLIERS, SUPPLIERS.create, {"name": "Ada & Söhne"})
    path = {"id": created["id"]}
    client.write(SUPPLIERS, SUPPLIERS.update, {"currencies": ["USD", "EUR"]}, path=path)
    client.write(SUPPLIERS, SUPPLIERS.patch, {"externalId": "V-1"}, path=path)
    row = client.detail(SUPPLIERS, created["id"])
    assert (row["name"], row["externalId"]) == ("Ada & Söhne", "V-1")
    assert row["currencies"] == ["USD", "EUR"]
    assert client.requests_by_method == Counter(POST=1, PUT=1, PATCH=1, GET=1)


# What is answered


@pytest.mark.parametrize(
    ("answer", "record"),
    [
        ({"id": 1, "name": "A"}, {"id": 1, "name": "A"}),
        ({"data": {"id": 1}}, {"id": 1}),
        ({"data": {"id": 1}, "meta": {}}, {"data": {"id": 1}, "meta": {}}),
        ({"data": [1], "id": 1}, {"data": [1], "id": 1}),
    ],
    ids=str,
)
def test_one_record_is_taken_out_of_its_envelope(
    odd_server: Make, client_of: Make, answer: Any, record: Any
) -> None:
    client = client_of(odd_server([ok(answer)]).url)
    assert client.detail(SUPPLIERS, 1) == record
    assert create_tax(client) == record


@pytest.mark.parametrize("answer", [[], {}, [{"id": 1}], "text", 7, None], ids=repr)
def test_a_detail_that_is_no_record_is_unexpected(
    odd_server: Make, client_of: Make, answer: Any
) -> None:
    with pytest.raises(errors.UnexpectedAnswer, match=r"^suppliers 1: the detail is no record"):
        client_of(odd_server([ok(answer)]).url).detail(SUPPLIERS, 1)


@pytest.mark.parametrize("answer", [[], [1], "done", None, {}], ids=repr)
def test_a_write_that_answers_no_record_answers_nothing(
    odd_server: Make, client_of: Make, answer: Any
) -> None:
    assert create_tax(client_of(odd_server([ok(answer)]).url)) == {}


def test_decimals_keep_their_digits(odd_server: Make, client_of: Make) -> None:
    body = b'{"id": 1, "sum": 1000000000000000.10, "percent": 0.1}'
    row = client_of(odd_server([(200, JSON, body)]).url).detail(SUPPLIERS, 1)
    assert str(row["sum"]) == "1000000000000000.10"
    assert row["percent"] == Decimal("0.1")


def test_documents_are_addressed_by_their_number(serve: Make, client_of: Make) -> None:
    sandbox = serve()
    row = sandbox.store.add("invoices", {"note": "here"})
    assert str(row["id"]) != row["idn"]
    assert client_of(sandbox).detail(BY_NAME["invoices"], row["idn"])["note"] == "here"
    assert sandbox.served[0].path == f"/invoices/{row['idn']}"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda client: client.detail(TAXES, 1), "taxes has no detail"),
        (lambda client: list(client.records(BY_NAME["attachments"])), "attachments has no list"),
        (
            lambda client: client.find(BY_NAME["payments"], ["1"]),
            r"payments has no external_id\[\]",
        ),
    ],
    ids=["detail", "list", "look-up"],
)
def test_what_the_api_has_not_is_not_asked_for(
    sandbox: Any, client: Any, call: Callable[[Any], Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        call(client)
    assert sandbox.served == []


def test_the_clock_of_the_server_is_known_from_its_last_answer(client: Any, time: Any) -> None:
    assert client.server_now is None
    list(client.records(TAXES))
    assert client.server_now == datetime.fromtimestamp(time.now(), timezone.utc)
    time.sleep(90)
    list(client.records(SUPPLIERS))
    assert client.server_now == datetime.fromtimestamp(time.now(), timezone.utc)


# Looking up


def linked(sandbox: Any, *external_ids: Any) -> dict[Any, int]:
    return {
        one: sandbox.store.add("suppliers", {"name": f"Firm {one}", "externalId": one})["id"]
        for one in external_ids
    }


@pytest.mark.parametrize(("many", "requests"), [(0, 0), (1, 1), (200, 1), (201, 2), (450, 3)])
def test_look_ups_go_in_batches_of_200(
    serve: Make, client_of: Make, many: int, requests: int
) -> None:
    sandbox = serve()
    ids = linked(sandbox, *(f"V-{number}" for number in range(many)))
    linked(sandbox, "not asked for")
    found = client_of(sandbox).find(SUPPLIERS, list(ids) * 2)
    assert {one: [row["id"] for row in rows] for one, rows in found.items()} == {
        one: [row_id] for one, row_id in ids.items()
    }
    asked = [
        [value for name, value in parse_qsl(one.query) if name == "external_id[]"]
        for one in sandbox.served
    ]
    assert len(asked) == requests
    assert all(len(each) <= LOOKUP_LIMIT for each in asked)
    assert sorted(one for each in asked for one in each) == sorted(ids)


def test_ids_that_nothing_carries_are_absent(serve: Make, client_of: Make) -> None:
    sandbox = serve()
    linked(sandbox, "here")
    assert client_of(sandbox).find(SUPPLIERS, ["here", "nowhere"]).keys() == {"here"}


def test_all_records_with_one_id_are_found(serve: Make, client_of: Make) -> None:
    sandbox = serve()
    for name in ("A", "B"):
        sandbox.store.add("suppliers", {"name": name, "externalId": "V-1"})
    found = client_of(sandbox).find(SUPPLIERS, ["V-1"])
    assert sorted(row["name"] for row in found["V-1"]) == ["A", "B"]


def test_a_batch_that_fills_more_than_a_page_is_found_whole(serve: Make, client_of: Make) -> None:
    sandbox = serve()
    ids = linked(sandbox, *(f"V-{number}" for number in range(25)))
    assert len(client_of(sandbox, page_size=10).find(SUPPLIERS, list(ids))) == 25
    assert len(sandbox.served) == 3


@pytest.mark.parametrize("kind", ["string", "number"])
def test_ids_that_look_like_numbers_are_found_in_either_type(
    serve: Make, client_of: Make, kind: str
) -> None:
    sandbox = serve(switches={"external_id_type": kind})
    ids = linked(sandbox, "1001", "007", "0", "00", "V-1")
    found = client_of(sandbox).find(SUPPLIERS, ["1001", "007", "V-1"])
    assert {one: rows[0]["id"] for one, rows in found.items()} == {
        one: ids[one] for one in ("1001", "007", "V-1")
    }


@pytest.mark.parametrize(
    ("asked", "carried"),
    [
        ("V-1", "v-1"),
        ("v-1", "V-1"),
        ("V-1", " V-1 "),
        ("007", 7),
        ("0", 0),
        ("000", 0),
        ("STRASSE", "straße"),
    ],
)
def test_an_id_that_comes_back_loosely_is_the_one_that_was_asked(
    odd_server: Make, client_of: Make, asked: str, carried: object
) -> None:
    server = odd_server([ok({"data": [{"id": 1, "externalId": carried}]})])
    found = client_of(server.url).find(SUPPLIERS, [asked])
    assert found == {asked: [{"id": 1, "externalId": carried}]}


def test_the_exact_id_goes_before_a_loose_one(odd_server: Make, client_of: Make) -> None:
    rows = [{"id": n, "externalId": one} for n, one in enumerate(["v-1", "V-1", "7", "007"])]
    server = odd_server([ok({"data": rows})])
    found = client_of(server.url).find(SUPPLIERS, ["V-1", "v-1", "007", "7"])
    assert found == {row["externalId"]: [row] for row in rows}


def test_long_ids_are_asked_for_in_addresses_that_servers_take(
    odd_server: Make, client_of: Make
) -> None:
    asked = [f"{n:03}-{'é' * 990}" for n in range(20)]
    server = odd_server([ok({"data": []})] * 20)
    assert client_of(server.url).find(SUPPLIERS, asked) == {}
    addresses = [each.target for each in server.asked]
    assert max(map(len, addresses)) < 32_000
    assert sum(each.count("external_id") for each in addresses) == len(asked)


def test_a_full_page_that_tells_nothing_of_others_is_not_taken_for_all(
    odd_server: Make, client_of: Make
) -> None:
    pages = [[{"id": n} for n in range(10)], [{"id": 10}]]
    server = odd_server([ok({"data": page}) for page in pages])
    found = client_of(server.url, page_size=10).pages(SUPPLIERS)
    assert [len(page.rows) for page in found] == [10, 1]


@pytest.mark.parametrize("carried", ["V-2", None, "", 8, "V-11"], ids=repr)
def test_an_api_that_ignores_the_look_up_is_found_out(
    odd_server: Make, client_of: Make, carried: object
) -> None:
    rows = [{"id": 1, "externalId": "V-1"}, {"id": 2, "externalId": carried}]
    server = odd_server([ok({"data": rows})])
    with pytest.raises(errors.UnexpectedAnswer, match=r"seems to ignore external_id\[\]"):
        client_of(server.url).find(SUPPLIERS, ["V-1"])
