"""Files and exit codes that tell what became of each record, and nothing that is private."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest
from precoro_api import SettingsError
from precoro_sandbox import Fault
from singer_sdk import Target
from singer_sdk.sinks import RecordSink
from target_precoro.telling.limit import FailureLimit
from target_precoro.telling.tally import Tally

IBAN, PHONE = "DE89370400440532013000", "+49 30 5550100"


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def message(stream, record):
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def schema(stream, properties=None):
    inside = {"properties": properties or {}}
    return json.dumps({"type": "SCHEMA", "stream": stream, "schema": inside, "key_properties": []})


@pytest.fixture
def mixed(serve):
    """A company, and records that come to every end there is."""
    sandbox = serve(seed="demo")
    sandbox.store.add("suppliers", {"name": "Typed", "city": "old"})
    sandbox.store.add("suppliers", {"name": "Linked", "externalId": "V-unchanged"})
    sandbox.store.add("suppliers", {"name": "Changed", "externalId": "V-updated", "city": "old"})
    for _ in range(2):
        sandbox.store.add("suppliers", {"name": "Twin"})
    lines = [
        schema("suppliers"),
        message("suppliers", {"externalId": "V-created", "name": "New"}),
        message("suppliers", {"externalId": "V-updated", "city": "new"}),
        message("suppliers", {"externalId": "V-linked", "name": "Typed"}),
        message("suppliers", {"externalId": "V-unchanged", "name": "Linked"}),
        message("suppliers", {"externalId": "V-data", "name": "x" * 300}),
        message("suppliers", {"externalId": "V-conflict", "name": "Twin"}),
        message("suppliers", {"city": "no key"}),
        schema("items"),
        message("items", {"externalId": "I-waiting", "name": "i", "supplier_external_id": "no"}),
        message("items", {"externalId": "I-reference", "name": "i", "supplier_name": "no"}),
    ]
    return sandbox, lines


ENDS = [
    ("V-created", "created", None),
    ("V-updated", "updated", None),
    ("V-linked", "linked", None),
    ("V-unchanged", "unchanged", None),
    ("V-data", "rejected", "data"),
    ("V-conflict", "rejected", "conflict"),
    (None, "rejected", "data"),
    ("I-waiting", "waiting", "reference"),
    ("I-reference", "rejected", "reference"),
]


def test_the_report_has_a_line_for_each_record_with_its_end(mixed, load, tmp_path):
    sandbox, lines = mixed
    path = tmp_path / "sub" / "report.jsonl"
    run = load(sandbox, lines=lines, report_path=str(path))
    assert run.code == 1
    told = lines_of(path)
    assert Counter((e["key"], e["action"], e["error"]) for e in told) == Counter(ENDS)
    by_key = {each["key"]: each for each in told}
    assert by_key["V-created"]["resource"] == "suppliers"
    assert by_key["V-created"]["record"] == 1
    assert isinstance(by_key["V-created"]["precoro_id"], int)
    assert by_key["V-updated"]["changed"] == ["city"]
    assert by_key["V-linked"]["changed"] == ["externalId"]
    assert by_key["V-unchanged"]["changed"] == []
    assert "too long" in by_key["V-data"]["said"]
    assert "2 records of Precoro have its name" in by_key["V-conflict"]["reason"]
    assert by_key["I-waiting"]["reason"] == "Precoro does not have suppliers no"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("kind", "error"), [("reset", "transient"), ("forbidden", "auth")])
def test_the_class_of_an_error_says_whose_it_is(serve, load, tmp_path, kind, error):
    path = tmp_path / "report.jsonl"
    sandbox = serve(forbidden=["taxes"] if kind == "forbidden" else [])
    if kind == "reset":  # each time that it is tried
        sandbox.faults.add(Fault("reset", method="PATCH", times=9))
    records = [{"externalId": "X-1", "name": "VAT"}]
    load(sandbox, "taxes", records, report_path=str(path))
    assert [each["error"] for each in lines_of(path)] == [error]


class Collect(RecordSink):
    seen: list = []  # noqa: RUF012 - emptied by the test

    def process_record(self, record, context):
        self.seen.append(record)


class Collector(Target):
    """The target of an ERP, which validates what it is given."""

    name = "collector"
    config_jsonschema = {"properties": {}}  # noqa: RUF012
    default_sink_class = Collect


def test_new_ids_can_be_loaded_by_any_target(mixed, load, tmp_path):
    sandbox, lines = mixed
    orders = [r for r in sandbox.store.rows("purchase_orders").values() if not r.get("externalId")]
    lines = [
        *lines,
        schema("purchaseorders", {"idn": {}}),
        message("purchaseorders", {"idn": orders[0]["idn"], "externalId": "PO-1"}),
    ]
    path = tmp_path / "links.singer"
    load(sandbox, lines=lines, links_path=str(path))
    Collect.seen.clear()
    with path.open() as given:
        Collector(config={"validate_records": True}).listen(given)
    suppliers = {
        row.get("externalId"): row["id"] for row in sandbox.store.rows("suppliers").values()
    }
    assert Collect.seen == [
        {"stream": "suppliers", "externalId": "V-created", "precoroId": suppliers["V-created"],
         "precoroIdn": None, "action": "created"},
        {"stream": "suppliers", "externalId": "V-linked", "precoroId": suppliers["V-linked"],
         "precoroIdn": None, "action": "linked"},
        {"stream": "purchaseorders", "externalId": "PO-1", "precoroId": orders[0]["id"],
         "precoroIdn": orders[0]["idn"], "action": "linked"},
    ]  # fmt: skip


def test_refused_rows_are_kept_as_they_came_and_can_be_sent_again(mixed, load, tmp_path):
    sandbox, lines = mixed
    path = tmp_path / "rejects.singer"
    load(sandbox, lines=lines, rejects_path=str(path))
    kept = [each["record"] for each in lines_of(path) if each["type"] == "RECORD"]
    sent = [json.loads(line).get("record") for line in lines]
    assert len(kept) == 4
    assert all(each in sent for each in kept)
    assert all(each["reason"] for each in lines_of(path) if each["type"] == "RECORD")
    # People mended what was wrong in Precoro; the file goes in as it is.
    twins = [row for row in sandbox.store.rows("suppliers").values() if row["name"] == "Twin"]
    sandbox.store.change("suppliers", twins[0], {"externalId": "V-conflict"})
    sandbox.store.add("suppliers", {"name": "no"})
    again = load(sandbox, lines=path.read_text().splitlines())
    assert again.tally == {
        "suppliers": {"unchanged": 1, "rejected": 2},
        "items": {"created": 1},
    }


def test_rows_against_their_schema_are_refused_without_their_values(
    sandbox, load, tmp_path, caplog
):
    path, report = tmp_path / "rejects.singer", tmp_path / "report.jsonl"
    properties = {"name": {"type": "string"}, "accountNumber": {"type": "integer"}}
    lines = [
        schema("suppliers", properties),
        message("suppliers", {"externalId": "V-1", "name": "A", "accountNumber": IBAN}),
        message("suppliers", {"externalId": "V-2", "name": 5}),
        message("suppliers", {"externalId": "V-3", "name": "C"}),
    ]
    run = load(sandbox, lines=lines, rejects_path=str(path), report_path=str(report))
    assert run.tally == {"suppliers": {"rejected": 2, "created": 1}}
    assert "accountNumber: str does not fit its schema's type integer" in caplog.text
    assert IBAN not in caplog.text + report.read_text()
    assert [e["record"]["externalId"] for e in lines_of(path) if e["type"] == "RECORD"] == [
        "V-1",
        "V-2",
    ]


@pytest.mark.parametrize("setting", ["report_path", "links_path", "rejects_path"])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    sandbox, load, tmp_path, setting
):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x", tmp_path):
        with pytest.raises(SettingsError, match=f"{setting}: .* choose another path"):
            load(sandbox, "suppliers", [{"externalId": "V-1"}], **{setting: str(path)})
    assert not sandbox.served


@pytest.mark.parametrize("setting", ["report_path", "links_path", "rejects_path"])
def test_a_file_that_could_be_written_once_is_told_with_its_setting(
    sandbox, load, tmp_path, setting, caplog
):
    path = tmp_path / "folder" / "x"

    def taken_away(_):
        path.parent.write_text("") if not path.parent.exists() else None

    sandbox.app.after = taken_away
    records = [{"externalId": "V-1", "name": "A"}, {"city": "no key"}]
    run = load(sandbox, "suppliers", records, **{setting: str(path)})
    assert run.code == 2
    assert f"{setting}: " in caplog.text
    assert "choose another path" in caplog.text


@pytest.mark.parametrize("setting", ["report_path", "links_path", "rejects_path"])
def test_a_run_that_has_nothing_to_tell_leaves_no_file_of_an_earlier_one(
    sandbox, load, tmp_path, setting
):
    path = tmp_path / "file"
    bad, good = {"city": "no key"}, {"externalId": "V-1", "name": "A"}
    load(sandbox, "suppliers", [bad, good], **{setting: str(path)})
    assert path.exists()
    last = [good] if setting != "report_path" else []
    load(sandbox, "suppliers", last, **{setting: str(path)})
    assert not list(tmp_path.iterdir())


# How many may fail


@pytest.mark.parametrize(
    ("given", "failed", "of", "reached"),
    [
        (3, 3, 10, False),
        (3, 4, 10, True),
        ("3", 4, 10, True),
        ("0", 1, 1, True),
        ("10%", 50, 99, False),
        ("10 %", 11, 100, True),
        ("10%", 10, 100, False),
        (None, 1000, 1000, False),
        ("", 1000, 1000, False),
    ],
)
def test_a_limit_is_a_number_or_a_percent_of_enough_rows(given, failed, of, reached):
    tally, limit = Tally(), FailureLimit.of(given)
    for n in range(of):
        tally.count("suppliers", "rejected" if n >= of - failed else "created")
    limit.note(tally)
    assert limit.reached is reached
    if reached:
        assert f"{failed} of {of} rows were rejected" in limit.told


@pytest.mark.parametrize("given", ["many", "-1", "5.5", "%"])
def test_a_limit_that_is_none_is_refused(sandbox, load, given):
    with pytest.raises(SettingsError, match="max_failures must be a number or a percent"):
        load(sandbox, "suppliers", [], max_failures=given)


def bad_ones(many, bad):
    return [
        {"externalId": f"V-{n}", "name": f"{'x' * 300 if bad(n) else 'Firm'} {n}"}
        for n in range(many)
    ]


def test_after_so_many_failures_the_rest_is_not_tried(sandbox, load, caplog):
    run = load(sandbox, "suppliers", bad_ones(60, lambda n: n >= 20), max_failures=4)
    assert run.code == 1
    assert run.tally["suppliers"]["created"] == 20
    # Those that were under way beside the last one are heard, too.
    assert 5 <= run.tally["suppliers"]["rejected"] <= 13
    assert run.requests["POST"] <= 20 + 13
    assert "more than max_failures allows; the rest was not tried" in caplog.text
    assert run.states in ([], [{"done": 50}])


def test_or_after_a_percent_of_them(serve, load, caplog):
    sandbox = serve(switches={"external_id_on_create": "everywhere"})
    run = load(sandbox, "suppliers", bad_ones(150, lambda n: n % 4 == 0), max_failures="20%")
    assert run.code == 1
    assert "25 of 100 rows were rejected" in caplog.text
    done = run.tally["suppliers"]
    assert 100 <= done["created"] + done["rejected"] <= 108


def test_under_the_limit_all_are_tried(sandbox, load):
    run = load(sandbox, "suppliers", bad_ones(12, lambda n: n % 4 == 0), max_failures=3)
    assert run.code == 1
    assert run.tally == {"suppliers": {"created": 9, "rejected": 3}}


# Exit codes


@pytest.mark.parametrize(
    ("records", "settings", "code"),
    [
        ([{"externalId": "V-1", "name": "A"}], {}, 0),
        ([], {}, 0),
        ([{"city": "no key"}], {}, 1),
        ([{"externalId": "V-1", "name": "A"}], {"auth_token": "wrong"}, 2),
        ([{"externalId": "V-1", "name": "A"}], {"modes": "upsrt"}, 2),
        ([{"externalId": "V-1", "name": "A"}], {"max_requests": 1}, 0),
    ],
    ids=["done", "nothing", "refused", "credentials", "settings", "spent"],
)
def test_exit_codes_tell_the_truth(sandbox, launch, singer_file, records, settings, code):
    with singer_file(("suppliers", records)).open() as given:
        process = launch(sandbox, given, **settings)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    assert "Traceback" not in told


def test_a_server_that_is_down_is_one_sentence_and_exit_code_1(sandbox, launch, singer_file):
    sandbox.faults.add(Fault("500", times=99))
    with singer_file(("suppliers", [{"externalId": "V-1", "name": "A"}])).open() as given:
        process = launch(sandbox, given)
    out, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert "Stopped: suppliers: the server failed on GET (500)" in told
    assert "Traceback" not in told


def test_settings_that_cannot_be_are_one_sentence(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auth_token": "t", "email": "e", "stream_resources": {"a": "b"}}))
    command = [sys.executable, "-m", "target_precoro", "--config", str(path)]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "stream_resources sends 'a' to 'b'" in done.stderr
    assert "Traceback" not in done.stderr


# What is private


def test_nothing_private_is_told_anywhere(serve, load, tmp_path, caplog):
    caplog.set_level("DEBUG")
    sandbox = serve(token="secret-token-1234", email="someone@example.com")
    report, links = tmp_path / "report.jsonl", tmp_path / "links.singer"
    private = {"phone": PHONE, "accountNumber": IBAN, "taxPayerNumber": "TP-998877"}
    lines = [
        schema("suppliers", {"phone": {"type": ["string", "array", "null"]}}),
        message("suppliers", {"externalId": "V-1", "name": "A", **private}),
        message("suppliers", {"externalId": "V-1", "city": "Kyiv", **private}),
        message("suppliers", {"externalId": "V-2", "name": "x" * 300, **private}),
        message("suppliers", {"externalId": "V-3", "name": "C", "phone": [PHONE]}),
        message("suppliers", {"externalId": "V-4", "name": "D", "phone": {"x": PHONE}}),
        message("suppliers", {"externalId": "V-5", "phone": PHONE * 20, "name": "E"}),
        message("suppliers", {"name": "", "taxPayerNumber": "TP-998877"}),
        message("suppliers", {"name": "F", "taxPayerNumber": "TP-998877"}),
    ]
    run = load(
        sandbox,
        lines=lines,
        report_path=str(report),
        links_path=str(links),
        match_on={"suppliers": ["taxPayerNumber"]},
    )
    assert run.code == 1
    assert run.tally["suppliers"]["rejected"] >= 4
    told = caplog.text + report.read_text() + links.read_text() + json.dumps(run.states)
    for secret in ("secret-token-1234", "someone@example.com", PHONE, IBAN, "998877", "5550100"):
        assert secret not in told, secret
