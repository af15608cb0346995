"""Settings of tap and target that are wrong, in every way that their table allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proof.bad_case import ALL, Case, line, record, schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["setting_cases"]

GROUP = "settings"
_SAMPLES: dict[str, Any] = {
    "string": "text",
    "integer": 7,
    "number": 1.5,
    "boolean": True,
    "object": {"a": 1},
    "array": ["a"],
}
_HUGE = 10**30
_SUPPLIERS = [{"name": "Bolt Ltd", "externalId": "S-1"}]
_INPUT = (schema(), *map(record, ALL), line(type="STATE", value={"n": 4}))

_FILES = ("quota_path", "profile_path", "journal_path", "rejects_path", "report_path")
_MORE_FILES = ("links_path", "plan_path", "apply_plan", "webhook_spool")

_OFF = (-1, "many", "1.5", "-1")
_WRONG: dict[str, tuple[Any, ...]] = {
    "auth_token": ("", " ", "a\nb", "clé", "\ud800"),
    "email": ("", " ", "a\nb", "clé@example.com"),
    "user_agent": ("a\nb", "clé"),
    "region": ("", "eu"),
    "base_url": (
        *("nonsense", "ftp://127.0.0.1", "http://example.com", "https://", "https://a b"),
        *("http://127.0.0.1:99999", "http://127.0.0.1/?a=1", "http://[::1", "https://\u0000"),
    ),
    "requests_per_minute": _OFF,
    "requests_per_hour": _OFF,
    "requests_per_day": _OFF,
    "identical_requests_per_minute": _OFF,
    "identical_requests_per_hour": _OFF,
    "quota_path": ("mysql://127.0.0.1/x", "redis://[", "postgresql://127.0.0.1:1/x"),
    "profile_path": ("{place}/config.json", "{place}/nowhere"),
    "apply_plan": ("{place}/config.json", "{place}/nowhere"),
    "webhook_spool": ("{place}/nowhere",),
    "start_date": ("yesterday", "2025-13-01", "0"),
    "filters": (
        *({"nowhere": {}}, {"invoices": {"nope": 1}}, {"invoices": 7}),
        *({"invoices": {"status": "nope"}}, {"suppliers": {"params": 7}}),
    ),
    "stream_resources": ("{", "[1]", "text", {"suppliers": "nowhere"}, {"suppliers": 7}),
    "field_map": ("{", "[1]", {"suppliers": {"a": "nope"}}, {"suppliers": 7}, {"suppliers": ["a"]}),
    "defaults": ("{", "[1]", {"suppliers": 7}, {"suppliers": ["a"]}),
    "default_values": (
        *("{", "text", [7], {"a": 1}),
        [{"stream": "suppliers", "field": "name", "type": "integer", "value": "many"}],
    ),
    "modes": ("{", "[1]", "nope", {"suppliers": "nope"}, {"suppliers": 7}),
    "only_update_existing_records": ("{", "text", [7]),
    "match_on": ("{", "[1]", {"suppliers": ["nope"]}, {"suppliers": "name"}, {"suppliers": [7]}),
    "nulls": ("{", "[1]", "nope", {"suppliers": "nope"}, {"suppliers": {"nope": "clear"}}),
    "lists": ("{", "[1]", "nope", {"suppliers": {"currencies": "nope"}}, {"suppliers": 7}),
    "on_missing": ("{", "[1]", "nope", {"suppliers": "nope"}, {"suppliers": 7}),
    "max_failures": (-1, "many", "1.5", "-1", "9" * 5000),
    "stream_maps": (
        {"suppliers": {"a": "foo("}},
        {"suppliers": 7},
        {"suppliers": {"a": "nope(1)"}},
    ),
}
"""Values of the right type that mean nothing, or nothing good."""

_BESIDE: dict[str, dict[str, Any]] = {
    "plan_path": {"dry_run": True},
    "region": {"base_url": ""},
}
"""What a setting needs beside it to be used."""


def setting_cases() -> list[Case]:
    """The table, derived from the settings' own."""
    from tap_precoro.tap import TapPrecoro  # noqa: PLC0415 - with the plugins alone
    from target_precoro.target import TargetPrecoro  # noqa: PLC0415

    found = []
    for plugin, command in ((TapPrecoro, "tap"), (TargetPrecoro, "target")):
        table = plugin.config_jsonschema
        plugin.append_builtin_config(table)
        required = table["required"]
        for name, about in table["properties"].items():
            found += [_refused(command, name, value) for value in _wrong(name, about)]
            found += [_taken(command, name, value) for value in _right(name, about, required)]
        found += [_refused(command, name, None, missing=True) for name in required]
        found.append(_unknown(command, "page_sise", "page_size"))
        found.append(_unknown(command, "x" * 1000, ""))
    return found


def _types(about: Mapping[str, Any]) -> list[str]:
    given = about.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def _wrong(name: str, about: Mapping[str, Any]) -> Iterator[Any]:
    types = _types(about)
    allowed = {*types, "integer"} if "number" in types else set(types)
    for kind, sample in _SAMPLES.items():
        if kind not in allowed:
            yield sample
    if "string" not in types:
        yield ""
    if "enum" in about:
        yield from ("no such option", "") if "string" in types else (7,)
    if "minimum" in about:
        yield about["minimum"] - 1
    if "maximum" in about:
        yield from (about["maximum"] + 1, _HUGE)
    if name in (*_FILES, *_MORE_FILES):
        yield from ("{place}", "{place}/a\u0000b", "{place}/config.json/below")
    yield from (each for each in _WRONG.get(name, ()) if each not in ("", "{place}"))
    if "null" not in types:
        yield from ("", None)


def _right(name: str, about: Mapping[str, Any], required: list[str]) -> Iterator[Any]:
    """What looks wrong, and means the default; and a number that has no end."""
    types = _types(about)
    if name in (*required, "base_url", "region"):  # whose default is no place to try things
        return
    yield None
    if "string" in types and "enum" not in about and name != "flattening_separator":
        yield ""
    if types[0] == "integer" and "enum" not in about and "maximum" not in about:
        yield _HUGE


def _case(command: str, name: str, value: Any, **more: Any) -> Case:
    settings = {**_BESIDE.get(name, {}), name: value}
    if name == "base_url":
        settings["clock_speed"] = 1
    shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:39]}…"
    given: tuple[str, ...] = ("suppliers",) if command == "tap" else _INPUT
    return Case(
        GROUP,
        f"no {name}" if "omit" in more else f"{name} = {shown}",
        command,
        given,
        settings=settings,
        rows={} if command == "target" else {"suppliers": _SUPPLIERS},
        **more,
    )


def _refused(command: str, name: str, value: Any, *, missing: bool = False) -> Case:
    more: dict[str, Any] = {"omit": (name,)} if missing else {}
    # Whether the words of a map are names is found out with the first row.
    asks = command == "tap" and "nope(" in str(value)
    return _case(command, name, value, code=2, says=(name,), there=(), asks=asks, **more)


def _taken(command: str, name: str, value: Any) -> Case:
    if command == "tap":
        return _case(command, name, value, there=None)
    dry = bool(_BESIDE.get(name, {}).get("dry_run"))
    return _case(command, name, value, there=() if dry else ALL, state=None if dry else {"n": 4})


def _unknown(command: str, name: str, nearest: str) -> Case:
    says = (f"There is no setting {name[:80]}", nearest)
    if command == "tap":
        return _case(command, name, 7, says=says, there=None)
    return _case(command, name, 7, says=says, state={"n": 4})
