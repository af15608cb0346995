"""What POST, PUT and PATCH do to master data, by hand from what is known of the API."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Kind

if TYPE_CHECKING:
    from precoro_api.resource import Resource, Write

    from precoro_sandbox.store import Row, Store
    from precoro_sandbox.switches import Switches

__all__ = ["Invalid", "create", "new_external_id", "patch", "read_fields", "update"]

_LONGEST_TEXT = 255
_LONG_TEXTS = frozenset({"note", "description", "conditions", "externalIntegrationLog"})
_REQUIRED = {
    "suppliers": ("name",),
    "items": ("name",),
    "taxes": ("name",),
    "payment_terms": ("name",),
    "locations": ("name",),
    "item_custom_field_options": ("name",),
    "document_custom_field_options": ("name",),
    "supplier_custom_field_options": ("name",),
}
_UNIQUE = {
    "suppliers": ("name", "uniqueCode", "businessRegistrationNumber"),
    "items": ("sku",),
}
_ALWAYS_LINKED = frozenset(
    {"payment_terms", "item_custom_field_options", "document_custom_field_options"}
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Invalid(Exception):
    """A record that the API refuses; `field` and the words that it says."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}")
        self.field = field
        self.words = words

    @property
    def body(self) -> dict[str, Any]:
        """The nested shape that is known from payments."""
        return {"errors": {"errors": {self.field: self.words}}}


def create(
    resource: Resource, store: Store, body: Row, switches: Switches, *, extra: Row | None = None
) -> Row:
    """The new row of a POST."""
    assert resource.create is not None
    values = read_fields(resource, resource.create, body, store, switches)
    for name in _REQUIRED.get(resource.name, ()):
        if values.get(name) in (None, ""):
            raise Invalid(name, "This value should not be blank.")
    values.pop("externalId", None)
    external_id = new_external_id(resource.name, store, body, switches)
    if external_id is not None:
        values["externalId"] = external_id
    _check_unique(resource, store, values, None)
    if "enable" in resource.by_name:
        values.setdefault("enable", True)
    if resource.name == "suppliers":
        values.setdefault("status", 2)
    return store.add(resource.name, {**values, **(extra or {})})


def new_external_id(resource: str, store: Store, body: Row, switches: Switches) -> str | None:
    """The external id that a POST gives to its record, if the switches let it."""
    given, where = body.get("externalId"), switches.external_id_on_create
    if given in (None, ""):
        return None
    if where == "rejected":
        raise Invalid("externalId", "This form should not contain extra fields.")
    if where == "everywhere" or (where == "terms_and_options" and resource in _ALWAYS_LINKED):
        return _external_id(resource, store, given, switches, None)
    return None


def update(resource: Resource, store: Store, row: Row, body: Row, switches: Switches) -> Row:
    """The row after a PUT: named lists are replaced, the rest as the switches say."""
    assert resource.update is not None
    values = read_fields(resource, resource.update, body, store, switches)
    values.pop("externalId", None)
    for name in _REQUIRED.get(resource.name, ()):
        if name in values and values[name] in (None, ""):
            raise Invalid(name, "This value should not be blank.")
    _check_unique(resource, store, values, row)
    if switches.put_scalars == "cleared":
        kinds = (Kind.OBJECT, Kind.ARRAY, Kind.FLAG)
        for key in resource.update.keys:
            field = resource.by_name.get(key)
            required = key in _REQUIRED.get(resource.name, ())
            if field and field.kind not in kinds and key not in values and not required:
                values[key] = None
    if switches.put_external_id == "cleared" and "externalId" not in body:
        values["externalId"] = None
    else:
        values.pop("externalId", None)
    return store.change(resource.name, row, values)


def patch(resource: Resource, store: Store, row: Row, body: Row, switches: Switches) -> Row:
    """The row after a PATCH: external id and integration log, and more where a switch says so."""
    assert resource.patch is not None
    values: Row = {}
    if "externalId" in body:
        values["externalId"] = _external_id(resource.name, store, body["externalId"], switches, row)
    if "externalIntegrationLog" in body and "externalIntegrationLog" in resource.patch.keys:
        values["externalIntegrationLog"] = body["externalIntegrationLog"] or None
    if switches.patch_fields == "all" and resource.update is not None:
        rest = {key: value for key, value in body.items() if key != "externalId"}
        values |= read_fields(resource, resource.update, rest, store, switches)
        _check_unique(resource, store, values, row)
    if all(row.get(key) == value for key, value in values.items()):
        return row
    return store.change(resource.name, row, values)


def read_fields(
    resource: Resource, call: Write, body: Row, store: Store, switches: Switches
) -> Row:
    """The values of a body that this call takes, in their types; unknown keys are ignored."""
    values: Row = {}
    takes_enable = resource.name == "suppliers" and switches.supplier_enable == "accepted"
    for key in (*call.keys, *(("enable",) if takes_enable else ())):
        name, _, bracket = key.partition("[")
        if name not in body:
            continue
        given = body[name]
        if bracket == "id]":
            values[name] = _reference(name, given, store)
        elif name == "supplierLegalEntityIds":
            ids = given if isinstance(given, list) else [given]
            values["supplierLegalEntities"] = [
                _reference(name, {"id": one}, store) for one in ids if one
            ]
        elif bracket == "]" or isinstance(given, list):
            values[name] = [
                one
                for one in (given if isinstance(given, list) else [given])
                if one not in (None, "")
            ]
        else:
            field = resource.by_name.get(name)
            values[name] = _typed(name, field.kind if field else Kind.TEXT, given, switches)
    return values


def _typed(name: str, kind: Kind, given: Any, switches: Switches) -> Any:
    if given in (None, ""):
        return None
    if kind in (Kind.NUMBER, Kind.INTEGER):
        try:
            number = Decimal(str(given))
        except InvalidOperation:
            raise Invalid(name, "This value is not valid.") from None
        if not number.is_finite():
            raise Invalid(name, "This value is not valid.")
        return int(number) if kind is Kind.INTEGER else number
    if kind is Kind.FLAG:
        text = "true" if given is True else "false" if given is False else str(given)
        known = _BOOLEANS.get(text.lower() if switches.booleans == "lenient" else text)
        if known is None:
            raise Invalid(name, "This value is not valid.")
        return known
    if kind in (Kind.TEXT, Kind.MOMENT):
        text = str(given)
        if len(text) > _LONGEST_TEXT and name not in _LONG_TEXTS:
            raise Invalid(
                name, f"This value is too long. It should have {_LONGEST_TEXT} characters or less."
            )
        return text
    return given


_REFERRED = {
    "category": "categories",
    "supplier": "suppliers",
    "supplierLegalEntityIds": "legal_entities",
    "location": "locations",
    "warehouse": "warehouses",
}


def _reference(name: str, given: Any, store: Store) -> Row | None:
    wanted = given.get("id") if isinstance(given, dict) else given
    if wanted in (None, ""):
        return None
    if name == "parent":
        return {"id": int(wanted)} if str(wanted).isdecimal() else None
    table = store.rows(_REFERRED[name])
    found = table.get(int(wanted)) if str(wanted).isdecimal() else None
    if found is None:
        raise Invalid(name, "This value is not valid.")
    return {"id": found["id"], "name": found.get("name")}


def _external_id(
    resource: str, store: Store, given: Any, switches: Switches, row: Row | None
) -> str | None:
    if given in (None, ""):
        return None
    text = str(given)
    if len(text) > _LONGEST_TEXT:
        raise Invalid("externalId", "This value is too long.")
    if switches.external_id_unique == "yes":
        for other in store.rows(resource).values():
            if other is not row and other.get("externalId") == text:
                raise Invalid("externalId", "This value is already used.")
    return text


def _check_unique(resource: Resource, store: Store, values: Row, row: Row | None) -> None:
    for name in _UNIQUE.get(resource.name, ()):
        value = values.get(name)
        if value in (None, ""):
            continue
        folded = str(value).strip().casefold()
        for other in store.rows(resource.name).values():
            if other is not row and str(other.get(name) or "").strip().casefold() == folded:
                raise Invalid(name, "This value is already used.")
