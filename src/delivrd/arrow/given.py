"""The rows that go in: from columns, or from lines of `.jsonl`, to inputs.

The rule of this module: a bad value is a `NoInput` of its row, and costs no other row. Only a column of
the wrong type is refused as a whole, before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from delivrd.accounts import Account
from delivrd.arrow.columns import INPUT_COLUMNS
from delivrd.files import AccountMemory, SampleError, read_line
from delivrd.inputs import DeliverSm, Input, Mail, Request, Response

_TYPES: Final[Mapping[str, pa.DataType]] = {column.name: column.type for column in INPUT_COLUMNS}
_KINDS: Final = ("request", "response", "mail", "deliver_sm")
_OF_INPUT: Final = ("line", "body", "target", "raw", "short_message")
"""The columns of which one says the input."""


class NoInput(ValueError):
    """A row holds no input. The message names the column, and shows no value."""


class Given(NamedTuple):
    """One input, and what its row says beside it."""

    input: Input
    asked: str | None = None
    account: Account | None = None
    received_at: datetime | None = None


class Rows:
    """The rows of one batch.

    Args:
        batch: with some of the columns of `INPUTS`; other columns are ignored.

    Raises:
        ValueError: no column holds the inputs, or one has the wrong type.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.count: int = batch.num_rows
        names = [name for name in batch.schema.names if name in _TYPES]
        if len(set(names)) != len(names):
            raise ValueError("columns: one name stands there twice; keep one")
        self._faults: dict[str, set[int]] = {}
        self._columns = {name: self._checked(name, *_typed(name, batch.column(name))) for name in names}
        if not any(name in self._columns for name in _OF_INPUT):
            raise ValueError(f"columns: expected one that holds the inputs: {', '.join(_OF_INPUT)}")
        self._values: dict[str, list[Any]] = {}
        self._lines: dict[int, Given] = {}
        self._accounts = AccountMemory()

    def column(self, name: str) -> pa.Array | None:
        """A column, in the type of `INPUTS`; None where it is not there or says nothing."""
        column = self._columns.get(name)
        return None if column is None or column.null_count == self.count else column

    def values(self, name: str) -> Sequence[Any] | None:
        """The values of a column; None where it is not there or says nothing."""
        column = self.column(name)
        if column is None:
            return None
        found = self._values.get(name)
        if found is None:
            found, faults = _values(column)
            self._values[name] = found
            self._note(name, faults)
        return found

    def value(self, name: str, row: int) -> Any:
        """One value; None where there is none.

        Raises:
            NoInput: it cannot be converted to the column's type.
        """
        values = self.values(name)
        if row in self._faults.get(name, ()):
            raise NoInput(f"{name}: expected {_EXPECTED.get(name, _TYPES[name])}; the value does not fit")
        return None if values is None else values[row]

    def has_faults(self, name: str) -> bool:
        """Whether a value of a column cannot be converted to its type."""
        return bool(self._faults.get(name))

    def _checked(self, name: str, column: pa.Array, faults: Sequence[int]) -> pa.Array:
        self._note(name, faults)
        return column

    def _note(self, name: str, faults: Sequence[int]) -> None:
        if faults:
            self._faults.setdefault(name, set()).update(faults)

    def given(self, row: int, method: str | None) -> Given:
        """The input of a row.

        Args:
            row: from 0.
            method: of a request whose row names none.

        Raises:
            NoInput: it holds none.
        """
        asked = self.value("asked", row)
        line = self.value("line", row)
        if line is not None:
            return self._line(row, line, asked)
        kind = self.value("kind", row) or "request"
        make = _MAKERS.get(kind)
        if make is None:
            raise NoInput(f"kind: expected one of {', '.join(_KINDS)}")
        return Given(make(self, row, method), asked)

    def _line(self, row: int, line: bytes, asked: str | None) -> Given:
        given = self._lines.get(row)
        if given is None:
            try:
                sample = read_line(line, self._accounts)
            except SampleError as error:
                raise NoInput(f"line: {error}") from None
            own = sample.asked if asked is None else asked
            given = self._lines[row] = Given(sample.input, own, sample.account, sample.received_at)
        return given

    def _request(self, row: int, method: str | None) -> Request:
        sent, target, body = (self.value(name, row) for name in ("method", "target", "body"))
        if target is None and body is None:
            raise NoInput("body, target: expected one of them, for a request")
        return Request(
            sent or method or "POST", target or "/", self._headers(row), body or b"", self.value("client", row)
        )

    def _response(self, row: int, _: str | None) -> Response:
        status = self.value("status", row)
        return Response(200 if status is None else status, self._headers(row), self._needed("body", row))

    def _mail(self, row: int, _: str | None) -> Mail:
        return Mail(self._needed("raw", row))

    def _deliver_sm(self, row: int, _: str | None) -> DeliverSm:
        return DeliverSm(
            self._needed("esm_class", row),
            self.value("source_addr", row) or "",
            self.value("destination_addr", row) or "",
            self.value("short_message", row) or b"",
            {tag: value or b"" for tag, value in self.value("tlvs", row) or ()},
            self.value("data_coding", row) or 0,
            self.value("trailing", row) or b"",
        )

    def _headers(self, row: int) -> tuple[tuple[str, str], ...]:
        pairs = self.value("headers", row) or ()
        # A list of structs comes as mappings, a map as pairs.
        each = (tuple(pair.values()) if isinstance(pair, dict) else pair for pair in pairs)
        return tuple((name or "", value or "") for name, value in each)

    def _needed(self, name: str, row: int) -> Any:
        value = self.value(name, row)
        if value is None:
            raise NoInput(f"{name}: expected a value, found none")
        return value


_MAKERS: Final[Mapping[str, Callable[[Rows, int, str | None], Input]]] = {
    "request": Rows._request,
    "response": Rows._response,
    "mail": Rows._mail,
    "deliver_sm": Rows._deliver_sm,
}


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1)
_EXPECTED: Final[Mapping[str, str]] = {"received_at": "a time from the year 1 to the year 9999 in UTC"}
_PER_SECOND: Final[Mapping[str, int]] = {"s": 1, "ms": 10**3, "us": 10**6}


def _typed(name: str, column: pa.Array) -> tuple[pa.Array, Sequence[int]]:
    """A column in the type of `INPUTS`, and the rows whose values do not fit it; these are null in it."""
    wanted = _TYPES[name]
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), wanted), ()
    if pa.types.is_timestamp(wanted):
        if not (pa.types.is_timestamp(column.type) and column.type.tz):
            raise ValueError(f"{name}: expected times with their zone (timestamp with tz), got {column.type}")
        column, far = _near(column)
        # What is finer than a microsecond is cut off.
        return column.cast(wanted, safe=False), far
    if wanted == pa.string() and not _is_text(column.type):
        raise ValueError(f"{name}: expected texts, got {column.type}")
    if column.type == wanted or (name == "headers" and _is_pairs(column.type)):
        return column, ()
    try:
        # Of no rows, only the type can be wrong.
        column.slice(0, 0).cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ValueError(f"{name}: expected {wanted}, got {column.type}") from None
    return _cast(column, wanted)


def _near(column: pa.Array) -> tuple[pa.Array, Sequence[int]]:
    """Times that Python can hold, and the rows of those that it cannot; these are null."""
    per_second = _PER_SECOND.get(column.type.unit)
    if per_second is None:
        # 64 bits of nanoseconds are 292 years either way.
        return column, ()
    held = column.cast(pa.int64())
    near = pc.and_(pc.greater_equal(held, _FIRST * per_second), pc.less(held, (_LAST + 1) * per_second))
    far = pc.indices_nonzero(pc.invert(near)).to_pylist()
    return (pc.if_else(near, column, pa.scalar(None, column.type)), far) if far else (column, ())


def _cast(column: pa.Array, wanted: pa.DataType) -> tuple[pa.Array, Sequence[int]]:
    """A column in another type, and the rows whose values do not fit it; these are null."""
    try:
        return column.cast(wanted), ()
    except pa.ArrowInvalid:
        count = len(column)
        if count == 1:
            return pa.nulls(1, wanted), (0,)
    half = count // 2
    # Taken, not sliced: Arrow casts all that a slice of nested values was cut from.
    first, before = _cast(column.take(pa.array(range(half))), wanted)
    second, after = _cast(column.take(pa.array(range(half, count))), wanted)
    return pa.concat_arrays([first, second]), [*before, *(half + row for row in after)]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_pairs(kind: pa.DataType) -> bool:
    """Whether it is a list of names with values."""
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type) and kind.value_type.num_fields == 2):
        return False
    return all(_is_text(kind.value_type.field(index).type) for index in range(2))


def _values(column: pa.Array) -> tuple[list[Any], Sequence[int]]:
    """The values of a column, and the rows of those that Python cannot hold; these are None."""
    try:
        return column.to_pylist(), ()
    except (ValueError, OverflowError):
        pass
    if _is_text(column.type):
        # Arrow checks no text: what is not UTF-8 is kept, for the reader to tell of.
        raw = column.cast(pa.binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw], ()
    values: list[Any] = []
    faults = []
    for row in range(len(column)):
        try:
            values += column.slice(row, 1).to_pylist()
        except (ValueError, OverflowError):
            values.append(None)
            faults.append(row)
    return values, faults
