"""Rows from what `Provider.read` gives, one after the other.

The rule of this module: everything that came of an input gets a row, and a row is a report, an
absence or an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import pyarrow as pa

from delivrd.arrow.columns import COLUMNS, REPORTS, ErrorKind
from delivrd.arrow.given import NoInput
from delivrd.errors import AccountError, DelivrdError, InputError, UnknownProvider
from delivrd.receipt import Receipt
from delivrd.records import encodable

Told = dict[str, Any]
"""A row: some of the columns of `COLUMNS`."""


def tell(receipt: Receipt, place: int, provider: str, account: str | None, received_at: datetime | None) -> list[Told]:
    """The rows of a receipt that are no reports.

    Args:
        receipt: any.
        place: the row of its input.
        provider, account: whose it is.
        received_at: when the input arrived.
    """
    beside = {"input": place, "provider": provider, "account": account, "received_at": received_at}
    rows: list[Told] = []
    rows += [
        {
            **beside,
            "item": problem.index,
            "error": ErrorKind.ITEM,
            "error_field": problem.field,
            "error_message": problem.reason,
        }
        for problem in receipt.problems
    ]
    absence = receipt.absence
    said = (
        None
        if absence is None
        else {"absence": absence.kind, "absence_code": absence.code, "absence_text": absence.text}
    )
    if receipt.others:
        said = said or {"absence": "not_a_report"}
        rows += [
            {**beside, **said, "item": index, "other": _as_json(other)} for index, other in enumerate(receipt.others)
        ]
    elif said is not None and not receipt.problems:
        rows.append({**beside, **said})
    return rows


def _as_json(other: dict[str, str]) -> str:
    try:
        return msgspec.json.encode(other).decode()
    except UnicodeEncodeError:
        return msgspec.json.encode(encodable_values(other)).decode()


def tell_error(
    error: Exception,
    place: int,
    provider: str | None,
    name: str | None,
    blot: Callable[[str], str] | None,
    received_at: datetime | None,
) -> Told:
    """The row of an input that could not be read.

    Args:
        error: why.
        place: its row.
        provider: its name.
        name: of the account.
        blot: takes the account's secrets out of what the error says; None where there is no account.
        received_at: when the input arrived.
    """
    said = _message(error)
    field = error.field if isinstance(error, InputError) else None
    return {
        "input": place,
        "provider": provider,
        "account": name,
        "received_at": received_at,
        "error": _kind(error),
        "error_field": field,
        "error_message": said if blot is None else blot(said),
    }


def told_batch(rows: list[Told]) -> pa.RecordBatch:
    """The rows as columns."""
    return pa.record_batch(
        [_column([row.get(column.name) for row in rows], column.type) for column in COLUMNS], schema=REPORTS
    )


def _kind(error: Exception) -> ErrorKind:
    if isinstance(error, UnknownProvider):
        return ErrorKind.UNKNOWN_PROVIDER
    if isinstance(error, AccountError):
        return ErrorKind.ACCOUNT
    if isinstance(error, InputError):
        # Each class of input error is a kind of its own.
        return _INPUT_ERRORS.get(type(error).__name__, ErrorKind.UNREADABLE)
    return ErrorKind.NO_INPUT if isinstance(error, NoInput) else ErrorKind.PLUGIN


def _message(error: Exception) -> str:
    if isinstance(error, DelivrdError | NoInput):
        return str(error)
    # A stranger's exception can show anything.
    return f"{type(error).__name__} while reading it: a fault of delivrd or of the plugin; please report it"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


_INPUT_ERRORS: Final[Mapping[str, ErrorKind]] = {
    kind.__name__: each for kind in InputError.__subclasses__() for each in ErrorKind if each == _snake(kind.__name__)
}


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([encodable_values(value) for value in values], kind)


def encodable_values(value: Any) -> Any:
    """A plain value whose texts every encoding can write: lone surrogates as their escapes."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(name): encodable_values(inner) for name, inner in value.items()}
    return [encodable_values(each) for each in value] if isinstance(value, list | tuple) else value
