"""The tables of a store, the same in every database.

The rule of this module: what is looked for has a column, and everything else of a message, a
report or an input is kept whole beside it, as JSON. Times are microseconds since 1970 in UTC, so
that every database compares them alike.

A message has a row for each name that it goes by: the provider's id, and the gateway's own
reference. One row is the message; the others say which (`joined_into`).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

REVISION: Final = "0002"
"""The revision of these tables; the newest one in `migrations`."""

ID_BYTES: Final = 16
"""Bytes of a message's id in the store."""

# SQLite counts rows by itself only where the key's type is INTEGER.
_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

_LONGEST_NAME: Final = 255

metadata: Final = MetaData()


def column_text(text: str | None) -> str | None:
    """A name as its column has it, to be looked for: the whole name stands in the state.

    PostgreSQL holds no U+0000 in a text, and indexes none of several thousand bytes.
    """
    return None if text is None else text[:_LONGEST_NAME].replace("\0", "\ufffd")


inputs: Final = Table(
    "inputs",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("stray", Boolean, nullable=False),
    Column("line", LargeBinary, nullable=False),
    Index("inputs_received", "received_at"),
    sqlite_autoincrement=True,
)
"""Each input as it came, without secrets, as a line of `.jsonl`. `stray`: it held something that is no report."""
Index("inputs_stray", inputs.c.id, sqlite_where=inputs.c.stray, postgresql_where=inputs.c.stray)

reports: Final = Table(
    "reports",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("message", LargeBinary, nullable=False),
    Column("input", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    Column("unlisted", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("reports_message", "message"),
    Index("reports_received", "received_at"),
)
"""Each report once, by `Report.key`, with the first input that held it. `times`: how often it came."""
Index(
    "reports_unlisted",
    reports.c.received_at,
    sqlite_where=reports.c.unlisted,
    postgresql_where=reports.c.unlisted,
)

messages: Final = Table(
    "messages",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("joined_into", LargeBinary),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("message_id", Text),
    Column("reference", Text),
    Column("group_id", Text),
    Column("status", Text),
    Column("cause", Text),
    Column("final", Boolean, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("heard_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("version", Integer, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("state", LargeBinary),
    Index("messages_message_id", "message_id"),
    Index("messages_hour", "hour"),
)
"""Each message, by a digest of its name. `hour`: when it was first heard of. `heard_at`: last, or when it was sent.
`version`: how many changes of its state were told. `whole`: none of its reports was purged."""
Index(
    "messages_pending",
    messages.c.heard_at,
    messages.c.id,
    sqlite_where=messages.c.final.is_(False) & messages.c.joined_into.is_(None),
    postgresql_where=messages.c.final.is_(False) & messages.c.joined_into.is_(None),
)
for _field in ("reference", "group_id"):
    _present = messages.c[_field].isnot(None)
    Index(f"messages_{_field}", messages.c[_field], sqlite_where=_present, postgresql_where=_present)

changes: Final = Table(
    "changes",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("position", BigInteger),
    Column("message", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("joined_into", LargeBinary),
    Column("state", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""The outbox: each change of a message's state. `position`: its place among all (see `store`)."""
Index("changes_position", changes.c.position, unique=True).ddl_if(dialect="postgresql")
Index("changes_new", changes.c.id, postgresql_where=changes.c.position.is_(None)).ddl_if(dialect="postgresql")

agenda: Final = Table(
    "agenda",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("id", LargeBinary, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Index("agenda_due", "provider", "account", "at"),
)
"""What is still to be asked of providers: one row a question, by a digest of what it is."""

asked: Final = Table(
    "asked",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""When each account was last asked something that has a shortest interval."""

marks: Final = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""`placed`: the position of the last change that has one (PostgreSQL). `purged`: that of the last that was purged.
`phones`: what is remembered of the key that hides phone numbers; 0 where none are hidden."""
