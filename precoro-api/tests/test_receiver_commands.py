"""The commands that serve the webhooks and show what waits."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner
from precoro_api.commands import main
from precoro_api.webhooks import Event

from .posted_events import BODY, SECRET, SOON


@pytest.fixture
def command(path):
    """Start `precoro webhooks serve`; the process and where it listens. It ends with the test."""
    running = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from precoro_api.commands import main; main()"),
                *("webhooks", "serve", "--spool", path, "--port", "0", *arguments),
            ],
            env={**os.environ, "PRECORO_WEBHOOK_SECRET": SECRET, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        ready, _, _ = select.select([process.stdout], [], [], SOON)
        line = process.stdout.readline() if ready else ""
        assert line, process.stderr.read() if process.poll() is not None else "no greeting"
        return process, json.loads(line)["url"]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def post(url, body, secret=SECRET):
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url + secret, json=body, timeout=10).status_code


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_says_where_and_ends_when_it_is_told(command, spool, sign):
    process, url = command()
    assert post(url, BODY) == 204
    process.send_signal(sign)
    out, err = process.communicate(timeout=SOON)
    assert process.returncode in (0, 143, -sign)
    assert out == ""
    assert f"posted to {url}… with the secret at the end" in err
    assert "precoro webhooks status --spool" in err
    assert SECRET not in err
    assert "Traceback" not in err
    assert len(spool.events()) == 1


def test_sigterm_waits_for_the_answer_to_what_was_begun(command, spool):
    process, url = command()
    host, port = urlsplit(url).netloc.split(":")
    body = json.dumps(BODY)
    head = f"POST /{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, port), timeout=SOON) as slow:
        slow.sendall((head + body[:10]).encode())
        assert post(url, BODY) == 204  # by then, the other has begun
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        slow.sendall(body[10:].encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 204")
    process.communicate(timeout=SOON)
    assert len(spool.events()) == 2


def test_a_kill_takes_nothing_that_was_answered(command, spool):
    posted, answered, cut_off = [], set(), []

    def post_until_it_is_gone(url, first, step):
        with requests.Session() as session:
            session.trust_env = False
            for number in count(first, step):
                posted.append(number)
                try:
                    told = session.post(url + SECRET, json={**BODY, "id": number}, timeout=SOON)
                except requests.RequestException:
                    cut_off.append(number)
                    return
                assert told.status_code == 204
                answered.add(number)

    for kill in range(3):
        process, url = command()
        threads = [
            threading.Thread(target=post_until_it_is_gone, args=(url, 10**6 * kill + each, 8))
            for each in range(8)
        ]
        before = len(answered)
        for thread in threads:
            thread.start()
        while len(answered) < before + 20:
            time.sleep(0.001)
        process.kill()
        for thread in threads:
            thread.join()
        process.wait()
    kept = Counter(each.event.id for each in spool.events())
    assert answered <= set(kept) <= set(posted)
    assert set(kept.values()) == {1}
    assert len(cut_off) == 3 * 8  # each was killed with requests on their way


def test_the_secret_may_stand_in_a_file(command, tmp_path):
    file = tmp_path / "secret"
    file.write_text("another-secret-of-tests\n")
    _, url = command("--secret-file", file)
    assert post(url, BODY, "another-secret-of-tests") == 204
    assert post(url, BODY) == 404


def test_its_options_arrive(command):
    _, url = command("--most", "1", "--allow", "203.0.113.7", "--allow", "127.0.0.1")
    assert [post(url, {**BODY, "id": number}) for number in (1, 2)] == [204, 503]
    _, url = command("--allow", "203.0.113.7", "--proxy", "127.0.0.1")
    assert post(url, BODY) == 404


@pytest.fixture
def precoro(path, monkeypatch):
    monkeypatch.setenv("PRECORO_WEBHOOK_SECRET", SECRET)

    def run(*arguments):
        return CliRunner().invoke(main, ["webhooks", *map(str, arguments)])

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--secret-file", "/nowhere/secret"), "--secret-file: /nowhere/secret cannot be read"),
        (("--allow", "everyone"), "--allow: 'everyone'"),
        (("--spool", "/dev/null/spool"), "webhook_spool: the spool /dev/null/spool"),
        (("--host", "203.0.113.7"), "--host and --port: 203.0.113.7"),
    ],
)
def test_wrong_use_is_one_clear_line(precoro, path, arguments, words):
    told = precoro("serve", "--spool", path, "--port", "0", *arguments)
    assert told.exit_code == 2
    assert told.stdout == ""
    assert told.stderr.startswith("precoro: ")
    assert told.stderr.count("\n") == 1
    assert words in told.stderr


@pytest.mark.parametrize("secret", [None, "", "too-short"])
def test_without_a_secret_that_will_do_it_does_not_start(precoro, path, monkeypatch, secret):
    monkeypatch.delenv("PRECORO_WEBHOOK_SECRET")
    if secret is not None:
        monkeypatch.setenv("PRECORO_WEBHOOK_SECRET", secret)
    told = precoro("serve", "--spool", path)
    assert told.exit_code == 2
    assert "PRECORO_WEBHOOK_SECRET" in told.stderr
    assert "too-short" not in told.stderr


def test_without_the_web_server_a_sentence_says_what_to_install(precoro, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "precoro_api.webhooks.receiver")
    told = precoro("serve", "--spool", path)
    assert told.exit_code == 2
    assert told.stderr == (
        "precoro: The endpoint needs a web server: install precoro-api[webhooks].\n"
    )
    assert precoro("status", "--spool", path).exit_code == 2


def test_the_status_shows_what_waits_by_entity(precoro, spool, path):
    at = 1_800_000_000.0
    spool.add([Event(n, kind, 1, None, at + n) for n, kind in ((1, 2), (2, 2), (3, 7), (4, 99))])
    spool.remove(1, [2])
    spool.note({"not JSON": 3})
    lines = precoro("status", "--spool", path).stdout.splitlines()
    assert [line.split()[:2] for line in lines[:4]] == [
        ["entity", "waiting"], ["purchase_orders", "1"], ["suppliers", "1"], ["type", "99,"],
    ]  # fmt: skip
    assert "2027-01-15 08:00:02 UTC" in lines[1]
    assert "received  4, of which 3 wait, 1 were read, 0 gave way to a newer one" in lines
    assert "refused   3 not JSON" in lines
    told = json.loads(precoro("status", "--spool", path, "--format", "json").stdout)
    assert told["waiting"][0] == {
        "entity": "purchase_orders", "type": 2, "events": 1, "oldest": at + 2, "newest": at + 2,
    }  # fmt: skip
    assert told["waiting"][2]["entity"] is None
    assert told["refused"] == {"not JSON": 3}


def test_the_status_of_an_empty_spool(precoro, spool, path):
    spool.add([])
    told = precoro("status", "--spool", path)
    assert told.stdout.startswith("No event waits.\n")
    assert "refused   none" in told.stdout


def test_the_status_of_no_spool_says_so_and_makes_none(precoro, path):
    told = precoro("status", "--spool", path)
    assert told.exit_code == 2
    assert "there is no file" in told.stderr
    assert not path.exists()


@pytest.mark.parametrize("what", [(), ("serve",), ("status",)])
def test_each_has_help(precoro, what):
    told = precoro(*what, "--help")
    assert told.exit_code == 0
    assert told.stdout.startswith("Usage: ")
