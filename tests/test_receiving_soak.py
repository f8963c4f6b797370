"""The short form of the soak of the receiver; `make soak-receiving` runs the long one."""

from __future__ import annotations

import sys

from soak_receiving import Numbers, run

# It answers before it stores, as no receiver may: a callback that is killed in between is lost.
HASTY = """
import socket, sys
import uvicorn
import delivrd.asgi
from delivrd import Registry, load_accounts
from delivrd.ledger import Arrival, Ledger
from delivrd.receiving import Receiver

said = dict(zip(sys.argv[1::2], sys.argv[2::2]))
ledger = Ledger.open(said["--store"])
waiting = []

async def handler(it):
    waiting.append(Arrival(it.provider, it.input, it.receipt, it.received_at, it.account))
    if len(waiting) >= 50:
        ledger.record_many(waiting)
        waiting.clear()

app = delivrd.asgi.Application(Receiver(load_accounts(said["--accounts"], Registry.installed())), handler)
listening = socket.create_server(("127.0.0.1", int(said["--port"])))
print("listening on", said["--port"], flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)).run([listening])
"""


def test_a_receiver_that_is_killed_while_callbacks_come_loses_doubles_and_lets_in_nothing(url, tmp_path):
    shown = run(url, Numbers(callbacks=1500, kills=2), [tmp_path])
    assert shown.faults == []
    assert shown.kills == 2


def test_a_receiver_that_answers_before_it_stores_is_found_out(tmp_path):
    (tmp_path / "hasty.py").write_text(HASTY)
    shown = run(
        str(tmp_path / "ledger.db"), Numbers(callbacks=300, kills=1), words=[sys.executable, str(tmp_path / "hasty.py")]
    )
    assert any("reports are missing" in fault for fault in shown.faults)
