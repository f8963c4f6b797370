"""Which inputs are read column by column, and the columns of reports that were read one by one.

The rule of this module: bodies of the plainest form go to `delivrd.arrow.shaped`, all else to
`Provider.read`; what both give becomes the same columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd.arrow.columns import REPORTS, Columns
from delivrd.arrow.judged import CODES_SPELT, OF_VERDICT, plain_structs, spell_codes
from delivrd.arrow.shaped import plan, read_shapes
from delivrd.desk import Terms
from delivrd.digests import digest_spelt, spell
from delivrd.inputs import Request
from delivrd.provider import Provider
from delivrd.report import Report
from delivrd.vocabulary import advise_resend
from delivrd.ways import BodyKind, Push

ReadBodies = Callable[[Sequence[bytes]], tuple[Columns, list[int], list[int]]]
"""From bodies to columns, the places that they hold, and the places that are left."""


BindBodies = Callable[[Terms], ReadBodies]
"""From what an account adds to what reads its bodies."""


def body_reader(provider: Provider) -> BindBodies | None:
    """What reads the bodies of a provider's requests by columns, for any account; None where they cannot be."""
    way = provider.ways.get(Request)
    if not isinstance(way, Push) or way.decode is not None or way.items is not None:
        return None
    reading = way.reading
    if way.query or way.bodies != (BodyKind.JSON,) or reading.report_if is not None:
        return None
    found = plan(reading, provider.code_fields)
    if found is None:
        return None
    compiled, decode = provider.compiled()[Request], msgspec.json.Decoder(reading.shape).decode
    return lambda terms: partial(read_shapes, found, compiled.frame(terms), decode, terms.max_body)


_PLAIN: Final = (
    *("provider", "message_id", "text", "occurred_at", "submitted_at", "received_at", "account", "group_id"),
    *("reference", "recipient", "sender", "channel", "parts", "part_price", "total_price", "currency", "continues"),
)
"""The columns that hold the fields of a report as they are."""


def report_columns(reports: Sequence[Report]) -> Columns:
    """The columns of reports, one at least; those that are all null are left out."""
    columns: Columns = {}
    for name in _PLAIN:
        _put(columns, name, list(map(attrgetter(name), reports)))
    _put(columns, "other_ids", [report.other_ids or None for report in reports])
    _put(columns, "network", [report.network and msgspec.structs.asdict(report.network) for report in reports])
    _put(columns, "extras", [_extras(report.extras) for report in reports])
    _put(columns, "warnings", [plain_structs(report.warnings) for report in reports])
    judged, which = _distinct(reports)
    told = {name: list(map(attrgetter(name), judged)) for name in (*OF_VERDICT, "outcome")}
    told["codes"] = [list(each.codes.items()) or None for each in judged]
    told["tables"] = [plain_structs(each.tables) for each in judged]
    for name, values in told.items():
        columns[name] = pa.array(values, REPORTS.field(name).type).take(which)
    columns[CODES_SPELT] = pa.array([spell_codes(each.codes) for each in judged], pa.string()).take(which)
    advice = [advise_resend(each.status, each.final, each.cause, on) for each in judged for on in (False, True)]
    place = pc.add(pc.multiply(which, 2), columns["continues"].cast(which.type))
    columns["resend"] = pa.array(advice, pa.string()).take(place)
    return columns


def _distinct(reports: Sequence[Report]) -> tuple[list[Report], pa.Array]:
    """A report for each distinct verdict, and the place of each report's own."""
    # A verdict is remembered, and its reports hold the same tables: the same object is the same verdict.
    keys = [id(report.tables) if report.tables else id(report) for report in reports]
    encoded = pa.array(keys, pa.int64()).dictionary_encode()
    by_key = dict(zip(keys, reports, strict=True))
    return [by_key[key] for key in encoded.dictionary.to_pylist()], encoded.indices


def _put(columns: Columns, name: str, values: Sequence[Any]) -> None:
    column = pa.array(values, REPORTS.field(name).type)
    if column.null_count < len(column):
        columns[name] = column


def _extras(extras: dict[str, Any]) -> str | None:
    return msgspec.json.encode(extras).decode() if extras else None


def keys_of(columns: Mapping[str, pa.Array], provider: str, account: str | None) -> pa.Array:
    """`Report.key` of every row: its parts, each with its length, written by columns.

    Args:
        columns: as `report_columns` and `ReadBodies` give them.
        provider, account: their names.
    """
    codes = columns[CODES_SPELT]
    count = len(codes)
    ids = _or_nulls(columns.get("message_id"), count)
    named = pc.binary_join_element_wise("m:", ids, "", null_handling="replace")
    if ids.null_count:
        references = _or_nulls(columns.get("reference"), count)
        named = pc.if_else(
            ids.is_valid(), named, pc.binary_join_element_wise("r:", references, "", null_handling="replace")
        )
    parts = [
        *_spelt(named),
        pa.scalar(spell(provider) + spell(account or "")),
        *_spelt(_or_nulls(columns.get("recipient"), count).fill_null("")),
        *_spelt(_iso(columns.get("occurred_at"), count)),
        codes,
    ]
    spelt = pc.binary_join_element_wise(*parts, "").cast(pa.binary())
    return pa.array(map(digest_spelt, spelt.to_pylist()), pa.string())


def _spelt(texts: pa.Array) -> tuple[pa.Array, pa.Scalar, pa.Array]:
    """Each text with its length in bytes before it: `delivrd.digests.spell`, by columns."""
    return pc.binary_length(texts).cast(pa.string()), pa.scalar(":"), texts


def _or_nulls(texts: pa.Array | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.string()) if texts is None else texts


def _iso(times: pa.Array | None, count: int) -> pa.Array:
    """`datetime.isoformat` of times in UTC, by columns; empty where there is none."""
    if times is None:
        return pa.repeat(pa.scalar("", pa.string()), count)
    local = times.cast(pa.timestamp("us")).cast(pa.string())
    local = pc.replace_substring(local, " ", "T", max_replacements=1)
    # isoformat leaves whole seconds without their fraction.
    local = pc.replace_substring_regex(local, r"\.000000$", "")
    return pc.binary_join_element_wise(local, "+00:00", "").fill_null("")
