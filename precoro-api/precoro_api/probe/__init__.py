"""Finding out on a real account what the table cannot say, with few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from precoro_api.probe.reading import read
from precoro_api.probe.report import Answer, Report
from precoro_api.probe.writing import Writing

if TYPE_CHECKING:
    from precoro_api.client import Client

__all__ = ["MOST_REQUESTS", "Answer", "Report", "probe", "probe_writes"]

MOST_REQUESTS = 15
"""What one probe sends at most; one that writes as well sends as many again."""


def probe(client: Client, *, most: int = MOST_REQUESTS) -> Report:
    """Find out by reading alone, with at most `most` requests, no two of them the same.

    Raises BadCredentials, or whatever else makes the very first request fail; what fails later
    becomes an answer.
    """
    return read(client, most)


def probe_writes(client: Client, report: Report, *, most: int = MOST_REQUESTS) -> Report:
    """The report and what only writing can find out: meant for a test company.

    Creates one supplier and one payment term whose names say that they are tests, changes them,
    and disables what the API lets be disabled. The answer `left_behind` says what stays.
    """
    return Writing(client, most).run(report)
