"""From stored rows to values.

A row that cannot be read is a `RowDamaged` that names it and shows no value. A list skips
it and logs it, so that it hides no other row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, Engine

from delivrd.ledger.errors import RowDamaged
from delivrd.logs import logger

_Made = TypeVar("_Made")

LOG: Final = logger("ledger")

_MOST_LOGGED: Final = 100
"""Rows of one store that a process logs: a damaged disk must not flood the log."""

PAGES: Final = 10
"""Pages that are looked through for as many readable rows as were asked for."""

_logged: WeakKeyDictionary[Engine, set[tuple[str, str]]] = WeakKeyDictionary()


def decoded(table: str, row: object, make: Callable[[], _Made]) -> _Made:
    """What a row holds.

    Args:
        table: of the row.
        row: its key: bytes, or a number.
        make: decodes it.

    Raises:
        RowDamaged: it cannot be decoded.
    """
    try:
        return make()
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        # Its words, and what it came of, can hold what the row holds.
        raise RowDamaged(table, row.hex() if isinstance(row, bytes) else str(row), type(error).__name__) from None


def readable(connection: Connection, rows: Iterable[Any], make: Callable[[Any], _Made]) -> Iterator[_Made]:
    """What rows hold; those that cannot be read are skipped and logged."""
    for row in rows:
        try:
            yield make(row)
        except RowDamaged as error:
            log_damaged(connection, error)


def first_readable(
    connection: Connection, page: Callable[[Any, int], Sequence[Any]], make: Callable[[Any], _Made], limit: int
) -> list[_Made]:
    """The first rows that can be read, as many as were asked for: what cannot be read takes the place of none.

    Args:
        connection: in a transaction.
        page: gives the rows after a row (None for the first), so many at most.
        make: what a row holds.
        limit: how many.
    """
    found: list[_Made] = []
    after = None
    for _ in range(PAGES):
        rows = page(after, limit)
        found += readable(connection, rows, make)
        if len(found) >= limit or len(rows) < limit:
            break
        after = rows[-1]
    return found[:limit]


def log_damaged(connection: Connection, error: RowDamaged) -> None:
    """Log a row that is skipped: each row once, and so many at most."""
    logged = _logged.setdefault(connection.engine, set())
    if (error.table, error.row) in logged or len(logged) >= _MOST_LOGGED:
        return
    logged.add((error.table, error.row))
    LOG.error("skipped: %s", error)
    if len(logged) == _MOST_LOGGED:
        LOG.error("more rows that cannot be read are not logged: run `delivrd ledger check`")
