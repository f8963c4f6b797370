"""What receiving adds to a bare framework with an empty handler: ratios within one run, over sockets.

Each pair of servers gets the same signed body in turns, on one connection each where the server
keeps it. What counts is the processor time of the server's process, which no client and no
neighbour dilutes; the time on the clock stands beside it. Each round gives a ratio; their median counts.
Run: `make bench-receiving`. The last line is the whole result as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import bench_apps
from servers import ROOT, Connection, gunicorn, on_process, written

from delivrd import Account, HmacBody, Request, read_samples

LIMIT = 1.30
ROUNDS = 21
CALLS = 400
AT_ONCE = 8
"""Connections that are served at a time: a server that has always something to do is measured, not its waking up."""


def body_and_headers() -> tuple[bytes, dict[str, str]]:
    path = ROOT / "fixtures/messente-omnichannel/delivered-documented-sample.http"
    (sample,) = read_samples(path.name, path.read_bytes())
    signed = HmacBody("X-Messente-Signature").sign(sample.input, Account(secrets=[bench_apps.SECRET]))
    assert isinstance(signed, Request)
    proof = signed.header("X-Messente-Signature")
    return signed.body, {
        "User-Agent": "provider/1.0",
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
        "Content-Type": "application/json",
        "X-Messente-Signature": proof or "",
    }


def descendants(pid: int) -> list[int]:
    """A process and those that it has started."""
    found = [pid]
    for each in found:
        children = Path(f"/proc/{each}/task/{each}/children").read_text().split()
        found.extend(int(child) for child in children)
    return found


def processor_seconds(pid: int) -> float:
    """The processor time that a server's processes have used."""
    total = 0.0
    for each in descendants(pid):
        # In nanoseconds, unlike the hundredths of a second of `stat`; one line a thread.
        for task in Path(f"/proc/{each}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


class Load:
    """The requests to one server."""

    def __init__(self, port: int, pid: int, request: bytes, *, keeps: bool) -> None:
        self.port, self.pid, self.request, self.keeps = port, pid, request, keeps
        self.connections = [Connection(port) for _ in range(AT_ONCE)] if keeps else []
        self.wall: list[float] = []
        self.processor: list[float] = []

    def round(self, calls: int) -> None:
        began, used = time.perf_counter(), processor_seconds(self.pid)
        for _ in range(calls // AT_ONCE):
            connections = self.connections or [Connection(self.port) for _ in range(AT_ONCE)]
            for connection in connections:
                connection.send(self.request)
            for connection in connections:
                assert connection.answer().status == 200
                if not self.connections:
                    connection.socket.close()
        self.wall.append((time.perf_counter() - began) / calls * 1e6)
        self.processor.append((processor_seconds(self.pid) - used) / calls * 1e6)


def uvicorn_command(app: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "--fd",
        "{fd}",
        "--no-access-log",
        "--no-proxy-headers",
        "--log-level",
        "error",
        f"bench_apps:{app}",
    ]


def gunicorn_command(app: str, *options: str) -> list[str]:
    return gunicorn(f"bench_apps:{app}", *options)


THREADS = ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "75")
PAIRS = [
    # what, the bare one, ours, whether the server keeps a connection, whether the limit is promised
    ("Starlette on uvicorn", uvicorn_command("starlette"), uvicorn_command("receiving_asgi"), True, True),
    ("Starlette on uvicorn, handler in a thread", uvicorn_command("starlette_thread"), uvicorn_command("receiving_asgi_thread"), True, True),
    # A function that answers without looking is no framework: what a proof costs shows beside it.
    ("a bare function on gunicorn", gunicorn_command("bare_wsgi"), gunicorn_command("receiving_wsgi"), False, False),
    ("the same on gunicorn with threads", gunicorn_command("bare_wsgi", *THREADS), gunicorn_command("receiving_wsgi", *THREADS), True, True),
    ("Flask on gunicorn", gunicorn_command("flask"), gunicorn_command("receiving_wsgi"), False, True),
]  # fmt: skip


def main() -> int:
    body, headers = body_and_headers()
    rows = []
    for name, bare, ours, keeps, promised in PAIRS:
        with ExitStack() as stack:
            loads = []
            for command in (bare, ours):
                port, pid = stack.enter_context(on_process(command, ROOT / "tests"))
                loads.append(Load(port, pid, written("POST", "/dlr/main", body, headers), keeps=keeps))
            for load in loads:
                load.round(CALLS)
                load.wall.clear()
                load.processor.clear()
            for _ in range(ROUNDS):
                for load in loads:
                    load.round(CALLS)
            base, cost = (median(load.processor) for load in loads)
            first, second = loads
            ratio = median(ours / bare for bare, ours in zip(first.processor, second.processor, strict=True))
            wall = median(ours / bare for bare, ours in zip(first.wall, second.wall, strict=True))
            for load in loads:
                for connection in load.connections:
                    connection.socket.close()
        limit = LIMIT if promised else None
        rows.append(
            {"pair": name, "base_us": base, "cost_us": cost, "ratio": ratio, "wall_ratio": wall, "limit": limit}
        )
        verdict = "" if limit is None else f"  (at most {limit}: {'yes' if ratio <= limit else 'NO'})"
        print(f"{name:42} {base:7.1f} us {cost:7.1f} us {ratio:6.2f}, on the clock {wall:5.2f}{verdict}", flush=True)
    print(json.dumps(rows))
    return any(row["limit"] is not None and row["ratio"] > row["limit"] for row in rows)


if __name__ == "__main__":
    # A server's own sources are what is measured, not the writing of byte code.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.exit(main())
