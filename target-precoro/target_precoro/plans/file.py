"""A dry run's plan as a file: how it is saved, and how it is read again.

It is JSON with one step a line, its owner's alone, as it holds values of records. It names its
company by a digest of the token. Dry runs that follow each other bring their streams into one.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from precoro_api import SettingsError
from precoro_api.plain import private_folder
from precoro_api.quota import token_digest
from precoro_api.settings import REGIONS
from singer_sdk.singerlib.json import serialize_json

from target_precoro.plans.merging import kept_steps, merged_steps
from target_precoro.plans.special_steps import SPECIAL, read_special
from target_precoro.plans.steps import read_step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from target_precoro.plans.special_steps import ApprovalStep, ValueStep
    from target_precoro.plans.steps import Step

    PlanStep = Step | ApprovalStep | ValueStep

__all__ = ["PlanWriter", "read_plan"]

_VERSION = 1
_NAMED = {"step", "stream", "resource", "key", "action"}
_FRESH = 3600.0
"""Seconds for which a plan is of the same job: the next dry run brings its streams into it."""


class PlanWriter:
    """Saves steps as they come; the file is there once `finish` was called, or not at all.

    Raises SettingsError where it cannot be written, or where another company's plan has just been
    saved. `kept` are the streams of which an older plan's steps stayed.
    """

    def __init__(self, path: str, settings: Mapping[str, Any], now: float) -> None:
        self.path = Path(path).expanduser()
        self.finished = False
        self.steps = 0
        self.kept: tuple[str, ...] = ()
        self._settings = settings
        self._oldest = time.time() - _FRESH
        self._head = {
            "version": _VERSION,
            "when": datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds"),
            "company": _company(settings),
            "host": _host(settings),
        }
        with self._told():
            private_folder(self.path.parent)
            if self.path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            self._before()
            # Readable by its owner only, and in the place of an older plan only when it is whole.
            descriptor, self._unfinished = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{self.path.name}-"
            )
            self._file: IO[str] = os.fdopen(descriptor, "w", encoding="utf-8")
            self._file.write(self._begun)

    def add(self, step: Mapping[str, Any]) -> None:
        """One more step."""
        with self._told():
            self._file.write(f"{',' if self.steps else ''}\n{serialize_json(step)}")
        self.steps += 1

    def finish(self, streams: Collection[str]) -> None:
        """Let the plan be there: all of these streams, and what a fresh one has of others."""
        with self._told():
            self._file.write("\n]}\n")
            self._file.close()
            before = self._before()
            if before:
                self._keep(before, streams)
            os.replace(self._unfinished, self.path)  # noqa: PTH105 - it is a text
        self.finished = True

    @property
    def _begun(self) -> str:
        return f'{serialize_json(self._head)[:-1]},"steps":['

    def _before(self) -> list[dict[str, Any]]:
        """The steps of the plan that is there, if it is of the same job."""
        try:
            if self.path.stat().st_mtime < self._oldest:
                return []
            plan = _read(self.path)
        except (OSError, ValueError):
            return []
        if plan.get("version") != _VERSION or not isinstance(plan.get("steps"), list):
            return []
        if not _is_of(plan, self._settings):
            raise SettingsError(
                f"plan_path: {self.path} holds a plan for another company, saved less than an hour "
                "ago; choose another path, or remove it."
            )
        return [step for step in plan["steps"] if isinstance(step, dict) and step.keys() >= _NAMED]

    def _keep(self, before: list[dict[str, Any]], streams: Collection[str]) -> None:
        own = _read(Path(self._unfinished))["steps"]
        kept = kept_steps(before, own, streams)
        if not kept:
            return
        self.kept = tuple(dict.fromkeys(step["stream"] for step in kept))
        self.steps = len(kept) + len(own)
        lines = ",".join(f"\n{serialize_json(step)}" for step in merged_steps(kept, own))
        Path(self._unfinished).write_text(f"{self._begun}{lines}\n]}}\n", encoding="utf-8")

    def abandon(self) -> None:
        """Let no plan be there."""
        with suppress(OSError):
            self._file.close()
            os.unlink(self._unfinished)  # noqa: PTH108 - it is a text
        self.finished = True

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise SettingsError(
                f"plan_path: {self.path} cannot be written ({problem.strerror}); choose another "
                "path, or make room."
            ) from None


def read_plan(path: str, settings: Mapping[str, Any]) -> list[PlanStep]:
    """The steps of a saved plan. Raises SettingsError where it is not one for this company."""
    try:
        plan = _read(Path(path).expanduser())
    except (OSError, ValueError) as problem:
        raise SettingsError(f"apply_plan: {path} cannot be read ({problem}).") from None
    version = plan.get("version")
    if not isinstance(version, int) or not isinstance(plan.get("steps"), list):
        raise SettingsError(f"apply_plan: {path} is no plan that plan_path saved.")
    if version != _VERSION:
        raise SettingsError(
            f"apply_plan: {path} is of another target-precoro (version {version}, this one knows "
            f"{_VERSION}). Update target-precoro, or plan anew."
        )
    if not _is_of(plan, settings):
        raise SettingsError(
            f"apply_plan: {path} was made for another company: with another API key, or at "
            f"another address ({plan.get('host')}). Plan anew with these settings."
        )
    steps: list[PlanStep] = []
    for place, saved in enumerate(plan["steps"], start=1):
        try:
            special = saved["action"] in SPECIAL
            steps.append(read_special(saved) if special else read_step(saved, settings))
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise SettingsError(
                f"apply_plan: line {place + 1} of {path} is no step that plan_path saved "
                f"({type(problem).__name__}: {problem}). Nothing was written; plan anew."
            ) from None
    return steps


def _read(path: Path) -> dict[str, Any]:
    """What a file holds, with every digit; {} where that is no object."""
    found = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return found if isinstance(found, dict) else {}


def _is_of(plan: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    return plan.get("company") == _company(settings) and plan.get("host") == _host(settings)


def _company(settings: Mapping[str, Any]) -> str:
    return token_digest(str(settings["auth_token"]).strip())


def _host(settings: Mapping[str, Any]) -> str | None:
    address = settings.get("base_url") or REGIONS[settings.get("region") or "com"]
    return urlsplit(str(address).strip()).hostname
