"""What FastStream calls for each message, the same for every broker.

The rule of this module: a message is acknowledged once everything that came of it was published and the broker
has confirmed that. Until then it comes again; and no log shows what a message holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

try:
    from faststream import AckPolicy
    from faststream.message import StreamMessage
except ImportError as error:
    raise ImportError("routers between topics are an extra: pip install 'delivrd[stream]'") from error

from delivrd.errors import DelivrdError
from delivrd.stream.messages import Fault, Outgoing, Place, Topics
from delivrd.stream.translator import Translator

PAUSE: Final = 1.0
"""Seconds after a message that could not be published: a broker that refuses is not to be flooded."""

_TRIES: Final = 3
"""How often a message is published before its input is given back: most failures are short (FastStream's own
publishers are not ready yet when the first input comes, say), and on Redis what is given back comes much later."""

AT_ONCE: Final = 100
"""Messages that are fetched at a time."""

CLAIM_AFTER: Final = 60.0
"""Seconds. Longer than `AT_ONCE` messages take, or the messages of a slow process are read twice."""

# An exception gives the message back. FastStream's other policies lose it: on Redis nothing differs, on Kafka, RabbitMQ
# and NATS a rejected message is gone.
POLICY: Final = AckPolicy.NACK_ON_ERROR

Publish: TypeAlias = Callable[[Outgoing], Awaitable[object]]
"""Publishes a message, and returns once the broker has confirmed it."""


class NotPublished(DelivrdError):
    """The broker did not take what came of a message, which is therefore not acknowledged and comes again."""


class Incoming(msgspec.Struct, frozen=True):
    """A message as the handler gets it: bytes and headers, untouched."""

    body: bytes
    headers: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Incoming({len(self.body)} bytes)"


async def undecoded(message: StreamMessage[Any]) -> Incoming:
    """FastStream's decoder for inputs: none, for a proof covers bytes."""
    body = message.body
    return Incoming(body if isinstance(body, bytes) else bytes(body), message.headers)


def parser(mend: Callable[[Any], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A parser that bears every message: what FastStream's own cannot read would come again for ever.

    Args:
        mend: gives a message that it can read, for one that it cannot.
    """

    async def parse(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
        try:
            return await original(message)
        except Exception:
            return await original(await mend(message))

    return parse


def publishers(
    topics: Topics, publisher: Callable[[str], Any], publish: Callable[[Any, Outgoing], Awaitable[object]]
) -> dict[Place, Publish]:
    """How a message is published, for each place that has a topic.

    Args:
        topics: by place.
        publisher: makes FastStream's publisher of a topic.
        publish: publishes a message by one, as `Publish`.
    """
    return {place: partial(publish, publisher(name)) for place in Place if (name := topics.of(place)) is not None}


def handler(
    translator: Translator,
    publish: Mapping[Place, Publish],
    *,
    pause: float,
    too_large: tuple[type[Exception], ...] = (),
) -> Callable[[Any], Awaitable[None]]:
    """The handler of a topic of inputs.

    Args:
        translator: says what to publish.
        publish: by place; what has no place here is left out.
        pause: seconds to wait each time that publishing failed.
        too_large: what a broker's library raises for a message that the broker will never take.
    """

    async def send(message: Outgoing, incoming: Incoming) -> None:
        publish_one = publish.get(message.place)
        if publish_one is None:
            return
        try:
            await publish_one(message)
        except too_large:
            if message.place is Place.DEAD:
                raise
            reason = f"{message.place}: a message of {len(message.body)} bytes; let the broker take larger ones"
            await publish[Place.DEAD](
                translator.put_aside(incoming.body, incoming.headers, Fault.TOO_LARGE_FOR_BROKER, reason)
            )

    async def handle(incoming: Any) -> None:
        """Normalise an input, and publish what comes of it."""
        for message in translator.translate(incoming.body, incoming.headers):
            for left in reversed(range(_TRIES)):
                try:
                    await send(message, incoming)
                    break
                except Exception as error:
                    await asyncio.sleep(pause)
                    if not left:
                        # From nothing: what the libraries raise shows messages, and FastStream logs it.
                        kind = type(error).__name__
                        raise NotPublished(f"{message.place}: {kind}; the input comes again") from None

    return handle
