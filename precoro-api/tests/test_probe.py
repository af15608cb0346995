"""The probe against sandboxes in every position, small accounts, and servers that fail."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import precoro_api.commands.probe
import pytest
from click.testing import CliRunner
from precoro_api import RESOURCES, errors
from precoro_api.message import Message
from precoro_api.probe import MOST_REQUESTS, probe, probe_writes
from precoro_api.probe.lists import order_of
from precoro_api.probe.report import QUESTIONS, WRITE_QUESTIONS, Answer, Report
from precoro_api.quota import Policy, Quota
from precoro_sandbox import Account, Fault, Sandbox, SandboxClock, Switches
from precoro_sandbox.company import demo_company

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POSITIONS = {
    name: [default, *([] if others == "any number" else others.split(", "))]
    for name, default, others, _ in Switches.table()
} | {"default_page_size": ["20", "10", "37", "100"]}

NOT_BY_READING = {
    "minute_limit": "it would have to be used up",
    "hour_limit": "it would have to be used up",
    "day_limit": "it would have to be used up",
    "duplicate_limiter": "a probe sends nothing twice",
    "limit_answer": "no limit is reached on purpose",
    "external_id_on_create": "it is about writing",
    "external_id_unique": "it is about writing",
    "create_documents": "it is about writing",
    "patch_fields": "it is about writing",
    "put_scalars": "it is about writing",
    "put_external_id": "it is about writing",
    "put_payments": "it is about writing",
    "touch_on_payment": "it is about writing",
    "create_status": "it is about writing",
    "validation_status": "it is about writing",
    "booleans": "it is about writing",
    "supplier_enable": "it is about writing",
    "payments_create_date": "the tap sees it in the rows",
    "webhook_loss": "it is about what Precoro sends",
    "webhook_duplicates": "it is about what Precoro sends",
    "webhook_reordering": "it is about what Precoro sends",
}
NOT_BY_WRITING = {
    "minute_limit": "it would have to be used up",
    "hour_limit": "it would have to be used up",
    "day_limit": "it would have to be used up",
    "limit_answer": "seen only where the limiter of identical requests ignores bodies",
    "external_id_unique": "it takes a second record that can never be deleted",
    "create_documents": "a POST that succeeds makes a real invoice",
    "put_payments": "a PUT that succeeds changes a real payment",
    "touch_on_payment": "it takes a real payment",
    "supplier_enable": "a supplier that is made for it could not be taken away",
    "payments_create_date": "the tap sees it in the rows",
    "webhook_loss": "it is about what Precoro sends",
    "webhook_duplicates": "it is about what Precoro sends",
    "webhook_reordering": "it is about what Precoro sends",
}
BY_READING = [name for name in POSITIONS if name not in NOT_BY_READING]
BY_WRITING = [name for name in NOT_BY_READING if name not in NOT_BY_WRITING]


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict[str, Any]]]:
    """The demo company, with one external id that looks like a number: it has none."""
    company = demo_company(datetime.fromtimestamp(1_800_000_000, timezone.utc))
    company["legal_entities"][0]["externalId"] = "4711"
    return company


@pytest.fixture(scope="module")
def stops() -> Iterator[list[Thread]]:
    """Threads in which sandboxes stop while the next test runs already."""
    threads: list[Thread] = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def company(
    rows: dict[str, Any], time: Any, stops: list[Thread]
) -> Iterator[Callable[..., Sandbox]]:
    """Start the demo company, or another, with these switches and rights."""
    running: list[Sandbox] = []

    def start(
        switches: dict[str, Any] | None = None, records: Any = None, **rights: Any
    ) -> Sandbox:
        positions = Switches.set(switches or {})
        account = Account.open(time, positions, rows if records is None else records, **rights)
        sandbox = Sandbox(accounts=[account], switches=switches, clock=time).start()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in running:
        thread = Thread(target=sandbox.stop)
        thread.start()
        stops.append(thread)


def check_manners(sandbox: Sandbox, most: int = MOST_REQUESTS) -> None:
    served = [(one.method, one.path, one.query) for one in sandbox.served]
    assert len(served) <= most
    assert {method for method, _, _ in served} <= {"GET"}
    assert not [each for each, many in Counter(served).items() if many > 1]
    assert 429 not in {one.status for one in sandbox.served}


def found(report: Report, switch: str) -> str:
    return str(report.profile().get(switch))


# What reading finds


@pytest.mark.parametrize(
    ("switch", "position"), [(name, one) for name in BY_READING for one in POSITIONS[name]]
)
def test_reading_finds_the_position(
    company: Any, client_of: Any, switch: str, position: str
) -> None:
    sandbox = company({switch: position})
    report = probe(client_of(sandbox))
    assert found(report, switch) == position, report.as_text()
    others = [name for name in BY_READING if name != switch]
    assert {name: found(report, name) for name in others} == {
        name: POSITIONS[name][0] for name in others
    }
    assert report.requests == len(sandbox.served)
    check_manners(sandbox)


@pytest.mark.parametrize("seed", range(20))
def test_reading_finds_all_positions_at_once(company: Any, client_of: Any, seed: int) -> None:
    draw = random.Random(seed)
    positions = {name: draw.choice(POSITIONS[name]) for name in BY_READING}
    sandbox = company(positions)
    report = probe(client_of(sandbox))
    assert {name: found(report, name) for name in positions} == positions, report.as_text()
    check_manners(sandbox)


@pytest.mark.parametrize("unknown", POSITIONS["unknown_filters"])
@pytest.mark.parametrize("credit_notes", POSITIONS["credit_notes_listed"])
def test_where_every_filter_works_an_unknown_one_is_asked_in_time(
    company: Any, client_of: Any, unknown: str, credit_notes: str
) -> None:
    positions = {
        "unknown_filters": unknown,
        "credit_notes_listed": credit_notes,
        "waiting_spelling": "any_case",
        "payments_modified_since": "honoured",
    }
    sandbox = company(positions)
    report = probe(client_of(sandbox))
    assert {name: found(report, name) for name in positions} == positions, report.as_text()
    check_manners(sandbox)


def test_every_switch_is_found_or_has_its_reason() -> None:
    assert set(POSITIONS) == {*BY_READING, *BY_WRITING, *NOT_BY_WRITING}
    assert set(BY_READING) <= set(QUESTIONS)
    assert set(BY_WRITING) <= set(WRITE_QUESTIONS)


def test_fields_that_the_table_does_not_know_are_named(
    company: Any, client_of: Any, odd_server: Any
) -> None:
    answer = probe(client_of(company()))["unknown_fields"]
    assert (answer.value, answer.shape) == (0, {})
    row = {"id": 1, "name": "x", "shoeSize": 2, "someone@example.com": 3}
    body = json.dumps({"data": [row]}).encode()
    server = odd_server([(200, {"Content-Type": "application/json"}, body)])
    report = probe(client_of(server.url))
    assert report["unknown_fields"].shape["legal_entities"] == ["shoeSize"]
    assert "swiftCode" in report["absent_fields"].shape["legal_entities"]
    assert "someone" not in json.dumps(report.profile())


def test_headers_are_kept_by_name_alone(odd_server: Any, client_of: Any) -> None:
    headers = {"Content-Type": "application/json", "X-RateLimit-Left": "7", "Set-Cookie": "a=b"}
    report = probe(client_of(odd_server([(200, headers, b'{"data": []}')]).url))
    assert "x-ratelimit-left: 7" in report["headers"].value
    assert report.profile()["headers"] == ["content-type", "x-ratelimit-left"]


TELLING = ("id", "idn", "name", "email", "phone", "externalId", "uniqueCode", "invoiceNumber")
NUMBERS = ("version", "default_page_size", "not_found", "create_status", "validation_status")


def every_value(value: Any) -> Iterator[tuple[str, str]]:
    """All that lies inside, as (key, text)."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in pairs:
        if isinstance(each, (dict, list)):
            yield from every_value(each)
        else:
            yield str(key), str(each)


def test_the_profile_holds_nothing_of_the_company(company: Any, client_of: Any) -> None:
    sandbox = company()
    client = client_of(sandbox)
    report = probe_writes(client, probe(client))
    records = [list(table.values()) for table in sandbox.store.tables.values()]
    private = {text for key, text in every_value(records) if key in TELLING and text}
    private |= {sandbox.account.token, sandbox.account.email}
    kept = {key: each for key, each in report.profile().items() if key not in NUMBERS}
    assert len(private) > 5_000
    assert not private & {text for _, text in every_value(kept)}
    assert not [each for each in private if len(each) > 6 and each in json.dumps(kept)]
    assert "left_behind" not in kept


def test_the_report_reads_well_and_the_profile_is_json(
    company: Any, client_of: Any, tmp_path: Any
) -> None:
    report = probe(client_of(company({"pagination": "legacy"})))
    text = report.as_text(90)
    assert text.startswith("31 of 32 questions answered with 15 requests.")
    assert max(map(len, text.splitlines())) <= 90
    assert [each.key for each in report.answers] == list(QUESTIONS)
    report.write_profile(tmp_path / "profile.json")
    assert json.loads((tmp_path / "profile.json").read_text()) == report.profile()
    assert report.profile()["pagination"] == "legacy"
    assert report.profile()["version"] == 1


def test_a_report_shows_no_control_characters() -> None:
    report = Report((Answer("k", "Question", "x\x1b[31m", "\r\n"),), 1)
    assert "\x1b" not in report.as_text()


# Small and unwilling accounts


def test_an_empty_company_leaves_questions_open(company: Any, client_of: Any) -> None:
    sandbox = company(records={})
    report = probe(client_of(sandbox))
    open_ones = {each.key for each in report.answers if each.value is None}
    assert {"idn_type", "split_idn", "enable_filter", "attachments", "options_list"} < open_ones
    assert {"pagination", "legal_entities_meta", "unknown_filters"}.isdisjoint(open_ones)
    assert all(each.detail for each in report.answers if each.value is None)
    check_manners(sandbox)


@pytest.mark.parametrize("resource", ["invoices", "expenses", "suppliers", "purchase_orders"])
def test_a_forbidden_resource_is_told_and_others_step_in(
    company: Any, client_of: Any, resource: str
) -> None:
    sandbox = company(forbidden=[resource])
    report = probe(client_of(sandbox))
    assert report["paths"].shape[resource] == "forbidden"
    assert f"{resource} forbidden" in report["paths"].detail
    for switch in ("pagination", "modified_since", "waiting_spelling", "approval_dates"):
        assert found(report, switch) == POSITIONS[switch][0], report.as_text()
    check_manners(sandbox)


def test_an_absent_resource_is_told(company: Any, client_of: Any) -> None:
    sandbox = company(absent=["payments", "attachments", "document_custom_field_options"])
    report = probe(client_of(sandbox))
    assert report["paths"].shape["payments"] == "missing"
    assert report["attachments"].text == "could not tell: no such path (404)"
    assert report["options_list"].value == "missing"
    check_manners(sandbox)


def test_where_all_is_forbidden_it_stops_soon(company: Any, client_of: Any) -> None:
    sandbox = company(forbidden=[resource.name for resource in RESOURCES])
    report = probe(client_of(sandbox))
    assert report.requests == 5
    assert "refused" in report.stopped
    assert "The probe ended early" in report.as_text()


@pytest.mark.parametrize("most", range(1, MOST_REQUESTS))
def test_a_small_budget_is_kept(company: Any, client_of: Any, most: int) -> None:
    sandbox = company()
    report = probe(client_of(sandbox), most=most)
    assert report.requests == len(sandbox.served) == most
    assert [each.key for each in report.answers] == list(QUESTIONS)
    check_manners(sandbox, most)


def test_few_documents_are_enough_or_it_says_so(
    company: Any, client_of: Any, rows: dict[str, Any]
) -> None:
    few = {name: each[:3] for name, each in rows.items()}
    sandbox = company({"list_order": "id_asc"}, few)
    report = probe(client_of(sandbox))
    for switch in BY_READING:
        assert found(report, switch) in ("None", "id_asc", POSITIONS[switch][0]), switch
    check_manners(sandbox)


# Servers that fail


def test_wrong_credentials_end_it_at_the_first_request(company: Any, client_of: Any) -> None:
    sandbox = company()
    with pytest.raises(errors.BadCredentials):
        probe(client_of(sandbox, token="another"))
    assert len(sandbox.served) == 1


def test_a_spent_budget_ends_it_and_keeps_what_was_found(
    company: Any, client_of: Any, time: Any
) -> None:
    sandbox = company()
    quota = Quota(time, policy=Policy(max_requests=4))
    report = probe(client_of(sandbox, quota=quota))
    assert report.requests == 4
    assert "4 requests" in report.stopped
    assert report["pagination"].value == "all"
    assert "4 requests" in report["attachments"].text


@pytest.mark.parametrize("shape", ["body", "headers", "empty", "html"])
def test_a_429_is_recorded_and_ends_it(company: Any, client_of: Any, shape: str) -> None:
    sandbox = company({"limit_answer": shape, "minute_limit": 3})
    report = probe(client_of(sandbox))
    assert report["limit_answer"].value == shape
    assert report.requests == len(sandbox.served) == 4
    assert "429" in report.stopped


@pytest.mark.parametrize("kind", ["500", "lost", "cut"])
@pytest.mark.parametrize("skip", range(1, MOST_REQUESTS))
def test_one_failure_costs_one_question(company: Any, client_of: Any, kind: str, skip: int) -> None:
    sandbox = company()
    sandbox.faults.add(Fault(kind, skip=skip))
    report = probe(client_of(sandbox))
    for switch in BY_READING:
        assert found(report, switch) in ("None", POSITIONS[switch][0]), (switch, report.as_text())
    check_manners(sandbox)


def test_a_server_out_of_order_is_left_alone(company: Any, client_of: Any) -> None:
    sandbox = company()
    sandbox.faults.add(Fault("500", times=99, skip=2))
    report = probe(client_of(sandbox))
    assert report.requests == 4
    assert "out of order" in report.stopped


def test_a_web_page_in_place_of_the_api_is_told(odd_server: Any, client_of: Any) -> None:
    server = odd_server([(200, {"Content-Type": "text/html"}, b"<html>hello</html>")])
    with pytest.raises(errors.UnexpectedAnswer, match="base_url"):
        probe(client_of(server.url))
    assert len(server.asked) == 1


ODD = [None, [], {}, 1, "x", {"data": None}, {"data": [1, None]}, {"data": {"0": {}}}]
ODD += [
    {"data": [{}], "meta": []},
    {"data": [{"id": [], "idn": {}, "status": {}}], "meta": {"pagination": 3}},
    {"data": [{"id": 1, "updateDate": "soon", "attachments": 5, "supplier": "x"}] * 3},
    {"data": [{"id": None, "idn": 1, "sumPaid": [], "externalId": {}, "parentData": "x"}]},
    {"data": [{"dataDocumentCustomFields": {"data": ["x", {"documentCustomField": 3}]}}]},
]


@pytest.mark.parametrize("body", ODD)
def test_odd_answers_crash_nothing(odd_server: Any, client_of: Any, body: Any) -> None:
    answer = (200, {"Content-Type": "application/json"}, json.dumps(body).encode())
    server = odd_server([answer])
    client = client_of(server.url)
    report = probe(client)
    assert len(server.asked) == report.requests <= MOST_REQUESTS
    assert report.as_text()
    assert json.dumps(probe_writes(client, report).profile())


# What writing finds


@pytest.mark.parametrize(
    ("switch", "position"), [(name, one) for name in BY_WRITING for one in POSITIONS[name]]
)
def test_writing_finds_the_position(
    company: Any, client_of: Any, switch: str, position: str
) -> None:
    sandbox = company({switch: position})
    client = client_of(sandbox)
    report = probe_writes(client, probe(client))
    if switch == "duplicate_limiter" and position == "off":
        position = "with_body"  # nothing short of an identical request tells them apart
    assert found(report, switch) == position, report.as_text()


@pytest.mark.parametrize("seed", range(20))
def test_writing_finds_all_positions_at_once(company: Any, client_of: Any, seed: int) -> None:
    draw = random.Random(seed)
    names = [*BY_WRITING, "external_id_type", "limit_answer"]
    positions = {name: draw.choice(POSITIONS[name]) for name in names}
    sandbox = company(positions, {})
    client = client_of(sandbox)
    report = probe_writes(client, probe(client))
    if positions["duplicate_limiter"] != "without_body":
        positions |= {"duplicate_limiter": "with_body"}
        positions["limit_answer"] = "None"
    elif positions["limit_answer"] in ("empty", "html", "headers"):
        assert report["duplicate_limiter"].confidence == "inferred"
    assert {name: found(report, name) for name in names} == positions, report.as_text()
    check_writes(sandbox, report)


def check_writes(sandbox: Sandbox, report: Report) -> None:
    suppliers, terms = (list(sandbox.store.rows(name).values()) for name in TEST_RECORDS)
    assert len(suppliers) == len(terms) == 1
    assert "TEST" in suppliers[0]["name"]
    assert terms[0]["enable"] is False
    left = report["left_behind"].text
    assert suppliers[0]["name"] in left
    assert str(suppliers[0]["id"]) in left
    written = [one for one in sandbox.served if one.method != "GET" and one.status != 429]
    assert len(written) <= MOST_REQUESTS
    assert {one.path.split("/")[1] for one in written} == {"suppliers", "paymentterms"}


TEST_RECORDS = ("suppliers", "payment_terms")


@pytest.mark.parametrize("kind", ["500", "lost", "failed", "empty"])
@pytest.mark.parametrize("skip", range(9))
def test_a_failed_write_costs_one_question(
    company: Any, client_of: Any, kind: str, skip: int
) -> None:
    sandbox = company({"put_scalars": "cleared", "put_external_id": "cleared"}, {})
    client = client_of(sandbox)
    report = probe(client)
    sandbox.faults.add(Fault(kind, skip=skip))
    report = probe_writes(client, report)
    cleared = ("put_scalars", "put_external_id")
    for switch in BY_WRITING:
        right = "cleared" if switch in cleared else POSITIONS[switch][0]
        assert found(report, switch) in ("None", right), (switch, report.as_text())
    for name in TEST_RECORDS:
        for row in sandbox.store.rows(name).values():
            assert row["name"] in report["left_behind"].text


def test_forbidden_writes_are_told(company: Any, client_of: Any) -> None:
    sandbox = company(forbidden=["suppliers", "payment_terms"])
    client = client_of(sandbox)
    report = probe_writes(client, probe(client))
    assert "may not" in report["patch_fields"].text
    assert report["left_behind"].value == "nothing"


# What it is built on


def test_an_exchange_is_the_answer_as_it_came(odd_server: Any, client_of: Any) -> None:
    limited = b'{"RateLimit-Type": "Minute limiter", "RateLimit-Retry-After": "20"}'
    headers = {"Content-Type": "application/json", "X-Odd": "secret"}
    plan = [(429, headers, limited), (422, headers, b'{"a": "secret"}'), (500, {}, b"<p>")]
    client = client_of(odd_server(plan).url)
    message = Message(RESOURCES[0].list, RESOURCES[0].name)
    heard: list[int] = []
    answer = client.exchange(message, attempts=2, heard=lambda one: heard.append(one.status))
    assert (answer.status, answer.headers["x-odd"], answer.json) == (422, "secret", {"a": "secret"})
    assert heard == [429, 422]
    assert client.retries == 1
    assert "secret" not in repr(answer)
    answer = client.exchange(message)
    assert (answer.status, answer.body, answer.json, answer.is_json) == (500, b"<p>", None, False)
    assert client.quota.sent == client.requests_by_method["GET"] == 3


@pytest.mark.parametrize(("status", "kind"), [(429, "QuotaSpent"), (302, "UnexpectedAnswer")])
def test_what_did_not_arrive_is_no_exchange(
    odd_server: Any, client_of: Any, status: int, kind: str
) -> None:
    client = client_of(odd_server([(status, {"Location": "/"}, b"")]).url)
    with pytest.raises(getattr(errors, kind)):
        client.exchange(Message(RESOURCES[0].list, RESOURCES[0].name))


# The command


@pytest.fixture
def run(tmp_path: Any, monkeypatch: Any) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *arguments, **options: runner.invoke(
        precoro_api.commands.probe.probe_command, arguments, **options
    )


@pytest.fixture
def settings(tmp_path: Any) -> Iterator[tuple[Sandbox, str]]:
    clock = SandboxClock(600)
    with Sandbox(seed="empty", clock=clock) as sandbox:
        chosen = {
            "auth_token": sandbox.account.token,
            "email": sandbox.account.email,
            "base_url": sandbox.url,
            "clock_speed": 600,
            "quota_path": "memory",
        }
        file = tmp_path / "settings.json"
        file.write_text(json.dumps(chosen))
        yield sandbox, str(file)


def test_the_command_reads_shows_and_keeps_a_profile(run: Any, settings: Any) -> None:
    sandbox, file = settings
    result = run("--config", file)
    assert result.exit_code == 0, result.output
    assert "questions answered" in result.stdout
    assert json.loads(Path("precoro-profile.json").read_text())["pagination"] == "all"
    assert {one.method for one in sandbox.served} == {"GET"}


def test_the_command_writes_for_programs(run: Any, settings: Any, tmp_path: Any) -> None:
    _, file = settings
    result = run("--config", file, "--format", "json", "--output", str(tmp_path / "p.json"))
    shown = json.loads(result.stdout)
    assert shown["profile"] == json.loads((tmp_path / "p.json").read_text())
    assert shown["requests"] <= MOST_REQUESTS
    assert {each["key"] for each in shown["answers"]} == set(QUESTIONS)


def test_the_command_asks_before_it_writes(run: Any, settings: Any) -> None:
    sandbox, file = settings
    result = run("--config", file, "--write", input="n\n")
    assert result.exit_code == 1
    assert "test company" in result.stderr
    assert not sandbox.served
    result = run("--config", file, "--write", input="y\n")
    assert result.exit_code == 0
    assert sandbox.store.rows("suppliers")


def test_the_command_writes_at_once_where_told(run: Any, settings: Any) -> None:
    sandbox, file = settings
    result = run("--config", file, "--write", "--yes")
    assert result.exit_code == 0
    assert "ZZ TEST of the API" in result.stdout
    assert len(sandbox.store.rows("suppliers")) == 1


def test_the_command_takes_the_environment(run: Any, settings: Any, monkeypatch: Any) -> None:
    sandbox, file = settings
    for name, value in json.loads(Path(file).read_text()).items():
        monkeypatch.setenv(f"TARGET_PRECORO_{name.upper()}", str(value))
    assert run().exit_code == 0
    assert sandbox.served


def test_wrong_settings_and_credentials_exit_with_2(run: Any, settings: Any, tmp_path: Any) -> None:
    sandbox, file = settings
    assert run("--config", str(tmp_path / "none.json")).exit_code == 2
    assert run().exit_code == 2
    wrong = json.loads(Path(file).read_text()) | {"auth_token": "another"}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    result = run("--config", str(tmp_path / "wrong.json"))
    assert result.exit_code == 2
    assert result.stderr.startswith("precoro: ")
    assert "another" not in result.output
    assert len(sandbox.served) == 1


def test_other_failures_exit_with_1(run: Any, settings: Any) -> None:
    sandbox, file = settings
    result = run("--config", file, "--output", "no/such/folder/p.json")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    sandbox.stop()
    result = run("--config", file)
    assert result.exit_code == 1
    assert "Traceback" not in result.output


# Judgements


def dated(*pairs: tuple[int, int]) -> list[dict[str, Any]]:
    return [{"id": key, "updateDate": f"2026-01-{day:02d}T00:00:00+00:00"} for key, day in pairs]


def test_orders_are_told_apart() -> None:
    assert order_of(dated((3, 1), (2, 3), (1, 2))) == {"id_desc"}
    assert order_of(dated((1, 2), (2, 1))) == {"id_asc"}
    assert order_of(dated((1, 1), (3, 2), (2, 3))) == {"updated"}
    assert order_of(dated((1, 3), (3, 2), (2, 1))) == {"updated_desc"}
    assert order_of(dated((1, 3), (3, 1), (2, 2))) == set()
