"""Receiving on real servers, over sockets: uvicorn and gunicorn, and what hostile senders do to them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest
from servers import PATIENCE, Connection, exchange, gunicorn, on_process, on_uvicorn, written
from test_receiving import FORM, KIND, SECRET

import delivrd.asgi
from delivrd import Account, Accounts, HmacBody, Registry, Request, read_samples
from delivrd.receiving import Receiver, TrustedProxies, openapi

PROVIDERS = Registry.installed()
LIMIT = 2000
ACCOUNTS = Accounts(
    [
        (PROVIDERS["teli"], Account(name="us", secrets=[SECRET], max_body=LIMIT)),
        (PROVIDERS["messente-omnichannel"], Account(name="main", secrets=[SECRET])),
        (PROVIDERS["messente-legacy"], Account(name="old", open=True)),
        (PROVIDERS["upside-wireless"], Account(name="up", open=True)),
    ]
)
TARGET = f"/dlr/us?secret={SECRET}"
FORM_TYPE = {"Content-Type": KIND}

WSGI = """
from delivrd.wsgi import Application
from delivrd.receiving import Receiver
from test_receiving_servers import ACCOUNTS

def handler(received):
    # A file a report: any of several processes and threads can make it.
    (report,) = received.receipt.reports
    if report.message_id == "fail":
        raise OSError
    open(report.message_id, "x").close()

app = Application(Receiver(ACCOUNTS), handler)
"""


class Served(NamedTuple):
    """A running server.

    Attributes:
        port: where it listens.
        stored: gives the ids of the messages whose reports its handler took over.
        silent: how many connections may say nothing at a time: a server with threads gives each of
            them a thread for a while.
        closes: it closes a connection at once when a body is left unread; gunicorn first waits for the rest.
    """

    port: int
    stored: Callable[[], set[str]]
    silent: int
    closes: bool


@pytest.fixture(scope="module")
def uvicorn_served():
    got = []

    def handler(received):
        (report,) = received.receipt.reports
        if report.message_id == "fail":
            raise OSError
        got.append(report.message_id)

    with on_uvicorn(delivrd.asgi.Application(Receiver(ACCOUNTS), handler)) as port:
        yield Served(port, lambda: set(got), silent=50, closes=True)


@pytest.fixture(scope="module")
def gunicorn_served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "served.py").write_text(WSGI)
    options = ("--worker-class", "gthread", "--threads", "12", "--keep-alive", "75")
    with on_process(gunicorn("served:app", *options), folder) as (port, _):
        yield Served(port, lambda: {path.name for path in folder.iterdir()}, silent=3, closes=False)


@pytest.fixture(params=["uvicorn_served", "gunicorn_served"])
def served(request):
    return request.getfixturevalue(request.param)


def form(id: str) -> bytes:
    return f"id={id}&status=DELIVRD".encode()


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = FORM_TYPE | {"Transfer-Encoding": "chunked"}


def test_a_report_is_stored_when_it_is_answered(served):
    assert exchange(served.port, "POST", TARGET, form("plain"), FORM_TYPE).status == 200
    assert "plain" in served.stored()


def test_a_signed_body_is_read_as_it_was_sent(served):
    path = "fixtures/messente-omnichannel/delivered-documented-sample.http"
    with open(path, "rb") as file:
        (sample,) = read_samples(path, file.read())
    signed = HmacBody("X-Messente-Signature").sign(sample.input, Account(secrets=[SECRET]))
    assert isinstance(signed, Request)
    headers = {"Content-Type": "application/json", "X-Messente-Signature": signed.header("X-Messente-Signature")}
    changed = signed.body.replace(b"SMS", b"sms").replace(b"DELIVRD", b"UNDELIV")
    assert exchange(served.port, "POST", "/dlr/main", changed, headers).status == 401
    assert exchange(served.port, "POST", "/dlr/main", signed.body, headers).status == 200


def test_a_handler_that_fails_acknowledges_nothing(served):
    assert exchange(served.port, "POST", TARGET, form("fail"), FORM_TYPE).status == 503
    # The connection and the server are as good as before.
    assert exchange(served.port, "POST", TARGET, form("after-a-failure"), FORM_TYPE).status == 200


@pytest.mark.parametrize(
    ("method", "target", "body", "status"),
    [
        ("POST", "/dlr/nobody", FORM, 404),
        ("GET", "/", None, 404),
        ("POST", "/dlr/us?secret=guess", FORM, 401),
        ("PUT", TARGET, FORM, 405),
        ("HEAD", TARGET, None, 405),
        ("POST", TARGET, b"nothing=1", 400),
        ("POST", TARGET, None, 400),
        ("GET", "/dlr/old?sms_unique_id=by-get&stat=DELIVRD", None, 200),
    ],
)
def test_each_refusal_comes_over_the_wire_with_a_length_and_without_a_body(served, method, target, body, status):
    answer = exchange(served.port, method, target, body, FORM_TYPE)
    assert (answer.status, answer.body) == (status, b"")
    assert answer.headers["content-length"] == "0"


def test_a_body_in_chunks_is_read_whole(served):
    with Connection(served.port) as connection:
        connection.send(
            written("POST", TARGET, None, CHUNKED) + chunked(*(bytes([byte]) for byte in form("chunks")), b"")
        )
        assert connection.answer().status == 200
    assert "chunks" in served.stored()


def test_a_body_that_is_announced_too_large_is_answered_before_it_is_sent(served):
    with Connection(served.port) as connection:
        connection.send(written("POST", TARGET, None, FORM_TYPE | {"Content-Length": "1000000000000"}))
        assert connection.answer().status == 413
        assert not served.closes or connection.ended()


def test_a_body_in_chunks_is_answered_as_soon_as_it_is_too_large(served):
    with Connection(served.port) as connection:
        # It never ends: whoever read on would wait for ever.
        connection.send(written("POST", TARGET, None, CHUNKED) + chunked(b"x" * LIMIT, b"x"))
        assert connection.answer().status == 413


def test_a_body_of_exactly_the_limit_is_taken(served):
    body = form("limit") + b"&x="
    body += b"y" * (LIMIT - len(body))
    assert exchange(served.port, "POST", TARGET, body, FORM_TYPE).status == 200
    assert exchange(served.port, "POST", TARGET, body + b"y", FORM_TYPE).status == 413


def test_a_cut_body_is_not_taken_for_a_whole_one(served):
    with Connection(served.port) as connection:
        whole = written("POST", TARGET, form("cut-short"), FORM_TYPE)
        connection.send(whole[: -len("-short&status=DELIVRD")])
    # Whatever the server did of it, it has done once it answers on.
    assert exchange(served.port, "POST", TARGET, form("after-a-cut"), FORM_TYPE).status == 200
    assert not {"cut", "cut-short"} & served.stored()


def test_slow_senders_and_silent_connections_stop_nobody(served):
    """Others are served while these wait; then each of these is served too."""
    slow = [written("POST", TARGET, form(f"slow-{number}"), FORM_TYPE) for number in range(6)]
    head = slow[0].index(b"\r\n\r\n") + 4
    with contextlib.ExitStack() as stack:

        def connect() -> Connection:
            return stack.enter_context(Connection(served.port))

        silent = [connect() for _ in range(served.silent)]
        inside_head, inside_body = [connect() for _ in range(3)], [connect() for _ in range(3)]
        for connection, request in zip(inside_head, slow[:3], strict=True):
            connection.send(request[:10])
        for connection, request in zip(inside_body, slow[3:], strict=True):
            connection.send(request[: head + 2])
        gone = connect()
        gone.send(slow[0][: head + 2])
        gone.socket.close()
        for number in range(20):
            assert exchange(served.port, "POST", TARGET, form(f"fast-{number}"), FORM_TYPE).status == 200
        # A byte at a time, in turns, with others between.
        for place in range(max(len(request) for request in slow)):
            for connection, request, start in [
                *((each, request, 10) for each, request in zip(inside_head, slow[:3], strict=True)),
                *((each, request, head + 2) for each, request in zip(inside_body, slow[3:], strict=True)),
            ]:
                connection.send(request[start + place : start + place + 1])
            if place % 50 == 0:
                assert exchange(served.port, "POST", TARGET, form(f"between-{place}"), FORM_TYPE).status == 200
        for connection in (*inside_head, *inside_body):
            assert connection.answer().status == 200
        for connection in silent:
            connection.send(written("POST", "/dlr/nobody", FORM, FORM_TYPE))
            assert connection.answer().status == 404
    assert {f"slow-{number}" for number in range(6)} <= served.stored()


def test_a_sender_that_is_too_slow_is_sent_away():
    app = delivrd.asgi.Application(Receiver(ACCOUNTS), lambda received: None, body_seconds=0.01)
    with on_uvicorn(app) as port, Connection(port) as connection:
        connection.send(written("POST", TARGET, None, FORM_TYPE | {"Content-Length": "10"}) + b"id")
        assert connection.answer().status == 408
        assert connection.ended()


def test_a_sender_on_this_machine_names_no_other_address_as_its_own():
    accounts = Accounts([(PROVIDERS["teli"], Account(name="us", addresses=["192.0.2.1"]))])
    forged = FORM_TYPE | {"X-Forwarded-For": "192.0.2.1"}
    app = delivrd.asgi.Application(Receiver(accounts), lambda received: None)
    with on_uvicorn(app) as port:
        assert exchange(port, "POST", "/dlr/us", FORM, forged).status == 401
    # Why the page demands it: by default uvicorn believes whoever connects from this machine.
    with on_uvicorn(app, proxy_headers=True) as port:
        assert exchange(port, "POST", "/dlr/us", FORM, forged).status == 200
    proxies = TrustedProxies(["127.0.0.1"], header="forwarded")
    # What the proxy does not write itself, it passes on.
    passed_on = forged | {"Forwarded": "for=203.0.113.66"}
    with on_uvicorn(delivrd.asgi.Application(Receiver(accounts, proxies=proxies), lambda received: None)) as port:
        assert exchange(port, "POST", "/dlr/us", FORM, passed_on).status == 401
        assert exchange(port, "POST", "/dlr/us", FORM, passed_on | {"Forwarded": "for=192.0.2.1"}).status == 200


def test_a_sender_on_this_machine_names_no_other_path_as_its_own(served):
    forged = FORM_TYPE | {"SCRIPT_NAME": "/dlr"}
    assert exchange(served.port, "POST", TARGET, form("own-path"), forged).status == 200
    assert "own-path" in served.stored()


def test_a_slow_handler_stops_nobody_on_an_event_loop():
    """A plain handler waits in its thread for what a later request brings: on the loop itself it would wait for ever."""
    second = threading.Event()

    def handler(received):
        (report,) = received.receipt.reports
        if report.message_id == "second":
            second.set()
        else:
            assert second.wait(PATIENCE)

    with on_uvicorn(delivrd.asgi.Application(Receiver(ACCOUNTS), handler)) as port, Connection(port) as waiting:
        waiting.send(written("POST", TARGET, form("first"), FORM_TYPE))
        assert exchange(port, "POST", TARGET, form("second"), FORM_TYPE).status == 200
        assert waiting.answer().status == 200


def test_a_sender_that_leaves_while_the_handler_works_has_its_report_stored():
    left, stored = threading.Event(), threading.Event()

    def handler(received):
        assert left.wait(PATIENCE)
        stored.set()

    with on_uvicorn(delivrd.asgi.Application(Receiver(ACCOUNTS), handler)) as port:
        with Connection(port) as connection:
            connection.send(written("POST", TARGET, form("left"), FORM_TYPE))
        left.set()
        assert stored.wait(PATIENCE)


def test_no_request_that_the_description_allows_or_forbids_makes_the_receiver_fail(uvicorn_served, tmp_path):
    """Schemathesis, which neither knows a secret: two of the accounts are open, so that it gets to the readers."""

    def handler(received):
        pass

    receiver = Receiver(ACCOUNTS)
    (tmp_path / "openapi.json").write_text(json.dumps(openapi(receiver)))
    with on_uvicorn(delivrd.asgi.Application(receiver, handler)) as port:
        command = ["run", str(tmp_path / "openapi.json"), "--url", f"http://127.0.0.1:{port}", "--seed", "1"]
        options = ["--checks", "not_a_server_error,status_code_conformance", "--max-examples", "25", "--no-color"]
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", *command, *options, "--phases", "examples,coverage,fuzzing"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=20 * PATIENCE,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 selected / 4 total" in " ".join(done.stdout.split()), done.stdout
