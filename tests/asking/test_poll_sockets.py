"""Asking over real sockets: every documented answer, a failing main host, and no credential anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import logging
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote, quote_plus

import httpx
import pytest
from desk import Clock, Desk, at_hosts, rude, served
from messente import ANSWERS, DENIED, PASSWORD, USER, Messente

from delivrd import AbsenceKind, Account, Request, Response, Status
from delivrd.poll import Target
from delivrd.poll.sending import _LOGGERS, Unreached, send
from delivrd_messente.legacy import LEGACY

ACCOUNT = Account(name="main", username=USER, password=PASSWORD)
MINUTE = timedelta(minutes=1)
SPELT = {PASSWORD, quote(PASSWORD), quote_plus(PASSWORD), quote(PASSWORD, safe=""), "w0rd"}


@pytest.fixture
def main() -> Iterator[tuple[Messente, str]]:
    server = Messente()
    with served(server.app) as url:
        yield server, url


@pytest.fixture
def backup() -> Iterator[tuple[Messente, str]]:
    server = Messente()
    with served(server.app) as url:
        yield server, url


def ask_once(clock: Clock, hosts: list[str], *ids: str, account: Account = ACCOUNT, **options) -> Desk:
    async def go() -> Desk:
        async with httpx.AsyncClient(timeout=20, **options) as client:
            desk = Desk(clock, [Target(at_hosts(LEGACY, *hosts), account)], client)
            await desk.add(*ids)
            await desk.poller.run_once()
            return desk

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("id", "ends", "what"),
    [
        ("delivered", "final", Status.DELIVERED),
        ("failed", "final", Status.FAILED),
        ("sent", "waiting", Status.SENT),
        ("not-yet", "waiting", AbsenceKind.NOT_YET),
        ("server", "failed", AbsenceKind.UNAVAILABLE),
        ("unknown", "dropped", AbsenceKind.NOT_FOUND),
        ("other-error", "failed", AbsenceKind.UNAVAILABLE),
        ("other-text", "failed", AbsenceKind.UNAVAILABLE),
    ],
)
def test_every_documented_answer_is_understood(clock, main, id, ends, what):
    server, url = main
    desk = ask_once(clock, [url], id)
    (receipt,) = desk.handed
    assert (desk.ends, [report.status for report in receipt.reports] or receipt.absence.kind) == (
        [ends],
        [what] if isinstance(what, Status) else what,
    )
    assert server.asked == [id]
    assert len(desk.agenda) == (0 if ends in ("final", "dropped") else 1)


def test_every_row_of_the_server_is_asked_for():
    tried = {
        mark.args[1][each][0] for mark in test_every_documented_answer_is_understood.pytestmark for each in range(8)
    }
    assert tried == set(ANSWERS)


@pytest.mark.parametrize(
    ("account", "code", "kind"),
    [
        (Account(name="main", username=USER, password="wrong"), "ERROR 101", AbsenceKind.REFUSED),
        (Account(name="main", username=DENIED, password=PASSWORD), "ERROR 103", AbsenceKind.REFUSED),
    ],
)
def test_credentials_are_checked(clock, main, account, code, kind):
    desk = ask_once(clock, [main[1]], "delivered", account=account)
    assert (desk.handed[0].absence.code, desk.handed[0].absence.kind) == (code, kind)
    assert (desk.ends, len(desk.agenda)) == (["refused"], 1)


@pytest.mark.parametrize("failing", ["500", "209", "nobody", "cut"])
def test_a_failing_main_host_is_left_for_the_backup_host(clock, main, backup, nobody, failing):
    main[0].mode = failing
    with broken(failing, nobody) as elsewhere:
        desk = ask_once(clock, [elsewhere or main[1], backup[1]], "delivered")
    assert main[0].asked == ([] if elsewhere else ["delivered"])
    assert backup[0].asked == ["delivered"]
    assert desk.handed[-1].reports[0].status is Status.DELIVERED
    assert desk.ends == ["final"]


def test_a_main_host_that_works_is_the_only_one_that_is_asked(clock, main, backup):
    ask_once(clock, [main[1], backup[1]], "delivered", "sent", "not-yet")
    assert sorted(main[0].asked) == ["delivered", "not-yet", "sent"]
    assert backup[0].asked == []


def test_a_question_that_cannot_be_asked_so_is_answered_so(main):
    async def go():
        async with httpx.AsyncClient() as client:
            return await send(client, Request("GET", f"{main[1]}/get_dlr_response?username=u"), str, 999, MINUTE)

    receipt = LEGACY.read(asyncio.run(go()), asked="1")
    assert (receipt.absence.code, receipt.absence.kind) == ("ERROR 102", AbsenceKind.BAD_QUESTION)


@contextlib.contextmanager
def broken(mode: str, nobody: str) -> Iterator[str | None]:
    """Another host, where the mode is about one that is no HTTP server."""
    if mode == "cut":
        with rude(lambda request: b"") as url:
            yield url
    elif mode == "no-http":
        with rude(lambda request: b"HTTP/1.1 " + request.split(b"\r\n")[0] + b"\r\n\r\n") as url:
            yield url
    else:
        yield nobody if mode == "nobody" else None


class Everything(logging.Handler):
    """Keeps what any logger says, as a formatter would write it, and with all that the record holds."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said = io.StringIO()
        self.names: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.names.add(record.name)
        self.said.write(logging.Formatter().format(record) + repr(vars(record)) + "\n")


@pytest.fixture
def everything() -> Iterator[Everything]:
    """All loggers at DEBUG."""
    handler, root = Everything(), logging.getLogger()
    before = {name: logging.getLogger(name).level for name in [*logging.root.manager.loggerDict, *_LOGGERS]}
    root.addHandler(handler)
    levels = root.level
    for name in ["", *before]:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(levels)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def shows_nothing(text: str) -> bool:
    return not any(spelt in text for spelt in SPELT)


def test_the_tests_of_secrets_would_see_one(main, everything):
    async def go() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(main[1] + "/get_dlr_response", params={"password": PASSWORD})

    asyncio.run(go())
    assert not shows_nothing(everything.said.getvalue())
    assert {"httpx", "httpcore.connection", "httpcore.http11"} <= everything.names


@pytest.mark.parametrize("mode", ["", "500", "redirect", "cookie", "nobody", "cut", "no-http"])
def test_credentials_in_a_url_reach_no_log_no_event_and_no_receipt(clock, main, nobody, everything, mode):
    server, url = main
    server.mode = mode
    with broken(mode, nobody) as elsewhere:
        desk = ask_once(clock, [elsewhere or url], "delivered", follow_redirects=True)
    told = everything.said.getvalue()
    assert {"httpcore.connection"} <= everything.names
    assert shows_nothing(told), [line for line in told.splitlines() if not shows_nothing(line)]
    for event in desk.events:
        assert shows_nothing(repr(event) + event.reason)
    for receipt in desk.handed:
        assert shows_nothing(json.dumps(receipt.to_dict()))
    assert len(server.asked) == (0 if mode in ("nobody", "cut", "no-http") else 1), "a redirect is not followed"
    if mode in ("500", "redirect", "cookie"):
        assert (desk.ends, desk.handed[0].absence.code) == (
            ["failed"],
            {"500": "500", "redirect": "302", "cookie": "403"}[mode],
        )
    if mode in ("nobody", "cut", "no-http"):
        assert (desk.ends, desk.handed) == (["failed"], [])


@pytest.mark.parametrize("mode", ["nobody", "cut", "no-http"])
def test_what_is_raised_where_no_answer_comes_shows_no_url_in_any_context(nobody, mode):
    with broken(mode, nobody) as elsewhere:
        request = LEGACY.ask("1", ACCOUNT, host=LEGACY.questions[0].hosts[0])
        target = request.target.replace(LEGACY.questions[0].hosts[0], elsewhere or nobody)

        async def go() -> None:
            async with httpx.AsyncClient(timeout=20) as client:
                await send(client, Request("GET", target), str, 999, MINUTE)

        with pytest.raises(Unreached) as raised:
            asyncio.run(go())
    seen: BaseException | None = raised.value
    while seen is not None:
        assert shows_nothing(f"{seen} {seen!r} {vars(seen)}")
        assert getattr(seen, "request", None) is None
        seen = seen.__cause__ or seen.__context__
    assert shows_nothing("".join(traceback.format_exception(raised.value)))
    # Who reports errors with the variables of their frames shows none of ours either.
    held = [dict(frame.f_locals) for frame, _ in traceback.walk_tb(raised.tb) if "sending" in frame.f_code.co_filename]
    assert held
    assert shows_nothing(repr(held))


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("https://[bad?password=w0rd", {}),
        ("ftp://127.0.0.1/?password=w0rd", {}),
        ("http://127.0.0.1:99999/?password=w0rd", {}),
        ("http://127.0.0.1:1/\n?password=w0rd", {}),
        ("http://127.0.0.1:1/", {"Authorization": "Basic w0rd\u2026"}),
        ("http://127.0.0.1:1/", {"Authorization": "Basic w0rd\nX: 1"}),
    ],
)
def test_a_question_that_http_cannot_carry_is_no_answer_and_shows_nothing(target, headers):
    async def go() -> None:
        async with httpx.AsyncClient() as client:
            await send(client, Request("GET", target, headers), str, 999, MINUTE)

    with pytest.raises(Unreached) as raised:
        asyncio.run(go())
    assert shows_nothing("".join(traceback.format_exception(raised.value)))


def test_every_logger_below_httpx_is_guarded():
    named = {name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("httpx", "httpcore", "hpack")}
    spoken = {name for name in named if isinstance(logging.root.manager.loggerDict[name], logging.Logger)}
    # The parents of these say nothing themselves.
    assert spoken - {"httpcore"} <= set(_LOGGERS)


def test_other_requests_of_the_process_are_logged_as_ever(main, everything):
    async def go() -> None:
        async with httpx.AsyncClient() as client:
            await send(client, Request("GET", f"{main[1]}/get_dlr_response?a=1"), str, 999, MINUTE)
            await client.get(main[1] + "/get_dlr_response?a=2")

    asyncio.run(go())
    told = everything.said.getvalue()
    assert "get_dlr_response?a=2" in told
    assert "get_dlr_response?a=1" not in told
    assert "get_dlr_response?…" in told


def test_neither_headers_nor_cookies_of_the_client_are_sent(clock, main):
    server, url = main
    seen = []

    async def keep(request):
        seen.append(dict(request.headers))

    server.mode = "cookie"

    async def go() -> None:
        hooks = {"request": [keep]}
        async with httpx.AsyncClient(headers={"X-Own": "1"}, auth=("a", "b"), event_hooks=hooks) as client:
            desk = Desk(clock, [Target(at_hosts(LEGACY, url), ACCOUNT)], client)
            await desk.add("sent")
            await desk.poller.run_once()
            clock.at += desk.poller._longest / 7
            await desk.poller.run_once()

    asyncio.run(go())
    assert len(seen) == 2
    assert all(set(headers) <= {"host", "accept-encoding"} for headers in seen)
    assert {headers["accept-encoding"] for headers in seen} == {"identity"}


def packed(encoding: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def ask_packed(most: int, answer: bytes) -> Response:
    async def go(url: str) -> Response:
        async with httpx.AsyncClient() as client:
            return await send(client, Request("GET", url), str, most, MINUTE)

    with rude(lambda request: answer) as url:
        return asyncio.run(go(url))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"OK DELIVERED")),
        (" GZip ", gzip.compress(b"OK DELIVERED")),
        ("deflate", zlib.compress(b"OK DELIVERED")),
        ("identity", b"OK DELIVERED"),
    ],
)
def test_an_answer_that_is_packed_though_nobody_asked_for_it_is_read(encoding, body):
    assert ask_packed(100, packed(encoding, body)).body == b"OK DELIVERED"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"OK DELIVERED"))),
        ("br", b"OK DELIVERED"),
        ("gzip", b"OK DELIVERED"),
    ],
)
def test_an_answer_that_cannot_be_unpacked_with_care_is_no_answer(encoding, body):
    with pytest.raises(Unreached, match="packed in a way that nobody asked for"):
        ask_packed(100, packed(encoding, body))


def test_a_packed_answer_takes_no_more_memory_than_an_answer_may():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        answer = ask_packed(1000, packed("gzip", bomb))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(answer.body) == 1001
    assert peak < 5_000_000


def test_an_answer_that_does_not_end_is_given_up_and_holds_up_no_other_question(clock):
    heard = asyncio.Event()
    serving = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        about = await reader.readuntil(b"\r\n\r\n")
        # An answer about "slow" begins, and its end never comes.
        length, said = (1000, b" ") if b"slow" in about else (12, b"OK DELIVERED")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (length, said))
        await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def go() -> Desk:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            async with httpx.AsyncClient(timeout=20) as client:
                desk = await ask(client, url)
            await asyncio.gather(*serving)
        return desk

    async def ask(client: httpx.AsyncClient, url: str) -> Desk:
        options = {"whole_within": MINUTE, "look_every": timedelta(seconds=0.05)}
        watch = lambda event: (desk.events.append(event), heard.set())  # noqa: E731
        desk = Desk(clock, [Target(at_hosts(LEGACY, url), ACCOUNT)], client, watch=watch, **options)
        await desk.add("slow")
        running = asyncio.ensure_future(desk.poller.run())
        while not serving:
            await asyncio.sleep(0)
        # It comes due while the other is under way.
        await desk.add("quick")
        await asyncio.wait_for(heard.wait(), 20)
        running.cancel()
        await asyncio.wait([running])
        assert [(event.entry.id, event.next.value) for event in desk.events] == [("quick", "final")]
        with pytest.raises(Unreached, match=r"^no whole answer within 0.1 seconds$"):
            await send(client, at_hosts(LEGACY, url).ask("slow", ACCOUNT), str, 9999, timedelta(seconds=0.1))
        return desk

    assert len(asyncio.run(go()).agenda) == 1
