"""What normalising adds to passing messages on: between streams of Redis, beside FastStream with an empty handler.

Both read the same inputs with a consumer group of their own, publish one message for each and acknowledge it, in turns,
in processes of their own. What counts is messages a second; their ratio is taken in each round, and its median counts.
Run: `make bench-stream`. The last line is the whole result as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from statistics import median
from time import perf_counter
from typing import Any

import brokers
from stream_desks import RedisDesk
from stream_inputs import TOPICS, Message, fixture_inputs, translator

from delivrd.stream import Place, write_message

ROUNDS = 7
MESSAGES = 3000


def inputs() -> list[Message]:
    """Inputs that give one report each."""
    made, bodies = translator(), []
    for provider, input in fixture_inputs():
        line = write_message(input, account=f"{provider}.open")
        if [each.place for each in made.translate(line)] == [Place.REPORTS]:
            bodies.append(Message(line, {}, bare=True))
    return [bodies[number % len(bodies)] for number in range(MESSAGES)]


async def passing_on(url: str) -> None:
    """FastStream alone: the bytes of one stream to another."""
    from faststream import AckPolicy, FastStream
    from faststream.redis import RedisBroker, StreamSub

    broker = RedisBroker(url, log_level=10)
    publisher = broker.publisher(stream=TOPICS.reports)

    async def decode(message: Any) -> bytes:
        return bytes(message.body)

    @broker.subscriber(
        stream=StreamSub(TOPICS.inputs, group="delivrd", consumer="bare", max_records=100),
        decoder=decode,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        no_reply=True,
    )
    async def handle(body: Any) -> None:
        await publisher.publish(body)

    await FastStream(broker).run(log_level=30)


async def normalising(url: str) -> None:
    from stream_worker import main

    await main("redis", url)


async def seconds(client: Any, what: str, url: str, sent: list[Message]) -> float:
    """How long a worker takes for these, once it has begun."""
    await client.flushall()
    await client.xgroup_create(TOPICS.inputs, "delivrd", "0", mkstream=True)
    worker = await asyncio.create_subprocess_exec(sys.executable, __file__, what, url)
    try:
        desk = RedisDesk(client)
        # The first tells that the worker is up.
        await desk.publish(sent[:1])
        while not await client.xread({TOPICS.reports: "0"}, block=1000):
            pass
        await desk.publish(sent)
        began, last = perf_counter(), "0"
        left = len(sent) + 1
        while left:
            found = await client.xread({TOPICS.reports: last}, count=left, block=1000)
            for _, entries in found.items() if isinstance(found, dict) else found:
                entries = entries[0] if isinstance(entries[0], list) else entries
                last, left = entries[-1][0], left - len(entries)
        return perf_counter() - began
    finally:
        worker.kill()
        await worker.wait()


async def main() -> int:
    import redis.asyncio

    sent, ratios, rates = inputs(), [], []
    with brokers.running("redis") as url:
        async with redis.asyncio.from_url(url) as client:
            for number in range(ROUNDS):
                bare, ours = [await seconds(client, what, url, sent) for what in ("bare", "ours")]
                if number:
                    ratios.append(ours / bare)
                    rates.append((len(sent) / bare, len(sent) / ours))
    bare, ours = (median(rate) for rate in zip(*rates, strict=True))
    print(f"passing on {bare:.0f}, normalising {ours:.0f} messages a second: {median(ratios):.2f} times the time")
    print(json.dumps({"bare_per_s": bare, "ours_per_s": ours, "ratio": median(ratios), "rounds": len(ratios)}))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run({"bare": passing_on, "ours": normalising}[sys.argv[1]](sys.argv[2]))
    else:
        sys.exit(asyncio.run(main()))
