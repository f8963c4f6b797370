"""Codes that stand in columns already: their verdicts, looked up; and tables to join them with.

The rule of this module: what codes mean is asked of the classifier, once for each distinct
combination. A table to join with holds the answers for every combination that there can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow as pa

from delivrd.accounts import Account
from delivrd.arrow.columns import REPORTS
from delivrd.arrow.judged import OF_VERDICT, Judged
from delivrd.classify import read_finality
from delivrd.errors import DelivrdError
from delivrd.memory import as_sent
from delivrd.provider import Provider
from delivrd.tables import Consulted, normalise
from delivrd.verdicts import CodeValue

VERDICT: Final = (*OF_VERDICT, "outcome", "resend")
"""The columns of a verdict."""

KEY: Final = "code_"
"""What the name of a key's column begins with, before the provider's own name of the field."""
NOT_SENT: Final = ""
"""The key of a field that was not sent."""
OTHER: Final = "*"
"""The key of a code that is in no table."""

MOST_ROWS: Final = 100_000
"""Rows of the largest table that is made to join with."""

_Given = TypeVar("_Given", pa.RecordBatch, pa.Table)


class JoinRefused(DelivrdError, ValueError):
    """A provider's rules fit no table to join with; the message says why. `look_up` knows no such bounds."""


def look_up(
    codes: _Given, provider: Provider, account: Account | None = None, *, continues: pa.Array | None = None
) -> _Given:
    """What the codes of each row come to, by the rules and the account's meanings.

    Args:
        codes: columns by the provider's own field names (`Provider.code_fields`), of texts or whole
            numbers, dictionary-encoded or not; null is not sent. Other columns are let be.
        provider: whose codes they are.
        account: whose meanings count.
        continues: whether the provider itself goes on to another channel, for each row; none does
            by default. It bears on `resend` alone. For a batch, not for a table.

    Returns:
        The columns `VERDICT`, row by row; all null where no code was sent and the provider does not
        say what that means.

    Raises:
        ValueError: no column is a code field, or one has a type that cannot be meant.
        AccountError: the account does not fit the provider.
    """
    if isinstance(codes, pa.Table):
        schema = pa.schema([REPORTS.field(name) for name in VERDICT])
        batches = [look_up(batch, provider, account) for batch in codes.to_batches()]
        return pa.Table.from_batches(batches, schema)
    found = _code_columns(codes, provider)
    judged = Judged(provider.classifier(account))
    count = codes.num_rows
    absent = pa.nulls(count, pa.string())
    which = judged.places([found.get(field, absent) for field in provider.code_fields])
    columns = judged.columns(which, (*OF_VERDICT, "outcome"))
    goes_on = pa.repeat(pa.scalar(False), count) if continues is None else continues.fill_null(False)
    columns["resend"] = judged.resend(which, goes_on)
    kinds = [REPORTS.field(name) for name in VERDICT]
    arrays = [pa.nulls(count, kind.type) if (array := columns.get(kind.name)) is None else array for kind in kinds]
    return pa.record_batch(arrays, schema=pa.schema(kinds))


def join_table(provider: Provider, account: Account | None = None, *, most: int = MOST_ROWS) -> pa.Table:
    """Every combination of codes that means something of its own, with its verdict: to join with.

    Its keys are the code fields, as `join_keys` names and writes them; its other columns are `VERDICT`, with
    `resend` for messages that do not go on to another channel. A combination without any code is
    in it where the provider says what that means.

    Args:
        provider: whose codes they are.
        account: whose meanings count.
        most: rows that it may have.

    Raises:
        JoinRefused: it would have more rows; or a field is compared in two ways; or a table lists `*`.
        AccountError: the account does not fit the provider.
    """
    keys = {field.name: field for field in _fields(provider, account)}
    names = tuple(keys)
    ways = [[name for name in names if name in compiled.kinds] for compiled in provider.compiled().values()]
    count = sum(math.prod(len(keys[name].spelt) for name in way) for way in ways)
    if count > most:
        raise JoinRefused(
            f"{provider.name}: its {len(names)} code fields make {count} combinations, more than {most}; "
            "use look_up, or give a higher `most`"
        )
    combinations = dict.fromkeys(each for way in ways for each in _combinations(way, keys, names))
    rows = [dict(zip(names, each, strict=True)) for each in combinations]
    sent = pa.table(
        {name: pa.array([keys[name].spelt[row[name]] for row in rows], pa.string()) for name in names},
    )
    verdicts = look_up(sent, provider, account)
    table = pa.table({KEY + name: pa.array([row[name] for row in rows], pa.string()) for name in names})
    for name in VERDICT:
        table = table.append_column(REPORTS.field(name), verdicts.column(name))
    # What means nothing, because nothing was sent, is in no table.
    return table.filter(verdicts.column("status").is_valid())


def join_keys(codes: _Given, provider: Provider, account: Account | None = None) -> _Given:
    """The keys by which a table of codes is joined with `join_table`.

    Args: as `look_up`.

    Returns:
        A column for each key of `join_table`, `code_` before the field's name: the code in the form in
        which its table compares it, `NOT_SENT`, or `OTHER`.

    Raises:
        ValueError: no column is a code field, or one has a type that cannot be meant.
        JoinRefused, AccountError: as `join_table`.
    """
    fields = _fields(provider, account)
    if isinstance(codes, pa.Table):
        schema = pa.schema([(KEY + field.name, pa.string()) for field in fields])
        return pa.Table.from_batches([join_keys(batch, provider, account) for batch in codes.to_batches()], schema)
    found = _code_columns(codes, provider)
    columns = {}
    for field in fields:
        column = found.get(field.name)
        if column is None:
            columns[KEY + field.name] = pa.repeat(pa.scalar(NOT_SENT), codes.num_rows)
            continue
        if not isinstance(column, pa.DictionaryArray):
            column = column.dictionary_encode()
        keys = pa.array([field.key(code) for code in column.dictionary.to_pylist()], pa.string())
        columns[KEY + field.name] = keys.take(column.indices).fill_null(NOT_SENT)
    return pa.record_batch(columns)


class _Field(NamedTuple):
    """A code field, as a key.

    Attributes:
        name: the provider's.
        spelt: each key, with a code that has it; None for the one that was not sent.
        fold: from a code as sent to what is compared.
    """

    name: str
    spelt: dict[str, str | None]
    fold: Callable[[str], Any]

    def key(self, code: CodeValue) -> str:
        sent = NOT_SENT if code is None else as_sent(code)
        if not sent or sent.isspace():
            return NOT_SENT
        folded: str = self.fold(sent)
        return folded if folded in self.spelt else OTHER


def _fields(provider: Provider, account: Account | None) -> list[_Field]:
    """The code fields as keys. Of one that nobody judges it matters only whether it was sent."""
    classifier = provider.classifier(account)
    found = []
    for name in provider.code_fields:
        # With the account's meanings laid over.
        lookups = [each for each in classifier.lookups if name in each.table.fields]
        judging = [each for each in lookups if each.table.consulted is not Consulted.NEVER]
        compares = {each.table.compare for each in judging}
        codes = [code for each in judging for code in _parts(each.rows, each.table.fields.index(name))]
        folds: list[Callable[[str], Any]] = [partial(normalise, compare=compare) for compare in compares]
        if name == provider.finality:
            folds.append(_finality)
            codes += map(as_sent, (True, False))
        if len(folds) > 1:
            raise JoinRefused(f"{provider.name}, {name}: two tables compare its codes in two ways; use look_up")
        if OTHER in codes:
            raise JoinRefused(
                f"{provider.name}, {name}: a table lists {OTHER!r}, the key of unlisted codes; use look_up"
            )
        spelt: dict[str, str | None] = {NOT_SENT: None, **dict(zip(codes, codes, strict=True))}
        found.append(_Field(name, {**spelt, OTHER: _unlisted(codes)}, folds[0] if folds else _unjudged))
    return found


def _unjudged(_: str) -> str:
    return OTHER


def _finality(code: str) -> str:
    final = read_finality(code)
    return OTHER if final is None else as_sent(final)


def _parts(keys: Iterable[Any], place: int) -> Iterator[str]:
    for key in keys:
        part = key if isinstance(key, str) else key[place]
        if part is not None:
            yield part


def _unlisted(codes: Sequence[str]) -> str:
    """A code that is none of those."""
    code = OTHER
    while code in codes:
        code += OTHER
    return code


def _combinations(way: Sequence[str], keys: dict[str, _Field], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return product(*(keys[name].spelt if name in way else (NOT_SENT,) for name in names))


def _code_columns(codes: pa.RecordBatch, provider: Provider) -> dict[str, pa.Array]:
    found = {name: codes.column(name) for name in provider.code_fields if name in codes.schema.names}
    if not found:
        raise ValueError(f"codes: expected a column for one of the code fields: {', '.join(provider.code_fields)}")
    for name, column in found.items():
        kind = column.type.value_type if isinstance(column, pa.DictionaryArray) else column.type
        if not any(is_kind(kind) for is_kind in _CODE_KINDS):
            raise ValueError(f"{name}: expected texts or whole numbers, got {column.type}")
    return found


_CODE_KINDS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
