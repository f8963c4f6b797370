"""Races, odd values and misuse: what breaks stores, and must not break this one."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from callbacks import ACME, NOON, PAGE, READING, ROWS, arrival, at
from sqlalchemy import event

from delivrd import Account, BodyKind, CodeTable, DeliverSm, Provider, Push, Receipt, Request, Status
from delivrd.ledger import Arrival, AsyncLedger, CursorTooOld, Kept, Ledger, LedgerError


@pytest.fixture
def other(url, ledger):
    """The same store, as another process has it."""
    with Ledger.open(url) as opened:
        yield opened


@pytest.fixture
def postgresql(ledger):
    if ledger.store.is_sqlite:
        pytest.skip("SQLite has one writer at a time: there is no such race")


def just_before(ledger: Ledger, statement: str, act) -> None:
    """Do something just before the ledger first runs a statement that begins like this."""

    @event.listens_for(ledger.store.engine, "before_cursor_execute")
    def look(connection, cursor, words, *_):
        if words.startswith(statement) and not done:
            done.append(True)
            act()

    done: list[bool] = []


@pytest.mark.usefixtures("postgresql")
def test_a_message_that_is_joined_while_it_is_purged_still_says_that_it_is_not_whole(ledger, other):
    ledger.record(arrival(0, ref="r", stat="BAD"))

    def join():
        other.sent(ACME, None, "m", reference="r", at=at(1))
        other.record(arrival(60, id="m", ref="r", stat="SENT"))

    just_before(ledger, "SELECT reports.message", join)
    ledger.purge(at(30))
    message = ledger.message(ACME, None, "m")
    assert (message.state.status, message.whole) == (Status.UNDELIVERED, False)
    (step,) = ledger.replay({"acme": ACME}, apply_at=at(99))
    assert [each.why for each in step.differences] == [Kept.PURGED]


@pytest.mark.usefixtures("postgresql")
def test_two_that_purge_at_once_leave_no_gap_that_is_not_told(ledger, other):
    ledger.record_many([arrival(n, id=f"m{n}", stat="OK") for n in range(10)])
    assert len(ledger.changes()) == 10
    purged = []
    # It waits for the other one, and then sees what that has left.
    late = threading.Thread(target=lambda: purged.append(other.purge(at(60)).changes))
    just_before(ledger, "SELECT marks.value", late.start)
    purged.append(ledger.purge(at(60), limit=3).changes)
    late.join()
    assert sum(purged) == 10
    with pytest.raises(CursorTooOld) as caught:
        ledger.changes(3)
    assert caught.value.restart == 10


def test_a_report_that_stands_twice_in_one_input_is_new_once(ledger):
    push = Push(reading=READING, bodies=(BodyKind.JSON,), items="")
    table = CodeTable("stat", ROWS, PAGE)
    batch = Provider(name="acme", vendor="A", title="A", docs=PAGE, tables=(table,), ways=(push,))
    body = b'[{"id": "m", "stat": "OK"}, {"id": "m", "stat": "OK"}]'
    request = Request("POST", "/", {"Content-Type": "application/json"}, body)
    recorded = ledger.record(Arrival(batch, request, batch.read(request, received_at=at(0)), at(0)))
    assert (len(recorded.new), len(recorded.repeated)) == (1, 1)
    assert ledger.history(recorded.changed[0])[0].times == 2


@pytest.mark.parametrize(
    "far",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-14))),
    ],
)
def test_a_time_that_no_clock_shows_is_refused_before_it_is_kept(ledger, far):
    with pytest.raises(ValueError, match="received_at: expected a time from the year 1"):
        ledger.record(msgspec.structs.replace(arrival(0, id="m", stat="OK"), received_at=far))
    with pytest.raises(ValueError, match="at: expected a time from the year 1"):
        ledger.sent(ACME, None, "m", at=far)
    assert ledger.changes() == []


def test_a_process_that_forks_shares_no_connection(ledger):
    ledger.record(arrival(0, id="m0", stat="OK"))
    children = []
    for child in range(3):
        process = os.fork()
        if not process:
            code = 1
            try:
                for number in range(20):
                    ledger.record(arrival(number, id=f"m{child}-{number}", stat="OK"))
                code = 0
            finally:
                os._exit(code)
        children.append(process)
    ledger.record(arrival(1, id="m1", stat="OK"))
    assert [os.waitpid(process, 0)[1] for process in children] == [0, 0, 0]
    assert len(ledger.changes()) == 62


def test_threads_share_a_ledger(ledger):
    with ThreadPoolExecutor(24) as pool:
        made = list(pool.map(lambda n: ledger.record(arrival(n % 7, id=f"m{n % 5}", stat="OK")), range(120)))
    assert sum(len(each.new) for each in made) == 5
    assert sum(kept.times for n in range(5) for kept in ledger.history(ledger.message(ACME, None, f"m{n}"))) == 120


@pytest.mark.usefixtures("postgresql")
def test_a_server_that_was_restarted_is_found_again(ledger, other):
    ledger.record(arrival(0, id="m1", stat="SENT"))

    def kill(connection):
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )

    other.store.write(kill)
    assert ledger.message(ACME, None, "m1").state.status is Status.SENT
    other.store.write(kill)
    assert ledger.record(arrival(1, id="m1", stat="OK")).new


def test_any_of_its_names_finds_a_message_and_long_ones_are_not_taken_for_each_other(ledger):
    ledger.sent(ACME, None, "m", reference="r1", at=at(0))
    ledger.record(arrival(1, id="m", ref="r2", stat="OK"))
    assert ledger.find("r1") == ledger.find("r2") == ledger.find("m")
    for end in "ab":
        ledger.record(arrival(1, id="x" * 300 + end, group="g" * 300 + end, stat="OK"))
    assert [each.state.message_id[-1] for each in ledger.find("x" * 300 + "a")] == ["a"]
    assert ledger.find("x" * 255) == []
    assert ledger.group(ACME, None, "g" * 300 + "a").winner.message_id.endswith("a")


def test_the_history_of_a_message_that_was_joined_to_another_is_that_of_the_other(ledger):
    ledger.record(arrival(0, ref="r", stat="SENT"))
    before = ledger.message(ACME, None, reference="r")
    after = ledger.sent(ACME, None, "m", reference="r", at=at(2))
    assert ledger.history(before) == ledger.history(after) != []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_hour_of_a_message_is_that_in_which_it_was_first_heard_of_in_any_order(ledger, order):
    came = [arrival(0, id="m", stat="ACC"), arrival(120, id="m", stat="OK")]
    for each in order:
        ledger.record(came[each])
    (counted,) = ledger.counts(at(0), at(240))
    assert counted.hour == NOON


def test_a_report_that_came_in_time_and_was_recorded_late_breaks_the_silence(ledger):
    ledger.sent(ACME, None, "m", at=at(0))
    (out,) = ledger.time_out({"acme": ACME}, at(60), timedelta(hours=1))
    assert out.state.final
    ledger.record(arrival(59.9, id="m", stat="SENT"))
    (pending,) = ledger.pending()
    assert (pending.state.status, pending.state.final) == (Status.SENT, False)


def test_no_secret_of_a_pdu_is_kept_and_none_of_a_question(ledger):
    account = Account(secrets=["a-long-secret"])
    pdu = DeliverSm(4, "a-long-secret", "1", b"id:a-long-secret", {0x1E: b"a-long-secret"})
    ledger.record(Arrival(ACME, pdu, Receipt(), at(0), account, asked="a-long-secret"))
    ledger.record(Arrival(ACME, pdu, Receipt(others=({"a": "b"},)), at(0), account, asked="a-long-secret"))
    (kept,) = ledger.strays()
    assert kept.input.asked == "***"
    assert kept.input.input == DeliverSm(4, "***", "1", b"id:***", {0x1E: b"***"})


@pytest.mark.parametrize("name", ["", ":memory:", "sqlite:///file::memory:?uri=true", "sqlite:///x.db?mode=memory"])
def test_a_store_that_would_be_lost_is_refused(name):
    with pytest.raises(LedgerError, match="expected the name of a file"):
        Ledger.open(name, migrate=True)


def test_a_driver_that_is_missing_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=re.escape("pip install 'delivrd[postgresql]'")):
        Ledger.open("postgresql://nobody@/nothing")


def test_asking_a_store_that_is_not_there_makes_none(tmp_path):
    with pytest.raises(LedgerError, match="no tables yet"):
        Ledger.open(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_an_account_of_any_name_has_messages(ledger):
    odd = Account(name="a\0b")
    ledger.record(arrival(0, odd, id="m", group="g", stat="OK"))
    assert ledger.message(ACME, odd, "m").state.account == "a\0b"
    assert ledger.group(ACME, odd, "g").outcome.value == "success"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda ledger: ledger.changes(5), "cursor: it is beyond the last change"),
        (lambda ledger: ledger.changes(limit=0), "limit: expected a whole number from 1"),
        (lambda ledger: list(ledger.pending(page=0)), "page: expected a whole number from 1"),
        (lambda ledger: list(ledger.replay({}, page=0)), "page: expected a whole number from 1"),
        (lambda ledger: ledger.purge(at(0), limit=0), "limit: expected a whole number from 1"),
        (lambda ledger: ledger.time_out({}, at(0), timedelta.max), "after: expected a span"),
        (lambda ledger: ledger.sent(ACME, None, 5, at=at(0)), "message_id: expected a text"),
        (lambda ledger: ledger.sent(ACME, None, "m", at=at(0), group_id="\ud800"), "group_id: expected a text"),
        (lambda ledger: ledger.find("\ud800"), "name: expected a text"),
        (
            lambda ledger: ledger.record(
                msgspec.structs.replace(arrival(0, Account(name="x"), id="m", stat="OK"), account=None)
            ),
            "account: expected the account that the receipt was read for",
        ),
    ],
)
def test_misuse_is_refused_with_the_name_of_what_is_wrong(ledger, call, said):
    with pytest.raises((ValueError, LedgerError), match=said):
        call(ledger)


def test_who_grows_tired_of_closing_stops_nobody_who_waits(ledger, monkeypatch):
    go_on = threading.Event()
    record_many = Ledger.record_many
    monkeypatch.setattr(Ledger, "record_many", lambda self, some: (go_on.wait(30), record_many(self, some))[1])

    async def gateway():
        shared = AsyncLedger(ledger, together=1)
        waiting = [asyncio.create_task(shared.record(arrival(n, id=f"m{n}", stat="OK"))) for n in range(3)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(shared.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        go_on.set()
        assert [len(each.new) for each in await asyncio.gather(*waiting)] == [1, 1, 1]
        with pytest.raises(LedgerError, match="was closed"):
            await shared.record(arrival(9, id="m9", stat="OK"))
        await shared.close()

    asyncio.run(gateway())


def test_an_answer_in_pieces_is_read_in_the_thread_that_began_it(ledger):
    ledger.sent(ACME, None, "m", at=datetime(2026, 5, 1, tzinfo=UTC))

    async def gateway():
        async with AsyncLedger(ledger) as shared:
            assert [each.state.message_id for each in await shared.run(Ledger.pending)] == ["m"]

    asyncio.run(gateway())
