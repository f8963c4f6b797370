"""From topic to topic on Kafka, in memory: Debian has no Kafka to run."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord
from faststream import BaseMiddleware
from faststream.kafka import KafkaBroker, KafkaMessage, TestKafkaBroker
from stream_inputs import TOPICS, expected, messages, translator

import delivrd.stream.kafka
from delivrd import Request
from delivrd.stream import write_message

TRANSLATOR = translator()
DELIVERED = Request("GET", "/dlr?sms_unique_id=m-17&stat=DELIVRD")


class Failing(BaseMiddleware):
    """Lets nothing be published while it is told to."""

    on = False

    async def publish_scope(self, call_next, cmd):
        if self.on and cmd.destination != TOPICS.inputs:
            raise ConnectionError
        return await call_next(cmd)


def kafka() -> tuple[KafkaBroker, dict[str, list]]:
    broker = KafkaBroker(middlewares=[Failing])
    broker.include_router(delivrd.stream.kafka.router(TRANSLATOR, TOPICS, pause=0))
    got: dict[str, list] = {TOPICS.reports: [], TOPICS.dead: [], str(TOPICS.others): []}
    for topic, taken in got.items():
        broker.subscriber(topic, decoder=lambda message: message.body)(keeper(taken))
    return broker, got


def keeper(taken: list):
    async def keep(message: KafkaMessage):
        taken.append(message)

    return keep


def test_on_kafka_everything_arrives_with_the_messages_id_as_its_key():
    sent = messages(500)
    wanted = expected(sent)

    async def run():
        broker, got = kafka()
        async with TestKafkaBroker(broker):
            for each in sent:
                await broker.publish(each.body, TOPICS.inputs, headers=each.headers)
        return got

    got = asyncio.run(run())
    assert {(topic, each.body) for topic, all in got.items() for each in all} == set(wanted)
    for each in got[TOPICS.reports]:
        report = json.loads(each.body)
        assert each.raw_message.key == (report.get("message_id") or report["reference"]).encode()
        assert each.headers["key"] == report["key"]
        assert each.headers["content-type"] == "application/json"


class Consumer(SimpleNamespace):
    """What a handled message does to its consumer."""

    async def commit(self):
        self.commits += 1

    def seek(self, partition, offset):
        self.seeks.append(offset)


def record(body: bytes | None, headers: list[tuple[str, bytes | None]]) -> ConsumerRecord:
    return ConsumerRecord(TOPICS.inputs, 0, 7, 0, 0, None, body, None, 0, len(body or b""), tuple(headers))


async def consumed(headers: list[tuple[str, bytes | None]], body: bytes | None) -> tuple[Consumer, dict[str, list]]:
    broker, got = kafka()
    async with TestKafkaBroker(broker):
        subscriber = next(each for each in broker.subscribers if each.topic_names == [TOPICS.inputs])
        consumer = Consumer(commits=0, seeks=[])
        subscriber.parser._setup(consumer)
        await subscriber.consume(record(body, headers))
    return consumer, got


def test_on_kafka_an_offset_is_committed_after_what_came_of_it_and_else_comes_again(monkeypatch):
    line = write_message(DELIVERED, account="messente-legacy.open")
    consumer, got = asyncio.run(consumed([], line))
    assert (consumer.commits, consumer.seeks, len(got[TOPICS.reports])) == (1, [], 1)
    monkeypatch.setattr(Failing, "on", True)
    consumer, got = asyncio.run(consumed([], line))
    assert (consumer.commits, consumer.seeks, len(got[TOPICS.reports])) == (0, [7], 0)


@pytest.mark.parametrize("headers", [[("account", b"\xff\xfe")], [("account", None)], []])
@pytest.mark.parametrize("body", [b"{", None])
def test_on_kafka_headers_that_are_no_text_and_no_body_at_all_are_put_aside(headers, body):
    consumer, got = asyncio.run(consumed(headers, body))
    assert (consumer.commits, consumer.seeks) == (1, [])
    assert got[TOPICS.dead][0].headers["error"] == "BadMessage"
