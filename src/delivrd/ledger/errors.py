"""What can go wrong with a store.

The rule of this module: each error says whether anything was written, and what to do.
"""

from __future__ import annotations

from delivrd.errors import DelivrdError


class LedgerError(DelivrdError):
    """The store could not do what was asked. Whatever was recorded can be recorded again without harm."""


class SchemaError(LedgerError):
    """The store's tables are not those of this release."""


class CursorTooOld(LedgerError):
    """Changes after this cursor were purged; read the messages themselves, and go on from `restart`.

    Attributes:
        restart: the cursor of the oldest change that is still kept.
    """

    def __init__(self, message: str, *, restart: int) -> None:
        super().__init__(message)
        self.restart = restart


class RowDamaged(LedgerError):
    """A stored row cannot be read: it is damaged, or a newer release wrote it. No other row is affected.

    Attributes:
        table: of the row: `messages`, `reports`, `inputs`, `changes` or `agenda`.
        row: its key, as text.
        restart: of a change, the cursor to go on from, behind it; else None.
    """

    def __init__(self, table: str, row: str, why: str, *, restart: int | None = None) -> None:
        remedy = "read it with the release that wrote it"
        if restart is not None:
            remedy += f", or read the message itself and go on from {restart}"
        elif table == "messages":
            # Nothing else is made again from what the store holds.
            remedy += "; `delivrd ledger replay --apply` makes a damaged state again from its inputs"
        super().__init__(f"{table}, row {row}: it cannot be read ({why}): {remedy}")
        self.table = table
        self.row = row
        self.why = why
        self.restart = restart
