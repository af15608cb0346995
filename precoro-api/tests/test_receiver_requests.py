"""The endpoint of the webhooks over real HTTP: what it takes, refuses and keeps, and from whom."""

from __future__ import annotations

import json
import logging
import resource
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
import requests
from precoro_api.errors import SettingsError
from precoro_api.webhooks import Event, Spool
from precoro_api.webhooks.receiver import Receiver
from precoro_sandbox import Sandbox

from .posted_events import BODY, SECRET, SOON


@pytest.fixture(scope="module")
def stops():
    """Threads in which receivers stop while the next test runs already."""
    threads = []
    yield threads
    for thread in threads:
        thread.join()


@pytest.fixture
def serve(path, stops):
    """Start receivers; all stop when the test ends."""
    running = []

    def start(*, most=1000, **options):
        receiver = Receiver(Spool(path, most=most), SECRET, **options).start()
        running.append(receiver)
        return receiver

    yield start
    for receiver in running:
        stops.append(threading.Thread(target=receiver.stop))
        stops[-1].start()


@pytest.fixture
def ask():
    """Send a request, and give its answer."""
    with requests.Session() as session:
        session.trust_env = False

        def send(receiver, path, *, method="POST", **options):
            if method == "POST":
                options = {"json": BODY, **options}
            return session.request(method, receiver.url + path, timeout=10, **options)

        yield send


def refused_by(receiver, spool):
    """What was refused, once the receiver has stopped and so has told all."""
    receiver.stop()
    return spool.status()["refused"]


# What it takes


@pytest.mark.parametrize("where", [SECRET, f"precoro/{SECRET}", f"a/b%20c/{SECRET}?x=1"])
def test_an_event_that_is_answered_is_in_the_spool(serve, ask, spool, where):
    before = time.time()
    answer = ask(serve(), where)
    assert (answer.status_code, answer.content) == (204, b"")
    (number, event), = spool.events()  # fmt: skip
    assert number == 1
    assert before <= event.at <= time.time()
    assert event == Event(123456, 2, 0, "5", event.at)


def test_types_that_nobody_knows_are_taken(serve, ask, spool):
    assert ask(serve(), SECRET, json={"id": 1, "type": 77, "action": 9}).status_code == 204
    assert spool.status()["waiting"][77]["events"] == 1


def test_what_comes_twice_is_kept_twice(serve, ask, spool):
    receiver = serve()
    assert [ask(receiver, SECRET).status_code for _ in range(2)] == [204, 204]
    assert len(spool.events()) == 2


def test_health_answers_everyone_and_says_nothing(serve, ask):
    answer = ask(serve(allow=["203.0.113.7"]), "health", method="GET")
    assert (answer.status_code, answer.text) == (200, "ok")


# What it refuses


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("POST", ""),
        ("POST", SECRET[:-1]),
        ("POST", SECRET + "x"),
        ("POST", SECRET.upper()),
        ("POST", SECRET + "/"),
        ("POST", SECRET + "/more"),
        ("POST", "?secret=" + SECRET),
        ("POST", "health"),
        ("POST", "%F0%9F%94%91"),
        ("GET", ""),
        ("GET", SECRET),
        ("PUT", SECRET),
        ("HEAD", SECRET),
        ("DELETE", SECRET),
        ("OPTIONS", SECRET),
    ],
)
def test_everything_else_is_404_without_a_hint(serve, ask, spool, method, where):
    receiver = serve()
    answer = ask(receiver, where, method=method)
    nowhere = ask(receiver, "nowhere", method=method)
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers == nowhere.headers
    assert spool.events() == []
    right = where.partition("?")[0] == SECRET
    assert ("not a POST" in refused_by(receiver, spool)) is right


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not JSON"),
        (b"id=7", 400, "not JSON"),
        (b"[]", 400, "no JSON object"),
        (b'{"id": 7, "action": 1}', 400, "without type"),
        (b'{"id": "x", "type": 2, "action": 1}', 400, "id is no whole number"),
        (b'{"id": 7, "type": 2, "action": 1}' + b" " * 4096, 413, "over 4096 bytes"),
    ],
)
def test_what_is_no_event_is_refused_and_counted(serve, ask, spool, body, status, reason):
    receiver = serve()
    answer = ask(receiver, SECRET, json=None, data=body)
    assert (answer.status_code, answer.content) == (status, b"")
    assert spool.events() == []
    assert refused_by(receiver, spool) == {reason: 1}


def test_a_body_without_end_is_not_read_to_its_end(serve, ask, spool):
    receiver, sent = serve(), Counter()

    def endless():
        for _ in range(10_000):
            sent["chunks"] += 1
            yield b" " * 4096

    with suppress(requests.ConnectionError):  # it hangs up while more is sent
        assert ask(receiver, SECRET, json=None, data=endless()).status_code == 413
    assert sent["chunks"] < 5000
    assert ask(receiver, SECRET).status_code == 204


def test_only_those_who_are_allowed_may_post(serve, ask, spool):
    for allow, status in (
        (["127.0.0.1"], 204),
        (["203.0.113.0/24", "127.0.0.0/8"], 204),
        (["203.0.113.0/24", "2001:db8::/32"], 404),
    ):
        answer = ask(serve(allow=allow), SECRET)
        assert (answer.status_code, answer.content) == (status, b"")
    assert len(spool.events()) == 2


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        ([], "203.0.113.7", 404),  # whoever says so
        (["127.0.0.1"], "203.0.113.7", 204),
        (["127.0.0.0/8"], "198.51.100.1, 203.0.113.7", 204),
        (["127.0.0.1"], "203.0.113.7, 198.51.100.1", 404),  # the nearest hop counts
        (["127.0.0.1", "198.51.100.1"], "203.0.113.7, 198.51.100.1", 204),
        (["127.0.0.1"], "nonsense", 404),
        (["127.0.0.1"], "", 404),
        (["10.0.0.0/8"], "203.0.113.7", 404),
    ],
)
def test_a_proxy_is_believed_only_where_it_is_named(serve, ask, proxies, forwarded, status):
    receiver = serve(allow=["203.0.113.7"], proxies=proxies)
    answer = ask(receiver, SECRET, headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"allow": ["precoro.com"]}, "--allow: 'precoro.com'"),
        ({"allow": ["203.0.113.7/24"]}, "--allow: 203.0.113.7/24 has host bits set"),
        ({"proxies": ["*"]}, r"--proxy: '\*'"),
        ({"host": "203.0.113.7"}, "--host and --port: 203.0.113.7 0 is not to be had"),
        ({"port": 99999}, "--host and --port: 127.0.0.1 99999"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(path, options, words):
    with pytest.raises(SettingsError, match=words):
        Receiver(Spool(path), SECRET, **options)


@pytest.mark.parametrize("secret", ["", "short", "0123456789/0123456789", "ö" * 20, "a" * 201])
def test_a_secret_that_is_weak_or_does_not_fit_in_a_path_is_refused_unsaid(path, secret):
    with pytest.raises(SettingsError, match="PRECORO_WEBHOOK_SECRET") as problem:
        Receiver(Spool(path), secret)
    assert not secret or secret not in str(problem.value)


# When it cannot keep


def test_a_full_spool_is_answered_503_until_it_is_read(serve, ask, spool):
    receiver = serve(most=2)
    posted = [{**BODY, "id": number} for number in (1, 2, 3, 2)]
    answers = [ask(receiver, SECRET, json=body).status_code for body in posted]
    assert answers == [204, 204, 503, 204]
    assert spool.remove(spool.last(), [2]) == 2
    assert ask(receiver, SECRET, json=posted[2]).status_code == 204
    assert [each.event.id for each in spool.events()] == [3]
    assert refused_by(receiver, spool) == {"full": 1}


def test_a_spool_that_cannot_be_used_is_answered_503_and_logged_once(serve, ask, path, caplog):
    caplog.set_level(logging.DEBUG)
    receiver = serve()
    path.mkdir()
    assert [ask(receiver, SECRET).status_code for _ in range(3)] == [503, 503, 503]
    path.rmdir()
    assert ask(receiver, SECRET).status_code == 204
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(told) == 2
    assert told[0].startswith(f"webhook_spool: the spool {path} cannot be used")
    assert told[0].endswith("Until then, events are answered 503.")
    assert told[1] == "The spool takes events again."


# Those who say nothing


def silent(receiver, *texts):
    """Connections that say so much and no more."""
    host, port = urlsplit(receiver.url).netloc.split(":")
    opened = [socket.create_connection((host, port), timeout=SOON) for _ in texts]
    for connection, text in zip(opened, texts, strict=True):
        connection.sendall(text.encode())
    return opened


def seconds_until_closed(connection):
    began = time.monotonic()
    with suppress(ConnectionResetError):
        while connection.recv(1000):
            pass
    return time.monotonic() - began


EVENT = json.dumps(BODY)
WHOLE = f"POST /{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(EVENT)}\r\n\r\n{EVENT}"


@pytest.mark.parametrize("text", ["", "POST /", "GET /health HTTP/1.1\r\nHost: x"])
def test_a_connection_without_the_whole_head_of_a_request_is_closed(serve, text):
    (connection,) = silent(serve(slowest=0.3), text)
    with connection:
        assert seconds_until_closed(connection) < 5


def test_so_it_is_where_the_second_head_of_a_connection_stops(serve):
    (connection,) = silent(serve(slowest=0.3), WHOLE)
    with connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 204")
        connection.sendall(WHOLE[:50].encode())
        assert seconds_until_closed(connection) < 5


def test_a_head_that_trickles_in_has_no_more_time(serve):
    (connection,) = silent(serve(slowest=0.3), "")
    sent = []
    with connection, suppress(ConnectionError):
        for letter in WHOLE[:60]:
            connection.sendall(letter.encode())
            sent.append(letter)
            time.sleep(0.05)
    assert len(sent) < 50


def test_a_body_that_does_not_come_is_refused(serve, spool):
    receiver = serve(slowest=0.3)
    (connection,) = silent(receiver, WHOLE[:-5])
    with connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")
    assert refused_by(receiver, spool) == {"came too slowly": 1}


def test_a_connection_that_posts_now_and_then_stays(serve, spool):
    (connection,) = silent(serve(slowest=0.3), "")
    with connection:
        for _ in range(3):
            connection.sendall(WHOLE.encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 204")
            time.sleep(0.5)
    assert len(spool.events()) == 3


def test_health_keeps_no_connection(serve):
    (connection,) = silent(serve(), "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    with connection:
        assert seconds_until_closed(connection) < 5


@pytest.fixture
def many():
    """Room for the connections of a crowd, on both sides, in this one process."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 4096:
        pytest.skip(f"a crowd needs 4,096 open files, and this machine allows {before[1]}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 4096), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_thousand_silent_connections_shut_nobody_out_for_long(serve, ask, many):
    receiver = serve(slowest=1.0)
    crowd = silent(receiver, *[""] * 1001)
    assert ask(receiver, SECRET).status_code == 503
    until = time.monotonic() + SOON
    while (status := ask(receiver, SECRET).status_code) != 204 and time.monotonic() < until:
        time.sleep(0.1)
    for connection in crowd:
        connection.close()
    assert status == 204


def test_those_who_are_not_allowed_take_half_of_the_connections_at_most(serve, ask):
    receiver = serve(allow=["203.0.113.7"])
    crowd = silent(receiver, *[""] * 500)
    with pytest.raises(requests.ConnectionError):
        ask(receiver, "health", method="GET")
    for connection in crowd:
        connection.close()


# Many, and the end


def test_those_that_come_at_once_share_commits_and_none_is_lost(serve, spool):
    receiver = serve()
    host = urlsplit(receiver.url).netloc
    statuses = Counter()

    def post(first):
        connection = HTTPConnection(host, timeout=SOON)
        for number in range(first, first + 25):
            connection.request("POST", f"/{SECRET}", json.dumps({**BODY, "id": number}))
            answer = connection.getresponse()
            answer.read()
            statuses[answer.status] += 1
        connection.close()

    threads = [threading.Thread(target=post, args=(1000 * each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {204: 200}
    assert sorted(each.event.id for each in spool.events()) == [
        1000 * each + number for each in range(8) for number in range(25)
    ]


def test_no_log_has_the_secret_the_path_or_a_body(serve, ask, path, caplog):
    caplog.set_level(logging.DEBUG)
    receiver = serve()
    ask(receiver, f"some-path/{SECRET}", json={**BODY, "id": 987654321})
    ask(receiver, f"some-path/{SECRET}", json={"id": 987654321})
    ask(receiver, f"some-path/{SECRET}", method="GET")
    ask(receiver, f"some-path/{SECRET}x")
    with socket.create_connection(urlsplit(receiver.url).netloc.split(":")) as broken:
        broken.sendall(f"POST /some-path/{SECRET} HTTP/9\r\n\r\n".encode())
        broken.recv(1000)
    receiver.stop()
    own = [each for each in caplog.records if not each.name.startswith(("urllib3", "asyncio"))]
    logged = "\n".join(each.getMessage() for each in own)
    assert "refused: without type (1), not a POST (1), without the secret (1)" in logged
    assert SECRET not in logged
    assert "some-path" not in logged
    assert "987654321" not in logged
    assert SECRET.encode() not in path.read_bytes()


def test_one_who_leaves_before_the_body_is_whole_does_no_harm(serve, ask, spool):
    receiver = serve()
    host, port = urlsplit(receiver.url).netloc.split(":")
    head = f"POST /{SECRET} HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n{{"
    with socket.create_connection((host, port)) as leaving:
        leaving.sendall(head.encode())
    assert ask(receiver, SECRET).status_code == 204
    assert len(spool.events()) == 1


def test_what_the_sandbox_tells_arrives(serve, spool):
    receiver = serve()
    with Sandbox(webhooks=[f"{receiver.url}precoro/{SECRET}"]) as sandbox:
        order = sandbox.store.add("purchase_orders", {})
        supplier = sandbox.store.add("suppliers", {"name": "One"})
        sandbox.store.change("purchase_orders", order, {"note": "n"})
        sandbox.webhooks.wait()
        assert sandbox.webhooks.counts == {"sent": 3}
    told = [(each.event.resource.name, each.event.action) for each in spool.events()]
    assert told == [("purchase_orders", 0), ("suppliers", 0), ("purchase_orders", 1)]
    assert [each.event.id for each in spool.events(types=[7])] == [supplier["id"]]
    assert spool.events()[0].event.idn == order["idn"]
