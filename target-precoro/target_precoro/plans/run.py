"""A run that carries out a saved plan, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from precoro_api import SettingsError

from target_precoro.plans.file import read_plan
from target_precoro.plans.rehearsal import NewRecord
from target_precoro.plans.special_steps import ApprovalStep, ValueStep
from target_precoro.plans.steps import Step
from target_precoro.special_streams.approvals import apply_approvals, check_allowed
from target_precoro.special_streams.custom_values import apply_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from target_precoro.plans.applying import Applying
    from target_precoro.target import TargetPrecoro

__all__ = ["apply_plan"]


def apply_plan(target: TargetPrecoro, lines: Iterable[str | bytes]) -> None:
    """Carry out its records, then the values of its suppliers, then its approvals.

    The input is read to its end: whoever writes to us is not to fail.
    """
    if target.dry:
        raise SettingsError("apply_plan and dry_run exclude each other.")
    path = target.config["apply_plan"]
    steps = read_plan(path, target.config)
    records = [step for step in steps if isinstance(step, Step)]
    values = [step for step in steps if isinstance(step, ValueStep)]
    approvals = [step for step in steps if isinstance(step, ApprovalStep)]
    for approval in approvals:
        check_allowed(target.config, approval.route.stream)
    ignored = sum('"RECORD"' in str(line) for line in lines)
    if ignored:
        target.logger.warning(
            "apply_plan is set, so the input's %d records are ignored: only the plan in %s is "
            "carried out.",
            ignored,
            path,
        )
    needed = [value.supplier for value in values if isinstance(value.supplier, NewRecord)]
    with target.writing():
        cast("Applying", target.engine).apply(records, needed)
    apply_values(target, values)
    apply_approvals(target, approvals)
