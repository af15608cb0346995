"""What a run would do is told before it does anything, and it is what the run then does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from precoro_api.plain import harmless
from precoro_api.quota import Policy
from precoro_api.quota.windows import LENGTHS
from precoro_sandbox import Sandbox, SandboxClock
from target_precoro.plans.cost import Cost, budget_told, time_told, wait_for

OPTIONS = "document_custom_field_options"
FIELD = 100_001


def vendors(many, **more):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}", **more} for n in range(many)]


def rows(sandbox, resource="suppliers"):
    return list(sandbox.store.rows(resource).values())


def named(sandbox, resource="suppliers"):
    return {row.get("externalId"): row for row in rows(sandbox, resource)}


def message(stream, record):
    return json.dumps({"type": "RECORD", "stream": stream, "record": record})


def schema(stream):
    return json.dumps(
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    )


def lines_of(*records):
    """The messages of these (stream, record) pairs, in their order."""
    streams = dict.fromkeys(stream for stream, _ in records)
    state = json.dumps({"type": "STATE", "value": {"done": True}})
    return [*map(schema, streams), *(message(*each) for each in records), state]


def writes(sandbox, since=0):
    return [each for each in sandbox.served[since:] if each.method != "GET"]


def test_a_dry_run_writes_nothing_and_lets_no_state_out(sandbox, load):
    load(sandbox, "suppliers", vendors(3, city="Kyiv"))
    since = len(sandbox.served)
    records = [*vendors(2, city="Lviv"), *vendors(5)[2:]]
    run = load(sandbox, "suppliers", records, dry_run=True)
    assert run.code == 0
    assert run.states == []
    assert run.tally == {"suppliers": {"created": 2, "updated": 2, "unchanged": 1}}
    assert not writes(sandbox, since)
    assert [row["city"] for row in rows(sandbox)] == ["Kyiv"] * 3


def test_each_record_that_is_not_unchanged_has_its_line(serve, load, capsys):
    sandbox = serve(seed="demo")
    store = sandbox.store
    store.add("suppliers", {"name": "Old", "externalId": "V-1", "city": None, "currencies": []})
    store.add("suppliers", {"name": "Firm 2"})
    for _ in range(2):
        store.add("suppliers", {"name": "Twice"})
    linked = store.add("suppliers", {"name": "Firm 2 b"})
    records = [
        ("suppliers", {"externalId": "V-0", "name": "Acme"}),
        ("suppliers", {"externalId": "V-1", "name": "New", "city": "Kyiv", "currencies": ["EUR"]}),
        ("suppliers", {"externalId": "V-2", "name": "Firm 2 b"}),
        ("suppliers", {"externalId": "V-3", "name": "Twice"}),
        ("suppliers", {"externalId": "V-4", "name": 5, "currencies": [], "enable": "perhaps"}),
        ("items", {"externalId": "I-0", "name": "Bolt", "supplier_external_id": "V-0"}),
        ("items", {"externalId": "I-1", "name": "Nut", "supplier_external_id": "V-99"}),
    ]
    assert load(sandbox, lines=lines_of(*records), dry_run=True).code == 1
    told = capsys.readouterr().err.splitlines()
    assert '+ create suppliers V-0 "Acme"' in told
    changes = 'name: "Old" → "New", city: null → "Kyiv", currencies: null → ["EUR"]'
    assert f"~ update suppliers V-1: {changes}" in told
    assert f"& link suppliers V-2 (id {linked['id']}, found by name)" in told
    (ambiguous,) = [line for line in told if line.startswith("? ambiguous suppliers V-3: ")]
    assert "2 records of Precoro have its name" in ambiguous
    (refused,) = [line for line in told if line.startswith("! refused suppliers V-4: ")]
    assert "enable" in refused
    assert '+ create items I-0 "Bolt", supplier: (new) suppliers V-0' in told
    assert "… waiting items I-1: for suppliers V-99" in told


def test_a_new_record_that_stands_in_the_way_is_named(sandbox, load, capsys):
    records = [*vendors(1), {"externalId": "V-1", "name": "Firm 0"}]
    assert load(sandbox, "suppliers", records, dry_run=True).code == 1
    told = capsys.readouterr().err
    assert "! refused suppliers V-1: it was found by name (id (new) suppliers V-0)" in told
    assert "10000000" not in told


def test_a_dry_run_that_a_budget_ends_says_so(sandbox, load, capsys):
    assert load(sandbox, "suppliers", vendors(3), dry_run=True, max_requests=1).code == 0
    assert "did not come to its end" in capsys.readouterr().err


def test_what_only_waits_is_no_failure_of_a_dry_run(sandbox, load):
    record = {"externalId": "I-1", "name": "Nut", "supplier_external_id": "V-99"}
    run = load(sandbox, "items", [record], dry_run=True)
    assert run.tally == {"items": {"waiting": 1}}
    assert run.code == 0


def test_private_values_and_what_moves_a_terminal_are_not_shown(sandbox, load, capsys):
    load(sandbox, "suppliers", vendors(1, city="Kyiv", phone="+1 555 0100"))
    record = {
        **vendors(1)[0],
        "city": "Lviv\x1b[2J\u202e\r\n",
        "phone": "+1 555 0199",
        "contacts": [{"email": "ann@example.com"}],
    }
    new = {"externalId": "V-\x1b]0;\x07", "name": "A\x9bB", "phone": "+1 555 0142"}
    load(sandbox, "suppliers", [record, new], dry_run=True)
    told = capsys.readouterr().err
    assert "phone: *** → ***" in told
    assert "0100" not in told
    assert "0199" not in told
    assert "0142" not in told
    assert "ann@" not in told
    assert 'city: "Kyiv" → "Lviv\N{REPLACEMENT CHARACTER}[2J' in told
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(told)


def test_the_totals_and_the_price_are_told(sandbox, load, capsys):
    load(sandbox, "suppliers", vendors(3, city="Kyiv"))
    capsys.readouterr()
    load(sandbox, "suppliers", [*vendors(3, city="Lviv"), *vendors(13)[3:]], dry_run=True)
    told = capsys.readouterr().err
    assert "suppliers       10        3" in told
    assert "Cost in requests: 2 GET, up to 13 PATCH, 10 POST, up to 3 PUT: 15 to 28 in all." in told
    assert "Time: less than a minute at 60 a minute, 1500 an hour, 3000 a day." in told
    assert "Enough: today's budget has" in told


@pytest.mark.parametrize(
    ("switches", "known", "price"),
    [
        (
            {"external_id_on_create": "everywhere", "patch_fields": "all"},
            {"external_id_on_create": "everywhere", "patch_fields": "all"},
            "3 PATCH, 10 POST",
        ),
        (
            {},
            {"external_id_on_create": "nowhere", "patch_fields": "external_id_only"},
            "10 PATCH, 10 POST, 3 PUT",
        ),
    ],
    ids=["takes all", "takes nothing"],
)
def test_what_is_known_of_the_api_makes_the_price_exact(
    serve, load, capsys, tmp_path, switches, known, price
):
    sandbox = serve(switches=switches)
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps({"version": 1, **known}))
    more = {"profile_path": str(profile)}
    load(sandbox, "suppliers", vendors(3, city="Kyiv"), **more)
    records = [*vendors(3, city="Lviv"), *vendors(13)[3:]]
    load(sandbox, "suppliers", records, dry_run=True, **more)
    assert f", {price}: " in capsys.readouterr().err
    done = load(sandbox, "suppliers", records, **more).requests
    assert ", ".join(f"{done[name]} {name}" for name in sorted(done) if name != "GET") == price


def test_a_budget_that_is_too_small_is_told(serve, load, capsys):
    sandbox = serve(speed=60)
    load(sandbox, "suppliers", vendors(200), dry_run=True, requests_per_day=150)
    told = capsys.readouterr().err
    assert "Not enough: today's budget has 148 left until" in told
    assert "a run stops there, to go on when run again" in told
    # Until the second midnight from now.
    assert re.search(r"Time: about \d\d hours at 60 a minute, 1500 an hour, 150 a day\.", told)
    load(sandbox, "suppliers", vendors(20), dry_run=True, max_requests=30)
    assert "Maybe not enough: max_requests is 30" in capsys.readouterr().err


# It is what a run then does


@st.composite
def loads(draw):
    """What Precoro has, and records for it that refer to one another, some of them twice."""
    texts = st.sampled_from(["Kyiv", "Lviv", "", "x"])
    there = [
        {"name": f"Firm {n}", "city": draw(texts), "currencies": ["USD"], **link}
        for n in range(6)
        for link in draw(st.sampled_from([[], [], [{"externalId": f"V-{n}"}], [{}], [{}, {}]]))
    ]
    supplier = st.fixed_dictionaries(
        {"n": st.integers(0, 7)},
        optional={
            "city": texts,
            "note": texts,
            "currencies": st.lists(st.sampled_from(["USD", "EUR", "GBP"]), min_size=1, max_size=3),
        },
    ).map(lambda r: ("suppliers", {"externalId": f"V-{r['n']}", "name": f"Firm {r.pop('n')}", **r}))
    item = st.fixed_dictionaries(
        {"n": st.integers(0, 4)},
        optional={
            "price": st.decimals(0, 99, places=2).map(str),
            "unit": texts,
            "supplier_external_id": st.integers(0, 9).map("V-{}".format),
        },
    ).map(lambda r: ("items", {"externalId": f"I-{r['n']}", "name": f"Item {r.pop('n')}", **r}))
    option = st.fixed_dictionaries(
        {"n": st.integers(0, 8)}, optional={"code": texts, "parentExternalId": st.just("")}
    ).map(_option)
    tax = st.fixed_dictionaries({"n": st.integers(0, 2)}, optional={"percent": st.integers(0, 2)})
    taxes = tax.map(
        lambda r: ("taxes", {"externalId": f"T-{r['n']}", "name": f"{r.pop('n')}", **r})
    )
    return there, draw(st.lists(st.one_of(supplier, item, option, taxes), max_size=30))


def _option(record):
    n = record.pop("n")
    parents = {"parentExternalId": f"o-{(n - 1) // 2}"} if n else {}  # a tree, some levels deep
    record.pop("parentExternalId", None)
    code = {"code": f"{n}-{record['code']}"} if record.get("code") else {}
    return OPTIONS, {
        "custom_field_id": FIELD,
        "externalId": f"o-{n}",
        "name": f"Option {n}",
        **code,
        **parents,
    }


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=loads())
def test_a_run_after_a_dry_run_does_what_was_said(load, data):
    there, records = data
    with Sandbox(clock=SandboxClock(6000)) as sandbox:
        assert sandbox.store.add("document_custom_fields", {"name": "Department"})["id"] == FIELD
        for row in there:
            sandbox.store.add("suppliers", row)
        with contextlib.redirect_stderr(io.StringIO()):
            said = load(sandbox, lines=lines_of(*records), dry_run=True)
        assert not writes(sandbox)
        done = load(sandbox, lines=lines_of(*records))
        assert said.tally == done.tally
        creates = sum(actions.get("created", 0) for actions in said.tally.values())
        assert done.requests["POST"] == creates


def test_a_record_that_comes_thrice_over_batches_is_planned_on_itself(sandbox, load):
    a, b = ({**vendors(1)[0], "city": city} for city in ("A", "B"))
    others = [("suppliers", {"externalId": f"X-{n}", "name": f"X {n}"}) for n in range(1100)]
    records = [("suppliers", a), *others, ("suppliers", b), *others, ("suppliers", a)]
    said = load(sandbox, lines=lines_of(*records), dry_run=True)
    assert said.tally == {"suppliers": {"created": 1101, "updated": 2, "unchanged": 1100}}


def test_fields_that_only_the_detail_shows_are_planned_once(serve, load):
    sandbox = serve(seed="demo")
    supplier = next(row for row in rows(sandbox) if row.get("externalId"))
    record = {"externalId": supplier["externalId"], "name": supplier["name"]}
    records = [{**record, "conditions": text} for text in ("a", "b", "b")]
    said = load(sandbox, "suppliers", records, dry_run=True)
    assert said.tally == load(sandbox, "suppliers", records).tally


def test_payments_are_planned_on_what_earlier_ones_leave(serve, load):
    sandbox = serve(speed=600)
    for n in range(3):
        values = {"sum": Decimal(50), "sumPaid": Decimal(0), "status": 2, "externalId": f"N-{n}"}
        sandbox.store.add("invoices", values)
    records = [
        {"externalId": f"P-{n}-{m}", "invoice_external_id": f"N-{n}", "sumPaid": amount}
        for n in range(3)
        for m, amount in enumerate([30, 25, 15])
    ]
    said = load(sandbox, "payments", records, dry_run=True)
    assert said.tally == {"payments": {"created": 6, "rejected": 3}}
    assert load(sandbox, "payments", records).tally == said.tally


def test_other_streams_tell_what_they_would_do_and_do_nothing(serve, load, capsys):
    sandbox = serve(seed="demo")
    order = next(row for row in rows(sandbox, "purchase_orders") if row["status"] == 1)
    approval = {"document": "purchase_orders", "idn": order["idn"], "action": "approve"}
    value = {"field_id": 912, "value": "91201"}
    records = [
        ("approvals", approval),
        ("suppliers", {"externalId": "V-new", "name": "New"}),
        ("supplier_custom_field_values", {**value, "supplier_external_id": "V-new"}),
        ("supplier_custom_field_values", {**value, "supplier_id": rows(sandbox)[0]["id"]}),
    ]
    run = load(sandbox, lines=lines_of(*records), dry_run=True, allow_approvals=True)
    assert run.code == 0
    assert run.tally["supplier_custom_field_values"] == {"updated": 2}
    assert not writes(sandbox)
    told = capsys.readouterr().err
    assert f"it would approve purchase_orders {order['idn']}" in told
    assert "up to 3 PATCH, 2 POST" in told or "2 to 3 PATCH, 2 POST" in told


def test_records_that_would_be_disabled_are_told(sandbox, load, capsys):
    load(sandbox, "suppliers", vendors(40))
    since = len(sandbox.served)
    run = load(sandbox, "suppliers", vendors(39), on_missing="disable", dry_run=True)
    assert run.tally == {"suppliers": {"unchanged": 39, "disabled": 1}}
    assert not writes(sandbox, since)
    assert "~ disable suppliers V-39: enable: true → false" in capsys.readouterr().err


# What a dry run leaves behind


def test_the_journal_is_seen_and_stays_as_it_is(sandbox, load, tmp_path):
    journal = tmp_path / "journal.sqlite3"
    more = {"journal_path": str(journal)}
    waits = {"externalId": "I-1", "name": "Nut", "supplier_external_id": "V-0"}
    refused = {"externalId": "V-9", "name": "x" * 300}
    load(sandbox, lines=lines_of(("items", waits), ("suppliers", refused)), **more)
    before = journal.read_bytes()
    records = [*vendors(1), refused]
    for _ in range(2):
        said = load(sandbox, "suppliers", records, dry_run=True, **more)
        # The parked item is planned, as its supplier comes; the refused one is refused still.
        assert said.tally == {
            "suppliers": {"created": 1, "rejected": 1},
            "items": {"created": 1},
        }
    assert journal.read_bytes() == before
    assert load(sandbox, "suppliers", records, **more).tally == said.tally


def test_no_journal_is_made_where_there_is_none(sandbox, load, tmp_path):
    load(sandbox, "suppliers", vendors(1), dry_run=True, journal_path=str(tmp_path / "j.sqlite3"))
    assert not list(tmp_path.iterdir())


def test_nothing_that_was_only_planned_is_remembered(sandbox, load, tmp_path):
    more = {"quota_path": str(tmp_path / "quota.sqlite3")}
    for _ in range(2):
        said = load(sandbox, "suppliers", vendors(300), dry_run=True, **more)
        assert said.tally == {"suppliers": {"created": 300}}
    run = load(sandbox, "suppliers", vendors(300), **more)
    assert run.tally == {"suppliers": {"created": 300}}
    assert run.requests["POST"] == run.requests["PATCH"] == 300


def test_links_are_not_told_of_records_that_are_not_there(sandbox, load, tmp_path):
    links, report = tmp_path / "links.singer", tmp_path / "report.jsonl"
    records = [*vendors(1), *vendors(1, city="Kyiv")]
    more = {"links_path": str(links), "report_path": str(report)}
    load(sandbox, "suppliers", records, dry_run=True, **more)
    assert not links.exists()
    told = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["action"], line["precoro_id"]) for line in told] == [
        ("created", None),
        ("updated", None),
    ]


def test_a_dry_run_as_a_command_keeps_stdout_for_singer(sandbox, singer_file):
    settings = {
        "AUTH_TOKEN": sandbox.account.token,
        "EMAIL": sandbox.account.email,
        "BASE_URL": sandbox.url,
        "CLOCK_SPEED": str(int(sandbox.clock.speed)),
        "DRY_RUN": "true",
    }
    with singer_file(("suppliers", vendors(2))).open() as given:
        done = subprocess.run(
            [sys.executable, "-m", "target_precoro", "--config", "ENV"],
            env=os.environ | {f"TARGET_PRECORO_{name}": value for name, value in settings.items()},
            stdin=given,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0
    assert done.stdout == ""
    assert '+ create suppliers V-0 "Firm 0"' in done.stderr.splitlines()
    assert not writes(sandbox)


# What it costs, pure


def test_the_price_holds_all_ways_that_a_step_may_take():
    cost = Cost()
    cost.add([("POST",), ("POST", "PATCH")])
    cost.add([("PATCH",), ("PUT",), ("PATCH", "PUT")], times=2)
    assert cost.told == "up to 3 PATCH, 1 POST, up to 2 PUT: 3 to 6 in all"
    assert Cost().told == "none"


class Windows:
    """A server that counts requests in fixed windows, one by one."""

    def __init__(self, limits, used, now):
        self.limits, self.now = limits, now
        self.counts = Counter({(kind, now // LENGTHS[kind]): n for kind, n in used.items()})

    def send(self):
        while True:
            keys = [(kind, self.now // LENGTHS[kind]) for kind in self.limits]
            full = [kind for kind, start in keys if self.counts[kind, start] >= self.limits[kind]]
            if not full:
                break
            length = max(LENGTHS[kind] for kind in full)
            self.now = (self.now // length + 1) * length
        self.counts.update(keys)


@given(
    many=st.integers(0, 400),
    limits=st.fixed_dictionaries(
        {},
        optional={
            "minute": st.integers(1, 9),
            "hour": st.integers(1, 60),
            "day": st.integers(1, 99),
        },
    ),
    used=st.integers(0, 9),
    now=st.integers(0, 100_000).map(float),
)
def test_the_wait_is_that_of_a_server_that_counts(many, limits, used, now):
    used_of = {kind: min(used, limit) for kind, limit in limits.items()}
    report = {
        kind: {
            "limit": limits.get(kind),
            "left": limits[kind] - used_of[kind] if kind in limits else None,
            "resets_at": (now // length + 1) * length,
        }
        for kind, length in LENGTHS.items()
    }
    server = Windows(limits, used_of, now)
    for _ in range(many):
        server.send()
    assert wait_for(many, report, now) == server.now - now


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (60, "about 1 minute"), (3600, "about 60 minutes"),
     (7200, "about 2 hours"), (90_000, "about 25 hours"), (200_000, "about 2 days")],
)  # fmt: skip
def test_a_time_is_told_in_words(seconds, words):
    assert time_told(seconds) == words


def test_a_run_that_waits_is_told_until_when():
    cost = Cost()
    cost.add([("POST",)], times=10)
    windows = {
        "hour": {"limit": 5, "left": 5, "resets_at": 3600.0},
        "day": {"limit": None, "left": None, "resets_at": 86400.0},
    }
    (told,) = budget_told(cost, windows, Policy(when_spent="wait"))
    until = "1970-01-01 01:00:00 UTC"
    assert told == f"Not enough: this hour's budget has 5 left until {until}; a run waits there."


def test_spaces_of_other_widths_are_spaces():
    assert harmless("a\u00a0b\u2009c\td") == "a b c\N{REPLACEMENT CHARACTER}d"


def test_an_interrupted_dry_run_saves_no_plan(serve, launch, tmp_path, singer_file):
    sandbox = serve()
    plan = tmp_path / "plans" / "plan.json"
    process = launch(sandbox, -1, dry_run=True, plan_path=str(plan))
    assert process.stdin is not None
    process.stdin.write(singer_file(("suppliers", vendors(1100))).read_text())
    process.stdin.flush()
    while not sandbox.served and process.poll() is None:
        pass
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "No plan is saved" in err
    assert "did not come to its end" in err
    assert not list(plan.parent.iterdir())
