"""What can be said of one resource of the API, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING

from precoro_api.fields import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from precoro_api.enums import WebhookType

__all__ = ["Confidence", "Endpoint", "Filter", "Resource", "Write"]


class Confidence(IntEnum):
    """How sure we are that a path or filter exists; its value orders them."""

    GUESS = 0
    THIRD_PARTY = 1
    PRODUCTION = 2
    OFFICIAL = 3

    @property
    def label(self) -> str:
        """A word for tables."""
        return self.name.lower().replace("_", " ")


_CONFIDENCE = {
    "doc": Confidence.OFFICIAL,
    "prod": Confidence.PRODUCTION,
    "3rd:sdk": Confidence.THIRD_PARTY,
    "3rd:conn": Confidence.THIRD_PARTY,
    "guess": Confidence.GUESS,
}


@dataclass(frozen=True)
class Endpoint:
    """A path, and who says that it exists.

    Sources: `doc` official texts, `prod` connectors in production, `3rd:sdk` and `3rd:conn`
    clients of others, `guess` inference.
    """

    path: str
    sources: tuple[str, ...]
    method: str = "GET"

    @property
    def confidence(self) -> Confidence:
        """That of the best source."""
        return max(_CONFIDENCE[source] for source in self.sources)


@dataclass(frozen=True)
class Write(Endpoint):
    """A writing call and the form keys that its body is known to take.

    `name[]` takes a list, `name[id]` a reference. `guessed` are keys that no source names in so
    many words. `replaces` names the lists that the API replaces as a whole. `json` marks bodies
    that are known as JSON only.
    """

    method: str = "POST"
    keys: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    json: bool = False


@dataclass(frozen=True)
class Filter:
    """A query parameter of a list, in the API's spelling, and what it takes."""

    name: str
    takes: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """One resource: where it is, what its records hold, what may be written and how.

    `number` names the document number that addresses it in paths (`idn`), where there is one;
    all others are addressed by `primary_key`. `modified_since` holds the sources of the filter
    `modifiedSince`, and `replication_key` the field that it looks at. `lines` names the field
    that only the detail holds. `parent` is the resource in whose path this one lives,
    `embedding` the detail of that parent, where the records also lie under `embedded_in`.
    `window` is a filter by date of creation that other lists have and this one may.
    `shown_as` says under which field a record shows what a write takes by another name, `refers`
    which resource a written key, or a part of a path, refers to.
    `general_fields` are those that documents in general have, where no source lists them here.
    """

    name: str
    about: str
    fields: tuple[Field, ...]
    general_fields: tuple[Field, ...] = ()
    list: Endpoint | None = None
    detail: Endpoint | None = None
    primary_key: str = "id"
    number: str | None = None
    addressed_by: str = "id"
    business_keys: tuple[str, ...] = ()
    replication_key: str | None = None
    modified_since: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    window: Filter | None = None
    lines: str | None = None
    paged: bool = True
    external_id: bool = False
    create: Write | None = None
    update: Write | None = None
    patch: Write | None = None
    other_writes: tuple[Write, ...] = ()
    actions: tuple[Endpoint, ...] = ()
    shown_as: Mapping[str, str] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)
    webhook: WebhookType | None = None
    parent: str | None = None
    embedding: Endpoint | None = None
    embedded_in: str = "options"
    alias_of: str | None = None
    selector: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """All fields by their names."""
        return {each.name: each for each in (*self.fields, *self.general_fields)}

    @property
    def path_name(self) -> str:
        """The API's own word for it, as its path has it: `paymentterms`."""
        known = self.list or self.detail or self.create
        return known.path.strip("/") if known else self.name

    @property
    def findable(self) -> bool:
        """Whether `external_id[]` looks records up."""
        return any(each.name == "external_id[]" for each in self.filters)

    @property
    def confidence(self) -> Confidence:
        """That of the path that a tap reads."""
        read = self.embedding or self.list
        return read.confidence if read else Confidence.GUESS

    @property
    def steps(self) -> dict[str, Endpoint]:
        """The actions by their words: `approve`, `reject`, `cancel`…."""
        return {each.path.rsplit("/", 1)[1]: each for each in self.actions}

    def filter(self, name: str) -> Filter | None:
        """The filter of that name, with or without `[]`."""
        return next((each for each in self.filters if each.name in (name, f"{name}[]")), None)

    @property
    def private_fields(self) -> frozenset[str]:
        """Fields whose values no log and no report may show."""
        return frozenset(each.name for each in self.fields if each.private)


IDENTIFIER = Field("id", Kind.ID)
