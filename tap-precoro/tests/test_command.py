"""The command as users run it: its output, its words, its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time

import pytest


@pytest.fixture
def command(tmp_path):
    def start(*arguments, config=None):
        line = [sys.executable, "-m", "tap_precoro", *arguments]
        if config is not None:
            path = tmp_path / "config.json"
            path.write_text(json.dumps(config))
            line += ["--config", str(path)]
        return subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )

    return start


def settings(sandbox, **more):
    return {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": 6000,
        **more,
    }


def test_stdout_is_singer_only(command, serve):
    sandbox = serve(seed="empty", counts={"taxes": 9})
    process = command(config=settings(sandbox))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    kinds = {json.loads(line)["type"] for line in out.splitlines()}
    assert kinds == {"SCHEMA", "RECORD", "STATE"}


def test_discovery_needs_no_settings_and_no_network(command):
    out, _ = command("--discover").communicate(timeout=60)
    assert len(json.loads(out)["streams"]) == 48


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"region": "eu", "base_url": None}, "region"),
        ({"base_url": "http://api.precoro.com"}, "https"),
        ({"auth_token": " "}, "auth_token"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_used_is_named_and_nothing_is_sent(command, serve, wrong, words):
    sandbox = serve()
    process = command(config=settings(sandbox, **wrong))
    out, told = process.communicate(timeout=60)
    assert process.returncode != 0
    assert words in told
    assert "RECORD" not in out
    assert not sandbox.served


def test_wrong_credentials_end_in_a_sentence_without_the_token(command, serve):
    process = command(config=settings(serve(), auth_token="not-the-token"))
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Check the settings auth_token and email" in told
    assert "Traceback" not in told
    assert "not-the-token" not in told


def test_sigterm_keeps_the_state_and_shows_in_the_exit_code(command, serve):
    orders = [
        {"id": n, "idn": str(n), "updateDate": f"2025-03-01T00:{n // 60:02d}:{n % 60:02d}+00:00"}
        for n in range(1, 2000)
    ]
    sandbox = serve({"purchase_orders": orders})
    sandbox.app.latency = 30.0  # of the sandbox's seconds: 5 ms
    catalog = {
        "streams": [
            {
                "tap_stream_id": "purchase_orders_details",
                "replication_key": "updateDate",
                "key_properties": ["id"],
                "schema": {
                    "properties": {"id": {"type": "integer"}, "updateDate": {"type": "string"}}
                },
                "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
            }
        ]
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(catalog, file)
        file.flush()
        process = command("--catalog", file.name, config=settings(sandbox))
        while len(sandbox.served) < 40 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    messages = [json.loads(line) for line in out.splitlines()]
    records = [m["record"]["updateDate"] for m in messages if m["type"] == "RECORD"]
    last = [message for message in messages if message["type"] == "STATE"][-1]
    bookmark = last["value"]["bookmarks"]["purchase_orders_details"]["replication_key_value"]
    assert bookmark in records
    assert 10 < len(records) < 1999
