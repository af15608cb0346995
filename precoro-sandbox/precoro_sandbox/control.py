"""The sandbox's own endpoints, `/_sandbox/…`: no part of the API, no key, not counted."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from precoro_api.resources import BY_NAME
from starlette.responses import JSONResponse, Response

from precoro_sandbox.faults import Fault
from precoro_sandbox.shapes import shape

if TYPE_CHECKING:
    from starlette.requests import Request

    from precoro_sandbox.app import App

__all__ = ["answer_control"]


def answer_control(app: App, request: Request, body: bytes) -> Response:
    """Answer one control request.

    `GET requests` counts and lists what was served (`?since=n` leaves out the first n), `GET
    rows/{resource}` shows a store's rows, `POST clock {"advance": s}` moves time, `POST faults`
    and `DELETE faults` set and clear faults, `POST webhooks {"url": …}` adds an endpoint and `GET
    webhooks` counts what became of the posts.
    """
    what = request.url.path.split("/")[2:]
    try:
        given = json.loads(body) if body.strip() else {}
        if what == ["requests"]:
            return _requests(app, int(request.query_params.get("since", 0)))
        if what[0] == "rows" and len(what) == 2:
            return _rows(app, what[1])
        if what[0] == "files" and len(what) == 2:
            row = app.accounts[0].store.rows("attachments")[int(what[1])]
            return Response(row.get("_content", b""), media_type="application/octet-stream")
        if what == ["clock"] and request.method == "POST":
            app.clock.advance(float(given["advance"]))
            return JSONResponse({"now": app.clock.stamp()})
        if what == ["faults"] and request.method == "POST":
            app.faults.add(Fault(**given))
            return JSONResponse({})
        if what == ["faults"] and request.method == "DELETE":
            app.faults.clear()
            return JSONResponse({})
        if what == ["webhooks"]:
            if request.method == "POST":
                app.webhooks.add(str(given["url"]))
            return JSONResponse(app.webhooks.told)
    except (ValueError, KeyError, TypeError) as problem:
        return JSONResponse({"message": f"{type(problem).__name__}: {problem}"}, 400)
    return JSONResponse({"message": "no such control"}, 404)


def _requests(app: App, since: int) -> Response:
    served = list(app.served)[since:]
    return JSONResponse(
        {
            "total": len(served),
            "by_method": Counter(each.method for each in served),
            "by_status": {
                str(status): many
                for status, many in Counter(each.status for each in served).items()
            },
            "requests": [each.as_dict() for each in served],
        }
    )


def _rows(app: App, name: str) -> Response:
    resource = BY_NAME[name]
    rows = app.accounts[0].store.rows(name).values()
    return JSONResponse([shape(resource, row, app.switches, detail=True) for row in rows])
