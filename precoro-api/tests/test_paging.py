"""Pages: both dialects, odd metadata, and servers that would never end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import BY_NAME, UnexpectedAnswer
from precoro_api.paging import MAX_PAGE, PAGE_SIZES, page_of

if TYPE_CHECKING:
    from collections.abc import Callable

SUPPLIERS = BY_NAME["suppliers"]
ROW = {"id": 1}


def answer(pagination: Any, rows: Any = (ROW,)) -> dict[str, Any]:
    return {"data": list(rows), "meta": {"pagination": pagination}}


@pytest.mark.parametrize(
    ("pagination", "asked", "has_next"),
    [
        ({"has_next_page": True}, 1, True),
        ({"has_next_page": False}, 1, False),
        ({"has_next_page": True, "current_page": 2, "total_pages": 2}, 2, True),
        ({"has_next_page": False, "current_page": 1, "total_pages": 9}, 1, False),
        ({"current_page": 1, "total_pages": 2}, 1, True),
        ({"current_page": 2, "total_pages": 2}, 2, False),
        ({"current_page": "1", "total_pages": "2"}, 1, True),
        ({"total_pages": 2}, 1, True),
        ({"current_page": 1, "total_pages": 0}, 1, False),
        ({"current_page": 3, "total_pages": 2}, 3, False),
        ({"current_page": 1, "total_pages": None}, 1, False),
        ({"has_next_page": None, "current_page": 1, "total_pages": 2}, 1, True),
        ({"has_next_page": "yes", "total_pages": "many"}, 1, False),
        ({"links": []}, 1, False),
        ({}, 1, False),
        ([], 1, False),
        (None, 1, False),
    ],
    ids=str,
)
def test_a_page_knows_whether_another_follows(
    pagination: Any, asked: int, *, has_next: bool
) -> None:
    assert page_of(answer(pagination), asked).has_next is has_next


@pytest.mark.parametrize("meta", [{}, {"meta": None}, {"meta": []}, {"meta": {}}], ids=str)
def test_an_answer_without_metadata_is_the_only_page(meta: dict[str, Any]) -> None:
    page = page_of({"data": [ROW], **meta}, 1)
    assert (page.rows, page.has_next, page.total) == ((ROW,), False, None)


@pytest.mark.parametrize("pagination", [{"has_next_page": True}, {"total_pages": 9}], ids=str)
def test_an_empty_page_is_the_last_whatever_it_says(pagination: Any) -> None:
    assert not page_of(answer(pagination, []), 1).has_next


@pytest.mark.parametrize("nothing", [[], None, {}, ""], ids=repr)
def test_no_rows_come_in_many_shapes(nothing: Any) -> None:
    assert page_of({"data": nothing}, 1).rows == ()


def test_a_page_tells_its_totals_where_the_api_does() -> None:
    page = page_of(answer({"total": "1003", "total_pages": 6, "current_page": 2}), 2)
    assert (page.number, page.total, page.total_pages) == (2, 1003, 6)
    page = page_of(answer({"has_next_page": True, "total": "unknown"}), 2)
    assert (page.number, page.total, page.total_pages) == (2, None, None)


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ([ROW], "no `data`"),
        ("text", "no `data`"),
        (None, "no `data`"),
        ({"error": "odd"}, "no `data`"),
        ({"data": "text"}, "not a list"),
        ({"data": {"id": 1}}, "not a list"),
        ({"data": [1, 2]}, "not a list of records"),
        ({"data": [ROW, None]}, "not a list of records"),
        (answer({"current_page": 2, "total_pages": 3}), "page 1 was asked, page 2 came"),
    ],
    ids=str,
)
def test_what_is_no_page_is_refused_with_the_reason(odd: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        page_of(odd, 1)


def test_the_page_behind_the_last_may_say_any_number() -> None:
    assert page_of(answer({"current_page": 1, "total_pages": 1}, []), 2).rows == ()


# On the sandbox


@pytest.mark.parametrize("pagination", ["all", "legacy", "new"])
def test_a_thousand_and_three_suppliers_are_six_requests(
    serve: Callable[..., Any], client_of: Callable[..., Any], pagination: str
) -> None:
    sandbox = serve(counts={"suppliers": 1003}, switches={"pagination": pagination})
    pages = list(client_of(sandbox).pages(SUPPLIERS))
    assert [len(page.rows) for page in pages] == [200, 200, 200, 200, 200, 3]
    assert [page.number for page in pages] == [1, 2, 3, 4, 5, 6]
    assert {row["id"] for page in pages for row in page.rows} == set(
        sandbox.store.rows("suppliers")
    )
    assert [served.status for served in sandbox.served] == [200] * 6
    assert pages[0].total == (None if pagination == "new" else 1003)


@pytest.mark.parametrize("pagination", ["all", "legacy", "new"])
@pytest.mark.parametrize(("many", "requests"), [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2)])
def test_no_request_is_made_beyond_the_last_page(
    serve: Callable[..., Any],
    client_of: Callable[..., Any],
    pagination: str,
    many: int,
    requests: int,
) -> None:
    sandbox = serve(switches={"pagination": pagination})
    for number in range(many):
        sandbox.store.add("suppliers", {"name": f"Firm {number}"})
    rows = list(client_of(sandbox, page_size=10).records(SUPPLIERS))
    assert len(rows) == many
    assert len(sandbox.served) == requests


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_every_list_request_asks_for_the_page_size(
    client_of: Callable[..., Any], sandbox: Any, size: int
) -> None:
    rows = list(client_of(sandbox, page_size=size).records(SUPPLIERS))
    assert len(rows) == 25
    queries = [served.query for served in sandbox.served]
    assert queries == [f"page={n}&per_page={size}" for n in range(1, -(-25 // size) + 1)]


def test_the_largest_page_is_asked_for_unless_told_otherwise(client: Any, sandbox: Any) -> None:
    next(client.pages(SUPPLIERS))
    assert sandbox.served[0].query == f"page=1&per_page={MAX_PAGE}"


@pytest.mark.parametrize("size", [0, 1, 30, 201, -10])
def test_a_page_size_that_the_api_does_not_know_is_refused(
    client_of: Callable[..., Any], size: int
) -> None:
    with pytest.raises(ValueError, match="page_size must be one of"):
        client_of("http://127.0.0.1:9", page_size=size)


@pytest.mark.parametrize(("meta", "requests"), [("absent", 1), ("present", 3)])
def test_legal_entities_come_whole_with_and_without_metadata(
    serve: Callable[..., Any], client_of: Callable[..., Any], meta: str, requests: int
) -> None:
    sandbox = serve(switches={"legal_entities_meta": meta})
    for number in range(25):
        sandbox.store.add("legal_entities", {"name": f"Firm {number}"})
    rows = list(client_of(sandbox, page_size=10).records(BY_NAME["legal_entities"]))
    assert len(rows) == 25
    assert len(sandbox.served) == requests


def test_pages_are_asked_for_only_when_they_are_wanted(
    client_of: Callable[..., Any], sandbox: Any
) -> None:
    pages = client_of(sandbox, page_size=10).pages(SUPPLIERS)
    assert sandbox.served == []
    next(pages)
    next(pages)
    assert len(sandbox.served) == 2


# Servers that page badly


def body(value: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


@pytest.mark.parametrize(
    "pagination", [{"has_next_page": True}, {"total_pages": 1000}], ids=["new", "legacy"]
)
def test_a_server_that_repeats_its_page_is_not_asked_for_ever(
    odd_server: Callable[..., Any], client_of: Callable[..., Any], pagination: dict[str, Any]
) -> None:
    server = odd_server([body(answer(pagination))])
    pages = client_of(server.url).pages(SUPPLIERS)
    assert next(pages).rows == (ROW,)
    with pytest.raises(UnexpectedAnswer, match="suppliers: page 2 is page 1 again"):
        next(pages)
    assert len(server.asked) == 3  # page 1 again, which tells it from a list that moved


def test_a_server_that_answers_another_page_is_refused(
    odd_server: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    first = answer({"current_page": 1, "total_pages": 3})
    third = answer({"current_page": 3, "total_pages": 3}, [{"id": 3}])
    server = odd_server([body(first), body(third)])
    pages = client_of(server.url).pages(SUPPLIERS)
    next(pages)
    with pytest.raises(UnexpectedAnswer, match="page 2 was asked, page 3 came"):
        next(pages)


@pytest.mark.parametrize("odd", [[ROW], {"error": 1}, {"data": 7}, "text", None], ids=str)
def test_a_list_that_is_no_page_is_an_unexpected_answer(
    odd_server: Callable[..., Any], client_of: Callable[..., Any], odd: Any
) -> None:
    server = odd_server([body(odd)])
    with pytest.raises(UnexpectedAnswer, match="suppliers: page 1 cannot be read"):
        list(client_of(server.url).pages(SUPPLIERS))
    assert len(server.asked) == 1


def test_a_short_page_in_the_middle_is_not_the_end(
    odd_server: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    server = odd_server(
        [
            body(answer({"has_next_page": True}, [{"id": 1}])),
            body(answer({"has_next_page": True}, [{"id": 2}, {"id": 3}])),
            body(answer({"has_next_page": False}, [{"id": 4}])),
        ]
    )
    assert [row["id"] for row in client_of(server.url).records(SUPPLIERS)] == [1, 2, 3, 4]
