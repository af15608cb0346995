"""Build the wheels, twice to the same bytes, and install them the ways users do.

These are from files and from git URLs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from hashlib import sha256
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


def build(root: Path, into: Path, *, umask: int) -> dict[str, str]:
    """Build the wheels of the members below a folder; the digest of each."""
    code = "import hatchling.build as b, sys; b.build_wheel(sys.argv[1])"
    moment = os.environ.get("SOURCE_DATE_EPOCH") or call("git", "log", "-1", "--format=%ct").strip()
    into.mkdir(parents=True)
    for member in MEMBERS:
        subprocess.run(
            [sys.executable, "-c", code, str(into)],
            cwd=root / member,
            env={**os.environ, "SOURCE_DATE_EPOCH": moment},
            umask=umask,
            check=True,
            capture_output=True,
        )
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in into.glob("*.whl")}


def build_twice() -> None:
    """Build the wheels, then again elsewhere, of newer files with other rights: the same bytes."""
    built = build(ROOT, DIST, umask=0o022)
    elsewhere = BUILD / "again"
    for member in MEMBERS:
        unneeded = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(
            ROOT / member, elsewhere / member, ignore=unneeded, copy_function=shutil.copy
        )
    for path in elsewhere.rglob("*.py"):
        path.chmod(0o600)
    again = build(elsewhere, BUILD / "dist", umask=0o077)
    assert len(built) == len(MEMBERS), built
    assert again == built, f"not reproducible: {built} and {again}"
    for name, digest in sorted(built.items()):
        print(f"built twice, the same bytes: {name} sha256:{digest}")


def main() -> None:
    """Each plugin in environments of its own."""
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(BUILD, ignore_errors=True)
    build_twice()
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
