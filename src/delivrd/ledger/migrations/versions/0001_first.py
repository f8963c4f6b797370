"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "inputs",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("stray", sa.Boolean, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "reports",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("input", sa.BigInteger, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("unlisted", sa.Boolean, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("joined_into", sa.LargeBinary),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("group_id", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("heard_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("state", sa.LargeBinary),
    )
    op.create_table(
        "changes",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("position", sa.BigInteger),
        sa.Column("message", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("joined_into", sa.LargeBinary),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    _index("inputs", "received", ["received_at"])
    _index("inputs", "stray", ["id"], where="stray")
    _index("reports", "message", ["message"])
    _index("reports", "received", ["received_at"])
    _index("reports", "unlisted", ["received_at"], where="unlisted")
    _index("messages", "message_id", ["message_id"])
    _index("messages", "hour", ["hour"])
    _index("messages", "pending", ["heard_at", "id"], where="final IS {false} AND joined_into IS NULL")
    for field in ("reference", "group_id"):
        _index("messages", field, [field], where=f"{field} IS NOT NULL AND joined_into IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.create_index("changes_position", "changes", ["position"], unique=True)
        _index("changes", "new", ["id"], where="position IS NULL")


def _index(table: str, name: str, columns: list[str], *, where: str | None = None) -> None:
    words = {"sqlite": "0", "postgresql": "false"}
    condition = None if where is None else sa.text(where.format(false=words[op.get_bind().dialect.name]))
    op.create_index(f"{table}_{name}", table, columns, sqlite_where=condition, postgresql_where=condition)
