"""Reading request bodies: bracketed form keys or JSON, to plain nested values."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl

__all__ = ["BadBody", "decode_body", "decode_form"]

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


class BadBody(ValueError):
    """A body that cannot be read."""


def decode_body(body: bytes, content_type: str) -> dict[str, Any]:
    """The values of a form or JSON body."""
    if not body.strip():
        return {}
    if "json" in content_type:
        try:
            parsed = json.loads(body)
        except ValueError as problem:
            raise BadBody(f"invalid JSON: {problem}") from None
        if not isinstance(parsed, dict):
            raise BadBody("the JSON body is not an object")
        return parsed
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadBody("the form is not UTF-8") from None
    return decode_form(parse_qsl(text, keep_blank_values=True))


def decode_form(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b]=1&c[]=2&c[]=3` as `{"a": {"b": "1"}, "c": ["2", "3"]}`, as a PHP back end reads it."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        match = _KEY.match(key)
        if not match:
            values[key] = value
            continue
        steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        _put(values, steps, value)
    return {key: _lists(value) for key, value in values.items()}


def _put(into: dict[str, Any], steps: list[str], value: str) -> None:
    step, *rest = steps
    if step == "":
        step = str(len(into))
    if not rest:
        into[step] = value
        return
    inner = into.get(step)
    if not isinstance(inner, dict):
        inner = into[step] = {}
    _put(inner, rest, value)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(each) for key, each in value.items()}
    if inner and all(key.isdigit() for key in inner):
        return list(inner.values())
    return inner
