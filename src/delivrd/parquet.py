"""The lines of code tables as Apache Parquet; the extra `arrow` of this package.

The rule of this module: the columns and values are those of `delivrd.exports`, typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

try:
    import pyarrow
    from pyarrow import parquet
except ImportError as error:
    raise ImportError("Parquet is an extra: pip install 'delivrd[arrow]'") from error

from delivrd.exports import COLUMNS, cells
from delivrd.listing import CodeLine

_TYPES: Final = {bool: pyarrow.bool_(), int: pyarrow.int32(), str: pyarrow.string()}


def parquet_export(lines: Iterable[CodeLine]) -> bytes:
    """Lines as one Parquet file: a column for each of `COLUMNS`, null where it is absent."""
    schema = pyarrow.schema(
        [pyarrow.field(column.name, _TYPES[column.kind], nullable=column.optional) for column in COLUMNS]
    )
    names = [column.name for column in COLUMNS]
    rows = [dict(zip(names, cells(line), strict=True)) for line in lines]
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), sink)
    return bytes(sink.getvalue().to_pybytes())
