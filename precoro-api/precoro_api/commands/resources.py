"""`precoro resources`: the table, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from precoro_api.commands.shown import as_json, format_option, table
from precoro_api.resources import RESOURCES

if TYPE_CHECKING:
    from precoro_api.resource import Resource

__all__ = ["resources"]


@click.command()
@format_option
def resources(shape: str) -> None:
    """List every resource: its path, how sure it is, and what may be written."""
    rows = [_row(each) for each in RESOURCES]
    click.echo(as_json(rows) if shape == "json" else table(rows))


def _row(resource: Resource) -> dict[str, Any]:
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
