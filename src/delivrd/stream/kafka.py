"""A router of FastStream's between topics of Kafka.

The rule of this module: an offset is committed after what came of its message was written. Reports of one message
have one key, so they stand in one partition, in order.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from delivrd.stream.handling import PAUSE, POLICY, handler, parser, publishers, undecoded
from delivrd.stream.messages import Outgoing, Topics
from delivrd.stream.translator import Translator

try:
    from aiokafka.errors import MessageSizeTooLargeError
    from faststream.kafka import KafkaRouter
except ImportError as error:
    raise ImportError("FastStream has an extra for each broker: pip install 'faststream[kafka]'") from error


def router(translator: Translator, topics: Topics, *, group: str = "delivrd", pause: float = PAUSE) -> KafkaRouter:
    """A router for `KafkaBroker.include_router`. Give the broker `acks="all"`: else reports die with a leader.

    Args:
        translator: says what to publish for each input.
        topics: names of topics.
        group: the consumer group, for all processes that share the inputs; a new one begins with the oldest.
        pause: seconds to wait each time that publishing failed.
    """
    made = KafkaRouter()
    publish = publishers(topics, made.publisher, _publish)
    made.subscriber(
        topics.inputs,
        group_id=group,
        auto_offset_reset="earliest",
        parser=parser(_mended),
        decoder=undecoded,
        ack_policy=POLICY,
        no_reply=True,
    )(handler(translator, publish, pause=pause, too_large=(MessageSizeTooLargeError,)))
    return made


async def _publish(publisher: Any, message: Outgoing) -> None:
    headers = {**message.headers, "content-type": message.content_type}
    await publisher.publish(message.body, key=message.key, headers=headers)


async def _mended(record: Any) -> Any:
    """The record with headers that are text."""
    headers = [(name, (value or b"").decode(errors="backslashreplace").encode()) for name, value in record.headers]
    return dataclasses.replace(record, headers=tuple(headers))
