"""The ledger: every receipt kept, and where each message is.

    with Ledger.open("reports.db", migrate=True) as ledger:
        ledger.record(Arrival(provider, request, receipt, received_at, account))

An extra of the distribution: `pip install 'delivrd[ledger]'`, or `delivrd[postgresql]` for many
processes on PostgreSQL. Everything public is in this module.
"""

from __future__ import annotations

try:
    import sqlalchemy as _sqlalchemy  # noqa: F401
except ImportError as error:
    raise ImportError("the ledger is an extra: pip install 'delivrd[ledger]'") from error

from delivrd.ledger.arrivals import Arrival
from delivrd.ledger.asynchronous import AsyncLedger
from delivrd.ledger.errors import CursorTooOld, LedgerError, RowDamaged, SchemaError
from delivrd.ledger.ledger import Ledger
from delivrd.ledger.messages import Change, Message
from delivrd.ledger.reading import Count, KeptInput, KeptReport
from delivrd.ledger.replay import Difference, Kept, Replayed
from delivrd.ledger.retention import Purged
from delivrd.ledger.writing import Recorded

__all__ = [
    "Arrival",
    "AsyncLedger",
    "Change",
    "Count",
    "CursorTooOld",
    "Difference",
    "Kept",
    "KeptInput",
    "KeptReport",
    "Ledger",
    "LedgerError",
    "Message",
    "Purged",
    "Recorded",
    "Replayed",
    "RowDamaged",
    "SchemaError",
]
