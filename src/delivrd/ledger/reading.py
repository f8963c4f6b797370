"""What a store is asked: one message, its history, what is pending, what changed, how many.

The rule of this module: each answer is of one moment, and long ones come in pages that are found
by an index, so that an answer costs what it shows, and not what the store holds. A row that cannot be
read raises `RowDamaged` where it was asked for; a list skips it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, Table, func, select, tuple_

from delivrd.files import Sample, read_samples
from delivrd.ledger.errors import CursorTooOld, LedgerError, RowDamaged
from delivrd.ledger.messages import Change, Message, decode_state
from delivrd.ledger.rows import decoded, first_readable, log_damaged, readable
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
        input: the first input that held it, without secrets; None where it was purged, not kept, or cannot be read.
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
        input: without secrets; None where the store must hold no phone numbers, or where it cannot be read.
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
    damaged: list[RowDamaged] = []
    for column in (messages.c.message_id, messages.c.reference):
        chosen = select(messages.c.id, messages.c.joined_into, messages.c.state).where(column == column_text(name))
        for row in connection.execute(chosen.order_by(messages.c.id).limit(limit)):
            try:
                state = decoded("messages", row.id, lambda row=row: decode_state(row.state))  # type: ignore[misc]
            except RowDamaged as error:
                damaged.append(error)
                continue
            # The column holds the beginning of a long name.
            if name in (state.message_id, state.reference):
                ids[row.joined_into or row.id] = None
    found: list[Message] = []
    for each in ids:
        try:
            one = message(connection, each)
        except RowDamaged as error:
            damaged.append(error)
        else:
            found += [] if one is None else [one]
    if damaged and not found:
        # To say that there is none would be wrong.
        raise damaged[0]
    for each_damaged in damaged:
        log_damaged(connection, each_damaged)
    return found[:limit]


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
    return list(readable(connection, connection.execute(chosen), _keeper(connection)))


def newest(connection: Connection, limit: int, *, unlisted: bool) -> list[KeptReport]:
    """The reports that came last, the newest first."""
    order = (reports.c.received_at, reports.c.key)
    chosen = _reports().order_by(*(column.desc() for column in order))
    if unlisted:
        chosen = chosen.where(reports.c.unlisted)

    def page(after: Any, count: int) -> Any:
        rest = chosen if after is None else chosen.where(tuple_(*order) < (after.received_at, after.key))
        return connection.execute(rest.limit(count)).all()

    return first_readable(connection, page, _keeper(connection), limit)


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
    return PendingPage(list(readable(connection, rows, _message)), following)


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
    found: list[Change] = []
    for row in connection.execute(chosen):
        try:
            found.append(decoded("changes", row.place, lambda row=row: _change(row)))  # type: ignore[misc]
        except RowDamaged as error:
            if found:
                # The caller goes on from the last one, and gets the error then.
                return found
            # Skipped, it would be lost without a word to a reader that follows every change.
            raise RowDamaged(error.table, error.row, error.why, restart=row.place) from None
    return found


def _change(row: Any) -> Change:
    joined_into = None if row.joined_into is None else row.joined_into.hex()
    return Change(row.place, row.message.hex(), row.version, moment(row.at), decode_state(row.state), joined_into)


def strays(connection: Connection, after: int, limit: int, *, last: bool) -> list[KeptInput]:
    """The inputs that held something other than reports: items unread, messages from handsets, other answers."""
    number = inputs.c.id
    chosen = select(inputs).where(inputs.c.stray, number > after).order_by(number.desc() if last else number)

    def page(before: Any, count: int) -> Any:
        rest = chosen
        if before is not None:
            rest = chosen.where(number < before.id if last else number > before.id)
        return connection.execute(rest.limit(count)).all()

    def make(row: Any) -> KeptInput:
        received_at = decoded("inputs", row.id, lambda: moment(row.received_at))
        return KeptInput(row.id, row.provider, row.account, received_at, _sample(connection, row.id, row.line))

    return first_readable(connection, page, make, limit)


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
    return list(readable(connection, connection.execute(chosen), _count))


def _count(row: Any) -> Count:
    def make() -> Count:
        status = None if row.status is None else Status[row.status.upper()]
        cause = None if row.cause is None else Cause[row.cause.upper()]
        return Count(moment(row.hour * HOUR), row.provider, row.account, status, cause, row.messages)

    return decoded("messages", f"{row.messages} of hour {row.hour}", make)


def sample_of(line: bytes | None) -> Sample | None:
    """The input that a line keeps; None where none is kept."""
    return read_samples("input.jsonl", line)[0] if line else None


def _reports() -> Select[Any]:
    return select(reports, inputs.c.line).join_from(reports, inputs, reports.c.input == inputs.c.id, isouter=True)


def _keeper(connection: Connection) -> Callable[[Any], KeptReport]:
    def make(row: Any) -> KeptReport:
        report, at, id = decoded(  # noqa: A001 - the message's
            "reports", row.key, lambda: (_report(row.body), moment(row.received_at), row.message.hex())
        )
        return KeptReport(report, at, row.times, _sample(connection, row.input, row.line), id)

    return make


def _sample(connection: Connection, number: int, line: bytes | None) -> Sample | None:
    """The input that a row keeps; None where none is kept, or where it cannot be read, which is logged."""
    try:
        return decoded("inputs", number, lambda: sample_of(line))
    except RowDamaged as error:
        log_damaged(connection, error)
        return None


def _message(row: Any) -> Message:
    def make() -> Message:
        sent_at = None if row.sent_at is None else moment(row.sent_at)
        return Message(row.id.hex(), decode_state(row.state), row.version, sent_at, row.whole)

    return decoded("messages", row.id, make)


def _input(row: Any) -> None:
    decoded("inputs", row.id, lambda: (sample_of(row.line), moment(row.received_at)))


def _only_report(row: Any) -> None:
    decoded("reports", row.key, lambda: (_report(row.body), moment(row.received_at)))


def _only_change(row: Any) -> None:
    decoded("changes", row.id, lambda: (decode_state(row.state), moment(row.at)))


_CHECKS: Final[Mapping[str, tuple[Table, Any, Callable[[Any], object]]]] = {
    "messages": (messages, messages.c.id, _message),
    "reports": (reports, reports.c.key, _only_report),
    "inputs": (inputs, inputs.c.id, _input),
    "changes": (changes, changes.c.id, _only_change),
}
CHECKED: Final = tuple(_CHECKS)
"""The tables that `damaged` looks through."""


class DamagedPage(NamedTuple):
    """Rows of some that cannot be read, and the key of the last that was looked at; None where these were the last."""

    rows: list[RowDamaged]
    next: Any


def damaged(connection: Connection, table: str, after: Any, limit: int) -> DamagedPage:
    """Look through some rows of a table for those that cannot be read."""
    whole, key, make = _CHECKS[table]
    chosen = select(whole).order_by(key).limit(limit)
    rows = connection.execute(chosen if after is None else chosen.where(key > after)).all()
    found = []
    for row in rows:
        try:
            make(row)
        except RowDamaged as error:
            found.append(error)
    return DamagedPage(found, getattr(rows[-1], key.name) if len(rows) == limit else None)


def _row_id(name: str) -> bytes | None:
    try:
        given = bytes.fromhex(name)
    except ValueError:
        return None
    return given if len(given) == ID_BYTES else None
