"""The other end of each broker, with its own client library: whoever publishes inputs and takes what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from stream_inputs import TOPICS, Message
from stream_worker import STREAM

OUT = [TOPICS.reports, TOPICS.dead, str(TOPICS.others)]


class Arrived(NamedTuple):
    """A message that was published."""

    topic: str
    body: bytes
    headers: dict[str, Any]


class RedisDesk:
    """Streams."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.places = dict.fromkeys(OUT, "0")

    async def publish(self, messages: Iterable[Message]) -> None:
        from faststream.redis import BinaryMessageFormatV1 as Format

        pipeline = self.client.pipeline(transaction=False)
        for message in messages:
            body = message.body
            if not message.bare:
                words = {"reply_to": "", "correlation_id": "", "headers": message.headers}
                body = await Format.encode(message=body, **words)
            pipeline.xadd(TOPICS.inputs, {"__data__": body})
        await pipeline.execute()

    async def take(self, seconds: float) -> list[Arrived]:
        from faststream.redis import BinaryMessageFormatV1 as Format

        found = await self.client.xread(self.places, count=2000, block=round(seconds * 1000))
        arrived = []
        for stream, entries in found.items() if isinstance(found, dict) else found:
            entries = entries[0] if entries and isinstance(entries[0], list) else entries
            for place, fields in entries:
                self.places[stream.decode()] = place
                arrived.append(Arrived(stream.decode(), *Format.parse(fields[b"__data__"])))
        return arrived


class RabbitDesk:
    """Queues."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.taken: asyncio.Queue[Arrived] = asyncio.Queue()

    async def declare(self) -> None:
        for name in (TOPICS.inputs, *OUT):
            await self.channel.declare_queue(name, durable=True)

    async def listen(self) -> None:
        for name in OUT:
            queue = await self.channel.get_queue(name)
            await queue.consume(self._keep, no_ack=True)

    async def _keep(self, message: Any) -> None:
        self.taken.put_nowait(Arrived(message.routing_key, message.body, message.headers))

    async def publish(self, messages: Iterable[Message]) -> None:
        from aio_pika import DeliveryMode
        from aio_pika import Message as Sent

        exchange = self.channel.default_exchange
        await asyncio.gather(
            *(
                exchange.publish(
                    Sent(each.body, headers=each.headers, delivery_mode=DeliveryMode.PERSISTENT), TOPICS.inputs
                )
                for each in messages
            )
        )

    async def take(self, seconds: float) -> list[Arrived]:
        arrived = []
        with suppress(TimeoutError):
            arrived.append(await asyncio.wait_for(self.taken.get(), seconds))
        while not self.taken.empty():
            arrived.append(self.taken.get_nowait())
        return arrived


class NatsDesk:
    """Subjects of one stream."""

    def __init__(self, context: Any) -> None:
        self.context = context

    async def declare(self) -> None:
        await self.context.add_stream(name=STREAM, subjects=[TOPICS.inputs, *OUT])
        # The inputs too: a consumer has one filter, and of several the slowest would be waited for.
        self.source = await self.context.pull_subscribe("dlr.>", stream=STREAM)

    async def publish(self, messages: Iterable[Message]) -> None:
        await asyncio.gather(
            *(self.context.publish(TOPICS.inputs, each.body, headers=each.headers or None) for each in messages)
        )

    async def take(self, seconds: float) -> list[Arrived]:
        try:
            found = await self.source.fetch(1000, timeout=seconds)
        except TimeoutError:
            return []
        for each in found:
            await each.ack()
        outgoing = [each for each in found if each.subject in OUT]
        return [Arrived(each.subject, each.data, dict(each.headers or {})) for each in outgoing]


@asynccontextmanager
async def desk_at(kind: str, url: str, *, declares: bool = True) -> AsyncIterator[Any]:
    """The desk of a broker; `declares` says that it makes queues and listens to them."""
    if kind == "redis":
        import redis.asyncio

        async with redis.asyncio.from_url(url) as client:
            yield RedisDesk(client)
    elif kind == "rabbit":
        import aio_pika

        async with await aio_pika.connect(url) as connection:
            desk = RabbitDesk(await connection.channel())
            if declares:
                await desk.declare()
                await desk.listen()
            yield desk
    else:
        import nats

        client = await nats.connect(url)
        try:
            nats_desk = NatsDesk(client.jetstream(publish_async_max_pending=10_000))
            await nats_desk.declare()
            yield nats_desk
        finally:
            await client.close()
