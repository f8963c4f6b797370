"""Connections that ask nothing keep no place."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest
from servers import Connection, exchange, written
from serving import served
from test_receiving import FORM, KIND, SECRET

WHOLE = written("POST", f"/dlr/us?secret={SECRET}", FORM, {"Content-Type": KIND})
HEAD = WHOLE[: -len(FORM)]


@pytest.mark.parametrize(
    "start", [b"", b"POST", HEAD[:-2], WHOLE + b"POST /dlr/us HT"], ids=["nothing", "a word", "a head", "a second"]
)
def test_a_connection_whose_head_never_ends_is_closed(tmp_path, start):
    with served(tmp_path / "ledger.db", head_seconds=0.3) as port, Connection(port) as connection:
        connection.send(start)
        if start.startswith(WHOLE):
            assert connection.answer().status == 200
        assert connection.ended()
        assert exchange(port, "GET", "/healthz").status == 200


def test_a_request_that_is_being_answered_is_not_taken_for_silence(tmp_path):
    with served(tmp_path / "ledger.db", head_seconds=0.3) as port, ExitStack() as stack:
        slow, silent = (stack.enter_context(Connection(port)) for _ in range(2))
        slow.send(HEAD)
        # When the silent one was closed, the slow one had been open for as long.
        assert silent.ended()
        slow.send(FORM)
        assert slow.answer().status == 200


def test_a_connection_that_goes_on_asking_is_kept(tmp_path):
    with served(tmp_path / "ledger.db", head_seconds=0.3) as port, ExitStack() as stack:
        busy, silent = (stack.enter_context(Connection(port)) for _ in range(2))
        silent.socket.setblocking(False)
        closed = False
        while not closed:
            # It is answered at once, so the server hardly ever sees that it asks.
            busy.send(written("GET", "/nothing"))
            assert busy.answer("GET").status == 404
            with contextlib.suppress(BlockingIOError):
                closed = silent.socket.recv(1) == b""
        busy.send(WHOLE)
        assert busy.answer().status == 200
