"""Lines of documents and the sums that follow from them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from precoro_sandbox.company.catalog import Shelf
from precoro_sandbox.company.custom_fields import Values
from precoro_sandbox.company.money import RATES, ZERO, cents, in_company_currency, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["LineMaker", "taxed", "total"]

_EXTRAS = ("Delivery", "Assembly on site", "Small order charge", "Express surcharge")


class LineMaker:
    """Draws the lines of a document."""

    def __init__(self, draft: Draft) -> None:
        """Reads catalogue and custom fields out of the draft."""
        self._draft = draft
        self._shelf = Shelf(draft)
        self._custom = Values(draft, "item")

    def draw(self, rng: Random, supplier: Row | None, currency: str, when: int) -> list[Row]:
        """One to eight lines: items of the supplier, now and then a service without a code."""
        many = 1 + int(7 * rng.random() ** 2)
        lines: list[Row] = []
        for item in self._shelf.take(rng, supplier, many):
            price = max(
                rounded(item["price"] * RATES[item["currency"]] / RATES[currency]), cents(1)
            )
            quantity = Decimal(1 + int(40 * rng.random() ** 3))
            if item.get("unit") == "h":
                quantity += Decimal("0.5")
            lines.append(self._line(rng, item["name"], item["sku"], quantity, price, when))
        if not lines or rng.random() < 0.12:
            price = cents(900 + int(9_000 * rng.random()))
            name = _EXTRAS[int(rng.random() * len(_EXTRAS))]
            lines.append(self._line(rng, name, None, Decimal(1), price, when))
        return lines

    def copy(self, lines: Iterable[Row]) -> list[Row]:
        """The same lines on another document: new ids, new custom values' ids."""
        return [
            {
                **line,
                "id": next(self._draft.line_ids),
                "dataItemCustomFields": [
                    {**value, "id": next(self._draft.value_ids)}
                    for value in line["dataItemCustomFields"]
                ],
            }
            for line in lines
        ]

    def _line(
        self, rng: Random, name: str, sku: str | None, quantity: Decimal, price: Decimal, when: int
    ) -> Row:
        return {
            "id": next(self._draft.line_ids),
            "name": name,
            "sku": sku,
            "quantity": quantity,
            "price": price,
            "sum": rounded(price * quantity),
            "dataItemCustomFields": self._custom.draw(rng, when, often=0.08),
        }


def total(lines: Iterable[Mapping[str, Decimal]]) -> Decimal:
    """Sum of the lines' sums."""
    return sum((line["sum"] for line in lines), ZERO)


def taxed(lines: list[Row], tax: Row | None, currency: str) -> Row:
    """A document's sums and its `taxes`; tax is rounded line by line, so that splits add up."""
    net = total(lines)
    percent = tax["percent"] if tax else Decimal(0)
    added = sum((rounded(line["sum"] * percent / 100) for line in lines), ZERO)
    return {
        "netSum": net,
        "sum": net + added,
        "netSumInCompanyCurrency": in_company_currency(net, currency),
        "sumInCompanyCurrency": in_company_currency(net + added, currency),
        "taxes": [{"id": tax["id"], "name": tax["name"], "percent": percent, "sum": added}]
        if tax
        else [],
    }
