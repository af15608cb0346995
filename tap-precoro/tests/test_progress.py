"""Where a long run is: in the log, or on a terminal, and never in the way."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import time
import timeit
from itertools import groupby

import pytest
from precoro_api import Client
from precoro_api.quota import Limits, Policy, Quota
from tap_precoro.telling.progress import Progress

ORDERS = "purchase_orders"
DETAILS = f"{ORDERS}_details"
QUIET = "\x1b"  # begins every sequence that moves or draws


class HandClock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class StillClock:
    """Noon, all the time: for a budget whose windows have just begun."""

    def now(self):
        return 1_768_478_400.0

    def sleep(self, seconds):
        raise AssertionError("nothing waits here")


@pytest.fixture
def make():
    """A progress that goes to the log, its clock, and the client that it looks at."""
    clients = []

    def progress(*, limits=None, policy=None):
        still, clock = StillClock(), HandClock()
        quota = Quota(still, limits=limits, policy=policy)
        url = "http://127.0.0.1:1"
        client = Client(token="a", email="b", base_url=url, clock=still, quota=quota)
        clients.append(client)
        return Progress(logging.getLogger("tap-test"), client, clock), clock, client

    yield progress
    for client in clients:
        client.close()


def told(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "tap-test"]


# In the log


def test_one_line_every_15_seconds_says_where_a_run_is(make, caplog):
    progress, clock, client = make()
    client.requests_by_method["GET"] = 171
    with caplog.at_level(logging.INFO):
        for number in range(1, 121):
            progress.at(DETAILS, "document", number, 1000)
            clock.now += 0.25
    known = "171 requests in this run, about 16 minutes left"
    assert told(caplog) == [f"{DETAILS}: document 61 of 1,000; {known}."]


@pytest.mark.parametrize(
    ("done", "of", "settings", "words"),
    [
        (3, 50, {}, "page 3 of 50; 0 requests in this run, less than a minute left."),
        (3, 1000, {}, "page 3 of 1,000; 0 requests in this run, about 17 minutes left."),
        (3, 1000, {"limits": Limits(hour=None, reserve_percent=50)}, "about 33 minutes left"),
        (3, 2003, {"policy": Policy(when_spent="wait")}, "about 68 minutes left"),
        (3, 2953, {"policy": Policy(when_spent="wait")}, "about 84 minutes left"),
        (3, 1000, {"policy": Policy(max_requests=400)}, "max_requests allows 400 more"),
        (3, 1000, {"limits": Limits(day=500)}, "the budget (day) allows 500 more"),
        (50, 50, {}, "page 50 of 50; 0 requests in this run."),
        (1200, None, {}, "page 1,200; 0 requests in this run."),
        (3, 1000, {"limits": Limits(minute=None)}, "page 3 of 1,000; 0 requests in this run."),
    ],
)
def test_time_left_follows_the_budget_and_is_left_out_where_unknown(
    make, caplog, done, of, settings, words
):
    progress, clock, _ = make(**settings)
    clock.now += 15
    with caplog.at_level(logging.INFO):
        progress.at("invoices", "page", done, of)
    assert len(told(caplog)) == 1
    assert words in told(caplog)[0]


def test_parents_are_named_in_words(make, caplog):
    progress, clock, _ = make()
    clock.now += 15
    with caplog.at_level(logging.INFO):
        progress.at("item_custom_field_options", "item_custom_fields", 3, 12)
    assert told(caplog)[0].startswith("item_custom_field_options: item custom fields 3 of 12;")


def test_nothing_is_told_above_info(make, caplog):
    progress, clock, _ = make()
    clock.now += 60
    with caplog.at_level(logging.WARNING):
        progress.at("invoices", "page", 3, 50)
    assert told(caplog) == []


def test_a_call_takes_well_under_a_microsecond_when_nothing_is_due(make):
    _, _, client = make()
    progress = Progress(logging.getLogger("tap-test"), client)
    calls = 100_000
    best = min(timeit.repeat(lambda: progress.at(DETAILS, "page", 1, 9), number=calls, repeat=5))
    assert best / calls < 1e-6


# On a terminal


@pytest.fixture
def terminal(tmp_path, serve):
    """Run the tap with stderr on a terminal: its exit code, stdout, what was drawn, and seconds."""

    def run(*, environment=None, stdout_too=False, orders=400, **settings):
        rows = [
            {
                "id": n,
                "idn": str(n),
                "updateDate": f"2025-03-01T00:{n // 60:02d}:{n % 60:02d}+00:00",
            }
            for n in range(1, orders + 1)
        ]
        sandbox = serve({ORDERS: rows})
        sandbox.app.latency = 60.0  # of the sandbox's seconds: 10 ms
        config = {
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": 6000,
            **settings,
        }
        entry = {
            "tap_stream_id": DETAILS,
            "key_properties": ["id"],
            "schema": {"properties": {"id": {"type": "integer"}}},
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "catalog.json").write_text(json.dumps({"streams": [entry]}))
        line = [sys.executable, "-m", "tap_precoro", "--config", str(tmp_path / "config.json")]
        line += ["--catalog", str(tmp_path / "catalog.json")]
        ours, theirs = pty.openpty()
        drawn = []
        reader = threading.Thread(target=_read, args=(ours, drawn))
        began = time.monotonic()
        process = subprocess.Popen(
            line,
            stdout=theirs if stdout_too else subprocess.PIPE,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **(environment or {})},
        )
        os.close(theirs)
        reader.start()
        out, _ = process.communicate(timeout=120)
        reader.join(timeout=30)
        os.close(ours)
        screen = b"".join(drawn).decode()
        return process.returncode, (out or b"").decode(), screen, time.monotonic() - began

    return run


def _read(terminal, into):
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            return
        if not read:
            return
        into.append(read)


FRAME = re.compile(rf"{DETAILS}: (?:document|page) [\d,]+")


def test_a_terminal_sees_a_line_that_lives_and_goes(terminal):
    code, out, screen, seconds = terminal()
    assert code == 0
    # What is logged meanwhile draws the same line again below it.
    frames = [frame for frame, _ in groupby(FRAME.findall(screen))]
    assert 2 < len(frames) <= 4 * seconds + 1
    assert re.search(rf"{DETAILS}: document \d+ of 400", screen)
    assert re.search(r"\d+ requests, (about \d minutes?|less than a minute) left", screen)
    # The cursor comes back, the line is erased, and what follows is the log as it always is.
    last = screen.rindex("\x1b[?25h")
    assert "\x1b[2K" in screen[last - 40 : last + 40]
    end = screen[last + len("\x1b[?25h") :]
    assert "total" in end
    assert not FRAME.search(end)
    # stdout is Singer's alone.
    assert QUIET not in out
    kinds = [json.loads(line)["type"] for line in out.splitlines()]
    assert kinds.count("RECORD") == 400


def test_what_is_logged_meanwhile_stands_above_the_line(terminal):
    # The budget of an hour is spent on the way, which the log says.
    _, _, screen, _ = terminal(requests_per_hour=100, when_quota_spent="wait")
    meanwhile = screen[FRAME.search(screen).end() : screen.rindex("\x1b[?25h")]
    line = next(line for line in meanwhile.split("\n") if "Waiting " in line)
    before = line[: line.index("Waiting ")].rpartition("\x1b[2K")
    assert before[1]
    assert re.fullmatch(r"[-\d]+ [\d:,]+ \| INFO +\| [\w.]+ +\| ", before[2])


@pytest.mark.parametrize("environment", [{"LOGLEVEL": "WARNING"}, {"TERM": "dumb"}], ids=str)
def test_nothing_is_drawn_where_nobody_wants_it(terminal, environment):
    code, out, screen, _ = terminal(environment=environment)
    assert code == 0
    assert QUIET not in screen
    assert not FRAME.search(screen)
    assert out.count('"RECORD"') == 400


def test_a_terminal_that_shows_the_records_gets_no_line(terminal):
    code, _, screen, _ = terminal(stdout_too=True)
    assert code == 0
    assert QUIET not in screen


def test_a_spent_budget_gives_the_terminal_back_as_it_was(terminal):
    code, _, screen, _ = terminal(max_requests=300)
    assert code == 0
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")
    assert f"Still needed: 102 requests for {DETAILS} 102 documents." in screen
