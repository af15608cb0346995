"""Reads the input; of a line that is no message it tells the number, not what it holds."""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding import SimpleSingerReader
from singer_sdk.typing import DEFAULT_JSONSCHEMA_VALIDATOR
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["NoMessage", "Reader", "lines_of", "message_of"]

_DEEPEST = 100
"""Levels within levels; beyond, programs that read or write JSON begin to fail."""


class NoMessage(ValueError):
    """A line that is no message that could be taken; the text says why."""


class Reader(SimpleSingerReader):
    """Reads the input to its end: a line that is no message is told, and those after it are read.

    `told` hears the number of such a line, and what is wrong with it.
    """

    told: Callable[[int, str], None]

    @override
    def process_lines(
        self, file_input: IO[str] | None, callbacks: Mapping[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        counted: Counter[str] = Counter()
        for number, line in enumerate(lines_of(file_input or sys.stdin), start=1):
            if not line.strip():
                continue
            try:
                message = message_of(line)
                callbacks[message["type"]](message)
            except NoMessage as problem:
                self.told(number, str(problem))
            else:
                counted[message["type"]] += 1
        return counted


def lines_of(file: IO[str]) -> Iterable[str | bytes]:
    """The lines of a file, undecoded where it lets them be: a wrong byte is one line's matter."""
    undecoded: Iterable[bytes] | None = getattr(file, "buffer", None)
    return file if undecoded is None else undecoded


def message_of(line: str | bytes) -> dict[str, Any]:
    """The message in a line. Raises NoMessage."""
    try:
        text = line if isinstance(line, str) else line.decode()
        message = json.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    except UnicodeDecodeError as problem:
        raise NoMessage(f"is no UTF-8 ({problem.reason})") from None
    except RecursionError:
        raise NoMessage(f"is nested deeper than {_DEEPEST} levels") from None
    except ValueError as problem:
        raise NoMessage(f"is no whole JSON ({problem})") from None
    if text.count("[") + text.count("{") > _DEEPEST and _is_deep(message):
        raise NoMessage(f"is nested deeper than {_DEEPEST} levels")
    if not isinstance(message, dict):
        raise NoMessage("is no object with a type")
    _check(message)
    return message


def _is_deep(message: Any) -> bool:
    level = [message]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _check(message: Mapping[str, Any]) -> None:
    kind = message.get("type")
    wanted = _KEYS.get(kind) if isinstance(kind, str) else None
    if kind == "BATCH":
        raise NoMessage("is a BATCH, which is not taken: let the tap send records (batch_config)")
    if wanted is None:
        raise NoMessage("is no message of a known type")
    for key, of in wanted.items():
        if key not in message or not isinstance(message[key], of):
            raise NoMessage(f"is a {kind} without a {key}")
    if kind == "SCHEMA":
        _check_schema(message["schema"], message.get("key_properties"))


_KEYS: dict[str, dict[str, type]] = {
    "SCHEMA": {"stream": str, "schema": dict},
    "RECORD": {"stream": str, "record": dict},
    "STATE": {"value": object},
    "ACTIVATE_VERSION": {"stream": str},
}


def _check_schema(schema: Mapping[str, Any], keys: Any) -> None:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        raise NoMessage("is a SCHEMA without properties")
    if not (keys is None or (isinstance(keys, list) and all(isinstance(k, str) for k in keys))):
        raise NoMessage("is a SCHEMA whose key_properties are no list of names")
    wrong = next(
        DEFAULT_JSONSCHEMA_VALIDATOR(DEFAULT_JSONSCHEMA_VALIDATOR.META_SCHEMA).iter_errors(schema),
        None,
    )
    if wrong is not None:
        where = ".".join(map(str, wrong.absolute_path))
        raise NoMessage(f"is a SCHEMA that is no JSON Schema, at {where or 'its top'}")
