"""How a request is carried from its head to its reply: with threads, and on an event loop.

The rule of this module: a body is read no further than the account allows, a cut one is never
taken for a whole one, and the handler has returned before the reply of success is given out.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeAlias

from delivrd.receipt import Reply
from delivrd.receiving.budget import ByteBudget
from delivrd.receiving.receiver import AsyncHandler, Handler, Head, Received, Receiver, acknowledge

Clock: TypeAlias = Callable[[], datetime]
"""Gives the time, aware."""

BODY_SECONDS: Final = 30.0
"""How long a sender may take to send a body; providers give up on a request after ten or so."""

PIECE: Final = 65536
"""Bytes that are read at a time."""

LITTLE: Final = 65536
"""Bytes of a rejected body that are still read: a sender that is cut off while it sends can miss the reply."""

CUT: Final = Reply(400)
"""The body ended before its announced length."""

TOO_SLOW: Final = Reply(408)


class _Gathered:
    """A body while it comes: one run of bytes, for a list of single bytes would take forty times their memory."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held: bytes | bytearray = b""

    def add(self, piece: bytes) -> None:
        """Append some bytes. Most bodies come in one piece, which is kept as it is."""
        if not self.held:
            self.held = piece
            return
        if isinstance(self.held, bytes):
            self.held = bytearray(self.held)
        self.held += piece


class _Deadline:
    """`asyncio.timeout` without rescheduling and nesting, for a third of its cost, which was a tenth of the receiver's.

    It also ends when the budget has no room for what is read inside (`Holder`).

    Raises:
        TimeoutError: what stood inside took longer, or gave up.
    """

    __slots__ = ("_expired", "_task", "_timer", "gave_up")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._expired = False
        self.gave_up = False
        self._timer = loop.call_later(seconds, self._expire)

    def give_up(self) -> None:
        """End what stands inside; where that asks for it itself, it sees `gave_up`."""
        self.gave_up = True
        if asyncio.current_task() is not self._task:
            self._expire()

    def _expire(self) -> None:
        if self._task is not None and not self._expired:
            self._expired = True
            self._task.cancel()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        # Somebody else's cancellation at the same time is not ours to swallow.
        if self._expired and self._task is not None and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError


class Gone(Exception):
    """The sender has left before its body was whole: nobody waits for a reply."""


def utc_now() -> datetime:
    """The clock of the apps, unless they are given another."""
    return datetime.now(UTC)


def is_async(handler: object) -> bool:
    """Whether a handler has to be awaited.

    Raises:
        TypeError: it is none at all, or a generator function.
    """
    if not callable(handler):
        raise TypeError("handler: expected a function")
    # An object that is called has its function one step further.
    functions = (handler, handler.__call__)
    if any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in functions):
        raise TypeError("handler: expected a function without yield: nothing of it would run when it is called")
    return any(inspect.iscoroutinefunction(each) for each in functions)


def require_sync(handler: Handler) -> Handler:
    """Refuse a handler that would have to be awaited where nothing can.

    Raises:
        TypeError: it is none, a generator function, or an async one.
    """
    if is_async(handler):
        raise TypeError("handler: expected a plain function here; an async one needs delivrd.asgi or delivrd.aiohttp")
    return handler


def answer(receiver: Receiver, handler: Handler, head: Head, read: Callable[[int], bytes], clock: Clock) -> Reply:
    """Read the body, hand the receipt over, and give the reply.

    Args:
        receiver: that took the head.
        handler: takes the receipt over.
        head: as `Receiver.arrive` gave it.
        read: gives at most so many bytes of the body; none at its end.
        clock: gives the time of arrival.
    """
    body, left = _Gathered(), head.most + 1 if head.length is None else head.length
    while left > 0 and (piece := read(min(left, PIECE))):
        body.add(piece)
        left -= len(piece)
    if head.length is not None and left > 0:
        return CUT
    if head.length is None and left <= 0:
        return receiver.too_large(head)
    taken = receiver.take(head, bytes(body.held), clock())
    if isinstance(taken, Reply):
        return taken
    try:
        _require_done(handler(taken))
    # Whatever a handler raises: the report is not stored.
    except Exception as error:
        return receiver.failed(head.door, error)
    return acknowledge(taken)


async def answer_async(
    receiver: Receiver,
    handle: AsyncHandler,
    head: Head,
    read: Callable[[], Awaitable[bytes | None]],
    clock: Clock,
    seconds: float,
    budget: ByteBudget,
) -> Reply:
    """As `answer`, on an event loop.

    Args:
        receiver, head, clock: as `answer`.
        handle: as `awaited` gives it.
        read: gives the next bytes of the body, if any have come; None at its end.
        seconds: how long the sender may take for its body.
        budget: the bytes that all bodies may hold.

    Raises:
        Gone: `read` did.
    """
    deadline = _Deadline(seconds)
    try:
        body = await _read_body(receiver, head, read, deadline, budget)
        return body if isinstance(body, Reply) else await _take(receiver, handle, head, body, clock)
    finally:
        budget.release(deadline)


async def _read_body(
    receiver: Receiver,
    head: Head,
    read: Callable[[], Awaitable[bytes | None]],
    deadline: _Deadline,
    budget: ByteBudget,
) -> bytes | Reply:
    body = _Gathered()
    try:
        with deadline:
            while (piece := await read()) is not None:
                body.add(piece)
                if len(body.held) > head.most:
                    return receiver.too_large(head)
                budget.add(deadline, len(piece))
                if deadline.gave_up:
                    return receiver.busy(head)
    except TimeoutError:
        return receiver.busy(head) if deadline.gave_up else TOO_SLOW
    budget.complete(deadline)
    return bytes(body.held)


async def _take(receiver: Receiver, handle: AsyncHandler, head: Head, body: bytes, clock: Clock) -> Reply:
    taken = receiver.take(head, body, clock())
    if isinstance(taken, Reply):
        return taken
    try:
        _require_done(await handle(taken))
    # Whatever a handler raises: the report is not stored.
    except Exception as error:
        return receiver.failed(head.door, error)
    return acknowledge(taken)


async def discard(read: Callable[[], Awaitable[bytes | None]], seconds: float) -> None:
    """Read a body to its end, or as long as it may take, and keep nothing of it.

    Raises:
        Gone: `read` did.
    """
    with contextlib.suppress(TimeoutError), _Deadline(seconds):
        while await read() is not None:
            pass


def awaited(handler: Handler | AsyncHandler) -> AsyncHandler:
    """A handler to await: a plain function is run in a thread, where it cannot hold the loop up.

    Raises:
        TypeError: it is none, or a generator function.
    """
    if is_async(handler):
        return handler  # type: ignore[return-value]  # is_async has told

    def attempt(received: Received) -> tuple[object, Exception | None]:
        try:
            return handler(received), None
        # The future between the threads carries no StopIteration: nobody would ever be answered.
        except Exception as error:
            return None, error

    async def in_a_thread(received: Received) -> object:
        result, error = await asyncio.to_thread(attempt, received)
        if error is not None:
            raise error
        return await result if inspect.isawaitable(result) else result

    return in_a_thread


def _require_done(result: object) -> None:
    """Refuse what is only promised: nobody here waits for it, and the report could be lost."""
    if result is None:
        return
    if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        raise TypeError("the handler gave something to await or to run through; it has to be done when it returns")
    if isinstance(result, Future):
        raise TypeError("the handler gave a future; it has to be done when it returns: wait for the result")


@functools.lru_cache(maxsize=64)
def status_line(status: int) -> str:
    """A status with its phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Status"


def has_body(status: int) -> bool:
    """Whether a reply of this status has a body, and its length (RFC 9110, section 8.6)."""
    return status >= 200 and status not in (204, 304)
