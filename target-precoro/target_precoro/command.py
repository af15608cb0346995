"""The command line of the target: a setting that cannot be used ends in one sentence."""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import IO, TYPE_CHECKING, Any

from precoro_api import SettingsError
from precoro_api.plain import plain_logs
from precoro_api.settings import without_secrets
from singer_sdk import Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.plugin_base import PluginBase
from typing_extensions import override

from target_precoro.ending import exit_code

if TYPE_CHECKING:
    import click

__all__ = ["Command"]


class Command(Target):
    """A target whose command line ends in sentences, and has only settings that mean something."""

    @abstractmethod
    def run(self, file_input: IO[str] | None = None) -> int:
        """Read to the end, and return an exit code."""

    @classmethod
    @override
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Only the SDK's settings that mean something here: there is one way to load."""
        loaded: dict[str, Any] = {"properties": {}}
        super().append_builtin_config(loaded)
        for name in ("load_method", "batch_size_rows", "add_record_metadata"):
            loaded["properties"].pop(name, None)
        for name, schema in loaded["properties"].items():
            config_jsonschema["properties"].setdefault(name, schema)
        PluginBase.append_builtin_config.__func__(cls, config_jsonschema)  # type: ignore[attr-defined]

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        plain_logs()
        return super().get_singer_command()

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own target narrows it
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        file_input: IO[str] | None = None,
    ) -> None:
        """Run as a command; a setting that cannot be used ends in one sentence."""
        PluginBase.invoke.__func__(cls, about=about, about_format=about_format)  # type: ignore[attr-defined]
        cls.print_version(print_fn=cls.logger.info)
        given = config.config if config else {}
        try:
            target = cls(
                config=given,
                validate_config=True,
                parse_env_config=bool(config and config.parse_env),
            )
            code = target.run(file_input)
        except SettingsError as problem:
            code = exit_code(problem, cls.logger)
        except ConfigValidationError as problem:
            told = (without_secrets(each, cls.config_jsonschema) for each in problem.errors)
            code = exit_code(SettingsError("; ".join(told)), cls.logger)
        sys.exit(code)
