"""Inputs of all providers as messages of a topic, poison among them, and what has to come of each."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from delivrd import Account, Accounts, HmacBody, Registry, Request, SampleError, read_each
from delivrd.inputs import Input
from delivrd.stream import Outgoing, Place, Topics, Translator, write_message

ROOT = Path(__file__).parent.parent
BEGAN = datetime(2026, 5, 1, tzinfo=UTC)
SIGNED = "signed"
SECRET = "a-long-random-word"
TOPICS = Topics(inputs="dlr.inputs", reports="dlr.reports", dead="dlr.dead", others="dlr.others")


class Message(NamedTuple):
    """A message to publish as an input: `bare` where nothing but its bytes is given."""

    body: bytes
    headers: dict[str, str]
    bare: bool


def accounts() -> Accounts:
    """One that proves for itself, and an open one for each provider."""
    providers = Registry.installed()
    omni = providers["messente-omnichannel"]
    opened = [(provider, Account(name=f"{name}.open", open=True)) for name, provider in providers.items()]
    return Accounts([(omni, Account(name=SIGNED, secrets=[SECRET])), *opened])


def translator() -> Translator:
    return Translator(accounts())


def fixture_inputs() -> Iterator[tuple[str, Input]]:
    """Every fixture's input, with its provider's name."""
    for folder in sorted((ROOT / "fixtures").iterdir()):
        for path in sorted(folder.iterdir()):
            if path.suffix in (".http", ".eml", ".hex", ".jsonl"):
                for _, found in read_each(path.name, path.read_bytes()):
                    assert not isinstance(found, SampleError)
                    yield folder.name, found.input


def messages(count: int, seed: int = 0) -> list[Message]:
    """So many messages, each unlike all others; a tenth of them poison that no provider could have sent."""
    chance = random.Random(seed)
    inputs = list(fixture_inputs())
    made = []
    for number in range(count):
        provider, input = inputs[number % len(inputs)] if number < 2 * len(inputs) else chance.choice(inputs)
        at = BEGAN + timedelta(milliseconds=number)
        if chance.random() < 0.1:
            made.append(_poison(chance, provider, input, at))
        elif chance.random() < 0.5:
            line = write_message(input, account=f"{provider}.open", received_at=at)
            made.append(Message(line, {}, bare=True))
        else:
            line = write_message(input, received_at=at)
            made.append(Message(line, {"account": f"{provider}.open", "provider": provider}, bare=False))
    return made


def _poison(chance: random.Random, provider: str, input: Input, at: datetime) -> Message:
    line = write_message(input, received_at=at)
    names = {"account": f"{provider}.open"}
    kind = chance.randrange(9)
    if kind == 0:
        return Message(chance.randbytes(40) + at.isoformat().encode(), names, bare=False)
    if kind == 1:
        return Message(line[: len(line) // 2] + at.isoformat().encode(), names, bare=False)
    if kind == 2:
        return Message(line, {"account": "nobody"}, bare=False)
    if kind == 3:
        return Message(line, {"provider": "no-such-provider"}, bare=False)
    if kind == 4:
        return Message(line, {}, bare=True)
    if kind == 5:
        return Message(line, {"account": f"{provider}.open", "provider": "another"}, bare=False)
    if kind == 6:
        brought = json.loads(line) | {"account": {"name": "brought", "open": True}}
        return Message(json.dumps(brought).encode(), {}, bare=True)
    body = json.dumps({"message_id": "m-1", "status": "DELIVRD", "error_code": 0}).encode()
    request = Request("POST", "/", {"Content-Type": "application/json"}, body)
    forged = HmacBody("X-Messente-Signature").sign(request, Account(secrets=[SECRET + ("" if kind == 7 else "x")]))
    return Message(write_message(forged, account=SIGNED, received_at=at), {}, bare=True)


def expected(sent: list[Message]) -> Counter[tuple[str, bytes]]:
    """What has to be published for these, by topic and body."""
    made = translator()
    found: Counter[tuple[str, bytes]] = Counter()
    for message in sent:
        outgoing: tuple[Outgoing, ...] = made.translate(message.body, message.headers)
        assert outgoing, "nothing would come of a message"
        for each in outgoing:
            found[str(TOPICS.of(each.place)), each.body] += 1
    assert {topic for topic, _ in found} == {TOPICS.of(place) for place in Place}
    return found
