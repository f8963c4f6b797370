"""uvicorn, as `delivrd serve` runs it.

The rule of this module: what was taken is finished. Who waits for an answer gets it before the
server ends, and who only watches is let go first.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn

from delivrd.serve.app import Application

BACKLOG: Final = 2048
"""Connections that wait to be taken: providers come in bursts."""

PATIENCE: Final = 35
"""Seconds that the end waits for requests: longer than a sender may take for its body."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        OSError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class Server(uvicorn.Server):
    """A server of one application on one socket; `run` serves until a signal comes.

    Args:
        app: to serve.
        listening: as `listen` gives it.
        ready: called once requests are taken.
    """

    def __init__(self, app: Application, listening: socket.socket, ready: Callable[[], object] = bool) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="on",
                ws="none",
                access_log=False,
                log_config=None,
                # Whom a header names as the client is decided by the receiver, which knows the declared proxies.
                proxy_headers=False,
                server_header=False,
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
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        self._app.leave()
        await super().shutdown(sockets=sockets)
