"""The command line of the tap: what a setting or Precoro refuses ends in one sentence."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click
from precoro_api import PrecoroError, QuotaSpent, SettingsError
from precoro_api.plain import plain_logs
from precoro_api.settings import without_secrets
from singer_sdk import Tap
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.plugin_base import PluginBase
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_precoro.forecast import forecast_of
from tap_precoro.streams.stream import Stopped
from tap_precoro.telling.output import Interrupted, OutputGone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_precoro.tap import TapPrecoro

__all__ = ["COULD_NOT_WORK", "Command"]

_FAILED = 1
COULD_NOT_WORK = 2
"""The exit code where settings or credentials are wrong."""
_FORMATS = ("text", "json", "markdown")


class Command(Tap):
    """A tap whose command line ends in sentences, and tells what a run would cost."""

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """The SDK's options, `--estimate`, and `--format` for that too."""
        plain_logs()
        command = super().get_singer_command()
        for option in command.params:
            if isinstance(option, click.Option) and option.name == "about_format":
                option.type = click.Choice(_FORMATS, case_sensitive=False)
                option.help = "Output style of --about, or of --estimate (text or json)."
        about_cost = "Show how many requests and minutes a sync takes; asks each list once."
        command.params.append(click.Option(["--estimate"], is_flag=True, help=about_cost))
        return command

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own tap narrows it
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: Any = None,
        catalog: Any = None,
        estimate: bool = False,
    ) -> None:
        """Run as a command."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        with cls._in_sentences(can_wait=True):
            if estimate and about_format == "markdown":
                raise SettingsError("--format: --estimate knows text and json, no markdown.")
            before, chosen = _json_of("--state", state), _json_of("--catalog", catalog)
            tap = cls._of(config, state=before, catalog=chosen)
            if not estimate:
                sys.exit(tap.run())
            tap.check_named()
            with tap.interruptible():
                forecast = forecast_of(tap)
            click.echo(forecast.as_json() if about_format == "json" else forecast.as_text())

    @classmethod
    def _of(
        cls,
        config: Any,
        *,
        state: dict[str, Any] | None = None,
        catalog: dict[str, Any] | None = None,
    ) -> TapPrecoro:
        tap: Any = cls(
            config=config.config if config else {},
            state=state,
            catalog=catalog,
            parse_env_config=bool(config and config.parse_env),
            validate_config=True,
        )
        return tap  # type: ignore[no-any-return]  # the one tap that there is

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """The settings in the files that `--config` names."""
        with cls._in_sentences():
            try:
                return super().cb_config(ctx, param, value)
            except (OSError, ValueError) as problem:
                raise SettingsError(f"--config: no JSON can be read there ({problem}).") from None

    @classmethod
    @override
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        """Print the catalog, if asked to."""
        with cls._in_sentences():
            super().cb_discover(ctx, param, value)

    @classmethod
    @override
    def cb_test(cls, ctx: click.Context, param: click.Option, value: str) -> None:
        """Read one record of each stream, or print all schemas, if asked to."""
        if value == CliTestOptionValue.Disabled.value:
            return
        with cls._in_sentences():
            tap = cls._of(ctx.params.get("config"))
            tap.check_named()
            with tap.interruptible():
                if value == CliTestOptionValue.Schema.value:
                    tap.write_schemas()
                else:
                    tap.run_connection_test()
        ctx.exit()

    @contextmanager
    def interruptible(self: Any) -> Iterator[None]:
        """Within it a signal ends the process; in any case nothing is left open."""
        try:
            yield
        except Interrupted:
            sys.exit(128 + (self.output.signal or signal.SIGTERM))
        finally:
            self.finish()

    @classmethod
    @contextmanager
    def _in_sentences(cls, *, can_wait: bool = False) -> Iterator[None]:
        """End the process with a sentence and an exit code where work cannot begin or go on.

        What `can_wait` ends as the settings want it where the budget is spent.
        """
        try:
            yield
        except MappingError as problem:
            cls.logger.error("stream_maps: %s", problem)
        except ConfigValidationError as problem:
            for error in problem.errors:
                cls.logger.error("%s", without_secrets(error, cls.config_jsonschema))
        except (SettingsError, PrecoroError, Stopped) as problem:
            if can_wait and isinstance(problem, QuotaSpent):
                cls.logger.warning("%s", problem)
                sys.exit(problem.exit_code)
            cls.logger.error("%s", problem)
        except OutputGone:
            cls.logger.error("Stopped: whoever reads the output of this tap has gone.")
            sys.exit(_FAILED)
        else:
            return
        sys.exit(COULD_NOT_WORK)


def _json_of(option: str, file: IO[str] | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        read = json.loads(file.read())
    except ValueError as problem:
        raise SettingsError(f"{option}: the file {file.name} is no JSON ({problem}).") from None
    if not isinstance(read, dict):
        raise SettingsError(f"{option}: the file {file.name} holds no JSON object.")
    return read
