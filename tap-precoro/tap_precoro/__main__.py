"""Run the tap as `python -m tap_precoro`."""

from tap_precoro.tap import TapPrecoro

TapPrecoro.cli()
