from __future__ import annotations

import duckdb
import pytest
from precoro_sandbox import Account, SandboxClock, Switches
from precoro_sandbox.server import seed_rows

JOB = "several-companies"
COUNTS = {"suppliers": 30, "purchase_orders": 10}


def company(clock, token, *, day_limit=3000, **counts):
    rows = seed_rows("demo", clock, COUNTS | counts)
    switches = Switches.set({"day_limit": day_limit})
    return Account.open(clock, switches, rows, token=token, email=f"{token}@example.com")


@pytest.fixture
def warehouse(tmp_path):
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def two(serve, cook, warehouse):
    """Two companies of one Precoro, and the recipe with the keys of both."""

    def begin(clock, **de):
        companies = {
            "DE": company(clock, "token-of-de", **de),
            "US": company(clock, "token-of-us", suppliers=12, purchase_orders=7),
        }
        sandbox = serve(accounts=companies.values(), clock=clock)
        env = {"TARGET_DUCKDB_PATH": str(warehouse)}
        for name, account in companies.items():
            env |= {
                f"TAP_PRECORO__{name}_AUTH_TOKEN": account.token,
                f"TAP_PRECORO__{name}_EMAIL": account.email,
            }
        return companies, cook(sandbox, **env)

    return begin


def test_the_companies_stand_side_by_side_each_with_a_ledger_of_its_own(two, warehouse, tmp_path):
    companies, recipe = two(SandboxClock(6000))
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


def test_where_the_budget_of_one_is_spent_the_other_goes_on(two, warehouse):
    # By an ordinary clock, so that the day does not end before the run.
    companies, recipe = two(SandboxClock(1), day_limit=5)
    ran = recipe.run(JOB, TAP_PRECORO__DE_REQUESTS_PER_DAY="5")
    us = companies["US"].store.rows("purchase_orders")
    assert ran.requests == 5 + 2 + len(us)
    with duckdb.connect(str(warehouse), read_only=True) as tables:
        rows = tables.execute("select company, id from purchase_orders").fetchall()
        ((lines,),) = tables.execute(
            "select count(*) from purchase_orders_items where company = 'acme-us'"
        ).fetchall()
    assert sorted(key for name, key in rows if name == "acme-us") == sorted(us)
    assert lines == sum(len(row["items"]) for row in us.values())
