"""Files of documents and suppliers: how records show them, and how their content is served."""

from __future__ import annotations

import pytest
import requests
from precoro_api.resources import BY_NAME, RESOURCES
from precoro_sandbox import Fault, Sandbox

FIELDS = set(BY_NAME["attachments"].by_name)
DOCUMENTS = tuple(each for each in RESOURCES if each.list and each.lines and not each.alias_of)
OWNERS = ("invoices", "purchase_orders", "expenses", "receipts", "suppliers")


def named(resource):
    return resource.name


def owner_of_files(sandbox, name):
    rows = sandbox.store.rows(name).values()
    return next(row for row in rows if row.get("attachments") and "parentData" not in row)


def path_of(name, row):
    resource = BY_NAME[name]
    key = resource.addressed_by
    return resource.detail.path.replace(f"{{{key}}}", str(row[key]))


@pytest.fixture(scope="module")
def demos():
    """The demo company in both positions of both switches."""
    off = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
    running = {}
    for entries, content in (("objects", "binary"), ("ids", "json")):
        moved = {"attachment_entries": entries, "attachments": content}
        running[entries] = running[content] = Sandbox(seed="demo", switches=off | moved).start()
    yield running
    for sandbox in set(running.values()):
        sandbox.stop()


@pytest.mark.parametrize("name", OWNERS)
def test_a_detail_tells_all_about_its_files(demos, ask, name):
    sandbox = demos["objects"]
    row = owner_of_files(sandbox, name)
    shown = ask(sandbox, "GET", path_of(name, row)).json()["attachments"]
    assert [each["id"] for each in shown] == [each["id"] for each in row["attachments"]]
    for each in shown:
        file = sandbox.store.rows("attachments")[each["id"]]
        assert set(each) == FIELDS
        assert (each["name"], each["size"]) == (file["name"], len(file["_content"]))


@pytest.mark.parametrize("name", OWNERS)
def test_a_detail_tells_the_ids_of_its_files(demos, ask, name):
    sandbox = demos["ids"]
    row = owner_of_files(sandbox, name)
    shown = ask(sandbox, "GET", path_of(name, row)).json()["attachments"]
    assert shown == [each["id"] for each in row["attachments"]]


@pytest.mark.parametrize("entries", ["objects", "ids"])
@pytest.mark.parametrize("resource", DOCUMENTS, ids=named)
def test_no_list_of_documents_shows_files(demos, ask, resource, entries):
    rows = ask(demos[entries], "GET", resource.list.path, params={"per_page": 200}).json()["data"]
    assert rows
    assert all("attachments" not in row for row in rows)


@pytest.mark.parametrize("entries", ["objects", "ids"])
def test_a_record_without_files_shows_an_empty_list(demos, ask, entries):
    sandbox = demos[entries]
    rows = sandbox.store.rows("purchase_orders").values()
    row = next(row for row in rows if not row.get("attachments"))
    assert ask(sandbox, "GET", path_of("purchase_orders", row)).json()["attachments"] == []


def test_every_file_of_the_demo_comes_as_it_is(demos, ask):
    sandbox = demos["binary"]
    files = sandbox.store.rows("attachments")
    assert len(files) > 100
    for key, file in files.items():
        answer = ask(sandbox, "GET", f"/attachments/{key}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == "attachment"
        assert answer.content == file["_content"]


def test_every_file_of_the_demo_lies_behind_its_link(demos, ask):
    sandbox = demos["json"]
    for key, file in sandbox.store.rows("attachments").items():
        told = ask(sandbox, "GET", f"/attachments/{key}").json()
        assert set(told) == FIELDS | {"link"}
        assert told["link"] == f"{sandbox.url}/_sandbox/files/{key}"
        assert requests.get(told["link"], timeout=10).content == file["_content"]


def test_a_link_needs_no_key_and_is_not_counted(serve, ask):
    sandbox = serve({"attachments": "json", "minute_limit": 1})
    key = sandbox.store.add("attachments", {"name": "a.txt", "_content": b"abc"})["id"]
    link = ask(sandbox, "GET", f"/attachments/{key}").json()["link"]
    assert [requests.get(link, timeout=10).content for _ in range(3)] == [b"abc"] * 3
    assert len(sandbox.served) == 1


def test_a_file_that_ends_before_its_length(serve, ask):
    sandbox = serve()
    key = sandbox.store.add("attachments", {"name": "a.txt", "_content": b"a" * 1000})["id"]
    sandbox.faults.add(Fault("shortened", path="/attachments"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="500 bytes read"):
        ask(sandbox, "GET", f"/attachments/{key}")
    assert ask(sandbox, "GET", f"/attachments/{key}").content == b"a" * 1000
    assert [each.status for each in sandbox.served] == [200, 200]


def test_a_file_that_nobody_kept_is_told_by_what_its_owner_says(serve, ask):
    sandbox = serve()
    entry = {"id": 5, "name": "lost.pdf"}
    row = sandbox.store.add("invoices", {"attachments": [entry]})
    assert ask(sandbox, "GET", f"/invoices/{row['idn']}").json()["attachments"] == [entry]
