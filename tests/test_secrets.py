"""No token, no address and no bank detail where people or other programs can read them.

Real processes, all at the level DEBUG, against a sandbox that repeats in refusals all it was sent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest
import redis
from precoro_api import BY_NAME
from precoro_api.message import Message
from precoro_api.quota import LedgerError, open_ledger, token_digest
from precoro_sandbox import Account, Sandbox, SandboxClock, Switches
from starlette.responses import JSONResponse

SPEED = 6000
TOKEN, EMAIL = "tkn-4f1c9e7ab2", "ada.lovelace@secret.example"
IBAN, PHONE, PERSON = "DE89370400440532013000", "+49 30 5550100", "grace@person.example"
CREDENTIALS, PRIVATE = (TOKEN, EMAIL), (IBAN, PHONE, PERSON, "Grace Hopper")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
BIN = Path(sys.executable).parent
MAR = "2025-03-01T00:00:00+00:00"
BANK = {"internationalBankAccountNumber": IBAN, "accountNumber": IBAN, "phone": PHONE}
SUPPLIER = {"id": 1, "name": "Acme", "updateDate": MAR, "createDate": MAR, **BANK}
PEOPLE = {"contacts": [{"name": "Grace Hopper", "email": PERSON}], "phone": PHONE}
VENDORS = [
    {"externalId": "V-1", "name": "Made", **BANK, **PEOPLE},
    {"externalId": "V-2", "name": "REFUSED", **BANK, **PEOPLE},
    {"externalId": "V-3", "name": "Of another type", **BANK, "phone": {"x": PHONE}},
    {"name": "Without a key", **BANK},
    {"externalId": "V-5", "name": "Known already", **BANK, "city": "Kyiv"},
]


@dataclass
class Places:
    """What was told and kept, by where it was; and the words of the commands that ran."""

    told: dict[str, bytes] = field(default_factory=dict)
    commands: list[bytes] = field(default_factory=list)


def spelled(secret):
    """The ways in which a secret may stand somewhere."""
    return {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}


def found_in(text, secrets):
    lower = text.lower()
    return [s for s in secrets for way in spelled(s) if way.lower().encode() in lower]


def repeat(request, response):
    """A refusal that repeats whatever was sent, headers and body."""
    body = getattr(request, "_body", b"").decode()
    if "REFUSED" not in body and response.status_code < 400:
        return response
    sent = [
        *parse_qsl(body),
        *((name, request.headers[name]) for name in ("x-auth-token", "email")),
    ]
    texts = [f"{name}={text}" for name, text in sent]
    return JSONResponse({"errors": {"errors": {"phone": texts}}}, max(response.status_code, 400))


class Runs:
    """Starts processes and gathers what they say and leave."""

    def __init__(self, sandbox, place):
        self.sandbox, self.place, self.found = sandbox, place, Places()
        self._running = None
        sandbox.app.after = self._look

    def _look(self, _):
        if self._running is not None:
            process = Path("/proc") / str(self._running.pid)
            words = [(process / name).read_bytes() for name in ("cmdline", "comm")]
            self.found.commands.append(b"\n".join(words))

    def run(self, name, command, *arguments, lines=(), **settings):
        folder = self.place / name
        folder.mkdir()
        account = {"auth_token": TOKEN, "email": EMAIL, "base_url": self.sandbox.url}
        config = folder / "config.json"
        config.write_text(json.dumps({**account, "clock_speed": SPEED, **settings}))
        self.sandbox.clock.advance(61)  # runs ask the same, which is allowed once a minute
        environment = {k: v for k, v in os.environ.items() if "PRECORO" not in k}
        environment |= {f"{each}_PRECORO_LOGLEVEL": "DEBUG" for each in ("TAP", "TARGET")}
        environment |= {"XDG_STATE_HOME": str(folder / "state")}
        self._running = subprocess.Popen(
            [BIN / command, *arguments, "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
        )
        given = "".join(f"{json.dumps(each)}\n" for each in lines).encode()
        out, err = self._running.communicate(given, timeout=60)
        self._running = None
        config.unlink()
        self.found.told |= {f"stdout of {name}": out, f"stderr of {name}": err}
        for path in folder.rglob("*"):
            if path.is_file():
                self.found.told[f"file of {name}: {path.relative_to(folder)}"] = path.read_bytes()
        return out


def singer(stream, records):
    yield {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
    yield from ({"type": "RECORD", "stream": stream, "record": each} for each in records)
    yield {"type": "STATE", "value": {"bookmark": 7}}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """All that a dozen runs tell, of a company that has bank details and odd answers."""
    clock = SandboxClock(SPEED)
    odd = {**SUPPLIER, "id": 2, "phone": [PHONE], "bankIdentity": IBAN, "deliveryPeriod": IBAN}
    rows = {
        "suppliers": [SUPPLIER, odd, {**SUPPLIER, "id": 3, "name": "Known", "externalId": "V-5"}],
        "legal_entities": [{"id": 9, "name": "Ours", **BANK}],
        "users": [{"id": 3, "email": EMAIL, "firstname": "Ada"}],
        "invoices": [{"id": 7, "idn": "7", "updateDate": MAR, "status": 2}],
    }
    account = Account.open(clock, Switches(), rows, token=TOKEN, email=EMAIL)
    with Sandbox(clock=clock, accounts=[account]) as sandbox:
        sandbox.app.spoil = repeat
        runs = Runs(sandbox, tmp_path_factory.mktemp("runs"))
        _read(runs)
        _write(runs)
        for command in ("check", "probe", "quota"):
            runs.run(command, "precoro", command)
    return runs.found


def _read(runs):
    catalog = runs.place / "catalog.json"
    streams = json.loads(runs.run("discovery", "tap-precoro", "--discover"))
    for stream in streams["streams"]:
        root = next(each for each in stream["metadata"] if not each["breadcrumb"])
        root["metadata"]["selected"] = stream["stream"] in ("suppliers", "legal_entities")
    catalog.write_text(json.dumps(streams))
    runs.run("sync", "tap-precoro", "--catalog", str(catalog), quota_path="quota.sqlite3")
    out = runs.found.told.pop("stdout of sync")  # records hold record data
    messages = [json.loads(line) for line in out.splitlines()]
    assert {IBAN, PHONE} <= {
        value
        for each in messages
        for value in each.get("record", {}).values()
        if isinstance(value, str)
    }
    states = [each for each in messages if each["type"] == "STATE"]
    runs.found.told |= {"records": out, "state": json.dumps(states).encode()}
    runs.run("estimate", "tap-precoro", "--estimate", "--catalog", str(catalog))
    runs.run("refused token", "tap-precoro", "--test", auth_token=f"{TOKEN}x")
    runs.run("wrong token", "tap-precoro", auth_token=[TOKEN])


def _write(runs):
    files = {name: f"{name}.out" for name in ("rejects_path", "report_path", "links_path")}
    kept = {"journal_path": "journal.sqlite3", "quota_path": "quota.sqlite3", **files}
    vendors = [*singer("suppliers", VENDORS)]
    runs.run("dry run", "target-precoro", lines=vendors, dry_run=True, plan_path="plan.json")
    out = runs.run("load", "target-precoro", lines=vendors, **kept)
    runs.found.told["state of load"] = out
    document = singer("invoices", [{"idn": "7", "externalId": "REFUSED", "note": PERSON}])
    runs.run("annotate", "target-precoro", lines=document, external_integration_log=True)
    runs.run("wrong e-mail", "target-precoro", email=[EMAIL])
    broken = [*singer("suppliers", []), {"type": "RECORD", "record": VENDORS[0]}, BANK]
    runs.run("broken input", "target-precoro", lines=broken)
    runs.run("nobody there", "target-precoro", lines=vendors, base_url="http://127.0.0.1:9")


AS_IT_CAME = ("records", "file of load: rejects_path.out", "file of dry run: plan.json")
"""Where the records of the input, or of Precoro, are meant to be."""


def test_no_credential_is_told_or_kept_anywhere(places):
    told = {where: found_in(text, CREDENTIALS) for where, text in places.told.items()}
    assert {where: found for where, found in told.items() if found} == {}


def test_no_bank_detail_and_nothing_about_people_is_told_but_where_records_are_meant_to_be(places):
    told = {where: found_in(text, PRIVATE) for where, text in places.told.items()}
    found = {where for where, secrets in told.items() if secrets}
    assert found <= {*AS_IT_CAME}
    assert found >= {"records", "file of load: rejects_path.out"}


def test_no_command_line_and_no_title_of_a_process_has_a_credential(places):
    assert len(places.commands) > 20
    assert found_in(b"\n".join(places.commands), CREDENTIALS) == []


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("stderr of sync", "urllib3.connectionpool"),
        ("stderr of sync", "GET /suppliers"),
        ("stderr of load", "POST /suppliers"),
        ("stderr of load", "V-2: Precoro refused POST (400): phone: name=REFUSED"),
        ("stderr of load", "x-auth-token=***; phone: email=***"),
        ("stderr of load", "phone: phone=***; phone: contacts[0][name]=***"),
        ("stderr of load", "V-3: phone: its value does not fit"),
        ("stderr of annotate", "REFUSED"),
        ("stderr of refused token", "Check the settings auth_token and email"),
        ("stderr of wrong token", "auth_token must be a string"),
        ("stderr of wrong e-mail", "email must be a string"),
        ("stderr of broken input", "line 3 of the input"),
        ("stderr of nobody there", "no connection for GET"),
        ("stderr of dry run", "+ create suppliers V-1"),
        ("file of load: report_path.out", '"stream":"suppliers"'),
        ("file of load: links_path.out", "V-1"),
        ("file of load: journal.sqlite3", "SQLite"),
        ("file of load: quota.sqlite3", "SQLite"),
        ("file of dry run: plan.json", "V-1"),
        ("file of probe: precoro-profile.json", "pagination"),
        ("stdout of check", "suppliers"),
        ("stdout of probe", "questions answered"),
        ("stdout of quota", "minute"),
        ("stdout of estimate", "suppliers"),
        ("state", "bookmarks"),
        ("state of load", "bookmark"),
    ],
)
def test_the_places_that_were_searched_tell_something(places, where, words):
    assert words in places.told[where].decode("utf-8", "replace")


def test_a_ledger_that_a_team_shares_has_no_credential(places, tmp_path):
    server = redis.Redis.from_url(REDIS)
    try:
        server.ping()
    except redis.RedisError as problem:
        pytest.skip(f"no redis server on this machine: {problem}")
    with Sandbox(clock=SandboxClock(SPEED), token=TOKEN, email=EMAIL) as sandbox:
        runs = Runs(sandbox, tmp_path)
        runs.run("redis", "target-precoro", lines=singer("suppliers", VENDORS), quota_path=REDIS)
    names = [*server.scan_iter(match=f"*{token_digest(TOKEN)}*")]
    kept = b"\n".join([*names, *filter(None, server.mget(names))])
    server.delete(*names)
    assert len(kept) > 200
    assert found_in(kept, (*CREDENTIALS, *PRIVATE, "V-1")) == []
    assert found_in(b"".join(runs.found.told.values()), CREDENTIALS) == []


@pytest.mark.parametrize(
    "path",
    [
        "redis://:s3cret/word@127.0.0.1:1/0",
        "postgresql://me:s3cret/word@127.0.0.1:1/x",
        "mysql://me:s3cret@127.0.0.1/x",
        "redis://:s3cret@127.0.0.1:1/0",
        "postgresql://me:s3cret@127.0.0.1:1/x",
    ],
)
def test_no_password_of_a_ledger_is_told(path):
    with pytest.raises(LedgerError, match="quota_path") as caught:
        open_ledger(path)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_request_does_not_show_its_body():
    message = Message(
        BY_NAME["suppliers"].create, "suppliers", body=f"phone={PHONE}", private=[IBAN]
    )
    assert PHONE not in repr(message)
    assert IBAN not in repr(message)
