"""Custom fields of items, documents and suppliers, and their options."""

from __future__ import annotations

from precoro_api.enums import WebhookType
from precoro_api.fields import array, flag, integer, moment, object_, text
from precoro_api.resource import IDENTIFIER, Endpoint, Resource, Write

_KEYS = ("name", "code", "enable", "parent[id]", "externalId")

_FIELD = (
    IDENTIFIER,
    *text("name", "description", "typeString"),
    *integer("type", "position"),
    *flag("required", "enable"),
    *moment("createDate", "updateDate"),
    *array("options"),
)

_OPTION = (
    IDENTIFIER,
    *text("name", "code", "label", "externalId"),
    *integer("level"),
    *flag("enable"),
    *object_("parent"),
)

ITEM_CUSTOM_FIELDS = Resource(
    name="item_custom_fields",
    about="Custom fields of catalogue items and document lines.",
    fields=_FIELD,
    list=Endpoint("/itemcustomfields", ("prod", "3rd:sdk")),
    detail=Endpoint("/itemcustomfields/{id}", ("doc",)),
    webhook=WebhookType.ITEM_CUSTOM_FIELD,
)

ITEM_CUSTOM_FIELD_OPTIONS = Resource(
    name="item_custom_field_options",
    about="The choices of each item custom field, such as a chart of accounts.",
    fields=_OPTION,
    list=Endpoint("/itemcustomfields/{field_id}/options", ("prod", "guess")),
    external_id=True,
    create=Write("/itemcustomfields/{field_id}/options", ("prod",), keys=_KEYS),
    update=Write(
        "/itemcustomfields/{field_id}/options/{option_id}", ("prod",), method="PUT", keys=_KEYS
    ),
    patch=Write(
        "/itemcustomfields/{field_id}/options/{option_id}",
        ("doc", "prod"),
        method="PATCH",
        keys=("externalId",),
    ),
    other_writes=(
        Write(
            "/itemcustomfields/options/depend_add",
            ("prod",),
            method="PATCH",
            keys=("item_custom_field_option_id", "depend_type", "entity_ids"),
        ),
        Write("/itemcustomfields/options/depend_remove", ("3rd:sdk",), method="PATCH"),
    ),
    parent="item_custom_fields",
    refers={"field": "item_custom_fields", "parent": "item_custom_field_options"},
    embedding=ITEM_CUSTOM_FIELDS.detail,
)

DOCUMENT_CUSTOM_FIELDS = Resource(
    name="document_custom_fields",
    about="Custom fields of documents.",
    fields=_FIELD,
    list=Endpoint("/documentcustomfields", ("prod", "3rd:sdk")),
    detail=Endpoint("/documentcustomfields/{id}", ("doc",)),
    webhook=WebhookType.DOCUMENT_CUSTOM_FIELD,
)

DOCUMENT_CUSTOM_FIELD_OPTIONS = Resource(
    name="document_custom_field_options",
    about="The choices of each document custom field, such as departments or projects.",
    fields=_OPTION,
    list=Endpoint("/documentcustomfields/{field_id}/options", ("prod", "guess")),
    external_id=True,
    create=Write("/documentcustomfields/{field_id}/options", ("prod",), keys=_KEYS),
    update=Write(
        "/documentcustomfields/{field_id}/options/{option_id}", ("prod",), method="PUT", keys=_KEYS
    ),
    patch=Write(
        "/documentcustomfields/{field_id}/options/{option_id}",
        ("doc", "prod"),
        method="PATCH",
        keys=("externalId",),
    ),
    other_writes=(
        Write(
            "/documentcustomfields/options/depend_add",
            ("prod",),
            method="PATCH",
            keys=("document_custom_field_option_id", "depend_type", "entity_ids"),
        ),
        Write("/documentcustomfields/options/depend_remove", ("3rd:sdk",), method="PATCH"),
    ),
    parent="document_custom_fields",
    refers={"field": "document_custom_fields", "parent": "document_custom_field_options"},
    embedding=DOCUMENT_CUSTOM_FIELDS.detail,
)

SUPPLIER_CUSTOM_FIELDS = Resource(
    name="supplier_custom_fields",
    about="Custom fields of suppliers.",
    fields=_FIELD,
    list=Endpoint("/suppliercustomfields", ("3rd:sdk",)),
    detail=Endpoint("/suppliercustomfields/{id}", ("3rd:sdk",)),
)

SUPPLIER_CUSTOM_FIELD_OPTIONS = Resource(
    name="supplier_custom_field_options",
    about="The choices of each supplier custom field.",
    fields=_OPTION,
    external_id=True,
    create=Write("/suppliercustomfields/{field_id}/options", ("3rd:sdk",), keys=_KEYS[:4]),
    update=Write(
        "/suppliercustomfields/{field_id}/options/{option_id}",
        ("3rd:sdk",),
        method="PUT",
        keys=_KEYS[:4],
    ),
    parent="supplier_custom_fields",
    refers={"field": "supplier_custom_fields", "parent": "supplier_custom_field_options"},
    embedding=SUPPLIER_CUSTOM_FIELDS.detail,
)
