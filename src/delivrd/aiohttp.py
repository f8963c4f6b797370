"""Receiving in an aiohttp application; the extra `aiohttp` of this package.

The rule of this module: only what aiohttp asks for; what is answered is told in `delivrd.receiving`.
"""

from __future__ import annotations

try:
    from aiohttp import ClientError, hdrs, web
except ImportError as error:
    raise ImportError("delivrd.aiohttp needs aiohttp: install delivrd[aiohttp]") from error

from delivrd.receipt import Reply
from delivrd.receiving.conduct import BODY_SECONDS, CUT, Clock, Gone, answer_async, awaited, utc_now
from delivrd.receiving.receiver import AsyncHandler, Handler, Receiver


def routes(
    receiver: Receiver, handler: Handler | AsyncHandler, *, clock: Clock = utc_now, body_seconds: float = BODY_SECONDS
) -> list[web.RouteDef]:
    """The routes of an aiohttp application that answer providers' requests: `app.add_routes(routes(…))`.

    Args:
        receiver: with the accounts.
        handler: as `delivrd.asgi.Application` takes it.
        clock: gives the time of arrival, aware.
        body_seconds: how long a sender may take for its body; then 408.

    Raises:
        TypeError: the handler is none.
    """
    handle = awaited(handler)

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
            return _response(head, close=not body.at_eof())

        async def read() -> bytes | None:
            if body.at_eof():
                return None
            try:
                return await body.readany() or None
            except (OSError, ClientError, web.PayloadAccessError, web.RequestPayloadError) as error:
                raise Gone from error

        try:
            reply = await answer_async(receiver, handle, head, read, clock, body_seconds)
        except Gone:
            reply = CUT
        return _response(reply, close=not body.at_eof())

    # No more of the path is matched: a gateway's other routes keep theirs.
    return [web.route(hdrs.METH_ANY, receiver.prefix + "/{rest:.*}", answer)]


def _response(reply: Reply, *, close: bool) -> web.Response:
    response = web.Response(status=reply.status, body=reply.body, headers=list(reply.headers))
    if close:
        response.force_close()
    return response
