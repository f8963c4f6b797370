"""A receiver under everything that providers and strangers send, killed at random: nothing is lost, doubled or let in.

    python tests/soak_receiving.py [--store sqlite] [--callbacks 100000] [--kills 10] [--at-once 32] [--seed 1]

STORE is `sqlite`, or `postgresql` (a server of its own). Four providers' callbacks come over real
sockets, with repetitions, wrong proofs and garbage among them. The receiver is killed (SIGKILL) when
so many were answered, and started again; the senders resend what was not acknowledged. Meanwhile some
send byte by byte, some never end, some send too much, and the changes are followed.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import postgres
from following import Follower
from servers import PATIENCE
from soak_callbacks import Callback, Maker, Manner, accounts_file
from soak_checks import faults_of_files, faults_of_logs, faults_of_store
from soak_senders import Senders

from delivrd.ledger import Ledger

SERVER = [sys.executable, "-m", "delivrd", "serve"]
"""The words that start the receiver; its arguments follow."""

HELD = {
    "silent": b"",
    "half a head": b"POST /dlr/omni HTTP/1.1\r\nHost: gateway.test\r\nContent-Ty",
    "half a body": b"POST /dlr/omni HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 400\r\n\r\n{",
}
"""What is sent on connections that are then held open."""

OF_EACH = 3
"""How many of each of the senders that hold connections open, are slow, or send too much."""


class Numbers(NamedTuple):
    """How large a soak is."""

    callbacks: int
    kills: int
    at_once: int = 32
    seed: int = 1


class Shown(NamedTuple):
    """What a soak has shown.

    Attributes:
        faults: all that was wrong; empty where all is well.
        words: what is told of it.
        kills: how often the receiver was killed.
    """

    faults: list[str]
    words: str
    kills: int


class Server:
    """The receiver, in a process that is killed and started again.

    Args:
        words: that start it.
        port: where it listens.

    Attributes:
        listens: set as long as it does.
        said: on its standard output and error.
        starts: seconds from each start until it listened.
    """

    def __init__(self, words: list[str], port: int) -> None:
        self.listens = asyncio.Event()
        self.said: list[bytes] = []
        self.starts: list[float] = []
        self.kills = 0
        self._words, self._mark = words, str(port).encode()
        self._process: asyncio.subprocess.Process | None = None
        self._reads: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it says that it listens."""
        began = time.perf_counter()
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        self._reads = asyncio.create_task(self._read(self._process.stdout))
        listens = asyncio.create_task(self.listens.wait())
        await asyncio.wait([self._reads, listens], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        listens.cancel()
        if not self.listens.is_set():
            raise RuntimeError(f"the receiver does not listen: {b''.join(self.said).decode()}")
        self.starts.append(time.perf_counter() - began)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self.said.append(line)
            if self._mark in line:
                self.listens.set()
        if self.listens.is_set():
            self.listens.clear()
            raise RuntimeError(f"the receiver has ended by itself: {b''.join(self.said[-20:]).decode()}")

    async def kill(self) -> None:
        """Kill it, in the middle of whatever it does, and start it again."""
        self.listens.clear()
        self._process.kill()
        await self._process.wait()
        await self._reads
        self.kills += 1
        await self.start()

    async def end(self) -> float:
        """Ask it to end; gives the seconds that it took.

        Raises:
            TimeoutError: it does not.
        """
        self.listens.clear()
        began = time.perf_counter()
        self._process.terminate()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._reads
        return time.perf_counter() - began


async def soak(
    url: str, folder: Path, numbers: Numbers, words: list[str]
) -> tuple[Senders, Server, list[Callback], str]:
    """Send everything; gives who has sent what, and to whom."""
    maker, chance = Maker(numbers.seed), random.Random(numbers.seed)
    callbacks = maker.all(numbers.callbacks)
    (folder / "accounts.toml").write_bytes(accounts_file())
    port = free_port()
    told = ["--accounts", str(folder / "accounts.toml"), "--store", url, "--host", "127.0.0.1", "--port", str(port)]
    server = Server([*words, *told], port)
    kill_at = sorted(chance.sample(range(numbers.callbacks // 20, numbers.callbacks), numbers.kills))
    kills: list[asyncio.Task[None]] = []

    def on_answer(answered: int) -> None:
        if kill_at and answered >= kill_at[0] and server.listens.is_set():
            kill_at.pop(0)
            server.listens.clear()
            kills.append(asyncio.create_task(server.kill()))

    senders = Senders(port, server.listens, on_answer)
    slow: list[Callback] = []
    pace = max(1, numbers.callbacks // 5000)
    endless = maker.stranger()
    while endless.manner is not Manner.ENDLESS:
        endless = maker.stranger()
    await server.start()
    async with asyncio.TaskGroup() as group:
        slow_ones = [group.create_task(senders.send_slowly(maker, pace, slow)) for _ in range(OF_EACH)]
        slow_ones += [group.create_task(senders.flood(endless, pace * 50)) for _ in range(OF_EACH)]
        held = {k: [group.create_task(senders.hold_open(s, k)) for _ in range(OF_EACH)] for k, s in HELD.items()}
        began = time.perf_counter()
        await senders.send_all(callbacks, numbers.at_once)
        took = time.perf_counter() - began
        senders.progress.finish()
        await asyncio.gather(*slow_ones, *kills)
        # A body that was begun is waited for when the receiver ends, as long as any.
        cancel(held.pop("half a body"))
        ended = await server.end()
        for each in held.values():
            cancel(each)
    down = sum(server.starts[1:])
    told = (
        f"{numbers.callbacks / took:.0f} callbacks a second ({numbers.callbacks / (took - down):.0f} while it listened), "
        f"{took:.1f} s, of these {down:.1f} s down; {len(slow)} sent byte by byte; it ended in {ended:.1f} s when asked"
    )
    return senders, server, [*callbacks, *slow], told


def cancel(tasks: list[asyncio.Task[None]]) -> None:
    """Let these go."""
    for task in tasks:
        task.cancel()


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def run(url: str, numbers: Numbers, files: Iterable[Path] = (), words: list[str] = SERVER) -> Shown:
    """Run it all, and check it all.

    Args:
        url: of an empty store.
        numbers: how large.
        files: folders with the store's own files.
        words: that start the receiver.
    """
    Ledger.open(url, migrate=True).close()
    follower = Follower(url)
    follower.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            senders, server, sent, told = asyncio.run(soak(url, Path(folder), numbers, words))
    finally:
        followed = follower.finish()
    logs = b"".join(server.said)
    accounts = Maker(numbers.seed).accounts
    faults = [
        *senders.faults,
        *faults_of_store(url, accounts, sent, senders.acknowledged, followed),
        *faults_of_files(each for folder in files for each in folder.rglob("*")),
        *faults_of_logs(logs),
    ]
    cuts = statistics.quantiles(senders.seconds, n=100)
    answers = Counter({f"{kind} {status}": number for (kind, status), number in senders.answers.items()})
    unique = len({each.report.key for each in sent if each.report is not None})
    summary = (
        f"{told}; median {cuts[49] * 1e3:.1f} ms, 99th percentile {cuts[98] * 1e3:.1f} ms, longest {max(senders.seconds):.2f} s\n"
        f"{unique} reports, {len(followed)} changes; killed {server.kills} times, {senders.lost} sent again\n"
        f"answers: {', '.join(f'{what}: {number}' for what, number in sorted(answers.items()))}\n"
        f"logs: {len(logs.splitlines())} lines"
    )
    return Shown(faults, summary, server.kills)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--callbacks", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    numbers = Numbers(said.callbacks, said.kills, said.at_once, said.seed)
    with ExitStack() as stack:
        if said.store == "sqlite":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            shown = run(str(folder / "soak.db"), numbers, [folder])
        else:
            server = stack.enter_context(postgres.running())
            shown = run(server.new_database(), numbers, [server.folder])
    print(f"{said.store}: {shown.words}")
    for fault in shown.faults[:50]:
        print(f"WRONG: {fault}")
    print(
        f"{len(shown.faults)} faults"
        if shown.faults
        else "nothing lost, nothing doubled, nothing let in, no secret kept"
    )
    return bool(shown.faults)


if __name__ == "__main__":
    sys.exit(main())
