"""Any story: the source changes, people change Precoro behind our back, runs fail and are killed.

What the source says must be what Precoro has, once, and what people wrote into other fields must
still be there. Hypothesis makes up the stories, and shortens one that fails.
"""

from __future__ import annotations

import random
import tempfile
import traceback
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from precoro_sandbox import Sandbox, SandboxClock

from proof.erp import Erp, judge
from proof.into import config_of, until_done
from proof.processes import begin
from proof.story import FAULTS, SPEED, Story, Trouble

__all__ = ["ErpAndPrecoro", "play"]

_OTHERS = {"suppliers": "note", "items": "description"}
"""A field of each that the source does not know."""


class ErpAndPrecoro(RuleBasedStateMachine):
    """An ERP, a company, and a target between them."""

    total = Story()

    @initialize(
        seed=st.integers(0, 2**32),
        put=st.sampled_from(["kept", "cleared"]),
        create=st.sampled_from(["terms_and_options", "everywhere", "nowhere", "rejected"]),
        patch=st.sampled_from(["external_id_only", "all"]),
    )
    def begin(self, seed: int, put: str, create: str, patch: str) -> None:
        """A company whose API goes one of the ways that are not known for sure."""
        switches = {"put_scalars": put, "external_id_on_create": create, "patch_fields": patch}
        self._folder = tempfile.TemporaryDirectory()
        self._place = Path(self._folder.name)
        self._sandbox = Sandbox(clock=SandboxClock(SPEED), switches=switches).start()
        self._erp = Erp(self._sandbox, 4, seed)
        self._chance = random.Random(seed)
        self._config = config_of(self._sandbox, self._place)
        self._people: dict[tuple[str, int], str] = {}
        self._story = Story(stories=1)

    @rule()
    def source_changes(self) -> None:
        """Vendors move, parts are renamed."""
        self._erp.change()

    @rule()
    def source_grows(self) -> None:
        """A vendor and a part of theirs are new."""
        self._erp.grow()

    @rule(which=st.integers(0, 100), text=st.integers(0, 10**6))
    def people_write(self, which: int, text: int) -> None:
        """Somebody fills in a field that the source does not know."""
        for resource, name in _OTHERS.items():
            rows = list(self._sandbox.store.rows(resource).values())
            if rows:
                row = rows[which % len(rows)]
                self._sandbox.store.change(resource, row, {name: f"by hand {text}"})
                self._people[resource, row["id"]] = f"by hand {text}"

    @rule(which=st.integers(0, 100))
    def people_meddle(self, which: int) -> None:
        """Somebody changes what the source says; the source wins."""
        rows = list(self._sandbox.store.rows("suppliers").values())
        if rows:
            self._sandbox.store.change("suppliers", rows[which % len(rows)], {"city": "Meddled"})

    @rule(
        kills=st.sampled_from(["requests", "requests", "moments", ""]),
        within=st.integers(2, 12),
        fault=st.sampled_from(FAULTS),
    )
    def run_in_trouble(self, kills: str, within: int, fault: str) -> None:
        """One run, which may end in any way."""
        self._erp.write(self._place / "erp.singer")
        trouble = Trouble(self._sandbox, self._chance, kills, (fault,), within=within)
        trouble.before()
        arguments = ["--config", str(self._config), "--input", str(self._place / "erp.singer")]
        run = begin("target", arguments, self._place, now=self._sandbox.clock.now())
        trouble.watch(run)
        self._story.ended(run)
        trouble.end()
        self._story.faults += trouble.met

    @rule()
    def settle(self) -> None:
        """Runs without trouble: both sides agree."""
        trouble = Trouble(self._sandbox, self._chance)
        records = self._erp.write(self._place / "erp.singer")
        until_done(self._story, self._sandbox, self._place, self._config, records, trouble)
        verdict = judge(self._sandbox, records)
        verdict.count(
            overwritten=sum(
                self._sandbox.store.rows(resource)[row_id].get(_OTHERS[resource]) != text
                for (resource, row_id), text in self._people.items()
            )
        )
        self._story.verdict += verdict
        self._story.verdict.over_limit = trouble.over_limit()
        assert self._story.is_clean, self._story

    def teardown(self) -> None:
        """Agree once more, and count."""
        if not hasattr(self, "_sandbox"):
            return
        try:
            self.settle()
        finally:
            self._story.requests = len(self._sandbox.served)
            type(self).total = type(self).total + self._story
            self._sandbox.stop()
            self._folder.cleanup()


def play(stories: int, steps: int = 10, **more: Any) -> Story:
    """So many stories, up to one that goes wrong, which is noted at its shortest."""
    ErpAndPrecoro.total = Story()
    how = settings(
        max_examples=stories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
        **more,
    )
    try:
        run_state_machine_as_test(ErpAndPrecoro, settings=how)
    except Exception:  # noqa: BLE001 - whatever goes wrong, the other campaigns are told
        ErpAndPrecoro.total.notes.append(traceback.format_exc())
    return ErpAndPrecoro.total
