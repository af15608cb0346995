"""What a bench writes into a page of docs/: a block between its marks, and how it was made."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
PACKAGES = ("tap-precoro", "target-precoro", "precoro-api", "singer-sdk", "requests")


def made_by(module: str) -> dict[str, Any]:
    """When and where a bench is run; to be asked before it loads the machine."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def told(made: dict[str, Any]) -> str:
    """The same in words; `seconds` are what it took."""
    packages = ", ".join(f"{name} {number}" for name, number in made["packages"].items())
    return (
        f"Made on {made['date']} by `{made['command']}` in {made['seconds']} s: Python "
        f"{made['python']}, {packages}; {made['system']}, {made['cores']} cores, load "
        f"{made['load']} before it began."
    )


def marked(name: str, text: str) -> str:
    """A block with its marks."""
    return f"<!-- {name} -->\n{text}\n<!-- /{name} -->"


def put(page: Path, name: str, text: str) -> None:
    """Write a block in place of the one with its marks; what is around it stays."""
    first, last = marked(name, "").split("\n\n")
    old = page.read_text(encoding="utf-8") if page.exists() else f"{first}{last}\n"
    before, _, rest = old.partition(first)
    _, end, after = rest.partition(last)
    assert end, f"{page} has no marks"
    page.write_text(before + marked(name, text) + after, encoding="utf-8")
