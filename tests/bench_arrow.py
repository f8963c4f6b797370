"""What reading and looking up by columns costs, as ratios within one run.

Each pair is timed in turns, and the best round of each counts, as in `bench.py`. Run: `make bench-arrow`.
The last line is the whole result as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from delivrd import Registry
from delivrd.arrow import VERDICT, Normalizer, join_table, look_up
from delivrd_messente.omnichannel import Delivery

ROWS = 50_000
ROUNDS = 25
STATUSES = ["DELIVRD", "DELIVRD", "DELIVRD", "SEEN", "UNDELIV", "ACK", "REJECTD", "EXPIRED"]
ERRS = [0, 0, 0, 10, 1, 0, 7, 2]


def callback(number: int) -> bytes:
    """An Omnichannel callback as the vendor's documentation has it, with values of its own."""
    return json.dumps(
        {
            "status": STATUSES[number % 8],
            "sender": "MySender",
            "err": ERRS[number % 8],
            "message_id": f"3e28ec48-d620-4191-a96e-{number:012d}",
            "to": f"+1202555{number % 100 + 100:04d}",
            "channel": "sms",
            "error": None,
            "omnimessage_id": f"d7248cda-6c1a-4436-acf5-{number:012d}",
            "timestamp": f"2020-02-04T08:{number % 60:02d}:42.{number:06d}",
            "price_info": {"part_price": "0.1", "parts_count": 2, "total_price": "0.2"},
        }
    ).encode()


def best(*calls: Callable[[], object]) -> list[float]:
    """The best time of each call, in microseconds a row, timed in turns."""
    found = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for index, call in enumerate(calls):
            start = perf_counter()
            call()
            found[index] = min(found[index], perf_counter() - start)
    return [seconds / ROWS * 1e6 for seconds in found]


def main() -> int:
    providers = Registry.installed()
    omni = providers["messente-omnichannel"]
    bodies = [callback(number) for number in range(ROWS)]
    batch = pa.record_batch({"body": pa.array(bodies, pa.binary())})
    decode = msgspec.json.Decoder(Delivery).decode
    plain, keyed = Normalizer(provider=omni.name, keys=False), Normalizer(provider=omni.name)

    status = pa.array([STATUSES[number % 8] for number in range(ROWS)])
    err = pa.array([str(ERRS[number % 8]) for number in range(ROWS)])
    codes = pa.record_batch({"status": status, "err": err})
    encoded = pa.record_batch({"status": status.dictionary_encode(), "err": err.dictionary_encode()})
    table = join_table(omni).combine_chunks()
    verdicts = [table.column(name).chunk(0) for name in VERDICT]
    listed = [pa.array(sorted(set(table.column(name).to_pylist()))) for name in ("code_status", "code_err")]

    def index_and_take() -> list[pa.Array]:
        # What must be done whoever does it: find each code among those listed, and fetch each column.
        _, where = [pc.index_in(column, known) for column, known in zip((status, err), listed, strict=True)]
        return [column.take(where) for column in verdicts]

    rows = []
    for name, limit, yardstick, read in [
        ("kernel / msgspec's typed decode", 4.0, lambda: list(map(decode, bodies)), lambda: plain(batch)),
        ("kernel with keys / the same", None, lambda: list(map(decode, bodies)), lambda: keyed(batch)),
        ("look-up / index_in and take", 2.0, index_and_take, lambda: look_up(codes, omni)),
        ("look-up, encoded / the same", 2.0, index_and_take, lambda: look_up(encoded, omni)),
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
