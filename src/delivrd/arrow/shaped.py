"""Bodies that decode to a shape and hold nothing unusual, read column by column.

The rule of this module: it takes a row only where every field of the report is the field as sent,
or null; any other row it leaves to the reader of single rows. So nothing of what reading means is
said here a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd.arrow.columns import REPORTS, Columns
from delivrd.arrow.judged import Judged
from delivrd.batches import NOT_STRICT
from delivrd.builder import Frame
from delivrd.money import read_money
from delivrd.shapes import Reading, wire_fields
from delivrd.times import TimeForm

_AS_SENT: Final = ("message_id", "group_id", "reference", "text", "channel", "currency")
_STRIPPED: Final = ("recipient", "sender")
_TIMES: Final = ("occurred_at", "submitted_at")
_PRICES: Final = ("part_price", "total_price")
_TAKEN: Final = (*_AS_SENT, *_STRIPPED, *_TIMES, *_PRICES, "parts")

_LOCAL: Final = pa.timestamp("us")
_LONGEST: Final = len("2020-02-04T08:09:42.389630")


Path: TypeAlias = tuple[str, ...]
"""The attributes that lead to a field of a shape, outermost first."""

Fetched: TypeAlias = dict[Path, list[Any]]


class Plan(NamedTuple):
    """How the fields of a shape are reached.

    Attributes:
        columns: those that a field feeds.
        codes: the code fields; None for one that the shape does not have.
        last_channel: after which no other follows; None where the provider tries but one.
    """

    columns: dict[str, Path]
    codes: tuple[Path | None, ...]
    last_channel: str | None


class _Unusual(Exception):
    """Some rows hold something unusual: their places."""

    def __init__(self, places: set[int]) -> None:
        self.places = places


def plan(reading: Reading, code_fields: tuple[str, ...]) -> Plan | None:
    """How a reading's fields are reached; None where it means more than fields as sent."""
    kinds = wire_fields(reading.shape)
    fed = {column: names[0] for column in _TAKEN if (names := reading.fields.names(column))}
    if len(fed) != sum(1 for _ in reading.fields.feeds()) or "message_id" not in fed:
        return None
    if reading.international or (reading.times != (TimeForm.ISO,) and any(name in fed for name in _TIMES)):
        return None
    wanted = dict.fromkeys(fed, "text") | {"parts": "count"}
    if any(kinds[name][1] != wanted[column] for column, name in fed.items()):
        return None
    return Plan(
        {column: kinds[name][0] for column, name in fed.items()},
        tuple(kinds[name][0] if name in kinds else None for name in code_fields),
        None if reading.fallback is None else reading.fallback.last,
    )


def read_shapes(
    plan: Plan, frame: Frame, decode: Callable[[bytes], Any], limit: int, bodies: Sequence[bytes]
) -> tuple[Columns, list[int], list[int]]:
    """Read bodies in columns.

    Args:
        plan: of their shape.
        frame: of the account.
        decode: the strict decoder of the shape.
        limit: bytes of the largest body that is decoded.
        bodies: any.

    Returns:
        The columns, those that are all null left out; the places that they hold; the places that are left.
    """
    fetched, places, left = _fetch(plan, decode, limit, bodies)
    while places:
        try:
            return _columns(plan, frame, fetched), places, left
        except _Unusual as found:
            left += [place for index, place in enumerate(places) if index in found.places]
            keep = [index for index in range(len(places)) if index not in found.places]
            places = [places[index] for index in keep]
            fetched = {path: [values[index] for index in keep] for path, values in fetched.items()}
    return {}, [], left


def _fetch(
    plan: Plan, decode: Callable[[bytes], Any], limit: int, bodies: Sequence[bytes]
) -> tuple[Fetched, list[int], list[int]]:
    """The values of each field of the bodies that decode, the places of these, and of the others."""
    fetched: Fetched = {path: [] for path in (*plan.columns.values(), *filter(None, plan.codes))}
    taken: list[int] = []
    left: list[int] = []
    # Few at a time, so that what was decoded is still at hand when its fields are fetched: half the cost.
    for start in range(0, len(bodies), _AT_A_TIME):
        some = bodies[start : start + _AT_A_TIME]
        try:
            if max(map(len, some)) > limit:
                raise msgspec.DecodeError
            items = list(map(decode, some))
            taken += range(start, start + len(some))
        except NOT_STRICT:
            items = []
            for place, body in enumerate(some, start):
                try:
                    if len(body) > limit:
                        raise msgspec.DecodeError
                    items.append(decode(body))
                    taken.append(place)
                except NOT_STRICT:
                    left.append(place)
        reach = _Reach(items)
        for path, values in fetched.items():
            values += reach.values(path)
    return fetched, taken, left


_AT_A_TIME: Final = 256


def _columns(plan: Plan, frame: Frame, fetched: Fetched) -> Columns:
    count = len(fetched[plan.columns["message_id"]])
    absent = [None] * count
    judged = Judged(frame.classifier)
    which = judged.places([absent if path is None else fetched[path] for path in plan.codes])
    if judged.unjudged:
        raise _Unusual({place for place, each in enumerate(which.to_pylist()) if each in judged.unjudged})
    columns = judged.columns(which)
    for column, path in plan.columns.items():
        columns[column] = _MAKERS[column](fetched[path], frame)
    if plan.last_channel is not None and frame.falls_back:
        goes_on = _goes_on(columns, judged.failed(which), plan.last_channel)
    else:
        goes_on = pa.repeat(pa.scalar(False), count)
    columns["continues"] = goes_on
    columns["resend"] = judged.resend(which, goes_on)
    return columns


class _Reach:
    """The values of fields, inner ones by way of the shapes that hold them, each fetched once."""

    def __init__(self, items: list[Any]) -> None:
        self._held: dict[Path, list[Any]] = {(): items}

    def values(self, path: Path) -> Iterable[Any]:
        """The values of one field; None where it, or what would hold it, is absent."""
        holders = self._held.get(path[:-1])
        if holders is None:
            holders = self._held[path[:-1]] = list(self.values(path[:-1]))
        name = path[-1]
        if len(path) == 1 or None not in holders:
            return map(attrgetter(name), holders)
        return [None if holder is None else getattr(holder, name) for holder in holders]


def _goes_on(columns: Columns, failed: pa.Array, last: str) -> pa.Array:
    """Whether the provider goes on to another channel, as the reader of single rows has it."""
    group, channel = columns.get("group_id"), columns.get("channel")
    if group is None or channel is None:
        return pa.repeat(pa.scalar(False), len(failed))
    encoded = channel.dictionary_encode()
    others = pa.array([name.strip().lower() != last for name in encoded.dictionary.to_pylist()], pa.bool_())
    on_another = others.take(encoded.indices).fill_null(False)
    return pc.and_(pc.and_(failed, group.is_valid()), on_another)


def _texts(values: list[Any], _: Frame) -> pa.Array:
    return _without_empty(pa.array(values, pa.string()))


def _ids(values: list[Any], _: Frame) -> pa.Array:
    ids = pa.array(values, pa.string())
    blank = pc.equal(pc.binary_length(pc.utf8_trim(ids, characters=_SPACES)), 0).fill_null(True)
    if pc.any(blank).as_py():
        raise _Unusual({place for place, each in enumerate(blank.to_pylist()) if each})
    return ids


def _stripped(values: list[Any], _: Frame) -> pa.Array:
    return _without_empty(pc.utf8_trim(pa.array(values, pa.string()), characters=_SPACES))


def _without_empty(texts: pa.Array) -> pa.Array:
    empty = pc.equal(pc.binary_length(texts), 0)
    return pc.if_else(empty, _NO_TEXT, texts) if pc.any(empty).as_py() else texts


_NO_TEXT: Final = pa.scalar(None, pa.string())
_SPACES: Final = "".join(filter(str.isspace, map(chr, range(sys.maxunicode + 1))))
"""What `str.strip` strips."""


def _counts(values: list[Any], _: Frame) -> pa.Array:
    return pa.array(values, pa.int32())


def _prices(values: list[Any], frame: Frame) -> pa.Array:
    # Prices repeat: each is read once.
    encoded = _texts(values, frame).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    amounts = [read_money(text) for text in texts]
    if None in amounts:
        none = {text for text, amount in zip(texts, amounts, strict=True) if amount is None}
        raise _Unusual({place for place, value in enumerate(values) if value in none})
    return pa.array(amounts, REPORTS.field("part_price").type).take(encoded.indices)


def _times(values: list[Any], frame: Frame) -> pa.Array:
    """Times as texts of 26 characters, in UTC: those that Arrow reads as `fromisoformat` does."""
    if frame.zone is not UTC:
        unusual = {place for place, value in enumerate(values) if value}
    else:
        texts = _texts(values, frame)
        try:
            if pc.all(pc.equal(pc.utf8_length(texts), _LONGEST), min_count=0).as_py() is not False:
                times = texts.cast(_LOCAL)
                # Arrow has a year 0; Python begins with 1.
                if pc.less(pc.min(times), _FIRST).as_py() is not True:
                    return times.cast(REPORTS.field("occurred_at").type)
        except pa.ArrowInvalid:
            pass
        unusual = {place for place, value in enumerate(values) if value and not _is_plain(value)}
    if unusual:
        raise _Unusual(unusual)
    return pa.nulls(len(values), REPORTS.field("occurred_at").type)


_FIRST: Final = pa.scalar("0001-01-01").cast(_LOCAL)


def _is_plain(text: str) -> bool:
    try:
        return len(text) == _LONGEST and bool(pc.greater_equal(pa.scalar(text).cast(_LOCAL), _FIRST).as_py())
    except pa.ArrowInvalid:
        return False


_MAKERS: Final[dict[str, Callable[[list[Any], Frame], pa.Array]]] = {
    **dict.fromkeys(_AS_SENT, _texts),
    **dict.fromkeys(_STRIPPED, _stripped),
    **dict.fromkeys(_TIMES, _times),
    **dict.fromkeys(_PRICES, _prices),
    "parts": _counts,
    "message_id": _ids,
}
