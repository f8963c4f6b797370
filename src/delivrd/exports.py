"""The lines of code tables for programs that are not written in Python: CSV and SQL.

The rule of this module: a file holds every column of every line, and reading it back gives the lines
again. The columns are those of `CodeLine`, in its order; nobody types them twice.
"""

from __future__ import annotations

import csv
import io
import types
from collections.abc import Iterable, Sequence
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from delivrd.listing import CodeLine

TABLE: Final = "delivrd_codes"
"""The table that the SQL makes and fills."""

ESCAPED: Final = ("=", "+", "-", "@", "\t", "\r", "'")
"""How texts begin that have an apostrophe put before them: as a spreadsheet's formula does, or with an apostrophe."""

_SQL_TYPES: Final = {bool: "BOOLEAN", int: "INTEGER", str: "TEXT"}


class Column(msgspec.Struct, frozen=True):
    """A column of an export.

    Attributes:
        name: a field of `CodeLine`.
        kind: `bool`, `int` or `str`.
        optional: it can be empty.
    """

    name: str
    kind: type
    optional: bool


def _columns() -> Iterable[Column]:
    hints = get_type_hints(CodeLine)
    for name in CodeLine.__struct_fields__:
        union = get_origin(hints[name]) in (Union, types.UnionType)
        kinds = set(get_args(hints[name]) if union else (hints[name],))
        (kind,) = kinds - {types.NoneType}
        yield Column(name, next(each for each in (bool, int, str) if issubclass(kind, each)), types.NoneType in kinds)


COLUMNS: Final = tuple(_columns())
"""The columns of every export."""


def cells(line: CodeLine) -> tuple[Any, ...]:
    """A line's values, one a column: `bool`, `int`, `str` or None, words of the vocabulary as plain text."""
    return tuple(
        None if value is None else column.kind(value)
        for column, value in zip(COLUMNS, msgspec.structs.astuple(line), strict=True)
    )


def csv_export(lines: Iterable[CodeLine]) -> str:
    """Lines as CSV (RFC 4180), with a head.

    True and false are `true` and `false`; what is absent is empty. A text that a spreadsheet would take
    for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return), or that begins with an
    apostrophe, has an apostrophe put before it.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([_csv_cell(value) for value in cells(line)] for line in lines)
    return written.getvalue()


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text}" if text.startswith(ESCAPED) else text


def sql_export(lines: Sequence[CodeLine]) -> str:
    """Lines as SQL for SQLite and PostgreSQL: the table `delivrd_codes` is made anew and filled, in one transaction.

    Raises:
        ValueError: a text holds a NUL, which no database keeps.
    """
    declared = [
        f"    {column.name} {_SQL_TYPES[column.kind]}{'' if column.optional else ' NOT NULL'}" for column in COLUMNS
    ]
    statements = [
        f"DROP TABLE IF EXISTS {TABLE}",
        f"CREATE TABLE {TABLE} (\n" + ",\n".join(declared) + "\n)",
        *(
            f"INSERT INTO {TABLE} VALUES (" + ", ".join(_sql_cell(value) for value in cells(line)) + ")"  # noqa: S608
            for line in lines
        ),
        f"CREATE INDEX {TABLE}_compared ON {TABLE} (provider, field, compared)",
    ]
    return "".join(f"{statement};\n" for statement in ["BEGIN", *statements, "COMMIT"])


def _sql_cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    if isinstance(value, bool | int):
        return text.upper()
    if "\0" in text:
        raise ValueError(f"a code table holds the text {text!r}: no database keeps a NUL; take it out of the table")
    return "'" + text.replace("'", "''") + "'"
