"""Carrying out plans: the calls, what their answers prove, and what to do when one is lost.

The API's texts disagree on how fields change (PATCH or PUT) and whether a POST takes the external
id. Each way is tried as the settings say, judged by the answer, and remembered for the run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from precoro_api import (
    BadCredentials,
    NotFound,
    OutcomeUnknown,
    QuotaSpent,
    Rejected,
    TryLater,
    UnexpectedAnswer,
)

from target_precoro.upsert import Unchanged, Update, form_value, plan
from target_precoro.wanted import form_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from precoro_api import Client, Resource
    from precoro_api.profile import Profile
    from precoro_api.resource import Write

    from target_precoro.upsert import Create
    from target_precoro.wanted import Wanted

__all__ = ["Writer"]

logger = logging.getLogger(__name__)

_MARGIN = timedelta(seconds=5)
"""How far before a lost POST its record is looked for; the server's clock has whole seconds."""


@dataclass
class Learned:
    """What a profile, or the answers of this run, have shown of one resource."""

    post_takes_external_id: bool | None = None
    patch_takes_fields: bool | None = None
    put_clears: bool = False


class Writer:
    """Writes records of one resource. `update_method` is `auto`, `patch` or `put`."""

    def __init__(
        self, client: Client, resource: Resource, update_method: str, profile: Profile
    ) -> None:
        self._client = client
        self._resource = resource
        self._method = update_method
        self._learned = Learned(
            profile.post_takes_external_id, profile.patch_takes_fields, profile.put_clears
        )

    def create(self, wanted: Wanted, step: Create) -> dict[str, Any]:
        """A new record, linked to its external id."""
        resource = self._resource
        assert resource.create is not None  # noqa: S101 - a plan creates only what can be created
        started = self._client.server_now
        form = dict(step.form)
        # Created and not linked, it would be created again: both requests, or none.
        linking = self._learned.post_takes_external_id is not True
        self._client.quota.need(1 + linking, resource.name)
        if self._learned.post_takes_external_id is not False:
            form["externalId"] = step.external_id
        try:
            row = self._call(resource.create, form, step.external_id)
        except Rejected as refusal:
            if "externalId" not in form or "externalId" not in refusal.said:
                raise
            self._learned.post_takes_external_id = False
            del form["externalId"]
            row = self._call(resource.create, form, step.external_id)
        except OutcomeUnknown:
            found = self._find_created(wanted, started)
            # It is not there, so nothing happened, and it may be written once more.
            row = found or self._call(resource.create, form, step.external_id)
        if "id" not in row:  # done, it says, but not what: unlinked, the next run would double it
            row = self._find_created(wanted, started) or {}
        if "id" not in row:
            raise OutcomeUnknown(
                "POST answered no id, and no such record is to be found",
                resource=resource.name,
                key=step.external_id,
            )
        linked = str(row.get("externalId") or "") == step.external_id
        if "externalId" in form:
            self._learned.post_takes_external_id = linked
        if linked:
            return row
        try:
            return self._link(row, step.external_id)
        except (BadCredentials, QuotaSpent, TryLater):
            logger.error(
                "%s %s was created as id %s, but could not be linked: set its externalId in "
                "Precoro before the next run, which would create it again.",
                resource.name,
                step.external_id,
                row["id"],
            )
            raise

    def update(self, wanted: Wanted, step: Update) -> dict[str, Any]:
        """The record with its changes, and all else as it was."""
        if self._patches():
            row = self._patch_fields(wanted, step)
            if row is not None:
                return row
        resource, external_id = self._resource, str(wanted.external_id)
        assert resource.update is not None  # noqa: S101 - a plan updates only what can be updated
        form = self._whole(step) if self._learned.put_clears else step.form
        row = self._sure(resource.update, form, wanted, step)
        if self._lost(step, row):
            # This PUT clears what it does not name: put it back, and name everything from now on.
            self._learned.put_clears = True
            row = self._sure(resource.update, self._whole(step), wanted, step)
        if str(row.get("externalId") or "") != external_id:
            row = self._link(row, external_id)
        left = _left(resource, wanted, row)
        if left:
            raise UnexpectedAnswer(
                f"PUT was accepted, but the answer still shows the old {', '.join(left)}",
                resource=resource.name,
                key=external_id,
            )
        return row

    def _patches(self) -> bool:
        if self._resource.patch is None or self._method == "put":
            return False
        return self._method == "patch" or self._learned.patch_takes_fields is not False

    def _patch_fields(self, wanted: Wanted, step: Update) -> dict[str, Any] | None:
        """The record after a PATCH of its fields, or None where the API takes none this way."""
        assert self._resource.patch is not None  # noqa: S101 - asked before
        try:
            row = self._sure(self._resource.patch, step.form, wanted, step)
        except (Rejected, NotFound):
            # A refusal may be the record's fault or the method's; PUT tells which.
            if self._method == "patch" or self._learned.patch_takes_fields:
                raise
            return None
        self._learned.patch_takes_fields = not _left(self._resource, wanted, row)
        if self._learned.patch_takes_fields:
            return row
        if self._method == "patch":
            raise UnexpectedAnswer(
                "PATCH was accepted and changed nothing; set update_method to auto or put",
                resource=self._resource.name,
                key=wanted.external_id,
            )
        return None

    def _sure(
        self, call: Write, form: Mapping[str, Any], wanted: Wanted, step: Update
    ) -> dict[str, Any]:
        """The whole record after a PUT or PATCH, read again where the answer does not show it."""
        external_id = str(wanted.external_id)
        try:
            answer = self._call(call, form, external_id, step.row)
        except OutcomeUnknown:
            now = {**step.row, **self._reread(step.row, external_id)}
            if not _left(self._resource, wanted, now):
                return now
            # It did not happen, or not yet; these are absolute values, so twice is once.
            answer = self._call(call, form, external_id, step.row)
        shown = {key.shown_as for key in form_keys(self._resource).values() if key.key in form}
        if not shown <= answer.keys():
            answer = self._reread(step.row, external_id)
        return {**step.row, **answer}

    def _link(self, row: Mapping[str, Any], external_id: str) -> dict[str, Any]:
        resource = self._resource
        if resource.patch is None:
            raise UnexpectedAnswer(
                "the API cannot link this record", resource=resource.name, key=external_id
            )
        form = {"externalId": external_id}
        try:
            answer = self._call(resource.patch, form, external_id, row)
        except OutcomeUnknown:
            answer = self._reread(row, external_id)
            if str(answer.get("externalId") or "") != external_id:
                answer = self._call(resource.patch, form, external_id, row)
        if "externalId" not in answer:
            answer = self._reread(row, external_id)
        if str(answer.get("externalId") or "") != external_id:
            raise UnexpectedAnswer(
                "the external id was accepted, but the record does not carry it",
                resource=resource.name,
                key=external_id,
            )
        return {**row, **answer}

    def _reread(self, row: Mapping[str, Any], external_id: str) -> dict[str, Any]:
        resource = self._resource
        if resource.detail is not None:
            return self._client.detail(resource, row[resource.addressed_by])
        for other in self._client.records(resource):
            if other.get("id") == row["id"]:
                return other
        raise UnexpectedAnswer(
            "the record is gone from its list", resource=resource.name, key=external_id
        )

    def _find_created(self, wanted: Wanted, started: datetime | None) -> dict[str, Any] | None:
        """The record of a POST whose answer was lost, if it is there."""
        resource = self._resource
        since = started - _MARGIN if started is not None and resource.modified_since else None
        recent = self._client.records(resource, since=since)
        matches = [row for row in recent if self._is_it(wanted, row)]
        if len(matches) > 1:
            ids = ", ".join(str(row.get("id")) for row in matches)
            raise OutcomeUnknown(
                f"the answer to POST was lost, and several records look like it (ids {ids})",
                resource=resource.name,
                key=wanted.external_id,
            )
        return matches[0] if matches else None

    def _is_it(self, wanted: Wanted, row: Mapping[str, Any]) -> bool:
        carried = str(row.get("externalId") or "")
        if carried:
            return carried == wanted.external_id
        return isinstance(plan(self._resource, wanted, [row]), Unchanged)

    def _call(
        self,
        call: Write,
        form: Mapping[str, Any],
        external_id: str,
        row: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        key = self._resource.addressed_by
        path = {key: row[key]} if row is not None else None
        return self._client.write(self._resource, call, form, path=path, record_key=external_id)

    def _lost(self, step: Update, row: Mapping[str, Any]) -> list[str]:
        """Writable values that the record had, that no one changed, and that are gone."""
        empty: tuple[Any, ...] = (None, "", [], {})
        return [
            key.name
            for key in form_keys(self._resource).values()
            if key.key not in step.changes
            and key.shown_as in row
            and step.row.get(key.shown_as) not in empty
            and row[key.shown_as] in empty
        ]

    def _whole(self, step: Update) -> dict[str, Any]:
        """Every writable value of the record, with the changes in it."""
        form = {}
        for key in form_keys(self._resource).values():
            value = step.row.get(key.shown_as)
            if value not in (None, "", [], {}):
                form[key.key] = form_value(key, value)
        return {**form, **step.form}


def _left(resource: Resource, wanted: Wanted, row: Mapping[str, Any]) -> list[str]:
    """The wanted fields that this row does not say yet."""
    rest = plan(resource, wanted, [row])
    return list(rest.changes) if isinstance(rest, Update) else []
