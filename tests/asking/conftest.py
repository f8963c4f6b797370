"""What the tests of asking are given."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Clock
from dovecot import BINARY, Dovecot


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A mail server, for all tests: each has a user of its own."""
    if BINARY is None:
        missing = "DOVECOT IS MISSING: apt-get install dovecot-imapd dovecot-pop3d; no mailbox on a server was tested"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with tempfile.TemporaryDirectory(prefix="delivrd-dovecot-") as name:
        folder = Path(name)
        # Its mails belong to an ordinary user, who has to get at them.
        folder.chmod(0o755)
        server = Dovecot(folder)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def nobody() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
