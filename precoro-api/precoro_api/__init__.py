"""Everything known of the Precoro API: the table of its resources, a client, the errors."""

from precoro_api.client import LOOKUP_LIMIT, Client
from precoro_api.connection import client_from
from precoro_api.errors import (
    BadCredentials,
    NotAllowed,
    NotFound,
    OutcomeUnknown,
    PrecoroError,
    QuotaSpent,
    Rejected,
    SettingsError,
    TryLater,
    UnexpectedAnswer,
)
from precoro_api.reading import Reading
from precoro_api.resource import Confidence, Resource
from precoro_api.resources import BY_NAME, RESOURCES

__all__ = [
    "BY_NAME",
    "LOOKUP_LIMIT",
    "RESOURCES",
    "BadCredentials",
    "Client",
    "Confidence",
    "NotAllowed",
    "NotFound",
    "OutcomeUnknown",
    "PrecoroError",
    "QuotaSpent",
    "Reading",
    "Rejected",
    "Resource",
    "SettingsError",
    "TryLater",
    "UnexpectedAnswer",
    "client_from",
]
