"""The SDK's whole standard suite for taps, on the demo company."""

from __future__ import annotations

from typing import Any

import pytest
from precoro_sandbox import Sandbox, SandboxClock
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from tap_precoro.tap import TapPrecoro

SPEED = 6000

# The suite makes its tap while it is collected; the address is filled in when a sandbox serves.
CONFIG: dict[str, Any] = {
    "auth_token": "sandbox-token",
    "email": "integration@example.com",
    "base_url": "http://127.0.0.1:1",
    "clock_speed": SPEED,
}


@pytest.fixture(scope="module", autouse=True)
def company():
    with Sandbox(seed="demo", clock=SandboxClock(SPEED)) as sandbox:
        CONFIG["base_url"] = sandbox.url
        yield sandbox


def everything_selected() -> dict[str, Any]:
    catalog = TapPrecoro(config=CONFIG).catalog_dict
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = True
    return catalog


TestTapPrecoro = get_tap_test_class(
    TapPrecoro,
    config=CONFIG,
    catalog=everything_selected(),
    # The files of documents come with details, of which a test of the connection reads one.
    suite_config=SuiteConfig(max_records_limit=20, ignore_no_records_for_streams=["attachments"]),
)
