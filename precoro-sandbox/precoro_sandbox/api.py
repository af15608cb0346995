"""What each path and method answers: shape from the table, behaviour by hand."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from precoro_api.resources import BY_NAME, RESOURCES
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from precoro_sandbox import documents, writes
from precoro_sandbox.filters import rows_that_pass
from precoro_sandbox.forms import BadBody, decode_body
from precoro_sandbox.shapes import shape

if TYPE_CHECKING:
    from precoro_api.resource import Resource
    from starlette.requests import Request

    from precoro_sandbox.account import Account
    from precoro_sandbox.store import Row
    from precoro_sandbox.switches import Switches

__all__ = ["Api", "Call", "Missing"]

_PAGE_SIZES = (10, 20, 50, 100, 200)
_OPTIONS = "options"


class Missing(Exception):
    """There is no such record."""


@dataclass(frozen=True)
class Call:
    """One request that passed authentication: whose it is, what for, and its body."""

    request: Request
    account: Account
    resource: Resource
    switches: Switches
    body: bytes

    @property
    def path(self) -> dict[str, str]:
        """The variable parts of the path."""
        return {key: str(value) for key, value in self.request.path_params.items()}

    @property
    def values(self) -> dict[str, Any]:
        """The body's values. Raises BadBody."""
        return decode_body(self.body, self.request.headers.get("content-type", ""))

    def shown(self, row: Row, *, detail: bool = True) -> dict[str, Any]:
        """A row as it goes out; as a detail, it tells all about its files."""
        if detail and row.get("attachments"):
            row = {**row, "attachments": [self._told(each) for each in row["attachments"]]}
        return shape(self.resource, row, self.switches, detail=detail)

    def _told(self, entry: Row) -> Row:
        file = self.account.store.rows("attachments").get(entry["id"])
        if file is None:
            return entry
        return shape(BY_NAME["attachments"], file, self.switches, detail=True)

    def named(self) -> Row:
        """The row that the path names. Raises Missing."""
        key = next(iter(self.path))
        found = self.account.store.by_key(self.resource.name, key, self.path[key])
        if found is None:
            raise Missing
        return found


Handler = Callable[[Call], Awaitable[Response]]


class Api:
    """Routes from the table, each with the handler of its kind."""

    def __init__(self) -> None:
        self.routes: list[tuple[Route, Resource, Handler]] = []
        self._last_list: tuple[object, list[Row]] = (None, [])
        for resource in RESOURCES:
            if resource.alias_of is None:
                self._add_resource(resource)

    def _add_resource(self, resource: Resource) -> None:
        # The narrower paths first: /requestforproposals/proposition/{id} before …/{idn}.
        if resource.parent and resource.embedding:
            self._add_options(resource)
            return
        if resource.name == "warehouse_items":
            self._add("GET", "/warehouses/{id}/items", resource, self._stock)
            return
        if resource.list:
            self._add("GET", resource.list.path, resource, self._list)
        for step in resource.actions:
            self._add("POST", step.path, resource, self._act)
        for call in resource.other_writes:
            self._add(call.method, call.path, resource, self._other)
        if resource.detail:
            handler = self._file if resource.name == "attachments" else self._detail
            self._add("GET", resource.detail.path, resource, handler)
        self._add_writes(resource)

    def _add_writes(self, resource: Resource) -> None:
        special: dict[str, Handler] = {
            "payments": self._pay,
            "expense_payments": self._pay_expense,
            "receipts": self._receive,
            "purchase_requisitions": self._requisition,
            "contracts": self._contract,
            "attachments": self._attach,
            "ap_documents": self._upload,
        }
        if resource.create:
            handler = special.get(resource.name, self._create)
            self._add("POST", resource.create.path, resource, handler)
        elif resource.name in ("invoices", "purchase_orders") and resource.list:
            self._add("POST", resource.list.path, resource, self._create_document)
        if resource.update:
            self._add("PUT", resource.update.path, resource, self._update)
        if resource.name == "payments":
            self._add("PUT", "/payments/{idn}", resource, self._no_put)
        if resource.patch:
            self._add("PATCH", resource.patch.path, resource, self._patch)

    def _add_options(self, resource: Resource) -> None:
        base = BY_NAME[str(resource.parent)]
        assert base.list is not None
        for call in resource.other_writes:
            self._add("PATCH", call.path, resource, self._other)
        path = f"{base.list.path}/{{field_id}}/{_OPTIONS}"
        self._add("GET", path, resource, self._list_options)
        self._add("POST", path, resource, self._create)
        for change in (resource.update, resource.patch):
            if change is not None:
                self._add(change.method, change.path, resource, self._change_option)

    def _add(self, method: str, path: str, resource: Resource, handler: Handler) -> None:
        self.routes.append((Route(path, endpoint=handler, methods=[method]), resource, handler))

    # Reading

    async def _list(self, call: Call) -> Response:
        params = list(call.request.query_params.multi_items())
        store, name = call.account.store, call.resource.name
        query = tuple(param for param in params if param[0] != "page")
        asked = (id(store), store.version, call.switches, name, query)
        if self._last_list[0] != asked:
            rows = store.ordered(name, call.switches.list_order)
            rows = rows_that_pass(call.resource, rows, params, call.switches)
            self._last_list = (asked, rows)
        return self._page(call, self._last_list[1], dict(params))

    async def _stock(self, call: Call) -> Response:
        if call.account.store.by_key("warehouses", "id", call.path["id"]) is None:
            raise Missing
        rows = [
            row
            for row in call.account.store.ordered(call.resource.name, "id_asc")
            if str((row.get("warehouse") or {}).get("id")) == call.path["id"]
        ]
        return self._page(call, rows, dict(call.request.query_params))

    async def _list_options(self, call: Call) -> Response:
        if call.switches.options_list == "missing":
            raise Missing
        return self._page(call, _options(call), dict(call.request.query_params))

    def _page(self, call: Call, rows: list[Row], params: dict[str, str]) -> Response:
        size = params.get("per_page", "")
        per_page = int(size) if size in map(str, _PAGE_SIZES) else call.switches.default_page_size
        pages = math.ceil(len(rows) / per_page)
        asked = params.get("page", "1")
        number = pages if asked == "last" else int(asked) if asked.isdecimal() else 1
        number = max(number, 1)
        unpaged = not call.resource.paged and call.switches.legal_entities_meta == "absent"
        start = 0 if unpaged else (number - 1) * per_page
        shown = rows if unpaged else rows[start : start + per_page]
        data = [call.shown(row, detail=False) for row in shown]
        if unpaged:
            return JSONResponse({"data": data})
        pagination: dict[str, Any] = {
            "total": len(rows),
            "count": len(data),
            "per_page": per_page,
            "current_page": number,
            "total_pages": pages,
            "links": {},
            "has_next_page": number < pages,
        }
        hidden = {"all": (), "legacy": ("has_next_page",), "new": ("total", "total_pages")}
        for key in hidden[call.switches.pagination]:
            del pagination[key]
        return JSONResponse({"data": data, "meta": {"pagination": pagination}})

    async def _detail(self, call: Call) -> Response:
        row = call.named()
        shown = call.shown(row)
        children = BY_NAME.get(f"{call.resource.name.removesuffix('s')}_options")
        if children is not None:
            shown[_OPTIONS] = [
                shape(children, option, call.switches, detail=True)
                for option in call.account.store.rows(children.name).values()
                if option.get("field_id") == row["id"]
            ]
        return JSONResponse(shown)

    async def _file(self, call: Call) -> Response:
        row = call.named()
        if call.switches.attachments == "json":
            link = f"{call.request.base_url}_sandbox/files/{row['id']}"
            return JSONResponse({**call.shown(row), "link": link})
        return Response(
            row.get("_content", b""),
            media_type="application/octet-stream",
            headers={"Content-Disposition": "attachment"},
        )

    # Writing

    async def _create(self, call: Call) -> Response:
        extra = {"field_id": _field(call)["id"]} if "field_id" in call.path else {}
        row = writes.create(
            call.resource, call.account.store, call.values, call.switches, extra=extra
        )
        return self._created(call, row)

    async def _create_document(self, call: Call) -> Response:
        if call.switches.create_documents == "refused":
            return JSONResponse({"message": "Method Not Allowed"}, 405)
        known = {key: value for key, value in call.values.items() if key in call.resource.by_name}
        return self._created(call, call.account.store.add(call.resource.name, known))

    async def _update(self, call: Call) -> Response:
        store = call.account.store
        row = writes.update(call.resource, store, call.named(), call.values, call.switches)
        return JSONResponse(call.shown(row))

    async def _patch(self, call: Call) -> Response:
        store = call.account.store
        row = writes.patch(call.resource, store, call.named(), call.values, call.switches)
        return JSONResponse(call.shown(row))

    async def _change_option(self, call: Call) -> Response:
        option = next(
            (row for row in _options(call) if str(row["id"]) == call.path["option_id"]), None
        )
        if option is None:
            raise Missing
        change = writes.update if call.request.method == "PUT" else writes.patch
        row = change(call.resource, call.account.store, option, call.values, call.switches)
        return JSONResponse(call.shown(row))

    async def _act(self, call: Call) -> Response:
        step = call.request.url.path.rsplit("/", 1)[1]
        store, name = call.account.store, call.resource.name
        row = documents.act(name, store, call.named(), step, call.values, call.switches)
        return JSONResponse(call.shown(row))

    async def _other(self, call: Call) -> Response:
        if call.resource.name == "suppliers":
            row = call.named()
            values = call.values.get("dataSupplierCustomFields") or []
            call.account.store.change("suppliers", row, {"dataSupplierCustomFields": values})
            return JSONResponse(call.shown(row))
        return Response(b"")  # dependencies of options, and approvals of RFP lines, say nothing

    async def _pay(self, call: Call) -> Response:
        row = documents.pay_invoice(call.account.store, call.values, call.switches)
        return self._created(call, row)

    async def _pay_expense(self, call: Call) -> Response:
        return self._created(call, documents.pay_expense(call.account.store, call.values))

    async def _no_put(self, call: Call) -> Response:
        return JSONResponse({"message": "Method Not Allowed"}, call.switches.put_payments)

    async def _receive(self, call: Call) -> Response:
        idn = call.path["purchase_order_idn"]
        order = call.account.store.by_key("purchase_orders", "idn", idn)
        if order is None:
            raise Missing
        return self._created(call, documents.receive(call.account.store, order, call.values))

    async def _requisition(self, call: Call) -> Response:
        return self._created(call, documents.requisition(call.account.store, call.values))

    async def _contract(self, call: Call) -> Response:
        row = documents.contract(call.account.store, call.values, call.switches)
        return self._created(call, row)

    async def _attach(self, call: Call) -> Response:
        row = await _uploaded(call)
        row |= {
            "type": int(call.path["object_type"]) if call.path["object_type"].isdigit() else None,
            "_object_id": call.path["object_id"],
        }
        return self._created(call, documents.attach(call.account.store, row))

    async def _upload(self, call: Call) -> Response:
        row = await _uploaded(call)
        kept = {"name": row["name"], "uploadDate": row["uploadDate"], "status": 0}
        return self._created(call, call.account.store.add("ap_documents", kept))

    def _created(self, call: Call, row: Row) -> Response:
        return JSONResponse(call.shown(row), call.switches.create_status)


def _field(call: Call) -> Row:
    field = call.account.store.by_key(str(call.resource.parent), "id", call.path["field_id"])
    if field is None:
        raise Missing
    return field


def _options(call: Call) -> list[Row]:
    field = _field(call)
    return [
        row
        for row in call.account.store.rows(call.resource.name).values()
        if row.get("field_id") == field["id"]
    ]


async def _uploaded(call: Call) -> Row:
    try:
        async with call.request.form() as form:
            file = form.get("file")
            if file is None or isinstance(file, str):
                raise writes.Invalid("file", "This value should not be blank.")
            content = await file.read()
            name, comment = file.filename or "", form.get("comment")
    except MultiPartException as problem:
        raise BadBody(problem.message) from None
    return {
        "name": name,
        "size": len(content),
        "formatType": name.rsplit(".", 1)[-1],
        "uploadDate": call.account.store.clock.stamp(),
        "comment": comment,
        "_content": content,
    }
