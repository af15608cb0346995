"""One case of bad input: what is given, what is documented to come of it, and the verdict."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_sandbox import Sandbox, SandboxClock

from proof.processes import begin
from proof.story import settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from precoro_sandbox.app import Spoil

    from proof.processes import Run

__all__ = ["ALL", "Case", "line", "record", "run_case", "schema"]

SPEED = 3000
_FORBIDDEN = ("Traceback (most recent", "Logging error")
_LONGEST_LOG = 200_000
ALL = ("G-1", "G-2", "G-3", "G-4")
"""The good suppliers beside a bad one."""


@dataclass(frozen=True)
class Case:
    """What is given to the `tap` or the `target`, and what has to come of it.

    `given` are the lines of the input or, for the tap, the selected streams. `says` must stand in
    the log. `there` are the external ids that must be in Precoro or, for the tap, the keys that
    must come out: just these. `rejected` are those in the file of refused rows, `state` the last
    one that came out. `asks` is False where no request may be made.
    """

    group: str
    name: str
    command: str = "target"
    given: Sequence[str | bytes] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    omit: Sequence[str] = ()
    code: int = 0
    says: Sequence[str] = ()
    there: Sequence[Any] | None = ALL
    rejected: Sequence[str | None] = ()
    state: Any = None
    asks: bool = True
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    spoil: Spoil | None = None
    also: Callable[[Sandbox, list[Any]], str] | None = None
    """What else is wrong, by the company and what came out; nothing is."""

    @property
    def outcome(self) -> str:
        """What is documented to come of it, in words for a table."""
        told = [f"exit {self.code}"]
        if self.rejected:
            told.append(f"{len(self.rejected)} refused")
        if not self.asks:
            told.append("no request")
        if self.command == "target" and self.there is not None:
            told.append(f"{len(self.there)} in place")
        if self.says:
            told.append("says " + ", ".join(f"“{word}”" for word in self.says))
        return "; ".join(told)


def line(**message: Any) -> str:
    """A Singer message."""
    return json.dumps(message)


def schema(stream: str = "suppliers", **properties: Any) -> str:
    """A SCHEMA message; without properties, one that takes anything."""
    own = {"externalId": {"type": "string"}, **properties}
    return line(
        type="SCHEMA", stream=stream, schema={"properties": own}, key_properties=["externalId"]
    )


def record(external_id: Any, stream: str = "suppliers", **values: Any) -> str:
    """A RECORD message of a supplier that has a name."""
    values = {"externalId": external_id, "name": f"Supplier {external_id}", **values}
    return line(type="RECORD", stream=stream, record=values)


def run_case(case: Case) -> list[str]:
    """Run it as a process, and tell what is wrong with what came of it: [] if nothing is."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(clock=SandboxClock(SPEED)) as sandbox:
        place = Path(folder)
        for resource, rows in case.rows.items():
            for row in rows:
                sandbox.store.add(resource, dict(row))
        sandbox.app.spoil = case.spoil
        run = begin(case.command, _arguments(case, sandbox, place), place, now=sandbox.clock.now())
        try:
            code = run.wait()
        except TimeoutError as problem:
            return [str(problem)]
        return [told for told in _problems(case, sandbox, place, run, code) if told]


def _arguments(case: Case, sandbox: Sandbox, place: Path) -> list[str]:
    settings = settings_of(sandbox, quota_path=str(place / "quota.sqlite3"))
    if case.command == "target":
        settings |= {
            "journal_path": str(place / "journal.sqlite3"),
            "rejects_path": str(place / "rejects.singer"),
            "match_on": {"suppliers": []},
        }
    settings = {k: v for k, v in {**settings, **case.settings}.items() if k not in case.omit}
    text = json.dumps(settings).replace("{place}", str(place))
    (place / "config.json").write_text(text, encoding="utf-8")
    arguments = ["--config", str(place / "config.json")]
    if case.command == "target":
        given = [each if isinstance(each, bytes) else each.encode() for each in case.given]
        (place / "input.singer").write_bytes(b"\n".join([*given, b""] if given else []))
        return [*arguments, "--input", str(place / "input.singer")]
    (place / "catalog.json").write_text(_catalog(case.given), encoding="utf-8")
    return [*arguments, "--catalog", str(place / "catalog.json")]


def _catalog(streams: Sequence[str | bytes]) -> str:
    """A catalog that selects these streams."""
    from tap_precoro.tap import TapPrecoro  # noqa: PLC0415 - the target's cases need none

    tap = TapPrecoro(config={"auth_token": "t", "email": "e@example.com"})
    entries = tap.catalog_dict["streams"]
    for entry in entries:
        for each in entry["metadata"]:
            if not each["breadcrumb"]:
                each["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return json.dumps({"streams": entries})


def _problems(case: Case, sandbox: Sandbox, place: Path, run: Run, code: int) -> list[str]:
    log = run.log.read_text(encoding="utf-8", errors="replace")
    told = [f"{word!r} in the log: {log[-1500:]}" for word in _FORBIDDEN if word in log]
    if code != case.code:
        told.append(f"exit {code}, not {case.code}: {log[-1000:]}")
    if len(log) > _LONGEST_LOG:
        told.append(f"the log is {len(log)} characters long")
    told += [f"the log does not say {w!r}: {log[-1500:]}" for w in case.says if w not in log]
    if not case.asks and sandbox.served:
        told.append(f"{len(sandbox.served)} requests were made")
    try:
        messages = [json.loads(each) for each in run.lines()]
        refused = _rejected(place / "rejects.singer")
    except ValueError as problem:
        return [*told, f"what came out is no JSON: {problem}"]
    if case.command == "target":
        state = messages[-1] if messages else None
        there = [row.get("externalId") for row in sandbox.store.rows("suppliers").values()]
        told.append(_differ("refused", refused, case.rejected))
    else:
        state = None
        there = [each["record"].get("id") for each in messages if each["type"] == "RECORD"]
    if case.command == "target" and state != case.state:
        told.append(f"the state is {state}, not {case.state}")
    if case.there is not None:
        told.append(_differ("in place", there, case.there))
    if case.also is not None:
        told.append(case.also(sandbox, messages))
    return told


def _rejected(path: Path) -> list[Any]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    messages = [json.loads(each) for each in lines]
    return [each["record"].get("externalId") for each in messages if each["type"] == "RECORD"]


def _differ(what: str, found: Sequence[Any], wanted: Sequence[Any]) -> str:
    if Counter(map(str, found)) == Counter(map(str, wanted)):
        return ""
    return f"{what}: {[str(each)[:40] for each in found]}, not {[str(e)[:40] for e in wanted]}"
