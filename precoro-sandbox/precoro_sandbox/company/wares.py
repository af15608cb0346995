"""What the company buys: units, categories and their wares."""

# ruff: noqa: RUF001 - sizes are written with a multiplication sign
from __future__ import annotations

from typing import NamedTuple

__all__ = ["BRANDS", "CATEGORIES", "UNITS", "Category"]


class Category(NamedTuple):
    """A category: prefix of its codes, unit, dearest price in cents, wares and their variants."""

    name: str
    prefix: str
    unit: int
    dearest: int
    wares: tuple[str, ...]
    variants: tuple[str, ...]


UNITS: tuple[tuple[str, str], ...] = (
    ("Piece", "pcs"),
    ("Box", "box"),
    ("Pack", "pack"),
    ("Hour", "h"),
    ("Kilogram", "kg"),
    ("Litre", "l"),
    ("Metre", "m"),
    ("Square metre", "m²"),
    ("Set", "set"),
    ("Roll", "roll"),
    ("Pallet", "plt"),
    ("Pair", "pair"),
    ("Month", "mo"),
    ("Licence", "lic"),
    ("Day", "day"),
)

BRANDS: tuple[str, ...] = (
    *("Tarn", "Ostra", "Velm", "Kordo", "Lissa", "Brant", "Öresta", "Quint", "Norvig", "Pallas"),
    *("Emra", "Halda", "Zeno", "Fjell", "Rondo", "Arbor"),
)

_COLOURS = ("black", "blue", "white", "red", "grey", "green")
_SIZES = ("small", "medium", "large", "extra large")
_STEEL = ("M4 × 20", "M5 × 25", "M6 × 30", "M8 × 40", "M10 × 50", "M12 × 60")

CATEGORIES: tuple[Category, ...] = (
    Category(
        *("Office supplies", "OFF", 2, 4_500),
        ("Ballpoint pens", "Highlighters", "Sticky notes", "Ring binders", "Paper clips, 28 mm"),
        _COLOURS,
    ),
    Category(
        *("Paper", "PAP", 2, 6_000),
        ("Copy paper", "Card stock", "Label sheets", "Envelopes, self-seal", "Flipchart pads"),
        ("A4, 80 g", "A4, 120 g", "A3, 80 g", "Letter, 20 lb", "recycled A4", "C5"),
    ),
    Category(
        *("Furniture", "FUR", 0, 95_000),
        ("Task chair", "Height-adjustable desk", "Shelf", "Filing cabinet", "Meeting table"),
        ("oak", "birch", "white", "black", "walnut"),
    ),
    Category(
        *("IT hardware", "ITH", 0, 240_000),
        ("Laptop 14″", "Monitor 27″", "Docking station", "Keyboard", "Headset", "SSD 1 TB"),
        ("standard", "pro", "refurbished", "with 3-year warranty"),
    ),
    Category(
        *("Software", "SWL", 13, 60_000),
        ("CAD suite", "Diagram editor", "Password manager", "Endpoint protection", "E-signature"),
        ("per user", "per device", "site", "education", "annual"),
    ),
    Category(
        *("Cleaning", "CLN", 5, 3_000),
        ("Surface cleaner", "Hand soap", "Glass cleaner", "Floor polish", "Descaler"),
        ("lemon", "unscented", "concentrate 1:50", "refill 5 l", "eco"),
    ),
    Category(
        *("Safety", "SAF", 11, 9_000),
        ("Safety shoes S3", "Cut-resistant gloves", "Safety glasses", "Ear defenders", "Knee pads"),
        _SIZES,
    ),
    Category(
        *("Workwear", "WRK", 0, 12_000),
        ("Hi-vis vest", "Work trousers", "Softshell jacket", "Lab coat", "Polo shirt"),
        _SIZES,
    ),
    Category(
        *("Fasteners", "FAS", 1, 8_000),
        ("Hex bolts", "Socket head screws", "Lock nuts", "Washers", "Threaded rods"),
        _STEEL,
    ),
    Category(
        *("Electrical", "ELE", 6, 25_000),
        ("Cable NYM-J 3×1.5", "Cable NYM-J 5×2.5", "Conduit", "Cable tray", "Earth wire"),
        ("grey", "halogen-free", "armoured", "50 m", "100 m"),
    ),
    Category(
        *("Lighting", "LIG", 0, 18_000),
        ("LED panel 60×60", "LED tube T8", "Emergency light", "Desk lamp", "Floodlight"),
        ("3000 K", "4000 K", "5700 K", "dimmable"),
    ),
    Category(
        *("Tools", "TOO", 0, 45_000),
        ("Cordless drill", "Torque wrench", "Caliper 150 mm", "Socket set", "Heat gun"),
        ("standard", "industrial", "with case", "replacement"),
    ),
    Category(
        *("Packaging", "PCK", 2, 15_000),
        ("Corrugated boxes", "Stretch film", "Packing tape", "Bubble wrap", "Pallet collars"),
        ("300 × 200 × 150", "400 × 300 × 200", "600 × 400 × 300", "recycled", "printed"),
    ),
    Category(
        *("Laboratory", "LAB", 1, 40_000),
        ("Pipette tips", "Petri dishes", "Nitrile gloves", "Volumetric flasks", "Filter paper"),
        ("10 µl", "200 µl", "1000 µl", "sterile", "class A"),
    ),
    Category(
        *("Chemicals", "CHE", 4, 22_000),
        ("Citric acid", "Sodium carbonate", "Isopropanol", "Activated carbon", "Silica gel"),
        ("technical", "p.a.", "food grade", "denatured"),
    ),
    Category(
        *("Metals", "MET", 4, 16_000),
        ("Aluminium sheet", "Steel bar", "Copper tube", "Brass rod", "Stainless plate"),
        ("1 mm", "2 mm", "3 mm", "5 mm", "10 mm"),
    ),
    Category(
        *("Catering", "CAT", 0, 7_500),
        ("Coffee beans", "Green tea", "Oat drink", "Mineral water, case", "Fruit basket"),
        ("organic", "fair trade", "large", "small", "Café crème"),
    ),
    Category(
        *("Print and media", "PRN", 2, 20_000),
        ("Business cards", "Brochures", "Roll-up banner", "Posters", "Name badges"),
        ("matt", "glossy", "recycled", "double-sided"),
    ),
    Category(
        *("Services", "SRV", 3, 19_000),
        ("Engineering", "Translation", "Window cleaning", "Legal advice", "Forklift training"),
        ("standard rate", "senior rate", "weekend rate", "remote"),
    ),
    Category(
        *("Fleet", "FLT", 0, 32_000),
        ("Winter tyres", "Engine oil 5W-30", "Wiper blades", "Brake pads", "AdBlue"),
        ("van", "car", "truck", "forklift"),
    ),
)
