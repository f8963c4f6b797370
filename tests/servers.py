"""Real servers over real sockets, for tests and for `make bench-receiving`.

The rule of this module: a server's socket listens before the server starts, so that nobody has to wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import uvicorn

PATIENCE = 30
"""Seconds after which a test gives up on a server that says nothing: a test never waits as long."""

ROOT = Path(__file__).parent.parent


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that sends what it is told, byte for byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        # Each piece goes out as it is, a single byte too.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: str = "POST") -> Answer:
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        body = response.read()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def ended(self) -> bool:
        """Whether the server closes the connection, with no more to say."""
        with contextlib.suppress(ConnectionResetError):
            return self.socket.recv(1) == b""
        return True

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def written(method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
    """A request as on the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *(f"{n}: {v}" for n, v in (headers or {}).items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def exchange(
    port: int, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request and its answer, on a connection of its own."""
    with Connection(port) as connection:
        connection.send(written(method, target, body, headers))
        return connection.answer(method)


def listening() -> socket.socket:
    """A socket that listens on a free port of this machine."""
    found = socket.create_server(("127.0.0.1", 0), backlog=128)
    found.set_inheritable(True)
    return found


@contextlib.contextmanager
def on_uvicorn(app: Any, **options: Any) -> Iterator[int]:
    """Serve an ASGI application from a thread, as docs/receiving.md demands; gives the port."""
    options = {"log_config": None, "access_log": False, "ws": "none", "proxy_headers": False} | options
    server = uvicorn.Server(uvicorn.Config(app, **options))
    with listening() as open_socket:
        thread = threading.Thread(target=server.run, args=([open_socket],), daemon=True)
        thread.start()
        try:
            yield open_socket.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


@contextlib.contextmanager
def on_process(command: list[str], folder: Path) -> Iterator[tuple[int, int]]:
    """Serve from a process of its own, which is given a listening socket; gives the port and the process's id.

    Args:
        command: `{fd}` stands for the socket.
        folder: to run in; modules are found there.
    """
    with listening() as open_socket:
        fd = open_socket.fileno()
        path = os.pathsep.join([str(folder), str(ROOT / "tests")])
        process = subprocess.Popen(
            [part.format(fd=fd) for part in command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            pass_fds=[fd],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            yield open_socket.getsockname()[1], process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise


def gunicorn(module: str, *options: str) -> list[str]:
    """The command that serves a WSGI application on gunicorn, as docs/receiving.md demands."""
    fixed = ["--bind", "fd://{fd}", "--worker-tmp-dir", "/tmp", "--forwarded-allow-ips", ""]
    return [sys.executable, "-m", "gunicorn", *fixed, *options, module]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # The name of a machine is looked up in a network otherwise.
    address_family = socket.AF_INET

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "gateway.test", self.server_address[1]
        self.setup_environ()


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return self.client_address[0]


@contextlib.contextmanager
def on_wsgiref(app: Any) -> Iterator[int]:
    """Serve a WSGI application from a thread, on the standard library's server; gives the port."""
    with _Server(("127.0.0.1", 0), _Silent) as server:
        server.set_app(app)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(PATIENCE)


@contextlib.contextmanager
def on_aiohttp(app: Any) -> Iterator[int]:
    """Serve an aiohttp application from a thread; gives the port."""
    from aiohttp import web

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def do(task: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(task, loop).result(PATIENCE)

    with listening() as open_socket:
        # Longer than any test waits: a connection that ends was closed by the receiver, not by aiohttp in the end.
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, lingering_time=2 * PATIENCE)
        do(runner.setup())
        do(web.SockSite(runner, open_socket).start())
        try:
            yield open_socket.getsockname()[1]
        finally:
            do(runner.cleanup())
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()
