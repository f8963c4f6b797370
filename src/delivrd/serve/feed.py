"""What is new in the ledger, for everybody who watches.

The rule of this module: the store is read once for all, and not at all when nobody watches. A report's way does not
lead through here, so that a page costs the receiving nothing but these reads, and shows what other processes took too.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec

from delivrd.ledger import AsyncLedger, Ledger, LedgerError
from delivrd.logs import logger
from delivrd.receiving.conduct import Clock
from delivrd.serve.looks import Looks, Row, name_of

SHOWN: Final = 100
"""Reports, and other inputs, that are shown at most."""

_UNLISTED: Final = 500
"""Reports with unlisted codes that are looked through."""
_SPAN: Final = timedelta(hours=24)
_AHEAD: Final = timedelta(hours=1)
"""Some clocks are ahead: the hour that has begun counts whole."""
_WAITING: Final = 16
"""Events that wait for one who reads slowly; then the page has to come again."""
_SHARE: Final = 20
"""Counting takes at most one part in so many of the time."""

LOG: Final = logger("serve")

Event: TypeAlias = bytes
Queue: TypeAlias = "asyncio.Queue[Event | None]"


class Feed:
    """Reads the ledger while somebody watches.

    Args:
        ledger: to read.
        looks: makes what is shown.
        clock: gives the time, aware.
        pause: seconds between two reads.
        most: how many can watch.
    """

    def __init__(self, ledger: AsyncLedger, looks: Looks, clock: Clock, *, pause: float = 1.0, most: int = 100) -> None:
        self._ledger = ledger
        self._looks = looks
        self._clock = clock
        self._pause = pause
        self._most = most
        self._watching: set[Queue] = set()
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[str, Row] = {}
        self._summary: dict[str, Any] | None = None
        self._count_at = 0.0

    def enter(self) -> Queue | None:
        """Begin to watch: where events come, None as the last; or None where too many do, or all is ending."""
        if self._ended or len(self._watching) >= self._most:
            return None
        queue: Queue = asyncio.Queue(_WAITING + 2)
        if self._summary is not None:
            queue.put_nowait(event("summary", self._summary))
            queue.put_nowait(event("reports", list(reversed(self._rows.values()))))
        self._watching.add(queue)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return queue

    def leave(self, queue: Queue) -> None:
        """Watch no more."""
        self._watching.discard(queue)
        if not self._watching and self._task is not None:
            self._task.cancel()
            self._task = None
            self._forget()

    def end(self) -> None:
        """Let everybody go, and nobody in."""
        self._ended = True
        for queue in list(self._watching):
            self._drop(queue)

    def _drop(self, queue: Queue) -> None:
        # What waits is given up: who comes again gets everything anew.
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                queue.get_nowait()
        queue.put_nowait(None)
        self.leave(queue)

    def _tell(self, told: Event) -> None:
        for queue in list(self._watching):
            if queue.qsize() >= _WAITING:
                self._drop(queue)
            else:
                queue.put_nowait(told)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() >= self._count_at:
                    began = loop.time()
                    await self._summarise()
                    self._count_at = began + max(2 * self._pause, _SHARE * (loop.time() - began))
                await self._look()
            # Whatever it is, those who watch are told, and the next read may do better.
            except Exception as error:
                if not isinstance(error, LedgerError):
                    LOG.error("page: %s while the store was read", type(error).__name__)
                self._tell(event("trouble", "The store does not answer."))
            await asyncio.sleep(self._pause)

    async def _look(self) -> None:
        rows = await self._ledger.run(_newest, self._looks, self._rows)
        new = [row for name, row in rows.items() if self._rows.get(name) != row]
        self._rows = rows
        # An empty one too: it says that the store answers.
        self._tell(event("reports", new[::-1]))

    async def _summarise(self) -> None:
        summary = await self._ledger.run(_summary, self._looks, self._clock())
        if summary != self._summary:
            self._summary = summary
            self._tell(event("summary", summary))


def _newest(ledger: Ledger, looks: Looks, known: dict[str, Row]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for kept in ledger.newest(limit=SHOWN):
        name = name_of(kept)
        row = known.get(name)
        # A report never changes; it only comes again.
        rows[name] = row if row is not None and row["times"] == kept.times else looks.row(kept)
    return rows


def _summary(ledger: Ledger, looks: Looks, now: datetime) -> dict[str, Any]:
    return {
        "hour": now.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat(),
        "counts": looks.counted(ledger.counts(now - _SPAN, now + _AHEAD)),
        "unlisted": looks.unlisted(ledger.newest(limit=_UNLISTED, unlisted=True)),
        "strays": [looks.stray(kept) for kept in ledger.strays(limit=SHOWN, last=True)],
    }


_encode: Final = msgspec.json.Encoder().encode


def event(name: str, value: Any) -> Event:
    """One server-sent event; JSON has no line ends of its own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode(value))
