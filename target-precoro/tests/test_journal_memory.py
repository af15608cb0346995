"""What the journal knows: creates begun once, parked rows, refusals, and for how long."""

from __future__ import annotations

import json
import threading

import pytest
from target_precoro.journal.journal import Begun, Busy, Earlier

from .journal_entries import intent, row

HOUR = 3600.0


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
