"""A router of FastStream's between queues of RabbitMQ.

The rule of this module: queues and messages are durable, and what reaches no queue was not published.
"""

from __future__ import annotations

from typing import Any

from delivrd.stream.handling import AT_ONCE, PAUSE, POLICY, handler, publishers, undecoded
from delivrd.stream.messages import Outgoing, Place, Topics
from delivrd.stream.translator import Translator

try:
    from aiormq.abc import DeliveredMessage
    from faststream.rabbit import Channel, RabbitBroker, RabbitQueue, RabbitRouter
except ImportError as error:
    raise ImportError("FastStream has an extra for each broker: pip install 'faststream[rabbit]'") from error


class Unroutable(Exception):
    """The exchange gave the message back: there is no such queue. `declare` makes it."""


def router(translator: Translator, topics: Topics, *, at_once: int = AT_ONCE, pause: float = PAUSE) -> RabbitRouter:
    """A router for `RabbitBroker.include_router`. The queues that it publishes to must be there: `declare` makes them.

    Args:
        translator: says what to publish for each input.
        topics: names of queues, on the default exchange.
        at_once: messages that RabbitMQ hands over before the first is acknowledged; they are worked on side by side.
            1 keeps reports strictly in order.
        pause: seconds to wait each time that publishing failed.
    """
    made = RabbitRouter()
    publish = publishers(topics, lambda name: made.publisher(_queue(name), persist=True), _publish)
    made.subscriber(
        _queue(topics.inputs),
        channel=Channel(prefetch_count=at_once),
        decoder=undecoded,
        ack_policy=POLICY,
        no_reply=True,
    )(handler(translator, publish, pause=pause))
    return made


async def declare(broker: RabbitBroker, topics: Topics) -> None:
    """Make the queues that are not there yet. Call it before the broker starts; it connects it.

    Args:
        broker: of the router.
        topics: names of queues.
    """
    await broker.connect()
    for name in (topics.inputs, *filter(None, map(topics.of, Place))):
        await broker.declare_queue(_queue(name))


def _queue(name: str) -> RabbitQueue:
    return RabbitQueue(name, durable=True)


async def _publish(publisher: Any, message: Outgoing) -> None:
    confirmed = await publisher.publish(
        message.body, headers=dict(message.headers), content_type=message.content_type, mandatory=True
    )
    # FastStream's channels do not raise for a message that comes back, unless they are told to.
    if isinstance(confirmed, DeliveredMessage):
        raise Unroutable
