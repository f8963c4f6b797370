"""What the same rows take: the plain kernel, a backfill, Spark, Ray; and what a billion would.

The rule of this module: all of them read the same Parquet and write theirs, and are believed only
where they come to the same statuses. What each needs to start is left out, but for the backfill,
whose processes start with the job. Beside the clock stands the time that all of its processes had
of the cores, from which the rest is worked out: others at work on the machine change it little.
The runs are made in turns, and each one's best counts.

Run: `make bench-engines`. The last line is the whole result as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

import engines
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FILES = 16
GROUP = 1 << 16
BILLION = 1_000_000_000
SCHEMA = pa.schema(
    [
        ("provider", pa.string()),
        ("kind", pa.string()),
        ("body", pa.binary()),
        ("target", pa.string()),
        ("esm_class", pa.int32()),
        ("source_addr", pa.string()),
        ("destination_addr", pa.string()),
        ("short_message", pa.binary()),
    ]
)
STATES = ["DELIVRD", "DELIVRD", "DELIVRD", "EXPIRED", "UNDELIV", "ACCEPTD", "REJECTD", "DELETED"]


def row(number: int) -> tuple[object, ...]:
    """An Omnichannel callback, a legacy callback or an SMPP receipt, in turns, with values of its own."""
    own = blake2b(number.to_bytes(8, "big"), digest_size=16).hexdigest()
    uuid = f"{own[:8]}-{own[8:12]}-{own[12:16]}-{own[16:20]}-{own[20:]}"
    phone, state, at = f"1202555{int(own[:4], 16) % 10000:04d}", STATES[int(own[0], 16) % 8], number // 3
    match number % 3:
        case 0:
            body = {
                "status": state,
                "sender": "MySender",
                "err": 0 if state == "DELIVRD" else int(own[1], 16) % 11,
                "message_id": uuid,
                "to": f"+{phone}",
                "channel": "sms",
                "error": None,
                "omnimessage_id": uuid[::-1],
                "timestamp": f"2020-02-04T{at % 24:02d}:{at % 60:02d}:42.{int(own[:5], 16) % 1000000:06d}",
                "price_info": {"part_price": "0.1", "parts_count": 2, "total_price": "0.2"},
            }
            return ("messente-omnichannel", None, json.dumps(body).encode(), None, None, None, None, None)
        case 1:
            target = f"/dlr?sms_unique_id={own}&status=SENT&stat={state}&err=000"
            return ("messente-legacy", None, None, target, None, None, None, None)
    text = (
        f"id:{own} sub:001 dlvrd:001 submit date:20260204{at % 24:02d}{at % 60:02d} "
        f"done date:20260204{at % 24:02d}{(at + 1) % 60:02d} stat:{state} err:000 text:Your code is"
    )
    return ("smpp", "deliver_sm", None, None, 4, phone, "12025550100", text.encode())


def write_inputs(folder: Path, rows: int) -> None:
    """Some files of some row groups each."""
    each = -(-rows // FILES)
    for index in range(FILES):
        numbers = range(index * each, min((index + 1) * each, rows))
        columns = zip(*map(row, numbers), strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
        pq.write_table(pa.table(arrays, schema=SCHEMA), folder / f"part-{index:02d}.parquet", row_group_size=GROUP)


Run: TypeAlias = Callable[[Path, Path], None]
"""Reads the files of one folder, and writes the reports to another."""


@contextmanager
def by_kernel(_: Path) -> Iterator[Run]:
    """One process, one core."""
    from delivrd.arrow import REPORTS, Normalizer

    def run(source: Path, target: Path) -> None:
        target.mkdir()
        normalize = Normalizer()
        for path in sorted(source.iterdir()):
            with pq.ParquetWriter(target / path.name, REPORTS, compression="zstd") as writer:
                for batch in pq.ParquetFile(path).iter_batches(1 << 14, use_threads=False):
                    writer.write_batch(normalize(batch))

    # One core is one: Arrow's own threads stay on it too.
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield run
    os.sched_setaffinity(0, cores)


@contextmanager
def by_backfill(_: Path) -> Iterator[Run]:
    """All cores."""

    def run(source: Path, target: Path) -> None:
        command = [sys.executable, "-m", "delivrd", "backfill", str(source), str(target)]
        subprocess.run(command, check=True, capture_output=True)

    yield run


@contextmanager
def by_spark(folder: Path) -> Iterator[Run]:
    """Two cores."""
    import delivrd.spark

    with engines.spark_here(folder) as spark:

        def run(source: Path, target: Path) -> None:
            reports = delivrd.spark.normalize(spark.read.parquet(str(source)))
            reports.write.option("compression", "zstd").parquet(str(target))

        yield run


@contextmanager
def by_ray(_: Path) -> Iterator[Run]:
    """Two CPUs."""
    import delivrd.ray

    with engines.ray_here(2 << 30) as ray:
        # Its new way of reading makes one task of few files, and takes seconds to list them (2.60).
        ray.data.DataContext.get_current().use_datasource_v2 = False

        def run(source: Path, target: Path) -> None:
            dataset = ray.data.read_parquet(str(source))
            delivrd.ray.normalize(dataset).write_parquet(str(target), compression="zstd")

        yield run


STARTED: Final[dict[str, Callable[[Path], AbstractContextManager[Run]]]] = {
    "kernel": by_kernel,
    "backfill": by_backfill,
    "Spark": by_spark,
    "Ray": by_ray,
}


def statuses(target: Path) -> Counter[str]:
    """How many reports of each status there are."""
    found: Counter[str] = Counter()
    for path in target.rglob("*.parquet"):
        if pq.read_metadata(path).num_rows:
            counts = pc.value_counts(pq.read_table(path, columns=["status"]).column("status"))
            found.update({each["values"]: each["counts"] for each in counts.to_pylist()})
    return found


def rows_of(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.iterdir())


def worked() -> float:
    """The seconds of all cores that this process has had, with all that it started and that those started."""
    found, parents = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # Its own time, and that of those of its children that have ended (proc(5): fields 14 to 17).
        pid = int(path.parent.name)
        parents[pid], found[pid] = int(fields[1]), sum(map(int, fields[11:15]))
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(found[pid] for pid in mine) / os.sysconf("SC_CLK_TCK")


class Taken(NamedTuple):
    """Seconds of the clock, and seconds of all cores together."""

    clock: float
    cores: float


def measure(what: str, run: Run, source: Path, folder: Path, wanted: Counter[str]) -> Taken:
    """What a run takes that comes to what is wanted."""
    target = folder / "target"
    begun, before = perf_counter(), worked()
    run(source, target)
    taken = Taken(perf_counter() - begun, worked() - before)
    found = statuses(target)
    wanted.update({} if wanted else found)
    assert found == wanted, f"{what}: {found}, not {wanted}"
    assert found.total() == rows_of(source), what
    shutil.rmtree(target)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source, few = folder / "source", folder / "few"
        for each, rows in ((source, given.rows), (few, 100 * FILES)):
            each.mkdir()
            write_inputs(each, rows)
        wanted: Counter[str] = Counter()
        best: dict[str, Taken] = {}
        for _ in range(given.rounds):
            for what, started in STARTED.items():
                # Nothing else of ours runs beside it.
                with started(folder / "spark") as run:
                    run(few, folder / "warm")
                    shutil.rmtree(folder / "warm")
                    taken = measure(what, run, source, folder, wanted)
                best[what] = Taken(*map(min, best.get(what, taken), taken))
                print(f"{what}: {taken.clock:.1f} s, {taken.cores:.1f} s of cores", file=sys.stderr, flush=True)
        size = sum(path.stat().st_size for path in source.iterdir())
    tell(given.rows, size, best)


def tell(rows: int, size: int, best: dict[str, Taken]) -> None:
    """The table, as the page shows it, and as JSON."""
    print(f"{rows} rows, {size / 1e6:.0f} MB of Parquet\n")
    print("| by | cores | rows a second | of one core's time | beside the kernel | a billion: one core | 100 cores |")
    print("|---|---|---|---|---|---|---|")
    told = []
    cores = {"kernel": 1, "backfill": len(os.sched_getaffinity(0)), "Spark": 2, "Ray": 2}
    for what, taken in best.items():
        rate, own = rows / taken.clock, rows / taken.cores
        ratio, hours = taken.cores / best["kernel"].cores, BILLION / own / 3600
        print(
            f"| {what} | {cores[what]} | {rate:,.0f} | {own:,.0f} | {ratio:.2f} | {hours:.1f} h | {hours * 0.6:.1f} min |"
        )
        told.append({"by": what, "cores": cores[what], "rate": rate, "core_rate": own, "ratio": ratio, "hours": hours})
    print(json.dumps(told))


if __name__ == "__main__":
    main()
