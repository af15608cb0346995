"""The settings that everything which talks to Precoro shares."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from precoro_api.client import Client
from precoro_api.clock import Clock, FastClock, SystemClock
from precoro_api.paging import MAX_PAGE, PAGE_SIZES
from precoro_api.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REGIONS", "SETTINGS", "Setting", "SettingsError", "client_from", "json_schema"]

REGIONS = {"com": "https://api.precoro.com", "us": "https://api.precoro.us"}


class SettingsError(ValueError):
    """A setting that cannot be used; the text names it and says what to do."""


@dataclass(frozen=True)
class Setting:
    """One setting: its name, JSON type, what it is for, and its default."""

    name: str
    type: str
    title: str
    about: str
    default: Any = None
    options: tuple[Any, ...] = ()
    required: bool = False
    secret: bool = False
    format: str | None = None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The setting as a property of a JSON Schema."""
        schema: dict[str, Any] = {
            "type": [self.type] if self.required else [self.type, "null"],
            "title": self.title,
            "description": self.about,
        }
        if self.default is not None:
            schema["default"] = self.default
        if self.options:
            schema["enum"] = [*self.options] if self.required else [*self.options, None]
        if self.format:
            schema["format"] = self.format
        if self.secret:
            schema |= {"secret": True, "writeOnly": True}
        return schema


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "auth_token",
        "string",
        "API key",
        "The API key of one user and one company (Configuration → Integrations → API Key).",
        required=True,
        secret=True,
    ),
    Setting(
        "email",
        "string",
        "E-mail",
        "The e-mail address of the key's user.",
        required=True,
        secret=True,
    ),
    Setting(
        "region",
        "string",
        "Region",
        "Where the company lives: `com` for app.precoro.com, `us` for app.precoro.us.",
        default="com",
        options=tuple(REGIONS),
    ),
    Setting(
        "base_url",
        "string",
        "Base URL",
        "Another address of the API, such as a sandbox; goes before `region`.",
    ),
    Setting(
        "page_size",
        "integer",
        "Page size",
        "Rows a list request asks for; larger pages spend fewer requests.",
        default=MAX_PAGE,
        options=PAGE_SIZES,
    ),
    Setting(
        "requests_per_minute",
        "integer",
        "Requests a minute",
        "Requests that this process sends a minute at most; 0 sets no limit.",
        default=60,
    ),
    Setting(
        "timeout",
        "integer",
        "Timeout",
        "Seconds to wait for an answer.",
        default=60,
    ),
    Setting(
        "user_agent",
        "string",
        "User agent",
        "The name that requests carry; default: the plugin's own.",
    ),
    Setting(
        "clock_speed",
        "integer",
        "Clock speed",
        "For a sandbox on this machine only: how many times faster than real time its clock "
        "runs, so that its limits pass as fast here.",
        default=1,
    ),
)


def json_schema(*more: Setting) -> dict[str, Any]:
    """The shared settings and some more as one JSON Schema."""
    settings = (*SETTINGS, *more)
    return {
        "type": "object",
        "properties": {each.name: each.json_schema for each in settings},
        "required": [each.name for each in settings if each.required],
    }


def client_from(settings: Mapping[str, Any], user_agent: str) -> Client:
    """A client for these settings. Raises SettingsError naming the one that is wrong."""
    for name in ("auth_token", "email"):
        value = settings.get(name)
        if not isinstance(value, str) or not value.strip():
            raise SettingsError(f"{name} is empty: every request to Precoro needs it.")
        if not value.strip().isprintable() or not value.isascii():
            raise SettingsError(f"{name} holds characters that no HTTP header can carry.")
    base_url, local = _base_url(settings)
    speed = int(settings.get("clock_speed") or 1)
    if speed < 1:
        raise SettingsError("clock_speed must be 1 or more.")
    if speed != 1 and not local:
        raise SettingsError("clock_speed is for a sandbox on this machine; leave it out.")
    timeout = int(settings.get("timeout") or 60)
    if timeout <= 0:
        raise SettingsError("timeout must be above 0 seconds.")
    page_size = int(settings.get("page_size") or MAX_PAGE)
    if page_size not in PAGE_SIZES:
        raise SettingsError(f"page_size must be one of {', '.join(map(str, PAGE_SIZES))}.")
    per_minute = settings.get("requests_per_minute")
    per_minute = 60 if per_minute is None else int(per_minute)
    if per_minute < 0:
        raise SettingsError("requests_per_minute must be 0 (no limit) or more.")
    clock: Clock = FastClock(speed) if speed != 1 else SystemClock()
    return Client(
        token=settings["auth_token"].strip(),
        email=settings["email"].strip(),
        base_url=base_url,
        page_size=page_size,
        timeout=(min(10.0, timeout), timeout),
        user_agent=settings.get("user_agent") or user_agent,
        clock=clock,
        quota=Quota(clock, per_minute or None),
    )


def _base_url(settings: Mapping[str, Any]) -> tuple[str, bool]:
    """The address, and whether it is on this machine."""
    given = settings.get("base_url")
    if not given:
        region = settings.get("region") or "com"
        if region not in REGIONS:
            raise SettingsError(f"region must be one of {', '.join(REGIONS)}, not {region!r}.")
        return REGIONS[region], False
    parts = urlsplit(str(given))
    local = _is_loopback(parts.hostname or "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"base_url must be an address like {REGIONS['com']}.")
    if parts.scheme == "http" and not local:
        raise SettingsError("base_url must begin with https: the API key travels with requests.")
    return str(given), local


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
