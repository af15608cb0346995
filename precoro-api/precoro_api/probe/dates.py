"""Questions about filters by date: changes, together with the status, and approvals."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from precoro_api.encoding import filter_moment
from precoro_api.probe.lists import moment_of, would_stand_among
from precoro_api.probe.notes import DATED
from precoro_api.probe.report import told, untold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from precoro_api.probe.lists import Row
    from precoro_api.probe.notes import Notes

__all__ = ["ask_approvals", "ask_changes"]


def ask_changes(notes: Notes) -> None:
    """The second of a known document's change, together with its status."""
    chosen = _newest_of_a_status(notes)
    if chosen is None:
        why = "no document with an id, a status and a date of change came"
        notes.say(untold("modified_since", why), untold("status_filter", why))
        return
    name, row, changed, others = chosen
    status = str(row["status"])
    since = ("modifiedSince", filter_moment(changed))
    listing = notes.ask_list(name, (*notes.large, since, ("status[]", status)))
    reply, rows = listing.reply, listing.rows
    if reply.rows is None:
        notes.say(untold("modified_since", reply.trouble), untold("status_filter", reply.trouble))
        return
    moments = [moment_of(each, "updateDate") for each in rows]
    ignored = any(moment is not None and moment < changed for moment in moments)
    same = [each for each in rows if each.get("id") == row["id"]]
    if ignored:
        notes.say(told("modified_since", "ignored", "older rows came, too"))
    elif same and moment_of(same[0], "updateDate") == changed:
        notes.say(told("modified_since", "inclusive", "a row of that very second came"))
    elif same or not (listing.whole or would_stand_among(row, rows)):
        notes.say(untold("modified_since", "the record changed meanwhile, or more rows follow"))
    else:
        inferred = not rows
        notes.say(
            told("modified_since", "exclusive", "no row of that second came", inferred=inferred)
        )
    if any(str(each.get("status")) != status for each in rows):
        notes.say(told("status_filter", "ignored", "rows of another status came"))
    elif others and not ignored:
        notes.say(told("status_filter", "honoured", "newer rows of another status stayed away"))
    else:
        notes.say(untold("status_filter", "no newer row of another status is known"))


def _newest_of_a_status(notes: Notes) -> tuple[str, Row, datetime, bool] | None:
    """The newest row of a status that is not the newest of all, if there is one.

    Then newer rows of another status show whether `status[]` is obeyed.
    """
    for name in DATED:
        dated = []
        for row in notes.rows(name):
            moment = moment_of(row, "updateDate")
            if moment is not None and row.get("id") and row.get("status") is not None:
                dated.append((moment, row))
        if not dated:
            continue
        dated.sort(key=lambda pair: pair[0], reverse=True)
        top = str(dated[0][1]["status"])
        for moment, row in dated:
            if str(row["status"]) != top and moment < dated[0][0]:
                return name, row, moment, True
        return name, dated[0][1], dated[0][0], False
    return None


def ask_approvals(notes: Notes) -> None:
    """Two windows that exclude each other, each in one of the spellings."""
    chosen = _approval_windows(notes)
    if chosen is None:
        why = "no documents came whose approvals lie some days apart"
        notes.say(untold("approval_dates", why))
        return
    name, since, until = chosen
    iso = ("approvalLeftDate", filter_moment(since))
    dotted = ("approvalDate[right_date]", until.strftime("%d.%m.%Y"))
    both = notes.ask_list(name, (*notes.large, iso, dotted))
    if both.reply.refused:
        alone = notes.ask_list(name, (*notes.large, iso))
        status = both.reply.status
        if alone.reply.refused:
            detail = f"the ISO one is refused ({status})"
            notes.say(told("approval_dates", "dotted", detail, inferred=True))
        elif alone.reply.rows is None:
            notes.say(untold("approval_dates", alone.reply.trouble))
        else:
            works = _all_since(alone.rows, since)
            detail = f"the dotted one is refused ({status})"
            notes.say(told("approval_dates", "iso" if works else "neither", detail))
    elif both.reply.rows is None:
        notes.say(untold("approval_dates", both.reply.trouble))
    else:
        kept = (_all_since(both.rows, since), _all_until(both.rows, until))
        value = {(True, True): "both", (True, False): "iso", (False, True): "dotted"}
        detail = "checked on the rows that came" if both.rows else "together they let none pass"
        notes.say(told("approval_dates", value.get(kept, "neither"), detail))


def _approval_windows(notes: Notes) -> tuple[str, datetime, datetime] | None:
    """A moment to begin with, and an earlier day to end with; rows lie on both sides."""
    for name in DATED:
        moments = sorted(
            moment
            for row in notes.rows(name)
            if (moment := moment_of(row, "approvalDate")) is not None
        )
        for since in (moments[len(moments) // 2], moments[-1]) if moments else ():
            # Two days are more than any time zone is wide.
            until = since - timedelta(days=2)
            if moments[0] < until - timedelta(days=1):
                return name, since, until
    return None


def _all_since(rows: Sequence[Row], since: datetime) -> bool:
    """Whether all were approved since then."""
    moments = [moment_of(row, "approvalDate") for row in rows]
    return all(moment is not None and moment >= since for moment in moments)


def _all_until(rows: Sequence[Row], until: datetime) -> bool:
    """Whether all were approved by that day, in whatever zone a day begins."""
    latest = until + timedelta(days=1, hours=12)
    moments = [moment_of(row, "approvalDate") for row in rows]
    return all(moment is not None and moment < latest for moment in moments)
