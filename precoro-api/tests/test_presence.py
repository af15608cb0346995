"""Whether a process is seen while it lives, and no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from precoro_api.presence import Presence, is_gone

HERE = """
import sys, time
from pathlib import Path
from precoro_api.presence import Presence
presence = Presence(Path(sys.argv[1]))
print(presence.name, flush=True)
time.sleep(60)
"""


def test_one_is_there_until_one_leaves(tmp_path):
    presence = Presence(tmp_path / "here")
    assert not is_gone(tmp_path / "here", presence.name)
    presence.close()
    assert is_gone(tmp_path / "here", presence.name)
    assert not list((tmp_path / "here").iterdir())
    presence.close()  # twice is once


def test_another_process_is_there_until_it_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HERE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as run:
        name = run.stdout.readline().strip()
        assert not is_gone(tmp_path, name)
        assert not is_gone(tmp_path, name)  # looking changes nothing
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert is_gone(tmp_path, name)
        assert not list(tmp_path.iterdir())


def test_a_process_outlives_the_thread_that_came_first(tmp_path):
    made = []
    thread = threading.Thread(target=lambda: made.append(Presence(tmp_path)))
    thread.start()
    thread.join()
    assert not is_gone(tmp_path, made[0].name)
    made[0].close()
    assert is_gone(tmp_path, made[0].name)


def test_folders_are_their_owners_alone(tmp_path):
    presence = Presence(tmp_path / "a" / "b" / "c")
    for folder in ("a", "a/b", "a/b/c"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700
    presence.close()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Presence(tmp_path / "file" / "below")


def test_a_name_leads_nowhere_else(tmp_path):
    (tmp_path / "mine.alive").touch()
    assert is_gone(tmp_path / "here", "../mine")
    assert (tmp_path / "mine.alive").exists()


def test_one_who_comes_while_others_tidy_up_is_seen(tmp_path):
    over = threading.Event()

    def tidy():
        while not over.is_set():
            for path in tmp_path.glob("*.alive"):
                is_gone(tmp_path, path.stem)

    threads = [threading.Thread(target=tidy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            presence = Presence(tmp_path)
            assert (tmp_path / f"{presence.name}.alive").exists()
            assert not is_gone(tmp_path, presence.name)
            presence.close()
    finally:
        over.set()
        for thread in threads:
            thread.join()
