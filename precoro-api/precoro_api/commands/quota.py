"""`precoro quota`: what is left of a token's budget, and who used it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click

from precoro_api.clock import moment_text
from precoro_api.commands.shown import (
    as_json,
    client_of,
    config_option,
    format_option,
    sentences,
    table,
)
from precoro_api.connection import settings_from

__all__ = ["quota"]

_EVERY = 2.0


@click.command()
@config_option
@format_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
@sentences
def quota(config: str | None, shape: str, *, watch: bool) -> None:
    """Show used, left and reset time of each window; no request is sent."""
    budget = client_of(settings_from(config, os.environ)).quota
    try:
        while True:
            report = budget.report()
            shown = as_json(report) if shape == "json" else _text(report)
            if watch and sys.stdout.isatty():
                click.clear()
            click.echo(shown)
            if not watch:
                return
            time.sleep(_EVERY)
    except KeyboardInterrupt:
        return
    finally:
        budget.close()


def _text(report: dict[str, Any]) -> str:
    windows = [
        {
            "window": kind,
            "limit": "off" if window["limit"] is None else window["limit"],
            "used": window["used"],
            "left": "" if window["left"] is None else window["left"],
            "resets at": moment_text(window["resets_at"]),
        }
        for kind, window in report["windows"].items()
    ]
    parts = [table(windows)]
    for limiter, until in report["blocked"].items():
        parts.append(f"Precoro's {limiter} lets nothing pass until {moment_text(until)}.")
    if report["use"]:
        used = sorted(report["use"].items(), key=lambda each: -each[1])
        rows = [
            dict(zip(("process", "resource"), label.split("/", 1), strict=True), today=many)
            for label, many in used
        ]
        parts += ["", table(rows)]
    return "\n".join(parts)
