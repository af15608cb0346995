"""Where the key goes, who may read what is written, and what values of records can do: nothing.

Real processes against a sandbox, some by way of a server that answers what it likes.
"""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl
from urllib.request import Request, urlopen

import pytest
from precoro_api import BY_NAME
from precoro_api.plain import private_file
from precoro_sandbox import Sandbox, SandboxClock
from starlette.responses import JSONResponse
from target_precoro.records.routes import ACCEPTED

SPEED = 6000
TOKEN, EMAIL = "tkn-4f1c9e7ab2", "ada.lovelace@secret.example"
BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
MAR = "2025-03-01T00:00:00+00:00"
PDF = b"%PDF-1.4 of a test"
JSON = {"Content-Type": "application/json"}
FILE = {"id": 5, "name": "scan.pdf", "size": len(PDF), "uploadDate": MAR}
INVOICE = {"id": 1007, "idn": "7", "updateDate": MAR, "attachments": [FILE, {**FILE, "id": 6}]}
OPTIONS = "document_custom_field_options"
MOVES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\r\n2026-01-01 00:00:00,000 | ERROR    | forged"


@pytest.fixture
def sandbox():
    with Sandbox(clock=SandboxClock(SPEED), token=TOKEN, email=EMAIL) as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox, tmp_path):
    """Run a command in a folder of its own, for which any file may be everyone's."""

    def start(command, *arguments, lines=(), environment=(), code=None, **settings):
        account = {"auth_token": TOKEN, "email": EMAIL, "base_url": sandbox.url}
        config = tmp_path / "config.json"
        config.write_text(json.dumps({**account, "clock_speed": SPEED, **settings}))
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        sandbox.clock.advance(61)  # runs ask the same, which is allowed once a minute
        known = {k: v for k, v in os.environ.items() if "PRECORO" not in k and "PROXY" not in k}
        done = subprocess.run(
            [BIN / command, *arguments, "--config", str(config)],
            input="".join(f"{json.dumps(each)}\n" for each in lines),
            capture_output=True,
            text=True,
            cwd=home,
            env={**known, "XDG_STATE_HOME": str(home / "state"), **dict(environment)},
            umask=0,
            timeout=60,
            check=False,
        )
        assert code is None or done.returncode == code, done.stderr[-2000:]
        return done

    return start


@pytest.fixture(scope="module")
def discovered():
    done = subprocess.run([BIN / "tap-precoro", "--discover"], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def catalog(discovered, tmp_path):
    """A catalog in which some streams are selected."""
    found = discovered

    def of(*streams):
        for stream in found["streams"]:
            root = next(each for each in stream["metadata"] if not each["breadcrumb"])
            root["metadata"]["selected"] = stream["stream"] in streams
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(found))
        return str(path)

    return of


def singer(*records, stream="suppliers"):
    schema = {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}}
    rows = ({"type": "RECORD", "stream": stream, "record": record} for record in records)
    return [{**schema, "key_properties": []}, *rows, {"type": "STATE", "value": {}}]


# Where the key goes


@dataclass
class Odd:
    """A server that answers what `answer` says of a path, and remembers the headers it got."""

    url: str
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: object = None


@pytest.fixture
def odd():
    servers = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                status, headers, body = answer(self)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815 - likewise

            def log_message(self, *arguments):
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = Odd(f"http://127.0.0.1:{server.server_address[1]}")
        return found

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def has_key(headers):
    return {"x-auth-token", "email", "authorization", "cookie"} & headers.keys()


@pytest.mark.parametrize("command", ["tap-precoro", "target-precoro", "precoro"])
def test_a_redirect_takes_the_key_nowhere(odd, run, command):
    stranger = odd(lambda _: (200, JSON, b'{"data": []}'))
    here = odd(lambda asked: (307, {"Location": f"{stranger.url}{asked.path}"}, b""))
    what = ("check",) if command == "precoro" else ()
    lines = singer({"externalId": "V-1", "name": "A"}) if command == "target-precoro" else ()
    done = run(command, *what, lines=lines, base_url=here.url)
    assert "which is not followed; check base_url and region" in done.stderr + done.stdout
    assert here.asked
    assert all(headers["x-auth-token"] == TOKEN for _, headers in here.asked)
    assert stranger.asked == []


def test_a_file_elsewhere_is_fetched_without_the_key(odd, run, catalog, sandbox, tmp_path):
    sandbox.store.add("invoices", INVOICE)
    far = odd(lambda _: (200, {"Set-Cookie": "a=b"}, PDF))
    near = odd(
        lambda asked: (302, {"Location": f"{far.url}{asked.path}", "Set-Cookie": "a=b"}, b"")
    )

    def by_way(asked):
        if asked.path == "/attachments/5":
            return 200, JSON, json.dumps({**FILE, "link": f"{near.url}/signed?key=s3cret"}).encode()
        if asked.path == "/attachments/6":
            return 302, {"Location": f"{near.url}/moved?key=s3cret"}, b""
        keys = {name: asked.headers[name] for name in ("X-AUTH-TOKEN", "email")}
        with urlopen(Request(sandbox.url + asked.path, headers=keys)) as answer:
            return 200, JSON, answer.read()

    front = odd(by_way)
    chosen = catalog("invoices_details", "attachments")
    done = run(
        "tap-precoro",
        *("--catalog", chosen),
        base_url=front.url,
        attachments_path="files",
        environment={"TAP_PRECORO_LOGLEVEL": "DEBUG"},
        code=0,
    )
    for server in (near, far):
        assert sorted(path for path, _ in server.asked) == [
            "/moved?key=s3cret",
            "/signed?key=s3cret",
        ]
        assert not [headers for _, headers in server.asked if has_key(headers)]
    files = [path.read_bytes() for path in (tmp_path / "home" / "files").rglob("*.pdf")]
    assert files == [PDF, PDF]
    assert "s3cret" not in done.stderr + done.stdout


@pytest.mark.parametrize("command", ["tap-precoro", "target-precoro", "precoro"])
def test_a_key_leaves_this_machine_over_https_only(run, odd, command):
    here = odd(lambda _: (200, JSON, b'{"data": []}'))
    url = here.url.replace("127.0.0.1", "0.0.0.0")  # leads here, and is no address of loopback
    what = ("check",) if command == "precoro" else ()
    lines = singer({"externalId": "V-1", "name": "A"}) if command == "target-precoro" else ()
    done = run(command, *what, lines=lines, base_url=url, clock_speed=1, code=2)
    assert "base_url must begin with https: the API key travels with requests." in done.stderr
    assert here.asked == []


def test_a_key_for_this_machine_goes_to_no_proxy(run, odd, sandbox):
    proxy = odd(lambda _: (200, JSON, b'{"data": []}'))
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY")
    lines = singer({"externalId": "V-1", "name": "A"})
    run("target-precoro", lines=lines, environment=dict.fromkeys(names, proxy.url), code=0)
    assert proxy.asked == []
    assert [row["externalId"] for row in sandbox.store.rows("suppliers").values()] == ["V-1"]


# Who may read what is written


def open_to_others(folder):
    found = [path for path in folder.rglob("*") if not path.is_symlink()]
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in found
        if path.stat().st_mode & 0o077
    }


@pytest.fixture
def watched(sandbox, tmp_path):
    """The files that others could read, looked at with each request and at the end; all names."""
    names, wide = set(), {}
    home = tmp_path / "home"

    def look(_=None):
        for _ in range(3):  # files come and go meanwhile
            try:
                names.update(str(path.relative_to(home)) for path in home.rglob("*"))
                wide.update(open_to_others(home))
            except FileNotFoundError:
                continue
            return

    sandbox.app.after = look
    return names, wide, look


def are_named(names, *wanted):
    return [each for each in wanted if not any(re.fullmatch(each, name) for name in names)]


def test_what_the_target_writes_is_its_owners_alone(run, watched):
    names, wide, look = watched
    records = [{"externalId": "V-1", "name": "A"}, {"externalId": "V-2", "name": "x" * 300}]
    waits = {"externalId": "P-1", "name": "Part", "supplier_external_id": "V-9"}
    paths = ("journal_path", "quota_path", "rejects_path", "report_path", "links_path")
    chosen = {name: f"{name}/deep/file" for name in paths}
    lines = [*singer(*records), *singer(waits, stream="items")]
    run("target-precoro", lines=lines, dry_run=True, plan_path="plan_path/deep/file")
    run("target-precoro", lines=lines, **chosen, code=1)
    run("target-precoro", lines=lines, clock_speed=1)  # in the user's state folder
    look()
    assert wide == {}
    assert are_named(names, *(f"{name}/deep/file" for name in (*paths, "plan_path"))) == []
    beside = (
        "journal_path/deep/file-wal",
        "journal_path/deep/file-shm",
        r"journal_path/deep/file\.d/.+\.alive",
        r"quota_path/deep/file\.d/.+/.+\.alive",
        r"quota_path/deep/file\.d/.+/.+\.used",
        r"plan_path/deep/\.file-.+",
        r"state/precoro/quota-.+\.sqlite3",
        r"state/precoro/journal-.+\.sqlite3",
    )
    assert are_named(names, *beside) == []


def test_what_the_tap_writes_is_its_owners_alone(run, catalog, sandbox, watched):
    names, wide, look = watched
    sandbox.store.add("invoices", INVOICE)
    sandbox.store.rows("attachments")[5] = {**FILE, "_content": PDF}
    chosen = catalog("invoices_details", "attachments")
    files = {"attachments_path": "a/b", "quota_path": "c/d/quota"}
    run("tap-precoro", "--catalog", chosen, **files, code=0)
    look()
    assert wide == {}
    assert are_named(names, r"a/b/invoices/\d+/5-scan\.pdf", "a/b/failed.jsonl", "c/d/quota") == []


def test_what_the_commands_write_is_its_owners_alone(run, watched):
    names, wide, look = watched
    run("precoro", "probe", code=0)
    run("precoro", "check", quota_path="c/d/quota", code=0)
    look()
    assert wide == {}
    assert are_named(names, "precoro-profile.json", "c/d/quota") == []


def test_a_file_that_others_could_read_is_closed_to_them(run, tmp_path):
    chosen = {name: f"{name}.out" for name in ("rejects_path", "report_path", "links_path")}
    home = tmp_path / "home"
    home.mkdir()
    for name in chosen.values():
        (home / name).touch(mode=0o644)
    lines = singer({"externalId": "V-1", "name": "A"}, {"name": ""})
    run("target-precoro", lines=lines, **chosen, code=1)
    assert open_to_others(home) == {}
    assert all((home / name).stat().st_size for name in chosen.values())


def test_what_is_no_file_keeps_its_rights(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(reader, "rb"), private_file(pipe) as file:
        file.write("a")
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644


# What a record can do


EVIL = (
    "x&externalId=1",
    "x&name[]=1&supplier[id]=1",
    "a]=b&externalId=c&d[",
    "x%26externalId%3D1",
    "x\r\nX-AUTH-TOKEN: 1\r\n\r\nexternalId=1",
    "x;externalId=1",
    "x\x00&externalId=1",
    '","externalId":"1',
)
EVIL_NAMES = (
    "name&externalId",
    "name=1&externalId",
    "x]&externalId",
    "name[",
    "[id]",
    "externalId[]",
)


CREATED = [name for name in ACCEPTED if BY_NAME[name].create]
TEXT = dict.fromkeys(CREATED, "name")
TEXT |= {"contracts": "number", "payments": "payDate", "receipts": "note"}


def keys_of(body):
    if body.startswith("{"):
        return set(json.loads(body))
    return {name for name, _ in parse_qsl(body, keep_blank_values=True)}


def documented(resource):
    """The keys of the forms of a resource, as the table has them; those inside objects too."""
    calls = filter(None, (resource.create, resource.update, resource.patch))
    keys = {key for call in calls for key in (*call.keys, *call.guessed)}
    return {*keys, "externalId", "externalIntegrationLog"}


def test_no_value_and_no_name_becomes_a_key_of_a_form(run, sandbox):
    add, lines = sandbox.store.add, []
    invoice = add("invoices", {"sum": 900, "sumPaid": 0, "externalId": "I-1"})["id"]
    order = add("purchase_orders", {"idn": "7", "externalId": "O-1"})
    supplier = add("suppliers", {"name": "Firm", "externalId": "S-1"})["id"]
    needed = {"supplier_external_id": "S-1", "purchase_order_idn": order["idn"], "sumPaid": 1}
    for stream in CREATED:
        resource = BY_NAME[stream]
        plain = "2026-01-05T10:00:0" if stream == "payments" else "plain"
        if resource.parent:
            needed["custom_field_id"] = add(resource.parent, {"name": "Cost center"})["id"]
        needed |= {"invoice_external_id": "I-1"} if stream == "payments" else {}
        records = [
            {**needed, **dict.fromkeys(EVIL_NAMES, "1"), "externalId": f"E-{n}", TEXT[stream]: evil}
            for n, evil in enumerate(EVIL)
        ]
        records += [
            {**needed, "externalId": f"{evil} {name}", TEXT[stream]: f"{plain}{n}", name: evil}
            for n, evil in enumerate(EVIL)
            for name in sorted(documented(resource) - {"externalId"})
        ]
        records += [
            {**needed, "externalId": "D", TEXT[stream]: "d", "contacts": [{"a][externalId": "1"}]},
            {**needed, "externalId": "L", TEXT[stream]: {"externalId": "1"}},
            {**needed, "externalId": "M", TEXT[stream]: ["1", {"externalId": "1"}]},
        ]
        lines += singer(*records, stream=stream)
    options = {f"requests_per_{window}": "off" for window in ("minute", "hour", "day")}
    done = run("target-precoro", lines=lines, unknown_fields="ignore", **options)
    assert "Traceback" not in done.stderr
    writes = [each for each in sandbox.served if each.method != "GET"]
    inside = re.compile(r"contacts(\[\d*\])+(\[\w+\])?")
    for stream in CREATED:
        start = BY_NAME[stream].create.path.replace("{field_id}", r"\d+")
        start = start.replace("{purchase_order_idn}", order["idn"])
        own = [each for each in writes if re.match(rf"{start}(/|$)", each.path)]
        sent = set().union(*(keys_of(each.body) for each in own))
        assert sent, stream
        allowed = documented(BY_NAME[stream])
        assert {key for key in sent if key not in allowed and not inside.fullmatch(key)} == set()
        made = [row.get(TEXT[stream]) for row in sandbox.store.rows(stream).values()]
        assert stream in ("payments", "receipts") or set(EVIL) <= {*made}, stream
    assert sandbox.store.rows("invoices")[invoice]["externalId"] == "I-1"
    assert sandbox.store.rows("suppliers")[supplier]["name"] == "Firm"


def test_a_bracketed_name_is_a_reference_by_id_and_nothing_else(run, sandbox):
    supplier = sandbox.store.add("suppliers", {"name": "Firm"})["id"]
    records = [
        {"externalId": "P-1", "name": "A", "supplier[id]": supplier},
        *(
            {"externalId": f"Q-{n}", "name": "B", "supplier[id]": evil}
            for n, evil in enumerate((*EVIL, f"{supplier}&externalId=1", {"id": EVIL[0]}))
        ),
        {"externalId": "R-1", "name": "C", "supplier[id][externalId]": "1", "supplier[x]": "1"},
    ]
    done = run("target-precoro", lines=singer(*records, stream="items"), code=1)
    rows = {row["externalId"]: row for row in sandbox.store.rows("items").values()}
    assert rows.keys() == {"P-1", "R-1"}
    assert rows["P-1"]["supplier"]["id"] == supplier
    assert not rows["R-1"].get("supplier")
    assert "take no supplier[id][externalId], supplier[x]" in done.stderr
    assert not any(each.method != "GET" and "Q-" in each.body for each in sandbox.served)


# What people read


def is_plain(text):
    return all(each.isprintable() or each == "\n" for each in text)


def test_what_records_bring_moves_no_terminal_and_forges_no_line(run):
    records = [
        {"externalId": f"V-1{MOVES}", "name": "x" * 300},
        {"externalId": "V-2", "name": "A", "city": f"Kyiv{MOVES}", f"field{MOVES}": 1},
        {"externalId": f"V-3{MOVES}", "name": {"a": MOVES}},
        {"externalId": "V-4", "name": "D", "supplierLegalEntityIds": [MOVES]},
    ]
    lines = singer(*records)
    for settings in ({"dry_run": True}, {}):
        done = run("target-precoro", lines=lines, **settings, code=1)
        assert "V-1\N{REPLACEMENT CHARACTER}[2J" in done.stderr
        assert is_plain(done.stderr)
        assert not re.search(
            r"^2026-01-01 00:00:00,000 \| ERROR +\| forged", done.stderr, re.MULTILINE
        )


def test_what_the_api_says_moves_no_terminal_and_forges_no_line(run, catalog, sandbox):
    sandbox.store.add("invoices", INVOICE)

    def spoil(request, response):
        if request.url.path.startswith(("/taxes", "/attachments")) or request.method != "GET":
            return JSONResponse({"message": f"No{MOVES}"}, 400)
        if request.url.path.startswith("/invoices/"):
            odd = {f"odd{MOVES}": 1, "status": MOVES, "sum": {"x": MOVES}}
            return JSONResponse({**INVOICE, **odd, "attachments": [{**FILE, "name": f"a{MOVES}"}]})
        return response

    sandbox.app.spoil = spoil
    chosen = catalog("taxes", "suppliers", "invoices_details", "attachments")
    one = singer({"externalId": "V-1", "name": "A"})
    files = {"attachments_path": "files"}
    told = [
        run("tap-precoro", "--catalog", chosen, **files).stderr,
        run("tap-precoro", "--estimate", "--catalog", chosen).stdout,
        run("target-precoro", lines=one, code=1).stderr,
        run("precoro", "check").stdout,
        run("precoro", "probe").stdout,
    ]
    assert [text for text in told if not is_plain(text)] == []
    assert "\n2026-01-01" not in "".join(told)
    assert ["No\N{REPLACEMENT CHARACTER}[2J" in text for text in told] == [True] * 4 + [False]


def test_nothing_writes_tables_that_a_spreadsheet_opens():
    members = ("precoro-api", "tap-precoro", "target-precoro")
    paths = [path for each in members for path in (ROOT / each).rglob("*.py")]
    imported = {
        name.name
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    }
    assert "json" in imported
    assert not imported & {"csv", "openpyxl", "pandas", "xlsxwriter"}
