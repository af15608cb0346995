"""Lists, and filters of them as a user writes them."""

from __future__ import annotations

import pytest
from precoro_api import RESOURCES, SettingsError
from tap_precoro.filters.filters import filters_of

LISTS = [each.name for each in RESOURCES if each.list and not each.parent]
YEAR = {"from": "2025-01-01", "to": "2025-12-31"}


def one(stream, **filters):
    """The filter of one stream."""
    return filters_of({"filters": {stream: filters}})[stream]


def refused(given):
    with pytest.raises(SettingsError) as caught:
        filters_of({"filters": given})
    return str(caught.value)
