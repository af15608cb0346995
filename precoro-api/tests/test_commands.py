"""The command `precoro`: budgets, rights, the table."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from precoro_api.commands import main
from precoro_api.resources import BY_NAME
from precoro_api.settings import REGIONS
from precoro_sandbox import Sandbox, SandboxClock


@pytest.fixture
def company(monkeypatch, tmp_path):
    """A demo company whose settings stand in the environment."""
    with Sandbox(seed="demo", clock=SandboxClock(), forbidden=["budgets"]) as sandbox:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        for name, value in (
            ("AUTH_TOKEN", sandbox.account.token),
            ("EMAIL", sandbox.account.email),
            ("BASE_URL", sandbox.url),
        ):
            monkeypatch.setenv(f"TAP_PRECORO_{name}", value)
        yield sandbox


@pytest.fixture
def precoro():
    def run(*arguments):
        return CliRunner().invoke(main, arguments)

    return run


def test_resources_lists_the_whole_table(precoro):
    rows = json.loads(precoro("resources", "--format", "json").stdout)
    assert {row["resource"] for row in rows} == set(BY_NAME)
    text = precoro("resources").stdout
    assert "/purchaseorders" in text
    assert "guess" in text


def test_help_lists_every_command(precoro):
    listed = precoro("--help").stdout.partition("Commands:")[2].splitlines()
    commands = [line.split()[0] for line in listed if line.strip()]
    assert commands == ["check", "probe", "quota", "resources", "webhooks"]


def test_check_shows_what_the_token_may_read_one_request_each(company, precoro):
    rows = {row["resource"]: row for row in json.loads(precoro("check", "--format=json").stdout)}
    assert rows["suppliers"] == {
        "resource": "suppliers",
        "readable": True,
        "records": 400,
        "what to do": "",
    }
    assert not rows["budgets"]["readable"]
    assert "lacks the right" in rows["budgets"]["what to do"]
    assert "categories" not in rows
    assert len(company.served) == len(rows)
    again = precoro("check", "--format=json")
    assert {row["resource"]: row for row in json.loads(again.stdout)} == rows
    assert len(company.served) == len(rows)


def test_check_names_wrong_credentials_and_stops(company, precoro, monkeypatch):
    monkeypatch.setenv("TAP_PRECORO_AUTH_TOKEN", "wrong-token")
    told = precoro("check")
    assert told.exit_code == 2
    assert "Check the settings auth_token and email" in told.stderr
    assert "wrong-token" not in told.output
    assert len(company.served) == 1


def test_check_names_the_region_where_the_key_works(company, precoro, monkeypatch):
    monkeypatch.delenv("TAP_PRECORO_BASE_URL")
    with Sandbox(token="another") as elsewhere:
        monkeypatch.setitem(REGIONS, "com", elsewhere.url)
        monkeypatch.setitem(REGIONS, "us", company.url)
        told = precoro("check")
    assert told.exit_code == 2
    assert "this key works in region 'us'" in told.stderr


def test_quota_shows_what_processes_have_used_without_a_request(company, precoro):
    precoro("check")
    served = len(company.served)
    report = json.loads(precoro("quota", "--format", "json").stdout)
    assert report["windows"]["day"]["used"] == served
    assert report["windows"]["day"]["left"] == 3000 - served
    assert report["use"]["precoro/suppliers"] == 1
    text = precoro("quota").stdout
    assert "resets at" in text
    assert len(company.served) == served


def test_without_a_key_a_sentence_says_what_to_do(precoro, monkeypatch):
    for name in ("TAP_PRECORO_AUTH_TOKEN", "TARGET_PRECORO_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    told = precoro("quota")
    assert told.exit_code == 2
    assert "TAP_PRECORO_AUTH_TOKEN" in told.stderr


def test_settings_may_come_from_a_file(company, precoro, monkeypatch, tmp_path):
    monkeypatch.delenv("TAP_PRECORO_AUTH_TOKEN")
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps(
            {
                "auth_token": company.account.token,
                "email": company.account.email,
                "base_url": company.url,
                "quota_path": str(tmp_path / "mine.sqlite3"),
            }
        )
    )
    assert precoro("check", "--config", str(path)).exit_code == 0
    assert (tmp_path / "mine.sqlite3").exists()
    assert company.account.token.encode() not in (tmp_path / "mine.sqlite3").read_bytes()
