"""What is written to a store: receipts, what the gateway sent, and silence.

The rule of this module: everything here happens inside one transaction, in one order (inputs,
messages, reports, changes), so that writers wait for each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select, tuple_, update

from delivrd.ledger.arrivals import Ready, ReadyReport
from delivrd.ledger.hot import Hot, Row
from delivrd.ledger.messages import Desk, Held, Message
from delivrd.ledger.names import Names
from delivrd.ledger.rows import PAGES, log_damaged
from delivrd.ledger.schema import column_text, messages, reports
from delivrd.ledger.store import Store
from delivrd.ledger.times import micros, moment
from delivrd.life import State, overdue
from delivrd.report import Report
from delivrd.vocabulary import Status


class Recorded(msgspec.Struct, frozen=True):
    """What came of recording a receipt.

    Attributes:
        input: the number that its input has in the store.
        new: its reports that were not known.
        repeated: those that were.
        changed: the messages whose state shows something else now, after it.
    """

    input: int
    new: tuple[Report, ...]
    repeated: tuple[Report, ...]
    changed: tuple[Message, ...]


class Sending(msgspec.Struct, frozen=True):
    """What the gateway says of a message that it sent."""

    names: Names
    said: State
    at: int


def record(store: Store, connection: Connection, arrivals: Sequence[Ready]) -> list[Recorded]:
    """Record receipts: inputs, reports and states."""
    hot = Hot(connection, store.statements)
    with hot.in_few_trips():
        return _record(connection, hot, arrivals)


def _record(connection: Connection, hot: Hot, arrivals: Sequence[Ready]) -> list[Recorded]:
    inserted = hot.insert_inputs([_input_row(arrival) for arrival in arrivals])
    desk = Desk(hot, (each.names for arrival in arrivals for each in arrival.reports))
    numbers = [number or 0 for number in inserted.fetch()]
    rows: dict[bytes, Row] = {}
    again: list[list[bool]] = []
    changed: list[list[Message]] = []
    for number, arrival in zip(numbers, arrivals, strict=True):
        now: dict[bytes, Held] = {}
        again.append([])
        for each in arrival.reports:
            held = desk.message(each.names, each.said, arrival.received_at)
            if held.damaged is not None:
                # Its report and its input are kept: the state can be made again from them.
                log_damaged(connection, held.damaged)
            if held.join(each.said, arrival.received_at):
                now[held.id] = held
            again[-1].append(each.key in rows)
            row = rows.setdefault(each.key, _report_row(each, held, number, arrival.received_at))
            row["times"] += 1
        changed.append([held.message() for held in now.values()])
    written = desk.write()
    in_order = [rows[key] for key in sorted(rows)]
    counted = hot.insert_reports(in_order)
    written()
    times = counted.fetch()
    old = {row["key"] for row, now_known in zip(in_order, times, strict=True) if now_known != row["times"]}
    for was, becomes in desk.joined.items():
        connection.execute(_MOVE, {"was": was, "becomes": becomes})
    made = []
    for number, arrival, messages_changed, repeated in zip(numbers, arrivals, changed, again, strict=True):
        pairs = [(each, known or each.key in old) for each, known in zip(arrival.reports, repeated, strict=True)]
        new = tuple(each.report for each, known in pairs if not known)
        made.append(Recorded(number, new, tuple(e.report for e, known in pairs if known), tuple(messages_changed)))
    return made


def record_sending(store: Store, connection: Connection, sending: Sending) -> Message:
    """Note what the gateway sent, and join to it what was heard before."""
    desk = Desk(Hot(connection, store.statements), [sending.names])
    held = desk.message(sending.names, sending.said, sending.at)
    if held.damaged is not None:
        raise held.damaged
    held.sent_at = sending.at if held.sent_at is None else min(held.sent_at, sending.at)
    held.dirty = True
    held.join(sending.said, sending.at)
    desk.write()()
    for was, becomes in desk.joined.items():
        connection.execute(_MOVE, {"was": was, "becomes": becomes})
    return held.message()


def time_out(
    store: Store,
    connection: Connection,
    now: datetime,
    after: timedelta,
    silent_after: Mapping[str, Collection[Status]],
    limit: int,
) -> list[Message]:
    """Take the silence of messages for an answer, the most silent first, so many at a time."""
    before = micros(_earlier(now, after), "now")
    hot = Hot(connection, store.statements)
    timed_out: list[Message] = []
    last: tuple[int, bytes] | None = None
    for _ in range(PAGES):
        chosen = _SILENT if last is None else _SILENT.where(tuple_(messages.c.heard_at, messages.c.id) > last)
        due = connection.execute(chosen, {"before": before, "limit": limit - len(timed_out)}).all()
        if not due:
            break
        last = (due[-1].heard_at, due[-1].id)
        desk = Desk(hot, [Names(row.id) for row in due])
        found, skipped = _time_out(connection, desk, [row.id for row in due], now, after, silent_after)
        timed_out += found
        desk.write()()
        if not skipped or len(timed_out) >= limit:
            break
    return timed_out


def _time_out(
    connection: Connection,
    desk: Desk,
    ids: Sequence[bytes],
    now: datetime,
    after: timedelta,
    silent_after: Mapping[str, Collection[Status]],
) -> tuple[list[Message], int]:
    """Those of some messages that time out, and how many of them cannot be read."""
    timed_out, skipped = [], 0
    for each in ids:
        held = desk.held(each)
        if held is None or held.joined_into is not None:
            continue
        if held.damaged is not None:
            log_damaged(connection, held.damaged)
            skipped += 1
            continue
        sent_at = None if held.sent_at is None else moment(held.sent_at)
        state = overdue(held.state, now, after, silent_after.get(held.state.provider, ()), sent_at=sent_at)
        if state is not held.state and held.replace(state, micros(now)):
            timed_out.append(held.message())
    return timed_out, skipped


def _earlier(now: datetime, after: timedelta) -> datetime:
    try:
        return now - after
    except OverflowError:
        raise ValueError("after: expected a span that does not reach before the year 1") from None


def _input_row(arrival: Ready) -> Row:
    return {
        "provider": arrival.provider,
        "account": column_text(arrival.account),
        "received_at": arrival.received_at,
        "stray": arrival.stray,
        "line": arrival.line,
    }


def _report_row(each: ReadyReport, held: Held, number: int, received_at: int) -> Row:
    return {
        "key": each.key,
        "message": held.id,
        "input": number,
        "received_at": received_at,
        "times": 0,
        "unlisted": each.unlisted,
        "body": each.body,
    }


_MOVE: Final = update(reports).where(reports.c.message == bindparam("was")).values(message=bindparam("becomes"))
_SILENT: Final = (
    select(messages.c.id, messages.c.heard_at)
    .where(messages.c.final.is_(False), messages.c.joined_into.is_(None), messages.c.heard_at <= bindparam("before"))
    .order_by(messages.c.heard_at, messages.c.id)
    .limit(bindparam("limit"))
)
