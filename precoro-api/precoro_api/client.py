"""The one HTTP client: pace, retries, paging, look-ups, and errors that say what to do.

Reads are tried again, the identical request never within a minute. A write is tried again only
when the answer proves that it never happened.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from decimal import Decimal
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import backoff
import requests
from urllib3.exceptions import NewConnectionError, SSLError

from precoro_api import errors
from precoro_api.clock import SystemClock, moment_text
from precoro_api.encoding import encode_form, filter_moment, scalar
from precoro_api.limits import Limit, read_limit, server_moment
from precoro_api.paging import MAX_PAGE, PAGE_SIZES, Page, page_of
from precoro_api.quota import Quota

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from precoro_api.clock import Clock
    from precoro_api.resource import Endpoint, Resource, Write

__all__ = ["LOOKUP_LIMIT", "Client"]

LOOKUP_LIMIT = 200
"""How many `external_id[]` one request takes."""

logger = logging.getLogger(__name__)

_NEVER_SENT = (requests.exceptions.ConnectTimeout, requests.exceptions.ProxyError)


class Client:
    """The API of one company, as the user of one key sees it.

    `timeout` is (connect, read) in seconds. Errors are those of `precoro_api.errors`.
    `requests_by_method` and `retries` count what was sent; `server_now` is the server's clock
    at its last answer.
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
        patience: float = 300.0,
    ) -> None:
        if page_size not in PAGE_SIZES:
            raise ValueError(f"page_size must be one of {PAGE_SIZES}, not {page_size}")
        self.base_url = base_url.rstrip("/")
        self.page_size = page_size
        self.clock: Clock = clock or SystemClock()
        self.quota = quota or Quota(self.clock)
        self.requests_by_method: Counter[str] = Counter()
        self.retries = 0
        self.server_now: datetime | None = None
        self._timeout = timeout
        self._patience = patience
        self._secrets = tuple(secret for secret in (token, email) if secret)
        self._session = requests.Session()
        self._session.headers.update(
            {
                "X-AUTH-TOKEN": token,
                "email": email,
                "User-Agent": user_agent,
                "Accept": "application/json",
            }
        )
        # All waiting is the quota's: it knows how far apart identical requests must be.
        self._send = backoff.on_exception(
            backoff.constant,
            errors.TryLater,
            interval=0,
            jitter=None,
            max_tries=attempts,
            on_backoff=self._count_retry,
            logger=None,
        )(self._send_once)

    # Reading

    def pages(
        self,
        resource: Resource,
        *,
        filters: Iterable[tuple[str, object]] = (),
        since: datetime | None = None,
        path: Mapping[str, object] | None = None,
    ) -> Iterator[Page]:
        """The pages of a list, in the API's order, each one request."""
        endpoint = _known(resource.list, resource, "list")
        params = [(name, scalar(value)) for name, value in filters]
        params += [(name, str(one)) for name, many in resource.selector.items() for one in many]
        if since is not None:
            params.append(("modifiedSince", filter_moment(since)))
        number = 1
        previous: tuple[dict[str, Any], ...] = ()
        while True:
            paging = [("page", str(number)), ("per_page", str(self.page_size))]
            answer = self._call(resource, endpoint, params=[*paging, *params], path=path)
            try:
                page = page_of(answer, number)
            except ValueError as reason:
                raise errors.UnexpectedAnswer(
                    f"page {number} cannot be read", resource=resource.name, said=str(reason)
                ) from None
            if page.rows and page.rows == previous:
                raise errors.UnexpectedAnswer(
                    f"page {number} is page {number - 1} again", resource=resource.name
                )
            yield page
            if not page.has_next:
                return
            previous = page.rows
            number += 1

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
        answer = self._call(
            resource, endpoint, path={resource.addressed_by: key}, record_key=str(key)
        )
        if not isinstance(answer, dict) or not answer:
            raise errors.UnexpectedAnswer(
                "the detail is no record", resource=resource.name, key=str(key)
            )
        inner = answer.get("data")
        return inner if isinstance(inner, dict) and len(answer) == 1 else answer

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
        unique = sorted(set(external_ids))
        for start in range(0, len(unique), LOOKUP_LIMIT):
            batch = unique[start : start + LOOKUP_LIMIT]
            asked = {_loosely(one): one for one in batch} | {one: one for one in batch}
            filters = [("external_id[]", one) for one in batch]
            for row in self.records(resource, filters=filters):
                carried = str(row.get("externalId"))
                external_id = asked.get(carried) or asked.get(_loosely(carried))
                if external_id is None:
                    raise errors.UnexpectedAnswer(
                        "the look-up answered a record that was not asked for, so this API "
                        "seems to ignore external_id[]",
                        resource=resource.name,
                        key=carried,
                    )
                found.setdefault(external_id, []).append(row)
        return found

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
        answer = self._call(
            resource, call, body=body, content_type=kind, path=path, record_key=record_key
        )
        if isinstance(answer, dict):
            inner = answer.get("data")
            return inner if isinstance(inner, dict) and len(answer) == 1 else answer
        return {}

    # Sending

    def _call(
        self,
        resource: Resource,
        endpoint: Endpoint,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: str | None = None,
        content_type: str | None = None,
        path: Mapping[str, object] | None = None,
        record_key: str | None = None,
    ) -> Any:
        url = self.base_url + endpoint.path.format_map(
            {name: quote(str(value), safe="") for name, value in (path or {}).items()}
        )
        request = requests.Request(
            endpoint.method,
            url,
            params=params,
            data=body.encode() if body is not None else None,
            headers={"Content-Type": content_type} if content_type else None,
        )
        return self._send(self._session.prepare_request(request), resource.name, record_key)

    def _send_once(self, request: requests.PreparedRequest, resource: str, key: str | None) -> Any:
        method = str(request.method)
        reading = method == "GET"
        lost = errors.TryLater if reading else errors.OutcomeUnknown
        self.quota.acquire(f"{method} {request.url} {request.body!r}")
        self.requests_by_method[method] += 1
        try:
            # A redirect would carry the token to another host: none is followed.
            response = self._session.send(request, timeout=self._timeout, allow_redirects=False)
            status, body = response.status_code, response.content
        except requests.RequestException as problem:
            kind = type(problem).__name__
            if isinstance(problem, _NEVER_SENT) or _refused(problem):
                raise errors.TryLater(
                    f"no connection for {method} ({kind})", resource=resource, key=key
                ) from None
            raise lost(
                f"the answer to {method} was lost ({kind})", resource=resource, key=key
            ) from None
        self.server_now = server_moment(response.headers) or self.server_now
        logger.debug("%s %s -> %s", method, request.path_url.split("?")[0], status)
        content_type = response.headers.get("Content-Type", "").lower()
        if 200 <= status < 300:  # noqa: PLR2004
            return self._read(body, content_type, method, resource, key, lost)
        said = errors.words_of(body, content_type, self._secrets)
        did = f"Precoro refused {method}"
        if status == 429:  # noqa: PLR2004
            limit = read_limit(body, response.headers, self.clock.now())
            self._obey(limit, resource)
            raise errors.TryLater(
                f"{did}, too many requests", resource=resource, key=key, status=status, said=said
            )
        if status >= 500:  # noqa: PLR2004
            raise lost(
                f"the server failed on {method}",
                resource=resource,
                key=key,
                status=status,
                said=said,
            )
        kinds: dict[int, type[errors.PrecoroError]] = {
            401: errors.BadCredentials,
            403: errors.NotAllowed,
            404: errors.NotFound,
            405: errors.NotFound,
            410: errors.NotFound,
        }
        if 300 <= status < 400:  # noqa: PLR2004
            raise errors.UnexpectedAnswer(
                "Precoro redirects, which is not followed; check base_url and region",
                resource=resource,
                key=key,
                status=status,
            )
        raise kinds.get(status, errors.Rejected)(
            did, resource=resource, key=key, status=status, said=said
        )

    def _read(
        self,
        body: bytes,
        content_type: str,
        method: str,
        resource: str,
        key: str | None,
        lost: type[errors.PrecoroError],
    ) -> Any:
        if not body.strip() and method != "GET":
            return {}  # some calls answer nothing
        try:
            return json.loads(body, parse_float=Decimal)
        except (ValueError, RecursionError):
            reason = "an HTML page" if "html" in content_type else "no whole JSON"
            raise lost(f"{method} was answered by {reason}", resource=resource, key=key) from None

    def _obey(self, limit: Limit, resource: str) -> None:
        now = self.clock.now()
        if limit.is_daily or limit.wait > self._patience:
            resets_at = moment_text(now + limit.wait) if limit.told else "the next day (UTC)"
            raise errors.QuotaSpent(
                "the quota of this token is spent",
                resource=resource,
                resets_at=resets_at,
                limiter=limit.limiter,
            )
        logger.warning("Precoro's %s says wait: %.0f s.", limit.limiter, limit.wait)
        self.quota.block_until(now + limit.wait)

    def _count_retry(self, details: Any) -> None:
        self.retries += 1
        problem = details["exception"]
        logger.warning("%s: %s; trying again.", problem.resource, problem.did)


def _loosely(external_id: str) -> str:
    """An external id as an API may answer it: `007` as the number 7, `v-1` found by `V-1`."""
    folded = external_id.strip().casefold()
    return folded.lstrip("0") or "0" if folded.isdigit() else folded


def _known(endpoint: Endpoint | None, resource: Resource, what: str) -> Endpoint:
    if endpoint is None:
        raise ValueError(f"{resource.name} has no {what} in the API")
    return endpoint


def _refused(problem: Exception) -> bool:
    """Whether the connection was never made, so that nothing can have happened.

    Other errors of TLS prove nothing: a connection can also break after the request.
    """
    cause = problem.args[0] if problem.args else None
    reason = getattr(cause, "reason", None)
    inner = reason.args[0] if isinstance(reason, SSLError) and reason.args else None
    return isinstance(reason, NewConnectionError) or isinstance(inner, SSLCertVerificationError)
