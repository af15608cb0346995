"""The stage of the recipes: a local Precoro, an ERP's database of its own, and `meltano run`.

With RECIPES_TABLE the figures of all recipes go into that file, between its markers, if every test
passed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from precoro_sandbox import Sandbox, SandboxClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
MELTANO = Path(sys.executable).parent / "meltano"
SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://root@127.0.0.1:5432/test")
SPEED = 6000
"""The sandbox's clock runs so much faster, so that limits of 60 a minute pass quickly."""
WRITES = frozenset({"POST", "PUT", "PATCH"})
FIGURES: list[tuple[str, str, int, int, int, int]] = []


@dataclass
class Ran:
    """What a job asked of Precoro, by method, and the end of what it said."""

    methods: Counter[str]
    log: str

    @property
    def requests(self) -> int:
        return self.methods.total()

    @property
    def writes(self) -> int:
        return sum(many for method, many in self.methods.items() if method in WRITES)


class Database:
    """A PostgreSQL database that is dropped after its test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = SERVER.rsplit("/", 1)[0] + f"/{name}"
        # tap-postgres insists on a password, also where the server asks for none.
        parts = urlsplit(self.url)
        where = f"{parts.hostname}:{parts.port or 5432}/{name}"
        who = f"{parts.username or 'postgres'}:{parts.password or 'postgres'}"
        self.sqlalchemy_url = f"postgresql://{who}@{where}"

    def run(self, sql: str, *values: Any) -> None:
        """Carry out statements; several may stand in one text if there are no values."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql, values or None)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql, values or None).fetchall()

    def value(self, sql: str, *values: Any) -> Any:
        """The one value that a query finds."""
        ((value,),) = self.rows(sql, *values)
        return value


@dataclass
class Recipe:
    """One recipe at work: its folder, its sandbox, and the environment of its jobs."""

    folder: Path
    sandbox: Sandbox
    output: Path
    env: dict[str, str] = field(default_factory=dict)

    def run(self, job: str, *options: str, code: int = 0, **env: str) -> Ran:
        """`meltano run` a job, as anyone would; what it asked of the sandbox."""
        return self.meltano("run", *options, job, code=code, **env)

    def meltano(self, *arguments: str, code: int = 0, stdin: str = "", **env: str) -> Ran:
        """Any command of Meltano."""
        before = len(self.sandbox.served)
        done = subprocess.run(
            [MELTANO, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        log = done.stdout + done.stderr
        assert done.returncode == code, log[-6000:]
        for account in self.sandbox.app.accounts:
            assert account.token not in log
        return Ran(Counter(each.method for each in self.sandbox.served[before:]), log)

    def tell(self, title: str, *, rows: int, first: Ran, second: Ran) -> None:
        """Figures for the table: rows moved, requests of both runs, writes of the second."""
        figures = (first.requests, second.requests, second.writes)
        FIGURES.append((self.folder.name, title, rows, *figures))


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Start sandboxes with a fast clock; they stop with the test."""
    running: list[Sandbox] = []

    def start(**options: Any) -> Sandbox:
        clock = options.pop("clock", None) or SandboxClock(SPEED)
        running.append(Sandbox(clock=clock, **options).start())
        return running[-1]

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def cook(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Recipe]:
    """The recipe beside the test, on a sandbox, and on an ERP if there is one."""

    def begin(sandbox: Sandbox, erp: Database | None = None, **env: str) -> Recipe:
        base = {
            "MELTANO_ENVIRONMENT": "sandbox",
            "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path / 'meltano.db'}",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "1",
            "MELTANO_CLI_LOG_LEVEL": "info",
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "OUTPUT": str(tmp_path),
        }
        for plugin in ("TAP_PRECORO", "TARGET_PRECORO"):
            base |= {
                f"{plugin}_BASE_URL": sandbox.url,
                f"{plugin}_AUTH_TOKEN": sandbox.account.token,
                f"{plugin}_EMAIL": sandbox.account.email,
                f"{plugin}_CLOCK_SPEED": str(int(sandbox.clock.speed)),
            }
        if erp is not None:
            base["ERP_URL"] = erp.sqlalchemy_url
        return Recipe(request.path.parent, sandbox, tmp_path, base | env)

    return begin


@pytest.fixture
def erp(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with what the recipe's `erp.sql` makes; skipped where no server answers."""
    name = f"recipe_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(SERVER, autocommit=True, connect_timeout=3) as server:
            server.execute(f"create database {name}")
    except psycopg.OperationalError as problem:
        pytest.skip(f"no PostgreSQL at {SERVER.rsplit('@', 1)[-1]}: {problem}")
    database = Database(name)
    try:
        database.run((request.path.parent / "erp.sql").read_text(encoding="utf-8"))
        yield database
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f"drop database {name} with (force)")


def _missing(terminalreporter: Any, exitstatus: int) -> str:
    """Why these figures are not those of all recipes; empty if they are."""
    many = {
        kind: len(terminalreporter.stats.get(kind, [])) for kind in ("failed", "error", "skipped")
    }
    if any(many.values()):
        return ", ".join(f"{count} {kind}" for kind, count in many.items() if count)
    recipes = {path.parent.name for path in Path(__file__).parent.glob("*/test_recipe.py")}
    absent = recipes - {folder for folder, *_ in FIGURES}
    if absent:
        return f"nothing was told of {', '.join(sorted(absent))}"
    return f"pytest ended with {int(exitstatus)}" if exitstatus else ""


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int) -> None:
    """Print the figures; if all recipes passed, put them into the file that RECIPES_TABLE names."""
    if not FIGURES:
        return
    lines = [
        "| Recipe | What it does | Rows moved | Requests | Requests again | Writes again |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for folder, *figures in sorted(FIGURES):
        cells = (f"{each:,}" if isinstance(each, int) else each for each in figures)
        lines.append(f"| [`{folder}`]({folder}/README.md) | {' | '.join(cells)} |")
    terminalreporter.section("recipes")
    for line in lines:
        terminalreporter.write_line(line)
    file = os.environ.get("RECIPES_TABLE")
    missing = _missing(terminalreporter, exitstatus)
    if file and missing:
        terminalreporter.write_line(f"{file} keeps its table: {missing}.", red=True)
    elif file:
        path = Path(file)
        block = "\n".join(["<!-- recipes -->", *lines, "<!-- /recipes -->"])
        text = path.read_text(encoding="utf-8")
        pattern = re.compile("<!-- recipes -->.*?<!-- /recipes -->", re.DOTALL)
        path.write_text(pattern.sub(lambda _: block, text), encoding="utf-8")
