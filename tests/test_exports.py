"""What is exported of the code tables is read back with the libraries that others read it with, and is the tables."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from contextlib import closing
from itertools import chain

import msgspec
import psycopg
import pyarrow
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from delivrd import (
    Cause,
    CodeTable,
    Compare,
    Evidence,
    Fields,
    Meanings,
    Offer,
    Provider,
    Push,
    Reading,
    Registry,
    Row,
    Shape,
    Source,
    Status,
)
from delivrd.cli import main
from delivrd.exports import COLUMNS, cells, csv_export, sql_export
from delivrd.listing import CodeLine, code_lines
from delivrd.parquet import parquet_export
from delivrd.tables import normalise

PROVIDERS = Registry.installed()
LINES = [line for provider in PROVIDERS.values() for line in code_lines(provider)]
NAMES = [column.name for column in COLUMNS]
FORMULAS = ("=", "+", "-", "@", "\t", "\r")

# Not NUL, which no database keeps; no half of a surrogate pair, which no encoding writes.
TEXTS = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n'\";,\\|<&—ä"), st.characters(codec="utf-8", exclude_characters="\0"))
)
ANY_LINES = st.lists(
    st.builds(
        CodeLine,
        provider=TEXTS,
        place=st.none() | st.integers(1, 9),
        field=TEXTS,
        field_count=st.integers(1, 3),
        code=TEXTS,
        compare=st.sampled_from(Compare),
        compared=TEXTS,
        status=st.none() | st.sampled_from(Status),
        final=st.none() | st.booleans(),
        evidence=st.none() | st.sampled_from(Evidence),
        cause=st.none() | st.sampled_from(Cause),
        overrules=st.booleans(),
        map_error=st.none() | st.integers(0, 255),
        meaning=TEXTS,
        dashboard=st.none() | TEXTS.filter(bool),
        source=TEXTS,
    ),
    max_size=3,
)


def from_csv(text: str) -> list[tuple]:
    """The rows of a CSV, as the documentation says they are to be read."""
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == NAMES

    def value(column, cell):
        assert not cell.startswith(FORMULAS)
        cell = cell.removeprefix("'")
        if cell == "" and column.optional:
            return None
        return {"true": True, "false": False}[cell] if column.kind is bool else column.kind(cell)

    return [tuple(map(value, COLUMNS, row)) for row in rows]


def from_sqlite(text: str) -> list[tuple]:
    with closing(sqlite3.connect(":memory:")) as database:
        # Twice: the second time over what the first left.
        database.executescript(text)
        database.executescript(text)
        found = database.execute(f"SELECT {', '.join(NAMES)} FROM delivrd_codes ORDER BY rowid").fetchall()
    booleans = [column.kind is bool for column in COLUMNS]
    return [tuple(bool(v) if b and v is not None else v for b, v in zip(booleans, row, strict=True)) for row in found]


def from_parquet(content: bytes) -> list[tuple]:
    table = parquet.read_table(io.BytesIO(content))
    assert table.column_names == NAMES
    return [tuple(row.values()) for row in table.to_pylist()]


def exported(*words: str) -> bytes:
    done = CliRunner().invoke(main, ["codes", *words], prog_name="delivrd")
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout_bytes


def same_row(line: CodeLine, provider: Provider, table: CodeTable, row: Row) -> bool:
    """Whether a line says what the row says, axis by axis."""
    source = row.source or table.source
    return (
        (line.provider, line.field, line.code, line.meaning) == (provider.name, table.name, row.label, row.meaning)
        and (line.status, line.evidence, line.cause) == (row.status, row.evidence, row.cause)
        and (line.outcome, line.final) == ((row.status.outcome, row.final) if row.status else (None, None))
        and line.permanence == (row.permanence or (row.cause and row.cause.permanence))
        and (line.map_error, line.dashboard, line.overrules) == (row.map_error, row.dashboard, row.overrules)
        and (line.source, line.source_url, line.table_version) == (source.title, source.url, table.version)
        and (line.compare, line.beside, line.reasons) == (table.compare, row.beside, table.reasons)
        and provider.tables[line.place - 1] is table
    )


def test_each_row_of_each_table_is_a_line_and_nothing_else_is():
    for provider in PROVIDERS.values():
        lines = list(code_lines(provider))
        plain = [line for line in lines if line.absence is None and line.setting is None]
        rows = [(table, row) for table in provider.tables for row in table.rows]
        assert all(same_row(line, provider, *pair) for line, pair in zip(plain, rows, strict=True))
        offered = [line for line in lines if line.setting is not None]
        assert sorted((line.setting, line.field, line.code) for line in offered) == sorted(
            (offer.setting, offer.meanings.field, row.label) for offer in provider.offers for row in offer.meanings.rows
        )
        absent = [(line.field, line.code, line.absence) for line in lines if line.absence is not None]
        assert absent == [(table.field, row.code, row.kind) for table in provider.absences for row in table.rows]


def test_what_an_account_says_of_an_opaque_field_is_consulted():
    offered = [line for line in LINES if line.setting == "err_is_map"]
    assert {line.consulted for line in offered} == {"always"}
    assert {line.field for line in offered} == {"err"}


def test_every_format_holds_every_row():
    tables = [cells(line) for line in LINES]
    assert len(tables) > 250
    assert from_csv(exported("--format", "csv").decode()) == tables
    assert from_sqlite(exported("--format", "sql").decode()) == tables
    assert from_parquet(exported("--format", "parquet")) == tables
    documents = [json.loads(line) for line in exported("--format", "json").splitlines()]
    empty = dict(zip(NAMES, [None] * len(NAMES), strict=True)) | {"overrules": False, "reasons": False}
    assert [tuple((empty | document).values()) for document in documents] == tables


def test_the_sql_is_taken_by_postgresql_again_and_again(server):
    text = exported("--format", "sql").decode()
    with psycopg.connect(server.new_database(), autocommit=True) as connection:
        connection.execute(text)
        connection.execute(text)
        found = connection.execute(f"SELECT {', '.join(NAMES)} FROM delivrd_codes").fetchall()
    # A database promises no order.
    assert sorted(found, key=repr) == sorted(map(cells, LINES), key=repr)


@given(ANY_LINES)
def test_any_text_comes_back_as_it_was(lines):
    told = [cells(line) for line in lines]
    assert from_csv(csv_export(lines)) == told
    assert from_sqlite(sql_export(lines)) == told
    assert from_parquet(parquet_export(lines)) == told


def test_a_text_that_no_database_keeps_is_named():
    (line,) = code_lines(PROVIDERS["messente-legacy"], "FAILED 102")
    with pytest.raises(ValueError, match="NUL"):
        sql_export([msgspec.structs.replace(line, meaning="a\0b")])


def test_parquet_says_what_can_be_absent_and_of_which_type_it_is():
    schema = parquet.read_schema(io.BytesIO(exported("teli", "--format", "parquet")))
    assert schema.field("provider").nullable is False
    assert schema.field("status").nullable is True
    assert (schema.field("final").type, schema.field("map_error").type) == (pyarrow.bool_(), pyarrow.int32())


@pytest.mark.parametrize(
    ("compare", "condition"),
    [
        (Compare.EXACTLY, "?1"),
        (Compare.ANY_CASE, "upper(trim(?1))"),
        (Compare.NUMBER, "coalesce(nullif(ltrim(trim(?1), '0'), ''), '0')"),
    ],
)
def test_a_join_finds_what_the_table_finds(compare, condition):
    """The three conditions stand in the documentation, with a column's name for the parameter."""
    spellings = {Compare.EXACTLY: "{}", Compare.ANY_CASE: " {} ", Compare.NUMBER: " 00{} "}
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(exported("--format", "sql").decode())
        ask = f"SELECT code FROM delivrd_codes WHERE provider = ?2 AND field = ?3 AND setting IS NULL AND compared = {condition}"
        tried = 0
        for provider in PROVIDERS.values():
            for table in provider.tables:
                if table.compare is not compare or len(table.fields) > 1:
                    continue
                for row in table.rows:
                    sent = spellings[compare].format(row.code.lower() if compare is Compare.ANY_CASE else row.code)
                    assert normalise(sent, compare) == normalise(row.code, compare)
                    assert database.execute(ask, (sent, provider.name, table.name)).fetchall() == [(row.code,)]
                    tried += 1
    assert tried


def test_the_conditions_that_are_tested_are_those_that_are_told(request):
    page = (request.config.rootpath / "docs/export-codes.md").read_text(encoding="utf-8")
    marked = chain(*(mark.args[1] for mark in test_a_join_finds_what_the_table_finds.pytestmark))
    for compare, condition in marked:
        assert f"| `{compare}` | `{condition.replace('?1', 'code')}` |" in page


def test_the_page_names_every_column_and_every_format(request):
    page = (request.config.rootpath / "docs/export-codes.md").read_text(encoding="utf-8")
    columns = page.partition("## The columns")[2].partition("\n## ")[0]
    assert not [name for name in NAMES if f"`{name}`" not in columns]
    formats = next(option for option in main.commands["codes"].params if option.name == "form").type.choices
    assert not [name for name in formats if f"| `{name}` |" not in page]


@pytest.mark.parametrize("form", ["table", "json", "csv", "sql", "parquet", "markdown", "svg"])
def test_a_file_holds_what_standard_output_would(form, tmp_path):
    file = tmp_path / "codes"
    file.write_text("what it held")
    assert exported("teli", "--format", form, "--output", str(file)) == b""
    assert file.read_bytes() == exported("teli", "--format", form)


def test_what_cannot_be_written_is_told_on_one_line(tmp_path, monkeypatch):
    def fails(*words: str) -> tuple[str, int]:
        done = CliRunner().invoke(main, ["codes", *words], prog_name="delivrd")
        assert done.stdout == ""
        return done.stderr, done.exit_code

    told = fails("teli", "--format", "csv", "-o", str(tmp_path))
    assert told == (f"delivrd: --output: {tmp_path}: Is a directory\n", 2)
    assert fails("teli", "failed", "--format", "svg") == ("delivrd: a picture shows whole tables: leave CODE out\n", 2)
    monkeypatch.setattr("delivrd.cli.codes.is_terminal", lambda: True)
    told = fails("teli", "--format", "parquet")
    assert told == ("delivrd: parquet is no text: send it to a file (--output FILE) or a program\n", 2)


def test_without_the_extra_parquet_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "delivrd.parquet")
    done = CliRunner().invoke(main, ["codes", "teli", "--format", "parquet"], prog_name="delivrd")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "delivrd: Parquet is an extra: pip install 'delivrd[arrow]'\n"


class Event(Shape):
    one: str | None = None
    two: str | None = None


def test_a_code_of_several_fields_and_what_a_setting_brings_are_lines_too():
    source = Source("Odd's manual")

    class Settings(msgspec.Struct, frozen=True):
        """What an account says."""

        more: bool = False

    odd = Provider(
        name="odd",
        vendor="Odd",
        title="Odd",
        docs=source,
        tables=(
            CodeTable(("one", "two"), (Row(("a", None), Status.SENT, meaning="on"),), source, compare=Compare.ANY_CASE),
        ),
        ways=(Push(reading=Reading(shape=Event, fields=Fields())),),
        settings=Settings,
        offers=(
            Offer("more", Meanings("one+two", (Row(("a", "b"), Status.READ, meaning="off"),)), Source("a letter")),
        ),
    )
    told = [
        (each.field, each.field_count, each.code, each.compared, each.setting, each.source) for each in code_lines(odd)
    ]
    assert told == [
        ("one+two", 2, "a+", "A+", None, "Odd's manual"),
        ("one+two", 2, "a+b", "A+B", "more", "a letter"),
    ]
