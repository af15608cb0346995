"""Run the target as `python -m target_precoro`."""

from target_precoro.target import TargetPrecoro

TargetPrecoro.cli()
