"""Names of people, places and firms, all invented or harmless."""

# ruff: noqa: RUF001 - some names are not Latin
from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BANKS",
    "COUNTRIES",
    "FIRST_NAMES",
    "HEADS",
    "LAST_NAMES",
    "SPECIAL_NAMES",
    "TRADES",
    "Country",
    "Place",
]


class Place(NamedTuple):
    """A city, its state where addresses have one, and how its postal codes look (`#` a digit)."""

    city: str
    state: str | None
    postal: str


class Country(NamedTuple):
    """A country: code, currency, endings of its firms' names, places, and names of streets."""

    name: str
    code: str
    currency: str
    endings: tuple[str, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...] = (
        *("Mill Lane", "Station Road", "Harbour Street", "Chestnut Avenue", "Canal Walk"),
        *("Foundry Row", "Orchard Close", "Depot Street", "Quarry Hill", "Market Square"),
        *("Commerce Drive", "Warehouse Way", "Old Mill Road", "Railway Terrace"),
        *("Industrial Parkway", "Lakeview Boulevard"),
    )


COUNTRIES: tuple[Country, ...] = (
    Country(
        "United States",
        "US",
        "USD",
        ("Inc.", "LLC", "Corp.", ", Inc.", "& Co.", ""),
        (
            Place("Portland", "OR", "972##"),
            Place("Columbus", "OH", "432##"),
            Place("Austin", "TX", "787##"),
            Place("Tampa", "FL", "336##"),
            Place("Madison", "WI", "537##"),
            Place("Newark", "NJ", "071##"),
            Place("Boise", "ID", "837##"),
            Place("Tucson", "AZ", "857##"),
        ),
    ),
    Country(
        "United Kingdom",
        "GB",
        "GBP",
        ("Ltd", "Limited", "plc", "& Sons Ltd", "LLP"),
        (
            Place("Leeds", None, "LS# #AB"),
            Place("Bristol", None, "BS# #QT"),
            Place("Glasgow", "Scotland", "G# #XZ"),
        ),
    ),
    Country(
        "Germany",
        "DE",
        "EUR",
        ("GmbH", "AG", "GmbH & Co. KG", "e.K."),
        (
            Place("Köln", None, "506##"),
            Place("München", "Bayern", "803##"),
            Place("Leipzig", "Sachsen", "041##"),
        ),
        ("Gartenstraße", "Bahnhofstraße", "Am Alten Hafen"),
    ),
    Country(
        "Canada",
        "CA",
        "CAD",
        ("Inc.", "Ltée", "Ltd."),
        (Place("Montréal", "QC", "H#X #A#"), Place("Calgary", "AB", "T#P #K#")),
    ),
    Country(
        "France",
        "FR",
        "EUR",
        ("SARL", "SAS", "S.A."),
        (Place("Lyon", None, "6900#"), Place("Orléans", None, "4500#")),
        ("rue des Érables", "avenue du Lac", "quai Vert"),
    ),
    Country(
        "Spain",
        "ES",
        "EUR",
        ("S.L.", "S.A.", ", S.L."),
        (Place("Málaga", "Andalucía", "290##"), Place("Bilbao", "País Vasco", "480##")),
        ("Calle del Olmo", "Avenida del Puerto"),
    ),
    Country(
        "Poland",
        "PL",
        "PLN",
        ("Sp. z o.o.", "S.A."),
        (Place("Łódź", None, "90-#1#"),),
        ("ul. Lipowa", "ul. Ogrodowa", "al. Leśna"),
    ),
    Country(
        "Netherlands",
        "NL",
        "EUR",
        ("B.V.", "N.V."),
        (Place("Utrecht", None, "35## AX"),),
        ("Kerkstraat", "Havenweg", "Nieuwegracht"),
    ),
    Country(
        "Ukraine",
        "UA",
        "UAH",
        ("LLC", "PE"),
        (Place("Львів", None, "790##"),),
        ("вул. Садова", "вул. Зелена"),
    ),
    Country(
        "Japan",
        "JP",
        "JPY",
        ("K.K.", "Co., Ltd."),
        (Place("Nagoya", "Aichi", "45#-00##"),),
        ("Sakura-dori", "Minato-dori"),
    ),
)

# Names that break careless code; these suppliers come first.
SPECIAL_NAMES: tuple[tuple[str, int], ...] = (
    ("O'Grady's Office Supply, Inc.", 0),
    ("Grünwald & Söhne GmbH", 2),
    ("Café Brûlé, S.L.", 5),
    ("ТОВ «Вербна Папірня»", 8),
    ('The "Blue Door" Print Shop', 0),
    ("さくら山文具店", 9),
    ("Fjordlys Ærø Belysning", 2),
    ("Świerk i Dąb Meble Sp. z o.o.", 6),
    ("Smithfield, Ortega, Lund & Partners LLP", 1),
    ("100% Recycled Paper Co.", 0),
    ("L'Atelier d'Ébène SARL", 4),
    ("A+B Elektro/Technik GmbH & Co. KG", 2),
    ("Peña y Niño Limpieza, S.A.", 5),
    ("d'Arcy-Whitlock (Holdings) Ltd", 1),
)

HEADS: tuple[str, ...] = (
    *(
        "Alderbrook",
        "Amberline",
        "Arden",
        "Ashgrove",
        "Aurelle",
        "Baywater",
        "Bellmoor",
        "Birchwood",
    ),
    *("Blackfen", "Bluestone", "Bramley", "Brightwell", "Cairnside", "Calder", "Cedarpoint"),
    *("Château", "Claymore", "Cobalt", "Copperleaf", "Corvane", "Crestline", "Dalmore", "Deepwell"),
    *("Dovetail", "Dünenau", "Eastgate", "Ebersol", "Edgewater", "Elmfield", "Emberly", "Étoile"),
    *(
        "Evermere",
        "Fairholm",
        "Falkenried",
        "Farrow",
        "Fenwick",
        "Fernhill",
        "Flintlock",
        "Foxglove",
    ),
    *("Garnet", "Gladstone", "Glenmore", "Goldfinch", "Granary", "Greyfriars", "Halcyon", "Harrow"),
    *("Hartwell", "Hawthorne", "Hazelwick", "Heron", "Hightower", "Hollis", "Ibérica", "Inverlea"),
    *(
        "Ironbridge",
        "Ivystone",
        "Jansen",
        "Juniper",
        "Kestrel",
        "Kingsmead",
        "Königsforst",
        "Lakeshore",
    ),
    *(
        "Larkspur",
        "Laurier",
        "Lindqvist",
        "Lockhart",
        "Longacre",
        "Lumière",
        "Lyndale",
        "Maplecrest",
    ),
    *("Marlow", "Meridia", "Millrace", "Moorgate", "Nightingale", "Norwood", "Núñez", "Oakhaven"),
    *("Octavia", "Orchard", "Osprey", "Oxbow", "Palisade", "Pemberton", "Pinecone", "Quarry"),
    *("Quillfeather", "Ravenna", "Redstart", "Ridgeway", "Rosewell", "Rothbury", "Saltmarsh"),
    *("Sandpiper", "Saphir", "Selwyn", "Silverbirch", "Skyline", "Søndergaard", "Starling"),
    *("Stonecroft", "Summerfield", "Tamarack", "Thistledown", "Thornbury", "Tidewater", "Umbra"),
    *(
        "Valmont",
        "Verano",
        "Vistula",
        "Waverley",
        "Westbrook",
        "Whitmore",
        "Wildrose",
        "Windermere",
    ),
    *("Wolfsberg", "Wrenfield", "Yarrow", "Zephyr", "Zielona"),
)

TRADES: tuple[str, ...] = (
    *(
        "Office Supply",
        "Stationery",
        "Print",
        "Packaging",
        "Paper",
        "Logistics",
        "Freight",
        "Couriers",
    ),
    *("Cleaning", "Facilities", "Catering", "Coffee", "Workwear", "Safety", "Tools", "Fasteners"),
    *("Electrical", "Lighting", "Plumbing", "Hydraulics", "Bearings", "Plastics", "Chemicals"),
    *("Laboratory", "Medical", "Furniture", "Interiors", "Signage", "Software", "Hosting"),
    *("Networks", "Telecom", "Computers", "Components", "Instruments", "Metals", "Steel"),
    *("Timber", "Glass", "Coatings", "Textiles", "Consulting", "Translations", "Training"),
    *("Recruiting", "Legal", "Accounting", "Advertising", "Media", "Events", "Travel", "Security"),
    *("Landscaping", "Waste", "Energy", "Fuel", "Fleet", "Rentals", "Maintenance", "Engineering"),
)

BANKS: tuple[str, ...] = (
    *("First Example Bank", "Bank of Nowhere", "Sample Savings", "Exemple Crédit", "Musterbank"),
)

FIRST_NAMES: tuple[str, ...] = (
    *("Amelia", "Noah", "Zoë", "Marek", "Priya", "Lukas", "Inés", "Oksana", "Tomás", "Hannah"),
    *("Jonas", "Chloé", "Emeka", "Yuki", "Björn", "Leila", "Rafael", "Agnieszka", "Owen", "Farah"),
    *("Dmytro", "Sofia", "Callum", "Ngozi", "Elena", "Pieter", "Aoife", "Kenji", "Mira", "Andrés"),
)

LAST_NAMES: tuple[str, ...] = (
    *("Hartley", "Kowalczyk", "Müller", "O'Neill", "Fernández", "Shevchenko", "Lindgren", "Okafor"),
    *("Dubois", "Tanaka", "van Dijk", "Petrov", "Silva", "Whitaker", "Nguyen", "Rossi", "Schäfer"),
    *("Brennan", "Castillo", "Iyer", "Novák", "Bergström", "Mercer", "Haddad", "Quinn", "Ferreira"),
)
