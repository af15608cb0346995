"""A client, made from settings."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from platformdirs import user_state_path
from requests import Request, RequestException

from precoro_api.client import Client
from precoro_api.clock import Clock, FastClock, SystemClock
from precoro_api.errors import SettingsError
from precoro_api.loopback import is_loopback
from precoro_api.paging import MAX_PAGE, PAGE_SIZES
from precoro_api.profile import profile_of
from precoro_api.quota import Limits, Policy, Quota, open_ledger, token_digest
from precoro_api.settings import REGIONS, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from precoro_api.quota import Ledger

__all__ = ["client_from", "quota_path", "settings_from", "state_folder"]

_LONGEST_TIMEOUT = 86400
"""What sockets accept has an end, too."""


def client_from(settings: Mapping[str, Any], user_agent: str, *, priority: int = 0) -> Client:
    """A client for these settings. Raises SettingsError naming the one that is wrong.

    `user_agent` also names the process in the budget that it shares; those of higher `priority`
    go first when budget is short.
    """
    for name in ("auth_token", "email", "user_agent"):
        value = settings.get(name)
        if name != "user_agent" and (not isinstance(value, str) or not value.strip()):
            raise SettingsError(f"{name} is empty: every request to Precoro needs it.")
        text = str(value or "").strip()
        if text and not (text.isprintable() and text.isascii()):
            raise SettingsError(f"{name} holds characters that no HTTP header can carry.")
    base_url, local = _base_url(settings)
    own_name = str(settings.get("user_agent") or "").strip()
    speed = _whole(settings, "clock_speed", 1, least=1)
    if speed != 1 and not local:
        raise SettingsError("clock_speed is for a sandbox on this machine; leave it out.")
    timeout = _whole(settings, "timeout", 60, least=1, most=_LONGEST_TIMEOUT)
    page_size = _whole(settings, "page_size", MAX_PAGE, least=1)
    if page_size == MAX_PAGE and not profile_of(settings).large_pages:
        page_size = PAGE_SIZES[-2]
    if page_size not in PAGE_SIZES:
        raise SettingsError(f"page_size must be one of {', '.join(map(str, PAGE_SIZES))}.")
    clock: Clock = FastClock(speed) if speed != 1 else SystemClock()
    token = settings["auth_token"].strip()
    return Client(
        token=token,
        email=settings["email"].strip(),
        base_url=base_url,
        page_size=page_size,
        timeout=(min(10.0, timeout), timeout),
        user_agent=own_name or user_agent,
        clock=clock,
        quota=Quota(
            clock,
            ledger=_ledger(quota_path(settings, token, passing=speed != 1)),
            limits=_limits(settings),
            policy=_policy(settings, priority),
            name=token_digest(token),
            process=user_agent.partition("/")[0],
        ),
    )


def settings_from(config: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings of a JSON file, or of the environment variables of the tap or the target.

    Raises SettingsError where there are none.
    """
    if config is not None:
        try:
            with open(config, encoding="utf-8") as file:  # noqa: PTH123 - a path as it was given
                read = json.load(file)
        except (OSError, ValueError) as problem:
            raise SettingsError(f"the settings in {config} cannot be read: {problem}") from None
        if not isinstance(read, dict):
            raise SettingsError(f"the settings in {config} are no JSON object.")
        return read
    names = [setting.name for setting in SETTINGS]
    for prefix in ("TAP_PRECORO_", "TARGET_PRECORO_"):
        found = {name: environment.get(prefix + name.upper()) for name in names}
        if found["auth_token"]:
            return {name: value for name, value in found.items() if value}
    raise SettingsError(
        "no API key: name a file with --config, or set TAP_PRECORO_AUTH_TOKEN and "
        "TAP_PRECORO_EMAIL (or TARGET_PRECORO_…)."
    )


def quota_path(settings: Mapping[str, Any], token: str, *, passing: bool = False) -> str:
    """Where the budget of that token is kept; `passing` companies leave none behind."""
    chosen = settings.get("quota_path")
    if chosen:
        return str(chosen)
    if passing:
        return "memory"
    return str(state_folder() / f"quota-{token_digest(token)}.sqlite3")


def state_folder() -> Path:
    """The user's folder for what this machine is to remember; it may not be there yet."""
    return user_state_path("precoro")


def _ledger(where: str) -> Ledger:
    # Where a server keeps the budget, its address may hold a password, and the folder may be
    # one that several machines see.
    folder = state_folder() / f"quota-{token_digest(where)}.d" / platform.node()
    return open_ledger(where, folder)


def _limits(settings: Mapping[str, Any]) -> Limits:
    def limit(name: str, default: int) -> int | None:
        given = settings.get(name)
        off = given is not None and str(given).strip().lower() in ("off", "0", "none")
        return None if off else _whole(settings, name, default, least=1, other="`off`")

    return Limits(
        minute=limit("requests_per_minute", 60),
        hour=limit("requests_per_hour", 1500),
        day=limit("requests_per_day", 3000),
        identical_minute=limit("identical_requests_per_minute", 1),
        identical_hour=limit("identical_requests_per_hour", 30),
        reserve_percent=_whole(settings, "reserve_percent", 0, least=0, most=99),
    )


def _policy(settings: Mapping[str, Any], priority: int) -> Policy:
    when_spent = settings.get("when_quota_spent") or "stop"
    if when_spent not in ("stop", "fail", "wait"):
        raise SettingsError(f"when_quota_spent must be stop, fail or wait, not {when_spent!r}.")
    most = settings.get("max_requests")
    return Policy(
        when_spent=when_spent,
        max_wait=_whole(settings, "max_wait", 3600, least=0),
        max_requests=None if most in (None, "") else _whole(settings, "max_requests", 0, least=0),
        priority=priority,
    )


def _whole(
    settings: Mapping[str, Any],
    name: str,
    default: int,
    *,
    least: int,
    most: int | None = None,
    other: str = "",
) -> int:
    """A whole number among the settings, within its bounds."""
    given = settings.get(name)
    if given is None or given == "":
        return default
    bounds = f"{least} or more" if most is None else f"{least} to {most}"
    wrong = SettingsError(
        f"{name} must be a whole number, {bounds}{', or ' + other if other else ''}, not {given!r}."
    )
    try:
        number = int(str(given))
    except ValueError:
        raise wrong from None
    if number < least or (most is not None and number > most):
        raise wrong
    return number


def _base_url(settings: Mapping[str, Any]) -> tuple[str, bool]:
    """The address, and whether it is on this machine."""
    given = settings.get("base_url")
    if not given:
        region = settings.get("region") or "com"
        if not isinstance(region, str) or region not in REGIONS:
            raise SettingsError(f"region must be one of {', '.join(REGIONS)}, not {region!r}.")
        return REGIONS[region], False
    wrong = SettingsError(f"base_url must be an address like {REGIONS['com']}.")
    address = str(given).strip()
    try:
        # Judged as requests reads it, lest the key travel where another reader sees no harm.
        parts = urlsplit(Request("GET", address).prepare().url or "")
    except (ValueError, RequestException):
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or set("?#") & set(address):
        raise wrong
    local = is_loopback(parts.hostname)
    if parts.scheme == "http" and not local:
        raise SettingsError("base_url must begin with https: the API key travels with requests.")
    return address, local
