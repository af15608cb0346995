"""What changed between a creation whose end nobody knows and the run that looks for it."""

from __future__ import annotations

import pytest
from precoro_api import RESOURCES
from precoro_sandbox import Fault
from target_precoro.records.form_keys import form_keys
from target_precoro.records.routes import MATCH_ON
from target_precoro.records.upsert import Create
from target_precoro.writes.lost_posts import LostPosts

FIELD = {"custom_field_id": 100001}
OPTIONS = "item_custom_field_options"

CHANGES = [
    ("suppliers", {"name": "Firm", "city": "A"}, {"city": "B"}),
    ("suppliers", {"name": "Firm", "city": "A"}, {"name": "Firm & Sons"}),
    ("suppliers", {"name": "Firm", "uniqueCode": "F1"}, {"name": "Sons", "uniqueCode": "F2"}),
    ("items", {"name": "Bolt", "sku": "B-1"}, {"name": "Nut", "sku": "N-1"}),
    ("items", {"name": "Bolt"}, {"name": "Nut"}),
    ("locations", {"name": "Kyiv", "uniqueCode": "KY"}, {"name": "Lviv", "uniqueCode": "LV"}),
    ("taxes", {"name": "VAT", "percent": 19}, {"name": "Tax", "percent": 20}),
    ("payment_terms", {"name": "net 30", "creditPeriodDays": 30}, {"name": "net 10"}),
    (OPTIONS, {"name": "Rent", "code": "1", **FIELD}, {"name": "Lease", "code": "2"}),
]


@pytest.fixture
def lose(serve, load, tmp_path):
    """Load a record, and lose the answer to its POST and all that would tell; how to go on."""

    def start(resource, record, **settings):
        sandbox = serve(switches={"external_id_on_create": "nowhere"})
        settings = {
            "journal_path": str(tmp_path / "journal.sqlite3"),
            "match_on": {resource: []},  # a name that happens to be there hides nothing
            **settings,
        }
        if resource == OPTIONS:
            sandbox.store.add("item_custom_fields", {"name": "Account"})
        given = [{"externalId": "X-1", **record}]

        def go_on(news, *, lost=False, looks=1):
            """Load it once more; of a `lost` run the first so many looks are answered."""
            if lost:
                sandbox.faults.add(Fault("lost", method="POST"))
                path = "/itemcustomfields" if resource == OPTIONS else ""
                sandbox.faults.add(Fault("500", times=99, method="GET", path=path, skip=looks))
            run = load(sandbox, resource, [{**given[0], **news}], **settings)
            sandbox.faults.clear()
            assert run.code == lost
            assert len(sandbox.store.rows(resource)) == 1
            return run

        go_on({}, lost=True)
        return sandbox, go_on

    return start


@pytest.mark.parametrize(("resource", "record", "news"), CHANGES)
def test_what_the_source_says_now_is_written_once(lose, resource, record, news):
    sandbox, go_on = lose(resource, record)
    run = go_on(news)
    (row,) = sandbox.store.rows(resource).values()
    assert {name: row[name] for name in news} == news
    assert row["externalId"] == "X-1"
    assert run.tally == {resource: {"linked": 1}}
    again = go_on(news)
    assert again.tally == {resource: {"unchanged": 1}}
    assert set(again.requests) == {"GET"}


def test_what_people_changed_is_set_right(lose):
    sandbox, go_on = lose("suppliers", {"name": "Firm", "city": "A"})
    (row,) = sandbox.store.rows("suppliers").values()
    sandbox.store.change("suppliers", row, {"city": "Meddled", "note": "by hand"})
    go_on({})
    assert (row["city"], row["note"], row["externalId"]) == ("A", "by hand", "X-1")


def test_each_of_several_creations_may_be_the_one_that_happened(lose):
    """The second was sent as the first was not to be found; and its end is unknown, too."""
    sandbox, go_on = lose("suppliers", {"name": "Firm", "city": "A"})
    rows = sandbox.store.rows("suppliers")
    rows.clear()  # as if the first had never arrived
    go_on({"name": "Second"}, lost=True, looks=2)
    (row,) = rows.values()
    assert row["name"] == "Second"
    go_on({"name": "Third"})
    assert (row["name"], row["city"], row["externalId"]) == ("Third", "A", "X-1")


def test_a_stream_that_only_inserts_links_what_it_made_and_leaves_it(lose):
    sandbox, go_on = lose("suppliers", {"name": "Firm", "city": "A"}, modes={"suppliers": "insert"})
    go_on({"city": "B"})
    (row,) = sandbox.store.rows("suppliers").values()
    assert (row["city"], row["externalId"]) == ("A", "X-1")


CREATED = [each for each in RESOURCES if each.create]


@pytest.mark.parametrize("resource", CREATED, ids=[each.name for each in CREATED])
def test_nothing_private_is_kept_of_a_creation(resource):
    lost = LostPosts(None, resource, MATCH_ON.get(resource.name, ()))
    form = {key.key: f"value of {key.name}" for key in form_keys(resource).values()}
    kept = lost.known_by(Create("X-1", form))
    private = {known.name for known in resource.fields if known.private}
    shown = {key.key: key.shown_as for key in form_keys(resource).values()}
    assert kept.items() <= form.items()
    assert not private & {shown[name] for name in kept}
    hidden = {name: form[name] for name in form if shown[name] in private}
    assert lost.known_by(Create("X-1", hidden)) == {}
