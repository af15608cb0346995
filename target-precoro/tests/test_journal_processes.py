"""Processes that share a journal, are killed, and do things in any order."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
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
from target_precoro.journal.journal import Begun, Busy, Earlier, Journal

from .journal_entries import Clock, garbage, heard, intent, row


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


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
