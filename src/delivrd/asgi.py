"""Receiving under ASGI: an application that runs alone or is mounted into another.

The rule of this module: only what ASGI asks for; what is answered is told in `delivrd.receiving`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from delivrd.errors import TooLarge
from delivrd.receipt import Reply
from delivrd.receiving.budget import ByteBudget
from delivrd.receiving.conduct import (
    BODY_SECONDS,
    LITTLE,
    Clock,
    Gone,
    answer_async,
    awaited,
    discard,
    has_body,
    utc_now,
)
from delivrd.receiving.receiver import AsyncHandler, Handler, Head, Receiver

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_CLOSE: Final = (b"connection", b"close")


class Application:
    """An ASGI application that answers providers' requests. It needs asyncio.

    Args:
        receiver: with the accounts.
        handler: takes each receipt over before it is answered. An async function is awaited; any
            other is run in a thread, several at a time.
        clock: gives the time of arrival, aware.
        body_seconds: how long a sender may take for its body; then 408.
        budget: the bytes that unanswered requests may hold together; 64 MiB by default.

    Raises:
        TypeError: the handler is none.
    """

    def __init__(
        self,
        receiver: Receiver,
        handler: Handler | AsyncHandler,
        *,
        clock: Clock = utc_now,
        body_seconds: float = BODY_SECONDS,
        budget: ByteBudget | None = None,
    ) -> None:
        self._receiver = receiver
        self._handle = awaited(handler)
        self._clock = clock
        self._seconds = body_seconds
        self._budget = budget or ByteBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _other(scope["type"], receive, send)
            return
        # Servers take a root path with a stroke at its end too.
        path, root = scope["path"], scope.get("root_path", "").rstrip("/")
        if root and path.startswith(root + "/"):
            path = path[len(root) :]
        headers = scope["headers"]
        client = scope.get("client")
        # ASGI gives the names in lower case.
        length = next((value.decode("latin-1") for name, value in headers if name == b"content-length"), None)
        head = self._receiver.arrive(
            scope["method"],
            path,
            _target(scope),
            headers,
            client[0] if client else None,
            length,
        )
        read = _Body(receive)
        try:
            if isinstance(head, Head):
                reply = await answer_async(
                    self._receiver, self._handle, head, read.piece, self._clock, self._seconds, self._budget
                )
            else:
                reply = head
                if _is_little(length) and reply.status != TooLarge.status and not _waits(headers):
                    await discard(read.piece, self._seconds)
        except Gone:
            return
        # HTTP/1 has no other way to stop a sender; HTTP/2 has, and forbids the header.
        close = not read.whole and scope.get("http_version", "1.1").startswith("1")
        await _reply(reply, send, close=close)


class _Body:
    """A body as it comes."""

    __slots__ = ("_receive", "whole")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.whole = False

    async def piece(self) -> bytes | None:
        """The next bytes; None at the end."""
        if self.whole:
            return None
        message = await self._receive()
        if message["type"] != "http.request":
            raise Gone
        self.whole = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body


async def _reply(reply: Reply, send: Send, *, close: bool) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
    if has_body(reply.status):
        headers.append((b"content-length", b"%d" % len(reply.body)))
    if close:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _is_little(length: str | None) -> bool:
    """Whether a body is small enough to be read for the sake of the reply; one without a length is not."""
    return length is not None and length.isascii() and length.isdigit() and len(length) < 6 and int(length) <= LITTLE


def _waits(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the sender waits for leave to send its body (RFC 9110, section 10.1.1)."""
    return any(name == b"expect" for name, _ in headers)


def _target(scope: Scope) -> str:
    """The target as on the wire; the raw path is optional in ASGI."""
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    query: bytes = scope.get("query_string", b"")
    return f"{path}?{query.decode('latin-1')}" if query else path


async def _other(kind: str, receive: Receive, send: Send) -> None:
    """What is no HTTP request: the server's start and end, and a WebSocket, which is refused."""
    if kind == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
    elif kind == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
    else:
        raise ValueError(f"ASGI: expected http, websocket or lifespan, got {kind}")
