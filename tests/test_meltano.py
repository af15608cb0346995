"""One whole `meltano run` each way, with the plugins in environments of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from precoro_sandbox import Sandbox, SandboxClock

ROOT = Path(__file__).resolve().parent.parent
SPEED = 6000

pytestmark = pytest.mark.whole


@pytest.fixture
def sandbox():
    with Sandbox(seed="demo", clock=SandboxClock(SPEED)) as sandbox:
        yield sandbox


@pytest.fixture
def meltano(sandbox, tmp_path):
    environment = {
        **os.environ,
        "MELTANO_ENVIRONMENT": "sandbox",
        "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path / 'meltano.db'}",
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
        "TARGET_DUCKDB_PATH": str(tmp_path / "warehouse.duckdb"),
    }
    for plugin in ("TAP_PRECORO", "TARGET_PRECORO"):
        environment |= {
            f"{plugin}_BASE_URL": sandbox.url,
            f"{plugin}_AUTH_TOKEN": sandbox.account.token,
            f"{plugin}_EMAIL": sandbox.account.email,
            f"{plugin}_CLOCK_SPEED": str(SPEED),
        }

    def run(*arguments):
        done = subprocess.run(
            [Path(sys.executable).parent / "meltano", "run", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert sandbox.account.token not in done.stdout + done.stderr

    return run


def test_precoro_to_a_warehouse(meltano, sandbox, tmp_path):
    meltano("precoro-to-warehouse")
    store = sandbox.store
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as warehouse:
        for table in ("suppliers", "items", "purchase_orders", "invoices", "payments", "taxes"):
            found = warehouse.execute(f"select count(distinct id) from {table}").fetchall()
            assert found == [(len(store.rows(table)),)], table
        lines = sum(len(row["items"]) for row in store.rows("purchase_orders").values())
        found = warehouse.execute("select count(*) from purchase_orders_items").fetchall()
        assert found == [(lines,)]
        total = sum(row["sum"] for row in store.rows("purchase_orders").values())
        found = warehouse.execute("select round(sum(sum), 2) from purchase_orders").fetchall()
        assert float(found[0][0]) == float(total)
    first = len(sandbox.served)
    assert len({(each.method, each.path, each.query) for each in sandbox.served}) == first
    meltano("precoro-to-warehouse")
    assert len(sandbox.served) - first < 40


def test_an_erp_to_precoro(meltano, sandbox):
    suppliers = {row.get("externalId") for row in sandbox.store.rows("suppliers").values()}
    meltano("erp-to-precoro")
    lines = (ROOT / "examples/erp/vendors.jsonl").read_text(encoding="utf-8").splitlines()
    vendors = {json.loads(line)["VendorId"] for line in lines}
    linked = [row.get("externalId") for row in sandbox.store.rows("suppliers").values()]
    assert vendors <= set(linked)
    assert len(linked) == 400 + len(vendors - suppliers)
    writes = {"POST", "PUT", "PATCH"}
    assert any(each.method in writes for each in sandbox.served)
    first = len(sandbox.served)
    meltano("--full-refresh", "erp-to-precoro")
    assert not [each for each in sandbox.served[first:] if each.method in writes]
    assert len(sandbox.served) - first == 5


def test_a_rule_for_one_stream_reaches_the_target():
    """A setting that is a text for all or an object by stream: Meltano lays one over the other."""
    done = subprocess.run(
        [
            Path(sys.executable).parent / "meltano",
            "invoke",
            "--dump=config",
            "target-precoro--first-link",
        ],
        cwd=ROOT,
        env={**os.environ, "OUTPUT": "output", "MELTANO_CLI_DISABLE_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    config = json.loads(done.stdout[done.stdout.index("{") :])
    assert config["modes"] == {"public-vendors_to_link": "link"}
