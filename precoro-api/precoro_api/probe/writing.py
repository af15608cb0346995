"""The questions that only writing answers, asked of one test supplier and one test payment term."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from precoro_api.fields import Field, Kind, Misfit, unwrap
from precoro_api.probe.asking import Asker, Reply, keys_of
from precoro_api.probe.headers import limit_answer
from precoro_api.probe.report import WRITE_QUESTIONS, Answer, Report, private, told, untold
from precoro_api.resources import BY_NAME

if TYPE_CHECKING:
    from precoro_api.client import Client

__all__ = ["Writing"]

_SUPPLIERS, _TERMS = BY_NAME["suppliers"], BY_NAME["payment_terms"]
_NOTE, _CHANGED = "Made by a test of the API; nobody needs it.", "Changed by a test of the API."
_ATTEMPTS = 2  # a write that a 429 refused never happened, and is sent once more
_MISSING = object()
_FAILED = 500
_ENABLE = Field("enable", Kind.FLAG)


class Writing:
    """One probe that writes: what it made, what it did to it, and what follows."""

    def __init__(self, client: Client, most: int) -> None:
        self._asker = Asker(client, most, attempts=_ATTEMPTS, first_matters=False)
        self._answers: dict[str, Answer] = {}
        self._left: list[str] = []
        self._before: dict[str, Any] = {}
        mark = secrets.token_hex(4).upper()
        self._supplier_name = f"ZZ TEST of the API {mark}, not a supplier"
        self._term_name = f"ZZ TEST of the API {mark}"
        # Digits alone, so that the answers also show whether such an id comes as a number.
        self._external_ids = [str(9 * 10**11 + secrets.randbelow(10**11)) for _ in range(2)]

    def run(self, report: Report) -> Report:
        """Ask all of it, tidy up, and add it to what reading found."""
        on_supplier = self._try_supplier()
        on_term = self._try_term()
        self._judge_creation(on_supplier, on_term)
        self._judge_limits()
        left = "; ".join(self._left)
        self._say(private("left_behind", left) if left else private("left_behind", "nothing"))
        why = self._asker.stopped or "nothing led to it"
        more = [self._answers.get(key) or untold(key, why) for key in WRITE_QUESTIONS]
        more += [each for key, each in self._answers.items() if key not in WRITE_QUESTIONS]
        return report.with_answers(more, self._asker.sent, self._asker.stopped)

    # The supplier

    def _try_supplier(self) -> str:
        form = {"name": self._supplier_name, "note": _NOTE, "city": "Nowhere"}
        reply, rejected = self._create(_SUPPLIERS, form, self._external_ids[0])
        made = reply.record.get("id")
        if made is None:
            self._not_made("supplier", self._supplier_name, reply)
            why = f"no test supplier could be made: {_told(reply)}"
            for key in ("create_status", "patch_fields", "put_scalars", "put_external_id"):
                self._say(untold(key, why))
            return ""
        self._before |= reply.record
        self._say(told("create_status", reply.status, "of a supplier"))
        stored = "rejected" if rejected else self._stored(reply)
        self._try_patch(made)
        self._try_put(made)
        self._try_refusal(made)
        self._leave_supplier(made)
        return stored

    def _create(self, resource: Any, form: dict[str, str], external_id: str) -> tuple[Reply, bool]:
        """The reply, and whether the record could be made only without an external id."""
        reply = self._asker.write(resource.create, resource, {**form, "externalId": external_id})
        if not reply.refused:
            return reply, False
        self._note_refusal(reply)
        again = self._asker.write(resource.create, resource, form)
        return again, again.ok

    def _stored(self, reply: Reply) -> str:
        """Whether the new supplier carries its external id: `yes`, `no`, or nothing."""
        shown = reply.record.get("externalId", _MISSING)
        if shown is _MISSING:
            # The answer is silent: look the record up by that id.
            assert _SUPPLIERS.list is not None  # noqa: S101 - the table's, not an input
            params = (("external_id[]", self._external_ids[0]),)
            found = self._asker.ask(_SUPPLIERS.list, _SUPPLIERS, params=params)
            if found.rows is None:
                return ""
            same = [row for row in found.rows if row.get("id") == reply.record["id"]]
            shown = same[0].get("externalId", self._external_ids[0]) if same else None
        self._note_type(shown)
        return "no" if _empty(shown) else "yes"

    def _try_patch(self, made: object) -> None:
        call, key = _SUPPLIERS.patch, "patch_fields"
        assert call is not None  # noqa: S101 - the table's, not an input
        form = {"externalId": self._external_ids[0]}
        reply = self._asker.write(call, _SUPPLIERS, {**form, "note": _CHANGED}, path={"id": made})
        if reply.refused:
            alone = self._asker.write(call, _SUPPLIERS, form, path={"id": made})
            self._before |= alone.record
            self._note_type(alone.record.get("externalId"))
            if alone.ok:
                detail = f"another field is refused with {reply.status}"
                self._say(told(key, "external_id_only", detail))
            else:
                self._say(untold(key, _told(alone)))
            return
        self._before |= reply.record
        self._note_type(reply.record.get("externalId"))
        if "note" not in reply.record:
            self._say(untold(key, f"its answer does not show the record: {_told(reply)}"))
        elif reply.record["note"] == _CHANGED:
            self._say(told(key, "all", "the note changed, too"))
        else:
            self._say(told(key, "external_id_only", "the note stayed as it was"))

    def _try_put(self, made: object) -> None:
        """A PUT that names two fields, and what became of the others."""
        reply = self._put(_SUPPLIERS, made, {"name": self._supplier_name, "city": "Elsewhere"})
        assert _SUPPLIERS.detail is not None  # noqa: S101 - the table's, not an input
        seen = reply.record
        if reply.ok:
            read = self._asker.ask(_SUPPLIERS.detail, _SUPPLIERS, path={"id": made})
            seen = read.record or seen
        for key, name in (("put_scalars", "note"), ("put_external_id", "externalId")):
            if not reply.ok:
                self._say(untold(key, f"a PUT of name and city: {_told(reply)}"))
            elif _empty(self._before.get(name)):
                self._say(untold(key, f"it is not known that {name} was set before"))
            elif name not in seen:
                self._say(untold(key, f"the supplier does not show {name}"))
            else:
                gone = _empty(seen[name])
                self._say(told(key, "cleared" if gone else "kept", f"{name} was not named"))
        self._note_type(seen.get("externalId"))

    def _try_refusal(self, made: object) -> None:
        """An empty name, for the test supplier: nothing new can come of it."""
        reply = self._put(_SUPPLIERS, made, {"name": ""})
        if reply.refused:
            self._note_refusal(reply)
        elif "validation_status" not in self._answers:
            why = "an empty name is accepted" if reply.ok else _told(reply)
            self._say(untold("validation_status", why), untold("validation_body", why))

    def _leave_supplier(self, made: object) -> None:
        reply = self._put(
            _SUPPLIERS, made, {"name": self._supplier_name, "note": _NOTE, "enable": "false"}
        )
        self._leave(f"the supplier {self._supplier_name!r} (id {made})", _flag(reply.record))

    # The payment term

    def _try_term(self) -> str:
        form = {
            "name": self._term_name,
            "paymentType": "0",
            "creditPeriodDays": "30",
            "enable": "true",
        }
        reply, rejected = self._create(_TERMS, form, self._external_ids[1])
        made = reply.record.get("id")
        if made is None:
            self._not_made("payment term", self._term_name, reply)
            self._say(untold("booleans", f"no test payment term could be made: {_told(reply)}"))
            return ""
        if "create_status" not in self._answers or self._answers["create_status"].value is None:
            self._say(told("create_status", reply.status, "of a payment term"))
        self._note_type(reply.record.get("externalId"))
        self._try_booleans(made, form)
        if rejected:
            return "rejected"
        shown = reply.record.get("externalId", _MISSING)
        return "" if shown is _MISSING else "no" if _empty(shown) else "yes"

    def _try_booleans(self, made: object, form: dict[str, str]) -> None:
        reply = self._put(_TERMS, made, {**form, "enable": "False"})
        enabled = _flag(reply.record)
        if reply.refused:
            self._note_refusal(reply)
            self._say(told("booleans", "strict", f"False is refused with {reply.status}"))
        elif enabled is False:
            self._say(told("booleans", "lenient", "False is understood"))
        elif enabled is True:
            self._say(told("booleans", "misread", "False is taken without a word, and not obeyed"))
        else:
            self._say(untold("booleans", _told(reply)))
        if enabled is not False:
            enabled = _flag(self._put(_TERMS, made, {**form, "enable": "false"}).record)
        self._leave(f"the payment term {self._term_name!r} (id {made})", enabled)

    # Together

    def _put(self, resource: Any, made: object, form: dict[str, str]) -> Reply:
        return self._asker.write(resource.update, resource, form, path={"id": made})

    def _leave(self, what: str, enabled: bool | None) -> None:  # noqa: FBT001 - a state
        states = {False: "disabled", True: "still enabled: the API did not disable it"}
        state = "perhaps still enabled" if enabled is None else states[enabled]
        self._left.append(f"{what}, {state}")

    def _judge_creation(self, on_supplier: str, on_term: str) -> None:
        key = "external_id_on_create"
        known = {
            ("yes", "yes"): "everywhere",
            ("no", "yes"): "terms_and_options",
            ("no", "no"): "nowhere",
            ("rejected", "rejected"): "rejected",
            ("yes", "no"): "not_on_terms",
        }
        value = known.get((on_supplier, on_term))
        words = f"suppliers: {on_supplier or 'unknown'}, payment terms: {on_term or 'unknown'}"
        self._say(told(key, value, words) if value else untold(key, words))

    def _judge_limits(self) -> None:
        key, limited = "duplicate_limiter", self._asker.limited
        if not limited:
            self._say(
                told(
                    key,
                    "with_body or off",
                    "PUTs of one path and different bodies passed within a minute",
                    shape="with_body",
                )
                if self._asker.sent > len(WRITE_QUESTIONS) // 2
                else untold(key, "too few requests were sent")
            )
            return
        said = limited[0].value.get("RateLimit-Type") if _is_dict(limited[0].value) else None
        detail = f"the limiter {said!r} refused one" if said else "a 429 without a name came"
        duplicate = "duplicate" in str(said).lower()
        if duplicate or said is None:
            self._say(told(key, "without_body", detail, inferred=not duplicate))
        else:
            self._say(untold(key, detail))
        self._say(limit_answer(limited))

    def _note_refusal(self, reply: Reply) -> None:
        if "validation_status" in self._answers:
            return
        keys = keys_of(reply.value)
        kind = reply.headers.get("content-type", "no Content-Type").partition(";")[0]
        self._say(
            told("validation_status", reply.status),
            told("validation_body", keys or kind, f"{kind}; keys without values"),
        )

    def _note_type(self, shown: object) -> None:
        if isinstance(shown, str) and shown.isdecimal():
            self._say(told("external_id_type", "string", "of the test records"))
        elif isinstance(shown, int):
            self._say(told("external_id_type", "number", "of the test records"))

    def _not_made(self, what: str, name: str, reply: Reply) -> None:
        failed = reply.status is not None and reply.status >= _FAILED
        if reply.ok or reply.lost or failed:
            self._left.append(f"perhaps the {what} {name!r}: {_told(reply)}")

    def _say(self, *answers: Answer) -> None:
        for each in answers:
            self._answers[each.key] = each


def _told(reply: Reply) -> str:
    """What became of a write, in few words and without the API's own."""
    if reply.refused and reply.value:
        return f"refused ({reply.status}) for {keys_of(reply.value)}"
    return reply.trouble if not reply.record else f"answered with {reply.status}"


def _flag(record: dict[str, Any]) -> bool | None:
    try:
        read: bool | None = _ENABLE.read(record.get("enable"))
    except Misfit:
        return None
    return read


def _empty(value: object) -> bool:
    return unwrap(value) in (None, "", [], {})


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)
