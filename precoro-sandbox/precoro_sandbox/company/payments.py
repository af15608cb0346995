"""Payments of invoices and expenses, and what they make of those."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from precoro_sandbox.company.draft import person, reference
from precoro_sandbox.company.money import ZERO, cents, in_company_currency
from precoro_sandbox.company.statuses import (
    APPROVED,
    ORDINARY,
    PAID,
    PARTLY_PAID,
    STATUS_STRINGS,
)
from precoro_sandbox.company.timeline import between

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from precoro_sandbox.company.draft import Draft, Row

__all__ = ["expense_payments", "payments"]


class _Instalment(NamedTuple):
    """An amount in cents, when it was paid, and the position of its document."""

    when: int
    place: int
    amount: int


def payments(draft: Draft) -> list[Row]:
    """Payments of approved invoices, which become paid or partly paid."""
    rows = draft.rows["invoices"]
    split = {row["parentData"]["id"] for row in rows if "parentData" in row}
    payable = [
        row
        for row in rows
        if row["status"] == APPROVED and row["logicType"] == ORDINARY and row["id"] not in split
    ]
    paid = _pay(draft, "payments", "invoices", payable, "payments")
    for index, (row, invoice) in enumerate(paid):
        invoice["statusString"] = STATUS_STRINGS[invoice["status"]]
        row["logicType"] = ORDINARY
        row["prepayment"] = False
        row["invoice"] = reference(invoice, "idn")
        if invoice.get("purchaseOrder"):
            row["purchaseOrder"] = invoice["purchaseOrder"]
        if index % 2:
            row["externalId"] = f"PAY-{row['id']}"
    return [row for row, _ in paid]


def expense_payments(draft: Draft) -> list[Row]:
    """Payments of approved expenses; `_expense_id` tells which, the API's fields do not."""
    payable = [row for row in draft.rows["expenses"] if row["status"] == APPROVED]
    paid = _pay(draft, "expense_payments", "expenses", payable, "expensePayments")
    for row, expense in paid:
        row["_expense_id"] = expense["id"]
    return [row for row, _ in paid]


def _pay(
    draft: Draft, name: str, owner: str, payable: Sequence[Row], listed_in: str
) -> list[tuple[Row, Row]]:
    """Payments with the documents that they pay, in the order of their dates."""
    rng = draft.rng(name)
    users = draft.pool("users")
    lives = draft.lives[owner]
    made: list[_Instalment] = []
    for index, (place, parts) in enumerate(_shares(rng, payable, draft.wanted(name))):
        life = lives[payable[place]["id"]]
        made.extend(
            _Instalment(between(rng, life.approved, life.changed), place, amount)
            for amount in _amounts(rng, payable[place], parts, full=index % 9 != 4)
        )
    made.sort()
    draft.moments[name] = [each.when for each in made]
    paid: list[tuple[Row, Row]] = []
    for index, (key, each) in enumerate(zip(draft.ids(name), made, strict=False)):
        document = payable[each.place]
        row: Row = {
            "id": key,
            "idn": str(index + 1),
            "sumPaid": cents(each.amount),
            "createDate": draft.timeline.at(each.when),
            "payDate": draft.timeline.day(each.when),
            "creator": person(users.pick(rng, each.when)),
        }
        document.setdefault(listed_in, []).append(
            {key: row[key] for key in ("id", "idn", "sumPaid", "payDate")}
        )
        document["sumPaid"] = document.get("sumPaid", ZERO) + row["sumPaid"]
        document["status"] = PAID if document["sumPaid"] == document["sum"] else PARTLY_PAID
        document["sumPaidInCompanyCurrency"] = in_company_currency(
            document["sumPaid"], document["currency"]
        )
        paid.append((row, document))
    return paid


def _shares(rng: Random, payable: Sequence[Row], wanted: int) -> list[tuple[int, int]]:
    """Which documents are paid in how many parts, so that there are as many parts as wanted.

    No document has more parts than cents; that alone can leave fewer than wanted.
    """
    order = list(range(len(payable)))
    rng.shuffle(order)
    parts: dict[int, int] = {}
    left = wanted
    for place in order:
        if not left:
            break
        parts[place] = min(1 if rng.random() < 0.85 else 2, left, _cents_of(payable[place]))
        left -= parts[place]
    while left:
        room = [place for place, many in parts.items() if many < _cents_of(payable[place])]
        if not room:
            break
        for place in room[:left]:
            parts[place] += 1
        left -= min(left, len(room))
    return list(parts.items())


def _amounts(rng: Random, document: Row, parts: int, *, full: bool) -> list[int]:
    """The sum, or some of it where a part stays unpaid, in that many parts."""
    whole = _cents_of(document)
    amount = whole if full else max(parts, int(whole * (0.3 + 0.5 * rng.random())))
    share = amount // parts
    return [share] * (parts - 1) + [amount - share * (parts - 1)]


def _cents_of(document: Row) -> int:
    return int(document["sum"].scaleb(2))
