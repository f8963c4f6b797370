"""The page about receiving, run: each framework's example answers over a socket as the page says."""

from __future__ import annotations

import gzip
import types
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from django.urls import clear_url_caches, include, path
from servers import Connection, exchange, on_aiohttp, on_uvicorn, on_wsgiref, written
from test_docs import DOCS, blocks, put_files

import delivrd.django
from delivrd import HmacBody, Request, read_samples
from delivrd.receiving import Receiver

PAGE = DOCS / "receiving.md"
FIXTURES = Path(__file__).parent.parent / "fixtures"
TELI = "?secret=a-long-random-word"
FORM = b"id=m-1&status=DELIVRD"
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}
CHUNKED = FORM_TYPE | {"Transfer-Encoding": "chunked"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The names that the page's examples make."""
    folder = tmp_path_factory.mktemp("page")
    put_files(PAGE, folder)
    module = types.ModuleType("receiving_page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in blocks(PAGE):
            if block.language == "python":
                exec(compile("\n" * block.line + block.text, str(PAGE), "exec", dont_inherit=True), module.__dict__)
    return module


def signed(page) -> tuple[bytes, dict[str, str]]:
    """A body that the page's account proves, and its headers."""
    file = FIXTURES / "messente-omnichannel/delivered-documented-sample.http"
    (sample,) = read_samples(file.name, file.read_bytes())
    request = HmacBody("X-Messente-Signature").sign(sample.input, page.accounts["main"][1])
    assert isinstance(request, Request)
    headers = {"X-Messente-Signature": request.header("X-Messente-Signature"), "Content-Type": "application/json"}
    return request.body, headers


def check(page, port: int, under: str = "", *, too_large: int = 413) -> None:
    """What every framework has to answer: the receiver's replies, for raw bodies, and its own elsewhere."""
    page.stored.clear()
    body, headers = signed(page)
    assert exchange(port, "POST", f"{under}/dlr/main", body, headers).status == 200
    assert exchange(port, "POST", f"{under}/dlr/main", body + b" ", headers).status == 401
    # A form is not parsed by the framework, and no token is asked for.
    assert exchange(port, "POST", f"{under}/dlr/us{TELI}", FORM, FORM_TYPE).status == 200
    assert exchange(port, "POST", f"{under}/dlr/us/a-long-random-word", FORM, FORM_TYPE).status == 200
    assert [(name, status) for name, _, status in page.stored] == [
        ("main", "delivered"),
        ("us", "delivered"),
        ("us", "delivered"),
    ]
    refused = exchange(port, "GET", f"{under}/dlr/us{TELI}")
    assert (refused.status, refused.headers["allow"], refused.body) == (405, "POST", b"")
    assert exchange(port, "POST", f"{under}/dlr/nobody", FORM, FORM_TYPE).status == 404
    assert exchange(port, "POST", f"{under}/elsewhere", FORM, FORM_TYPE).status == 404
    packed = exchange(
        port, "POST", f"{under}/dlr/us{TELI}", gzip.compress(FORM), FORM_TYPE | {"Content-Encoding": "gzip"}
    )
    assert (packed.status, packed.headers["accept-encoding"]) == (415, "identity")
    assert len(page.stored) == 3
    with Connection(port) as connection:
        announced = FORM_TYPE | {"Content-Length": "1000000000000"}
        connection.send(written("POST", f"{under}/dlr/us{TELI}", None, announced))
        assert connection.answer().status == too_large


@pytest.mark.parametrize("name", ["starlette_app", "fastapi_app"])
def test_starlette_and_fastapi_receive_as_the_page_says(page, name):
    with on_uvicorn(getattr(page, name)) as port:
        check(page, port, "/sms")


def test_flask_receives_as_the_page_says(page):
    with on_wsgiref(page.flask_app) as port:
        check(page, port, "/sms")


@pytest.fixture(scope="module")
def aiohttp_port(page):
    # An aiohttp application is bound to one event loop for good.
    with on_aiohttp(page.aiohttp_app) as port:
        yield port


def test_aiohttp_receives_as_the_page_says(page, aiohttp_port):
    check(page, aiohttp_port)


@pytest.fixture(scope="module", autouse=True)
def django_project():
    if not settings.configured:
        settings.configure(
            SECRET_KEY="of no use here",
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
            # Far less than a report: Django's own limit must not count.
            DATA_UPLOAD_MAX_MEMORY_SIZE=10,
        )
        django.setup()


def urlconf(patterns) -> type:
    clear_url_caches()
    return type("urls", (), {"urlpatterns": patterns})


def test_django_receives_as_the_page_says(page):
    with override_settings(ROOT_URLCONF=urlconf(page.urlpatterns)), on_wsgiref(WSGIHandler()) as port:
        check(page, port)


def test_django_receives_under_a_path_of_the_project(page):
    patterns = urlconf([path("sms/", include((page.urlpatterns, "sms")))])
    with override_settings(ROOT_URLCONF=patterns), on_wsgiref(WSGIHandler()) as port:
        check(page, port, "/sms")
    urls = delivrd.django.urls(Receiver(page.accounts, prefix=""), page.handler)
    with override_settings(ROOT_URLCONF=urlconf(urls)), on_wsgiref(WSGIHandler()) as port:
        assert exchange(port, "POST", f"/us{TELI}", FORM, FORM_TYPE).status == 200


def test_django_receives_under_asgi_too(page):
    page.stored.clear()
    patterns = urlconf(page.urlpatterns)
    with override_settings(ROOT_URLCONF=patterns), on_uvicorn(ASGIHandler(), lifespan="off") as port:
        assert exchange(port, "POST", f"/dlr/us{TELI}", FORM, FORM_TYPE).status == 200
        packed = FORM_TYPE | {"Content-Encoding": "gzip"}
        assert exchange(port, "POST", f"/dlr/us{TELI}", gzip.compress(FORM), packed).status == 415
        with Connection(port) as connection:
            chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(FORM), FORM)
            connection.send(written("POST", f"/dlr/us{TELI}", None, CHUNKED) + chunks)
            assert connection.answer().status == 200
    assert len(page.stored) == 2


def test_a_failing_handler_makes_the_provider_send_again_in_every_framework(page):
    def fail(received):
        raise OSError

    from aiohttp import web

    import delivrd.aiohttp

    receiver = Receiver(page.accounts)
    app = web.Application()
    app.add_routes(delivrd.aiohttp.routes(receiver, fail))
    with on_aiohttp(app) as port:
        assert exchange(port, "POST", f"/dlr/us{TELI}", FORM, FORM_TYPE).status == 503
    with (
        override_settings(ROOT_URLCONF=urlconf(delivrd.django.urls(receiver, fail))),
        on_wsgiref(WSGIHandler()) as port,
    ):
        assert exchange(port, "POST", f"/dlr/us{TELI}", FORM, FORM_TYPE).status == 503


def test_aiohttp_reads_chunks_no_further_than_the_account_allows_and_no_longer_than_it_may(page, aiohttp_port):
    from aiohttp import web

    import delivrd.aiohttp

    app = web.Application()
    app.add_routes(delivrd.aiohttp.routes(Receiver(page.accounts), page.handler, body_seconds=0.01))
    chunked = written("POST", f"/dlr/us{TELI}", None, CHUNKED)
    with Connection(aiohttp_port) as connection:
        size = (1 << 20) + 1
        connection.send(chunked + b"%x\r\n%s\r\n" % (size, b"x" * size))
        assert connection.answer().status == 413
        assert connection.ended()
    with on_aiohttp(app) as port, Connection(port) as connection:
        connection.send(chunked)
        assert connection.answer().status == 408
        assert connection.ended()


def test_a_sender_that_leaves_aiohttp_with_half_a_body_has_nothing_stored(page, aiohttp_port):
    page.stored.clear()
    with Connection(aiohttp_port) as connection:
        connection.send(written("POST", f"/dlr/us{TELI}", FORM, FORM_TYPE)[:-5])
    assert exchange(aiohttp_port, "POST", f"/dlr/us{TELI}", FORM, FORM_TYPE).status == 200
    assert [id for _, id, _ in page.stored] == ["m-1"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-of-its-own"])
def test_aiohttp_unpacks_no_body_before_it_is_refused(page, aiohttp_port, encoding):
    page.stored.clear()
    body, headers = signed(page)
    # What is not packed at all, and is proven: an unpacking reader fails over it.
    packed = headers | {"Content-Encoding": encoding}
    assert exchange(aiohttp_port, "POST", "/dlr/main", body, packed).status == 415
    assert not page.stored


def test_a_body_that_aiohttp_cannot_read_costs_that_request_only(page):
    import asyncio

    from aiohttp import StreamReader, web
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp.test_utils import make_mocked_request

    import delivrd.aiohttp

    async def main() -> int:
        loop = asyncio.get_running_loop()
        body = StreamReader(BaseProtocol(loop), 65536, loop=loop)
        # What its parser sets when a body is of another form than its head says.
        body.set_exception(web.RequestPayloadError())
        request = make_mocked_request(
            "POST", f"/dlr/us{TELI}", FORM_TYPE, match_info={"rest": "us"}, payload=body, loop=loop
        )
        (route,) = delivrd.aiohttp.routes(Receiver(page.accounts), page.handler)
        return (await route.handler(request)).status

    assert asyncio.run(main()) == 400


def test_aiohttp_reads_no_more_of_what_is_too_large_or_goes_nowhere(page, aiohttp_port):
    announced = FORM_TYPE | {"Content-Length": "9000000000"}
    for target, headers, status in [
        (f"/dlr/us{TELI}", announced, 413),
        ("/dlr/nobody", announced, 404),
        ("/dlr/nobody", CHUNKED, 404),
    ]:
        with Connection(aiohttp_port) as connection:
            connection.send(written("POST", target, None, headers))
            answer = connection.answer()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
            assert connection.ended()


def test_a_sender_of_a_little_body_that_goes_nowhere_can_send_it_all_under_aiohttp(aiohttp_port):
    with Connection(aiohttp_port) as connection:
        request = written("POST", "/dlr/nobody", FORM, FORM_TYPE)
        connection.send(request[: -len(FORM)])
        answer = connection.answer()
        assert (answer.status, answer.headers["connection"]) == (404, "close")
        # Closed already, one of these would fail.
        for byte in FORM:
            connection.send(bytes([byte]))
        assert connection.ended()
