"""What is still to be asked: one entry for each question, behind a small protocol.

The rule of this module: an entry leaves only by `done`. Whatever happens in between, a crash too,
it is there again for the next process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

import msgspec

_T = TypeVar("_T")

Maybe: TypeAlias = _T | Awaitable[_T]
"""What a method gives at once, or once it is awaited: a store can be written either way."""

Key: TypeAlias = tuple[str, str, str, str]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One question that is still to be asked.

    Attributes:
        provider: its name.
        account: its name.
        operation: which of the provider's questions.
        id: what it is about; empty where the question needs none.
        since: when the message was sent; aware. How long the provider keeps its report counts from here.
        at: when to ask; aware. Where it is further away than any pause, it counts as due: only a clock that was
            wrong sets it so.
        asked: answers so far that held no last word; the pauses grow with them.
        failed: failures in a row; the pauses after them grow with these.
    """

    provider: str
    account: str
    operation: str
    id: str = ""
    since: datetime
    at: datetime
    asked: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        for field in ("since", "at"):
            if getattr(self, field).tzinfo is None:
                raise ValueError(f"{field}: expected a datetime with its zone")

    @property
    def key(self) -> Key:
        """What an entry is known by: provider, account, operation and id. An agenda has one entry for each."""
        return (self.provider, self.account, self.operation, self.id)

    def __repr__(self) -> str:
        return f"Entry({self.provider}, {self.account!r}, {self.operation}, {self.id!r})"


class Agenda(Protocol):
    """What is still to be asked, and when each account was asked last.

    Each method is one transaction about one key, or one account; none needs two at a time. A method may
    be a coroutine function. One poller at a time asks for an account: there are no leases. What a method
    raises ends the run; nothing is lost by it.
    """

    def add(self, entry: Entry) -> Maybe[None]:
        """Put an entry on the agenda. One of the same key that is there already stays as it is."""

    def due(self, provider: str, account: str, now: datetime, limit: int) -> Maybe[Sequence[Entry]]:
        """The account's entries whose `at` is not after `now`, the earliest first, at most `limit`. They stay."""

    def next_at(self, provider: str, account: str) -> Maybe[datetime | None]:
        """The earliest `at` of the account's entries; None where it has none."""

    def put_off(self, entry: Entry) -> Maybe[None]:
        """Take the place of the entry of the same key. Where there is none any more, nothing happens."""

    def done(self, entry: Entry) -> Maybe[None]:
        """Forget the entry of this key. Where there is none any more, nothing happens."""

    def note_asked(self, provider: str, account: str, at: datetime) -> Maybe[None]:
        """Remember that the account is being asked something that has a shortest interval.

        Written before the question goes out, so that a restart keeps the interval too. It outlives the entries.
        """

    def last_asked(self, provider: str, account: str) -> Maybe[datetime | None]:
        """What `note_asked` remembered last; None where it never did."""


class MemoryAgenda:
    """An `Agenda` that lives as long as its process."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], dict[Key, Entry]] = {}
        self._asked: dict[tuple[str, str], datetime] = {}

    def add(self, entry: Entry) -> None:
        """As in `Agenda`, and likewise the others."""
        self._entries.setdefault((entry.provider, entry.account), {}).setdefault(entry.key, entry)

    def due(self, provider: str, account: str, now: datetime, limit: int) -> list[Entry]:
        found = [entry for entry in self._of(provider, account).values() if entry.at <= now]
        return sorted(found, key=lambda entry: entry.at)[:limit]

    def next_at(self, provider: str, account: str) -> datetime | None:
        return min((entry.at for entry in self._of(provider, account).values()), default=None)

    def put_off(self, entry: Entry) -> None:
        entries = self._of(entry.provider, entry.account)
        if entry.key in entries:
            entries[entry.key] = entry

    def done(self, entry: Entry) -> None:
        self._of(entry.provider, entry.account).pop(entry.key, None)

    def note_asked(self, provider: str, account: str, at: datetime) -> None:
        self._asked[provider, account] = at

    def last_asked(self, provider: str, account: str) -> datetime | None:
        return self._asked.get((provider, account))

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def _of(self, provider: str, account: str) -> dict[Key, Entry]:
        return self._entries.get((provider, account), {})
