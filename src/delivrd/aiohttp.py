"""Receiving in an aiohttp application; the extra `aiohttp` of this package.

The rule of this module: only what aiohttp asks for; what is answered is told in `delivrd.receiving`.
"""

from __future__ import annotations

try:
    from aiohttp import ClientError, hdrs, web
except ImportError as error:
    raise ImportError("delivrd.aiohttp needs aiohttp: install delivrd[aiohttp]") from error

from delivrd.receipt import Reply
from delivrd.receiving.budget import ByteBudget
from delivrd.receiving.conduct import BODY_SECONDS, CUT, LITTLE, Clock, Gone, answer_async, awaited, utc_now
from delivrd.receiving.receiver import AsyncHandler, Handler, Receiver


def routes(
    receiver: Receiver,
    handler: Handler | AsyncHandler,
    *,
    clock: Clock = utc_now,
    body_seconds: float = BODY_SECONDS,
    budget: ByteBudget | None = None,
) -> list[web.RouteDef]:
    """The routes of an aiohttp application that answer providers' requests: `app.add_routes(routes(…))`.

    Args:
        receiver: with the accounts.
        handler: as `delivrd.asgi.Application` takes it.
        clock: gives the time of arrival, aware.
        body_seconds: how long a sender may take for its body; then 408.
        budget: the bytes that unanswered requests may hold together; 64 MiB by default.

    Raises:
        TypeError: the handler is none.
    """
    handle = awaited(handler)
    held = budget or ByteBudget()

    async def answer(request: web.Request) -> web.Response:
        body = request.content
        head = receiver.arrive(
            request.method,
            f"{receiver.prefix}/{request.match_info['rest']}",
            request.raw_path,
            request.raw_headers,
            request.remote,
            request.headers.get(hdrs.CONTENT_LENGTH),
        )
        if isinstance(head, Reply):
            return _Response(request, head, cut=not 0 < (request.content_length or 0) <= LITTLE)

        async def read() -> bytes | None:
            if body.at_eof():
                return None
            try:
                return await body.readany() or None
            except (OSError, ClientError, web.PayloadAccessError, web.RequestPayloadError) as error:
                raise Gone from error

        try:
            reply = await answer_async(receiver, handle, head, read, clock, body_seconds, held)
        except Gone:
            reply = CUT
        return _Response(request, reply, cut=True)

    # No more of the path is matched: a gateway's other routes keep theirs.
    return [web.route(hdrs.METH_ANY, receiver.prefix + "/{rest:.*}", answer)]


class _Response(web.Response):
    """A reply; where some of the body is left unread, the connection is closed after it.

    Args:
        request: the request.
        reply: to it.
        cut: close at once: aiohttp would read for ten seconds more, without a limit, whatever still comes.
    """

    def __init__(self, request: web.Request, reply: Reply, *, cut: bool) -> None:
        super().__init__(status=reply.status, body=reply.body, headers=list(reply.headers))
        unread = not request.content.at_eof()
        if unread:
            self.force_close()
        self._cut = request.protocol if unread and cut else None

    async def write_eof(self, data: bytes = b"") -> None:
        """As aiohttp's; what was written still goes out before the connection is closed."""
        await super().write_eof(data)
        if self._cut is not None:
            self._cut.force_close()
