"""Settings: what each does, and that each wrong one is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import BY_NAME, QuotaSpent, SettingsError
from precoro_api.clock import FastClock, SystemClock
from precoro_api.connection import client_from, quota_path
from precoro_api.paging import MAX_PAGE, PAGE_SIZES
from precoro_api.quota import Limits, Policy, token_digest
from precoro_api.settings import REGIONS, SETTINGS, Setting, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOCAL = "http://127.0.0.1:8000"
LIMITED = (
    "requests_per_minute",
    "requests_per_hour",
    "requests_per_day",
    "identical_requests_per_minute",
    "identical_requests_per_hour",
)
NO_NUMBERS = ("many", "1.5", 1.5, "1e3", "nan", True, [60], {}, "9" * 5000)


@pytest.fixture
def made() -> Iterator[Callable[..., Any]]:
    """Clients of good settings with these changes; None leaves a setting out."""
    clients = []

    def make(**changes: Any) -> Any:
        settings = {"auth_token": "tkn", "email": "ada@example.com", **changes}
        client = client_from(settings, "the plugin")
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def address_of(client: Any, sent: list[Any]) -> str:
    """Where the client's requests go: it makes one."""
    key = len(sent) + 1
    client.detail(BY_NAME["suppliers"], key)
    return sent[-1].url.removesuffix(f"/suppliers/{key}")


def wrong(name: str, value: Any, **others: Any) -> Any:
    return pytest.param(name, {name: value, **others}, id=f"{name}-{value!r}"[:60])


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *(
            wrong(name, value)
            for name in ("auth_token", "email")
            for value in (None, "", "  ", 7, "a\nb", "a\x00b", "tökén", "“quoted”")
        ),
        *(wrong("region", value) for value in ("eu", "COM", "https://api.precoro.com")),
        *(
            wrong("base_url", value)
            for value in (
                "http://api.precoro.com",
                "http://192.168.1.7:8000",
                "http://127.0.0.1.example.com",
                "http://localhost.example.com",
                "http://127.0.0.1@example.com",
                "ftp://127.0.0.1",
                "file:///etc/passwd",
                "api.precoro.com",
                "https://",
                "/path",
                7,
                True,
                ["https://api.precoro.com"],
                "http://[::1",
                "https://[nonsense]",
                "https://a b.com",
                "https://api.pre\ncoro.com",
                "https://api.precoro.com:99999",
                "https://api.precoro.com:port",
                "https://.",
                "https://*.com",
                "https://api.precoro.com?",
                "https://api.precoro.com/?a=b",
                "https://api.precoro.com#top",
                "http://evil.example\\@127.0.0.1",
            )
        ),
        *(wrong("page_size", value) for value in (1, 30, 201, -10, *NO_NUMBERS)),
        *(wrong(name, value) for name in LIMITED for value in (-1, -60, *NO_NUMBERS)),
        *(wrong("reserve_percent", value) for value in (-1, 100, *NO_NUMBERS)),
        *(wrong("max_requests", value) for value in (-1, *NO_NUMBERS)),
        *(wrong("max_wait", value) for value in (-1, *NO_NUMBERS)),
        *(wrong("when_quota_spent", value) for value in ("go on", "STOP", 7, ["stop"])),
        *(wrong("timeout", value) for value in (0, -1, -60, 10**9, *NO_NUMBERS)),
        *(wrong("user_agent", value) for value in ("a\nb", "a\r\nX-AUTH-TOKEN: b", "a\0", "ü")),
        *(wrong("clock_speed", value, base_url=LOCAL) for value in (0, *NO_NUMBERS)),
        wrong("clock_speed", -1, base_url=LOCAL),
        wrong("clock_speed", 2),
        wrong("clock_speed", 2, region="us"),
        wrong("clock_speed", 2, base_url="https://sandbox.example.com"),
    ],
)
def test_a_wrong_setting_is_named(
    made: Callable[..., Any], name: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match=f"^{name} ") as caught:
        made(**changes)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", ["auth_token", "email"])
def test_no_complaint_repeats_a_secret(made: Callable[..., Any], name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        made(**{name: "s3cret\nvälue"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["auth_token", "email"])
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    settings = {"auth_token": "tkn", "email": "ada@example.com"}
    del settings[name]
    with pytest.raises(SettingsError, match=f"^{name} is empty"):
        client_from(settings, "test")


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("com", "https://api.precoro.com"),
        ("us", "https://api.precoro.us"),
        (None, "https://api.precoro.com"),
        ("", "https://api.precoro.com"),
    ],
)
def test_each_region_has_its_address(
    made: Callable[..., Any], sent: list[Any], region: str | None, address: str
) -> None:
    assert address_of(made(region=region), sent) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000",
        "http://127.8.9.10",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://proxy.example.com/precoro",
        "https://api.precoro.us",
    ],
)
def test_an_address_of_ones_own_goes_before_the_region(
    made: Callable[..., Any], sent: list[Any], address: str
) -> None:
    for given in (address, f"{address}/", f" {address}\n"):
        assert address_of(made(base_url=given, region="com"), sent) == address


@pytest.mark.parametrize("address", [None, ""])
def test_an_empty_address_is_none(
    made: Callable[..., Any], sent: list[Any], address: str | None
) -> None:
    assert address_of(made(base_url=address, region="us"), sent) == REGIONS["us"]


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_every_page_size_of_the_api_may_be_chosen(made: Callable[..., Any], size: int) -> None:
    assert made(page_size=size).page_size == size


LIMITS = {
    "requests_per_minute": ("minute", 60),
    "requests_per_hour": ("hour", 1500),
    "requests_per_day": ("day", 3000),
    "identical_requests_per_minute": ("identical_minute", 1),
    "identical_requests_per_hour": ("identical_hour", 30),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [None, "", 7, "60", 300])
def test_the_pace_is_that_of_the_settings(
    made: Callable[..., Any], name: str, value: int | str | None
) -> None:
    limit, default = LIMITS[name]
    assert made(**{name: value}).quota.limits == replace(
        Limits(), **{limit: int(value) if value else default}
    )


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", [0, "0", "off", " OFF "])
def test_no_pace_at_all_can_be_chosen(
    made: Callable[..., Any], name: str, value: int | str
) -> None:
    assert getattr(made(**{name: value}).quota.limits, LIMITS[name][0]) is None


def test_a_part_of_each_limit_can_be_left_to_others(made: Callable[..., Any]) -> None:
    limits = made(reserve_percent=20).quota.limits
    assert [limits.of(kind) for kind in ("minute", "hour", "day")] == [48, 1200, 2400]


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({}, Policy("stop", 3600, None)),
        ({"when_quota_spent": "fail"}, Policy("fail", 3600, None)),
        ({"when_quota_spent": "wait", "max_wait": 7}, Policy("wait", 7, None)),
        ({"max_wait": 0, "max_requests": 0}, Policy("stop", 0, 0)),
        ({"max_requests": "100"}, Policy("stop", 3600, 100)),
        ({"max_requests": "", "max_wait": "", "when_quota_spent": ""}, Policy("stop", 3600, None)),
    ],
    ids=str,
)
def test_what_happens_when_a_budget_is_spent_is_that_of_the_settings(
    made: Callable[..., Any], settings: dict[str, Any], policy: Policy
) -> None:
    assert made(**settings).quota.policy == policy


# The budget's place


def test_the_budget_is_kept_in_the_users_state_folder(
    made: Callable[..., Any], sent: list[Any], tmp_path: Path
) -> None:
    client = made()
    place = tmp_path / "state" / "precoro" / f"quota-{token_digest('tkn')}.sqlite3"
    assert quota_path({}, "tkn") == str(place)
    assert not place.exists()  # nothing was asked yet
    address_of(client, sent)
    assert place.stat().st_mode & 0o777 == 0o600
    assert b"tkn" not in place.read_bytes()


def test_a_budget_can_be_kept_elsewhere_or_nowhere(
    made: Callable[..., Any], sent: list[Any], tmp_path: Path
) -> None:
    address_of(made(quota_path="memory"), sent)
    address_of(made(base_url=LOCAL, clock_speed=6000), sent)
    assert not list(tmp_path.iterdir())
    address_of(made(quota_path=str(tmp_path / "deep" / "mine.sqlite3")), sent)
    assert (tmp_path / "deep" / "mine.sqlite3").exists()


def test_two_clients_of_one_token_share_a_budget(made: Callable[..., Any], sent: list[Any]) -> None:
    first, second = made(requests_per_day=2), made(requests_per_day=2)
    other = made(requests_per_day=2, auth_token="another")
    for client, key in ((first, 1), (second, 2), (other, 3)):
        client.detail(BY_NAME["suppliers"], key)
    for client in (first, second):
        with pytest.raises(QuotaSpent, match="day"):
            client.detail(BY_NAME["suppliers"], 4)
    assert len(sent) == 3


def test_a_place_that_cannot_be_used_is_named_with_its_setting(
    made: Callable[..., Any], sent: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    client = made(quota_path=str(tmp_path / "file" / "below.sqlite3"))
    with pytest.raises(SettingsError, match=r"^quota_path: "):
        client.detail(BY_NAME["suppliers"], 1)
    assert sent == []


@pytest.mark.parametrize(("value", "timeout"), [(None, 60), (5, 5), (90, 90)])
def test_the_time_to_wait_for_answers_is_that_of_the_settings(
    made: Callable[..., Any], sent: list[Any], value: int | None, timeout: int
) -> None:
    address_of(made(timeout=value), sent)
    connect, read = sent[0].options["timeout"]
    assert read == timeout
    assert connect == min(10, timeout)


@pytest.mark.parametrize(
    ("value", "kind"), [(None, SystemClock), (1, SystemClock), (6000, FastClock)]
)
@pytest.mark.parametrize("address", [LOCAL, "https://localhost", "http://[::1]"])
def test_a_sandbox_on_this_machine_may_have_a_fast_clock(
    made: Callable[..., Any], address: str, value: int | None, kind: type
) -> None:
    client = made(clock_speed=value, base_url=address)
    assert type(client.clock) is kind
    assert client.quota.server_now() == pytest.approx(client.clock.now(), abs=600)


def test_settings_that_are_left_out_have_their_defaults(
    made: Callable[..., Any], sent: list[Any]
) -> None:
    client = made()
    assert address_of(client, sent) == REGIONS["com"]
    assert client.page_size == MAX_PAGE
    assert client.quota.limits == Limits(60, 1500, 3000, 1, 30, 0)
    assert client.quota.policy == Policy("stop", 3600, None, 0)
    assert sent[0].headers["User-Agent"] == "the plugin"
    assert type(client.clock) is SystemClock


def test_credentials_travel_without_the_spaces_around_them(
    made: Callable[..., Any], sent: list[Any]
) -> None:
    address_of(made(auth_token=" tkn\n", email=" ada@example.com "), sent)
    assert sent[0].headers["X-AUTH-TOKEN"] == "tkn"
    assert sent[0].headers["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("value", "name"),
    [("mine/1", "mine/1"), (" mine/1\n", "mine/1"), (7, "7"), ("  ", "the plugin")],
)
def test_the_name_that_requests_carry_can_be_chosen(
    made: Callable[..., Any], sent: list[Any], value: object, name: str
) -> None:
    address_of(made(user_agent=value), sent)
    assert sent[0].headers["User-Agent"] == name


# As a schema


def test_secrets_are_flagged_and_nothing_else_is() -> None:
    properties = json_schema()["properties"]
    flagged = {name for name, each in properties.items() if each.get("secret")}
    assert flagged == {"auth_token", "email"}
    assert flagged == {name for name, each in properties.items() if each.get("writeOnly")}


def test_only_the_credentials_are_required() -> None:
    schema = json_schema()
    assert schema["required"] == ["auth_token", "email"]
    for name, each in schema["properties"].items():
        assert ("null" in each["type"]) == (name not in schema["required"])


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.name)
def test_every_setting_says_what_it_is_for(setting: Setting) -> None:
    schema = setting.json_schema
    assert schema["title"]
    assert schema["description"].endswith(".")
    if setting.options:
        assert set(schema["enum"]) - {None} == set(setting.options)
        assert setting.default in setting.options


def test_a_default_that_is_sent_is_the_one_that_is_used(
    made: Callable[..., Any], sent: list[Any]
) -> None:
    defaults = {each.name: each.default for each in SETTINGS if each.default is not None}
    said, silent = made(**defaults), made()
    assert said.page_size == silent.page_size
    assert said.quota.limits == silent.quota.limits
    assert said.quota.policy == silent.quota.policy
    assert address_of(said, sent) == address_of(silent, sent)
    assert sent[0].options["timeout"] == sent[1].options["timeout"]


def test_a_plugin_adds_settings_of_its_own() -> None:
    own = Setting(
        "start_date", "string", "Start", "When to begin.", required=True, format="date-time"
    )
    schema = json_schema(own)
    assert schema["required"] == ["auth_token", "email", "start_date"]
    assert schema["properties"]["start_date"]["format"] == "date-time"
    assert "start_date" not in json_schema()["properties"]
