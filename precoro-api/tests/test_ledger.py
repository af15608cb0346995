"""Where the budget is kept: one behaviour, four places; real servers where they run."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid

import pytest
from precoro_api.quota import LedgerError, MemoryLedger, SqliteLedger, open_ledger
from precoro_api.quota.quota import token_digest

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")


@pytest.fixture(params=["memory", "sqlite", "redis", "postgres"])
def ledger(request, tmp_path):
    if request.param in ("redis", "postgres"):
        url = REDIS if request.param == "redis" else POSTGRES
        try:
            made = open_ledger(url)
        except LedgerError as problem:
            pytest.skip(f"no {request.param} server on this machine: {problem}")
    else:
        made = open_ledger("memory" if request.param == "memory" else str(tmp_path / "q.sqlite3"))
    yield made
    made.close()


@pytest.fixture
def name():
    """A prefix that no other test uses."""
    return uuid.uuid4().hex


def put(ledger, values, now=1.0, ttl=100.0):
    ledger.transact(
        tuple(values), lambda _: ({k: (v, now + ttl) for k, v in values.items()}, None), now
    )


def get(ledger, *keys):
    return ledger.transact(keys, lambda stored: ({}, dict(stored)), 1.0)


def test_what_is_put_is_found_again(ledger, name):
    assert get(ledger, f"{name}:a") == {f"{name}:a": None}
    put(ledger, {f"{name}:a": {"n": 1.5}, f"{name}:b": [1, None]})
    assert get(ledger, f"{name}:a", f"{name}:b") == {
        f"{name}:a": {"n": 1.5},
        f"{name}:b": [1, None],
    }
    assert ledger.keys(f"{name}:") == {f"{name}:a": {"n": 1.5}, f"{name}:b": [1, None]}


def test_a_transaction_that_fails_changes_nothing(ledger, name):
    put(ledger, {f"{name}:a": 1})

    def work(stored):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ledger.transact((f"{name}:a",), work, 1.0)
    assert get(ledger, f"{name}:a") == {f"{name}:a": 1}


COUNT = """
import sys
from precoro_api.quota import open_ledger
ledger, key = open_ledger(sys.argv[1]), sys.argv[2]
for _ in range(int(sys.argv[3])):
    ledger.transact((key,), lambda s: ({key: ((s[key] or 0) + 1, 4e9)}, None), 1.0)
ledger.close()
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis", "postgres"])
def test_processes_that_count_at_once_lose_nothing(kind, tmp_path, name):
    url = {"sqlite": str(tmp_path / "q.sqlite3"), "redis": REDIS, "postgres": POSTGRES}[kind]
    try:
        ledger = open_ledger(url)
        ledger.keys(name)
    except LedgerError as problem:
        pytest.skip(f"no {kind} server on this machine: {problem}")
    runs = [
        subprocess.Popen([sys.executable, "-c", COUNT, url, f"{name}:n", "100"]) for _ in range(4)
    ]
    assert [run.wait(60) for run in runs] == [0, 0, 0, 0]
    assert get(ledger, f"{name}:n") == {f"{name}:n": 400}
    ledger.close()


def test_one_who_opens_a_file_that_another_is_just_making_waits(tmp_path):
    path = tmp_path / "q.sqlite3"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    made = threading.Timer(0.1, other.execute, ("commit",))
    made.start()
    ledger = SqliteLedger(path)
    put(ledger, {"n": 1})
    assert get(ledger, "n") == {"n": 1}
    ledger.close()
    made.join()
    other.close()


def test_a_killed_process_leaves_neither_a_lock_nor_half_a_change(tmp_path, name):
    path = str(tmp_path / "q.sqlite3")
    for _ in range(5):
        run = subprocess.Popen([sys.executable, "-c", COUNT, path, f"{name}:n", "1000000"])
        time.sleep(0.25)
        run.send_signal(signal.SIGKILL)
        run.wait()
    ledger = open_ledger(path)
    before = get(ledger, f"{name}:n")[f"{name}:n"] or 0
    put(ledger, {f"{name}:n": before + 1})
    assert get(ledger, f"{name}:n") == {f"{name}:n": before + 1}
    ledger.close()


def test_what_is_over_is_forgotten(tmp_path, name):
    ledger = SqliteLedger(tmp_path / "q.sqlite3")
    for number in range(600):
        put(ledger, {f"{name}:{number}": number}, now=float(number), ttl=10.0)
    assert len(ledger.keys(name)) < 300
    ledger.close()
    memory = MemoryLedger()
    for number in range(5000):
        put(memory, {f"{name}:{number}": number}, now=float(number), ttl=10.0)
    assert len(memory.keys(name)) < 2100


def test_the_file_is_its_owners_alone(tmp_path, name):
    path = tmp_path / "deep" / "q.sqlite3"
    ledger = SqliteLedger(path)
    put(ledger, {name: 1})
    ledger.close()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "where", ["/proc/nowhere/q.sqlite3", "redis://127.0.0.1:1", "postgresql://127.0.0.1:1/x"]
)
def test_a_ledger_that_cannot_be_used_names_its_setting(where):
    with pytest.raises(LedgerError, match="quota_path"):
        put(open_ledger(where), {"a": 1})


def test_a_file_that_is_no_ledger_is_not_overwritten(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but somebody's notes" * 100)
    with pytest.raises(LedgerError, match=r"notes\.txt"):
        put(SqliteLedger(path), {"a": 1})
    assert path.read_text().startswith("not a database")


def test_a_digest_is_stable_and_gives_no_token_away():
    assert token_digest("secret") == token_digest("secret")
    assert token_digest("secret") != token_digest("secret2")
    assert "secret" not in json.dumps(token_digest("secret"))
