"""What a request's head may be: the same over raw sockets whichever parser and event loop serve it."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import Connection, exchange
from serving import served
from test_receiving import FORM, KIND, SECRET

from delivrd.serve.heads import MOST_FIELDS, MOST_HEAD, Chunks, HeadError, find_end, read_head

STACKS = [("h11", "asyncio"), ("httptools", "asyncio"), ("h11", "uvloop"), ("httptools", "uvloop")]
FORM_LINES = f"Host: 127.0.0.1\r\nContent-Type: {KIND}\r\n"
TARGET = f"/dlr/us?secret={SECRET}"
LENGTH = f"Content-Length: {len(FORM)}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(FORM), FORM)


@pytest.fixture(scope="module", params=STACKS, ids="-".join)
def port(request, tmp_path_factory):
    http, loop = request.param
    with served(tmp_path_factory.mktemp("heads") / "ledger.db", http=http, loop=loop) as found:
        yield found


def post(lines: str, body: bytes = FORM, *, start: str = f"POST {TARGET} HTTP/1.1", common: str = FORM_LINES) -> bytes:
    return f"{start}\r\n{common}{lines}\r\n".encode("latin-1") + body


TAKEN = {
    "a length": post(LENGTH),
    "chunks": post(CHUNKED, CHUNKS),
    "chunks with an extension": post(CHUNKED, CHUNKS.replace(b"\r\n", b";a=b\r\n", 1)),
    "chunks with trailers": post(CHUNKED, CHUNKS[:-2] + b"X-Sum: 1\r\n\r\n"),
    "chunks, in capitals": post("TRANSFER-ENCODING: Chunked\r\n", CHUNKS),
    "empty lines before it": b"\r\n\r\n" + post(LENGTH),
    "white space around a length": post(f"Content-Length: \t{len(FORM)} \r\n"),
    "the first version": post(LENGTH, start=f"POST {TARGET} HTTP/1.0"),
    "the first version without a host": post(
        LENGTH, start=f"POST {TARGET} HTTP/1.0", common=f"Content-Type: {KIND}\r\n"
    ),
    "as many fields as are allowed": post(LENGTH + "".join(f"X-{n}: 1\r\n" for n in range(MOST_FIELDS - 3))),
    "a long field": post(LENGTH + f"X: {'x' * 60_000}\r\n"),
    "bytes that are no ASCII in a value": post(LENGTH + "X: \xe4\r\n"),
    "an offer of another protocol": post(LENGTH + "Connection: upgrade\r\nUpgrade: websocket\r\n"),
}

REFUSED = {
    "a length and chunks": (400, post(LENGTH + CHUNKED, CHUNKS)),
    "chunks and a length": (400, post(CHUNKED + LENGTH, CHUNKS)),
    "two lengths": (400, post(LENGTH + "Content-Length: 1\r\n")),
    "the same length twice": (400, post(LENGTH + LENGTH)),
    "a list of lengths": (400, post(f"Content-Length: {len(FORM)}, {len(FORM)}\r\n")),
    "a length with a sign": (400, post("Content-Length: +33\r\n")),
    "a length below zero": (400, post("Content-Length: -1\r\n")),
    "a length in hexadecimal": (400, post("Content-Length: 0x21\r\n")),
    "no digits of a length": (400, post("Content-Length: \r\n")),
    "a length of many digits": (400, post(f"Content-Length: {'9' * 5000}\r\n")),
    "chunks in the first version": (400, post(CHUNKED, CHUNKS, start=f"POST {TARGET} HTTP/1.0")),
    "an encoding before chunks": (501, post("Transfer-Encoding: gzip, chunked\r\n", CHUNKS)),
    "an encoding behind chunks": (501, post("Transfer-Encoding: chunked, identity\r\n", CHUNKS)),
    "chunks twice": (501, post(CHUNKED + CHUNKED, CHUNKS)),
    "another encoding": (501, post("Transfer-Encoding: identity\r\n")),
    "an encoding with a hidden byte": (400, post("Transfer-Encoding: \x0bchunked\r\n", CHUNKS)),
    "a folded field": (400, post("X: 1\r\n 2\r\n" + LENGTH)),
    "a folded encoding": (400, post("Transfer-Encoding:\r\n chunked\r\n", CHUNKS)),
    "a field before the first": (400, post(LENGTH, common=" Host: 127.0.0.1\r\n")),
    "white space before a colon": (400, post("Content-Length : 33\r\n")),
    "a field without a colon": (400, post("X\r\n" + LENGTH)),
    "a field without a name": (400, post(": 1\r\n" + LENGTH)),
    "a bare line feed": (400, post("X: 1\nContent-Length: 5\r\n")),
    "only line feeds": (400, b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n"),
    "a bare carriage return": (400, post("X: 1\rContent-Length: 5\r\n")),
    "a null byte": (400, post("X: \0\r\n" + LENGTH)),
    "no host": (400, post(LENGTH, common="")),
    "two hosts": (400, post("Host: other.example\r\n" + LENGTH)),
    "no version": (400, post(LENGTH, start=f"POST {TARGET}")),
    "another version": (400, post(LENGTH, start=f"POST {TARGET} HTTP/2.0")),
    "the second version": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "two spaces": (400, post(LENGTH, start=f"POST  {TARGET} HTTP/1.1")),
    "a space in the target": (400, post(LENGTH, start="POST /dlr/us x HTTP/1.1")),
    "a target that is no ASCII": (400, post(LENGTH, start="POST /dlr/\xe4 HTTP/1.1")),
    "an absolute target": (400, post(LENGTH, start="POST http://127.0.0.1/dlr/us HTTP/1.1")),
    "a tunnel": (400, post("", b"", start="CONNECT 127.0.0.1:80 HTTP/1.1")),
    "a tunnel to a path": (501, post("", b"", start="CONNECT /dlr/us HTTP/1.1")),
    "another protocol": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a long target": (414, post(LENGTH, start=f"GET /{'x' * 16384} HTTP/1.1")),
    "a target without an end": (414, b"GET /" + b"x" * 20_000),
    "too many fields": (431, post(LENGTH + "".join(f"X-{n}: 1\r\n" for n in range(MOST_FIELDS - 2)))),
    "a field without an end": (431, b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000),
    "a head that is too long": (431, post(LENGTH + f"X: {'x' * 66_000}\r\n")),
    "a chunk without a size": (400, post(CHUNKED, b"\r\n" + FORM)),
    "a chunk of a negative size": (400, post(CHUNKED, b"-1\r\n" + FORM)),
}


@pytest.mark.parametrize("request_", TAKEN.values(), ids=TAKEN)
def test_a_head_that_can_be_read_in_one_way_is_taken(port, request_):
    with Connection(port) as connection:
        connection.send(request_)
        assert connection.answer().status == 200


@pytest.mark.parametrize("request_", TAKEN.values(), ids=TAKEN)
def test_a_request_that_comes_byte_by_byte_is_the_same(port, request_):
    step = 1 if len(request_) < 1000 else 500
    with Connection(port) as connection:
        for at in range(0, len(request_), step):
            connection.send(request_[at : at + step])
        assert connection.answer().status == 200


@pytest.mark.parametrize(("status", "request_"), REFUSED.values(), ids=REFUSED)
def test_a_head_that_can_be_read_in_two_ways_or_has_no_bound_is_refused_and_the_connection_closed(
    port, status, request_
):
    with Connection(port) as connection:
        # A second request, which no reading of the first may let through.
        with suppress(ConnectionError):
            connection.send(request_ + post(LENGTH))
        assert connection.answer().status == status
        assert connection.ended()


@pytest.mark.parametrize("chunk", [b"1;" + b"x" * 300, b"f" * 17 + b"\r\n"], ids=["without an end", "enormous"])
def test_a_chunk_without_a_bound_closes_the_connection(port, chunk):
    with Connection(port) as connection:
        with suppress(ConnectionError):
            connection.send(post(CHUNKED, chunk))
        with suppress(ConnectionError):
            while connection.socket.recv(65536):
                pass
    assert exchange(port, "GET", "/healthz").status == 200


def test_requests_that_are_sent_together_are_answered_in_their_order(port):
    missing = b"GET /missing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with Connection(port) as connection:
        connection.send((post(LENGTH) + missing + post(CHUNKED, CHUNKS)) * 20)
        got = b""
        while got.count(b"HTTP/1.1 ") < 60:
            got += connection.socket.recv(65536)
        statuses = [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"404", b"200"] * 20


def test_a_second_request_with_a_bad_head_does_not_spoil_the_answer_to_the_first(port):
    with Connection(port) as connection:
        connection.send(post(LENGTH) + post(LENGTH + CHUNKED, CHUNKS))
        got = b""
        with suppress(ConnectionError):
            while piece := connection.socket.recv(65536):
                got += piece
    assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


def test_a_refusal_reaches_a_sender_that_is_still_sending(port):
    with Connection(port) as connection:
        connection.socket.settimeout(0.5)
        with suppress(ConnectionError, socket.timeout):
            connection.send(post(LENGTH + CHUNKED, b"x" * 5_000_000))
        assert connection.answer().status == 400


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_a_head_or_are_refused_wherever_they_are_cut(data, cut):
    if not data:
        return

    def read(pieces):
        buffer, searched = bytearray(), 0
        for piece in pieces:
            buffer += piece
            end = find_end(buffer, searched) if buffer else None
            if end is not None:
                return end, read_head(bytes(buffer[:end]))
            searched = len(buffer)
        return None

    def outcome(pieces):
        try:
            return read(pieces)
        except HeadError as error:
            return error.status

    assert outcome([data]) == outcome([data[:cut], data[cut:]])


@given(st.lists(st.binary(min_size=1, max_size=30)), st.binary(max_size=20), st.integers(1, 7))
def test_the_end_of_a_body_in_chunks_is_found_wherever_it_is_cut(chunks, behind, step):
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    found, whole = Chunks(), 0
    data = body + behind
    for at in range(0, len(data), step):
        whole += found.count(data[at : at + step])
        if found.ended:
            break
    assert found.ended
    assert whole == len(body)


def test_trailers_have_a_bound():
    with pytest.raises(HeadError):
        Chunks().count(b"0\r\n" + b"X: 1\r\n" * 5000)
    assert MOST_HEAD == 65536
