"""Inputs from one topic to reports on another, at least once, on Redis, RabbitMQ, Kafka or NATS.

    translator = Translator(accounts)
    topics = Topics(inputs="dlr.inputs", reports="dlr.reports", dead="dlr.dead")
    broker.include_router(delivrd.stream.redis.router(translator, topics, consumer="worker-1"))

`Translator` is the heart, without any I/O and without FastStream. `delivrd.stream.redis`, `.rabbit`, `.kafka` and
`.nats` each make a router of FastStream's of it; they need the extra `delivrd[stream]`, and FastStream's own
extra for the broker.
"""

from __future__ import annotations

from delivrd.stream.messages import Encoded, Fault, Outgoing, Place, Topics, as_json, write_message
from delivrd.stream.translator import Translator

__all__ = ["Encoded", "Fault", "Outgoing", "Place", "Topics", "Translator", "as_json", "write_message"]
