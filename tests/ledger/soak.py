"""Many processes that write one store and are killed at random: each report once, each state right, no change lost.

    python tests/ledger/soak.py STORE [--receipts 200000] [--processes 8] [--kills 40]

STORE is `sqlite`, `postgresql` (a server of its own), or a URL. The processes share the messages, and a fifth of the
receipts comes to two of them. Each notes how far it was acknowledged, and goes on from there when it was killed
(SIGKILL) and is started again, as a sender would. Meanwhile the changes are followed.
"""

from __future__ import annotations

import argparse
import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import postgres
from callbacks import ACME, ROWS, arrival, at
from following import Followed, Follower, faults_of_changes

from delivrd import Account
from delivrd.ledger import Arrival, Ledger
from delivrd.ledger.schema import messages, reports
from delivrd.life import State, fold

MAIN = Account(name="main", secrets=["a-long-secret"])
REPORTS_A_MESSAGE = 4
LARGEST_BATCH = 30
CODES = [row.code for row in ROWS]


class Plan:
    """Who is to write what: the same for every process that is told the same numbers."""

    def __init__(self, receipts: int, processes: int) -> None:
        chance = random.Random(receipts)
        count = max(1, receipts // REPORTS_A_MESSAGE)
        self.events = [(chance.randrange(count), chance.choice(CODES), chance.randrange(1000)) for _ in range(receipts)]
        self.shares: list[list[int]] = [[] for _ in range(processes)]
        for number in range(receipts):
            for share in chance.sample(self.shares, 2 if number % 5 == 0 and processes > 1 else 1):
                share.append(number)

    def arrival(self, number: int) -> Arrival:
        """One of the receipts."""
        message, code, minute = self.events[number]
        return arrival(
            minute, MAIN, id=f"m{message}", stat=code, at=at(minute).isoformat(), price="0.05", currency="EUR"
        )


def write(url: str, plan: Plan, share: int, notes: Path) -> None:
    """Write one share, from where it was acknowledged."""
    done = int(notes.read_text()) if notes.exists() else 0
    chance = random.Random(share)
    own = plan.shares[share]
    with Ledger.open(url) as ledger:
        while done < len(own):
            batch = own[done : done + chance.randint(1, LARGEST_BATCH)]
            ledger.record_many([plan.arrival(number) for number in batch])
            done += len(batch)
            # Atomic: whoever is killed while it notes has noted what came before.
            (notes.parent / f"{notes.name}.new").write_text(str(done))
            os.replace(notes.parent / f"{notes.name}.new", notes)
            print(len(batch), flush=True)


def run(url: str, receipts: int, processes: int, kills: int) -> str:
    """Run it all, check it all, and say what was shown."""
    Ledger.open(url, migrate=True).close()
    plan = Plan(receipts, processes)
    chance = random.Random(7)
    total = sum(map(len, plan.shares))
    killed_at = sorted(chance.randrange(total) for _ in range(kills))
    follower = Follower(url)
    follower.start()
    began = time.perf_counter()
    restarts = 0
    with tempfile.TemporaryDirectory() as folder, selectors.DefaultSelector() as selector:
        running: dict[int, subprocess.Popen[str]] = {}

        def start(share: int) -> None:
            words = [sys.executable, __file__, url, "--share", str(share), "--notes", f"{folder}/{share}"]
            words += ["--receipts", str(receipts), "--processes", str(processes)]
            running[share] = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
            selector.register(running[share].stdout, selectors.EVENT_READ, share)

        for share in range(processes):
            start(share)
        acknowledged = 0
        while running:
            for key, _ in selector.select():
                process, line = running[key.data], key.fileobj.readline()
                if line:
                    acknowledged += int(line)
                    while killed_at and acknowledged >= killed_at[0]:
                        killed_at.pop(0)
                        chance.choice(list(running.values())).send_signal(signal.SIGKILL)
                    continue
                selector.unregister(key.fileobj)
                key.fileobj.close()
                del running[key.data]
                ended = process.wait()
                if ended == -signal.SIGKILL:
                    restarts += 1
                    start(key.data)
                elif ended:
                    raise AssertionError(f"process {key.data} ended with {ended}")
    took = time.perf_counter() - began
    followed = follower.finish()
    check(url, plan, followed)
    return (
        f"{receipts} receipts, {total} with repetitions, by {processes} processes, {restarts} times killed: each report "
        f"once, each of {len({event[0] for event in plan.events})} states right, {len(followed)} changes without "
        f"gap or repetition; {total / took:.0f} receipts a second"
    )


def check(url: str, plan: Plan, followed: list[Followed]) -> None:
    """Compare the store with a plain re-reading of everything."""
    expected: dict[str, State] = {}
    keys: Counter[str] = Counter()
    for number in range(len(plan.events)):
        (report,) = plan.arrival(number).receipt.reports
        keys[report.key] += 1
        expected[report.message_id] = fold(expected.get(report.message_id), report)
    with Ledger.open(url) as ledger:
        assert faults_of_changes(ledger, followed) == []
        store = ledger.store
        found = {row.key.hex(): row.times for row in store.read(lambda c: c.execute(reports.select()).all())}
        assert found.keys() == keys.keys(), "a report is missing, or one that nobody sent is there"
        assert all(found[key] >= keys[key] for key in keys), "a repetition was not counted"
        ids = store.read(lambda c: c.execute(messages.select()).all())
        assert len(ids) == len(expected)
        for row in ids:
            message = ledger.message(ACME, MAIN, row.message_id)
            assert message.state == expected[row.message_id], row.message_id


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store")
    parser.add_argument("--receipts", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--share", type=int)
    parser.add_argument("--notes", type=Path)
    said = parser.parse_args()
    if said.share is not None:
        write(said.store, Plan(said.receipts, said.processes), said.share, said.notes)
        return
    numbers = (said.receipts, said.processes, said.kills)
    if said.store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite:", run(f"{folder}/soak.db", *numbers))
    elif said.store == "postgresql":
        with postgres.running() as server:
            print("PostgreSQL:", run(server.new_database(), *numbers))
    else:
        print(run(said.store, *numbers))


if __name__ == "__main__":
    main()
