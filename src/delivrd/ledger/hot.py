"""The statements of every receipt, written once and run on the driver's own cursor.

The rule of this module: SQLAlchemy writes each statement, once for each database, and the driver
runs it. What SQLAlchemy does around each run costs several times what the database needs for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, any_, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.expression import ClauseElement

from delivrd.ledger.schema import changes, inputs, messages, reports

Row = dict[str, Any]


class Again(Exception):
    """Another transaction wrote first what this one took for absent."""


_MESSAGE: Final = ("id", "joined_into", "hour", "sent_at", "version", "whole", "state")
"""What a transaction needs of a message's row."""


class Statements:
    """The statements in the words of one database.

    Args:
        dialect: of the database, with parameters by name.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.is_sqlite = dialect.name == "sqlite"

        def words(statement: ClauseElement, columns: Iterable[str] | None = None) -> str:
            return str(statement.compile(dialect=dialect, column_keys=None if columns is None else list(columns)))

        filled = {table: _columns(table) for table in (inputs, messages, changes, reports)}
        self.input = words(insert(inputs).returning(inputs.c.id), filled[inputs])
        self.lock = words(self._chosen(lock=True))
        self.peek = words(self._chosen(lock=False))
        self.new_message = words(self._new_message(), filled[messages])
        self.old_message = words(update(messages).where(messages.c.id == bindparam("row_id")), filled[messages])
        self.report = words(self._report(), filled[reports])
        self.change = words(insert(changes), filled[changes])

    def _chosen(self, *, lock: bool) -> Select[Any]:
        columns = select(*(messages.c[name] for name in _MESSAGE))
        if self.is_sqlite:
            return columns.where(messages.c.id == bindparam("id"))
        wanted = any_(bindparam("ids", type_=postgresql.ARRAY(messages.c.id.type)))
        chosen = columns.where(messages.c.id == wanted).order_by(messages.c.id)
        return chosen.with_for_update() if lock else chosen

    def _new_message(self) -> Insert:
        # PostgreSQL's alone: there another writer may have made the message since it was looked for.
        new = postgresql.insert(messages).on_conflict_do_nothing().returning(messages.c.version)
        return insert(messages) if self.is_sqlite else new

    def _report(self) -> Insert:
        new = sqlite.insert(reports) if self.is_sqlite else postgresql.insert(reports)
        return new.on_conflict_do_update(
            index_elements=[reports.c.key], set_={"times": reports.c.times + new.excluded.times}
        ).returning(reports.c.times)


class Counted:
    """The one number that a statement gives for each row; fetched when it is needed, so that nobody waits before."""

    def __init__(self, cursor: Any, statement: str, rows: Sequence[Row], *, one_by_one: bool) -> None:
        self._cursor = cursor
        self._rows = len(rows)
        self._numbers: list[int | None] = []
        if one_by_one:
            self._numbers = [cursor.execute(statement, row).fetchone()[0] for row in rows]
        elif len(rows) == 1:
            cursor.execute(statement, rows[0])
        elif rows:
            cursor.executemany(statement, rows, returning=True)

    def fetch(self) -> list[int | None]:
        """The numbers, in the order of the rows; None for a row that the database left as it was."""
        while len(self._numbers) < self._rows:
            row = self._cursor.fetchone()
            self._numbers.append(None if row is None else row[0])
            if len(self._numbers) < self._rows:
                self._cursor.nextset()
        return self._numbers


class Hot:
    """A transaction, by the driver's cursors.

    Args:
        connection: in a transaction that writes.
        statements: in the words of its database.
    """

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._statements = statements

    def in_few_trips(self) -> AbstractContextManager[Any]:
        """Send statements on before the answers to those before have come (PostgreSQL, libpq 14)."""
        return nullcontext() if self._statements.is_sqlite else self._driver.pipeline()

    def insert_inputs(self, rows: Sequence[Row]) -> Counted:
        """Insert inputs, and give their numbers."""
        return self._counted(self._statements.input, rows)

    def messages(self, ids: Iterable[bytes], *, lock: bool) -> list[tuple[Any, ...]]:
        """The rows of messages, in order, those that are there; locked until the transaction ends, or not."""
        wanted, cursor = sorted(ids), self._driver.cursor()
        chosen = self._statements.lock if lock else self._statements.peek
        if not self._statements.is_sqlite:
            return list(cursor.execute(chosen, {"ids": wanted}).fetchall())
        return [row for each in wanted for row in cursor.execute(chosen, {"id": each}).fetchall()]

    def write_messages(self, new: Sequence[Row], old: Sequence[Row]) -> Callable[[], None]:
        """Insert messages, and update others.

        Returns:
            What makes sure that none of the new ones was there. It raises `Again` where another writer has
            made one meanwhile.
        """
        statement = self._statements.new_message
        if self._statements.is_sqlite:
            self._many(statement, new)
        inserted = None if self._statements.is_sqlite else self._counted(statement, new)
        self._many(self._statements.old_message, [{"row_id": row["id"], **row} for row in old])

        def sure() -> None:
            if inserted is not None and None in inserted.fetch():
                raise Again

        return sure

    def insert_reports(self, rows: Sequence[Row]) -> Counted:
        """Insert reports, or count those that are there once more; give how often each has come now."""
        return self._counted(self._statements.report, rows)

    def insert_changes(self, rows: Sequence[Row]) -> None:
        """Insert changes."""
        self._many(self._statements.change, rows)

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""
        cursor = self._driver.cursor()
        if len(rows) == 1:
            cursor.execute(statement, rows[0])
        elif rows:
            cursor.executemany(statement, rows)

    def _counted(self, statement: str, rows: Sequence[Row]) -> Counted:
        return Counted(self._driver.cursor(), statement, rows, one_by_one=self._statements.is_sqlite)


def _columns(table: Table) -> list[str]:
    """The columns that are given; what the database counts itself is not."""
    return [column.name for column in table.columns if column.autoincrement is not True and column.name != "position"]
