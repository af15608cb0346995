from __future__ import annotations

import duckdb
from precoro_sandbox import Account, SandboxClock, Switches
from precoro_sandbox.server import seed_rows

JOB = "several-companies"
COUNTS = {"suppliers": 30, "purchase_orders": 10}


def company(clock, token, **counts):
    rows = seed_rows("demo", clock, COUNTS | counts)
    return Account.open(clock, Switches.set({}), rows, token=token, email=f"{token}@example.com")


def test_the_companies_stand_side_by_side_each_within_its_own_budget(serve, cook, tmp_path):
    clock = SandboxClock(6000)
    companies = {
        "DE": company(clock, "token-of-de"),
        "US": company(clock, "token-of-us", suppliers=12, purchase_orders=7),
    }
    sandbox = serve(accounts=companies.values(), clock=clock)
    warehouse = tmp_path / "warehouse.duckdb"
    env = {"TARGET_DUCKDB_PATH": str(warehouse)}
    for name, account in companies.items():
        env |= {
            f"TAP_PRECORO__{name}_AUTH_TOKEN": account.token,
            f"TAP_PRECORO__{name}_EMAIL": account.email,
        }
    recipe = cook(sandbox, **env)
    # With the clock of everybody the budgets outlive the run: one per company, in its own file.
    first = recipe.run(JOB, TAP_PRECORO_CLOCK_SPEED="1")
    assert len(list((tmp_path / "state").rglob("quota-*.sqlite3"))) == 2
    rows = 0
    with duckdb.connect(str(warehouse), read_only=True) as tables:
        for table in ("suppliers", "purchase_orders"):
            found = tables.execute(f"select company, id from {table}").fetchall()
            assert sorted(found) == sorted(
                (f"acme-{name.lower()}", key)
                for name, account in companies.items()
                for key in account.store.rows(table)
            )
            rows += len(found)
        ((lines,),) = tables.execute("select count(*) from purchase_orders_items").fetchall()
    expected = [
        row["items"]
        for each in companies.values()
        for row in each.store.rows("purchase_orders").values()
    ]
    assert lines == sum(map(len, expected))
    again = recipe.run(JOB)
    assert again.requests == 4  # two lists of each company, and no document
    recipe.tell("Several companies in one warehouse", rows=rows + lines, first=first, second=again)
