"""How a store's tables are made, and brought from one release to the next.

The rule of this package: one module of `versions` a step, never changed once it was released; the
last one leaves the tables of `delivrd.ledger.schema`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from delivrd.ledger.errors import LedgerError, SchemaError
from delivrd.ledger.schema import REVISION
from delivrd.ledger.store import Store, first_marks, revision


def migrate(store: Store) -> bool:
    """Make a store's tables, or bring them to this release; true where something was done.

    Several processes can do it at once: one does it, and the others find it done.

    Raises:
        LedgerError: the tables are of a later release, or the database failed.
    """
    return store.write(_migrate)


def _migrate(connection: Connection) -> bool:
    # Alembic takes half a second to load: only who migrates waits for it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if connection.dialect.name == "postgresql":
        # Any number will do that nothing else locks.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1684368500)")
    before = revision(connection)
    if before == REVISION:
        return False
    if before is not None and before > REVISION:
        raise SchemaError(f"the store's tables are of revision {before}, later than {REVISION}: use a later release")
    config = Config()
    config.set_main_option("script_location", "delivrd.ledger:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError as error:
        raise LedgerError(f"the store could not be migrated: {error}") from error
    if before is None:
        first_marks(connection)
    return True


__all__: list[Any] = ["migrate"]
