"""Killed at any request, and run again: nothing is doubled, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal

import pytest


def start(sandbox, tmp_path, lines, **settings):
    config = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        "journal_path": str(tmp_path / "journal.sqlite3"),
        **settings,
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    source = tmp_path / "input.singer"
    source.write_text("".join(f"{line}\n" for line in lines))
    with source.open() as given:
        return subprocess.Popen(
            [sys.executable, "-m", "target_precoro", "--config", str(path)],
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def messages(stream, records):
    schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
    return [
        json.dumps({**schema, "key_properties": []}),
        *(json.dumps({"type": "RECORD", "stream": stream, "record": each}) for each in records),
    ]


def kill_until_done(sandbox, tmp_path, lines, every, **settings):
    """Kill the process after every so many requests; the number of kills until it ends itself."""
    kills = 0
    while True:
        since = len(sandbox.served)
        process = start(sandbox, tmp_path, lines, **settings)
        while process.poll() is None and len(sandbox.served) - since < every:
            time.sleep(0.002)
        if process.poll() is not None:
            return process.returncode, kills
        process.kill()
        process.wait()
        kills += 1
        assert kills < 60


RECORDS = {
    "suppliers": [{"externalId": f"X-{n}", "name": f"Firm {n}", "city": "A"} for n in range(24)],
    "items": [{"externalId": f"X-{n}", "name": f"Item {n}", "sku": f"S{n}"} for n in range(24)],
    "locations": [{"externalId": f"X-{n}", "name": f"Place {n}"} for n in range(24)],
    "taxes": [{"externalId": f"X-{n}", "name": f"Tax {n}", "percent": n} for n in range(24)],
}


@pytest.mark.parametrize(
    ("resource", "match_on"),
    [*((resource, None) for resource in RECORDS), ("suppliers", []), ("items", [])],
    ids=str,
)
def test_killed_at_requests_and_run_again_until_done(serve, tmp_path, resource, match_on):
    sandbox = serve(speed=600)
    sandbox.app.latency = 3.0  # of the sandbox's seconds: 5 ms
    settings = {} if match_on is None else {"match_on": {resource: match_on}}
    lines = messages(resource, RECORDS[resource])
    code, kills = kill_until_done(sandbox, tmp_path, lines, 8, **settings)
    assert code == 0
    assert kills > 2
    rows = list(sandbox.store.rows(resource).values())
    assert Counter(row["externalId"] for row in rows) == Counter(f"X-{n}" for n in range(24))


def test_payments_killed_at_requests_are_made_once(serve, tmp_path):
    sandbox = serve(speed=600)
    sandbox.app.latency = 3.0
    for n in range(20):
        values = {"sum": Decimal(50), "sumPaid": Decimal(0), "status": 2, "externalId": f"I-{n}"}
        sandbox.store.add("invoices", values)
    records = [
        {"externalId": f"P-{n}", "invoice_external_id": f"I-{n}", "sumPaid": 20,
         "payDate": "2026-01-31"}
        for n in range(20)
    ]  # fmt: skip
    code, kills = kill_until_done(sandbox, tmp_path, messages("payments", records), 8)
    assert code == 0
    assert kills > 2
    paid = Counter(row["externalId"] for row in sandbox.store.rows("payments").values())
    assert paid == Counter(f"P-{n}" for n in range(20))


def test_two_targets_at_once_double_nothing(serve, tmp_path):
    sandbox = serve(speed=600)
    sandbox.app.latency = 3.0
    lines = messages("suppliers", RECORDS["suppliers"])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    journal = {"journal_path": str(tmp_path / "journal.sqlite3")}
    both = [start(sandbox, tmp_path / name, lines, **journal) for name in ("a", "b")]
    for process in both:
        process.wait(timeout=120)
    rows = list(sandbox.store.rows("suppliers").values())
    assert Counter(row["externalId"] for row in rows) == Counter(f"X-{n}" for n in range(24))
    assert [process.returncode for process in both] == [0, 0]
