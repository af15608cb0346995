"""What tests of the journal write in it, by which clock, and what their processes say."""

from __future__ import annotations

import json
from decimal import Decimal

from target_precoro.journal.journal import Intent, Parked


class Clock:
    """The server's clock, as the test sets it."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def intent(key="V-1", resource="suppliers", began=999_990.0, **look_for):
    return Intent(resource, key, began, look_for or {"name": "Acme"})


def row(key="V-1", stream="vendors", since=5.0, **changes):
    values = {
        "record": {"externalId": key, "price": Decimal("12.50"), "bank": {"iban": "DE02"}},
        "schema": {"type": "object", "properties": {"externalId": {}}},
        "key_properties": ("externalId",),
        "waits_for": (("suppliers", "V-9"), ("items", "I-9")),
        "reason": "it waits for suppliers V-9",
        "fingerprint": "f1",
        **changes,
    }
    return Parked(stream=stream, key=key, since=since, **values)


def garbage(path):
    path.write_bytes(b"no database, but something else" * 1000)


def heard(process):
    return json.loads(process.stdout.readline())
