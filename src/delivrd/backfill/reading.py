"""From a unit to batches of inputs, each row with its place in the source.

The rule of this module: a row that cannot be read is told with its place, and costs no other row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from delivrd.arrow import INPUTS, ErrorKind
from delivrd.backfill.units import CSV, LONGEST, PARQUET, SourceError, Unit
from delivrd.samplelines import parse_object

AT_A_TIME: Final = 8192
"""Rows of a batch."""


class BadRow(NamedTuple):
    """A row that is no row.

    Attributes:
        place: its line, or its row, from 1.
        reason: what was expected. It shows no value.
        field: the column, where it was one.
        error: what kind of error it is.
    """

    place: int
    reason: str
    field: str | None = None
    error: str = ErrorKind.NO_INPUT


class Batch(NamedTuple):
    """Some rows: their columns, their places, and those that are no rows."""

    columns: pa.RecordBatch
    places: Sequence[int]
    bad: Sequence[BadRow] = ()


def batches_of(unit: Unit) -> Iterator[Batch]:
    """The rows of a unit, in order, some at a time."""
    name = unit.source.name.lower()
    if unit.fault is not None:
        return iter([Batch(_NO_ROWS, (), [BadRow(unit.first, unit.fault)])])
    if name.endswith(PARQUET):
        return _row_group(unit)
    if unit.length > LONGEST:
        why = f"expected a row of at most {LONGEST} bytes; is a quote without its second?"
        return iter([Batch(_NO_ROWS, (), [BadRow(unit.first, why)])])
    return _csv_rows(unit) if name.endswith(CSV) else _lines(unit)


_NO_ROWS: Final = pa.RecordBatch.from_pylist([], schema=INPUTS)


def _bytes_of(unit: Unit) -> bytes:
    with open(unit.source.path, "rb") as file:
        file.seek(unit.start)
        return file.read(unit.length)


def _lines(unit: Unit) -> Iterator[Batch]:
    lines, places = [], []
    for place, line in enumerate(io.BytesIO(_bytes_of(unit)), unit.first):
        if line.isspace():
            continue
        lines.append(line)
        places.append(place)
        if len(lines) >= AT_A_TIME:
            yield Batch(pa.record_batch({"line": pa.array(lines, pa.binary())}), places)
            lines, places = [], []
    if lines:
        yield Batch(pa.record_batch({"line": pa.array(lines, pa.binary())}), places)


def _row_group(unit: Unit) -> Iterator[Batch]:
    first = unit.first
    try:
        with pq.ParquetFile(unit.source.path) as file:
            names = [name for name in file.schema_arrow.names if name in INPUTS.names]
            for batch in file.iter_batches(AT_A_TIME, row_groups=[unit.start], columns=names, use_threads=False):
                yield Batch(batch, range(first, first + batch.num_rows))
                first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise SourceError(f"{unit.source.name}: {error.strerror}; call again to go on") from error
        why = (
            f"row group {unit.start} (counted from 0) is damaged, and its rows from this one on are not read: restore "
            "the file, and read it alone into another folder"
        )
        yield Batch(_NO_ROWS, (), [BadRow(first, why)])


def _csv_rows(unit: Unit) -> Iterator[Batch]:
    # What is no UTF-8 goes through as it is: a body is bytes.
    text = io.StringIO(_bytes_of(unit).decode("utf-8", "surrogateescape"), newline="\n")
    csv.field_size_limit(LONGEST)
    reader = csv.reader(text, strict=True)
    rows: list[dict[str, Any]] = []
    places: list[int] = []
    bad: list[BadRow] = []
    while True:
        place = unit.first + reader.line_num
        try:
            cells = next(reader, None)
            if cells is None:
                break
            if cells:
                rows.append(_row(unit.header, cells))
                places.append(place)
        except csv.Error:
            bad.append(BadRow(place, "expected cells separated by commas, with quotes in quoted cells doubled"))
        except _BadCell as error:
            bad.append(BadRow(place, str(error), error.field))
        if len(rows) >= AT_A_TIME:
            yield Batch(_columns(rows), places, bad)
            rows, places, bad = [], [], []
    if rows or bad:
        yield Batch(_columns(rows), places, bad)


class _BadCell(ValueError):
    def __init__(self, field: str | None, expected: str) -> None:
        super().__init__(expected if field is None else f"{field}: {expected}")
        self.field = field


def _row(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if len(cells) != len(header):
        raise _BadCell(None, f"expected {len(header)} cells, as in the first line, found {len(cells)}")
    return {name: _cell(name, cell) for name, cell in zip(header, cells, strict=True) if cell and name in INPUTS.names}


def _cell(name: str, cell: str) -> Any:
    kind = INPUTS.field(name).type
    try:
        return _CELLS[kind](cell)
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _BadCell(name, f"expected {_EXPECTED.get(kind, 'text in UTF-8')}") from None


def _text(cell: str) -> str:
    cell.encode()
    return cell


def _raw(cell: str) -> bytes:
    return cell.encode("utf-8", "surrogateescape")


def _number(cell: str) -> int:
    return _int32(int(cell))


def _int32(number: int) -> int:
    if abs(number) >= 1 << 31:
        raise ValueError
    return number


def _time(cell: str) -> datetime:
    time = datetime.fromisoformat(cell)
    if time.tzinfo is None:
        raise ValueError
    # Raises where UTC has no such time: the first and the last hours of the calendar, in some zones.
    return time.astimezone(UTC)


def _pairs(cell: str) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in parse_object(cell.encode()).items()]


def _parameters(cell: str) -> list[tuple[int, bytes]]:
    return [(_int32(int(tag, 0)), bytes.fromhex(value)) for tag, value in parse_object(cell.encode()).items()]


_CELLS: Final[Mapping[pa.DataType, Callable[[str], Any]]] = {
    pa.string(): _text,
    pa.binary(): _raw,
    pa.int32(): _number,
    INPUTS.field("received_at").type: _time,
    INPUTS.field("headers").type: _pairs,
    INPUTS.field("tlvs").type: _parameters,
}
_EXPECTED: Final[Mapping[pa.DataType, str]] = {
    pa.int32(): "a whole number",
    INPUTS.field("received_at").type: "a time with its zone, such as 2024-01-31T12:00:00+00:00",
    INPUTS.field("headers").type: "a JSON object of names and values",
    INPUTS.field("tlvs").type: "a JSON object of tags and values in hexadecimal",
}


def _columns(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    return pa.record_batch(
        [pa.array([row.get(field.name) for row in rows], field.type) for field in INPUTS], schema=INPUTS
    )
