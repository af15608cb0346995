"""The settings of the target alone; those that it shares with the tap are `precoro_api`'s."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from precoro_api.connection import state_folder
from precoro_api.quota import token_digest
from precoro_api.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OWN_SETTINGS", "journal_path"]

_PER_STREAM = ("object", "string")
_FOR_ALL_OR_PER_STREAM = ("string", "object")

OWN_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "external_id_property",
        "string",
        "External id property",
        "The field of the records that names them for good; it becomes Precoro's externalId.",
        default="externalId",
    ),
    Setting(
        "precoro_id_property",
        "string",
        "Precoro id property",
        "The field of the records that holds Precoro's own id, where the source knows it. Without "
        "it an `id` is taken for the source's own, and never sent.",
    ),
    Setting(
        "stream_resources",
        _PER_STREAM,
        "Resources of streams",
        'Where streams go whose names Precoro does not know: {"vendors": "suppliers"}.',
    ),
    Setting(
        "field_map",
        _PER_STREAM,
        "Map of fields",
        "By stream, which field of its records is which of Precoro's: "
        '{"vendors": {"VendorName": "name"}}.',
    ),
    Setting(
        "defaults",
        _PER_STREAM,
        "Defaults",
        "By stream, values for fields of which a record has nothing: "
        '{"suppliers": {"country": "DE"}}.',
    ),
    Setting(
        "default_values",
        ("array", "string"),
        "Default values",
        "The same as a list of {stream, field, value, type}, as other targets write it.",
    ),
    Setting(
        "unknown_fields",
        "string",
        "Unknown fields",
        "What a field does that the resource cannot take: `warn` once a stream, `ignore`, or "
        "`fail` the record.",
        default="warn",
        options=("warn", "ignore", "fail"),
    ),
    Setting(
        "modes",
        _FOR_ALL_OR_PER_STREAM,
        "Modes",
        "By stream, or one for all: `upsert`; `update` creates nothing; `insert` changes nothing; "
        "`link` only finds the existing record and sets its externalId.",
        default="upsert",
    ),
    Setting(
        "only_update_existing_records",
        ("array", "string"),
        "Only update existing records",
        "The mode `update` for some tables, as other targets write it: a list of {table, is_icf, "
        "is_dcf}, where the table of a custom field is its name.",
    ),
    Setting(
        "match_on",
        _PER_STREAM,
        "Match on",
        "By stream, the fields by which a record is found that carries no external id yet, in "
        'their order: {"suppliers": ["uniqueCode", "name"]}; an empty list finds none.',
    ),
    Setting(
        "nulls",
        _FOR_ALL_OR_PER_STREAM,
        "Nulls",
        "What a null does, for all or by stream and field: `keep` what Precoro has, or `clear` it: "
        '{"suppliers": {"note": "clear"}}.',
        default="keep",
    ),
    Setting(
        "lists",
        _FOR_ALL_OR_PER_STREAM,
        "Lists",
        "What a list does, for all or by stream and field: `merge` with what Precoro has, or "
        "`replace` it.",
        default="merge",
    ),
    Setting(
        "on_missing",
        _FOR_ALL_OR_PER_STREAM,
        "On missing",
        "What becomes of linked records that a whole stream no longer has, for all or by stream: "
        "`ignore`, `report`, or `disable` them; never a delete.",
        default="ignore",
    ),
    Setting(
        "max_disable_percent",
        "integer",
        "Most to disable",
        "If more percent of the linked records than this were to be disabled, nothing is.",
        default=5,
        least=0,
        most=100,
    ),
    Setting(
        "update_method",
        "string",
        "Update method",
        "How fields change: `auto` tries PATCH, reads the answer, and goes over to PUT if it "
        "changed nothing; `patch` and `put` use only the one.",
        default="auto",
        options=("auto", "patch", "put"),
    ),
    Setting(
        "allow_approvals",
        "boolean",
        "Allow approvals",
        "Let the stream `approvals` approve, reject and confirm documents, which notifies people "
        "and may send orders out.",
        default=False,
    ),
    Setting(
        "external_integration_log",
        "boolean",
        "External integration log",
        "Write the reason of a refused document into Precoro's own field for it, where people see "
        "it, and clear it on success; a request each.",
        default=False,
    ),
    Setting(
        "journal_path",
        "string",
        "Journal path",
        "The file that remembers what was being written and what waits, so that nothing is written "
        "twice; default: in the user's state folder, one a token.",
    ),
    Setting(
        "rejects_path",
        "string",
        "Rejects path",
        "A file for refused rows, as Singer messages with the reason; piping it into the target "
        "tries them again.",
    ),
    Setting(
        "report_path",
        "string",
        "Report path",
        "A file with one JSON line for each record: what became of it, and why.",
    ),
    Setting(
        "links_path",
        "string",
        "Links path",
        "A file with Precoro's ids of the records that this run created or linked, as Singer "
        "messages that an ERP's target can load.",
    ),
    Setting(
        "max_failures",
        ("string", "integer"),
        "Most failures",
        "Refused rows after which the run stops: a number, or a percent of the rows so far "
        "(`10%`, once 100 rows are seen).",
    ),
    Setting(
        "dry_run",
        "boolean",
        "Dry run",
        "Write nothing and let no state out; print what would be done, and what it would cost.",
        default=False,
    ),
    Setting(
        "plan_path",
        "string",
        "Plan path",
        "Where a dry run saves its plan; refused in other runs. One that follows within an hour "
        "brings its streams into the same file, so that the pairs of one job make one plan.",
    ),
    Setting(
        "apply_plan",
        "string",
        "Plan to apply",
        "Carry out exactly the plan in this file; records that changed since are skipped and "
        "reported. The input is not used.",
    ),
)


def journal_path(config: Mapping[str, Any]) -> Path | None:
    """Where the journal is; None for memory."""
    given = config.get("journal_path")
    if given == "memory":
        return None
    if given:
        return Path(given).expanduser()
    if config.get("clock_speed") not in (None, 1):
        return None  # a sandbox whose time passes faster: nothing is to outlive it
    digest = token_digest(config["auth_token"].strip())
    return state_folder() / f"journal-{digest}.sqlite3"
