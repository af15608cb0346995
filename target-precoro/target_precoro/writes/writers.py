"""The writers of a run, one a resource, and what they learned kept for the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from target_precoro.records.routes import MATCH_ON
from target_precoro.writes.learned import Learned, facts_in, told_by
from target_precoro.writes.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from precoro_api import Client, Resource
    from precoro_api.profile import Profile

    from target_precoro.journal.journal import Journal

__all__ = ["Writers"]

_LEARNED_KEPT = 7 * 86400.0


class Writers:
    """Makes each writer when it is first asked for.

    `keep_in_profile` says whether there is a profile that could take what was learned.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        profile: Profile,
        update_method: str,
        keep_in_profile: Callable[[Mapping[str, Mapping[str, bool]]], bool],
    ) -> None:
        self._client = client
        self._journal = journal
        self._profile = profile
        self._update_method = update_method
        self._keep_in_profile = keep_in_profile
        self._known: dict[str, Writer] = {}

    def of(self, resource: Resource) -> Writer:
        """The one writer of a resource."""
        known = self._known.get(resource.name)
        if known is None:
            kept = facts_in(self._client.quota.recall(f"learned:{resource.name}"))
            told = told_by(self._profile, resource.name)
            known = self._known[resource.name] = Writer(
                self._client,
                resource,
                self._journal,
                self._update_method,
                Learned(**{**kept, **told}),
                MATCH_ON.get(resource.name, ()),
            )
        return known

    def keep_learned(self) -> None:
        """Keep what the profile does not say yet: in it, or else beside the budget."""
        new = {name: self._news(name, writer.learned) for name, writer in self._known.items()}
        new = {name: facts for name, facts in new.items() if facts}
        if new and not self._keep_in_profile(new):
            for name in new:
                facts = self._known[name].learned.known
                self._client.quota.remember(f"learned:{name}", facts, _LEARNED_KEPT)

    def _news(self, name: str, learned: Learned) -> dict[str, bool]:
        told = told_by(self._profile, name)
        return {fact: known for fact, known in learned.known.items() if told.get(fact) != known}
