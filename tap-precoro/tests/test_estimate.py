"""What a sync would cost, and whether it then costs that."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api.quota import Policy
from precoro_api.quota.report import report_of
from precoro_api.quota.windows import LENGTHS, Book, Grant, Limits, Window, decide
from precoro_sandbox import Fault
from tap_precoro.estimate import Need
from tap_precoro.forecast import Forecast, forecast_of
from tap_precoro.tap import TapPrecoro
from tap_precoro.telling.pace import Pace, roughly

ORDERS = "purchase_orders"
DETAILS, LINES = f"{ORDERS}_details", f"{ORDERS}_items"
NOON = 1_768_478_400.0  # 2026-01-15 12:00 UTC


def made(sandbox, *streams, state=None, more=(), **settings):
    """A tap that has these streams selected; by default its own selection and `more`."""
    tap = TapPrecoro(
        config=config_of(sandbox, **settings), state=json.loads(json.dumps(state or {}))
    )
    for name, stream in tap.streams.items():
        if streams or name in more:
            stream.selected = name in streams or name in more
    return tap


def config_of(sandbox, **settings):
    return {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": int(sandbox.clock.speed),
        **settings,
    }


def needs(sandbox, *streams, **options):
    """What each stream needs, by name."""
    return {need.stream: need for need in forecast_of(made(sandbox, *streams, **options)).needs}


def run(sandbox, *streams, **options):
    """A sync: its requests by stream without retries, and its state."""
    tap = made(sandbox, *streams, **options)
    with contextlib.redirect_stdout(io.StringIO()):
        tap.sync_all()
    sent = tap.client.requests_by_method.total() - tap.client.retries
    by_stream = {name: each.requests - each.retries for name, each in tap.tally.by_stream.items()}
    assert sum(by_stream.values()) == sent
    return by_stream, tap.state


def suppliers(many, **more):
    return [
        {"id": n, "name": f"Firm {n}", "updateDate": "2025-01-01T00:00:00+00:00", **more}
        for n in range(1, many + 1)
    ]


def document(number):
    day = f"2025-03-{number % 28 + 1:02d}T00:00:{number % 60:02d}+00:00"
    return {"id": 1000 + number, "idn": str(number), "updateDate": day, "createDate": day}


# It equals what the sync then uses


def test_the_first_run_of_a_whole_company_takes_what_was_estimated(serve):
    sandbox = serve(seed="demo")
    forecast = forecast_of(made(sandbox, more=(DETAILS, LINES)))
    assert forecast.bound == ""
    before = len(sandbox.served)
    assert forecast.asked == before < 30
    used, _ = run(sandbox, more=(DETAILS, LINES))
    assert {need.stream: need.requests for need in forecast.needs} == used
    assert forecast.requests == sum(used.values()) > 600


def test_a_second_run_with_a_few_changes_takes_what_was_estimated(serve):
    sandbox = serve(seed="demo")
    _, state = run(sandbox, more=(DETAILS, LINES))
    for resource, many in ((ORDERS, 4), ("suppliers", 3), ("invoices", 2)):
        for row in list(sandbox.store.rows(resource).values())[:many]:
            sandbox.store.change(resource, row, {"comment": "changed"})
    forecast = forecast_of(made(sandbox, state=state, more=(DETAILS, LINES)))
    used, _ = run(sandbox, state=state, more=(DETAILS, LINES))
    assert {need.stream: need.requests for need in forecast.needs} == used
    assert forecast.bound == ""
    assert used[DETAILS] == 4
    assert used["suppliers"] == used[ORDERS] == 1


def test_many_changes_are_told_as_an_upper_bound(serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 61)]})
    _, state = run(sandbox, ORDERS, DETAILS)
    for row in list(sandbox.store.rows(ORDERS).values())[:30]:
        sandbox.store.change(ORDERS, row, {"comment": "changed"})
    need = needs(sandbox, ORDERS, DETAILS, state=state)[DETAILS]
    used, _ = run(sandbox, ORDERS, DETAILS, state=state)
    assert need.bound == "up to"
    assert used[DETAILS] == 30 <= need.requests <= 33


@pytest.mark.parametrize(
    "chosen", [(DETAILS,), (LINES,), (DETAILS, LINES), (ORDERS, LINES)], ids=str
)
def test_details_pay_for_their_list_unless_it_is_selected(serve, chosen):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 31)]})
    estimated = {name: need.requests for name, need in needs(sandbox, *chosen).items()}
    assert estimated == run(sandbox, *chosen)[0]
    assert sum(estimated.values()) == 31


def test_a_limit_of_details_is_kept_and_told(serve):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 31)]})
    options = {"detail_limit": 12}
    need = needs(sandbox, DETAILS, **options)[DETAILS]
    assert need == Need(DETAILS, 30, 13, "", "detail_limit leaves 18")
    assert run(sandbox, DETAILS, **options)[0] == {DETAILS: 13}


def test_rows_that_share_a_document_are_an_upper_bound(serve):
    children = [{**document(7), "id": 2000 + n, "parentData": {"id": 1}} for n in range(12)]
    sandbox = serve({"invoices": children})
    need = needs(sandbox, "invoices_details")["invoices_details"]
    assert (need.requests, need.bound) == (13, "up to")
    assert run(sandbox, "invoices_details")[0] == {"invoices_details": 2}


def test_rows_without_dates_are_read_twice_where_they_fill_more_than_a_page(serve):
    rows = [{"id": n, "name": f"{n}", "percent": 1} for n in range(1, 42)]
    sandbox = serve({"taxes": rows, "units": rows[:20]})
    estimated = needs(sandbox, "taxes", "units", page_size=20)
    assert (estimated["taxes"].requests, estimated["units"].requests) == (6, 1)
    assert run(sandbox, "taxes", "units", page_size=20)[0] == {"taxes": 6, "units": 1}


@pytest.mark.parametrize(("filters", "requests"), [({}, 2), ({"status": 0}, 4)], ids=str)
def test_rows_that_a_filter_may_lose_and_find_need_a_date_of_change(serve, filters, requests):
    born = "2025-01-01T00:00:00+00:00"
    rows = [{"id": n, "idn": str(n), "status": 0, "uploadDate": born} for n in range(1, 32)]
    sandbox = serve({"ap_documents": rows})
    options = {"page_size": 20, "filters": {"ap_documents": filters}}
    assert needs(sandbox, "ap_documents", **options)["ap_documents"].requests == requests
    assert run(sandbox, "ap_documents", **options)[0] == {"ap_documents": requests}


def test_stock_is_counted_by_warehouse(serve):
    stock = [
        {"id": n, "warehouse": {"id": 1 + (n > 30)}, "updateDate": "2025-01-01T00:00:00+00:00"}
        for n in range(1, 36)
    ]
    sandbox = serve({"warehouses": [{"id": 1}, {"id": 2}], "warehouse_items": stock})
    chosen = ("warehouse_items", "warehouses")
    estimated = needs(sandbox, *chosen, page_size=20)
    assert estimated["warehouse_items"] == Need("warehouse_items", 35, 1 + 2 + 1)
    used, _ = run(sandbox, *chosen, page_size=20)
    assert used == {name: need.requests for name, need in estimated.items()}


def test_of_more_than_ten_warehouses_the_rest_is_taken_to_hold_one_page(serve):
    sandbox = serve({"warehouses": [{"id": n} for n in range(1, 13)]})
    need = needs(sandbox, "warehouse_items")["warehouse_items"]
    assert (need.rows, need.requests, need.bound) == (None, 1 + 12, "at least")
    assert len(sandbox.served) == 11


@pytest.mark.parametrize("mode", ["columns", "values"])
def test_names_of_custom_fields_are_an_upper_bound(serve, mode):
    sandbox = serve(seed="demo")
    chosen = ("suppliers", "suppliers_custom_field_values") if mode == "values" else ("suppliers",)
    forecast = forecast_of(made(sandbox, *chosen, custom_fields=mode))
    assert forecast.bound == "up to"
    tap = made(sandbox, *chosen, custom_fields=mode)
    with contextlib.redirect_stdout(io.StringIO()):
        tap.sync_all()
    sent = tap.client.requests_by_method.total() - tap.client.retries
    other_families = 2 if mode == "columns" else 0  # whose streams are not selected
    assert 2 < sent - other_families <= forecast.requests


# It asks what the sync would ask


def test_it_asks_with_the_filters_and_the_bookmarks_of_the_sync(serve):
    sandbox = serve({"invoices": [{"id": 1, "status": 2, **document(1)}]})
    state = {
        "bookmarks": {
            "invoices": {
                "replication_key": "updateDate",
                "replication_key_value": "2025-02-01T00:00:00+00:00",
            }
        }
    }
    options = {"state": state, "filters": {"invoices": {"status": "approved"}}}
    needs(sandbox, "invoices", **options)
    run(sandbox, "invoices", **options)
    asked, then = (each.query for each in sandbox.served)
    assert "status%5B%5D=2" in asked
    assert "modifiedSince=2025-01-31T23%3A55%3A00" in asked
    assert asked == then.replace("per_page=200", "per_page=10")


def test_a_window_of_payments_is_asked_for(serve):
    sandbox = serve({"payments": [{"id": 1, "createDate": "2025-01-01T00:00:00+00:00"}]})
    state = {"bookmarks": {"payments": {"read_whole": True}}}
    needs(sandbox, "payments", state=state, payments_window_days=30)
    assert "createDate%5Bleft_date%5D" in sandbox.served[0].query


def test_each_list_is_asked_once(serve):
    sandbox = serve(seed="demo")
    needs(sandbox, more=(DETAILS, LINES, "invoices_details", "invoices_items"))
    asked = [f"{each.path}?{each.query}" for each in sandbox.served]
    assert len(asked) == len(set(asked))


def test_max_requests_bounds_the_sync_and_not_the_estimate(serve):
    forecast = forecast_of(made(serve(seed="demo"), max_requests=3))
    assert forecast.asked > 3
    assert "max_requests ends a run after 3" in forecast.as_text()


# What cannot be known, or read


def test_a_list_without_totals_is_unknown(serve):
    switches = {"pagination": "new"}
    sandbox = serve({"suppliers": suppliers(30), ORDERS: [document(1)]}, switches=switches)
    forecast = forecast_of(made(sandbox, "suppliers", ORDERS, DETAILS))
    by_stream = {need.stream: need for need in forecast.needs}
    assert by_stream["suppliers"].requests is None
    assert by_stream["suppliers"].note == "unknown (the API tells no total)"
    assert by_stream[DETAILS].requests == 1  # its list is one small page
    assert forecast.bound == "at least"
    assert "comes on top" in forecast.as_text()


def test_details_of_a_list_without_totals_are_unknown(serve):
    switches = {"pagination": "new"}
    sandbox = serve({ORDERS: [document(n) for n in range(1, 30)]}, switches=switches)
    assert {need.requests for need in needs(sandbox, ORDERS, DETAILS).values()} == {None}


def test_what_the_account_lacks_is_shown_and_costs_what_it_costs(serve):
    sandbox = serve(seed="demo", forbidden=[ORDERS, "budgets"], absent=["warehouses"])
    chosen = ("budgets", ORDERS, DETAILS, LINES, "taxes", "warehouse_items", "warehouses")
    estimated = needs(sandbox, *chosen)
    assert estimated["budgets"].note == "skipped: budgets is not allowed (403)"
    assert estimated[DETAILS].note == "skipped: purchase_orders is not allowed (403)"
    assert estimated["warehouse_items"].note == "skipped: warehouses is not there (404)"
    assert estimated["taxes"].note == ""
    used, _ = run(sandbox, *chosen)
    assert used == {name: need.requests for name, need in estimated.items()}


def test_a_list_that_fails_is_told_and_the_others_are_estimated(serve):
    sandbox = serve(seed="demo")
    sandbox.faults.add(Fault("500", times=99, method="GET", path="/taxes"))
    estimated = needs(sandbox, "taxes", "units")
    assert estimated["taxes"].requests is None
    assert estimated["taxes"].note.startswith("fails: taxes: ")
    assert estimated["units"].requests == 1


def test_files_are_unknown_where_they_are_fetched(serve, tmp_path):
    sandbox = serve({"invoices": [document(1)]})
    chosen = ("invoices_details", "attachments")
    assert needs(sandbox, *chosen)["attachments"].requests == 0
    fetched = needs(sandbox, *chosen, attachments_path=str(tmp_path))["attachments"]
    assert fetched.requests is None
    assert "one per file" in fetched.note


# How long it takes


def windows_of(limits=None, **used):
    """What a budget reports at noon, with that many used of its windows."""
    starts = {kind: NOON - NOON % length for kind, length in LENGTHS.items()}
    book = Book({kind: Window(starts[kind], used.get(kind, 0)) for kind in LENGTHS})
    return report_of(book, limits or Limits(), {}, NOON)


@pytest.mark.parametrize(
    ("many", "used", "minutes"),
    [
        (0, {}, 0),
        (30, {}, 0.5),
        (60, {}, 1),
        (61, {}, 1 + 1 / 60),
        (30, {"minute": 60}, 1.5),
        (1500, {}, 25),
        (1501, {}, 60 + 1 / 60),
        (10, {"hour": 1495}, 60 + 5 / 60),
        (3001, {}, 12 * 60 + 1 / 60),
        (1, {"day": 3000}, 12 * 60 + 1 / 60),
    ],
)
def test_minutes_follow_the_three_windows(many, used, minutes):
    pace = Pace(windows_of(**used), NOON)
    assert pace.send(many) - NOON == pytest.approx(60 * minutes)


def test_limits_that_are_spent_on_the_way_are_named_with_their_moments():
    pace = Pace(windows_of(), NOON)
    pace.send(3001)
    hour, day = pace.stops
    assert (hour.kind, hour.sent, hour.opens_at) == ("hour", 1500, NOON + 3600)
    assert (day.kind, day.sent, day.opens_at) == ("day", 3000, NOON + 12 * 3600)


def test_what_a_429_shut_is_waited_for_first():
    report = {**windows_of(), "blocked": {"daily limiter": NOON + 7200}}
    pace = Pace(report, NOON)
    assert pace.send(1) == pytest.approx(NOON + 7201)
    assert pace.stops[0].kind == "daily limiter"


@given(
    many=st.integers(1, 150),
    minute=st.integers(1, 60),
    hour=st.integers(1, 80),
    day=st.integers(1, 120),
    used=st.tuples(st.integers(0, 60), st.integers(0, 80), st.integers(0, 120)),
    late=st.floats(0, 59),
)
@settings(max_examples=200, deadline=None)
def test_the_last_request_leaves_in_the_minute_in_which_the_budget_lets_it(
    many, minute, hour, day, used, late
):
    limits = Limits(minute, hour, day)
    report = windows_of(limits, **dict(zip(LENGTHS, used, strict=True)))
    now = NOON + late
    ends = Pace(report, now).send(many)
    starts = {kind: NOON - NOON % length for kind, length in LENGTHS.items()}
    book = Book({kind: Window(starts[kind], n) for kind, n in zip(LENGTHS, used, strict=True)})
    for _ in range(many):
        verdict = decide(book, limits, now=now, spread=0.0)
        while not isinstance(verdict, Grant):
            now, book = verdict.until, verdict.book
            verdict = decide(book, limits, now=now, spread=0.0)
        book = verdict.book
    assert now <= ends <= now - now % 60 + 60 + 1e-6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "less than a minute"),
        (80, "about 1 minute"),
        (660, "about 11 minutes"),
        (7000, "about 2 hours"),
        (200_000, "about 2 days"),
    ],
)
def test_spans_are_told_no_more_precisely_than_they_are_known(seconds, words):
    assert roughly(seconds) == words


def forecast(requests, *, policy=None, limits=None, **used):
    report = windows_of(limits, **used)
    pace = Pace(report, NOON)
    ends = pace.send(requests)
    need = Need("invoices_details", requests, requests)
    minutes = [(ends - NOON) / 60]
    return Forecast(
        needs=[need],
        minutes=minutes,
        windows=report["windows"],
        began=NOON,
        ends=ends,
        stops=pace.stops,
        run_ends=pace.end_of_run(policy or Policy()),
        policy=policy or Policy(),
        asked=1,
    )


def test_a_quota_of_the_day_that_suffices_is_told():
    text = forecast(1000, day=500).as_text()
    assert "The quota of the day suffices: it has 2,500 requests left." in text
    assert "1,000 requests in about 17 minutes" in text


def test_the_moment_is_told_when_the_quota_of_the_day_is_spent():
    told = forecast(2950, day=500)
    assert "is spent after 2,500 requests, at about 2026-01-15 13:16 UTC" in told.as_text()
    assert json.loads(told.as_json())["day_spent_at"] == "2026-01-15T13:16+00:00"
    assert "The last request leaves at about 2026-01-16 00:07 UTC." in told.as_text()


def test_where_a_run_ends_depends_on_what_it_is_told_to_do_then():
    stops = forecast(2000)
    assert "a run ends after 1,500 (hour), at about 2026-01-15 12:25 UTC" in stops.as_text()
    assert "goes on from 2026-01-15 13:00 UTC" in stops.as_text()
    waits = forecast(2000, policy=Policy(when_spent="wait", max_wait=3600))
    assert "a run ends" not in waits.as_text()
    assert json.loads(waits.as_json())["run_stops_at"] is None


def test_without_limits_no_time_is_claimed():
    told = forecast(100, limits=Limits(None, None, None))
    assert "Without limits: 100 requests." in told.as_text()
    assert json.loads(told.as_json())["minutes"] is None


# The command


@pytest.fixture
def command(tmp_path):
    def start(*arguments, config):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(config))
        line = [sys.executable, "-m", "tap_precoro", "--config", str(path), *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    return start


def test_the_command_prints_a_table_that_is_aligned(command, serve):
    sandbox = serve(seed="empty", counts={"suppliers": 450})
    done = command("--estimate", config=config_of(sandbox))
    assert done.returncode == 0
    head, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["stream", "rows", "requests", "minutes", "remarks"]
    suppliers_row = next(row for row in rows if row.startswith("suppliers "))
    assert suppliers_row.split()[:3] == ["suppliers", "450", "3"]
    assert suppliers_row.index("450") + 3 == head.index("rows") + 4  # numbers end together
    assert "The quota of the day suffices" in done.stdout
    assert "METRIC" not in done.stderr


def test_the_command_prints_json_alone(command, serve, tmp_path):
    sandbox = serve({ORDERS: [document(n) for n in range(1, 21)]}, speed=60)  # a day is long
    entry = {
        "tap_stream_id": DETAILS,
        "replication_key": "updateDate",
        "key_properties": ["id"],
        "schema": {"properties": {"id": {}, "updateDate": {}}},
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
    }
    catalog, state = tmp_path / "catalog.json", tmp_path / "state.json"
    catalog.write_text(json.dumps({"streams": [entry]}))
    bookmark = {"replication_key": "updateDate", "replication_key_value": "2025-03-15T00:05:00Z"}
    state.write_text(json.dumps({"bookmarks": {DETAILS: bookmark}}))
    options = ("--catalog", str(catalog), "--state", str(state), "--format", "json")
    done = command("--estimate", *options, config=config_of(sandbox))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert [stream["stream"] for stream in told["streams"]] == [DETAILS]
    assert told["requests"] == 1 + 7  # of the 15th to the 21st
    assert told["budget"]["day"]["used"] == told["asked"] == len(sandbox.served) == 1


@pytest.mark.parametrize(
    ("mode", "wrong", "words"),
    [
        ("--estimate", {"auth_token": "not-the-token"}, "Check the settings auth_token and email"),
        ("--test", {"auth_token": "not-the-token"}, "Check the settings auth_token and email"),
        ("--estimate", {"auth_token": 987654321}, "auth_token must be a string"),
        ("--test", {"auth_token": 987654321}, "auth_token must be a string"),
        ("--estimate", {"filters": {"invoice": {}}}, "Did you mean 'invoices'?"),
        ("--test", {"filters": {"invoice": {}}}, "Did you mean 'invoices'?"),
        ("--estimate", {"base_url": "http://api.precoro.com"}, "https"),
        ("--test", {"region": "eu", "base_url": None}, "region"),
    ],
    ids=str,
)
def test_wrong_settings_end_in_a_sentence(command, serve, mode, wrong, words):
    done = command(mode, config=config_of(serve(), **wrong))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "not-the-token" not in done.stderr
    assert "987654321" not in done.stderr


def test_discovery_that_cannot_work_ends_in_a_sentence(command, serve):
    wrong = {"custom_fields": "columns", "auth_token": "not-the-token"}
    for config in (wrong, {"profile_path": "nowhere.json"}):
        done = command("--discover", config=config_of(serve(), **config))
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].count("ERROR") == 1


def test_settings_that_are_no_json_end_in_a_sentence(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    for name in ("broken.json", "missing.json"):
        line = [sys.executable, "-m", "tap_precoro", "--config", str(tmp_path / name)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert "--config: " in done.stderr
        assert "Traceback" not in done.stderr


def test_format_still_serves_about_and_has_no_markdown_here(command, serve):
    config = config_of(serve())
    assert json.loads(command("--about", "--format", "json", config=config).stdout)["name"]
    assert command("--about", "--format", "markdown", config=config).stdout.startswith("# ")
    done = command("--estimate", "--format", "markdown", config=config)
    assert done.returncode == 2
    assert "text and json" in done.stderr


def test_a_test_of_the_connection_still_ends_well(command, serve):
    done = command("--test", config=config_of(serve(seed="demo")))
    assert done.returncode == 0
    assert command("--test=schema", config=config_of(serve())).returncode == 0
