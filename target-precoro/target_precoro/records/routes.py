"""Which stream goes to which resource, and by which rules."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, RESOURCES, SettingsError

from target_precoro.records.by_stream import (
    by_field,
    default_values,
    for_stream,
    list_of,
    object_of,
    object_or_text,
    one_of,
)
from target_precoro.records.form_keys import EXTERNAL_ID, form_keys
from target_precoro.records.wanted import record_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from precoro_api import Resource

__all__ = [
    "ACCEPTED",
    "APPROVALS",
    "DOCUMENTS",
    "MATCH_ON",
    "PAYMENTS",
    "VALUES",
    "Route",
    "check_streams",
    "goes_to",
    "route_of",
]

DOCUMENTS = ("purchase_orders", "invoices")
"""Documents that the API lets one link and annotate, not create."""

PAYMENTS = "payments"
APPROVALS = "approvals"
VALUES = "supplier_custom_field_values"

ACCEPTED = (
    "legal_entities",
    "locations",
    "taxes",
    "payment_terms",
    "suppliers",
    "items",
    "item_custom_field_options",
    "document_custom_field_options",
    "supplier_custom_field_options",
    "contracts",
    *DOCUMENTS,
    "receipts",
    PAYMENTS,
)
"""The resources that records can go to, what is referred to before what refers."""

_ALSO = {
    # As another target calls them; options live under their fields' path.
    "itemcustomfields": "item_custom_field_options",
    "documentcustomfields": "document_custom_field_options",
    "suppliercustomfields": "supplier_custom_field_options",
}
_ALSO_CALLED = {
    "vendor": "suppliers",
    "creditor": "suppliers",
    "contact": "suppliers",
    "product": "items",
    "article": "items",
    "material": "items",
    "vat": "taxes",
    "term": "payment_terms",
    "site": "locations",
    "subsidiar": "legal_entities",
    "account": "item_custom_field_options",
    "department": "document_custom_field_options",
    "bill": "invoices",
}
"""What other systems call them."""

MATCH_ON: dict[str, tuple[str, ...]] = {
    "suppliers": ("uniqueCode", "businessRegistrationNumber", "name"),
    "items": ("sku",),
    "taxes": ("name",),
    "payment_terms": ("name",),
    "locations": ("uniqueCode", "name"),
    "legal_entities": ("name",),
    "item_custom_field_options": ("code", "name"),
    "document_custom_field_options": ("code", "name"),
    "supplier_custom_field_options": ("code", "name"),
    "contracts": ("number",),
}
"""By which fields a record is found that carries no external id yet, where nothing else is set."""

MODES = ("upsert", "update", "insert", "link")

_BY_STREAM = ("field_map", "defaults", "modes", "match_on", "nulls", "lists", "on_missing")
_ONLY_UPDATES = "only_update_existing_records"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """The rules of one stream. `replaced` and `cleared` name fields, `*` stands for all.

    `resembles_by` are fields by which a record that has none of `match_on` may be known again.
    """

    stream: str
    resource: Resource
    mode: str = "upsert"
    key_property: str = EXTERNAL_ID
    id_property: str | None = None
    field_map: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    match_on: tuple[str, ...] = ()
    resembles_by: tuple[str, ...] = ()
    cleared: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    unknown_fields: str = "warn"
    on_missing: str = "ignore"
    only_update_fields: frozenset[str] = frozenset()

    @cached_property
    def names(self) -> dict[str, tuple[str, str, str]]:
        """The names that its records may use."""
        return record_names(self.resource)

    @property
    def by_number(self) -> bool:
        """Whether an `idn` in a record names an existing document."""
        return self.resource.addressed_by == "idn" and self.resource.patch is not None

    @property
    def creates(self) -> bool:
        """Whether what is not found may be created."""
        return self.mode in ("upsert", "insert") and self.resource.create is not None

    def check_schema(self, schema: Mapping[str, Any]) -> None:
        """Raise SettingsError where a whole stream asks for what the API does not offer."""
        if self.resource.name not in DOCUMENTS:
            return
        offered = [self.field_map.get(name, name) for name in schema.get("properties") or ()]
        if not offered or {"idn", self.id_property, "externalIntegrationLog"} & set(offered):
            return
        raise SettingsError(
            f"stream {self.stream!r}: the public API does not offer to create "
            f"{self.resource.name}; it lets one link and annotate those that exist. Give each "
            "record the idn of its document, or leave the stream out."
        )

    def clears(self, stem: str) -> bool:
        """Whether a null empties that field."""
        return bool({stem, "*"} & self.cleared)

    def replaces(self, stem: str) -> bool:
        """Whether a list is to stand as it comes."""
        return bool({stem, "*"} & self.replaced)


def goes_to(stream: str, config: Mapping[str, Any]) -> str:
    """The name that stream_resources gives a stream, or its own."""
    return str(object_of(config, "stream_resources").get(stream, stream))


def resource_of(stream: str, config: Mapping[str, Any]) -> Resource:
    """The resource that a stream's records go to. Raises SettingsError where there is none."""
    resource = _named(goes_to(stream, config))
    if resource is None:
        raise SettingsError(
            f"stream_resources does not say where stream {stream!r} goes. {_suggest(stream)} "
            f'Set stream_resources to {{"{stream}": "…"}}.'
        )
    if resource.name not in ACCEPTED:
        raise SettingsError(
            f"stream_resources, or its name, sends stream {stream!r} to {resource.name}, which "
            f"this target does not write. It writes {', '.join(ACCEPTED)}."
        )
    return resource


def _named(name: str) -> Resource | None:
    wanted = name.lower().replace("-", "_")
    known = BY_NAME.get(_ALSO.get(wanted, wanted))
    return known or next(
        (each for each in RESOURCES if each.path_name == wanted and not each.alias_of), None
    )


def route_of(stream: str, config: Mapping[str, Any]) -> Route:
    """The rules of a stream. Raises SettingsError naming the setting that is wrong."""
    resource = resource_of(stream, config)

    sent = object_of(config, "stream_resources")

    def is_it(name: str) -> bool:
        return _named(name) is resource and name not in sent

    def of(setting: str, default: Any) -> Any:
        return for_stream(config, setting, (stream, resource.name), default, is_it=is_it)

    def is_meant(name: str) -> bool:
        return name.lower() == stream.lower() or _named(name) is resource

    mode = one_of("modes", of("modes", "upsert"), MODES)
    match_on = of("match_on", None)
    if match_on is None:
        match_on = MATCH_ON.get(resource.name, ())
    elif not isinstance(match_on, (list, tuple)):
        raise SettingsError(f"match_on: stream {stream!r} wants a list of fields.")
    _check_shown("match_on", stream, resource, match_on)
    field_map = by_field("field_map", stream, of("field_map", {}))
    _check_fields("field_map", stream, resource, field_map.values() if field_map else (), match_on)
    return Route(
        stream=stream,
        resource=resource,
        mode="update" if _only_updates(config, stream, resource) else mode,
        key_property=config.get("external_id_property") or EXTERNAL_ID,
        id_property=config.get("precoro_id_property") or None,
        field_map=field_map,
        defaults={
            **default_values(config, is_meant),
            **by_field("defaults", stream, of("defaults", {})),
        },
        match_on=tuple(match_on),
        resembles_by=_resembles_by(resource, match_on),
        cleared=_stems(resource, "nulls", stream, of("nulls", "keep"), "clear", "keep"),
        replaced=_stems(resource, "lists", stream, of("lists", "merge"), "replace", "merge"),
        unknown_fields=config.get("unknown_fields") or "warn",
        on_missing=one_of(
            "on_missing", of("on_missing", "ignore"), ("ignore", "report", "disable")
        ),
        only_update_fields=_only_update_fields(config, resource),
    )


def _resembles_by(resource: Resource, match_on: Sequence[str]) -> tuple[str, ...]:
    """The name, which alone proves nothing; whoever sets that nothing is matched means it."""
    named = resource.create is not None and "name" in form_keys(resource)
    return ("name",) if named and match_on and "name" not in match_on else ()


def check_streams(config: Mapping[str, Any]) -> None:
    """Refuse settings that send a stream nowhere, before anything is read."""
    for stream, resource in object_of(config, "stream_resources").items():
        if _named(str(resource)) is None and resource not in (APPROVALS, VALUES):
            raise SettingsError(
                f"stream_resources sends {stream!r} to {resource!r}, which Precoro does not "
                f"have. {_suggest(str(resource))}"
            )
    for setting in _BY_STREAM:
        given = object_or_text(config, setting)
        _tell_of_no_stream(setting, given if isinstance(given, dict) else (), config)
    by_list = (("default_values", "stream", ()), (_ONLY_UPDATES, "table", ("is_icf", "is_dcf")))
    for setting, of, but in by_list:
        each = [each for each in list_of(config, setting) if not any(map(each.get, but))]
        _tell_of_no_stream(setting, (str(one.get(of)) for one in each if one.get(of)), config)


def _tell_of_no_stream(setting: str, names: Iterable[str], config: Mapping[str, Any]) -> None:
    """Warn of names that no stream can have, as it would lead nowhere."""
    sent = object_of(config, "stream_resources")
    known = {name.lower(): name for name in (*ACCEPTED, APPROVALS, VALUES, *sent)}
    for name in names:
        if _named(name) is None and name.lower() not in known:
            nearest = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.0)[0]
            logger.warning(
                "%s: no stream is called %r, so what is set for it is for none; did you mean %r?",
                setting,
                name,
                known[nearest],
            )


# Reading settings


def _stems(
    resource: Resource, setting: str, stream: str, given: Any, wanted: str, other: str
) -> frozenset[str]:
    """The stems of the fields for which a setting has one of its two values."""
    if not isinstance(given, dict):
        return frozenset("*") if one_of(setting, given, (wanted, other)) == wanted else frozenset()
    names = record_names(resource)
    _check_fields(setting, stream, resource, given, "*")
    return frozenset(
        names[name][1] if name in names else name
        for name, each in given.items()
        if one_of(setting, each, (wanted, other)) == wanted
    )


def _check_fields(
    setting: str, stream: str, resource: Resource, names: Iterable[Any], also: Iterable[str] = ()
) -> None:
    known = record_names(resource).keys() | {EXTERNAL_ID, "idn", *also}
    for name in names:
        if name not in known:
            _refuse_field(setting, stream, resource, name, form_keys(resource).keys())


def _check_shown(setting: str, stream: str, resource: Resource, names: Iterable[Any]) -> None:
    for name in names:
        if name not in resource.by_name:
            _refuse_field(setting, stream, resource, name, resource.by_name)


def _refuse_field(
    setting: str, stream: str, resource: Resource, name: Any, known: Iterable[str]
) -> None:
    nearest = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.0)
    hint = f" The nearest is {nearest[0]}." if nearest else ""
    raise SettingsError(
        f"{setting}: stream {stream!r} names {name!r}, which {resource.name} do not have.{hint}"
    )


# What another target's configuration says


def _only_updates(config: Mapping[str, Any], stream: str, resource: Resource) -> bool:
    return any(
        not each.get("is_icf")
        and not each.get("is_dcf")
        and (
            str(each.get("table")).lower() == stream.lower()
            or _named(str(each.get("table"))) is resource
        )
        for each in list_of(config, _ONLY_UPDATES)
    )


def _only_update_fields(config: Mapping[str, Any], resource: Resource) -> frozenset[str]:
    """Names of custom fields whose options are only updated."""
    flag = {"item_custom_field_options": "is_icf", "document_custom_field_options": "is_dcf"}
    wanted = flag.get(resource.name)
    if wanted is None:
        return frozenset()
    return frozenset(
        str(each.get("table")).strip().casefold()
        for each in list_of(config, _ONLY_UPDATES)
        if each.get(wanted)
    )


def _suggest(name: str) -> str:
    folded = name.lower()
    known = next((ours for theirs, ours in _ALSO_CALLED.items() if theirs in folded), None)
    nearest = known or difflib.get_close_matches(folded, ACCEPTED, n=1, cutoff=0.0)[0]
    return f"Known are {', '.join(ACCEPTED)}; the nearest is {nearest}."
