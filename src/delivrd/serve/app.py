"""The application: reports at `/dlr/<account name>` into the ledger, and beside them the page.

The rule of this module: a report's way is as short as it can be. It passes nothing that belongs to
the page, and it is answered when it is on disk.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import delivrd.asgi
from delivrd.asgi import Message, Receive, Scope, Send
from delivrd.ledger import Arrival, AsyncLedger, Ledger, LedgerError
from delivrd.receiving import ByteBudget, Received, Receiver
from delivrd.receiving.conduct import Clock, utc_now


class Page(Protocol):
    """What shows the ledger."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

    def watch(self, scope: Scope) -> None:
        """See a request that is for something else."""

    def leave(self) -> None:
        """Let those go who watch."""


class Application:
    """An ASGI application that keeps what providers push. It runs alone, on one server.

    Args:
        receiver: with the accounts.
        ledger: takes the receipts. It is closed when the server ends.
        page: shows them; None where nobody may see them.
        clock: gives the time of arrival, aware.
        budget: the bytes that unanswered requests may hold together; 64 MiB by default.
    """

    def __init__(
        self,
        receiver: Receiver,
        ledger: AsyncLedger,
        page: Page | None = None,
        *,
        clock: Clock = utc_now,
        budget: ByteBudget | None = None,
    ) -> None:
        self._ledger = ledger
        self._page = page
        self._start = receiver.prefix + "/"
        self._receiving = delivrd.asgi.Application(receiver, self._keep, clock=clock, budget=budget)
        self._check: asyncio.Task[bool] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._page is not None and scope["type"] == "http":
            self._page.watch(scope)
        if scope["type"] != "http" or scope["path"].startswith(self._start):
            await self._receiving(scope, receive, send)
        elif scope["path"] == "/healthz":
            await _answer(send, *((200, b"the store answers\n") if await self._healthy() else (503, b"no store\n")))
        elif self._page is None:
            await _answer(send, 404, b"")
        else:
            await self._page(scope, receive, send)

    def leave(self) -> None:
        """The server is about to end: let those go who watch."""
        if self._page is not None:
            self._page.leave()

    async def _keep(self, received: Received) -> None:
        await self._ledger.record(
            Arrival(received.provider, received.input, received.receipt, received.received_at, received.account)
        )

    async def _healthy(self) -> bool:
        # However many ask at a time, the store is asked once: nobody has to prove anything here.
        if self._check is None or self._check.done():
            self._check = asyncio.create_task(self._ask())
        return await asyncio.shield(self._check)

    async def _ask(self) -> bool:
        try:
            await self._ledger.run(Ledger.newest, limit=1)
        except LedgerError:
            return False
        return True

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.leave()
        await self._ledger.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Send, status: int, body: bytes) -> None:
    length = b"%d" % len(body)
    headers = [(b"content-type", b"text/plain"), (b"content-length", length), (b"cache-control", b"no-store")]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
