"""A worker between topics that is killed while it works: every report arrives, every poison message stands aside.

    python tests/soak_stream.py redis|rabbit|nats [--messages 10000] [--kills 8]

The broker is a real one. Inputs of all providers are published before and while the worker runs; it is killed
(SIGKILL) at random points of the way and started again, as a supervisor would. What arrives is compared, byte for
byte, with what has to come of each input.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import brokers
from stream_desks import desk_at
from stream_inputs import TOPICS, expected, messages

HERE = Path(__file__).parent
WORKER = [sys.executable, str(HERE / "stream_worker.py")]
SILENCE = 30.0
"""Seconds without any message after which the rest is taken to be lost."""


class Shown(NamedTuple):
    """What a run has shown."""

    faults: list[str]
    kills: int
    reports: int
    aside: int
    again: int
    seconds: float


async def run(
    kind: str, url: str, count: int, kills: int, words: list[str] = WORKER, silence: float = SILENCE
) -> Shown:
    """One run, on a broker that has no such topics yet.

    Args:
        kind: of broker.
        url: of the broker.
        count: messages to publish.
        kills: how often the worker is killed.
        words: how the worker is started; the kind and the URL follow.
        silence: seconds without a message after which the run ends.
    """
    sent = messages(count)
    wanted = expected(sent)
    marks = sorted(random.Random(1).sample(range(len(wanted) // 10, len(wanted) * 9 // 10), kills))
    got: Counter[tuple[str, bytes]] = Counter()
    strange: list[str] = []
    began, killed = monotonic(), 0
    async with desk_at(kind, url) as desk:
        await desk.publish(sent[: count // 2])
        worker = await asyncio.create_subprocess_exec(*words, kind, url, cwd=HERE)
        await desk.publish(sent[count // 2 :])
        quiet = monotonic()
        while len(got) < len(wanted) and monotonic() - quiet < silence:
            for each in await desk.take(0.5):
                quiet = monotonic()
                if (each.topic, each.body) not in wanted:
                    strange.append(each.topic)
                got[each.topic, each.body] += 1
                if each.topic == TOPICS.dead and not (each.headers.get("error") and each.headers.get("reason")):
                    strange.append("put aside without a reason")
            if killed < kills and len(got) >= marks[killed]:
                worker.kill()
                await worker.wait()
                killed += 1
                worker = await asyncio.create_subprocess_exec(*words, kind, url, cwd=HERE)
        # What is still on its way comes now: nothing may come that was not expected.
        for each in await desk.take(1.0):
            got[each.topic, each.body] += 1
        worker.kill()
        await worker.wait()
    faults = [f"{kind}: {count} strange messages: {what}" for what, count in Counter(strange).items()]
    for topic in (TOPICS.reports, TOPICS.dead, TOPICS.others):
        lost = sum(1 for place in wanted if place[0] == topic and not got[place])
        if lost:
            faults.append(f"{kind}: {lost} messages of {topic} are missing")
    per = Counter(topic for topic, _ in wanted)
    again = sum((got - wanted).values())
    return Shown(faults, killed, per[TOPICS.reports], per[TOPICS.dead], again, monotonic() - began)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["redis", "rabbit", "nats"])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=8)
    given = parser.parse_args()
    with brokers.running(given.kind) as url:
        shown = asyncio.run(run(given.kind, url, given.messages, given.kills))
    print(
        f"{given.kind}: {given.messages} inputs, {shown.kills} kills, {shown.reports} reports, {shown.aside} put aside, "
        f"{shown.again} came again, {shown.seconds:.0f} s"
    )
    for fault in shown.faults:
        print(fault)
    return bool(shown.faults or shown.kills < given.kills)


if __name__ == "__main__":
    sys.exit(main())
