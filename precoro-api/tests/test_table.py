"""The table against the facts: nothing lost, nothing invented."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import RESOURCES, Confidence, enums
from precoro_api.fields import Field, Kind
from precoro_api.paging import PAGE_SIZES
from precoro_api.resource import Endpoint, Filter, Write
from precoro_api.settings import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from precoro_api.resource import Resource

FACTS = json.loads((Path(__file__).parent / "data" / "precoro-fields.json").read_text())
COMMON_PARAMS = {"page", "per_page"}
# Documents in general carry these, as the facts about lists and details say.
GENERAL = {
    "items",
    "taxes",
    "comments",
    "payments",
    "followers",
    "attachments",
    "approvalSteps",
    "dataDocumentCustomFields",
}
# Collections that arrive inside {"data": [...]}, so their sources call them objects.
ENVELOPED = {
    "paymentTerms",
    "approvalSteps",
    "contacts",
    "marketContacts",
    "dataDocumentCustomFields",
    "dataSupplierCustomFields",
}
BEST = {
    "doc": Confidence.OFFICIAL,
    "prod": Confidence.PRODUCTION,
    "3rd:sdk": Confidence.THIRD_PARTY,
    "3rd:conn": Confidence.THIRD_PARTY,
    "guess": Confidence.GUESS,
}
# Which JSON types make a kind possible.
POSSIBLE = {
    Kind.ID: {"integer"},
    Kind.INTEGER: {"integer", "number"},
    Kind.NUMBER: {"integer", "number"},
    Kind.TEXT: {"string"},
    Kind.FLAG: {"boolean"},
    Kind.MOMENT: {"string", "string:date-time"},
    Kind.OBJECT: {"object"},
    Kind.ARRAY: {"array"},
}


def facts_of(name: str) -> dict[str, Any]:
    """What is known of one resource; an alias has the fields and reading of its original."""
    own = FACTS["resources"][name]
    if "alias_of" not in own:
        return own
    original = FACTS["resources"][own["alias_of"]]
    return {
        **own,
        "fields": original["fields"],
        "list": {**original["list"], **own["list"]},
        "incremental": original["incremental"],
        "list_lacks": original["list_lacks"],
    }


def tags(source: Iterable[str]) -> set[str]:
    """The tags that say where something is, not only that it can be done."""
    vague = ("(capability)", "(action, no path)")
    return {tag.split(" (")[0] for tag in source if not tag.endswith(vague)}


def known_kinds(types: Iterable[str], name: str) -> set[Kind]:
    """The kinds that a field of these JSON types may have."""
    types = set(types) - {"null"}
    if types == {"string:date-time"} or (types == {"string"} and name.endswith("Date")):
        return {Kind.MOMENT}
    kinds = {kind for kind, possible in POSSIBLE.items() if possible & types}
    if name != "id":
        kinds -= {Kind.ID}
    elif types == {"integer"}:
        kinds = {Kind.ID}
    if not name.endswith("Date"):
        kinds -= {Kind.MOMENT}
    if name in ENVELOPED:
        kinds = {Kind.ARRAY}
    if types & {"number", "integer"} and not name.endswith("Id"):
        kinds -= {Kind.TEXT}
    if types & {"number", "integer"} and "string" in types and name.endswith("Id"):
        kinds = {Kind.TEXT}
    if types & {"object", "array"}:
        kinds -= {Kind.TEXT}
    return kinds


def differences(table: Iterable[Resource]) -> list[str]:
    """Every place where the table and the facts disagree, in words."""
    named = {resource.name: resource for resource in table}
    found = [f"{name}: unknown to the facts" for name in named.keys() - FACTS["resources"].keys()]
    found += [f"{name}: lost" for name in FACTS["resources"].keys() - named.keys()]
    for name, resource in named.items():
        if name not in FACTS["resources"]:
            continue
        facts = facts_of(name)
        for compare in (_identity, _reading, _fields, _filters, _writing):
            for what, have, want in compare(resource, facts):
                if have != want:
                    found.append(f"{name}: {what} is {have!r}, the facts say {want!r}")
    return found


Comparison = tuple[str, Any, Any]


def _identity(resource: Resource, facts: dict[str, Any]) -> list[Comparison]:
    keys = facts["keys"]
    webhook = facts.get("webhook_type")
    return [
        ("primary key", resource.primary_key, keys["primary"]),
        ("number", resource.number, keys.get("document_number")),
        ("business keys", list(resource.business_keys), keys.get("business", [])),
        ("external id", resource.external_id, keys.get("external") == "externalId"),
        ("webhook", resource.webhook and resource.webhook.value, webhook),
        ("alias", resource.alias_of, facts.get("alias_of")),
        (
            "selector",
            {key: list(values) for key, values in resource.selector.items()},
            facts.get("selector", {}),
        ),
        ("parent", resource.parent, facts.get("parent") or _owner(facts["list"])),
    ]


def _owner(listed: dict[str, Any] | None) -> str | None:
    """The resource in whose detail path this list lies."""
    for name, facts in FACTS["resources"].items():
        if facts["detail"] and (listed or {}).get("path", "").startswith(
            f"{facts['detail']['path']}/"
        ):
            return name
    return None


def _reading(resource: Resource, facts: dict[str, Any]) -> list[Comparison]:
    listed, detail = facts["list"], facts["detail"]
    embedding = None
    paged = True
    if listed and "preferred" in listed:
        embedding = re.fullmatch(r"embedded in (\S+) \(doc\)", listed["preferred"])[1]
        listed = listed["alternative"]
    elif listed and "envelope" in listed:
        paged = listed["envelope"]["pagination"] is not None
    incremental = facts.get("incremental") or {}
    by_param = bool(incremental.get("param"))
    return [
        *_endpoint("list", resource.list, listed),
        *_endpoint("detail", resource.detail, detail),
        ("addressed_by", resource.addressed_by, detail["keyed_by"] if detail else "id"),
        ("embedding", resource.embedding and resource.embedding.path, embedding),
        ("paged", resource.paged, paged),
        ("replication key", resource.replication_key, incremental["field"] if by_param else None),
        (
            "sources of modifiedSince",
            set(resource.modified_since),
            tags(incremental["source"]) if by_param else set(),
        ),
        ("lines", [resource.lines] if resource.lines else [], facts.get("list_lacks", [])),
    ]


def _endpoint(what: str, have: Endpoint | None, facts: dict[str, Any] | None) -> list[Comparison]:
    if have is None or facts is None:
        return [(what, have, facts)]
    want = tags(facts["source"])
    return [
        (f"path of {what}", have.path, facts["path"]),
        (f"method of {what}", have.method, facts.get("method", "GET")),
        (f"sources of {what}", set(have.sources), want),
        (f"confidence of {what}", have.confidence, max(BEST[tag] for tag in want)),
    ]


def _fields(resource: Resource, facts: dict[str, Any]) -> list[Comparison]:
    names = [field.name for field in resource.fields]
    compared: list[Comparison] = [
        ("set of fields", set(names), set(facts["fields"])),
        ("repeated fields", [name for name in names if names.count(name) > 1], []),
    ]
    for field in resource.fields:
        known = facts["fields"].get(field.name)
        if known is None:
            continue
        kinds = known_kinds(known["recommended"], field.name)
        if field.kind not in kinds:
            compared.append((f"kind of {field.name}", field.kind, kinds))
    return compared


def _filters(resource: Resource, facts: dict[str, Any]) -> list[Comparison]:
    params = (facts["list"] or {}).get("params", ())
    want = {each["name"]: each for each in params if each["name"] not in COMMON_PARAMS}
    have = {each.name: each for each in resource.filters}
    compared: list[Comparison] = [
        ("set of filters", set(have), set(want)),
        ("number of filters", len(resource.filters), len(have)),
    ]
    for name in have.keys() & want.keys():
        compared += [
            (f"what {name} takes", have[name].takes, want[name]["type"]),
            (f"sources of {name}", set(have[name].sources), tags(want[name]["source"])),
        ]
    return compared


def _writing(resource: Resource, facts: dict[str, Any]) -> list[Comparison]:
    linking = facts.get("patch_external_id") or facts.get("patch")
    create, update = facts.get("create"), facts.get("update")
    compared: list[Comparison] = [
        *_write("create", resource.create, create),
        *_write("update", resource.update, update, keys=_keys(create or {})),
        *_write("patch", resource.patch, linking),
        *_all_writes("other write", resource.other_writes, facts.get("other_writes", [])),
    ]
    actions = {each.path: each for each in resource.actions}
    known = {each["path"]: each for each in facts.get("actions", [])}
    compared.append(("actions", set(actions), set(known)))
    for path in actions.keys() & known.keys():
        compared += _endpoint(path, actions[path], known[path])
    if resource.patch and linking and "keyed_by" in linking:
        key = resource.patch.path.rsplit("{", 1)[1].rstrip("}")
        compared.append(("key of patch", key.removeprefix("option_"), linking["keyed_by"]))
    return compared


def _keys(facts: dict[str, Any]) -> set[str]:
    return {*facts.get("body", {}), *facts.get("also", {}), *facts.get("required", [])}


def _write(
    what: str, have: Write | None, facts: dict[str, Any] | None, keys: set[str] | None = None
) -> list[Comparison]:
    compared = _endpoint(what, have, facts)
    if have is None or facts is None:
        return compared
    json_only = facts.get("content_type") == "application/json"
    return [
        *compared,
        (f"keys of {what}", set(have.keys), _keys(facts) or keys or set()),
        (f"lists that {what} replaces", list(have.replaces), facts.get("replaces_lists", [])),
        (f"json of {what}", have.json, json_only),
    ]


def _all_writes(what: str, have: Iterable[Write], facts: list[dict[str, Any]]) -> list[Comparison]:
    by_path = {each.path: each for each in have}
    known = {each["path"]: each for each in facts}
    compared: list[Comparison] = [(f"paths of each {what}", set(by_path), set(known))]
    for path in by_path.keys() & known.keys():
        compared += _write(path, by_path[path], known[path])
    return compared


def test_the_table_is_what_the_facts_say() -> None:
    assert differences(RESOURCES) == []


# The comparison itself: each of these alterations must be noticed.


def altered(name: str, **changes: Any) -> list[Resource]:
    return [
        dataclasses.replace(resource, **changes) if resource.name == name else resource
        for resource in RESOURCES
    ]


def original(name: str) -> Resource:
    return next(resource for resource in RESOURCES if resource.name == name)


INVENTED = Field("neverHeardOf", Kind.TEXT)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_a_lost_or_invented_resource_is_noticed(resource: Resource) -> None:
    without = [each for each in RESOURCES if each is not resource]
    assert differences(without) == [f"{resource.name}: lost"]
    more = [*RESOURCES, dataclasses.replace(resource, name="invented")]
    assert differences(more) == ["invented: unknown to the facts"]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_every_lost_or_invented_field_is_noticed(resource: Resource) -> None:
    for index in range(len(resource.fields)):
        fewer = resource.fields[:index] + resource.fields[index + 1 :]
        assert differences(altered(resource.name, fields=fewer))
    assert differences(altered(resource.name, fields=(*resource.fields, INVENTED)))
    assert differences(altered(resource.name, fields=(*resource.fields, resource.fields[0])))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_every_lost_or_invented_filter_is_noticed(resource: Resource) -> None:
    for index in range(len(resource.filters)):
        fewer = resource.filters[:index] + resource.filters[index + 1 :]
        assert differences(altered(resource.name, filters=fewer))
    more = (*resource.filters, Filter("neverHeardOf", "string", ("doc",)))
    assert differences(altered(resource.name, filters=more))


ALTERATIONS: dict[str, Callable[[], list[Resource]]] = {
    "kind of a field": lambda: altered(
        "taxes", fields=(*original("taxes").fields[:-1], Field("isWithholdingTax", Kind.NUMBER))
    ),
    "list path": lambda: altered("taxes", list=Endpoint("/tax", ("doc", "prod"))),
    "list gone": lambda: altered("taxes", list=None),
    "better source than there is": lambda: altered("units", list=Endpoint("/units", ("doc",))),
    "detail path": lambda: altered("items", detail=Endpoint("/items/{idn}", ("doc", "3rd:sdk"))),
    "detail invented": lambda: altered("taxes", detail=Endpoint("/taxes/{id}", ("guess",))),
    "addressed by id": lambda: altered("invoices", addressed_by="id"),
    "number": lambda: altered("invoices", number=None),
    "primary key": lambda: altered("items", primary_key="sku"),
    "business keys": lambda: altered("items", business_keys=()),
    "external id": lambda: altered("items", external_id=False),
    "replication key": lambda: altered("items", replication_key=None),
    "modifiedSince trusted": lambda: altered("receipts", modified_since=("doc",)),
    "lines": lambda: altered("invoices", lines=None),
    "paged": lambda: altered("legal_entities", paged=True),
    "webhook": lambda: altered("invoices", webhook=enums.WebhookType.RECEIPT),
    "webhook gone": lambda: altered("warehouse_requests", webhook=None),
    "alias": lambda: altered("credit_notes", alias_of=None),
    "selector": lambda: altered("credit_notes", selector={"logicType[]": (1,)}),
    "parent": lambda: altered("item_custom_field_options", parent="suppliers"),
    "parent of a path gone": lambda: altered("warehouse_items", parent=None),
    "embedding": lambda: altered("item_custom_field_options", embedding=None),
    "create gone": lambda: altered("payments", create=None),
    "create invented": lambda: altered("invoices", create=Write("/invoices", ("doc",))),
    "create key lost": lambda: altered(
        "payments",
        create=dataclasses.replace(original("payments").create, keys=("invoice[id]",)),
    ),
    "create as a form": lambda: altered(
        "receipts", create=dataclasses.replace(original("receipts").create, json=False)
    ),
    "PUT of payments": lambda: altered(
        "payments", update=Write("/payments/{idn}", ("guess",), method="PUT")
    ),
    "replaced lists": lambda: altered(
        "suppliers", update=dataclasses.replace(original("suppliers").update, replaces=())
    ),
    "PATCH by id": lambda: altered(
        "invoices", patch=dataclasses.replace(original("invoices").patch, path="/invoices/{id}")
    ),
    "PATCH without the log": lambda: altered(
        "invoices", patch=dataclasses.replace(original("invoices").patch, keys=("externalId",))
    ),
    "method": lambda: altered(
        "invoices", patch=dataclasses.replace(original("invoices").patch, method="PUT")
    ),
    "action lost": lambda: altered("invoices", actions=original("invoices").actions[1:]),
    "other write lost": lambda: altered("suppliers", other_writes=()),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS)
def test_every_other_alteration_is_noticed(alter: Callable[[], list[Resource]]) -> None:
    assert differences(alter())


@pytest.mark.parametrize(
    ("types", "name", "kinds"),
    [
        (["boolean", "null"], "enable", {Kind.FLAG}),
        (["number", "string", "null"], "sum", {Kind.NUMBER, Kind.INTEGER}),
        (["number", "string", "null"], "externalId", {Kind.TEXT}),
        (["string", "null"], "payDate", {Kind.MOMENT}),
        (["string", "null"], "name", {Kind.TEXT}),
        (["object", "array", "null"], "budget", {Kind.OBJECT, Kind.ARRAY}),
        (["object", "null"], "contacts", {Kind.ARRAY}),
        (["integer"], "id", {Kind.ID}),
    ],
)
def test_types_allow_only_kinds_that_can_read_them(
    types: list[str], name: str, kinds: set[Kind]
) -> None:
    assert known_kinds(types, name) == kinds


# What the table promises beyond the facts.


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_every_resource_is_told_in_one_sentence(resource: Resource) -> None:
    assert re.fullmatch(r"[A-Z](?:[^.!?\n]|[.](?! ))*\.", resource.about)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_general_fields_are_only_what_documents_carry(resource: Resource) -> None:
    general = {field.name for field in resource.general_fields}
    assert general <= GENERAL
    assert not general & {field.name for field in resource.fields}
    assert resource.lines or not general
    assert not resource.lines or resource.lines in resource.by_name


def test_names_are_unique() -> None:
    names = [resource.name for resource in RESOURCES]
    assert len(names) == len(set(names))


def test_parents_and_originals_come_before_what_depends_on_them() -> None:
    seen: set[str] = set()
    for resource in RESOURCES:
        assert {resource.parent, resource.alias_of} - {None} <= seen
        seen.add(resource.name)


def test_options_are_embedded_in_the_detail_of_their_parent() -> None:
    for resource in RESOURCES:
        if resource.embedding:
            parent = original(resource.parent)
            assert resource.embedding is parent.detail
            assert parent.by_name[resource.embedded_in].kind is Kind.ARRAY


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_keys_of_a_resource_are_fields_of_it(resource: Resource) -> None:
    keys = {resource.primary_key, resource.number, resource.replication_key}
    keys |= set(resource.business_keys) | ({"externalId"} if resource.external_id else set())
    assert keys - {None} <= set(resource.by_name)
    assert resource.by_name[resource.primary_key].kind is Kind.ID


def test_external_ids_can_be_looked_up_exactly_where_the_documentation_says() -> None:
    findable = {each.name for each in RESOURCES if each.findable and not each.alias_of}
    assert findable == set(FACTS["external_id_filter_entities"]["values"])


def test_bank_details_are_private() -> None:
    telling = re.compile(
        r"account(Number|Holder)|bank|swift|sortCode|iban|indianFinancial", re.IGNORECASE
    )
    for resource in RESOURCES:
        told = {field.name for field in resource.fields if telling.search(field.name)}
        assert told <= resource.private_fields


def test_confidence_is_that_of_the_path_that_is_read() -> None:
    assert original("suppliers").confidence is Confidence.OFFICIAL
    assert original("expenses").confidence is Confidence.PRODUCTION
    assert original("units").confidence is Confidence.THIRD_PARTY
    assert original("categories").confidence is Confidence.GUESS
    assert original("item_custom_field_options").confidence is Confidence.OFFICIAL
    assert original("expense_payments").confidence is Confidence.GUESS


@pytest.mark.parametrize(
    ("resource", "word"),
    [("payment_terms", "paymentterms"), ("attachments", "attachments/{id}")],
)
def test_a_resource_knows_the_word_of_its_path(resource: str, word: str) -> None:
    assert original(resource).path_name == word


def test_filters_are_found_with_and_without_brackets() -> None:
    invoices = original("invoices")
    assert invoices.filter("logicType") is invoices.filter("logicType[]")
    assert invoices.filter("logicType").name == "logicType[]"
    assert invoices.filter("logicTypes") is None


# Enumerations


def words(enum: Any) -> dict[str, str]:
    return {str(each.value): each.name.lower() for each in enum}


def spoken(facts: dict[str, Any]) -> dict[str, str]:
    return {key: text.replace(" ", "_") for key, text in facts.items() if key != "source"}


@pytest.mark.parametrize(
    ("enum", "facts"),
    [
        (enums.DocumentStatus, FACTS["enums"]["invoice_status"]),
        (enums.SupplierStatus, FACTS["enums"]["supplier_status"]),
        (enums.IntegrationStatus, FACTS["enums"]["integration_status"]),
        (enums.AttachmentType, FACTS["enums"]["attachment_object_type"]),
        (enums.WebhookType, FACTS["webhooks"]["types"]),
        (enums.WebhookAction, FACTS["webhooks"]["actions"]),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_enumerations_are_those_of_the_facts(enum: Any, facts: dict[str, Any]) -> None:
    for number, word in words(enum).items():
        assert spoken(facts)[number] in (word, word.removesuffix("_for_connector"))
    assert words(enum).keys() == spoken(facts).keys()


def test_logic_types_are_those_of_the_facts() -> None:
    known = FACTS["enums"]["logic_type"]
    assert list(enums.LogicType.credit_notes()) == known["invoices"]["credit_notes"]
    assert known["payments"]["ordinary"] == enums.LogicType.ORDINARY


def test_addresses_and_page_sizes_are_those_of_the_facts() -> None:
    api = FACTS["api"]
    assert set(REGIONS.values()) == {
        api["base_urls"]["international"],
        api["base_urls"]["us"],
    }
    assert list(PAGE_SIZES) == api["pagination"]["per_page_allowed"]
