"""The API of one company: lists, details, look-ups and writes."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from precoro_api import errors
from precoro_api.ahead import in_order
from precoro_api.clock import SystemClock
from precoro_api.download import download
from precoro_api.encoding import encode_form, filter_moment, scalar
from precoro_api.fields import unwrap
from precoro_api.message import Message
from precoro_api.paging import MAX_PAGE, PAGE_SIZES, Page, page_of
from precoro_api.quota import Quota
from precoro_api.resource import Write
from precoro_api.resources import BY_NAME
from precoro_api.transport import Transport

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.download import Download, Into
    from precoro_api.message import Exchange
    from precoro_api.resource import Endpoint, Resource

__all__ = ["LOOKUP_LIMIT", "Client"]

LOOKUP_LIMIT = 200
"""How many `external_id[]` one request takes."""
_LONGEST_LOOKUP = 30_000
"""Characters of their values, as an address spells them."""
_OF_ONE_RECORD = (
    errors.NotFound,
    errors.NotAllowed,
    errors.Rejected,
    errors.UnexpectedAnswer,
    errors.TryLater,
)
_SHORTEST_SECRET = 4
"""Fewer letters tell nothing, and would be found in every word."""


class Client:
    """The API of one company, as the user of one key sees it.

    `timeout` is (connect, read) in seconds. Reads are tried again, the identical request never
    within a minute; a write only when the answer proves that it never happened. Errors are those
    of `precoro_api.errors`.
    """

    def __init__(
        self,
        *,
        token: str,
        email: str,
        base_url: str,
        page_size: int = MAX_PAGE,
        timeout: tuple[float, float] = (10.0, 60.0),
        user_agent: str = "precoro-api",
        clock: Clock | None = None,
        quota: Quota | None = None,
        attempts: int = 5,
    ) -> None:
        if page_size not in PAGE_SIZES:
            raise ValueError(f"page_size must be one of {PAGE_SIZES}, not {page_size}")
        self.page_size = page_size
        self.clock: Clock = clock or SystemClock()
        self.quota = quota or Quota(self.clock)
        self._transport = Transport(
            token=token,
            email=email,
            base_url=base_url,
            timeout=timeout,
            user_agent=user_agent,
            clock=self.clock,
            quota=self.quota,
            attempts=attempts,
        )

    def close(self) -> None:
        """Let go of connections and of the ledger."""
        self._transport.close()
        self.quota.close()

    @property
    def requests_by_method(self) -> Counter[str]:
        """How many requests were sent, retries among them."""
        return self._transport.requests_by_method

    @property
    def retries(self) -> int:
        """How many requests were sent again."""
        return self._transport.retries

    @property
    def server_now(self) -> datetime | None:
        """The server's clock at its last answer."""
        return self._transport.server_now

    def exchange(
        self,
        message: Message,
        *,
        attempts: int = 1,
        heard: Callable[[Exchange], None] | None = None,
    ) -> Exchange:
        """The answer to one request as it came, within the budget: status, headers, and body.

        For those who want to know how the API answers. No answer, redirects and limits (429)
        raise; `heard` is handed each answer, those to attempts before the last among them.
        """
        return self._transport.exchange(message, attempts=attempts, heard=heard)

    # Reading

    def pages(
        self,
        resource: Resource,
        *,
        filters: Iterable[tuple[str, object]] = (),
        since: datetime | None = None,
        path: Mapping[str, object] | None = None,
        back_from: int | None = None,
    ) -> Iterator[Page]:
        """The pages of a list, in the API's order, each one request.

        With `back_from`, from that page back to the first.
        """
        endpoint = _known(resource.list, resource, "list")
        read = partial(self._page, resource, endpoint, _params(resource, filters, since), path)
        if back_from is not None:
            yield from in_order((partial(read, n) for n in range(back_from, 0, -1)), self.quota)
            return
        page = read(1)
        yield page
        # The pages that the first one announces are known, and may be under way at once.
        numbers = range(2, (page.total_pages or 1) + 1) if page.has_next else range(0)
        for following in in_order((partial(read, number) for number in numbers), self.quota):
            page = _following(resource, page, following, read)
            yield page
            if not page.has_next:
                return
        while page.has_next:
            page = _following(resource, page, read(page.number + 1), read)
            yield page

    def peek(
        self,
        resource: Resource,
        *,
        filters: Iterable[tuple[str, object]] = (),
        since: datetime | None = None,
        path: Mapping[str, object] | None = None,
    ) -> Page:
        """The first ten rows of a list, and its total where the API tells it: a small request."""
        endpoint = _known(resource.list, resource, "list")
        params = _params(resource, filters, since)
        return self._page(resource, endpoint, params, path, 1, size=PAGE_SIZES[0])

    def _page(
        self,
        resource: Resource,
        endpoint: Endpoint,
        params: list[tuple[str, str]],
        path: Mapping[str, object] | None,
        number: int,
        *,
        size: int | None = None,
    ) -> Page:
        paging = [("page", str(number)), ("per_page", str(size or self.page_size))]
        message = Message(endpoint, resource.name, path=path, params=[*paging, *params])
        answer, asked_at = self._transport.ask(message)
        try:
            whole = (size or self.page_size) if resource.paged else None
            return page_of(answer, number, asked_at, whole)
        except ValueError as reason:
            raise errors.UnexpectedAnswer(
                f"page {number} cannot be read", resource=resource.name, said=str(reason)
            ) from None

    def records(
        self,
        resource: Resource,
        *,
        filters: Iterable[tuple[str, object]] = (),
        since: datetime | None = None,
        path: Mapping[str, object] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """The rows of a list, as the API sends them."""
        for page in self.pages(resource, filters=filters, since=since, path=path):
            yield from page.rows

    def detail(self, resource: Resource, key: object) -> dict[str, Any]:
        """One record whole; `key` is its idn or id, whichever addresses the resource."""
        endpoint = _known(resource.detail, resource, "detail")
        answer = self._transport.send(
            Message(endpoint, resource.name, str(key), path={resource.addressed_by: key})
        )
        if not isinstance(answer, dict) or not answer:
            raise errors.UnexpectedAnswer(
                "the detail is no record", resource=resource.name, key=str(key)
            )
        inner = answer.get("data")
        return inner if isinstance(inner, dict) and len(answer) == 1 else answer

    def details(
        self, resource: Resource, keys: Iterable[object]
    ) -> Iterator[dict[str, Any] | errors.PrecoroError]:
        """Many records whole, in the order of their keys.

        In place of one that cannot be had, the reason: NotFound, NotAllowed, Rejected,
        UnexpectedAnswer or TryLater.
        """

        def one(key: object) -> dict[str, Any] | errors.PrecoroError:
            try:
                return self.detail(resource, key)
            except _OF_ONE_RECORD as reason:
                return reason

        return in_order((partial(one, key) for key in keys), self.quota)

    def download(
        self, resource: Resource, key: object, into: Into, *, most: int, name: str | None = None
    ) -> Download:
        """The file that `key` names, streamed into what `into` opens, anew for each attempt.

        `name` is what it is called, where that is known. Raises TooLarge beyond `most` bytes;
        `precoro_api.download` says the rest.
        """
        endpoint = _known(resource.detail, resource, "detail")
        message = Message(endpoint, resource.name, str(key), path={resource.addressed_by: key})
        return download(
            self._transport, message, into, most=most, name=name, known=resource.by_name
        )

    def find(
        self, resource: Resource, external_ids: Sequence[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """Rows by external id, 200 ids a request; ids that nothing carries are absent.

        Raises UnexpectedAnswer if a row comes that was not asked for: then the API ignores the
        filter, and taking its rows for matches would be fatal.
        """
        if not resource.findable:
            raise ValueError(f"{resource.name} has no external_id[] filter")
        found: dict[str, list[dict[str, Any]]] = {}
        batches = _batches(sorted(set(external_ids)))
        calls = (partial(self._look_up, resource, batch) for batch in batches)
        for matches in in_order(calls, self.quota):
            found.update(matches)
        return found

    def _look_up(self, resource: Resource, batch: list[str]) -> dict[str, list[dict[str, Any]]]:
        asked = {_loosely(one): one for one in batch} | {one: one for one in batch}
        found: dict[str, list[dict[str, Any]]] = {}
        filters = [("external_id[]", one) for one in batch]
        for row in self.records(resource, filters=filters):
            carried = str(row.get("externalId"))
            external_id = asked.get(carried) or asked.get(_loosely(carried))
            if external_id is None:
                raise errors.UnexpectedAnswer(
                    "the look-up answered a record that was not asked for, so this API seems to "
                    "ignore external_id[]",
                    resource=resource.name,
                    key=carried,
                )
            found.setdefault(external_id, []).append(row)
        return found

    def options(self, resource: Resource, field_id: object) -> list[dict[str, Any]]:
        """The options of a custom field, from its detail, or else from a list of their own.

        Raises NotAllowed, and NotFound where the field is gone.
        """
        detail = self.detail(BY_NAME[str(resource.parent)], field_id)
        # One source calls the key `option`.
        for key in (resource.embedded_in, resource.embedded_in.removesuffix("s")):
            options = unwrap(detail.get(key))
            if isinstance(options, list):
                return options
        if resource.list is None:
            return []
        try:
            return list(self.records(resource, path={"field_id": field_id}))
        except errors.NotFound:
            return []  # a field without choices

    # Writing

    def write(
        self,
        resource: Resource,
        call: Write,
        form: Mapping[str, Any],
        *,
        path: Mapping[str, object] | None = None,
        record_key: str | None = None,
    ) -> dict[str, Any]:
        """Send a POST, PUT or PATCH; the record that the API answers, or {} for an empty answer.

        Raises OutcomeUnknown where the answer was lost and the write may have happened.
        """
        if call.json:
            body = json.dumps(form, default=scalar, sort_keys=True)
            kind = "application/json"
        else:
            body = urlencode(encode_form(form))
            kind = "application/x-www-form-urlencoded"
        answer = self._transport.send(
            Message(
                call,
                resource.name,
                record_key,
                path=path,
                body=body,
                content_type=kind,
                private=_private(resource, form),
            )
        )
        if isinstance(answer, dict):
            inner = answer.get("data")
            return inner if isinstance(inner, dict) and len(answer) == 1 else answer
        return {}

    def act(
        self, resource: Resource, step: str, key: object, form: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Take a step of a document's approval: `approve`, `reject`, `confirm`…; the document.

        Raises ValueError where the resource knows no such step, OutcomeUnknown as `write` does.
        """
        endpoint = _known(resource.steps.get(step), resource, step)
        call = Write(endpoint.path, endpoint.sources, endpoint.method)
        path = {resource.addressed_by: key}
        return self.write(resource, call, form, path=path, record_key=str(key))


def _private(resource: Resource, form: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts of a form that no error may repeat: those of private fields, and all inside objects."""
    found: list[str] = []

    def gather(value: Any, *, hidden: bool) -> None:
        if isinstance(value, dict):
            for each in value.values():
                gather(each, hidden=True)
        elif isinstance(value, (list, tuple)):
            for each in value:
                gather(each, hidden=hidden)
        elif hidden and len(text := str(value)) >= _SHORTEST_SECRET:
            found.append(text)

    for key, value in form.items():
        stem = key.partition("[")[0]
        gather(value, hidden=resource.shown_as.get(stem, stem) in resource.private_fields)
    return tuple(found)


def _params(
    resource: Resource, filters: Iterable[tuple[str, object]], since: datetime | None
) -> list[tuple[str, str]]:
    """The query of a list, but for its paging."""
    params = [(name, scalar(value)) for name, value in filters]
    params += [(name, str(one)) for name, many in resource.selector.items() for one in many]
    if since is not None:
        params.append(("modifiedSince", filter_moment(since)))
    return params


def _batches(external_ids: Sequence[str]) -> Iterator[list[str]]:
    """What one request can ask for: so many, and no longer an address than servers take."""
    batch: list[str] = []
    length = 0
    for external_id in external_ids:
        more = len(quote(external_id))
        if batch and (len(batch) == LOOKUP_LIMIT or length + more > _LONGEST_LOOKUP):
            yield batch
            batch, length = [], 0
        batch.append(external_id)
        length += more
    if batch:
        yield batch


def _loosely(external_id: str) -> str:
    """An external id as an API may answer it: `007` as the number 7, `v-1` found by `V-1`."""
    folded = external_id.strip().casefold()
    return folded.lstrip("0") or "0" if folded.isdigit() else folded


def _known(endpoint: Endpoint | None, resource: Resource, what: str) -> Endpoint:
    if endpoint is None:
        raise ValueError(f"{resource.name} has no {what} in the API")
    return endpoint


def _following(resource: Resource, previous: Page, page: Page, read: Callable[[int], Page]) -> Page:
    """The page. Raises UnexpectedAnswer where the API ignores `page` and gave the one before.

    A page's worth of rows that came meanwhile repeats it as well: then the one before holds others.
    """
    repeated = page.rows and page.rows == previous.rows
    if repeated and read(previous.number).rows == page.rows:
        raise errors.UnexpectedAnswer(
            f"page {page.number} is page {previous.number} again", resource=resource.name
        )
    return page
