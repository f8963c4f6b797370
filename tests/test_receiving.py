"""Receiving without a socket: the heart, the clients behind proxies, both applications, the description."""

from __future__ import annotations

import asyncio
import functools
import io
import logging
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import jsonschema
import pytest

import delivrd.asgi
import delivrd.wsgi
from delivrd import (
    Account,
    AccountError,
    Accounts,
    Code,
    CodeTable,
    Fields,
    Provider,
    Push,
    Reading,
    Registry,
    Reply,
    Request,
    Row,
    Shape,
    Source,
    Status,
)
from delivrd.receiving import ByteBudget, Head, Received, Receiver, TrustedProxies, openapi
from delivrd.receiving.clients import Clients
from delivrd.receiving.conduct import awaited, require_sync, status_line

PROVIDERS = Registry.installed()
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SECRET = "a-long-random-word"
TELI = Account(name="us", secrets=[SECRET], max_body=1000)
ACCOUNTS = Accounts([(PROVIDERS["teli"], TELI), (PROVIDERS["messente-legacy"], Account(name="old", secrets=[SECRET]))])
FORM = b"id=72b83667&url=x&status=DELIVRD"
KIND = "application/x-www-form-urlencoded"


def clock() -> datetime:
    return NOW


class Handler:
    """Keeps what it gets, or fails with it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.got: list[Received] = []
        self.error = error

    def __call__(self, received: Received) -> None:
        self.got.append(received)
        if self.error is not None:
            raise self.error


def wsgi(handler, method="POST", path="/dlr/us", query=f"secret={SECRET}", body=FORM, receiver=None, **environ):
    """What the WSGI application answers: status, headers, body."""
    app = delivrd.wsgi.Application(receiver or Receiver(ACCOUNTS), handler, clock=clock)
    given = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": KIND,
    }
    given |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "REMOTE_ADDR": "192.0.2.1"} | environ
    given = {name: value for name, value in given.items() if value is not None}
    setup_testing_defaults(given)
    said = []
    content = b"".join(app(given, lambda status, headers: said.append((status, dict(headers)))))
    ((status, headers),) = said
    return int(status[:3]), headers, content


def asgi(
    handler, method="POST", path="/dlr/us", query=f"secret={SECRET}", pieces=(FORM,), headers=(), seconds=30.0, **scope
):
    """What the ASGI application sends; `pieces` are the body as it comes, None for a sender that leaves."""
    app = delivrd.asgi.Application(
        scope.pop("receiver", None) or Receiver(ACCOUNTS), handler, clock=clock, body_seconds=seconds
    )
    given = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()}
    given |= {"query_string": query.encode(), "headers": [(b"content-type", KIND.encode()), *headers]}
    given |= {"client": ("192.0.2.1", 1234), "root_path": ""} | scope
    coming = list(pieces)
    sent = []

    async def receive():
        if not coming:
            await asyncio.Event().wait()
        piece = coming.pop(0)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(coming) or seconds < 1}

    async def send(message):
        sent.append(message)

    asyncio.run(app(given, receive, send))
    return sent


def status_of(sent) -> int:
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"]


def both(error=None, **request):
    """What both applications answer to the same request, and what their handlers got."""
    first, second = Handler(error), Handler(error)
    body = request.pop("body", FORM)
    status, _, _ = wsgi(first, body=body, **request)
    assert status_of(asgi(second, pieces=(body,), **request)) == status
    assert len(first.got) == len(second.got)
    return status, first.got


def test_a_report_is_handed_over_with_what_belongs_to_it_and_then_answered():
    status, (received,) = both()
    assert status == 200
    assert (received.name, received.provider.name, received.account) == ("us", "teli", TELI)
    assert [report.status for report in received.receipt.reports] == [Status.DELIVERED]
    assert received.receipt.reports[0].account == "us"
    assert received.received_at is NOW
    assert received.receipt.reports[0].received_at == NOW
    assert received.input.body == FORM
    assert received.input.target == f"/dlr/us?secret={SECRET}"
    assert received.input.client == "192.0.2.1"


def test_what_is_handed_over_shows_no_secret():
    _, (received,) = both()
    assert repr(received) == "Received(us, 1 reports)"
    assert SECRET not in str(received.blotted_input().target)


def test_the_secret_can_be_the_last_segment_of_the_path():
    assert both(path=f"/dlr/us/{SECRET}", query="")[0] == 200
    assert both(path="/dlr/us/guess", query="")[0] == 401


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"path": "/dlr/nobody"}, 404),
        ({"path": "/dlr/"}, 404),
        ({"path": "/dlr"}, 404),
        ({"path": "/"}, 404),
        ({"path": "/dlr/US"}, 404),
        ({"path": "/other/us"}, 404),
        ({"path": "/dlrus"}, 404),
        ({"query": ""}, 401),
        ({"query": "secret=guess"}, 401),
        ({"method": "PUT"}, 405),
        ({"method": "GET", "body": b""}, 405),
        ({"body": b"x=1"}, 400),
        ({"body": b""}, 400),
        ({"body": b"x" * 1001}, 413),
        (
            {
                "path": "/dlr/old",
                "method": "GET",
                "query": f"sms_unique_id=1&stat=DELIVRD&secret={SECRET}",
                "body": b"",
            },
            200,
        ),
    ],
)
def test_each_request_gets_the_reply_that_is_owed(request_, status):
    answered, got = both(**request_)
    assert answered == status
    assert bool(got) is (status == 200)


def test_the_reply_of_a_refusal_is_the_providers_own():
    _, headers, body = wsgi(Handler(), method="PUT")
    assert headers == {"Allow": "POST, GET", "Content-Length": "0"}
    assert body == b""
    start, end = asgi(Handler(), method="PUT")
    assert (b"allow", b"POST, GET") in start["headers"]
    assert end["body"] == b""


class Callback(Shape):
    id: Code = None
    state: Code = None


ODD = Provider(
    name="odd",
    vendor="Odd",
    title="Odd",
    docs=Source("Odd"),
    tables=(CodeTable("state", (Row("ok", Status.DELIVERED, True, meaning="arrived"),), Source("Odd")),),
    ways=(Push(reading=Reading(shape=Callback, fields=Fields(message_id="id")), methods=("GET", "HEAD"), query=True, again=Reply(500, b"again", (("X-Again", "1"),))),),
    reply=Reply(202, b"ACK/Odd", (("Content-Type", "text/plain"),)),
)  # fmt: skip
ODDS = Accounts([(ODD, Account(name="odd", open=True))])


def test_the_reply_is_the_providers_own_to_the_byte():
    request = {"method": "GET", "path": "/dlr/odd", "query": "id=1&state=ok", "receiver": Receiver(ODDS)}
    assert wsgi(Handler(), body=b"", **request) == (
        202,
        {"Content-Type": "text/plain", "Content-Length": "7"},
        b"ACK/Odd",
    )
    start, end = asgi(Handler(), pieces=[b""], **request)
    assert start["headers"] == [(b"content-type", b"text/plain"), (b"content-length", b"7")]
    assert end["body"] == b"ACK/Odd"
    given = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/dlr/odd", "QUERY_STRING": "id=1&state=ok"}
    setup_testing_defaults(given)
    result = validator(delivrd.wsgi.Application(Receiver(ODDS), Handler()))(given, lambda *_: lambda _: None)
    assert list(result) == [b"ACK/Odd"]
    result.close()
    status, headers, body = wsgi(Handler(), body=b"", **request | {"method": "HEAD"})
    assert (status, headers["Content-Length"], body) == (202, "7", b"")


def test_a_failed_handler_is_answered_as_the_provider_declares_that_it_sends_again():
    request = {"method": "GET", "path": "/dlr/odd", "query": "id=1&state=ok", "receiver": Receiver(ODDS)}
    status, headers, body = wsgi(Handler(OSError()), body=b"", **request)
    assert (status, headers["X-Again"], body) == (500, "1", b"again")
    assert asgi(Handler(OSError()), pieces=[b""], **request)[0]["status"] == 500
    assert openapi(Receiver(ODDS))["paths"]["/dlr/odd"]["get"]["responses"].keys() >= {"202", "500"}


@pytest.mark.parametrize("provider", [each for each in PROVIDERS.values() if Request in each.ways], ids=str)
def test_no_installed_provider_takes_the_reply_to_a_failure_for_a_success(provider):
    # Each counts as received 200, 202, or anything below 400; what each makes of a 5xx stands in its notes.
    push = provider.ways[Request]
    assert push.again.status >= 500
    assert push.again.status != provider.reply.status


@pytest.mark.parametrize("error", [RuntimeError(f"+15550100 {SECRET}"), KeyError(SECRET), OSError(2, SECRET)])
def test_whatever_a_handler_raises_the_provider_sends_again_and_the_log_holds_no_secret(error, caplog):
    caplog.set_level(logging.DEBUG, "delivrd.receiving")
    status, got = both(error)
    assert status == 503
    assert len(got) == 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    for record in errors:
        assert record.getMessage().startswith(f"account us: {type(error).__name__} at conduct.py:")
        assert "test_receiving.py:" in record.getMessage()
        assert record.exc_info is None
    assert SECRET not in caplog.text
    assert "5550100" not in caplog.text


def test_a_handler_that_ran_out_of_time_is_not_taken_for_a_slow_sender():
    assert both(TimeoutError())[0] == 503


def test_a_refusal_is_logged_without_what_came(caplog):
    caplog.set_level(logging.INFO, "delivrd.receiving")
    both(query="secret=another-word")
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert "account us: NotAuthentic: teli: the input does not prove" in caplog.text
    assert "another-word" not in caplog.text


def test_what_a_plugin_or_an_account_does_wrong_makes_the_provider_send_again(monkeypatch):
    monkeypatch.setattr(PROVIDERS["teli"], "receive", lambda *_, **__: 1 / 0)
    assert both() == (503, [])


def test_a_clock_without_a_zone_acknowledges_nothing():
    app = delivrd.wsgi.Application(Receiver(ACCOUNTS), handler := Handler(), clock=lambda: datetime(2026, 1, 1))
    given = {"REQUEST_METHOD": "POST", "PATH_INFO": "/dlr/us", "QUERY_STRING": f"secret={SECRET}"}
    given |= {"CONTENT_LENGTH": str(len(FORM)), "wsgi.input": io.BytesIO(FORM)}
    said = []
    app(given, lambda status, headers: said.append(status))
    assert said == ["503 Service Unavailable"]
    assert not handler.got


class AsyncStore:
    def __init__(self) -> None:
        self.got = []

    async def __call__(self, received: Received) -> None:
        await asyncio.sleep(0)
        self.got.append(received)


def test_an_async_handler_is_awaited_whatever_it_is():
    store = AsyncStore()
    assert status_of(asgi(store)) == 200
    assert status_of(asgi(store.__call__)) == 200
    # A plain function that gives something to await is not left unawaited.
    assert status_of(asgi(lambda received: store(received))) == 200
    assert len(store.got) == 3


def test_an_async_handler_that_fails_makes_the_provider_send_again():
    async def fail(received):
        raise OSError

    assert status_of(asgi(fail)) == 503


def test_a_plain_handler_does_not_run_on_the_loop():
    def on_the_loop(received):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()

    assert status_of(asgi(on_the_loop)) == 200


def test_an_async_handler_under_wsgi_is_refused_at_the_start_or_acknowledges_nothing():
    with pytest.raises(TypeError, match=r"an async one needs delivrd.asgi"):
        delivrd.wsgi.Application(Receiver(ACCOUNTS), AsyncStore())
    store = AsyncStore()
    assert wsgi(lambda received: store(received))[0] == 503
    assert not store.got

    class Promise:
        def __await__(self):
            return iter(())

    assert wsgi(lambda received: Promise())[0] == 503


def test_what_is_no_handler_is_refused_at_the_start():
    for make in (awaited, require_sync):
        with pytest.raises(TypeError, match="handler: expected a function"):
            make(None)


def generates(received):
    yield received


async def generates_async(received):
    yield received


class Generates:
    def __call__(self, received):
        yield received


@pytest.mark.parametrize("handler", [generates, generates_async, Generates(), functools.partial(generates)])
def test_a_generator_function_is_refused_at_the_start(handler):
    for make in (awaited, require_sync):
        with pytest.raises(TypeError, match="handler: expected a function without yield"):
            make(handler)


def failing_future(received):
    future = Future()
    future.set_exception(OSError())
    return future


@pytest.mark.parametrize("promise", [generates, generates_async, failing_future, lambda received: Future()])
def test_a_result_that_is_only_a_promise_acknowledges_nothing(promise):
    async def async_handler(received):
        return promise(received)

    assert wsgi(lambda received: promise(received))[0] == 503
    assert status_of(asgi(lambda received: promise(received))) == 503
    assert status_of(asgi(async_handler)) == 503


def test_a_task_that_an_async_handler_only_starts_acknowledges_nothing():
    async def started(received):
        return asyncio.get_running_loop().create_future()

    assert status_of(asgi(started)) == 503
    # Nothing waits for it in a plain function either.
    loop = asyncio.new_event_loop()
    assert wsgi(lambda received: loop.create_future())[0] == 503
    loop.close()


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration, CancelledError])
def test_a_handler_that_raises_what_a_future_cannot_carry_makes_the_provider_send_again(error, caplog):
    def handler(received):
        raise error

    async def async_handler(received):
        raise error

    assert wsgi(handler)[0] == status_of(asgi(handler)) == status_of(asgi(async_handler)) == 503
    assert [record.message.split()[2] for record in caplog.records] == [error.__name__] * 3
    assert all("test_receiving.py:" in record.message for record in caplog.records)


class Endless:
    """A body that never ends; it counts what was read of it."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int) -> bytes:
        self.read_bytes += size
        return b"x" * size

    def readline(self, size: int = -1) -> bytes: ...
    def readlines(self, hint: int = -1) -> list[bytes]: ...
    def __iter__(self): ...


def test_a_body_is_read_no_further_than_the_account_allows():
    body = Endless()
    ended = {"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": None}
    assert wsgi(Handler(), **ended)[0] == 413
    assert body.read_bytes == 1001
    assert wsgi(Handler(), **ended | {"CONTENT_LENGTH": "1001"})[0] == 413
    assert body.read_bytes == 1001

    asked = []

    class Pieces(list):
        def pop(self, at):
            asked.append(at)
            return super().pop(at)

    sent = asgi(Handler(), pieces=Pieces([b"x" * 600] * 5))
    assert status_of(sent) == 413
    assert (b"connection", b"close") in sent[0]["headers"]


def test_a_body_that_is_announced_too_large_is_not_read_at_all():
    sent = asgi(Handler(), pieces=(), headers=[(b"content-length", b"1001")])
    assert status_of(sent) == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    sent = asgi(Handler(), pieces=(), headers=[(b"content-length", b"1001")], http_version="2")
    assert (b"connection", b"close") not in sent[0]["headers"]


SIGNED = Accounts([(PROVIDERS["messente-omnichannel"], Account(name="omni", secrets=[SECRET]))])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"path": "/dlr/nobody"}, 404),
        ({"query": "secret=guess"}, 401),
        ({"method": "PUT"}, 405),
        ({"method": "DELETE", "path": "/dlr/old"}, 405),
        ({"path": "/dlr/omni", "receiver": Receiver(SIGNED)}, 401),
        ({"query": "x" * 16385}, 414),
    ],
)
def test_what_the_head_alone_refuses_is_refused_before_its_body_is_read(request_, status):
    body = Endless()
    assert wsgi(Handler(), **request_, **{"wsgi.input": body})[0] == status
    assert body.read_bytes == 0
    # Nothing comes: whoever read would wait for ever.
    for headers in ([], [(b"content-length", b"100000")], [(b"content-length", b"5"), (b"expect", b"100-continue")]):
        accounts = Accounts([(PROVIDERS["teli"], Account(name="us", secrets=[SECRET])), ACCOUNTS["old"]])
        given = {"receiver": Receiver(accounts)} | request_
        sent = asgi(Handler(), pieces=(), headers=headers, **given)
        assert status_of(sent) == status
        assert (b"connection", b"close") in sent[0]["headers"]


def test_a_head_that_is_refused_is_answered_as_the_whole_request_would_be():
    for request_ in ({"method": "PUT"}, {"query": "secret=guess"}):
        whole, head = (asgi(Handler(), headers=[(b"content-length", n)], **request_) for n in (b"0", b"33"))
        assert whole[0]["headers"] == head[0]["headers"]
        assert whole[0]["status"] == head[0]["status"]


def test_a_little_body_that_is_refused_is_read_so_that_the_sender_gets_the_reply():
    coming = [b"id=72b83667", b"&status=DELIVRD"]
    sent = asgi(Handler(), query="", pieces=coming, headers=[(b"content-length", b"26")])
    assert status_of(sent) == 401
    assert (b"connection", b"close") not in sent[0]["headers"]
    assert asgi(Handler(), query="", pieces=[b"id=", None], headers=[(b"content-length", b"26")]) == []
    slow = asgi(Handler(), query="", pieces=[b"id="], headers=[(b"content-length", b"26")], seconds=0.0)
    assert status_of(slow) == 401
    assert (b"connection", b"close") in slow[0]["headers"]


def test_a_scheme_that_fails_at_the_head_makes_the_provider_send_again(monkeypatch):
    monkeypatch.setattr(PROVIDERS["teli"], "check_head", lambda *_: 1 / 0)
    assert both() == (503, [])


def test_the_largest_unfinished_body_gives_way_where_all_bodies_hold_too_much():
    """Two large bodies never end; a report that comes while they are held is stored, and so is the smaller of them."""
    handler = Handler()
    app = delivrd.asgi.Application(Receiver(ACCOUNTS), handler, clock=clock, budget=ByteBudget(1000))

    async def push(coming: list[bytes], replies: list[int], headers: dict[bytes, bytes]) -> None:
        async def receive():
            if not coming:
                await asyncio.Event().wait()
            piece = coming.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(coming) or piece.startswith(b"x")}

        async def send(message):
            if message["type"] == "http.response.start":
                replies.append(message["status"])
                headers.update(message["headers"])

        query = f"secret={SECRET}".encode()
        scope = {"type": "http", "method": "POST", "path": "/dlr/us", "query_string": query, "headers": []}
        await app(scope, receive, send)

    async def main():
        large, larger, whole = ([], {}), ([], {}), ([], {})
        first = asyncio.create_task(push([b"x" * 300], *large))
        second = asyncio.create_task(push([b"x" * 680], *larger))
        await asyncio.sleep(0)
        await push([FORM], *whole)
        await second
        assert (large[0], larger[0], whole[0]) == ([], [503], [200])
        assert larger[1][b"retry-after"] == b"1"
        assert larger[1][b"connection"] == b"close"
        # One that is the largest itself gives way at once.
        await push([b"x" * 990], *larger)
        assert larger[0] == [503, 503]
        assert not first.done()
        first.cancel()

    asyncio.run(main())
    assert len(handler.got) == 1


def test_a_budget_gets_back_what_it_gave():
    class Holds:
        gone = False

        def give_up(self):
            self.gone = True

    budget, small, large = ByteBudget(100), Holds(), Holds()
    budget.add(small, 30)
    budget.add(large, 40)
    budget.complete(large)
    budget.add(small, 30)
    assert (budget.left, small.gone, large.gone) == (0, False, False)
    budget.add(small, 1)
    assert (budget.left, small.gone, large.gone) == (60, True, False)
    budget.release(large)
    budget.release(small)
    assert budget.left == 100
    with pytest.raises(ValueError, match="expected a positive number of bytes, got 0"):
        ByteBudget(0)


@pytest.mark.parametrize("length", ["-1", "1_0", "٣", "1" * 5000, "+5", " 5", "0x1"])
def test_a_length_that_is_none_is_refused(length):
    arrived = Receiver(ACCOUNTS).arrive("POST", "/dlr/us", "/dlr/us", (), None, length)
    assert arrived == Reply(400)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x-of-its-own", "identity, gzip", "GZIP"])
def test_a_body_that_is_packed_is_refused_unread(encoding):
    handler = Handler()
    status, headers, _ = wsgi(handler, HTTP_CONTENT_ENCODING=encoding, **{"wsgi.input": None})
    assert (status, headers["Accept-Encoding"]) == (415, "identity")
    # Nothing comes: whoever read would wait for ever.
    sent = asgi(handler, pieces=(), headers=[(b"content-encoding", encoding.encode())])
    assert status_of(sent) == 415
    assert {(b"accept-encoding", b"identity"), (b"connection", b"close")} <= set(sent[0]["headers"])
    sent = asgi(handler, pieces=(), headers=[(b"content-encoding", b""), (b"content-encoding", encoding.encode())])
    assert status_of(sent) == 415
    assert not handler.got


def test_a_body_that_says_that_it_is_not_packed_is_taken():
    assert wsgi(Handler(), HTTP_CONTENT_ENCODING=" Identity ")[0] == 200
    assert status_of(asgi(Handler(), headers=[(b"content-encoding", b"identity")])) == 200


def test_a_body_that_ends_too_soon_is_not_taken_for_a_whole_one():
    handler = Handler()
    assert wsgi(handler, CONTENT_LENGTH=str(len(FORM) + 1))[0] == 400
    assert asgi(handler, pieces=(FORM[:-1], None)) == []
    assert not handler.got


def test_a_body_without_a_length_is_read_only_where_the_server_says_that_it_ends():
    handler = Handler()
    assert wsgi(handler, CONTENT_LENGTH=None, **{"wsgi.input_terminated": True})[0] == 200
    assert wsgi(handler, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked")[0] == 411
    # No length and no encoding: there is no body.
    assert wsgi(handler, CONTENT_LENGTH=None, **{"wsgi.input": Endless()})[0] == 400
    assert len(handler.got) == 1


def test_a_server_that_fails_to_read_a_body_costs_that_request_only():
    class Broken(Endless):
        def read(self, size):
            raise OSError

    assert wsgi(Handler(), **{"wsgi.input": Broken()})[0] == 400


def test_a_sender_that_takes_too_long_for_its_body_is_sent_away():
    sent = asgi(Handler(), pieces=(FORM[:5],), seconds=0.0)
    assert status_of(sent) == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_a_cancelled_request_stays_cancelled():
    async def main():
        app = delivrd.asgi.Application(Receiver(ACCOUNTS), Handler(), clock=clock)
        waiting = asyncio.Event()

        async def receive():
            waiting.set()
            await asyncio.Event().wait()

        query = f"secret={SECRET}".encode()
        scope = {"type": "http", "method": "POST", "path": "/dlr/us", "query_string": query, "headers": []}
        task = asyncio.create_task(app(scope, receive, None))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_the_application_is_mounted_under_is_left_out_of_the_path_and_kept_in_the_target():
    handler = Handler()
    assert status_of(asgi(handler, path="/sms/dlr/us", root_path="/sms")) == 200
    assert status_of(asgi(handler, path="/dlr/us", raw_path=None, root_path="/sms")) == 200
    assert wsgi(handler, SCRIPT_NAME="/sms")[0] == 200
    assert wsgi(handler, RAW_URI=f"/sms/dlr/us?secret={SECRET}&x=%41")[0] == 200
    assert [received.input.target for received in handler.got] == [
        f"/sms/dlr/us?secret={SECRET}",
        f"/dlr/us?secret={SECRET}",
        f"/sms/dlr/us?secret={SECRET}",
        f"/sms/dlr/us?secret={SECRET}&x=%41",
    ]
    assert both(path="/us", receiver=Receiver(ACCOUNTS, prefix=""))[0] == 200


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("/", "/dlr/us", 200),
        ("/sms/", "/sms/dlr/us", 200),
        ("/sms/", "/dlr/us", 200),
        ("/sms", "/smsx/dlr/us", 404),
        ("/dlr", "/dlr/dlr/us", 200),
    ],
)
def test_a_root_path_may_end_in_a_stroke_and_ends_where_a_name_ends(root, path, status):
    assert status_of(asgi(Handler(), path=path, root_path=root)) == status
    receiver = Receiver(ACCOUNTS, prefix="")
    assert status_of(asgi(Handler(), path="/sms/us", root_path="/sms/", receiver=receiver)) == 200


def test_a_path_that_is_no_ascii_is_read_as_utf_8():
    assert wsgi(Handler(), path="/dlr/us/ä".encode().decode("latin-1"))[0] == 200
    assert wsgi(Handler(), path="/dlr/us/\xff")[0] == 200
    target = delivrd.wsgi._target({"PATH_INFO": "/dlr/us/ä".encode().decode("latin-1")})
    assert (
        target
        == delivrd.wsgi._target({"PATH_INFO": "/dlr/us/\u00e4\u20ac"}).removesuffix("%E2%82%AC")
        == "/dlr/us/%C3%A4"
    )


def test_the_application_starts_and_ends_with_its_server_and_takes_no_web_socket():
    app = delivrd.asgi.Application(Receiver(ACCOUNTS), Handler())
    sent = []

    async def receive():
        return {}

    async def send(message):
        sent.append(message["type"])

    for kind in ("lifespan", "websocket"):
        asyncio.run(app({"type": kind}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
    with pytest.raises(ValueError, match="expected http, websocket or lifespan, got carrier-pigeon"):
        asyncio.run(app({"type": "carrier-pigeon"}, receive, send))


def test_an_account_that_nothing_could_prove_a_request_to_has_no_path(caplog):
    caplog.set_level(logging.WARNING, "delivrd.receiving")
    asking = Account(name="poll", username="n", password="p")
    receiver = Receiver(Accounts([*ACCOUNTS.values(), (PROVIDERS["messente-legacy"], asking)]))
    assert list(receiver.doors) == ["us", "old"]
    assert caplog.messages == ["account poll takes no requests: nothing in it could prove one"]
    with pytest.raises(AccountError, match="no account can take a request"):
        Receiver(Accounts([(PROVIDERS["messente-legacy"], asking)]))


def test_arguments_that_cannot_be_meant_are_refused():
    with pytest.raises(TypeError, match=r"expected delivrd.Accounts"):
        Receiver(dict(ACCOUNTS))
    for prefix in ("dlr", "/dlr/"):
        with pytest.raises(ValueError, match="prefix: expected"):
            Receiver(ACCOUNTS, prefix=prefix)
    for proxies, said in [
        ({"addresses": "10.0.0.0/8"}, "addresses: expected a list"),
        ({"addresses": ["10.0.0.1/8"]}, "addresses: expected IP networks"),
        ({"addresses": ["10.0.0.1"], "header": "x-real-ip"}, "header: expected x-forwarded-for or forwarded"),
    ]:
        with pytest.raises(ValueError, match=said):
            TrustedProxies(**proxies)


PROXIES = ["10.0.0.0/8", "2001:db8:ffff::/48"]


@pytest.mark.parametrize(
    ("peer", "said", "client"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9, 10.2.3.4", "203.0.113.9"),
        ("2001:db8:ffff::1", "2001:db8::9", "2001:db8::9"),
        ("10.0.0.1", "[2001:db8::9]:1234", "2001:db8::9"),
        ("10.0.0.1", "203.0.113.9:1234", "203.0.113.9"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, unknown", None),
        ("10.0.0.1", "203.0.113.9]", None),
        ("10.0.0.1", "[2001:db8::9]9", None),
        ("10.0.0.1", "203.0.113.9:80:80", None),
        ("10.0.0.1", "unknown, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "", None),
        ("10.0.0.1", None, None),
        ("10.0.0.1", "10.0.0.2", None),
        (None, "203.0.113.9", None),
        ("", "203.0.113.9", None),
        ("nowhere", "203.0.113.9", "nowhere"),
    ],
)
def test_a_forwarded_address_is_believed_as_far_as_declared_proxies_wrote_it(peer, said, client):
    headers = [] if said is None else [("X-Forwarded-For", said), ("Forwarded", "for=198.51.100.77")]
    assert Clients(TrustedProxies(PROXIES)).client(peer, headers) == client


def test_a_proxy_can_connect_without_an_address():
    clients = Clients(TrustedProxies(["unix"]))
    assert clients.client(None, {"x-forwarded-for": "203.0.113.9"}) == "203.0.113.9"
    assert clients.client("", [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9")]) == (
        "203.0.113.9"
    )


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ('For="[2001:db8::9]:4711";proto=https', "2001:db8::9"),
        ('for=198.51.100.1;by=10.0.0.9 ,\tproto=http;for="203.0.113.9:80"', "203.0.113.9"),
        ('for="203.0.113.9:_a.b-c"', "203.0.113.9"),
        (r'for="203\.0.113.9";x="\"a\\"', "203.0.113.9"),
        (";for=203.0.113.9;;", "203.0.113.9"),
        ('for=203.0.113.9;x="a, for=198.51.100.1; b"', "203.0.113.9"),
        ("for=203.0.113.9, for=10.0.0.7", "203.0.113.9"),
        ("for=_hidden", None),
        ("proto=https", None),
        ("for=203.0.113.9;for=198.51.100.1", None),
        ("for=203.0.113.9,", None),
        ("", None),
        # Outside the standard's grammar.
        ('for="203.0.113.9', None),
        ("for=203.0.113.9:80", None),
        ("for=2001:db8::9", None),
        ('for="2001:db8::9"', None),
        ('for="[203.0.113.9]"', None),
        ('for="[2001:db8::9]9"', None),
        ('for="203.0.113.9:123456"', None),
        ('for="203.0.113.9"x', None),
        ('for="203.0.113.9]"', None),
        ("for=203.0.113.9; proto=https", None),
        ("for = 203.0.113.9", None),
        ("203.0.113.9", None),
        ("for=203.0.113.9;x=\x01", None),
    ],
)
def test_the_header_of_the_standard_is_read_as_the_standard_says(said, client):
    headers = {"Forwarded": said, "X-Forwarded-For": "198.51.100.77"}
    assert Clients(TrustedProxies(PROXIES, header="Forwarded")).client("10.0.0.1", headers) == client


@pytest.mark.parametrize("begun", ['for=198.51.100.1;x="', 'for=198.51.100.1;x="\\', 'for="198.51.100.1', "x="])
@pytest.mark.parametrize(
    "appended", ["for=203.0.113.9", 'for="[2001:db8::9]:123";proto=https', 'for=203.0.113.9;host=";y="', 'for="";by=_x']
)
def test_a_quote_that_a_sender_opens_swallows_nothing_that_the_proxy_writes(begun, appended):
    client = Clients(TrustedProxies(PROXIES, header="forwarded")).client
    # On a line of its own, the proxy's is read as if it stood alone; joined, as by WSGI servers, it cannot be read.
    alone = client("10.0.0.1", [("Forwarded", appended)])
    assert client("10.0.0.1", [("Forwarded", begun), ("Forwarded", appended)]) == alone != "198.51.100.1"
    for between in (",", ", "):
        assert client("10.0.0.1", [("Forwarded", begun + between + appended)]) in (None, alone)
    assert client("10.0.0.1", [("Forwarded", begun), ("Forwarded", "for=10.0.0.2")]) is None


def test_the_address_behind_a_proxy_is_what_the_account_allows():
    accounts = Accounts([(PROVIDERS["teli"], Account(name="us", addresses=["203.0.113.9"]))])
    receiver = Receiver(accounts, proxies=TrustedProxies(["192.0.2.0/24"]))
    handler = Handler()
    assert wsgi(handler, receiver=receiver, query="", HTTP_X_FORWARDED_FOR="203.0.113.9")[0] == 200
    assert wsgi(handler, receiver=receiver, query="", HTTP_X_FORWARDED_FOR="203.0.113.9, 203.0.113.8")[0] == 401
    assert wsgi(handler, receiver=receiver, query="")[0] == 401
    forwarded = [(b"x-forwarded-for", b"203.0.113.9")]
    assert status_of(asgi(handler, receiver=receiver, query="", headers=forwarded)) == 200
    assert status_of(asgi(handler, receiver=receiver, query="", headers=forwarded, client=None)) == 401
    assert [received.input.client for received in handler.got] == ["203.0.113.9"] * 2


def test_an_account_says_its_public_url_to_whatever_proves_a_request():
    url = "https://gateway.test/dlr/us"
    accounts = Accounts([(PROVIDERS["teli"], Account(name="us", secrets=[SECRET], public_url=url))])
    handler = Handler()
    wsgi(handler, receiver=Receiver(accounts))
    assert handler.got[0].account.public_url == url


def test_the_description_is_made_from_the_accounts_and_holds_no_secret():
    basic = Account(name="omni", secrets=["another-secret"])
    receiver = Receiver(Accounts([*ACCOUNTS.values(), (PROVIDERS["messente-omnichannel"], basic)]))
    described = openapi(receiver, title="Reports", version="2")
    assert described["info"] == {"title": "Reports", "version": "2"}
    assert list(described["paths"]) == ["/dlr/us", "/dlr/old", "/dlr/omni"]
    legacy = described["paths"]["/dlr/old"]["get"]
    assert {"name": "stat", "in": "query", "required": False, "schema": {"type": "string"}} in legacy["parameters"]
    assert "requestBody" not in legacy
    assert described["components"]["securitySchemes"]["messente-legacy.UrlSecret"]["in"] == "query"
    assert legacy["security"] == [{"messente-legacy.UrlSecret": []}]
    omni = described["paths"]["/dlr/omni"]["post"]
    assert omni["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/messente-omnichannel.Delivery"
    }
    assert "messente-omnichannel.PriceInfo" in described["components"]["schemas"]
    assert set(omni["responses"]) == {"200", "400", "401", "405", "408", "411", "413", "414", "415", "503"}
    text = str(described)
    assert SECRET not in text
    assert "another-secret" not in text
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_description_tells_batches_and_bodies_of_a_providers_own():
    reading = Reading(shape=Callback, fields=Fields(message_id="id"))

    def provider(**push):
        table = CodeTable("state", (Row("ok", Status.DELIVERED, True, meaning="arrived"),), Source("Odd"))
        way = Push(reading=reading, **push)
        return Provider(name="odd", vendor="Odd", title="Odd", docs=Source("Odd"), tables=(table,), ways=(way,))

    def body(**push):
        receiver = Receiver(Accounts([(provider(**push), Account(name="odd", open=True))]))
        operation = openapi(receiver)["paths"]["/dlr/odd"]["post"]
        assert "security" not in operation
        return operation["requestBody"]["content"]["application/json"]["schema"]

    json = (delivrd.BodyKind.JSON,)
    one = {"$ref": "#/components/schemas/odd.Callback"}
    assert body(bodies=json) == one
    assert body(bodies=json, items="") == {"type": "array", "items": one}
    assert body(bodies=json, items="all")["properties"] == {"all": {"type": "array", "items": one}}
    assert body(bodies=json, decode=lambda _, context: delivrd.Decoded()) == {}


def test_a_proof_that_openapi_has_words_for_is_described():
    table = CodeTable("state", (Row("ok", Status.DELIVERED, True, meaning="arrived"),), Source("Odd"))
    way = Push(reading=Reading(shape=Callback, fields=Fields(message_id="id")), bodies=(delivrd.BodyKind.FORM,))
    schemes = (delivrd.HttpBasic(), delivrd.AllowedAddresses())
    provider = Provider(
        name="odd", vendor="Odd", title="Odd", docs=Source("Odd"), tables=(table,), ways=(way,), auth=schemes
    )
    account = Account(name="odd", username="n", password="p", addresses=["192.0.2.1"])
    described = openapi(Receiver(Accounts([(provider, account)])))
    assert list(described["components"]["securitySchemes"]) == ["odd.HttpBasic"]


def test_a_head_shows_nothing_of_the_request():
    arrived = Receiver(ACCOUNTS).arrive("POST", "/dlr/us", f"/dlr/us?secret={SECRET}", (), None)
    assert isinstance(arrived, Head)
    assert repr(arrived) == "Head(us, POST)"


def test_a_status_without_a_phrase_is_written_all_the_same():
    assert status_line(200) == "200 OK"
    assert status_line(599) == "599 Status"


def test_a_reply_without_a_body_has_no_length():
    push = ODD.ways[Request]
    silent = Provider(
        name="odd", vendor="Odd", title="Odd", docs=ODD.docs, tables=ODD.tables, ways=(push,), reply=Reply(204)
    )
    request = {"method": "GET", "path": "/dlr/odd", "query": "id=1&state=ok"}
    request["receiver"] = Receiver(Accounts([(silent, Account(name="odd", open=True))]))
    assert asgi(Handler(), pieces=[b""], **request)[0]["headers"] == []


@pytest.mark.parametrize("module", ["django", "aiohttp"])
def test_a_missing_framework_is_told_of_with_the_extra_that_brings_it(module, monkeypatch):
    import importlib
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, f"delivrd.{module}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"install delivrd\[{module}\]"):
        importlib.import_module(f"delivrd.{module}")
