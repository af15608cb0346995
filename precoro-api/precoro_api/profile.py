"""What `precoro probe`, and runs since, found out about an account, where it replaces a default."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Profile", "keep_learned", "profile_of"]

_LEARNED = "learned"


@dataclass(frozen=True)
class Profile:
    """Facts of one account; None where nothing is known, so that the answers must show it.

    `absent` names resources whose path the account does not have. `learned` is what runs have
    learned since of single resources, by their names; a new probe begins without it.
    """

    large_pages: bool = True
    post_takes_external_id: bool | None = None
    patch_takes_fields: bool | None = None
    put_clears: bool = False
    absent: frozenset[str] = field(default_factory=frozenset)
    learned: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Profile:
        """The facts among the findings of a probe; all else in it is for people."""
        paths = found.get("paths") or {}
        # "terms_and_options" depends on the resource, so it stays for the answers to show.
        posted = {"everywhere": True, "nowhere": False, "rejected": False}
        return cls(
            large_pages=found.get("per_page_200") != "no",
            post_takes_external_id=posted.get(str(found.get("external_id_on_create"))),
            patch_takes_fields={"all": True, "external_id_only": False}.get(
                str(found.get("patch_fields"))
            ),
            put_clears="cleared" in (found.get("put_scalars"), found.get("put_external_id")),
            absent=frozenset(name for name, answer in paths.items() if answer == "missing"),
            learned=_learned(found),
        )


def profile_of(settings: Mapping[str, Any]) -> Profile:
    """The profile that the settings name, or one that knows nothing. Raises SettingsError."""
    path = settings.get("profile_path")
    return Profile.from_json(_read(Path(path).expanduser())) if path else Profile()


def keep_learned(settings: Mapping[str, Any], learned: Mapping[str, Mapping[str, bool]]) -> bool:
    """Write what a run learned into the profile that the settings name, if that changes it.

    The file is whole at any moment. False where there is no such file that can be written, or it is
    no profile (any more).
    """
    if not settings.get("profile_path"):
        return False
    path = Path(settings["profile_path"]).expanduser().resolve()  # a link stays one
    try:
        found = _read(path)
        before = _learned(found)
        now = {
            name: {**before.get(name, {}), **learned.get(name, {})} for name in (*before, *learned)
        }
        if now != before:
            _replace(path, {**found, _LEARNED: now})
    except (OSError, SettingsError):
        return False
    return True


def _replace(path: Path, found: Mapping[str, Any]) -> None:
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        shutil.copymode(path, unfinished)
        Path(unfinished).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(unfinished).unlink()
        raise


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SettingsError(f"profile_path: {path} cannot be read ({problem}).") from None
    if not isinstance(found, dict) or found.get("version") != 1:
        raise SettingsError(f"profile_path: {path} was not written by `precoro probe`.")
    return found


def _learned(found: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """What runs have learned; what is of another shape counts as nothing."""
    of = found.get(_LEARNED)
    return {
        str(name): {str(fact): known for fact, known in facts.items() if isinstance(known, bool)}
        for name, facts in (of.items() if isinstance(of, dict) else ())
        if isinstance(facts, dict)
    }
