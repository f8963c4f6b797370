"""The ledger under asyncio: receipts share transactions, and none takes another with it."""

from __future__ import annotations

import asyncio
import threading

import pytest
from callbacks import ACME, arrival, at

from delivrd.ledger import Arrival, AsyncLedger, Ledger, LedgerError


def test_receipts_that_come_together_share_a_transaction_and_each_gets_its_own_answer(ledger, monkeypatch):
    sizes = []
    record_many = Ledger.record_many
    monkeypatch.setattr(Ledger, "record_many", lambda self, some: (sizes.append(len(some)), record_many(self, some))[1])

    async def gateway():
        shared = AsyncLedger(ledger, together=50)
        made = await asyncio.gather(*(shared.record(arrival(n, id=f"m{n}", stat="OK")) for n in range(120)))
        assert [each.new[0].message_id for each in made] == [f"m{n}" for n in range(120)]
        found = await shared.run(Ledger.message, ACME, None, "m7")
        assert found.state.final
        assert len(await shared.run(Ledger.changes, 0, limit=500)) == 120
        await shared.close()

    asyncio.run(gateway())
    assert sizes == [50, 50, 20]


def test_one_that_cannot_be_written_takes_no_other_with_it(ledger):
    naive = at(0).replace(tzinfo=None)

    async def gateway():
        shared = AsyncLedger(ledger)
        good = arrival(0, id="m1", stat="OK")
        bad = Arrival(good.provider, good.input, good.receipt, naive)
        made = await asyncio.gather(
            shared.record(good), shared.record(bad), shared.record(good), return_exceptions=True
        )
        assert [len(made[0].new), len(made[2].repeated)] == [1, 1]
        assert isinstance(made[1], ValueError)
        with pytest.raises(ValueError, match="received_at"):
            await shared.record(bad)

    asyncio.run(gateway())


def test_who_is_cancelled_waits_no_more_and_what_it_brought_is_kept(ledger, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()
    record_many = Ledger.record_many

    def slow(self, some):
        entered.set()
        assert go_on.wait(30)
        return record_many(self, some)

    monkeypatch.setattr(Ledger, "record_many", slow)

    async def gateway():
        async with AsyncLedger(ledger) as shared:
            cancelled = asyncio.create_task(shared.record(arrival(0, id="m1", stat="OK")))
            await asyncio.to_thread(entered.wait, 30)
            waits = asyncio.create_task(shared.record(arrival(1, id="m2", stat="OK")))
            cancelled.cancel()
            go_on.set()
            assert (await waits).new
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert await shared.run(Ledger.message, ACME, None, "m1") is not None

    asyncio.run(gateway())


def test_a_store_that_fails_is_told_to_everybody_who_waits(ledger):
    ledger.store.write(lambda connection: connection.exec_driver_sql("DROP TABLE reports"))

    async def gateway():
        shared = AsyncLedger(ledger)
        made = await asyncio.gather(
            *(shared.record(arrival(n, id="m1", stat="OK")) for n in range(3)), return_exceptions=True
        )
        assert [type(each) for each in made] == [LedgerError] * 3

    asyncio.run(gateway())


def test_no_receipt_at_all_cannot_share_a_transaction(ledger):
    with pytest.raises(ValueError, match="together"):
        AsyncLedger(ledger, together=0)
