"""The file of refused rows: replayed while it is written, kept when killed, as rows came."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest


def schema(stream, *names, kind=None):
    properties = {name: {"type": kind} if kind else {} for name in names}
    inside = {"type": "object", "properties": properties}
    return json.dumps({"type": "SCHEMA", "stream": stream, "schema": inside, "key_properties": []})


def record(stream, **values):
    return json.dumps({"type": "RECORD", "stream": stream, "record": values})


def rows(path):
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    return [each for each in messages if each["type"] == "RECORD"]


def bad(number, stream="items"):
    return record(stream, externalId=str(number), name="n", supplier_id="nonsense" + "y" * 200)


ITEMS = schema("items", "externalId", "name", "supplier_id")
SUPPLIERS = schema("suppliers", "externalId", "name")
NAMELESS = record("suppliers", externalId="V-1")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rejects.singer"


def test_a_file_can_be_replayed_into_itself(sandbox, path, tmp_path):
    path.write_text("\n".join([ITEMS, *map(bad, range(2500))]) + "\n")
    config = tmp_path / "config.json"
    given = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        "rejects_path": str(path),
    }
    config.write_text(json.dumps(given))
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        command = [sys.executable, "-m", "target_precoro", "--config", str(config)]
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, check=False)
    assert done.returncode == 1
    assert len(rows(path)) == 2500
    assert not path.with_name("rejects.singer.part").exists()


def test_a_run_that_is_stopped_leaves_the_file_and_the_next_has_its_rows_too(
    sandbox, load, path, caplog
):
    path.write_text(f"{ITEMS}\n{bad(0)}\n")
    before, part = path.read_text(), path.with_name("rejects.singer.part")
    run = load(sandbox, lines=[ITEMS, bad(1)], rejects_path=str(path), max_failures=0)
    assert run.code == 1
    assert path.read_text() == before
    assert str(part) in caplog.text
    with part.open("a") as file:
        file.write(bad(2)[:30])  # as a kill leaves it
    load(sandbox, lines=[ITEMS, bad(3)], rejects_path=str(path))
    assert [each["record"]["externalId"] for each in rows(path)] == ["1", "3"]
    assert not part.exists()


def test_rows_of_streams_that_a_run_does_not_have_stay(sandbox, load, path):
    load(sandbox, lines=[ITEMS, bad(1), SUPPLIERS, NAMELESS], rejects_path=str(path))
    assert len(rows(path)) == 2
    load(sandbox, lines=[SUPPLIERS], rejects_path=str(path))
    assert [each["stream"] for each in rows(path)] == ["items"]
    assert load(sandbox, lines=path.read_text().splitlines()).tally == {"items": {"rejected": 1}}
    load(sandbox, lines=[ITEMS], rejects_path=str(path))
    assert not path.exists()


def test_a_dry_run_leaves_the_file(sandbox, load, path):
    load(sandbox, lines=[ITEMS, bad(1)], rejects_path=str(path))
    before = path.read_text()
    load(sandbox, lines=[ITEMS, bad(2)], rejects_path=str(path), dry_run=True)
    load(sandbox, lines=[ITEMS], rejects_path=str(path), dry_run=True)
    assert path.read_text() == before
    assert len(list(path.parent.iterdir())) == 1


def test_what_is_no_file_is_written_at_once(sandbox, load, path):
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    load(sandbox, lines=[ITEMS, bad(1)], rejects_path=str(path))
    with os.fdopen(reader) as file:
        assert "nonsense" in file.read()
    assert path.is_fifo()


def test_a_link_stays_a_link(sandbox, load, path, tmp_path):
    path.symlink_to(tmp_path / "real")
    load(sandbox, lines=[ITEMS, bad(1)], rejects_path=str(path))
    assert path.is_symlink()
    assert len(rows(tmp_path / "real")) == 1


# As rows came


def test_a_row_that_was_mapped_is_kept_as_it_came_and_mapped_once(sandbox, load, path):
    maps = {"items": {"name": "name + ' Ltd'", "code": "sku"}}
    came = {"externalId": "1", "name": "Bolt", "sku": "k", "supplier_external_id": "V-1"}
    given = schema("items", *came)
    spoiled = {**came, "supplier_external_id": ["nonsense"]}
    load(sandbox, lines=[given, record("items", **spoiled)], stream_maps=maps,
         rejects_path=str(path))  # fmt: skip
    assert json.loads(path.read_text().splitlines()[0]) == json.loads(given)
    assert [each["record"] for each in rows(path)] == [spoiled]
    sandbox.store.add("suppliers", {"name": "A", "externalId": "V-1"})
    mended = path.read_text().replace('["nonsense"]', '"V-1"').splitlines()
    again = load(sandbox, lines=mended, stream_maps=maps, rejects_path=str(path))
    assert again.tally == {"items": {"created": 1}}
    assert [row["name"] for row in sandbox.store.rows("items").values()] == ["Bolt Ltd"]
    first = load(sandbox, lines=[given, record("items", **came)], stream_maps=maps)
    assert first.tally == {"items": {"unchanged": 1}}


@pytest.mark.parametrize("value", [5, ""], ids=["against its schema", "refused by Precoro"])
def test_a_row_of_a_renamed_stream_is_kept_under_its_own_name(sandbox, load, path, value):
    maps = {"vendors": {"__alias__": "suppliers", "name": "VendorName", "externalId": "id"}}
    lines = [
        schema("vendors", "id", "VendorName", kind="string"),
        record("vendors", id="1", VendorName=value),
    ]
    run = load(sandbox, lines=lines, stream_maps=maps, rejects_path=str(path))
    assert run.tally == {"suppliers": {"rejected": 1}}
    assert [(each["stream"], each["record"]) for each in rows(path)] == [
        ("vendors", {"id": "1", "VendorName": value})
    ]
    kept = path.read_text()
    text = kept.replace(f'"VendorName":{json.dumps(value)}', '"VendorName":"A"')
    again = load(sandbox, lines=text.splitlines(), stream_maps=maps, rejects_path=str(path))
    assert again.tally == {"suppliers": {"created": 1}}
    assert not path.exists()


def test_a_row_that_two_streams_refuse_is_kept_once(sandbox, load, path):
    maps = {"suppliers": {}, "locations": {"__source__": "suppliers", "externalId": "externalId"}}
    run = load(sandbox, lines=[SUPPLIERS, NAMELESS], stream_maps=maps, rejects_path=str(path))
    assert run.tally == {"suppliers": {"rejected": 1}, "locations": {"rejected": 1}}
    assert len(rows(path)) == 1
