"""What is taken for a file, and what is not: JSON, pages, nothing; and the name it brings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import errors
from precoro_api.download import TooLarge, link_in

from .downloaded_files import FILE, JSON, PDF, Place, fetch, told

Make = "Callable[..., Any]"


@pytest.mark.parametrize(
    ("head", "body", "name"),
    [
        ({"Content-Disposition": "attachment"}, b'{"id": 7, "link": "https://a.example"}', None),
        ({}, b'{"id": 8, "link": "https://a.example"}', None),
        ({}, b'{"lines": [1, 2]}', None),
        ({}, b'{"note": "https"}', "a.txt"),
        ({}, b"[1]", None),
        ({}, b'"text"', None),
        ({}, b'{"url": "https://a.example"}', "a.JSON"),
        ({}, b"{cut", "a.json"),
        ({}, b'"' + b"a" * 2_000_000 + b'"', None),
        ({}, b'{"link": "https://a.example", "x": "' + b"a" * 1_100_000 + b'"}', None),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_json_may_be_the_file(
    odd_server: Make, client_of: Make, head: dict[str, str], body: bytes, name: str | None
) -> None:
    place = Place()
    server = odd_server([(200, {**JSON, **head}, body)])
    arrived = fetch(client_of(server.url), place, name=name, most=3_000_000)
    assert place.content == body
    assert (arrived.size, arrived.content_type) == (len(body), "application/json")


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text/html; charset=utf-8", b"<html>Maintenance</html>", "an HTML page came instead"),
        ("application/xhtml+xml", b"<html/>", "an HTML page came instead"),
        ("application/pdf", b"", "nothing came instead of the file"),
        ("application/json", b"", "is called JSON, and is none"),
        ("application/json", b"%PDF", "is called JSON, and is none"),
        ("application/json", b"[" * 100_000, "is called JSON, and is none"),
        ("application/json", b'{"id": 7, "name": "a"}', r"has no link \(id, name\)"),
    ],
)
@pytest.mark.parametrize("name", [None, "scan.pdf"])
def test_what_is_no_file_is_not_taken_for_one(
    odd_server: Make, client_of: Make, place: Place, kind: str, body: bytes, said: str,
    name: str | None,
) -> None:  # fmt: skip
    server = odd_server([(200, {"Content-Type": kind}, body)])
    with pytest.raises(errors.UnexpectedAnswer, match=f"^attachments 7: .*{said}"):
        fetch(client_of(server.url), place, name=name)
    assert len(server.asked) == 1  # the budget is not spent on asking the same again
    assert place.opened == 0


def test_a_page_where_a_link_leads_is_not_taken_for_the_file(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    files = odd_server([(200, {"Content-Type": "text/html"}, b"<html>Log in</html>")])
    server = odd_server([told(id=7, name="a.pdf", link=files.url)])
    with pytest.raises(errors.UnexpectedAnswer, match="an HTML page came instead"):
        fetch(client_of(server.url), place)


@pytest.mark.parametrize(
    ("head", "name"), [({"Content-Disposition": 'attachment; filename="a"'}, None), ({}, "A.HTM")]
)
def test_a_page_may_be_the_file(
    odd_server: Make, client_of: Make, place: Place, head: dict[str, str], name: str | None
) -> None:
    body = b"<html>An offer</html>"
    server = odd_server([(200, {"Content-Type": "text/html", **head}, body)])
    fetch(client_of(server.url), place, name=name)
    assert place.content == body


def test_a_file_may_be_empty_where_it_is_called_a_file(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    assert fetch(client_of(odd_server([(200, FILE, b"")]).url), place).size == 0
    assert place.opened == 1


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment", None),
        ("", None),
        ('attachment; filename="a scan.pdf"', "a scan.pdf"),
        ("inline; filename=scan.pdf", "scan.pdf"),
        ("attachment; filename*=UTF-8''K%C3%B6ln%20%E2%82%AC.pdf", "Köln €.pdf"),
        ('attachment; filename="Köln.pdf"', "Köln.pdf"),
        ('attachment; filename=""', None),
        (";;;=", None),
    ],
)
def test_a_file_may_bring_its_name(
    odd_server: Make, client_of: Make, place: Place, disposition: str, name: str | None
) -> None:
    server = odd_server([(200, {"Content-Disposition": disposition}, PDF)])
    assert fetch(client_of(server.url), place).name == name


def test_a_file_that_was_packed_on_its_way_is_unpacked(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    import gzip  # noqa: PLC0415

    head = {**FILE, "Content-Encoding": "gzip"}
    client = client_of(odd_server([(200, head, gzip.compress(PDF))]).url)
    assert fetch(client, place).size == len(PDF)
    assert place.content == PDF
    with pytest.raises(TooLarge):
        fetch(client, place, 8, most=len(PDF) - 1)


@given(
    record=st.dictionaries(
        st.sampled_from(["link", "url", "name", "x"]), st.text() | st.integers()
    ),
    named_json=st.booleans(),
)
def test_only_texts_of_the_record_are_links(*, record: dict[str, Any], named_json: bool) -> None:
    link = link_in(record, "7", {"name"}, named_json=named_json)
    assert link is None or link in [record.get(each) for each in ("link", "url", "x")]
    assert link is None or not named_json
