"""Real brokers for tests: Debian's Redis, RabbitMQ and NATS, each in a folder of its own, on loopback.

The rule of this module: a server belongs to one run of the tests, and ends with it. Where one is not installed, tests
that need it are skipped loudly; where `CI` is set, they fail. Debian has no Kafka.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_RABBIT = Path("/usr/lib/rabbitmq/bin")
_PATIENCE = 60.0


def missing(kind: str) -> str | None:
    """What is to be installed for a broker, if it is not there."""
    there = {
        "redis": shutil.which("redis-server"),
        "nats": shutil.which("nats-server"),
        "rabbit": shutil.which("epmd") and (_RABBIT / "rabbitmq-server").exists(),
    }[kind]
    package = {"redis": "redis-server", "nats": "nats-server", "rabbit": "rabbitmq-server"}[kind]
    return None if there else f"apt-get install {package} (Debian): what it would show is not shown"


@contextlib.contextmanager
def running(kind: str) -> Iterator[str]:
    """The URL of a broker, as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix=f"delivrd-{kind}-"))
    # A broker may leave root for a user of its own.
    folder.chmod(0o755)
    try:
        with {"redis": _redis, "rabbit": _rabbit, "nats": _nats}[kind](folder) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    port = free_port()
    words = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    with _process([*words, "--save", ""], folder, port):
        yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def _nats(folder: Path) -> Iterator[str]:
    port = free_port()
    with _process(["nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)], folder, port):
        yield f"nats://127.0.0.1:{port}"


@contextlib.contextmanager
def _rabbit(folder: Path) -> Iterator[str]:
    port, names, other = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nloopback_users = none\nlog.file.level = error\n"
        "disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.relative = 0.6\n"
    )
    (folder / "enabled_plugins").write_text("[].")
    settings = {
        "HOME": str(folder),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_NODENAME": f"delivrd{port}@localhost",
        "RABBITMQ_DIST_PORT": str(other),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        # Its own server of names: one that is started by the way outlives everything.
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    settings = os.environ | settings
    with (
        _process(["epmd", "-port", str(names), "-address", "127.0.0.1"], folder, names, settings),
        _process([str(_RABBIT / "rabbitmq-server")], folder, port, settings),
    ):
        yield f"amqp://guest:guest@127.0.0.1:{port}/"


@contextlib.contextmanager
def _process(
    words: Sequence[str], folder: Path, port: int, settings: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    log = folder / f"{Path(words[0]).name}.log"
    with log.open("wb") as out:
        # A group of its own: a shell that starts the server is not the server.
        process = subprocess.Popen(
            words, cwd=folder, env=settings, stdout=out, stderr=out, stdin=subprocess.DEVNULL, process_group=0
        )
        try:
            _await(process, port, log)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        # Waits for the server, and for nothing that is tested.
        time.sleep(0.05)
    raise AssertionError(f"no answer on port {port}: {log.read_text(errors='replace')}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
