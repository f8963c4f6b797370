"""Connections that ask nothing keep no place."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest
from servers import Connection, exchange, written
from serving import served
from test_receiving import FORM, KIND, SECRET

from delivrd.receiving import ByteBudget

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


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_the_quietest_connection_makes_room_and_one_that_is_being_answered_does_not(tmp_path, http):
    with served(tmp_path / "ledger.db", most=3, http=http) as port, ExitStack() as stack:
        first, second = (stack.enter_context(Connection(port)) for _ in range(2))
        first.send(b"POST /dlr")
        second.send(b"POST /dlr")
        # Each is known once one that came later was answered.
        assert exchange(port, "GET", "/healthz").status == 200
        first.send(b"/us")
        third = stack.enter_context(Connection(port))
        third.send(WHOLE)
        assert third.answer().status == 200
        fourth = stack.enter_context(Connection(port))
        fourth.send(WHOLE)
        assert fourth.answer().status == 200
        assert second.ended()
        first.send(WHOLE.removeprefix(b"POST /dlr/us"))
        assert first.answer().status == 200


@pytest.mark.parametrize("http", ["h11", "httptools"])
def test_a_body_that_comes_behind_its_answer_keeps_no_place(tmp_path, http):
    with served(tmp_path / "ledger.db", head_seconds=0.3, http=http) as port, Connection(port) as connection:
        connection.send(written("GET", "/healthz", b"late")[: -len(b"late")])
        assert connection.answer("GET").status == 200
        connection.send(b"late")
        assert connection.ended()


def test_heads_that_are_not_whole_hold_no_more_than_the_budget(tmp_path):
    with served(tmp_path / "ledger.db", budget=ByteBudget(50_000)) as port, ExitStack() as stack:
        small, large = (stack.enter_context(Connection(port)) for _ in range(2))
        small.send(WHOLE[:40])
        large.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 60_000)
        assert large.answer().status == 503
        assert large.ended()
        small.send(WHOLE[40:])
        assert small.answer().status == 200
