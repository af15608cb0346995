"""The budget of requests that a token has, shared by all who use it."""

from precoro_api.quota.ledger import Ledger, LedgerError, MemoryLedger
from precoro_api.quota.opening import open_ledger
from precoro_api.quota.policy import Policy
from precoro_api.quota.quota import Quota, token_digest
from precoro_api.quota.sqlite_ledger import SqliteLedger
from precoro_api.quota.windows import Limits

__all__ = [
    "Ledger",
    "LedgerError",
    "Limits",
    "MemoryLedger",
    "Policy",
    "Quota",
    "SqliteLedger",
    "open_ledger",
    "token_digest",
]
