"""Files behind a link: whither one is followed, and that no key goes with it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from precoro_api import errors
from precoro_api.download import judged
from precoro_api.loopback import is_loopback

from .downloaded_files import FILE, JSON, PDF, SECRETS, Place, fetch, told

if TYPE_CHECKING:
    from pathlib import Path

API = "https://api.precoro.com"

Make = "Callable[..., Any]"


def moved(to: str, status: int = 302) -> tuple[int, dict[str, str], bytes]:
    return status, {"Location": to}, b""


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
