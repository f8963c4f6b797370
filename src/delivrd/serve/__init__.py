"""The receiver as a program of its own: what providers push is kept in the ledger, and a page shows it live.

    receiver, ledger = Receiver(accounts), AsyncLedger(Ledger.open("delivrd.db", migrate=True))
    page = Page(receiver, ledger, Looks(accounts, providers), Gate())
    Server(Application(receiver, ledger, page), listen("127.0.0.1", 8080)).run()

An extra of the distribution: `pip install 'delivrd[serve]'`. The command `delivrd serve` is made of it.
"""

from __future__ import annotations

try:
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401

    import delivrd.ledger as _ledger  # noqa: F401
except ImportError as error:
    raise ImportError("serving is an extra: pip install 'delivrd[serve]'") from error

from delivrd.serve.app import Application
from delivrd.serve.gate import Gate, is_loopback
from delivrd.serve.limits import most_connections, raise_file_limit
from delivrd.serve.looks import Looks
from delivrd.serve.page import Page
from delivrd.serve.server import Server, listen

__all__ = [
    "Application",
    "Gate",
    "Looks",
    "Page",
    "Server",
    "is_loopback",
    "listen",
    "most_connections",
    "raise_file_limit",
]
