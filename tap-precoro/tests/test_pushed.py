"""The tap with a spool of webhooks: it reads what events tell of, and otherwise asks nothing."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
from datetime import datetime, timedelta

import pytest
from precoro_api.webhooks import Event, Spool
from precoro_api.webhooks.receiver import Receiver
from starlette.responses import JSONResponse
from tap_precoro.forecast import forecast_of
from tap_precoro.tap import TapPrecoro

ORDERS = ("purchase_orders", "purchase_orders_details", "purchase_orders_items")
TEXTS = {"suppliers": "name", "purchase_orders": "note", "invoices": "note"}
TABLES = tuple(TEXTS)
ORDER, INVOICE, SUPPLIER = 2, 3, 7


class Job:
    """Runs of one tap, whose state is what the last one wrote, and its destination."""

    def __init__(self, sandbox, spool, *streams, **settings):
        self.sandbox, self.spool, self.streams, self.state = sandbox, spool, streams, {}
        self.settings = {"reconcile_hours": 24, "overlap_seconds": 60, **settings}
        self.tables = {name: {} for name in streams}
        self.records = []

    def tell(self, kind, row, action=1):
        idn = str(row["idn"]) if "idn" in row else None
        return self.spool.add([Event(row["id"], kind, action, idn, 0.0)])

    def made(self, **settings):
        """The tap as it stands before its next run."""
        tap = TapPrecoro(
            config={
                "auth_token": self.sandbox.account.token,
                "email": self.sandbox.account.email,
                "base_url": self.sandbox.url,
                "clock_speed": int(self.sandbox.clock.speed),
                "webhook_spool": str(self.spool.path),
                **self.settings,
                **settings,
            },
            state=copy.deepcopy(self.state),
        )
        for name, stream in tap.streams.items():
            stream.selected = name in self.streams
        return tap

    def estimate(self, **settings):
        """The forecast of the next run, and what it asked."""
        before = len(self.sandbox.served)
        return forecast_of(self.made(**settings)), len(self.sandbox.served) - before

    def run(self, *, upto=None, code=0, **settings):
        """Run the tap; the requests that it sent. A state after `upto` records is lost."""
        tap = self.made(**settings)
        before, out = len(self.sandbox.served), io.StringIO()
        with contextlib.redirect_stdout(out):
            assert tap.run() == code
        self.records = []
        for line in out.getvalue().splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                if upto is not None and len(self.records) == upto:
                    break
                self.records.append((message["stream"], message["record"]))
                keys = tap.streams[message["stream"]].primary_keys
                key = tuple(message["record"][name] for name in keys)
                self.tables[message["stream"]][key] = message["record"]
            elif message["type"] == "STATE":
                self.state = message["value"]
        return [f"{each.method} {each.path}" for each in self.sandbox.served[before:]]

    def later(self, hours):
        """Some hours pass: the last list was read so much longer ago."""
        for entry in self.state["bookmarks"].values():
            if "list_read" in entry:
                read = datetime.fromisoformat(entry["list_read"]) - timedelta(hours=hours)
                entry["list_read"] = read.isoformat()

    def streams_of(self, key, value):
        return sorted(name for name, record in self.records if record.get(key) == value)


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool.sqlite3")
    spool.add(())
    yield spool
    spool.close()


@pytest.fixture
def sandbox(serve):
    return serve(counts={"suppliers": 20, "purchase_orders": 12, "invoices": 8})


def test_the_first_run_reads_lists_and_an_idle_one_asks_nothing(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS, "suppliers", "payments", "taxes")
    first = job.run()
    assert len(job.tables["purchase_orders_details"]) == 12
    assert {"GET /suppliers", "GET /payments", "GET /taxes"} <= set(first)
    state = job.state
    assert job.run() == []
    assert job.state == state


def test_many_events_of_one_document_are_one_request_for_all_its_streams(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    one, other = list(sandbox.store.rows("purchase_orders").values())[3:5]
    for row, note in ((one, "a"), (other, "b"), (one, "c")):
        sandbox.store.change("purchase_orders", row, {"note": note})
        job.tell(ORDER, row)
    assert job.run() == [f"GET /purchaseorders/{row['idn']}" for row in (one, other)]
    assert job.tables["purchase_orders"][one["id"],]["note"] == "c"
    assert job.tables["purchase_orders_details"][other["id"],]["note"] == "b"
    lines = ["purchase_orders_items"] * len(one["items"])
    assert job.streams_of("documentId", one["id"]) == lines
    assert job.run() == []


def test_what_a_run_takes_is_estimated_from_the_events(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS, "invoices", "payments")
    job.run()
    assert [part.requests for part in job.estimate()[0].needs] == [0] * len(job.streams)
    assert job.estimate()[1] == 0
    orders = list(sandbox.store.rows("purchase_orders").values())[:4]
    for row in [*orders, orders[0]]:
        sandbox.store.change("purchase_orders", row, {"note": "changed"})
        job.tell(ORDER, row)
    job.tell(INVOICE, next(iter(sandbox.store.rows("invoices").values())))
    forecast, asked = job.estimate(detail_limit=3)
    assert (forecast.requests, asked) == (4, 1)
    assert {need.stream: need.requests for need in forecast.needs if need.requests} == {
        "purchase_orders": 3,
        "invoices": 1,
    }
    assert "detail_limit leaves 1" in [need.note for need in forecast.needs]
    forecast, _ = job.estimate()
    assert forecast.requests == 5 == len(job.run())
    assert job.estimate()[0].requests == 0


def test_what_was_fetched_by_events_is_not_estimated_when_reconciling(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    row = next(iter(sandbox.store.rows("purchase_orders").values()))
    sandbox.clock.advance(120)
    sandbox.store.change("purchase_orders", row, {"note": "changed"})
    job.tell(ORDER, row)
    sandbox.clock.advance(120)
    job.run()
    job.later(hours=25)
    forecast, _ = job.estimate()
    assert forecast.requests == 1 == len(job.run())


def test_a_list_alone_is_read_once_for_all_its_events(sandbox, spool):
    job = Job(sandbox, spool, "suppliers", "purchase_orders")
    job.run()
    for row in list(sandbox.store.rows("suppliers").values())[:5]:
        sandbox.store.change("suppliers", row, {"city": "Turin"})
        job.tell(SUPPLIER, row)
    assert job.run() == ["GET /suppliers"]
    assert sum(row["city"] == "Turin" for row in job.tables["suppliers"].values()) == 5


def test_events_go_only_after_a_state_that_covers_them_came_back(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    rows = list(sandbox.store.rows("purchase_orders").values())[:3]
    for row in rows:
        job.tell(ORDER, row)
    kept = job.state
    assert len(job.run()) == 3
    assert len(spool.events()) == 3  # nobody has said yet that the state was kept
    job.state = kept  # it was lost: killed before it went out
    assert len(job.run()) == 3
    assert job.run() == []
    assert spool.events() == []


def test_a_run_that_is_cut_off_goes_on_with_the_next_document(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS[1:])
    job.run()
    rows = list(sandbox.store.rows("purchase_orders").values())[:4]
    for row in rows:
        sandbox.store.change("purchase_orders", row, {"note": "n"})
        job.tell(ORDER, row)
    job.run(detail_limit=1)
    assert job.run(detail_limit=2) == [f"GET /purchaseorders/{row['idn']}" for row in rows[1:3]]
    assert job.run() == [f"GET /purchaseorders/{rows[3]['idn']}"]
    assert job.run(upto=0) == []


def test_reconciling_scans_the_list_and_fetches_only_what_no_event_told(serve, spool):
    # Slow enough that the start of a run, which a fast clock stretches, is a minute at most.
    sandbox = serve(counts={"purchase_orders": 12}, speed=600)
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    rows = list(sandbox.store.rows("purchase_orders").values())[:4]
    for row in rows:
        sandbox.store.change("purchase_orders", row, {"note": "told"})
        job.tell(ORDER, row)
    job.run()
    lost = list(sandbox.store.rows("purchase_orders").values())[6]
    sandbox.store.change("purchase_orders", lost, {"note": "lost"})
    assert job.run() == []
    job.later(23)
    assert job.run() == []
    job.later(1)
    assert job.run() == ["GET /purchaseorders", f"GET /purchaseorders/{lost['idn']}"]
    assert job.tables["purchase_orders_details"][lost["id"],]["note"] == "lost"
    assert job.run() == []


def test_a_document_that_changed_after_its_event_is_fetched_when_reconciling(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    row = list(sandbox.store.rows("purchase_orders").values())[2]
    sandbox.store.change("purchase_orders", row, {"note": "told"})
    job.tell(ORDER, row)
    job.run()
    sandbox.store.change("purchase_orders", row, {"note": "lost"})
    assert f"GET /purchaseorders/{row['idn']}" in job.run(reconcile_hours=0)
    assert job.tables["purchase_orders_details"][row["id"],]["note"] == "lost"


def test_what_has_no_webhook_is_read_when_reconciling(sandbox, spool):
    job = Job(sandbox, spool, "taxes", "payments")
    job.run()
    assert job.run(reconcile_hours=48) == []
    job.later(25)
    assert job.run(reconcile_hours=48) == []
    assert sorted(job.run()) == ["GET /payments", "GET /taxes"]


def test_a_stream_that_is_new_reads_its_list_first(sandbox, spool):
    job = Job(sandbox, spool, "purchase_orders")
    job.run()
    job.streams = ORDERS
    job.tables |= {name: {} for name in ORDERS}
    assert len(job.run()) == 1 + 12
    assert len(job.tables["purchase_orders_details"]) == 12


def test_a_state_that_is_older_than_what_was_removed_reads_the_list(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    old = json.loads(json.dumps(job.state))
    row = list(sandbox.store.rows("purchase_orders").values())[1]
    sandbox.store.change("purchase_orders", row, {"note": "n"})
    job.tell(ORDER, row)
    job.run()
    job.run()
    assert spool.events() == []
    job.state = old
    assert job.run()[0] == "GET /purchaseorders"


def test_a_spool_that_was_thrown_away_makes_lists_be_read(sandbox, spool, tmp_path):
    job = Job(sandbox, spool, "suppliers")
    job.run()
    spool.close()
    for file in tmp_path.iterdir():
        file.unlink()
    row = next(iter(sandbox.store.rows("suppliers").values()))
    job.tell(SUPPLIER, row)
    assert job.run() == ["GET /suppliers"]
    assert job.run() == []


def test_events_that_no_selected_stream_wants_are_removed(sandbox, spool):
    job = Job(sandbox, spool, "suppliers")
    row = next(iter(sandbox.store.rows("suppliers").values()))
    for kind in (SUPPLIER, INVOICE, 42):
        job.tell(kind, row)
    job.run()
    assert [each.event.type for each in spool.events()] == [SUPPLIER]
    job.run()
    assert spool.events() == []


def test_a_filter_is_left_to_the_list(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS, filters={"purchase_orders": {"status": "approved"}})
    job.run()
    rows = sandbox.store.rows("purchase_orders").values()
    denied = next(row for row in rows if str(row["status"]) == "2")
    sandbox.store.change("purchase_orders", denied, {"status": 3})
    job.tell(ORDER, denied)
    assert job.run() == ["GET /purchaseorders"]


def test_a_document_that_is_gone_holds_nothing_up(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    gone, there = list(sandbox.store.rows("purchase_orders").values())[:2]
    sandbox.store.remove("purchase_orders", gone["id"])
    job.tell(ORDER, gone)
    job.tell(ORDER, there)
    assert len(job.run()) == 2
    assert job.streams_of("id", there["id"])[:2] == list(ORDERS[:2])
    assert job.run() == []


def test_parts_of_a_split_invoice_come_with_the_next_list(sandbox, spool):
    job = Job(sandbox, spool, "invoices", "invoices_details")
    job.run()
    parent = next(iter(sandbox.store.rows("invoices").values()))
    sandbox.store.change("invoices", parent, {"splitIndex": 10})
    child = sandbox.store.add("invoices", {"parentData": {"idn": parent["idn"]}, "splitIndex": 1})
    child |= {"idn": parent["idn"], "_own_idn": child["idn"]}
    job.tell(INVOICE, parent)
    job.tell(INVOICE, child)
    job.run()
    job.run()
    assert {(parent["id"],), (child["id"],)} <= set(job.tables["invoices"])
    assert job.tables["invoices"][child["id"],]["_is_split_child"] is True
    assert job.run() == []


def test_credit_notes_come_with_the_events_of_invoices(sandbox, spool):
    streams = ("credit_notes", "credit_notes_details", "invoices", "invoices_details")
    job = Job(sandbox, spool, *streams)
    note, plain = list(sandbox.store.rows("invoices").values())[:2]
    for row, kind in ((note, 5), (plain, 0)):
        sandbox.store.change("invoices", row, {"logicType": kind})
    job.run()
    for row in (note, plain):
        sandbox.store.change("invoices", row, {"note": "n"})
        job.tell(INVOICE, row)
    assert len(job.run()) == 2
    assert job.streams_of("id", note["id"]) == list(streams)
    assert job.streams_of("id", plain["id"]) == list(streams[2:])


def test_a_spool_that_is_not_there_is_told(sandbox, spool, caplog):
    job = Job(sandbox, spool, "suppliers")
    assert job.run(code=2, webhook_spool=str(spool.path) + "x") == []
    assert "webhook_spool: there is no file" in caplog.text


def test_testing_the_connection_leaves_events_alone(sandbox, spool):
    job = Job(sandbox, spool, "suppliers")
    job.tell(SUPPLIER, {"id": 1})
    tap = TapPrecoro(
        config={
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": int(sandbox.clock.speed),
            "webhook_spool": str(spool.path),
        }
    )
    for name, stream in tap.streams.items():
        stream.selected = name == "suppliers"
    with contextlib.redirect_stdout(io.StringIO()):
        assert tap.run_connection_test()
    tap.finish()
    assert len(spool.events()) == 1


@pytest.mark.parametrize("seed", range(3))
def test_it_converges_though_events_are_lost_doubled_and_out_of_order(serve, spool, seed):
    sandbox = serve(
        counts={"suppliers": 15, "purchase_orders": 15, "invoices": 15},
        switches={
            "webhook_loss": 20,
            "webhook_duplicates": 30,
            "webhook_reordering": "on",
        },
    )
    secret = "k3y-0123456789abcdef"
    streams = ("suppliers", *ORDERS, "invoices", "invoices_details")
    job, store, told = Job(sandbox, spool, *streams), sandbox.store, sandbox.webhooks.counts
    chance, changed = random.Random(seed), set()
    with Receiver(Spool(spool.path), secret) as receiver:
        sandbox.webhooks.add(receiver.url + secret)
        job.run()
        for step in range(16):
            for _ in range(chance.randrange(6)):
                table = chance.choice(TABLES)
                whole = [row for row in store.rows(table).values() if not row.get("parentData")]
                row = chance.choice(whole)
                store.change(table, row, {TEXTS[table]: f"{step} {chance.random()}"})
                changed.add((table, row["id"]))
            sandbox.webhooks.wait()
            if step < 8:  # by events alone: nothing but those that were lost is behind
                asked = job.run()
                assert not {"GET /purchaseorders", "GET /invoices"} & set(asked)
                assert len(behind(job)) <= told["lost"]
                assert len(changed - behind(job)) >= len(changed) / 2
            else:
                job.later(chance.choice((0, 1, 13)))
                job.run()
    job.later(25)
    job.run()
    assert told["lost"]
    assert told["sent"] > told["lost"]
    assert told["failed"] == told["dropped"] == 0
    assert behind(job) == set()


def behind(job):
    """The records, by table and id, of which the destination does not have what Precoro has."""
    found = set()
    for table, text in TEXTS.items():
        rows = job.sandbox.store.rows(table)
        assert {key for (key,) in job.tables[table]} == set(rows)
        for key, row in rows.items():
            copies = [job.tables[table]]
            if table != "suppliers" and not row.get("parentData"):
                copies.append(job.tables[f"{table}_details"])
            if any(copy[key,][text] != row.get(text) for copy in copies):
                found.add((table, key))
    return found


def test_a_document_that_is_refused_holds_back_no_event_behind_it(sandbox, spool):
    job = Job(sandbox, spool, *ORDERS)
    job.run()
    rows = list(sandbox.store.rows("purchase_orders").values())[2:5]
    hidden = f"/purchaseorders/{rows[0]['idn']}"

    def refuse(request, response):
        if request.url.path == hidden:
            return JSONResponse({"message": "Access Denied."}, 403)
        return response

    sandbox.app.spoil = refuse
    for row in rows:
        sandbox.store.change("purchase_orders", row, {"note": "changed"})
        job.tell(ORDER, row)
    job.run(code=1)
    details = job.tables["purchase_orders_details"]
    assert [details[row["id"],]["note"] == "changed" for row in rows] == [False, True, True]
    assert job.run() == []
    sandbox.app.spoil = None
    job.later(24)
    assert f"GET {hidden}" in job.run()
    assert details[rows[0]["id"],]["note"] == "changed"
