"""What normalising adds to passing messages on: between streams of Redis, beside FastStream with an empty handler.

Both read the same inputs with a consumer group of their own, publish one message for each and acknowledge it, in turns,
in processes of their own. What counts is the processor time of the worker's process, which no neighbour dilutes; messages
a second stand beside it. Each round gives a ratio; their median counts.
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
from bench_receiving import processor_seconds
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


async def seconds(client: Any, what: str, url: str, sent: list[Message]) -> tuple[float, float]:
    """How long a worker takes for these, once it has begun: on the clock, and of the processor."""
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
        began, used, last = perf_counter(), processor_seconds(worker.pid), "0"
        left = len(sent) + 1
        while left:
            found = await client.xread({TOPICS.reports: last}, count=left, block=1000)
            for _, entries in found.items() if isinstance(found, dict) else found:
                entries = entries[0] if isinstance(entries[0], list) else entries
                last, left = entries[-1][0], left - len(entries)
        return perf_counter() - began, processor_seconds(worker.pid) - used
    finally:
        worker.kill()
        await worker.wait()


async def main() -> int:
    import redis.asyncio

    sent, rounds = inputs(), []
    with brokers.running("redis") as url:
        async with redis.asyncio.from_url(url) as client:
            for _ in range(1 + ROUNDS):
                rounds.append([await seconds(client, what, url, sent) for what in ("bare", "ours")])
    # The first warms up.
    clock = [median(len(sent) / each[side][0] for each in rounds[1:]) for side in (0, 1)]
    cost = [median(each[side][1] / len(sent) * 1e6 for each in rounds[1:]) for side in (0, 1)]
    ratio = median(ours[1] / bare[1] for bare, ours in rounds[1:])
    print(f"passing on:  {clock[0]:6.0f} messages a second, {cost[0]:5.0f} us of the processor each")
    print(f"normalising: {clock[1]:6.0f} messages a second, {cost[1]:5.0f} us of the processor each, {ratio:.2f} times")
    print(json.dumps({"per_s": clock, "processor_us": cost, "ratio": ratio, "rounds": ROUNDS}))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run({"bare": passing_on, "ours": normalising}[sys.argv[1]](sys.argv[2]))
    else:
        sys.exit(asyncio.run(main()))
