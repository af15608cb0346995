"""Stock: warehouses, what lies in them and how it moves."""

from __future__ import annotations

from precoro_api.enums import WebhookType
from precoro_api.fields import array, flag, integer, moment, number, object_, text
from precoro_api.resource import IDENTIFIER, Endpoint, Resource

WAREHOUSES = Resource(
    name="warehouses",
    about="Warehouses and the locations that they serve.",
    fields=(
        IDENTIFIER,
        *text("name", "integration", "type", "uniqueCode"),
        *flag("enable"),
        *moment("createDate"),
        *array("locations"),
    ),
    list=Endpoint("/warehouses", ("3rd:sdk", "3rd:conn")),
    detail=Endpoint("/warehouses/{id}", ("3rd:sdk",)),
)

WAREHOUSE_ITEMS = Resource(
    name="warehouse_items",
    about="Stock of one warehouse.",
    fields=(
        IDENTIFIER,
        *number("quantity", "minimumStockLevel", "reorderTo", "needToOrder"),
        *moment("updateDate"),
        *object_("warehouse"),
    ),
    list=Endpoint("/warehouses/{id}/items", ("3rd:sdk",)),
    parent="warehouses",
)

STOCK_TRANSFERS = Resource(
    name="stock_transfers",
    about="Movements of stock between warehouses.",
    fields=(
        IDENTIFIER,
        *text("type"),
        *integer("status"),
        *moment("createDate", "requiredDate"),
        *object_("creator", "fromWarehouse", "toWarehouse"),
    ),
    list=Endpoint("/stocktransfers", ("3rd:sdk",)),
    detail=Endpoint("/stocktransfers/{id}", ("3rd:sdk",)),
    webhook=WebhookType.STOCK_TRANSFER,
)

STOCK_TAKINGS = Resource(
    name="stock_takings",
    about="Countings of a warehouse's stock.",
    fields=(
        IDENTIFIER,
        *moment("createDate"),
        *object_("creator", "warehouse"),
    ),
    list=Endpoint("/stock_takings", ("3rd:sdk",)),
    detail=Endpoint("/stock_takings/{id}", ("3rd:sdk",)),
)
