"""What goes from a store, and what stays.

The rule of this module: inputs, reports and told changes that are older than a given time go, so
many at a time; the states of messages stay for ever, and say that they are no longer whole.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Table, bindparam, delete, func, select, update

from delivrd.ledger.schema import changes, inputs, marks, messages, reports
from delivrd.ledger.store import Store


class Purged(msgspec.Struct, frozen=True):
    """How many rows went.

    Attributes:
        inputs, reports, changes: of each kind. All are 0 where nothing was left to purge.
    """

    inputs: int
    reports: int
    changes: int

    @property
    def any(self) -> bool:
        """Whether something went: there may be more."""
        return bool(self.inputs or self.reports or self.changes)


def purge(store: Store, connection: Connection, before: int, limit: int) -> Purged:
    """Purge at most so many rows of each kind that are older than a time."""
    old_reports = _oldest(connection, reports, reports.c.key, before, limit)
    if old_reports:
        rows = connection.execute(
            select(reports.c.message).where(_among(reports.c.key)), {"ids": old_reports}
        ).scalars()
        # In order, as every writer locks them.
        connection.execute(
            update(messages).where(messages.c.id == bindparam("row_id")).values(whole=False),
            [{"row_id": each} for each in sorted(set(rows))],
        )
        connection.execute(delete(reports).where(_among(reports.c.key)), {"ids": old_reports})
    old_inputs = _oldest(connection, inputs, inputs.c.id, before, limit)
    if old_inputs:
        connection.execute(delete(inputs).where(_among(inputs.c.id)), {"ids": old_inputs})
    return Purged(len(old_inputs), len(old_reports), _purge_changes(store, connection, before, limit))


def _purge_changes(store: Store, connection: Connection, before: int, limit: int) -> int:
    """Purge the first changes, up to one that is too new: what is left has no gap."""
    place: Any = store.place
    oldest = select(place.label("place"), changes.c.at).where(place.isnot(None)).order_by(place).limit(limit)
    first = oldest.subquery()
    too_new = connection.execute(select(func.min(first.c.place)).where(first.c.at >= before)).scalar()
    chosen = select(func.max(first.c.place), func.count())
    if too_new is not None:
        chosen = chosen.where(first.c.place < too_new)
    last, count = connection.execute(chosen).one()
    if not count:
        return 0
    connection.execute(delete(changes).where(place <= last))
    connection.execute(update(marks).where(marks.c.name == "purged").values(value=last))
    return int(count)


def _oldest(connection: Connection, table: Table, key: Column[Any], before: int, limit: int) -> list[Any]:
    received = table.c.received_at
    return list(connection.execute(select(key).where(received < before).order_by(received).limit(limit)).scalars())


def _among(column: Column[Any]) -> Any:
    return column.in_(_IDS)


_IDS: Final[Any] = bindparam("ids", expanding=True)
