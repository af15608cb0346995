"""Answers of the API in odd shapes, to the tap and to the target."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from proof.bad_case import ALL, Case, line, record, schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from precoro_sandbox import Sandbox
    from precoro_sandbox.app import Spoil
    from starlette.requests import Request

    Change = Callable[[Any], Any]

__all__ = ["answer_cases"]

GROUP = "answers"
_10_MB = "x" * 10_000_000
_SUPPLIERS = [{"name": f"Supplier {n}", "externalId": f"S-{n}"} for n in range(1, 26)]
_IDS = tuple(range(100_001, 100_026))
_ITEMS = [{"name": "Bolt", "sku": "B", "externalId": "I-1"}]
_OTHER = (100_001,)
"""The item of another stream, which must come whatever becomes of the suppliers."""


def _json(value: Any) -> Response:
    text = json.dumps(value, ensure_ascii=False)
    return Response(text.encode(), media_type="application/json")


def _raw(body: bytes, kind: str = "application/json", status: int = 200) -> Response:
    return Response(body, status, media_type=kind)


def _of(part: str, method: str, spoil: Spoil, times: int = 10**6) -> Spoil:
    """Spoils the first so many answers to requests below that path."""
    left = [times]

    def once(request: Request, response: Response) -> Response:
        mine = request.method == method and request.url.path.startswith(part)
        if not mine or left[0] <= 0 or response.status_code >= 300:
            return response
        left[0] -= 1
        return spoil(request, response)

    return once


def _changed(change: Change) -> Spoil:
    """The answer's JSON, changed."""
    return lambda _, response: _json(change(json.loads(bytes(response.body))))


def _instead(body: bytes, kind: str = "application/json") -> Spoil:
    return lambda _, __: _raw(body, kind)


def _first_row(**values: Any) -> Change:
    """A list whose first row has these values; `...` takes a key away."""

    def change(answer: Any) -> Any:
        row = {**answer["data"][0], **values}
        answer["data"][0] = {key: value for key, value in row.items() if value is not ...}
        return answer

    return change


def _paging(**values: Any) -> Change:
    def change(answer: Any) -> Any:
        meta = {**answer["meta"]["pagination"], **values}
        answer["meta"]["pagination"] = {k: v for k, v in meta.items() if v is not ...}
        return answer

    return change


def _as_texts(answer: Any) -> Any:
    """All numbers of an answer as texts."""
    if isinstance(answer, dict):
        return {key: _as_texts(each) for key, each in answer.items()}
    if isinstance(answer, list):
        return [_as_texts(each) for each in answer]
    return str(answer) if isinstance(answer, (int, float)) and answer is not True else answer


def _replaced(old: bytes, new: bytes) -> Spoil:
    def spoil(_: Request, response: Response) -> Response:
        return _raw(bytes(response.body).replace(old, new, 1))

    return spoil


def answer_cases() -> list[Case]:
    """The table."""
    return [*_tap(), *_target()]


# The tap: suppliers come in odd shapes, items as they should


def _read(
    name: str, spoil: Spoil, *, ids: Sequence[Any] = _IDS, times: int = 10**6, **more: Any
) -> Case:
    """What is read all the same: all rows come."""
    return Case(
        GROUP,
        name,
        "tap",
        ("suppliers", "items"),
        settings={"page_size": 10, **more.pop("settings", {})},
        there=(*ids, *_OTHER),
        rows={"suppliers": _SUPPLIERS, "items": _ITEMS},
        spoil=_of("/suppliers", "GET", spoil, times),
        **more,
    )


def _fails(name: str, spoil: Spoil, *, ids: Sequence[Any] = (), **more: Any) -> Case:
    """The stream fails alone, named, and its bookmark stays."""
    says = ("suppliers", "bookmark stays", *more.pop("says", ()))
    return _read(name, spoil, ids=ids, code=1, says=says, also=_no_bookmark, **more)


def _no_bookmark(_: Sandbox, messages: list[Any]) -> str:
    states = [each["value"] for each in messages if each["type"] == "STATE"]
    kept = states[-1].get("bookmarks", {}).get("suppliers", {}) if states else {}
    return "a bookmark of suppliers moved" if kept.get("replication_key_value") else ""


def _extra(key: str) -> Callable[[Sandbox, list[Any]], str]:
    """A value that fits no column is kept beside them."""

    def check(_: Sandbox, messages: list[Any]) -> str:
        rows = [each["record"] for each in messages if each["type"] == "RECORD"]
        kept = [row for row in rows if key in (row.get("_extra") or {})]
        return "" if len(kept) == 1 else f"{len(kept)} rows keep {key} in _extra"

    return check


def _tap() -> list[Case]:
    last = _IDS[-1]  # lists begin with the newest
    rest = tuple(n for n in _IDS if n != last)
    whole = {"page_size": 200}
    return [
        # Once, and the next attempt is well
        _read("HTML with 200, once", _instead(b"<html>maintenance</html>", "text/html"), times=1),
        _read("empty 200, once", _instead(b""), times=1),
        _read("half a body, once", lambda _, r: _raw(bytes(r.body)[:200]), times=1),
        _read("invalid UTF-8, once", _replaced(b"Supplier", b"Suppli\xe9r"), times=1),
        # Always
        _fails("HTML with 200", _instead(b"<html>maintenance</html>", "text/html"), says=("HTML",)),
        _fails("empty 200", _instead(b"")),
        _fails("white space", _instead(b" \n ")),
        _fails("half a body", lambda _, r: _raw(bytes(r.body)[:200])),
        _fails("invalid UTF-8", _replaced(b"Supplier", b"Suppli\xe9r")),
        _fails("nested 100,000 deep", _instead(b"[" * 100_000 + b"]" * 100_000)),
        _fails(
            "an integer of 5,000 digits", _replaced(b'"name"', b'"x": ' + b"9" * 5000 + b', "name"')
        ),
        _fails("null", _instead(b"null")),
        _fails("a number", _instead(b"7")),
        _fails("a text", _instead(b'"rows"')),
        _fails("a list where the envelope is meant", _changed(lambda answer: answer["data"])),
        _fails("no data", _changed(lambda answer: {"meta": answer["meta"]})),
        _fails("data is an object", _changed(lambda answer: {**answer, "data": {"0": {}}})),
        _fails("data is a text", _changed(lambda answer: {**answer, "data": "none"})),
        _fails("null rows", _changed(lambda a: {**a, "data": [None, *a["data"]]})),
        _fails("rows that are lists", _changed(lambda a: {**a, "data": [[1], *a["data"]]})),
        _fails("rows that are numbers", _changed(lambda a: {**a, "data": [1, 2]})),
        _fails(
            "a stream map that raises",
            lambda _, response: response,
            says=("stream_maps", "ValueError"),
            settings={"stream_maps": {"suppliers": {"number": "int(name)"}}},
        ),
        _fails("always page 1", _changed(_paging(current_page=1)), ids=_IDS[15:]),
        # Odd, and right all the same
        _read("wrong content type", lambda _, r: _raw(bytes(r.body), "text/html")),
        _read("no content type", lambda _, r: Response(bytes(r.body))),
        _read("a BOM", lambda _, r: _raw(b"\xef\xbb\xbf" + bytes(r.body))),
        _read("UTF-16", lambda _, r: _raw(bytes(r.body).decode().encode("utf-16"))),
        _read("CRLF around the JSON", lambda _, r: _raw(b"\r\n" + bytes(r.body) + b"\r\n")),
        _read("meta is missing from page to page", _changed(lambda a: {"data": a["data"]})),
        _read("meta is missing", _changed(lambda a: {"data": a["data"]}), settings=whole),
        _read("meta is a list", _changed(lambda a: {**a, "meta": []}), settings=whole),
        _read(
            "pagination is a list",
            _changed(lambda a: {**a, "meta": {"pagination": []}}),
            settings=whole,
        ),
        _read("total_pages 0 where rows are", _changed(_paging(total_pages=0))),
        _read("totals are null", _changed(_paging(total=None, total_pages=None, count=None))),
        _read("no total", _changed(_paging(total=..., total_pages=...))),
        _read("links is a list", _changed(_paging(links=[]))),
        _read("paging in texts", _changed(lambda a: {**a, "meta": _as_texts(a["meta"])})),
        _read("numbers as texts", _changed(_as_texts)),
        _read("total is negative", _changed(_paging(total=-1, total_pages=-1)), settings=whole),
        _read("an empty list", _changed(lambda a: {**a, "data": []}), ids=()),
        _read("data is null", _changed(lambda a: {**a, "data": None}), ids=()),
        _read(
            "a list where an object is meant",
            _changed(_first_row(location=[], approvingWay=[])),
            times=1,
        ),
        _read(
            "a text where an object is meant",
            _changed(_first_row(approvingWay="", creator="")),
            times=1,
        ),
        _read(
            "an object in an envelope",
            _changed(_first_row(creator={"data": {"data": {"id": 1}}})),
            times=1,
        ),
        _read(
            "an object where a list is meant",
            _changed(_first_row(contacts={"0": {}, "2": {}})),
            times=1,
        ),
        _read(
            "an object where a text is meant",
            _changed(_first_row(name={"a": 1})),
            times=1,
            says=("name",),
            also=_extra("name"),
        ),
        _read(
            "a date that is none",
            _changed(_first_row(updateDate="yesterday")),
            times=1,
            says=("updateDate",),
            also=_extra("updateDate"),
        ),
        _read(
            "a date in the year 99999",
            _changed(_first_row(updateDate="99999-01-01")),
            times=1,
            says=("updateDate",),
        ),
        _read(
            "a key that nobody knows",
            _changed(_first_row(**{"brand new": 1})),
            times=1,
            says=("brand new",),
            also=_extra("brand new"),
        ),
        _read(
            "5,000 keys that nobody knows",
            _changed(_first_row(**{f"k{n}": n for n in range(5000)})),
            times=1,
            says=("_extra",),
        ),
        _read("a row of 10 MB", _changed(_first_row(name=_10_MB)), times=1),
        _read("NaN in a row", _replaced(b'"name"', b'"x": NaN, "name"'), times=1, says=("x",)),
        _read(
            "a number of 10^9 digits",
            _replaced(b'"name"', b'"x": 1e999999999, "name"'),
            times=1,
            says=("x",),
        ),
        _read("a key twice", _replaced(b'"name"', b'"name": "first", "name"'), times=1),
        _read("a lone surrogate", _replaced(b"Supplier", b"\\ud800"), times=1),
        _read("control characters", _replaced(b"Supplier", b"\\u0000\\u001b[2J"), times=1),
        _read("an id as text", _changed(_first_row(id=str(last))), times=1),
        # A row without its key: all others come, and the stream's bookmark stays
        _fails(
            "an id that is missing",
            _changed(_first_row(id=...)),
            ids=rest,
            times=1,
            says=("without",),
        ),
        _fails(
            "an id that is null",
            _changed(_first_row(id=None)),
            ids=rest,
            times=1,
            says=("without",),
        ),
        _fails(
            "an id that is a list",
            _changed(_first_row(id=[1])),
            ids=rest,
            times=1,
            says=("without",),
        ),
        _fails(
            "an id that is a word",
            _changed(_first_row(id="a")),
            ids=rest,
            times=1,
            says=("without",),
        ),
    ]


# The target: the look-up, and the answer to a creation or a change


def _written(name: str, spoil: Spoil, **more: Any) -> Case:
    """All records are in place, once each."""
    good = [schema(), *map(record, ALL), line(type="STATE", value={"n": 4})]
    return Case(GROUP, name, given=good, **{"state": {"n": 4}, "spoil": spoil, **more})


def _stopped(name: str, spoil: Spoil, **more: Any) -> Case:
    """Nothing is written that could be double: a sentence, and the state stays."""
    return _written(name, spoil, code=1, state=None, there=(), **more)


def _target() -> list[Case]:
    html = _instead(b"<html>maintenance</html>", "text/html")
    look_ups: dict[str, Spoil] = {
        "HTML with 200": html,
        "empty 200": _instead(b""),
        "null": _instead(b"null"),
        "a list": _instead(b"[]"),
        "null rows": _instead(b'{"data": [null]}'),
        "half a body": lambda _, r: _raw(bytes(r.body)[:-9]),
        "invalid UTF-8": lambda _, r: _raw(bytes(r.body) + b"\xe9"),
        "rows of others": _instead(b'{"data": [{"id": 1, "externalId": "other"}]}'),
        "rows without id": _instead(b'{"data": [{"externalId": "G-1"}]}'),
    }
    answers: dict[str, Spoil] = {
        "HTML with 200": html,
        "empty 200": _instead(b""),
        "null": _instead(b"null"),
        "a list": _instead(b"[]"),
        "a text": _instead(b'"ok"'),
        "an empty object": _instead(b"{}"),
        "half a body": lambda _, r: _raw(bytes(r.body)[:20]),
        "invalid UTF-8": _replaced(b"Supplier", b"Suppli\xe9r"),
        "without id": _changed(lambda row: {k: v for k, v in row.items() if k != "id"}),
        "with an id that is null": _changed(lambda row: {**row, "id": None}),
        "with an id that is a list": _changed(lambda row: {**row, "id": []}),
        "in an envelope": _changed(lambda row: {"data": row}),
        "as texts": _changed(_as_texts),
        "with NaN": _replaced(b'"name"', b'"x": NaN, "name"'),
        "of another type": lambda _, r: _raw(bytes(r.body), "text/html"),
        "of 10 MB": _changed(lambda row: {**row, "note": _10_MB}),
        "nested 100,000 deep": _instead(b"[" * 100_000 + b"]" * 100_000),
    }
    found = []
    again = ("HTML with 200", "empty 200", "half a body", "invalid UTF-8")
    for name, spoil in look_ups.items():
        found.append(_stopped(f"look-up: {name}", _of("/suppliers", "GET", spoil)))
        once = (
            _written if name in again else _stopped
        )  # JSON that came whole is not asked for again
        found.append(once(f"look-up: {name}, once", _of("/suppliers", "GET", spoil, 1)))
    for method in ("POST", "PATCH"):
        for name, spoil in answers.items():
            found.append(_written(f"{method}: {name}, once", _of("/suppliers", method, spoil, 1)))
            found.append(_written(f"{method}: {name}", _of("/suppliers", method, spoil)))
    return found
