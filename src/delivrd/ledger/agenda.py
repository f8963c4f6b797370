"""What is still to be asked of providers, kept in the store: the `Agenda` of `delivrd.poll`.

The rule of this module: each method is one transaction about one entry or one account, in a thread
of its own, so that no poller's loop waits for a disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from delivrd.digests import digest_of
from delivrd.ledger.ledger import Ledger
from delivrd.ledger.rows import decoded, first_readable
from delivrd.ledger.schema import agenda, asked, column_text
from delivrd.ledger.times import micros, moment
from delivrd.poll.agenda import Agenda, Entry


class LedgerAgenda(Agenda):
    """An `Agenda` that outlives its process.

    Args:
        ledger: that keeps it.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._store = ledger.store
        self._insert: Any = sqlite.insert if self._store.is_sqlite else postgresql.insert

    async def add(self, entry: Entry) -> None:
        """As in `Agenda`, and likewise the others."""
        new = self._insert(agenda).values(key=_key(entry), **_row(entry)).on_conflict_do_nothing()
        await self._write(new)

    async def due(self, provider: str, account: str, now: datetime, limit: int) -> Sequence[Entry]:
        chosen = (
            select(agenda)
            .where(*_of(agenda, provider, account), agenda.c.at <= micros(now, "now"))
            .order_by(agenda.c.at, agenda.c.key)
        )

        def read(connection: Connection) -> list[Entry]:
            def page(after: Any, count: int) -> Any:
                order = tuple_(agenda.c.at, agenda.c.key)
                rest = chosen if after is None else chosen.where(order > (after.at, after.key))
                return connection.execute(rest.limit(count)).all()

            return first_readable(connection, page, lambda row: decoded("agenda", row.key, lambda: _entry(row)), limit)

        return await asyncio.to_thread(self._store.read, read)

    async def next_at(self, provider: str, account: str) -> datetime | None:
        chosen = select(agenda.c.at).where(*_of(agenda, provider, account)).order_by(agenda.c.at).limit(1)
        return await self._time(chosen)

    async def put_off(self, entry: Entry) -> None:
        await self._write(update(agenda).where(agenda.c.key == _key(entry)).values(**_row(entry)))

    async def done(self, entry: Entry) -> None:
        await self._write(delete(agenda).where(agenda.c.key == _key(entry)))

    async def note_asked(self, provider: str, account: str, at: datetime) -> None:
        held = micros(at)
        new = self._insert(asked).values(provider=provider, account=column_text(account), at=held)
        await self._write(
            new.on_conflict_do_update(index_elements=[asked.c.provider, asked.c.account], set_={"at": held})
        )

    async def last_asked(self, provider: str, account: str) -> datetime | None:
        return await self._time(select(asked.c.at).where(*_of(asked, provider, account)))

    async def _time(self, chosen: Any) -> datetime | None:
        held = await asyncio.to_thread(self._store.read, lambda connection: connection.execute(chosen).scalar())
        return None if held is None else moment(held)

    async def _write(self, statement: Any) -> None:
        def write(connection: Connection) -> None:
            connection.execute(statement)

        await asyncio.to_thread(self._store.write, write)


def _of(table: Any, provider: str, account: str) -> tuple[Any, ...]:
    return (table.c.provider == provider, table.c.account == column_text(account))


def _key(entry: Entry) -> bytes:
    return digest_of(entry.key)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "provider": entry.provider,
        "account": column_text(entry.account),
        "operation": entry.operation,
        "id": entry.id.encode("utf-8", "surrogatepass"),
        "since": micros(entry.since),
        "at": micros(entry.at),
        "asked": entry.asked,
        "failed": entry.failed,
    }


def _entry(row: Any) -> Entry:
    return Entry(
        provider=row.provider,
        account=row.account,
        operation=row.operation,
        id=row.id.decode("utf-8", "surrogatepass"),
        since=moment(row.since),
        at=moment(row.at),
        asked=row.asked,
        failed=row.failed,
    )
