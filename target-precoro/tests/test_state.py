"""STATE goes out only after all records before it are written, and as it came."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from precoro_sandbox import Fault
from target_precoro.messages.held_states import HeldStates

SCHEMA = {"type": "object", "properties": {}}


def schema(stream):
    return json.dumps({"type": "SCHEMA", "stream": stream, "schema": SCHEMA, "key_properties": []})


def record(stream, number):
    values = {"externalId": f"{stream}-{number}", "name": f"{stream} {number}"}
    return json.dumps({"type": "RECORD", "stream": stream, "record": values})


def state(value):
    return json.dumps({"type": "STATE", "value": value})


def test_state_comes_out_as_it_came(sandbox, load):
    value = {"bookmarks": {"a": {"n": 1.50, "deep": [1, None, {"x": "é"}], "big": 10**20}}}
    assert load(sandbox, lines=[state(value)]).states == [value]


def test_a_state_waits_for_every_stream_before_it(sandbox, load):
    lines = [schema("locations"), schema("items"), record("locations", 0), state({"at": 1})]
    nameless = json.dumps({"type": "RECORD", "stream": "items", "record": {"unit": "kg"}})
    for number in range(1000):
        lines += [nameless, state({"at": number + 2})]
    run = load(sandbox, lines=lines)
    # The batch of items was full and settled, but one location was not: no state before the end.
    assert run.states == [{"at": 1001}]


def test_a_state_waits_for_all_that_a_map_makes_of_one_record(sandbox, load):
    fields = {"externalId": "externalId", "name": "name"}
    maps = {"suppliers": {}, "locations": {"__source__": "suppliers", **fields}}
    sandbox.faults.add(Fault("500", path="/locations", times=1000))
    changed = json.loads(schema("suppliers"))
    changed["schema"] = {"type": "object", "properties": {"note": {}}}  # older records go first
    lines = [schema("suppliers"), record("suppliers", 0), state({"at": 1}), json.dumps(changed)]
    run = load(sandbox, lines=lines, stream_maps=maps)
    assert run.code == 1
    assert len(sandbox.store.rows("suppliers")) == 1
    assert run.states == []


def test_a_place_is_open_until_each_of_its_records_is_closed(capsys):
    states = HeldStates()
    states.open(1)
    states.open(1)
    states.hold(1, {"at": 1})
    states.close(1)
    states.release(1)
    assert capsys.readouterr().out == ""
    states.close(1)
    states.release(1)
    assert json.loads(capsys.readouterr().out) == {"at": 1}


def test_states_between_batches_go_out_when_their_records_are_written(sandbox, load):
    lines = [schema("suppliers")]
    for number in range(450):
        lines += [record("suppliers", number), state({"at": number + 1})]
    run = load(sandbox, lines=lines)
    numbers = [state["at"] for state in run.states]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 450
    assert len(numbers) > 1  # the first of them while the batch was being written


def test_a_state_passes_rejected_rows_which_are_reported(sandbox, load):
    nameless = json.dumps({"type": "RECORD", "stream": "suppliers", "record": {"externalId": "1"}})
    run = load(sandbox, lines=[schema("suppliers"), nameless, state({"at": 1})])
    assert run.code == 1
    assert run.states == [{"at": 1}]


def test_many_states_of_a_quiet_stream_do_not_pile_up(sandbox, load):
    lines = [schema("suppliers"), record("suppliers", 0)]
    lines += [schema("items")]
    for number in range(1200):
        lines += [record("items", 0), state({"at": number})]
    run = load(sandbox, lines=lines)
    assert len(run.states) > 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_finishes_the_record_in_flight_and_lets_no_state_run_ahead(
    serve, tmp_path, number
):
    sandbox = serve()
    sandbox.app.latency = 30.0  # of the sandbox's seconds: 5 ms
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            {
                "auth_token": sandbox.account.token,
                "email": sandbox.account.email,
                "base_url": sandbox.url,
                "clock_speed": 6000,
            }
        )
    )
    lines = [schema("suppliers")]
    for n in range(1, 1001):
        lines += [record("suppliers", n), state({"at": n})]
    process = subprocess.Popen(
        [sys.executable, "-m", "target_precoro", "--config", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("".join(f"{line}\n" for line in lines))
    process.stdin.flush()
    while len(sandbox.store.rows("suppliers")) < 230 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Interrupted" in told
    rows = sandbox.store.rows("suppliers").values()
    # Every record that was begun is whole: created and linked.
    assert all(row.get("externalId") for row in rows)
    assert 230 <= len(rows) < 1000
    last = json.loads(out.splitlines()[-1])["at"]
    assert 200 <= last <= len(rows)
