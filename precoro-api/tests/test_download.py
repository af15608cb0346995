"""Files: sent by Precoro or behind a link, never with the key elsewhere, whole or not at all."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import BY_NAME, errors
from precoro_api.download import TooLarge, is_loopback, judged, link_in
from precoro_sandbox import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = BY_NAME["attachments"]
API = "https://api.precoro.com"
FILE = {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
JSON = {"Content-Type": "application/json"}
SECRETS = ("a-token-of-tests", "tester@example.com")
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 800
MOST = 10 * len(PDF)

Make = "Callable[..., Any]"


class Place:
    """Where a file goes: each attempt begins anew."""

    def __init__(self, on_write: Callable[[], None] = lambda: None) -> None:
        self.opened = 0
        self.on_write = on_write
        self.file = BytesIO()

    @contextmanager
    def __call__(self) -> Iterator[Any]:
        self.opened += 1
        self.file = BytesIO()
        yield self

    def write(self, chunk: bytes) -> int:
        self.on_write()
        return self.file.write(chunk)

    @property
    def content(self) -> bytes:
        return self.file.getvalue()


@pytest.fixture
def place() -> Place:
    return Place()


def fetch(client: Any, place: Place, key: object = 7, *, most: int = MOST, **options: Any) -> Any:
    return client.download(FILES, key, place, most=most, **options)


def told(**record: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, json.dumps(record).encode()


def moved(to: str, status: int = 302) -> tuple[int, dict[str, str], bytes]:
    return status, {"Location": to}, b""


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


# Links


@pytest.mark.parametrize(
    "record",
    [
        {"id": 7, "name": "scan.pdf", "link": "LINK"},
        {"id": "7", "name": "scan.pdf", "url": "LINK"},
        {"name": "scan.pdf", "downloadUrl": "LINK"},
        {"id": 7, "name": "scan.pdf", "href": "LINK"},
        {"id": 7, "name": "scan.pdf", "comment": "https://a.example", "storedAt": "LINK"},
        {"id": 7, "name": "scan.pdf", "link": None, "url": "", "path": "LINK"},
        {"data": {"id": 7, "name": "scan.pdf", "link": "LINK"}},
    ],
    ids=",".join,
)
def test_a_link_is_found_and_followed_as_a_stranger(
    odd_server: Make, client_of: Make, place: Place, record: dict[str, Any]
) -> None:
    files = odd_server([(200, {"Content-Type": "application/pdf"}, PDF)])
    body = json.dumps(record).replace("LINK", f"{files.url}/at/7?signature=s")
    server = odd_server([(200, {**JSON, "Set-Cookie": "session=1"}, body.encode())])
    client = client_of(server.url)
    arrived = fetch(client, place)
    assert place.content == PDF
    assert (arrived.size, arrived.content_type) == (len(PDF), "application/pdf")
    assert arrived.name == "scan.pdf"
    (asked,) = files.asked
    assert asked.target == "/at/7?signature=s"
    assert {name.lower() for name in asked.headers} == {
        "host", "user-agent", "accept", "accept-encoding", "connection",
    }  # fmt: skip
    assert not any(secret in str(asked.headers) for secret in SECRETS)
    assert client.quota.sent == client.requests_by_method["GET"] == 1


def test_a_bare_address_is_a_link(odd_server: Make, client_of: Make, place: Place) -> None:
    files = odd_server([(200, FILE, PDF)])
    server = odd_server([(200, JSON, json.dumps(files.url).encode())])
    fetch(client_of(server.url), place)
    assert place.content == PDF


def test_a_link_within_the_api_is_counted_and_gets_no_key(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    server = odd_server([told(id=7, link="/stored/7"), (200, FILE, PDF)])
    client = client_of(server.url)
    fetch(client, place)
    assert place.content == PDF
    assert [asked.target for asked in server.asked] == ["/attachments/7", "/stored/7"]
    assert [asked.headers["X-AUTH-TOKEN"] for asked in server.asked] == [SECRETS[0], None]
    assert client.quota.sent == 2


def test_no_key_of_a_netrc_goes_to_a_link(
    odd_server: Make,
    client_of: Make,
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    files = odd_server([(200, FILE, PDF)])
    fetch(client_of(odd_server([told(id=7, link=files.url)]).url), place)
    assert "Authorization" not in files.asked[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_precoro_is_a_link(
    odd_server: Make, client_of: Make, place: Place, status: int
) -> None:
    files = odd_server([(200, FILE, PDF)])
    server = odd_server([moved(f"{files.url}/7", status)])
    fetch(client_of(server.url), place)
    assert place.content == PDF
    assert not any(secret in str(files.asked[0].headers) for secret in SECRETS)


def test_three_redirects_are_followed_and_no_more(odd_server: Make, client_of: Make) -> None:
    last = odd_server([(200, FILE, PDF)])
    third, place = odd_server([moved(f"{last.url}/4")]), Place()
    second = odd_server([moved(f"{third.url}/3")])
    first = odd_server([moved(f"{second.url}/2"), moved(f"{second.url}/2")])
    fetch(client_of(odd_server([told(id=7, link=f"{first.url}/1")]).url), place)
    assert place.content == PDF
    for server in (first, second, third, last):
        assert not any(secret in str(server.asked[0].headers) for secret in SECRETS)
    more = odd_server([told(id=7, link=f"{odd_server([moved(first.url)]).url}/0")])
    with pytest.raises(errors.UnexpectedAnswer, match="its link redirects over 3 times"):
        fetch(client_of(more.url), place)
    assert len(last.asked) == 1


@pytest.mark.parametrize(
    "link",
    [
        "http://files.example/7",
        "HTTP://files.example/7",
        "http://127.0.0.1.files.example/7",
        "http://127.0.0.1@files.example/7",
        "http://0.0.0.0:9/7",
        "http://10.0.0.1/7",
        "//files.example/7",
        "file:///etc/hostname",
        "FILE:///etc/hostname",
        "ftp://127.0.0.1/7",
        "data:text/plain,abc",
        "javascript:alert(1)",
        "https://",
        "https://[/7",
        "https://files.example:x/7",
    ],
)
@pytest.mark.parametrize("how", ["told", "redirected by Precoro", "redirected elsewhere"])
def test_a_link_that_may_not_be_followed_is_refused(
    odd_server: Make,
    client_of: Make,
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    link: str,
    how: str,
) -> None:
    proxy = odd_server([(200, FILE, PDF)])  # whatever leaves this machine would come by here
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    answers = {
        "told": told(id=7, link=link),
        "redirected by Precoro": moved(link),
        "redirected elsewhere": told(id=7, link=odd_server([moved(link)]).url),
    }
    server = odd_server([answers[how]])
    said = "its link is not followed: it |GET is redirected to what is no web address"
    with pytest.raises(errors.UnexpectedAnswer, match=said) as raised:
        fetch(client_of(server.url), place)
    assert "files.example" not in str(raised.value)
    assert proxy.asked == []
    assert place.opened == 0


@pytest.mark.parametrize(
    ("link", "at", "api", "whole"),
    [
        ("https://files.example/7?s=a%2Fb", API, API, "https://files.example/7?s=a%2Fb"),
        ("/files/7", f"{API}/attachments/7", API, f"{API}/files/7"),
        ("https://127.0.0.1/7", API, API, "https://127.0.0.1/7"),
        (
            "http://localhost:1/7",
            "http://127.0.0.1:2",
            "http://127.0.0.1:2",
            "http://localhost:1/7",
        ),
        ("http://[::1]:1/7", "http://127.0.0.1:2", "http://127.0.0.1:2", "http://[::1]:1/7"),
        ("http://127.0.0.1:1/7", API, API, None),
        ("http://localhost/7", "https://files.example", API, None),
        ("http://[::1]/7", API, API, None),
        ("/7", "http://files.example", "http://127.0.0.1:2", None),
    ],
)
def test_links_go_over_https_or_stay_on_a_machine_that_has_the_api(
    link: str, at: str, api: str, whole: str | None
) -> None:
    if whole is None:
        with pytest.raises(ValueError, match="it begins with http, not with https"):
            judged(link, at=at, api=api)
    else:
        assert judged(link, at=at, api=api) == whole


@given(st.text() | st.from_regex(r"[a-zA-Z]+:(//)?.*"))
def test_no_text_is_followed_over_anything_but_https(link: str) -> None:
    try:
        url = judged(link, at=API, api=API)
    except ValueError:
        return
    assert url.startswith("https://")


def test_this_machine_has_a_few_names() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(map(is_loopback, ("", "0.0.0.0", "10.0.0.1", "localhost.example", "127.1")))


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [
        (300, errors.UnexpectedAnswer, 1),
        (400, errors.UnexpectedAnswer, 1),
        (401, errors.UnexpectedAnswer, 1),
        (403, errors.UnexpectedAnswer, 1),
        (404, errors.NotFound, 1),
        (410, errors.NotFound, 1),
        (429, errors.TryLater, 2),
        (503, errors.TryLater, 2),
    ],
)
def test_a_refusal_where_the_link_leads_says_nothing_of_the_key_or_the_budget(
    odd_server: Make,
    client_of: Make,
    place: Place,
    caplog: pytest.LogCaptureFixture,
    status: int,
    kind: type[Exception],
    asked: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    files = odd_server([(status, {}, b"<AWSAccessKeyId>AK1</AWSAccessKeyId>")])
    server = odd_server([told(id=7, link=f"{files.url}/7?signature=s3cret")])
    client = client_of(server.url, attempts=2)
    with pytest.raises(kind, match=f"where its link leads, the answer was {status}") as raised:
        fetch(client, place)
    said = str(raised.value) + caplog.text
    assert "AK1" not in said
    assert "s3cret" not in said
    assert (len(server.asked), len(files.asked)) == (1, asked)
    assert client.quota.sent == 1
    assert place.opened == 0


def test_nobody_where_the_link_leads_is_tried_again(
    odd_server: Make, client_of: Make, place: Place
) -> None:
    server = odd_server([told(id=7, link="http://127.0.0.1:9/7")])
    client = client_of(server.url, attempts=3)
    with pytest.raises(errors.TryLater, match="no connection for GET"):
        fetch(client, place)
    assert (len(server.asked), client.retries) == (1, 2)


# What is a file


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
