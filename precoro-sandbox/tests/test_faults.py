"""Things that go wrong on demand, and the sandbox's own endpoints."""

from __future__ import annotations

import time

import pytest
import requests
from precoro_sandbox import Fault
from precoro_sandbox.faults import KINDS

HAPPENED = {"lost": True, "failed": True, "500": False, "429": False, "reset": False}
DROPPED = ("lost", "reset")


def served(ask, sandbox, since=0):
    return ask(sandbox, "GET", "/_sandbox/requests", params={"since": since}).json()


def write(ask, sandbox, name="One"):
    """The answer of a POST, or None where the connection broke."""
    try:
        return ask(sandbox, "POST", "/suppliers", data={"name": name})
    except requests.ConnectionError:
        return None


# Kinds


@pytest.mark.parametrize(("kind", "happened"), HAPPENED.items())
def test_whether_the_write_has_happened(serve, ask, kind, happened):
    sandbox = serve()
    sandbox.faults.add(Fault(kind))
    write(ask, sandbox)
    assert bool(sandbox.store.rows("suppliers")) is happened
    again = write(ask, sandbox)
    assert again.status_code == (400 if happened else 201)


@pytest.mark.parametrize("kind", DROPPED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_breaks(serve, ask, kind, method):
    sandbox = serve()
    sandbox.faults.add(Fault(kind))
    with pytest.raises(requests.ConnectionError):
        ask(sandbox, method, "/suppliers", data={"name": "One"})
    assert ask(sandbox, "GET", "/suppliers").status_code == 200
    assert [each.status for each in sandbox.served] == [0, 200]


@pytest.mark.parametrize("kind", ["500", "failed"])
def test_an_error_of_the_server(serve, ask, kind):
    sandbox = serve()
    sandbox.faults.add(Fault(kind))
    answer = write(ask, sandbox)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_a_429_that_says_nothing(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("429"))
    answer = ask(sandbox, "GET", "/suppliers")
    assert (answer.status_code, answer.content) == (429, b"")
    assert "RateLimit-Retry-After" not in answer.headers


def test_half_of_a_body(serve, ask):
    sandbox = serve(counts={"suppliers": 5})
    whole = ask(sandbox, "GET", "/suppliers").content
    sandbox.faults.add(Fault("cut"))
    answer = ask(sandbox, "GET", "/suppliers")
    assert answer.status_code == 200
    assert answer.content == whole[: len(whole) // 2]
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_page_where_json_should_be(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("html"))
    answer = ask(sandbox, "GET", "/suppliers")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")


def test_an_answer_of_nothing(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("empty"))
    answer = ask(sandbox, "GET", "/suppliers")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("kind", ["cut", "html", "empty", "slow"])
def test_a_spoilt_answer_to_a_write_that_happened(serve, ask, kind):
    sandbox = serve()
    sandbox.faults.add(Fault(kind))
    assert write(ask, sandbox).status_code in (200, 201)
    assert len(sandbox.store.rows("suppliers")) == 1


def test_a_slow_answer(serve, ask):
    sandbox = serve(counts={"suppliers": 5})
    whole = ask(sandbox, "GET", "/suppliers").content
    sandbox.faults.add(Fault("slow", seconds=0.04))
    started = time.monotonic()
    assert ask(sandbox, "GET", "/suppliers").content == whole
    assert time.monotonic() - started >= 0.04


def test_every_kind_is_tried_here():
    assert {*HAPPENED, "cut", "shortened", "html", "empty", "slow"} == set(KINDS)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"no fault 'fire'; there are 500, .*slow"):
        Fault("fire")


# Which request


@pytest.mark.parametrize("times", [1, 2, 3])
def test_so_many_times(serve, ask, times):
    sandbox = serve()
    sandbox.faults.add(Fault("500", times=times))
    statuses = [ask(sandbox, "GET", "/units").status_code for _ in range(4)]
    assert statuses == [500] * times + [200] * (4 - times)


def test_after_some_that_go_well(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("500", times=2, skip=2))
    statuses = [ask(sandbox, "GET", "/units").status_code for _ in range(5)]
    assert statuses == [200, 200, 500, 500, 200]


def test_for_one_method_and_path_only(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("500", method="POST", path="/suppliers"))
    for method, path in (("GET", "/suppliers"), ("POST", "/items"), ("GET", "/units")):
        assert ask(sandbox, method, path, data={"name": "One"}).ok
    assert write(ask, sandbox).status_code == 500


def test_the_first_fault_that_matches_goes_first(serve, ask):
    sandbox = serve()
    for fault in (Fault("429", path="/items"), Fault("500"), Fault("empty")):
        sandbox.faults.add(fault)
    assert ask(sandbox, "GET", "/units").status_code == 500
    assert ask(sandbox, "GET", "/items").status_code == 429
    assert ask(sandbox, "GET", "/items").content == b""
    assert ask(sandbox, "GET", "/items").json()["data"] == []


def test_faults_can_be_cleared(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("500", times=9))
    sandbox.faults.clear()
    assert ask(sandbox, "GET", "/units").ok


def test_a_fault_comes_before_the_key_is_looked_at(serve, ask):
    sandbox = serve()
    sandbox.faults.add(Fault("500"))
    wrong = {"X-AUTH-TOKEN": "wrong"}
    assert ask(sandbox, "GET", "/units", headers=wrong).status_code == 500
    assert ask(sandbox, "GET", "/units", headers=wrong).status_code == 401


# The sandbox's own endpoints


def test_what_was_served_is_counted_and_listed(serve, ask):
    sandbox = serve()
    ask(sandbox, "GET", "/units?page=1")
    write(ask, sandbox)
    ask(sandbox, "GET", "/nothing")
    told = served(ask, sandbox)
    assert told["total"] == 3
    assert told["by_method"] == {"GET": 2, "POST": 1}
    assert told["by_status"] == {"200": 1, "201": 1, "404": 1}
    first, second, _ = told["requests"]
    assert (first["method"], first["path"], first["query"]) == ("GET", "/units", "page=1")
    assert (second["body"], second["status"]) == ("name=One", 201)
    assert first["at"] <= second["at"] <= sandbox.clock.now()


@pytest.mark.parametrize(("since", "left"), [(0, 3), (1, 2), (3, 0), (99, 0)])
def test_what_was_served_since(serve, ask, since, left):
    sandbox = serve()
    for path in ("/units", "/users", "/items"):
        ask(sandbox, "GET", path)
    told = served(ask, sandbox, since)
    assert told["total"] == left
    assert [each["path"] for each in told["requests"]] == ["/units", "/users", "/items"][since:]


def test_what_was_served_holds_no_key(serve, ask):
    sandbox = serve()
    ask(sandbox, "GET", "/units")
    ask(sandbox, "GET", "/units", headers={"X-AUTH-TOKEN": "another-key"})
    text = ask(sandbox, "GET", "/_sandbox/requests").text
    assert sandbox.account.token not in text
    assert "another-key" not in text


def test_own_endpoints_need_no_key_and_are_not_listed(serve, ask):
    sandbox = serve(counts={"units": 3})
    nobody = {"X-AUTH-TOKEN": None, "email": None}
    assert ask(sandbox, "GET", "/_sandbox/rows/units", headers=nobody).ok
    assert served(ask, sandbox)["total"] == 0


def test_rows_of_the_store(serve, ask):
    sandbox = serve(counts={"units": 15, "item_custom_fields": 4, "item_custom_field_options": 5})
    rows = ask(sandbox, "GET", "/_sandbox/rows/units").json()
    assert [row["id"] for row in rows] == list(sandbox.store.rows("units"))
    options = ask(sandbox, "GET", "/_sandbox/rows/item_custom_field_options").json()
    assert len(options) == len(sandbox.store.rows("item_custom_field_options"))
    assert ask(sandbox, "GET", "/_sandbox/rows/suppliers").json() == []


def test_the_clock_is_moved(serve, ask):
    sandbox = serve()
    before = sandbox.clock.now()
    answer = ask(sandbox, "POST", "/_sandbox/clock", json={"advance": 3600})
    assert answer.json() == {"now": sandbox.clock.stamp()}
    assert 3600 <= sandbox.clock.now() - before < 3700
    assert write(ask, sandbox).json()["createDate"] >= answer.json()["now"]


def test_faults_over_http(serve, ask):
    sandbox = serve()
    fault = {"kind": "500", "times": 5, "method": "POST", "path": "/suppliers"}
    assert ask(sandbox, "POST", "/_sandbox/faults", json=fault).json() == {}
    assert write(ask, sandbox).status_code == 500
    assert ask(sandbox, "DELETE", "/_sandbox/faults").json() == {}
    assert write(ask, sandbox).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "faults", {"kind": "fire"}),
        ("POST", "faults", {}),
        ("POST", "faults", {"kind": "500", "often": 2}),
        ("POST", "clock", {}),
        ("POST", "clock", {"advance": "soon"}),
        ("POST", "clock", [1]),
        ("GET", "rows/nothing", {}),
        ("GET", "requests?since=x", {}),
    ],
)
def test_what_the_own_endpoints_cannot_read_is_refused(serve, ask, method, path, body):
    answer = ask(serve(), method, f"/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "clock"), ("GET", "faults"), ("GET", ""), ("GET", "rows"), ("GET", "more")],
)
def test_there_are_no_other_own_endpoints(serve, ask, method, path):
    assert ask(serve(), method, f"/_sandbox/{path}").status_code == 404


def test_latency_comes_before_each_answer(serve, ask):
    sandbox = serve()
    sandbox.app.latency = 0.04
    started = time.monotonic()
    ask(sandbox, "GET", "/units")
    assert time.monotonic() - started >= 0.04
