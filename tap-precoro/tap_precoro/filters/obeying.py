"""Whether the rows of a list are those that were asked for.

The API seems to ignore a filter that it does not know, and then answers everything. So each row is
looked at: one that breaks a filter of the settings fails its stream, and one that a resource made
of a part of another one's rows does not take, such as an invoice among credit notes, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from precoro_api import Reading, UnexpectedAnswer
from typing_extensions import override

from tap_precoro.filters.list_filter import ListFilter, listed
from tap_precoro.filters.words import selector_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Iterator, Mapping

    from precoro_api import Resource
    from precoro_api.paging import Page

__all__ = ["Obedience", "SiftedReading", "each_once", "sifted"]


class Obedience:
    """The rows of one list against its filters, in one run; what is odd about them is told once."""

    def __init__(self, resource: Resource, chosen: ListFilter, logger: logging.Logger) -> None:
        self._resource = resource
        self._chosen = chosen
        self._logger = logger
        self._own = selector_of(resource)
        self._told = False
        self._looked = False

    def sift(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows of a page that the resource takes.

        Raises UnexpectedAnswer where one of them does not obey a filter of the settings.
        """
        taken = []
        for row in rows:
            ignored = self._own.broken_by(row)
            if ignored is None:
                self._check(row)
                taken.append(row)
            elif not self._told:
                self._told = True
                self._logger.warning(
                    "%s: the API ignored the filter %s; the rows that do not obey it are left out.",
                    self._resource.name,
                    ignored,
                )
        if taken and not self._looked:
            self._looked = True
            self._tell_of_unverified(taken)
        return taken

    def _check(self, row: Mapping[str, Any]) -> None:
        broken = self._chosen.broken_by(row)
        if broken:
            raise UnexpectedAnswer(
                f"the filter {broken} was sent, and a row came that does not obey it, so this "
                "API seems to ignore it; leave it out of the setting filters",
                resource=self._resource.name,
                key=str(row.get(self._resource.addressed_by)),
            )

    def _tell_of_unverified(self, rows: list[dict[str, Any]]) -> None:
        """Name the filters of which the first rows tell nothing."""
        words = [*self._own.unverified_by(rows), *self._chosen.unverified_by(rows)]
        if words:
            many = len(words) > 1
            self._logger.warning(
                "%s: the filter%s %s could not be verified: no row of the first page shows whether "
                "%s obeyed. If the API ignores %s, rows came that were not asked for.",
                self._resource.name,
                "s" if many else "",
                listed(words),
                "they are" if many else "it is",
                "them" if many else "it",
            )


@dataclass
class SiftedReading(Reading):
    """A reading that is proven by all rows of the list, and hands out those that it takes."""

    obedience: Obedience | None = field(default=None, repr=False)

    @override
    def pages(self) -> Iterator[Page]:
        for page in super().pages():
            yield page.holding(self.obedience.sift(page.rows)) if self.obedience else page


def sifted(resource: Resource, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that a resource takes, whatever the API did with its own filter."""
    own = selector_of(resource)
    return [row for row in rows if own.broken_by(row) is None]


def each_once(reading: Reading) -> list[dict[str, Any]]:
    """The rows of a small list, each as it was seen last; a list may be read twice."""
    rows: dict[Any, dict[str, Any]] = {}
    for row in reading.rows():
        keyless = row.get(reading.resource.primary_key) is None
        rows[(len(rows),) if keyless else reading.key(row)] = row
    return list(rows.values())
