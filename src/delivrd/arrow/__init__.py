"""Many at once: batches of inputs to batches of reports, and tables of codes, in Arrow's columns.

    reports = normalize(pyarrow.record_batch({"provider": [...], "body": [...]}))

An extra of the distribution: `pip install 'delivrd[arrow]'`. Everything public is in this module.
The columns are `INPUTS` and `REPORTS`; every row of the result is a report (`status`), an absence
(`absence`) or an error (`error`), and names the row of its input (`input`).
"""

from __future__ import annotations

try:
    import pyarrow as _pyarrow  # noqa: F401
except ImportError as error:
    raise ImportError("Arrow is an extra: pip install 'delivrd[arrow]'") from error

from delivrd.arrow.columns import COLUMNS, INPUT_COLUMNS, INPUTS, REPORTS, Column, ErrorKind
from delivrd.arrow.kernel import Normalizer, normalize
from delivrd.arrow.lookup import NOT_SENT, OTHER, VERDICT, JoinRefused, join_keys, join_table, look_up

__all__ = [
    "COLUMNS",
    "INPUTS",
    "INPUT_COLUMNS",
    "NOT_SENT",
    "OTHER",
    "REPORTS",
    "VERDICT",
    "Column",
    "ErrorKind",
    "JoinRefused",
    "Normalizer",
    "join_keys",
    "join_table",
    "look_up",
    "normalize",
]
