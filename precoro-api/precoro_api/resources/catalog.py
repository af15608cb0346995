"""What can be bought: items, units, categories."""

from __future__ import annotations

from precoro_api.fields import array, flag, integer, moment, number, object_, text
from precoro_api.resource import IDENTIFIER, Endpoint, Filter, Resource, Write
from precoro_api.resources.vocabulary import EXTERNAL_IDS, modified_since

_ITEMS_KEYS = (
    "sku",
    "name",
    "description",
    "price",
    "freeOfCharge",
    "hiddenInCatalog",
    "type",
    "unit",
    "category[id]",
    "currency",
    "supplier[id]",
    "externalId",
)

ITEMS = Resource(
    name="items",
    about="The catalogue: products and services with price, unit, category and supplier.",
    fields=(
        IDENTIFIER,
        *text(
            "name",
            "sku",
            "typeString",
            "description",
            "externalId",
            "xeroId",
            "unit",
            "currency",
            "link",
            "qboId",
            "netSuiteId",
        ),
        *integer("type"),
        *number("price"),
        *flag("disabledBySupplier", "hiddenInCatalog", "freeOfCharge", "mainInSimilar"),
        *moment("createDate", "updateDate"),
        *object_("category", "supplier", "similar", "marketProduct"),
        *array("dataProductCustomFields", "bundleItems", "groupItems"),
    ),
    list=Endpoint("/items", ("doc", "prod")),
    detail=Endpoint("/items/{id}", ("doc", "3rd:sdk")),
    business_keys=("sku",),
    replication_key="updateDate",
    modified_since=("doc", "prod"),
    filters=(
        modified_since("doc", "prod"),
        Filter("supplier[]", "integer id", ("doc",)),
        EXTERNAL_IDS,
    ),
    external_id=True,
    create=Write("/items", ("doc", "prod"), keys=_ITEMS_KEYS),
    update=Write("/items/{id}", ("doc", "prod"), method="PUT", keys=_ITEMS_KEYS),
    patch=Write("/items/{id}", ("doc", "prod"), method="PATCH", keys=("externalId",)),
    refers={"category": "categories", "supplier": "suppliers"},
)

UNITS = Resource(
    name="units",
    about="Units of measurement.",
    fields=(
        IDENTIFIER,
        *text("name", "code", "externalId"),
        *flag("enable"),
    ),
    list=Endpoint("/units", ("3rd:sdk",)),
)

CATEGORIES = Resource(
    name="categories",
    about="Categories of the catalogue.",
    fields=(
        IDENTIFIER,
        *text("name"),
    ),
    list=Endpoint("/categories", ("guess",)),
)
