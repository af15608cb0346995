"""All streams of the demo company through real loaders, and on from the state that they let out.

The streams are read with `custom_fields: values`, which adds tables and takes none away. The
sandbox's store and a public client say what the warehouses must hold.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from precoro import PrecoroClient
from precoro_sandbox import Sandbox, SandboxClock
from psycopg import sql
from psycopg.types.json import set_json_loads

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
SPEED = 6000
NO_LIMITS = {"minute_limit": 0, "hour_limit": 0, "day_limit": 0, "duplicate_limiter": "off"}
UNLIMITED = {f"requests_per_{window}": "off" for window in ("minute", "hour", "day")}
UNLIMITED |= {f"identical_requests_per_{window}": "off" for window in ("minute", "hour")}
exactly = partial(json.loads, parse_float=Decimal)

DOCUMENTS = (
    "credit_notes",
    "expenses",
    "invoices",
    "purchase_orders",
    "purchase_requisitions",
    "receipts",
    "request_for_proposals",
    "warehouse_requests",
)
VALUES = "_custom_field_values"
HOLDERS = ("dataDocumentCustomFields", "dataProductCustomFields", "dataSupplierCustomFields")
# Columns that are compared with the store, value by value.
COMPARED = {
    "suppliers": "name uniqueCode note postalCode phone taxPayer deliveryPeriod createDate status",
    "items": "name sku description price currency hiddenInCatalog supplier updateDate",
    "purchase_orders": "idn status currency sum netSum requiredDate supplier externalId",
    "purchase_orders_details": "idn updateDate sum netSum creator location",
    "purchase_orders_items": "name sku quantity price",
    "invoices": "idn invoiceNumber logicType issueDate sum sumPaid netSum creditPeriodDays",
    "invoices_items": "name sku quantity price",
    "expenses": "idn currency sum createDate status",
    "receipts": "idn createDate purchaseOrder",
    "payments": "idn sumPaid payDate prepayment invoice",
    "taxes": "name percent",
    "warehouse_items": "quantity minimumStockLevel reorderTo needToOrder updateDate",
    "document_custom_field_options": "name code label level enable externalId",
}
SUMS = {
    "purchase_orders": "sum netSum invoicedSum",
    "purchase_orders_details": "sum netSum",
    "purchase_orders_items": "quantity price",
    "invoices": "sum netSum sumPaid sumInCompanyCurrency",
    "expenses": "sum sumPaid",
    "payments": "sumPaid",
    "items": "price",
}
# What a way through CSV or COPY may stumble on.
HARD = "Näh \"5 µl\", 木 \N{DELIVERY TRUCK}\n\\N \\. \\\\ \t; 'x' NULL\r\n, end "


@dataclass
class Sent:
    """What the tap wrote: of each stream its key, its columns, and the last record of each key.

    Of each run, how many records, and the last state.
    """

    keys: dict[str, list[str]] = field(default_factory=dict)
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[tuple, dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    counts: list[Counter[str]] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)

    def take(self, line):
        """Take a message."""
        message = exactly(line)
        if message["type"] == "STATE":
            self.states[-1] = message["value"]
        elif message["type"] == "SCHEMA":
            self.keys[message["stream"]] = message["key_properties"]
            self.columns[message["stream"]] = message["schema"]["properties"]
        else:
            stream, record = message["stream"], message["record"]
            self.counts[-1][stream] += 1
            self.records[stream][self.key(stream, record)] = record

    def key(self, stream, row):
        return tuple(row[name] for name in self.keys[stream])


@dataclass
class Warehouse:
    settings: dict[str, Any]
    ask: Callable[[str], list[tuple]]
    empty: str | None = ""
    states: list[Any] = field(default_factory=list)
    failure: str = ""

    def rows(self, stream, columns):
        """The rows, each value as the tap would write it."""
        names = ", ".join(f'"{name}"' for name in columns)
        kinds = [set(each["type"]) for each in columns.values()]
        return [
            dict(zip(columns, map(_as_sent, kinds, row), strict=True))
            for row in self.ask(f'select {names} from "{stream}"')
        ]


def _as_sent(kind, value):
    if isinstance(value, float):
        return Decimal(repr(value))  # target-duckdb keeps numbers as doubles
    if isinstance(value, datetime):
        return f"{value.isoformat()}+00:00"  # both keep moments without their offset
    if isinstance(value, str) and "string" not in kind:
        return exactly(value)  # target-duckdb's JSON
    return value


@contextmanager
def duckdb_file(place):
    """A file; target-duckdb takes an empty text for null, so that no key may hold one."""
    path = str(place / "warehouse.duckdb")
    connect = cache(lambda: duckdb.connect(path, read_only=True))  # once it is written
    yield Warehouse(
        {"path": path, "default_target_schema": "main", "batch_size_rows": 5000},
        lambda query: connect().execute(query).fetchall(),
        empty=None,
    )
    if connect.cache_info().currsize:
        connect().close()


@contextmanager
def postgres_database(place):
    """A database of its own, dropped at the end."""
    name = f"loaders_{uuid.uuid4().hex}"
    with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            url = urlsplit(POSTGRES)._replace(path=f"/{name}")
            with psycopg.connect(url.geturl(), autocommit=True) as connection:
                set_json_loads(exactly, connection)
                yield Warehouse(
                    {
                        "sqlalchemy_url": url._replace(scheme="postgresql+psycopg").geturl(),
                        "default_target_schema": "public",
                    },
                    lambda query: connection.execute(query).fetchall(),
                )
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


LOADERS = {"target-duckdb": duckdb_file, "target-postgres": postgres_database}


@dataclass
class Story:
    """Two runs, and what came of them."""

    sandbox: Sandbox
    sent: Sent
    streams: set[str]
    warehouses: dict[str, Warehouse | str]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    place = tmp_path_factory.mktemp("loaders")
    with ExitStack() as stack:
        clock = SandboxClock(SPEED)
        sandbox = stack.enter_context(Sandbox(seed="demo", clock=clock, switches=NO_LIMITS))
        warehouses: dict[str, Warehouse | str] = {}
        for loader, opened in LOADERS.items():
            try:
                warehouses[loader] = stack.enter_context(opened(place))
            except psycopg.OperationalError as problem:
                warehouses[loader] = f"no PostgreSQL server on this machine: {problem}"
        tap, streams = _tap(sandbox, place)
        sent, open_ = Sent(), {k: v for k, v in warehouses.items() if isinstance(v, Warehouse)}
        _run(tap, sent, open_, place)
        _change(sandbox)
        (place / "state").write_text(json.dumps(sent.states[-1]), encoding="utf-8")
        _run([*tap, "--state", place / "state"], sent, open_, place)
        yield Story(sandbox, sent, streams, warehouses)


def _tap(sandbox, place):
    """The tap's command with all its streams selected, and their names."""
    settings = {
        "auth_token": sandbox.account.token,
        "email": sandbox.account.email,
        "base_url": sandbox.url,
        "clock_speed": SPEED,
        "quota_path": "memory",
        "custom_fields": "values",
        **UNLIMITED,
    }
    (place / "config").write_text(json.dumps(settings), encoding="utf-8")
    tap = [sys.executable, "-m", "tap_precoro", "--config", place / "config"]
    found = subprocess.run([*tap, "--discover"], capture_output=True, check=True)
    catalog = json.loads(found.stdout)
    for stream in catalog["streams"]:
        for each in stream["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = True
    (place / "catalog").write_text(json.dumps(catalog), encoding="utf-8")
    names = {stream["tap_stream_id"] for stream in catalog["streams"]}
    return [*tap, "--catalog", place / "catalog"], names


def _run(tap, sent, warehouses, place):
    """Read once; each message goes to all loaders at the same time."""
    sent.counts.append(Counter())
    sent.states.append(None)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((place / name).open("w+", encoding="utf-8"))
            for loader in ("tap", *warehouses)
            for name in (loader, f"{loader}.log")
        }
        running = {}
        for loader, warehouse in warehouses.items():
            config = place / f"{loader}.json"
            config.write_text(json.dumps(warehouse.settings), encoding="utf-8")
            running[loader] = subprocess.Popen(
                [ROOT / f".meltano/loaders/{loader}/venv/bin/{loader}", "--config", config],
                stdin=subprocess.PIPE,
                stdout=files[loader],
                stderr=files[f"{loader}.log"],
            )
        reading = subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=files["tap.log"])
        with reading:
            for line in reading.stdout:
                sent.take(line)
                for process in running.values():
                    with suppress(BrokenPipeError):  # its exit code will tell
                        process.stdin.write(line)
        for process in running.values():
            with suppress(BrokenPipeError):
                process.stdin.close()
        ended = {"tap": reading.returncode}
        ended |= {loader: process.wait(timeout=300) for loader, process in running.items()}
        told = {name: (place / name).read_text(encoding="utf-8") for name in files}
    assert ended["tap"] == 0, told["tap.log"][-3000:]
    for loader, warehouse in warehouses.items():
        if ended[loader]:
            warehouse.failure = warehouse.failure or told[f"{loader}.log"][-3000:]
        else:
            warehouse.states.append(exactly(told[loader].splitlines()[-1]))


def _change(sandbox):
    """What happened in the company between the runs."""
    store = sandbox.store
    sandbox.clock.advance(3600)
    first, second, third, *_ = store.rows("suppliers").values()
    store.change("suppliers", first, {"note": None, "deliveryPeriod": None})
    store.change("suppliers", second, {"name": HARD, "note": HARD, "postalCode": "00123"})
    store.change("suppliers", third, {"name": "NULL", "note": " ", "city": ""})
    store.add("suppliers", {"name": "New", "status": 2, "taxPayer": False})
    cheap, dear, *_ = store.rows("items").values()
    store.change("items", cheap, {"price": Decimal("0.0001")})
    store.change("items", dear, {"price": Decimal("12345678901.2345")})
    order = next(iter(store.rows("purchase_orders").values()))
    lines = [{**line, "name": HARD} for line in order["items"]]
    line = {**lines[0], "id": 1, "quantity": Decimal("0.125"), "price": Decimal("-3.1")}
    store.change("purchase_orders", order, {"sum": Decimal("0.1"), "items": [*lines, line]})
    store.add("purchase_orders", {"sum": Decimal("0.2"), "items": [{**line, "id": 2}]})
    store.add("payments", {"sumPaid": Decimal("0.3"), "payDate": store.clock.stamp()})
    store.change("taxes", next(iter(store.rows("taxes").values())), {"percent": Decimal("7.125")})
    sandbox.clock.advance(3600)


@pytest.fixture(params=LOADERS)
def warehouse(request, story):
    opened = story.warehouses[request.param]
    if isinstance(opened, str):
        pytest.skip(opened)
    assert not opened.failure, opened.failure
    return opened


# What the store says


def listed(store, stream):
    if stream == "credit_notes":
        return [row for row in store.rows("invoices").values() if row["logicType"] in (1, 5)]
    return list(store.rows(stream).values())


def detailed(store, document):
    """The documents that have a detail: the children of a split invoice share their parent's."""
    return list({row["idn"]: row for row in reversed(listed(store, document))}.values())


def of(stream):
    """The document whose lines a stream holds, if it does."""
    document = stream.removesuffix("_items")
    return document if document in DOCUMENTS and document != stream else None


def by_key(store, stream):
    """The store's rows by the key that they have in a warehouse."""
    document = of(stream)
    if document:
        found = detailed(store, document)
        return {(row["id"], str(line["id"])): line for row in found for line in row["items"]}
    if stream.endswith("_details"):
        return {(row["id"],): row for row in detailed(store, stream.removesuffix("_details"))}
    if stream == "attachments":
        found = [row for document in DOCUMENTS for row in detailed(store, document)]
        return {(each["id"],): each for row in found for each in row.get("attachments") or ()}
    return {(row["id"],): row for row in listed(store, stream)}


def values_of(store, source):
    """Of each custom value: who has it (document, and line), its field, and the value."""
    for (owner, *line), row in by_key(store, source).items():
        holder = "dataItemCustomFields" if line else next(filter(row.get, HOLDERS), "")
        for entry in row.get(holder, ()):
            of_field = next(each["id"] for each in entry.values() if isinstance(each, dict))
            yield owner, *line, of_field, str(entry["value"])


def as_column(column, value):
    """A value of the store in the type of a column."""
    types = {"number": lambda each: Decimal(str(each)), "integer": int, "string": str}
    (kind,) = set(column["type"]) - {"null"}
    return None if value is None else types.get(kind, lambda each: each)(value)


# What the warehouses hold


def test_every_stream_has_its_table(story, warehouse):
    own = (
        "select table_name from information_schema.tables where table_schema in ('main', 'public')"
    )
    assert {name for (name,) in warehouse.ask(own)} == story.streams == set(story.sent.columns)
    assert {stream for stream in story.streams if not story.sent.counts[0][stream]} == set()


def test_the_state_comes_out_as_it_went_in(story, warehouse):
    assert warehouse.states == story.sent.states


def test_the_second_run_goes_on(story):
    for stream in ("suppliers", "items", "purchase_orders", "purchase_orders_items", "invoices"):
        assert story.sent.counts[1][stream] < story.sent.counts[0][stream] / 5, stream


def test_every_value_is_held_as_it_was_sent(story, warehouse):
    for stream, records in story.sent.records.items():
        rows = warehouse.rows(stream, story.sent.columns[stream])
        assert len(rows) == len(records), stream
        expected = {
            key: {name: warehouse.empty if each == "" else each for name, each in record.items()}
            for key, record in records.items()
        }
        assert {story.sent.key(stream, row): row for row in rows} == expected, stream


def test_an_empty_text_is_null_to_one_loader(story, warehouse):
    _, _, third, *_ = story.sandbox.store.rows("suppliers")
    assert story.sent.records["suppliers"][third,]["city"] == ""
    held = warehouse.ask(f'select "city" from "suppliers" where "id" = {third}')
    assert held == [(warehouse.empty,)]


def test_every_row_of_the_company_is_held_once(story, warehouse):
    store = story.sandbox.store
    for stream in story.streams:
        if stream.endswith(VALUES):
            source = stream.removesuffix(VALUES)
            columns = ("ownerId", *(["lineKey"] if of(source) else []), "fieldId", "value")
            expected = list(values_of(store, source))
        else:
            columns = ("documentId", "lineKey") if of(stream) else ("id",)
            expected = list(by_key(store, stream))
        names = ", ".join(f'"{name}"' for name in columns)
        assert sorted(warehouse.ask(f'select {names} from "{stream}"')) == sorted(expected), stream


@pytest.mark.parametrize("stream", COMPARED)
def test_values_are_those_of_the_store(story, warehouse, stream):
    columns = {name: story.sent.columns[stream][name] for name in COMPARED[stream].split()}
    keys = {name: story.sent.columns[stream][name] for name in story.sent.keys[stream]}
    held = {story.sent.key(stream, row): row for row in warehouse.rows(stream, {**keys, **columns})}
    for key, row in by_key(story.sandbox.store, stream).items():
        expected = {name: as_column(columns[name], row.get(name)) for name in columns}
        assert {name: held[key][name] for name in columns} == expected


@pytest.mark.parametrize("stream", SUMS)
def test_sums_are_exact(story, warehouse, stream):
    rows = by_key(story.sandbox.store, stream).values()
    for name in SUMS[stream].split():
        expected = sum(Decimal(str(row.get(name) or 0)) for row in rows)
        held = warehouse.ask(f'select sum(cast("{name}" as decimal(38, 4))) from "{stream}"')
        assert held == [(expected,)], name


@pytest.fixture(scope="module")
def read(story):
    """The ids of all that the public client can list, by table."""
    sandbox, found = story.sandbox, {}
    token, email = sandbox.account.token, sandbox.account.email
    with PrecoroClient(token=token, email=email, base_url=sandbox.url, max_retries=0) as client:
        for name in dir(client):
            part = getattr(client, name)
            if hasattr(part, "list_all"):
                found["ap_documents" if name == "ocr" else name] = part.list_all(per_page=200)
        stock = client.inventory
        found["stock_transfers"] = stock.list_all_stock_transfers(per_page=200)
        found["stock_takings"] = stock.list_all_stock_takings(per_page=200)
        found["warehouse_items"] = [
            row
            for each in found["warehouses"]
            for row in stock.list_all_warehouse_items(each["id"])
        ]
    assert len(found) == 26
    return {table: sorted(row["id"] for row in rows) for table, rows in found.items()}


def test_a_public_client_reads_the_same(read, warehouse):
    for table, ids in read.items():
        assert warehouse.ask(f'select count(*) from "{table}"') == [(len(ids),)], table
        held = warehouse.ask(f'select "id" from "{table}" order by "id"')
        assert [row_id for (row_id,) in held] == ids, table
