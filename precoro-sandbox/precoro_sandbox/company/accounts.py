"""The option trees: chart of accounts, departments, projects and shorter lists."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DOCUMENT_FIELDS", "ITEM_FIELDS", "SUPPLIER_FIELDS", "FieldPlan"]


class FieldPlan(NamedTuple):
    """A custom field, and its options where it is a select field.

    An option is a code, a name and the code of its parent, parents first.
    """

    name: str
    kind: str
    options: tuple[tuple[str, str, str | None], ...] = ()
    required: bool = False


def _tree(text: str) -> tuple[tuple[str, str, str | None], ...]:
    """Options from an outline: a line each, two spaces of indent for each level."""
    above: list[str] = []
    options: list[tuple[str, str, str | None]] = []
    for line in text.strip("\n").splitlines():
        level = (len(line) - len(line.lstrip())) // 2
        code, name = line.strip().split(" ", 1)
        del above[level:]
        options.append((code, name, above[-1] if above else None))
        above.append(code)
    return tuple(options)


_CHART = _tree("""
1000 Assets
  1200 Inventory
    1210 Raw materials
    1220 Packaging stock
    1230 Finished goods
    1240 Goods in transit
  1400 Prepayments
    1410 Prepaid insurance
    1420 Prepaid rent
    1430 Prepaid licences
  1500 Fixed assets
    1510 Office equipment
    1520 Computers
    1530 Vehicles
    1540 Machinery
    1550 Laboratory equipment
    1560 Leasehold improvements
5000 Cost of sales
  5100 Materials
    5110 Metals
    5120 Chemicals
    5130 Fasteners
    5140 Electrical components
    5150 Packaging
  5200 Freight
    5210 Inbound freight
    5220 Outbound freight
    5230 Customs and duties
  5300 Subcontracting
    5310 Engineering
    5320 Calibration
    5330 Surface treatment
6000 Operating expenses
  6100 Premises
    6110 Rent
    6120 Electricity
    6130 Water
    6140 Cleaning
    6150 Repairs of buildings
    6160 Security
  6200 Office
    6210 Stationery
    6220 Postage
    6230 Printing
    6240 Furniture below limit
    6250 Kitchen & catering
  6300 Information technology
    6310 Software subscriptions
    6320 Hosting
    6330 Telecommunications
    6340 Hardware below limit
    6350 IT services
  6400 People
    6410 Training
    6420 Recruiting
    6430 Workwear
    6440 Occupational safety
    6450 Staff events
  6500 Travel
    6510 Air travel
    6520 Rail travel
    6530 Hotels
    6540 Meals
    6550 Mileage
    6560 Taxis and car hire
  6600 Marketing
    6610 Advertising
    6620 Trade fairs
    6630 Print and media
    6640 Sponsoring
  6700 Professional fees
    6710 Legal advice
    6720 Audit
    6730 Translation
    6740 Consulting
  6800 Fleet
    6810 Fuel
    6820 Tyres and parts
    6830 Vehicle insurance
7000 Other
  7100 Bank charges
  7200 Currency differences
  7300 Donations
""")

_DEPARTMENTS = _tree("""
D10 Operations
  D11 Production
  D12 Maintenance
  D13 Quality
  D14 Warehouse
D20 Research
  D21 Laboratory
  D22 Prototyping
D30 Commercial
  D31 Sales
  D32 Marketing
  D33 Customer care
D40 Administration
  D41 Finance
  D42 People & culture
  D43 IT
  D44 Legal
D50 Board
""")

_PROJECTS = _tree("""
P-100 Leeds extension
  P-101 Leeds extension: ground works
  P-102 Leeds extension: fit-out
P-110 New ERP
P-120 Solar roof Köln
P-130 Laboratory 2
  P-131 Laboratory 2: fume hoods
  P-132 Laboratory 2: instruments
P-140 Fleet renewal
P-150 ISO 14001
P-160 Website relaunch
P-170 Packaging without plastic
P-180 Zéro défaut
P-190 Customer portal
P-200 Tampa showroom
P-210 Apprentices' workshop
P-220 Heat recovery
P-230 Barcode everything
P-240 Trade fair, spring
P-250 Trade fair, autumn
P-260 Archive move
P-270 Boise wind-down
""")

ITEM_FIELDS: tuple[FieldPlan, ...] = (
    FieldPlan("GL account", "select", _CHART, required=True),
    FieldPlan(
        *("Asset class", "select"),
        _tree("A1 Tangible\n  A11 Machinery\n  A12 Furniture\nA2 Intangible\nA3 Low value"),
    ),
    FieldPlan("Manufacturer part no.", "text"),
    FieldPlan("Warranty until", "date"),
)

DOCUMENT_FIELDS: tuple[FieldPlan, ...] = (
    FieldPlan("Department", "select", _DEPARTMENTS, required=True),
    FieldPlan("Project", "select", _PROJECTS),
    FieldPlan("Spend type", "select", _tree("OPEX Running costs\nCAPEX Investment")),
    FieldPlan("Customer reference", "text"),
    FieldPlan("Service period from", "date"),
)

SUPPLIER_FIELDS: tuple[FieldPlan, ...] = (
    FieldPlan(
        *("Segment", "select"),
        _tree("S1 Strategic\nS2 Preferred\nS3 Tail\nS4 One-off"),
        required=True,
    ),
    FieldPlan(
        *("Certificates", "select"),
        _tree("C1 ISO 9001\nC2 ISO 14001\nC3 FSC\nC4 Fair trade"),
    ),
    FieldPlan("Contract owner", "text"),
)
