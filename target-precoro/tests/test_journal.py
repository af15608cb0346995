"""The journal: nothing is begun twice, whoever is killed; nothing that is parked gets lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from decimal import Decimal
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)
from precoro_api.errors import SettingsError
from precoro_api.quota import SqliteLedger
from target_precoro.journal import Begun, Busy, Earlier, Intent, Journal, JournalError, Parked

HOUR = 3600.0


class Clock:
    """The server's clock, as the test sets it."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite3"


@pytest.fixture
def opened(path, clock):
    """Open journals of one file, each as another process would; all are closed with the test."""
    with contextlib.ExitStack() as closing:

        def start(where=path):
            return closing.enter_context(contextlib.closing(Journal(where, now=clock)))

        yield start


@pytest.fixture
def child():
    """Start real processes that say JSON lines; all are killed with the test."""
    running = []

    def start(code, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


PRELUDE = """
import json, sys, time
from pathlib import Path
from target_precoro.journal import *
def say(*what): print(json.dumps(what), flush=True)
def intent(key): return Intent("suppliers", key, time.time(), {"name": key})
journal = Journal(Path(sys.argv[1]), now=time.time)
"""


def heard(process):
    return json.loads(process.stdout.readline())


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def intent(key="V-1", resource="suppliers", began=999_990.0, **look_for):
    return Intent(resource, key, began, look_for or {"name": "Acme"})


def row(key="V-1", stream="vendors", since=5.0, **changes):
    values = {
        "record": {"externalId": key, "price": Decimal("12.50"), "bank": {"iban": "DE02"}},
        "schema": {"type": "object", "properties": {"externalId": {}}},
        "key_properties": ("externalId",),
        "waits_for": (("suppliers", "V-9"), ("items", "I-9")),
        "reason": "it waits for suppliers V-9",
        "fingerprint": "f1",
        **changes,
    }
    return Parked(stream=stream, key=key, since=since, **values)


# Creates


def test_a_create_is_begun_once_while_its_process_lives(opened, clock):
    first, second = opened(), opened()
    begun = first.begin(intent(), looked_at=clock.now)
    assert isinstance(begun, Begun)
    assert begun.intent == intent()
    assert second.begin(intent(), looked_at=clock.now + 10) == Busy()
    assert first.begin(intent(), looked_at=clock.now + 10) == Busy()


def test_other_keys_and_other_resources_are_other_records(opened, clock):
    journal = opened()
    for each in (intent("V-1"), intent("V-2"), intent("V-1", resource="items")):
        assert isinstance(journal.begin(each, looked_at=clock.now), Begun)


def test_a_create_that_another_finished_after_the_look_is_looked_for_again(opened, clock):
    first, second = opened(), opened()
    looked_at = clock.now
    begun = first.begin(intent(), looked_at=looked_at)
    clock.now += 30
    first.finish(begun, precoro_id="4711")
    assert second.begin(intent(), looked_at=looked_at) == Busy("4711")
    # Two processes may differ a little about the time.
    assert second.begin(intent(), looked_at=clock.now + 1) == Busy("4711")
    assert isinstance(second.begin(intent(), looked_at=clock.now + 3), Begun)


def test_a_create_that_never_happened_is_in_nobodys_way(opened, clock):
    first, second = opened(), opened()
    begun = first.begin(intent(), looked_at=clock.now)
    first.finish(begun, precoro_id=None)
    assert first.open_intents() == []
    assert isinstance(second.begin(intent(), looked_at=clock.now - 100), Begun)


def test_an_open_intent_of_a_gone_process_is_to_be_looked_for(opened, clock):
    gone, journal = opened(), opened()
    gone.begin(intent(name="Acme", city="Kyiv"), looked_at=clock.now)
    assert journal.open_intents() == []
    gone.close()
    assert journal.open_intents() == [intent(name="Acme", city="Kyiv")]
    earlier = journal.begin(intent(name="Other"), looked_at=clock.now + 100)
    assert isinstance(earlier, Earlier)
    assert earlier.intent == intent(name="Acme", city="Kyiv")
    assert journal.open_intents() == [intent(name="Acme", city="Kyiv")]


def test_one_taker_wins_an_earlier_intent_and_ends_it(opened, clock):
    gone, first, second = opened(), opened(), opened()
    gone.begin(intent(), looked_at=clock.now)
    gone.close()
    one, other = (each.begin(intent(), looked_at=clock.now) for each in (first, second))
    begun = first.resume(one)
    assert isinstance(begun, Begun)
    assert begun.intent == intent()
    assert second.resume(other) == Busy()
    assert second.begin(intent(), looked_at=clock.now) == Busy()
    first.finish(begun, precoro_id="4711")
    assert second.resume(other) == Busy()
    assert second.begin(intent(), looked_at=clock.now) == Busy("4711")


def test_a_create_whose_end_nobody_can_tell_is_left_to_whoever_comes_next(opened, clock):
    first, second = opened(), opened()
    first.leave(first.begin(intent(), looked_at=clock.now))
    assert first.open_intents() == second.open_intents() == [intent()]
    for journal in (first, second):
        assert isinstance(journal.begin(intent(), looked_at=clock.now), Earlier)
    memory = opened(None)
    memory.leave(memory.begin(intent(), looked_at=clock.now))
    assert isinstance(memory.resume(memory.begin(intent(), looked_at=clock.now)), Begun)


def test_open_intents_are_told_oldest_first_and_not_those_of_others(opened, clock):
    first, second = opened(), opened()
    for key in ("c", "a", "b"):
        first.begin(intent(key), looked_at=clock.now)
    second.begin(intent("d"), looked_at=clock.now)
    assert [each.key for each in first.open_intents()] == ["c", "a", "b"]
    assert [each.key for each in second.open_intents()] == ["d"]


def test_threads_share_a_journal(opened, clock):
    journal, won, gate = opened(), [], threading.Barrier(4)

    def work():
        gate.wait()
        for number in range(50):
            begun = journal.begin(intent(f"V-{number}"), looked_at=clock.now)
            if isinstance(begun, Begun):
                won.append(begun.intent.key)
                journal.finish(begun, precoro_id=str(number))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(f"V-{number}" for number in range(50))


def test_what_is_no_json_is_not_begun_and_is_in_nobodys_way(opened, clock):
    endless = {}
    endless["self"] = endless
    first, second = opened(), opened()
    with pytest.raises(ValueError, match="Circular"):
        first.begin(intent(**endless), looked_at=clock.now)
    assert first.open_intents() == []
    assert isinstance(second.begin(intent(), looked_at=clock.now), Begun)
    assert first.begin(intent(), looked_at=clock.now) == Busy()


# Real processes

RACE = """
looked_at = time.time()
say("ready")
sys.stdin.readline()
won = []
for number in range(200):
    begun = journal.begin(intent(f"V-{number}"), looked_at=looked_at)
    if isinstance(begun, Begun):
        won.append(number)
        journal.finish(begun, precoro_id=str(number))
    else:
        assert isinstance(begun, Busy), begun
say(*won)
"""


def test_processes_that_begin_the_same_keys_at_once_begin_each_once(child, path):
    racers = [child(RACE, path) for _ in range(2)]
    assert [heard(each) for each in racers] == [["ready"], ["ready"]]
    for each in racers:
        go(each)
    won = [heard(each) for each in racers]
    assert sorted(won[0] + won[1]) == list(range(200))
    assert [each.wait(10) for each in racers] == [0, 0]


BEGIN_AND_HANG = """
say(type(journal.begin(intent("V-1"), looked_at=time.time())).__name__)
time.sleep(600)
"""

TAKE = """
earlier = journal.begin(intent("V-1"), looked_at=time.time())
say(type(earlier).__name__, earlier.intent.look_for)
sys.stdin.readline()
say(type(journal.resume(earlier)).__name__)
sys.stdin.readline()
"""


def test_what_a_killed_process_began_is_taken_over_by_exactly_one(child, path):
    killed = child(BEGIN_AND_HANG, path)
    assert heard(killed) == ["Begun"]
    killed.kill()
    killed.wait()
    takers = [child(TAKE, path) for _ in range(2)]
    assert [heard(each) for each in takers] == [["Earlier", {"name": "V-1"}]] * 2
    for each in takers:
        go(each)
    assert sorted(heard(each)[0] for each in takers) == ["Begun", "Busy"]


WORK = """
for number in range(100_000):
    begun = journal.begin(intent(f"V-{number}"), looked_at=time.time())
    say("begun", number)
    journal.finish(begun, precoro_id=str(number))
    say("done", number)
"""


@pytest.mark.parametrize("lines", [1, 2, 61])
def test_whenever_a_process_is_killed_what_it_began_is_known(child, opened, path, clock, lines):
    killed = child(WORK, path)
    said = [heard(killed) for _ in range(lines)]
    killed.kill()
    said += map(json.loads, killed.communicate()[0].splitlines())
    begun, done = ({n for what, n in said if what == which} for which in ("begun", "done"))
    clock.now = 4e9
    journal = opened()
    left = {int(each.key.removeprefix("V-")) for each in journal.open_intents()}
    # The last answer may have been written and not been said, or the last intent.
    assert len(left) <= 1
    assert begun - done <= left | {max(begun)}
    assert not left & done
    for number in done:
        assert journal.begin(intent(f"V-{number}"), looked_at=0.0) == Busy(str(number))
    for number in left:
        assert isinstance(journal.begin(intent(f"V-{number}"), looked_at=clock.now), Earlier)
    assert len(list(path.with_name(f"{path.name}.d").glob("*.alive"))) == 1


OPEN = """
say("ready")
sys.stdin.readline()
for number in range(10):
    other = Journal(Path(f"{sys.argv[1]}-{number}"), now=time.time)
    other.refuse("vendors", sys.argv[2], "f", "no")
    other.close()
say("done")
"""


@pytest.mark.parametrize("broken", [False, True], ids=["new", "broken"])
def test_processes_that_make_the_same_files_at_once_do_not_disturb_each_other(
    child, path, opened, broken
):
    files = [path.with_name(f"{path.name}-{number}") for number in range(10)]
    path.parent.mkdir()
    for file in files if broken else ():
        garbage(file)
    makers = [child(OPEN, path, name) for name in ("a", "b", "c")]
    assert [heard(each) for each in makers] == [["ready"]] * 3
    for each in makers:
        go(each)
    assert [heard(each) for each in makers] == [["done"]] * 3
    for file in files:
        journal = opened(file)
        assert [journal.refusal("vendors", name, "f") for name in "abc"] == ["no"] * 3
        asides = [each.name for each in path.parent.glob(f"{file.name}.broken-?")]
        assert asides == ([f"{file.name}.broken-1"] if broken else [])


HANG = """
say("open")
time.sleep(600)
"""


def test_a_killed_process_leaves_no_sign_behind_for_good(child, opened, path):
    killed = child(HANG, path)
    assert heard(killed) == ["open"]
    killed.kill()
    killed.wait()
    signs = path.with_name(f"{path.name}.d")
    assert len(list(signs.glob("*.alive"))) == 1
    opened().close()
    assert list(signs.glob("*.alive")) == []


# Memory has an end


def known(journal, many):
    """How many of the first keys' creates are still known by their id."""
    kept = []
    for number in range(many):
        answer = journal.begin(intent(f"V-{number}"), looked_at=0.0)
        if isinstance(answer, Begun):
            journal.finish(answer, precoro_id=None)
        else:
            assert answer == Busy(str(number))
            kept.append(number)
    return kept


def create(journal, first, last, looked_at):
    for number in range(first, last):
        begun = journal.begin(intent(f"V-{number}"), looked_at=looked_at)
        journal.finish(begun, precoro_id=str(number))


def test_the_newest_ten_thousand_creates_are_remembered(opened, clock):
    journal = opened(None)
    left = journal.begin(intent("open"), looked_at=clock.now)
    for number in range(10_200):
        clock.now += 0.1
        create(journal, number, number + 1, looked_at=clock.now)
    kept = known(journal, 10_200)
    assert 10_000 <= len(kept) <= 10_064
    assert kept == list(range(10_200 - len(kept), 10_200))
    assert journal.open_intents() == [left.intent]


def test_creates_are_remembered_for_an_hour(opened, clock):
    journal = opened(None)
    journal.begin(intent("open"), looked_at=clock.now)
    create(journal, 0, 100, looked_at=clock.now)
    clock.now += HOUR - 1
    create(journal, 100, 200, looked_at=clock.now)
    assert known(journal, 200) == list(range(200))
    clock.now += 2
    create(journal, 200, 300, looked_at=clock.now)
    assert known(journal, 300) == list(range(100, 300))
    assert [each.key for each in journal.open_intents()] == ["open"]


def test_a_look_older_than_what_is_remembered_is_made_again(opened, clock):
    """It may have been forgotten since that this very record was created."""
    first, second = opened(), opened()
    long_ago = clock.now
    clock.now += 60
    first.finish(first.begin(intent("early"), looked_at=clock.now), precoro_id="1")
    clock.now += HOUR + 60
    create(first, 0, 100, looked_at=clock.now)
    assert second.begin(intent("early"), looked_at=long_ago) == Busy()
    assert second.begin(intent("another"), looked_at=long_ago) == Busy()
    assert isinstance(second.begin(intent("early"), looked_at=clock.now - 60), Begun)


def test_what_a_process_made_and_forgot_is_in_its_own_way_never_and_in_others_always(opened, clock):
    journals = [opened(), opened(), opened()]
    long_ago = clock.now
    clock.now += 60
    for number, journal in enumerate(journals):
        clock.now += 10
        begun = journal.begin(intent(f"early-{number}"), looked_at=clock.now)
        journal.finish(begun, precoro_id="1")
    ends = [clock.now - 20, clock.now - 10, clock.now]
    clock.now += HOUR + 60
    create(journals[0], 0, 100, looked_at=clock.now)
    # Each is stopped by the latest create of the two others.
    for journal, other in zip(journals, (ends[2], ends[2], ends[1]), strict=True):
        assert journal.begin(intent("another"), looked_at=long_ago) == Busy()
        assert journal.begin(intent("another"), looked_at=other + 1) == Busy()
        begun = journal.begin(intent("another"), looked_at=other + 3)
        assert isinstance(begun, Begun)
        journal.finish(begun, precoro_id=None)
    alone = opened(None)
    alone.finish(alone.begin(intent("early"), looked_at=long_ago), precoro_id="1")
    clock.now += HOUR + 60
    create(alone, 0, 100, looked_at=clock.now)
    assert isinstance(alone.begin(intent("another"), looked_at=long_ago), Begun)


def test_a_clock_that_was_set_back_blocks_nothing_for_good(opened, clock):
    journal = opened(None)
    clock.now += 24 * HOUR
    journal.finish(journal.begin(intent("late"), looked_at=clock.now), precoro_id="1")
    clock.now -= 24 * HOUR
    create(journal, 0, 100, looked_at=clock.now)
    assert isinstance(journal.begin(intent("late"), looked_at=clock.now), Begun)


def test_the_newest_fifty_thousand_refusals_are_remembered(opened):
    journal = opened(None)
    for number in range(50_200):
        journal.refuse("vendors", str(number), "f", "no")
    kept = [n for n in range(50_200) if journal.refusal("vendors", str(n), "f")]
    assert 50_000 <= len(kept) <= 50_064
    assert kept == list(range(50_200 - len(kept), 50_200))


# Parked rows


def test_a_parked_row_comes_back_as_it_was(opened):
    odd = row("ключ \ud800 \0 \"'", reason="no \ud800", record={"a": [1, None, True, {"b": "ü"}]})
    journal = opened()
    for each in (row(), odd):
        journal.park(each)
    journal.close()
    assert opened().parked() == [row(), odd]


def test_parked_rows_are_told_oldest_first_and_replaced_by_key(opened):
    first, second = opened(), opened()
    for each in (row("a", since=3.0), row("b", since=1.0), row("c", since=2.0)):
        first.park(each)
    again = row("a", since=3.0, reason="it still waits", fingerprint="f2")
    second.park(again)
    second.park(row("a", stream="parts", since=4.0))
    assert [each.key for each in first.parked()] == ["b", "c", "a", "a"]
    assert first.parked()[2] == again
    first.unpark("vendors", "a")
    first.unpark("vendors", "never parked")
    assert second.parked() == [
        row("b", since=1.0),
        row("c", since=2.0),
        row("a", stream="parts", since=4.0),
    ]


def test_parked_rows_are_never_dropped(opened, clock):
    journal = opened(None)
    for number in range(3000):
        journal.park(row(str(number), since=float(number)))
        clock.now += HOUR
    assert [each.key for each in journal.parked()] == [str(number) for number in range(3000)]


def test_a_schema_is_kept_once_and_goes_with_its_last_row(opened, path):
    schema = {"type": "object", "properties": {f"field_{n}": {} for n in range(1000)}}
    journal = opened()
    for number in range(50):
        journal.park(row(str(number), schema=schema))
    assert {json.dumps(each.schema) for each in journal.parked()} == {json.dumps(schema)}
    journal.close()
    assert path.stat().st_size < 20 * len(json.dumps(schema))
    journal = opened()
    for number in range(50):
        journal.unpark("vendors", str(number))
    journal.close()
    journal = opened()
    journal.close()
    assert b"field_7" not in path.read_bytes()


def test_what_was_unparked_is_not_left_in_the_file(opened, path):
    journal = opened()
    journal.park(row(record={"iban": "DE02120300000000202051"}))
    journal.unpark("vendors", "V-1")
    journal.close()
    left = [each for each in path.parent.rglob("*") if each.is_file()]
    assert not [each for each in left if b"DE0212" in each.read_bytes()]


def test_records_and_what_is_looked_for_are_not_shown():
    assert "DE02" not in repr(row())
    assert "Acme" not in repr(intent(name="Acme"))


# Refusals


def test_exactly_what_was_refused_is_known_with_its_reason(opened):
    journal = opened()
    journal.refuse("vendors", "V-1", "f1", "name is too long \ud800")
    journal.close()
    journal = opened()
    assert journal.refusal("vendors", "V-1", "f1") == "name is too long \ud800"
    assert journal.refusal("vendors", "V-1", "f2") is None
    assert journal.refusal("vendors", "V-2", "f1") is None
    assert journal.refusal("parts", "V-1", "f1") is None


def test_a_key_has_one_refusal_until_it_is_accepted(opened):
    journal = opened()
    journal.refuse("vendors", "V-1", "f1", "too long")
    journal.refuse("vendors", "V-1", "f2", "too short")
    assert journal.refusal("vendors", "V-1", "f1") is None
    assert journal.refusal("vendors", "V-1", "f2") == "too short"
    journal.accept("vendors", "V-1")
    journal.accept("vendors", "never refused")
    assert journal.refusal("vendors", "V-1", "f2") is None


# The file


def test_the_file_and_its_folders_are_their_owners_alone(opened, path, clock):
    journal = opened()
    journal.begin(intent(), looked_at=clock.now)
    found = [path.parent, *path.parent.rglob("*")]
    assert {each.name for each in found} >= {f"{path.name}-wal", f"{path.name}.d", path.name}
    assert [each for each in found if each.stat().st_mode & 0o077] == []


def test_a_file_that_others_could_read_is_closed_to_them(opened, path):
    opened().close()
    path.chmod(0o644)
    opened()
    assert path.stat().st_mode & 0o777 == 0o600


def test_memory_writes_no_file(opened, clock, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal = opened(None)
    journal.finish(journal.begin(intent(), looked_at=clock.now), precoro_id="1")
    journal.park(row())
    assert journal.parked() == [row()]
    assert list(tmp_path.iterdir()) == []


def garbage(path):
    path.write_bytes(b"no database, but something else" * 1000)


def a_lost_page(path):
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(8192))


def a_lost_end(path):
    with path.open("r+b") as file:
        file.truncate(8192)


def half_a_text(path):
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("update parked set body = substr(body, 1, 9)")


@pytest.mark.parametrize("damage", [garbage, a_lost_page, a_lost_end, half_a_text])
def test_a_broken_file_is_moved_aside_with_one_warning_and_a_new_one_begins(
    opened, path, clock, caplog, damage
):
    for number in (1, 2):
        journal = opened()
        for key in range(200):
            journal.park(row(str(key)))
        journal.close()
        damage(path)
        broken = path.read_bytes()
        caplog.clear()
        journal = opened()
        assert journal.parked() == []
        assert isinstance(journal.begin(intent(str(number)), looked_at=clock.now + 9), Begun)
        (warning,) = [each.getMessage() for each in caplog.records]
        for word in (str(path), f"{path.name}.broken-{number}", "look-ups", "parked", "unknown"):
            assert word in warning
        journal.close()
        assert path.with_name(f"{path.name}.broken-{number}").read_bytes() == broken


def test_a_file_that_breaks_in_use_is_replaced_for_all_who_use_it(opened, path, clock, caplog):
    first, second = opened(), opened()
    first.park(row())
    begun = second.begin(intent(), looked_at=clock.now)
    half_a_text(path)
    assert first.parked() == []
    assert second.parked() == []
    assert len(list(path.parent.glob("*.broken-*"))) >= 1
    assert not list(path.parent.glob("*.broken-2"))
    # The log of what is broken is not to be replayed into the new file.
    assert path.with_name(f"{path.name}.broken-1-wal").exists()
    second.finish(begun, precoro_id="4711")
    assert first.begin(intent(), looked_at=clock.now - 1) == Busy("4711")
    assert ["broken" in each.getMessage() for each in caplog.records] == [True, False]


def test_a_file_that_another_has_just_replaced_is_not_moved_aside_again(opened, path, tmp_path):
    journal, signs = opened(), path.with_name(f"{path.name}.d")
    journal.park(row())
    half_a_text(path)
    whole = tmp_path / "another.sqlite3"
    another = opened(whole)
    another.park(row("kept"))
    another.close()
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(journal.parked()))
    with FileLock(signs / "opening"):
        reader.start()
        while list(signs.glob("*.alive")):  # until it has found the damage, and waits to open
            assert reader.is_alive()
        for part in path.parent.glob(f"{path.name}-*"):
            part.unlink()
        whole.replace(path)
    reader.join()
    assert [each.key for each in seen] == ["kept"]
    assert not list(path.parent.glob("*broken*"))


@pytest.mark.parametrize("pattern", ["journal*", "journal.sqlite3"], ids=["all", "the file alone"])
def test_a_journal_that_is_thrown_away_in_use_begins_anew(opened, path, clock, caplog, pattern):
    first = opened()
    looked_at = clock.now
    begun, old = (first.begin(intent(key), looked_at=looked_at) for key in ("V-1", "V-3"))
    for each in path.parent.glob(pattern):
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    clock.now += 10
    second = opened()
    first.finish(begun, precoro_id="4711")
    assert "taken away" in caplog.text
    assert second.begin(intent(), looked_at=looked_at) == Busy("4711")
    # The file that is gone may have known of others.
    assert first.begin(intent("V-2"), looked_at=looked_at) == Busy()
    assert isinstance(first.begin(intent("V-2"), looked_at=clock.now + 1), Begun)
    assert second.begin(intent("V-2"), looked_at=clock.now + 1) == Busy()
    # What one has begun in the new file, another does not end from the old one.
    assert isinstance(second.begin(intent("V-3"), looked_at=clock.now + 1), Begun)
    first.finish(old, precoro_id="4713")
    assert first.begin(intent("V-3"), looked_at=clock.now + 100) == Busy()


def test_a_journal_of_a_newer_version_is_left_as_it_is(opened, path):
    opened().close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("pragma user_version = 7")
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal_path.*newer.*format 7.*Update"):
        opened()
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_left_as_it_is(opened, path):
    ledger = SqliteLedger(path)
    ledger.transact(("a",), lambda _: ({"a": (1, 9.0)}, None), 1.0)
    ledger.close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"journal_path.*something else"):
        opened()
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_written_names_its_setting(opened, tmp_path):
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "folder").mkdir()
    for where in (file / "journal.sqlite3", file / "deep" / "journal.sqlite3", tmp_path / "folder"):
        with pytest.raises(JournalError, match=r"journal_path.*Choose") as told:
            opened(where)
        assert isinstance(told.value, SettingsError)
        assert told.value.__cause__ is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder_names_the_setting(opened, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError, match=r"journal_path.*Choose"):
        opened(tmp_path / "journal.sqlite3")


FULL = """
import resource
from contextlib import suppress
journal.finish(journal.begin(intent("V-0"), looked_at=time.time() + 9), precoro_id="0")
size = max(each.stat().st_size for each in Path(sys.argv[1]).parent.glob("journal*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
for attempt in range(3):
    try:
        journal.park(Parked("vendors", "P", {"a": "x" * 9_000_000}, {}, (), (), "", "", 0.0))
    except JournalError as problem:
        say(str(problem))
say(type(journal.begin(intent("V-0"), looked_at=0.0)).__name__, len(journal.parked()))
"""


def test_a_disk_without_room_is_told_and_what_was_written_stands(child, path):
    process = child(FULL, path)
    for _ in range(3):
        (told,) = heard(process)
        assert told.startswith("journal_path: ")
        assert "on a disk with room" in told
    assert heard(process) == ["Busy", 0]


def test_a_closed_journal_says_so(opened, clock):
    for journal in (opened(), opened(None)):
        journal.close()
        journal.close()
        with pytest.raises(JournalError, match="it is closed"):
            journal.begin(intent(), looked_at=clock.now)


# Any order of events, against dicts

KEYS = st.sampled_from(["V-1", "V-2", "Ж \ud800"])
STREAMS = st.sampled_from(["vendors", "parts"])
ACTORS = st.integers(0, 1)


class Life:
    """One process, from its start to its end."""

    gone = False


class Open:
    """An intent of the model that has not ended; `holder` is a Life, or None when left."""

    def __init__(self, intent, holder):
        self.intent = intent
        self.holder = holder


class Journals(RuleBasedStateMachine):
    """Two processes on one file, and what they should see."""

    begun = Bundle("begun")
    earlier = Bundle("earlier")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock = Clock()
        self.lives = [Life(), Life()]
        self.journals = [self.start(), self.start()]
        self.creates, self.parked, self.refused = {}, {}, {}

    def start(self):
        return Journal(Path(self.folder, "journal.sqlite3"), now=self.clock)

    def teardown(self):
        for journal in self.journals:
            journal.close()
        shutil.rmtree(self.folder)

    @rule(seconds=st.sampled_from([0.5, 2.0, 30.0]))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @rule(target=begun, actor=ACTORS, key=KEYS, age=st.sampled_from([0.0, 1.0, 40.0]))
    def begin(self, actor, key, age):
        wanted = intent(key, began=self.clock.now)
        answer = self.journals[actor].begin(wanted, looked_at=self.clock.now - age)
        was = self.creates.get(key)
        if isinstance(was, Open):
            if was.holder is None or was.holder.gone:
                assert isinstance(answer, Earlier)
                assert answer.intent == was.intent
            else:
                assert answer == Busy()
            return multiple()
        if was is not None and self.clock.now - age <= was[0] + 2:
            assert answer == Busy(was[1])
            return multiple()
        assert isinstance(answer, Begun)
        assert answer.intent == wanted
        self.creates[key] = Open(wanted, self.lives[actor])
        return (actor, self.lives[actor], answer, self.creates[key])

    @rule(target=earlier, actor=ACTORS, key=KEYS)
    def meet(self, actor, key):
        was = self.creates.get(key)
        if not isinstance(was, Open) or (was.holder is not None and not was.holder.gone):
            return multiple()
        answer = self.journals[actor].begin(intent(key), looked_at=self.clock.now)
        assert isinstance(answer, Earlier)
        return (key, answer, was, was.holder)

    @rule(target=begun, actor=ACTORS, met=earlier)
    def resume(self, actor, met):
        key, answer, was, holder = met
        taken = self.journals[actor].resume(answer)
        if self.creates.get(key) is not was or was.holder is not holder:
            assert taken == Busy()
            return multiple()
        assert isinstance(taken, Begun)
        assert taken.intent == was.intent
        was.holder = self.lives[actor]
        return (actor, self.lives[actor], taken, was)

    @rule(
        each=consumes(begun),
        how=st.sampled_from(["done", "never", "left"]),
        precoro_id=st.integers(1, 99).map(str),
    )
    def end(self, each, how, precoro_id):
        actor, life, begun, was = each
        if life.gone:
            return
        journal, key = self.journals[actor], begun.intent.key
        assert self.creates[key] is was
        if how == "done":
            journal.finish(begun, precoro_id=precoro_id)
            self.creates[key] = (self.clock.now, precoro_id)
        elif how == "never":
            journal.finish(begun, precoro_id=None)
            del self.creates[key]
        else:
            journal.leave(begun)
            self.creates[key] = Open(was.intent, None)

    @rule(actor=ACTORS)
    def end_and_start_again(self, actor):
        self.journals[actor].close()
        self.lives[actor].gone = True
        self.lives[actor] = Life()
        self.journals[actor] = self.start()

    @rule(actor=ACTORS, key=KEYS, stream=STREAMS, since=st.integers(0, 3), text=st.text(max_size=5))
    def park(self, actor, key, stream, since, text):
        each = row(key, stream=stream, since=float(since), reason=text, record={"text": text})
        self.journals[actor].park(each)
        self.parked[stream, key] = each

    @precondition(lambda self: self.parked)
    @rule(actor=ACTORS, key=KEYS, stream=STREAMS)
    def unpark(self, actor, key, stream):
        self.journals[actor].unpark(stream, key)
        self.parked.pop((stream, key), None)

    @rule(actor=ACTORS, key=KEYS, stream=STREAMS, fingerprint=st.sampled_from("fg"), text=st.text())
    def refuse(self, actor, key, stream, fingerprint, text):
        self.journals[actor].refuse(stream, key, fingerprint, text)
        self.refused[stream, key] = (fingerprint, text)

    @precondition(lambda self: self.refused)
    @rule(actor=ACTORS, key=KEYS, stream=STREAMS)
    def accept(self, actor, key, stream):
        self.journals[actor].accept(stream, key)
        self.refused.pop((stream, key), None)

    @rule(actor=ACTORS, key=KEYS, stream=STREAMS, fingerprint=st.sampled_from("fg"))
    def ask(self, actor, key, stream, fingerprint):
        was = self.refused.get((stream, key), ("", ""))
        reason = self.journals[actor].refusal(stream, key, fingerprint)
        assert reason == (was[1] if was[0] == fingerprint else None)

    @invariant()
    def both_see_the_same(self):
        rows = sorted(self.parked.values(), key=lambda each: each.since)
        for life, journal in zip(self.lives, self.journals, strict=True):
            assert journal.parked() == rows
            seen = {
                key: each.intent
                for key, each in self.creates.items()
                if isinstance(each, Open)
                and (each.holder is None or each.holder.gone or each.holder is life)
            }
            told = journal.open_intents()
            assert {each.key: each for each in told} == seen
            assert len(told) == len(seen)


TestJournals = Journals.TestCase
TestJournals.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
