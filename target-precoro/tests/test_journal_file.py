"""The file of the journal: its owner's alone, and what may happen to it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading

import pytest
from filelock import FileLock
from precoro_api.errors import SettingsError
from precoro_api.quota import SqliteLedger
from target_precoro.journal.journal import Begun, Busy, JournalError

from .journal_entries import garbage, heard, intent, row


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
