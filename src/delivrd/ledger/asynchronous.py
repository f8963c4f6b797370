"""The ledger for programs that run on asyncio.

The rule of this module: whoever waits, waits for a transaction that is on disk. Receipts that come
while one transaction is written share the next one, so a busy gateway pays for fewer of them; one
that cannot be written takes no other with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from delivrd.ledger.arrivals import Arrival
from delivrd.ledger.ledger import Ledger
from delivrd.ledger.writing import Recorded

_P = ParamSpec("_P")
_T = TypeVar("_T")

TOGETHER: Final = 200
"""How many receipts share a transaction at most: more would make the first of them wait too long."""


class AsyncLedger:
    """A ledger whose methods run in threads, and whose receipts share transactions.

    Args:
        ledger: opened. It is closed with this one.
        together: how many receipts share a transaction at most.
    """

    def __init__(self, ledger: Ledger, *, together: int = TOGETHER) -> None:
        if together < 1:
            raise ValueError("together: expected at least 1")
        self._ledger = ledger
        self._together = together
        self._waiting: deque[tuple[Arrival, asyncio.Future[Recorded]]] = deque()
        self._writer: asyncio.Task[None] | None = None

    async def record(self, arrival: Arrival) -> Recorded:
        """Record a receipt, as `Ledger.record`; when this returns, it is on disk."""
        waits: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, waits))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await waits

    async def run(self, method: Callable[Concatenate[Ledger, _P], _T], *args: _P.args, **named: _P.kwargs) -> _T:
        """Call any other method of the ledger: `await ledger.run(Ledger.changes, cursor)`."""
        return await asyncio.to_thread(method, self._ledger, *args, **named)

    async def close(self) -> None:
        """Wait for what is being written, and close the ledger."""
        if self._writer is not None:
            await self._writer
        await asyncio.to_thread(self._ledger.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _write(self) -> None:
        while self._waiting:
            count = min(len(self._waiting), self._together)
            some = [self._waiting.popleft() for _ in range(count)]
            if not await self._write_together(some) and count > 1:
                for each in some:
                    await self._write_together([each])

    async def _write_together(self, some: list[tuple[Arrival, asyncio.Future[Recorded]]]) -> bool:
        """Write receipts in one transaction. Where a single one fails, it is told why."""
        try:
            made = await asyncio.to_thread(self._ledger.record_many, [arrival for arrival, _ in some])
        except Exception as error:
            if len(some) == 1 and not some[0][1].done():
                some[0][1].set_exception(error)
            return False
        for (_, waits), recorded in zip(some, made, strict=True):
            # Who was cancelled waits no more; what it brought is written.
            if not waits.done():
                waits.set_result(recorded)
        return True
