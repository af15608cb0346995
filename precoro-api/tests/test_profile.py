"""What runs learn goes into the profile: whole at any moment, and only where it changes it."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import SettingsError
from precoro_api.profile import keep_learned, profile_of

if TYPE_CHECKING:
    from pathlib import Path

LEARNED = {"suppliers": {"patch_takes_fields": False}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"version": 1, "list_order": "id", "patch_fields": "all"}))
    return path


def test_what_was_learned_is_added_and_read_again(path: Path) -> None:
    settings = {"profile_path": str(path)}
    assert keep_learned(settings, LEARNED)
    assert keep_learned(
        settings, {"suppliers": {"put_clears": True}, "items": {"put_clears": True}}
    )
    profile = profile_of(settings)
    assert profile.learned == {
        "suppliers": {"patch_takes_fields": False, "put_clears": True},
        "items": {"put_clears": True},
    }
    assert profile.patch_takes_fields is True
    assert json.loads(path.read_text())["list_order"] == "id"
    assert [each.name for each in path.parent.iterdir()] == ["profile.json"]


def test_the_file_stays_the_same_where_it_says_that_already(path: Path) -> None:
    settings = {"profile_path": str(path)}
    keep_learned(settings, LEARNED)
    before = path.stat()
    assert keep_learned(settings, LEARNED)
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_link_and_the_rights_of_the_file_stay(path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(path)
    assert keep_learned({"profile_path": str(link)}, LEARNED)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert profile_of({"profile_path": str(path)}).learned == LEARNED


@pytest.mark.parametrize("text", [None, "no JSON", '{"version": 7}', "[]"])
def test_what_is_no_profile_is_left_alone(path: Path, text: str | None) -> None:
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert not keep_learned({"profile_path": str(path)}, LEARNED)
    assert (path.read_text() if path.exists() else None) == text
    with pytest.raises(SettingsError):
        profile_of({"profile_path": str(path)})


def test_without_a_profile_nothing_is_kept() -> None:
    assert not keep_learned({}, LEARNED)


@pytest.mark.parametrize("of", [[], "x", {"suppliers": 1}, {"suppliers": {"put_clears": "yes"}}])
def test_learned_of_another_shape_counts_as_nothing(path: Path, of: Any) -> None:
    path.write_text(json.dumps({"version": 1, "learned": of}))
    settings = {"profile_path": str(path)}
    assert not any(profile_of(settings).learned.values())
    assert keep_learned(settings, LEARNED)
    assert profile_of(settings).learned["suppliers"] == LEARNED["suppliers"]
