"""A router of FastStream's between streams of Redis.

The rule of this module: streams with a consumer group and nothing else. Redis forgets what it publishes to channels,
and a list's item is gone when it is taken: neither can come again.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import msgspec

from delivrd.stream.handling import AT_ONCE, CLAIM_AFTER, PAUSE, POLICY, handler, parser, publishers, undecoded
from delivrd.stream.messages import Outgoing, Topics
from delivrd.stream.translator import Translator

try:
    from faststream.redis import BinaryMessageFormatV1, RedisRouter, StreamSub
except ImportError as error:
    raise ImportError("FastStream has an extra for each broker: pip install 'faststream[redis]'") from error


def router(
    translator: Translator,
    topics: Topics,
    *,
    consumer: str,
    group: str = "delivrd",
    at_once: int = AT_ONCE,
    claim_after: float = CLAIM_AFTER,
    pause: float = PAUSE,
) -> RedisRouter:
    """A router for `RedisBroker.include_router`. Inputs are read from the stream's beginning when the group is new.

    Args:
        translator: says what to publish for each input.
        topics: names of streams.
        consumer: the name of this process in the group; of its own, and best the same after a restart.
        group: the consumer group, for all processes that share the inputs.
        at_once: messages that are fetched at a time.
        claim_after: seconds after which a message that nobody has acknowledged is taken over: those of a process
            that was killed, and those that could not be published.
        pause: seconds to wait each time that publishing failed.
    """
    made = RedisRouter()
    publish = publishers(topics, lambda name: made.publisher(stream=name), _publish)
    handle = handler(translator, publish, pause=pause)
    milliseconds = max(1, round(claim_after * 1000))
    abandoned = StreamSub(topics.inputs, group=group, consumer=consumer, min_idle_time=milliseconds, last_id="0")
    new = StreamSub(topics.inputs, group=group, consumer=consumer, max_records=at_once)
    # A group that is new is made by whichever starts first, and only the one for what was abandoned makes it from the
    # stream's beginning. FastStream starts a router's own subscribers before those of a router within it.
    later = RedisRouter()
    for own, stream in ((made, abandoned), (later, new)):
        own.subscriber(
            stream=stream,
            parser=parser(_mended),
            decoder=undecoded,
            ack_policy=POLICY,
            no_reply=True,
            message_format=BinaryMessageFormatV1,
        )(handle)
    made.include_router(later)
    return made


async def _publish(publisher: Any, message: Outgoing) -> None:
    headers = {**message.headers, "content-type": message.content_type}
    await publisher.publish(message.body, headers=headers)


async def _mended(message: Any) -> Any:
    """The entry with its fields wrapped so that FastStream can take them apart again."""
    fields: dict[bytes, bytes] = message["data"]
    body = fields.get(b"__data__") or msgspec.json.encode(dict(map(_text, fields.items())))
    wrapped = await BinaryMessageFormatV1.encode(message=body, reply_to=None, headers={}, correlation_id="")
    return {**message, "data": {b"__data__": wrapped}}


def _text(field: tuple[bytes, bytes]) -> tuple[str, str]:
    name, value = field
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError:
        return name.decode(errors="backslashreplace") + "_base64", b64encode(value).decode()
