"""The record of a POST whose answer was lost: it may be there, so it is looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from precoro_api import OutcomeUnknown, Reading
from precoro_api.fields import Misfit, read_moment, unwrap

from target_precoro.records.equality import is_empty, reference_id, same_id
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys, names_of, path_keys
from target_precoro.writes.answers import not_said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from precoro_api import Client, Resource

    from target_precoro.records.upsert import Create

__all__ = ["LostPosts"]

Row = dict[str, Any]

_MARGIN = timedelta(seconds=5)
"""How far before a lost POST its record is looked for; the server's clock has whole seconds."""


class LostPosts:
    """Finds what a POST made, by `told_by`: the fields by which such a record is known again."""

    def __init__(self, client: Client, resource: Resource, told_by: Sequence[str] = ()) -> None:
        self._client = client
        self._resource = resource
        self._told_by = tuple(told_by)

    def rows(self, place: Mapping[str, Any], since: datetime | None = None) -> list[Row]:
        """The list, or what was changed in it since."""
        if self._resource.embedding is not None:
            return self._client.options(self._resource, place["field_id"])
        return list(Reading(self._client, self._resource, since).rows())

    def known_by(self, step: Create) -> dict[str, Any]:
        """What may be kept of a new record, to know it again; empty where it is all private."""
        kept = self._telling(step.form)
        keys, fields = form_keys(self._resource), self._resource.by_name
        for key in keys.values():
            known = fields.get(key.shown_as)
            if known is None or known.private:
                kept.pop(key.key, None)
        below = keys.get("parent")
        if kept and below is not None and below.key in step.form:
            kept[below.key] = step.form[below.key]
        return kept

    def find(
        self,
        key: str,
        step: Create,
        began: datetime,
        earlier: Iterable[Mapping[str, Any]] = (),
    ) -> Row | None:
        """The record of a POST whose answer was lost, if it is there.

        It may say what `earlier` runs sent, as `known_by` tells it.
        """
        since = began - _MARGIN
        rows = self.rows(step.place, since if self._resource.modified_since else None)
        sent = [step, *(replace(step, form=form) for form in earlier if form)]
        matches = [row for row in rows if any(self._is_it(each, row, since) for each in sent)]
        if len(matches) > 1:
            ids = ", ".join(str(row.get("id")) for row in matches)
            raise OutcomeUnknown(
                f"the answer to POST was lost, and several records look like it (ids {ids})",
                resource=self._resource.name,
                key=key,
            )
        return matches[0] if matches else None

    def _is_it(self, step: Create, row: Mapping[str, Any], since: datetime) -> bool:
        carried = row.get(EXTERNAL_ID)
        if not is_empty(carried):
            return same_id(carried, step.external_id)
        if _before(row.get("createDate"), since):
            return False
        if self._stands_elsewhere(step, row):
            return False
        return not not_said(self._resource, self._telling(step.form), row)

    def _telling(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a form by which its record is told from others."""
        return {name: form[name] for name in self._told_by if name in form} or dict(form)

    def _stands_elsewhere(self, step: Create, row: Mapping[str, Any]) -> bool:
        """Whether the row is below another option, or part of another document."""
        below = form_keys(self._resource).get("parent")
        if below is not None and below.shown_as in row:
            return reference_id(row[below.shown_as]) != str(step.form.get(below.key) or "")
        for part in path_keys(self._resource) if self._resource.parent is None else ():
            of = unwrap(next((row[name] for name in names_of(part.stem) if name in row), None))
            if isinstance(of, dict) and str(of.get(part.by)) != str(step.place.get(part.param)):
                return True
        return False


def _before(created: Any, moment: datetime) -> bool:
    """Whether a date of creation lies before that; False where there is none."""
    try:
        read = read_moment(created)
    except Misfit:
        return False
    return read is not None and datetime.fromisoformat(read) < moment
