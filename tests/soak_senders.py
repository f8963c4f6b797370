"""The senders of a soak: many at a time, who resend what was not acknowledged; and those who hold connections open.

The rule of this module: nobody waits by the clock. What is slow is paced by the answers that others
get, and whoever finds the receiver gone waits until it listens again.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import aiohttp
from servers import PATIENCE
from soak_callbacks import MOST, Callback, Maker, Manner
from yarl import URL

_LOST = (aiohttp.ClientError, OSError, EOFError)
"""What is raised where the receiver is killed."""

_MOST_LOST = 100
"""Connections that one callback may lose while the receiver is said to listen."""


class Progress:
    """How many callbacks were answered, and whoever waits for a number of them."""

    def __init__(self) -> None:
        self.answered = 0
        self.over = asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def step(self) -> None:
        """One more."""
        self.answered += 1
        while self._waiting and self._waiting[0][0] <= self.answered:
            self._release()

    def finish(self) -> None:
        """Nothing more is to come."""
        self.over.set()
        while self._waiting:
            self._release()

    async def after(self, more: int) -> None:
        """Wait for so many more answers, or for the end."""
        if not self.over.is_set():
            waits = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (self.answered + more, next(self._order), waits))
            await waits

    def _release(self) -> None:
        waits = heapq.heappop(self._waiting)[2]
        if not waits.done():
            waits.set_result(None)


class Senders:
    """Everybody who sends.

    Args:
        port: where the receiver listens.
        listens: set as long as it does.
        on_answer: is told of every answer.

    Attributes:
        progress: of the callbacks.
        acknowledged: how often the reports were, by their keys.
        seconds: that each answer took.
        answers: how many, by kind of callback and status.
        lost: how many connections were lost and callbacks sent again.
        faults: what went wrong, in words.
    """

    def __init__(self, port: int, listens: asyncio.Event, on_answer: Callable[[int], None]) -> None:
        self.progress = Progress()
        self.acknowledged: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.lost = 0
        self.faults: list[str] = []
        self._port, self._listens, self._on_answer = port, listens, on_answer

    async def send_all(self, callbacks: list[Callback], at_once: int) -> None:
        """Send callbacks, so many at a time, until each is answered."""
        left = iter(callbacks)
        connector = aiohttp.TCPConnector(limit=0, force_close=False)
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._send_some(session, left))

    async def _send_some(self, session: aiohttp.ClientSession, left: Iterator[Callback]) -> None:
        for callback in left:
            lost = 0
            while True:
                await self._listens.wait()
                began = time.perf_counter()
                try:
                    status = await self._once(session, callback)
                except TimeoutError:
                    self.faults.append(f"{callback.kind}: no answer in {PATIENCE} seconds")
                    continue
                except _LOST:
                    self.lost += 1
                    lost += self._listens.is_set()
                    if lost > _MOST_LOST:
                        raise
                    continue
                self._take(callback, status, time.perf_counter() - began)
                if status is None or status < 500:
                    break
            self.progress.step()
            self._on_answer(self.progress.answered)

    async def _once(self, session: aiohttp.ClientSession, callback: Callback) -> int | None:
        if callback.manner is not Manner.WHOLE:
            async with self._connection() as (reader, writer):
                writer.write(callback.wire())
                await writer.drain()
                return None if callback.status is None else await status_of(reader)
        request = callback.request
        url = URL(f"http://127.0.0.1:{self._port}{request.target}", encoded=True)
        body = request.body or None
        async with session.request(
            request.method, url, headers=request.headers, data=body, skip_auto_headers=["Content-Type"]
        ) as answer:
            await answer.read()
            return answer.status

    def _take(self, callback: Callback, status: int | None, seconds: float) -> None:
        if status is None:
            return
        self.answers[callback.kind, status] += 1
        self.seconds.append(seconds)
        if status == callback.status:
            if callback.report is not None:
                self.acknowledged[callback.report.key] += 1
        elif status < 500:
            self.faults.append(f"{callback.kind}: expected {callback.status}, got {status}")

    @asynccontextmanager
    async def _connection(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with suppress(*_LOST):
                await writer.wait_closed()

    async def send_slowly(self, maker: Maker, pace: int, sent: list[Callback]) -> None:
        """Send authentic callbacks byte by byte, one byte for so many answers to others, until those are over."""
        while not self.progress.over.is_set():
            callback = maker.slow()
            sent.append(callback)
            status = None
            while status != callback.status:
                await self._listens.wait()
                with suppress(*_LOST):
                    async with self._connection() as (reader, writer):
                        whole = callback.wire()
                        head = len(whole) - len(callback.request.body)
                        writer.write(whole[:head])
                        for at in range(head, len(whole)):
                            await self.progress.after(pace)
                            writer.write(whole[at : at + 1])
                            await writer.drain()
                        status = await status_of(reader)
                        self.answers["slow report", status] += 1
            self.acknowledged[callback.report.key] += 1

    async def hold_open(self, start: bytes, kind: str) -> None:
        """Hold a connection open that never says more than its start."""
        while True:
            await self._listens.wait()
            with suppress(*_LOST):
                async with self._connection() as (reader, writer):
                    writer.write(start)
                    self.answers[kind, await status_of(reader)] += 1

    async def flood(self, callback: Callback, pace: int) -> None:
        """Send far more than is taken, again after so many answers to others."""
        assert callback.manner is Manner.ENDLESS
        while not self.progress.over.is_set():
            await self._listens.wait()
            await self.progress.after(pace)
            with suppress(*_LOST):
                async with self._connection() as (_, writer):
                    writer.write(callback.wire())
                    for _ in range(100):
                        writer.write(b"%x\r\n%b\r\n" % (MOST, b"x" * MOST))
                        await writer.drain()
                    self.faults.append("flood: a hundred times the largest body was read")


async def status_of(reader: asyncio.StreamReader) -> int:
    """The status of the answer.

    Raises:
        EOFError: the connection ended without one.
    """
    line = await reader.readuntil(b"\r\n")
    return int(line.split()[1])
