"""Precoro's webhooks: an endpoint that takes them, and a file that keeps them until they are read.

An event says that a document has changed, not how. Nothing is signed, order and single delivery
are not promised: an event is a hint to look, never a fact.
"""

from __future__ import annotations

from precoro_api.webhooks.event import Event, read_event, resource_of
from precoro_api.webhooks.spool import Spool, Spooled, SpoolFull, Told

__all__ = ["Event", "Spool", "SpoolFull", "Spooled", "Told", "read_event", "resource_of"]
