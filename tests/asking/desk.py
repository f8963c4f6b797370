"""What the tests of asking share: a clock that nobody waits for, providers at other hosts, servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import uvicorn

from delivrd import Provider
from delivrd.poll import Entry, Event, MemoryAgenda, Poller, Target

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Enough(Exception):
    """A run that never ends has been seen for long enough."""


class Clock:
    """Time that passes only while somebody sleeps, and nobody waits."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []
        self.most = 1_000_000

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) >= self.most:
            raise Enough
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    def passed(self) -> timedelta:
        return self.at - START


class Desk:
    """A poller with all that it is given, and what it said."""

    def __init__(self, clock: Clock, targets: list[Target], client: httpx.AsyncClient, **options: Any) -> None:
        self.clock = clock
        self.targets = targets
        self.client = client
        self.agenda = options.pop("agenda", MemoryAgenda())
        self.handed: list[Any] = []
        self.events: list[Event] = []
        options.setdefault("watch", self.events.append)
        options.setdefault("random", lambda: 0.0)
        handler = options.pop("handler", lambda answered: self.handed.append(answered.receipt))
        self.poller = Poller(targets, self.agenda, handler, client=client, now=clock.now, sleep=clock.sleep, **options)

    async def add(self, *ids: str, target: int = 0, **options: Any) -> list[Entry]:
        names = self.targets[target].names
        return [await self.poller.add(*names, each, **options) for each in ids]

    @property
    def ends(self) -> list[str]:
        return [event.next.value for event in self.events]


def at_hosts(provider: Provider, *hosts: str) -> Provider:
    """The provider, to be asked at other hosts."""
    moved = copy.copy(provider)
    moved.questions = tuple(msgspec.structs.replace(question, hosts=hosts) for question in provider.questions)
    return moved


@contextlib.contextmanager
def served(app: Callable[..., Any]) -> Iterator[str]:
    """An ASGI application on a port of its own, on loopback."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Connections wait in the backlog until the server takes them: nobody has to wait for it to start.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()


@contextlib.contextmanager
def rude(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server that says what it likes to the first connection, and hangs up."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(answer(connection.recv(65536)))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(timeout=20)
        assert not thread.is_alive()
