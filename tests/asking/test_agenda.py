"""What every agenda promises. A store of its own is tested by giving it to `agenda`."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from desk import START

from delivrd.ledger import Ledger
from delivrd.ledger.agenda import LedgerAgenda
from delivrd.poll import Agenda, Entry, MemoryAgenda
from delivrd.poll.asker import settle


class Settled:
    """An agenda whose methods are called as plain functions, whether they are or not."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda

    def __getattr__(self, name: str):
        method = getattr(self._agenda, name)

        def call(*args):
            async def settled():
                return await settle(method(*args))

            return asyncio.run(settled())

        return call


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def agenda(request, tmp_path):
    if request.param == "memory":
        yield Settled(MemoryAgenda())
        return
    url = tmp_path / "agenda.db" if request.param == "sqlite" else request.getfixturevalue("server").new_database()
    with Ledger.open(url, migrate=True) as ledger:
        yield Settled(LedgerAgenda(ledger))


def entry(id: str = "1", minutes: int = 0, account: str = "main") -> Entry:
    at = START + timedelta(minutes=minutes)
    return Entry(provider="acme", account=account, operation="status", id=id, since=START, at=at)


def test_what_is_due_comes_earliest_first_and_stays(agenda):
    for id, minutes in (("late", 9), ("second", 2), ("first", 1)):
        agenda.add(entry(id, minutes))
    now = START + timedelta(minutes=2)
    for _ in range(2):
        assert [each.id for each in agenda.due("acme", "main", now, 10)] == ["first", "second"]
    assert [each.id for each in agenda.due("acme", "main", now, 1)] == ["first"]
    assert agenda.next_at("acme", "main") == START + timedelta(minutes=1)


def test_an_entry_that_is_there_already_stays_as_it_is(agenda):
    agenda.add(entry(minutes=5))
    agenda.add(entry(minutes=1))
    assert agenda.next_at("acme", "main") == START + timedelta(minutes=5)


def test_accounts_are_kept_apart(agenda):
    agenda.add(entry(account="other"))
    assert agenda.due("acme", "main", START, 10) == []
    assert agenda.next_at("acme", "main") is None
    assert len(agenda.due("acme", "other", START, 10)) == 1


def test_an_entry_is_put_off_with_all_that_it_counts(agenda):
    agenda.add(entry())
    later = msgspec.structs.replace(entry(minutes=3), asked=2, failed=1)
    agenda.put_off(later)
    assert agenda.due("acme", "main", START, 10) == []
    assert agenda.due("acme", "main", later.at, 10) == [later]


def test_what_is_done_is_forgotten_and_cannot_be_put_off(agenda):
    agenda.add(entry())
    agenda.done(entry())
    agenda.done(entry())
    agenda.put_off(entry(minutes=1))
    assert agenda.next_at("acme", "main") is None


def test_when_an_account_was_asked_last_outlives_its_entries(agenda):
    assert agenda.last_asked("acme", "main") is None
    agenda.add(entry())
    agenda.note_asked("acme", "main", START)
    agenda.done(entry())
    assert agenda.last_asked("acme", "main") == START
    assert agenda.last_asked("acme", "other") is None


def test_an_entry_needs_times_with_a_zone_and_shows_what_it_is():
    with pytest.raises(ValueError, match="since: expected a datetime with its zone"):
        Entry(provider="a", account="b", operation="c", since=START.replace(tzinfo=None), at=START)
    with pytest.raises(ValueError, match="at: expected"):
        Entry(provider="a", account="b", operation="c", since=START, at=START.replace(tzinfo=None))
    assert repr(entry()) == "Entry(acme, 'main', status, '1')"
