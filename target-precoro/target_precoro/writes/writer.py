"""Carrying out plans: the calls, what their answers prove, and what to do when one is lost.

The API's texts disagree on how fields change (PATCH or PUT) and whether a POST takes the external
id. Each way is tried as the settings say, judged by the answer, and remembered for the run.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from precoro_api import (
    BadCredentials,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    QuotaSpent,
    Rejected,
    TryLater,
    UnexpectedAnswer,
)

from target_precoro.journal.journal import Begun, Busy, Earlier, Intent
from target_precoro.records.equality import is_empty, same_id
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.upsert import Create
from target_precoro.writes.answers import all_of, gone, not_said
from target_precoro.writes.lost_posts import LostPosts
from target_precoro.writes.request import nested, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api import Client, Resource
    from precoro_api.resource import Write

    from target_precoro.journal.journal import Journal
    from target_precoro.records.upsert import Update
    from target_precoro.writes.learned import Learned

__all__ = ["MadeElsewhere", "Writer"]

logger = logging.getLogger(__name__)

Row = dict[str, Any]

_SENT = "sent"
"""Under this name the journal keeps how each POST of a record would be known again."""


class MadeElsewhere(Exception):
    """Another process made this record, or is making it: look again."""


class Writer:
    """Writes records of one resource. `update_method` is `auto`, `patch` or `put`.

    What the answers show goes into `learned`.

    `told_by` are the fields by which a record of a lost answer is known again.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        journal: Journal,
        update_method: str,
        learned: Learned,
        told_by: Sequence[str] = (),
    ) -> None:
        self._client = client
        self._lost_posts = LostPosts(client, resource, told_by)
        self._resource = resource
        self._journal = journal
        self._method = update_method
        self.learned = learned

    @property
    def is_learning(self) -> bool:
        """Whether a write shows something that spares all later ones a request."""
        return self.learns_by_creating or self.learns_by_changing

    @property
    def learns_by_creating(self) -> bool:
        """Whether it is unknown if a POST takes the external id."""
        return self.learned.post_takes_external_id is None and self._resource.create is not None

    @property
    def learns_by_changing(self) -> bool:
        """Whether it is unknown if a PATCH takes fields, and is to be tried."""
        return (
            self._method == "auto"
            and self._resource.update is not None
            and self._resource.patch is not None
            and self.learned.patch_takes_fields is None
        )

    def ways(self, step: Create | Update) -> list[tuple[str, ...]]:
        """The methods of the requests that a step takes: one way, or all that may be."""
        learned = self.learned
        if isinstance(step, Create):
            takes = learned.post_takes_external_id
            if self._after_post(step.form):
                return [("POST", "PATCH")]
            if not step.external_id or self._resource.patch is None or takes is True:
                return [("POST",)]
            return [("POST", "PATCH")] if takes is False else [("POST",), ("POST", "PATCH")]
        if set(step.changes) == {EXTERNAL_ID} or self._resource.update is None:
            return [("PATCH",)]
        if self._patches() and (learned.patch_takes_fields or self._method == "patch"):
            return [("PATCH",)]
        put = ("PUT", "PATCH") if EXTERNAL_ID in step.changes else ("PUT",)
        return [("PATCH",), put, ("PATCH", *put)] if self._patches() else [put]

    # Creating

    def create(self, key: str, step: Create, *, looked_at: float) -> tuple[Row, bool]:
        """The new record, linked to its external id, and whether it was adopted, not made.

        Before the POST the journal knows of it; an intent that an earlier process left open is
        looked into first. Raises MadeElsewhere where the look at `looked_at` is out of date.
        """
        resource = self._resource
        assert resource.create is not None  # noqa: S101 - a plan creates only what can be created
        later = self._after_post(step.form)
        posted = {name: value for name, value in step.form.items() if name not in later}
        step = replace(step, form=posted)
        linking = bool(step.external_id) and self.learned.post_takes_external_id is not True
        linking = linking or bool(later)
        # Created and not linked, it would be looked for with effort: both requests, or none.
        self._client.quota.need(1 + linking, resource.name)
        known_by = self._lost_posts.known_by(step)
        begun, again = self._begin(key, known_by, looked_at)
        began = datetime.fromtimestamp(begun.intent.began, timezone.utc)
        row: Row | None = None
        try:
            if again:
                earlier = begun.intent.look_for.get(_SENT, [])
                row = self._lost_posts.find(key, step, began, earlier)
                if row is None and known_by not in earlier:
                    begun = self._journal.expect(begun, {_SENT: [*earlier, known_by]})
            adopted = row is not None
            row = row or self._post(key, step, began)
            if later or (step.external_id and not same_id(row.get(EXTERNAL_ID), step.external_id)):
                row = self._link_created(row, step, later)
        except (Rejected, NotAllowed, NotFound):
            if row is None:  # refused, so that nothing was made
                self._journal.finish(begun, precoro_id=None)
            else:
                self._journal.leave(begun)
            raise
        except BaseException:
            self._journal.leave(begun)  # open: whoever comes next, this process too, looks first
            raise
        self._journal.finish(begun, precoro_id=str(row.get("id")))
        return row, adopted

    def _after_post(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """What a POST does not take of a new record; it goes along with the external id."""
        only_later = {key.key for key in form_keys(self._resource).values() if not key.creates}
        return {name: value for name, value in form.items() if name in only_later}

    def _begin(self, key: str, known_by: Mapping[str, Any], looked_at: float) -> tuple[Begun, bool]:
        """The intent in the journal, and whether an earlier process began it."""
        # The server's last word on the time: what is created from here on is not dated before it.
        said = self._client.server_now
        began = self._client.quota.server_now() if said is None else said.timestamp()
        intent = Intent(self._resource.name, key, began, {_SENT: [known_by]})
        answer = self._journal.begin(intent, looked_at=looked_at)
        again = isinstance(answer, Earlier)
        if isinstance(answer, Earlier):
            answer = self._journal.resume(answer)
        if isinstance(answer, Busy):
            raise MadeElsewhere
        assert isinstance(answer, Begun)  # noqa: S101 - the others are above
        return answer, again

    def _post(self, key: str, step: Create, began: datetime) -> Row:
        resource, form = self._resource, dict(step.form)
        if step.external_id and self.learned.post_takes_external_id is not False:
            form[EXTERNAL_ID] = step.external_id
        try:
            row = self._sent(form, key, step)
        except OutcomeUnknown:
            found = self._lost_posts.find(key, step, began)
            # It is not there, so nothing happened, and it may be written once more.
            row = found or self._sent(form, key, step)
        if not _is_named(resource, row):  # done, but not what: unlinked, it would be doubled
            row = self._lost_posts.find(key, step, began) or {}
        if not _is_named(resource, row):
            raise OutcomeUnknown(
                "POST answered no id, and no such record is to be found",
                resource=resource.name,
                key=key,
            )
        if EXTERNAL_ID in form:
            self.learned.post_takes_external_id = same_id(row.get(EXTERNAL_ID), step.external_id)
        return row

    def _sent(self, form: dict[str, Any], key: str, step: Create) -> Row:
        """The answer to a POST; the form loses the external id where it is refused for that."""
        assert self._resource.create is not None  # noqa: S101 - asked before
        try:
            return self._call(self._resource.create, form, key, step.place)
        except Rejected as refusal:
            if EXTERNAL_ID not in form or EXTERNAL_ID not in refusal.said:
                raise
        self.learned.post_takes_external_id = False
        del form[EXTERNAL_ID]
        return self._call(self._resource.create, form, key, step.place)

    def _link_created(self, row: Row, step: Create, later: Mapping[str, Any]) -> Row:
        if self._resource.patch is None:
            return row  # the API cannot link it; it is found by its other fields
        try:
            link = {EXTERNAL_ID: step.external_id} if step.external_id else {}
            return self._link(row, {**link, **later}, step)
        except (BadCredentials, QuotaSpent, TryLater):
            logger.error(
                "%s %s was created as id %s, but is not linked yet; the next run looks for it and "
                "links it.",
                self._resource.name,
                step.external_id,
                row["id"],
            )
            raise

    # Changing

    def update(self, key: str, step: Update) -> Row:
        """The record with its changes, and all else as it was."""
        fields = {name: each for name, each in step.changes.items() if name != EXTERNAL_ID}
        link = step.changes.get(EXTERNAL_ID)
        row = dict(step.row)
        if fields:
            row = self._change(key, step, {name: each.new for name, each in fields.items()})
        external_id = link.new if link else step.row.get(EXTERNAL_ID)
        if not is_empty(external_id) and not same_id(row.get(EXTERNAL_ID), external_id):
            row = self._link(row, {EXTERNAL_ID: str(external_id)}, step)
        return row

    def _change(self, key: str, step: Update, form: Mapping[str, Any]) -> Row:
        resource = self._resource
        if resource.update is None:
            assert resource.patch is not None  # noqa: S101 - else no field could be changed
            # These documents are known to take both in one PATCH.
            both = {EXTERNAL_ID: step.row.get(EXTERNAL_ID), **step.form, **form}
            both = {
                name: value for name, value in both.items() if value is not None or name in form
            }
            return self._proven("PATCH", self._sure(resource.patch, both, key, step), key, step)
        if self._patches():
            row = self._patch_fields(key, step, form)
            if row is not None:
                return row
        whole = {**all_of(resource, step.row), **form} if self.learned.put_clears else form
        row = self._sure(resource.update, whole, key, step)
        if gone(resource, step, row):
            # This PUT clears what it does not name: put it back, and name everything from now on.
            self.learned.put_clears = True
            row = self._sure(
                resource.update, {**all_of(self._resource, step.row), **form}, key, step
            )
        return self._proven("PUT", row, key, step)

    def _proven(self, method: str, row: Row, key: str, step: Update) -> Row:
        left = not_said(self._resource, step.form, row, step.row)
        if left:
            raise UnexpectedAnswer(
                f"{method} was accepted, but the answer still shows the old {', '.join(left)}",
                resource=self._resource.name,
                key=key,
            )
        return row

    def _patches(self) -> bool:
        if self._resource.patch is None or self._method == "put":
            return False
        return self._method == "patch" or self.learned.patch_takes_fields is not False

    def _patch_fields(self, key: str, step: Update, form: Mapping[str, Any]) -> Row | None:
        """The record after a PATCH of its fields, or None where the API takes none this way."""
        assert self._resource.patch is not None  # noqa: S101 - asked before
        link = {EXTERNAL_ID: step.changes[EXTERNAL_ID].new} if EXTERNAL_ID in step.changes else {}
        try:
            row = self._sure(self._resource.patch, {**form, **link}, key, step)
        except (Rejected, NotFound):
            # A refusal may be the record's fault or the method's; PUT tells which.
            if self._method == "patch" or self.learned.patch_takes_fields:
                raise
            return None
        self.learned.patch_takes_fields = not not_said(self._resource, form, row, step.row)
        if self.learned.patch_takes_fields:
            return row
        if self._method == "patch":
            raise UnexpectedAnswer(
                "PATCH was accepted and changed nothing; set update_method to auto or put",
                resource=self._resource.name,
                key=key,
            )
        return None

    def _sure(self, call: Write, form: Mapping[str, Any], key: str, step: Update) -> Row:
        """The whole record after a PUT or PATCH, read again where the answer does not show it."""
        try:
            answer = self._call(call, form, key, step.place, step.row)
        except OutcomeUnknown:
            now = {**step.row, **self._reread(step.row, key, step.place)}
            if not not_said(self._resource, form, now, step.row):
                return now
            # It did not happen, or not yet; these are absolute values, so twice is once.
            answer = self._call(call, form, key, step.place, step.row)
        shown = {each.shown_as for each in form_keys(self._resource).values() if each.key in form}
        if not shown <= answer.keys():
            answer = self._reread(step.row, key, step.place)
        return {**step.row, **answer}

    def _link(self, row: Mapping[str, Any], form: Mapping[str, Any], step: Create | Update) -> Row:
        """The record after a PATCH of its external id, and of what else goes along with it."""
        resource, key = self._resource, str(form.get(EXTERNAL_ID) or row.get("id"))
        if resource.patch is None:
            raise UnexpectedAnswer(
                "the API cannot link this record", resource=resource.name, key=key
            )
        try:
            answer = self._call(resource.patch, form, key, step.place, row)
        except OutcomeUnknown:
            answer = self._reread(row, key, step.place)
            if self._unlinked(form, answer):
                answer = self._call(resource.patch, form, key, step.place, row)
        if form.keys() - answer.keys():
            answer = self._reread(row, key, step.place)
        left = self._unlinked(form, answer)
        if left:
            raise UnexpectedAnswer(
                f"PATCH was accepted, but the record does not carry the {left}",
                resource=resource.name,
                key=key,
            )
        return {**row, **answer}

    def _unlinked(self, form: Mapping[str, Any], row: Mapping[str, Any]) -> str:
        """What of a link the row does not carry; "" where it is whole."""
        left = not_said(self._resource, form, row)
        if EXTERNAL_ID in form and not same_id(row.get(EXTERNAL_ID), form[EXTERNAL_ID]):
            left.insert(0, "external id")
        return ", ".join(left)

    # Looking

    def _reread(self, row: Mapping[str, Any], key: str, place: Mapping[str, Any]) -> Row:
        resource = self._resource
        if resource.detail is not None:
            return self._client.detail(resource, row[resource.addressed_by])
        for other in self._lost_posts.rows(place):
            if other.get("id") == row["id"]:
                return other
        raise UnexpectedAnswer("the record is gone from its list", resource=resource.name, key=key)

    # One call

    def _call(
        self,
        call: Write,
        form: Mapping[str, Any],
        key: str,
        place: Mapping[str, Any],
        row: Mapping[str, Any] | None = None,
    ) -> Row:
        path = path_of(call, place, row)
        body = nested(self._resource, form) if call.json else form
        return self._client.write(self._resource, call, body, path=path or None, record_key=key)


def _is_named(resource: Resource, row: Mapping[str, Any]) -> bool:
    """Whether an answer says by what the record goes from now on."""
    names = (row.get("id"), row.get(resource.addressed_by))
    return all(type(name) in (int, str) and name != "" for name in names)
