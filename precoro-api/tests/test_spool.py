"""Events of webhooks: how they are read, and where they wait."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME
from precoro_api.errors import SettingsError
from precoro_api.webhooks import Event, Spool, SpoolFull, read_event, resource_of
from precoro_api.webhooks.event import LONGEST_BODY

AT = 1_800_000_000.25


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool.sqlite3"


@pytest.fixture
def open_spool(path):
    """Open the spool, as another process would; all are closed when the test ends."""
    opened = []

    def make(**options):
        spool = Spool(path, **options)
        opened.append(spool)
        return spool

    yield make
    for spool in opened:
        spool.close()


@pytest.fixture
def spool(open_spool):
    return open_spool()


def event(number, kind=2, action=1, at=AT):
    return Event(number, kind, action, str(number), at)


def ids(spool, **options):
    return [each.event.id for each in spool.events(**options)]


# Reading


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"id": 123456, "type": 2, "action": 0, "idn": 5}', Event(123456, 2, 0, "5", AT)),
        ('{"id": 7, "type": 7, "action": 1}', Event(7, 7, 1, None, AT)),
        ('{"id": 7, "type": 7, "action": 1, "idn": null}', Event(7, 7, 1, None, AT)),
        ('{"id": 7, "type": 7, "action": 1, "idn": ""}', Event(7, 7, 1, None, AT)),
        ('{"id": 7, "type": 3, "action": 1, "idn": "INV-7"}', Event(7, 3, 1, "INV-7", AT)),
        ('{"id": "7", "type": "3", "action": "1"}', Event(7, 3, 1, None, AT)),
        ('{"id": 7, "type": 99, "action": 5, "more": {}}', Event(7, 99, 5, None, AT)),
    ],
)
def test_an_event_is_read(body, expected):
    assert read_event(body.encode(), AT) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"id=7&type=2&action=1", "not JSON"),
        (b'{"id": 7', "not JSON"),
        (b'\xff{"id": 7, "type": 2, "action": 1}', "not JSON"),
        (b"[" * LONGEST_BODY, "not JSON"),
        (b"[]", "no JSON object"),
        (b"7", "no JSON object"),
        (b'{"type": 2, "action": 1}', "without id"),
        (b'{"id": 7, "action": 1}', "without type"),
        (b'{"id": 7, "type": 2}', "without action"),
        (b'{"id": null, "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": true, "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": 7.5, "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": -7, "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": 9223372036854775808, "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": 7, "type": "order", "action": 1}', "type is no whole number"),
        (b'{"id": 7, "type": 2, "action": {}}', "action is no whole number"),
        (b'{"id": 7, "type": 2, "action": NaN}', "action is no whole number"),
        (b'{"id": "\\u0667", "type": 2, "action": 1}', "id is no whole number"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": [5]}', "idn is neither"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": true}', "idn is neither"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": 5.5}', "idn is neither"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": "a\\nb"}', "idn is no document number"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": "\\ud800"}', "idn is no document number"),
        (b'{"id": 7, "type": 2, "action": 1, "idn": "' + b"5" * 200 + b'"}', "idn is no doc"),
        (b'{"id": 7, "type": 2, "action": 1}' + b" " * LONGEST_BODY, "over 4096 bytes"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(body, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        read_event(body, AT)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
SMALL = st.integers(0, 20)
BODIES = st.fixed_dictionaries(
    {"id": SMALL | ANYTHING, "type": SMALL | ANYTHING, "action": SMALL | ANYTHING},
    optional={"idn": SMALL | ANYTHING},
)
REASONS = {"over", "not", "no", "id", "type", "action", "idn"}


@settings(deadline=None)
@given(st.binary(max_size=200) | (ANYTHING | BODIES).map(lambda told: json.dumps(told).encode()))
def test_any_body_is_an_event_that_can_be_kept_or_refused_without_its_words(body):
    try:
        read = read_event(body, AT)
    except ValueError as problem:
        reason = str(problem)
    else:
        assert all(0 <= number < 2**63 for number in (read.id, read.type, read.action))
        assert read.idn is None or read.idn.encode()
        return
    first, _, second = reason.partition(" ")
    assert first in REASONS or (first == "without" and second in REASONS)


def test_a_type_says_its_resource():
    assert event(1, kind=2).resource is BY_NAME["purchase_orders"]
    assert resource_of(3) is BY_NAME["invoices"]
    assert resource_of(7) is BY_NAME["suppliers"]
    assert event(1, kind=99).resource is None
    assert all(resource_of(kind) is not None for kind in range(12))


# Keeping


def test_what_is_added_is_found_by_another_process_in_the_order_of_arrival(spool, open_spool):
    came = [event(3), Event(1, 7, 0, None, AT + 1), event(3, at=AT + 2)]
    assert spool.add(came[:2]) == 2
    assert spool.add(came[2:]) == 3
    other = open_spool()
    assert [tuple(each) for each in other.events()] == list(zip((1, 2, 3), came, strict=True))
    assert other.last() == 3


def test_events_are_chosen_by_type_number_and_count(spool):
    spool.add([event(number, kind=number % 3) for number in range(9)])
    assert ids(spool, types=[0]) == [0, 3, 6]
    assert ids(spool, types={0, 2}, after=3) == [3, 5, 6, 8]
    assert ids(spool, after=4, most=2) == [4, 5]
    assert ids(spool, types=[]) == []
    assert ids(spool, types=[42]) == []


def test_what_is_removed_is_gone_and_the_rest_is_not(spool):
    spool.add([event(number, kind=number % 2) for number in range(10)])
    assert spool.remove(6, [0]) == 3
    assert ids(spool) == [1, 3, 5, 6, 7, 8, 9]
    assert spool.remove(6, [0]) == 0
    assert spool.remove(100, [0, 1]) == 7
    assert spool.events() == []


def test_a_number_is_never_given_twice(spool, open_spool):
    spool.add([event(1), event(2)])
    spool.remove(2, [2])
    spool.close()
    assert open_spool().last() == 2
    assert open_spool().add([event(3)]) == 3


def test_nothing_added_is_nothing_kept_but_a_file(spool):
    assert not spool.exists
    assert spool.add([]) == 0
    assert spool.exists
    assert spool.events() == []


def test_before_the_first_event_there_is_nothing_to_read_and_no_file(spool, path):
    assert spool.events() == []
    assert spool.last() == 0
    assert spool.remove(9, [2]) == 0
    assert spool.status()["events"] == 0
    assert not path.exists()


def test_the_status_accounts_for_every_event(spool):
    spool.add([event(1, at=AT), event(2, at=AT + 5), event(3, kind=99, at=AT + 9)])
    spool.remove(1, [2])
    spool.note({"not JSON": 2})
    spool.note({"not JSON": 1, "without the secret": 4})
    status = spool.status()
    size = status.pop("size")
    assert size > 1000
    assert status == {
        "waiting": {
            2: {"events": 1, "oldest": AT + 5, "newest": AT + 5},
            99: {"events": 1, "oldest": AT + 9, "newest": AT + 9},
        },
        "events": 2,
        "oldest": AT + 5,
        "newest": AT + 9,
        "received": 3,
        "removed": 1,
        "compacted": 0,
        "refused": {"not JSON": 3, "without the secret": 4},
    }


# A bound


def accounted(spool):
    status = spool.status()
    assert status["received"] == status["events"] + status["removed"] + status["compacted"]
    return status


def test_beyond_the_bound_the_oldest_events_of_records_with_a_newer_one_give_way(open_spool):
    spool = open_spool(most=6)
    spool.add([event(each) for each in (1, 2, 1, 3, 2, 1)])
    spool.add([event(4)])
    assert ids(spool) == [2, 1, 3, 2, 1, 4]
    spool.add([event(5), event(6)])
    assert ids(spool) == [3, 2, 1, 4, 5, 6]
    assert accounted(spool)["compacted"] == 3


def test_records_are_told_apart_by_type_and_id(open_spool):
    spool = open_spool(most=2)
    spool.add([event(1, kind=2), event(1, kind=3)])
    with pytest.raises(SpoolFull):
        spool.add([event(1, kind=7)])
    assert len(spool.events()) == 2


def test_where_nothing_can_give_way_what_is_new_is_refused_and_counted(open_spool):
    spool = open_spool(most=3)
    with pytest.raises(SpoolFull) as full:
        spool.add([event(each) for each in (1, 2, 3, 4, 5)])
    assert full.value.refused == (3, 4)
    assert ids(spool) == [1, 2, 3]
    with pytest.raises(SpoolFull) as full:
        spool.add([event(each) for each in (6, 2, 7, 1)])
    assert full.value.refused == (0, 2)
    assert ids(spool) == [3, 2, 1]
    status = accounted(spool)
    assert status["refused"] == {"full": 4}
    assert (status["received"], status["compacted"]) == (5, 2)


def test_what_is_read_makes_room(open_spool):
    spool = open_spool(most=3)
    spool.add([event(each) for each in (1, 2, 3)])
    with pytest.raises(SpoolFull):
        spool.add([event(4)])
    spool.remove(2, [2])
    spool.add([event(5), event(5)])
    assert ids(spool) == [3, 5, 5]
    spool.add([event(6)])
    assert ids(spool) == [3, 5, 6]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 8),
    st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=5) | st.integers(0, 30), max_size=25),
)
def test_no_record_that_was_told_of_is_forgotten_before_it_is_read(tmp_path_factory, most, steps):
    spool = Spool(tmp_path_factory.mktemp("spool") / "s", most=most)
    newest = {}  # of each record that was kept and not read: the number of its last event
    last = 0
    for step in steps:
        if isinstance(step, int):
            spool.remove(step, [2])
            newest = {each: number for each, number in newest.items() if number > step}
            continue
        try:
            spool.add([event(each) for each in step])
            refused = ()
        except SpoolFull as full:
            refused = full.refused
        for place, each in enumerate(step):
            if place not in refused:
                last += 1
                newest[each] = last
            else:
                assert each not in newest  # one that waits already always finds room
    waiting = spool.events()
    assert len(waiting) <= most
    assert {each.event.id: each.number for each in waiting} == newest
    assert spool.last() == last
    accounted(spool)
    spool.close()


# Several at once

ADD = """
import sys
from pathlib import Path
from precoro_api.webhooks import Event, Spool
spool, first, many = Spool(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
for number in range(first, first + many):
    spool.add([Event(number, number % 12, 1, None, 1.0)])
    print(number, flush=True)
spool.close()
"""


def adding(path, first, many):
    return subprocess.Popen(
        [sys.executable, "-c", ADD, path, str(first), str(many)], stdout=subprocess.PIPE, text=True
    )


def test_processes_that_begin_and_write_at_once_lose_nothing(path, spool):
    runs = [adding(path, 1000 * number, 50) for number in range(4)]
    read = []
    while any(run.poll() is None for run in runs):
        portion = spool.events(most=10)
        if portion:
            read += portion
            spool.remove(portion[-1].number, range(12))
    read += spool.events()
    for run in runs:
        run.communicate()
    assert [run.returncode for run in runs] == [0] * 4
    assert sorted(each.event.id for each in read) == [
        1000 * number + each for number in range(4) for each in range(50)
    ]
    assert [each.number for each in read] == list(range(1, 201))
    accounted(spool)


def test_threads_share_a_spool(spool):
    threads = [
        threading.Thread(target=lambda: [spool.add([event(1)]) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.last() == 200


def test_what_was_added_survives_a_kill(path, open_spool):
    added = []
    for number in range(5):
        run = adding(path, 10_000 * number, 10_000)
        added += [int(run.stdout.readline()) for _ in range(20 + 7 * number)]
        run.send_signal(signal.SIGKILL)
        added += [int(line) for line in run.communicate()[0].split("\n")[:-1]]
    spool = open_spool()
    kept = Counter(ids(spool))
    assert set(added) <= set(kept)
    assert set(kept.values()) == {1}
    accounted(spool)


def test_a_transaction_that_fails_keeps_none_of_its_events(spool):
    spool.add([event(1)])
    with pytest.raises(SettingsError):
        spool.add([event(2), event("x" * 2**10, kind=None)])
    assert ids(spool) == [1]
    assert accounted(spool)["received"] == 1


# The file


def test_all_its_files_are_its_owners_alone(tmp_path):
    spool = Spool(tmp_path / "deep" / "down" / "spool.sqlite3")
    previous = os.umask(0)
    try:
        spool.add([event(1)])
    finally:
        os.umask(previous)
    files = list(spool.path.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(spool.path.parent.stat().st_mode) == 0o700
    spool.close()


def test_each_commit_is_on_the_disk(spool):
    spool.add([])
    assert spool._db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert spool._db.execute("pragma synchronous").fetchone() == (2,)


def test_the_file_shrinks_when_it_is_read(spool):
    for _ in range(10):
        spool.add([event(number) for number in range(5000)])
    full = spool.status()["size"]
    spool.remove(spool.last(), [2])
    spool.close()
    assert full > 2_000_000
    assert spool.path.stat().st_size < full / 10


@pytest.mark.parametrize("where", ["/proc/nowhere/spool.sqlite3", "/dev/null/spool.sqlite3"])
def test_a_path_that_cannot_be_written_names_its_setting(where):
    with pytest.raises(SettingsError, match=r"^webhook_spool: .*(nowhere|null).* can be written"):
        Spool(Path(where)).add([event(1)])


def test_a_folder_is_no_spool(tmp_path):
    for use in (lambda spool: spool.add([event(1)]), lambda spool: spool.events()):
        with pytest.raises(SettingsError, match=r"^webhook_spool: the spool .* cannot be used"):
            use(Spool(tmp_path))


def test_a_file_that_is_no_database_says_what_to_do_and_stays_as_it_is(path):
    path.write_text("somebody's notes" * 1000)
    for use in (lambda spool: spool.add([event(1)]), lambda spool: spool.status()):
        with pytest.raises(SettingsError, match=r"webhook_spool: .*not a database.*move it away"):
            use(Spool(path))
    assert path.read_text() == "somebody's notes" * 1000


def test_a_file_that_is_broken_says_what_to_do(spool):
    spool.add([event(number) for number in range(5000)])
    spool.close()
    with spool.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 200_000)
    with pytest.raises(SettingsError, match=r"webhook_spool: .*malformed.*move it away"):
        spool.events()


def test_a_database_of_something_else_is_left_alone(path):
    with sqlite3.connect(path) as other:
        other.execute("create table invoices (id)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=r"webhook_spool: .*a database of something else"):
        Spool(path).add([event(1)])
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_spool_of_a_newer_version_is_left_alone(spool, path):
    spool.add([event(1)])
    spool.close()
    with sqlite3.connect(path) as newer:
        newer.execute("pragma user_version = 2")
    newer.close()
    with pytest.raises(SettingsError, match=r"webhook_spool: .*by a newer version of precoro-api"):
        spool.events()
