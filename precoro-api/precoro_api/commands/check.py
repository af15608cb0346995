"""`precoro check`: whether credentials and region fit, and what this token may read."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from precoro_api import errors
from precoro_api.commands.shown import (
    as_json,
    client_of,
    config_option,
    format_option,
    sentences,
    table,
)
from precoro_api.connection import settings_from
from precoro_api.resources import RESOURCES
from precoro_api.settings import REGIONS

if TYPE_CHECKING:
    from precoro_api.client import Client
    from precoro_api.resource import Resource

__all__ = ["check", "readable"]

_AN_HOUR = 3600.0


@click.command()
@config_option
@format_option
@click.option("--all", "everything", is_flag=True, help="Ask guessed paths, too.")
@click.option("--fresh", is_flag=True, help="Ask even if the last answers are not an hour old.")
@sentences
def check(config: str | None, shape: str, *, everything: bool, fresh: bool) -> None:
    """Ask each list once, and show which this token may read. Wrong credentials stop at once."""
    settings = settings_from(config, os.environ)
    with closing(client_of(settings)) as client:
        name = f"check:{everything}"
        rows = None if fresh else client.quota.recall(name)
        if rows is None:
            try:
                rows = readable(client, guesses=everything)
            except errors.BadCredentials:
                _try_the_other_region(settings)
                raise
            client.quota.remember(name, rows, _AN_HOUR)
    click.echo(as_json(rows) if shape == "json" else table(rows))


def _try_the_other_region(settings: dict[str, Any]) -> None:
    """Raises SettingsError if the key is good, but lives elsewhere."""
    if settings.get("base_url"):
        return
    chosen = settings.get("region") or "com"
    for region in REGIONS:
        if region != chosen:
            with closing(client_of({**settings, "region": region})) as client:
                try:
                    next(client.pages(RESOURCES[0]))
                except errors.PrecoroError:
                    continue
                raise errors.SettingsError(
                    f"region is {chosen!r}, but this key works in region {region!r}: set it so."
                )


def readable(client: Client, *, guesses: bool = False) -> list[dict[str, Any]]:
    """One row a resource: whether its list answers, how many records it has, or what to do.

    Raises BadCredentials at the first request if the key is wrong.
    """
    asked = [
        each
        for each in RESOURCES
        if each.list and not each.parent and not each.alias_of and (guesses or each.confidence > 0)
    ]
    return [_row(client, each) for each in asked]


def _row(client: Client, resource: Resource) -> dict[str, Any]:
    row: dict[str, Any] = {"resource": resource.name, "readable": False, "records": None}
    try:
        page = next(client.pages(resource))
    except errors.NotAllowed:
        row["what to do"] = "the key's user lacks the right: give it the role, or leave it out"
    except errors.NotFound:
        row["what to do"] = "this account does not have it"
    except (errors.Rejected, errors.UnexpectedAnswer) as problem:
        row["what to do"] = problem.said or problem.did
    else:
        more = "more" if page.has_next else len(page.rows)
        row |= {"readable": True, "records": page.total if page.total is not None else more}
        row["what to do"] = ""
    return row
