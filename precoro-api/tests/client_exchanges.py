"""What tests of the client ask for, how odd servers answer it, and how often one thing is asked."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from precoro_api import BY_NAME

SUPPLIERS = BY_NAME["suppliers"]
TAXES = BY_NAME["taxes"]
JSON = {"Content-Type": "application/json"}


def ok(value: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, JSON, json.dumps(value).encode()


def gaps_between_identical(served: list[Any]) -> list[float]:
    """Seconds between each two requests that are the same, as the server counts them."""
    moments = defaultdict(list)
    for one in served:
        moments[one.method, one.path, one.query, one.body].append(one.at)
    return [later - earlier for each in moments.values() for earlier, later in pairwise(each)]


def create_tax(client: Any) -> Any:
    return client.write(TAXES, TAXES.create, {"name": "VAT"}, record_key="T-1")
