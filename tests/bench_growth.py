"""What grows with the input or with the number of accounts, and what does not grow at all.

Batches cost the same for each item, hostile inputs no more than their length, a process that reads for days holds no
more than at its beginning, and a callback costs the same whether ten accounts take turns or ten thousand.

Run: `make bench` for all of it, `make bench-accounts` for the accounts alone.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import msgspec
from bench_inputs import pdu, request, response
from bench_measure import Figure, timed

from delivrd import Account, DeliverSm, InputError, Registry, Request, Response
from delivrd.ledger import Arrival, Ledger
from delivrd_messente.omnichannel import Delivery
from delivrd_smpp import read_receipt_text
from delivrd_smpp.text import LONGEST

BATCHES = (1, 10, 100, 1_000, 10_000, 100_000)
LARGE = Account(max_body=1 << 30)
STARTS = 15
REPORTS = 1_000_000


def batches() -> list[Figure]:
    """The cost of an item in batches of growing size, beside that in a batch of one hundred.

    What does not fit the processor's cache costs more, whoever makes it: the typed decode of the same bytes says how much.
    """
    omni = Registry.installed()["messente-omnichannel"]
    answer = response("messente-omnichannel", "delivered-answer-documented-sample.http")
    item = json.loads(answer.body)["statuses"][0]

    def answers(size: int) -> Response:
        return Response(200, answer.headers, json.dumps({"statuses": [item] * size}).encode())

    print("\nBatches: what an item costs")
    decode = msgspec.json.Decoder(dict[str, list[Delivery]]).decode
    costs, decoded = {}, {}
    for size in BATCHES:
        input = answers(size)
        read, alone = lambda: omni.read(input, LARGE), lambda: decode(input.body)  # noqa: B023 - called in this turn
        rounds = timed(read, alone, rounds=40 if size <= 1000 else 7)
        costs[size], decoded[size] = ([time / size for time in times] for times in rounds)
    return [
        *(figure_of(f"{size:,} items / 100", costs[100], costs[size], 1.15) for size in BATCHES),
        *(
            figure_of(f"typed decode alone: {size:,} items / 100", decoded[100], decoded[size], None)
            for size in BATCHES
        ),
    ]


def hostile() -> list[Figure]:
    """What hostile inputs cost at twice the length."""
    providers = Registry.installed()
    legacy, teli, omni = providers["messente-legacy"], providers["teli"], providers["messente-omnichannel"]
    smpp, upside = providers["smpp"], providers["upside-wireless"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    words = " id:stat: submit date"
    makers: dict[str, tuple[int, Callable[[int], object]]] = {
        "text of a receipt": (LONGEST // 2, lambda n: read_receipt_text((words * n)[:n])),
        "query of escapes": (20_000, lambda n: taken(legacy.read, Request("GET", "/?stat=" + "%41" * n))),
        "form of one field": (50_000, lambda n: taken(teli.read, Request("POST", "/", form, b"id=" + b"+%2" * n))),
        "JSON of one text": (200_000, lambda n: taken(omni.read, Request("POST", "/", {}, b'{"status":"' + b"\\u0041" * n + b'"}'))),
        "JSON of many fields": (20_000, lambda n: taken(omni.read, Request("POST", "/", {}, fields(n)))),
        "JSON of brackets": (200_000, lambda n: taken(omni.read, Request("POST", "/", {}, b"[" * n))),
        "SOAP of many records": (2_000, lambda n: taken(upside.read, Response(200, {}, envelope(n)))),
        "PDU of parameters": (10_000, lambda n: taken(smpp.read, DeliverSm(4, "1", "2", b"id:1 stat:X", dict.fromkeys(range(n), b"x")))),
    }  # fmt: skip
    print("\nHostile inputs: twice the length")
    found = []
    for name, (size, make) in makers.items():
        once, twice = timed(lambda make=make, n=size: make(n), lambda make=make, n=2 * size: make(n), rounds=15)
        found.append(figure_of(name, once, twice, 2.5))
    return found


ACCOUNTS = (10, 1_000, 10_000)
SHORT = 0.004


def accounts() -> list[Figure]:
    """What a callback costs where many accounts take turns, beside ten; and with an account made anew for each."""
    providers = Registry.installed()
    legacy, omni = providers["messente-legacy"], providers["messente-omnichannel"]
    event = request("messente-omnichannel", "delivered-documented-sample.http")
    print("\nAccounts that take turns: what one call costs, beside ten accounts")
    found = []
    with (
        TemporaryDirectory(prefix="delivrd-bench-") as folder,
        Ledger.open(f"{folder}/ledger.db", migrate=True) as ledger,
    ):
        numbers = count()

        def record(account: Account, input: Request) -> None:
            # A report of its own each time: one that is known already is not written.
            sent = Request("GET", f"{input.target}&sms_unique_id=m-{next(numbers)}")
            ledger.record(Arrival(legacy, sent, legacy.receive(sent, account), AT, account))

        uses: dict[str, tuple[Callable[[Account, Request], object], bool, int]] = {
            "receive": (lambda account, sent: legacy.receive(sent, account), True, 200),
            "blotted": (lambda account, sent: legacy.blotted(sent, account), True, 200),
            "record": (record, False, 60),
        }
        for name, (use, named, rounds) in uses.items():
            rings = [ring(size, use, named=named) for size in ACCOUNTS]
            costs = timed(*rings, rounds=rounds, longest=SHORT)
            found += [
                figure_of(f"{name}: {size:,} accounts / {ACCOUNTS[0]}", costs[0], cost, 1.5)
                for size, cost in zip(ACCOUNTS[1:], costs[1:], strict=True)
            ]
    print("\nAn account made for each call, beside a held one")
    for title, provider, unsigned in (("query, secret in the URL", legacy, CALLBACK), ("JSON, signed", omni, event)):
        held = Account("main", secrets=["a-long-random-word"])
        # The secret stands where a gateway writes it, before what the provider adds.
        sent: Any = unsigned
        for scheme in provider.proofs(Request, held) if provider is omni else ():
            sent = scheme.sign(sent, held)
        taken, made = timed(
            lambda provider=provider, sent=sent, held=held: provider.receive(sent, held),
            lambda provider=provider, sent=sent: provider.receive(
                sent, Account("main", secrets=["a-long-random-word"])
            ),
        )
        found.append(figure_of(f"{title}: an account for each call", taken, made, 3))
    return found


CALLBACK = Request("GET", "/dlr?secret=a-long-random-word&sms_unique_id=m-1&stat=DELIVRD&err=000")
AT = datetime(2026, 5, 1, tzinfo=UTC)


def ring(size: int, use: Callable[[Account, Request], object], *, named: bool) -> Callable[[], object]:
    """A call that is each account's turn, one after the other; each has been used once.

    Args:
        named: the callbacks name their message.
    """
    sent = "&sms_unique_id=m-1" if named else ""
    pairs = [
        (Account(f"a{number}", secrets=[f"a-long-random-word-{number}"]),
         Request("GET", f"/dlr?secret=a-long-random-word-{number}&stat=DELIVRD&err=000{sent}"))
        for number in range(size)
    ]  # fmt: skip
    for account, input in pairs:
        use(account, input)
    turns = cycle(pairs)
    return lambda: use(*next(turns))


def fields(count: int) -> bytes:
    return b'{"message_id":"1","status":1.5,' + b",".join(b'"f%d":"x"' % n for n in range(count)) + b"}"


def envelope(count: int) -> bytes:
    return b"<a>" + b"<b><c>x</c></b>" * count + b"</a>"


def taken(read: Callable[..., object], input: object) -> None:
    with suppress(InputError):
        read(input, LARGE)


def figure_of(name: str, base: Sequence[float], cost: Sequence[float], limit: float | None) -> Figure:
    ratio = min(cost) / min(base)
    kept = limit is None or ratio <= limit
    made = Figure(name, min(base), min(cost), median(base), median(cost), ratio, limit, kept)
    print(made, flush=True)
    return made


def starting() -> dict[str, float]:
    """Milliseconds of `import delivrd`, and of finding all plugins after it, each in a process of its own."""
    script = (
        "from time import perf_counter as now; a = now(); import delivrd; b = now(); "
        "list(delivrd.Registry.installed().items()); c = now(); print((b - a) * 1e3, (c - b) * 1e3)"
    )
    # Compiled modules are kept, as they are where a program starts a second time, whatever this environment says.
    with TemporaryDirectory(prefix="delivrd-bench-") as kept:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env["PYTHONPYCACHEPREFIX"] = kept
        said = [subprocess.check_output([sys.executable, "-c", script], text=True, env=env) for _ in range(STARTS)]
    runs = [[float(part) for part in each.split()] for each in said]
    first, then = (min(run[index] for run in runs) for index in (0, 1))
    print(f"\nStarting: import delivrd {first:.1f} ms (limit 60), all plugins {then:.1f} ms more (limit 100)")
    return {"import_ms": first, "plugins_ms": then}


def staying(reports: int = REPORTS) -> dict[str, float]:
    """KiB that a process holds more after many reports than after the first tenth of them; and how many a second.

    The reports are of every form, each with an id, a time and an unlisted code of its own, as a stranger could send.
    """
    providers = Registry.installed()
    omni, legacy, smpp = providers["messente-omnichannel"], providers["messente-legacy"], providers["smpp"]
    event = request("messente-omnichannel", "delivered-documented-sample.http").body
    receipt = pdu("smpp", "delivered-specification-example.hex").short_message
    zoned = Account(zone="UTC")

    def read(number: int) -> None:
        own = b"%010d" % number
        omni.read(Request("POST", "/", (), event.replace(b"389630", own[-6:]).replace(b"3e28ec48", own[-8:])))
        legacy.read(Request("GET", f"/?sms_unique_id={number}&stat=WORD{number}"))
        moment = receipt.replace(b"2401311205", b"24013112" + own[-2:])
        smpp.read(DeliverSm(4, "15555550123", "447700900123", moment.replace(b"0123456789", own)), zoned)

    began, settled = perf_counter(), 0
    for number in range(reports // 3):
        read(number)
        if number == reports // 30:
            gc.collect()
            settled = resident()
    gc.collect()
    grown, rate = resident() - settled, reports / (perf_counter() - began)
    print(f"Staying: {reports:,} reports, {grown} KiB more than after the first tenth; {rate:,.0f} a second")
    return {"reports": reports, "grown_kib": grown, "reports_per_second": rate}


def resident() -> int:
    """KiB that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def main() -> int:
    missed = [each.name for each in accounts() if not each.kept]
    print(f"\nNot reached: {', '.join(missed) or 'nothing'}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
