"""Payments: never twice, never above what remains, and one look at many invoices."""

from __future__ import annotations

import threading
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME
from precoro_api.enums import DocumentStatus

from target_precoro.equality import is_empty, reference_id, same_id, says
from target_precoro.form_keys import EXTERNAL_ID, form_keys
from target_precoro.upsert import Change, Create, Link, Refused, Skipped
from target_precoro.wanted import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from precoro_api import Client

    from target_precoro.directory import Directories, Directory
    from target_precoro.routes import Route
    from target_precoro.upsert import Plan
    from target_precoro.wanted import Wanted

__all__ = ["PAYMENTS", "Payments", "plan_payment"]

PAYMENTS = "payments"
_RESOURCE = BY_NAME[PAYMENTS]
_INVOICES = BY_NAME["invoices"]
_CENT = Decimal("0.01")
_AMOUNT = "sumPaid"
_UNPAID = (DocumentStatus.APPROVED, DocumentStatus.PARTLY_PAID)


def plan_payment(  # noqa: PLR0911 - a list of cases
    wanted: Wanted, invoice: Mapping[str, Any] | None, existing: Sequence[Mapping[str, Any]]
) -> Plan:
    """What to do for a payment of an invoice, given the payments that this invoice may have.

    Within a cent of what remains it is what remains. Pure.
    """
    invoice_id = wanted.values.get("invoice")
    if invoice is None:
        return Refused(f"Precoro has no invoice with id {invoice_id}", "reference")
    amount = _decimal(wanted.values.get(_AMOUNT))
    if amount is None or amount <= 0:
        return Refused(f"{_AMOUNT} must be an amount above 0")
    made = _made(wanted, amount, existing)
    if made is not None:
        if wanted.external_id and is_empty(made.get(EXTERNAL_ID)):
            return Link(made, {EXTERNAL_ID: Change(None, wanted.external_id)})
        return Skipped("this payment is recorded already", done=True, row=made)
    total, paid = _decimal(invoice.get("sum")), _decimal(invoice.get(_AMOUNT)) or Decimal(0)
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
    form = {key.key: wanted.values[name] for name, key in form_keys(_RESOURCE).items()
            if not is_empty(wanted.values.get(name))}  # fmt: skip
    form.setdefault("logicType", 0)
    return Create(wanted.external_id, {**form, _AMOUNT: amount})


def _made(
    wanted: Wanted, amount: Decimal, existing: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The payment that this record means, if Precoro has it: by external id, else by its facts."""
    for row in existing:
        if wanted.external_id and same_id(row.get(EXTERNAL_ID), wanted.external_id):
            return row
    keys = form_keys(_RESOURCE)
    for row in existing:
        if wanted.external_id and not is_empty(row.get(EXTERNAL_ID)):
            continue  # another payment, by its own external id
        if row.get("status") == DocumentStatus.CANCELED:
            continue
        same_day = says(
            _RESOURCE, keys["payDate"], row.get("payDate"), wanted.values.get("payDate")
        )
        if same_day and _decimal(row.get(_AMOUNT)) == amount:
            return row
    return None


def _decimal(value: Any) -> Decimal | None:
    try:
        read = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return read if read.is_finite() else None


class Payments:
    """The invoices that payments are for, and what is paid of them in this run."""

    def __init__(self, client: Client, directories: Directories) -> None:
        self._client = client
        self._directories = directories
        self._lock = threading.Lock()
        self._invoices: dict[str, dict[str, Any]] = {}
        self._listed_unpaid = False

    def prepare(self, wanted: Iterable[Wanted]) -> None:
        """Know the invoices of a batch: found by external id already, or from the unpaid ones."""
        invoices = self._directories.of(_INVOICES, {})
        for row in invoices.seen:
            self._invoices.setdefault(str(row.get("id")), dict(row))
        named = {each.values.get("invoice") for each in wanted} - {None}
        asked = {
            str(self._directories.resolve(each, {}) if isinstance(each, Reference) else each)
            for each in named
        } - {"None"}
        missing = sorted(asked - self._invoices.keys())
        if len(missing) > 1 and not self._listed_unpaid:
            self._listed_unpaid = True
            filters = [("status[]", int(status)) for status in _UNPAID]
            for row in self._client.records(_INVOICES, filters=filters):
                self._invoices.setdefault(str(row.get("id")), row)
        for invoice_id in missing:
            if invoice_id not in self._invoices:
                found = invoices.by_key("id", invoice_id)
                if found is not None:
                    self._invoices[invoice_id] = dict(found)
        if any(self._may_be_paid(invoice_id) for invoice_id in asked):
            self._directories.of(_RESOURCE, {}).read_all()

    def _may_be_paid(self, invoice_id: str) -> bool:
        """Whether the invoice may have a payment, so that the payments must be read."""
        invoice = self._invoices.get(invoice_id)
        return invoice is not None and _decimal(invoice.get(_AMOUNT)) != 0

    def decide(self, route: Route, wanted: Wanted, directory: Directory) -> Plan:  # noqa: ARG002
        """The plan for one payment."""
        invoice_id = str(wanted.values.get("invoice") or "")
        if not invoice_id:
            return Refused("it names no invoice: give invoice_external_id or invoice[id]")
        if wanted.problems:
            return Refused("; ".join(wanted.problems))
        with self._lock:
            invoice = self._invoices.get(invoice_id)
        made = [row for row in directory.known if reference_id(row.get("invoice")) == invoice_id]
        return plan_payment(wanted, invoice, made)

    def invoice_of(self, wanted: Wanted) -> dict[str, Any] | None:
        """The invoice that a payment is for, if it was looked at."""
        return self._invoices.get(str(wanted.values.get("invoice")))

    def paid(self, step: Create) -> None:
        """Remember that so much less remains of the invoice."""
        with self._lock:
            invoice = self._invoices[str(step.form["invoice[id]"])]
            paid = _decimal(invoice.get(_AMOUNT)) or Decimal(0)
            invoice[_AMOUNT] = paid + step.form[_AMOUNT]
