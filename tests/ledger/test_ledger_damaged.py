"""Rows that cannot be read: damaged ones, and those of a newer release. Each costs itself and hides no other."""

from __future__ import annotations

import asyncio
import json
import logging

import msgspec
import pytest
from callbacks import ACME, NOON, arrival, at
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select, update

from delivrd import Status
from delivrd.cli import main
from delivrd.ledger import Kept, Ledger, LedgerError, RowDamaged
from delivrd.ledger.agenda import LedgerAgenda
from delivrd.ledger.schema import agenda, changes, inputs, messages, reports
from delivrd.poll.agenda import Entry

NEWER = b'{"provider":"acme","account":null,"message_id":"m1","claims":[{"status":"teleported","final":true}]}'
DAMAGE = [b"", b"{", b"\xff\xfe", b"null", b"[" * 500, NEWER, b'{"provider":1}']
COLUMNS = {messages: "state", changes: "state", reports: "body", inputs: "line"}


def damage(ledger: Ledger, table, where, content: bytes = NEWER) -> None:
    """Write something else into a row."""
    spoilt = update(table).where(where).values({COLUMNS[table]: bindparam("content", content)})
    ledger.store.write(lambda connection: connection.execute(spoilt))


def row_of(ledger: Ledger, message_id: str) -> bytes:
    return bytes.fromhex(ledger.message(ACME, None, message_id).id)


@pytest.fixture
def kept(ledger) -> Ledger:
    """Three messages, each pending, and each with one report."""
    for number in range(3):
        ledger.record(arrival(number, id=f"m{number}", stat="SENT"))
    return ledger


@pytest.fixture
def spoilt(kept) -> tuple[Ledger, bytes]:
    """The same, with a state of the second that cannot be read; and that message's row."""
    row = row_of(kept, "m1")
    damage(kept, messages, messages.c.id == row)
    return kept, row


def test_a_message_that_cannot_be_read_is_an_error_that_names_its_row_and_shows_nothing_of_it(spoilt):
    ledger, row = spoilt
    asks = [
        lambda: ledger.message(ACME, None, "m1"),
        lambda: ledger.find("m1"),
        lambda: ledger.find(row.hex()),
        lambda: ledger.parts(ACME, None, ["m0", "m1"]),
        lambda: ledger.sent(ACME, None, "m1", at=NOON),
    ]
    for ask in asks:
        with pytest.raises(RowDamaged, match=f"messages, row {row.hex()}: it cannot be read") as caught:
            ask()
        assert "teleported" not in f"{caught.value}{caught.value.__cause__}"
    assert [each.state.message_id for each in ledger.find("m0")] == ["m0"]


def test_lists_skip_what_cannot_be_read_and_fill_its_place_and_log_it_once(spoilt, caplog):
    ledger, row = spoilt
    with caplog.at_level(logging.ERROR, "delivrd.ledger"):
        for _ in range(3):
            assert [each.state.message_id for each in ledger.pending()] == ["m0", "m2"]
            assert [each.state.message_id for each in ledger.pending(page=1)] == ["m0", "m2"]
    assert [record.getMessage().partition(": it")[0] for record in caplog.records] == [
        f"skipped: messages, row {row.hex()}"
    ]
    newest = ledger.newest()[0]
    damage(ledger, reports, reports.c.key == bytes.fromhex(newest.report.key), b"{")
    assert [kept.report.message_id for kept in ledger.newest(limit=1)] == ["m1"]
    assert [kept.report.message_id for kept in ledger.newest()] == ["m1", "m0"]
    assert ledger.history(ledger.message(ACME, None, "m2")) == []


def test_an_input_that_cannot_be_read_hides_no_report_and_no_other_input(kept):
    for minute in (6, 7):
        kept.record(msgspec.structs.replace(arrival(minute, id="x", stat="SENT"), receipt=empty()))
    damage(kept, inputs, inputs.c.id > 0, b"{")
    assert {each.input for each in kept.newest()} == {None}
    assert len(kept.newest()) == 3
    numbers = [each.number for each in kept.strays()]
    assert len(numbers) == 2
    assert [each.number for each in kept.strays(last=True, limit=1)] == numbers[-1:]
    assert [each.number for each in kept.strays(numbers[0])] == numbers[1:]


def empty():
    return msgspec.structs.replace(arrival(0, id="x", stat="OK").receipt, reports=(), others=({"a": "b"},))


def test_whoever_follows_every_change_is_told_of_one_that_cannot_be_read_and_where_to_go_on(kept):
    positions = [change.position for change in kept.changes()]
    place = kept.store.place
    damage(kept, changes, place == positions[1])
    before = kept.changes()
    assert [change.position for change in before] == positions[:1]
    with pytest.raises(RowDamaged, match=f"changes, row {positions[1]}: it cannot be read") as caught:
        kept.changes(before[-1].position)
    assert caught.value.restart == positions[1]
    assert [change.position for change in kept.changes(caught.value.restart)] == positions[2:]


def test_a_report_for_a_message_that_cannot_be_read_is_kept_and_makes_its_state_again_later(spoilt):
    ledger, row = spoilt
    recorded = ledger.record(arrival(9, id="m1", ref="r", stat="OK"))
    assert ([each.status for each in recorded.new], recorded.changed) == ([Status.DELIVERED], ())
    # What cannot be read may be a newer release's: it is not written over.
    state = ledger.store.read(
        lambda connection: connection.execute(select(messages.c.state).where(messages.c.id == row)).scalar_one()
    )
    assert state == NEWER
    assert len(ledger.record(arrival(9, id="m1", ref="r", stat="OK")).repeated) == 1
    assert [each.state.message_id for each in ledger.record(arrival(9, id="m2", stat="OK")).changed] == ["m2"]
    (look,) = [each for step in ledger.replay({"acme": ACME}) for each in step.differences]
    assert (look.id, look.before, look.after.status) == (row.hex(), None, Status.DELIVERED)
    cursor = ledger.changes()[-1].position
    list(ledger.replay({"acme": ACME}, apply_at=at(20)))
    message = ledger.message(ACME, None, "m1")
    assert (message.state.status, message.state.message_id) == (Status.DELIVERED, "m1")
    assert [claim.status for claim in message.state.claims] == [Status.DELIVERED, Status.SENT]
    assert [change.state.message_id for change in ledger.changes(cursor)] == ["m1"]
    assert list(ledger.damaged()) == []


def test_what_cannot_be_made_again_is_told_by_a_replay_and_hides_no_other(spoilt):
    ledger, row = spoilt
    damage(ledger, inputs, inputs.c.id > 0, b"{")
    found = [each for step in ledger.replay({"acme": ACME}, page=1) for each in step.differences]
    assert {each.why for each in found} == {Kept.UNREADABLE}
    assert len(found) == 3
    assert [each.before is None for each in sorted(found, key=lambda each: each.id == row.hex())] == [
        False,
        False,
        True,
    ]


def test_silence_is_found_behind_messages_that_cannot_be_read(kept):
    for name in ("m0", "m1"):
        damage(kept, messages, messages.c.id == row_of(kept, name))
    assert [each.state.message_id for each in kept.time_out({}, at(600), at(60) - NOON, limit=1)] == ["m2"]
    assert kept.time_out({}, at(600), at(60) - NOON, limit=1) == []


def test_counts_of_a_status_that_no_release_here_knows_hide_no_other(kept):
    newer = update(messages).where(messages.c.id == row_of(kept, "m1")).values(status="teleported")
    kept.store.write(lambda connection: connection.execute(newer))
    assert [(each.status, each.messages) for each in kept.counts(NOON, at(60))] == [(Status.SENT, 2)]


def test_a_group_with_a_message_that_cannot_be_read_is_not_judged(ledger):
    for name in ("a", "b"):
        ledger.record(arrival(0, id=name, group="g", stat="BAD"))
    damage(ledger, messages, messages.c.id == row_of(ledger, "a"))
    with pytest.raises(RowDamaged):
        ledger.group(ACME, None, "g")


@pytest.mark.parametrize("table", ["reports", "inputs", "changes", "agenda"])
def test_a_replay_is_no_remedy_for_what_it_does_not_make_again(table):
    assert "replay" in str(RowDamaged("messages", "1", "ValueError"))
    assert str(RowDamaged(table, "1", "ValueError")).endswith("read it with the release that wrote it")


def test_a_question_that_cannot_be_read_holds_up_no_other(ledger):
    book = LedgerAgenda(ledger)
    entries = [
        Entry(provider="acme", account="", operation="status", id=f"m{n}", since=at(n), at=at(n)) for n in range(3)
    ]

    async def run():
        for entry in entries:
            await book.add(entry)
        spoil = update(agenda).where(agenda.c.id == b"m0").values(since=(1 << 63) - 1)
        ledger.store.write(lambda connection: connection.execute(spoil))
        return await book.due("acme", "", at(60), 1), await book.due("acme", "", at(60), 10)

    assert asyncio.run(run()) == (entries[1:2], entries[1:])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(list(COLUMNS)), st.sampled_from(DAMAGE) | st.binary(max_size=20).filter(lambda b: b.strip() != b"")
)
def test_whatever_a_row_holds_nothing_but_its_own_error_comes_of_it(kept, table, content):
    key = next(iter(table.primary_key))

    def spoil(connection):
        first = connection.execute(select(key, table.c[COLUMNS[table]]).order_by(key).limit(1)).one()
        connection.execute(update(table).where(key == first[0]).values({COLUMNS[table]: content}))
        return first

    was = kept.store.write(spoil)
    try:
        assert len(list(kept.pending())) >= 2
        assert len(kept.newest()) >= 2
        kept.strays()
        list(kept.replay({"acme": ACME}))
        found = []
        for ask in (lambda: kept.find("m0"), kept.changes):
            try:
                ask()
            except RowDamaged as error:
                found.append(error.table)
        assert set(found) <= {table.name}
        kept.record(arrival(3, id="m0", stat="SENT"))
        assert {each.table for each in kept.damaged(page=1)} <= {table.name}
    finally:
        back = update(table).where(key == was[0]).values({COLUMNS[table]: was[1]})
        kept.store.write(lambda connection: connection.execute(back))


def test_the_command_line_lists_what_cannot_be_read(url, spoilt):
    ledger, row = spoilt
    run = CliRunner().invoke(main, ["ledger", "--store", url, "check"])
    assert run.exit_code == 1
    (told,) = map(json.loads, run.stdout.splitlines())
    assert (told["table"], told["row"]) == ("messages", row.hex())
    run = CliRunner().invoke(main, ["ledger", "--store", url, "pending", "--format", "json"])
    assert [json.loads(line)["message_id"] for line in run.stdout.splitlines()] == ["m0", "m2"]
    damage(ledger, messages, messages.c.id == row, b'{"provider":"acme","account":null,"message_id":"m1"}')
    assert CliRunner().invoke(main, ["ledger", "--store", url, "check"]).exit_code == 0


@pytest.mark.parametrize("number", [0, -1, 1_000_001, 1 << 63, 10**30, True, 1.5, "1", None])
def test_a_number_of_rows_that_cannot_be_meant_is_refused(ledger, number):
    asks = [
        lambda: ledger.newest(limit=number),
        lambda: ledger.find("x", limit=number),
        lambda: ledger.strays(limit=number),
        lambda: ledger.changes(limit=number),
        lambda: ledger.time_out({}, NOON, at(1) - NOON, limit=number),
        lambda: ledger.purge(NOON, limit=number),
        lambda: list(ledger.pending(page=number)),
        lambda: list(ledger.replay({}, page=number)),
        lambda: list(ledger.damaged(page=number)),
    ]
    for ask in asks:
        with pytest.raises(ValueError, match=r"(limit|page): expected a whole number from 1 to 1000000"):
            ask()


@pytest.mark.parametrize("number", [-1, 1 << 63, 10**30, True, 1.5, "1", None])
def test_a_place_that_no_store_has_is_refused(ledger, number):
    with pytest.raises(ValueError, match="cursor: expected a whole number from 0"):
        ledger.changes(number)
    with pytest.raises(ValueError, match="after: expected a whole number from 0"):
        ledger.strays(number)
    with pytest.raises(LedgerError, match="beyond the last change"):
        ledger.changes((1 << 63) - 1)
