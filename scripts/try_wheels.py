"""Build the wheels, and install them the ways users do: from files and from git URLs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BUILD = ROOT / "build" / "wheels"
MEMBERS = ("precoro-api", "precoro-sandbox", "tap-precoro", "target-precoro")
PLUGINS = ("tap-precoro", "target-precoro")


def call(*command: str | Path, quiet: bool = True) -> str:
    """Run a command; its output, or an end with what it said."""
    environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        capture_output=quiet,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout or ""


def fresh(name: str) -> Path:
    """A new virtual environment; its python."""
    folder = BUILD / name
    venv.create(folder, with_pip=True, clear=True)
    return folder / "bin" / "python"


def prove(python: Path, plugin: str, way: str) -> None:
    """The plugin runs there, and brought no sandbox."""
    told = call(python.parent / plugin, "--about", "--format", "json")
    assert f'"{plugin}"' in told, told
    installed = call(python, "-m", "pip", "list", "--format", "freeze").lower()
    for unwanted in ("precoro-sandbox", "starlette", "uvicorn"):
        assert unwanted not in installed, f"{plugin} brought {unwanted}"
    print(f"{plugin}: {way}: --about answers, no sandbox came along")


def main() -> None:
    """Each plugin in environments of its own."""
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(BUILD, ignore_errors=True)
    for member in MEMBERS:
        folder = ROOT / member
        code = "import hatchling.build as b, sys; print(b.build_wheel(sys.argv[1]))"
        DIST.mkdir(exist_ok=True)
        subprocess.run(
            [sys.executable, "-c", code, str(DIST)], cwd=folder, check=True, capture_output=True
        )
    print("built:", ", ".join(sorted(path.name for path in DIST.glob("*.whl"))))
    for plugin in PLUGINS:
        python = fresh(f"{plugin}-wheel")
        stem = plugin.replace("-", "_")
        wheels = [*DIST.glob("precoro_api-*.whl"), *DIST.glob(f"{stem}-*.whl")]
        call(python, "-m", "pip", "install", "-q", *wheels)
        prove(python, plugin, "plain pip, two wheels")
        url = f"git+file://{ROOT}#subdirectory="
        python = fresh(f"{plugin}-uv-git")
        uv = Path(sys.executable).parent / "uv"
        call(uv, "pip", "install", "-q", "--python", python, f"{plugin} @ {url}{plugin}")
        prove(python, plugin, "uv, one git URL")
        python = fresh(f"{plugin}-pip-git")
        # The older form: not every pip takes `name @ git+file:` for an address without a host.
        older = f"git+file://{ROOT}#egg={{0}}&subdirectory={{0}}"
        both = (older.format("precoro-api"), older.format(plugin))
        call(python, "-m", "pip", "install", "-q", *both)
        prove(python, plugin, "plain pip, two git URLs")


if __name__ == "__main__":
    main()
