"""Killed at any request, with the journal or without it, or two at once: once each, and linked."""

from __future__ import annotations

import shutil
import signal
from collections import Counter

import pytest

MANY = 48
PARENT = {
    "item_custom_field_options": "item_custom_fields",
    "document_custom_field_options": "document_custom_fields",
}


def records_of(resource, field_id):
    """So many records, each of which its own fields tell apart, too."""
    records = [{"externalId": f"X-{n}", "name": f"Thing {n}"} for n in range(MANY)]
    for n, each in enumerate(records):
        if resource == "items":
            each["sku"] = f"S-{n}"
        if resource == "taxes":
            each["percent"] = n
        if resource in PARENT:
            each |= {"custom_field_id": field_id, "code": f"{n}"}
            if n >= MANY // 4:
                each["parentExternalId"] = f"X-{n % (MANY // 4)}"
    return records[::-1]  # children before their parents


@pytest.fixture
def company(serve):
    """An empty company with one custom field of each kind."""

    def start(resource, **options):
        sandbox = serve(speed=600, **options)
        field_id = None
        if resource in PARENT:
            field_id = sandbox.store.add(PARENT[resource], {"name": "Cost center"})["id"]
        return sandbox, records_of(resource, field_id)

    return start


def throw_away(journal):
    for file in journal.parent.glob(f"{journal.name}*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()


def kill_until_done(sandbox, launch, given, every, between, **settings):
    """Kill the process at every so many requests, after they are served; how often it was."""
    running = []
    seen = [0]

    def kill(served):
        seen[0] += 1
        if seen[0] == every:
            running[-1].send_signal(signal.SIGKILL)

    sandbox.app.after = kill
    while len(running) < 60:
        seen[0] = 0
        with given.open() as lines:
            running.append(launch(sandbox, lines, **settings))
        _, told = running[-1].communicate(timeout=120)
        if running[-1].returncode != -signal.SIGKILL:
            break
        between()
    sandbox.app.after = None
    assert running[-1].returncode == 0, told
    return len(running) - 1


def each_is_there_once(sandbox, resource):
    rows = list(sandbox.store.rows(resource).values())
    assert Counter(row.get("externalId") for row in rows) == Counter(f"X-{n}" for n in range(MANY))
    assert {row["externalId"][2:] for row in rows} == {row["name"][6:] for row in rows}
    if resource in PARENT:
        ids = {row["id"]: row["externalId"] for row in rows}
        for row in rows:
            n = int(row["externalId"][2:])
            parent = ids[row["parent"]["id"]] if row.get("parent") else None
            assert parent == (f"X-{n % (MANY // 4)}" if n >= MANY // 4 else None)
    return True


@pytest.mark.parametrize(
    ("resource", "every"),
    [
        ("suppliers", 13),
        ("suppliers", 18),
        ("items", 14),
        ("taxes", 13),
        ("payment_terms", 9),
        ("locations", 15),
        ("item_custom_field_options", 8),
        ("document_custom_field_options", 9),
    ],
)
def test_killed_again_and_again_each_is_made_once(
    company, launch, singer_file, tmp_path, load, resource, every
):
    sandbox, records = company(resource)
    given, journal = singer_file((resource, records)), tmp_path / "journal.sqlite3"
    kills = kill_until_done(sandbox, launch, given, every, lambda: None, journal_path=str(journal))
    assert kills >= 4
    assert each_is_there_once(sandbox, resource)
    again = load(sandbox, resource, records, journal_path=str(journal))
    assert again.tally == {resource: {"unchanged": MANY}}


@pytest.mark.parametrize(
    ("resource", "every"),
    [
        ("suppliers", 13),
        ("items", 16),
        ("taxes", 15),
        ("payment_terms", 8),
        ("locations", 13),
        ("item_custom_field_options", 8),
    ],
)
def test_killed_and_the_journal_thrown_away_other_fields_tell(
    company, launch, singer_file, tmp_path, resource, every
):
    sandbox, records = company(resource)
    given, journal = singer_file((resource, records)), tmp_path / "journal.sqlite3"
    kills = kill_until_done(
        sandbox,
        launch,
        given,
        every,
        lambda: throw_away(journal),
        journal_path=str(journal),
    )
    assert kills >= 4
    assert each_is_there_once(sandbox, resource)


def test_items_without_a_sku_are_known_again_by_their_names(company, launch, singer_file, tmp_path):
    sandbox, records = company("items")
    for each in records:
        del each["sku"]
    given, journal = singer_file(("items", records)), tmp_path / "journal.sqlite3"
    kills = kill_until_done(
        sandbox, launch, given, 16, lambda: throw_away(journal), journal_path=str(journal)
    )
    assert kills >= 4
    assert each_is_there_once(sandbox, "items")


@pytest.mark.parametrize("resource", ["suppliers", "items", "taxes", "locations"])
def test_where_nothing_else_tells_them_apart_the_journal_does(
    company, launch, singer_file, tmp_path, resource
):
    sandbox, records = company(resource)
    given, journal = singer_file((resource, records)), tmp_path / "journal.sqlite3"
    settings = {"journal_path": str(journal), "match_on": {resource: []}}
    kills = kill_until_done(sandbox, launch, given, 17, lambda: None, **settings)
    assert kills >= 4
    assert each_is_there_once(sandbox, resource)


@pytest.mark.parametrize(
    "resource", ["suppliers", "items", "taxes", "payment_terms", "item_custom_field_options"]
)
def test_two_targets_at_once_double_nothing(company, launch, singer_file, tmp_path, resource):
    sandbox, records = company(resource)
    sandbox.app.latency = 1.2  # of its seconds: 2 ms
    given = singer_file((resource, records))
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    with given.open() as one, given.open() as other:
        both = [launch(sandbox, lines, **settings) for lines in (one, other)]
        told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n".join(told)
    assert each_is_there_once(sandbox, resource)


def test_two_targets_at_once_and_one_is_killed(company, launch, singer_file, tmp_path):
    sandbox, records = company("suppliers")
    sandbox.app.latency = 1.2
    given = singer_file(("suppliers", records))
    settings = {"journal_path": str(tmp_path / "journal.sqlite3")}
    with given.open() as one, given.open() as other:
        first, second = (launch(sandbox, lines, **settings) for lines in (one, other))
        sandbox.app.after = lambda _: len(sandbox.served) > 60 and first.kill()
        second.communicate(timeout=120)
    sandbox.app.after = None
    # What the killed one was in the midst of is looked for, by the other or by whoever comes next.
    with given.open() as lines:
        third = launch(sandbox, lines, **settings)
        third.communicate(timeout=120)
    assert first.wait(timeout=10) == -signal.SIGKILL
    assert third.returncode == 0
    assert each_is_there_once(sandbox, "suppliers")


def test_what_was_begun_is_over_once_its_record_is_found(company, launch, singer_file, tmp_path):
    """The intent of a killed process is closed, so that no later run looks for it again."""
    sandbox, records = company("suppliers")
    given, journal = singer_file(("suppliers", records)), tmp_path / "journal.sqlite3"
    kill_until_done(sandbox, launch, given, 30, lambda: None, journal_path=str(journal))
    since = len(sandbox.served)
    with given.open() as lines:
        launch(sandbox, lines, journal_path=str(journal)).communicate(timeout=60)
    assert Counter(each.method for each in sandbox.served[since:]) == {"GET": 1}
