"""Exact amounts, and what a unit of each currency is worth."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["COMPANY_CURRENCY", "RATES", "ZERO", "cents", "in_company_currency", "rounded"]

COMPANY_CURRENCY = "USD"
RATES: dict[str, Decimal] = {
    "USD": Decimal("1.0000"),
    "EUR": Decimal("1.0800"),
    "GBP": Decimal("1.2700"),
    "CAD": Decimal("0.7300"),
    "PLN": Decimal("0.2500"),
    "UAH": Decimal("0.0240"),
    "JPY": Decimal("0.0067"),
    "CHF": Decimal("1.1200"),
}
ZERO = Decimal("0.00")
_CENT = Decimal("0.01")


def cents(amount: int) -> Decimal:
    """That many cents as an amount with two places."""
    return Decimal(amount).scaleb(-2)


def rounded(amount: Decimal) -> Decimal:
    """To two places, the way invoices round."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def in_company_currency(amount: Decimal, currency: str) -> Decimal:
    """The amount's worth in the company's own currency."""
    return rounded(amount * RATES[currency])
