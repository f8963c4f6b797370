"""The ledger as a handler: what is answered as received is on disk."""

from __future__ import annotations

from contextlib import closing

import pytest
from servers import exchange, on_uvicorn, on_wsgiref
from test_receiving import ACCOUNTS, FORM, KIND, SECRET

import delivrd.asgi
import delivrd.wsgi
from delivrd.ledger import Arrival, AsyncLedger, Ledger
from delivrd.receiving import Received, Receiver

TARGET = f"/dlr/us?secret={SECRET}"


def arrival(received: Received) -> Arrival:
    return Arrival(received.provider, received.input, received.receipt, received.received_at, received.account)


def send(port: int) -> int:
    return exchange(port, "POST", TARGET, FORM, {"Content-Type": KIND}).status


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger.open(str(tmp_path / "ledger.db"), migrate=True)) as opened:
        yield opened


def states(ledger: Ledger) -> list[str]:
    return [change.state.status.value for change in ledger.changes(0)]


def test_a_ledger_takes_receipts_over_under_wsgi(ledger):
    with on_wsgiref(
        delivrd.wsgi.Application(Receiver(ACCOUNTS), lambda received: ledger.record(arrival(received)))
    ) as port:
        assert send(port) == 200
        assert states(ledger) == ["delivered"]
        # A provider that sends again changes nothing.
        assert send(port) == 200
        assert states(ledger) == ["delivered"]


def test_an_async_ledger_takes_receipts_over_under_asgi(ledger):
    shared = AsyncLedger(ledger)

    async def handler(received: Received) -> None:
        await shared.record(arrival(received))

    with on_uvicorn(delivrd.asgi.Application(Receiver(ACCOUNTS), handler)) as port:
        assert send(port) == 200
        assert states(ledger) == ["delivered"]


def test_a_ledger_that_fails_acknowledges_nothing(tmp_path):
    ledger = Ledger.open(str(tmp_path / "ledger.db"), migrate=True)
    ledger.close()
    (tmp_path / "ledger.db").write_bytes(b"this is no database" * 100)
    with on_wsgiref(
        delivrd.wsgi.Application(Receiver(ACCOUNTS), lambda received: ledger.record(arrival(received)))
    ) as port:
        assert send(port) == 503
