"""The client against a real server: what it sends, tries again, waits for, and gives up."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time as real_time
from collections import Counter, defaultdict
from contextlib import closing
from datetime import datetime, timezone
from decimal import Decimal
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
import requests
import urllib3
from precoro_api import BY_NAME, LOOKUP_LIMIT, client_from, errors
from precoro_api.quota import Limits, Policy, Quota
from precoro_sandbox import Fault, SandboxClock
from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Callable

SUPPLIERS = BY_NAME["suppliers"]
TAXES = BY_NAME["taxes"]
JSON = {"Content-Type": "application/json"}
UNLIMITED = Limits(minute=None, hour=None, day=None)

Make = "Callable[..., Any]"


def ok(value: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, json.dumps(value).encode()


def gaps_between_identical(served: list[Any]) -> list[float]:
    """Seconds between each two requests that are the same, as the server counts them."""
    moments = defaultdict(list)
    for one in served:
        moments[one.method, one.path, one.query, one.body].append(one.at)
    return [later - earlier for each in moments.values() for earlier, later in pairwise(each)]


# Reading through faults


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "empty", "reset", "lost", "failed"])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_a_read_is_tried_again_and_ends_with_the_right_rows(
    sandbox: Any, client_of: Make, kind: str, page: int
) -> None:
    sandbox.faults.add(Fault(kind, skip=page - 1))
    client = client_of(sandbox, page_size=10)
    rows = list(client.records(SUPPLIERS))
    assert [row["id"] for row in rows] == sorted(sandbox.store.rows("suppliers"), reverse=True)
    assert client.requests_by_method == Counter(GET=4)
    assert client.retries == 1
    gaps = gaps_between_identical(sandbox.served)
    assert len(gaps) == 1
    assert min(gaps) >= 60


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "empty", "reset"])
def test_a_detail_is_tried_again(sandbox: Any, client: Any, kind: str) -> None:
    key = min(sandbox.store.rows("suppliers"))
    sandbox.faults.add(Fault(kind, times=3))
    assert client.detail(SUPPLIERS, key)["id"] == key
    gaps = gaps_between_identical(sandbox.served)
    assert len(gaps) == 3
    assert min(gaps) >= 60
    assert all(one.status != 429 for one in sandbox.served) or kind == "429"


@pytest.mark.parametrize("kind", ["500", "429", "cut", "html", "reset"])
@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_reading_ends_after_that_many_attempts(
    sandbox: Any, client_of: Make, kind: str, attempts: int
) -> None:
    sandbox.faults.add(Fault(kind, times=99))
    client = client_of(sandbox, attempts=attempts)
    error = errors.QuotaSpent if kind == "429" else errors.TryLater
    with pytest.raises(error, match=r"^suppliers: .*Run again later"):
        list(client.records(SUPPLIERS))
    assert len(sandbox.served) == attempts
    assert client.retries == attempts - 1
    assert all(gap >= 60 for gap in gaps_between_identical(sandbox.served))


def test_a_body_shorter_than_it_was_announced_is_read_again(
    odd_server: Make, client_of: Make
) -> None:
    whole = ok({"id": 17, "name": "A"})
    short = (200, {**JSON, "Content-Length": "1000"}, whole[2])
    server = odd_server([short, whole])
    assert client_of(server.url).detail(SUPPLIERS, 17)["name"] == "A"
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe", b"{'id': 1}"], ids=lambda it: it[:9])
def test_json_that_cannot_be_read_is_tried_again(
    odd_server: Make, client_of: Make, body: bytes
) -> None:
    server = odd_server([(200, JSON, body), ok({"id": 17})])
    assert client_of(server.url).detail(SUPPLIERS, 17) == {"id": 17}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 422])
def test_what_is_refused_for_good_is_not_tried_again(
    odd_server: Make, client_of: Make, status: int
) -> None:
    server = odd_server([(status, JSON, b"{}")])
    client = client_of(server.url)
    with pytest.raises(errors.PrecoroError):
        client.detail(SUPPLIERS, 17)
    assert len(server.asked) == 1
    assert client.retries == 0


def test_a_wrong_key_and_missing_rights_are_told_apart(serve: Make, client_of: Make) -> None:
    sandbox = serve(forbidden=["taxes"], absent=["units"])
    with pytest.raises(errors.BadCredentials):
        list(client_of(sandbox, token="wrong").records(SUPPLIERS))
    with pytest.raises(errors.BadCredentials):
        list(client_of(sandbox, email="someone@example.com").records(SUPPLIERS))
    with pytest.raises(errors.NotAllowed):
        list(client_of(sandbox).records(TAXES))
    with pytest.raises(errors.NotFound):
        list(client_of(sandbox).records(BY_NAME["units"]))


# Writing through faults


def create_tax(client: Any) -> Any:
    return client.write(TAXES, TAXES.create, {"name": "VAT"}, record_key="T-1")


@pytest.mark.parametrize("kind", ["500", "lost", "failed", "cut", "html", "reset"])
def test_a_write_whose_answer_is_lost_is_never_sent_again(
    sandbox: Any, client: Any, kind: str
) -> None:
    sandbox.faults.add(Fault(kind))
    with pytest.raises(errors.OutcomeUnknown, match=r"^taxes T-1: .*Look the record up"):
        create_tax(client)
    assert len(sandbox.served) == 1
    assert client.retries == 0
    happened = kind in ("lost", "failed", "cut", "html")
    assert len(sandbox.store.rows("taxes")) == happened


@pytest.mark.parametrize("call", ["create", "update", "patch"])
def test_no_method_of_writing_is_sent_again(odd_server: Make, client_of: Make, call: str) -> None:
    server = odd_server([None])
    with pytest.raises(errors.OutcomeUnknown):
        client_of(server.url).write(SUPPLIERS, getattr(SUPPLIERS, call), {}, path={"id": 1})
    assert len(server.asked) == 1


def test_a_write_that_was_one_too_many_is_sent_again(sandbox: Any, client: Any) -> None:
    sandbox.faults.add(Fault("429", times=2))
    created = create_tax(client)
    assert sandbox.store.rows("taxes").keys() == {created["id"]}
    assert [one.status for one in sandbox.served] == [429, 429, 201]
    assert client.requests_by_method == Counter(POST=3)
    assert min(gaps_between_identical(sandbox.served)) >= 60


def test_a_write_that_stays_one_too_many_ends_as_a_spent_budget(sandbox: Any, client: Any) -> None:
    sandbox.faults.add(Fault("429", times=99))
    with pytest.raises(errors.QuotaSpent, match="Run again later"):
        create_tax(client)
    assert len(sandbox.served) == 5
    assert not sandbox.store.rows("taxes")


def test_a_limit_that_says_when_it_opens_is_no_failed_attempt(
    odd_server: Make, client_of: Make
) -> None:
    failures = [(500, {}, b"")] * 4
    server = odd_server([*failures, (429, {"Retry-After": "1"}, b""), ok({"id": 1})])
    assert client_of(server.url).detail(SUPPLIERS, 1)["id"] == 1
    assert len(server.asked) == 6


def test_a_limit_that_says_so_for_ever_is_given_up(odd_server: Make, client_of: Make) -> None:
    server = odd_server([(429, {"Retry-After": "1"}, b"")] * 99)
    with pytest.raises(errors.QuotaSpent):
        client_of(server.url, attempts=3).detail(SUPPLIERS, 1)
    assert len(server.asked) == 5


class Waking:
    """A test's time that lets something happen when someone first sleeps."""

    def __init__(self, time: Any, happen: Callable[[], Any]) -> None:
        self._time = time
        self._happen = [happen]

    def now(self) -> float:
        return self._time.now()

    def sleep(self, seconds: float) -> None:
        self._time.sleep(seconds)
        while self._happen:
            self._happen.pop()()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_connection_is_tried_again_as_nothing_can_have_happened(
    odd_server: Make, client_of: Make, time: Any, method: str
) -> None:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))  # taken, but nobody listens
    port = held.getsockname()[1]
    started = []

    def open_for_business() -> None:
        held.close()
        started.append(odd_server([ok({"id": 1})], port=port))

    client = client_of(f"http://127.0.0.1:{port}", clock=Waking(time, open_for_business))
    answer = client.detail(SUPPLIERS, 1) if method == "GET" else create_tax(client)
    assert answer == {"id": 1}
    assert [asked.method for asked in started[0].asked] == [method]
    assert client.retries == 1


def test_a_connection_that_stays_refused_ends_as_try_later(client_of: Make) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{held.getsockname()[1]}", attempts=3)
        with pytest.raises(errors.TryLater, match="no connection for POST"):
            create_tax(client)
        assert client.requests_by_method == Counter(POST=3)


def trouble_tls(monkeypatch: pytest.MonkeyPatch, trouble: Exception, *, after: bool) -> None:
    """Let TLS fail before or after requests are served."""
    really = HTTPAdapter.send

    def send(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        if after:
            really(self, request, **options).close()
        reason = urllib3.exceptions.SSLError(trouble)
        raise requests.exceptions.SSLError(
            urllib3.exceptions.MaxRetryError(None, request.url, reason), request=request
        )

    monkeypatch.setattr(HTTPAdapter, "send", send)


def test_a_write_is_not_sent_again_when_tls_breaks_after_it(
    sandbox: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    trouble_tls(monkeypatch, broken, after=True)
    with pytest.raises(errors.OutcomeUnknown):
        create_tax(client)
    assert len(sandbox.store.rows("taxes")) == 1


def test_a_certificate_that_is_not_trusted_proves_that_nothing_was_sent(
    sandbox: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    distrusted = ssl.SSLCertVerificationError("certificate verify failed")
    trouble_tls(monkeypatch, distrusted, after=False)
    with pytest.raises(errors.TryLater, match="no connection"):
        create_tax(client)
    assert sandbox.served == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_write_may_be_answered_by_nothing(odd_server: Make, client_of: Make, status: int) -> None:
    server = odd_server([(status, {}, b"")])
    assert create_tax(client_of(server.url)) == {}
    assert len(server.asked) == 1


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


# Limits


@pytest.mark.parametrize("second", [0, 17.25, 59.9])
def test_the_pace_keeps_the_servers_minute_wherever_it_begins(
    serve: Make, client_of: Make, time: Any, second: float
) -> None:
    time.advance(second)
    sandbox = serve()
    for number in range(150):
        sandbox.store.add("suppliers", {"name": f"Firm {number}"})
    client = client_of(sandbox)
    for key in sandbox.store.rows("suppliers"):
        client.detail(SUPPLIERS, key)
    assert [one.status for one in sandbox.served] == [200] * 150
    moments = [one.at for one in sandbox.served]
    assert max(Counter(moment // 60 for moment in moments).values()) == 60
    assert moments[59] - moments[0] <= 1  # a minute may be used as one burst
    assert moments[-1] - moments[0] <= 2 * 61  # and it is no slower than it must be


def test_identical_requests_wait_for_each_other(sandbox: Any, client: Any) -> None:
    for _ in range(4):
        assert len(list(client.records(SUPPLIERS))) == 25
    assert min(gaps_between_identical(sandbox.served)) >= 60
    assert [one.status for one in sandbox.served] == [200] * 4


def test_different_bodies_to_one_path_do_not_wait(sandbox: Any, client: Any, time: Any) -> None:
    for name in "ABC":
        client.write(TAXES, TAXES.create, {"name": name})
    assert time.sleeps == []


@pytest.mark.parametrize("shape", ["body", "headers", "empty", "html"])
def test_a_minute_that_is_full_is_waited_for(
    serve: Make, client_of: Make, time: Any, shape: str
) -> None:
    switches = {"minute_limit": 3, "limit_answer": shape}
    sandbox = serve(switches=switches, counts={"suppliers": 7})
    client = client_of(sandbox, quota=Quota(time, limits=UNLIMITED))
    keys = list(sandbox.store.rows("suppliers"))
    assert [client.detail(SUPPLIERS, key)["id"] for key in keys] == keys
    assert [one.status for one in sandbox.served] == [200] * 3 + [429] + [200] * 3 + [429, 200]
    assert client.retries == 2


@pytest.mark.parametrize(
    ("limit", "shape", "limiter", "resets_at"),
    [
        ("day_limit", "body", "daily limiter", "2027-01-16 00:00:01 UTC"),
        ("day_limit", "headers", "limiter", "2027-01-16 00:00:01 UTC"),
        ("hour_limit", "body", "hourly limiter", "2027-01-15 09:00:01 UTC"),
        ("hour_limit", "headers", "limiter", "2027-01-15 09:00:01 UTC"),
    ],
)
@pytest.mark.parametrize("call", [lambda it: list(it.records(TAXES)), create_tax])
@pytest.mark.parametrize(("when_spent", "exit_code"), [("stop", 0), ("fail", 75)])
def test_a_quota_that_is_spent_ends_the_work_and_tells_when_it_returns(
    serve: Make,
    client_of: Make,
    time: Any,
    limit: str,
    shape: str,
    limiter: str,
    resets_at: str,
    call: Callable[[Any], Any],
    when_spent: str,
    exit_code: int,
) -> None:
    sandbox = serve(switches={limit: 1, "limit_answer": shape})
    client = client_of(sandbox, quota=Quota(time, policy=Policy(when_spent=when_spent)))
    list(client.records(SUPPLIERS))
    with pytest.raises(errors.QuotaSpent, match=f"Run again after {resets_at}") as caught:
        call(client)
    assert caught.value.resets_at == f"after {resets_at}"
    assert caught.value.limiter == limiter
    assert caught.value.status is None
    assert caught.value.exit_code == exit_code
    assert len(sandbox.served) == 2
    assert time.sleeps == []


@pytest.mark.parametrize(
    ("limiter", "resets_at"),
    [("DAILY LIMITER", "2027-01-16 00:00:01 UTC"), ("Hourly limiter", "2027-01-15 09:00:01 UTC")],
)
def test_a_long_limit_that_names_no_moment_ends_the_work(
    odd_server: Make, client_of: Make, time: Any, limiter: str, resets_at: str
) -> None:
    body = json.dumps({"RateLimit-Type": limiter}).encode()
    server = odd_server([(429, {**JSON, "Date": format_datetime(time.moment())}, body)])
    with pytest.raises(errors.QuotaSpent, match=f"Run again after {resets_at}"):
        client_of(server.url).detail(SUPPLIERS, 1)
    assert len(server.asked) == 1
    assert time.sleeps == []


@pytest.mark.parametrize(
    ("policy", "exit_code"),
    [
        (Policy(), 0),
        (Policy(when_spent="fail"), 75),
        (Policy(when_spent="wait", max_wait=100.0), 75),
        (Policy(when_spent="wait", max_wait=200.0), None),
    ],
    ids=str,
)
def test_the_policy_decides_how_long_a_limit_may_take(
    odd_server: Make, client_of: Make, time: Any, policy: Policy, exit_code: int | None
) -> None:
    server = odd_server([(429, {"Retry-After": "150"}, b""), ok({"id": 1})])
    client = client_of(server.url, quota=Quota(time, policy=policy))
    if exit_code is None:
        assert client.detail(SUPPLIERS, 1) == {"id": 1}
        assert sum(time.sleeps) == pytest.approx(151.0, abs=2.1)  # how wrong this clock may be
        assert sum(time.sleeps) >= 151.0
    else:
        with pytest.raises(errors.QuotaSpent, match=r"Run again after 2027-01-15 08:02:31 UTC"):
            client.detail(SUPPLIERS, 1)
        assert time.sleeps == []
    assert len(server.asked) == 1 + (exit_code is None)


def test_a_limit_holds_back_every_other_request_too(
    odd_server: Make, client_of: Make, time: Any
) -> None:
    date = {"Date": format_datetime(time.moment())}
    server = odd_server([(429, {"Retry-After": "70", **date}, b""), ok({"id": 1})])
    client = client_of(server.url, attempts=1)
    with pytest.raises(errors.QuotaSpent):
        client.detail(SUPPLIERS, 1)
    client.detail(SUPPLIERS, 2)
    assert 71.0 <= sum(time.sleeps) <= 72.0


# Real time


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda client: client.detail(SUPPLIERS, 1), errors.TryLater),
        (create_tax, errors.OutcomeUnknown),
    ],
    ids=["reading", "writing"],
)
def test_a_server_that_stalls_is_left_in_time(
    odd_server: Make, client_of: Make, call: Callable[[Any], Any], error: type[Exception]
) -> None:
    enough = threading.Event()
    server = odd_server([lambda _: enough.wait(10) and None])
    client = client_of(server.url, timeout=(5.0, 0.04), attempts=1)
    begun = real_time.monotonic()
    try:
        with pytest.raises(error, match="was lost \\(ReadTimeout\\)"):
            call(client)
        assert real_time.monotonic() - begun < 5
    finally:
        enough.set()
    assert client.requests_by_method.total() == 1


def test_a_client_of_settings_keeps_the_time_of_a_fast_sandbox(serve: Make) -> None:
    sandbox = serve(clock=SandboxClock(6000), counts={"suppliers": 25})
    sandbox.faults.add(Fault("html"))
    client = client_from(
        {
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": 6000,
            "page_size": 10,
        },
        "test",
    )
    begun = real_time.monotonic()
    with closing(client):
        assert len(list(client.records(SUPPLIERS))) == 25
    assert client.retries >= 1  # a minute of 10 ms may be missed by a hair, and is tried again
    assert real_time.monotonic() - begun < 5
