"""What keeping a receipt costs, and what finding a message costs in a large store, as ratios within one run.

    python tests/ledger/bench_ledger.py [--messages 10000000]

Rates: receipts into the ledger, beside plain INSERTs of the same rows on the driver alone, with the same number of
receipts a transaction; in turns, and the best round of each counts. Look-ups: a message and its history, by the
provider's id, in a store of many messages beside one of 100,000; in turns, medians. The last line is all of it as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
import postgres
import psycopg
from callbacks import ACME, arrival, at

from delivrd import Account, Registry, read_samples
from delivrd.ledger import Arrival, Ledger
from delivrd.ledger.names import Caller
from delivrd.ledger.schema import changes, inputs, messages, reports

MAIN = Account(name="main", secrets=["a-long-secret"])
FIXTURE = Path(__file__).parent.parent.parent / "fixtures/messente-omnichannel/delivered-documented-sample.http"
TABLES = (inputs, messages, reports, changes)
FEW = 100_000
ROUNDS = 5
LOOKUPS = 400


def arrivals(count: int) -> list[Arrival]:
    """Receipts of one callback after the other, each of a message of its own."""
    provider = Registry.installed()["messente-omnichannel"]
    (sample,) = read_samples(FIXTURE.name, FIXTURE.read_bytes())
    known = re.search(rb'"message_id": *"([^"]+)"', sample.input.body)[1]
    made = []
    for number in range(count):
        body = sample.input.body.replace(known, b"%s%06d" % (known[:-6], number))
        request = msgspec.structs.replace(sample.input, body=body)
        made.append(Arrival(provider, request, provider.read(request, MAIN, received_at=at(number)), at(number), MAIN))
    return made


class Plain:
    """The driver alone, on a store that the ledger has made the tables of."""

    def __init__(self, url: str) -> None:
        self.is_sqlite = "://" not in url
        self.connection: Any = sqlite3.connect(url, isolation_level=None) if self.is_sqlite else psycopg.connect(url)
        if self.is_sqlite:
            self.connection.execute("PRAGMA synchronous = FULL")

    def rows(self, ledger: Ledger) -> list[list[tuple[Any, ...]]]:
        """All rows of a ledger's store, table by table, in the order in which they were written."""
        order = {inputs: inputs.c.id, messages: messages.c.hour, reports: reports.c.received_at, changes: changes.c.id}
        return [
            [tuple(row) for row in ledger.store.read(lambda c, t=table: c.execute(t.select().order_by(order[t])).all())]
            for table in TABLES
        ]

    def insert(self, rows: list[list[tuple[Any, ...]]]) -> None:
        """Insert rows into all tables, in one transaction."""
        cursor = self.connection.cursor()
        if self.is_sqlite:
            cursor.execute("BEGIN IMMEDIATE")
        for table, some in zip(TABLES, rows, strict=True):
            place = ", ".join(["?" if self.is_sqlite else "%s"] * len(table.columns))
            statement = f"INSERT INTO {table.name} VALUES ({place})"
            if len(some) == 1:
                cursor.execute(statement, some[0])
            else:
                cursor.executemany(statement, some)
        cursor.execute("COMMIT")


def rates(new_url: Callable[[], str], batch: int, count: int) -> dict[str, float]:
    """What a receipt costs in the ledger and plainly, in microseconds."""
    given = arrivals(count * ROUNDS)
    with Ledger.open(new_url(), migrate=True) as model:
        model.record_many(given)
        ledger_url, plain_url = new_url(), new_url()
        Ledger.open(plain_url, migrate=True).close()
        plain = Plain(plain_url)
        rows = plain.rows(model)
    took: dict[str, list[float]] = {"ledger": [], "plain": []}
    with Ledger.open(ledger_url, migrate=True) as ledger:
        for start in range(0, len(given), count):
            steps = range(start, start + count, batch)
            began = time.perf_counter()
            for step in steps:
                ledger.record_many(given[step : step + batch])
            between = time.perf_counter()
            for step in steps:
                plain.insert([some[step : step + batch] for some in rows])
            took["ledger"].append((between - began) / count * 1e6)
            took["plain"].append((time.perf_counter() - between) / count * 1e6)
    plain.connection.close()
    return {name: min(times) for name, times in took.items()}


def fill(url: str, count: int) -> None:
    """A store with so many messages, each with a report, made as fast as the database takes them."""
    with Ledger.open(url, migrate=True) as ledger:
        ledger.record(arrival(0, MAIN, id="m0", stat="OK", to="+15555550100", price="0.05", currency="EUR"))
        plain = Plain(url)
        (_, (message,), (report,), _) = plain.rows(ledger)
    state, body = message[-1], report[-1]
    caller = Caller(ACME, MAIN)
    ids = sorted((caller.of_message(f"m{number}", None, None).main, number) for number in range(1, count))
    name = [column.name for column in messages.columns].index("message_id")

    def message_rows() -> Iterator[tuple[Any, ...]]:
        for id, number in ids:
            own = state.replace(b'"m0"', b'"m%d"' % number)
            yield (id, *message[1:name], f"m{number}", *message[name + 1 : -1], own)

    def report_rows() -> Iterator[tuple[Any, ...]]:
        for id, number in ids:
            yield (id, id, 0, *report[3:-1], body.replace(b'"m0"', b'"m%d"' % number))

    cursor = plain.connection.cursor()
    if plain.is_sqlite:
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("PRAGMA cache_size = -2000000")
    listed = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if plain.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey' "
        "AND indexname NOT LIKE 'alembic%'"
    )
    indexes = list(cursor.execute(listed).fetchall())
    cursor.execute("BEGIN")
    # Made when all rows are there, which is many times as fast.
    for index, _ in indexes:
        cursor.execute(f"DROP INDEX {index}")
    for table, made in ((messages, message_rows()), (reports, report_rows())):
        if plain.is_sqlite:
            place = ", ".join("?" * len(table.columns))
            cursor.executemany(f"INSERT INTO {table.name} VALUES ({place})", made)
        else:
            with cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
                for row in made:
                    copy.write_row(row)
    for _, made_again in indexes:
        cursor.execute(made_again)
    cursor.execute("COMMIT")
    cursor.execute("ANALYZE")
    if not plain.is_sqlite:
        cursor.execute("COMMIT")
        plain.connection.autocommit = True
        cursor.execute("VACUUM")
    plain.connection.close()


def lookups(urls: dict[int, str]) -> dict[int, float]:
    """The median time to find a message and its history, in microseconds, by the size of the store."""
    chance = random.Random(1)
    took: dict[int, list[float]] = {count: [] for count in urls}
    opened = {count: Ledger.open(url) for count, url in urls.items()}
    for _ in range(LOOKUPS):
        for count, ledger in opened.items():
            id = f"m{chance.randrange(1, count)}"
            began = time.perf_counter()
            message = ledger.message(ACME, MAIN, id)
            assert message is not None
            assert len(ledger.history(message)) == 1
            took[count].append((time.perf_counter() - began) * 1e6)
    for ledger in opened.values():
        ledger.close()
    return {count: median(times[LOOKUPS // 10 :]) for count, times in took.items()}


def measure(store: str, new_url: Callable[[], str], many: int) -> list[dict[str, Any]]:
    """Everything of one store."""
    rows = []
    for batch, count, limit in ((1, 500, 2.5), (100, 3000, None)):
        found = rates(new_url, batch, count)
        ratio = found["ledger"] / found["plain"]
        what = f"{store}: a receipt / plain INSERTs, {batch} a transaction"
        rows.append(
            {"pair": what, "base_us": found["plain"], "cost_us": found["ledger"], "ratio": ratio, "limit": limit}
        )
        put(rows[-1])
    urls = {count: new_url() for count in (FEW, many)}
    for count, url in urls.items():
        fill(url, count)
    took = lookups(urls)
    what = f"{store}: a look-up in {many:,} messages / in {FEW:,}"
    rows.append(
        {"pair": what, "base_us": took[FEW], "cost_us": took[many], "ratio": took[many] / took[FEW], "limit": 2.0}
    )
    put(rows[-1])
    return rows


def put(row: dict[str, Any]) -> None:
    verdict = (
        "" if row["limit"] is None else f"  (at most {row['limit']}: {'yes' if row['ratio'] <= row['limit'] else 'NO'})"
    )
    print(
        f"{row['pair']:62} {row['base_us']:8.0f} us {row['cost_us']:8.0f} us {row['ratio']:6.2f}{verdict}", flush=True
    )


def main() -> int:
    """The command; its exit status is 1 where a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000_000)
    many = parser.parse_args().messages
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(1000))
        rows = measure("SQLite", lambda: f"{folder}/{next(numbers)}.db", many)
    # A quarter of the memory, as its manual advises for a machine of its own.
    with postgres.running(shared_buffers="4GB") as server:
        rows += measure("PostgreSQL", server.new_database, many)
    print(json.dumps(rows))
    return any(row["limit"] is not None and row["ratio"] > row["limit"] for row in rows)


if __name__ == "__main__":
    sys.exit(main())
