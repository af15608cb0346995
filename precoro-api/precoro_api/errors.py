"""What can go wrong, named for what to do next.

PrecoroError
  BadCredentials    401            stop: the token or the e-mail is wrong
  NotAllowed        403            skip this resource: the key's user lacks the right
  NotFound          404, 405, 410  skip this record or resource
  Rejected          other 4xx      this record only: mend it
  TryLater          5xx, none      tried again already; later is the time
  QuotaSpent        429 told       stop: nothing succeeds before `resets_at`
  OutcomeUnknown    lost answers   a write may have happened: look before writing again
  UnexpectedAnswer  odd bodies     what came is not what the API describes
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from precoro_api.plain import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BadCredentials",
    "NotAllowed",
    "NotFound",
    "OutcomeUnknown",
    "PrecoroError",
    "QuotaSpent",
    "Rejected",
    "SettingsError",
    "TryLater",
    "UnexpectedAnswer",
    "words_of",
]

_LONGEST_SAYING = 300


class SettingsError(ValueError):
    """A setting that cannot be used; the text names it and says what to do."""


class PrecoroError(Exception):
    """Something that Precoro, or the way to it, refused.

    `resource` and `key` say which record, `status` is the HTTP status (None without an answer),
    `said` holds the API's own words, `did` what was tried. `advice_on_lists` goes before `advice`
    where a list was to be read.
    """

    advice = ""
    advice_on_lists = ""

    def __init__(
        self,
        did: str,
        *,
        resource: str,
        key: str | None = None,
        status: int | None = None,
        said: str = "",
        reads: bool = False,
    ) -> None:
        if reads and self.advice_on_lists:
            self.advice = "" if key else self.advice_on_lists
        self.did = did
        self.resource = resource
        self.key = key
        self.status = status
        self.said = said
        super().__init__(str(self))

    def __str__(self) -> str:
        """Who, what was tried, what Precoro said, and what to do, in one line."""
        who = f"{self.resource} {self.key}" if self.key else self.resource
        status = f" ({self.status})" if self.status else ""
        said = f": {self.said}" if self.said else ""
        end = "" if said.endswith((".", "!", "?")) else "."
        advice = f" {self.advice}" if self.advice else ""
        return harmless(f"{who}: {self.did}{status}{said}{end}{advice}")


class BadCredentials(PrecoroError):
    """401: nothing will succeed with this token and e-mail."""

    advice = (
        "Check the settings auth_token and email, which belong together, and region: "
        "a key of app.precoro.us works with region 'us' only."
    )


class NotAllowed(PrecoroError):
    """403: the user of this key may not do this."""

    advice = "Give the user of this API key the role that it needs, or leave this out."


class NotFound(PrecoroError):
    """404, 405 or 410: there is no such record or path."""


class Rejected(PrecoroError):
    """400, 422 and the like: the API understood, and refused this record, or this question."""

    advice = "Mend the record at its source; nothing was written for it."
    advice_on_lists = "Mend the filters or settings of this stream."


class TryLater(PrecoroError):
    """The limit of attempts is reached: the server or the way to it is out of order."""

    advice = "Run again later; what was done is kept."


class QuotaSpent(PrecoroError):
    """A limit is used up for longer than anyone wants to wait, and nothing more is sent.

    `limiter` names it, `resets_at` says when it opens; `exit_code` is what the settings want a
    process to end with.
    """

    def __init__(
        self, did: str, *, resource: str, resets_at: str, limiter: str, exit_code: int = 0
    ) -> None:
        self.resets_at = resets_at
        self.limiter = limiter
        self.exit_code = exit_code
        self.advice = f"Run again {resets_at}; what was done is kept."
        super().__init__(did, resource=resource)


class OutcomeUnknown(PrecoroError):
    """A write whose answer was lost: it may have happened."""

    advice = "Look the record up before writing it again."


class UnexpectedAnswer(PrecoroError):
    """A successful answer that is not what the API describes."""


def words_of(body: bytes, content_type: str, secrets: Iterable[str] = ()) -> str:
    """The API's own words in an error body, in one line; never more than 300 characters.

    Known is `{"errors": {"errors": {"field": "text"}}}`; everything else is read as it comes.
    Secrets that the API repeats become `***`, before anything is cut off.
    """
    text = body.decode("utf-8", "replace").strip()
    if "html" in content_type or text[:1] == "<":
        return "an HTML page instead of JSON"
    try:
        said = "; ".join(_sayings(json.loads(text)))
    except (ValueError, RecursionError):
        said = text
    for secret in secrets:
        if len(secret) <= len(said):
            said = re.sub(re.escape(secret), "***", said, flags=re.IGNORECASE)
    return _shorten(said)


def _sayings(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict):
        found = []
        for key, inner in value.items():
            silent = key in ("errors", "error", "message", "messages", "detail", "data", "code")
            found += _sayings(inner, path if silent else f"{path}.{key}" if path else str(key))
        return found
    if isinstance(value, list):
        return [saying for inner in value for saying in _sayings(inner, path)]
    if value in (None, ""):
        return []
    return [f"{path}: {value}" if path else str(value)]


def _shorten(text: str) -> str:
    line = harmless(" ".join(text.split()))
    return line if len(line) <= _LONGEST_SAYING else line[: _LONGEST_SAYING - 1] + "…"
