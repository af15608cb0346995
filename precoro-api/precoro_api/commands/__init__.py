"""The command `precoro`: the API, a token's budget and rights, for people and scripts."""

from __future__ import annotations

from importlib.metadata import version

import click

from precoro_api.commands.check import check
from precoro_api.commands.probe import probe_command
from precoro_api.commands.quota import quota
from precoro_api.commands.resources import resources
from precoro_api.commands.webhooks import webhooks

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("precoro-api"), prog_name="precoro")
def main() -> None:
    """What both Precoro connectors know of the API, and of the token that they share."""


for command in (resources, quota, check, probe_command, webhooks):
    main.add_command(command)
