"""The applications that `make bench-receiving` compares: each bare framework with an empty handler, and the receiver."""

from __future__ import annotations

from flask import Flask, request
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Mount, Route

import delivrd.asgi
import delivrd.wsgi
from delivrd import Account, Accounts, Registry
from delivrd.receiving import Received, Receiver

SECRET = "a password"
ACCOUNTS = Accounts([(Registry.installed()["messente-omnichannel"], Account(name="main", secrets=[SECRET]))])


async def async_handler(_: Received) -> None:
    pass


def handler(_: Received) -> None:
    pass


async def bare(request) -> Response:
    await request.body()
    return Response(status_code=200)


async def bare_thread(request) -> Response:
    await request.body()
    await run_in_threadpool(handler, None)
    return Response(status_code=200)


def bare_wsgi(environ, start_response):
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]


starlette_thread = Starlette(routes=[Route("/dlr/main", bare_thread, methods=["POST"])])
starlette = Starlette(routes=[Route("/dlr/main", bare, methods=["POST"])])
receiving_asgi = Starlette(routes=[Mount("/", delivrd.asgi.Application(Receiver(ACCOUNTS), async_handler))])
receiving_asgi_thread = Starlette(routes=[Mount("/", delivrd.asgi.Application(Receiver(ACCOUNTS), handler))])
receiving_wsgi = delivrd.wsgi.Application(Receiver(ACCOUNTS), handler)

flask = Flask(__name__)


@flask.post("/dlr/main")
def bare_flask():
    request.get_data()
    return b""
