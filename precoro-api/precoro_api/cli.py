"""The command `precoro`: what is known of the API, for people and scripts."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import click

from precoro_api.resources import RESOURCES

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("precoro-api"), prog_name="precoro")
def main() -> None:
    """What both Precoro connectors know of the API."""


@main.command()
@click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people, or for programs.",
)
def resources(shape: str) -> None:
    """List every resource: its path, how sure it is, and what may be written."""
    rows = [_row(each) for each in RESOURCES]
    if shape == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    head = list(rows[0])
    lines = [[_cell(row[name]) for name in head] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        click.echo("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip())


def _row(resource: Any) -> dict[str, Any]:
    writes = (resource.create, resource.update, resource.patch)
    return {
        "resource": resource.name,
        "list": resource.list.path if resource.list else None,
        "confidence": resource.confidence.label if resource.list or resource.embedding else None,
        "changes since": bool(resource.modified_since),
        "external_id[]": resource.findable,
        "writes": [call.method for call in writes if call],
        "fields": len(resource.by_name),
    }


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


if __name__ == "__main__":
    main()
