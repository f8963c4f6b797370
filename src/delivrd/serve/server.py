"""uvicorn, as `delivrd serve` runs it.

The rule of this module: what was taken is finished. Who waits for an answer gets it before the
server ends, and who only watches is let go first. Who connects and asks nothing keeps no place.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn

from delivrd.serve.app import Application

BACKLOG: Final = 2048
"""Connections that wait to be taken: providers come in bursts."""

PATIENCE: Final = 35
"""Seconds that the end waits for requests: longer than a sender may take for its body."""

HEAD_SECONDS: Final = 30.0
"""How long a connection may ask nothing whole: uvicorn has no such limit, and open files are few."""


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
        head_seconds: how long a connection may take until a request's head is whole; then it is closed.
    """

    def __init__(
        self,
        app: Application,
        listening: socket.socket,
        ready: Callable[[], object] = bool,
        *,
        head_seconds: float = HEAD_SECONDS,
    ) -> None:
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
        self._head_seconds = head_seconds
        self._quiet: dict[Any, tuple[Any, float]] = {}

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

    async def on_tick(self, counter: int) -> bool:
        """As uvicorn's, ten times a second."""
        self._close_quiet(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    def _close_quiet(self, now: float) -> None:
        """Close the connections that have asked nothing for too long since they came, or since their last answer."""
        quiet: dict[Any, tuple[Any, float]] = {}
        connections: set[Any] = self.server_state.connections
        for connection in connections:
            last = connection.cycle
            if last is not None and not last.response_complete:
                continue
            known = self._quiet.get(connection)
            # Another request since the last look: the silence is a new one.
            quiet[connection] = known if known is not None and known[0] is last else (last, now)
            if now - quiet[connection][1] > self._head_seconds:
                connection.transport.close()
        self._quiet = quiet
