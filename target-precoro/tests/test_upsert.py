"""The decisions, pure: what equals what, what is refused, and that a plan carried out is enough."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from precoro_api import BY_NAME, SettingsError
from precoro_api.encoding import encode_form
from precoro_api.fields import Kind
from precoro_sandbox.forms import decode_form
from target_precoro.records import upsert
from target_precoro.records.equality import says
from target_precoro.records.form_keys import form_keys, path_keys
from target_precoro.records.routes import ACCEPTED, MATCH_ON, Route, route_of
from target_precoro.records.upsert import (
    Create,
    Found,
    Link,
    Refused,
    Skipped,
    Unchanged,
    Update,
    plan,
)
from target_precoro.records.wanted import Reference, wanted_of

SUPPLIERS, ITEMS, TERMS = (BY_NAME[name] for name in ("suppliers", "items", "payment_terms"))


def decide(resource, record, *rows, by="externalId", **settings):
    route = route_of(resource.name, settings)
    wanted = resolved(resource, wanted_of(route, record))
    return plan(route, wanted, Found(rows, by))


def resolved(resource, wanted):
    """The record with each reference as the id that it names."""

    def plain(value):
        if isinstance(value, list):
            return [plain(each) for each in value]
        return value.value if isinstance(value, Reference) else value

    names = {key.stem: key.param for key in path_keys(resource)}
    return dataclasses.replace(
        wanted,
        values={name: plain(value) for name, value in wanted.values.items()},
        place={names[stem]: plain(value) for stem, value in wanted.place.items()},
    )


def row(**values):
    return {"id": 7, "externalId": "V-1", **values}


@pytest.mark.parametrize(
    ("resource", "name", "old", "new"),
    [
        (ITEMS, "price", 12.5, "12.50"),
        (ITEMS, "price", "12.50", 12.5),
        (ITEMS, "price", Decimal("0.10"), "0.1"),
        (ITEMS, "freeOfCharge", True, 1),
        (ITEMS, "freeOfCharge", False, "false"),
        (TERMS, "creditPeriodDays", "30", 30),
        (SUPPLIERS, "name", "Acme", "Acme  "),
        (SUPPLIERS, "city", None, ""),
        (SUPPLIERS, "city", [], ""),
        (SUPPLIERS, "postalCode", 10115, "10115"),
        (SUPPLIERS, "currencies", ["EUR", "USD"], ["USD", "EUR"]),
        (SUPPLIERS, "currencies", ["EUR", "USD"], ["EUR"]),
        (SUPPLIERS, "currencies", {"data": ["EUR"]}, "EUR"),
        (ITEMS, "category", {"id": 5, "name": "x"}, {"id": "5"}),
        (ITEMS, "category", {"data": {"id": 5}}, 5),
    ],
    ids=str,
)
def test_equal_as_the_api_sees_it(resource, name, old, new):
    decision = decide(resource, {"externalId": "V-1", name: new}, row(**{name: old}))
    assert isinstance(decision, Unchanged)


@pytest.mark.parametrize(
    ("resource", "name", "old", "new", "key", "sent"),
    [
        (ITEMS, "price", 12.5, "12.51", "price", Decimal("12.51")),
        (SUPPLIERS, "name", "Acme", "acme", "name", "acme"),
        (SUPPLIERS, "city", "Kyiv", "", "city", ""),
        (SUPPLIERS, "currencies", ["USD", "EUR"], ["GBP"], "currencies[]", ["USD", "EUR", "GBP"]),
        (SUPPLIERS, "currencies", [], ["GBP"], "currencies[]", ["GBP"]),
        (ITEMS, "category", {"id": 5}, {"id": 6}, "category[id]", "6"),
        (ITEMS, "category", [], 6, "category[id]", "6"),
    ],
    ids=str,
)
def test_different_as_the_api_sees_it(resource, name, old, new, key, sent):
    decision = decide(resource, {"externalId": "V-1", name: new}, row(**{name: old}))
    assert isinstance(decision, Update)
    assert decision.form == {key: sent}
    assert decision.changes[key].old == old


def test_a_list_is_merged_and_loses_nothing():
    record = {"externalId": "V-1", "supplierLegalEntityIds": [2, 3]}
    shown = row(supplierLegalEntities=[{"id": 1}, {"legalEntity": {"id": 2}}])
    decision = decide(SUPPLIERS, record, shown)
    assert isinstance(decision, Update)
    assert decision.form == {"supplierLegalEntityIds[]": ["1", "2", "3"]}
    assert decide(SUPPLIERS, record, shown, lists="replace").form == {
        "supplierLegalEntityIds[]": ["2", "3"]
    }


def test_a_null_clears_where_the_rules_say_so():
    record = {"externalId": "V-1", "city": None, "note": None, "currencies": None}
    shown = row(city="Kyiv", note="n", currencies=["USD"])
    cleared = decide(SUPPLIERS, record, shown, nulls={"suppliers": {"city": "clear"}})
    assert cleared.form == {"city": None}
    everything = decide(SUPPLIERS, record, shown, nulls="clear", lists="replace")
    assert everything.form == {"city": None, "note": None, "currencies[]": [""]}


def test_what_was_found_by_other_fields_is_linked():
    decision = decide(SUPPLIERS, {"externalId": "V-1", "name": "Acme"}, {"id": 7, "name": "Acme"})
    assert isinstance(decision, Link)
    assert decision.form == {"externalId": "V-1"}


def test_what_is_linked_to_another_record_is_not_taken_from_it():
    linked = {"id": 7, "name": "Acme", "externalId": "V-9"}
    decision = decide(SUPPLIERS, {"externalId": "V-1", "name": "Acme"}, linked, by="name")
    assert isinstance(decision, Refused)
    assert "found by name (id 7)" in decision.reason


@pytest.mark.parametrize(
    ("mode", "rows", "kind"),
    [
        ("update", (), Skipped),
        ("link", (), Skipped),
        ("insert", (), Create),
        ("insert", ({"id": 7, "externalId": "V-1", "name": "old"},), Unchanged),
        ("link", ({"id": 7, "externalId": None, "name": "old"},), Link),
        ("update", ({"id": 7, "externalId": "V-1", "name": "old"},), Update),
    ],
)
def test_modes_bound_what_may_be_done(mode, rows, kind):
    record = {"externalId": "V-1", "name": "new"}
    assert type(decide(SUPPLIERS, record, *rows, modes=mode)) is kind


@pytest.mark.parametrize("record", [{}, {"name": None}], ids=["missing", "null"])
def test_a_missing_field_and_a_null_are_left_alone(record):
    shown = row(name="Acme", city="Kyiv")
    assert isinstance(decide(SUPPLIERS, {"externalId": "V-1", **record}, shown), Unchanged)


def test_nothing_found_is_created_with_the_forms_own_keys():
    record = {"externalId": "I-1", "name": "Bolt", "category": {"id": 3}, "freeOfCharge": False}
    decision = decide(ITEMS, record)
    assert decision == Create("I-1", {"name": "Bolt", "category[id]": "3", "freeOfCharge": False})


@pytest.mark.parametrize(
    ("resource", "record", "rows", "words"),
    [
        (SUPPLIERS, {"city": "Kyiv"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "", "city": "Kyiv"}, (), "no external id"),
        (SUPPLIERS, {"externalId": "V-1"}, (row(), row(id=8)), "ids 7, 8"),
        (
            BY_NAME["legal_entities"],
            {"externalId": "L-1", "name": "x"},
            (),
            "does not offer to create",
        ),
        (ITEMS, {"externalId": "I-1", "price": "cheap"}, (), "price"),
        (ITEMS, {"externalId": "I-1", "category": "Tools"}, (), "category"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_written_is_refused_with_the_reason(resource, record, rows, words):
    decision = decide(resource, record, *rows)
    assert isinstance(decision, Refused)
    assert words in decision.reason


def test_a_private_value_is_not_in_the_reason():
    decision = decide(SUPPLIERS, {"externalId": "V-1", "phone": ["+1 555 0100"]})
    assert isinstance(decision, Refused)
    assert "0100" not in decision.reason


def test_the_records_own_id_is_never_taken_for_precoros():
    route = route_of("suppliers", {})
    wanted = wanted_of(route, {"externalId": "V-1", "id": 4711, "idn": "5"})
    assert not wanted.values
    assert not wanted.unknown


@pytest.mark.parametrize(
    ("given", "by", "value"),
    [
        ({"supplier[id]": 5}, "id", "5"),
        ({"supplier": 5}, "id", "5"),
        ({"supplier_id": "5.0"}, "id", "5"),
        ({"supplier": {"id": 5, "name": "x"}}, "id", "5"),
        ({"supplier": {"data": {"id": 5}}}, "id", "5"),
        ({"supplier": {"externalId": "V-7"}}, "externalId", "V-7"),
        ({"supplier_external_id": "V-7"}, "externalId", "V-7"),
        ({"supplierExternalId": 7}, "externalId", "7"),
        ({"supplier_name": "Acme", "supplier_external_id": "V-7"}, "externalId", "V-7"),
    ],
    ids=str,
)
def test_references_may_be_nested_flat_and_bracketed(given, by, value):
    wanted = wanted_of(route_of("items", {}), {"externalId": "1", **given})
    assert wanted.values == {"supplier": Reference("suppliers", by, value)}
    assert not wanted.unknown


@pytest.mark.parametrize(
    ("stream", "given", "reference"),
    [
        ("itemcustomfields", {"custom_field_id": "17"}, ("item_custom_fields", "id", "17")),
        ("itemcustomfields", {"fieldId": 17}, ("item_custom_fields", "id", "17")),
        ("itemcustomfields", {"field": {"id": 17}}, ("item_custom_fields", "id", "17")),
        ("receipts", {"purchase_order_idn": 5}, ("purchase_orders", "idn", "5")),
        ("receipts", {"purchaseOrder": {"idn": "5"}}, ("purchase_orders", "idn", "5")),
    ],
    ids=str,
)
def test_a_record_names_the_place_that_it_goes_to(stream, given, reference):
    wanted = wanted_of(route_of(stream, {}), {"externalId": "1", **given})
    assert list(wanted.place.values()) == [Reference(*reference)]
    assert not wanted.unknown


def test_unknown_fields_are_named():
    record = {"externalId": "1", "colour": "red", "_sdc_x": 1}
    assert wanted_of(route_of("suppliers", {}), record).unknown == {"colour"}


def test_defaults_and_maps_come_before_all_else():
    settings = {
        "field_map": {"vendors": {"VendorName": "name"}},
        "defaults": {"vendors": {"city": "Kyiv", "note": "x"}},
        "default_values": [{"stream": "suppliers", "field": "country", "value": "DE"}],
        "stream_resources": {"vendors": "suppliers"},
    }
    record = {"externalId": "1", "VendorName": "Acme", "city": "", "note": "own"}
    values = wanted_of(route_of("vendors", settings), record).values
    assert values == {"name": "Acme", "city": "Kyiv", "note": "own", "country": "DE"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"modes": "upsrt"}, "nearest is upsert"),
        ({"nulls": {"suppliers": {"city": "empty"}}}, "nulls"),
        ({"field_map": {"suppliers": {"x": "nmae"}}}, "nearest is name"),
        ({"match_on": {"suppliers": ["uniqCode"]}}, "nearest is uniqueCode"),
        (
            {
                "default_values": [
                    {"stream": "suppliers", "field": "a", "value": "x", "type": "int"}
                ]
            },
            "int",
        ),
        ({"lists": "{"}, "JSON"),
    ],
    ids=str,
)
def test_rules_that_cannot_be_are_named(settings, words):
    with pytest.raises(SettingsError, match=words):
        route_of("suppliers", settings)


# Properties: a model of the API, which shares nothing with the code that is judged


def chars(longest):
    """Texts as people type them: no control characters, which no form carries as they are."""
    return st.text(
        st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=longest
    )


IDS = st.integers(1, 999) | st.integers(1, 999).map(str)
VALUES = {
    Kind.TEXT: chars(20) | st.integers(0, 99999) | st.just(""),
    Kind.NUMBER: st.decimals(0, 10**6, places=2)
    | st.decimals(0, 10**6, places=2).map(str)
    | st.integers(0, 10**6)
    | st.floats(0, 10**6, width=32),
    Kind.INTEGER: st.integers(0, 400) | st.integers(0, 400).map(str),
    Kind.FLAG: st.booleans() | st.sampled_from([0, 1, "true", "false", "True", "FALSE", " 1"]),
    Kind.MOMENT: st.dates().map(lambda day: day.isoformat())
    | st.dates().map(lambda day: f"{day.day}.{day.month}.{day.year:04}")
    | st.integers(0, 2**31).map(lambda n: datetime.fromtimestamp(n, timezone.utc).isoformat()),
}
PLACE = {"parent": "custom_field_id", "purchase_order": "purchase_order_idn"}


def values_of(resource, key):
    if key.is_list:
        items = IDS if key.refers else st.sampled_from(["USD", "EUR", "GBP", "UAH"])
        return st.lists(items, max_size=4)
    if key.is_reference:
        return IDS | IDS.map(lambda one: {"id": one})
    known = resource.by_name.get(key.shown_as)
    return VALUES.get(known.kind if known else Kind.TEXT)


def name_in(key):
    """The name under which a record brings it; `id` is a record's own."""
    return key.shown_as if key.name == "id" else key.name


def records(resource, *, new=False):
    """Records of a stream, each with some of the fields, some of them null."""
    chosen = {}
    for key in form_keys(resource).values():
        found = values_of(resource, key)
        # The inside of some lists is unknown; the log of a document is not of its creation.
        if found is not None and (key.creates or not new):
            chosen[name_in(key)] = found | st.none()
    fixed = {"externalId": st.just("X-1")}
    fixed |= {PLACE[key.stem]: st.just(5) for key in path_keys(resource) if key.stem in PLACE}
    if path_keys(resource) and resource.parent:
        fixed["custom_field_id"] = st.just(501)
    return st.fixed_dictionaries(fixed, optional=chosen)


def typed(kind, text):
    """A value of a form as this API shows it afterwards."""
    if text == "":
        return None
    if kind in (Kind.NUMBER, Kind.INTEGER):
        return float(text) if kind is Kind.NUMBER else int(text)
    if kind is Kind.FLAG:
        return {"true": True, "1": True, "false": False, "0": False}[text]
    return text


def carried_out(resource, step):
    """The row that the API has after a step: lists replaced, references shown as objects."""
    form = {name: value for name, value in step.form.items() if name != "externalId"}
    row = dict(step.row) if isinstance(step, Update) else empty_row(resource)
    row["externalId"] = "X-1"
    sent = decode_form(encode_form(form))
    for key in form_keys(resource).values():
        if key.key not in form:
            continue
        given = sent[key.name]
        if key.is_list:
            items = [item for item in given if item]
            row[key.shown_as] = [{"id": int(item)} for item in items] if key.refers else items
        elif key.is_reference:
            inner = given["id"] if isinstance(given, dict) else given
            row[key.shown_as] = {"id": int(inner)} if inner else []
        else:
            known = resource.by_name.get(key.shown_as)
            row[key.shown_as] = typed(known.kind if known else Kind.TEXT, given)
    return row


def empty_row(resource):
    row = {"id": 1, "externalId": None}
    for key in form_keys(resource).values():
        row[key.shown_as] = [] if key.is_list or key.is_reference else None
    return row


def plainly(value):
    """A value for a comparison that owes nothing to the code that is judged."""
    if isinstance(value, dict):
        value = value["id"]
    text = "" if value in (None, [], {}) else str(value).strip()
    text = {"true": "1", "false": "0"}.get(text.lower(), text)
    if dotted := re.fullmatch(r"(\d+)\.(\d+)\.(\d{4})", text):
        text = f"{dotted[3]}-{int(dotted[2]):02}-{int(dotted[1]):02}"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number.normalize() if number.is_finite() else text


def holds(name, data, *, nulls="keep", lists="merge"):
    """The property: a plan carried out does what the rules say, all of it and nothing else."""
    resource = BY_NAME[name]
    rules = {"nulls": nulls, "lists": lists}
    row = empty_row(resource)
    for _ in range(3):
        new = row["externalId"] is None and resource.create is not None
        record = data.draw(records(resource, new=new))
        step = decide(resource, record, *(() if new else (row,)), **rules)
        if (
            new
            and resource.patch is None
            and not any(record.get(each) not in (None, "") for each in MATCH_ON[name])
        ):
            assert isinstance(step, Refused)  # it could never be found again
            continue
        assert isinstance(step, Create | Update | Unchanged)
        after = row if isinstance(step, Unchanged) else carried_out(resource, step)
        assert isinstance(decide(resource, record, after, **rules), Unchanged)
        for key in form_keys(resource).values():
            linked_with = resource.patch is not None and key.key in resource.patch.keys
            takes = key.updates
            if isinstance(step, Create):
                takes = key.creates or linked_with
            judge(key, record, row, after, takes=takes, nulls=nulls, lists=lists)
        row = after


def judge(key, record, before, after, *, takes, nulls, lists):
    """Whether one field ended as the rules say."""
    name = name_in(key)
    old, new = before[key.shown_as], after[key.shown_as]
    if name not in record or not takes or (record[name] is None and nulls == "keep"):
        assert new == old
    elif record[name] is None:
        assert plainly(new) == ""
    elif key.is_list:
        had, has, asked = ({plainly(one) for one in many} for many in (old, new, record[name]))
        assert has == (asked if lists == "replace" else had | asked)
    else:
        assert plainly(new) == plainly(record[name])


WITH_LISTS = [n for n in ACCEPTED if any(k.is_list for k in form_keys(BY_NAME[n]).values())]


@pytest.mark.parametrize(
    ("name", "nulls", "lists"),
    [(n, nulls, "merge") for n in ACCEPTED if n != "payments" for nulls in ("keep", "clear")]
    + [(n, nulls, "replace") for n in WITH_LISTS for nulls in ("keep", "clear")],
)
def test_after_a_plan_is_carried_out_nothing_is_left_to_do(name, nulls, lists):
    @settings(max_examples=50, database=None, deadline=None)
    @given(data=st.data())
    def always(data):
        holds(name, data, nulls=nulls, lists=lists)

    always()


@pytest.mark.parametrize("name", [n for n in ACCEPTED if BY_NAME[n].patch and n != "payments"])
@given(data=st.data())
def test_a_link_carried_out_is_enough(name, data):
    resource = BY_NAME[name]
    record = data.draw(records(resource))
    linked = decide(resource, record, empty_row(resource), modes="link")
    assert isinstance(linked, Link)
    assert linked.form == {"externalId": "X-1"}
    row = carried_out(resource, linked)
    assert isinstance(decide(resource, record, row, modes="link"), Unchanged)
    assert isinstance(decide(resource, record, row, modes="insert"), Unchanged)


BUGS = {
    "numbers compared as text": (
        upsert,
        "says",
        lambda resource, key, old, wanted, **more: (
            str(old) == str(wanted)
            if key.shown_as in ("price", "percent")
            else says(resource, key, old, wanted, **more)
        ),
    ),
    "lists replaced, not merged": (
        upsert,
        "merged",
        lambda _, __, wanted, **___: [str(each) for each in wanted or [""]],
    ),
    "a null taken for clear": (Route, "clears", lambda *_: True),
    "changes forgotten": (upsert, "says", lambda *_, **__: True),
    "a flag sent as it came": (upsert, "sent", lambda _, __, value: value),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_properties_catch_bugs_that_are_put_in(monkeypatch, bug):
    monkeypatch.setattr(*BUGS[bug])

    @settings(max_examples=2000, database=None, phases=[Phase.generate], deadline=None)
    @given(data=st.data())
    def caught(data):
        holds(data.draw(st.sampled_from(["suppliers", "items"])), data)

    with pytest.raises((AssertionError, KeyError)):
        caught()
