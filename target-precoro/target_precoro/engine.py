"""Records into Precoro: found together, planned one by one, written as far as they may be.

A batch costs one look-up for 200 records. What a record refers to is looked up together, too; a
record whose reference is not there yet waits, and is written when it appears. Writes of different
records overlap where answers are slow; those of one record keep their order.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, NotAllowed, NotFound, SettingsError

from target_precoro.journal.journal import Begun, Earlier, Intent
from target_precoro.journal.parking import Parking
from target_precoro.lookups.details import Details
from target_precoro.lookups.directories import Directories
from target_precoro.lookups.payments import Payments
from target_precoro.lookups.resolving import Resolving, known_place, references_in
from target_precoro.records.equality import folded
from target_precoro.records.form_keys import EXTERNAL_ID
from target_precoro.records.identity import circles, fingerprint, key_of, node_of, wave_of
from target_precoro.records.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.records.routes import PAYMENTS
from target_precoro.records.upsert import (
    Create,
    Found,
    Link,
    Refused,
    Skipped,
    Unchanged,
    Undecided,
    Update,
    Waiting,
    candidates,
    plan,
    unchangeable,
)
from target_precoro.records.wanted import listed
from target_precoro.writes.side_by_side import SideBySide
from target_precoro.writes.writer import MadeElsewhere
from target_precoro.writes.writers import Writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from precoro_api import Client, Resource
    from precoro_api.profile import Profile

    from target_precoro.journal.journal import Journal
    from target_precoro.lookups.directory import Directory
    from target_precoro.plans.preview import Preview
    from target_precoro.records.routes import Route
    from target_precoro.records.upsert import Plan
    from target_precoro.records.wanted import Reference
    from target_precoro.writes.writer import Writer

__all__ = ["Engine"]

logger = logging.getLogger(__name__)


class Engine:
    """Writes pending records. `settle` hears what became of each, in the order of their writing.

    `wanted_still` says whether to go on: when it turns False, what is under way is finished and
    nothing more is begun.
    """

    def __init__(
        self,
        client: Client,
        journal: Journal,
        profile: Profile,
        *,
        update_method: str,
        route_of: Callable[[str], Route],
        settle: Callable[[Pending, Outcome], None],
        wanted_still: Callable[[], bool],
        keep_in_profile: Callable[[Mapping[str, Mapping[str, bool]]], bool],
        directories: Directories | None = None,
    ) -> None:
        self.client = client
        self.journal = journal
        self.directories = directories or Directories(client)
        self.waiting: list[Pending] = []
        self.preview: Preview | None = None
        self.payments = Payments(client, self.directories)
        self.details = Details(client)
        self._settle = settle
        self._wanted_still = wanted_still
        self._resolving = Resolving(self.directories)
        self._parking = Parking(journal, route_of, client.quota.server_now)
        self._waves = SideBySide(
            client.quota,
            write_one=self._one,
            hear=self._heard,
            teaches=self._teaches,
            look_again=self._look_again,
            wanted_still=wanted_still,
        )
        self._writers = Writers(client, journal, profile, update_method, keep_in_profile)
        self._made: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._open = {(each.resource, each.key) for each in journal.open_intents()}

    def writer_of(self, resource: Resource) -> Writer:
        """The one writer of a resource: what it learns holds for all streams."""
        return self._writers.of(resource)

    # A batch

    def write(self, batch: Iterable[Pending]) -> None:
        """Write what can be written of a batch; what waits for others is kept in `waiting`."""
        looked_at = self.client.quota.server_now()
        batch = list(batch)
        self._parking.came(batch)
        todo = self._looked_up(batch)
        while todo:
            wave, todo = wave_of(list(map(self._resolving.resolved, todo)))
            if not wave:
                break
            self._waves.write(wave, looked_at)
            if not self._wanted_still():
                return
        for each in todo:
            self._wait_or_refuse(each)
        self._wake()

    def _looked_up(self, batch: list[Pending]) -> list[Pending]:
        """The records of which all is known that can be asked in common; others are settled."""
        by_directory: dict[Directory, list[Pending]] = {}
        left = []
        for each in self._resolving.placed(batch):
            place = known_place(each.wanted.place)
            if each.wanted.problems:
                told = "; ".join(each.wanted.problems)
                self._heard(each, Outcome("rejected", reason=told, error="data"))
            elif place is None:
                left.append(each)  # it waits for what its path names
            else:
                directory = self.directories.of(each.route.resource, place)
                by_directory.setdefault(directory, []).append(each)
        for directory, many in by_directory.items():
            try:
                if directory.resource.name != PAYMENTS:
                    directory.prepare([(each.route, each.wanted) for each in many])
                self.directories.ask(
                    (ref, directory.place) for m in many for ref in m.wanted.references
                )
                if directory.resource.name == PAYMENTS:
                    self.payments.prepare([each.wanted for each in many])
            except (NotAllowed, NotFound) as problem:
                for each in many:
                    self._settle(
                        each, Outcome("rejected", reason=str(problem), error=class_of(problem))
                    )
            else:
                left += many
        return sorted(left, key=lambda each: each.place)

    def _wait_or_refuse(self, each: Pending) -> None:
        """A record that names others by external id may wait; by anything else it waits in vain."""
        named = references_in(each.wanted.place) or each.wanted.references
        hopeless = [ref for ref in named if ref.by != EXTERNAL_ID]
        several = self._ambiguous(each, named)
        if several:
            self._heard(each, Outcome("rejected", reason=several, error="conflict"))
        elif hopeless:
            told = ", ".join(map(str, hopeless))
            self._heard(
                each, Outcome("rejected", reason=f"Precoro has no {told}", error="reference")
            )
        else:
            self.waiting.append(each)

    def _ambiguous(self, each: Pending, named: Iterable[Reference]) -> str:
        """The words for a reference that several records may be meant by; "" for none."""
        place = known_place(each.wanted.place) or {}
        for ref in named:
            rows = self.directories.several(ref, place)
            if rows:
                by_name = ref.by == "name"
                have = "have the name" if by_name else "carry the external id"
                mend = "name it by its id or external id" if by_name else "leave it on one of them"
                return (
                    f"{len(rows)} {ref.resource} of Precoro {have} {ref.value!r} that it refers to "
                    f"(ids {candidates(rows)}): {mend}"
                )
        return ""

    def _wake(self) -> None:
        """Write those who waited for what has been made meanwhile."""
        while self._made and self._wanted_still():
            made, self._made = self._made, set()
            awake: list[Pending] = []
            asleep: list[Pending] = []
            for each in self.waiting:
                waits = {ref.resource for ref in each.wanted.references}
                each = self._resolving.resolved(each) if waits & made else each  # noqa: PLW2901
                (asleep if each.wanted.references else awake).append(each)
            self.waiting = asleep
            if awake:
                looked_at = self.client.quota.server_now()
                awake = self._looked_up(awake)
                while awake:
                    wave, awake = wave_of(awake)
                    self._waves.write(wave, looked_at)

    def finish(self) -> None:
        """The input is over: try what earlier runs parked, and park what still waits."""
        again = self._resolving.asked(self._parking.left())
        # Those whose references are still missing cost no look of their own.
        for each in again:
            if each.wanted.references:
                self._wait_or_refuse(each)
        if again:
            self.write([each for each in again if not each.wanted.references])
        if not self._wanted_still():
            return
        waiting, self.waiting = self.waiting, []
        in_circles = circles(waiting)
        for each in waiting:
            circle = in_circles.get(node_of(each))
            if circle:
                told = f"it refers to itself by way of others: {circle}"
                self._heard(each, Outcome("rejected", reason=told, error="reference"))
            else:
                told = "Precoro does not have " + ", ".join(map(str, each.wanted.references))
                self._heard(each, Outcome("waiting", reason=told, error="reference"))

    def close(self) -> None:
        """Keep what was learned for the next run."""
        if self.preview is None:
            self._writers.keep_learned()

    # Writing

    def _teaches(self, each: Pending) -> bool:
        """Whether writing it would show something of the API that is not known yet."""
        writer, route, wanted = self.writer_of(each.route.resource), each.route, each.wanted
        if self.preview is not None or not writer.is_learning:
            return False
        if route.resource.name == PAYMENTS or not self._directory(each).find(route, wanted).rows:
            return writer.learns_by_creating and bool(wanted.external_id)
        return writer.learns_by_changing

    def _heard(self, each: Pending, outcome: Outcome) -> None:
        if outcome.action in ("created", "linked") or EXTERNAL_ID in outcome.changed:
            self._made.add(each.route.resource.name)
        self._parking.hear(each, outcome)
        self._settle(each, outcome)

    def _one(self, each: Pending, looked_at: float) -> Outcome | None:
        """Plan one record and carry the plan out; None where another process is making it."""
        try:
            return self._try(each, looked_at)
        except MadeElsewhere:
            return None
        except ROW_ERRORS as problem:
            return Outcome(
                "rejected", reason=str(problem), error=class_of(problem), said=problem.said
            )
        except SettingsError:
            raise  # of the journal: no record is at fault
        except ValueError as problem:
            return Outcome("rejected", reason=str(problem), error=class_of(problem))

    def _look_again(self, each: Pending, read_at: float | None) -> float:
        """Look at Precoro anew for a record; its list, where it takes one, only once."""
        looked_at = read_at
        if looked_at is None or each.route.resource.findable:
            looked_at = self.client.quota.server_now()
            self._directory(each).look_again(each.wanted.external_id)
        if each.route.resource.name == PAYMENTS:
            self.payments.look_again(each.wanted)
        return looked_at

    def _directory(self, each: Pending) -> Directory:
        return self.directories.of(each.route.resource, known_place(each.wanted.place) or {})

    def decide(self, each: Pending) -> Plan:
        """The plan for one record, by what Precoro has; a detail is read where the list hides."""
        directory = self._directory(each)
        if each.route.resource.name == PAYMENTS and not each.wanted.references:
            return self.payments.decide(each.route, each.wanted, directory)
        found = Found() if each.wanted.references else directory.find(each.route, each.wanted)
        if not found.sure and self._was_begun(each):
            found = Found()  # the journal knows more of it: when it was begun
        if len(found.rows) == 1 and not found.unlike:
            found = replace(found, rows=(self._seen(each, found.rows[0]),))
        return plan(self._narrowed(each), each.wanted, found)

    def _seen(self, each: Pending, row: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.details.seen(each, row, planned=self.preview is not None)

    def _narrowed(self, each: Pending) -> Route:
        """The rules of a record: some custom fields take no new options."""
        route, field_id = each.route, each.wanted.place.get("field_id")
        if not route.only_update_fields or field_id is None:
            return route
        fields = self.directories.of(BY_NAME[str(route.resource.parent)], {})
        fields.read_all()  # the field's detail may be asked for but once a minute
        field = fields.by_key("id", str(field_id)) or {}
        if folded(field.get("name")) in route.only_update_fields:
            return replace(route, mode="update")
        return route

    def _try(self, each: Pending, looked_at: float) -> Outcome:
        outcome = self._tried(each, looked_at)
        stays = unchangeable(each.route, each.wanted, outcome.row)
        if each.route.resource.name == PAYMENTS:
            stays -= {"sumPaid"}  # a payment of another amount is refused
        if not stays or outcome.action not in ("unchanged", "existing", "updated", "linked"):
            return outcome
        with self._lock:
            new = {name for name in stays if (each.route.stream, name) not in self._told}
            self._told |= {(each.route.stream, name) for name in new}
        if new:
            logger.warning(
                "%s: existing records differ from the input in %s, which the API takes of new "
                "records only: it stays as it is; report_path has a note on each.",
                each.route.stream,
                listed(sorted(new)),
            )
        note = f"it differs in {listed(sorted(stays))}, which the API takes of new records only"
        return replace(outcome, reason=f"{outcome.reason}; {note}" if outcome.reason else note)

    def _tried(self, each: Pending, looked_at: float) -> Outcome:  # noqa: PLR0911
        step = self.decide(each)
        resource = each.route.resource
        if isinstance(step, Refused):
            return Outcome("rejected", reason=step.reason, error=step.kind, step=step)
        if isinstance(step, Skipped):
            return Outcome("existing" if step.done else "skipped", step.row, reason=step.reason)
        if isinstance(step, Waiting):
            return Outcome("waiting", reason=", ".join(map(str, step.references)))
        if isinstance(step, Undecided):
            return Outcome("waiting", reason=step.reason, error="conflict")
        key = key_of(each)
        if isinstance(step, Unchanged):
            self._close_intent(resource.name, key)
            return Outcome("unchanged", step.row)
        print_ = fingerprint(each)
        before = None if each.replayed else self.journal.refusal(each.route.stream, key, print_)
        if before is not None:
            reason = f"{before} (refused before, and neither it nor the settings changed)"
            return Outcome("rejected", reason=reason, error="data")
        if self.preview is not None:
            return self._pretend(each, key, step)
        try:
            return self.carry_out(each, key, step, looked_at)
        except ROW_ERRORS as problem:
            if class_of(problem) == "data":
                self.journal.refuse(each.route.stream, key, print_, str(problem))
            raise

    def carry_out(
        self, each: Pending, key: str, step: Create | Update, looked_at: float
    ) -> Outcome:
        """Carry out one step. Raises the errors of one record, and MadeElsewhere."""
        wanted, writer = each.wanted, self.writer_of(each.route.resource)
        if isinstance(step, Create):
            row, adopted = writer.create(key, step, looked_at=looked_at)
            action, changed = "linked" if adopted else "created", tuple(step.form)
            if adopted:
                row = self._as_wanted(each, key, row)
        else:
            row = writer.update(key, step)
            action = "linked" if isinstance(step, Link) else "updated"
            changed = tuple(step.changes)
            self._close_intent(each.route.resource.name, key)
        self._directory(each).put(wanted.external_id, dict(row))
        if isinstance(step, Create) and each.route.resource.name == PAYMENTS:
            self.payments.paid(step)
        self.journal.accept(each.route.stream, key)
        return Outcome(action, row, changed)

    def _as_wanted(self, each: Pending, key: str, row: dict[str, Any]) -> dict[str, Any]:
        """What an earlier run made, and what has changed since, here or there, written to it."""
        found = Found((self._seen(each, row),))
        step = plan(self._narrowed(each), each.wanted, found)
        if not isinstance(step, Update):
            return row
        return self.writer_of(each.route.resource).update(key, step)

    def _pretend(self, each: Pending, key: str, step: Create | Update) -> Outcome:
        assert self.preview is not None  # noqa: S101 - asked before
        directory, is_payment = self._directory(each), each.route.resource.name == PAYMENTS
        by = "amount and day" if is_payment else directory.find(each.route, each.wanted).by
        outcome, row = self.preview.pretend(each, key, step, by)
        directory.put(each.wanted.external_id, row)
        if isinstance(step, Create) and is_payment:
            self.payments.paid(step)
        return outcome

    def _was_begun(self, each: Pending) -> bool:
        """Whether a process began to create it and was killed: then the writer looks for it."""
        return (each.route.resource.name, key_of(each)) in self._open

    def _close_intent(self, resource: str, key: str) -> None:
        """An intent that a dead process left is over: its record is there."""
        if (resource, key) not in self._open:
            return
        self._open.discard((resource, key))
        now = self.client.quota.server_now()
        answer = self.journal.begin(Intent(resource, key, now, {}), looked_at=now)
        if isinstance(answer, Earlier):
            answer = self.journal.resume(answer)
        if isinstance(answer, Begun):
            self.journal.finish(answer, precoro_id=None)
