"""Files on their way: asked for within the budget, whole or not at all, no larger than wanted."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests
from precoro_api import BY_NAME, errors
from precoro_api.download import TooLarge
from precoro_sandbox import Fault

from .downloaded_files import FILE, JSON, PDF, SECRETS, Place, fetch, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Make = "Callable[..., Any]"


# From Precoro


@pytest.mark.parametrize("position", ["binary", "json"])
def test_every_file_of_the_demo_arrives(serve: Make, client_of: Make, position: str) -> None:
    off = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0}
    sandbox = serve(
        seed="demo", counts={"attachments": 12}, switches={"attachments": position, **off}
    )
    client = client_of(sandbox)
    for key, file in sandbox.store.rows("attachments").items():
        place = Place()
        arrived = fetch(client, place, key)
        assert place.content == file["_content"]
        assert arrived.size == file["size"]
        assert arrived.name == (file["name"] if position == "json" else None)
    assert [each.path for each in sandbox.served] == [
        f"/attachments/{key}" for key in sandbox.store.rows("attachments")
    ]
    # A link to the API's own host costs budget, as nobody knows that it does not.
    sent = 12 if position == "binary" else 24
    assert client.quota.sent == client.requests_by_method["GET"] == sent


def test_anything_is_asked_for_and_nothing_packed(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    server = odd_server([(200, FILE, PDF)])
    fetch(client_of(server.url), place)
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("GET", "/attachments/7")
    assert asked.headers["X-AUTH-TOKEN"] == SECRETS[0]
    assert (asked.headers["Accept"], asked.headers["Accept-Encoding"]) == ("*/*", "identity")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Rejected),
        (401, errors.BadCredentials),
        (403, errors.NotAllowed),
        (404, errors.NotFound),
        (410, errors.NotFound),
        (300, errors.UnexpectedAnswer),
        (304, errors.UnexpectedAnswer),
    ],
)
def test_a_refusal_is_what_it_is_for_any_request(
    odd_server: Make, client_of: Make, place: Place, status: int, kind: type[Exception]
) -> None:
    server = odd_server([(status, JSON, b'{"message": "no, a-token-of-tests"}')])
    with pytest.raises(kind, match=r"^attachments 7: ") as raised:
        fetch(client_of(server.url), place)
    assert SECRETS[0] not in str(raised.value)
    assert len(server.asked) == 1
    assert place.opened == 0


def test_a_failure_of_the_server_is_tried_again_a_minute_later(
    odd_server: Make, client_of: Make, place: Place, time: Any
) -> None:
    server = odd_server([(503, JSON, b"{}"), (200, FILE, PDF)])
    client = client_of(server.url)
    began = time.now()
    fetch(client, place)
    assert place.content == PDF
    assert client.retries == 1
    assert time.now() - began >= 60


def test_a_limit_is_obeyed_and_in_the_end_the_budget_is_spent(
    odd_server: Make, client_of: Make, place: Place, time: Any
) -> None:
    limit = {"RateLimit-Type": "Minute limiter", "RateLimit-Retry-After": "30"}
    server = odd_server([(429, JSON, json.dumps(limit).encode())])
    with pytest.raises(errors.QuotaSpent):
        fetch(client_of(server.url, attempts=3), place)
    assert len(server.asked) == 5  # one that says when it opens counts half
    assert sum(time.sleeps) >= 60


def test_a_budget_that_is_spent_sends_nothing(serve: Make, client_of: Make, place: Place) -> None:
    sandbox = serve(switches={"day_limit": 1})
    key = sandbox.store.add("attachments", {"name": "a", "_content": PDF})["id"]
    client = client_of(sandbox)
    limit = client.quota.limits
    client.quota.limits = type(limit)(day=1)
    fetch(client, place, key)
    with pytest.raises(errors.QuotaSpent, match=r"\(day\)"):
        fetch(client, place, key + 1)
    assert len(sandbox.served) == 1


def test_a_long_transfer_is_no_long_answer(odd_server: Make, client_of: Make, time: Any) -> None:
    slow = Place(lambda: time.advance(20))
    client = client_of(odd_server([(200, FILE, PDF)]).url)
    fetch(client, slow)
    assert slow.content == PDF
    assert client.quota.latency == 0


def test_what_has_no_files_is_refused(client_of: Make, place: Place) -> None:
    with pytest.raises(ValueError, match="taxes has no detail"):
        client_of("http://127.0.0.1:9").download(BY_NAME["taxes"], 1, place, most=1)


# Size


def test_a_file_may_be_as_large_as_is_wanted(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    client = client_of(odd_server([(200, FILE, PDF)]).url)
    assert fetch(client, place, most=len(PDF)).size == len(PDF)
    with pytest.raises(TooLarge, match=f"has {len(PDF)} bytes or more, and 9 are wanted") as large:
        fetch(client, place, 8, most=9)
    assert large.value.size == len(PDF)
    assert (large.value.resource, large.value.key) == ("attachments", "8")
    assert place.opened == 1


class Flood:
    """A server whose file never ends, and what of it left before someone hung up."""

    def __init__(self, head: dict[str, str]) -> None:
        self.sent = 0
        flood = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                for name, text in {**FILE, **head}.items():
                    self.send_header(name, text)
                self.end_headers()
                packed = b"10000\r\n%b\r\n" % bytes(65536)
                chunk = packed if "Transfer-Encoding" in head else bytes(65536)
                self.close_connection = True
                try:
                    while flood.sent < 2**28:
                        flood.sent += self.wfile.write(chunk)
                except OSError:
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join(timeout=5)
        self.server.server_close()


@pytest.fixture
def flood() -> Iterator[Callable[..., Flood]]:
    running: list[Flood] = []

    def start(head: dict[str, str]) -> Flood:
        running.append(Flood(head))
        return running[-1]

    yield start
    for each in running:
        each.stop()


@pytest.mark.parametrize(
    ("head", "most_written"),
    [
        ({"Content-Length": str(2**40)}, 0),
        ({"Transfer-Encoding": "chunked"}, 300_000),
        ({"Connection": "close"}, 300_000),
    ],
    ids=["announced", "chunked", "until closed"],
)
@pytest.mark.parametrize("behind_a_link", [False, True])
def test_a_huge_file_is_stopped_early(
    odd_server: Make,
    client_of: Make,
    flood: Make,
    place: Place,
    *,
    head: dict[str, str],
    most_written: int,
    behind_a_link: bool,
) -> None:
    huge = flood(head)
    url = odd_server([told(id=7, link=huge.url)]).url if behind_a_link else huge.url
    with pytest.raises(TooLarge):
        fetch(client_of(url), place, most=300_000)
    huge.stop()
    assert len(place.content) <= most_written
    assert huge.sent < 2**25  # what sockets hold, of 2**28


# Truncation


def test_a_file_that_breaks_off_is_fetched_again_in_its_turn(
    serve: Make, client_of: Make, place: Place, time: Any
) -> None:
    sandbox = serve()
    key = sandbox.store.add("attachments", {"name": "a", "_content": PDF})["id"]
    sandbox.faults.add(Fault("shortened"))
    began = time.now()
    fetch(client_of(sandbox), place, key)
    assert place.content == PDF
    assert place.opened == 2
    assert [each.status for each in sandbox.served] == [200, 200]
    assert time.now() - began >= 60


def test_a_file_that_always_breaks_off_is_no_file(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    short = {**FILE, "Content-Length": str(len(PDF) + 1)}
    server = odd_server([(200, short, PDF)])
    with pytest.raises(errors.TryLater, match="attachments 7: the file broke off on its way"):
        fetch(client_of(server.url, attempts=2), place)
    assert len(server.asked) == 2


def test_a_chunk_that_is_missing_is_noticed(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    head = {**FILE, "Transfer-Encoding": "chunked"}
    server = odd_server([(200, head, b"5\r\nabcde\r\n")])
    with pytest.raises(errors.TryLater, match="broke off"):
        fetch(client_of(server.url, attempts=1), place)


def test_a_linked_file_that_breaks_off_is_fetched_again_without_asking_precoro(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    short = {**FILE, "Content-Length": str(len(PDF) + 1)}
    files = odd_server([(200, short, PDF), (200, FILE, PDF)])
    server = odd_server([told(id=7, link=files.url)])
    client = client_of(server.url)
    fetch(client, place)
    assert place.content == PDF
    assert (len(server.asked), len(files.asked), client.quota.sent) == (1, 2, 1)


# Where it goes


@pytest.mark.parametrize(
    "trouble", [OSError(28, "No space left"), requests.ConnectionError("of the storage's own")]
)
@pytest.mark.parametrize("behind_a_link", [False, True])
def test_trouble_of_the_place_is_not_taken_for_trouble_of_the_way(
    odd_server: Make, client_of: Make, *, trouble: Exception, behind_a_link: bool
) -> None:
    def fail() -> None:
        raise trouble

    files = odd_server([(200, FILE, PDF)])
    url = odd_server([told(id=7, link=files.url)]).url if behind_a_link else files.url
    with pytest.raises(type(trouble)) as raised:
        fetch(client_of(url), Place(fail))
    assert raised.value is trouble
    assert len(files.asked) == 1


def test_the_next_file_comes_after_one_that_was_left_unread(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    server = odd_server([(200, FILE, PDF)])
    client = client_of(server.url)
    for key in range(3):
        with pytest.raises(TooLarge):
            fetch(client, place, key, most=9)
    fetch(client, place, 9)
    assert place.content == PDF
