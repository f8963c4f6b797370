"""The program, served for tests: on uvicorn in a thread, or as a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import test_receiving
from servers import PATIENCE, exchange

from delivrd import Account, Accounts, Registry
from delivrd.ledger import AsyncLedger, Ledger
from delivrd.receiving import Receiver
from delivrd.receiving.conduct import Clock, utc_now
from delivrd.serve import Application, Gate, Looks, Page, Server, listen

PROVIDERS = Registry.installed()
SECRET = "a-long-random-word"
PASSWORD = "twelve-letters-at-least"
ACCOUNTS = Accounts(
    [
        (PROVIDERS["messente-legacy"], Account(name="old", secrets=[SECRET])),
        (PROVIDERS["upside-wireless"], Account(name="up", open=True)),
        (PROVIDERS["teli"], Account(name="us", secrets=[SECRET])),
    ]
)
ACCOUNTS_FILE = f"""
[accounts.old]
provider = "messente-legacy"
secrets = ["{SECRET}"]

[accounts.up]
provider = "upside-wireless"
open = true
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def legacy(port: int, **fields: str) -> int:
    """Push a report for the account `old`; gives the status of the answer."""
    return exchange(port, "GET", f"/dlr/old?{urlencode(fields)}&secret={SECRET}").status


def upside(port: int, **fields: str) -> int:
    """Push a form for the account `up`, which names the recipient."""
    return exchange(port, "POST", "/dlr/up", urlencode({"name": "us", **fields}).encode(), FORM).status


class Served(NamedTuple):
    """A running program."""

    port: int
    store: str

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def json(self, path: str) -> Any:
        status, _, body = self.get(path)
        assert status == 200, body
        return json.loads(body)


@contextlib.contextmanager
def serving(
    store: str,
    *,
    gate: Gate | None = None,
    show_numbers: bool = False,
    page: bool = True,
    port: int = 0,
    clock: Clock = utc_now,
) -> Iterator[Served]:
    """Serve from a thread, as `delivrd serve` does."""
    receiver, ledger = Receiver(ACCOUNTS), AsyncLedger(Ledger.open(store, migrate=True))
    looks = Looks(ACCOUNTS, PROVIDERS, show_numbers=show_numbers)
    shown = Page(receiver, ledger, looks, gate or Gate(), clock=clock, pause=0.05) if page else None
    ready = threading.Event()
    listening = listen("127.0.0.1", port)
    server = Server(Application(receiver, ledger, shown, clock=clock), listening, ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield Served(listening.getsockname()[1], store)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextlib.contextmanager
def served(store: Path, **options: Any) -> Iterator[int]:
    """Serve the accounts of `test_receiving` from a thread, without a page; gives the port."""
    ready = threading.Event()
    with listen("127.0.0.1", 0) as listening:
        app = Application(Receiver(test_receiving.ACCOUNTS), AsyncLedger(Ledger.open(store, migrate=True)))
        server = Server(app, listening, ready.set, **options)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert ready.wait(PATIENCE)
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()


class Events:
    """The events of the page, as a browser gets them."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connection.request("GET", "/events")
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in iter(self.answer.readline, b""):
            head, _, value = line.decode().rstrip("\n").partition(": ")
            if head == "event":
                name = value
            elif head == "data":
                yield name, json.loads(value)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The reports, as they come."""
        for name, value in self:
            if name == "reports":
                yield from value

    def summary(self, wanted: Any) -> dict[str, Any]:
        """The first summary of which something holds."""
        return next(value for name, value in self if name == "summary" and wanted(value))

    def close(self) -> None:
        self.answer.close()
        self._connection.close()


class Program:
    """`delivrd serve` as a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        (folder / "accounts.toml").write_text(ACCOUNTS_FILE, encoding="utf-8")
        command = [sys.executable, "-m", "delivrd", "serve", "--accounts", "accounts.toml", "--port", "0", *options]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DELIVRD", "COVERAGE"))}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ | {"PAGE": PASSWORD},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []

    def port(self) -> int:
        """Where it listens, once it does."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(r"http://[^/]*:(\d+)/", line)
            if found:
                return int(found[1])
        raise AssertionError(f"it never listened: {self.said}")

    def end(self) -> int:
        """Ask it to end; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        _, said = self.process.communicate(timeout=PATIENCE)
        self.said.append(said)
        return self.process.returncode

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
