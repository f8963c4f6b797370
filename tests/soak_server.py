"""A receiver with a ledger, alone in a process: `python tests/soak_server.py --accounts FILE --store URL --port N`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

import uvicorn

import delivrd.asgi
from delivrd import Registry, load_accounts
from delivrd.ledger import Arrival, AsyncLedger, Ledger
from delivrd.receiving import Received, Receiver


async def serve(accounts: str, store: str, host: str, port: int) -> None:
    async with AsyncLedger(Ledger.open(store, migrate=True)) as ledger:

        async def handler(it: Received) -> None:
            await ledger.record(Arrival(it.provider, it.input, it.receipt, it.received_at, it.account))

        app = delivrd.asgi.Application(Receiver(load_accounts(accounts, Registry.installed())), handler)
        config = uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        await server.serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("accounts", "store", "host", "port"):
        parser.add_argument(f"--{name}")
    said = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    asyncio.run(serve(said.accounts, said.store, said.host, int(said.port)))
