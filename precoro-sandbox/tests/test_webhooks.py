"""What the sandbox tells others of its changes, as a real endpoint hears it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from precoro_api.resources import RESOURCES
from precoro_sandbox import Account, Sandbox, SandboxClock, Switches
from precoro_sandbox.webhooks import ENDPOINTS


@dataclass
class Endpoint:
    """Where posts go: what came, at which path, and what is answered."""

    url: str = ""
    status: int = 204
    paths: list[str] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def listen():
    """Start endpoints; all stop when the test ends."""
    running = []

    def start(status=204):
        endpoint = Endpoint(status=status)
        endpoint.held.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.held.wait(10)
                endpoint.paths.append(self.path)
                endpoint.heads.append(dict(self.headers))
                endpoint.events.append(json.loads(body))
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
        thread.start()
        running.append((endpoint, server, thread))
        endpoint.url = f"http://127.0.0.1:{server.server_port}/in/secret?from=sandbox"
        return endpoint

    yield start
    for endpoint, server, thread in running:
        endpoint.held.set()
        server.shutdown()
        thread.join(5)
        server.server_close()


def heard(endpoint, sandbox):
    sandbox.webhooks.wait()
    return endpoint.events


def test_a_post_a_put_and_a_patch_tell_what_was_created_and_updated(serve, ask, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    made = ask(sandbox, "POST", "/suppliers", data={"name": "One"}).json()["id"]
    ask(sandbox, "PUT", f"/suppliers/{made}", data={"city": "Turin"})
    ask(sandbox, "PATCH", f"/suppliers/{made}", data={"externalId": "V-1"})
    assert heard(endpoint, sandbox) == [
        {"id": made, "type": 7, "action": action} for action in (0, 1, 1)
    ]


def test_a_document_tells_its_number_as_a_number(serve, ask, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    order = sandbox.store.add("purchase_orders", {"status": 1})
    ask(sandbox, "POST", f"/purchaseorders/{order['idn']}/approve")
    assert heard(endpoint, sandbox) == [
        {"id": order["id"], "type": 2, "action": action, "idn": 1} for action in (0, 1)
    ]
    assert order["idn"] == "1"


def test_a_payment_tells_of_its_invoice_only(serve, ask, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    invoice = sandbox.store.add("invoices", {"sum": "9"})
    sandbox.webhooks.wait()
    endpoint.events.clear()
    paid = ask(sandbox, "POST", "/payments", data={"invoice[id]": invoice["id"], "sumPaid": 1})
    assert paid.status_code == 201
    assert heard(endpoint, sandbox) == [{"id": invoice["id"], "type": 3, "action": 1, "idn": 1}]


def test_what_changes_nothing_tells_nothing(serve, ask, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    row = sandbox.store.add("suppliers", {"name": "One", "externalId": "V-1"})
    sandbox.webhooks.wait()
    endpoint.events.clear()
    ask(sandbox, "GET", f"/suppliers/{row['id']}")
    ask(sandbox, "PATCH", f"/suppliers/{row['id']}", data={"externalId": "V-1"})
    assert ask(sandbox, "POST", "/suppliers", data={"name": "One"}).status_code == 400
    sandbox.store.remove("suppliers", row["id"])
    assert heard(endpoint, sandbox) == []


def test_each_resource_with_a_webhook_tells_its_type_and_no_other_does(serve, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    for resource in RESOURCES:
        if resource.alias_of is None:
            sandbox.store.add(resource.name, {})
    events = heard(endpoint, sandbox)
    assert [event["type"] for event in events] == [
        int(each.webhook) for each in RESOURCES if each.webhook is not None
    ]
    assert sorted(event["type"] for event in events) == list(range(12))
    numbered = {int(each.webhook) for each in RESOURCES if each.webhook is not None and each.number}
    assert {event["type"] for event in events if "idn" in event} == numbered


def test_the_seed_tells_nothing(serve, listen):
    endpoint = listen()
    sandbox = serve(counts={"suppliers": 30}, webhooks=[endpoint.url])
    assert len(sandbox.store.rows("suppliers")) == 30
    assert heard(endpoint, sandbox) == []


def test_a_child_of_a_split_invoice_tells_the_number_that_it_shows(serve, listen):
    for position, idn in (("shared", 1), ("distinct", 2)):
        endpoint = listen()
        sandbox = serve({"split_idn": position}, webhooks=[endpoint.url])
        sandbox.store.add("invoices", {})
        child = sandbox.store.add("invoices", {"parentData": {"idn": "1"}})
        child |= {"idn": "1", "_own_idn": "2"}
        sandbox.store.change("invoices", child, {"note": "n"})
        assert heard(endpoint, sandbox)[-1]["idn"] == idn


def test_it_posts_json_to_the_whole_address_and_signs_nothing(serve, listen):
    endpoint = listen()
    sandbox = serve(webhooks=[endpoint.url])
    sandbox.store.add("suppliers", {})
    heard(endpoint, sandbox)
    assert endpoint.paths == ["/in/secret?from=sandbox"]
    (head,) = endpoint.heads
    assert head["Content-Type"] == "application/json"
    assert not {name.lower() for name in head} - {
        "host", "accept-encoding", "content-length", "content-type",
    }  # fmt: skip
    assert sandbox.account.token not in str(head)


def test_all_of_five_endpoints_are_told_and_a_sixth_is_refused(serve, ask, listen):
    endpoints = [listen() for _ in range(ENDPOINTS)]
    sandbox = serve(webhooks=[each.url for each in endpoints])
    sandbox.webhooks.add(endpoints[0].url)  # known already
    with pytest.raises(ValueError, match="5 webhooks already"):
        sandbox.webhooks.add("http://127.0.0.1:1/")
    sandbox.store.add("suppliers", {})
    for endpoint in endpoints:
        assert len(heard(endpoint, sandbox)) == 1


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://x/", "http://", "http://x:nine/", "http://x:99999/"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match=r"http://|[Pp]ort"):
        Sandbox(webhooks=[url])


def test_an_endpoint_may_be_added_while_it_runs_and_asked_what_became_of_the_posts(
    serve, ask, listen
):
    endpoint, sandbox = listen(), serve()
    sandbox.store.add("suppliers", {})
    assert ask(sandbox, "POST", "/_sandbox/webhooks", json={"url": endpoint.url}).json() == {
        "endpoints": 1, "waiting": 0, "sent": 0, "failed": 0, "lost": 0, "dropped": 0,
    }  # fmt: skip
    sandbox.store.add("suppliers", {})
    assert len(heard(endpoint, sandbox)) == 1
    assert ask(sandbox, "GET", "/_sandbox/webhooks").json()["sent"] == 1
    assert sandbox.served == []


@pytest.mark.parametrize("body", [{}, {"url": "nowhere"}, {"url": 5}])
def test_control_refuses_what_is_no_address(serve, ask, body):
    sandbox = serve()
    assert ask(sandbox, "POST", "/_sandbox/webhooks", json=body).status_code == 400
    assert sandbox.webhooks.told["endpoints"] == 0


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_a_post_that_is_refused_counts_as_failed_and_is_not_tried_again(serve, listen, status):
    endpoint = listen(status)
    sandbox = serve(webhooks=[endpoint.url])
    sandbox.store.add("suppliers", {})
    assert len(heard(endpoint, sandbox)) == 1
    assert sandbox.webhooks.counts == Counter(failed=1)


def test_an_endpoint_that_is_gone_fails_and_the_others_are_told(serve, listen):
    endpoint = listen()
    sandbox = serve(webhooks=["http://127.0.0.1:1/", "https://127.0.0.1:1/", endpoint.url])
    for _ in range(3):
        sandbox.store.add("suppliers", {})
    assert len(heard(endpoint, sandbox)) == 3
    assert sandbox.webhooks.counts == Counter(failed=6, sent=3)


def test_a_slow_endpoint_holds_no_answer_of_the_api_up(serve, ask, listen):
    endpoint = listen()
    endpoint.held.clear()
    sandbox = serve(webhooks=[endpoint.url])
    began = time.monotonic()
    for name in "abc":
        assert ask(sandbox, "POST", "/suppliers", data={"name": name}).status_code == 201
    assert time.monotonic() - began < 2
    with pytest.raises(TimeoutError, match="2 webhooks still wait"):
        sandbox.webhooks.wait(timeout=0.1)
    endpoint.held.set()
    assert len(heard(endpoint, sandbox)) == 3


def test_beyond_ten_thousand_that_wait_posts_are_dropped_and_counted(serve, listen):
    endpoint = listen()
    endpoint.held.clear()
    sandbox = serve(webhooks=[endpoint.url])
    row = sandbox.store.add("suppliers", {})
    until = time.monotonic() + 10
    while sandbox.webhooks.told["waiting"] and sandbox.webhooks._waiting:
        assert time.monotonic() < until
        time.sleep(0.001)
    for _ in range(10_005):
        sandbox.store.change("suppliers", row, {})
    assert sandbox.webhooks.counts == Counter(dropped=5)
    assert sandbox.webhooks.told["waiting"] == 10_001


def test_loss_and_duplicates_come_as_often_as_told_and_the_same_each_time(serve, listen):
    def run():
        endpoint = listen()
        clock = SandboxClock(speed=0, start=1_800_000_000.0)
        switches = {"webhook_loss": 20, "webhook_duplicates": 10}
        sandbox = serve(switches, clock=clock, webhooks=[endpoint.url])
        rows = [sandbox.store.add("suppliers", {})["id"] for _ in range(300)]
        told = [event["id"] for event in heard(endpoint, sandbox)]
        return rows, told, sandbox.webhooks.counts

    rows, told, counts = run()
    seen = Counter(told)
    assert counts["lost"] == len(set(rows) - set(seen))
    assert 30 <= counts["lost"] <= 90
    assert set(seen.values()) == {1, 2}
    assert 8 <= sum(many == 2 for many in seen.values()) <= 50
    assert told == sorted(told)
    assert run() == (rows, told, counts)


def test_out_of_order_none_is_missing_and_none_is_far_from_its_place(serve, listen):
    endpoint = listen()
    sandbox = serve({"webhook_reordering": "on"}, webhooks=[endpoint.url])
    rows = [sandbox.store.add("suppliers", {})["id"] for _ in range(200)]
    told = [event["id"] for event in heard(endpoint, sandbox)]
    assert told != rows
    assert sorted(told) == rows
    assert max(abs(told.index(row) - place) for place, row in enumerate(rows)) <= 10


def test_out_of_order_the_last_is_not_held_back_for_ever(serve, listen):
    endpoint = listen()
    sandbox = serve({"webhook_reordering": "on"}, webhooks=[endpoint.url])
    for _ in range(5):
        sandbox.store.add("suppliers", {})
    until = time.monotonic() + 10
    while len(endpoint.events) < 5:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_of_several_companies_the_first_one_tells(serve, listen):
    endpoint, clock = listen(), SandboxClock()
    accounts = [Account.open(clock, Switches(), {}, token=f"token-{number}") for number in range(2)]
    sandbox = serve(accounts=accounts, clock=clock, webhooks=[endpoint.url])
    for account in accounts:
        account.store.add("suppliers", {"name": account.token})
    assert len(heard(endpoint, sandbox)) == 1


def test_it_stops_while_posts_wait(listen):
    endpoint = listen()
    with Sandbox(webhooks=[endpoint.url]) as sandbox:
        row = sandbox.store.add("suppliers", {})
        for _ in range(5000):
            sandbox.store.change("suppliers", row, {})
    assert len(endpoint.events) < 5001
    assert sandbox.webhooks.told["waiting"] > 0
    assert not sandbox.webhooks._thread.is_alive()
