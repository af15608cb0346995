"""What the answers of a run have shown is known to the next: by the profile, or by the budget."""

from __future__ import annotations

import json

import pytest

REFUSES = {"external_id_on_create": "rejected", "patch_fields": "external_id_only"}


def vendors(*numbers, **more):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}", **more} for n in numbers]


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({"version": 1, "list_order": "id"}))
    return path


def test_it_is_in_the_profile_and_used_from_there(serve, load, profile):
    sandbox = serve(switches=REFUSES)
    settings = {"profile_path": str(profile), "quota_path": "memory"}
    assert load(sandbox, "suppliers", vendors(0, 1), **settings).requests["POST"] == 3
    known = json.loads(profile.read_text())
    assert known["learned"] == {"suppliers": {"post_takes_external_id": False}}
    assert known["list_order"] == "id"
    assert load(sandbox, "suppliers", vendors(2, 3), **settings).requests["POST"] == 2
    changed = load(sandbox, "suppliers", vendors(0, city="Kyiv"), **settings)
    assert (changed.requests["PATCH"], changed.requests["PUT"]) == (1, 1)
    again = load(sandbox, "suppliers", vendors(0, city="Lviv"), **settings)
    assert (again.requests["PATCH"], again.requests["PUT"]) == (0, 1)
    learned = {"post_takes_external_id": False, "patch_takes_fields": False}
    assert json.loads(profile.read_text())["learned"] == {"suppliers": learned}


def test_the_profile_stays_as_it_is_where_nothing_new_was_learned(serve, load, profile):
    sandbox = serve(switches=REFUSES)
    settings = {"profile_path": str(profile), "quota_path": "memory"}
    load(sandbox, "suppliers", vendors(0), **settings)
    before = profile.stat()
    load(sandbox, "suppliers", vendors(1), **settings)
    load(sandbox, "suppliers", vendors(2), dry_run=True, **settings)
    after = profile.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_was_learned_goes_before_what_a_probe_said(serve, load, profile):
    profile.write_text(json.dumps({"version": 1, "external_id_on_create": "everywhere"}))
    sandbox = serve(switches={"external_id_on_create": "nowhere"})
    settings = {"profile_path": str(profile), "quota_path": "memory"}
    load(sandbox, "suppliers", vendors(0), **settings)
    learned = json.loads(profile.read_text())["learned"]
    assert learned == {"suppliers": {"post_takes_external_id": False}}
    load(sandbox, "suppliers", vendors(1), **settings)
    assert "externalId" not in [each for each in sandbox.served if each.method == "POST"][-1].body


def test_without_a_profile_the_budget_keeps_it(serve, load, tmp_path):
    sandbox = serve(switches=REFUSES)
    settings = {"quota_path": str(tmp_path / "quota.sqlite3")}
    assert load(sandbox, "suppliers", vendors(0, 1), **settings).requests["POST"] == 3
    assert load(sandbox, "suppliers", vendors(2, 3), **settings).requests["POST"] == 2
