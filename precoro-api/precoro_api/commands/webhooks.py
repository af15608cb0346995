"""`precoro webhooks`: take Precoro's events into a file, and show what waits in it."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from precoro_api.clock import moment_text
from precoro_api.commands.shown import as_json, format_option, sentences, table
from precoro_api.errors import SettingsError
from precoro_api.webhooks import Spool, resource_of
from precoro_api.webhooks.spool import MOST

if TYPE_CHECKING:
    from precoro_api.webhooks.receiver import Receiver

__all__ = ["webhooks"]

_SECRET = "PRECORO_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable

spool_option = click.option(
    "--spool",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where events wait until a tap reads them; its setting is `webhook_spool`.",
)


@click.group()
def webhooks() -> None:
    """Take the events that Precoro pushes, so that a tap need not ask what has changed."""


@webhooks.command()
@spool_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, help="Port to listen on; 0: a free one.")
@click.option(
    "--secret-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help=f"Holds the secret that ends the path; default: the variable {_SECRET}.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="CIDR",
    help="Address or network that may post; may be given again. Default: all.",
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="CIDR",
    help="A proxy whose X-Forwarded-For is believed; may be given again. Default: none.",
)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    help="Events that wait at most; beyond it, those of records with a newer one give way.",
)
@sentences
def serve(path: Path, secret_file: Path | None, most: int, **where: Any) -> None:
    """Take events at http://HOST:PORT/SECRET until SIGTERM or Ctrl-C.

    The first line printed is JSON with the address, without the secret. What Precoro is given is
    the address of this machine, or of a proxy before it that speaks https, with the secret as the
    last part. An event is on the disk before it is answered.
    """
    receiver = _receiver(Spool(path.expanduser(), most=most), _secret(secret_file), where)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    click.echo(json.dumps({"url": receiver.url}))
    click.echo(
        f"Events that are posted to {receiver.url}… with the secret at the end go to {path}.\n"
        f"What waits there: precoro webhooks status --spool {path}. Ctrl-C stops it.",
        err=True,
    )
    try:
        receiver.run()
    except KeyboardInterrupt:
        return


def _receiver(spool: Spool, secret: str, where: dict[str, Any]) -> Receiver:
    try:
        from precoro_api.webhooks.receiver import Receiver  # noqa: PLC0415 - optional
    except ImportError:
        raise SettingsError(
            "The endpoint needs a web server: install precoro-api[webhooks]."
        ) from None
    spool.add(())  # made now: a file that cannot be used ends the command, not the first event
    spool.close()
    return Receiver(spool, secret, **where)


def _secret(file: Path | None) -> str:
    """Never from the command line: everyone on the machine can read that."""
    if file is None:
        secret = os.environ.get(_SECRET, "")
        if not secret:
            raise SettingsError(f"There is no secret: set {_SECRET} or --secret-file.")
        return secret
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"--secret-file: {file} cannot be read ({problem}).") from None


@webhooks.command()
@spool_option
@format_option
@sentences
def status(path: Path, shape: str) -> None:
    """Show the events that wait, by entity, and what became of all that came."""
    spool = Spool(path.expanduser())
    if not spool.exists:
        raise SettingsError(
            f"webhook_spool: there is no file {path}. `precoro webhooks serve` makes it."
        )
    found = spool.status()
    spool.close()
    click.echo(as_json(_named(found)) if shape == "json" else _text(found))


def _named(found: dict[str, Any]) -> dict[str, Any]:
    waiting = [
        {"entity": _entity(kind), "type": kind, **each} for kind, each in found["waiting"].items()
    ]
    return {**found, "waiting": waiting}


def _entity(kind: int) -> str | None:
    resource = resource_of(kind)
    return resource.name if resource else None


def _text(found: dict[str, Any]) -> str:
    rows = [
        {
            "entity": _entity(kind) or f"type {kind}, unknown",
            "waiting": each["events"],
            "oldest": moment_text(each["oldest"]),
            "newest": moment_text(each["newest"]),
        }
        for kind, each in found["waiting"].items()
    ]
    refused = ", ".join(f"{many} {reason}" for reason, many in found["refused"].items())
    received = (
        f"{found['received']}, of which {found['events']} wait, {found['removed']} were read, "
        f"{found['compacted']} gave way to a newer one"
    )
    return "\n".join(
        [
            table(rows) if rows else "No event waits.",
            "",
            f"received  {received}",
            f"refused   {refused or 'none'}",
            f"size      {found['size'] / 1024:.0f} KiB",
        ]
    )
