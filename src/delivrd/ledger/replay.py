"""Reading kept inputs again, with today's tables.

The rule of this module: nothing is changed unless it is told to; and a message of which something
was purged, or cannot be read any more, is told of and left as it is, since its state cannot be
made again.

What a message's reports say is taken from its inputs anew. What the store knows of it besides
(what it cost, when it was heard of, that it was silent) stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select

from delivrd.accounts import Account
from delivrd.errors import DelivrdError
from delivrd.files import Sample
from delivrd.ledger.arrivals import ReadyReport, ready_report
from delivrd.ledger.errors import RowDamaged
from delivrd.ledger.hot import Hot
from delivrd.ledger.messages import Desk, Held
from delivrd.ledger.names import Caller, Names
from delivrd.ledger.reading import sample_of
from delivrd.ledger.rows import decoded
from delivrd.ledger.schema import inputs, messages, reports
from delivrd.ledger.store import Store
from delivrd.life import Claim, State
from delivrd.life.claims import earliest, latest
from delivrd.phones import Phones
from delivrd.provider import Provider
from delivrd.vocabulary import Word

Accounts = Callable[[str, str], Account | None]
"""Gives the account to read with, by the names of its provider and its own; None where there is none."""


def no_account(provider: str, account: str) -> Account | None:
    """Gives none."""
    return None


class Kept(Word):
    """Why a message could not be read again."""

    PURGED = "purged", "some of its reports were purged"
    NOT_KEPT = "not_kept", "an input of its reports is not in the store"
    NO_PROVIDER = "no_provider", "its provider is not installed"
    NO_ACCOUNT = "no_account", "its account was not given"
    UNREADABLE = "unreadable", "an input is refused today, or is damaged in the store"
    MOVED = "moved", "its inputs hold no report of it any more: they name another message now"


class Difference(msgspec.Struct, frozen=True):
    """What reading a message again came to, where that is not what the store has.

    Attributes:
        id: of the message in the store.
        before: its state in the store; None where that cannot be read (`RowDamaged`).
        after: its state by today's tables; None where it could not be read again.
        why: it could not; None where it could.
    """

    id: str
    before: State | None
    after: State | None
    why: Kept | None = None


class Replayed(msgspec.Struct, frozen=True):
    """One step of a replay.

    Attributes:
        messages: how many were read again.
        differences: those that came out otherwise, or could not be read.
        next: where the next step goes on; None where this was the last.
    """

    messages: int
    differences: tuple[Difference, ...]
    next: str | None


class _Reader:
    """Reads inputs again.

    Args:
        providers: by name.
        accounts: gives the account to read with.
        phones: as the store hides them.
    """

    def __init__(self, providers: Mapping[str, Provider], accounts: Accounts, phones: Phones | None) -> None:
        self._providers = providers
        self._accounts = accounts
        self._phones = phones

    def again(self, provider: str, account: str, kept: Sample) -> list[ReadyReport] | Kept:
        """The reports of an input, or why there are none."""
        given = self._accounts(provider, account) if account else _NOBODY
        if provider not in self._providers:
            return Kept.NO_PROVIDER
        if given is None:
            return Kept.NO_ACCOUNT
        reader = self._providers[provider]
        try:
            receipt = reader.read(kept.input, given, asked=kept.asked, received_at=kept.received_at)
        except DelivrdError:
            return Kept.UNREADABLE
        found = receipt.reports if self._phones is None else [self._phones.report(each) for each in receipt.reports]
        return [ready_report(report, Caller(reader, given)) for report in found]


def replay(
    store: Store,
    connection: Connection,
    reader: tuple[Mapping[str, Provider], Accounts, Phones | None],
    after: str | None,
    limit: int,
    now: int | None,
) -> Replayed:
    """Read the inputs of some messages again.

    Args:
        store: whose connection it is.
        connection: in a transaction, that writes where `now` is given.
        reader: the providers, the accounts, and how phone numbers are hidden.
        after: the last message of the step before.
        limit: how many messages.
        now: when the states are changed, in microseconds; None leaves them as they are.
    """
    chosen = select(messages.c.id).where(messages.c.joined_into.is_(None)).order_by(messages.c.id).limit(limit)
    if after is not None:
        chosen = chosen.where(messages.c.id > bytes.fromhex(after))
    found = list(connection.execute(chosen).scalars())
    hot = Hot(connection, store.statements)
    # Whoever only looks must not make the writers wait.
    desk = Desk(hot, map(Names, found), lock=now is not None)
    differences = []
    read = _Reader(*reader)
    for each in found:
        held = desk.held(each)
        if held is not None and held.joined_into is None and (held.damaged is not None or held.state.claims):
            difference = _replayed(connection, read, held, now)
            if difference is not None:
                differences.append(difference)
    if now is not None:
        desk.write()()
    return Replayed(len(found), tuple(differences), found[-1].hex() if len(found) == limit else None)


def _replayed(connection: Connection, reader: _Reader, held: Held, now: int | None) -> Difference | None:
    before = None if held.damaged is not None else held.state
    if not held.whole:
        return Difference(held.id.hex(), before, None, Kept.PURGED)
    found = _read_again(connection, reader, held.id)
    if isinstance(found, Kept):
        return Difference(held.id.hex(), before, None, found)
    of = before if before is not None else _names_of(found.values())
    said = reduce(State.join, (_of_message(each.said, of) for each in found.values()))
    if before is None:
        if now is not None:
            _put_reports(connection, held, found)
            held.replace(said, now)
        return Difference(held.id.hex(), None, said)
    rest = msgspec.structs.replace(before, claims=())
    claims = tuple(_heard_as(each, before) for each in said.claims)
    # By today's account too, like all else that is read again.
    state = msgspec.structs.replace(rest.join(said), claims=claims, later_wins=said.later_wins)
    if state == before:
        return None
    if now is not None:
        _put_reports(connection, held, found)
        held.replace(state, now)
    return Difference(held.id.hex(), before, state)


def _read_again(connection: Connection, reader: _Reader, id: bytes) -> dict[bytes, ReadyReport] | Kept:
    """The reports of a message as they are read today, each by the key that it has in the store."""
    found: dict[bytes, ReadyReport] = {}
    for row in connection.execute(_INPUTS, {"message": id}):
        try:
            sample = decoded("inputs", row.key, lambda row=row: sample_of(row.line))  # type: ignore[misc]
        except RowDamaged:
            return Kept.UNREADABLE
        if sample is None:
            return Kept.NOT_KEPT
        again = reader.again(row.provider, row.account, sample)
        if isinstance(again, Kept):
            return again
        # One input can hold reports of many messages.
        own = [each for each in again if each.key == row.key]
        if not own:
            return Kept.MOVED
        found[row.key] = own[0]
    return found or Kept.NOT_KEPT


def _put_reports(connection: Connection, held: Held, found: Mapping[bytes, ReadyReport]) -> None:
    for key, each in found.items():
        connection.execute(_PUT, {"row_key": key, "body": each.body, "unlisted": each.unlisted})


def _heard_as(claim: Claim, before: State) -> Claim:
    """What is said today, heard when it was heard: repetitions are counted, and only the first input is linked."""
    known = next((each for each in before.claims if each.key() == claim.key()), claim)
    return msgspec.structs.replace(claim, first=earliest(claim.first, known.first), last=latest(claim.last, known.last))


def _names_of(found: Collection[ReadyReport]) -> State:
    """The names of a message by its reports: of several the first by letter, as in a state."""
    first = next(iter(found)).said
    ids = [each.said.message_id for each in found if each.said.message_id is not None]
    references = [each.said.reference for each in found if each.said.reference is not None]
    return State(first.provider, first.account, min(ids, default=None), min(references, default=None))


def _of_message(said: State, of: State) -> State:
    return msgspec.structs.replace(said, message_id=of.message_id, reference=of.reference)


_NOBODY: Final = Account()

_INPUTS: Final = (
    select(reports.c.key, inputs.c.provider, inputs.c.account, inputs.c.line)
    .join_from(reports, inputs, reports.c.input == inputs.c.id, isouter=True)
    .where(reports.c.message == bindparam("message"))
    .order_by(reports.c.key)
)
_PUT: Final = (
    reports.update()
    .where(reports.c.key == bindparam("row_key"))
    .values(body=bindparam("body"), unlisted=bindparam("unlisted"))
)
