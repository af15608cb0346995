"""The rooms and who may enter which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Package, or module of one, and what it must never import.
OF_THE_CLIENT = {
    f"precoro_api.{module}"
    for module in ("ahead", "client", "commands", "connection", "encoding", "errors", "limits",
                   "loopback", "message", "paging", "presence", "probe", "profile", "quota",
                   "reading", "settings", "transport", "webhooks")
}  # fmt: skip
PLUGINS = {"tap_precoro", "target_precoro"}
FORBIDDEN = {
    "precoro-api/precoro_api": (
        PLUGINS | {"singer_sdk", "starlette", "uvicorn", "precoro_sandbox"}
    ),
    "precoro-sandbox/precoro_sandbox": (
        PLUGINS | OF_THE_CLIENT | {"singer_sdk", "requests", "backoff"}
    ),
    "tap-precoro/tap_precoro": {"requests", "backoff", "precoro_sandbox", "target_precoro"},
    "target-precoro/target_precoro": {"requests", "backoff", "precoro_sandbox", "tap_precoro"},
}
# Room of a plugin, and the rooms beside it that it stands on.
GROUND = {
    "target-precoro/target_precoro": {
        "records": set(),
        "messages": set(),
        "lookups": {"records"},
        "journal": {"records"},
        "telling": {"records"},
        "writes": {"records", "journal"},
    },
    "tap-precoro/tap_precoro": {
        "files": set(),
        "telling": set(),
        "filters": {"invoices"},
        "streams": {"invoices", "files", "telling", "filters"},
    },
}
# The one module of the client that is a server.
ALLOWED = {
    ROOT / "precoro-api/precoro_api/webhooks/receiver.py": {"starlette", "uvicorn"},
}


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_only_downwards(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        forbidden = FORBIDDEN[package] - ALLOWED.get(path, set())
        for imported in imports_of(path):
            parts = imported.split(".")
            prefixes = {".".join(parts[: n + 1]) for n in range(len(parts))}
            assert not prefixes & forbidden, f"{path.name} imports {imported}"


def test_the_sandbox_reads_the_table_and_nothing_else_of_the_api() -> None:
    package = ROOT / "precoro-sandbox" / "precoro_sandbox"
    api = {
        imported.split(".")[1]
        for path in package.rglob("*.py")
        for imported in imports_of(path)
        if imported.startswith("precoro_api.")
    }
    assert api <= {"enums", "fields", "resource", "resources"}


@pytest.mark.parametrize("plugin", GROUND)
def test_a_room_stands_on_those_below_it(plugin: str) -> None:
    package = Path(plugin).name
    for room, below in GROUND[plugin].items():
        paths = sorted((ROOT / plugin / room).glob("*.py"))
        assert paths, f"there is no {room}"
        for path in paths:
            used = {name.split(".")[1] for name in imports_of(path) if name.startswith(package)}
            above = used - below - {room} - {"tap"}  # streams know their tap, as the SDK's do
            assert not above, f"{room}/{path.name} imports {above}"


@pytest.mark.parametrize("plugin", ["tap-precoro/tap_precoro", "target-precoro/target_precoro"])
def test_a_plugin_spells_no_path_and_no_header(plugin: str) -> None:
    for path in (ROOT / plugin).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                assert not text.startswith(("http://", "https://", "/")), f"{path.name}: {text}"
                assert "auth-token" not in text.lower(), f"{path.name}: {text}"


def test_no_room_is_called_by_no_name() -> None:
    nameless = {"utils.py", "helpers.py", "common.py", "misc.py"}
    members = [ROOT / package.split("/")[0] for package in FORBIDDEN]
    names = {path.name for member in members for path in member.rglob("*.py")}
    assert not names & nameless
