"""What is written to a store: receipts, what the gateway sent, and silence.

The rule of this module: everything here happens inside one transaction, in one order (inputs,
messages, reports, changes), so that writers wait for each other and never in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from delivrd.ledger.arrivals import Ready, ReadyReport
from delivrd.ledger.hot import Hot, Row
from delivrd.ledger.messages import Desk, Held, Message
from delivrd.ledger.names import Names
from delivrd.ledger.schema import messages, reports
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
    numbers = hot.insert_inputs([_input_row(arrival) for arrival in arrivals])
    desk = Desk(hot, (each.names for arrival in arrivals for each in arrival.reports))
    rows: dict[bytes, Row] = {}
    repeats: set[tuple[int, bytes]] = set()
    changed: list[list[Message]] = []
    for number, arrival in zip(numbers, arrivals, strict=True):
        now: dict[bytes, Held] = {}
        for each in arrival.reports:
            held = desk.message(each.names, each.said, arrival.received_at)
            if held.join(each.said, arrival.received_at):
                now[held.id] = held
            known = rows.get(each.key)
            if known is None:
                rows[each.key] = _report_row(each, held, number, arrival.received_at)
            else:
                known["times"] += 1
                repeats.add((number, each.key))
        changed.append([held.message() for held in now.values()])
    desk.write()
    in_order = [rows[key] for key in sorted(rows)]
    times = hot.insert_reports(in_order)
    old = {row["key"] for row, now_known in zip(in_order, times, strict=True) if now_known != row["times"]}
    for was, becomes in desk.joined.items():
        connection.execute(_MOVE, {"was": was, "becomes": becomes})
    made = []
    for number, arrival, messages_changed in zip(numbers, arrivals, changed, strict=True):
        known_before = [each.key in old or (number, each.key) in repeats for each in arrival.reports]
        pairs = list(zip(arrival.reports, known_before, strict=True))
        new = tuple(each.report for each, known in pairs if not known)
        made.append(Recorded(number, new, tuple(e.report for e, known in pairs if known), tuple(messages_changed)))
    return made


def record_sending(store: Store, connection: Connection, sending: Sending) -> Message:
    """Note what the gateway sent, and join to it what was heard before."""
    desk = Desk(Hot(connection, store.statements), [sending.names])
    held = desk.message(sending.names, sending.said, sending.at)
    held.sent_at = sending.at if held.sent_at is None else min(held.sent_at, sending.at)
    held.dirty = True
    held.join(sending.said, sending.at)
    desk.write()
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
    due = connection.execute(_SILENT, {"before": micros(now - after, "now"), "limit": limit}).all()
    desk = Desk(Hot(connection, store.statements), [Names(row.id) for row in due])
    timed_out = []
    for row in due:
        held = desk.held(row.id)
        if held is None or held.joined_into is not None:
            continue
        sent_at = None if held.sent_at is None else moment(held.sent_at)
        state = overdue(held.state, now, after, silent_after.get(held.state.provider, ()), sent_at=sent_at)
        if state is not held.state and held.replace(state, micros(now)):
            timed_out.append(held.message())
    desk.write()
    return timed_out


def _input_row(arrival: Ready) -> Row:
    return {
        "provider": arrival.provider,
        "account": arrival.account,
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
        "times": 1,
        "unlisted": each.unlisted,
        "body": each.body,
    }


_MOVE: Final = update(reports).where(reports.c.message == bindparam("was")).values(message=bindparam("becomes"))
_SILENT: Final = (
    select(messages.c.id)
    .where(messages.c.final.is_(False), messages.c.joined_into.is_(None), messages.c.heard_at <= bindparam("before"))
    .order_by(messages.c.heard_at, messages.c.id)
    .limit(bindparam("limit"))
)
