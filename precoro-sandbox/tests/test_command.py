"""The command `precoro-sandbox`, as a process of its own."""

from __future__ import annotations

import json
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
import requests
from precoro_sandbox import Switches
from precoro_sandbox.faults import KINDS

COMMAND = [sys.executable, "-m", "precoro_sandbox", "--port", "0"]
SOON = 20


@pytest.fixture
def command():
    """Start the command; returns the process and its greeting. It is gone when the test ends."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        ready, _, _ = select.select([process.stdout], [], [], SOON)
        line = process.stdout.readline() if ready else ""
        assert line, process.stderr.read() if process.poll() is not None else "no greeting"
        return process, json.loads(line)

    yield start
    for process in running:
        process.kill()
        process.communicate()


def run(*arguments):
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=SOON, check=False
    )


def get(greeting, path, **options):
    headers = {"X-AUTH-TOKEN": greeting["token"], "email": greeting["email"]}
    return requests.get(greeting["url"] + path, headers=headers, timeout=10, **options)


def total(greeting, path):
    return get(greeting, path).json()["meta"]["pagination"]["total"]


def test_it_greets_serves_and_stops(command):
    process, greeting = command("--seed", "empty")
    assert set(greeting) == {"url", "token", "email"}
    assert total(greeting, "/suppliers") == 0
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=SOON)
    assert time.monotonic() - started < 5
    assert process.returncode in (0, 143, -signal.SIGTERM)
    assert out == ""
    assert f"A local Precoro answers at {greeting['url']}, with 0 records" in err
    assert "/_sandbox/requests" in err
    assert greeting["token"] not in err
    assert "Traceback" not in err


def test_it_stops_while_a_client_holds_its_connection(command):
    process, greeting = command("--seed", "empty")
    with requests.Session() as session:
        session.get(greeting["url"] + "/_sandbox/requests", timeout=10)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SOON)
    assert process.returncode in (0, 143, -signal.SIGTERM)
    assert "Traceback" not in err


def test_ctrl_c_stops_it_without_a_traceback(command):
    process, greeting = command("--seed", "empty")
    assert total(greeting, "/units") == 0
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SOON)
    assert process.returncode in (0, 130, -signal.SIGINT)
    assert "Traceback" not in err


def test_the_installed_command_is_the_same():
    script = Path(sys.executable).with_name("precoro-sandbox")
    asked = subprocess.run(
        [script, "--help"], capture_output=True, text=True, timeout=SOON, check=True
    )
    assert asked.stdout.startswith("usage: precoro-sandbox")


def test_the_demo_is_the_first_seed(command):
    _, greeting = command()
    assert total(greeting, "/suppliers") == 400
    assert total(greeting, "/invoices") == 900


def test_counts(command):
    process, greeting = command("--count", "suppliers=1003", "--count", "units=3")
    assert total(greeting, "/suppliers") == 1003
    assert total(greeting, "/units") == 3
    assert total(greeting, "/items") == 2000
    process.terminate()


def test_counts_of_an_empty_company(command):
    _, greeting = command("--seed", "empty", "--count", "suppliers=13")
    assert total(greeting, "/suppliers") == 13
    assert total(greeting, "/items") == 0


def test_its_options_arrive(command):
    process, greeting = command(
        *("--count", "suppliers=5", "--token", "t-1", "--email", "me@example.com"),
        *("--set", "default_page_size=10", "--set", "minute_limit=off"),
        *("--forbid", "budgets", "--absent", "categories"),
        *("--fault", "500:2", "--latency", "0.01", "--clock-speed", "100"),
    )
    assert (greeting["token"], greeting["email"]) == ("t-1", "me@example.com")
    statuses = [get(greeting, path).status_code for path in ("/units", "/users", "/items")]
    assert statuses == [500, 500, 200]
    assert len(get(greeting, "/invoices").json()["data"]) == 10
    assert get(greeting, "/budgets").status_code == 403
    assert get(greeting, "/categories").status_code == 404
    process.terminate()
    _, err = process.communicate(timeout=SOON)
    assert "Switches: minute_limit=0, default_page_size=10." in err


def test_webhooks_may_be_given_again(command):
    urls = [f"http://127.0.0.1:9/{number}" for number in range(3)]
    _, greeting = command("--seed", "empty", *(word for url in urls for word in ("--webhook", url)))
    assert get(greeting, "/_sandbox/webhooks").json()["endpoints"] == 3


def test_help_lists_every_switch_and_fault():
    asked = run("--help")
    assert asked.returncode == 0
    for each in fields(Switches):
        assert f"  {each.name}={each.default}   (or " in asked.stdout
        assert each.metadata["about"] in asked.stdout
    for kind, about in KINDS.items():
        assert f"  {kind}: {about}" in asked.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "nonsense=1"), "no switch 'nonsense'; there are minute_limit"),
        (("--set", "pagination"), "pagination takes all, legacy, new, not ''"),
        (("--set", "pagination=old"), "pagination takes all, legacy, new, not 'old'"),
        (("--set", "minute_limit=few"), "minute_limit takes a number, not 'few'"),
        (("--set", "create_status=204"), "create_status takes 201, 200, not '204'"),
        (("--count", "suppliers"), "--count takes RESOURCE=N"),
        (("--count", "suppliers=many"), "not 'suppliers=many'"),
        (("--count", "suppliers=-1"), "not 'suppliers=-1'"),
        (("--count", "products=1"), "not 'products=1'"),
        (("--count", "credit_notes=1"), "no rows to count of credit_notes"),
        (("--fault", "fire"), "no fault 'fire'; there are 500"),
        (("--fault", "500:often"), "--fault takes KIND:TIMES"),
        (("--fault", "500:0"), "--fault takes KIND:TIMES"),
        (("--forbid", "products"), "no resource 'products'"),
        (("--absent", "products"), "no resource 'products'"),
        (("--webhook", "nowhere"), "an address that begins with http:// or https://"),
        (("--port", "99999"), "port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_one_clear_line(arguments, words):
    asked = run(*arguments)
    assert asked.returncode == 2
    assert asked.stdout == ""
    assert asked.stderr.startswith("precoro-sandbox: ")
    assert asked.stderr.count("\n") == 1
    assert words in asked.stderr


def test_a_port_that_is_taken_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asked = run("--seed", "empty", "--port", str(taken.getsockname()[1]))
    assert asked.returncode == 2
    assert asked.stderr.count("\n") == 1
    assert "in use" in asked.stderr


@pytest.mark.parametrize("seed", ["", "full", "Demo"])
def test_an_unknown_seed_is_refused(seed):
    asked = run("--seed", seed)
    assert asked.returncode == 2
    assert "demo" in asked.stderr
    assert "empty" in asked.stderr
