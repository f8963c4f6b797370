"""From files to units: pieces of a source that are read each for itself.

The rule of this module: the units follow from the files and the size of a block alone, and no unit
holds a part of a row. Nothing is held in memory but one block.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from delivrd.arrow import INPUTS
from delivrd.arrow.given import Rows
from delivrd.errors import DelivrdError

BLOCK: Final = 16 << 20
"""Bytes of a block of lines."""
LONGEST: Final = 64 << 20
"""Bytes of the longest row that is read."""

LINES: Final = (".jsonl", ".ndjson")
CSV: Final = ".csv"
PARQUET: Final = ".parquet"
SUFFIXES: Final = (PARQUET, *LINES, CSV)

_BOM: Final = b"\xef\xbb\xbf"


class SourceError(DelivrdError, ValueError):
    """A source, or the target, cannot be used. The message says which, and what to do."""


class SourceFile(msgspec.Struct, frozen=True):
    """One file of the source.

    Attributes:
        name: relative to what was given.
        path: where it is.
        size: in bytes.
        changed: its time of change, in nanoseconds.
    """

    name: str
    path: str
    size: int
    changed: int


class Unit(msgspec.Struct, frozen=True):
    """A piece of a source.

    Attributes:
        number: from 0, over all sources.
        source: the file.
        start, length: the bytes of lines; of a Parquet file the row group and 0.
        first: the number of its first line, from 1; of a Parquet file of its first row.
        size: what it counts for in the progress, in bytes.
        header: the columns of a CSV file.
        fault: why nothing of the file can be read; None where it can.
    """

    number: int
    source: SourceFile
    start: int
    length: int
    first: int
    size: int
    header: tuple[str, ...] = ()
    fault: str | None = None


def find_sources(path: Path) -> list[SourceFile]:
    """The files of a source: itself, or those of a folder, in the order of their names.

    Raises:
        SourceError: there is none, or its name does not say what it holds.
    """
    wanted = ", ".join(SUFFIXES)
    if path.is_dir():
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
        names = [each.relative_to(path).as_posix() for each in found]
    else:
        found, names = [path], [path.name]
        if path.suffix.lower() not in SUFFIXES:
            raise SourceError(f"{path.name}: expected a name that ends with {wanted}")
    if not found:
        raise SourceError(f"{path.name}: expected files whose names end with {wanted}, found none")
    try:
        return [
            SourceFile(name, str(each.resolve()), (stat := each.stat()).st_size, stat.st_mtime_ns)
            for name, each in zip(names, found, strict=True)
        ]
    except OSError as error:
        raise SourceError(f"{path.name}: {error.strerror or type(error).__name__}") from error


def units_of(sources: Sequence[SourceFile], block: int = BLOCK) -> Iterator[Unit]:
    """The units of the sources, in order.

    Args:
        sources: as `find_sources` gives them.
        block: bytes of lines in a unit, at most; a longer line has a unit of its own.

    Raises:
        SourceError: a file cannot be opened, or the only file is not what its name says. One of several costs no
            other: its unit has a `fault`.
    """
    number = 0
    for source in sources:
        units = _units(source, block)
        for unit in units if len(sources) == 1 else _or_fault(source, units):
            yield msgspec.structs.replace(unit, number=number)
            number += 1


class _WrongContent(SourceError):
    """A file does not hold what its name says."""


def _or_fault(source: SourceFile, units: Iterator[Unit]) -> Iterator[Unit]:
    try:
        yield from units
    except _WrongContent as error:
        yield Unit(0, source, 0, 0, 1, source.size, fault=str(error))


def _units(source: SourceFile, block: int) -> Iterator[Unit]:
    try:
        if source.name.lower().endswith(PARQUET):
            yield from _row_groups(source)
        elif source.name.lower().endswith(CSV):
            yield from _blocks(source, block, quoted=True)
        else:
            yield from _blocks(source, block, quoted=False)
    except OSError as error:
        raise SourceError(f"{source.name}: {error.strerror or type(error).__name__}") from error


def _row_groups(source: SourceFile) -> Iterator[Unit]:
    try:
        with pq.ParquetFile(source.path) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _WrongContent(f"{source.name}: expected a Parquet file") from error
    known = [field for field in schema if field.name in INPUTS.names]
    if not known:
        raise _WrongContent(f"{source.name}: no column of it is one of: {', '.join(INPUTS.names)}")
    try:
        Rows(pa.RecordBatch.from_pylist([], pa.schema(known)))
    except ValueError as error:
        raise _WrongContent(f"{source.name}: {error}") from error
    first = 1
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group)
        size = source.size * found.num_rows // max(metadata.num_rows, 1)
        yield Unit(0, source, group, 0, first, size)
        first += found.num_rows


def _blocks(source: SourceFile, block: int, *, quoted: bool) -> Iterator[Unit]:
    """Lines, some at a time; with `quoted`, a line end between quotes ends no row."""
    with open(source.path, "rb") as file:
        start = len(_BOM) if file.read(len(_BOM)) == _BOM else 0
        first = 1
        header: tuple[str, ...] = ()
        file.seek(start)
        if quoted:
            line = _header_line(source, file.readline(LONGEST))
            header, start, first = _header(source, line), start + len(line), 2
        while start < source.size:
            length, lines = _whole_rows(file, start, block, quoted=quoted)
            yield Unit(0, source, start, length, first, length, header)
            start, first = start + length, first + lines


def _whole_rows(file: BinaryIO, start: int, block: int, *, quoted: bool) -> tuple[int, int]:
    """How many bytes from a place on hold whole rows, as many as a block holds or one, and how many lines these are."""
    file.seek(start)
    length = lines = quotes = 0
    while data := file.read(block):
        # A row longer than a block stands alone in its unit, so that it can be passed over.
        end = _first_end(data, quotes, quoted=quoted) if length else _last_end(data, quoted=quoted)
        if end:
            return length + end, lines + data.count(b"\n", 0, end)
        length, lines, quotes = length + len(data), lines + data.count(b"\n"), quotes + data.count(b'"')
    return length, lines


def _first_end(data: bytes, quotes: int, *, quoted: bool) -> int:
    """Behind the first line end that stands between no quotes; 0 where there is none."""
    start = 0
    while (place := data.find(b"\n", start)) >= 0:
        quotes += data.count(b'"', start, place)
        if not quoted or quotes % 2 == 0:
            return place + 1
        start = place + 1
    return 0


def _last_end(data: bytes, *, quoted: bool) -> int:
    """Behind the last line end that stands between no quotes; 0 where there is none."""
    end, inside = len(data), data.count(b'"')
    while (place := data.rfind(b"\n", 0, end)) >= 0:
        inside -= data.count(b'"', place, end)
        if not quoted or inside % 2 == 0:
            return place + 1
        end = place
    return 0


def _header_line(source: SourceFile, line: bytes) -> bytes:
    if not line.endswith(b"\n"):
        raise _WrongContent(f"{source.name}: expected a first line with the names of the columns, and rows after it")
    return line


def _header(source: SourceFile, line: bytes) -> tuple[str, ...]:
    try:
        (names,) = csv.reader([line.decode()], strict=True)
    except (ValueError, csv.Error) as error:
        raise _WrongContent(f"{source.name}: its first line does not name the columns") from error
    if not set(names) & set(INPUTS.names):
        raise _WrongContent(f"{source.name}: no column of it is one of: {', '.join(INPUTS.names)}")
    return tuple(names)
