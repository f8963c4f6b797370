"""The page: its files, what it asks for, and the events that it listens to.

The rule of this module: nothing is changed by a request, and nothing is shown before the gate has let it in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from delivrd.asgi import Message, Receive, Scope, Send
from delivrd.ledger import AsyncLedger, KeptInput, KeptReport, Ledger, LedgerError, RowDamaged
from delivrd.life import State
from delivrd.logs import logger
from delivrd.receiving import Receiver, openapi
from delivrd.receiving.conduct import Clock, utc_now
from delivrd.serve.feed import Feed, Queue
from delivrd.serve.gate import Gate
from delivrd.serve.looks import Looks
from delivrd.unlisted.codes import fixture_name, unlisted_codes
from delivrd.unlisted.fields import numbers_of
from delivrd.unlisted.raw import NoFixture, fixture

LOG: Final = logger("serve")

_NOT_KEPT: Final = "no such thing is kept"
_DIGITS: Final = len(str(1 << 63))

_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""On every answer: the page loads nothing from elsewhere, and nobody else loads it."""


class Page:
    """The page, and what it is made of: an ASGI application.

    Args:
        receiver: described at `/openapi.json`.
        ledger: to read.
        looks: makes what is shown.
        gate: who may see it.
        clock: gives the time, aware.
        pause: seconds between two reads of the store.
    """

    def __init__(
        self,
        receiver: Receiver,
        ledger: AsyncLedger,
        looks: Looks,
        gate: Gate,
        *,
        clock: Clock = utc_now,
        pause: float = 1.0,
    ) -> None:
        self._ledger = ledger
        self._looks = looks
        self._gate = gate
        self._feed = Feed(ledger, looks, clock, pause=pause)
        self._openapi = msgspec.json.encode(openapi(receiver))
        folder = files("delivrd.serve")
        self._files = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}
        self._app = Starlette(
            routes=[
                *(Route(path, self._file) for path in _FILES),
                Route("/events", self._events),
                Route("/openapi.json", self._description),
                Route("/reports/{message}/{key}", self._report),
                Route("/reports/{message}/{key}/fixture", self._fixture),
                Route("/strays/{number}", self._stray),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        client = scope.get("client")
        app: Any = self._app
        if not self._gate.admits(scope["headers"], client[0] if client else None, scope.get("http_version", "1.1")):
            app = self._refusal()
        try:
            await app(scope, receive, guarded)
        # It is answered already. Its message, which the server would log, can hold what the store held.
        except Exception as error:
            LOG.error("page: %s", type(error).__name__)

    def watch(self, scope: Scope) -> None:
        """Look at a request that is not for the page: it can show that a proxy leads here."""
        self._gate.watch(scope["headers"])
        if self._gate.proxy is not None:
            # Those who were let in before may have come the same way.
            self._feed.end()

    def leave(self) -> None:
        """Let those go who watch."""
        self._feed.end()

    def _refusal(self) -> Response:
        if self._gate.asks:
            ask = {"WWW-Authenticate": 'Basic realm="delivrd", charset="UTF-8"'}
            return Response("a password is needed; the user name is delivrd\n", 401, ask, "text/plain")
        seen = f"A proxy or tunnel leads here: {self._gate.proxy}.\n" if self._gate.proxy else ""
        said = seen + (
            "This page is for the machine that it runs on: open it there, at 127.0.0.1 or localhost, and not "
            "through a proxy; or give delivrd serve a password for it.\n"
        )
        return Response(said, 403, media_type="text/plain")

    async def _file(self, request: Request) -> Response:
        content, kind = self._files[request.url.path]
        return Response(content, media_type=kind)

    async def _description(self, request: Request) -> Response:
        return Response(self._openapi, media_type="application/json")

    async def _events(self, request: Request) -> Response:
        queue = self._feed.enter()
        if queue is None:
            return Response("too many watch, or the end has come\n", 503, media_type="text/plain")
        return _Events(self._feed, queue)

    async def _report(self, request: Request) -> Response:
        return await self._json(_opened, self._looks, request.path_params["message"], request.path_params["key"])

    async def _stray(self, request: Request) -> Response:
        number = request.path_params["number"]
        # A store has no number of more digits, and some numbers of many digits are refused by Python itself.
        if not (number.isascii() and number.isdigit() and 0 < len(number) <= _DIGITS and 0 < int(number) < 1 << 63):
            raise HTTPException(404, _NOT_KEPT)
        return await self._json(_opened_stray, self._looks, int(number))

    async def _json(self, make: Any, *args: Any) -> Response:
        made = await self._made(make, *args)
        return Response(msgspec.json.encode(made), media_type="application/json")

    async def _fixture(self, request: Request) -> Response:
        made = await self._made(_fixture, self._looks, request.path_params["message"], request.path_params["key"])
        name, content = made
        disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, headers=disposition, media_type="application/octet-stream")

    async def _made(self, make: Any, *args: Any) -> Any:
        try:
            return await self._ledger.run(make, *args)
        except LookupError as error:
            raise HTTPException(404, _NOT_KEPT) from error
        except RowDamaged as error:
            raise HTTPException(500, str(error)) from error
        except NoFixture as error:
            raise HTTPException(409, str(error)) from error
        except LedgerError as error:
            raise HTTPException(503, "the store does not answer") from error


class _Events(StreamingResponse):
    """The events of one who watches, until they go."""

    def __init__(self, feed: Feed, queue: Queue) -> None:
        super().__init__(_until_none(queue), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._feed = feed
        self._queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._queue)


async def _until_none(queue: Queue) -> AsyncIterator[bytes]:
    while (told := await queue.get()) is not None:
        yield told


def _kept(ledger: Ledger, message: str, key: str) -> tuple[KeptReport, State]:
    for each in ledger.find(message):
        for kept in ledger.history(each):
            if kept.report.key == key:
                return kept, each.state
    raise LookupError


def _opened(ledger: Ledger, looks: Looks, message: str, key: str) -> dict[str, Any]:
    return looks.opened(*_kept(ledger, message, key))


def _opened_stray(ledger: Ledger, looks: Looks, number: int) -> dict[str, Any]:
    return looks.opened_stray(_kept_stray(ledger, number))


def _kept_stray(ledger: Ledger, number: int) -> KeptInput:
    for kept in ledger.strays(number - 1, limit=1):
        if kept.number == number:
            return kept
    raise LookupError


def _fixture(ledger: Ledger, looks: Looks, message: str, key: str) -> tuple[str, bytes]:
    kept, _ = _kept(ledger, message, key)
    if kept.input is None:
        raise NoFixture("the input is not kept")
    provider, _ = looks.reader(kept.report.provider, kept.report.account or "")
    suffix, content = fixture(kept.input, numbers_of([kept.report], provider, kept.input))
    codes = ["-".join(code) for _, code in unlisted_codes(kept.report)]
    return fixture_name(kept.report.status, codes) + suffix, content
