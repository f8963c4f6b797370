"""From topic to topic on real brokers; `make soak-stream` runs the long form of the soak."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import brokers
import pytest
from faststream import BaseMiddleware
from soak_stream import run
from stream_desks import OUT, desk_at
from stream_inputs import TOPICS, Message, translator
from stream_worker import broker_with

from delivrd import Request
from delivrd.stream import write_message

KINDS = {"redis": 2, "rabbit": 1, "nats": 1}
"""How often a worker is killed: each start takes a second."""

# A worker that takes messages off the group's list when it fetches them, as none may: those of one that is killed are gone.
HASTY = """
import asyncio, sys
sys.path.insert(0, "{tests}")
import delivrd.stream.redis as module
made = module.StreamSub
module.StreamSub = lambda *given, **said: made(*given, **said, no_ack="max_records" in said)
from stream_worker import main
asyncio.run(main(*sys.argv[1:]))
"""


def need(kind: str) -> None:
    said = brokers.missing(kind)
    if said and os.environ.get("CI"):
        pytest.fail(said)
    if said:
        pytest.skip(said)


@pytest.fixture(scope="module")
def rabbit() -> Iterator[str]:
    """RabbitMQ takes seconds to start."""
    need("rabbit")
    with brokers.running("rabbit") as url:
        yield url


@pytest.fixture
def redis() -> Iterator[str]:
    need("redis")
    with brokers.running("redis") as url:
        yield url


@pytest.fixture
def nats() -> Iterator[str]:
    need("nats")
    with brokers.running("nats") as url:
        yield url


@pytest.mark.parametrize(("kind", "kills"), KINDS.items())
def test_a_worker_that_is_killed_loses_nothing_and_puts_all_poison_aside(kind, kills, request):
    url = request.getfixturevalue(kind)
    shown = asyncio.run(run(kind, url, count=600, kills=kills))
    assert shown.faults == []
    assert (shown.kills, shown.aside > 50) == (kills, True)


def test_a_worker_that_acknowledges_what_it_has_not_published_is_found_out(tmp_path, redis):
    hasty = tmp_path / "hasty.py"
    hasty.write_text(HASTY.format(tests=os.path.dirname(__file__)))
    shown = asyncio.run(run("redis", redis, count=600, kills=2, words=[sys.executable, str(hasty)], silence=2.0))
    assert any("missing" in fault for fault in shown.faults)


@dataclass
class Watch:
    """Tells of each message that was given back."""

    given_back: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, message, /, *, context):
        watch = self

        class Middleware(BaseMiddleware):
            async def after_processed(self, exc_type=None, exc_val=None, exc_tb=None):
                if exc_type is not None:
                    watch.given_back.set()
                return False

        return Middleware(message, context=context)


def report_of(number: int, id: str = "m-17") -> Message:
    request = Request("GET", f"/dlr?sms_unique_id={id}&stat=DELIVRD&err=0&number={number}")
    return Message(write_message(request, account="messente-legacy.open"), {}, bare=True)


@asynccontextmanager
async def working(kind: str, url: str, **options):
    """A worker in this process, which can be asked what it gave back."""
    watch = Watch()
    broker = broker_with(kind, url, "worker", translator(), middlewares=[watch], **options)
    async with broker:
        await broker.start()
        yield watch


async def taken(desk, count: int):
    """So many messages."""
    arrived: list = []
    async with asyncio.timeout(20):
        while len(arrived) < count:
            arrived.extend(await desk.take(1.0))
    return arrived


def test_on_redis_a_new_group_is_made_by_the_subscriber_that_begins_with_the_oldest_entry():
    made = translator()
    for _ in range(20):
        broker = broker_with("redis", "redis://127.0.0.1:1", "worker", made)
        assert [each.stream_sub.last_id for each in broker.subscribers] == ["0", ">"]


def test_on_redis_what_could_not_be_published_comes_again(redis):

    async def show():
        async with desk_at("redis", redis) as desk:
            # What holds a text takes no entries.
            await desk.client.set(TOPICS.reports, "text")
            await desk.publish([report_of(1)])
            async with working("redis", redis, pause=0.01, claim_after=0.1) as watch:
                await asyncio.wait_for(watch.given_back.wait(), 10)
                await desk.client.delete(TOPICS.reports)
                (arrived,) = await taken(desk, 1)
        return arrived

    assert asyncio.run(show()).headers["status"] == "delivered"


def test_on_rabbitmq_what_reaches_no_queue_was_not_published_and_comes_again(rabbit):

    async def show():
        async with desk_at("rabbit", rabbit, declares=False) as desk:
            for name in OUT:
                await desk.channel.queue_delete(name)
            await desk.channel.declare_queue(TOPICS.inputs, durable=True)
            await desk.publish([report_of(1)])
            async with working("rabbit", rabbit, pause=0.01) as watch:
                await asyncio.wait_for(watch.given_back.wait(), 10)
                from faststream.rabbit import RabbitBroker

                from delivrd.stream.rabbit import declare

                async with RabbitBroker(rabbit) as other:
                    await declare(other, TOPICS)
                await desk.listen()
                (arrived,) = await taken(desk, 1)
        return arrived

    assert asyncio.run(show()).topic == TOPICS.reports


def test_on_nats_what_is_larger_than_the_server_takes_is_put_aside(nats):

    async def show():
        async with desk_at("nats", nats) as desk, working("nats", nats, pause=0.01):
            # Each of its characters comes to six in the report.
            body = b"id=m-1&send_status=delivered&more=" + b"%01" * 300_000
            form = Request("POST", "/dlr", {"Content-Type": "application/x-www-form-urlencoded"}, body)
            line = write_message(form, account="teli.open")
            assert len(line) < 1_000_000
            await desk.publish([Message(line, {}, bare=True)])
            (arrived,) = await taken(desk, 1)
        return arrived, line

    arrived, line = asyncio.run(show())
    assert (arrived.body, arrived.headers["error"]) == (line, "TooLargeForBroker")


def test_on_redis_reports_of_one_message_stay_in_order_and_no_entry_is_too_strange_to_be_put_aside(redis):
    strange = [
        {b"\xff\xfe": b"\xff", b"plain": b"text"},
        {b"__data__": b""},
        {b"__data__": b'{"data": "x", "headers": 5}'},
        {b"__data__": b"\x89BIN\x0d\x0a\x1a\x0a\x00\x01" + b"\xff" * 20},
        {b"some": b"field"},
    ]

    async def show():
        async with desk_at("redis", redis) as desk:
            for fields in strange:
                await desk.client.xadd(TOPICS.inputs, fields)
            await desk.publish([report_of(number) for number in range(300)])
            async with working("redis", redis, claim_after=60.0):
                arrived = await taken(desk, 300 + len(strange))
            pending = await desk.client.xpending(TOPICS.inputs, "delivrd")
        return arrived, pending

    arrived, pending = asyncio.run(show())
    assert pending["pending"] == 0
    assert sum(each.topic == TOPICS.dead for each in arrived) == len(strange)
    made = translator()
    wanted = [each.body for number in range(300) for each in made.translate(report_of(number).body)]
    assert [each.body for each in arrived if each.topic == TOPICS.reports] == wanted
