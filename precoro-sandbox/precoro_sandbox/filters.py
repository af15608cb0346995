"""What the filters of a list do, by hand from the documentation."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from precoro_api.resource import Resource

    from precoro_sandbox.store import Row
    from precoro_sandbox.switches import Switches

__all__ = ["BadFilter", "rows_that_pass"]

_EXTERNAL_IDS_AT_MOST = 200
_PAGING = ("page", "per_page")


class BadFilter(ValueError):
    """A filter, or a value of it, that this API refuses."""


def rows_that_pass(
    resource: Resource, rows: list[Row], params: list[tuple[str, str]], switches: Switches
) -> list[Row]:
    """The rows that every filter of the query lets pass, in their order."""
    by_name: dict[str, list[str]] = {}
    for name, value in params:
        by_name.setdefault(name, []).append(value)
    checks = []
    for name, values in by_name.items():
        if name in _PAGING:
            continue
        check = _check(resource, name, values, switches)
        if check is not None:
            checks.append(check)
        elif switches.unknown_filters == "rejected":
            raise BadFilter(f"unknown parameter {name}")
    plain = resource.name == "invoices" and "logicType[]" not in by_name
    if plain and switches.credit_notes_listed == "no":
        checks.append(lambda row: row.get("logicType") not in (1, 5))
    if not checks:
        return rows
    return [row for row in rows if all(check(row) for check in checks)]


def _check(
    resource: Resource, name: str, values: list[str], switches: Switches
) -> Callable[[Row], bool] | None:
    if name.lower() == "waitingforapprove" and switches.waiting_spelling == "any_case":
        name = "waitingForapprove"
    known = resource.filter(name)
    if name == "createDate[left_date]" and resource.name == "payments":
        honoured = switches.payments_create_date == "honoured"
        return _period(name, values[-1], switches) if honoured else None
    if known is None or known.name != name:
        return None
    value = values[-1]
    if name == "modifiedSince":
        if resource.name == "payments" and switches.payments_modified_since == "ignored":
            return None
        since = _iso(name, value).isoformat()  # as all stamps of the store are written
        field = resource.replication_key or "createDate"
        if switches.modified_since == "inclusive":
            return lambda row: (row.get(field) or "") >= since
        return lambda row: (row.get(field) or "") > since
    if name == "external_id[]":
        if len(values) > _EXTERNAL_IDS_AT_MOST:
            raise BadFilter("no more than 200 values in external_id[]")
        wanted = set(values)
        return lambda row: row.get("externalId") is not None and str(row["externalId"]) in wanted
    if name in ("status[]", "logicType[]", "propositionStatus[]"):
        field = name[:-2]
        return lambda row: str(row.get(field)) in values
    if name == "supplier[]":
        return lambda row: str((row.get("supplier") or {}).get("id")) in values
    if name == "id":
        return lambda row: str(row["id"]) == value
    if name == "enable":
        return _enabled(value, switches)
    if name in ("sent_to_external", "externalIntegrated"):
        linked = value == "1"
        return lambda row: (row.get("externalId") not in (None, "")) == linked
    if name == "attachedFile":
        return lambda row: bool(row.get("attachments")) == (value == "1")
    if name == "waitingForapprove":
        return (lambda row: row.get("status") == 1) if value == "yes" else None
    return _period(name, value, switches)


def _enabled(value: str, switches: Switches) -> Callable[[Row], bool] | None:
    numbers, words = {"1": True, "0": False}, {"true": True, "false": False}
    known = {
        "both": numbers | words,
        "number": numbers,
        "word": words,
    }[switches.enable_filter]
    if value not in known:
        return None
    wanted = known[value]
    return lambda row: row.get("enable", True) is wanted


_PERIODS: dict[str, tuple[str, bool, str]] = {
    "approvalLeftDate": ("approvalDate", True, "iso"),
    "approvalRightDate": ("approvalDate", False, "iso"),
    "approvalDate[left_date]": ("approvalDate", True, "dotted"),
    "approvalDate[right_date]": ("approvalDate", False, "dotted"),
    "createDate[left_date]": ("createDate", True, "dotted"),
    "createDate[right_date]": ("createDate", False, "dotted"),
    "requiredDate[left_date]": ("requiredDate", True, "dotted"),
    "requiredDate[right_date]": ("requiredDate", False, "dotted"),
}


def _period(name: str, value: str, switches: Switches) -> Callable[[Row], bool] | None:
    if name not in _PERIODS:
        return None
    field, is_left, form = _PERIODS[name]
    if field == "approvalDate" and switches.approval_dates not in ("both", form):
        return None
    if form == "iso":
        edge = _iso(name, value)
        if is_left:
            return lambda row: bool(row.get(field)) and _moment(row[field]) >= edge
        return lambda row: bool(row.get(field)) and _moment(row[field]) <= edge
    try:
        day = datetime.strptime(value, "%d.%m.%Y").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise BadFilter(f"{name} takes DD.MM.YYYY, not {value}") from None
    if is_left:
        return lambda row: bool(row.get(field)) and _moment(row[field]).date() >= day
    return lambda row: bool(row.get(field)) and _moment(row[field]).date() <= day


def _iso(name: str, value: str) -> datetime:
    plain = value.replace(" ", "+") if value.count(" ") == 1 and "T" in value else value
    try:
        return _moment(plain).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise BadFilter(f"{name} takes YYYY-MM-DDTHH:MM:SS, not {value}") from None


def _moment(value: Any) -> datetime:
    if not value:
        return datetime.min.replace(tzinfo=timezone.utc)
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
