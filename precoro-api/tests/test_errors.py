"""Errors: which, in which words, and without a secret."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from precoro_api import BY_NAME, errors
from precoro_api.errors import PrecoroError, QuotaSpent, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

SUPPLIERS = BY_NAME["suppliers"]
UPDATE = SUPPLIERS.update
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (301, errors.UnexpectedAnswer, errors.UnexpectedAnswer),
        (304, errors.UnexpectedAnswer, errors.UnexpectedAnswer),
        (400, errors.Rejected, errors.Rejected),
        (401, errors.BadCredentials, errors.BadCredentials),
        (403, errors.NotAllowed, errors.NotAllowed),
        (404, errors.NotFound, errors.NotFound),
        (405, errors.NotFound, errors.NotFound),
        (409, errors.Rejected, errors.Rejected),
        (410, errors.NotFound, errors.NotFound),
        (422, errors.Rejected, errors.Rejected),
        (500, errors.TryLater, errors.OutcomeUnknown),
        (502, errors.TryLater, errors.OutcomeUnknown),
        (503, errors.TryLater, errors.OutcomeUnknown),
        (504, errors.TryLater, errors.OutcomeUnknown),
    ],
)
def test_each_status_is_an_error_of_its_kind(
    odd_server: Callable[..., Any],
    client_of: Callable[..., Any],
    status: int,
    reading: type[PrecoroError],
    writing: type[PrecoroError],
) -> None:
    server = odd_server([(status, JSON, b'{"message": "Because."}')])
    client = client_of(server.url, attempts=1)
    with pytest.raises(PrecoroError) as caught:
        client.detail(SUPPLIERS, 17)
    assert type(caught.value) is reading
    assert (caught.value.resource, caught.value.key) == ("suppliers", "17")
    assert caught.value.status == status
    with pytest.raises(PrecoroError) as caught:
        client.write(SUPPLIERS, UPDATE, {"name": "A"}, path={"id": 17}, record_key="V-17")
    assert type(caught.value) is writing
    assert (caught.value.resource, caught.value.key) == ("suppliers", "V-17")
    assert caught.value.status == status
    assert len(server.asked) == 2


def test_too_many_requests_in_the_end_are_a_budget_that_is_spent(
    odd_server: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    server = odd_server([(429, JSON, b'{"message": "Because."}')])
    client = client_of(server.url, attempts=1)
    for call in (
        lambda: client.detail(SUPPLIERS, 17),
        lambda: client.write(SUPPLIERS, UPDATE, {"name": "A"}, path={"id": 17}),
    ):
        with pytest.raises(QuotaSpent) as caught:
            call()
        assert (caught.value.resource, caught.value.resets_at) == ("suppliers", "later")
        assert (caught.value.status, caught.value.exit_code) == (None, 0)
    assert len(server.asked) == 2


def test_the_message_says_who_what_and_why_and_what_to_do(
    odd_server: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    said = {"errors": {"errors": {"sumPaid": "The Invoice is already fully paid."}}}
    server = odd_server([(422, JSON, json.dumps(said).encode())])
    with pytest.raises(errors.Rejected) as caught:
        client_of(server.url).write(
            BY_NAME["payments"], BY_NAME["payments"].create, {"sumPaid": 1}, record_key="PAY-1"
        )
    assert str(caught.value) == (
        "payments PAY-1: Precoro refused POST (422): sumPaid: The Invoice is already fully paid. "
        "Mend the record at its source; nothing was written for it."
    )


def test_a_list_that_is_refused_is_mended_in_the_settings_and_a_record_in_none(
    odd_server: Callable[..., Any], client_of: Callable[..., Any]
) -> None:
    client = client_of(odd_server([(400, JSON, b'{"message": "Because."}')]).url)
    with pytest.raises(errors.Rejected) as caught:
        next(client.pages(SUPPLIERS))
    assert str(caught.value) == (
        "suppliers: Precoro refused GET (400): Because. Mend the filters or settings of this "
        "stream."
    )
    with pytest.raises(errors.Rejected) as caught:
        client.detail(SUPPLIERS, 17)
    assert str(caught.value) == "suppliers 17: Precoro refused GET (400): Because."


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PrecoroError("did it", resource="taxes"), "taxes: did it."),
        (PrecoroError("did it", resource="taxes", key="7"), "taxes 7: did it."),
        (PrecoroError("did it", resource="taxes", status=400), "taxes: did it (400)."),
        (PrecoroError("did it", resource="taxes", said="no"), "taxes: did it: no."),
        (PrecoroError("did it", resource="taxes", said="No!"), "taxes: did it: No!"),
        (
            QuotaSpent("it is spent", resource="taxes", resets_at="tomorrow", limiter="Daily"),
            "taxes: it is spent. Run again tomorrow; what was done is kept.",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_errors_are_sentences(error: PrecoroError, text: str) -> None:
    assert str(error) == text
    assert error.args == (text,)


def test_every_error_is_one_of_the_family_and_has_advice_where_there_is_any() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    kinds = [kind for kind in kinds if inspect.isclass(kind)]
    assert issubclass(errors.SettingsError, ValueError)  # before anything is asked of Precoro
    kinds.remove(errors.SettingsError)
    assert all(issubclass(kind, PrecoroError) for kind in kinds)
    silent = {kind.__name__ for kind in kinds if not kind.advice}
    assert silent == {"PrecoroError", "NotFound", "QuotaSpent", "UnexpectedAnswer"}
    assert {kind.__name__ for kind in kinds} - {"PrecoroError"} == {
        line.split()[0] for line in errors.__doc__.splitlines() if line.startswith("  ")
    }


# The API's own words


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b'{"message": "Not Found"}', "application/json", "Not Found"),
        (b'{"error": "Because", "code": 7}', "application/json", "Because; 7"),
        (
            b'{"errors": {"errors": {"sumPaid": "Too much.", "payDate": "Odd."}}}',
            "application/json",
            "sumPaid: Too much.; payDate: Odd.",
        ),
        (b'{"errors": {"name": ["Taken.", "Too long."]}}', "", "name: Taken.; name: Too long."),
        (b'{"contacts": {"0": {"email": "Odd."}}}', "", "contacts.0.email: Odd."),
        (b'["first", {"message": "second"}]', "application/json", "first; second"),
        (b"[]", "application/json", ""),
        (b"{}", "application/json", ""),
        (b"null", "application/json", ""),
        (b'{"message": null, "errors": ""}', "application/json", ""),
        (b'"plain"', "application/json", "plain"),
        (b'{"left": 0}', "application/json", "left: 0"),
        (b"", "application/json", ""),
        (b"  \n ", "", ""),
        (b"plain\r\n  words", "text/plain", "plain words"),
        (b'{"half": ', "application/json", '{"half":'),
        (b"<html><body>502</body></html>", "text/html", "an HTML page instead of JSON"),
        (b"  <!DOCTYPE html>", "application/json", "an HTML page instead of JSON"),
        (b"no tags", "text/html; charset=utf-8", "an HTML page instead of JSON"),
        (b"\xff\xfe odd", "text/plain", "\ufffd\ufffd odd"),
        (b'{"message": "\xff"}', "application/json", "\ufffd"),
        ('{"message": "Größe"}'.encode(), "application/json", "Größe"),
        (b"[" * 100_000, "application/json", "[" * 299 + "…"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_the_words_of_the_api_are_found(body: bytes, content_type: str, words: str) -> None:
    assert words_of(body, content_type) == words


@pytest.mark.parametrize("length", [299, 300, 301, 5000])
def test_long_words_are_cut_at_300_characters(length: int) -> None:
    words = words_of(json.dumps({"message": "x" * length}).encode(), "application/json")
    assert words == ("x" * length if length <= 300 else "x" * 299 + "…")


@pytest.mark.parametrize("before", range(280, 301))
def test_a_secret_at_the_cut_is_hidden_whole(before: int) -> None:
    words = words_of(b"-" * before + b"s3cret-token", "text/plain", ["s3cret-token"])
    assert "s3" not in words


def test_what_moves_a_terminal_is_not_repeated() -> None:
    body = json.dumps({"message": "a\x1b[2J\x9b\u202e\r\nb"}).encode()
    assert words_of(body, "application/json").isprintable()
    assert str(PrecoroError("a", resource="b", key="\x1b\n", said="\x9b")).isprintable()


# Nothing leaks


ECHOES: dict[str, Callable[[str, str], bytes]] = {
    "text": lambda token, email: f"bad key {token} of {email}".encode(),
    "json": lambda token, email: json.dumps({"message": f"{token} of {email}"}).encode(),
    "json key": lambda token, email: json.dumps({token: {"deep": email}}).encode(),
    "escaped": lambda token, email: (
        b'{"message": "%b"}' % "".join(f"\\u{ord(c):04x}" for c in f"{token} {email}").encode()
    ),
    "other case": lambda token, email: f"{token.upper()} of {email.title()}".encode(),
    "at the cut": lambda token, email: b"-" * 292 + token.encode() + email.encode(),
    "html": lambda token, email: f"<html>{token} {email}</html>".encode(),
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 302])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_error_repeats_the_token_or_the_address(
    odd_server: Callable[..., Any],
    client_of: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
    echo: Callable[[str, str], bytes],
    status: int,
) -> None:
    caplog.set_level("DEBUG")

    def repeat(asked: Any) -> tuple[int, dict[str, str], bytes]:
        token, email = asked.headers["X-AUTH-TOKEN"], asked.headers["email"]
        headers = {**JSON, "Location": f"http://127.0.0.1:9/{token}/{email}"}
        return status, headers, echo(token, email)

    server = odd_server([repeat])
    client = client_of(server.url, attempts=1, token="tkn-0123456789", email="ada@secret.example")
    with pytest.raises(PrecoroError) as caught:
        client.detail(SUPPLIERS, 17)
    assert server.asked[0].headers["X-AUTH-TOKEN"] == "tkn-0123456789"
    told = f"{caught.value!r} {caught.value.said} {caplog.text}".lower()
    for secret in ("tkn-", "0123", "ada@", "secret.example"):
        assert secret not in told
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.detail(SUPPLIERS, 17),
        lambda client: client.write(SUPPLIERS, UPDATE, {"name": "A"}, path={"id": 17}),
    ],
    ids=["reading", "writing"],
)
def test_redirects_are_not_followed_and_take_the_token_nowhere(
    odd_server: Callable[..., Any],
    client_of: Callable[..., Any],
    call: Callable[[Any], Any],
    status: int,
) -> None:
    other = odd_server([(200, JSON, b'{"id": 17}')])
    here = odd_server([(status, {"Location": f"{other.url}/suppliers/17"}, b"")])
    with pytest.raises(errors.UnexpectedAnswer, match="check base_url and region"):
        call(client_of(here.url))
    assert len(here.asked) == 1
    assert other.asked == []
