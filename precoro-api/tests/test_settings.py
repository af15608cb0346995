"""Settings: what each does, and that each wrong one is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import SettingsError
from precoro_api.clock import FastClock, SystemClock
from precoro_api.paging import MAX_PAGE, PAGE_SIZES
from precoro_api.settings import REGIONS, SETTINGS, Setting, client_from, json_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCAL = "http://127.0.0.1:8000"


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
        client._session.close()


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
            )
        ),
        *(wrong("page_size", value) for value in (1, 30, 201, -10)),
        *(wrong("requests_per_minute", value) for value in (-1, -60)),
        *(wrong("timeout", value) for value in (-1, -60)),
        wrong("clock_speed", -1, base_url=LOCAL),
        wrong("clock_speed", 2),
        wrong("clock_speed", 2, region="us"),
        wrong("clock_speed", 2, base_url="https://sandbox.example.com"),
    ],
)
def test_a_wrong_setting_is_named(
    made: Callable[..., Any], name: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        made(**changes)


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
    made: Callable[..., Any], region: str | None, address: str
) -> None:
    assert made(region=region).base_url == address


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
    made: Callable[..., Any], address: str
) -> None:
    assert made(base_url=address, region="com").base_url == address


@pytest.mark.parametrize("address", [None, ""])
def test_an_empty_address_is_none(made: Callable[..., Any], address: str | None) -> None:
    assert made(base_url=address, region="us").base_url == REGIONS["us"]


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_every_page_size_of_the_api_may_be_chosen(made: Callable[..., Any], size: int) -> None:
    assert made(page_size=size).page_size == size


@pytest.mark.parametrize("value", [None, 60, 300])
def test_the_pace_is_that_of_the_settings(made: Callable[..., Any], value: int | None) -> None:
    assert made(requests_per_minute=value).quota._per_minute == (value or 60)


def test_no_pace_at_all_can_be_chosen(made: Callable[..., Any]) -> None:
    assert made(requests_per_minute=0).quota._per_minute is None


@pytest.mark.parametrize(("value", "timeout"), [(None, 60), (5, 5), (90, 90)])
def test_the_time_to_wait_for_answers_is_that_of_the_settings(
    made: Callable[..., Any], value: int | None, timeout: int
) -> None:
    connect, read = made(timeout=value)._timeout
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
    assert client.quota._clock is client.clock


def test_settings_that_are_left_out_have_their_defaults(made: Callable[..., Any]) -> None:
    client = made()
    assert client.base_url == REGIONS["com"]
    assert client.page_size == MAX_PAGE
    assert client.quota._per_minute == 60
    assert client._session.headers["User-Agent"] == "the plugin"
    assert type(client.clock) is SystemClock


def test_credentials_travel_without_the_spaces_around_them(made: Callable[..., Any]) -> None:
    headers = made(auth_token=" tkn\n", email=" ada@example.com ")._session.headers
    assert headers["X-AUTH-TOKEN"] == "tkn"
    assert headers["email"] == "ada@example.com"


def test_the_name_that_requests_carry_can_be_chosen(made: Callable[..., Any]) -> None:
    assert made(user_agent="mine/1")._session.headers["User-Agent"] == "mine/1"


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


def test_a_default_that_is_sent_is_the_one_that_is_used(made: Callable[..., Any]) -> None:
    defaults = {each.name: each.default for each in SETTINGS if each.default is not None}
    said, silent = made(**defaults), made()
    assert said.base_url == silent.base_url
    assert said.page_size == silent.page_size
    assert said._timeout == silent._timeout
    assert said.quota._per_minute == silent.quota._per_minute


def test_a_plugin_adds_settings_of_its_own() -> None:
    own = Setting(
        "start_date", "string", "Start", "When to begin.", required=True, format="date-time"
    )
    schema = json_schema(own)
    assert schema["required"] == ["auth_token", "email", "start_date"]
    assert schema["properties"]["start_date"]["format"] == "date-time"
    assert "start_date" not in json_schema()["properties"]
