"""The items of the catalogue, and what documents pick from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.custom_fields import Values
from precoro_sandbox.company.draft import reference
from precoro_sandbox.company.firms import one_of
from precoro_sandbox.company.money import COMPANY_CURRENCY, cents
from precoro_sandbox.company.suppliers import usable_suppliers
from precoro_sandbox.company.timeline import updated
from precoro_sandbox.company.wares import BRANDS, CATEGORIES, UNITS

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row
    from precoro_sandbox.company.wares import Category

__all__ = ["ItemNames", "Shelf", "items", "price_in_cents"]


class ItemNames:
    """Draws names of items that differ from each other."""

    def __init__(self, taken: set[str] | None = None) -> None:
        """`taken` holds names that are gone already."""
        self._taken = {name.casefold() for name in taken or ()}
        self._drawn: dict[str, int] = {}

    def draw(self, rng: Random, category: Category) -> str:
        """Brand, ware and variant of the category, with a series number where all three repeat."""
        ware = f"{one_of(rng, BRANDS)} {one_of(rng, category.wares)}"
        base = f"{ware}, {one_of(rng, category.variants)}"
        name = base
        while name.casefold() in self._taken:
            number = self._drawn[base] = self._drawn.get(base, 1) + 1
            name = f"{base}, series {number}"
        self._taken.add(name.casefold())
        return name


def price_in_cents(rng: Random, category: Category) -> int:
    """A price, more often low than high."""
    return 45 + int(category.dearest * rng.random() ** 2)


def items(draft: Draft) -> list[Row]:
    """Catalogue items; four in five carry an `externalId`, counted from I-2001."""
    rng = draft.rng("items")
    names = ItemNames()
    custom = Values(draft, "item")
    sellers = usable_suppliers(draft)
    categories = draft.rows["categories"]
    units = draft.rows["units"]
    rows: list[Row] = []
    external = 2_001
    for index, (key, created) in enumerate(
        zip(draft.ids("items"), draft.created("items", early=2.0), strict=True)
    ):
        kind = int(rng.random() * len(CATEGORIES))
        category = CATEGORIES[kind]
        seller = sellers.pick(rng, created)
        name = names.draw(rng, category)
        row: Row = {
            "id": key,
            "name": name,
            "sku": f"{category.prefix}-{1_001 + index}",
            "price": cents(price_in_cents(rng, category)),
            "currency": seller["currency"] if seller else COMPANY_CURRENCY,
            "supplier": reference(seller),
            "category": reference(categories[kind % len(categories)]) if categories else None,
            "hiddenInCatalog": index % 50 == 49,
            "freeOfCharge": False,
            "dataProductCustomFields": custom.draw(rng, created, often=0.1),
            "createDate": draft.timeline.at(created),
            "updateDate": draft.timeline.at(updated(rng, index, created)),
        }
        unit = UNITS[category.unit][1]
        if category.unit < len(units):
            row["unit"] = unit
        if index % 5:
            row["externalId"] = f"I-{external}"
            external += 1
        if index % 3 == 0:
            row["description"] = f"{name}. Sold by the {UNITS[category.unit][0].lower()}."
        rows.append(row)
    return rows


class Shelf:
    """Items by supplier, for the lines of documents."""

    def __init__(self, draft: Draft) -> None:
        """Reads suppliers and items out of the draft."""
        self._all: list[Row] = draft.rows["items"]
        self._of: dict[int, list[Row]] = {}
        for row in self._all:
            if row["supplier"]:
                self._of.setdefault(row["supplier"]["id"], []).append(row)

    def take(self, rng: Random, supplier: Row | None, many: int) -> list[Row]:
        """Up to that many different items: the supplier's own, or any where there are none."""
        own = self._of.get(supplier["id"]) if supplier else None
        choice = own or self._all
        return rng.sample(choice, min(many, len(choice)))
