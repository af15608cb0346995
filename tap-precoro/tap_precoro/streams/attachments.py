"""Files of documents: what is known of them, and the files themselves where a folder is set."""

from __future__ import annotations

import secrets
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

from precoro_api import BY_NAME, SettingsError, UnexpectedAnswer
from precoro_api.fields import Field, Kind, Misfit, rows_in
from precoro_api.settings import Setting
from typing_extensions import override

from tap_precoro.files.failures import FileRef
from tap_precoro.files.files import Folder
from tap_precoro.streams.stream import EXTRA, PrecoroStream
from tap_precoro.telling.drift import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from precoro_api import Resource

    from tap_precoro.tap import TapPrecoro

__all__ = ["ATTACHMENTS_PATH", "ATTACHMENT_MAX_MB", "AttachmentStream"]

ATTACHMENTS_PATH = Setting(
    "attachments_path",
    "string",
    "Attachments path",
    "A folder, or any URL that fsspec knows (`s3://…`), for the files of the documents read; each "
    "file costs one request, once. Without it the stream `attachments` tells of them only.",
)
ATTACHMENT_MAX_MB = Setting(
    "attachment_max_mb",
    "integer",
    "Largest attachment",
    "Megabytes above which a file is left out, with a warning.",
    default=100,
    least=1,
)
_MB = 1_000_000
_LATE = "late_files_of_run"
"""In the state, so that it tells which of them the warehouse has."""


class AttachmentStream(PrecoroStream):
    """The files of the documents whose details are read; their streams hand them in."""

    selected_by_default = False  # without details there is nothing to hand in
    STATE_MSG_FREQUENCY = sys.maxsize  # what came late is in the state once all of it is out

    def __init__(self, tap: TapPrecoro) -> None:
        resource = BY_NAME["attachments"]
        ours = (
            Field("documentType", Kind.TEXT),
            Field("documentId", Kind.INTEGER),
            Field("documentIdn", Kind.TEXT),
            Field("path", Kind.TEXT),
        )
        super().__init__(tap, resource, name=resource.name, fields=(*resource.fields, *ours))
        self._seen: set[int] = set()

    @cached_property
    def folder(self) -> Folder | None:
        """Where the files go, if anywhere."""
        url = self.config.get(ATTACHMENTS_PATH.name)
        if not url:
            return None
        most = self.config.get(ATTACHMENT_MAX_MB.name) or ATTACHMENT_MAX_MB.default
        return Folder(url, self.client, most=most * _MB)

    def emit(self, resource: Resource, idn: str, document: Mapping[str, Any]) -> None:
        """Write what a document's detail says of its files, and fetch those that are not there."""
        try:
            entries = rows_in(document.get("attachments"))
        except Misfit as problem:
            raise UnexpectedAnswer(
                f"its attachments cannot be read, {problem}", resource=resource.name, key=idn
            ) from None
        for entry in entries:
            row = {
                **(entry if isinstance(entry, dict) else {"id": entry}),
                "documentType": resource.name,
                "documentId": document.get("id"),
                "documentIdn": idn,
            }
            record = self.read(row)
            if record["id"] is None or record["id"] in self._seen:
                continue
            self.keys.look(self.client.quota, (row,))
            self._seen.add(record["id"])
            if self.folder is not None:
                name, size = record["name"], record["size"]
                file = FileRef(record["id"], name, size, resource.name, idn, row)
                record["path"] = self.folder.fetch(file)
                if not self.folder.noted:
                    # Neither the file nor its failure is on record: no bookmark may pass it.
                    raise SettingsError(
                        f"{ATTACHMENTS_PATH.name}: nothing can be written there; the documents "
                        "from here on are read again in the next run."
                    )
            self.write(record)
        self._tell_of_keys()

    def _tell_of_keys(self) -> None:
        """At once, as this stream's own turn is over."""
        unknown = self.keys.unknown
        news = {key: kind for key, kind in unknown.items() if key not in self.tally.unknown}
        if news:
            self.tally.unknown = dict(unknown)
            self.logger.warning(
                "%s: kept in %s, as no column knows them: %s.", self.name, EXTRA, told(news)
            )
        self.keys.keep(self.client.quota)

    @override
    def rows(self) -> Iterator[dict[str, Any]]:
        """Those of files that failed in earlier runs and are there now; else nothing by itself."""
        if self.testing:
            return
        if not self.precoro.fetching:
            self.logger.warning(
                "attachments come with the details of documents: select some of them too, such "
                "as invoices_details."
            )
        if self.folder is None:
            return
        run, state = secrets.token_hex(4), self.stream_state
        for file, path in self.folder.retry_failed(run, arrived=state.get(_LATE) or ""):
            if path is not None and file.told:
                yield {**self.read(file.told), "path": path}
                state[_LATE] = run  # it is out
                self.state_manager.is_flushed = False
