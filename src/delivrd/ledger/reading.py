"""What a store is asked: one message, its history, what is pending, what changed, how many.

The rule of this module: each answer is of one moment, and long ones come in pages that are found
by an index, so that an answer costs what it shows, and not what the store holds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, func, select, tuple_

from delivrd.files import Sample, read_samples
from delivrd.ledger.errors import CursorTooOld, LedgerError
from delivrd.ledger.messages import Change, Message, decode_state
from delivrd.ledger.schema import ID_BYTES, changes, column_text, inputs, marks, messages, reports
from delivrd.ledger.store import Store
from delivrd.ledger.times import HOUR, micros, moment
from delivrd.report import Report
from delivrd.vocabulary import Cause, Status


class KeptReport(msgspec.Struct, frozen=True):
    """A report as the store has it.

    Attributes:
        report: as it was read.
        received_at: when it came first; aware, in UTC.
        times: how often it came.
        input: the first input that held it, without secrets; None where it was purged, or not kept.
        message: the store's id of its message.
    """

    report: Report
    received_at: datetime
    times: int
    input: Sample | None
    message: str


class KeptInput(msgspec.Struct, frozen=True):
    """An input as the store has it.

    Attributes:
        number: of the input in the store.
        provider, account: whose it is.
        received_at: when it came; aware, in UTC.
        input: without secrets; None where the store must hold no phone numbers.
    """

    number: int
    provider: str
    account: str
    received_at: datetime
    input: Sample | None


class Count(msgspec.Struct, frozen=True):
    """How many messages that were first heard of in one hour stand at one status.

    Attributes:
        hour: its beginning; aware, in UTC.
        status: None for those that were sent and never heard of.
    """

    hour: datetime
    provider: str
    account: str
    status: Status | None
    cause: Cause | None
    messages: int


class PendingPage(NamedTuple):
    """Some of the messages without a last word, and where the next ones begin; None where these were the last."""

    messages: list[Message]
    next: tuple[int, bytes] | None


_MESSAGE: Final = (
    messages.c.id,
    messages.c.joined_into,
    messages.c.state,
    messages.c.version,
    messages.c.sent_at,
    messages.c.whole,
)
_report: Final = msgspec.json.Decoder(Report).decode


def message(connection: Connection, id: bytes) -> Message | None:
    """The message of one of its rows."""
    row = connection.execute(select(*_MESSAGE).where(messages.c.id == id)).one_or_none()
    if row is not None and row.joined_into is not None:
        row = connection.execute(select(*_MESSAGE).where(messages.c.id == row.joined_into)).one_or_none()
    return None if row is None else _message(row)


def find(connection: Connection, name: str, limit: int) -> list[Message]:
    """The messages that have this id or reference, as it was sent, or this id in the store."""
    ids = {} if (own := _row_id(name)) is None else {own: None}
    for column in (messages.c.message_id, messages.c.reference):
        chosen = select(messages.c.id, messages.c.joined_into, messages.c.state).where(column == column_text(name))
        for row in connection.execute(chosen.order_by(messages.c.id).limit(limit)):
            state = decode_state(row.state)
            # The column holds the beginning of a long name.
            if name in (state.message_id, state.reference):
                ids[row.joined_into or row.id] = None
    found = [message(connection, each) for each in ids]
    return [each for each in found if each is not None][:limit]


def group(connection: Connection, provider: str, account: str, group_id: str) -> list[Message]:
    """The messages of one fallback or multi-part group."""
    chosen = select(*_MESSAGE).where(
        messages.c.group_id == column_text(group_id),
        messages.c.provider == provider,
        messages.c.account == column_text(account),
        messages.c.joined_into.is_(None),
    )
    found = [_message(row) for row in connection.execute(chosen.order_by(messages.c.id))]
    return [each for each in found if each.state.group_id == group_id]


def history(connection: Connection, id: bytes) -> list[KeptReport]:
    """The reports of a message that are still kept, in the order in which they came."""
    joined = select(messages.c.joined_into).where(messages.c.id == id)
    id = connection.execute(joined).scalar() or id  # noqa: A001 - the message that it is now
    chosen = _reports().where(reports.c.message == id).order_by(reports.c.received_at, reports.c.input, reports.c.key)
    return [_kept(row) for row in connection.execute(chosen)]


def newest(connection: Connection, limit: int, *, unlisted: bool) -> list[KeptReport]:
    """The reports that came last, the newest first."""
    chosen = _reports().order_by(reports.c.received_at.desc()).limit(limit)
    if unlisted:
        chosen = chosen.where(reports.c.unlisted)
    return [_kept(row) for row in connection.execute(chosen)]


def pending(
    connection: Connection, before: datetime | None, provider: str | None, after: tuple[int, bytes] | None, limit: int
) -> PendingPage:
    """Messages without a last word, the most silent first."""
    chosen = select(*_MESSAGE, messages.c.heard_at).where(messages.c.final.is_(False), messages.c.joined_into.is_(None))
    if before is not None:
        chosen = chosen.where(messages.c.heard_at < micros(before, "before"))
    if provider is not None:
        chosen = chosen.where(messages.c.provider == provider)
    if after is not None:
        chosen = chosen.where(tuple_(messages.c.heard_at, messages.c.id) > after)
    rows = connection.execute(chosen.order_by(messages.c.heard_at, messages.c.id).limit(limit)).all()
    following = (rows[-1].heard_at, rows[-1].id) if len(rows) == limit else None
    return PendingPage([_message(row) for row in rows], following)


def changes_after(store: Store, connection: Connection, cursor: int, limit: int) -> list[Change]:
    """The changes after a position, in order."""
    purged = connection.execute(select(marks.c.value).where(marks.c.name == "purged")).scalar_one()
    if cursor < purged:
        raise CursorTooOld(
            f"changes up to {purged} were purged, and the cursor is {cursor}: read the messages, then go on from "
            f"{purged}",
            restart=purged,
        )
    if cursor > store.last_place(connection):
        raise LedgerError("cursor: it is beyond the last change: another store's, or a later state's of this one")
    chosen = (
        select(
            store.place.label("place"),
            changes.c.message,
            changes.c.version,
            changes.c.at,
            changes.c.state,
            changes.c.joined_into,
        )
        .where(store.place > cursor)
        .order_by(store.place)
        .limit(limit)
    )
    return [
        Change(
            row.place,
            row.message.hex(),
            row.version,
            moment(row.at),
            decode_state(row.state),
            None if row.joined_into is None else row.joined_into.hex(),
        )
        for row in connection.execute(chosen)
    ]


def strays(connection: Connection, after: int, limit: int, *, last: bool) -> list[KeptInput]:
    """The inputs that held something other than reports: items unread, messages from handsets, other answers."""
    order = inputs.c.id.desc() if last else inputs.c.id
    chosen = select(inputs).where(inputs.c.stray, inputs.c.id > after).order_by(order).limit(limit)
    return [
        KeptInput(row.id, row.provider, row.account, moment(row.received_at), sample_of(row.line))
        for row in connection.execute(chosen)
    ]


def counts(connection: Connection, since: datetime, until: datetime) -> list[Count]:
    """How many messages, by the hour in which they were first heard of, provider, account, status and cause."""
    by = (messages.c.hour, messages.c.provider, messages.c.account, messages.c.status, messages.c.cause)
    hours = (micros(since, "since") // HOUR, -(-micros(until, "until") // HOUR))
    chosen = (
        select(*by, func.count().label("messages"))
        .where(messages.c.hour >= hours[0], messages.c.hour < hours[1], messages.c.joined_into.is_(None))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Count(
            moment(row.hour * HOUR),
            row.provider,
            row.account,
            None if row.status is None else Status[row.status.upper()],
            None if row.cause is None else Cause[row.cause.upper()],
            row.messages,
        )
        for row in connection.execute(chosen)
    ]


def sample_of(line: bytes | None) -> Sample | None:
    """The input that a line keeps; None where none is kept."""
    return read_samples("input.jsonl", line)[0] if line else None


def _reports() -> Select[Any]:
    return select(reports, inputs.c.line).join_from(reports, inputs, reports.c.input == inputs.c.id, isouter=True)


def _kept(row: Any) -> KeptReport:
    return KeptReport(_report(row.body), moment(row.received_at), row.times, sample_of(row.line), row.message.hex())


def _message(row: Any) -> Message:
    sent_at = None if row.sent_at is None else moment(row.sent_at)
    return Message(row.id.hex(), decode_state(row.state), row.version, sent_at, row.whole)


def _row_id(name: str) -> bytes | None:
    try:
        given = bytes.fromhex(name)
    except ValueError:
        return None
    return given if len(given) == ID_BYTES else None
