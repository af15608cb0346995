"""Payments: never twice, never above what remains, and one look at many invoices."""

from __future__ import annotations

import threading
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME
from precoro_api.enums import DocumentStatus

from target_precoro.records.equality import is_empty, same_id, says, sent
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.routes import PAYMENTS
from target_precoro.records.upsert import Change, Create, Link, Refused, Skipped, problem_of
from target_precoro.records.wanted import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from precoro_api import Client

    from target_precoro.lookups.directories import Directories
    from target_precoro.lookups.directory import Directory
    from target_precoro.records.routes import Route
    from target_precoro.records.upsert import Plan
    from target_precoro.records.wanted import Wanted

__all__ = ["Payments", "plan_payment"]

_RESOURCE = BY_NAME[PAYMENTS]
_INVOICES = BY_NAME["invoices"]
_CENT = Decimal("0.01")
_AMOUNT = "sumPaid"
_FEW = 5
"""Invoices that are asked for one by one; for more the unpaid ones are listed."""
_UNPAID = (DocumentStatus.APPROVED, DocumentStatus.PARTLY_PAID)


def plan_payment(  # noqa: PLR0911 - a list of cases
    wanted: Wanted, invoice: Mapping[str, Any] | None, existing: Sequence[Mapping[str, Any]]
) -> Plan:
    """What to do for a payment of an invoice, given the payments that this invoice may have.

    Within a cent of what remains it is what remains. Pure.
    """
    amount = _money(wanted.values.get(_AMOUNT))
    if amount is None or amount <= 0:
        return Refused(f"{_AMOUNT} must be an amount above 0")
    made = _made(wanted, amount, existing)
    if made is not None:
        if wanted.external_id and is_empty(made.get(EXTERNAL_ID)):
            return Link(made, {EXTERNAL_ID: Change(None, wanted.external_id)})
        recorded = _money(made.get(_AMOUNT))
        if recorded is not None and abs(recorded - amount) > _CENT:
            return Refused(
                f"it is recorded as {recorded} (id {made.get('id')}) and is {amount} now, and a "
                "payment cannot be changed: cancel that one in Precoro, and send this one under "
                "another external id",
                "conflict",
                (made,),
            )
        return Skipped("this payment is recorded already", done=True, row=made)
    if invoice is None:
        return Refused(f"Precoro has no invoice with id {wanted.values['invoice']}", "reference")
    total, paid = _money(invoice.get("sum")), _money(invoice.get(_AMOUNT)) or Decimal(0)
    if total is None:
        return Refused(f"Precoro does not show the sum of invoice {invoice.get('idn')}")
    left = total - paid
    if left <= 0:
        return Skipped(f"invoice {invoice.get('idn')} is fully paid already", done=True)
    if abs(left - amount) <= _CENT:
        amount = left
    if amount > left:
        return Refused(
            f"{amount} is more than the {left} that remain of invoice {invoice.get('idn')} "
            f"({paid} of {total} are paid)"
        )
    form = {
        key.key: sent(_RESOURCE, key, wanted.values[name])
        for name, key in form_keys(_RESOURCE).items()
        if not is_empty(wanted.values.get(name))
    }
    form.setdefault("logicType", 0)
    return Create(wanted.external_id, {**form, _AMOUNT: amount})


def _made(
    wanted: Wanted, amount: Decimal, existing: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The payment that this record means, if Precoro has it: by external id, else by its facts."""
    for row in existing:
        if wanted.external_id and same_id(row.get(EXTERNAL_ID), wanted.external_id):
            return row
    key, day = form_keys(_RESOURCE)["payDate"], wanted.values.get("payDate")
    for row in existing:
        if wanted.external_id and not is_empty(row.get(EXTERNAL_ID)):
            continue  # another payment, by its own external id
        if row.get("status") == DocumentStatus.CANCELED:
            continue
        same_day = is_empty(day) or says(_RESOURCE, key, row.get("payDate"), day)
        if same_day and _money(row.get(_AMOUNT)) == amount:
            return row
    return None


def _money(value: Any) -> Decimal | None:
    """An amount in cents; None for what is none."""
    try:
        read = Decimal(str(value).strip()).quantize(_CENT, ROUND_HALF_UP)
    except InvalidOperation:
        return None
    return read if read.is_finite() else None


class Payments:
    """The invoices that payments are for, and what is paid of them in this run."""

    def __init__(self, client: Client, directories: Directories) -> None:
        self._client = client
        self._invoices_known = directories.of(_INVOICES, {})
        self._payments_known = directories.of(_RESOURCE, {})
        self._directories = directories
        self._lock = threading.Lock()
        self._invoices: dict[str, dict[str, Any]] = {}
        self._ids: dict[str, str] = {}
        self._listed_unpaid = False

    def prepare(self, wanted: Sequence[Wanted]) -> None:
        """Know the invoices of a batch, and their payments where they may have any.

        Many invoices cost one look: by their external ids, or at all that are not fully paid.
        """
        for row in self._invoices_known.seen:
            self._know(row)
        by_invoice: dict[Any, list[Wanted]] = {}
        for each in wanted:
            by_invoice.setdefault(each.values.get("invoice"), []).append(each)
        by_invoice.pop(None, None)
        unknown = [named for named in by_invoice if self._row(named) is None]
        if len(unknown) > _FEW and not self._listed_unpaid:
            self._list_unpaid()
            # Whose invoice is not among them may be paid already, which the payments tell.
            unknown = [named for named in unknown if self._row(named) is None]
            if unknown:
                self._payments_known.read_all()
        for named in unknown:
            if not all(self._is_made(each, named) for each in by_invoice[named]):
                self._ask(named)
        rows = (self._row(named) for named in by_invoice)
        if any(row is not None and _money(row.get(_AMOUNT)) != 0 for row in rows):
            self._payments_known.read_all()

    def _list_unpaid(self) -> None:
        self._listed_unpaid = True
        filters = [("status[]", int(status)) for status in _UNPAID]
        for row in self._client.records(_INVOICES, filters=filters):
            self._know(row)
            self._invoices_known.keep(row)

    def _know(self, row: Mapping[str, Any]) -> None:
        invoice_id = str(row.get("id"))
        self._invoices.setdefault(invoice_id, dict(row))
        self._ids[str(row.get("idn"))] = invoice_id

    def _row(self, named: Any) -> dict[str, Any] | None:
        """The invoice that a payment names, as far as it is known without a request."""
        if isinstance(named, Reference):
            if named.by == "idn":
                named = self._ids.get(named.value)
            elif named.by in ("id", EXTERNAL_ID):
                named = self._directories.resolve(named, {})
        return self._invoices.get(str(named))

    def _is_made(self, wanted: Wanted, named: Any) -> bool:
        """Whether the payments that were read hold this one."""
        invoice_id = named.value if isinstance(named, Reference) and named.by == "id" else named
        amount = _money(wanted.values.get(_AMOUNT)) or Decimal(0)
        rows = self._payments_known.rows_with("invoice", str(invoice_id))
        return _made(wanted, amount, rows) is not None

    def _ask(self, named: Any) -> None:
        """Look at one invoice, by what the payment names."""
        by, value = (named.by, named.value) if isinstance(named, Reference) else ("id", str(named))
        if by not in ("id", "idn"):
            return
        row = self._invoices_known.by_key(by, value)
        if row is not None:
            self._know(row)

    def decide(self, route: Route, wanted: Wanted, directory: Directory) -> Plan:
        """The plan for one payment."""
        problem = problem_of(route, wanted)
        if problem:
            return Refused(problem)
        invoice_id = str(wanted.values.get("invoice") or "")
        if not invoice_id:
            return Refused("it names no invoice: give invoice_external_id or invoice[id]")
        with self._lock:
            invoice = self._invoices.get(invoice_id)
        step = plan_payment(wanted, invoice, directory.rows_with("invoice", invoice_id))
        if isinstance(step, Create) and route.mode in ("update", "link"):
            return Skipped(f"Precoro does not have it, and the mode of the stream is {route.mode}")
        return step

    def look_again(self, wanted: Wanted) -> None:
        """Look at an invoice anew, because something else is paying it."""
        invoice_id = str(wanted.values.get("invoice"))
        for row in self._client.records(_INVOICES, filters=[("id", invoice_id)]):
            if str(row.get("id")) == invoice_id:
                with self._lock:
                    self._invoices[invoice_id] = dict(row)

    def invoice_of(self, wanted: Wanted) -> dict[str, Any] | None:
        """The invoice that a payment is for, if it was looked at."""
        return self._invoices.get(str(wanted.values.get("invoice")))

    def paid(self, step: Create) -> None:
        """Remember that so much less remains of the invoice."""
        with self._lock:
            invoice = self._invoices[str(step.form["invoice[id]"])]
            paid = _money(invoice.get(_AMOUNT)) or Decimal(0)
            invoice[_AMOUNT] = paid + step.form[_AMOUNT]
