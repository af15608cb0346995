"""How commands show things: aligned tables, JSON, errors as sentences with an exit code."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from precoro_api.connection import client_from
from precoro_api.errors import BadCredentials, PrecoroError, SettingsError
from precoro_api.plain import harmless

if TYPE_CHECKING:
    from precoro_api.client import Client

__all__ = [
    "as_json",
    "client_of",
    "config_option",
    "end_with",
    "format_option",
    "sentences",
    "table",
]

F = TypeVar("F", bound=Callable[..., Any])

_FAILED = 1
_COULD_NOT_WORK = 2

config_option = click.option(
    "--config",
    metavar="FILE",
    help="JSON settings of the tap or target; default: their environment variables.",
)
format_option = click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs.",
)


def client_of(settings: Mapping[str, Any]) -> Client:
    """A client of the command's own, which counts as `precoro` in the budget."""
    return client_from(settings, f"precoro/{version('precoro-api')}")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned columns; what comes from the API is shown without control characters."""
    head = list(rows[0])
    lines = [head, *([_cell(row[name]) for name in head] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list):
        return harmless(" ".join(map(str, value)))
    return "" if value is None else harmless(str(value))


def as_json(value: Any) -> str:
    """JSON as programs read it and people can."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def end_with(sentence: str, code: int = _FAILED) -> NoReturn:
    """End the command with what went wrong."""
    click.echo(f"precoro: {harmless(sentence)}", err=True)
    raise SystemExit(code)


def sentences(command: F) -> F:
    """Errors of a command as one sentence: exit 2 for settings and credentials, 1 for others."""

    @functools.wraps(command)
    def shown(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (SettingsError, BadCredentials) as problem:
            end_with(str(problem), _COULD_NOT_WORK)
        except PrecoroError as problem:
            end_with(str(problem))

    return shown  # type: ignore[return-value]
