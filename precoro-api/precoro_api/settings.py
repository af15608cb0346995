"""The settings that everything which talks to Precoro shares."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.paging import MAX_PAGE, PAGE_SIZES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["REGIONS", "SETTINGS", "Setting", "json_schema", "unknown_settings", "without_secrets"]

_NO_NUL = "^[^\\u0000]*$"
"""No path and no header can hold it."""
REGIONS = {"com": "https://api.precoro.com", "us": "https://api.precoro.us"}


@dataclass(frozen=True)
class Setting:
    """One setting: its name, JSON type, what it is for, its default, and bounds of a number."""

    name: str
    type: str | tuple[str, ...]
    title: str
    about: str
    default: Any = None
    options: tuple[Any, ...] = ()
    required: bool = False
    secret: bool = False
    format: str | None = None
    least: int | None = None
    most: int | None = None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The setting as a property of a JSON Schema."""
        types = [self.type] if isinstance(self.type, str) else [*self.type]
        schema: dict[str, Any] = {
            "type": types if self.required else [*types, "null"],
            "title": self.title,
            "description": self.about,
        }
        if self.default is not None:
            schema["default"] = self.default
        if self.options:
            schema["enum"] = [*self.options] if self.required else [*self.options, None]
        if self.least is not None:
            schema["minimum"] = self.least
        if self.most is not None:
            schema["maximum"] = self.most
        if "string" in types and not self.options:
            schema["pattern"] = _NO_NUL
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
        ("string", "integer"),
        "Requests a minute",
        "What Precoro allows this token in a minute; `off` for no limit of ours.",
        default=60,
    ),
    Setting(
        "requests_per_hour",
        ("string", "integer"),
        "Requests an hour",
        "What Precoro allows this token in an hour, or `off`.",
        default=1500,
    ),
    Setting(
        "requests_per_day",
        ("string", "integer"),
        "Requests a day",
        "What Precoro allows this token in a day (UTC), or `off`.",
        default=3000,
    ),
    Setting(
        "identical_requests_per_minute",
        ("string", "integer"),
        "Identical requests a minute",
        "How often the same request may be made in a minute, or `off`.",
        default=1,
    ),
    Setting(
        "identical_requests_per_hour",
        ("string", "integer"),
        "Identical requests an hour",
        "How often the same request may be made in an hour, or `off`.",
        default=30,
    ),
    Setting(
        "reserve_percent",
        "integer",
        "Reserve",
        "Percent of each limit that is left to other people and scripts.",
        default=0,
        least=0,
        most=99,
    ),
    Setting(
        "max_requests",
        "integer",
        "Most requests",
        "Requests that one run may send; then it stops cleanly, its state kept.",
        least=0,
    ),
    Setting(
        "quota_path",
        "string",
        "Quota path",
        "Where the budget of this token is counted, for all processes that share it: a file, "
        "`redis://…`, `postgresql://…`, or `memory` for this process alone. Default: a file in "
        "the user's state folder.",
    ),
    Setting(
        "profile_path",
        "string",
        "Profile path",
        "What `precoro probe` found out about this account: a file that replaces defaults.",
    ),
    Setting(
        "when_quota_spent",
        "string",
        "When the quota is spent",
        "`stop`: keep the state, say when to run again, exit 0; `fail`: the same with exit 75; "
        "`wait`: until the limit opens, at most `max_wait`.",
        default="stop",
        options=("stop", "fail", "wait"),
    ),
    Setting(
        "max_wait",
        "integer",
        "Longest wait",
        "Seconds that `when_quota_spent: wait` waits at most.",
        default=3600,
        least=0,
    ),
    Setting(
        "timeout",
        "integer",
        "Timeout",
        "Seconds to wait for an answer.",
        default=60,
        least=1,
        most=86400,  # what sockets accept has an end
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
        least=1,
        most=1_000_000,
    ),
)


def without_secrets(complaint: str, schema: Mapping[str, Any]) -> str:
    """What the SDK says is wrong with a setting; its words show the value, also of a secret."""
    for name, each in schema["properties"].items():
        if each.get("secret") and complaint.endswith(f"config[{name!r}]"):
            return f"{name} must be a {' or '.join(each['type'])}."
    return complaint


def unknown_settings(given: Iterable[str], schema: Mapping[str, Any]) -> list[str]:
    """What to say of settings that nobody reads: they may be meant for another one."""
    known = schema["properties"]
    told = []
    for name in given:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f"; the nearest is {nearest[0]}" if nearest else ""
            told.append(f"There is no setting {name[:80]}: it is ignored{hint}.")
    return told


def json_schema(*more: Setting) -> dict[str, Any]:
    """The shared settings and some more as one JSON Schema."""
    settings = (*SETTINGS, *more)
    return {
        "type": "object",
        "properties": {each.name: each.json_schema for each in settings},
        "required": [each.name for each in settings if each.required],
    }
