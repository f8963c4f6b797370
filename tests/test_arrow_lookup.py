"""Codes in columns: look-up, join, kernel and `read` are of one mind."""

from __future__ import annotations

import sqlite3
from functools import cache

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_arrow import FIXTURES, PROVIDERS, batch_of, samples, split

from delivrd import (
    Account,
    BodyKind,
    Cause,
    Code,
    CodeTable,
    Compare,
    Consulted,
    Fields,
    InputError,
    Meanings,
    NoCode,
    Provider,
    Push,
    Reading,
    Report,
    Row,
    Shape,
    Source,
    Status,
)
from delivrd.arrow import OTHER, VERDICT, JoinRefused, join_keys, join_table, look_up, normalize
from delivrd.arrow.judged import OF_VERDICT
from delivrd.vocabulary import advise_resend

SOURCE = Source("made up")

TOO_MANY = frozenset({"smpp", "teli"})
"""Providers whose code fields have more combinations than a table to join with holds by default."""


def verdict(report: Report) -> dict[str, object]:
    return {name: getattr(report, name) for name in VERDICT}


def judged(provider: Provider, codes: dict[str, object], account: Account | None = None) -> dict[str, object]:
    """The classifier's own verdict."""
    told = {name: str(codes[name]) for name in provider.code_fields if codes.get(name) is not None}
    found = provider.classifier(account).judge({name: code for name, code in told.items() if code.strip()})
    if found is None:
        return dict.fromkeys(VERDICT)
    said = {name: getattr(found, name) for name in OF_VERDICT}
    resend = advise_resend(found.status, found.final, found.cause, False)
    return {**said, "outcome": found.status.outcome, "resend": resend}


def columns(provider: Provider, rows: list[dict[str, object]]) -> pa.RecordBatch:
    fields = provider.code_fields
    return pa.record_batch(
        [pa.array([row.get(name) for row in rows], pa.string()) for name in fields], names=list(fields)
    )


@cache
def table_of(name: str) -> pa.Table:
    return join_table(PROVIDERS[name])


@cache
def database(name: str) -> sqlite3.Connection:
    """A provider's table in SQLite."""
    table = table_of(name)
    store = sqlite3.connect(":memory:")
    store.execute("CREATE TABLE verdicts (" + ", ".join(f'"{each}"' for each in table.column_names) + ")")
    marks = ", ".join("?" * table.num_columns)
    rows = [tuple(row.values()) for row in table.to_pylist()]
    store.executemany(f"INSERT INTO verdicts VALUES ({marks})", rows)
    keys = [each for each in table.column_names if each not in VERDICT]
    store.execute("CREATE UNIQUE INDEX keys ON verdicts (" + ", ".join(f'"{each}"' for each in keys) + ")")
    return store


def joined(name: str, codes: pa.RecordBatch) -> list[dict[str, object]]:
    """What a LEFT JOIN in SQLite gives."""
    keys = join_keys(codes, PROVIDERS[name])
    store = database(name)
    names = keys.schema.names
    store.execute("CREATE TEMP TABLE codes (place, " + ", ".join(f'"{each}"' for each in names) + ")")
    marks = ", ".join("?" * (len(names) + 1))
    store.executemany(
        f"INSERT INTO codes VALUES ({marks})", [(i, *row.values()) for i, row in enumerate(keys.to_pylist())]
    )
    wanted = ", ".join(f'verdicts."{each}"' for each in VERDICT)
    on = " AND ".join(f'codes."{each}" = verdicts."{each}"' for each in names)
    found = store.execute(f"SELECT {wanted} FROM codes LEFT JOIN verdicts ON {on} ORDER BY place").fetchall()
    store.execute("DROP TABLE temp.codes")
    rows = [dict(zip(VERDICT, row, strict=True)) for row in found]
    return [{**row, "final": None if row["final"] is None else bool(row["final"])} for row in rows]


@pytest.mark.parametrize("name", PROVIDERS)
def test_for_every_row_of_every_table_join_look_up_kernel_and_read_agree(name):
    provider = PROVIDERS[name]
    # Every row of every table is reached by a fixture: the conformance kit sees to that.
    found = [
        each
        for each in samples(name)
        if each.account is None or (each.account.meanings == () and each.account.settings is None)
    ]
    zoned, read = Account(zone="UTC"), list[Report]()
    for sample in found:
        try:
            read += provider.read(sample.input, zoned, asked=sample.asked).reports
        except InputError:
            continue
    kernel = normalize(
        batch_of([{"account": "zoned", **split(sample)} for sample in found]),
        {"zoned": zoned},
        provider=name,
    )
    by_kernel = [{each: row[each] for each in VERDICT} for row in kernel.to_pylist() if row["status"] is not None]
    assert by_kernel == [verdict(report) for report in read]
    alone = [dict(row) for table in provider.tables for row in single_rows(table)]
    codes = columns(provider, [*(report.codes for report in read), *alone])
    continues = pa.array([*(report.continues for report in read), *(False for _ in alone)])
    expected = [*map(verdict, read), *(judged(provider, each) for each in alone)]
    assert look_up(codes, provider, continues=continues).to_pylist() == expected
    # A table knows nothing of what follows on another channel.
    stays = [{**each, "resend": advised(each)} for each in expected]
    assert look_up(codes, provider).to_pylist() == stays
    if name not in TOO_MANY:
        assert joined(name, codes) == stays


def advised(row: dict[str, object]) -> object:
    if row["status"] is None:
        return None
    cause = None if row["cause"] is None else Cause(row["cause"])
    return advise_resend(Status(row["status"]), row["final"], cause, False)


def single_rows(table: CodeTable):
    """The code of each row of a table, alone."""
    for row in table.rows:
        parts = (row.code,) if isinstance(row.code, str) else row.code
        yield zip(table.fields, parts, strict=True)


@st.composite
def sent(draw, name: str) -> dict[str, object]:
    """Codes as somebody may send them: listed, spelt in other ways, unlisted, empty, absent."""
    provider = PROVIDERS[name]
    way = draw(st.sampled_from([*provider.compiled().values()]))
    found = {}
    for field in provider.code_fields:
        if field not in way.kinds:
            continue
        listed = [
            part
            for table in provider.tables
            if field in table.fields
            for row in single_rows(table)
            for each, part in row
            if each == field and part
        ]
        code = draw(st.sampled_from([*listed, "new", "*", "", " ", "0"]) | st.none())
        spell = draw(st.sampled_from([str, str.lower, "0{}".format, " {} ".format, "0x{}".format]))
        found[field] = None if code is None else spell(code)
    return found


@pytest.mark.parametrize("name", PROVIDERS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_look_up_and_join_are_the_classifier_for_any_codes(name, data):
    provider = PROVIDERS[name]
    rows = data.draw(st.lists(sent(name), min_size=1, max_size=6))
    codes = columns(provider, rows)
    expected = [judged(provider, row) for row in rows]
    assert look_up(codes, provider).to_pylist() == expected
    if name not in TOO_MANY:
        assert joined(name, codes) == expected
    encoded = pa.record_batch([each.dictionary_encode() for each in codes.columns], names=codes.schema.names)
    assert look_up(encoded, provider).to_pylist() == expected
    assert join_keys(encoded, provider).equals(join_keys(codes, provider))


def made(tables: tuple[CodeTable, ...], **other) -> Provider:
    """A provider of JSON whose shape has the fields of its tables."""
    fields = {field: None for table in tables for field in table.fields}
    if other.get("finality"):
        fields[other["finality"]] = None
    shape = type(
        "Made", (Shape,), {"__annotations__": {"id": Code, **dict.fromkeys(fields, Code)}, "id": None, **fields}
    )
    push = Push(reading=Reading(shape=shape, fields=Fields(message_id="id")), bodies=(BodyKind.JSON,))
    return Provider(name="made", vendor="V", title="T", docs=SOURCE, tables=tables, ways=(push,), **other)


def row(code, status=Status.FAILED, final=True) -> Row:
    return Row(code, status, final, meaning="it")


def test_fields_together_and_a_field_for_finality_fit_a_table():
    both = CodeTable(("a", "b"), (row(("1", "x")), row(("1", None), Status.SENT, False)), SOURCE)
    provider = made((both,), finality="done", no_code=NoCode(Status.ACCEPTED, False, None, "nothing yet"))
    rows = [
        {"a": a, "b": b, "done": done}
        for a in ("1", "2", None)
        for b in ("x", "y", None)
        for done in ("true", "0", "maybe", None)
    ]
    codes = columns(provider, rows)
    expected = [judged(provider, each) for each in rows]
    table, keys = join_table(provider), join_keys(codes, provider)
    assert table.num_rows == 3 * 3 * 4
    by_key = {
        tuple(each[name] for name in keys.schema.names): {name: each[name] for name in VERDICT}
        for each in table.to_pylist()
    }
    assert [by_key[tuple(each.values())] for each in keys.to_pylist()] == expected


def test_an_accounts_meanings_are_in_its_own_table():
    stat = CodeTable("stat", (row("FAILED"),), SOURCE)
    err = CodeTable("err", (), SOURCE, compare=Compare.NUMBER, consulted=Consulted.NEVER)
    provider = made((stat, err))
    account = Account(meanings=[Meanings("err", (Row("5", Status.REJECTED, True, meaning="no credit left"),))])
    assert set(join_table(provider).column("code_err").to_pylist()) == {"", "*"}
    table = join_table(provider, account)
    assert set(table.column("code_err").to_pylist()) == {"", "*", "5"}
    codes = pa.record_batch({"stat": ["FAILED"], "err": ["005"]})
    assert look_up(codes, provider).column("status").to_pylist() == ["failed"]
    assert look_up(codes, provider, account).column("status").to_pylist() == ["rejected"]


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_with_too_many_combinations_has_no_table_and_is_told_what_to_use(name):
    if name in TOO_MANY:
        with pytest.raises(JoinRefused, match="use look_up"):
            join_table(PROVIDERS[name])
    else:
        assert table_of(name).num_rows


def test_what_fits_no_table_is_refused_and_told_why():
    number = CodeTable("a", (row("1"),), SOURCE, compare=Compare.NUMBER)
    exact = CodeTable(("a", "b"), (row(("01", "x")),), SOURCE, consulted=Consulted.UNDECIDED)
    for provider, words in [
        (made((number, exact)), "made, a: two tables compare its codes in two ways"),
        (made((CodeTable("a", (row(OTHER),), SOURCE),)), r"made, a: a table lists '\*'"),
        (
            made(tuple(CodeTable(name, tuple(map(row, "1234567890")), SOURCE) for name in "abcde")),
            "248832 combinations, more than 100000",
        ),
    ]:
        with pytest.raises(JoinRefused, match=words):
            join_table(provider)
        rows = [{"a": "01", "b": "x"}, {"a": "*"}, {}]
        assert look_up(columns(provider, rows), provider).to_pylist() == [judged(provider, each) for each in rows]


def test_a_table_is_looked_up_chunk_by_chunk():
    provider = PROVIDERS["messente-legacy"]
    table = pa.table({"stat": pa.chunked_array([["DELIVRD"], ["new", None]]), "beside": [1, 2, 3]})
    found = look_up(table, provider)
    assert found.column("status").to_pylist() == ["delivered", "unknown", None]
    assert join_keys(table, provider).column("code_stat").to_pylist() == ["DELIVRD", "*", ""]
    assert look_up(table.slice(0, 0), provider).num_rows == 0


def test_numbers_are_codes_and_other_columns_are_none():
    provider = PROVIDERS["messente-legacy"]
    found = look_up(pa.record_batch({"err": pa.array([4, None, 99], pa.int16())}), provider)
    assert found.column("cause").to_pylist() == ["no_credit", None, None]
    with pytest.raises(ValueError, match="expected a column for one of the code fields: stat, status"):
        look_up(pa.record_batch({"code": ["x"]}), provider)
    with pytest.raises(ValueError, match="stat: expected texts or whole numbers, got double"):
        look_up(pa.record_batch({"stat": [1.5]}), provider)


def test_every_fixture_folder_has_its_provider():
    assert {path.name for path in FIXTURES.iterdir()} == set(PROVIDERS)
