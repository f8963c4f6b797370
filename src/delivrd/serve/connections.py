"""The connections of a server: how many, how long each may be quiet, and what each may send before a parser sees it.

Nothing that a stranger sends is kept without a bound, whatever parser reads it then, and a
stranger who connects takes no place that an authentic sender needs: where there are too many, the one that has been
quiet for longest goes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from delivrd.asgi import Receive, Scope, Send
from delivrd.logs import logger
from delivrd.receiving.budget import ByteBudget
from delivrd.serve.heads import MOST_HEAD, Chunks, HeadError, find_end, read_head

LOG: Final = logger("serve")

_LINGER: Final = 2.0
"""Seconds for which a refused sender may still send, so that it gets the reply; nothing of it is kept."""

_KEY: Final = "delivrd.connection"
"""Under which a request's state holds its connection."""


class Connections:
    """All connections of one server.

    Args:
        most: how many can be open; None for any number.
        head_seconds: how long each may take until a request's head is whole.
        budget: the bytes that heads which are not whole may hold, beside whatever else is counted there.
    """

    def __init__(self, most: int | None, head_seconds: float, budget: ByteBudget) -> None:
        self._most = most
        self._given_up = 0
        self._head_seconds = head_seconds
        self.budget = budget
        # Each in the order in which they were heard of last.
        self._incomplete: OrderedDict[Connection, None] = OrderedDict()
        self._complete: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._incomplete) + len(self._complete)

    def enter(self, connection: Connection) -> None:
        """A connection was made. Where there are too many, another is closed."""
        self._incomplete[connection] = None
        if self._most is not None and len(self) > self._most:
            # One that waits for an answer goes last: what it sent is being stored.
            quietest = next(iter(self._incomplete if len(self._incomplete) > 1 else self._complete), connection)
            self._given_up += 1
            self.leave(quietest)
            quietest.abort()

    def leave(self, connection: Connection) -> None:
        """A connection is no more."""
        self._incomplete.pop(connection, None)
        self._complete.pop(connection, None)
        self.budget.release(connection)

    def heard(self, connection: Connection) -> None:
        """A connection has sent something."""
        for known in (self._incomplete, self._complete):
            if connection in known:
                known.move_to_end(connection)

    def complete(self, connection: Connection) -> None:
        """A connection has sent a whole request, and waits for the answer."""
        if connection in self._incomplete:
            del self._incomplete[connection]
            self._complete[connection] = None

    def answered(self, connection: Connection) -> None:
        """A connection has got its answer."""
        if connection in self._complete:
            del self._complete[connection]
            self._incomplete[connection] = None

    def close_quiet(self, now: float) -> None:
        """Close those that have asked nothing for too long since they came, or since their last answer."""
        for connection in list(self._incomplete):
            connection.close_if_quiet(now, self._head_seconds)
        if self._given_up:
            LOG.warning("connections: closed the %d quietest; at most %d may be open", self._given_up, self._most)
            self._given_up = 0

    def close_idle(self) -> None:
        """The server is about to end: close those that have asked nothing."""
        for connection in list(self._incomplete):
            connection.close_if_idle()


class Connection(asyncio.Protocol):
    """One connection: passes to a server's own protocol only what is bounded, one request at a time.

    Args:
        connections: all of them.
        protocol: makes the server's protocol.
        given: what it is made with; `app_state` is the state of its requests.
    """

    def __init__(self, connections: Connections, protocol: Callable[..., asyncio.Protocol], **given: Any) -> None:
        self._connections = connections
        self._protocol = protocol
        self._given = given
        # Made with the first whole head: most of those who only hold a place never send one.
        self._inner: asyncio.Protocol | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._searched = 0
        # Bytes of the body that are still to come, or the reader of its chunks; None where a head is awaited.
        self._body: int | Chunks | None = None
        self._asked = False
        self._refused = False
        self._since = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.enter(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.leave(self)
        self._buffer.clear()
        if self._inner is not None:
            self._inner.connection_lost(error)
            # What it still holds is released at once, not when Python next looks for circles.
            self._inner = None

    def eof_received(self) -> bool | None:
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._connections.heard(self)
        self._buffer += data
        self._pass_on()

    def answered(self) -> None:
        """The application has answered the request."""
        self._asked = False
        self._since = self._loop.time()
        self._connections.answered(self)
        # The server is still inside this answer.
        self._loop.call_soon(self._go_on)

    def give_up(self) -> None:
        """Release what is held: there is no more room (`Holder`)."""
        if self._asked:
            self.abort()
        else:
            self._refuse(503)

    def abort(self) -> None:
        """Close at once; what was to be written is lost."""
        self._refused = True
        self._buffer.clear()
        self._transport.abort()

    def close_if_quiet(self, now: float, seconds: float) -> None:
        """Close where no request is being answered, and none has become whole for so long."""
        if self._refused:
            if now - self._since > _LINGER:
                self._transport.abort()
        elif not self._asked and now - self._since > seconds:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Close where the server knows nothing of this connection, and would not close it."""
        if self._inner is None:
            self._transport.close()

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._pass_on()

    def _pass_on(self) -> None:
        """Pass to the server what has come, as far as its turn has."""
        budget = self._connections.budget
        budget.release(self)
        try:
            while self._buffer and not self._transport.is_closing() and self._step():
                pass
        except HeadError as error:
            self._fail(error.status)
        if self._transport.is_closing():
            self._buffer.clear()
        if self._buffer:
            if len(self._buffer) > MOST_HEAD:
                self._transport.pause_reading()
            budget.add(self, len(self._buffer))

    def _step(self) -> bool:
        """Pass on a head, or some of a body; whether anything could be."""
        passed = 0
        if self._body is None:
            if self._asked:
                # Its turn comes after the answer.
                return False
            passed = self._open()
            if not passed:
                return False
        passed += self._count_body(passed)
        data = bytes(self._buffer[:passed])
        del self._buffer[:passed]
        # A body can end behind its answer: then nothing is waited for any more.
        if self._body is None and self._asked:
            self._connections.complete(self)
        self._give(data)
        return True

    def _give(self, data: bytes) -> None:
        if self._inner is None:
            state = {**self._given["app_state"], _KEY: self}
            self._inner = self._protocol(**self._given | {"app_state": state})
            self._inner.connection_made(self._transport)
        self._inner.data_received(data)

    def _open(self) -> int:
        """Read a head, if it is whole; gives its length."""
        # RFC 9112, section 2.2: empty lines before a request are passed over.
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        if not self._buffer or self._buffer == b"\r":
            return 0
        end = find_end(self._buffer, self._searched)
        if end is None:
            self._searched = len(self._buffer)
            return 0
        head = read_head(bytes(self._buffer[:end]))
        self._buffer[:end] = head.data
        self._searched = 0
        self._asked = True
        self._body = Chunks() if head.length is None else head.length
        return len(head.data)

    def _count_body(self, start: int) -> int:
        """How many bytes of the buffer, from some place on, belong to the body."""
        body = self._body
        if isinstance(body, Chunks):
            count = body.count(bytes(self._buffer[start:]))
            self._body = None if body.ended else body
            return count
        count = min(body or 0, len(self._buffer) - start)
        self._body = (body or 0) - count or None
        return count

    def _fail(self, status: int) -> None:
        if not self._asked:
            self._refuse(status)
            return
        # The application may be answering, so that no reply of our own can stand between: the server's own parser
        # finds the same fault, if it finds any.
        data = bytes(self._buffer)
        self._buffer.clear()
        self._give(data)
        self._transport.close()

    def _refuse(self, status: int) -> None:
        self._refused = True
        self._buffer.clear()
        self._since = self._loop.time()
        LOG.info("connection: a request was refused at its head: %d %s", status, HTTPStatus(status).phrase)
        reply = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self._transport.write(reply.encode())
        if self._transport.can_write_eof():
            # What is still being sent would otherwise make the system throw the reply away.
            self._transport.write_eof()
        else:
            self._transport.close()


class Answering:
    """An ASGI application that tells each connection when its request is answered.

    Args:
        app: answers.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Any]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection: Connection = scope["state"].pop(_KEY)
        try:
            await self._app(scope, receive, send)
        finally:
            connection.answered()
