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
