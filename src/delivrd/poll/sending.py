"""One question over HTTP, by httpx.

The rule of this module: the credentials of a question reach its provider and nothing else. A question
can hold them in its URL, so whatever httpx would log or raise with a URL in it is cut here, redirects are
not followed, and no cookie of one account is sent for another.
"""

from __future__ import annotations

import asyncio
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final, cast

import httpx

from delivrd.errors import DelivrdError
from delivrd.inputs import Request, Response, header_pairs
from delivrd.poll.cancelling import only_own_cancellation

Hide = Callable[[str], str]
"""Hides an account's secrets in a text."""

_LOGGERS: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "hpack",
    "hpack.hpack",
    "hpack.table",
    "hpack.huffman",
)
"""The loggers to which a URL or a header is told. A filter is not inherited, so each has its own."""

_QUERY: Final = re.compile(r"\?[^\s\"']*")

_hiding: ContextVar[Hide | None] = ContextVar("delivrd_poll_hiding", default=None)


class Unreached(DelivrdError):
    """No answer came: the network, or what stood in it, failed. The message shows no URL."""


class _Packed(Exception):
    """An answer in an encoding that is not unpacked here."""


class _Guard(logging.Filter):
    """Cuts credentials out of what is logged while a question is under way; leaves all else alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record where it belongs to a question."""
        hide = _hiding.get()
        if hide is None:
            return True
        try:
            said = record.getMessage()
        except Exception:
            # Logging itself tells of a record that does not fit its arguments.
            return True
        # Below httpx, headers are told whole, those that hold credentials too: the event's name has to do.
        shown = _QUERY.sub("?…", hide(said)) if record.name == "httpx" else said.partition(" ")[0]
        record.msg, record.args, record.exc_info, record.exc_text = shown, (), None, None
        return True


_GUARD: Final = _Guard()


def guard_logs() -> None:
    """Have httpx and what is below it tell no credentials of a question. It can be called many times."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_GUARD)


async def send(client: httpx.AsyncClient, request: Request, hide: Hide, most: int, within: timedelta) -> Response:
    """The answer to a question.

    Args:
        client: with its timeouts, proxies and limits. Its headers, cookies and authentication are not used.
        request: as `Provider.ask` made it.
        hide: hides the account's secrets in a text.
        most: bytes of a body; of a longer one only so much and one byte more is read.
        within: how long it may take to its last byte; a connection that says a byte now and then is never silent.

    Raises:
        Unreached: none came.
    """
    guard_logs()
    with _hidden(hide):
        answer = await _answer(client, request, most, within)
    if isinstance(answer, str):
        # Raised here, for the frames and the contexts of httpx's own errors hold the URL.
        raise Unreached(hide(answer))
    return answer


@contextmanager
def _hidden(hide: Hide) -> Iterator[None]:
    token = _hiding.set(hide)
    try:
        yield
    finally:
        _hiding.reset(token)


async def _answer(client: httpx.AsyncClient, request: Request, most: int, within: timedelta) -> Response | str:
    """The response, or why there is none."""
    limit = asyncio.timeout(within.total_seconds())
    try:
        # Made here and not by the client, which would add its cookies and headers.
        sent = httpx.Request(
            request.method,
            request.target,
            headers=[*header_pairs(request.headers), *_plain(request)],
            content=request.body,
            extensions={"timeout": client.timeout.as_dict()},
        )
        async with limit:
            with only_own_cancellation():
                return await _whole(client, sent, most)
    # Not httpx's errors alone: a port or a header that HTTP cannot hold comes out as anything.
    except Exception as error:
        return f"no whole answer within {within.total_seconds():g} seconds" if limit.expired() else _told(error)


def _plain(request: Request) -> list[tuple[str, str]]:
    """The header that asks for an answer as it is, unless the question says itself how it wants it."""
    return [] if request.header("accept-encoding") is not None else [("Accept-Encoding", "identity")]


async def _whole(client: httpx.AsyncClient, sent: httpx.Request, most: int) -> Response:
    answer = await client.send(sent, stream=True, auth=None, follow_redirects=False)
    try:
        # As it comes from the wire: httpx unpacks a whole piece at a time, and a few bytes become any number.
        unpack = _unpacking(answer.headers.get("content-encoding", ""), most)
        body = bytearray()
        async for piece in cast("httpx.AsyncByteStream", answer.stream):
            body += unpack(piece)
            if len(body) > most:
                break
        return Response(answer.status_code, answer.headers.multi_items(), bytes(body[: most + 1]))
    finally:
        await answer.aclose()


def _unpacking(encoding: str, most: int) -> Callable[[bytes], bytes]:
    """Unpacks an answer piece by piece, to no more than `most` bytes and one more of each.

    It was asked for as it is. Some servers pack it none the less, and it may be the only copy of what it says.
    """
    if encoding.strip().lower() in ("", "identity"):
        return bytes
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise _Packed
    # The highest bit of the window's size has zlib take its own format and gzip's.
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    return lambda piece: unpacking.decompress(piece, most + 1)


def _told(error: BaseException) -> str:
    """What went wrong: the kind of error, and the system's own words, for httpx's can hold a header."""
    if isinstance(error, _Packed | zlib.error):
        return "the answer is packed in a way that nobody asked for; expected Content-Encoding: identity"
    seen: Any = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return f"{type(error).__name__}: {seen.strerror}"
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
