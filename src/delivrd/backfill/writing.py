"""The parts of the target: Parquet, NDJSON or CSV.

The rule of this module: a part is written under another name, and gets its own only when all of it
is on the disk.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from delivrd.arrow import COLUMNS
from delivrd.exports import ESCAPED

TEMPORARY: Final = ".tmp"

SCHEMA: Final = pa.schema(
    [
        ("source", pa.string()),
        ("place", pa.int64()),
        *(
            (each.name, each.type)
            for each in COLUMNS
            if each.name not in ("input", "error", "error_field", "error_message")
        ),
    ]
)
"""The columns of a part: where the input stood (file, and line or row), then those of the kernel."""


class PartWriter(Protocol):
    """Writes the batches of one part."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Add some rows."""

    def close(self) -> None:
        """All rows are there."""


class _Parquet:
    def __init__(self, file: IO[bytes]) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
        self._kept: list[pa.RecordBatch] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self._kept.append(batch)
        self._rows += batch.num_rows
        if self._rows >= _ROW_GROUP:
            self._write()

    def close(self) -> None:
        self._write()
        self._writer.close()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._kept, SCHEMA))
        self._kept, self._rows = [], 0


_ROW_GROUP: Final = 1 << 16
"""Rows of a row group, at least, where a part has as many."""


class _Ndjson:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        for row in batch.to_pylist():
            said = {name: _plain(name, value) for name, value in row.items() if value is not None}
            self._file.write(json.dumps(said, default=str).encode() + b"\n")

    def close(self) -> None:
        pass


class _Csv:
    def __init__(self, file: IO[bytes]) -> None:
        self._writer = pacsv.CSVWriter(file, pa.schema([(name, pa.string()) for name in SCHEMA.names]))

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(pa.record_batch([_cells(column) for column in batch.columns], names=SCHEMA.names))

    def close(self) -> None:
        self._writer.close()


FORMATS: Final[Mapping[str, Callable[[IO[bytes]], PartWriter]]] = {"parquet": _Parquet, "ndjson": _Ndjson, "csv": _Csv}
"""The forms of a part; each name is also how the part's name ends."""


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there whole or not at all, whatever happens meanwhile."""
    # Its process's own: two may write the same part, where one of them was left over.
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(name: str, value: Any) -> Any:
    """A value as JSON holds it: codes as an object, times in ISO 8601, amounts as text."""
    if name == "codes":
        return dict(value)
    if name in ("extras", "other"):
        return json.loads(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _cells(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind):
        return _escaped(column)
    if pa.types.is_nested(kind):
        shown = [None if value is None else json.dumps(value) for value in column.to_pylist()]
        return pa.array(shown, pa.string())
    if pa.types.is_timestamp(kind):
        return pc.strftime(column, "%Y-%m-%dT%H:%M:%S+00:00")
    return column.cast(pa.string())


_FORMULA: Final = f"^([{re.escape(''.join(ESCAPED))}])"


def _escaped(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, _FORMULA, r"'\1")
