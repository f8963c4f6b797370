"""uvicorn, as `delivrd serve` runs it.

The rule of this module: what was taken is finished. Who waits for an answer gets it before the
server ends, and who only watches is closed first. Only what uvicorn documents is used, and the
way in which it makes its protocols, which a test pins.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable
from math import ceil
from typing import Any, Final

import uvicorn

from delivrd.receiving.budget import ByteBudget
from delivrd.serve.app import Application
from delivrd.serve.connections import Answering, Connection, Connections

BACKLOG: Final = 2048
"""Connections that wait to be taken: providers come in bursts."""

AT_ONCE: Final = 8
"""Connections that asyncio takes before it looks at those it has; where no file is left, it logs as many errors."""

SILENT_SECONDS: Final = 3
"""How long a connection that says nothing is not taken, where the system can wait for its first byte."""

PATIENCE: Final = 35
"""Seconds that the end waits for requests: longer than a sender may take for its body."""

HEAD_SECONDS: Final = 30.0
"""How long a connection may take until a request's head is whole."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=BACKLOG)
    if hasattr(socket, "TCP_DEFER_ACCEPT"):
        # Those who connect and say nothing wait in the system, where they take no open file.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, SILENT_SECONDS)
    return made


class _Config(uvicorn.Config):
    """A configuration that puts a connection of ours before whichever protocol uvicorn chooses."""

    def __init__(self, app: Any, connections: Connections, **options: Any) -> None:
        super().__init__(Answering(app), **options)
        self._connections = connections

    def load(self) -> None:
        """As uvicorn's."""
        super().load()
        guarded: Any = functools.partial(Connection, self._connections, self.http_protocol_class)
        self.http_protocol_class = guarded


class Server(uvicorn.Server):
    """A server of one application on one socket; `run` serves until a signal comes.

    Args:
        app: to serve.
        listening: as `listen` gives it.
        ready: called once requests are taken.
        head_seconds: how long a connection may take until a request's head is whole; then it is closed.
        most: how many connections can be open, as `most_connections` gives it; None for any number. Beyond, the
            quietest is closed.
        budget: the bytes that heads may hold which are not whole; 64 MiB by default.
        http, loop: uvicorn's parser and event loop: the fastest that are installed by default.
    """

    def __init__(
        self,
        app: Application,
        listening: socket.socket,
        ready: Callable[[], object] = bool,
        *,
        head_seconds: float = HEAD_SECONDS,
        most: int | None = None,
        budget: ByteBudget | None = None,
        http: str = "auto",
        loop: str = "auto",
    ) -> None:
        self._connections = Connections(most, head_seconds, budget or ByteBudget())
        super().__init__(
            _Config(
                app,
                self._connections,
                http=http,
                loop=loop,
                lifespan="on",
                ws="none",
                access_log=False,
                log_config=None,
                # Whom a header names as the client is decided by the receiver, which knows the declared proxies.
                proxy_headers=False,
                server_header=False,
                backlog=AT_ONCE,
                # The connections close what is quiet, and they see a head from its first byte.
                timeout_keep_alive=ceil(head_seconds) + 1,
                timeout_graceful_shutdown=PATIENCE,
            )
        )
        self._app = app
        self._listening = listening
        self._ready = ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        super().run(sockets or [self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        await super().startup(sockets=sockets)
        if self.started:
            # The event loop has given the socket the few that it takes at once.
            self._listening.listen(BACKLOG)
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        self._app.leave()
        self._connections.close_idle()
        await super().shutdown(sockets=sockets)

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn's, ten times a second."""
        self._connections.close_quiet(asyncio.get_running_loop().time())
        return await super().on_tick(counter)
