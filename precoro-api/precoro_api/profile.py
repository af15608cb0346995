"""What `precoro probe` found out about an account, where it replaces a default of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Profile", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """Facts of one account; None where nothing is known, so that the answers must show it.

    `absent` names resources whose path the account does not have.
    """

    large_pages: bool = True
    post_takes_external_id: bool | None = None
    patch_takes_fields: bool | None = None
    put_clears: bool = False
    absent: frozenset[str] = field(default_factory=frozenset)

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
        )


def profile_of(settings: Mapping[str, Any]) -> Profile:
    """The profile that the settings name, or one that knows nothing. Raises SettingsError."""
    path = settings.get("profile_path")
    if not path:
        return Profile()
    try:
        found = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SettingsError(f"profile_path: {path} cannot be read ({problem}).") from None
    if not isinstance(found, dict) or found.get("version") != 1:
        raise SettingsError(f"profile_path: {path} was not written by `precoro probe`.")
    return Profile.from_json(found)
