"""What one probe has asked and heard so far, and the answers that follow."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from precoro_api.limits import server_moment
from precoro_api.probe.asking import Asker, Reply
from precoro_api.probe.lists import Listing, Row
from precoro_api.resources import BY_NAME

if TYPE_CHECKING:
    from precoro_api.client import Client
    from precoro_api.probe.report import Answer
    from precoro_api.resource import Resource

__all__ = ["DATED", "DEFAULT", "SMALL", "Notes"]

SMALL = (("page", "1"), ("per_page", "10"))
"""A first page that costs little."""
DEFAULT = (("page", "1"),)
"""A first page of the size that the API chooses."""
DATED = ("invoices", "expenses", "purchase_orders")
"""The documents whose dates, and whatever else hangs on them, are looked at."""


class Notes:
    """The lists and details that one probe asked for, and what its questions found out.

    `large` are the parameters of the largest first page that the API accepts.
    """

    def __init__(self, client: Client, most: int) -> None:
        self.asker = Asker(client, most)
        self.listings: list[Listing] = []
        self.details: list[tuple[Resource, Row]] = []
        self.answers: dict[str, Answer] = {}
        self.paths: dict[str, str] = {}
        self.large = (("page", "1"), ("per_page", "200"))
        self._clock = client.clock

    def ask_list(self, name: str, params: tuple[tuple[str, str], ...]) -> Listing:
        """Ask for a list."""
        resource = BY_NAME[name]
        assert resource.list is not None  # noqa: S101 - the table's, not an input
        reply = self.asker.ask(resource.list, resource, params=params)
        listing = Listing(resource, params, reply)
        if reply.status is not None:
            self.listings.append(listing)
            self._note_path(name, reply)
        return listing

    def ask_detail(self, name: str, key: object) -> Reply:
        """Ask for a record whole."""
        resource = BY_NAME[name]
        assert resource.detail is not None  # noqa: S101 - the table's, not an input
        reply = self.asker.ask(resource.detail, resource, path={resource.addressed_by: key})
        if reply.record:
            self.details.append((resource, reply.record))
        return reply

    def _note_path(self, name: str, reply: Reply) -> None:
        words = {401: "forbidden", 403: "forbidden", 404: "missing", 405: "missing", 410: "missing"}
        if reply.ok:
            said = "answers" if reply.rows is not None else "odd"
        elif reply.refused:
            said = "answers"  # it understood, and refused a filter
        else:
            said = words.get(reply.status or 0, "failed")
        self.paths[name] = said

    def rows(self, name: str) -> list[Row]:
        """All rows of that name that came in lists."""
        return [row for each in self.listings if each.resource.name == name for row in each.rows]

    def plain(self, name: str) -> Listing | None:
        """The first list of that name without a filter, if one came."""
        return next(
            (each for each in self.listings if each.resource.name == name and each.plain), None
        )

    def say(self, *answers: Answer) -> None:
        """Note answers; a later one takes the place of a former one."""
        for each in answers:
            self.answers[each.key] = each

    def server_now(self) -> datetime:
        """The moment by the server's clock, or by this machine's where it told none."""
        for reply in reversed(self.asker.replies):
            moment = server_moment({"Date": reply.headers.get("date", "")})
            if moment is not None:
                return moment
        return datetime.fromtimestamp(self._clock.now(), timezone.utc)
