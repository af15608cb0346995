"""Suppliers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_sandbox.company.custom_fields import Values
from precoro_sandbox.company.draft import Pool, Row, person, reference
from precoro_sandbox.company.firms import (
    FirmNames,
    address,
    country,
    full_name,
    one_of,
    phone,
    postal_code,
)
from precoro_sandbox.company.money import COMPANY_CURRENCY
from precoro_sandbox.company.statuses import SUPPLIER_APPROVED, SUPPLIER_PENDING, SUPPLIER_REJECTED
from precoro_sandbox.company.timeline import between, updated
from precoro_sandbox.company.words import BANKS, COUNTRIES, SPECIAL_NAMES

if TYPE_CHECKING:
    from random import Random

    from precoro_sandbox.company.draft import Draft
    from precoro_sandbox.company.words import Country

__all__ = ["suppliers", "usable_suppliers"]

_NOTES = (
    *("Closed in August.", "Send orders by e-mail only.", "Ask for Zoë.", "Minimum order applies."),
    *("Delivers on Tuesdays & Fridays.", "Formerly under another name.", "Invoices in two copies."),
)
# Of every eight suppliers these five are linked to the accounting system.
_LINKED = (0, 1, 2, 4, 6)


def suppliers(draft: Draft) -> list[Row]:
    """Vendors; five in eight carry an `externalId`, counted from V-1001."""
    rng = draft.rng("suppliers")
    names = FirmNames()
    custom = Values(draft, "supplier")
    users = draft.pool("users")
    terms = draft.pool("payment_terms")
    entities = draft.pool("legal_entities")
    rows: list[Row] = []
    external = 1_001
    for index, (key, created) in enumerate(
        zip(draft.ids("suppliers"), draft.created("suppliers", early=2.5), strict=True)
    ):
        row = _firm(rng, names, index)
        row["id"] = key
        if index % 8 in _LINKED:
            row["externalId"] = f"V-{external}"
            external += 1
        row["enable"] = index % 37 != 30
        row["status"] = _status(index)
        changed = updated(rng, index, created)
        row["createDate"] = draft.timeline.at(created)
        row["updateDate"] = draft.timeline.at(changed)
        if row["status"] == SUPPLIER_APPROVED:
            row["approvalDate"] = draft.timeline.at(between(rng, created, changed))
        row["creator"] = person(users.pick(rng, created))
        row["contacts"] = _contacts(rng)
        term = terms.pick(rng)
        row["paymentTerms"] = [dict(term)] if term else []
        entity = reference(entities.pick(rng))
        row["supplierLegalEntities"] = [entity] if entity else []
        row["dataSupplierCustomFields"] = custom.draw(rng, created)
        rows.append(row)
    return rows


def usable_suppliers(draft: Draft) -> Pool:
    """Suppliers that documents may name: enabled and approved."""
    known = draft.pools.get("usable suppliers")
    if known is None:
        usable = [
            (row, created)
            for row, created in zip(
                draft.rows["suppliers"], draft.moments["suppliers"], strict=True
            )
            if row["enable"] and row["status"] == SUPPLIER_APPROVED
        ]
        known = Pool([row for row, _ in usable], [created for _, created in usable])
        draft.pools["usable suppliers"] = known
    return known


def _firm(rng: Random, names: FirmNames, index: int) -> Row:
    """What a firm says about itself."""
    if index < len(SPECIAL_NAMES):
        name, at_home = SPECIAL_NAMES[index]
        home = COUNTRIES[at_home]
    else:
        home = country(rng)
        name = names.draw(rng, home)
    place = home.places[int(rng.random() * len(home.places))]
    row: Row = {
        "name": name,
        "uniqueCode": f"SUP-{index + 1:05d}",
        "currency": home.currency,
        "currencies": _currencies(rng, home),
        "legalAddress": address(rng, home),
        "city": place.city,
        "country": home.name,
        "postalCode": postal_code(rng, place),
        "businessRegistrationNumber": f"{home.code}-{7_000_000 + index * 13}",
        "taxPayer": True,
        "isAllAccessLegalEntity": index % 2 == 0,
    }
    if place.state:
        row["state"] = place.state
    if index % 9 != 8:
        row["phone"] = phone(rng)
    if index % 3 == 0:
        row["taxPayerNumber"] = f"TEST-{200_000 + index}"
    if index % 6 == 0:
        row["bankName"] = one_of(rng, BANKS)
        row["accountHolderName"] = name
        row["accountNumber"] = f"0000{100_000 + index}"
        row["swiftCode"] = "EXMPUS00"
    if index % 5 == 0:
        row["note"] = one_of(rng, _NOTES)
    if index % 11 == 0:
        row["deliveryPeriod"] = 3 + int(rng.random() * 25)
    return row


def _currencies(rng: Random, home: Country) -> list[str]:
    if home.currency != COMPANY_CURRENCY and rng.random() < 0.3:
        return [home.currency, COMPANY_CURRENCY]
    return [home.currency]


def _status(index: int) -> int:
    if index % 40 == 19:
        return SUPPLIER_REJECTED
    return SUPPLIER_PENDING if index % 20 == 7 else SUPPLIER_APPROVED


def _contacts(rng: Random) -> list[Row]:
    contacts: list[Row] = []
    for number in range(1 + int(rng.random() * 1.4)):
        first, last = full_name(rng)
        contacts.append(
            {
                "name": f"{first} {last}",
                "email": f"contact{number + 1}.{int(rng.random() * 100_000):05d}@example.test",
                "phone": phone(rng),
            }
        )
    return contacts
