"""The company itself: legal entities, locations, users, and the small lists they choose from."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from precoro_sandbox.company.firms import full_name, one_of, phone
from precoro_sandbox.company.statuses import MIXED, NET, PREPAYMENT
from precoro_sandbox.company.timeline import DAY, updated
from precoro_sandbox.company.wares import CATEGORIES, UNITS

if TYPE_CHECKING:
    from precoro_sandbox.company.draft import Draft, Row

__all__ = [
    "categories",
    "legal_entities",
    "locations",
    "payment_terms",
    "taxes",
    "units",
    "users",
]

_ENTITIES = (
    ("Alder & Finch", "Alder & Finch Holdings, Inc.", "18 Harbour Street, Portland, OR 97201"),
    ("Alder & Finch UK", "Alder & Finch (UK) Limited", "4 Canal Walk, Leeds LS1 4AB"),
    ("Alder & Finch DE", "Alder & Finch Deutschland GmbH", "Gartenstraße 9, 50667 Köln"),
    ("Finch Labs", "Finch Laboratories LLC", "220 Lakeview Boulevard, Madison, WI 53703"),
)
_LOCATIONS = (
    ("HQ", "Portland head office", "18 Harbour Street, Portland, OR 97201"),
    ("PDX-W", "Portland warehouse", "77 Depot Street, Portland, OR 97210"),
    ("CMH", "Columbus plant", "1200 Industrial Parkway, Columbus, OH 43204"),
    ("AUS", "Austin office", "41 Mill Lane, Austin, TX 78701"),
    ("MSN", "Madison laboratory", "220 Lakeview Boulevard, Madison, WI 53703"),
    ("LDS", "Leeds office", "4 Canal Walk, Leeds LS1 4AB"),
    ("LDS-W", "Leeds warehouse", "Unit 6, Foundry Row, Leeds LS10 1QT"),
    ("CGN", "Köln office", "Gartenstraße 9, 50667 Köln"),
    ("YUL", "Montréal office", "12 Rue des Érables, Montréal, QC H2X 1A4"),
    ("LCJ", "Łódź service desk", "Ulica Lipowa 3, 90-410 Łódź"),
    ("TPA", "Tampa showroom", "9 Market Square, Tampa, FL 33602"),
    ("BOI", "Boise depot (closed)", "300 Railway Terrace, Boise, ID 83702"),
)
_POSITIONS = (
    *("Buyer", "Senior buyer", "Office manager", "AP clerk", "Controller", "Plant manager"),
    *("Head of procurement", "IT manager", "Laboratory lead", "Warehouse keeper"),
)
_ROLES = (("initiator",), ("initiator", "approver"), ("approver",), ("finance", "approver"))
_TAXES = (
    ("No tax", "0", False),
    ("Sales tax OR", "0", False),
    ("Sales tax WI", "5.5", False),
    ("Sales tax TX", "8.25", False),
    ("VAT 20%", "20", False),
    ("USt 19%", "19", False),
    ("USt 7%", "7", False),
    ("TPS/TVQ", "14.975", False),
    ("Withholding 10%", "10", True),
)
# Name, type, days of credit, percent paid before and after delivery.
_TERMS = (
    ("Due on receipt", NET, 0, 0),
    ("Net 10", NET, 10, 0),
    ("Net 15", NET, 15, 0),
    ("Net 30", NET, 30, 0),
    ("Net 45", NET, 45, 0),
    ("Net 60", NET, 60, 0),
    ("Prepaid", PREPAYMENT, 0, 100),
    ("50/50, net 30", MIXED, 30, 50),
)


def legal_entities(draft: Draft) -> list[Row]:
    """The firms that make up the company, with bank details that lead nowhere."""
    rng = draft.rng("legal_entities")
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("legal_entities")):
        number = index + 1
        name, full, address = (
            _ENTITIES[index]
            if index < len(_ENTITIES)
            else (f"Alder & Finch {number}", f"Alder & Finch {number} LLC", f"{number} Mill Lane")
        )
        rows.append(
            {
                "id": key,
                "name": name,
                "fullName": full,
                "legalAddress": address,
                "businessRegistrationNumber": f"00-{4_400_000 + number}",
                "taxPayerNumber": f"TEST-{90_000 + number}",
                "phone": phone(rng),
                "keyExecutive": " ".join(full_name(rng)),
                "bankName": "First Example Bank",
                "accountHolderName": full,
                "accountNumber": f"000{1_230_000 + number}",
                "swiftCode": "EXMPUS00",
                "createDate": draft.timeline.at(index * DAY),
            }
        )
        if index % 2 == 0:
            rows[-1]["externalId"] = f"LE-{number:02d}"
    return rows


def locations(draft: Draft) -> list[Row]:
    """Offices, plants and depots."""
    rng = draft.rng("locations")
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("locations")):
        number = index + 1
        code, name, address = (
            _LOCATIONS[index]
            if index < len(_LOCATIONS)
            else (f"L{number:03d}", f"Branch {number}", f"{number} Commerce Drive")
        )
        rows.append(
            {
                "id": key,
                "uniqueCode": code,
                "name": name,
                "fullAddress": address,
                "phone": phone(rng),
                "enable": "(closed)" not in name,
                "createDate": draft.timeline.at(index * 9 * DAY),
            }
        )
        if index % 4 != 3:
            rows[-1]["externalId"] = f"LOC-{code}"
    return rows


def users(draft: Draft) -> list[Row]:
    """The people who order, approve and pay."""
    rng = draft.rng("users")
    places = draft.pool("locations")
    rows: list[Row] = []
    taken: set[str] = set()
    for index, (key, created) in enumerate(
        zip(draft.ids("users"), draft.created("users", early=3.0), strict=True)
    ):
        first, last = full_name(rng)
        email = f"user{index + 1}@example.com"
        plain = f"{first}.{last}".lower()
        if plain.replace(".", "").isalpha() and plain.isascii() and plain not in taken:
            email = f"{plain}@example.com"
            taken.add(plain)
        place = places.pick(rng)
        rows.append(
            {
                "id": key,
                "firstname": first,
                "lastname": last,
                "email": email,
                "phone": phone(rng),
                "position": one_of(rng, _POSITIONS),
                "locale": "en",
                "roles": list(_ROLES[int(rng.random() * len(_ROLES))]),
                "allLocationsAccess": index % 3 == 0,
                "allUserDocumentCostcentersAccess": index % 3 == 0,
                "allProductGroupsAccess": True,
                "createDate": draft.timeline.at(created),
                "updateDate": draft.timeline.at(updated(rng, index, created)),
            }
        )
        if place:
            rows[-1]["location"] = {"id": place["id"], "name": place["name"]}
    return rows


def units(draft: Draft) -> list[Row]:
    """Units of measurement."""
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("units")):
        name, code = UNITS[index] if index < len(UNITS) else (f"Unit {index + 1}", f"u{index + 1}")
        rows.append({"id": key, "name": name, "code": code, "enable": True})
        if index < 6:
            rows[-1]["externalId"] = code.upper()
    return rows


def categories(draft: Draft) -> list[Row]:
    """Categories of the catalogue."""
    return [
        {
            "id": key,
            "name": CATEGORIES[index].name if index < len(CATEGORIES) else f"Category {index + 1}",
        }
        for index, key in enumerate(draft.ids("categories"))
    ]


def taxes(draft: Draft) -> list[Row]:
    """Tax rates; the last of the usual ones is withheld rather than added."""
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("taxes")):
        name, percent, withheld = (
            _TAXES[index] if index < len(_TAXES) else (f"Tax {index + 1}", "5", False)
        )
        rows.append(
            {
                "id": key,
                "name": name,
                "percent": Decimal(percent),
                "value": Decimal(percent),
                "isWithholdingTax": withheld,
            }
        )
        if index % 3 != 2:
            rows[-1]["externalId"] = f"TAX-{index + 1}"
    return rows


def payment_terms(draft: Draft) -> list[Row]:
    """When and in which parts suppliers are paid."""
    rows: list[Row] = []
    for index, key in enumerate(draft.ids("payment_terms")):
        name, kind, days, before = (
            _TERMS[index] if index < len(_TERMS) else (f"Net {61 + index}", NET, 61 + index, 0)
        )
        rows.append(
            {
                "id": key,
                "name": name,
                "paymentType": kind,
                "creditPeriodDays": days,
                "termsDueDateAfterInvoicing": days,
                "prepaymentPercent": Decimal(before),
                "postpaymentPercent": Decimal(100 - before),
                "enable": True,
            }
        )
        if index % 2 == 0:
            rows[-1]["externalId"] = f"T-{index + 1}"
    return rows
