"""A process that normalises from topic to topic, as a gateway would run one: `stream_worker.py KIND URL [NAME]`."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

from faststream import FastStream
from stream_inputs import TOPICS, translator

from delivrd.stream import Topics, Translator

STREAM = "DLR"
CLAIM_AFTER = 1.0


def broker_with(
    kind: str,
    url: str,
    name: str,
    translator: Translator,
    topics: Topics = TOPICS,
    *,
    middlewares: Any = (),
    **options: Any,
) -> Any:
    """FastStream's broker with the router in it; it logs nothing below a warning."""
    said: dict[str, Any] = {"log_level": logging.DEBUG, "middlewares": middlewares}
    if kind == "redis":
        from faststream.redis import RedisBroker

        import delivrd.stream.redis

        broker: Any = RedisBroker(url, **said)
        options = {"claim_after": CLAIM_AFTER, "consumer": name} | options
        broker.include_router(delivrd.stream.redis.router(translator, topics, **options))
    elif kind == "rabbit":
        from faststream.rabbit import RabbitBroker

        import delivrd.stream.rabbit

        broker = RabbitBroker(url, **said)
        broker.include_router(delivrd.stream.rabbit.router(translator, topics, **options))
    else:
        options = {"claim_after": CLAIM_AFTER, "stream": STREAM} | options
        from faststream.nats import NatsBroker

        import delivrd.stream.nats

        broker = NatsBroker(url, **said)
        broker.include_router(delivrd.stream.nats.router(translator, topics, **options))
    return broker


async def main(kind: str, url: str, name: str = "worker") -> None:
    await FastStream(broker_with(kind, url, name, translator())).run(log_level=logging.WARNING)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
