"""What a probe found out: for people as a table, for programs without the company's data."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from precoro_api.plain import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["QUESTIONS", "WRITE_QUESTIONS", "Answer", "Report", "private", "told", "untold"]

QUESTIONS: dict[str, str] = {
    "pagination": "Keys of meta.pagination",
    "per_page_200": "Is per_page=200 accepted",
    "default_page_size": "Rows a page without per_page",
    "legal_entities_meta": "meta in the list of legal entities",
    "list_order": "Order of lists",
    "idn_type": "Type of idn",
    "external_id_type": "Type of an externalId that looks like a number",
    "sum_paid_type": "Type of sumPaid",
    "empty_nested": "How an empty object looks",
    "nested_objects": "Single nested objects",
    "modified_since": "modifiedSince and its own second",
    "payments_modified_since": "modifiedSince on payments",
    "status_filter": "Filter status[]",
    "enable_filter": "Values of the filter enable",
    "approval_dates": "Spelling of the approval dates",
    "waiting_spelling": "Spelling of waitingForapprove",
    "unknown_filters": "What an unknown filter does",
    "credit_notes_listed": "Credit notes in the plain list of invoices",
    "split_marker": "Mark of a split invoice's children",
    "split_idn": "idn of a split invoice's children",
    "options_list": "List of a custom field's options",
    "options_embedded": "Options in a custom field's detail",
    "attached_file_filter": "Filter attachedFile",
    "attachment_entries": "How a record shows its files",
    "attachments": "What an attachment's path answers",
    "not_found": "Answer to an id that does not exist",
    "paths": "Lists that answer",
    "unknown_fields": "Fields that the table does not know",
    "absent_fields": "Fields of the table that never came",
    "headers": "Headers of interest",
    "clock": "The server's clock against this machine's",
    "limit_answer": "Where a 429 says its moment",
}
"""What reading can find out, in the order of a report."""

WRITE_QUESTIONS: dict[str, str] = {
    "create_status": "Status of a successful POST",
    "external_id_on_create": "Where a POST stores externalId",
    "patch_fields": "What PATCH changes",
    "put_scalars": "What PUT does with scalars that it does not name",
    "put_external_id": "What PUT does with an externalId that it does not name",
    "validation_status": "Status of a refused record",
    "validation_body": "Body of a refused record",
    "booleans": "Form booleans True and False",
    "duplicate_limiter": "Is another body another request",
    "left_behind": "What stays of the test",
}
"""What only writing can find out."""


@dataclass(frozen=True)
class Answer:
    """One question answered; `value` is None where it could not be told, and `detail` says why.

    `confidence` is `seen`, `inferred`, or `none`. `shape` is what a profile may keep of it, where
    that differs from the value.
    """

    key: str
    question: str
    value: Any
    detail: str = ""
    confidence: str = "seen"
    shape: Any = None

    @property
    def text(self) -> str:
        """The value in words, or that it could not be told."""
        if self.value is None:
            return f"could not tell: {self.detail}"
        return str(self.value)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "key": self.key,
            "question": self.question,
            "value": self.value,
            "detail": self.detail,
            "confidence": self.confidence,
        }


@dataclass(frozen=True)
class Report:
    """The answers in the order of their questions, and how many requests they took.

    `stopped` says why a probe ended before its questions did.
    """

    answers: tuple[Answer, ...]
    requests: int
    stopped: str = ""

    def __getitem__(self, key: str) -> Answer:
        """The answer under that key."""
        return next(each for each in self.answers if each.key == key)

    def with_answers(self, more: Iterable[Answer], requests: int, stopped: str = "") -> Report:
        """The report and more: an answer takes the place of a former one that told less."""
        kept = {each.key: each for each in self.answers}
        for each in more:
            if each.value is not None or each.key not in kept:
                kept[each.key] = each
        return replace(
            self,
            answers=tuple(kept.values()),
            requests=self.requests + requests,
            stopped=stopped or self.stopped,
        )

    def as_text(self, width: int | None = None) -> str:
        """A table for a terminal."""
        wide = max(60, width or min(shutil.get_terminal_size((100, 24)).columns, 120))
        first = max((len(each.question) for each in self.answers), default=0)
        untold = [each for each in self.answers if each.value is None]
        told = len(self.answers) - len(untold)
        lines = [
            f"{told} of {len(self.answers)} questions answered with {self.requests} requests.",
            *([f"The probe ended early: {self.stopped}."] if self.stopped else []),
            "",
        ]
        for each in self.answers:
            words = each.text
            if each.value is not None and each.detail:
                sure = "" if each.confidence == "seen" else f"{each.confidence}; "
                words += f"  ({sure}{each.detail})"
            lines += textwrap.wrap(
                harmless(words),
                wide,
                initial_indent=f"{each.question:<{first}}  ",
                subsequent_indent=" " * (first + 2),
                break_long_words=False,
            )
        return "\n".join(lines)

    def profile(self) -> dict[str, Any]:
        """What was found, in shapes alone: nothing of the company's records.

        The keys are those of the sandbox's switches where it has one; what could not be told is
        left out.
        """
        shapes: dict[str, Any] = {"version": 1}
        for each in self.answers:
            kept = each.shape if each.shape is not None else each.value
            if kept is not None and kept != _NOT_KEPT:
                shapes[each.key] = kept
        return shapes

    def write_profile(self, path: str | Path) -> None:
        """Write the profile as JSON."""
        text = json.dumps(self.profile(), indent=2, ensure_ascii=False)
        with open(path, "w", encoding="utf-8", opener=_private) as file:
            file.write(text + "\n")


_NOT_KEPT = "not kept"
_private = partial(os.open, mode=0o600)


def told(
    key: str, value: Any, detail: str = "", *, inferred: bool = False, shape: Any = None
) -> Answer:
    """An answer."""
    confidence = "inferred" if inferred else "seen"
    return Answer(key, _QUESTION[key], value, detail, confidence, shape)


def private(key: str, value: Any, detail: str = "") -> Answer:
    """An answer for this terminal alone: a profile leaves it out."""
    return Answer(key, _QUESTION[key], value, detail, shape=_NOT_KEPT)


def untold(key: str, why: str) -> Answer:
    """That it could not be told, and why."""
    return Answer(key, _QUESTION[key], None, why, "none")


_QUESTION: Mapping[str, str] = {**QUESTIONS, **WRITE_QUESTIONS}
