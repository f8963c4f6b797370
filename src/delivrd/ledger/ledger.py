"""The ledger: where every message is, kept in a database.

The rule of this module: each method is one transaction, and each answer a value that needs the
store no more. No clock is read: the caller says when.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Final, Self

from delivrd.accounts import Account
from delivrd.ledger import migrations, reading, retention, writing
from delivrd.ledger import replay as replaying
from delivrd.ledger.arrivals import Arrival, make_ready
from delivrd.ledger.checks import check_place, check_size, check_texts
from delivrd.ledger.errors import RowDamaged
from delivrd.ledger.messages import Change, Message
from delivrd.ledger.names import Caller
from delivrd.ledger.reading import Count, KeptInput, KeptReport
from delivrd.ledger.replay import Accounts, Replayed
from delivrd.ledger.retention import Purged
from delivrd.ledger.store import Store, pages
from delivrd.ledger.times import micros
from delivrd.ledger.writing import Recorded, Sending
from delivrd.life import Group, Parts, RollUp, State, group, roll_up
from delivrd.phones import Phones
from delivrd.provider import Provider

PAGE: Final = 1000
"""How many rows a long answer fetches, or a bounded step takes, at a time."""


class Ledger:
    """A store of receipts, reports and the states of messages. Threads can share it.

    Lists skip a row that cannot be read, and log it (`damaged`). A number of rows, or a place, that is out of range is
    a `ValueError`.

    Args:
        store: opened; `Ledger.open` does that.
        phones: hides phone numbers; None keeps them as they are.
    """

    def __init__(self, store: Store, phones: Phones | None = None) -> None:
        self.store = store
        self._phones = phones

    @classmethod
    def open(cls, url: str | os.PathLike[str], *, phone_key: bytes | None = None, migrate: bool = False) -> Ledger:
        """Open a store.

        Args:
            url: the name of a SQLite file, `sqlite:///file.db`, or `postgresql://user@host/name`.
            phone_key: keep phone numbers as digests under this key (see `delivrd.phones`).
            migrate: make the tables, or bring them to this release, first.

        Raises:
            SchemaError: the tables are not those of this release.
            LedgerError: the store cannot be opened, or holds phone numbers in another way.
            AccountError: `phone_key` is too short.
        """
        store = Store(os.fspath(url))
        try:
            if migrate:
                migrations.migrate(store)
            store.check_schema()
            phones = None if phone_key is None else Phones(phone_key)
            store.check_phones(0 if phones is None else phones.mark)
            return cls(store, phones)
        except BaseException:
            store.close()
            raise

    def record(self, arrival: Arrival) -> Recorded:
        """Record a receipt: its input, its reports and what they make of their messages.

        When this returns, all of it is on disk; where it raises, none of it counts. Recording it
        again does no harm: a report is known by its `key`. Where the stored state of a message cannot be read
        (`RowDamaged`), its reports are kept and its state stays as it is, which is logged.

        Raises:
            LedgerError: the store failed.
            ValueError: `received_at` has no zone.
        """
        return self.record_many([arrival])[0]

    def record_many(self, arrivals: Iterable[Arrival]) -> list[Recorded]:
        """Record several receipts in one transaction: all of them, or none.

        Raises: as `record`.
        """
        ready = [make_ready(arrival, self._phones) for arrival in arrivals]
        if not ready:
            return []
        return self.store.write(lambda connection: writing.record(self.store, connection, ready))

    def sent(
        self,
        provider: Provider,
        account: Account | None = None,
        message_id: str | None = None,
        *,
        at: datetime,
        reference: str | None = None,
        recipient: str | None = None,
        group_id: str | None = None,
        channel: str | None = None,
    ) -> Message:
        """Say that a message was sent; reports that came before are joined to it.

        Can be said several times, as more becomes known: the reference first, then the provider's id.

        Args:
            provider: that it was handed to.
            account: by which; it says how ids are spelt.
            message_id: as the provider named it when it took the message.
            at: when; aware.
            reference: the gateway's own id.
            recipient: the phone; needed where the provider gives one id to many recipients.
            group_id: the fallback or multi-part group.
            channel: `sms`, `viber`, …

        Raises:
            LedgerError: the store failed.
            ValueError: there is neither an id nor a reference, the recipient is missing, or `at` has no zone.
        """
        recipient = self._hidden(recipient)
        check_texts(group_id=group_id, channel=channel)
        caller = Caller(provider, account)
        names = caller.of_message(message_id, reference, recipient)
        named = (provider.name, caller.account_name or None, message_id or None, reference or None)
        said = State(*named, (), None, recipient, group_id, channel, later_wins=caller.later_wins)
        sending = Sending(names, said, micros(at))
        return self.store.write(lambda connection: writing.record_sending(self.store, connection, sending))

    def message(
        self,
        provider: Provider,
        account: Account | None = None,
        message_id: str | None = None,
        *,
        reference: str | None = None,
        recipient: str | None = None,
    ) -> Message | None:
        """A message by the names that the gateway has for it; None where nothing is known of it.

        Args: as `sent`. The id is spelt as when the message was sent.

        Raises: as `sent`.
        """
        recipient = self._hidden(recipient)
        names = Caller(provider, account).of_message(message_id, reference, recipient)
        return self.store.read(lambda connection: reading.message(connection, names.main))

    def find(self, name: str, *, limit: int = 100) -> list[Message]:
        """The messages of any provider that have this id or reference as sent, or this id in the store.

        Of an id that an account spells in two ways, the first by letter is found; `message` knows both.

        Raises:
            LedgerError: the store failed.
            RowDamaged: the only message of that name cannot be read.
            ValueError: the name is no text, or `limit` is out of range.
        """
        check_texts(name=name)
        check_size("limit", limit)
        return self.store.read(lambda connection: reading.find(connection, name, limit))

    def history(self, message: Message) -> list[KeptReport]:
        """The reports of a message that are still kept, each with its raw input, in the order in which they came.

        Raises:
            LedgerError: the store failed.
        """
        return self.store.read(lambda connection: reading.history(connection, bytes.fromhex(message.id)))

    def group(
        self, provider: Provider, account: Account | None, group_id: str, *, more_channels: bool = False
    ) -> Group | None:
        """A fallback group as one; None where nothing is known of it.

        Args:
            provider, account: whose it is.
            group_id: as sent.
            more_channels: the gateway knows of channels that were not heard of yet.

        Raises:
            RowDamaged: a message of the group cannot be read: without it, the group could be judged wrongly.
            LedgerError: the store failed.
            ValueError: `group_id` is no text.
        """
        check_texts(group_id=group_id)
        name = Caller(provider, account).account_name
        found = self.store.read(lambda connection: reading.group(connection, provider.name, name, group_id))
        return group((each.state for each in found), more_channels=more_channels) if found else None

    def parts(
        self,
        provider: Provider,
        account: Account | None,
        message_ids: Iterable[str],
        *,
        recipient: str | None = None,
        rule: RollUp = RollUp.ALL,
    ) -> Parts:
        """The parts of a long message as one.

        Args:
            provider, account: whose it is.
            message_ids: of its parts, in order, as they were given when it was sent.
            recipient: where the provider gives one id to many recipients.
            rule: by which parts it is judged.

        Raises:
            LedgerError: the store failed.
            RowDamaged: a part cannot be read.
            ValueError: there is no part.
        """
        caller, recipient = Caller(provider, account), self._hidden(recipient)
        names = [caller.of_message(each, None, recipient) for each in message_ids]
        found = self.store.read(lambda connection: [reading.message(connection, each.main) for each in names])
        return roll_up([None if each is None else each.state for each in found], rule)

    def pending(
        self, *, before: datetime | None = None, provider: str | None = None, page: int = PAGE
    ) -> Iterator[Message]:
        """The messages without a final status, the most silent first, however many there are.

        Args:
            before: only those of which nothing was heard since; aware.
            provider: only those of this provider, by its name.
            page: how many are fetched at a time.

        Raises:
            LedgerError: the store failed.
            ValueError: `before` has no zone, or `page` is below 1.
        """
        check_size("page", page)
        step = partial(reading.pending, before=before, provider=provider, limit=page)
        for found in pages(self.store.read, step):
            yield from found.messages

    def changes(self, cursor: int = 0, *, limit: int = PAGE) -> list[Change]:
        """The changes of state after a position, in order; the changes of one message in theirs.

        Go on from the `position` of the last one. Keep it together with what was made of the
        changes, and each is followed exactly once.

        Raises:
            CursorTooOld: changes after the cursor were purged.
            RowDamaged: the next change cannot be read. Read its message, and go on from the error's `restart`.
            LedgerError: the store failed, or has no change at the cursor yet: it is another store's.
            ValueError: `cursor` or `limit` is out of range.
        """
        check_place("cursor", cursor)
        check_size("limit", limit)
        if not self.store.is_sqlite:
            self.store.write(lambda connection: self.store.place_changes(connection, limit))
        return self.store.read(lambda connection: reading.changes_after(self.store, connection, cursor, limit))

    def counts(self, since: datetime, until: datetime) -> list[Count]:
        """How many messages, by the hour in which they were first heard of, provider, account, status and cause.

        Args:
            since, until: aware; whole hours are counted, that of `since` to that which ends at or after `until`.

        Raises:
            LedgerError: the store failed.
            ValueError: a time has no zone.
        """
        return self.store.read(lambda connection: reading.counts(connection, since, until))

    def newest(self, *, limit: int = 100, unlisted: bool = False) -> list[KeptReport]:
        """The reports that came last, the newest first.

        Args:
            limit: how many.
            unlisted: only those with a code that no table lists.

        Raises:
            LedgerError: the store failed.
        """
        check_size("limit", limit)
        return self.store.read(lambda connection: reading.newest(connection, limit, unlisted=unlisted))

    def strays(self, after: int = 0, *, limit: int = PAGE, last: bool = False) -> list[KeptInput]:
        """The inputs that held something other than reports, in the order in which they were recorded.

        Args:
            after: the number of the last one that was seen.
            limit: how many.
            last: those that were recorded last, the latest first.

        Raises:
            LedgerError: the store failed.
        """
        check_place("after", after)
        check_size("limit", limit)
        return self.store.read(lambda connection: reading.strays(connection, after, limit, last=last))

    def time_out(
        self, providers: Mapping[str, Provider], now: datetime, after: timedelta, *, limit: int = PAGE
    ) -> list[Message]:
        """Take the silence of messages for an answer (`delivrd.life.overdue`), the most silent first.

        Args:
            providers: by name; their habits of falling silent count.
            now: aware.
            after: how long a silence is an answer.
            limit: how many messages at most; call it again until it gives none.

        Returns:
            The messages that timed out.

        Raises:
            LedgerError: the store failed.
            ValueError: `now` has no zone, or `limit` is out of range.
        """
        check_size("limit", limit)
        habits = {name: provider.silent_after for name, provider in providers.items()}
        return self.store.write(lambda connection: writing.time_out(self.store, connection, now, after, habits, limit))

    def replay(
        self,
        providers: Mapping[str, Provider],
        accounts: Accounts = replaying.no_account,
        *,
        apply_at: datetime | None = None,
        page: int = PAGE,
    ) -> Iterator[Replayed]:
        """Read the kept inputs again with today's tables, message by message, and tell what comes out otherwise.

        Args:
            providers: by name.
            accounts: gives the account to read with, by the names of its provider and its own. Inputs that came
                without an account's name are read without one.
            apply_at: change the states, as of this time; aware. None only tells what would change.
            page: how many messages a step takes; each is one transaction.

        Raises:
            LedgerError: the store failed.
            ValueError: `apply_at` has no zone, or `page` is below 1.
        """
        check_size("page", page)
        now = None if apply_at is None else micros(apply_at, "apply_at")
        run = self.store.read if now is None else self.store.write
        reader = (providers, accounts, self._phones)
        yield from pages(run, partial(replaying.replay, self.store, reader=reader, limit=page, now=now))

    def purge(self, before: datetime, *, limit: int = PAGE) -> Purged:
        """Let inputs, reports and told changes that came before a time go; the states stay.

        One bounded step: call it again while `Purged.any`.

        Raises:
            LedgerError: the store failed.
            ValueError: `before` has no zone, or `limit` is below 1.
        """
        check_size("limit", limit)
        held = micros(before, "before")
        return self.store.write(lambda connection: retention.purge(self.store, connection, held, limit))

    def damaged(self, *, page: int = PAGE) -> Iterator[RowDamaged]:
        """Look through the whole store for rows that cannot be read: damaged ones, and those of a newer release.

        Args:
            page: how many rows are looked at at a time; each page is one transaction.

        Raises:
            LedgerError: the store failed.
        """
        check_size("page", page)
        for table in reading.CHECKED:
            for found in pages(self.store.read, partial(reading.damaged, table=table, limit=page)):
                yield from found.rows

    def close(self) -> None:
        """Give the store's connections back."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Ledger on {self.store.url.get_backend_name()}>"

    def _hidden(self, recipient: str | None) -> str | None:
        check_texts(recipient=recipient)
        return recipient if recipient is None or self._phones is None else self._phones.digest(recipient)
