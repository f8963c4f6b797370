"""The database: how it is opened, how a transaction runs, and where databases differ.

The rule of this module: whatever is done to the store is one transaction, and only here is it
known which database it is.

SQLite admits one writer at a time, so the numbers of its rows are the order in which they were
committed. PostgreSQL admits many, and a row with a smaller number can be committed after a larger
one: there each change gets its position when somebody first reads it, one reader at a time, in
the order of the numbers. The changes of one message are numbered while its row is locked, so the
positions keep their order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select, text, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.sql.expression import ColumnElement

from delivrd.blots import Blotter
from delivrd.ledger.errors import LedgerError, SchemaError
from delivrd.ledger.hot import Again, Statements
from delivrd.ledger.schema import REVISION, changes, inputs, marks, messages

Made = TypeVar("Made")

WAIT: Final = 60.0
"""Seconds that a writer waits for another one's transaction before it gives up (SQLite)."""

_MORE_CONNECTIONS: Final = 15
"""Connections beyond the pool's five, for as long as they are needed (PostgreSQL)."""

_LOST_CONNECTIONS: Final = 2
"""How many lost connections in a row are taken for a server that was restarted."""

_OLDEST_SQLITE: Final = (3, 35)
"""The first that knows RETURNING."""

_ATTEMPTS: Final = 20
"""How often a transaction is begun again that another one got in the way of."""

_IN_THE_WAY: Final = {"40001", "40P01"}
"""PostgreSQL's `serialization_failure` and `deadlock_detected` (its manual, appendix A)."""

_GONE: Final = ("08", "57P0")
"""How PostgreSQL's `connection_exception` and `admin_shutdown` begin, with their like (the same appendix)."""

_WRITES: Final = "delivrd_writes"


_stores: WeakSet[Store] = WeakSet()


def _forget_connections() -> None:
    for store in _stores:
        store.engine.dispose(close=False)


# Two processes must not talk over one connection.
os.register_at_fork(after_in_child=_forget_connections)


class Store:
    """One database.

    Args:
        url: `sqlite:///file.db`, `postgresql://user@host/name`, or the name of a SQLite file.

    Raises:
        LedgerError: it cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self.url = _url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        try:
            # Parameters hold phone numbers: no error may show them.
            self.engine = create_engine(
                self.url,
                hide_parameters=True,
                paramstyle="named" if self.is_sqlite else "pyformat",
                connect_args={"timeout": WAIT} if self.is_sqlite else {},
                # Threads wait for each other in the database, where they are told why.
                max_overflow=-1 if self.is_sqlite else _MORE_CONNECTIONS,
                pool_timeout=WAIT,
            )
        except ImportError as error:
            raise LedgerError(
                f"the driver of this database is missing ({error.name}): pip install 'delivrd[postgresql]'"
            ) from error
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        _stores.add(self)
        self._errors: tuple[type[Exception], ...] = (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error)
        self.statements = Statements(self.engine.dialect)

    @property
    def place(self) -> ColumnElement[Any]:
        """The position of a change."""
        return changes.c.id if self.is_sqlite else changes.c.position

    def read(self, operation: Callable[[Connection], Made]) -> Made:
        """Run a transaction that only reads; everything in it is of one moment.

        Raises:
            LedgerError: the database failed.
        """
        with self._told("nothing was asked to be written"):
            return self._run(operation, isolation_level="REPEATABLE READ")

    def write(self, operation: Callable[[Connection], Made]) -> Made:
        """Run a transaction that writes. It is begun again where another one got in its way.

        Args:
            operation: what is done; it may run several times, and only the last one counts.

        Raises:
            LedgerError: the database failed.
        """
        unsure = (
            "what was to be written was not, or it is not known whether it was: record it again, which does no harm"
        )
        with self._told(unsure):
            return self._run(operation, **{_WRITES: True})

    def _run(self, operation: Callable[[Connection], Made], **options: Any) -> Made:
        """Run a transaction, again where it can be begun again: nothing harms that is written twice."""
        if self.is_sqlite:
            options.pop("isolation_level", None)
        lost = 0
        for _ in range(_ATTEMPTS):
            try:
                with self.engine.connect().execution_options(**options) as connection, connection.begin():
                    return operation(connection)
            except Again:
                continue
            except self._errors as error:
                said = _driver_error(error)
                if self._is_lost(said) and lost < _LOST_CONNECTIONS:
                    # A server that was restarted has left connections that are of no use.
                    lost += 1
                    self.engine.dispose()
                elif getattr(said, "sqlstate", None) not in _IN_THE_WAY:
                    raise
        raise LedgerError(f"other transactions got in the way {_ATTEMPTS} times; nothing was written: try again")

    def check_schema(self) -> None:
        """Refuse tables that are not those of this release.

        Raises:
            SchemaError: they are older, newer or not there.
        """
        # Asking would make the file.
        missing = self.is_sqlite and not os.path.exists(self.url.database or "")
        found = None if missing else self.read(revision)
        if found is None:
            raise SchemaError("the store has no tables yet: run `delivrd ledger init`, or Ledger.open(…, migrate=True)")
        if found != REVISION:
            remedy = "run `delivrd ledger migrate`" if found < REVISION else "use the release of delivrd that made them"
            raise SchemaError(f"the store's tables are of revision {found}, expected {REVISION}: {remedy}")

    def place_changes(self, connection: Connection, limit: int) -> None:
        """Give positions to changes that have none yet, in a transaction that writes."""
        if self.is_sqlite:
            return
        placed = connection.execute(
            select(marks.c.value).where(marks.c.name == "placed").with_for_update()
        ).scalar_one()
        new = select(changes.c.id).where(changes.c.position.is_(None)).order_by(changes.c.id).limit(limit).cte("new")
        numbered = select(new.c.id, func.row_number().over(order_by=new.c.id).label("place")).cte("numbered")
        done = connection.execute(
            update(changes).where(changes.c.id == numbered.c.id).values(position=placed + numbered.c.place)
        )
        connection.execute(update(marks).where(marks.c.name == "placed").values(value=placed + done.rowcount))

    def prepare(self) -> None:
        """What a file keeps for ever, before it gets its tables: a log that readers need not wait for (SQLite)."""
        if self.is_sqlite:
            with self._told("nothing was written"), self.engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA journal_mode = WAL")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    def check_phones(self, mark: int) -> None:
        """Refuse a store that holds phone numbers in another way than it is opened for.

        Args:
            mark: of the key that hides them; 0 where they are not hidden.

        Raises:
            LedgerError: it was begun with another key, or without one.
        """

        def remembered(connection: Connection) -> int:
            found: int = connection.execute(select(marks.c.value).where(marks.c.name == "phones")).scalar_one()
            return found

        def remember(connection: Connection) -> None:
            # Only a store that holds nothing yet can be begun otherwise.
            nothing = ~select(messages.c.id).exists() & ~select(inputs.c.id).exists()
            connection.execute(update(marks).where(marks.c.name == "phones", nothing).values(value=mark))

        if self.read(remembered) != mark:
            self.write(remember)
            if self.read(remembered) != mark:
                raise LedgerError("phone_key: the store was begun with another key, or without one; give the same")

    def last_place(self, connection: Connection) -> int:
        """The position of the last change that has one, also where it was purged."""
        if self.is_sqlite:
            last = text("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")
            return int(connection.execute(last).scalar() or 0)
        last_placed: int = connection.execute(select(marks.c.value).where(marks.c.name == "placed")).scalar_one()
        return last_placed

    def _is_lost(self, said: BaseException) -> bool:
        """Whether the connection is gone: the server says so, or nothing at all."""
        if self.is_sqlite or not isinstance(said, self.engine.dialect.loaded_dbapi.OperationalError):
            return False
        state: str | None = getattr(said, "sqlstate", None)
        return state is None or state.startswith(_GONE)

    @contextmanager
    def _told(self, written: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            said = _driver_error(error)
            # The lines after the first can hold values, and a password with an `@` in it is taken for a host.
            words = Blotter((self.url.password or "", self.url.host or "")).text(str(said).strip().partition("\n")[0])
            raise LedgerError(f"the database failed ({type(said).__name__}: {words}); {written}") from error


class Page(Protocol):
    """A part of a long answer."""

    @property
    def next(self) -> Any:
        """Where the next one begins; None where this was the last."""


APage = TypeVar("APage", bound=Page)


def pages(run: Callable[[Callable[[Connection], APage]], APage], step: Callable[..., APage]) -> Iterator[APage]:
    """A long answer page by page, each in a transaction of its own.

    Args:
        run: `Store.read` or `Store.write`.
        step: makes a page; it takes a connection, and `after`, where the page begins.
    """
    found = run(partial(step, after=None))
    yield found
    while found.next is not None:
        found = run(partial(step, after=found.next))
        yield found


def revision(connection: Connection) -> str | None:
    """The revision of the store's tables; None where there are none."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def first_marks(connection: Connection) -> None:
    """The marks of an empty store."""
    connection.execute(insert(marks), [{"name": name, "value": 0} for name in ("placed", "purged", "phones")])


def _driver_error(error: Exception) -> BaseException:
    """What the driver said: SQLAlchemy wraps it, where it ran the statement itself."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _url(given: str) -> URL:
    try:
        url = make_url(given) if "://" in given else URL.create("sqlite", database=given)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend == "postgres":
        backend = "postgresql"
    if backend not in ("sqlite", "postgresql"):
        raise LedgerError("expected sqlite:///file.db, postgresql://user@host/name, or the name of a file")
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if not url.database or ":memory:" in url.database or url.query:
        raise LedgerError("expected the name of a file: a store in memory is lost with its process")
    return url


def _prepare_sqlite(engine: Engine) -> None:
    if engine.dialect.dbapi.sqlite_version_info < _OLDEST_SQLITE:  # type: ignore[union-attr]
        raise LedgerError(f"expected SQLite {'.'.join(map(str, _OLDEST_SQLITE))} or newer: it came with this Python")

    @event.listens_for(engine, "connect")
    def connect(raw: Any, _record: Any) -> None:
        # Transactions are begun here, not by the driver, which would begin them too late to be alone.
        raw.isolation_level = None
        # What was acknowledged must outlive a loss of power.
        raw.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
