"""`precoro probe`: what the table cannot say, found out on the user's own account."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from precoro_api.commands.shown import (
    as_json,
    client_of,
    config_option,
    end_with,
    format_option,
    sentences,
)
from precoro_api.connection import settings_from
from precoro_api.probe import probe, probe_writes

if TYPE_CHECKING:
    from precoro_api.probe import Report

__all__ = ["probe_command"]

_WARNING = (
    "This creates a supplier and a payment term, changes them, and cannot delete them again. "
    "It is meant for a test company. Go on?"
)


@click.command("probe")
@config_option
@format_option
@click.option("--write", is_flag=True, help="Also write: meant for a test company.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("precoro-profile.json"),
    show_default=True,
    help="Where the findings go, without the company's data.",
)
@sentences
def probe_command(config: str | None, shape: str, *, write: bool, yes: bool, output: Path) -> None:
    """Find out how the API of your company behaves, with at most 15 requests that only read."""
    settings = settings_from(config, os.environ)
    with closing(client_of(settings)) as client:
        if write and not yes:
            click.confirm(_WARNING, abort=True, err=True)
        report = probe(client)
        if write:
            report = probe_writes(client, report)
    click.echo(_json(report) if shape == "json" else report.as_text())
    try:
        report.write_profile(output)
    except OSError as problem:
        end_with(f"{output} cannot be written: {problem.strerror}.")
    click.echo(f"The profile is in {output}; it holds no data of the company.", err=True)


def _json(report: Report) -> str:
    return as_json(
        {
            "requests": report.requests,
            "stopped": report.stopped,
            "answers": [each.as_dict() for each in report.answers],
            "profile": report.profile(),
        }
    )
