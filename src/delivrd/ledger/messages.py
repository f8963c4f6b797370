"""A message while a transaction works on it.

The rule of this module: a state is only ever joined to, and what it then shows to a gateway is
compared with what it showed before; where that differs, the change is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from delivrd.ledger.errors import RowDamaged
from delivrd.ledger.hot import Hot
from delivrd.ledger.names import Names
from delivrd.ledger.rows import decoded
from delivrd.ledger.schema import column_text
from delivrd.ledger.times import HOUR, micros, moment
from delivrd.life import State


class Message(msgspec.Struct, frozen=True):
    """A message as the store has it.

    Attributes:
        id: the store's own, 32 hexadecimal digits.
        state: where it is.
        version: how many changes of its state were told.
        sent_at: when the gateway said that it sent it; aware, in UTC. None where it did not.
        first_heard, last_heard: by the state.
        whole: none of its reports was purged.
    """

    id: str
    state: State
    version: int
    sent_at: datetime | None = None
    whole: bool = True


class Change(msgspec.Struct, frozen=True):
    """One change of a message's state.

    Attributes:
        position: its place among all changes: the cursor to go on from.
        id: of the message in the store.
        version: of the message: 1 is its first change, and none is left out.
        at: when what changed it was received; aware, in UTC.
        state: after it.
        joined_into: it turned out to be this message, under which it goes on; else None.
    """

    position: int
    id: str
    version: int
    at: datetime
    state: State
    joined_into: str | None = None


_UNREAD: Final = State("", None, None)
"""In the place of a state that cannot be read."""
_encode: Final = msgspec.json.Encoder().encode
decode_state: Final = msgspec.json.Decoder(State).decode


class Held:
    """A message's row, locked, and what is to become of it.

    Where its state cannot be read (`damaged`), nothing of it is written: what is there may be a newer release's.
    """

    __slots__ = (
        "changed",
        "damaged",
        "dirty",
        "first",
        "id",
        "joined_into",
        "new",
        "sent_at",
        "shown",
        "state",
        "version",
        "whole",
    )

    def __init__(self, id: bytes, state: State, *, first: int) -> None:
        self.id = id
        self.state = state
        self.first = first
        self.new = True
        self.dirty = True
        self.damaged: RowDamaged | None = None
        self.joined_into: bytes | None = None
        self.sent_at: int | None = None
        self.version = 0
        self.whole = True
        self.changed: list[dict[str, Any]] = []
        self.shown: tuple[Any, ...] | None = None

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Held:
        """The message of a row, as `hot` gives it."""
        own, joined_into, hour, sent_at, version, whole, state = row
        try:
            found, damaged = decoded("messages", own, lambda: decode_state(state)), None
        except RowDamaged as error:
            found, damaged = _UNREAD, error
        held = cls(own, found, first=hour * HOUR)
        held.damaged = damaged
        held.new = held.dirty = False
        held.joined_into, held.sent_at = joined_into, sent_at
        held.version, held.whole = version, bool(whole)
        held.shown = shown(held.state)
        return held

    def join(self, said: State, at: int) -> bool:
        """Join what was said, at a time in microseconds; true where the state now shows something else."""
        if self.damaged is not None:
            return False
        # The two sides can spell the id in two ways: the row knows that it is one message.
        spelt = _first(self.state.message_id, said.message_id)
        reference = _first(self.state.reference, said.reference)
        if at < self.first:
            self.first, self.dirty = at, True
        joined = _named(self.state, spelt, reference).join(_named(said, spelt, reference))
        if joined == self.state:
            return False
        self.state, self.dirty = joined, True
        return self.tell(at)

    def replace(self, state: State, at: int) -> bool:
        """Put another state in the place of this one; true where it shows something else."""
        self.damaged = None
        self.state, self.dirty = state, True
        return self.tell(at)

    def tell(self, at: int, *, always: bool = False) -> bool:
        """Tell what the state shows now, if that is new."""
        now = shown(self.state)
        if now == self.shown and not always:
            return False
        self.shown = now
        self.version += 1
        told = {"message": self.id, "version": self.version, "at": at, "joined_into": self.joined_into}
        self.changed.append({**told, "state": _encode(self.state)})
        return True

    def message(self) -> Message:
        """The message as it is given out."""
        sent_at = None if self.sent_at is None else moment(self.sent_at)
        return Message(self.id.hex(), self.state, self.version, sent_at, self.whole)

    def row(self) -> dict[str, Any]:
        """The row as it is to be."""
        state = self.state
        stands = state.standing()
        heard = self.first if self.sent_at is None else self.sent_at
        if state.last_heard is not None:
            heard = micros(state.last_heard)
        return {
            "id": self.id,
            "joined_into": self.joined_into,
            "provider": state.provider,
            "account": column_text(state.account) or "",
            "message_id": column_text(state.message_id),
            "reference": column_text(state.reference),
            "group_id": column_text(state.group_id),
            "status": stands.status.value if state.claims or stands.final else None,
            "cause": None if stands.cause is None else stands.cause.value,
            "final": stands.final,
            "hour": self.first // HOUR,
            "heard_at": heard,
            "sent_at": self.sent_at,
            "version": self.version,
            "whole": self.whole,
            "state": _encode(state),
        }


def shown(state: State) -> tuple[Any, ...] | None:
    """What a gateway sees of a state, times left out; None where there is nothing to see.

    A report that only says again what was said, or something that does not stand, changes nothing of it.
    """
    if not state.claims and state.silence is None:
        return None
    stands = state.standing()
    price = state.price
    return (
        stands.status,
        stands.final,
        stands.evidence,
        stands.cause,
        stands.permanence,
        stands.map_error,
        stands.continues,
        None if price is None else (price.total, price.part, price.currency, price.parts),
        tuple(claim.key() for claim in state.contradictions),
        state.group_id,
        state.channel,
    )


class Desk:
    """The messages that one transaction works on.

    Args:
        hot: the transaction.
        names: of all messages that will be asked for.
        lock: nobody else may write them until the transaction ends.

    Attributes:
        joined: the messages that turned out to be others here, and which.
    """

    def __init__(self, hot: Hot, names: Iterable[Names], *, lock: bool = True) -> None:
        self._hot = hot
        self._held: dict[bytes, Held] = {}
        self.joined: dict[bytes, bytes] = {}
        wanted = {name for pair in names for name in pair if name is not None}
        self._fetch(wanted, lock=lock)
        self._fetch({held.joined_into for held in self._held.values() if held.joined_into} - set(self._held), lock=lock)

    def message(self, names: Names, said: State, at: int) -> Held:
        """The message of these names, made where it is not there yet, with both names leading to it.

        Args:
            names: of the message.
            said: what it is made of, where it is not there.
            at: when that was received.
        """
        main = self._held.get(names.main)
        if main is None:
            main = self._held[names.main] = Held(names.main, nothing_said(said), first=at)
        elif main.joined_into is not None:
            becomes = self._held.get(main.joined_into)
            if becomes is None:
                main.damaged = RowDamaged("messages", main.id.hex(), "the message that it was joined to is missing")
            else:
                main = becomes
        if names.other is not None:
            self._lead(names.other, main, said, at)
        return main

    def held(self, id: bytes) -> Held | None:
        """A row, as it is."""
        return self._held.get(id)

    def write(self) -> Callable[[], None]:
        """Write every message that has changed, and its changes; what is given back makes sure of it."""
        changed = [held for _, held in sorted(self._held.items()) if held.dirty]
        new = [held.row() for held in changed if held.new]
        sure = self._hot.write_messages(new, [held.row() for held in changed if not held.new])
        self._hot.insert_changes([change for held in self._held.values() for change in held.changed])
        return sure

    def _lead(self, name: bytes, main: Held, said: State, at: int) -> None:
        """Let a name lead to a message, unless it leads to another one already."""
        other = self._held.get(name)
        if main.damaged is not None or (other is not None and other.joined_into is None and other.damaged is not None):
            return
        if other is None:
            other = self._held[name] = Held(name, nothing_said(said), first=at)
            other.joined_into = main.id
        elif other.joined_into is None and other is not main:
            other.joined_into, other.dirty = main.id, True
            if other.sent_at is not None:
                main.sent_at = min(filter(None, (main.sent_at, other.sent_at)))
                main.dirty = True
            main.whole = main.whole and other.whole
            main.first = min(main.first, other.first)
            if other.shown is not None:
                other.tell(at, always=True)
            main.join(other.state, at)
            self.joined[other.id] = main.id

    def _fetch(self, ids: set[bytes], *, lock: bool) -> None:
        if ids:
            for row in self._hot.messages(ids, lock=lock):
                self._held[row[0]] = Held.of_row(row)


def nothing_said(of: State) -> State:
    """The state of a message of which nothing was said yet, with its names."""
    return State(of.provider, of.account, of.message_id, of.reference)


def _named(state: State, message_id: str | None, reference: str | None) -> State:
    if state.message_id == message_id and state.reference == reference:
        return state
    return msgspec.structs.replace(state, message_id=message_id, reference=reference)


def _first(one: str | None, other: str | None) -> str | None:
    return min((text for text in (one, other) if text is not None), default=None)
