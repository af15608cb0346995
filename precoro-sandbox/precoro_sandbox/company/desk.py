"""What every document draws upon: its head, its lines, its custom values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.custom_fields import Values
from precoro_sandbox.company.draft import Life, person, reference
from precoro_sandbox.company.lines import LineMaker
from precoro_sandbox.company.money import COMPANY_CURRENCY
from precoro_sandbox.company.statuses import AFTER_APPROVAL, SELECT_FIELD
from precoro_sandbox.company.suppliers import usable_suppliers
from precoro_sandbox.company.timeline import DAY, between, updated

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["Backlog", "Desk", "currency_of", "joined_option_ids"]

_NOTES = (
    *(
        "Please deliver to the rear gate.",
        "As agreed by phone.",
        "Urgent!",
        "Replaces an older one.",
    ),
    *("Budget approved by the board.", 'Mark parcels "fragile".', "Für das Labor, bitte kühl."),
)


class Desk:
    """Draws the parts of one resource's documents, each from the rows made so far."""

    def __init__(self, draft: Draft, name: str) -> None:
        """`name` is the resource of the documents."""
        self.draft = draft
        self.name = name
        self.rng: Random = draft.rng(name)
        self.lines = LineMaker(draft)
        self.lives: dict[int, Life] = draft.lives.setdefault(name, {})
        self._custom = Values(draft, "document")
        self._suppliers = usable_suppliers(draft)
        self._users = draft.pool("users")
        self._locations = draft.pool("locations")
        self._entities = draft.pool("legal_entities")
        self._budgets = draft.pool("budgets")
        self._warehouses = draft.pool("warehouses")
        # A withheld tax is no part of a document's sum.
        self._taxes = [row for row in draft.rows["taxes"] if not row["isWithholdingTax"]]

    def head(self, index: int, key: int, created: int, statuses: tuple[int, ...]) -> Row:
        """Ids, dates, people and place of a document in one of those states."""
        rng, at = self.rng, self.draft.timeline.at
        changed = updated(rng, index, created)
        approved = created + int((changed - created) * 0.3 * rng.random())
        self.lives[key] = Life(created, approved, changed)
        status = statuses[int(rng.random() * len(statuses))]
        creator = person(self._users.pick(rng, created))
        row: Row = {
            "id": key,
            "idn": str(index + 1),
            "status": status,
            "creator": creator,
            "lastEditor": creator,
            "location": reference(self._locations.pick(rng, created)),
            "createDate": at(created),
            "updateDate": at(changed),
        }
        if status in AFTER_APPROVAL:
            row["approvalDate"] = at(approved)
        if rng.random() < 0.2:
            row["note"] = _NOTES[int(rng.random() * len(_NOTES))]
        custom = self._custom.draw(rng, created)
        row["dataDocumentCustomFields"] = custom
        row["allDocumentCustomFieldOptionsIds"] = [
            int(each["value"]) for each in custom if each["type"] == SELECT_FIELD
        ]
        return row

    def supplier(self, when: int) -> Row | None:
        """A supplier that existed by then."""
        return self._suppliers.pick(self.rng, when)

    def legal_entity(self) -> Row | None:
        """One of the company's legal entities, as documents mention it."""
        return reference(self._entities.pick(self.rng))

    def warehouse(self) -> Row | None:
        """One of the warehouses, as documents mention it."""
        return reference(self._warehouses.pick(self.rng))

    def budget(self) -> Row | None:
        """A budget for some of the documents."""
        return reference(self._budgets.pick(self.rng)) if self.rng.random() < 0.4 else None

    def tax(self) -> Row | None:
        """One of the taxes that are added to a sum."""
        return self._taxes[int(self.rng.random() * len(self._taxes))] if self._taxes else None

    def later(self, when: int, days: int) -> str:
        """The day so many days after; it may lie in the future."""
        return self.draft.timeline.day(when + days * DAY)

    def soon(self, when: int) -> str:
        """A day within the next six weeks."""
        return self.draft.timeline.day(between(self.rng, when + DAY, when + 42 * DAY))


def joined_option_ids(row: Row) -> None:
    """Invoices and expenses write the ids of their options as one text, others as a list."""
    row["allDocumentCustomFieldOptionsIds"] = ",".join(
        map(str, row["allDocumentCustomFieldOptionsIds"])
    )


def currency_of(supplier: Row | None) -> str:
    """The currency to buy in."""
    return str(supplier["currency"]) if supplier else COMPANY_CURRENCY


class Backlog:
    """Documents that wait for one that follows from them, each to be taken once."""

    def __init__(self, rows: list[Row], moments: list[int]) -> None:
        """`rows` in the order of their creation, at `moments`."""
        self._coming = list(zip(rows, moments, strict=True))[::-1]
        self._ready: list[Row] = []

    def take(self, rng: Random, when: int) -> Row | None:
        """One that existed by then; moments must not fall from call to call."""
        while self._coming and self._coming[-1][1] <= when:
            self._ready.append(self._coming.pop()[0])
        if not self._ready:
            return None
        place = int(rng.random() * len(self._ready))
        self._ready[place], self._ready[-1] = self._ready[-1], self._ready[place]
        return self._ready.pop()
