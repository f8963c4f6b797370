"""A router of FastStream's between subjects of NATS.

The rule of this module: JetStream and nothing else. Without it NATS keeps nothing, and what nobody hears is gone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from delivrd.stream.handling import AT_ONCE, CLAIM_AFTER, PAUSE, POLICY, handler, publishers, undecoded
from delivrd.stream.messages import Outgoing, Topics
from delivrd.stream.translator import Translator

try:
    from faststream.nats import JStream, NatsRouter, PullSub
    from nats.errors import MaxPayloadError
    from nats.js.api import ConsumerConfig
except ImportError as error:
    raise ImportError("FastStream has an extra for each broker: pip install 'faststream[nats]'") from error


def router(
    translator: Translator,
    topics: Topics,
    *,
    stream: str,
    durable: str = "delivrd",
    at_once: int = AT_ONCE,
    claim_after: float = CLAIM_AFTER,
    pause: float = PAUSE,
) -> NatsRouter:
    """A router for `NatsBroker.include_router`. The stream is made where it is not there yet.

    Args:
        translator: says what to publish for each input.
        topics: names of subjects.
        stream: the stream of JetStream that keeps them all.
        durable: the consumer, for all processes that share the inputs.
        at_once: messages that are fetched at a time and worked on side by side; 1 keeps reports strictly in order.
        claim_after: seconds after which a message that was not acknowledged comes again: that of a process that was
            killed. A consumer that is there already keeps its own.
        pause: seconds to wait each time that publishing failed.
    """
    made = NatsRouter()
    kept = JStream(stream)
    publish = publishers(topics, partial(made.publisher, stream=kept), _publish)
    made.subscriber(
        topics.inputs,
        stream=kept,
        durable=durable,
        config=ConsumerConfig(ack_wait=claim_after),
        pull_sub=PullSub(batch_size=at_once),
        decoder=undecoded,
        ack_policy=POLICY,
        no_reply=True,
    )(handler(translator, publish, pause=pause, too_large=(MaxPayloadError,)))
    return made


async def _publish(publisher: Any, message: Outgoing) -> None:
    headers = {**message.headers, "content-type": message.content_type}
    await publisher.publish(message.body, headers=headers)
