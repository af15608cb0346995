"""Records to be planned, and what came of them."""

from __future__ import annotations

import json


def vendors(many, **more):
    return [{"externalId": f"V-{n}", "name": f"Firm {n}", **more} for n in range(many)]


def item(n, supplier=None):
    of = n if supplier is None else supplier
    return {"externalId": f"I-{n}", "name": f"Item {n}", "supplier_external_id": f"V-{of}"}


def suppliers(*records):
    return [("suppliers", record) for record in records]


def lines_of(*records):
    """The messages of these (stream, record) pairs, in their order."""
    lines = [
        {"type": "SCHEMA", "stream": stream, "schema": {"properties": {}}, "key_properties": []}
        for stream in dict.fromkeys(stream for stream, _ in records)
    ]
    lines += [{"type": "RECORD", "stream": stream, "record": record} for stream, record in records]
    return [json.dumps(line) for line in [*lines, {"type": "STATE", "value": 1}]]


def rows(sandbox, resource="suppliers"):
    return list(sandbox.store.rows(resource).values())


def named(sandbox, resource="suppliers"):
    return {row.get("externalId"): row for row in rows(sandbox, resource)}


def writes(sandbox, since=0):
    return [each for each in sandbox.served[since:] if each.method != "GET"]


def total(run, action):
    return sum(actions.get(action, 0) for actions in run.tally.values())
