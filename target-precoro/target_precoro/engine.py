"""Records into Precoro: found together, planned one by one, written as far as they may be.

A batch costs one look-up for 200 records. What a record refers to is looked up together, too; a
record whose reference is not there yet waits, and is written when it appears. Writes of different
records overlap where answers are slow; those of one record keep their order.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, NotAllowed, NotFound, QuotaSpent, SettingsError
from precoro_api.ahead import in_order

from target_precoro.directory import Directories, folded
from target_precoro.form_keys import form_keys, path_keys
from target_precoro.journal import Begun, Earlier, Intent, Parked
from target_precoro.outcome import ROW_ERRORS, Outcome, Pending, class_of
from target_precoro.payments import PAYMENTS, Payments
from target_precoro.routes import MATCH_ON
from target_precoro.upsert import (
    Create,
    Found,
    Link,
    Refused,
    Skipped,
    Unchanged,
    Update,
    Waiting,
    plan,
    unseen,
)
from target_precoro.wanted import Reference, wanted_of
from target_precoro.writer import MadeElsewhere, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from precoro_api import Client, Resource
    from precoro_api.profile import Profile

    from target_precoro.directory import Directory
    from target_precoro.journal import Journal
    from target_precoro.preview import Preview
    from target_precoro.routes import Route
    from target_precoro.upsert import Plan

__all__ = ["Engine"]

logger = logging.getLogger(__name__)

_LEARNED_KEPT = 7 * 86400.0
_MAY_PASS = ("transient", "quota", "auth", "bug")
"""Classes of errors after which a parked row is tried again; a refused one is told, and over."""
_MOST_EACH = 3
"""Requests that writing one record takes at most, but for answers that are lost."""
_MOST_LOOKS = 5
"""How often a record is looked for again because another process is writing it, too."""


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
        directories: Directories | None = None,
    ) -> None:
        self.client = client
        self.journal = journal
        self.directories = directories or Directories(client)
        self.waiting: list[Pending] = []
        self._profile = profile
        self._update_method = update_method
        self._route_of = route_of
        self._settle = settle
        self._wanted_still = wanted_still
        self._writers: dict[str, Writer] = {}
        self._made: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self.preview: Preview | None = None
        self.payments = Payments(client, self.directories)
        self._parked_keys = {(each.stream, each.key) for each in journal.parked()}
        self._keys: set[tuple[str, str]] = set()
        self._open = {(each.resource, each.key) for each in journal.open_intents()}

    def writer_of(self, resource: Resource) -> Writer:
        """The one writer of a resource: what it learns holds for all streams."""
        known = self._writers.get(resource.name)
        if known is None:
            kept = self.client.quota.recall(f"learned:{resource.name}")
            known = self._writers[resource.name] = Writer(
                self.client,
                resource,
                self.journal,
                self._update_method,
                self._profile,
                MATCH_ON.get(resource.name, ()),
            )
            known.learned.recall(kept)
        return known

    # A batch

    def write(self, batch: Iterable[Pending]) -> None:
        """Write what can be written of a batch; what waits for others is kept in `waiting`."""
        looked_at = self.client.quota.server_now()
        batch = list(batch)
        if self._parked_keys:
            self._keys |= {(e.route.stream, key_of(e)) for e in batch} & self._parked_keys
        todo = self._looked_up(batch)
        while todo:
            todo = [self._resolved(each) for each in todo]
            wave, todo = _wave(todo)
            if not wave:
                break
            self._carry_out(wave, looked_at)
            if not self._wanted_still():
                return
        for each in todo:
            self._wait_or_refuse(each)
        self._wake()

    def _looked_up(self, batch: list[Pending]) -> list[Pending]:
        """The records of which all is known that can be asked in common; others are settled."""
        self.directories.ask((ref, {}) for each in batch for ref in _references(each.wanted.place))
        by_directory: dict[Directory, list[Pending]] = {}
        left = []
        for each in map(self._placed, batch):
            place = _plain(each.wanted.place)
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

    def _asked(self, batch: list[Pending]) -> list[Pending]:
        """The records with their places, and all that they refer to looked up in common."""
        self.directories.ask((ref, {}) for each in batch for ref in _references(each.wanted.place))
        placed = [self._placed(each) for each in batch]
        self.directories.ask(
            (ref, place)
            for each in placed
            if (place := _plain(each.wanted.place)) is not None
            for ref in each.wanted.references
        )
        return placed

    def _placed(self, each: Pending) -> Pending:
        """The record with the references of its path resolved, as far as they can be."""
        if not each.wanted.place:
            return each
        resource, place = each.route.resource, dict(each.wanted.place)
        for key in path_keys(resource):
            reference = place.pop(key.stem, None)
            if isinstance(reference, Reference):
                found = self.directories.resolve(reference, {}, key.by)
                place[key.param] = reference if found is None else found
        return replace(each, wanted=replace(each.wanted, place=place))

    def _resolved(self, each: Pending) -> Pending:
        """The record with those references as ids that are known by now."""
        wanted = each.wanted
        if not wanted.references:
            return each
        place = _plain(wanted.place)
        values = {name: self._value(value, place) for name, value in wanted.values.items()}
        return replace(each, wanted=replace(wanted, values=values))

    def _value(self, value: Any, place: Mapping[str, Any] | None) -> Any:
        if isinstance(value, list):
            return [self._value(item, place) for item in value]
        if not isinstance(value, Reference):
            return value
        if place is None and BY_NAME[value.resource].parent:
            return value  # it is an option of a field that is not known yet
        found = self.directories.resolve(value, place or {})
        return value if found is None else found

    def _wait_or_refuse(self, each: Pending) -> None:
        """A record that names others by external id may wait; by anything else it waits in vain."""
        named = _references(each.wanted.place) or each.wanted.references
        hopeless = [ref for ref in named if ref.by != "externalId"]
        if hopeless:
            told = ", ".join(map(str, hopeless))
            self._heard(
                each, Outcome("rejected", reason=f"Precoro has no {told}", error="reference")
            )
        else:
            self.waiting.append(each)

    def _wake(self) -> None:
        """Write those who waited for what has been made meanwhile."""
        while self._made and self._wanted_still():
            made, self._made = self._made, set()
            awake: list[Pending] = []
            asleep: list[Pending] = []
            for each in self.waiting:
                waits = {ref.resource for ref in each.wanted.references}
                each = self._resolved(each) if waits & made else each  # noqa: PLW2901
                (asleep if each.wanted.references else awake).append(each)
            self.waiting = asleep
            if awake:
                looked_at = self.client.quota.server_now()
                awake = self._looked_up(awake)
                while awake:
                    wave, awake = _wave(awake)
                    self._carry_out(wave, looked_at)

    def finish(self) -> None:
        """The input is over: try what earlier runs parked, and park what still waits."""
        again = [
            each for each in self._parked() if (each.route.stream, key_of(each)) not in self._keys
        ]
        again = [self._resolved(each) for each in self._asked(again)]
        # Those whose references are still missing cost no look of their own.
        self.waiting += [each for each in again if each.wanted.references]
        if again:
            self.write([each for each in again if not each.wanted.references])
        if not self._wanted_still():
            return
        waiting, self.waiting = self.waiting, []
        circles = _circles(waiting)
        for each in waiting:
            reason = "Precoro does not have " + ", ".join(map(str, each.wanted.references))
            circle = circles.get(_node(each))
            if circle:
                told = f"it refers to itself by way of others: {circle}"
                self._heard(each, Outcome("rejected", reason=told, error="reference"))
                continue
            self._park(each, reason)
            self._settle(each, Outcome("waiting", reason=reason, error="reference"))

    def _park(self, each: Pending, reason: str) -> None:
        waits_for = tuple((ref.resource, ref.value) for ref in each.wanted.references)
        self.journal.park(
            Parked(
                each.route.stream,
                key_of(each),
                each.record,
                each.schema,
                each.key_properties,
                waits_for,
                reason,
                fingerprint(each),
                self.client.quota.server_now(),
            )
        )

    def _parked(self) -> Iterator[Pending]:
        """What earlier runs parked, oldest first."""
        for parked in self.journal.parked():
            try:
                route = self._route_of(parked.stream)
            except SettingsError:
                logger.info(
                    "%s %s waits for a run whose settings know its stream.",
                    parked.stream,
                    parked.key,
                )
                continue
            yield Pending(
                0,
                route,
                parked.record,
                wanted_of(route, parked.record),
                parked.schema,
                parked.key_properties,
                replayed=True,
            )

    def close(self) -> None:
        """Keep what was learned for the next run."""
        for name, writer in self._writers.items() if self.preview is None else ():
            self.client.quota.remember(f"learned:{name}", writer.learned.as_json, _LEARNED_KEPT)

    # Writing

    def _carry_out(self, wave: list[Pending], looked_at: float) -> None:
        left = deque(wave)
        busy: list[Pending] = []
        while left and self._wanted_still():
            # What the first write of a kind teaches spares the others a request each.
            if self._teaches(left[0]):
                first = left.popleft()
                self._heard_or(busy, first, self._one(first, looked_at))
                continue
            most = self._most_at_once(left)
            run = [left.popleft()]
            while left and len(run) < most and not self._teaches(left[0]):
                run.append(left.popleft())
            self._side_by_side(run, busy, looked_at)
        self._again(busy)

    def _side_by_side(self, run: list[Pending], busy: list[Pending], looked_at: float) -> None:
        """Write records that may overlap; if one ends the run, those beside it are told of, too."""
        ended: dict[int, Outcome | None] = {}

        def write(number: int, each: Pending) -> None:
            ended[number] = self._one(each, looked_at)

        wanted = enumerate(self._while_wanted(run))
        heard = 0
        try:
            for _ in in_order((partial(write, *each) for each in wanted), self.client.quota):
                self._heard_or(busy, run[heard], ended[heard])
                heard += 1
        except BaseException:
            for number in sorted(n for n in ended if n >= heard):
                self._heard_or(busy, run[number], ended[number])
            raise

    def _heard_or(self, busy: list[Pending], each: Pending, outcome: Outcome | None) -> None:
        if outcome is None:
            busy.append(each)
        else:
            self._heard(each, outcome)

    def _again(self, busy: list[Pending]) -> None:
        """Records that another process was just making: looked at anew, once all others are done.

        Not before, as two processes would wait for each other.
        """
        for _ in range(_MOST_LOOKS):
            looked: dict[tuple[str, str], float] = {}
            left: list[Pending] = []
            for each in busy if self._wanted_still() else ():
                resource = each.route.resource
                below = (resource.name, _prefix(each))
                if resource.findable or below not in looked:
                    looked[below] = self._look_again(each)
                elif resource.name == PAYMENTS:  # of which the list was read anew
                    self.payments.look_again(each.wanted)
                self._heard_or(left, each, self._one(each, looked[below]))
            busy = left
        reason = "another process keeps writing this record; it is left to that one"
        for each in busy:
            self._heard(each, Outcome("rejected", reason=reason, error="conflict"))

    def _most_at_once(self, wave: Sequence[Pending]) -> int:
        """How many may be under way without taking from each other what is left of the budget."""
        many = len(wave)
        while many > 1:
            try:
                self.client.quota.need(many * _MOST_EACH, wave[0].route.resource.name)
            except QuotaSpent:
                many //= 2
            else:
                break
        return many

    def _teaches(self, each: Pending) -> bool:
        """Whether writing it would show something of the API that is not known yet."""
        writer, route, wanted = self.writer_of(each.route.resource), each.route, each.wanted
        if self.preview is not None or not writer.is_learning:
            return False
        if route.resource.name == PAYMENTS or not self._directory(each).find(route, wanted).rows:
            return writer.learns_by_creating and bool(wanted.external_id)
        return writer.learns_by_changing

    def _heard(self, each: Pending, outcome: Outcome) -> None:
        if outcome.action in ("created", "linked"):
            self._made.add(each.route.resource.name)
        stream, key = each.route.stream, key_of(each)
        if (stream, key) in self._parked_keys and outcome.error not in _MAY_PASS:
            self.journal.unpark(stream, key)
        self._settle(each, outcome)

    def _while_wanted(self, wave: list[Pending]) -> Iterator[Pending]:
        for each in wave:
            if not self._wanted_still():
                return
            yield each

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

    def _look_again(self, each: Pending) -> float:
        looked_at = self.client.quota.server_now()
        self._directory(each).look_again(each.wanted.external_id)
        if each.route.resource.name == PAYMENTS:
            self.payments.look_again(each.wanted)
        return looked_at

    def _directory(self, each: Pending) -> Directory:
        return self.directories.of(each.route.resource, _plain(each.wanted.place) or {})

    def decide(self, each: Pending) -> Plan:
        """The plan for one record, by what Precoro has; a detail is read where the list hides."""
        directory = self._directory(each)
        if each.route.resource.name == PAYMENTS and not each.wanted.references:
            return self.payments.decide(each.route, each.wanted, directory)
        found = Found() if each.wanted.references else directory.find(each.route, each.wanted)
        if len(found.rows) == 1:
            found = Found((self._seen(each, found.rows[0]),), found.by)
        return plan(self._narrowed(each), each.wanted, found)

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

    def _try(self, each: Pending, looked_at: float) -> Outcome:  # noqa: PLR0911
        step = self.decide(each)
        resource = each.route.resource
        if isinstance(step, Refused):
            return Outcome("rejected", reason=step.reason, error=step.kind, step=step)
        if isinstance(step, Skipped):
            return Outcome("existing" if step.done else "skipped", step.row, reason=step.reason)
        if isinstance(step, Waiting):
            return Outcome("waiting", reason=", ".join(map(str, step.references)))
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

    def _pretend(self, each: Pending, key: str, step: Create | Update) -> Outcome:
        assert self.preview is not None  # noqa: S101 - asked before
        directory, is_payment = self._directory(each), each.route.resource.name == PAYMENTS
        by = "amount and day" if is_payment else directory.find(each.route, each.wanted).by
        outcome, row = self.preview.pretend(each, key, step, by)
        directory.put(each.wanted.external_id, row)
        if isinstance(step, Create) and is_payment:
            self.payments.paid(step)
        return outcome

    def whole(
        self, each: Pending, row: Mapping[str, Any], names: Iterable[str]
    ) -> Mapping[str, Any]:
        """A row that shows the fields of these form keys, read again where it does not."""
        resource = each.route.resource
        shown = {key.shown_as for key in form_keys(resource).values() if key.key in set(names)}
        if shown <= row.keys() or resource.detail is None:
            return row
        return {**row, **self.client.detail(resource, row[resource.addressed_by])}

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

    def _seen(self, each: Pending, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row that shows all that is to be compared; the list may show less than the detail."""
        resource = each.route.resource
        if not unseen(resource, each.wanted, row) or resource.detail is None:
            return row
        if each.route.mode in ("insert", "link"):
            return row
        detail = self.client.detail(resource, row[resource.addressed_by])
        # In a dry run the row may say what is planned, and the detail what is there still.
        row = {**row, **detail} if self.preview is None else {**detail, **row}
        hidden = {
            name
            for name in unseen(resource, each.wanted, row)
            if (each.route.stream, name) not in self._told
        }
        if hidden:
            self._told |= {(each.route.stream, name) for name in hidden}
            logger.warning(
                "%s: Precoro does not show %s of existing records, so they cannot be compared and "
                "are sent with new records only.",
                each.route.stream,
                ", ".join(sorted(hidden)),
            )
        return row


def key_of(each: Pending) -> str:
    """What names the record for good, as it does itself: its external id, else its other fields."""
    if each.key:
        return each.key
    wanted, path = each.wanted, each.wanted.path
    own = wanted.key
    if own is not None and not path:
        return own
    if own is None and each.route.resource.name == PAYMENTS:
        own = ":".join(str(wanted.values.get(name)) for name in ("sumPaid", "payDate"))
        path = (str(wanted.within),)
    if own is None:
        found = next((n for n in each.route.match_on if wanted.match.get(n) not in (None, "")), "")
        own = f"{found}={_shown(each, found)}" if found else ""
        path = (*path, wanted.within) if wanted.within else path
    return "".join(f"{part}:" for part in path) + own


def _shown(each: Pending, name: str) -> str:
    """What a record is matched by; of private fields what tells it apart."""
    value, known = folded(each.wanted.match[name]), each.route.resource.by_name.get(name)
    return _digest(value) if known is not None and known.private else value


def fingerprint(each: Pending) -> str:
    """Changes with the record, its references and the rules of its stream."""
    wanted, route = each.wanted, each.route
    rules = (route.mode, sorted(route.replaced), sorted(route.cleared), list(route.match_on))
    text = json.dumps([wanted.values, wanted.place, rules], sort_keys=True, default=str)
    return _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _wave(todo: list[Pending]) -> tuple[list[Pending], list[Pending]]:
    """Those that may be written now: their references known, and one for each record."""
    wave: list[Pending] = []
    rest: list[Pending] = []
    taken: set[str] = set()
    for each in todo:
        names = _names(each)
        blocked = not taken.isdisjoint(names) or bool(each.wanted.references)
        taken.update(names)
        (rest if blocked else wave).append(each)
    return wave, rest


def _names(each: Pending) -> list[str]:
    """All that may stand for one record of Precoro, once its references are known."""
    wanted, resource = each.wanted, each.route.resource.name
    below = f"{resource}:{_prefix(each)}"
    if resource == PAYMENTS:  # of one invoice, each changes what remains for the next
        return [f"{below}{key_of(each)}", f"{below}invoice={wanted.values.get('invoice')}"]
    parent = wanted.values.get("parent")
    names = [f"{below}{wanted.key or key_of(each)}"]
    for name, value in wanted.match.items():
        if value not in (None, ""):
            names.append(f"{below}{parent}:{name}={folded(value)}")
    return names


def _circles(waiting: list[Pending]) -> dict[tuple[str, str], str]:
    """Those that wait for each other in a circle, with the circle in words."""
    leads = {_node(each): [_node(each, ref) for ref in each.wanted.references] for each in waiting}
    found: dict[tuple[str, str], str] = {}
    for start in leads:
        path: list[tuple[str, str]] = []
        at: tuple[str, str] | None = start
        while at is not None and at not in path:
            path.append(at)
            at = next((node for node in leads[at] if node in leads), None)
        if at == start:
            found[start] = " → ".join(name for _, name in [*path, start])
    return found


def _node(each: Pending, ref: Reference | None = None) -> tuple[str, str]:
    """A record, or one that it refers to, by resource and name; options by their field, too."""
    resource = ref.resource if ref else each.route.resource.name
    below = _prefix(each) if resource == each.route.resource.name else ""
    return resource, f"{below}{ref.value if ref else each.wanted.external_id or key_of(each)}"


def _prefix(each: Pending) -> str:
    return "".join(f"{value}:" for value in each.wanted.place.values())


def _references(values: Mapping[str, Any]) -> list[Reference]:
    return [value for value in values.values() if isinstance(value, Reference)]


def _plain(place: Mapping[str, Any]) -> dict[str, Any] | None:
    """A place whose parts are all known, else None."""
    if any(isinstance(value, Reference) for value in place.values()):
        return None
    return dict(place)
