"""Streams of lists: since the bookmark where the API can tell changes, else all."""

from __future__ import annotations

import math
import sys
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from precoro_api import Confidence, QuotaSpent
from precoro_api.encoding import filter_day
from precoro_api.resources import CUSTOM_VALUES
from precoro_api.settings import Setting
from typing_extensions import override

from tap_precoro.filters.list_filter import ListFilter
from tap_precoro.streams.resume import digest_of
from tap_precoro.streams.stream import PrecoroStream, utc_text
from tap_precoro.telling.tally import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from precoro_api import Reading, Resource
    from precoro_api.paging import Page

    from tap_precoro.streams.resume import Listed
    from tap_precoro.streams.values import ValueStream
    from tap_precoro.tap import TapPrecoro

__all__ = ["PAYMENTS_WINDOW", "ListStream", "pages_of"]

PAYMENTS_WINDOW = Setting(
    "payments_window_days",
    "integer",
    "Window of payments",
    "Payments have no update date and are read whole each time; with this, once they were read "
    "whole, only those that were created in the last so many days.",
    least=0,
    most=36_500,
)


class ListStream(PrecoroStream):
    """The rows of a list, each page one request."""

    STATE_MSG_FREQUENCY = sys.maxsize  # a list is resumed from its bookmark, which moves at its end

    def __init__(self, tap: TapPrecoro, resource: Resource) -> None:
        columns = (*resource.fields, *resource.general_fields)
        super().__init__(
            tap,
            resource,
            name=resource.name,
            fields=(field for field in columns if field.name != resource.lines),
            replication_key=resource.replication_key if resource.modified_since else None,
            holder=_holder(resource),
        )
        self.custom_fields = _holder(resource)
        self.values: ValueStream | None = None
        # Not what is only a guess, nor what another stream holds already.
        self.selected_by_default = (
            resource.confidence > Confidence.GUESS and resource.alias_of is None
        )

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        if self.resource.name in self.precoro.parents:
            known = self.precoro.parents[self.resource.name]
            self.keys.look(self.client.quota, known, whole=True)
            yield from map(self.read, known)
            return
        since = self.since()
        listing = self.precoro.listing(self.resource)
        reach = listing.earliest(since) if listing else since
        due = utc_text(since) if reach != since else ""
        newest, keyless = "", 0
        for rows, asked_at in self._pages(reach):  # noqa: B007 - told after the last one
            for row in rows:
                record = self.read(row)
                if self.is_keyless(record):
                    keyless += 1
                    continue
                if listing:
                    listing.note(row)
                changed = record.get(str(self.replication_key)) or ""
                newest = max(newest, changed)
                if not changed or changed >= due:
                    yield from self._with_values(record, row)
        self.check_keys(keyless)
        self._remember_whole(asked_at)
        if listing:
            listing.complete(asked_at)
        if self.replication_key:
            self.reached(newest, asked_at)

    def _with_values(
        self, record: dict[str, Any], row: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        if self.values is None or not self.values.selected:
            yield record
        else:
            yield dict(record)  # what is not selected is taken out of it
            self.values.emit(record, row)

    @override
    def records_of(self, document: Mapping[str, Any], listed: Listed) -> Iterator[dict[str, Any]]:
        row = {key: value for key, value in document.items() if key != self.resource.lines}
        self.keys.look_at_others(self.client.quota, (row,))  # a detail has more than a listed row
        yield from self._with_values(self.read(row), row)

    def _pages(
        self, since: datetime | None
    ) -> Iterator[tuple[tuple[Mapping[str, Any], ...], datetime | None]]:
        """Rows page by page, until the list is read whole, and when its first page was read."""
        window = self.window
        reading = self.precoro.reading(self.resource, since, [*window.items()])
        for number, page in enumerate(pages_of(self, reading), start=1):
            last = not page.has_next and since is None and not window
            self.keys.look(self.client.quota, page.rows, whole=last)
            self.precoro.progress.at(self.name, "page", number, page.total_pages)
            yield page.rows, reading.asked_at

    # Payments, which have no date of change

    @property
    def _days(self) -> int | None:
        days: int | None = self.config.get(PAYMENTS_WINDOW.name)
        return days if self.resource.window else None

    @property
    def _narrowed(self) -> str:
        """What tells the filters of the settings from others; "" where there are none."""
        chosen = self.precoro.filters.get(self.resource.name, ListFilter()).params
        return digest_of({"filters": sorted(chosen)}) if chosen else ""

    def _remember_whole(self, asked_at: datetime | None) -> None:
        """Remember that everything up to then was read, as far as the filters let it through."""
        if self._days is None or asked_at is None:
            return
        state = self.stream_state
        state["read_whole"] = utc_text(asked_at)
        state.pop("read_whole_filters", None)
        if self._narrowed:
            state["read_whole_filters"] = self._narrowed
        self.state_manager.is_flushed = False

    @property
    def window(self) -> dict[str, str]:
        """The filter for the last days, once everything before them was read with these filters.

        It goes back to the day before the last run, too, where that is longer ago.
        """
        state = self.stream_state
        read = state.get("read_whole")
        if self.resource.window is None or self._days is None or not read:
            return {}
        if state.get("read_whole_filters", "") != self._narrowed:
            return {}  # others may let through what was never read
        now = datetime.fromtimestamp(self.client.quota.server_now(), timezone.utc)
        begin = now - timedelta(days=self._days)
        if isinstance(read, str):
            begin = min(begin, datetime.fromisoformat(read) - timedelta(days=1))
        return {self.resource.window.name: filter_day(begin)}


def _holder(resource: Resource) -> str | None:
    """The field that holds a row's custom values, if it has them."""
    return next((name for name in CUSTOM_VALUES if name in resource.by_name), None)


def pages_of(stream: PrecoroStream, reading: Reading) -> Iterator[Page]:
    """The pages of a list, and aloud what becomes of it where the budget ends before it does.

    Its bookmark moves at its end only, so the next run begins it anew: one that takes more requests
    than a run may send is never read whole.
    """
    of: int | None = None
    read = number = looks = 0
    endless = False
    try:
        for page in reading.pages():
            read, number = read + 1, page.number
            if reading.readings > looks:
                looks, of = reading.readings, _pages_in(page, stream.client.page_size)
                endless = endless or _is_endless(stream, read - 1 + (of or 1))
            yield page
    except QuotaSpent as problem:
        left = max(1, (of or 0) - number)
        endless = endless or _is_endless(stream, read + left)
        again = f"Run again {problem.resets_at}; this list begins anew then."
        never = "However often it runs again, this list is never read whole."
        if read:
            problem.advice = never if endless else again
        stream.tally.pages, stream.tally.at_least = of or read + 1, of is None or looks > 1
        raise


def _pages_in(page: Page, size: int) -> int | None:
    """How many pages a list has, as one of them tells."""
    if page.total_pages is not None or page.total is None:
        return page.total_pages
    return max(1, math.ceil(page.total / size))


def _is_endless(stream: PrecoroStream, needed: int) -> bool:
    """Whether a run may not send what a list needs, which is said aloud."""
    most = stream.client.quota.policy.max_requests
    if most is None or needed <= most:
        return False
    stream.logger.warning(
        "%s needs %s in one run, max_requests allows %s: it can never be read whole; raise "
        "max_requests to at least %d.",
        stream.name,
        counted(needed, "request"),
        f"{most:,}",
        needed,
    )
    return True
