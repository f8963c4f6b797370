"""The statements of every receipt, written once and run on the driver's own cursor.

The rule of this module: SQLAlchemy writes each statement, once for each database, and the driver
runs it. What SQLAlchemy does around each run costs several times what the database needs for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
        return insert(messages) if self.is_sqlite else postgresql.insert(messages).on_conflict_do_nothing()

    def _report(self) -> Insert:
        new = sqlite.insert(reports) if self.is_sqlite else postgresql.insert(reports)
        return new.on_conflict_do_update(
            index_elements=[reports.c.key], set_={"times": reports.c.times + new.excluded.times}
        ).returning(reports.c.times)


class Hot:
    """A transaction, by the driver's cursor.

    Args:
        connection: in a transaction that writes.
        statements: in the words of its database.
    """

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._cursor: Any = connection.connection.cursor()
        self._statements = statements

    def insert_inputs(self, rows: Sequence[Row]) -> list[int]:
        """Insert inputs, and give their numbers."""
        return self._each(self._statements.input, rows)

    def messages(self, ids: Iterable[bytes], *, lock: bool) -> list[tuple[Any, ...]]:
        """The rows of messages, in order, those that are there; locked until the transaction ends, or not."""
        wanted = sorted(ids)
        chosen = self._statements.lock if lock else self._statements.peek
        if not self._statements.is_sqlite:
            return list(self._cursor.execute(chosen, {"ids": wanted}).fetchall())
        return [row for each in wanted for row in self._cursor.execute(chosen, {"id": each}).fetchall()]

    def write_messages(self, new: Sequence[Row], old: Sequence[Row]) -> None:
        """Insert messages, and update others.

        Raises:
            Again: another writer has made one of the new ones meanwhile.
        """
        if new:
            self._many(self._statements.new_message, new)
            if self._cursor.rowcount != len(new):
                raise Again
        self._many(self._statements.old_message, [{"row_id": row["id"], **row} for row in old])

    def insert_reports(self, rows: Sequence[Row]) -> list[int]:
        """Insert reports, or count those that are there once more; give how often each has come now."""
        return self._each(self._statements.report, rows)

    def insert_changes(self, rows: Sequence[Row]) -> None:
        """Insert changes."""
        self._many(self._statements.change, rows)

    def _many(self, statement: str, rows: Sequence[Row]) -> None:
        if len(rows) == 1:
            self._cursor.execute(statement, rows[0])
        elif rows:
            self._cursor.executemany(statement, rows)

    def _each(self, statement: str, rows: Sequence[Row]) -> list[int]:
        """Run a statement for each row, and give the one number that each returns."""
        if self._statements.is_sqlite or len(rows) == 1:
            return [self._cursor.execute(statement, row).fetchone()[0] for row in rows]
        numbers = []
        if rows:
            # All rows in one round trip, and their answers one after the other.
            self._cursor.executemany(statement, rows, returning=True)
            numbers.append(self._cursor.fetchone()[0])
            while self._cursor.nextset():
                numbers.append(self._cursor.fetchone()[0])
        return numbers


def _columns(table: Table) -> list[str]:
    """The columns that are given; what the database counts itself is not."""
    return [column.name for column in table.columns if column.autoincrement is not True and column.name != "position"]
