"""What reading a report costs, as ratios within one run: these hold where absolute times do not.

Each pair is timed in turns, many rounds of a few thousand calls each, and the best round of each
counts: on a shared machine the best is what the code costs, and the rest is what others cost.
Run: `make bench`. The last line is the whole result as JSON.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from timeit import Timer
from urllib.parse import parse_qsl

import msgspec

from delivrd import Account, DeliverSm, HmacBody, Registry, Request, read_samples
from delivrd_messente.omnichannel import Delivery
from delivrd_smpp import read_receipt_text
from delivrd_smpp.text import LONGEST

ROUNDS = 40
CALLS = 4000
LONGEST_ROUND = 0.05
"""Seconds."""
FIXTURES = Path(__file__).parent.parent / "fixtures"


def request(provider: str, case: str) -> Request:
    path = FIXTURES / provider / case
    (sample,) = read_samples(path.name, path.read_bytes())
    assert isinstance(sample.input, Request)
    return sample.input


TEXTBOOK = re.compile(
    r"id:(?P<id>\S+) sub:(?P<sub>\d+) dlvrd:(?P<dlvrd>\d+) submit date:(?P<submitted>\d+) done date:(?P<done>\d+)"
    r" stat:(?P<stat>\w+) err:(?P<err>\w+) text:(?P<text>.*)",
    re.DOTALL,
)
"""How a receipt is usually read: the form of the specification's example, anchored at its beginning."""


def match(text: str) -> re.Match[str] | None:
    return TEXTBOOK.match(text)


def taken(text: str) -> tuple[str, ...]:
    found = TEXTBOOK.match(text)
    assert found is not None
    return found.groups()


def pdu(provider: str, case: str) -> DeliverSm:
    path = FIXTURES / provider / case
    (sample,) = read_samples(path.name, path.read_bytes())
    assert isinstance(sample.input, DeliverSm)
    return sample.input


def best(*calls: Callable[[], object]) -> list[float]:
    """The best time of each call, in microseconds, timed in turns; slow ones in fewer calls a round."""
    timers = [Timer(call) for call in calls]
    slowest = max(timer.timeit(3) / 3 for timer in timers)
    count = max(10, min(CALLS, int(LONGEST_ROUND / slowest)))
    found = [float("inf")] * len(timers)
    for _ in range(ROUNDS):
        for index, timer in enumerate(timers):
            found[index] = min(found[index], timer.timeit(count))
    return [seconds / count * 1e6 for seconds in found]


def main() -> int:
    providers = Registry.installed()
    omni, legacy, teli = providers["messente-omnichannel"], providers["messente-legacy"], providers["teli"]
    callback = request("messente-omnichannel", "delivered-documented-sample.http")
    get = request("messente-legacy", "delivered-documented-sample.http")
    form = request("teli", "delivered-form.http")
    account = Account(secrets=["a password"])
    signed = HmacBody("X-Messente-Signature").sign(callback, account)
    assert isinstance(signed, Request)

    receipt = pdu("smpp", "delivered-specification-example.hex")
    parameters = pdu("smpp", "delivered-parameters-and-text.hex")
    text, zoned = receipt.short_message.decode(), Account(zone="UTC")
    smpp = providers["smpp"]
    hostile = " id:stat: submit date" * (LONGEST // 21)

    decode, body = msgspec.json.Decoder(Delivery).decode, callback.body
    query, fields = get.target.partition("?")[2], form.body.decode()
    rows = []
    for name, limit, yardstick, read in [
        ("omnichannel: read / msgspec's typed decode", 4.0, lambda: decode(body), lambda: omni.read(callback)),
        ("omnichannel: receive / read", None, lambda: omni.read(callback), lambda: omni.receive(signed, account)),
        ("legacy GET: read / parse_qsl", 1.5, lambda: parse_qsl(query), lambda: legacy.read(get)),
        ("teli form: read / parse_qsl", None, lambda: parse_qsl(fields), lambda: teli.read(form)),
        ("SMPP: read / one match", None, lambda: match(text), lambda: smpp.read(receipt, zoned)),
        ("SMPP: read / one match, its fields taken", 3.0, lambda: taken(text), lambda: smpp.read(receipt, zoned)),
        (
            "SMPP with parameters: read / the same match",
            None,
            lambda: taken(text),
            lambda: smpp.read(parameters, zoned),
        ),
        (
            "SMPP: 4 KiB of hostile text / 2 KiB",
            2.5,
            lambda: read_receipt_text(hostile[: LONGEST // 2]),
            lambda: read_receipt_text(hostile),
        ),
    ]:
        base, cost = best(yardstick, read)
        ratio = cost / base
        rows.append({"pair": name, "base_us": base, "cost_us": cost, "ratio": ratio, "limit": limit})
        verdict = "" if limit is None else f"  (at most {limit}: {'yes' if ratio <= limit else 'NO'})"
        print(f"{name:45} {base:7.3f} us {cost:7.3f} us {ratio:6.2f}{verdict}")
    print(json.dumps(rows))
    return any(row["limit"] is not None and row["ratio"] > row["limit"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
