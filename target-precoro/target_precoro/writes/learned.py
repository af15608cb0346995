"""What was learned of how one resource is written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from precoro_api.profile import Profile

__all__ = ["Learned", "facts_in", "told_by"]


@dataclass
class Learned:
    """What a profile, an earlier run, or the answers of this run have shown of one resource."""

    post_takes_external_id: bool | None = None
    patch_takes_fields: bool | None = None
    put_clears: bool = False

    @property
    def known(self) -> dict[str, bool]:
        """What is known, to be kept for the next run."""
        facts = {name: fact for name, fact in asdict(self).items() if fact is not None}
        if not self.put_clears:  # it only was not seen so far
            del facts["put_clears"]
        return facts


def told_by(profile: Profile, resource: str) -> dict[str, bool]:
    """What a profile says: of the resource itself, which runs have learned, before all else."""
    found = Learned(profile.post_takes_external_id, profile.patch_takes_fields, profile.put_clears)
    return {**found.known, **facts_in(profile.learned.get(resource))}


def facts_in(kept: Any) -> dict[str, bool]:
    """The facts among what was kept, by whichever version."""
    known = kept if isinstance(kept, dict) else {}
    return {name: known[name] for name in asdict(Learned()) if isinstance(known.get(name), bool)}
