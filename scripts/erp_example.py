"""Write the example export of an accounting system, `examples/erp/*.jsonl`.

Its vendors and items are those of the sandbox's demo company: most are linked to Precoro by
their id and say the same, some have changed since, some are new. The rows carry the dirt that
such exports have: blanks around texts, nulls beside empty texts, prices as text, a row twice.

    python scripts/erp_example.py           write the files
    python scripts/erp_example.py --check   fail where they differ from what would be written
"""

# ruff: noqa: PLR2004, S311 - dirt has no named constants, and nothing here is secret

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from precoro_sandbox.company import demo_company
from precoro_sandbox.company.catalog import ItemNames, price_in_cents
from precoro_sandbox.company.firms import FirmNames, address, country, phone, postal_code
from precoro_sandbox.company.money import cents
from precoro_sandbox.company.wares import CATEGORIES, UNITS
from precoro_sandbox.company.words import COUNTRIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from precoro_sandbox.company.words import Country

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "erp"
NOW = datetime(2026, 1, 15, tzinfo=timezone.utc)

Row = dict[str, Any]

LINKED_VENDORS, CHANGED_VENDORS, NEW_VENDORS = 220, 40, 100
LINKED_ITEMS, CHANGED_ITEMS, NEW_ITEMS = 350, 50, 100
MEMOS = ("", "", "", "1099 vendor", "Prefers ACH", "see contract folder", "früher: Barzahlung")


def vendors(suppliers: list[Row]) -> list[Row]:
    """Linked vendors, 40 of them changed, then new ones, one of which comes twice."""
    rng = Random("erp example, vendors")
    names = FirmNames({supplier["name"] for supplier in suppliers})
    known = [supplier for supplier in suppliers if supplier.get("externalId")]
    kept = sorted(rng.sample(range(len(known)), LINKED_VENDORS))
    changed = rng.sample(kept, CHANGED_VENDORS)
    rows = []
    for place in kept:
        row = _vendor(rng, known[place])
        if place in changed:
            _change_vendor(rng, row, changed.index(place), names)
        elif place % 9 == 0:
            _pad(rng, row, ("VendorName", "Street", "City", "Phone", "Zip"))
        rows.append(row)
    first = 1_001 + len(known)
    for number in range(NEW_VENDORS):
        row = _vendor(rng, _new_firm(rng, names, first + number))
        _soil_new_vendor(row, number)
        rows.append(row)
    rows = _shuffle_keys(rng, rows)
    rows.insert(len(rows) - 8, dict(rows[-14]))
    return rows


def _vendor(rng: Random, supplier: Row) -> Row:
    """A supplier in the accounting system's words."""
    return {
        "VendorId": supplier["externalId"],
        "VendorName": supplier["name"],
        "CompanyCode": supplier["uniqueCode"],
        "Street": supplier["legalAddress"],
        "City": supplier["city"],
        "Region": supplier.get("state", _nothing(rng)),
        "Zip": supplier["postalCode"],
        "Country": supplier["country"],
        "Phone": supplier.get("phone", _nothing(rng)),
        "Currency": supplier["currency"],
        "RegistrationNo": supplier.get("businessRegistrationNumber", _nothing(rng)),
        "Active": supplier["enable"],
        "Balance": round(rng.random() ** 4 * 40_000, 2) if rng.random() < 0.4 else 0,
        "Memo": rng.choice(MEMOS) or _nothing(rng),
        "LastModified": _modified(rng),
    }


def _change_vendor(rng: Random, row: Row, number: int, names: FirmNames) -> None:
    """Moved, renamed, or reached at another number, by turns."""
    kind = number % 4
    home = next(each for each in COUNTRIES if each.name == row["Country"])
    if kind in (0, 3):
        row["Street"] = f"{address(rng, home)}, Suite {number + 2}"
    if kind == 1:
        row["VendorName"] = names.draw(rng, home)
    if kind in (2, 3):
        row["Phone"] = f"+1 907 555 01{number:02d}"


def _new_firm(rng: Random, names: FirmNames, number: int) -> Row:
    """A vendor that Precoro does not know yet, in the words of a supplier."""
    home: Country = country(rng)
    place = rng.choice(home.places)
    firm: Row = {
        "externalId": f"V-{number}",
        "name": names.draw(rng, home),
        "uniqueCode": f"ERP-{number}",
        "legalAddress": address(rng, home),
        "city": place.city,
        "postalCode": postal_code(rng, place),
        "country": home.name,
        "currency": home.currency,
        "enable": number % 17 != 0,
    }
    if place.state:
        firm["state"] = place.state
    if number % 5:
        firm["phone"] = phone(rng)
    if number % 3:
        firm["businessRegistrationNumber"] = f"{home.code}-{9_000_000 + number}"
    return firm


def _soil_new_vendor(row: Row, number: int) -> None:
    """Leave traces of typing in some of the texts."""
    if number % 10 == 1:
        row["VendorName"] = row["VendorName"].replace(" ", "  ", 1)
    if number % 10 == 4:
        row["VendorName"] = f" {row['VendorName']} "
    if number % 7 == 2:
        row["Country"] = row["Country"].upper()
    if number % 7 == 5:
        row["Country"] = row["Country"].lower()
    if number % 8 == 3:
        row["City"] = f"{row['City']} "
    if number % 12 == 6:
        row["CompanyCode"] = None
    if number % 25 == 7:
        row["Zip"] = ""


def items(known_items: list[Row]) -> list[Row]:
    """Linked items, 50 of them with another price or name, then new ones."""
    rng = Random("erp example, items")
    names = ItemNames({item["name"] for item in known_items})
    known = [item for item in known_items if item.get("externalId")]
    kept = sorted(rng.sample(range(len(known)), LINKED_ITEMS))
    changed = rng.sample(kept, CHANGED_ITEMS)
    rows = []
    for place in kept:
        item = dict(known[place])
        if place in changed:
            if changed.index(place) % 3:
                item["price"] += cents(25 + int(rng.random() * 900))
            else:
                item["name"] = f"{item['name']} (new model)"
        row = _item(rng, item)
        if place % 9 == 0 and place not in changed:
            _pad(rng, row, ("ItemName", "ItemCode", "UoM"))
        rows.append(row)
    first_id, first_code = 2_001 + len(known), 1_001 + len(known_items)
    for number in range(NEW_ITEMS):
        category = CATEGORIES[int(rng.random() * len(CATEGORIES))]
        name = names.draw(rng, category)
        item = {
            "externalId": f"I-{first_id + number}",
            "sku": f"{category.prefix}-{first_code + number}",
            "name": name,
            "price": cents(price_in_cents(rng, category)),
            "unit": UNITS[category.unit][1],
            "hiddenInCatalog": number % 23 == 11,
        }
        if number % 4 == 0:
            item["description"] = f"{name}; « neu im Sortiment »"
        row = _item(rng, item)
        if number % 6 == 5:
            _pad(rng, row, ("ItemName", "Description"))
        rows.append(row)
    return _shuffle_keys(rng, rows)


def _item(rng: Random, item: Row) -> Row:
    """An item in the accounting system's words, its price as text or number."""
    return {
        "ItemId": item["externalId"],
        "ItemCode": item["sku"],
        "ItemName": item["name"],
        "Description": item.get("description", _nothing(rng)),
        "UnitPrice": str(item["price"]) if rng.random() < 0.4 else float(item["price"]),
        "UoM": item["unit"],
        "Active": not item["hiddenInCatalog"],
        "LastModified": _modified(rng),
    }


def _nothing(rng: Random) -> str | None:
    """What exports write where there is nothing to say."""
    return "" if rng.random() < 0.5 else None


def _modified(rng: Random) -> str:
    """A moment of the last three years, without zone."""
    moment = NOW - timedelta(seconds=int(rng.random() ** 2 * 3 * 365 * 86_400))
    return moment.replace(tzinfo=None).isoformat()


def _pad(rng: Random, row: Row, keys: tuple[str, ...]) -> None:
    """Put blanks around one of the texts."""
    key = rng.choice([key for key in keys if row[key]])
    row[key] = rng.choice((" {}", "{} ", "{}  ", " {} ")).format(row[key])


def _shuffle_keys(rng: Random, rows: list[Row]) -> list[Row]:
    """Write the keys of every eleventh row in another order."""
    return [
        dict(rng.sample(list(row.items()), len(row))) if number % 11 == 6 else row
        for number, row in enumerate(rows)
    ]


def texts() -> dict[str, str]:
    """What the files hold, by their names."""
    company = demo_company(NOW)
    return {
        "vendors.jsonl": _jsonl(vendors(company["suppliers"])),
        "items.jsonl": _jsonl(items(company["items"])),
    }


def _jsonl(rows: Iterable[Row]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare; write nothing")
    check = parser.parse_args().check
    stale = False
    for name, text in texts().items():
        path = FOLDER / name
        if path.exists() and path.read_bytes() == text.encode():
            continue
        if check:
            print(f"{path.relative_to(FOLDER.parent.parent)} is out of date", file=sys.stderr)
            stale = True
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
