"""Singer input that is wrong: cut, out of order, of wrong types, too large, in no encoding."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from proof.bad_case import ALL, Case, line, record, schema

if TYPE_CHECKING:
    from precoro_sandbox import Sandbox

__all__ = ["message_cases"]

GROUP = "messages"
_MB = 1_000_000
_HALF, _WHOLE = {"n": 2}, {"n": 4}
_DEEP = 100_000


def _among(*bad: str | bytes, **properties: Any) -> list[str | bytes]:
    """The bad lines between good ones, with a state before and at the end."""
    return [
        schema(**properties),
        record("G-1"),
        record("G-2"),
        line(type="STATE", value=_HALF),
        *bad,
        record("G-3"),
        record("G-4"),
        line(type="STATE", value=_WHOLE),
    ]


def _refused(
    name: str, *bad: str | bytes, says: str, ids: tuple[Any, ...] = ("B",), **more: Any
) -> Case:
    """A record that is refused alone; all others are written, and the state passes it."""
    return Case(
        GROUP,
        name,
        given=_among(*bad, **more.pop("properties", {})),
        code=1,
        says=(says,),
        rejected=ids,
        state=_WHOLE,
        **more,
    )


def _unreadable(name: str, *bad: str | bytes, says: str = "line 5", **more: Any) -> Case:
    """A line that tells no record: all others are written, and no state passes it."""
    return Case(GROUP, name, given=_among(*bad), code=1, says=(says,), state=_HALF, **more)


def _taken(name: str, *odd: str | bytes, ids: tuple[str, ...] = ("B",), **more: Any) -> Case:
    """What is odd, and right all the same."""
    return Case(GROUP, name, given=_among(*odd), there=(*ALL, *ids), state=_WHOLE, **more)


def _crlf() -> list[str | bytes]:
    return [f"{each}\r" if isinstance(each, str) else each + b"\r" for each in _among()]


def _named(value: str) -> Any:
    def check(sandbox: Sandbox, _: list[Any]) -> str:
        names = {r["externalId"]: r.get("name") for r in sandbox.store.rows("suppliers").values()}
        return "" if names.get("B") == value else f"the name is {str(names.get('B'))[:80]!r}"

    return check


def _nested(depth: int) -> str:
    """A record with a field that is nested so deep; json.dumps would not go there."""
    inner = '{"a":' * depth + "1" + "}" * depth
    return record("B", name="Deep").replace('"name"', f'"x": {inner}, "name"')


def message_cases() -> list[Case]:
    """The table."""
    return [*_lines(), *_order(), *_records(), *_encodings(), *_states()]


def _lines() -> list[Case]:
    whole = record("B")
    return [
        _unreadable("cut in mid line", whole[: len(whole) // 2]),
        _unreadable("a line that is no JSON", "<html>no tap</html>"),
        _unreadable("a line that is a list", "[1, 2]"),
        _unreadable("a line that is null", "null"),
        _unreadable("a line that is a text", '"RECORD"'),
        _unreadable("no type", line(stream="suppliers", record={"externalId": "B"})),
        _unreadable("a type that is a list", line(type=["RECORD"], stream="suppliers")),
        _unreadable("unknown message type", line(type="RECROD", stream="suppliers", record={})),
        _unreadable("a BATCH", line(type="BATCH", stream="suppliers", encoding={}, manifest=[])),
        _unreadable("RECORD without a record", line(type="RECORD", stream="suppliers")),
        _unreadable("RECORD that is a list", line(type="RECORD", stream="suppliers", record=[1])),
        _unreadable("RECORD that is null", line(type="RECORD", stream="suppliers", record=None)),
        _unreadable("a stream that is a number", line(type="RECORD", stream=7, record={})),
        _unreadable("STATE without a value", line(type="STATE")),
        _unreadable("nested 100,000 deep", _nested(_DEEP)),
        _unreadable("nested 500 deep", _nested(500)),
        _unreadable(
            "an integer of 5,000 digits",
            record("B").replace('"name"', f'"x": {"9" * 5000}, "name"'),
        ),
        _unreadable("two messages on a line", record("B") + record("C")),
        Case(
            GROUP,
            "cut at its end",
            given=[*_among(), record("B")[:30]],
            code=1,
            says=("line 8",),
            state=_WHOLE,
        ),
    ]


def _order() -> list[Case]:
    items = {"externalId": "B", "name": "Item", "sku": "S"}
    good = [record(each) for each in ALL]
    return [
        Case(
            GROUP,
            "RECORD before its SCHEMA",
            given=[record("B"), schema(), *good, line(type="STATE", value=_WHOLE)],
            code=1,
            says=("SCHEMA",),
            rejected=("B",),
            state=_WHOLE,
        ),
        _refused(
            "RECORD of another stream without SCHEMA",
            line(type="RECORD", stream="items", record=items),
            says="SCHEMA",
        ),
        Case(
            GROUP,
            "RECORD of an unknown stream",
            given=_among(line(type="RECORD", stream="nowhere", record=items)),
            code=2,
            says=("stream_resources", "nowhere"),
            there=(),
        ),
        Case(
            GROUP,
            "SCHEMA of an unknown stream",
            given=_among(schema("nowhere")),
            code=2,
            says=("stream_resources", "nowhere"),
            there=(),
        ),
        _unreadable("SCHEMA without properties", line(type="SCHEMA", stream="items", schema={})),
        _unreadable("SCHEMA that is a list", line(type="SCHEMA", stream="items", schema=[])),
        _unreadable(
            "SCHEMA that is no JSON Schema",
            line(type="SCHEMA", stream="items", schema={"properties": {"a": {"type": "strnig"}}}),
        ),
        _unreadable(
            "SCHEMA whose key is a number",
            line(type="SCHEMA", stream="items", schema={"properties": {}}, key_properties=7),
        ),
        Case(
            GROUP,
            "SCHEMA that changes midway",
            given=_among(
                record("B", name="Old"), schema(city={"type": "string"}), record("B", name="New")
            ),
            there=(*ALL, "B"),
            state=_WHOLE,
            also=_named("New"),
        ),
        Case(
            GROUP,
            "SCHEMA that loses its key midway",
            given=_among(line(type="SCHEMA", stream="suppliers", schema={"properties": {}})),
            state=_WHOLE,
        ),
        _taken(
            "ACTIVATE_VERSION", line(type="ACTIVATE_VERSION", stream="suppliers", version=1), ids=()
        ),
        _taken(
            "ACTIVATE_VERSION before its SCHEMA",
            line(type="ACTIVATE_VERSION", stream="items", version=1),
            ids=(),
        ),
    ]


def _records() -> list[Case]:
    nan = record("B", name="x").replace('"x"', "NaN")
    many: dict[str, Any] = {f"column {n}": n for n in range(50_000)}
    text = {"name": {"type": "string"}}
    return [
        _refused(
            "a number where its SCHEMA says text", record("B", name=7), properties=text, says="name"
        ),
        _refused(
            "a list where its SCHEMA says text", record("B", name=[7]), properties=text, says="name"
        ),
        _refused(
            "no value of its key",
            line(type="RECORD", stream="suppliers", record={"name": "X"}),
            says="key_properties",
            ids=(None,),
        ),
        _refused("an object as name", record("B", name={"a": 1}), says="name"),
        _refused("an object as external id", record({"a": 1}), says="externalId", ids=({"a": 1},)),
        _refused("NaN", nan, says="number"),
        _refused("Infinity", nan.replace("NaN", "Infinity"), says="number"),
        _refused("-Infinity", nan.replace("NaN", "-Infinity"), says="number"),
        _refused("a number of a million digits", nan.replace("NaN", "1e1000000"), says="number"),
        _refused("a number of 10^9 digits", nan.replace("NaN", "1e999999999"), says="number"),
        _refused("a name of 10 MB", record("B", name="x" * 10 * _MB), says="too long"),
        _taken("a field of 10 MB that is not taken", record("B", x="x" * 10 * _MB)),
        _refused(
            "an external id of 10 MB",
            record("B" * 10 * _MB),
            says="external id",
            ids=("B" * 10 * _MB,),
        ),
        _refused("a lone surrogate in a text", record("B", name="\ud800"), says="name"),
        _refused(
            "a lone surrogate in the external id",
            record("\ud800"),
            says="external id",
            ids=("\ud800",),
        ),
        _refused(
            "a lone surrogate in a reference",
            schema("items"),
            record("B", "items", sku="B", supplier_external_id="\ud800"),
            says="supplier",
        ),
        _taken(
            "control characters in a text",
            record("B", name="a\x00\x01\x1b[31m\x7f\u2028\u202eb"),
            also=_named("a\x00\x01\x1b[31m\x7f\u2028\u202eb"),
        ),
        _taken(
            "control characters in the external id",
            record("B\x00\n\x1b[2J"),
            ids=("B\x00\n\x1b[2J",),
        ),
        _taken(
            "brackets and ampersands in a text",
            record("B", name="x&externalId=evil&a[b]=c=%00;+"),
            also=_named("x&externalId=evil&a[b]=c=%00;+"),
        ),
        _taken("50,000 columns", record("B", **many), says=("column",)),
        Case(
            GROUP,
            "50,000 columns in its SCHEMA, too",
            given=_among(record("B", **many), **{name: {"type": "integer"} for name in many}),
            there=(*ALL, "B"),
            state=_WHOLE,
        ),
        _taken("nested 50 deep", _nested(50)),
        _taken(
            "a key twice: the last one counts",
            record("B").replace('"name"', '"name": "first", "name"'),
            also=_named("Supplier B"),
        ),
        _taken(
            "an integer of 4,000 digits in a field that is not taken",
            record("B").replace('"name"', f'"x": {"9" * 4000}, "name"'),
        ),
        _taken("an integer as name", record("B", name=10**200), also=_named(str(10**200))),
        _taken(
            "an integer as external id",
            record(10**30).replace(str(10**30), f'"{10**30}"', 1),
            ids=(str(10**30),),
        ),
        _taken(
            "an empty record beside its key",
            line(type="RECORD", stream="suppliers", record={"externalId": "B", "name": "B"}),
        ),
        _refused(
            "a stream map that raises on a record",
            record("B", name="none"),
            says="stream_maps: an expression raises ZeroDivisionError",
            settings={"stream_maps": {"suppliers": {"city": "str(1 / (name != 'none'))"}}},
        ),
        _refused(
            "a record without a field that its stream's map names",
            line(type="RECORD", stream="suppliers", record={"externalId": "B"}),
            says="stream_maps: 'name' is not defined",
            settings={"stream_maps": {"suppliers": {"city": "name"}}},
            properties={"name": {"type": "string"}},
        ),
        Case(
            GROUP,
            "a record that its stream's map renames is refused",
            given=[
                schema("vendors", name={"type": "string"}),
                *(record(each, "vendors") for each in ALL),
                record("B", "vendors", name=7),
                line(type="STATE", value=_WHOLE),
            ],
            settings={"stream_maps": {"vendors": {"__alias__": "suppliers"}}},
            code=1,
            says=("name",),
            rejected=("B",),
            state=_WHOLE,
        ),
    ]


def _encodings() -> list[Case]:
    broken = record("B", name="caf?").encode().replace(b"?", b"\xe9")
    whole = json.dumps(json.loads(record("B", name="naïve 漢字 🎉")), ensure_ascii=False)
    return [
        _unreadable("invalid UTF-8", broken),
        _unreadable("UTF-16", record("B").encode("utf-16")),
        _unreadable("NUL bytes", b"\x00\x00\x00"),
        _taken("UTF-8", whole, also=_named("naïve 漢字 🎉")),
        _taken("empty lines", "", "   ", "\t", ids=()),
        Case(
            GROUP, "a BOM", given=[b"\xef\xbb\xbf" + schema().encode(), *_among()[1:]], state=_WHOLE
        ),
        Case(GROUP, "CRLF", given=_crlf(), state=_WHOLE),
    ]


def _states() -> list[Case]:
    return [
        Case(GROUP, "nothing at all", there=()),
        Case(GROUP, "empty lines only", given=["", ""], there=()),
        Case(
            GROUP,
            "STATE only",
            given=[line(type="STATE", value=_HALF)],
            there=(),
            state=_HALF,
            asks=False,
        ),
        Case(GROUP, "SCHEMA only", given=[schema()], there=(), asks=False),
        Case(
            GROUP,
            "a STATE of 10 MB",
            given=[line(type="STATE", value={"x": "y" * 10 * _MB})],
            there=(),
            state={"x": "y" * 10 * _MB},
        ),
        Case(GROUP, "a STATE that is null", given=[*_among(), line(type="STATE", value=None)]),
    ]
