"""Write what is told once and shown elsewhere: tables in the READMEs, settings in meltano.yml.

`python scripts/docs.py` writes, `--check` exits 1 if anything is stale. Sources are the table of
resources and the plugins' own `--about`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from precoro_api import RESOURCES, Confidence, Resource
from precoro_sandbox import Switches

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def about(plugin: str) -> dict[str, Any]:
    """What a plugin says of itself."""
    command = [str(BIN / plugin), "--about", "--format", "json"]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def streams() -> str:
    """Every stream: what it holds, how it is read, what it costs."""
    return table(
        ["Stream", "Holds", "Reads", "Requests", "By default"],
        [row for resource in RESOURCES for row in _stream_rows(resource)],
    )


def _stream_rows(resource: Resource) -> list[list[str]]:
    if resource.list is None and resource.embedding is None:
        return []
    default = resource.confidence > Confidence.GUESS and not resource.alias_of
    chosen = "yes" if default else "no: a guess" if not resource.alias_of else "no: in `invoices`"
    reads = "changes" if resource.modified_since else "all"
    cost = "1 per 200 rows"
    if resource.embedding:
        cost = "1 per field"
    elif resource.parent:
        cost = "1 per warehouse and 200 rows"
    elif not resource.paged:
        cost = "1"
    rows = [[f"`{resource.name}`", resource.about, reads, cost, chosen]]
    if resource.lines:
        rows += [
            [
                f"`{resource.name}_details`",
                "Each of them whole.",
                reads,
                "1 per changed document",
                "no: costs",
            ],
            [
                f"`{resource.name}_{resource.lines}`",
                "Their lines.",
                reads,
                "none beside `_details`",
                "no: costs",
            ],
        ]
    return rows


def settings(plugin: str) -> str:
    """A plugin's own settings as a table; the SDK's are named after it."""
    rows, builtin = [], []
    for name, schema in about(plugin)["settings"]["properties"].items():
        if _is_builtin(name):
            builtin.append(f"`{name}`")
            continue
        notes = []
        if schema.get("secret"):
            notes.append("secret")
        default = schema.get("default")
        shown = "" if default is None else f"`{default}`"
        if "enum" in schema:
            shown += " of " + ", ".join(f"`{one}`" for one in schema["enum"] if one is not None)
        rows.append([f"`{name}`", shown, "; ".join([*notes, schema["description"]])])
    rest = f"\n\nFrom the SDK: {', '.join(builtin)}."
    return table(["Setting", "Default", "What it is for"], rows) + rest


def _is_builtin(name: str) -> bool:
    sdk = ("stream_map", "faker_", "flattening_", "batch_", "validate_records")
    return name.startswith(sdk)


_KINDS = {  # no "number": Meltano's kind decimal cannot be handed to a plugin as JSON
    "integer": "integer",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}


def _kind(schema: dict[str, Any]) -> str:
    types = schema.get("type", ["string"])
    first = types[0] if isinstance(types, list) else types
    if "enum" in schema and first == "string":
        return "options"
    if schema.get("format") == "date-time":
        return "date_iso8601"
    return _KINDS.get(first, "string")


def meltano_settings(plugin: str) -> str:
    """A plugin's settings as Meltano wants them."""
    lines = ["    settings:"]
    for name, schema in about(plugin)["settings"]["properties"].items():
        kind = _kind(schema)
        lines += [
            f"    - name: {name}",
            f"      kind: {kind}",
            f"      label: {_quoted(schema.get('title') or name)}",
            f"      description: {_quoted(schema.get('description') or '')}",
        ]
        if kind == "options":
            lines.append("      options:")
            for option in schema["enum"]:
                if option is not None:
                    lines += [
                        f"      - label: {_quoted(str(option))}",
                        f"        value: {_quoted(option)}",
                    ]
        if schema.get("secret"):
            lines.append("      sensitive: true")
        if _default_is_told(name, schema):
            lines.append(f"      value: {_quoted(schema['default'])}")
    return "\n".join(lines)


def _default_is_told(name: str, schema: dict[str, Any]) -> bool:
    if schema.get("default") is None or _is_builtin(name):
        return False
    # Meltano cannot lay an object over a default that is a text.
    return not {"string", "object"} <= set(schema["type"])


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def switches() -> str:
    """The sandbox's switches."""
    rows = [[f"`{a}`", f"`{b}`", f"`{c}`", d] for a, b, c, d in Switches.table()]
    return table(["Switch", "Default", "Other positions", "What it decides"], rows)


def written(path: Path, parts: dict[str, str]) -> str:
    """A file's text with each marked part replaced."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise SystemExit(f"{path.name}: no {begin} … {end} to write {name} between")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"
    return text


def meltano_text() -> str:
    """meltano.yml with the settings of both plugins."""
    path = ROOT / "meltano.yml"
    text = path.read_text(encoding="utf-8")
    for plugin in ("tap-precoro", "target-precoro"):
        own = re.compile(
            rf"(- name: {plugin}\n    namespace:.*?# settings: generated[^\n]*\n)"
            r".*?(    # settings: end\n)",
            re.DOTALL,
        )
        part = meltano_settings(plugin).replace("\\", r"\\")
        text, found = own.subn(rf"\1{part}\n\2", text, count=1)
        if not found:
            raise SystemExit(f"meltano.yml: no marked settings of {plugin}")
    return text


def main() -> int:
    """Write, or check with `--check`."""
    texts = {
        ROOT / "README.md": written(ROOT / "README.md", {"streams": streams()}),
        ROOT / "meltano.yml": meltano_text(),
    }
    for plugin in ("tap-precoro", "target-precoro"):
        path = ROOT / plugin / "README.md"
        texts[path] = written(path, {"settings": settings(plugin)})
    path = ROOT / "precoro-sandbox" / "README.md"
    texts[path] = written(path, {"switches": switches()})
    stale = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run make docs")
        return 1 if stale else 0
    for path in stale:
        path.write_text(texts[path], encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
