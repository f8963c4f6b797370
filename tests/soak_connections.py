"""A receiver with few open files, among slow and idle connections: `make soak-connections`.

    python tests/soak_connections.py --slow 200 --idle 150 --files 80 --callbacks 300

Authentic callbacks are sent one after the other, each on a connection of its own, while the others hold on: a slow one
sends a byte every so often and comes again when it is closed, an idle one sends nothing. Then unauthenticated bodies are
sent, each of 1 MiB, and the process's memory is watched.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import resource
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from servers import Connection, exchange, written

SECRET = "a-long-random-word"
ACCOUNTS = f"""
[accounts.us]
provider = "teli"
secrets = ["{SECRET}"]

[accounts.old]
provider = "messente-legacy"
secrets = ["{SECRET}"]
"""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SLOW = written("POST", f"/dlr/us?secret={SECRET}", b"id=1&status=DELIVRD" * 10, FORM)
MIB = 2**20


class Numbers(NamedTuple):
    """What a run is made of."""

    slow: int
    idle: int
    files: int
    callbacks: int
    bodies: int = 0


class Shown(NamedTuple):
    """What a run has shown.

    Attributes:
        seconds: that each callback took, from its connection to its reply.
        refused: statuses of callbacks that were not stored.
        log: bytes on standard error.
        grown: MiB by which memory grew while the bodies were sent, and how many were answered with each status.
    """

    seconds: list[float]
    refused: list[int]
    log: int
    grown: float
    statuses: dict[int, int]

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.seconds, n=100)
        return (
            f"{len(self.seconds)} callbacks: p50 {statistics.median(self.seconds) * 1000:.0f} ms, "
            f"p99 {cuts[98] * 1000:.0f} ms, longest {max(self.seconds) * 1000:.0f} ms, not stored {len(self.refused)}\n"
            f"log: {self.log} bytes\n"
            f"unauthenticated bodies: {self.grown:.1f} MiB more, answers {self.statuses}"
        )


class _Crowd(threading.Thread):
    """Slow and idle connections, which come again when they are closed."""

    def __init__(self, port: int, slow: int, idle: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._wanted = {"slow": slow, "idle": idle}
        self._open: dict[socket.socket, tuple[str, int]] = {}
        self._selector = selectors.DefaultSelector()
        self.ended = threading.Event()
        self.full = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            self._fill()
            self.full.set()
            self._send()
            for key, _ in self._selector.select(0.05):
                self._look(key.fileobj)
        for each in list(self._open):
            self._close(each)

    def _fill(self) -> None:
        for kind, count in self._wanted.items():
            for _ in range(count - sum(known == kind for known, _ in self._open.values())):
                with contextlib.suppress(OSError):
                    made = socket.create_connection(("127.0.0.1", self._port), timeout=5)
                    made.setblocking(False)
                    self._open[made] = (kind, 0)
                    self._selector.register(made, selectors.EVENT_READ)

    def _send(self) -> None:
        for each, (kind, at) in list(self._open.items()):
            if kind == "slow":
                try:
                    each.send(SLOW[at : at + 1])
                    self._open[each] = (kind, at + 1)
                except OSError:
                    self._close(each)

    def _look(self, each: socket.socket) -> None:
        try:
            ended = not each.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(each)

    def _close(self, each: socket.socket) -> None:
        self._selector.unregister(each)
        del self._open[each]
        each.close()


def _memory(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def _push(port: int, number: int) -> tuple[float, int]:
    start = time.perf_counter()
    try:
        target = f"/dlr/old?sms_unique_id=m-{number}&stat=DELIVRD&secret={SECRET}"
        status = exchange(port, "GET", target).status
    except (OSError, http.client.HTTPException) as error:
        print(f"callback {number}: {error!r}", file=sys.stderr)
        status = 0
    return time.perf_counter() - start, status


def _bodies(port: int, count: int, process: int) -> tuple[float, dict[int, int]]:
    """Begin so many bodies at a time, each sent but for its last byte; how much memory they take at most."""
    before, most, statuses = _memory(process), 0.0, {}
    head = written("POST", "/dlr/us?secret=guess", None, FORM | {"Content-Length": str(MIB)})
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                connections.append(stack.enter_context(Connection(port)))
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.socket.settimeout(2)
                connection.send(head)
                connection.send(b"x" * (MIB - 1))
            most = max(most, _memory(process))
        for connection in connections:
            connection.socket.settimeout(0.2)
            try:
                status = connection.answer().status
            except OSError:
                status = 0
            statuses[status] = statuses.get(status, 0) + 1
            most = max(most, _memory(process))
    return most - before, statuses


def run(numbers: Numbers, folder: Path, source: str | None = None) -> Shown:
    """Serve, hold on, push, and measure."""
    (folder / "accounts.toml").write_text(ACCOUNTS, encoding="utf-8")
    command = f"ulimit -n {numbers.files} && exec {sys.executable} -m delivrd serve --accounts accounts.toml --port 0"
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("DELIVRD", "COVERAGE"))}
    if source is not None:
        environ["PYTHONPATH"] = source
    log = folder / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen(["bash", "-c", command], cwd=folder, env=environ, stderr=file, stdout=file)
    try:
        while not (found := re.search(r"http://[^/]*:(\d+)/", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        port = int(found[1])
        crowd = _Crowd(port, numbers.slow, numbers.idle)
        crowd.start()
        crowd.full.wait()
        taken = [_push(port, number) for number in range(numbers.callbacks)]
        crowd.ended.set()
        crowd.join()
        grown, statuses = _bodies(port, numbers.bodies, process.pid) if numbers.bodies else (0.0, {})
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    refused = [status for _, status in taken if status != 200]
    return Shown([seconds for seconds, _ in taken], refused, log.stat().st_size, grown, statuses)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--idle", type=int, default=150)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--callbacks", type=int, default=300)
    parser.add_argument("--bodies", type=int, default=200)
    parser.add_argument("--source", help="the folder of another version's packages, to compare with")
    said = parser.parse_args()
    numbers = Numbers(said.slow, said.idle, said.files, said.callbacks)
    # The bodies need files on the other side: their limit is the system's own.
    bodies = Numbers(0, 0, 1024, 3, said.bodies)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        crowded = run(numbers, Path(folder), said.source)
        shown = crowded._replace(
            **dict(zip(("grown", "statuses"), run(bodies, Path(other), said.source)[3:], strict=True))
        )
    print(shown)
    if shown.refused or max(shown.seconds) > 1 or shown.log > 10**6 or shown.grown > 16:
        raise SystemExit("a callback was not stored within a second, the log has grown, or memory has")


if __name__ == "__main__":
    main()
